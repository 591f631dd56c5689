//! npm, pnpm and yarn: where their settings are, and whom they ask.

use std::path::PathBuf;

use weir_core::client::{
    Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, System, Told, Trust, Value,
};

/// What these clients ask that were told nothing else.
const PUBLIC: &str = "https://registry.npmjs.org/";

const TRUST: Trust =
    Trust { variables: &["NODE_EXTRA_CA_CERTS"], system: false, setting: "npm config set cafile {file}" };

pub(crate) static CLIENTS: &[Client] = &[
    Client {
        id: "npm",
        programs: &["npm"],
        settings: npm,
        variables: npm_variables,
        told: |machine| npmrc_told(machine, "npm"),
        cache: |machine| {
            let directory = machine
                .variable("npm_config_cache")
                .or_else(|| machine.variable("NPM_CONFIG_CACHE"))
                .map_or_else(
                    || match machine.system() {
                        System::Windows => machine.cache_home().join("npm-cache"),
                        _ => machine.home().join(".npm"),
                    },
                    PathBuf::from,
                )
                .join("_cacache");
            Some(Cache { directory, empty: String::from("npm cache clean --force") })
        },
        trust: TRUST,
    },
    Client {
        id: "pnpm",
        programs: &["pnpm"],
        settings: npm,
        variables: npm_variables,
        told: |machine| npmrc_told(machine, "pnpm"),
        cache: |machine| {
            let home = machine.variable("PNPM_HOME").map(PathBuf::from);
            let home = home.or_else(|| Some(PathBuf::from(machine.variable("XDG_DATA_HOME")?).join("pnpm")));
            let home = home.unwrap_or_else(|| match machine.system() {
                System::Windows => machine.cache_home().join("pnpm"),
                System::MacOs => machine.home().join("Library").join("pnpm"),
                System::Unix => machine.home().join(".local").join("share").join("pnpm"),
            });
            Some(Cache { directory: home.join("store"), empty: String::from("rm -rf \"$(pnpm store path)\"") })
        },
        trust: TRUST,
    },
    Client {
        id: "yarn",
        programs: &["yarn"],
        settings: yarn,
        variables: |gate| match gate.token {
            // Yarn classic reads npm's.
            None => {
                ["YARN_NPM_REGISTRY_SERVER", "NPM_CONFIG_REGISTRY"].map(|name| (name.to_owned(), registry(gate))).into()
            }
            Some(_) => Vec::new(),
        },
        told: yarn_told,
        cache: |machine| {
            let directory = machine.variable("YARN_GLOBAL_FOLDER").map_or_else(
                || match machine.system() {
                    System::Windows => machine.cache_home().join("Yarn").join("Berry"),
                    _ => machine.home().join(".yarn").join("berry"),
                },
                PathBuf::from,
            );
            Some(Cache { directory: directory.join("cache"), empty: String::from("yarn cache clean --all") })
        },
        trust: Trust {
            variables: &["YARN_HTTPS_CA_FILE_PATH", "NODE_EXTRA_CA_CERTS"],
            system: false,
            setting: "yarn config set --home httpsCaFilePath {file}",
        },
    },
];

fn registry(gate: &Gate) -> String {
    format!("{}/", gate.base())
}

/// The key under which the token for this registry stands: its address without the scheme.
fn token_key(gate: &Gate) -> String {
    let registry = registry(gate);
    let rest = registry.split_once(':').map_or(registry.as_str(), |(_, rest)| rest);
    format!("{rest}:_authToken")
}

/// The name of the variable for a token is none that a shell takes, so that with a token only the file will do.
fn npm_variables(gate: &Gate) -> Vec<(String, String)> {
    match gate.token {
        Some(_) => Vec::new(),
        None => vec![(String::from("NPM_CONFIG_REGISTRY"), registry(gate))],
    }
}

/// The person's `.npmrc`.
fn npmrc(machine: &dyn Machine) -> PathBuf {
    let named = machine.variable("NPM_CONFIG_USERCONFIG").or_else(|| machine.variable("npm_config_userconfig"));
    named.map_or_else(|| machine.home().join(".npmrc"), PathBuf::from)
}

fn npm(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let point = vec![Change::set(["registry"], Value::Text(registry(gate))), Change::remove(["@*:registry"])];
    let token = gate.token.as_ref().map(|token| Change::set([token_key(gate).as_str()], Value::text(token.expose())));
    let user = npmrc(machine);
    Ok(match scope {
        Scope::User => {
            let secret = token.is_some();
            let changes = point.into_iter().chain(token).collect();
            vec![Edit { secret, ..Edit::new(user, Format::Pairs, changes) }]
        }
        Scope::Project => {
            let project = Edit::new(machine.project().join(".npmrc"), Format::Pairs, point);
            let token = token.map(|token| Edit { secret: true, ..Edit::new(user, Format::Pairs, vec![token]) });
            [project].into_iter().chain(token).collect()
        }
    })
}

