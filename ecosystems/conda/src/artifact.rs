//! Package files: `{name}-{version}-{build}.conda` and `.tar.bz2`.
//!
//! Specification: CEP 34 (`info/`), CEP 35 (file formats). A `.conda` file is a zip of `metadata.json`, the tar archive
//! `pkg-….tar.zst` with what is installed, and `info-….tar.zst` with `info/`; a `.tar.bz2` file has both in one.

use serde_json::{Map, Value, json};
use weir_core::facts::{Finding, KnownAs, Script};
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection};
use weir_core::{Digest, Purl};

use crate::index::MAX_FILE;
use crate::name::{Parts, is_name};
use crate::recipe::{self, Source};

const INDEX: &str = "info/index.json";
const ABOUT: &str = "info/about.json";
/// How scripts are called that linking runs.
const SCRIPTS: [&str; 3] = ["-post-link", "-pre-link", "-pre-unlink"];
const RECIPE: [&str; 2] = ["info/recipe/meta.yaml", "info/recipe/rendered_recipe.yaml"];

/// Longest text that is kept of what a package says of itself, in characters.
const MAX_TEXT: usize = 1000;
/// Most source addresses and dependencies that are kept.
const MAX_LIST: usize = 200;

/// A file name's parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileName<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// The build.
    pub build: &'a str,
}

impl<'a> FileName<'a> {
    /// Splits a file name; `None` if it is no package's.
    pub fn parse(file: &'a str) -> Option<Self> {
        let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
        let (rest, build) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'!');
        let is_whole = !version.is_empty() && !build.is_empty() && is_name(name) && file.len() <= MAX_FILE;
        (is_whole && file.bytes().all(is_fine)).then_some(Self { name, version, build })
    }
}

/// How to look into a file.
pub fn inspection(file: &str) -> Option<Inspection> {
    if file.ends_with(".conda") {
        Some(Inspection { container: Container::Conda, wanted })
    } else if file.ends_with(".tar.bz2") {
        Some(Inspection { container: Container::TarBz2, wanted })
    } else {
        None
    }
}

fn wanted(path: &str) -> bool {
    path == INDEX || path == ABOUT || RECIPE.contains(&path) || is_script(path)
}

/// Scripts that installing or removing a package runs.
fn is_script(path: &str) -> bool {
    let in_place = path.strip_prefix("bin/.").or_else(|| path.strip_prefix("Scripts/."));
    in_place.is_some_and(|name| {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        SCRIPTS.iter().any(|end| stem.ends_with(end))
    })
}

/// What a package file declares.
pub fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let mut add = |code: &str, text: String| out.findings.push(Finding { code: code.to_owned(), text });
    let find = |path: &str| entries.iter().find(|entry| entry.path == path);
    let object =
        |path: &str| find(path).and_then(|entry| serde_json::from_slice::<Map<String, Value>>(&entry.bytes).ok());
    let Some(index) = object(INDEX) else {
        let text = match find(INDEX) {
            Some(_) => format!("the {INDEX} of {file} cannot be read"),
            None => format!("{file} has no {INDEX}"),
        };
        add(if find(INDEX).is_some() { "unreadable-manifest" } else { "missing-manifest" }, text);
        return out;
    };
    let expected_name = Parts::of(expected.package).name;
    let name = text(&index, "name").unwrap_or_default();
    if !name.eq_ignore_ascii_case(expected_name) {
        add("name-mismatch", format!("{file} is of `{expected_name}`, and its {INDEX} says `{name}`"));
    }
    let version = text(&index, "version").unwrap_or_default();
    if version != expected.version {
        add(
            "version-mismatch",
            format!("{file} is of version `{}`, and its {INDEX} says `{version}`", expected.version),
        );
    }
    let build = text(&index, "build").unwrap_or_default();
    if let Some(parsed) = FileName::parse(file)
        && parsed.build != build
    {
        add("build-mismatch", format!("{file} is of build `{}`, and its {INDEX} says `{build}`", parsed.build));
    }
    let subdir = text(&index, "subdir");
    if let (Some(expected), Some(subdir)) = (Parts::of(expected.package).subdir, &subdir)
        && expected != subdir
    {
        add("platform-mismatch", format!("{file} is of platform `{expected}`, and its {INDEX} says `{subdir}`"));
    }
    let about = object(ABOUT);
    let license = text(&index, "license").or_else(|| about.as_ref().and_then(|about| text(about, "license")));
    out.license = Some((license.unwrap_or_default(), format!("{INDEX} in {file}")));
    out.scripts = Some(scripts(entries));
    let recipe = entries.iter().find(|entry| RECIPE.contains(&entry.path.as_str()));
    let sources = recipe.map(|recipe| (recipe.path.as_str(), recipe::sources(&recipe.bytes)));
    let sources = sources.as_ref().map(|(path, sources)| (*path, sources.as_slice()));
    out.known_as = known_as(file, &index, sources);
    out.said = said(&index, about.as_ref(), entries, sources.map_or(&[], |(_, sources)| sources));
    out
}

