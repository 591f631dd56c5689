//! The order of apk packages: Alpine, Wolfi and their kin.
//!
//! Specification: apk-package(5), "pkgver"; apk-tools' `version.c`. `number{.number}…{letter}{_suffix{number}}…{~hash}{-r#}`.
//! At the first place where two versions differ in kind, the one whose part comes earlier in that form is later, but a
//! suffix that announces (`_alpha`, `_beta`, `_pre`, `_rc`) is before the end. What apk does not understand ends the
//! comparison, just before the end.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits};

const ANNOUNCING: u8 = 1;
const UNKNOWN: u8 = 2;
const END: u8 = 3;
const REVISION: u8 = 4;
const HASH: u8 = 5;
const SUFFIX_NUMBER: u8 = 6;
const FOLLOWING: u8 = 7;
const NOTHING: u8 = 8;
const LETTER: u8 = 9;
const LEADING_ZERO: u8 = 10;
const NUMBER: u8 = 11;

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// Which parts may still come, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Number,
    Letter,
    Suffix,
    Hash,
    Revision,
}

/// The key of an apk version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let (first, mut rest) = digits(version);
    if first.is_empty() {
        return Err("it does not begin with a number");
    }
    let mut key = Key::default();
    key.number(first);
    let mut stage = Stage::Number;
    while !rest.is_empty() {
        let Some(after) = part(rest, &mut stage, &mut key) else {
            return Ok(key.mark(UNKNOWN).done());
        };
        rest = after;
    }
    Ok(key.mark(END).done())
}

/// Reads one part; gives what follows it, or `None` if it is none that may stand here.
fn part<'v>(text: &'v str, stage: &mut Stage, key: &mut Key) -> Option<&'v str> {
    let rest = text.get(1..)?;
    match text.as_bytes().first()? {
        b'.' if *stage <= Stage::Number => {
            let (number, after) = digits(rest);
            component(number, key);
            Some(after)
        }
        letter @ b'a'..=b'z' if *stage <= Stage::Number => {
            *stage = Stage::Letter;
            key.mark(LETTER).mark(*letter);
            Some(rest)
        }
        // As in 6.0.2p1.
        b'0'..=b'9' if *stage == Stage::Letter => {
            let (number, after) = digits(text);
            *stage = Stage::Number;
            component(number, key);
            Some(after)
        }
        b'_' if *stage <= Stage::Suffix => {
            *stage = Stage::Suffix;
            suffix(rest, key)
        }
        b'~' if *stage < Stage::Hash => {
            let end = rest.bytes().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
            let (hash, after) = rest.split_at(end);
            *stage = Stage::Hash;
            key.mark(HASH).text(hash);
            Some(after)
        }
        b'-' if *stage < Stage::Revision => {
            let (number, after) = digits(rest.strip_prefix('r')?);
            if number.is_empty() && !after.starts_with('-') {
                return None;
            }
            *stage = Stage::Revision;
            key.mark(REVISION).number(number);
            Some(after)
        }
        _ => None,
    }
}

/// A number after a dot. With a leading zero it is a fraction: 1.02 is before 1.1, and compared as text.
fn component(number: &str, key: &mut Key) {
    if number.is_empty() {
        key.mark(NOTHING);
    } else if number.starts_with('0') {
        key.mark(LEADING_ZERO).text(number);
    } else {
        key.mark(NUMBER).number(number);
    }
}

fn suffix<'v>(text: &'v str, key: &mut Key) -> Option<&'v str> {
    let end = text.bytes().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let rank = |words: &[&str]| words.iter().position(|known| *known == word).and_then(|at| u8::try_from(at).ok());
    match (rank(&BEFORE), rank(&AFTER)) {
        (Some(rank), _) => key.mark(ANNOUNCING).mark(rank),
        (_, Some(rank)) => key.mark(FOLLOWING).mark(rank),
        (None, None) => return None,
    };
    let (number, rest) = digits(rest);
    if !number.is_empty() {
        key.mark(SUFFIX_NUMBER).number(number);
    }
    Some(rest)
}
