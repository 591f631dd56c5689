//! Semantic versions and those like them: Hex, Pub, Julia, Swift, NuGet, Bitnami, actions, Kubernetes.
//!
//! Specification: semver.org 2.0.0, 11; `NuGetVersion` for NuGet; `pub_semver` for Pub; `VersionNumber` for Julia. Read more
//! kindly than written there: a `v` before it, and as many numbers as there are; missing ones are 0.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, is_number};

const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;
const END: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

/// What differs between the kinds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Build {
    /// What follows `+` says nothing about order.
    Ignored,
    /// It orders versions that are otherwise the same; one with it is later than one without.
    Ordered,
}

/// The key of a semantic version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    read(version, Build::Ignored)
}

/// The key where what follows `+` counts, too: Pub, Julia.
pub(crate) fn with_build(version: &str) -> Result<SortKey, &'static str> {
    read(version, Build::Ordered)
}

/// The key of a NuGet version: one to four numbers, upper and lower case are one.
pub(crate) fn nuget(version: &str) -> Result<SortKey, &'static str> {
    if version.split(['-', '+']).next().is_some_and(|numbers| numbers.split('.').count() > 4) {
        return Err("it has more than four numbers");
    }
    if version.starts_with(['v', 'V']) {
        return Err("it does not begin with a number");
    }
    read(&version.to_ascii_lowercase(), Build::Ignored)
}

fn read(version: &str, build: Build) -> Result<SortKey, &'static str> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (version, metadata) = match version.split_once('+') {
        Some((version, metadata)) => (version, Some(metadata)),
        None => (version, None),
    };
    let (numbers, pre_release) = match version.split_once('-') {
        Some((numbers, pre_release)) => (numbers, Some(pre_release)),
        None => (version, None),
    };
    if !numbers.split('.').all(is_number) {
        return Err("expected numbers between dots, such as 1.2.3");
    }
    let mut key = Key::default();
    let numbers: Vec<&str> = numbers.split('.').collect();
    // Zeros at the end say nothing.
    let length = numbers.iter().rposition(|number| number.bytes().any(|byte| byte != b'0')).map_or(0, |last| last + 1);
    for number in &numbers[..length] {
        key.mark(NUMBER).number(number);
    }
    key.mark(END);
    match pre_release {
        Some(pre_release) => {
            key.mark(PRE_RELEASE);
            identifiers(pre_release, &mut key)?;
        }
        None => {
            key.mark(RELEASE);
        }
    }
    if build == Build::Ordered {
        match metadata {
            Some(metadata) => {
                key.mark(1);
                identifiers(metadata, &mut key)?;
            }
            None => {
                key.mark(0);
            }
        }
    } else if let Some(metadata) = metadata {
        identifiers(metadata, &mut Key::default())?;
    }
    Ok(key.done())
}

/// Identifiers between dots: numbers are before text, and what goes on is later than what has ended.
fn identifiers(text: &str, key: &mut Key) -> Result<(), &'static str> {
    for identifier in text.split('.') {
        if !identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err("expected letters, digits and `-` between dots after `-` and `+`");
        }
        if is_number(identifier) {
            key.mark(NUMBER).number(identifier);
        } else {
            key.mark(TEXT).text(identifier);
        }
    }
    key.mark(END);
    Ok(())
}
