//! RPM's order.
//!
//! Specification: rpm-version(7), `rpmvercmp`. A version is an epoch before `:`, a version and a release after the last
//! `-`. Both are runs of digits or of letters, whatever stands between; a number is later than letters, `~` stands before
//! the end and `^` just after it.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits, is_number, letters};

const TILDE: u8 = 1;
const END: u8 = 2;
const CARET: u8 = 3;
const LETTERS: u8 = 4;
const NUMBER: u8 = 5;

/// The key of an `[epoch:]version[-release]`. One without a release comes before all that have one.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("0", version),
    };
    let mut key = Key::default();
    key.number(epoch);
    match rest.rsplit_once('-') {
        Some((version, release)) => {
            runs(version, &mut key);
            key.mark(END);
            runs(release, &mut key);
        }
        None => runs(rest, &mut key),
    }
    Ok(key.done())
}

fn runs(mut text: &str, key: &mut Key) {
    while let Some(first) = text.chars().next() {
        text = match first {
            '~' => {
                key.mark(TILDE);
                &text[1..]
            }
            '^' => {
                key.mark(CARET);
                &text[1..]
            }
            '0'..='9' => {
                let (number, rest) = digits(text);
                key.mark(NUMBER).number(number);
                rest
            }
            'A'..='Z' | 'a'..='z' => {
                let (run, rest) = letters(text);
                key.mark(LETTERS).text(run);
                rest
            }
            other => &text[other.len_utf8()..],
        };
    }
    key.mark(END);
}
