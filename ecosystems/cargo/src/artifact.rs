//! Crate files: `{name}-{version}.crate`, a gzip-compressed tar archive of one directory `{name}-{version}/`.
//!
//! Specification: cargo book, "Publishing on crates.io", "Packaging a crate"; "The manifest format". The Cargo.toml in it is
//! the one that cargo wrote when packaging: complete, without what a workspace would add.

use serde_json::{Map, Value, json};
use toml::{Table, Value as Toml};
use weir_core::ecosystem::Names as _;
use weir_core::facts::Finding;
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection};

use crate::name::Crates;

const MANIFEST: &str = "Cargo.toml";
const COMMIT: &str = ".cargo_vcs_info.json";
const BUILD_SCRIPT: &str = "build.rs";

/// Longest text that is kept of what a crate says of itself, in characters.
const MAX_TEXT: usize = 1000;
/// Most authors that are kept.
const MAX_AUTHORS: usize = 100;

/// How to look into a file.
pub fn inspection(file: &str) -> Option<Inspection> {
    file.ends_with(".crate").then_some(Inspection { container: Container::TarGz, wanted })
}

/// The three files of the top directory that tell something, and whatever stands beside that directory.
fn wanted(path: &str) -> bool {
    match path.split_once('/') {
        Some((_, name)) => matches!(name, MANIFEST | COMMIT | BUILD_SCRIPT),
        None => true,
    }
}

/// What a crate file declares.
pub fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let mut add = |code: &str, text: String| out.findings.push(Finding { code: code.to_owned(), text });
    let (inside, outside): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| in_place(&entry.path, expected));
    if let Some(stray) = outside.first() {
        // cargo unpacks nothing of such a file; other tools would.
        add(
            "stray-path",
            format!(
                "{file} has `{}` outside of its directory `{}-{}`",
                clip(&stray.path),
                expected.package,
                expected.version
            ),
        );
    }
    let find =
        |name: &str| inside.iter().find(|entry| entry.path.split_once('/').is_some_and(|(_, rest)| rest == name));
    let Some(manifest) = find(MANIFEST) else {
        add("missing-manifest", format!("{file} has no {MANIFEST} in its directory"));
        return out;
    };
    let table = match std::str::from_utf8(&manifest.bytes)
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse::<Table>().map_err(|error| error.message().to_owned()))
    {
        Ok(table) => table,
        Err(problem) => {
            add("unreadable-manifest", format!("the {MANIFEST} of {file} cannot be read: {}", clip(&problem)));
            return out;
        }
    };
    let nothing = Table::new();
    // `project` is what `package` was called before cargo 1.0, and cargo read it until 2025.
    let package = table.get("package").or_else(|| table.get("project")).and_then(Toml::as_table).unwrap_or(&nothing);
    let name = text(package, "name");
    if !name.as_deref().is_some_and(|name| Crates.parse(name).is_ok_and(|name| name == *expected.package)) {
        let name = name.unwrap_or_default();
        add("name-mismatch", format!("{file} is of `{}`, and its {MANIFEST} says `{name}`", expected.package));
    }
    let version = text(package, "version");
    if version.as_deref().map(str::trim) != Some(expected.version) {
        let version = version.unwrap_or_default();
        add(
            "version-mismatch",
            format!("{file} is of version `{}`, and its {MANIFEST} says `{version}`", expected.version),
        );
    }
    out.license = Some((license(package), format!("{MANIFEST} in {file}")));
    out.said = said(&table, package, find(BUILD_SCRIPT).is_some());
    if let Some(commit) = find(COMMIT).and_then(|entry| serde_json::from_slice::<Value>(&entry.bytes).ok()) {
        out.said.insert(String::from("vcs"), vcs(&commit));
    }
    out
}

/// Name and version that the manifest of a crate file declares.
pub fn declared_release(entries: &[Entry]) -> Option<(String, String)> {
    let mut manifests = entries.iter().filter(|entry| entry.path.split_once('/').is_some_and(|(_, at)| at == MANIFEST));
    let manifest = manifests.next().filter(|_| manifests.next().is_none())?;
    let table: Table = std::str::from_utf8(&manifest.bytes).ok()?.parse().ok()?;
    let package = table.get("package")?.as_table()?;
    Some((text(package, "name")?, text(package, "version")?.trim().to_owned()))
}

