//! Versions: Semantic Versioning 2.0.0 (<https://semver.org/spec/v2.0.0.html>), as cargo reads it.
//!
//! The order is that of §11: build metadata does not count. Two readings: [`Version::parse`] is cargo's own and is what an
//! index line must pass; [`Version::lenient`] also takes what advisories and people write for a bound: `1.2`, `v1.2.3`.
//! Numbers beyond 64 bits are refused, as cargo refuses them.

use std::cmp::Ordering;

use weir_core::ecosystem::{InvalidRange, InvalidVersion, SortKey, VersionRange, Versions};

use crate::range::Requirement;

/// Longest version that is read, in bytes. crates.io's longest has about a hundred.
pub const MAX_VERSION: usize = 255;

/// How cargo orders versions.
pub struct Semver;

impl Versions for Semver {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Ok(Version::lenient(version)?.key())
    }

    /// Two releases that differ in build metadata alone are one to cargo's index.
    fn canonical(&self, version: &str) -> String {
        version.split('+').next().unwrap_or(version).to_owned()
    }

    fn is_prerelease(&self, version: &str) -> bool {
        Version::lenient(version).is_ok_and(|version| !version.pre.is_empty())
    }

    fn major_line(&self, version: &str) -> Option<String> {
        let version = Version::lenient(version).ok()?;
        Some(match version.core {
            [0, 0, patch] => format!("0.0.{patch}"),
            [0, minor, _] => format!("0.{minor}"),
            [major, _, _] => major.to_string(),
        })
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(Requirement::parse(text)?))
    }
}

/// A version, split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Major, minor, patch.
    pub(crate) core: [u64; 3],
    /// How many of them were written.
    pub(crate) written: usize,
    /// Identifiers of the pre-release.
    pub(crate) pre: Vec<String>,
}

impl Version {
    /// Reads a version as cargo does: three numbers without leading zeros, then pre-release and build metadata.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let version = Self::read(text).map_err(|problem| invalid(text, problem))?;
        if version.written < 3 {
            return Err(invalid(text, "it has fewer than three numbers"));
        }
        Ok(version)
    }

    /// Reads a version as advisories and people write it: a `v` before it is passed over, missing numbers are 0.
    pub fn lenient(text: &str) -> Result<Self, InvalidVersion> {
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
        Self::read(bare).map_err(|problem| invalid(text, problem))
    }

    /// Bytes in the order of SemVer §11.
    ///
    /// A number is its length in bytes, then its bytes; a pre-release is a list of identifiers, each led by 1 (a number)
    /// or 2 (a word, ended by 0), ended by 0; a final version has 255 in its place and so follows them all.
    pub fn key(&self) -> SortKey {
        let mut key = Vec::with_capacity(16);
        for number in self.core {
            let bytes = number.to_be_bytes();
            let bytes = &bytes[number.leading_zeros() as usize / 8..];
            key.push(bytes.len() as u8);
            key.extend_from_slice(bytes);
        }
        if self.pre.is_empty() {
            key.push(255);
        } else {
            for identifier in &self.pre {
                if is_number(identifier) {
                    // Without leading zeros a longer number is a larger one, of whatever length.
                    key.extend([1, identifier.len() as u8]);
                    key.extend_from_slice(identifier.as_bytes());
                } else {
                    key.push(2);
                    key.extend_from_slice(identifier.as_bytes());
                    key.push(0);
                }
            }
            key.push(0);
        }
        SortKey::from_bytes(key)
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_VERSION {
            return Err("it is longer than 255 characters");
        }
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        if let Some(build) = build {
            identifiers(build)?;
        }
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, identifiers(pre)?),
            None => (text, Vec::new()),
        };
        if pre.iter().any(|identifier| identifier.len() > 1 && identifier.starts_with('0') && is_number(identifier)) {
            return Err("a number in its pre-release begins with 0");
        }
        let mut numbers = [0; 3];
        let mut written = 0;
        for part in core.split('.') {
            let place = numbers.get_mut(written).ok_or("it has more than three numbers")?;
            *place = number(part)?;
            written += 1;
        }
        Ok(Self { core: numbers, written, pre })
    }
}

impl Ord for Version {
    /// SemVer §11, step by step: the reference that [`Version::key`] is tested against.
    fn cmp(&self, other: &Self) -> Ordering {
        let identifier = |a: &String, b: &String| match (is_number(a), is_number(b)) {
            (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a.cmp(b),
        };
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let differing = self.pre.iter().zip(&other.pre).map(|(a, b)| identifier(a, b));
                differing.into_iter().find(|order| order.is_ne()).unwrap_or(self.pre.len().cmp(&other.pre.len()))
            }
        };
        self.core.cmp(&other.core).then_with(pre)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number of the first three.
pub(crate) fn number(text: &str) -> Result<u64, &'static str> {
    if text.is_empty() {
        return Err("a number is missing");
    }
    if !is_number(text) {
        return Err("one of its numbers has other characters than digits");
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err("a number begins with 0");
    }
    text.parse().map_err(|_| "a number is larger than 64 bits")
}

fn identifiers(text: &str) -> Result<Vec<String>, &'static str> {
    let mut out = Vec::new();
    for identifier in text.split('.') {
        if identifier.is_empty() {
            return Err("an identifier after `-` or `+` is empty");
        }
        if !identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("identifiers after `-` or `+` use letters, digits and `-`");
        }
        out.push(identifier.to_owned());
    }
    Ok(out)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn invalid(version: &str, problem: &str) -> InvalidVersion {
    InvalidVersion {
        ecosystem: crate::ECOSYSTEM.title,
        version: version.chars().take(200).collect(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_refuses_what_it_refuses() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3-a..b",
            " 1.2.3",
            "1.2.x",
            "18446744073709551616.0.0",
            "1.2.3-é",
            "-1.2.3",
            "1.2.+3",
        ] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "1.2.3",
            "0.0.0-0",
            "1.2.3-01a",
            "1.2.3-99999999999999999999999+001",
            "18446744073709551615.0.0",
            "1.0.0--",
        ] {
            assert!(Version::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn bounds_are_read_as_people_write_them() {
        for (a, b) in
            [("1.2", "1.2.0"), ("1", "1.0.0"), ("v1.2.3", "1.2.3"), (" 1.2.3 ", "1.2.3+x"), ("1-a", "1.0.0-a")]
        {
            assert_eq!(Semver.compare(a, b), Some(Ordering::Equal), "{a} {b}");
        }
        assert_eq!(Semver.compare("0.0.0-0", "0.0.0-alpha"), Some(Ordering::Less));
        assert_eq!(Semver.compare("latest", "1.0.0"), None);
    }

    #[test]
    fn the_major_line_is_what_cargo_upgrades_within() {
        for (version, line) in [("1.2.3", "1"), ("0.2.7", "0.2"), ("0.0.3-a", "0.0.3"), ("10.0.0+b", "10")] {
            assert_eq!(Semver.major_line(version).as_deref(), Some(line));
        }
        assert_eq!(Semver.major_line("x"), None);
    }

    #[test]
    fn build_metadata_makes_no_other_release() {
        assert_eq!(Semver.canonical("0.9.0+openssl"), "0.9.0");
        assert!(
            Semver.is_prerelease("1.0.0-rc.1") && !Semver.is_prerelease("1.0.0+rc-1") && !Semver.is_prerelease("x")
        );
    }
}
