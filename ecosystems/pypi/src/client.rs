//! pip, uv and poetry: where their settings are, and whom they ask.

use std::path::PathBuf;

use serde_json::Value as Json;
use weir_core::client::{
    Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, System, Told, Trust, Value,
};

/// What these clients ask that were told nothing else.
const PUBLIC: &str = "https://pypi.org/simple/";
/// Most bytes of a line of requirements that are repeated.
const MAX_SHOWN: usize = 200;

pub(crate) static CLIENTS: &[Client] = &[
    Client {
        id: "pip",
        programs: &["pip", "pip3"],
        settings: pip,
        variables: |gate| vec![(String::from("PIP_INDEX_URL"), with_login(gate))],
        told: pip_told,
        cache: |_| None,
        trust: Trust {
            variables: &["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"],
            system: true,
            setting: "pip config set global.cert {file}",
        },
    },
    Client {
        id: "uv",
        programs: &["uv"],
        settings: uv,
        variables: |gate| vec![(String::from("UV_DEFAULT_INDEX"), with_login(gate))],
        told: uv_told,
        cache: |machine| {
            let directory = machine.variable("UV_CACHE_DIR").map_or_else(
                || match machine.system() {
                    System::Windows => machine.cache_home().join("uv").join("cache"),
                    // uv keeps to XDG on macOS as well.
                    _ => machine
                        .variable("XDG_CACHE_HOME")
                        .map_or_else(|| machine.home().join(".cache"), PathBuf::from)
                        .join("uv"),
                },
                PathBuf::from,
            );
            Some(Cache { directory, empty: String::from("uv cache clean") })
        },
        trust: Trust { variables: &["SSL_CERT_FILE"], system: false, setting: "export SSL_CERT_FILE={file}" },
    },
    Client {
        id: "poetry",
        programs: &["poetry"],
        settings: poetry,
        // Its sources are a project's; what a project cannot have in it is the token.
        variables: |gate| match &gate.token {
            Some(token) => vec![
                (String::from("POETRY_HTTP_BASIC_WEIR_USERNAME"), Gate::USER.to_owned()),
                (String::from("POETRY_HTTP_BASIC_WEIR_PASSWORD"), token.expose().to_owned()),
            ],
            None => Vec::new(),
        },
        told: poetry_told,
        cache: |machine| {
            let directory = machine
                .variable("POETRY_CACHE_DIR")
                .map_or_else(|| machine.cache_home().join("pypoetry"), PathBuf::from)
                .join("cache")
                .join("repositories");
            Some(Cache { directory, empty: String::from("rm -rf \"$(poetry config cache-dir)\"") })
        },
        trust: Trust {
            variables: &["POETRY_CERTIFICATES_WEIR_CERT", "REQUESTS_CA_BUNDLE"],
            system: false,
            setting: "poetry config certificates.weir.cert {file}",
        },
    },
];

fn index(gate: &Gate) -> String {
    format!("{}/simple/", gate.base())
}

/// The address with the token in it: for variables, which are as secret as the token itself.
fn with_login(gate: &Gate) -> String {
    let index = index(gate);
    match (&gate.token, index.split_once("://")) {
        (Some(token), Some((scheme, rest))) => format!("{scheme}://{}:{}@{rest}", Gate::USER, token.expose()),
        _ => index,
    }
}

fn pip(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let file = match scope {
        Scope::User => pip_file(machine),
        // The only settings of pip that belong to a project are those of its virtual environment.
        Scope::Project => match machine.variable("VIRTUAL_ENV") {
            Some(environment) => PathBuf::from(environment).join(pip_name(machine)),
            None => {
                return Err(
                    "pip has no file of a project's own: activate its virtual environment, or leave --project out",
                );
            }
        },
    };
    let mut changes = vec![
        Change::set(["global", "index-url"], Value::Text(index(gate))),
        Change::remove(["!global", "index-url"]),
        Change::remove(["*", "extra-index-url"]),
        Change::RemoveWith(vec![String::from("*"), String::from("find-links")], "://"),
        Change::remove(["*", "no-index"]),
    ];
    if gate.is_plain() && !gate.is_loopback() {
        changes.push(Change::set(["global", "trusted-host"], Value::text(gate.authority())));
    }
    let mut edits = vec![Edit::new(file, Format::Ini, changes)];
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn pip_name(machine: &dyn Machine) -> &'static str {
    if machine.system() == System::Windows { "pip.ini" } else { "pip.conf" }
}

fn pip_file(machine: &dyn Machine) -> PathBuf {
    let named =
        machine.variable("PIP_CONFIG_FILE").filter(|file| !matches!(file.as_str(), "/dev/null" | "nul" | "NUL"));
    if let Some(file) = named {
        return PathBuf::from(file);
    }
    let name = pip_name(machine);
    let legacy = machine.home().join(if machine.system() == System::Windows { "pip" } else { ".pip" }).join(name);
    let mac = machine.home().join("Library").join("Application Support").join("pip").join(name);
    if machine.system() == System::MacOs && machine.read(&mac).is_some() {
        return mac;
    }
    let file = machine.config_home().join("pip").join(name);
    // The old place is read too, before the new one.
    if machine.read(&file).is_none() && machine.read(&legacy).is_some() { legacy } else { file }
}

