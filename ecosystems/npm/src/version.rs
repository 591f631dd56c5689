//! Versions: [Semantic Versioning 2.0.0](https://semver.org/spec/v2.0.0.html) as node-semver reads it.
//!
//! There are three readings. [`Version::parse`] and [`Version::parse_loose`] are node-semver's strict and loose ones.
//! The third, lenient one is behind [`Npm`]'s `sort_key`: it also takes what stands in advisories and old packuments
//! and has a plain meaning, so that a record is not lost over a missing `.0`:
//!
//! | Text | Read as |
//! |---|---|
//! | `1`, `1.2`, `1.2-rc` | missing parts are 0 |
//! | `1.2.3.4` | further parts count after the patch; missing ones are 0 |
//! | `1.0.0.beta.3`, `1.9.0b1` | `1.0.0-beta.3`, `1.9.0-b1` |
//! | `1.3.0-*` | below every pre-release of 1.3.0 |
//! | numbers of any size | themselves |
//!
//! Everything else is refused: a version that cannot be read is *not assessed*.

use std::cmp::Ordering;
use std::fmt;

use weir_core::ecosystem::{InvalidRange, VersionRange, Versions};
use weir_core::{InvalidVersion, SortKey};

use crate::range::Range;
use crate::{TITLE, excerpt};

/// Longest version, in bytes (node-semver's own limit).
pub const MAX_LENGTH: usize = 256;

/// Largest part of a strict or loose version: JavaScript's `Number.MAX_SAFE_INTEGER`.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Orders npm versions.
#[derive(Debug)]
pub struct Npm;

impl Versions for Npm {
    /// Numbers as length and big-endian bytes; then what follows: 1 a pre-release, 2 nothing, 3 a further part. The
    /// identifiers of a pre-release each begin with 1 (number) or 2 (text, ended by 0); the list ends with 0.
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        let scanned = Scanned::lenient(version).map_err(|problem| invalid(version, problem))?;
        Ok(SortKey::from_bytes(scanned.key()))
    }

    fn canonical(&self, version: &str) -> String {
        strip_prefix(version.trim()).to_owned()
    }

    fn is_prerelease(&self, version: &str) -> bool {
        Scanned::lenient(version).is_ok_and(|scanned| scanned.prerelease.is_some())
    }

    fn major_line(&self, version: &str) -> Option<String> {
        let scanned = Scanned::lenient(version).ok()?;
        let part = |index: usize| scanned.numbers.get(index).map_or("0", |digits| significant(digits));
        Some(match part(0) {
            "0" => format!("0.{}", part(1)),
            major => major.to_owned(),
        })
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(Range::parse(text)?))
    }
}

/// A version as node-semver has it: three numbers, pre-release identifiers, build identifiers.
///
/// It displays without its build identifiers, as node-semver's `version` does. Its order is that of precedence; build
/// identifiers count neither for order nor for equality.
#[derive(Clone, Debug)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// Between `-` and `+`.
    pub prerelease: Vec<Identifier>,
    /// After `+`.
    pub build: Vec<String>,
}

impl Version {
    /// Reads a version as node-semver does by default.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        Self::parse_as(text, false)
    }

    /// Reads a version as node-semver does with `loose`.
    pub fn parse_loose(text: &str) -> Result<Self, InvalidVersion> {
        Self::parse_as(text, true)
    }

    pub(crate) fn parse_as(text: &str, loose: bool) -> Result<Self, InvalidVersion> {
        let read = || {
            if text.len() > MAX_LENGTH {
                return Err(TOO_LONG);
            }
            let text = text.trim();
            if loose {
                return Self::scan(strip_prefix(text), true);
            }
            Self::scan(text.strip_prefix('v').unwrap_or(text), false)
        };
        read().map_err(|problem| invalid(text, problem))
    }

    /// The version with these numbers.
    pub(crate) fn of(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, prerelease: Vec::new(), build: Vec::new() }
    }

    /// Reads numbers and what follows, without any prefix.
    fn scan(text: &str, loose: bool) -> Result<Self, &'static str> {
        let mut rest = text;
        let mut numbers = [""; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix('.').ok_or(THREE_NUMBERS)?;
            }
            (*number, rest) = digits(rest);
            if number.is_empty() {
                return Err(THREE_NUMBERS);
            }
            if !loose && number.len() > 1 && number.starts_with('0') {
                return Err("a number begins with 0");
            }
        }
        let (prerelease, build) = match tail(rest, loose) {
            Ok(tail) => tail,
            // In node-semver's loose expression the hyphen is optional, and so `1.2.34.5` is `1.2.3-4.5`.
            Err(problem) if !loose || numbers[2].len() < 2 => return Err(problem),
            Err(_) => {
                let at = text.len() - rest.len() - 1;
                numbers[2] = &numbers[2][..numbers[2].len() - 1];
                tail(&text[at..], loose)?
            }
        };
        let [major, minor, patch] = numbers.map(number);
        Ok(Self { major: major?, minor: minor?, patch: patch?, prerelease, build })
    }

    /// The same key as the one that [`Npm`] makes of its text.
    pub(crate) fn key(&self) -> Vec<u8> {
        let numbers = [self.major.to_string(), self.minor.to_string(), self.patch.to_string()];
        Scanned {
            numbers: numbers.iter().map(String::as_str).collect(),
            prerelease: (!self.prerelease.is_empty()).then(|| self.prerelease.iter().map(|id| id.0.as_str()).collect()),
        }
        .key()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| self.prerelease.is_empty().cmp(&other.prerelease.is_empty()))
            .then_with(|| self.prerelease.cmp(&other.prerelease))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (index, identifier) in self.prerelease.iter().enumerate() {
            write!(f, "{}{identifier}", if index == 0 { '-' } else { '.' })?;
        }
        Ok(())
    }
}

