//! Versions: Semantic Versioning 2.0.0 with a `v` before it, as the go command reads it.
//!
//! Specification: the Go modules reference, "Versions", "Pseudo-versions", "`+incompatible` versions"; the order is that of
//! `golang.org/x/mod/semver`: numbers of any length, build metadata does not count. Two readings: [`Version::parse`] is the
//! proxy protocol's canonical form (`v1.2.3`, `v2.0.0+incompatible`); [`Version::lenient`] also takes what advisories and
//! people write for a bound: `1.2`, `v1`.

use std::cmp::Ordering;

use weir_core::ecosystem::{InvalidRange, InvalidVersion, SortKey, VersionRange, Versions};

use crate::name::split_major;

/// Longest version that is read, in bytes. A pseudo-version has about 40.
pub const MAX_VERSION: usize = 128;
/// Most comparators of one range.
pub const MAX_COMPARATORS: usize = 16;

const INCOMPATIBLE: &str = "incompatible";

/// How Go orders versions.
pub struct Semver;

impl Versions for Semver {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Ok(Version::lenient(version)?.key())
    }

    /// Advisories write no `v`, and leave `+incompatible` out.
    fn canonical(&self, version: &str) -> String {
        let bare = version.strip_prefix('v').unwrap_or(version);
        format!("v{}", bare.split('+').next().unwrap_or(bare))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        Version::lenient(version).is_ok_and(|version| !version.pre.is_empty())
    }

    fn major_line(&self, version: &str) -> Option<String> {
        Version::lenient(version).ok().map(|version| format!("v{}", version.core[0]))
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(Range::parse(text)?))
    }
}

/// A version, split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Major, minor, patch: digits without leading zeros.
    core: [String; 3],
    /// How many of them were written.
    written: usize,
    /// Identifiers of the pre-release.
    pre: Vec<String>,
    /// Build metadata.
    build: Option<String>,
}

impl Version {
    /// Reads a canonical version: `v`, three numbers, perhaps a pre-release, no build metadata but `+incompatible`.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let bare = text.strip_prefix('v').ok_or_else(|| invalid(text, "it does not begin with `v`"))?;
        let version = Self::read(bare).map_err(|problem| invalid(text, problem))?;
        if version.written < 3 {
            return Err(invalid(text, "it has fewer than three numbers"));
        }
        match version.build.as_deref() {
            None | Some(INCOMPATIBLE) => Ok(version),
            Some(_) => Err(invalid(text, "it has build metadata other than `+incompatible`")),
        }
    }

    /// Reads a version as advisories and people write it: with or without `v`, missing numbers are 0.
    pub fn lenient(text: &str) -> Result<Self, InvalidVersion> {
        let trimmed = text.trim();
        Self::read(trimmed.strip_prefix('v').unwrap_or(trimmed)).map_err(|problem| invalid(text, problem))
    }

    /// True if it names a revision that has no tag: `v0.0.0-20191109021931-daa7c04131f5`.
    pub fn is_pseudo(&self) -> bool {
        let is_base = self.core[1] == "0" && self.core[2] == "0";
        let tail = match self.pre.as_slice() {
            [tail] if is_base => tail,
            [.., zero, tail] if zero == "0" => tail,
            _ => return false,
        };
        let Some((date, revision)) = tail.split_once('-') else { return false };
        date.len() == 14
            && is_number(date)
            && !revision.is_empty()
            && revision.bytes().all(|b| b.is_ascii_alphanumeric())
    }

    /// True if a module of this path can have it: the major version of both agree.
    pub fn fits(&self, path: &str) -> bool {
        let incompatible = self.build.as_deref() == Some(INCOMPATIBLE);
        let number = &self.core[0];
        match split_major(path) {
            None => false,
            Some("") => matches!(number.as_str(), "0" | "1") != incompatible,
            Some(major) => {
                let fits = major.strip_prefix('v') == Some(number);
                // Pseudo-versions of gopkg.in that Go made before it knew better.
                let old = path.starts_with("gopkg.in/") && major == "v1" && number == "0" && self.is_pseudo();
                !incompatible && (fits || old)
            }
        }
    }

    /// An alpha, beta, candidate or pseudo-version.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// Major and minor version: what `@v1.2` asks for.
    pub fn minor_line(&self) -> (&str, &str) {
        (&self.core[0], &self.core[1])
    }

    /// Bytes in the order of SemVer §11.
    ///
    /// A number is its length, then its digits; a pre-release is a list of identifiers, each led by 1 (a number) or 2 (a
    /// word, ended by 0), ended by 0; a final version has 255 in its place and so follows them all.
    pub fn key(&self) -> SortKey {
        let mut key = Vec::with_capacity(32);
        for number in &self.core {
            // At most MAX_VERSION digits.
            key.push(number.len() as u8);
            key.extend_from_slice(number.as_bytes());
        }
        if self.pre.is_empty() {
            key.push(255);
            return SortKey::from_bytes(key);
        }
        for identifier in &self.pre {
            if is_number(identifier) {
                key.extend([1, identifier.len() as u8]);
                key.extend_from_slice(identifier.as_bytes());
            } else {
                key.push(2);
                key.extend_from_slice(identifier.as_bytes());
                key.push(0);
            }
        }
        key.push(0);
        SortKey::from_bytes(key)
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_VERSION {
            return Err("it is longer than 128 characters");
        }
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        build.map(identifiers).transpose()?;
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, identifiers(pre)?),
            None => (text, Vec::new()),
        };
        if pre.iter().any(|identifier| identifier.len() > 1 && identifier.starts_with('0') && is_number(identifier)) {
            return Err("a number in its pre-release begins with 0");
        }
        let mut numbers = [const { String::new() }; 3];
        let mut written = 0;
        for part in core.split('.') {
            let place = numbers.get_mut(written).ok_or("it has more than three numbers")?;
            number(part)?.clone_into(place);
            written += 1;
        }
        for missing in numbers.iter_mut().skip(written) {
            "0".clone_into(missing);
        }
        Ok(Self { core: numbers, written, pre, build: build.map(str::to_owned) })
    }
}

