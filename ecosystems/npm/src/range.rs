//! Version ranges: `^1.2.3`, `1.x || >=2.5.0 <3`, `1.2 - 2.4`.
//!
//! The grammar is that of the [node-semver README](https://github.com/npm/node-semver#ranges); where its prose is silent
//! the reference implementation decides, and `tests/it` compares with its tables. A range is a union of alternatives
//! (`||`), each of which is an intersection of comparators; everything else is shorthand for comparators.
//!
//! What the shorthands stand for depends on whether pre-releases count (`1.x` is `>=1.0.0 <2.0.0-0` without them and
//! `>=1.0.0-0 <2.0.0-0` with them), so both expansions are kept.

use std::fmt;

use weir_core::ecosystem::{InvalidRange, VersionRange, Versions as _};

use crate::grammar::{Kind, Options, Problem, expand, lowest};
use crate::version::{Npm, Version};
use crate::{TITLE, excerpt};

/// Longest range, in bytes.
pub const MAX_LENGTH: usize = 8192;

/// A set of versions.
#[derive(Clone)]
pub struct Range {
    text: String,
    releases: Vec<Vec<Comparator>>,
    with_prereleases: Vec<Vec<Comparator>>,
}

impl Range {
    /// Reads a range as node-semver does by default.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        Self::parse_as(text, false)
    }

    /// Reads a range as node-semver does with `loose`: comparators that cannot be read are passed over.
    pub fn parse_loose(text: &str) -> Result<Self, InvalidRange> {
        Self::parse_as(text, true)
    }

    fn parse_as(text: &str, loose: bool) -> Result<Self, InvalidRange> {
        let read = |prereleases| expand(text, Options { loose, prereleases });
        let error = |problem: Problem| InvalidRange { ecosystem: TITLE, range: excerpt(text), problem: problem.0 };
        if text.len() > MAX_LENGTH {
            return Err(error(Problem(format!("it is longer than {MAX_LENGTH} bytes"), Kind::Excess)));
        }
        let releases = read(false).map_err(error)?;
        // What only the other expansion cannot say (an upper bound above the largest number) is no reason to refuse.
        let with_prereleases = read(true).unwrap_or_else(|_| releases.clone());
        Ok(Self { text: text.to_owned(), releases, with_prereleases })
    }

    /// True if `version` is in the set. Without `include_prerelease`, a pre-release is in only if a comparator of the
    /// same alternative names a pre-release of the same three numbers, as npm resolves.
    pub fn satisfies(&self, version: &Version, include_prerelease: bool) -> bool {
        self.alternatives(include_prerelease).iter().any(|comparators| {
            comparators.iter().all(|comparator| comparator.test(version))
                && (include_prerelease
                    || version.prerelease.is_empty()
                    || comparators.iter().any(|comparator| comparator.names_prerelease_of(version)))
        })
    }

    /// The alternatives, each a list of comparators that all must hold; an empty list holds for every version.
    pub fn alternatives(&self, include_prerelease: bool) -> &[Vec<Comparator>] {
        if include_prerelease { &self.with_prereleases } else { &self.releases }
    }

    /// The comparators written out, as node-semver prints a range; `*` for all versions.
    pub fn normal_form(&self, include_prerelease: bool) -> String {
        let alternatives = self
            .alternatives(include_prerelease)
            .iter()
            .map(|comparators| comparators.iter().map(Comparator::to_string).collect::<Vec<_>>().join(" "));
        match alternatives.collect::<Vec<_>>().join("||") {
            form if form.is_empty() => String::from("*"),
            form => form,
        }
    }
}

impl VersionRange for Range {
    fn contains(&self, version: &str) -> Option<bool> {
        let key = Npm.sort_key(version).ok()?;
        Some(self.with_prereleases.iter().any(|comparators| {
            comparators.iter().all(|comparator| comparator.operator.holds(key.as_bytes().cmp(&comparator.key)))
        }))
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Range({:?})", self.text)
    }
}

/// `<`, `<=`, `=`, `>=` or `>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// Nothing or `=`.
    Equal,
    /// `>=`.
    GreaterOrEqual,
    /// `>`.
    Greater,
}

impl Operator {
    const fn text(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }
}

/// An operator and a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparator {
    /// The operator.
    pub operator: Operator,
    /// The version.
    pub version: Version,
    key: Vec<u8>,
}

impl Comparator {
    pub(crate) fn new(operator: Operator, version: Version) -> Self {
        Self { operator, key: version.key(), version }
    }

    /// True if `version` stands in this relation, whatever is said of pre-releases.
    pub fn test(&self, version: &Version) -> bool {
        self.operator.holds(version.cmp(&self.version))
    }

    fn names_prerelease_of(&self, version: &Version) -> bool {
        let own = &self.version;
        !own.prerelease.is_empty() && (own.major, own.minor, own.patch) == (version.major, version.minor, version.patch)
    }

    /// `<0.0.0-0`: nothing is below the lowest version.
    pub(crate) fn is_nothing(&self) -> bool {
        self.operator == Operator::Less && self.version == lowest(0, 0, 0)
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.operator.text(), self.version)
    }
}
