//! What an artifact declares about itself: core metadata, entry points, build system.
//!
//! Core metadata is a block of headers as in a mail (core metadata specification, PEP 566): `METADATA` in a wheel's
//! `.dist-info` directory, `PKG-INFO` in an sdist's only directory. It is believed only where there is exactly one reading
//! of it, and compared with what the index says.

mod headers;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use weir_core::facts::Finding;
use weir_core::registry::{Declared, Entry, Expected};

use crate::artifact::{after_package, is_wheel, read_version};
use crate::name::names_package;
use headers::Headers;

/// Longest `pyproject.toml` or `entry_points.txt` that is read, in bytes.
pub const MAX_SMALL_FILE: usize = 256 * 1024;

/// Most items of a list that are remembered.
pub const MAX_ITEMS: usize = 1000;

/// Longest text that is remembered, in characters.
pub const MAX_TEXT: usize = 4000;

/// Longest `License` field that can be a name or an expression; a longer one is the licence's own text.
const MAX_LICENSE_NAME: usize = 200;

/// Most directories that a finding names.
const MAX_NAMED: usize = 5;

/// Core metadata fields that are remembered, under the names that they have in `said`: those with one value.
const SINGLE: [&str; 13] = [
    "metadata-version",
    "name",
    "version",
    "summary",
    "author",
    "author-email",
    "maintainer",
    "maintainer-email",
    "home-page",
    "download-url",
    "requires-python",
    "license",
    "license-expression",
];

/// Those with many values.
const MULTIPLE: [&str; 6] = ["requires-dist", "provides-extra", "project-url", "classifier", "license-file", "dynamic"];

/// What the picked entries of an artifact declare.
pub(crate) fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut declared = Declared::default();
    let wheel = is_wheel(file);
    if let Some(twice) = repeated_path(entries) {
        declared.findings.push(finding("ambiguous-archive", format!("it has two entries `{}`", clip(twice, MAX_TEXT))));
    }
    let Some(directory) = directory(entries, wheel, expected, &mut declared.findings) else {
        return declared;
    };
    let entry = |name: &str| {
        let mut found = entries.iter().filter(|entry| entry.path.split_once('/') == Some((directory, name)));
        found.next().filter(|_| found.next().is_none())
    };
    let core = if wheel { "METADATA" } else { "PKG-INFO" };
    if let Some(metadata) = entry(core) {
        let headers = Headers::read(&metadata.bytes);
        contradictions(&headers, core, expected, &mut declared.findings);
        declared.license = Some((license(&headers), format!("{core} in {file}")));
        remember(&headers, &mut declared.said);
        if wheel && declared.findings.is_empty() {
            declared.metadata = Some(metadata.bytes.clone());
        }
    }
    if let Some(entry_points) = entry("entry_points.txt").and_then(small_text) {
        declared.said.insert(String::from("entry_points"), entry_points_of(entry_points));
    }
    if let Some(about) = entry("WHEEL") {
        let headers = Headers::read(&about.bytes);
        let generator = headers.first("generator").map(|generator| Value::from(clip(generator, MAX_TEXT)));
        declared.said.extend(generator.map(|generator| (String::from("generator"), generator)));
    }
    if !wheel && !directory.eq_ignore_ascii_case("EGG-INFO") {
        // An sdist runs its build at installation, and with `setup.py` that build is the package's own code.
        declared.said.insert(String::from("setup_py"), Value::from(entry("setup.py").is_some()));
        let system = entry("pyproject.toml").and_then(small_text).and_then(build_system);
        declared.said.extend(system.map(|system| (String::from("build_system"), system)));
    }
    declared
}

/// The name that an artifact declares, where one file alone can say it.
pub(crate) fn declared_name(file: &str, entries: &[Entry]) -> Option<String> {
    let core = if is_wheel(file) { "METADATA" } else { "PKG-INFO" };
    let mut telling = entries.iter().filter(|entry| entry.path.rsplit('/').next() == Some(core));
    let entry = telling.next().filter(|_| telling.next().is_none())?;
    Headers::read(&entry.bytes).first("name").map(str::to_owned)
}

/// The one directory that tells about the artifact. With several, or with another package's, there is a finding.
fn directory<'a>(
    entries: &'a [Entry],
    wheel: bool,
    expected: &Expected<'_>,
    findings: &mut Vec<Finding>,
) -> Option<&'a str> {
    let telling = |path: &'a str| {
        let (directory, file) = path.split_once('/')?;
        (wheel || file == "PKG-INFO").then_some(directory)
    };
    let mut directories = entries.iter().filter_map(|entry| telling(&entry.path)).collect::<BTreeSet<_>>();
    if directories.is_empty() {
        directories = entries.iter().filter_map(|entry| Some(entry.path.split_once('/')?.0)).collect();
    }
    if directories.len() > 1 {
        let named = directories.iter().take(MAX_NAMED).map(|name| format!("`{}`", clip(name, 200))).collect::<Vec<_>>();
        let and_more = if directories.len() > MAX_NAMED { " and more" } else { "" };
        let text = format!("{} directories tell about it: {}{and_more}", directories.len(), named.join(", "));
        findings.push(finding("ambiguous-archive", text));
    }
    if !wheel {
        // The directory of an sdist is named by habit only; what counts is that there is one.
        return directories.first().copied().filter(|_| directories.len() == 1);
    }
    let judged = directories.iter().map(|directory| (*directory, contradiction(directory, expected)));
    let (fitting, other): (Vec<_>, Vec<_>) = judged.partition(|(_, contradiction)| contradiction.is_none());
    match (fitting.as_slice(), other.into_iter().next()) {
        ([(directory, _)], _) => Some(directory),
        ([], Some((_, contradiction))) => {
            findings.extend(contradiction);
            None
        }
        _ => None,
    }
}