fn said(
    index: &Map<String, Value>,
    about: Option<&Map<String, Value>>,
    entries: &[Entry],
    sources: &[Source],
) -> Map<String, Value> {
    let mut said = Map::new();
    for key in ["build", "subdir", "noarch", "features", "track_features"] {
        if let Some(value) = text(index, key) {
            said.insert(key.to_owned(), value.into());
        }
    }
    for key in ["depends", "constrains", "purls"] {
        if let Some(list) = index.get(key).and_then(Value::as_array) {
            let list: Vec<Value> =
                list.iter().filter_map(Value::as_str).take(MAX_LIST).map(|it| clip(it).into()).collect();
            said.insert(key.to_owned(), list.into());
        }
    }
    for key in ["home", "dev_url", "doc_url", "source_url", "license_family", "license_url"] {
        let value = about.and_then(|about| about.get(key));
        let first = value.and_then(|value| value.as_str().or_else(|| value.as_array()?.first()?.as_str()));
        if let Some(text) = first.map(clip).filter(|text| !text.is_empty()) {
            said.insert(key.to_owned(), text.into());
        }
    }
    let scripts: Vec<Value> =
        entries.iter().filter(|entry| is_script(&entry.path)).map(|entry| clip(&entry.path).into()).collect();
    if !scripts.is_empty() {
        said.insert(String::from("scripts"), scripts.into());
    }
    let address = |source: &Source| {
        Some(json!({ "url": clip(source.urls.first()?), "sha256": source.sha256.as_deref().map(clip) }))
    };
    let sources: Vec<Value> = sources.iter().filter_map(address).collect();
    if !sources.is_empty() {
        said.insert(String::from("sources"), sources.into());
    }
    said
}

