//! `Cargo.lock`, versions 1 to 4.
//!
//! Specification: the Cargo book, "Cargo.toml vs Cargo.lock", and cargo's `core/resolver/encode.rs`. A package without a
//! source belongs to the project: it is nothing to judge, and what it needs is what the project asks for.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;
use weir_core::Purl;
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::Names as _;
use weir_core::lockfile::{Format, InvalidLockfile, Lines, Locked, Lockfile, Scope, Why};

use crate::ECOSYSTEM;
use crate::name::Crates;

/// What is read.
pub const FORMATS: &[Format] = &[Format { name: "Cargo.lock", files: &["Cargo.lock"], read }];

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    /// Where version 1 has the checksums.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

fn read(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let lines = Lines::new(text);
    let file: File = toml::from_str(text).map_err(|error| InvalidLockfile {
        expected: "Cargo.lock",
        line: error.span().map(|span| lines.at(span.start)),
        problem: error.message().to_owned(),
    })?;
    let mut read = Lockfile::default();
    // Where each package of the file is among those that are told; none for the project's own and what no registry has.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(file.package.len());
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, package) in file.package.iter().enumerate() {
        by_name.entry(package.name.as_ref()).or_default().push(at);
        let line = lines.at(package.name.span().start);
        let source = package.source.as_deref();
        let place = match (source, Crates.parse(package.name.as_ref())) {
            (None, _) => None,
            (Some(source), Ok(name)) if source.starts_with("registry+") || source.starts_with("sparse+") => {
                let mut locked = Locked::new(Purl::new(&ECOSYSTEM, &name, Some(&package.version)), line);
                let key = format!("checksum {} {} ({source})", package.name.as_ref(), package.version);
                let in_metadata = || file.metadata.get(&key).and_then(toml::Value::as_str);
                let checksum = package.checksum.as_deref().or_else(in_metadata).and_then(|text| text.parse().ok());
                locked.digests = checksum
                    .map(|sha256| StatedDigests { sha256: Some(sha256), ..Default::default() })
                    .into_iter()
                    .collect();
                read.packages.push(locked);
                Some(read.packages.len() - 1)
            }
            (Some(_), named) => {
                let why = if named.is_ok() { Why::NotFromRegistry } else { Why::Unreadable };
                read.unlocked(&format!("{} {}", package.name.as_ref(), package.version), line, why);
                None
            }
        };
        places.push(place);
    }
    // `name`, `name version` or `name version (source)`, as much as it takes to say which.
    let named = |text: &str| -> Option<usize> {
        let mut words = text.splitn(3, ' ');
        let (name, version) = (words.next()?, words.next());
        let source = words.next().and_then(|source| source.strip_prefix('(')?.strip_suffix(')'));
        let mut candidates = by_name.get(name)?.iter().filter(|at| {
            let Some(package) = file.package.get(**at) else { return false };
            version.is_none_or(|version| package.version == version)
                && source.is_none_or(|source| package.source.as_deref() == Some(source))
        });
        candidates.next().copied()
    };
    let mut roots = Vec::new();
    for (at, package) in file.package.iter().enumerate() {
        let needed = package.dependencies.iter().filter_map(|text| named(text));
        let needed: Vec<usize> = needed.filter_map(|needed| places.get(needed).copied().flatten()).collect();
        match places.get(at).copied().flatten().and_then(|place| read.packages.get_mut(place)) {
            Some(locked) => locked.requires = needed,
            // The file does not tell what a project needs only to work on it.
            None if package.source.is_none() => roots.extend(needed.into_iter().map(|needed| (needed, Scope::Runtime))),
            None => {}
        }
    }
    read.root(&roots);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let read = FORMATS[0].read_bytes(text.as_bytes()).unwrap();
        let paths = read.paths();
        let told = read.packages.iter().zip(paths).map(|(locked, path)| {
            let digest =
                locked.digests.first().and_then(|digests| digests.sha256).map(|it| it.to_string()[..4].to_owned());
            format!("{} line {} {:?} {path:?}", locked.purl, locked.line, digest)
        });
        told.chain(read.unlocked.iter().map(|it| format!("{} line {}: {}", it.text, it.line, it.why.text()))).collect()
    }

    const A: &str = "1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn a_file_of_version_4_tells_packages_with_their_place_checksum_and_path() {
        let text = format!(
            r#"# This file is automatically @generated by Cargo.
version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "itoa 1.0.1",
 "mine",
]

[[package]]
name = "itoa"
version = "0.4.8"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{A}"

[[package]]
name = "itoa"
version = "1.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{A}"
dependencies = [
 "itoa 0.4.8",
]

[[package]]
name = "mine"
version = "0.1.0"
source = "git+https://example.com/mine#0123"
"#
        );
        assert_eq!(
            told(&text),
            [
                "pkg:cargo/itoa@0.4.8 line 13 Some(\"1111\") [1, 0]",
                "pkg:cargo/itoa@1.0.1 line 19 Some(\"1111\") [1]",
                "mine 0.1.0 line 28: not from a registry",
            ]
        );
    }

    #[test]
    fn a_file_of_version_1_has_its_checksums_at_the_end() {
        let source = "registry+https://github.com/rust-lang/crates.io-index";
        let text = format!(
            "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa 0.4.8 ({source})\",\n]\n\n\
             [[package]]\nname = \"itoa\"\nversion = \"0.4.8\"\nsource = \"{source}\"\n\n\
             [metadata]\n\"checksum itoa 0.4.8 ({source})\" = \"{A}\"\n"
        );
        assert_eq!(told(&text), ["pkg:cargo/itoa@0.4.8 line 9 Some(\"1111\") [0]"]);
    }

    #[test]
    fn the_lock_file_of_this_project_is_read_whole() {
        let text = include_str!("../../../Cargo.lock");
        let read = FORMATS[0].read_bytes(text.as_bytes()).unwrap();
        let sources = text.matches("\nsource = \"registry+").count();
        assert_eq!((read.packages.len(), read.unlocked.len()), (sources, 0));
        assert!(read.packages.iter().all(|locked| locked.digests.len() == 1));
        // Every package is needed by something of the project.
        assert!(read.paths().iter().all(|path| !path.is_empty()));
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let error = FORMATS[0].read_bytes(b"version = 4\n[[package]]\nname = \n").unwrap_err();
        assert_eq!(error.line, Some(3));
        assert!(error.to_string().starts_with("it is not a Cargo.lock that can be read, line 3: "), "{error}");
        assert!(FORMATS[0].read_bytes("[".repeat(100_000).as_bytes()).is_err());
    }
}