fn yarn(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let mut point = vec![
        Change::set(["npmRegistryServer"], Value::Text(registry(gate))),
        Change::RemoveWith(vec![String::from("npmScopes")], "npmRegistryServer"),
    ];
    if gate.is_plain() {
        // Yarn speaks plain HTTP only to hosts that are named to it.
        point.push(Change::set(["unsafeHttpWhitelist"], Value::List(vec![gate.host().to_owned()])));
    }
    let mut token = Vec::new();
    if let Some(text) = &gate.token {
        token.push(Change::set(["npmAuthToken"], Value::text(text.expose())));
        token.push(Change::set(["npmAlwaysAuth"], Value::Flag(true)));
    }
    let secret = !token.is_empty();
    let name = machine.variable("YARN_RC_FILENAME").unwrap_or_else(|| String::from(".yarnrc.yml"));
    let user = machine.home().join(&name);
    let mut edits = match scope {
        Scope::User => {
            point.extend(token);
            vec![Edit { secret, ..Edit::new(user, Format::Yaml, point) }]
        }
        Scope::Project => {
            let mut edits = vec![Edit::new(machine.project().join(&name), Format::Yaml, point)];
            if secret {
                edits.push(Edit { secret, ..Edit::new(user, Format::Yaml, token) });
            }
            edits
        }
    };
    // Yarn classic reads npm's file, and one of its own that wins over it.
    let directory = if scope == Scope::User { machine.home() } else { machine.project() };
    let classic = directory.join(".yarnrc");
    if machine.read(&classic).is_some() {
        let changes = vec![Change::set(["registry"], Value::Text(registry(gate))), Change::remove(["\"@*:registry\""])];
        edits.push(Edit::new(classic, Format::Words, changes));
    }
    edits.extend(npm(gate, machine, scope)?);
    if secret && is_classic(machine) {
        // It sends the token for tarballs only if told so, in a line of which npm warns that it does not know it.
        let always = Change::set(["always-auth"], Value::Flag(true));
        edits.push(Edit { secret, ..Edit::new(npmrc(machine), Format::Pairs, vec![always]) });
    }
    Ok(edits)
}

fn is_classic(machine: &dyn Machine) -> bool {
    machine.ask("yarn", &["--version"]).is_some_and(|version| version.starts_with("1."))
}

fn npmrc_told(machine: &dyn Machine, program: &str) -> Vec<Told> {
    let mut told = Vec::new();
    // What counts is what it says itself: files, variables and the command line all have a part.
    let registry = machine.ask(program, &["config", "get", "registry"]).map(|line| line.trim().to_owned());
    let (mut place, mut mend) = (String::from("nothing is set"), String::new());
    for name in ["npm_config_registry", "NPM_CONFIG_REGISTRY"] {
        if machine.variable(name).is_some() {
            (place, mend) = (format!("${name}"), format!("unset {name}"));
        }
    }
    let mut said = None;
    for (file, shown) in [(machine.project().join(".npmrc"), String::from(".npmrc")), {
        let file = npmrc(machine);
        let shown = file.display().to_string();
        (file, shown)
    }] {
        let Some(text) = machine.read(&file) else { continue };
        for (at, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            if key == "registry" && said.is_none() {
                said = Some(value.to_owned());
                if mend.is_empty() {
                    place = format!("{shown}:{}", at + 1);
                    if shown == ".npmrc" {
                        mend = format!("take line {} out of .npmrc, or weir use STAGE --project --{program}", at + 1);
                    }
                }
            } else if let Some(scope) = key.strip_suffix(":registry").filter(|scope| scope.starts_with('@')) {
                let mend = format!("take line {} out of {shown}, and let Weir ask that registry for {scope}", at + 1);
                told.push(Told::new(Role::Besides, value, format_args!("{shown}:{}", at + 1), mend));
            }
        }
    }
    let address = registry.or(said).unwrap_or_else(|| PUBLIC.to_owned());
    told.insert(0, Told::new(Role::Index, address, place, mend));
    told
}

fn yarn_told(machine: &dyn Machine) -> Vec<Told> {
    if is_classic(machine) {
        return npmrc_told(machine, "yarn");
    }
    let mut told = Vec::new();
    let server = machine.ask("yarn", &["config", "get", "npmRegistryServer"]).map(|line| line.trim().to_owned());
    let variable = machine.variable("YARN_NPM_REGISTRY_SERVER");
    let (place, mend) = match &variable {
        Some(_) => (String::from("$YARN_NPM_REGISTRY_SERVER"), String::from("unset YARN_NPM_REGISTRY_SERVER")),
        None => (String::from("yarn config get npmRegistryServer"), String::new()),
    };
    let server = server.or(variable).unwrap_or_else(|| String::from("https://registry.yarnpkg.com"));
    told.push(Told::new(Role::Index, server, place, mend));
    for (file, shown) in [(machine.project(), ".yarnrc.yml"), (machine.home(), "~/.yarnrc.yml")] {
        let text = machine.read(&file.join(".yarnrc.yml")).unwrap_or_default();
        // Below `npmScopes`, servers are named further in than the one at the top.
        for (at, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with(' ')) {
            if let Some(value) = line.trim().strip_prefix("npmRegistryServer:") {
                let value = value.trim().trim_matches(['"', '\'']);
                let mend = format!("take line {} out of {shown}, and let Weir ask that registry", at + 1);
                told.push(Told::new(Role::Besides, value, format_args!("{shown}:{}", at + 1), mend));
            }
        }
    }
    told
}
