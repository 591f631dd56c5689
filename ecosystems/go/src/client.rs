//! go: where its settings are, and whom it asks.

use std::path::PathBuf;

use weir_core::client::{
    Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, System, Told, Trust, Value,
};

/// What it asks that was told nothing else.
const PUBLIC: &str = "https://proxy.golang.org";

pub(crate) static CLIENTS: &[Client] = &[Client {
    id: "go",
    programs: &["go"],
    settings,
    variables: |gate| match gate.token {
        // The token goes into netrc, so a file is written anyway.
        Some(_) => Vec::new(),
        None => vec![(String::from("GOPROXY"), gate.base())],
    },
    told,
    cache: |machine| {
        let directory = machine.variable("GOMODCACHE").map(PathBuf::from);
        let directory = directory.or_else(|| Some(PathBuf::from(machine.variable("GOPATH")?).join("pkg").join("mod")));
        let directory = directory.unwrap_or_else(|| machine.home().join("go").join("pkg").join("mod"));
        Some(Cache { directory: directory.join("cache").join("download"), empty: String::from("go clean -modcache") })
    },
    trust: Trust { variables: &["SSL_CERT_FILE"], system: true, setting: "export SSL_CERT_FILE={file}" },
}];

fn settings(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    if scope == Scope::Project {
        return Err("go has no settings of a project's own: leave --project out, or set GOPROXY there");
    }
    let file = match machine.variable("GOENV") {
        Some(off) if off == "off" => {
            return Err("GOENV=off keeps go from reading its file of settings: unset it, or set GOPROXY");
        }
        Some(file) => PathBuf::from(file),
        None => match machine.system() {
            System::MacOs => machine.home().join("Library").join("Application Support").join("go").join("env"),
            _ => machine.config_home().join("go").join("env"),
        },
    };
    // Without `direct` behind it: then what is refused is refused.
    let changes = vec![Change::set(["GOPROXY"], Value::Text(gate.base())), Change::remove(["GONOPROXY"])];
    let mut edits = vec![Edit::new(file, Format::Pairs, changes)];
    // go shows no login to an address without encryption.
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn told(machine: &dyn Machine) -> Vec<Told> {
    let names = ["GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GOFLAGS"];
    let mut arguments = vec!["env"];
    arguments.extend(names);
    let said = machine.ask("go", &arguments).unwrap_or_default();
    let mut values = said.lines();
    let mut value = || values.next().unwrap_or_default().trim().to_owned();
    let (proxy, no_proxy, private, sums, flags) = (value(), value(), value(), value(), value());
    let mend = |name: &str| match machine.variable(name) {
        Some(_) => format!("unset {name}"),
        None => format!("go env -u {name}"),
    };
    let place = |name: &str| match machine.variable(name) {
        Some(_) => format!("${name}"),
        None => format!("go env {name}"),
    };
    let mut told = Vec::new();
    let proxy = if proxy.is_empty() { PUBLIC.to_owned() } else { proxy };
    for (at, part) in proxy.split([',', '|']).map(str::trim).enumerate() {
        let index = if machine.variable("GOPROXY").is_some() { mend("GOPROXY") } else { String::new() };
        match part {
            "off" | "" => {}
            "direct" => told.push(Told::new(
                Role::Loose,
                "asks the sources themselves where Weir has nothing: `direct`",
                place("GOPROXY"),
                index,
            )),
            part => {
                told.push(Told::new(if at == 0 { Role::Index } else { Role::Besides }, part, place("GOPROXY"), index))
            }
        }
    }
    let around = if no_proxy.is_empty() { ("GOPRIVATE", private) } else { ("GONOPROXY", no_proxy) };
    // Patterns that take in everything public; those of an organisation's own modules are what the setting is for.
    let wide = |pattern: &str| {
        pattern == "*"
            || pattern.starts_with("*.") && pattern.matches('.').count() == 1
            || matches!(pattern, "github.com" | "github.com/*" | "golang.org" | "gopkg.in")
    };
    for pattern in around.1.split(',').map(str::trim).filter(|pattern| wide(pattern)) {
        let text = format!("asks the sources themselves for `{pattern}`");
        told.push(Told::new(Role::Loose, text, place(around.0), mend(around.0)));
    }
    if sums == "off" {
        told.push(Told::new(
            Role::Loose,
            "checks no module against the sum database: `off`",
            place("GOSUMDB"),
            mend("GOSUMDB"),
        ));
    }
    if flags.contains("-insecure") {
        told.push(Told::new(
            Role::Loose,
            "takes modules over plain HTTP: `-insecure`",
            place("GOFLAGS"),
            mend("GOFLAGS"),
        ));
    }
    told
}