fn pip_told(machine: &dyn Machine) -> Vec<Told> {
    let mut told = Vec::new();
    let program = ["pip", "pip3"].into_iter().find_map(|program| machine.ask(program, &["config", "list"]));
    let mut has_index = false;
    for line in program.unwrap_or_default().lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches('\'').replace("\\n", " ");
        let name = key.rsplit('.').next().unwrap_or(key);
        let variable = format!("PIP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let (place, mend) = match key.strip_prefix(":env:") {
            Some(_) => (format!("${variable}"), format!("unset {variable}")),
            None => (format!("pip config, {key}"), format!("pip config unset {key}")),
        };
        let role = match name {
            "index-url" => Role::Index,
            "extra-index-url" => Role::Besides,
            // A folder holds what somebody put there; only addresses are asked.
            "find-links" if value.contains("://") => Role::Besides,
            _ => continue,
        };
        has_index |= role == Role::Index;
        for address in value.split_whitespace().filter(|word| role == Role::Index || word.contains("://")) {
            told.push(Told::new(role, address, &place, mend.clone()));
        }
    }
    // A variable wins over all files.
    if told.iter().any(|told| told.role == Role::Index && told.place == "$PIP_INDEX_URL") {
        told.retain(|told| told.role != Role::Index || told.place == "$PIP_INDEX_URL");
    }
    if !has_index {
        told.push(Told::default(PUBLIC));
    }
    told.extend(requirements(machine));
    told
}

/// Lines of requirements that name an index: they win over every setting.
fn requirements(machine: &dyn Machine) -> Vec<Told> {
    let mut told = Vec::new();
    for name in ["requirements.txt", "requirements-dev.txt", "requirements.in", "constraints.txt"] {
        let Some(text) = machine.read(&machine.project().join(name)) else { continue };
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let (option, value) = line.split_once(['=', ' ']).unwrap_or((line, ""));
            let role = match option {
                "-i" | "--index-url" => Role::Index,
                "--extra-index-url" => Role::Besides,
                "-f" | "--find-links" if value.contains("://") => Role::Besides,
                _ => continue,
            };
            let value: String = value.trim().chars().take(MAX_SHOWN).collect();
            let mend = format!("take line {} out of {name}", at + 1);
            told.push(Told::new(role, value, format_args!("{name}:{}", at + 1), mend));
        }
    }
    told
}