/// One identifier of a pre-release: a number if it has only digits, else a text. Numbers are below texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identifier(String);

impl Identifier {
    fn new(text: &str) -> Self {
        Self(if is_number(text) { significant(text) } else { text }.to_owned())
    }

    /// Its text; of a number, without leading zeros.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it has only digits.
    pub fn is_numeric(&self) -> bool {
        is_number(&self.0)
    }
}

impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_numeric(), other.is_numeric()) {
            (true, true) => self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) const TOO_LONG: &str = "it is longer than 256 characters";
const THREE_NUMBERS: &str = "expected three numbers, as in `1.2.3`, and then at most `-` and a pre-release";
const BAD_TAIL: &str = "after its numbers come `-` and identifiers of letters, digits and `-`, joined by `.`";
const BAD_BUILD: &str = "after `+` come identifiers of letters, digits and `-`, joined by `.`";
pub(crate) const TOO_BIG: &str = "a number is above 9007199254740991";
const NO_NUMBER: &str = "it does not begin with a number";

fn invalid(version: &str, problem: &str) -> InvalidVersion {
    InvalidVersion { ecosystem: TITLE, version: excerpt(version), problem: problem.to_owned() }
}

/// What node-semver's loose reading passes over before a version.
pub(crate) fn strip_prefix(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == 'v' || c == '=' || c.is_whitespace())
}

/// Splits `text` after its leading digits.
pub(crate) fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// The value of digits, if JavaScript could hold it exactly.
pub(crate) fn number(digits: &str) -> Result<u64, &'static str> {
    digits.parse().ok().filter(|&value| value <= MAX_NUMBER).ok_or(TOO_BIG)
}

/// Reads `-rc.1+build`; in loose mode the hyphen may be missing and numbers may begin with 0.
pub(crate) fn tail(text: &str, loose: bool) -> Result<(Vec<Identifier>, Vec<String>), &'static str> {
    let (prerelease, build) = match text.split_once('+') {
        Some((prerelease, build)) => (prerelease, Some(build)),
        None => (text, None),
    };
    let identifiers = match prerelease.strip_prefix('-') {
        // With an optional hyphen, a hyphen alone is an identifier.
        Some("") if loose => "-",
        Some(identifiers) => identifiers,
        None if prerelease.is_empty() || loose => prerelease,
        None => return Err(BAD_TAIL),
    };
    let mut read = Vec::new();
    if !prerelease.is_empty() {
        for identifier in identifiers.split('.') {
            let zero = identifier.len() > 1 && identifier.starts_with('0') && is_number(identifier);
            if !is_identifier(identifier) || (zero && !loose) {
                return Err(BAD_TAIL);
            }
            read.push(Identifier::new(identifier));
        }
    }
    let build = match build {
        None => Vec::new(),
        Some(build) if build.split('.').all(is_identifier) => build.split('.').map(str::to_owned).collect(),
        Some(_) => return Err(BAD_BUILD),
    };
    Ok((read, build))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without leading zeros; of zeros, one.
fn significant(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0",
        significant => significant,
    }
}

/// The parts of a version in the lenient reading.
struct Scanned<'a> {
    numbers: Vec<&'a str>,
    /// Empty for `-*`, which is below all that have an identifier.
    prerelease: Option<Vec<&'a str>>,
}

impl<'a> Scanned<'a> {
    fn lenient(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > MAX_LENGTH {
            return Err(TOO_LONG);
        }
        let text = strip_prefix(text.trim());
        let text = match text.split_once('+') {
            None => text,
            Some((text, build)) if build.split('.').all(is_identifier) => text,
            Some(_) => return Err(BAD_BUILD),
        };
        let mut numbers = Vec::with_capacity(4);
        let mut rest = text;
        loop {
            let (number, after) = digits(rest);
            if number.is_empty() {
                break;
            }
            numbers.push(number);
            rest = after;
            match after.strip_prefix('.') {
                // What follows the full stop may also be the pre-release of `1.0.0.beta`.
                Some(next) if !digits(next).0.is_empty() => rest = next,
                _ => break,
            }
        }
        if numbers.is_empty() {
            return Err(NO_NUMBER);
        }
        let prerelease = match rest {
            "" => None,
            "-*" => Some(Vec::new()),
            "-" => Some(vec!["-"]),
            _ => {
                let identifiers = rest.strip_prefix(['-', '.']).unwrap_or(rest);
                // `1.x` is a range.
                let is_range = rest.starts_with(".x") || rest.starts_with(".X");
                if is_range || !identifiers.split('.').all(is_identifier) {
                    return Err(BAD_TAIL);
                }
                Some(identifiers.split('.').collect())
            }
        };
        Ok(Self { numbers, prerelease })
    }

    fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(16);
        for index in 0..3 {
            push_number(&mut key, self.numbers.get(index).copied().unwrap_or("0"));
        }
        let further = self.numbers.get(3..).unwrap_or_default();
        let last = further.iter().rposition(|digits| significant(digits) != "0").map_or(0, |index| index + 1);
        for digits in &further[..last] {
            key.push(3);
            push_number(&mut key, digits);
        }
        match &self.prerelease {
            None => key.push(2),
            Some(identifiers) => {
                key.push(1);
                for identifier in identifiers {
                    if is_number(identifier) {
                        key.push(1);
                        push_number(&mut key, identifier);
                    } else {
                        key.push(2);
                        key.extend_from_slice(identifier.as_bytes());
                        key.push(0);
                    }
                }
                key.push(0);
            }
        }
        key
    }
}

/// Up to 64 bits: the number of bytes, then the bytes. Above: 9, the number of digits (as two bytes), then the digits.
fn push_number(key: &mut Vec<u8>, digits: &str) {
    let digits = significant(digits);
    match digits.parse::<u64>() {
        Ok(value) => {
            let bytes = value.to_be_bytes();
            let bytes = &bytes[value.leading_zeros() as usize / 8..];
            key.push(bytes.len() as u8);
            key.extend_from_slice(bytes);
        }
        Err(_) => {
            key.push(9);
            key.extend_from_slice(&(digits.len() as u16).to_be_bytes());
            key.extend_from_slice(digits.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(versions: &[&str]) {
        for (index, low) in versions.iter().enumerate() {
            for high in &versions[index + 1..] {
                assert_eq!(Npm.compare(low, high), Some(Ordering::Less), "{low} < {high}");
                assert_eq!(Npm.compare(high, low), Some(Ordering::Greater), "{high} > {low}");
            }
        }
    }

    #[test]
    fn keys_follow_precedence() {
        ascending(&[
            "0",
            "0.0.1-*",
            "0.0.1-0",
            "0.0.1-1",
            "0.0.1-1.0",
            "0.0.1-10",
            "0.0.1-99999999999999999999999",
            "0.0.1--",
            "0.0.1-A",
            "0.0.1-a",
            "0.0.1-a.0",
            "0.0.1-a.a",
            "0.0.1-a-",
            "0.0.1-a0",
            "0.0.1-ab",
            "0.0.1",
            "0.0.1.0.1",
            "0.0.1.1-a",
            "0.0.1.1",
            "0.0.2",
            "0.0.255",
            "0.0.256",
            "0.1",
            "1.0.0.beta.3",
            "1",
            "1.2.3",
            "18446744073709551615.0.0",
            "18446744073709551616.0.0",
            "99999999999999999999999.0.0",
        ]);
    }

    #[test]
    fn missing_parts_are_zero_and_prefixes_do_not_count() {
        for (a, b) in [
            ("1", "1.0.0"),
            ("1.2", "v1.2.0"),
            (" = v 1.2.3", "1.2.3"),
            ("1.2.3+a", "1.2.3+b.c"),
            ("1.2.3.0.0", "1.2.3"),
            ("1.9.0b1", "1.9.0-b1"),
            ("3.0.RC3", "3.0.0-RC3"),
            ("01.002.3-004", "1.2.3-4"),
        ] {
            assert_eq!(Npm.compare(a, b), Some(Ordering::Equal), "{a} = {b}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for version in [
            "",
            " ",
            "v",
            "~",
            "x",
            "*",
            "1.x",
            "1.",
            "1..2",
            ".1",
            "-1",
            "1.0.0-a..b",
            "1.0.0-a_b",
            "1.0.0+",
            "1.0.0+a+b",
            "1.0.0 - 2",
            "1.0.0-é",
            "latest",
            "1,2",
            "1.0.0\0",
        ] {
            assert!(Npm.sort_key(version).is_err(), "{version}");
        }
        assert!(Npm.sort_key(&"9".repeat(256)).is_ok());
        assert!(Npm.sort_key(&"9".repeat(257)).is_err());
        assert_eq!(
            Npm.sort_key("latest").unwrap_err().to_string(),
            "`latest` is not a npm version: it does not begin with a number"
        );
    }

    #[test]
    fn lines_are_those_of_the_caret() {
        assert_eq!(Npm.major_line("4.2.1").as_deref(), Some("4"));
        assert_eq!(Npm.major_line("v0.2.7-rc").as_deref(), Some("0.2"));
        assert_eq!(Npm.major_line("0").as_deref(), Some("0.0"));
        assert_eq!(Npm.major_line("x"), None);
        assert!(Npm.is_prerelease("1.0.0-0") && !Npm.is_prerelease("1.0.0+a-b") && !Npm.is_prerelease("x-1"));
        assert_eq!(Npm.canonical(" v1.2.3+b "), "1.2.3+b");
    }
}