/// Where the name of a `.dist-info` directory contradicts the index.
fn contradiction(directory: &str, expected: &Expected<'_>) -> Option<Finding> {
    let stem = directory.strip_suffix(".dist-info").unwrap_or(directory);
    let Some(version) = after_package(expected.package, stem) else {
        let text = format!("its metadata is in `{}`, the index says {}", clip(directory, 200), expected.package);
        return Some(finding("name-mismatch", text));
    };
    (!same_version(version, expected.version)).then(|| {
        let text = format!("its metadata is in `{}`, the index says {}", clip(directory, 200), expected.version);
        finding("version-mismatch", text)
    })
}

/// Where the metadata's own name and version contradict the index, or each other.
fn contradictions(headers: &Headers, file: &str, expected: &Expected<'_>, findings: &mut Vec<Finding>) {
    let mut check = |field: &str, code: &str, index_says: &str, fits: &dyn Fn(&str) -> bool| {
        if let Some(other) = headers.all(field).find(|value| !fits(value.trim())) {
            let other = clip(other.trim(), 200);
            findings.push(finding(code, format!("{file} says `{other}`, the index says `{index_says}`")));
        }
    };
    check("name", "name-mismatch", expected.package.as_str(), &|name| names_package(name, expected.package));
    check("version", "version-mismatch", expected.version, &|version| same_version(version, expected.version));
}

/// True if two spellings mean one release, also where one is escaped for a file name.
fn same_version(a: &str, b: &str) -> bool {
    match (read_version(a), read_version(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.trim().replace('-', "_").eq_ignore_ascii_case(&b.trim().replace('-', "_")),
        _ => false,
    }
}

/// The licence: an SPDX expression (PEP 639), else the free text, else the classifiers; empty if all these are.
fn license(headers: &Headers) -> String {
    let stated = |field| headers.first(field).map(str::trim).filter(|text| !matches!(*text, "" | "UNKNOWN" | "None"));
    if let Some(expression) = stated("license-expression") {
        return clip(expression, MAX_TEXT);
    }
    let free = stated("license");
    if let Some(name) = free.filter(|text| text.len() <= MAX_LICENSE_NAME && !text.contains('\n')) {
        return name.to_owned();
    }
    let classifiers =
        headers.all("classifier").map(str::trim).filter(|text| text.starts_with("License ::")).take(MAX_ITEMS);
    let classifiers = classifiers.map(|text| clip(text, MAX_TEXT)).collect::<Vec<_>>().join("; ");
    if classifiers.is_empty() { clip(free.unwrap_or_default(), MAX_TEXT) } else { classifiers }
}

/// Keeps the fields that tell who, where and what else.
fn remember(headers: &Headers, said: &mut Map<String, Value>) {
    for field in SINGLE {
        if let Some(text) = headers.first(field).map(str::trim).filter(|text| !matches!(*text, "" | "UNKNOWN")) {
            said.insert(field.replace('-', "_"), Value::from(clip(text, MAX_TEXT)));
        }
    }
    for field in MULTIPLE {
        let values = headers.all(field).take(MAX_ITEMS).map(|text| Value::from(clip(text.trim(), MAX_TEXT)));
        let values = values.collect::<Vec<_>>();
        if !values.is_empty() {
            let name = if field == "project-url" { String::from("project_urls") } else { field.replace('-', "_") };
            said.insert(name, Value::from(values));
        }
    }
}

/// Entry points by group: `{"console_scripts": ["flask = flask.cli:main"]}`.
fn entry_points_of(text: &str) -> Value {
    let mut groups = Map::new();
    let mut group = None;
    for line in text.lines().map(str::trim).take(MAX_ITEMS) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            group = Some(clip(name.trim(), MAX_TEXT));
        } else if let (Some(group), true) = (&group, line.contains('=') && !line.starts_with(['#', ';'])) {
            let list = groups.entry(group.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(Value::from(clip(line, MAX_TEXT)));
            }
        }
    }
    Value::Object(groups)
}

/// The table `[build-system]` (PEP 518): who builds it, with what, and whether the builder is in the archive itself.
fn build_system(text: &str) -> Option<Value> {
    let table = text.parse::<toml::Table>().ok()?;
    let system = table.get("build-system")?.as_table()?;
    let texts = |key: &str| {
        let list = system.get(key).and_then(toml::Value::as_array)?;
        Some(
            list.iter()
                .filter_map(toml::Value::as_str)
                .take(MAX_ITEMS)
                .map(|text| clip(text, MAX_TEXT))
                .collect::<Vec<_>>(),
        )
    };
    Some(json!({
        "requires": texts("requires"),
        "build_backend": system.get("build-backend").and_then(toml::Value::as_str).map(|text| clip(text, MAX_TEXT)),
        "backend_path": texts("backend-path"),
    }))
}

fn repeated_path(entries: &[Entry]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    entries.iter().map(|entry| entry.path.as_str()).find(|path| !seen.insert(*path))
}

fn small_text(entry: &Entry) -> Option<&str> {
    std::str::from_utf8(&entry.bytes).ok().filter(|text| text.len() <= MAX_SMALL_FILE)
}

fn finding(code: &str, text: String) -> Finding {
    Finding { code: code.to_owned(), text }
}

fn clip(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
