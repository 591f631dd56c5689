//! `package-lock.json` of the lock file versions 1 to 3, and `npm-shrinkwrap.json`, which is the same.
//!
//! Specification: the npm documentation, "package-lock.json". Versions 2 and 3 list every installed place under `packages`;
//! version 1 nests them under `dependencies` and does not tell what the project itself asks for.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_core::Purl;
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::Names as _;
use weir_core::lockfile::{Format, InvalidLockfile, Lines, Locked, Lockfile, Scope, Why};

use crate::ECOSYSTEM;
use crate::json::{Field, Object};
use crate::name::Npm;

/// What is read.
pub const FORMATS: &[Format] =
    &[Format { name: "package-lock.json", files: &["package-lock.json", "npm-shrinkwrap.json"], read }];

/// Deepest nesting of packages in packages in a file of version 1: `node_modules` in `node_modules`.
const MAX_NESTING: usize = 100;
/// What separates places in the names of places.
const MODULES: &str = "node_modules/";

fn invalid(line: Option<usize>, problem: &str) -> InvalidLockfile {
    InvalidLockfile { expected: "package-lock.json", line, problem: problem.to_owned() }
}

fn read(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let file = match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => Object::read(text).ok_or_else(|| invalid(Some(1), "it is no JSON object"))?,
        Err(error) => return Err(invalid(Some(error.line()), &error.to_string())),
    };
    let lines = Lines::new(text);
    let mut read = Lockfile::default();
    if let Some(packages) = file.object("packages") {
        by_place(&packages, &lines, &mut read);
    } else if let Some(dependencies) = file.object("dependencies") {
        nested(&dependencies, &lines, &mut read, &mut vec![HashMap::new()], MAX_NESTING)?;
        read.has_edges = true;
    } else if file.get("lockfileVersion").is_none() {
        return Err(invalid(None, "it has neither `packages` nor `dependencies` nor `lockfileVersion`"));
    }
    Ok(read)
}

/// The digests of an `integrity`: those of the strongest kind that it names are enough.
pub fn integrity(text: &str) -> Option<StatedDigests> {
    let mut stated = StatedDigests::default();
    for part in text.split_ascii_whitespace() {
        let (kind, rest) = part.split_once('-')?;
        let bytes = STANDARD.decode(rest.split('?').next().unwrap_or(rest)).ok();
        match kind {
            "sha512" => stated.sha512 = bytes.filter(|bytes| bytes.len() == 64),
            "sha256" => {
                stated.sha256 = bytes.and_then(|bytes| Some(weir_core::Digest::from_bytes(bytes.try_into().ok()?)));
            }
            "sha1" => stated.sha1 = bytes.filter(|bytes| bytes.len() == 20),
            _ => {}
        }
    }
    (!stated.is_empty()).then_some(stated)
}

/// The package at a place, if a registry has it.
pub fn locked(name: &str, version: &str, line: usize) -> Option<Locked> {
    let package = Npm.parse(name).ok()?;
    weir_core::ecosystem::Versions::sort_key(&crate::version::Npm, version).ok()?;
    Some(Locked::new(Purl::new(&ECOSYSTEM, &package, Some(version)), line))
}

/// True for an address that a registry's archives have.
pub fn is_registry(resolved: &str) -> bool {
    (resolved.starts_with("https://") || resolved.starts_with("http://")) && !is_hosted_git(resolved)
}

/// Archives that hosts of repositories make of a commit.
fn is_hosted_git(resolved: &str) -> bool {
    ["https://codeload.github.com/", "https://gitlab.com/", "https://bitbucket.org/"]
        .iter()
        .any(|host| resolved.starts_with(host))
}

