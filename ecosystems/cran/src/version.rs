//! Versions: R's `package_version`.
//!
//! Specification: "Writing R Extensions", 1.1.1, field `Version`; `?numeric_version`. Non-negative integers between `.` or
//! `-`, which mean the same. They are compared one by one, and what goes on is later than what has ended: 1.2 < 1.2.0.

use std::fmt;

use weir_core::ecosystem::{InvalidRange, InvalidVersion, SortKey, VersionRange, Versions};

/// Longest version that is read, in bytes.
pub const MAX_VERSION: usize = 128;
/// Most bounds of one range.
pub const MAX_BOUNDS: usize = 32;

/// How R orders versions.
pub struct PackageVersions;

impl Versions for PackageVersions {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Ok(Version::parse(version)?.key())
    }

    /// R takes 1.2-3, 1.2.3 and 1.02.3 for one version.
    fn canonical(&self, version: &str) -> String {
        let Ok(read) = Version::parse(version) else { return version.to_owned() };
        read.to_string()
    }

    /// R has no word for one.
    fn is_prerelease(&self, _version: &str) -> bool {
        false
    }

    fn major_line(&self, version: &str) -> Option<String> {
        Version::parse(version).ok()?.0.first().map(u64::to_string)
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(Range::parse(text)?))
    }
}

/// A version, split. The order is R's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(Vec<u64>);

impl Version {
    /// Reads a version. Only a package's own must have two numbers; bounds such as `R (>= 4)` may have one, so that does
    /// here.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let error = |problem: &str| InvalidVersion {
            ecosystem: crate::ECOSYSTEM.title,
            version: text.chars().take(200).collect(),
            problem: problem.to_owned(),
        };
        if text.len() > MAX_VERSION {
            return Err(error("it is longer than 128 characters"));
        }
        let number = |part: &str| {
            if part.is_empty() {
                return Err(error("a number is missing; expected numbers between `.` or `-`, such as 1.2-3"));
            }
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(error("it has other characters than digits, `.` and `-`"));
            }
            part.parse().map_err(|_| error("a number is larger than 64 bits"))
        };
        text.trim().split(['.', '-']).map(number).collect::<Result<_, _>>().map(Self)
    }

    /// Bytes in the same order: each number as one more than its length, then its bytes, so that what ends comes first.
    pub fn key(&self) -> SortKey {
        let mut key = Vec::with_capacity(self.0.len() * 3);
        for number in &self.0 {
            let bytes = number.to_be_bytes();
            let bytes = &bytes[number.leading_zeros() as usize / 8..];
            key.push(bytes.len() as u8 + 1);
            key.extend_from_slice(bytes);
        }
        SortKey::from_bytes(key)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, number)| write!(f, "{}{number}", if at == 0 { "" } else { "." }))
    }
}

/// How a bound compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operator {
    /// `>=`.
    AtLeast,
    /// `>`, or `>>` as old packages write it.
    Above,
    /// `<=`.
    AtMost,
    /// `<`, or `<<`.
    Below,
    /// `==`, or `=`.
    Exactly,
    /// `!=`.
    Not,
}

/// One bound: `>= 1.2`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bound {
    /// How it compares.
    pub operator: Operator,
    /// With what.
    pub version: Version,
}

impl Bound {
    /// Reads an operator and a version, with or without blanks.
    pub fn parse(text: &str) -> Result<Self, String> {
        const OPERATORS: [(&str, Operator); 9] = [
            (">=", Operator::AtLeast),
            (">>", Operator::Above),
            ("<=", Operator::AtMost),
            ("<<", Operator::Below),
            ("==", Operator::Exactly),
            ("!=", Operator::Not),
            (">", Operator::Above),
            ("<", Operator::Below),
            ("=", Operator::Exactly),
        ];
        let text = text.trim();
        let found = OPERATORS.into_iter().find_map(|(sign, it)| Some((it, text.strip_prefix(sign)?)));
        let (operator, rest) =
            found.ok_or_else(|| format!("`{text}` does not begin with `>=`, `>`, `<=`, `<`, `==` or `!=`"))?;
        let version = Version::parse(rest.trim()).map_err(|invalid| format!("`{text}`: {}", invalid.problem))?;
        Ok(Self { operator, version })
    }

