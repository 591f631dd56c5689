//! Where files lie in a repository, and what a path names.
//!
//! Specification: Maven "Repository Layout - Final" and the resolver's `Maven2RepositoryLayoutFactory`. No document lists the
//! files of a release. A file is `artifact-version[-classifier].extension` in the directory of its version, and nothing else is
//! one: its address is made from these parts, each of which has been checked, and never from a path.

use weir_core::PackageName;
use weir_core::digest::Checksum;

use crate::name::{directory, split};
use crate::version::Version;

/// Longest file name, in bytes.
pub const MAX_FILE: usize = 250;

/// Endings of what vouches for a file: signatures of OpenPGP and Sigstore.
pub const SIGNATURES: [&str; 2] = ["asc", "sigstore.json"];

/// What of a file a name asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// The file.
    Whole,
    /// Its checksum.
    Checksum(Checksum),
    /// Its signature, by ending.
    Signature(&'static str),
    /// The checksum of its signature.
    SignatureChecksum(&'static str, Checksum),
}

/// Takes the ending off that asks for something beside a file.
pub fn tail(name: &str) -> (&str, Tail) {
    let (rest, checksum) = checksum(name);
    let signed = SIGNATURES.iter().find_map(|ending| {
        let base = rest.strip_suffix(ending)?.strip_suffix('.')?;
        (!base.is_empty()).then_some((base, *ending))
    });
    match (signed, checksum) {
        (None, None) => (rest, Tail::Whole),
        (None, Some(checksum)) => (rest, Tail::Checksum(checksum)),
        (Some((base, ending)), None) => (base, Tail::Signature(ending)),
        (Some((base, ending)), Some(checksum)) => (base, Tail::SignatureChecksum(ending, checksum)),
    }
}

/// Takes the ending of a checksum off.
pub fn checksum(name: &str) -> (&str, Option<Checksum>) {
    let found = Checksum::ALL.into_iter().find_map(|checksum| {
        let base = name.strip_suffix(checksum.word())?.strip_suffix('.')?;
        (!base.is_empty()).then_some((base, checksum))
    });
    found.map_or((name, None), |(base, checksum)| (base, Some(checksum)))
}

/// The file name of a release's POM.
pub fn pom(package: &PackageName, version: &str) -> String {
    format!("{}-{version}.pom", split(package).1)
}

/// The path of a file of a release, relative to the repository.
pub fn path(package: &PackageName, version: &str, file: &str) -> String {
    format!("{}/{version}/{file}", directory(package))
}

/// True for what may be a directory or a file of a repository.
pub fn is_segment(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    !text.is_empty() && text.bytes().all(fine) && !matches!(text, "." | "..")
}

/// True for a version whose bytes may change until it is released.
pub fn is_snapshot(version: &str) -> bool {
    version.len() > SNAPSHOT.len() + 1
        && version.ends_with(SNAPSHOT)
        && version.as_bytes().get(version.len() - SNAPSHOT.len() - 1) == Some(&b'-')
}

const SNAPSHOT: &str = "SNAPSHOT";

/// True if a file may belong to a release of this package, going by its name: `artifact-version`, perhaps a classifier after
/// `-`, and an extension after `.`. In the directory of a snapshot files have a time and a number in the place of the word.
pub fn is_file_of(package: &PackageName, version: &str, file: &str) -> bool {
    if file.len() > MAX_FILE || !is_segment(file) || !is_segment(version) || Version::parse(version).is_err() {
        return false;
    }
    let Some(rest) = file.strip_prefix(split(package).1).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let ends = |rest: &str| {
        let (classifier, extension) = match rest.strip_prefix('-') {
            Some(rest) => match rest.split_once('.') {
                Some((classifier, extension)) => (Some(classifier), extension),
                None => return false,
            },
            None => match rest.strip_prefix('.') {
                Some(extension) => (None, extension),
                None => return false,
            },
        };
        classifier != Some("") && !extension.is_empty() && !extension.split('.').any(str::is_empty)
    };
    if rest.strip_prefix(version).is_some_and(ends) {
        return true;
    }
    let stamped = || {
        let base = version.strip_suffix(SNAPSHOT).filter(|_| is_snapshot(version))?;
        stamp(rest.strip_prefix(base)?)
    };
    stamped().is_some_and(ends)
}

/// What follows `20260102.030405-6`.
fn stamp(text: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let after = |text: &'_ str, count: usize| -> Option<usize> { (digits(text) == count).then_some(count) };
    let rest = text.get(after(text, 8)?..)?.strip_prefix('.')?;
    let rest = rest.get(after(rest, 6)?..)?.strip_prefix('-')?;
    match digits(rest) {
        0 => None,
        count => rest.get(count..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Coordinates;
    use weir_core::ecosystem::Names as _;

    #[test]
    fn a_file_has_the_artifact_and_the_version_in_its_name() {
        let package = Coordinates.parse("org.example:weir-demo").unwrap();
        for (version, file, is) in [
            ("1.0", "weir-demo-1.0.jar", true),
            ("1.0", "weir-demo-1.0.pom", true),
            ("1.0", "weir-demo-1.0-sources.jar", true),
            ("1.0", "weir-demo-1.0-linux-x86_64.tar.gz", true),
            ("1.0", "weir-demo-1.0.module", true),
            ("1.0-SNAPSHOT", "weir-demo-1.0-SNAPSHOT.jar", true),
            ("1.0-SNAPSHOT", "weir-demo-1.0-20260102.030405-6.jar", true),
            ("1.0-SNAPSHOT", "weir-demo-1.0-20260102.030405-6-sources.jar", true),
            ("1.0", "weir-demo-1.0", false),
            ("1.0", "weir-demo-1.0.", false),
            ("1.0", "weir-demo-1.0-.jar", false),
            ("1.0", "weir-demo-1.0-sources", false),
            ("1.0", "weir-demo-1.0..jar", false),
            ("1.0", "weir-demo-1.01.jar", false),
            ("1.0", "weir-demo-1.1.jar", false),
            ("1.0", "weir-1.0.jar", false),
            ("1.0", "weir-demo1.0.jar", false),
            ("1.0", "weir-demo-1.0/x.jar", false),
            ("1.0", "weir-demo-1.0-%2e.jar", false),
            ("1.0-SNAPSHOT", "weir-demo-1.0-2026010.030405-6.jar", false),
            ("1.0-SNAPSHOT", "weir-demo-1.0-20260102.030405-.jar", false),
            ("1.0-SNAPSHOT", "weir-demo-1.1-20260102.030405-6.jar", false),
        ] {
            assert_eq!(is_file_of(&package, version, file), is, "{version} {file}");
        }
        let long = |length: usize| format!("weir-demo-1.0-{}.jar", "x".repeat(length - 18));
        assert!(is_file_of(&package, "1.0", &long(MAX_FILE)));
        assert!(!is_file_of(&package, "1.0", &long(MAX_FILE + 1)));
        assert!(
            is_snapshot("1-SNAPSHOT") && !is_snapshot("SNAPSHOT") && !is_snapshot("-SNAPSHOT") && !is_snapshot("1.0")
        );
    }

    #[test]
    fn what_stands_beside_a_file_is_told_from_its_ending() {
        for (name, base, expected) in [
            ("a-1.jar", "a-1.jar", Tail::Whole),
            ("a-1.jar.sha1", "a-1.jar", Tail::Checksum(Checksum::Sha1)),
            ("a-1.jar.md5", "a-1.jar", Tail::Checksum(Checksum::Md5)),
            ("a-1.jar.asc", "a-1.jar", Tail::Signature("asc")),
            ("a-1.jar.asc.sha512", "a-1.jar", Tail::SignatureChecksum("asc", Checksum::Sha512)),
            ("a-1.jar.sigstore.json", "a-1.jar", Tail::Signature("sigstore.json")),
            ("sha1", "sha1", Tail::Whole),
            (".sha1", ".sha1", Tail::Whole),
        ] {
            assert_eq!(tail(name), (base, expected), "{name}");
        }
    }
}
