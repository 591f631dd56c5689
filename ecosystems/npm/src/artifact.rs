//! What an artifact says of itself.
//!
//! An npm artifact is a gzipped tar whose entries stand under one directory, whatever its name (`package` by habit): npm
//! strips the first segment of every path. So `package.json` under *any* top directory is the manifest, the last one
//! wins on extraction, and two of them are two readings of one artifact. A file system that ignores case joins
//! `Package.json` to them.

use serde_json::{Map, Value, json};
use weir_core::facts::Finding;
use weir_core::registry::{Declared, Entry, Expected};

use crate::excerpt;
use crate::index::{install_scripts, license_text};
use crate::version::{Version, strip_prefix};

const MANIFEST: &str = "package.json";
/// Where it stands, npm builds native code at install although no script says so.
const GYP: &str = "binding.gyp";

/// True for entries that [`declared`] looks at.
pub fn wanted(path: &str) -> bool {
    is_named(path, MANIFEST) || is_named(path, GYP)
}

/// True if npm would write the entry as `name` at the package's root, at least where case does not count.
fn is_named(path: &str, name: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !matches!(*segment, "" | "."));
    let (top, file) = (segments.next(), segments.next());
    top.is_some() && file.is_some_and(|file| file.eq_ignore_ascii_case(name)) && segments.next().is_none()
}

/// Fields of `package.json` that are remembered as they are.
const SAID: &[&str] = &[
    "name",
    "version",
    "bin",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "repository",
    "engines",
    "gypfile",
];

/// Reads the picked entries.
pub fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut declared = Declared::default();
    let mut finding = |code: &str, text: String| {
        declared.findings.push(Finding { code: code.to_owned(), text });
    };
    let manifests: Vec<&Entry> = entries.iter().filter(|entry| is_named(&entry.path, MANIFEST)).collect();
    if manifests.len() > 1 {
        let paths: Vec<String> = manifests.iter().take(4).map(|entry| format!("`{}`", excerpt(&entry.path))).collect();
        finding("ambiguous-archive", format!("{file} has {} manifests: {}", manifests.len(), paths.join(", ")));
    }
    if entries.iter().any(|entry| is_named(&entry.path, GYP)) {
        declared.said.insert(String::from(GYP), Value::Bool(true));
    }
    let Some(last) = manifests.last() else {
        finding("missing-manifest", format!("{file} has no {MANIFEST} where npm looks for it"));
        return declared;
    };
    let Some(manifest) = read(&last.bytes) else {
        finding("unreadable-manifest", format!("`{}` in {file} is not a JSON object", excerpt(&last.path)));
        return declared;
    };
    if let Some(name) = manifest.get("name").and_then(Value::as_str)
        && name.trim() != expected.package.as_str()
    {
        let text = format!("{file} calls itself `{}`, the index calls it `{}`", excerpt(name), expected.package);
        finding("name-mismatch", text);
    }
    if let Some(version) = manifest.get("version").and_then(Value::as_str)
        && !same_version(version, expected.version)
    {
        let text = format!("{file} has version `{}`, the index says `{}`", excerpt(version), excerpt(expected.version));
        finding("version-mismatch", text);
    }
    declared.license = Some((license(&manifest), format!("{MANIFEST} in {file}")));
    said(&manifest, &mut declared.said);
    declared
}

/// Name and version that an artifact declares.
pub fn declared_release(entries: &[Entry]) -> Option<(String, String)> {
    let manifest = read(&entries.iter().rfind(|entry| is_named(&entry.path, MANIFEST))?.bytes)?;
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).map(|text| text.trim().to_owned());
    Some((text("name")?, text("version")?))
}

