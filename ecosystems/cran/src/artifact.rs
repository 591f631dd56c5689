//! Source packages: `{name}_{version}.tar.gz`, of one directory `{name}/` with a `DESCRIPTION`.
//!
//! Specification: "Writing R Extensions", 1.1 "Package structure"; `?INSTALL`. Installing one evaluates
//! all of its R code, so that what is told here is what comes on top: scripts, and what a compiler is given.

use serde_json::{Map, Value, json};
use weir_core::facts::Finding;
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection};

use crate::dcf::Record;
use crate::dependency::{NEEDED, requirements};
use crate::license;
use crate::name::split;

const DESCRIPTION: &str = "DESCRIPTION";
/// What runs when a package is installed, by its path in the package's directory.
const SCRIPTS: [&str; 8] = [
    "configure",
    "configure.ac",
    "configure.win",
    "configure.ucrt",
    "cleanup",
    "cleanup.win",
    "src/Makevars",
    "src/install.libs.R",
];
/// Longest text that is kept of what a package says of itself, in characters.
const MAX_TEXT: usize = 1000;

/// How to look into a file.
pub fn inspection(file: &str) -> Option<Inspection> {
    file.ends_with(".tar.gz").then_some(Inspection { container: Container::TarGz, wanted })
}

/// The description and scripts of the top directory, and whatever stands beside that directory.
fn wanted(path: &str) -> bool {
    path.split_once('/').is_none_or(|(_, rest)| rest == DESCRIPTION || SCRIPTS.contains(&rest))
}

/// What a source package declares.
pub fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let mut add = |code: &str, text: String| out.findings.push(Finding { code: code.to_owned(), text });
    let (_, name) = split(expected.package);
    let within =
        |entry: &Entry| entry.path.split_once('/').filter(|(top, _)| *top == name).map(|(_, rest)| rest.to_owned());
    if let Some(stray) = entries.iter().find(|entry| within(entry).is_none()) {
        add("stray-path", format!("{file} has `{}` outside of its directory `{name}`", clip(&stray.path)));
    }
    let find = |path: &str| entries.iter().find(|entry| within(entry).as_deref() == Some(path));
    let Some(description) = find(DESCRIPTION) else {
        add("missing-manifest", format!("{file} has no {DESCRIPTION} in its directory"));
        return out;
    };
    let Some(record) = Record::first(&description.bytes) else {
        add("unreadable-manifest", format!("the {DESCRIPTION} of {file} is empty"));
        return out;
    };
    for (field, code, of) in [("Package", "name-mismatch", name), ("Version", "version-mismatch", expected.version)] {
        let says = record.get(field).unwrap_or_default();
        if says != of {
            add(code, format!("{file} is of `{of}`, and its {DESCRIPTION} says `{}`", clip(&says)));
        }
    }
    let scripts = SCRIPTS.into_iter().filter(|script| find(script).is_some()).collect::<Vec<_>>();
    out.license = Some((license::spdx(&record.get("License").unwrap_or_default()), format!("{DESCRIPTION} in {file}")));
    out.said = said(record, &scripts);
    out.metadata = Some(description.bytes.clone());
    out
}

fn said(record: Record<'_>, scripts: &[&str]) -> Map<String, Value> {
    let mut said = Map::new();
    for (field, key) in [
        ("Maintainer", "maintainer"),
        ("Author", "author"),
        ("URL", "url"),
        ("BugReports", "bug-reports"),
        ("Repository", "repository"),
        ("Date/Publication", "published"),
        ("Packaged", "packaged"),
        ("NeedsCompilation", "needs-compilation"),
        ("SystemRequirements", "system-requirements"),
        ("RemoteSha", "commit"),
    ] {
        if let Some(value) = record.get(field) {
            said.insert(key.to_owned(), Value::from(clip(&value)));
        }
    }
    let needs: Map<String, Value> = NEEDED
        .iter()
        .filter_map(|field| Some(((*field).to_ascii_lowercase(), Value::from(clip(&record.get(field)?)))))
        .collect();
    said.insert(String::from("dependencies"), json!({ "count": requirements(record).len(), "fields": needs }));
    if !scripts.is_empty() {
        said.insert(String::from("install-scripts"), json!(scripts));
    }
    said
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