fn uv(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let (file, path): (PathBuf, &[&str]) = match scope {
        Scope::User => (uv_file(machine), &[]),
        Scope::Project => {
            let own = machine.project().join("uv.toml");
            let project = machine.project().join("pyproject.toml");
            // Beside a `uv.toml`, uv does not look at `[tool.uv]`.
            if machine.read(&own).is_none() && machine.read(&project).is_some() {
                (project, &["tool", "uv"])
            } else {
                (own, &[])
            }
        }
    };
    let at = |key: &str| -> Vec<String> { path.iter().copied().chain([key]).map(str::to_owned).collect() };
    let fields = vec![
        (String::from("name"), Value::text("weir")),
        (String::from("url"), Value::Text(index(gate))),
        (String::from("default"), Value::Flag(true)),
    ];
    let mut changes = vec![Change::Set(at("index"), Value::Tables(vec![fields]))];
    for key in ["index-url", "extra-index-url"] {
        changes.push(Change::Remove(at(key)));
        let mut pip = at("pip");
        pip.push(key.to_owned());
        changes.push(Change::Remove(pip));
    }
    changes.push(Change::RemoveWith(at("find-links"), "://"));
    let mut edits = vec![Edit::new(file, Format::Toml, changes)];
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn uv_file(machine: &dyn Machine) -> PathBuf {
    // uv keeps to XDG on macOS as well.
    machine.variable("UV_CONFIG_FILE").map_or_else(|| machine.config_home().join("uv").join("uv.toml"), PathBuf::from)
}

fn uv_told(machine: &dyn Machine) -> Vec<Told> {
    let mut told = Vec::new();
    for (name, role) in [
        ("UV_DEFAULT_INDEX", Role::Index),
        ("UV_INDEX_URL", Role::Index),
        ("UV_INDEX", Role::Besides),
        ("UV_EXTRA_INDEX_URL", Role::Besides),
        ("UV_FIND_LINKS", Role::Besides),
    ] {
        told.extend(Told::variable(machine, name, role).into_iter().map(|told| {
            // An index may have a name: `internal=https://…`.
            let address = told.value.find("://").and_then(|at| told.value[..at].find('=')).map(|at| at + 1);
            Told { value: told.value[address.unwrap_or_default()..].to_owned(), ..told }
        }));
    }
    let project = machine.project();
    let mut places = vec![(project.join("uv.toml"), false), (project.join("pyproject.toml"), true)];
    if machine.read(&project.join("uv.toml")).is_some() {
        places.truncate(1);
    }
    places.push((uv_file(machine), false));
    if machine.system() != System::Windows {
        places.push((PathBuf::from("/etc/uv/uv.toml"), false));
    }
    for (file, inner) in places {
        let Some(all) = machine.toml(&file) else { continue };
        let Some(settings) = (if inner { all.pointer("/tool/uv") } else { Some(&all) }) else { continue };
        told.extend(uv_indexes(settings, &file.display().to_string()));
    }
    // Only the first that says so is asked.
    let mut has_index = false;
    told.retain(|told| told.role != Role::Index || !std::mem::replace(&mut has_index, true));
    if !has_index {
        told.push(Told::default(PUBLIC));
    }
    told
}

fn uv_indexes(settings: &Json, place: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for index in settings.get("index").and_then(Json::as_array).into_iter().flatten() {
        let url = index.get("url").and_then(Json::as_str).unwrap_or_default();
        let name = index.get("name").and_then(Json::as_str).unwrap_or(url);
        let role = if index.get("default").and_then(Json::as_bool) == Some(true) { Role::Index } else { Role::Besides };
        told.push(Told::new(
            role,
            url,
            format_args!("{place}, index `{name}`"),
            format!("take the index `{name}` out of {place}"),
        ));
    }
    for (key, role) in [("index-url", Role::Index), ("extra-index-url", Role::Besides), ("find-links", Role::Besides)] {
        for (settings, key_shown) in [(Some(settings), key.to_owned()), (settings.get("pip"), format!("pip.{key}"))] {
            let value = settings.and_then(|settings| settings.get(key));
            let texts = value.map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
            for url in texts.into_iter().flatten().filter_map(Json::as_str).filter(|url| url.contains("://")) {
                let mend = format!("take `{key_shown}` out of {place}");
                told.push(Told::new(role, url, format_args!("{place}, {key_shown}"), mend));
            }
        }
    }
    told
}

fn poetry(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let credentials = gate.token.as_ref().map(|token| {
        let directory = machine.variable("POETRY_CONFIG_DIR").map_or_else(
            || match machine.system() {
                System::MacOs => machine.home().join("Library").join("Application Support").join("pypoetry"),
                _ => machine.config_home().join("pypoetry"),
            },
            PathBuf::from,
        );
        let set = |key, value: &str| Change::set(["http-basic", "weir", key], Value::text(value));
        let changes = vec![set("username", Gate::USER), set("password", token.expose())];
        Edit { secret: true, ..Edit::new(directory.join("auth.toml"), Format::Toml, changes) }
    });
    let mut edits = Vec::new();
    match scope {
        Scope::Project => {
            let source = vec![
                (String::from("name"), Value::text("weir")),
                (String::from("url"), Value::Text(index(gate))),
                (String::from("priority"), Value::text("primary")),
            ];
            let changes = vec![Change::set(["tool", "poetry", "source"], Value::Tables(vec![source]))];
            edits.push(Edit::new(machine.project().join("pyproject.toml"), Format::Toml, changes));
        }
        Scope::User if credentials.is_none() => {
            return Err("poetry has its sources in pyproject.toml: run this in the project, with --project");
        }
        Scope::User => {}
    }
    edits.extend(credentials);
    Ok(edits)
}

fn poetry_told(machine: &dyn Machine) -> Vec<Told> {
    let file = machine.project().join("pyproject.toml");
    let Some(all) = machine.toml(&file) else { return Vec::new() };
    // Another tool's project is none of poetry's.
    let locked = machine.read(&machine.project().join("poetry.lock")).is_some();
    let Some(poetry) = all.pointer("/tool/poetry").or(locked.then_some(&Json::Null)) else { return Vec::new() };
    let mut told = Vec::new();
    for source in poetry.get("source").and_then(Json::as_array).into_iter().flatten() {
        let text = |key| source.get(key).and_then(Json::as_str).unwrap_or_default();
        let name = text("name");
        let (priority, url) = (text("priority"), text("url"));
        let url = if url.is_empty() && name.eq_ignore_ascii_case("pypi") { PUBLIC } else { url };
        let role = if matches!(priority, "" | "primary" | "default") { Role::Index } else { Role::Besides };
        told.push(Told::new(
            role,
            url,
            format_args!("pyproject.toml, source `{name}`"),
            format!("poetry source remove {name}"),
        ));
    }
    if !told.iter().any(|told| told.role == Role::Index) {
        told.push(Told::new(
            Role::Index,
            PUBLIC,
            "pyproject.toml has no primary source",
            "weir use STAGE --project --poetry",
        ));
    }
    told
}