/// Under which names advisories speak of the release: those that the package states, and those of its sources.
fn known_as(file: &str, index: &Map<String, Value>, recipe: Option<(&str, &[Source])>) -> Option<KnownAs> {
    let version = text(index, "version")?;
    let stated = index.get("purls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let stated: Vec<String> = stated.take(MAX_LIST).filter_map(|purl| stated_name(purl, &version)).collect();
    if !stated.is_empty() {
        return Some(KnownAs { purls: stated, source: format!("purls of {INDEX} in {file}"), whole: true });
    }
    let (path, sources) = recipe?;
    let (purls, whole) = recipe::names(sources);
    (!purls.is_empty()).then(|| KnownAs { purls, source: format!("the sources of {path} in {file}"), whole })
}

/// A package URL that a package states of itself, in the version of the package where it says none.
pub(crate) fn stated_name(text: &str, version: &str) -> Option<String> {
    let mut purl = Purl::parse(text).ok()?;
    purl.version.get_or_insert_with(|| version.to_owned());
    (purl.ty != crate::ECOSYSTEM.purl_type).then(|| purl.to_string())
}

/// Scripts that installing or removing the package runs: their kind, their path, and what tells one from another.
fn scripts(entries: &[Entry]) -> Vec<Script> {
    let scripts = entries.iter().filter(|entry| is_script(&entry.path)).map(|entry| {
        let kind = SCRIPTS.iter().find(|kind| entry.path.contains(**kind)).map_or("script", |kind| &kind[1..]);
        let command = format!("{} ({})", clip(&entry.path), Digest::of(&entry.bytes).short());
        Script { name: kind.into(), command: command.into() }
    });
    scripts.take(MAX_LIST).collect()
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(clip)
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use weir_core::PackageName;

    use super::*;

    fn entry(path: &str, text: &str) -> Entry {
        Entry { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    fn declare(file: &str, entries: &[Entry]) -> Declared {
        let package = PackageName::from_normalized("conda-forge/linux-64/demo");
        declared(file, entries, &Expected { package: &package, version: "1.0" })
    }

    #[test]
    fn a_file_name_has_three_parts() {
        let parsed = FileName::parse("python-dateutil-2.9.0.post0-pyhd8ed1ab_0.conda").unwrap();
        assert_eq!((parsed.name, parsed.version, parsed.build), ("python-dateutil", "2.9.0.post0", "pyhd8ed1ab_0"));
        assert!(FileName::parse("_libgcc_mutex-0.1-main.tar.bz2").is_some());
        let long = format!("a-1-{}.conda", "0".repeat(300));
        for file in [
            "",
            "a.conda",
            "a-1.conda",
            "a-1-0.zip",
            "A-1-0.conda",
            "a-1-0/.conda",
            "..-1-0.conda",
            "a-1-.conda",
            "a-1-0%2f.conda",
            &long,
        ] {
            assert_eq!(FileName::parse(file), None, "{file}");
        }
    }

    #[test]
    fn a_package_says_what_it_is() {
        let index = r#"{"name":"demo","version":"1.0","build":"h1_0","subdir":"linux-64","license":"MIT","depends":["python"]}"#;
        let about = r#"{"home":"https://example.org","dev_url":["https://example.org/dev"]}"#;
        let recipe = "source:\n  - url: https://example.org/demo-1.0.tar.gz\n    sha256: abc\n";
        let entries =
            [entry(INDEX, index), entry(ABOUT, about), entry(RECIPE[0], recipe), entry("bin/.demo-post-link.sh", "x")];
        let out = declare("demo-1.0-h1_0.conda", &entries);
        assert_eq!(out.license, Some((String::from("MIT"), String::from("info/index.json in demo-1.0-h1_0.conda"))));
        assert!(out.findings.is_empty(), "{:?}", out.findings);
        assert_eq!(out.said["scripts"], json!(["bin/.demo-post-link.sh"]));
        assert_eq!(out.said["sources"], json!([{ "url": "https://example.org/demo-1.0.tar.gz", "sha256": "abc" }]));
        assert_eq!(out.said["dev_url"], "https://example.org/dev");
        assert_eq!(out.known_as, None);
        let scripts = out.scripts.unwrap();
        assert_eq!((scripts.len(), &*scripts[0].name), (1, "post-link"));
        assert!(scripts[0].command.starts_with("bin/.demo-post-link.sh ("), "{:?}", scripts[0].command);
    }

    #[test]
    fn a_package_says_under_which_names_advisories_speak_of_it() {
        let index =
            |more: &str| format!(r#"{{"name":"demo","version":"1.0","build":"h1_0","subdir":"linux-64"{more}}}"#);
        let recipe = "source:\n  - url: https://pypi.org/packages/source/d/demo/demo-1.0.0.tar.gz\n";
        let known_as = |index: &str, recipe: &str| {
            declare("demo-1.0-h1_0.conda", &[entry(INDEX, index), entry(RECIPE[0], recipe)]).known_as
        };
        let found = known_as(&index(""), recipe).unwrap();
        assert_eq!((found.purls, found.whole), (vec![String::from("pkg:pypi/demo@1.0.0")], true));
        assert_eq!(found.source, "the sources of info/recipe/meta.yaml in demo-1.0-h1_0.conda");
        let with_git = format!("{recipe}  - git_url: https://example.org/x.git\n");
        assert!(!known_as(&index(""), &with_git).unwrap().whole);
        // What it states of itself comes first; itself under another name is none.
        let stated = r#","purls":["pkg:pypi/other","pkg:conda/demo","junk"]"#;
        let found = known_as(&index(stated), recipe).unwrap();
        assert_eq!((found.purls, found.whole), (vec![String::from("pkg:pypi/other@1.0")], true));
        assert_eq!(known_as(&index(""), "source:\n  url: https://example.org/demo-1.0.tar.gz\n"), None);
    }

    #[test]
    fn a_package_that_contradicts_its_index_is_found() {
        let index = r#"{"name":"other","version":"1.1","build":"h2_0","subdir":"win-64"}"#;
        let out = declare("demo-1.0-h1_0.conda", &[entry(INDEX, index)]);
        let codes: Vec<&str> = out.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["name-mismatch", "version-mismatch", "build-mismatch", "platform-mismatch"]);
        let codes = |entries: &[Entry]| declare("demo-1.0-h1_0.conda", entries).findings[0].code.clone();
        assert_eq!(codes(&[]), "missing-manifest");
        assert_eq!(codes(&[entry(INDEX, "[]")]), "unreadable-manifest");
    }
}
