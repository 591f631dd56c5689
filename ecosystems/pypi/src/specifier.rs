//! Sets of versions: PEP 440's version specifiers (`>=1.2,<2`, `~=1.4.2`, `==1.*`, `!=1.5`, `===whatever`).
//!
//! Pre-releases count as in wherever the order puts them: a specifier in a policy says what is meant, not what a resolver
//! prefers. Otherwise membership is that of `packaging` 26.3.

use std::str::FromStr;

use weir_core::ecosystem::{InvalidRange, VersionRange};

use crate::version::{Version, is_space};

/// Longest set that is read, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// A version specifier set: the versions that all of its specifiers contain. An empty set contains every version.
#[derive(Clone, Debug)]
pub struct Specifiers(Vec<Specifier>);

#[derive(Clone, Debug)]
enum Specifier {
    /// `===text`: the text itself, in lower case.
    Identical(String),
    /// `==1.2.*` (true) and `!=1.2.*` (false).
    Prefix(bool, Version),
    /// An operator and a version.
    Compare(Operator, Version),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Compatible,
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Below,
    Above,
}

/// The operators but `===`, longer ones before those that they begin with.
const OPERATORS: [(&str, Operator); 7] = [
    ("~=", Operator::Compatible),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Below),
    (">", Operator::Above),
];

impl VersionRange for Specifiers {
    fn contains(&self, version: &str) -> Option<bool> {
        let parsed = version.parse::<Version>().ok();
        let mut unread = false;
        for specifier in &self.0 {
            match (specifier, &parsed) {
                (Specifier::Identical(text), _) if version.to_lowercase() == *text => {}
                (Specifier::Prefix(equal, prefix), Some(version))
                    if version.release_starts_with(prefix, prefix.release_length()) == *equal => {}
                (Specifier::Compare(operator, bound), Some(version)) if operator.holds(version, bound) => {}
                (Specifier::Prefix(..) | Specifier::Compare(..), None) => unread = true,
                _ => return Some(false),
            }
        }
        // Without a specifier that compares, even what is no version is in.
        (!unread && (parsed.is_some() || !self.0.is_empty())).then_some(true)
    }
}

impl Operator {
    fn holds(self, version: &Version, bound: &Version) -> bool {
        match self {
            Self::AtLeast => version >= bound,
            // Local labels of the bound belong to the bound.
            Self::AtMost => version <= bound || version.same_public(bound),
            Self::Below => version.is_before(bound),
            // `>1.0` leaves out 1.0.post1 and 1.0+local, `>1.0.post1` only 1.0.post1+local.
            Self::Above if bound.is_release_or_pre() => version > bound && !version.same_family(bound),
            Self::Above => version > bound && !version.same_public(bound),
            Self::Equal if bound.is_local() => version == bound,
            Self::Equal => version.same_public(bound),
            Self::NotEqual => !Self::Equal.holds(version, bound),
            Self::Compatible => version >= bound && version.release_starts_with(bound, bound.release_length() - 1),
        }
    }
}

impl FromStr for Specifiers {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem| InvalidRange { ecosystem: "PyPI", range: text.chars().take(200).collect(), problem };
        if text.len() > MAX_LENGTH {
            return Err(invalid(format!("it is longer than {MAX_LENGTH} bytes")));
        }
        text.split(',')
            .map(|part| part.trim_matches(is_space))
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().map_err(|problem| invalid(format!("in `{part}`, {problem}"))))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl FromStr for Specifier {
    type Err = String;

    fn from_str(part: &str) -> Result<Self, Self::Err> {
        if let Some(text) = part.strip_prefix("===") {
            let text = text.trim_matches(is_space);
            if text.contains(|c| is_space(c) || matches!(c, ';' | ')')) {
                return Err(String::from("`===` takes one text without white space, `;` and `)`"));
            }
            return Ok(Self::Identical(text.to_lowercase()));
        }
        let (operator, text) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, part.strip_prefix(sign)?)))
            .ok_or("expected one of `==`, `!=`, `<`, `<=`, `>`, `>=`, `~=`, `===` and a version")?;
        let text = text.trim_matches(is_space);
        if let (Operator::Equal | Operator::NotEqual, Some(prefix)) = (operator, text.strip_suffix(".*")) {
            return match prefix.parse::<Version>() {
                Ok(version) if version.is_plain() && !prefix.ends_with(is_space) => {
                    Ok(Self::Prefix(operator == Operator::Equal, version))
                }
                _ => Err(String::from("`.*` may follow only a release number such as 1.2")),
            };
        }
        let version = text.parse::<Version>().map_err(|error| error.to_string())?;
        match operator {
            Operator::Equal | Operator::NotEqual => {}
            _ if version.is_local() => return Err(String::from("only `==` and `!=` take a local label")),
            Operator::Compatible if version.release_length() < 2 => {
                return Err(String::from("`~=` takes a release number of at least two parts, such as 1.4"));
            }
            _ => {}
        }
        Ok(Self::Compare(operator, version))
    }
}
