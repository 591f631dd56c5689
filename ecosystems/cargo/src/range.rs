//! Version requirements: cargo book, "Specifying dependencies".
//!
//! A requirement here answers policy, not a resolver, so pre-releases count by their place in the order: 1.3.0-rc.1 is in
//! `^1.2`. Bounds that a requirement implies leave out the pre-releases of the version they stop at (`^1.2` ends before
//! 2.0.0-0) and take in those of an unfinished version that they start at (`1.2` starts at 1.2.0-0); bounds that are
//! written in full mean exactly what they say.

use weir_core::ecosystem::{InvalidRange, SortKey, VersionRange};

use crate::version::{Version, number};

/// Most comparators of one requirement: cargo's own limit.
pub const MAX_COMPARATORS: usize = 32;

/// A list of bounds that all have to hold.
#[derive(Debug)]
pub struct Requirement(Vec<Bound>);

#[derive(Debug)]
enum Bound {
    From(SortKey),
    After(SortKey),
    Before(SortKey),
    UpTo(SortKey),
}

impl VersionRange for Requirement {
    fn contains(&self, version: &str) -> Option<bool> {
        let key = Version::lenient(version).ok()?.key();
        Some(self.0.iter().all(|bound| match bound {
            Bound::From(from) => key >= *from,
            Bound::After(after) => key > *after,
            Bound::Before(before) => key < *before,
            Bound::UpTo(up_to) => key <= *up_to,
        }))
    }
}

impl Requirement {
    /// Reads comparators between commas: `^1.2`, `~1.2`, `=1.2.3`, `>=1, <3`, `1.*`, `*`.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        let error = |problem: &str| InvalidRange {
            ecosystem: crate::ECOSYSTEM.title,
            range: text.chars().take(200).collect(),
            problem: problem.to_owned(),
        };
        let mut bounds = Vec::new();
        for (index, comparator) in text.split(',').enumerate() {
            if index == MAX_COMPARATORS {
                return Err(error("it has more than 32 parts"));
            }
            comparator_bounds(comparator.trim(), &mut bounds).map_err(|problem| error(&problem))?;
        }
        Ok(Self(bounds))
    }
}

fn comparator_bounds(text: &str, bounds: &mut Vec<Bound>) -> Result<(), String> {
    const OPERATORS: [&str; 7] = [">=", "<=", ">", "<", "=", "^", "~"];
    let operator = OPERATORS.into_iter().find(|operator| text.starts_with(operator));
    let rest = text[operator.map_or(0, str::len)..].trim_start();
    if rest.is_empty() {
        return Err(String::from("a part has no version; expected a list such as `>=1.2, <2`"));
    }
    let version = Partial::parse(rest)?;
    if version.wild && !matches!(operator, None | Some("=" | "^" | "~")) {
        return Err(format!("`{rest}` cannot be compared with `{}`", operator.unwrap_or_default()));
    }
    let first = version.first();
    let operator = if version.wild { "=" } else { operator.unwrap_or("^") };
    match operator {
        ">=" => bounds.push(Bound::From(first)),
        "<" => bounds.push(Bound::Before(first)),
        ">" if version.whole() => bounds.push(Bound::After(first)),
        "<=" if version.whole() => bounds.push(Bound::UpTo(first)),
        // Of an unfinished version, everything that begins with it is meant.
        ">" => match version.next(version.numbers.len()) {
            Some(next) => bounds.push(Bound::From(next)),
            None => bounds.extend([Bound::After(first.clone()), Bound::Before(first)]),
        },
        "<=" => bounds.extend(version.next(version.numbers.len()).map(Bound::Before)),
        "=" if version.whole() => bounds.extend([Bound::From(first.clone()), Bound::UpTo(first)]),
        "=" | "~" => {
            bounds.push(Bound::From(first));
            bounds.extend(version.next(version.numbers.len().min(2)).map(Bound::Before));
        }
        _ => {
            bounds.push(Bound::From(first));
            // The leftmost number that is not 0 must stay; of zeros alone, the last that is written.
            let fixed =
                version.numbers.iter().position(|number| *number != 0).unwrap_or(version.numbers.len().max(1) - 1);
            bounds.extend(version.next(fixed + 1).map(Bound::Before));
        }
    }
    Ok(())
}

/// A version that may lack its last numbers.
struct Partial {
    numbers: Vec<u64>,
    pre: Vec<String>,
    /// The rest is written as `*`.
    wild: bool,
}

