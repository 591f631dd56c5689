//! cargo: where its settings are, and whom it asks.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use weir_core::client::{Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, Told, Trust, Value};

/// What it asks that was told nothing else.
const PUBLIC: &str = "https://index.crates.io/";
/// Most folders above the project in which cargo looks for settings that are looked into here.
const MAX_ABOVE: usize = 32;

pub(crate) static CLIENTS: &[Client] = &[Client {
    id: "cargo",
    programs: &["cargo"],
    settings,
    // The replacement of a source cannot be said in a variable.
    variables: |_| Vec::new(),
    told,
    cache: |machine| {
        let directory = home(machine).join("registry").join("cache");
        Some(Cache { directory, empty: String::from("rm -rf ~/.cargo/registry") })
    },
    trust: Trust {
        variables: &["CARGO_HTTP_CAINFO", "SSL_CERT_FILE"],
        system: true,
        setting: "export CARGO_HTTP_CAINFO={file}",
    },
}];

fn home(machine: &dyn Machine) -> PathBuf {
    machine.variable("CARGO_HOME").map_or_else(|| machine.home().join(".cargo"), PathBuf::from)
}

/// The settings in a folder: the old name wins if both are there.
fn config(machine: &dyn Machine, folder: &Path) -> PathBuf {
    let old = folder.join("config");
    if machine.read(&old).is_some() { old } else { folder.join("config.toml") }
}

fn settings(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let file = match scope {
        Scope::User => config(machine, &home(machine)),
        Scope::Project => config(machine, &machine.project().join(".cargo")),
    };
    let index = format!("sparse+{}/", gate.base());
    let mut changes = vec![
        Change::set(["source", "crates-io", "replace-with"], Value::text("weir")),
        Change::remove(["source", "crates-io", "registry"]),
    ];
    let Some(token) = &gate.token else {
        changes.push(Change::remove(["registries", "weir"]));
        changes.push(Change::set(["source", "weir", "registry"], Value::Text(index)));
        return Ok(vec![Edit::new(file, Format::Toml, changes)]);
    };
    // A token goes with a registry that cargo knows by name; a source of that name besides would be a second one.
    changes.push(Change::remove(["source", "weir"]));
    changes.push(Change::set(["registries", "weir", "index"], Value::Text(index)));
    let provider = Value::List(vec![String::from("cargo:token")]);
    changes.push(Change::set(["registries", "weir", "credential-provider"], provider));
    let old = home(machine).join("credentials");
    let credentials = if machine.read(&old).is_some() { old } else { home(machine).join("credentials.toml") };
    let token = vec![Change::set(["registries", "weir", "token"], Value::text(token.expose()))];
    Ok(vec![
        Edit::new(file, Format::Toml, changes),
        Edit { secret: true, ..Edit::new(credentials, Format::Toml, token) },
    ])
}

/// All settings that cargo reads, nearest first.
fn files(machine: &dyn Machine) -> Vec<PathBuf> {
    let above = machine.project().ancestors().take(MAX_ABOVE).map(|folder| config(machine, &folder.join(".cargo")));
    let mut files: Vec<PathBuf> = above.collect();
    let own = config(machine, &home(machine));
    if !files.contains(&own) {
        files.push(own);
    }
    files
}

fn told(machine: &dyn Machine) -> Vec<Told> {
    let read: Vec<(String, Json)> = files(machine)
        .into_iter()
        .filter_map(|file| Some((file.display().to_string(), machine.toml(&file)?)))
        .collect();
    // The nearest file that says it counts.
    let find = |path: &str| read.iter().find_map(|(file, all)| Some((file.as_str(), all.pointer(path)?.as_str()?)));
    let mut told = Vec::new();
    match find("/source/crates-io/replace-with") {
        None => told.push(Told::default(PUBLIC)),
        Some((file, name)) => {
            let address =
                find(&format!("/source/{name}/registry")).or_else(|| find(&format!("/registries/{name}/index")));
            let local =
                find(&format!("/source/{name}/directory")).or_else(|| find(&format!("/source/{name}/local-registry")));
            match (address, local) {
                (Some((_, address)), _) => {
                    let address = address.strip_prefix("sparse+").unwrap_or(address);
                    told.push(Told::new(Role::Index, address, format_args!("{file}, source `{name}`"), ""));
                }
                // Vendored crates come from nobody.
                (None, Some(_)) => {}
                (None, None) => told.push(Told::new(
                    Role::Index,
                    PUBLIC,
                    format_args!("{file}: the source `{name}` is nowhere"),
                    "",
                )),
            }
        }
    }
    for (file, all) in &read {
        for (name, registry) in all.get("registries").and_then(Json::as_object).into_iter().flatten() {
            if let Some(index) = registry.get("index").and_then(Json::as_str) {
                let address = index.strip_prefix("sparse+").unwrap_or(index);
                let mend = format!("take [registries.{name}] out of {file}, and let Weir ask that registry");
                told.push(Told::new(Role::Besides, address, format_args!("{file}, registry `{name}`"), mend));
            }
        }
    }
    told
}