/// Reads a manifest as npm does: without a byte order mark, and with what is not UTF-8 replaced.
fn read(bytes: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

/// npm publishes a version cleaned: without prefix and build, and in its strict spelling.
fn same_version(declared: &str, published: &str) -> bool {
    match (Version::parse_loose(declared), Version::parse_loose(published)) {
        (Ok(declared), Ok(published)) => declared == published,
        _ => strip_prefix(declared.trim()) == published,
    }
}

fn license(manifest: &Map<String, Value>) -> String {
    let read = |name| manifest.get(name).map(license_text).filter(|text| !text.is_empty());
    read("license").or_else(|| read("licenses")).unwrap_or_default()
}

fn said(manifest: &Map<String, Value>, said: &mut Map<String, Value>) {
    for name in SAID {
        if let Some(value) = manifest.get(*name) {
            said.insert((*name).to_owned(), value.clone());
        }
    }
    let scripts = manifest.get("scripts").and_then(Value::as_object);
    let get = |name: &str| scripts.and_then(|scripts| Some(scripts.get(name)?.as_str()?.to_owned()));
    // `prepare` runs where a package is installed from its source.
    let scripts = install_scripts(get, &["prepare"]);
    if !scripts.is_empty() {
        said.insert(String::from("scripts"), json!(scripts));
    }
}

#[cfg(test)]
mod tests {
    use weir_core::PackageName;

    use super::*;

    fn declared_by(entries: &[(&str, &str)]) -> Declared {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|(path, text)| Entry { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() })
            .collect();
        let package = PackageName::from_normalized("@acme/x");
        declared("x-1.0.0.tgz", &entries, &Expected { package: &package, version: "1.0.0" })
    }

    fn codes(declared: &Declared) -> Vec<&str> {
        declared.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn the_manifest_stands_under_any_top_directory_and_nowhere_deeper() {
        for path in ["package/package.json", "x/package.json", "./x/package.json", "x//package.json", "x/Package.JSON"]
        {
            assert!(wanted(path), "{path}");
        }
        for path in ["package.json", "package/a/package.json", "package/package.json/x", "package/package.jsonx", ""] {
            assert!(!wanted(path), "{path}");
        }
        assert!(wanted("package/binding.gyp"));
    }

    #[test]
    fn a_manifest_declares_licence_and_install_scripts() {
        let text = r#"{"name": "@acme/x", "version": "=v1.0.0+build", "licenses": [{"type": "MIT"}, "ISC"], "bin": "x.js",
            "scripts": {"postinstall": "node x", "test": "y", "prepare": "z"}, "dependencies": {"y": "^1"}}"#;
        let declared = declared_by(&[("package/package.json", text), ("package/binding.gyp", "")]);
        assert_eq!(codes(&declared), [""; 0]);
        assert_eq!(declared.license, Some((String::from("(MIT OR ISC)"), String::from("package.json in x-1.0.0.tgz"))));
        let said = json!({
            "binding.gyp": true, "name": "@acme/x", "version": "=v1.0.0+build", "bin": "x.js",
            "dependencies": {"y": "^1"}, "scripts": {"postinstall": "node x", "prepare": "z"},
        });
        assert_eq!(Value::Object(declared.said), said);
    }

    #[test]
    fn an_empty_place_for_the_licence_is_told_from_none() {
        let declared = declared_by(&[("package/package.json", "\u{feff}{}")]);
        assert_eq!(declared.license.unwrap().0, "");
        assert_eq!(declared_by(&[]).license, None);
    }

    #[test]
    fn contradictions_are_findings() {
        let other = declared_by(&[("package/package.json", r#"{"name": "acme", "version": "1.0.1"}"#)]);
        assert_eq!(codes(&other), ["name-mismatch", "version-mismatch"]);
        assert_eq!(other.findings[0].text, "x-1.0.0.tgz calls itself `acme`, the index calls it `@acme/x`");
        let two = declared_by(&[("a/package.json", r#"{"license": "A"}"#), ("b/package.json", r#"{"license": "B"}"#)]);
        assert_eq!(codes(&two), ["ambiguous-archive"]);
        assert_eq!(two.license.unwrap().0, "B");
        assert_eq!(codes(&declared_by(&[("a/package.json", "{}"), ("a/PACKAGE.json", "{}")])), ["ambiguous-archive"]);
        assert_eq!(codes(&declared_by(&[("a/package.json", "[]")])), ["unreadable-manifest"]);
        assert_eq!(codes(&declared_by(&[])), ["missing-manifest"]);
    }
}
