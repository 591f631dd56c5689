//! conda, mamba and pixi: where their settings are, and whom they ask.

use std::path::PathBuf;

use serde_json::Value as Json;
use weir_core::client::{
    Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, System, Told, Trust, Value,
};

/// Where channels lie that are named by a bare word.
const PUBLIC: &str = "https://conda.anaconda.org";
/// The channel that is asked unless a project names another.
const CHANNEL: &str = "conda-forge";

pub(crate) static CLIENTS: &[Client] = &[
    Client {
        id: "conda",
        programs: &["conda"],
        settings: condarc,
        // Not all of it can be said in variables.
        variables: |_| Vec::new(),
        told: |machine| told(machine, "conda"),
        cache: |machine| packages(machine, "conda clean --packages --tarballs --yes"),
        trust: TRUST,
    },
    Client {
        id: "mamba",
        programs: &["mamba", "micromamba"],
        settings: condarc,
        // Not all of it can be said in variables.
        variables: |_| Vec::new(),
        told: |machine| told(machine, "mamba"),
        cache: |machine| packages(machine, "mamba clean --packages --tarballs --yes"),
        trust: TRUST,
    },
    Client {
        id: "pixi",
        programs: &["pixi"],
        settings: pixi,
        // Mirrors cannot be said in a variable.
        variables: |_| Vec::new(),
        told: pixi_told,
        cache: |machine| {
            let directory = ["PIXI_CACHE_DIR", "RATTLER_CACHE_DIR"].into_iter().find_map(|name| machine.variable(name));
            let directory = directory.map_or_else(|| machine.cache_home().join("rattler").join("cache"), PathBuf::from);
            Some(Cache { directory: directory.join("pkgs"), empty: String::from("pixi clean cache --yes") })
        },
        trust: Trust { variables: &["SSL_CERT_FILE"], system: true, setting: "export SSL_CERT_FILE={file}" },
    },
];

const TRUST: Trust = Trust {
    variables: &["CONDA_SSL_VERIFY", "REQUESTS_CA_BUNDLE"],
    system: false,
    setting: "conda config --set ssl_verify {file}",
};

fn condarc(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    if scope == Scope::Project {
        return Err(
            "conda has no file of a project's own: environment.yml names channels, which the user's settings lead to Weir",
        );
    }
    // Projects name channels by bare words, and those lead to Weir, whatever they are.
    let changes = vec![
        Change::set(["channel_alias"], Value::Text(gate.base())),
        Change::set(["channels"], Value::List(vec![String::from(CHANNEL)])),
        // `defaults` is Anaconda's own, on terms of its own: whoever may use it says so here.
        Change::set(["default_channels"], Value::List(Vec::new())),
        Change::remove(["custom_channels"]),
        Change::remove(["custom_multichannels"]),
        Change::remove(["migrated_channel_aliases"]),
    ];
    let mut edits = vec![Edit::new(file(machine), Format::Yaml, changes)];
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn file(machine: &dyn Machine) -> PathBuf {
    let named = machine.variable("CONDARC").map(PathBuf::from);
    named.unwrap_or_else(|| machine.home().join(".condarc"))
}

fn packages(machine: &dyn Machine, empty: &str) -> Option<Cache> {
    let root = machine.variable("CONDA_PKGS_DIRS").or_else(|| {
        let prefix = machine.variable("CONDA_ROOT").or_else(|| machine.variable("MAMBA_ROOT_PREFIX"))?;
        Some(format!("{prefix}/pkgs"))
    })?;
    Some(Cache { directory: PathBuf::from(root), empty: empty.to_owned() })
}

/// What conda itself says of its channels, or what its file says where it is not there.
fn told(machine: &dyn Machine, program: &str) -> Vec<Told> {
    let said = machine
        .ask(
            program,
            &["config", "--show", "channel_alias", "channels", "default_channels", "custom_channels", "--json"],
        )
        .and_then(|text| serde_json::from_str::<Json>(&text).ok());
    let Some(said) = said else { return from_file(machine) };
    let text = |value: &Json| -> Option<String> {
        // Some versions give an address as a table of its parts.
        match value {
            Json::String(text) => Some(text.clone()),
            Json::Object(parts) => {
                let scheme = parts.get("scheme").and_then(Json::as_str).unwrap_or("https");
                let place = parts.get("location").and_then(Json::as_str)?;
                Some(format!("{scheme}://{place}/{}", parts.get("name").and_then(Json::as_str).unwrap_or_default()))
            }
            _ => None,
        }
    };
    let alias = said.get("channel_alias").and_then(text).unwrap_or_else(|| PUBLIC.to_owned());
    let mut told = Vec::new();
    let list =
        |key: &str| said.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    for (key, role) in [("channels", Role::Index), ("default_channels", Role::Besides)] {
        for name in list(key) {
            if name == "defaults" {
                // They are listed by themselves.
                continue;
            }
            let place = format!("{program} config --show {key}");
            told.push(Told::new(role, address(&alias, &name), place, ""));
        }
    }
    for (name, value) in said.get("custom_channels").and_then(Json::as_object).into_iter().flatten() {
        // These come with conda and are reached by `defaults` alone.
        if let Some(value) = text(value).filter(|_| !name.starts_with("pkgs/")) {
            told.push(Told::new(Role::Besides, value, format_args!("custom_channels, {name}"), ""));
        }
    }
    told.extend(environment(machine, &alias));
    told
}

fn address(alias: &str, name: &str) -> String {
    if name.contains("://") { name.to_owned() } else { format!("{}/{name}", alias.trim_end_matches('/')) }
}

fn from_file(machine: &dyn Machine) -> Vec<Told> {
    let file = file(machine);
    let place = file.display().to_string();
    let text = machine.read(&file).unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    let alias = value("channel_alias").unwrap_or_else(|| PUBLIC.to_owned());
    let mut told: Vec<Told> = items(&text, "channels")
        .into_iter()
        .filter(|(_, name)| name != "defaults")
        .map(|(line, name)| Told::new(Role::Index, address(&alias, &name), format_args!("{place}:{line}"), ""))
        .collect();
    if told.is_empty() {
        told.push(Told::default(&address(&alias, CHANNEL)));
    }
    told.extend(environment(machine, &alias));
    told
}

/// The items of a list at the top of a file of YAML, with their lines.
fn items(text: &str, key: &str) -> Vec<(usize, String)> {
    let lines = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| line.strip_prefix(key).is_none_or(|rest| !rest.starts_with(':')))
        .skip(1);
    lines
        .take_while(|(_, line)| line.starts_with([' ', '-', '#']) || line.trim().is_empty())
        .filter_map(|(at, line)| {
            let name = line.trim().strip_prefix("- ")?.split(" #").next()?.trim().trim_matches(['"', '\'']);
            Some((at + 1, name.to_owned()))
        })
        .collect()
}