    /// True if `version` is within.
    pub fn holds(&self, version: &Version) -> bool {
        match self.operator {
            Operator::AtLeast => *version >= self.version,
            Operator::Above => *version > self.version,
            Operator::AtMost => *version <= self.version,
            Operator::Below => *version < self.version,
            Operator::Exactly => *version == self.version,
            Operator::Not => *version != self.version,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.operator {
            Operator::AtLeast => ">=",
            Operator::Above => ">",
            Operator::AtMost => "<=",
            Operator::Below => "<",
            Operator::Exactly => "==",
            Operator::Not => "!=",
        };
        write!(f, "{sign} {}", self.version)
    }
}

/// Bounds between commas that all have to hold: `>= 1.2, < 2.0`; `*` is everything.
#[derive(Debug)]
struct Range(Vec<Bound>);

impl Range {
    fn parse(text: &str) -> Result<Self, InvalidRange> {
        let error = |problem: String| InvalidRange {
            ecosystem: crate::ECOSYSTEM.title,
            range: text.chars().take(200).collect(),
            problem,
        };
        if text.trim() == "*" {
            return Ok(Self(Vec::new()));
        }
        if text.split(',').count() > MAX_BOUNDS {
            return Err(error(format!("it has more than {MAX_BOUNDS} parts")));
        }
        text.split(',').map(Bound::parse).collect::<Result<_, _>>().map(Self).map_err(error)
    }
}

impl VersionRange for Range {
    fn contains(&self, version: &str) -> Option<bool> {
        let version = Version::parse(version).ok()?;
        Some(self.0.iter().all(|bound| bound.holds(&version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn the_order_is_that_of_package_version() {
        for (a, b, order) in [
            ("0.01", "0.1", Ordering::Equal),
            ("1.2-3", "1.2.3", Ordering::Equal),
            ("1.2", "1.2.0", Ordering::Less),
            ("1.9", "1.10", Ordering::Less),
            ("2024.1.1", "3.0", Ordering::Greater),
            ("0.0.0.9000", "0.0.1", Ordering::Less),
            ("18446744073709551615.1", "18446744073709551614.2", Ordering::Greater),
        ] {
            assert_eq!(PackageVersions.compare(a, b), Some(order), "{a} {b}");
        }
        assert_eq!(PackageVersions.canonical("1.02-3"), "1.2.3");
        assert_eq!(PackageVersions.major_line("1.2-3").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let long = "1.".repeat(MAX_VERSION / 2) + "1";
        for text in ["", "a", "1.", ".1", "1..2", "1.2a", "1_2", "-1", "18446744073709551616.0", &long] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
        assert!(Version::parse(&long[2..]).is_ok());
    }

    #[test]
    fn a_range_holds_what_its_bounds_say() {
        for (range, inside, outside) in [
            (">= 1.2", "1.2 1.2.0 2.0", "1.1.9"),
            (">=1.2,<2", "1.2 1.99", "2 2.0 1.1"),
            ("== 1.2-3", "1.2.3", "1.2.4"),
            ("!= 1.0", "1.0.0 1.1", "1.0"),
            ("> 1.0, <= 1.5", "1.0.0 1.5", "1.0 1.5.0"),
            ("*", "0.0 9.9", ""),
        ] {
            let range = PackageVersions.range(range).unwrap();
            assert!(inside.split_whitespace().all(|version| range.contains(version) == Some(true)), "{range:?}");
            assert!(outside.split_whitespace().all(|version| range.contains(version) == Some(false)), "{range:?}");
            assert_eq!(range.contains("x"), None.filter(|_: &bool| !inside.is_empty()));
        }
        for text in ["", "1.2", ">=", "~> 1.0", ">= 1.0 < 2", "^1.0", &[">= 1.0"; MAX_BOUNDS + 1].join(",")] {
            assert!(PackageVersions.range(text).is_err(), "{text:?}");
        }
        assert!(PackageVersions.range(&[">= 1.0"; MAX_BOUNDS].join(",")).is_ok());
    }
}
