//! Packagist's order.
//!
//! Specification: PHP's `version_compare`, which Composer uses. Runs of digits and of other characters; words rank as
//! other words < `dev` < `alpha` < `beta` < `rc` < a number < `pl`, by how they begin; what ends first is as a number would
//! be, but before one. A `#` is equal to every number and to the end, so a version with one has no key.

use std::cmp::Ordering;

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits};

const END: u8 = 6;
const NUMBER: u8 = 7;
/// The rank of a number beside a word, and of `#`.
const ANY_NUMBER: u8 = 5;

/// Words in the order in which PHP looks for them, with their rank.
const WORDS: [(&str, u8); 10] = [
    ("dev", 1),
    ("alpha", 2),
    ("a", 2),
    ("beta", 3),
    ("b", 3),
    ("RC", 4),
    ("rc", 4),
    ("#", ANY_NUMBER),
    ("pl", 8),
    ("p", 8),
];

/// A run of a version.
#[derive(Clone, Copy)]
enum Run<'v> {
    Number(&'v str),
    Word(u8),
}

/// The key of a Packagist version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let mut key = Key::default();
    for run in runs(version)? {
        match run {
            Run::Number(number) => key.mark(NUMBER).number(number),
            Run::Word(ANY_NUMBER) => return Err("`#` stands for every number, which has no order"),
            Run::Word(rank) => key.mark(rank),
        };
    }
    Ok(key.mark(END).done())
}

/// The order of two versions; `None` if one cannot be read.
pub(crate) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(lists(&runs(a).ok()?, &runs(b).ok()?))
}

fn lists(a: &[Run<'_>], b: &[Run<'_>]) -> Ordering {
    let both = a.iter().zip(b).map(|(a, b)| a.compare(*b));
    let rest = |longer: &[Run<'_>]| match longer {
        [] => Ordering::Equal,
        [Run::Number(_), ..] => Ordering::Greater,
        words @ [Run::Word(_), ..] => lists(words, &[Run::Word(ANY_NUMBER)]),
    };
    both.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| {
        let end = a.len().min(b.len());
        if a.len() >= b.len() { rest(&a[end..]) } else { rest(&b[end..]).reverse() }
    })
}

impl Run<'_> {
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Run::Number(a), Run::Number(b)) => {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Run::Number(_) => ANY_NUMBER,
            Run::Word(rank) => rank,
        }
    }
}

fn runs(version: &str) -> Result<Vec<Run<'_>>, &'static str> {
    if !version.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected printable characters without blanks");
    }
    let mut rest = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let mut runs = Vec::new();
    while !rest.is_empty() {
        let (number, after) = digits(rest);
        if !number.is_empty() {
            runs.push(Run::Number(number));
            rest = after;
            continue;
        }
        let ends = |byte: u8| byte.is_ascii_digit() || b"-_+.".contains(&byte);
        let (word, after) = rest.split_at(rest.bytes().position(ends).unwrap_or(rest.len()));
        rest = if word.is_empty() { &rest[1..] } else { after };
        if !word.is_empty() {
            runs.push(Run::Word(WORDS.iter().find(|(known, _)| word.starts_with(known)).map_or(0, |(_, rank)| *rank)));
        }
    }
    Ok(runs)
}
