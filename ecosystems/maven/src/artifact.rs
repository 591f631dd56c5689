//! POMs and JARs: what they declare of themselves.
//!
//! Specification: the JAR file specification (`META-INF/MANIFEST.MF`); Maven Archiver (`META-INF/maven/group/artifact/` with
//! `pom.properties` and `pom.xml`). A JAR may hold those of others that were packed into it ("shaded"): that is told, and is
//! no contradiction unless its own are there as well and say something else.

use serde_json::{Map, Value, json};
use weir_core::facts::Finding;
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection};

use crate::name::split;
use crate::pom::{Pom, clip};

/// Most shaded packages that are kept.
pub const MAX_SHADED: usize = 200;
/// Longest manifest of which the main section is read, in bytes.
const MAX_MANIFEST: usize = 256 * 1024;

const MANIFEST: &str = "META-INF/MANIFEST.MF";

/// How to look into a file.
pub fn inspection(file: &str) -> Option<Inspection> {
    match file.rsplit_once('.')?.1 {
        "pom" => Some(Inspection { container: Container::Plain, wanted: |_| true }),
        "jar" | "war" | "ear" | "aar" | "hpi" | "jpi" | "nar" => Some(Inspection { container: Container::Zip, wanted }),
        _ => None,
    }
}

fn wanted(path: &str) -> bool {
    path == MANIFEST || is_license(path) || described(path).is_some()
}

/// A file that holds a licence, at the places where archivers put it.
fn is_license(path: &str) -> bool {
    let name = path.strip_prefix("META-INF/").unwrap_or(path);
    let stem = name.strip_suffix(".txt").or_else(|| name.strip_suffix(".md")).unwrap_or(name);
    ["LICENSE", "LICENCE", "license", "License", "COPYING"].contains(&stem)
}

/// Group, artifact and file of a path `META-INF/maven/group/artifact/pom.properties`.
fn described(path: &str) -> Option<(&str, &str, &str)> {
    let mut parts = path.strip_prefix("META-INF/maven/")?.split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && matches!(found.2, "pom.properties" | "pom.xml")).then_some(found)
}

/// What a file declares.
pub fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    match file.ends_with(".pom") {
        true => of_pom(file, entries.first().map_or(&[], |entry| &entry.bytes), expected),
        false => of_jar(file, entries, expected),
    }
}

fn of_pom(file: &str, bytes: &[u8], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let pom = match Pom::read(bytes) {
        Ok(pom) => pom,
        Err(problem) => {
            let text = format!("{file} cannot be read as a POM: {}", clip(&problem));
            out.findings.push(finding("unreadable-manifest", text));
            return out;
        }
    };
    out.findings = contradictions(file, "it", (&pom.group, &pom.artifact, &pom.version), expected);
    out.license = pom.license.map(|license| (license, file.to_owned()));
    out.said = pom.said;
    out
}

/// Where coordinates are others than those of the release. What a property stands for is not known here.
fn contradictions(file: &str, what: &str, said: (&str, &str, &str), expected: &Expected<'_>) -> Vec<Finding> {
    let (group, artifact) = split(expected.package);
    let is_told = |text: &str| !text.is_empty() && !text.contains("${");
    let mut found = Vec::new();
    let differs = |said: &str, expected: &str| is_told(said) && said != expected;
    if differs(said.0, group) || differs(said.1, artifact) {
        let text = format!("{file} is of `{}`, and {what} says `{}:{}`", expected.package, clip(said.0), clip(said.1));
        found.push(finding("name-mismatch", text));
    }
    if differs(said.2, expected.version) {
        let text = format!("{file} is of version `{}`, and {what} says `{}`", expected.version, clip(said.2));
        found.push(finding("version-mismatch", text));
    }
    found
}

fn of_jar(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let (group, artifact) = split(expected.package);
    let mut shaded = Vec::new();
    for entry in entries {
        let Some((of_group, of_artifact, "pom.properties")) = described(&entry.path) else { continue };
        let properties = properties(&entry.bytes);
        let said = |key: &str| properties.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str());
        if (of_group, of_artifact) == (group, artifact) {
            let coordinates = (said("groupId"), said("artifactId"), said("version"));
            out.findings.extend(contradictions(file, &format!("its {}", entry.path), coordinates, expected));
        } else if shaded.len() < MAX_SHADED {
            shaded.push(Value::from(clip(&format!("{of_group}:{of_artifact}:{}", said("version")))));
        }
    }
    if !shaded.is_empty() {
        out.said.insert(String::from("packed-with"), Value::Array(shaded));
    }
    let own = entries.iter().find(|entry| described(&entry.path) == Some((group, artifact, "pom.xml")));
    if let Some(entry) = own
        && let Ok(pom) = Pom::read(&entry.bytes)
        && let Some(license) = pom.license
    {
        out.license = Some((license, format!("{} in {file}", entry.path)));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.path == MANIFEST) {
        let manifest = manifest(&entry.bytes);
        if out.license.as_ref().is_none_or(|(license, _)| license.is_empty())
            && let Some(Value::String(license)) = manifest.get("Bundle-License")
        {
            out.license = Some((license.clone(), format!("{MANIFEST} in {file}")));
        }
        out.said.insert(String::from("manifest"), Value::Object(manifest));
    }
    let licenses: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).filter(|path| is_license(path)).collect();
    if !licenses.is_empty() {
        out.said.insert(String::from("license-files"), json!(licenses));
    }
    out
}

/// The main section of a manifest: the attributes that tell where it comes from.
fn manifest(bytes: &[u8]) -> Map<String, Value> {
    const KEPT: [&str; 10] = [
        "Automatic-Module-Name",
        "Build-Jdk-Spec",
        "Bundle-License",
        "Bundle-SymbolicName",
        "Created-By",
        "Implementation-Title",
        "Implementation-Version",
        "Main-Class",
        "Multi-Release",
        "Premain-Class",
    ];
    let text = String::from_utf8_lossy(bytes.get(..MAX_MANIFEST).unwrap_or(bytes));
    // A line that begins with a space continues the one before.
    let text = text.replace("\r\n", "\n").replace("\n ", "");
    let main = text.split("\n\n").next().unwrap_or_default();
    let attributes = main.lines().filter_map(|line| line.split_once(": "));
    attributes
        .filter_map(|(name, value)| {
            let name = KEPT.into_iter().find(|kept| kept.eq_ignore_ascii_case(name))?;
            Some((name.to_owned(), Value::from(clip(value.trim()))))
        })
        .collect()
}

/// The lines `key=value` of a properties file, as far as Maven writes such.
fn properties(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

fn finding(code: &str, text: String) -> Finding {
    Finding { code: code.to_owned(), text }
}
