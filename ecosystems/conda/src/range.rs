//! Version specs: what a MatchSpec says of versions.
//!
//! Specification: CEP 29. `,` is "and", `|` is "or" and binds weaker. `1.2.*` and `=1.2` mean everything that begins with
//! 1.2, `~=1.2.3` means 1.2.3 or later of 1.2, and a bare version is that version.

use weir_core::ecosystem::VersionRange;

use crate::version::Version;

/// Most comparisons of one spec.
pub const MAX_PARTS: usize = 64;

/// Alternatives, each of comparisons that all have to hold.
#[derive(Debug)]
pub struct Spec(Vec<Vec<Part>>);

#[derive(Debug)]
enum Part {
    Any,
    Compare(Operator, Version),
    Begins(bool, Version),
    Compatible(Version, Version),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Is,
    IsNot,
    Less,
    LessOrIs,
    More,
    MoreOrIs,
}

impl VersionRange for Spec {
    fn contains(&self, version: &str) -> Option<bool> {
        let version = Version::parse(version).ok()?;
        Some(self.0.iter().any(|all| all.iter().all(|part| part.holds(&version))))
    }
}

impl Spec {
    /// Reads a spec. `Err` with what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut count = 0;
        let mut alternatives = Vec::new();
        for alternative in text.split('|') {
            let mut all = Vec::new();
            for part in alternative.split(',') {
                count += 1;
                if count > MAX_PARTS {
                    return Err(format!("it has more than {MAX_PARTS} comparisons"));
                }
                all.push(Part::parse(part.trim())?);
            }
            alternatives.push(all);
        }
        Ok(Self(alternatives))
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        const OPERATORS: [(&str, &str); 8] =
            [("~=", "~="), ("==", "=="), ("!=", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">"), ("=", "=")];
        let operator = OPERATORS.iter().find(|(sign, _)| text.starts_with(sign)).map(|(_, operator)| *operator);
        let rest = text[operator.map_or(0, str::len)..].trim();
        if rest == "*" && matches!(operator, None | Some("=" | "==" | ">=")) {
            return Ok(Self::Any);
        }
        if rest.is_empty() {
            return Err(String::from("a part has no version; expected a spec such as `>=1.2,<2` or `1.2.*`"));
        }
        let stem = rest.strip_suffix(".*").or_else(|| rest.strip_suffix('*'));
        if stem.unwrap_or(rest).contains('*') {
            return Err(format!("`{rest}`: `*` stands at the end alone"));
        }
        let version = |text: &str| Version::parse(text).map_err(|problem| format!("`{text}` is no version: {problem}"));
        if let Some(stem) = stem {
            let stem = version(stem)?;
            return match operator {
                None | Some("=" | "==") => Ok(Self::Begins(true, stem)),
                Some("!=") => Ok(Self::Begins(false, stem)),
                Some(">=") => Ok(Self::Compare(Operator::MoreOrIs, stem)),
                Some(operator) => Err(format!("`{operator}` and `*` mean nothing together")),
            };
        }
        let is = version(rest)?;
        Ok(match operator {
            Some("=") => Self::Begins(true, is),
            Some("!=") => Self::Compare(Operator::IsNot, is),
            Some("<") => Self::Compare(Operator::Less, is),
            Some("<=") => Self::Compare(Operator::LessOrIs, is),
            Some(">") => Self::Compare(Operator::More, is),
            Some(">=") => Self::Compare(Operator::MoreOrIs, is),
            Some("~=") => {
                let Some((stem, _)) = rest.rsplit_once('.') else {
                    return Err(format!("`~={rest}` needs a version of at least two parts"));
                };
                Self::Compatible(is, version(stem)?)
            }
            _ => Self::Compare(Operator::Is, is),
        })
    }

    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::Begins(yes, stem) => version.starts_with(stem) == *yes,
            Self::Compatible(from, stem) => version.key() >= from.key() && version.starts_with(stem),
            Self::Compare(operator, other) => {
                let order = version.key().cmp(&other.key());
                match operator {
                    Operator::Is => order.is_eq(),
                    Operator::IsNot => order.is_ne(),
                    Operator::Less => order.is_lt(),
                    Operator::LessOrIs => order.is_le(),
                    Operator::More => order.is_gt(),
                    Operator::MoreOrIs => order.is_ge(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_holds_what_conda_says_it_holds() {
        for (spec, inside, outside) in [
            ("1.7", &["1.7", "1.7.0"][..], &["1.7.1", "1.8"][..]),
            ("1.7.*", &["1.7", "1.7.0", "1.7.1", "1.7.1a"], &["1.70", "1.8", "1.6"]),
            ("=1.7", &["1.7.3", "1.7"], &["1.8", "1.70"]),
            (">=1.7,<2", &["1.7", "1.9.9"], &["2", "1.6"]),
            ("1.6|1.7.*", &["1.6", "1.7.2"], &["1.6.1", "1.8"]),
            (">1.8,<2|==1.7", &["1.9", "1.7"], &["1.8", "2"]),
            ("!=1.7.*", &["1.8"], &["1.7.3"]),
            ("~=1.7.1", &["1.7.1", "1.7.9"], &["1.7.0", "1.8"]),
            ("*", &["1", "0.1a"], &[]),
            ("1.1*", &["1.1", "1.1.3"], &["1.2"]),
            (">=2.0.0rc1", &["2.0.0rc1", "2.0.0"], &["2.0.0b1"]),
        ] {
            let parsed = Spec::parse(spec).unwrap();
            for version in inside {
                assert_eq!(parsed.contains(version), Some(true), "{spec} {version}");
            }
            for version in outside {
                assert_eq!(parsed.contains(version), Some(false), "{spec} {version}");
            }
        }
        assert_eq!(Spec::parse("*").unwrap().contains("é"), None);
    }

    #[test]
    fn what_is_no_spec_is_refused() {
        let long = vec!["1"; 65].join("|");
        for text in ["", ",", ">=", "1.*.2", "<1.*", "~=1", "1||2", "=>1", &long] {
            assert!(Spec::parse(text).is_err(), "{text}");
        }
        assert!(Spec::parse(&vec!["1"; 64].join("|")).is_ok());
    }
}
