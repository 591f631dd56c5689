//! Version ranges: POM reference, "Dependency Version Requirement Specification".
//!
//! `[1.0,2.0)`, `(,1.0]`, `[1.5]`, `(,1.0],[1.2,)`. A bare `1.0` is a wish to Maven, which another dependency may overrule; in
//! policy it means that version. Versions are compared as Maven does, one with each bound.

use weir_core::ecosystem::{InvalidRange, VersionRange};

use crate::version::Version;

/// Most ranges of a set.
pub const MAX_RANGES: usize = 64;

/// A set of versions.
#[derive(Debug)]
pub struct Ranges(Vec<Range>);

/// From one bound to the other; a bound that is missing is none.
#[derive(Debug)]
struct Range {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    version: Version,
    inclusive: bool,
}

impl VersionRange for Ranges {
    fn contains(&self, version: &str) -> Option<bool> {
        let version = Version::parse(version).ok()?;
        Some(self.0.iter().any(|range| range.contains(&version)))
    }
}

impl Range {
    fn contains(&self, version: &Version) -> bool {
        let inside = |bound: &Bound, outside: std::cmp::Ordering| {
            let order = version.cmp_maven(&bound.version);
            order != outside && (bound.inclusive || order.is_ne())
        };
        self.low.as_ref().is_none_or(|low| inside(low, std::cmp::Ordering::Less))
            && self.high.as_ref().is_none_or(|high| inside(high, std::cmp::Ordering::Greater))
    }
}

impl Ranges {
    /// Reads a set of ranges, or one version.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        let error = |problem: String| InvalidRange {
            ecosystem: crate::ECOSYSTEM.title,
            range: text.chars().take(200).collect(),
            problem,
        };
        let mut rest = text.trim();
        if !rest.starts_with(['[', '(']) {
            return Ok(Self(vec![Range::exactly(rest).map_err(error)?]));
        }
        let mut ranges = Vec::new();
        loop {
            if ranges.len() == MAX_RANGES {
                return Err(error(format!("it has more than {MAX_RANGES} ranges")));
            }
            let Some(end) = rest.find([']', ')']).filter(|_| rest.starts_with(['[', '('])) else {
                return Err(error(String::from(
                    "a range begins with `[` or `(` and ends with `]` or `)`, as `[1.0,2.0)`",
                )));
            };
            let (range, after) = rest.split_at(end + 1);
            ranges.push(Range::parse(range).map_err(error)?);
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next.trim_start(),
                None if rest.is_empty() => return Ok(Self(ranges)),
                None => return Err(error(String::from("there is something after a range that is no `,`"))),
            }
        }
    }
}

impl Range {
    fn exactly(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(String::from("it is empty; expected a range such as `[1.0,2.0)`"));
        }
        let bound = || bound(text, true);
        Ok(Self { low: bound()?, high: bound()? })
    }

    /// `text` has a bracket at both ends.
    fn parse(text: &str) -> Result<Self, String> {
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        let (from, to) = (text.starts_with('['), text.ends_with(']'));
        let Some((low, high)) = inner.split_once(',') else {
            if !(from && to) || inner.trim().is_empty() {
                return Err(format!("`{text}` names one version, and is written `[1.0]`"));
            }
            return Self::exactly(inner.trim());
        };
        let range = Self { low: bound(low.trim(), from)?, high: bound(high.trim(), to)? };
        if let (Some(low), Some(high)) = (&range.low, &range.high)
            && low.version.cmp_maven(&high.version).is_gt()
        {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(range)
    }
}

/// `None` where nothing is written.
fn bound(text: &str, inclusive: bool) -> Result<Option<Bound>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let version = Version::parse(text).map_err(|invalid| format!("`{text}`: {}", invalid.problem))?;
    Ok(Some(Bound { version, inclusive }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_maven_says_they_hold() {
        for (range, inside, outside) in [
            ("[1.0,2.0)", vec!["1.0", "1.0.0", "1.9", "2.0-beta"], vec!["0.9", "1.0-rc1", "2.0", "2.0.0"]),
            ("(1.0,2.0]", vec!["1.0.1", "2.0"], vec!["1.0", "2.0.1"]),
            ("(,1.0]", vec!["0.1", "1.0", "1.0-alpha"], vec!["1.0.1"]),
            ("[1.5,)", vec!["1.5", "99"], vec!["1.4"]),
            ("[1.5]", vec!["1.5", "1.5.0"], vec!["1.5.1", "1.4"]),
            ("(,1.0],[1.2,)", vec!["1.0", "1.2", "3"], vec!["1.1"]),
            (" [1.0, 1.1] , [2.0,2.1] ", vec!["1.1", "2.0"], vec!["1.5", "2.2"]),
            ("1.0", vec!["1.0", "1"], vec!["1.1"]),
            ("(,)", vec!["1", "x"], vec![]),
        ] {
            let read = Ranges::parse(range).unwrap();
            for version in inside {
                assert_eq!(read.contains(version), Some(true), "{range} {version}");
            }
            for version in outside {
                assert_eq!(read.contains(version), Some(false), "{range} {version}");
            }
            assert_eq!(read.contains("a b"), None);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for range in [
            "",
            "[",
            "[]",
            "()",
            "(1.0)",
            "[1.0)",
            "[1.0,2.0",
            "1.0,2.0)",
            "[2,1]",
            "[1,2][3,4]",
            "[1,2],",
            "[1,2,3]",
            "[1 2]",
            "a b",
        ] {
            assert!(Ranges::parse(range).is_err(), "{range:?}");
        }
        let many = |count: usize| vec!["[1]"; count].join(",");
        assert!(Ranges::parse(&many(MAX_RANGES)).is_ok());
        assert!(Ranges::parse(&many(MAX_RANGES + 1)).is_err());
    }
}
