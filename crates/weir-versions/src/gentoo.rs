//! Gentoo's order.
//!
//! Specification: Package Manager Specification, 3.3. `number{.number}…{letter}{_suffix{number}}…{-r#}`; all numbers are
//! compared first, then the letter, the suffixes and the revision.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits, is_number};

const ANNOUNCING: u8 = 1;
const END: u8 = 2;
const FOLLOWING: u8 = 3;
const FRACTION: u8 = 4;
const NUMBER: u8 = 5;

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];

/// The key of a Gentoo version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    const SHAPE: &str = "expected numbers between dots, a letter, `_` and suffixes, and `-r` with a number";
    let (version, revision) = match version.rsplit_once("-r") {
        Some((version, revision)) if is_number(revision) => (version, revision),
        Some(_) => return Err(SHAPE),
        None => (version, "0"),
    };
    let mut suffixes = version.split('_');
    let main = suffixes.next().unwrap_or_default();
    let numbers = main.strip_suffix(|last: char| last.is_ascii_lowercase()).unwrap_or(main);
    if !numbers.split('.').all(is_number) {
        return Err(SHAPE);
    }
    let mut key = Key::default();
    for (at, number) in numbers.split('.').enumerate() {
        if at > 0 && number.starts_with('0') {
            key.mark(FRACTION).text(number.trim_end_matches('0'));
        } else {
            key.mark(NUMBER).number(number);
        }
    }
    key.mark(END).text(&main[numbers.len()..]);
    for suffix in suffixes {
        let (word, number) =
            suffix.split_at(suffix.len() - suffix.bytes().rev().take_while(u8::is_ascii_digit).count());
        let rank = BEFORE.iter().position(|known| *known == word).and_then(|at| u8::try_from(at).ok());
        match rank {
            Some(rank) => key.mark(ANNOUNCING).mark(rank),
            None if word == "p" => key.mark(FOLLOWING),
            None => return Err(SHAPE),
        };
        key.number(digits(number).0);
    }
    Ok(key.mark(END).number(revision).done())
}