/// Versions 2 and 3.
fn by_place(packages: &Object<'_>, lines: &Lines<'_>, read: &mut Lockfile) {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    // The project and its workspaces: by the place of each, and where links to them lead.
    let mut projects = Vec::new();
    for field in &packages.0 {
        let Some(entry) = Object::read(field.value) else { continue };
        let place = field.name().into_owned();
        let is_true = |key: &str| entry.get(key) == Some("true");
        if is_true("link") {
            continue;
        }
        let Some(at) = place.rfind(MODULES) else {
            projects.push((place, entry));
            continue;
        };
        let line = lines.of(field.key());
        let named = entry.text("name").map(|name| name.into_owned());
        let name = named.unwrap_or_else(|| place[at + MODULES.len()..].to_owned());
        let version = entry.text("version").unwrap_or_default().into_owned();
        let resolved = entry.text("resolved").unwrap_or_default();
        // What lies in another package's archive has no address.
        if !resolved.is_empty() && !is_registry(&resolved) {
            read.unlocked(&format!("{name} {resolved}"), line, Why::NotFromRegistry);
            continue;
        }
        let Some(mut locked) = locked(&name, &version, line) else {
            read.unlocked(&format!("{name} {version}"), line, Why::Unreadable);
            continue;
        };
        locked.digests = entry.text("integrity").and_then(|text| integrity(&text)).into_iter().collect();
        places.insert(place.clone(), read.packages.len());
        entries.push((place, entry));
        read.packages.push(locked);
    }
    let needs = |entry: &Object<'_>, place: &str, key: &str| -> Vec<usize> {
        let needed = entry.object(key);
        let names = needed.iter().flat_map(|needed| &needed.0).map(Field::name);
        names.filter_map(|name| found(&places, place, &name)).collect()
    };
    for (at, (place, entry)) in entries.iter().enumerate() {
        let kinds = ["dependencies", "optionalDependencies", "peerDependencies"];
        if let Some(locked) = read.packages.get_mut(at) {
            locked.requires = kinds.iter().flat_map(|kind| needs(entry, place, kind)).collect();
        }
    }
    let mut roots = Vec::new();
    for (place, entry) in &projects {
        for (kind, scope) in [
            ("dependencies", Scope::Runtime),
            ("peerDependencies", Scope::Runtime),
            ("optionalDependencies", Scope::Optional),
            ("devDependencies", Scope::Development),
        ] {
            roots.extend(needs(entry, place, kind).into_iter().map(|needed| (needed, scope)));
        }
    }
    read.root(&roots);
}

/// Where Node.js finds a package from a place: in its own folder, else in one of those around it.
fn found(places: &HashMap<String, usize>, from: &str, name: &str) -> Option<usize> {
    let mut around = from;
    loop {
        let candidate =
            if around.is_empty() { format!("{MODULES}{name}") } else { format!("{around}/{MODULES}{name}") };
        if let Some(at) = places.get(&candidate) {
            return Some(*at);
        }
        if around.is_empty() {
            return None;
        }
        // Out of the innermost package, or of a workspace to the root.
        around = around.rfind(MODULES).map_or("", |at| around[..at].trim_end_matches('/'));
    }
}

