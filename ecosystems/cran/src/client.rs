//! R: where its settings are, and whom it asks.

use std::path::PathBuf;

use weir_core::client::{Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, Told, Trust, Value};

/// What is asked where nothing is set: R's own placeholder asks the person, who takes this.
const PUBLIC: &str = "https://cloud.r-project.org/";
/// The part of the profile that asks Weir for the reason, since R shows none.
const HOOK: &str = include_str!("hook.R");

pub(crate) static CLIENTS: &[Client] = &[Client {
    // The word must be a flag of its own: `--r`.
    id: "r",
    programs: &["Rscript", "R"],
    settings,
    // The profile can be said in a variable, but is a file all the same.
    variables: |_| Vec::new(),
    told,
    // R installs what it is sent, and keeps nothing by name.
    cache: |_| None,
    trust: Trust { variables: &["CURL_CA_BUNDLE"], system: true, setting: "export CURL_CA_BUNDLE={file}" },
}];

fn settings(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    let file = match scope {
        Scope::User => profile(machine),
        Scope::Project => machine.project().join(".Rprofile"),
    };
    let block = HOOK.replace("{base}", &gate.base()).replace("{host}", gate.host());
    let mut edits = vec![Edit::new(file, Format::Block, vec![Change::Set(Vec::new(), Value::Text(block))])];
    edits.extend(gate.netrc(machine));
    Ok(edits)
}

fn profile(machine: &dyn Machine) -> PathBuf {
    machine.variable("R_PROFILE_USER").map_or_else(|| machine.home().join(".Rprofile"), PathBuf::from)
}

fn told(machine: &dyn Machine) -> Vec<Told> {
    // R runs the profiles that count here, the project's own included, and says what came of it.
    let script = "cat(paste(names(getOption('repos')), getOption('repos'), sep='='), sep='\\n')";
    let Some(said) = machine.ask("Rscript", &["-e", script]) else { return Vec::new() };
    let mut told = Vec::new();
    for line in said.lines() {
        let Some((name, url)) = line.split_once('=') else { continue };
        let role = if name == "CRAN" { Role::Index } else { Role::Besides };
        let url = if url == "@CRAN@" { PUBLIC } else { url };
        let mend = format!("take `{name}` out of options(repos) in the R profile");
        told.push(Told::new(
            role,
            url,
            format_args!("options(repos), {name}"),
            if role == Role::Index { String::new() } else { mend },
        ));
    }
    told
}