impl Ord for Version {
    /// SemVer §11, step by step: the reference that [`Version::key`] is tested against.
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |a: &str, b: &str| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
        let identifier = |a: &String, b: &String| match (is_number(a), is_number(b)) {
            (true, true) => number(a, b),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a.cmp(b),
        };
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (false, false) => {
                let mut differing = self.pre.iter().zip(&other.pre).map(|(a, b)| identifier(a, b));
                differing.find(|order| order.is_ne()).unwrap_or(self.pre.len().cmp(&other.pre.len()))
            }
            (a, b) => a.cmp(&b),
        };
        let mut cores = self.core.iter().zip(&other.core).map(|(a, b)| number(a, b));
        cores.find(|order| order.is_ne()).unwrap_or(Ordering::Equal).then_with(pre)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn number(text: &str) -> Result<&str, &'static str> {
    match text {
        "" => Err("a number is missing"),
        _ if !is_number(text) => Err("one of its numbers has other characters than digits"),
        _ if text.len() > 1 && text.starts_with('0') => Err("a number begins with 0"),
        _ => Ok(text),
    }
}

fn identifiers(text: &str) -> Result<Vec<String>, &'static str> {
    let fine = |identifier: &str| identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let identifiers: Vec<String> = text.split('.').map(str::to_owned).collect();
    match identifiers.iter().find(|identifier| identifier.is_empty() || !fine(identifier)) {
        None => Ok(identifiers),
        Some(empty) if empty.is_empty() => Err("an identifier after `-` or `+` is empty"),
        Some(_) => Err("identifiers after `-` or `+` use letters, digits and `-`"),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn invalid(version: &str, problem: &str) -> InvalidVersion {
    InvalidVersion {
        ecosystem: crate::ECOSYSTEM.title,
        version: version.chars().take(200).collect(),
        problem: problem.to_owned(),
    }
}

/// Bounds that all have to hold, as `go get` takes them one by one: `>=v1.2.3`, `<v2`; a bare `v1.2` is the versions that
/// begin with it, a bare `v1.2.3` is itself.
#[derive(Debug)]
struct Range(Vec<Bound>);

#[derive(Debug)]
enum Bound {
    From(Version),
    After(Version),
    Before(Version),
    UpTo(Version),
    Is(Version),
}

impl VersionRange for Range {
    fn contains(&self, version: &str) -> Option<bool> {
        let version = Version::lenient(version).ok()?;
        Some(self.0.iter().all(|bound| match bound {
            Bound::From(from) => version >= *from,
            Bound::After(after) => version > *after,
            Bound::Before(before) => version < *before,
            Bound::UpTo(up_to) => version <= *up_to,
            Bound::Is(is) => {
                let begins = version.core.iter().zip(&is.core).take(is.written).all(|(a, b)| a == b);
                begins && (is.written < 3 || version.cmp(is).is_eq())
            }
        }))
    }
}

impl Range {
    fn parse(text: &str) -> Result<Self, InvalidRange> {
        let invalid = |problem: String| InvalidRange {
            ecosystem: crate::ECOSYSTEM.title,
            range: text.chars().take(200).collect(),
            problem,
        };
        let mut bounds = Vec::new();
        for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
            if bounds.len() == MAX_COMPARATORS {
                return Err(invalid(format!("it has more than {MAX_COMPARATORS} bounds")));
            }
            let at = part.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(part.len());
            let (sign, version) = part.split_at(at);
            let version = Version::lenient(version).map_err(|error| invalid(error.to_string()))?;
            bounds.push(match sign {
                ">=" => Bound::From(version),
                ">" => Bound::After(version),
                "<" => Bound::Before(version),
                "<=" => Bound::UpTo(version),
                "" | "=" => Bound::Is(version),
                _ => return Err(invalid(format!("`{sign}` is no comparison; expected <, <=, >, >= or ="))),
            });
        }
        match bounds.is_empty() {
            true => Err(invalid(String::from("it is empty"))),
            false => Ok(Self(bounds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn the_protocol_has_canonical_versions_alone() {
        for text in ["v1.2.3", "v0.0.0-0", "v1.0.0-rc.1", "v2.0.0+incompatible", "v18446744073709551616.0.0"] {
            assert!(Version::parse(text).is_ok(), "{text}");
        }
        let long = format!("v1.0.0-{}", "a".repeat(MAX_VERSION - 5));
        for text in [
            "",
            "v",
            "1.2.3",
            "v1",
            "v1.2",
            "v1.2.3.4",
            "v01.2.3",
            "v1.2.3-",
            "v1.2.3-01",
            "v1.2.3+meta",
            "v1.2.x",
            "V1.2.3",
            &long,
        ] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
        assert!(Version::parse(&long[..=MAX_VERSION]).is_ok(), "the `v` does not count");
    }

    #[test]
    fn bounds_are_read_as_advisories_write_them() {
        for (a, b) in [("1.2", "v1.2.0"), ("1", "v1.0.0"), ("0", "v0.0.0"), ("2.0.0+incompatible", "v2.0.0")] {
            assert_eq!(Semver.compare(a, b), Some(Ordering::Equal), "{a} {b}");
        }
        assert_eq!(Semver.compare("latest", "v1.0.0"), None);
        assert_eq!(Semver.canonical("2.0.0"), Semver.canonical("v2.0.0+incompatible"));
        assert_eq!(Semver.major_line("v10.2.0").as_deref(), Some("v10"));
    }

    #[test]
    fn a_pseudo_version_is_told_by_its_form() {
        for text in [
            "v0.0.0-20191109021931-daa7c04131f5",
            "v1.2.4-0.20191109021931-daa7c04131f5",
            "v1.2.3-pre.0.20191109021931-daa7c04131f5",
            "v2.0.0-20191109021931-daa7c04131f5+incompatible",
        ] {
            assert!(parse(text).is_pseudo(), "{text}");
            assert!(Semver.is_prerelease(text));
        }
        for text in
            ["v1.2.3", "v1.2.3-20191109021931-daa7c04131f5", "v0.0.0-2019-daa7", "v1.0.0-rc.1", "v0.0.0-20191109021931"]
        {
            assert!(!parse(text).is_pseudo(), "{text}");
        }
    }

    #[test]
    fn the_major_version_agrees_with_the_path() {
        for (version, path, fits) in [
            ("v1.2.3", "example.com/m", true),
            ("v0.1.0", "example.com/m", true),
            ("v2.0.0", "example.com/m", false),
            ("v2.0.0+incompatible", "example.com/m", true),
            ("v1.0.0+incompatible", "example.com/m", false),
            ("v2.0.0", "example.com/m/v2", true),
            ("v2.0.0+incompatible", "example.com/m/v2", false),
            ("v3.0.0", "example.com/m/v2", false),
            ("v3.0.1", "gopkg.in/yaml.v3", true),
            ("v2.0.0", "gopkg.in/yaml.v3", false),
            ("v0.0.0-20161208181325-20d25e280405", "gopkg.in/check.v1", true),
        ] {
            assert_eq!(parse(version).fits(path), fits, "{version} {path}");
        }
    }

    #[test]
    fn a_range_is_what_go_get_takes() {
        for (range, inside, outside) in [
            (">=v1.2.3,<v2", "v1.9.0", "v2.0.0"),
            ("<1.2.3", "v1.2.2", "v1.2.3"),
            ("v1.2", "v1.2.9", "v1.3.0"),
            ("v1.2.3", "v1.2.3", "v1.2.4"),
            ("> v1.0.0 <= v1.1.0", "v1.1.0", "v1.0.0"),
        ] {
            let range = range.replace("> v", ">v").replace("<= v", "<=v");
            let parsed = Semver.range(&range).unwrap();
            assert_eq!((parsed.contains(inside), parsed.contains(outside)), (Some(true), Some(false)), "{range}");
        }
        let many = vec!["<v2"; MAX_COMPARATORS + 1].join(",");
        for range in ["", "^v1", "~1", ">>v1", "latest", &many] {
            assert!(Semver.range(range).is_err(), "{range}");
        }
        assert!(Semver.range(&many[4..]).is_ok());
    }
}