/// True for a path within `{name}-{version}/`, in whatever case the crate spells its name.
fn in_place(path: &str, expected: &Expected<'_>) -> bool {
    let directory = path.split_once('/').map_or("", |(directory, _)| directory);
    let name = directory.strip_suffix(expected.version).and_then(|rest| rest.strip_suffix('-'));
    name.is_some_and(|name| name.eq_ignore_ascii_case(expected.package.as_str()))
}

/// The licence as written. Where a file holds it in the place of an expression, a reference that names no known licence.
fn license(package: &Table) -> String {
    match (text(package, "license"), text(package, "license-file")) {
        (Some(license), _) if !license.trim().is_empty() => license,
        (_, Some(_)) => String::from("LicenseRef-license-file"),
        _ => String::new(),
    }
}

fn said(table: &Table, package: &Table, has_build_script: bool) -> Map<String, Value> {
    let mut said = Map::new();
    let mut keep = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            said.insert(key.to_owned(), value);
        }
    };
    for key in ["repository", "homepage", "documentation", "links", "rust-version", "edition", "license-file"] {
        keep(key, text(package, key).map(Value::String));
    }
    let authors = package.get("authors").and_then(Toml::as_array).map(|authors| {
        authors.iter().filter_map(Toml::as_str).take(MAX_AUTHORS).map(|author| Value::from(clip(author))).collect()
    });
    keep("authors", authors.map(Value::Array));
    keep("build-script", build_script(package, has_build_script).map(Value::String));
    let library = table.get("lib").and_then(Toml::as_table);
    let proc_macro = library.is_some_and(|library| {
        ["proc-macro", "proc_macro"].iter().any(|key| library.get(*key).and_then(Toml::as_bool) == Some(true))
    });
    keep("proc-macro", proc_macro.then_some(Value::Bool(true)));
    keep("dependencies", Some(dependencies(table)));
    said
}

/// The file that cargo compiles and runs before the crate itself.
fn build_script(package: &Table, has_file: bool) -> Option<String> {
    match package.get("build") {
        Some(Toml::String(path)) => Some(clip(path)),
        Some(Toml::Array(paths)) => Some(clip(&paths.iter().filter_map(Toml::as_str).collect::<Vec<_>>().join(", "))),
        Some(Toml::Boolean(false)) => None,
        // Older cargo finds the file by itself.
        _ => has_file.then(|| BUILD_SCRIPT.to_owned()),
    }
}

/// How many dependencies of each kind, those of all targets counted.
fn dependencies(table: &Table) -> Value {
    let count = |table: &Table, key: &str, old: &str| {
        table.get(key).or_else(|| table.get(old)).and_then(Toml::as_table).map_or(0, Table::len)
    };
    let targets = table.get("target").and_then(Toml::as_table);
    let tables =
        || std::iter::once(table).chain(targets.into_iter().flat_map(Table::values).filter_map(Toml::as_table));
    let sum = |key: &str, old: &str| tables().map(|table| count(table, key, old)).sum::<usize>();
    json!({
        "normal": sum("dependencies", "dependencies"),
        "build": sum("build-dependencies", "build_dependencies"),
        "dev": sum("dev-dependencies", "dev_dependencies"),
    })
}

/// Commit, place in its repository, and whether the tree had changes that no commit has.
fn vcs(info: &Value) -> Value {
    let git = info.get("git");
    let mut out = Map::new();
    if let Some(commit) = git.and_then(|git| git.get("sha1")).and_then(Value::as_str) {
        out.insert(String::from("sha1"), Value::from(clip(commit)));
    }
    if let Some(dirty) = git.and_then(|git| git.get("dirty")).and_then(Value::as_bool) {
        out.insert(String::from("dirty"), Value::Bool(dirty));
    }
    if let Some(path) = info.get("path_in_vcs").and_then(Value::as_str) {
        out.insert(String::from("path-in-vcs"), Value::from(clip(path)));
    }
    Value::Object(out)
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Toml::as_str).map(clip)
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