impl Partial {
    fn parse(text: &str) -> Result<Self, String> {
        let is_wild = |part: &str| matches!(part, "*" | "x" | "X");
        if text.contains(['-', '+']) {
            let version = Version::lenient(text).map_err(|invalid| format!("`{text}`: {}", invalid.problem))?;
            if version.written < 3 {
                return Err(format!("`{text}` has fewer than three numbers before its pre-release or build"));
            }
            return Ok(Self { numbers: version.core.to_vec(), pre: version.pre, wild: false });
        }
        let mut out = Self { numbers: Vec::new(), pre: Vec::new(), wild: false };
        for (index, part) in text.split('.').enumerate() {
            if index == 3 {
                return Err(format!("`{text}` has more than three numbers"));
            }
            if is_wild(part) {
                out.wild = true;
            } else if out.wild {
                return Err(format!("`{text}` has a number after `*`"));
            } else {
                out.numbers.push(number(part).map_err(|problem| format!("`{text}`: {problem}"))?);
            }
        }
        Ok(out)
    }

    fn whole(&self) -> bool {
        self.numbers.len() == 3
    }

    /// The first version that is meant.
    fn first(&self) -> SortKey {
        let mut core = [0; 3];
        for (place, number) in core.iter_mut().zip(&self.numbers) {
            *place = *number;
        }
        let pre = if self.whole() { self.pre.clone() } else { vec![String::from("0")] };
        Version { core, written: 3, pre }.key()
    }

    /// The first version whose leading `keep` numbers are no longer these; `None` if there is none.
    fn next(&self, keep: usize) -> Option<SortKey> {
        let mut core = [0; 3];
        for (place, number) in core.iter_mut().zip(&self.numbers).take(keep) {
            *place = *number;
        }
        // A number that cannot grow makes the one before it grow.
        for place in core.iter_mut().take(keep).rev() {
            match place.checked_add(1) {
                Some(more) => {
                    *place = more;
                    return Some(Version { core, written: 3, pre: vec![String::from("0")] }.key());
                }
                None => *place = 0,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, version: &str) -> bool {
        Requirement::parse(range).unwrap().contains(version).unwrap()
    }

    #[test]
    fn a_requirement_holds_what_the_book_says() {
        for (range, inside, outside) in [
            ("1.2.3", "1.2.3 1.9.0 1.3.0-rc.1", "1.2.2 1.2.3-a 2.0.0 2.0.0-a"),
            ("^1.2", "1.2.0 1.99.0", "1.1.9 2.0.0"),
            ("^1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
            ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
            ("^0.0.3", "0.0.3", "0.0.4 0.1.0"),
            ("^0.0", "0.0.0 0.0.9", "0.1.0"),
            ("^0", "0.0.0 0.9.0", "1.0.0"),
            ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"),
            ("~1.2", "1.2.0 1.2.9", "1.3.0"),
            ("~1", "1.0.0 1.9.9", "2.0.0"),
            ("*", "0.0.0-0 0.0.0 99.0.0", ""),
            ("1.*", "1.0.0 1.9.9 1.0.0-a", "2.0.0 0.9.9 2.0.0-a"),
            ("1.2.*", "1.2.0 1.2.9", "1.3.0"),
            ("=1.2.3", "1.2.3 1.2.3+b", "1.2.4 1.2.3-a"),
            ("=1.2", "1.2.0 1.2.9", "1.3.0"),
            (">1.2", "1.3.0", "1.2.9"),
            (">1.2.3", "1.2.4", "1.2.3 1.2.3-a"),
            ("<=1.2", "1.2.9 0.1.0", "1.3.0"),
            ("< 2.0.0", "1.9.9 2.0.0-a", "2.0.0"),
            (">=1.2, <1.5", "1.2.0 1.4.9", "1.5.0 1.1.9 1.5.0-a"),
            ("=1.0.0-beta.2", "1.0.0-beta.2", "1.0.0-beta.11 1.0.0"),
            ("<=18446744073709551615", "18446744073709551615.1.0", ""),
            (">18446744073709551615", "", "18446744073709551615.1.0 1.0.0"),
        ] {
            for version in inside.split_whitespace() {
                assert!(contains(range, version), "{version} in {range}");
            }
            for version in outside.split_whitespace() {
                assert!(!contains(range, version), "{version} not in {range}");
            }
        }
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        for text in ["", ",", "1.2.3.4", ">=*", "1.*.2", "^", "abc", "1.2-a", ">=1.2 <2", "1.2,", "^v", "1.é"] {
            assert!(Requirement::parse(text).is_err(), "{text:?}");
        }
        assert!(Requirement::parse(&["1"; 33].join(",")).is_err());
        assert_eq!(Requirement::parse("*").unwrap().contains("main"), None);
    }
}