/// Version 1. `around` are the packages of the folders around, the outermost first.
fn nested(
    dependencies: &Object<'_>,
    lines: &Lines<'_>,
    read: &mut Lockfile,
    around: &mut Vec<HashMap<String, usize>>,
    nesting: usize,
) -> Result<(), InvalidLockfile> {
    let entries: Vec<_> = dependencies.0.iter().filter_map(|field| Some((field, Object::read(field.value)?))).collect();
    let mut places = Vec::with_capacity(entries.len());
    for (field, entry) in &entries {
        let (alias, line) = (field.name(), lines.of(field.key()));
        let written = entry.text("version").unwrap_or_default().into_owned();
        let aliased = written.strip_prefix("npm:").and_then(|rest| rest.rsplit_once('@'));
        let (name, version) = aliased.unwrap_or((&alias, &written));
        places.push(locked(name, version, line).map(|mut locked| {
            locked.digests = entry.text("integrity").and_then(|text| integrity(&text)).into_iter().collect();
            locked.scope = match (entry.get("dev"), entry.get("optional")) {
                (Some("true"), _) => Scope::Development,
                (_, Some("true")) => Scope::Optional,
                _ => Scope::Runtime,
            };
            read.packages.push(locked);
            read.packages.len() - 1
        }));
        match (places.last(), around.last_mut()) {
            (Some(Some(at)), Some(here)) => drop(here.insert(alias.into_owned(), *at)),
            _ => read.unlocked(&format!("{alias} {written}"), line, Why::NotFromRegistry),
        }
    }
    for ((field, entry), place) in entries.iter().zip(places) {
        let inside = entry.object("dependencies");
        if inside.is_some() && nesting == 0 {
            let problem = format!("packages are nested in packages more than {MAX_NESTING} deep");
            return Err(invalid(Some(lines.of(field.key())), &problem));
        }
        around.push(HashMap::new());
        if let Some(inside) = &inside {
            nested(inside, lines, read, around, nesting - 1)?;
        }
        let needed = entry.object("requires");
        let names = needed.iter().flat_map(|needed| &needed.0).map(Field::name);
        let requires =
            names.filter_map(|name| around.iter().rev().find_map(|here| here.get(&*name)).copied()).collect();
        if let Some(locked) = place.and_then(|place| read.packages.get_mut(place)) {
            locked.requires = requires;
        }
        around.pop();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let read = FORMATS[0].read_bytes(text.as_bytes()).unwrap();
        let paths = read.paths();
        let told = read.packages.iter().zip(paths).map(|(locked, path)| {
            let digests =
                locked.digests.first().map_or("no digest", |it| if it.sha512.is_some() { "sha512" } else { "sha1" });
            format!("{} line {} {} {digests} {path:?}", locked.purl, locked.line, locked.scope.word())
        });
        told.chain(read.unlocked.iter().map(|it| format!("{} line {}: {}", it.text, it.line, it.why.text()))).collect()
    }

    const SHA512: &str =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

    #[test]
    fn a_file_of_version_3_tells_every_place_and_the_way_to_it() {
        let text = format!(
            r#"{{
  "lockfileVersion": 3,
  "packages": {{
    "": {{ "dependencies": {{ "a": "^1.0.0", "app": "*" }}, "devDependencies": {{ "@x/dev": "*" }} }},
    "node_modules/a": {{
      "version": "1.0.0",
      "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
      "integrity": "{SHA512}",
      "dependencies": {{ "b": "^2.0.0" }}
    }},
    "node_modules/a/node_modules/b": {{ "version": "2.0.0", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }},
    "node_modules/b": {{ "version": "1.0.0" }},
    "node_modules/alias": {{ "name": "real", "version": "3.0.0" }},
    "node_modules/@x/dev": {{ "version": "1.0.0", "dependencies": {{ "b": "*", "a": "*" }} }},
    "node_modules/app": {{ "resolved": "packages/app", "link": true }},
    "packages/app": {{ "dependencies": {{ "alias": "npm:real@3" }} }},
    "node_modules/git": {{ "version": "1.0.0", "resolved": "git+ssh://git@example.com/x.git#0123" }}
  }}
}}"#
        );
        assert_eq!(
            told(&text),
            [
                "pkg:npm/a@1.0.0 line 5 runtime sha512 [0]",
                "pkg:npm/b@2.0.0 line 11 runtime sha1 [0, 1]",
                "pkg:npm/b@1.0.0 line 12 development no digest [4, 2]",
                "pkg:npm/real@3.0.0 line 13 runtime no digest [3]",
                "pkg:npm/%40x/dev@1.0.0 line 14 development no digest [4]",
                "git git+ssh://git@example.com/x.git#0123 line 17: not from a registry",
            ]
        );
    }

    #[test]
    fn a_file_of_version_1_tells_what_lies_in_what() {
        let text = r#"{ "lockfileVersion": 1, "dependencies": {
            "a": { "version": "1.0.0", "requires": { "b": "^2.0.0" },
                   "dependencies": { "b": { "version": "2.0.0" } } },
            "b": { "version": "1.0.0", "dev": true },
            "c": { "version": "npm:real@3.0.0", "optional": true },
            "d": { "version": "github:x/y#0123" }
        } }"#;
        assert_eq!(
            told(text),
            [
                "pkg:npm/a@1.0.0 line 2 runtime no digest []",
                "pkg:npm/b@1.0.0 line 4 development no digest []",
                "pkg:npm/real@3.0.0 line 5 optional no digest []",
                "pkg:npm/b@2.0.0 line 3 runtime no digest []",
                "d github:x/y#0123 line 6: not from a registry",
            ]
        );
        assert_eq!(FORMATS[0].read_bytes(text.as_bytes()).unwrap().packages[0].requires, [3]);
    }

    #[test]
    fn nesting_stops_at_its_limit() {
        let deep = |levels: usize| {
            let inner = "{\"a\":{\"version\":\"1.0.0\",\"dependencies\":".repeat(levels);
            format!("{{\"dependencies\":{inner}{{}}{}}}", "}}".repeat(levels))
        };
        assert_eq!(
            FORMATS[0].read_bytes(deep(MAX_NESTING).as_bytes()).map(|read| read.packages.len()),
            Ok(MAX_NESTING)
        );
        assert!(FORMATS[0].read_bytes(deep(MAX_NESTING + 1).as_bytes()).is_err());
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        for (text, line) in [("{\n\"a\": \n}", Some(3)), ("[]", Some(1)), ("{}", None), ("", Some(1))] {
            assert_eq!(FORMATS[0].read_bytes(text.as_bytes()).unwrap_err().line, line, "{text}");
        }
    }
}