/// Channels that a project names by an address: no setting leads those to Weir.
fn environment(machine: &dyn Machine, alias: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for name in ["environment.yml", "environment.yaml"] {
        let Some(text) = machine.read(&machine.project().join(name)) else { continue };
        for (line, channel) in items(&text, "channels").into_iter().filter(|(_, channel)| channel.contains("://")) {
            let mend = format!("write the channel's name alone in line {line} of {name}");
            told.push(Told::new(Role::Besides, address(alias, &channel), format_args!("{name}:{line}"), mend));
        }
    }
    told
}

fn pixi(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let file = match scope {
        Scope::User => pixi_file(machine),
        Scope::Project => machine.project().join(".pixi").join("config.toml"),
    };
    // A mirror is asked in the place of what it mirrors, so that manifests and lock files stay as they are.
    let mut changes = vec![
        Change::set(["mirrors", PUBLIC], Value::List(vec![gate.base()])),
        Change::set(["default-channels"], Value::List(vec![String::from(CHANNEL)])),
    ];
    let python = Gate { ecosystem: "pypi", ..gate.clone() };
    changes.push(Change::set(["pypi-config", "index-url"], Value::Text(format!("{}/simple/", python.base()))));
    changes.push(Change::remove(["pypi-config", "extra-index-urls"]));
    let mut edits = vec![Edit::new(file, Format::Toml, changes)];
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn pixi_file(machine: &dyn Machine) -> PathBuf {
    match machine.variable("PIXI_HOME") {
        Some(home) => PathBuf::from(home).join("config.toml"),
        None if machine.system() == System::Unix => machine.config_home().join("pixi").join("config.toml"),
        None => machine.home().join(".pixi").join("config.toml"),
    }
}

fn pixi_told(machine: &dyn Machine) -> Vec<Told> {
    let file = pixi_file(machine);
    let place = file.display().to_string();
    let all = machine.toml(&file).unwrap_or_default();
    let mut told = Vec::new();
    match all.get("mirrors").and_then(|mirrors| mirrors.get(PUBLIC)).and_then(Json::as_array) {
        Some(mirrors) => told.extend(
            mirrors
                .iter()
                .filter_map(Json::as_str)
                .map(|url| Told::new(Role::Index, url, format_args!("{place}, mirrors"), "")),
        ),
        None => told.push(Told::default(PUBLIC)),
    }
    told
}
