//! RubyGems' order.
//!
//! Specification: `Gem::Version`. Runs of digits and of letters between dots; `-` is `.pre.`. Letters are before numbers,
//! and a version that ends compares as if zeros went on without end, so 1.0.b1 is before 1.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits, is_number, letters};

const BEFORE_ZERO: u8 = 1;
const END: u8 = 2;
const AFTER_ZERO: u8 = 3;

/// The key of a gem's version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let dotted = version.trim().replace('-', ".pre.");
    let mut parts = dotted.split('.');
    if parts.next().is_none_or(|first| digits(first).0.is_empty()) {
        return Err("it does not begin with a number");
    }
    if parts.any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err("expected digits and letters between dots");
    }
    let mut runs: Vec<&str> = Vec::new();
    for mut part in dotted.split('.') {
        while !part.is_empty() {
            let (number, rest) = digits(part);
            let (run, rest) = if number.is_empty() { letters(rest) } else { (number, rest) };
            if run.is_empty() {
                return Err("expected digits and letters between dots");
            }
            runs.push(run);
            part = rest;
        }
    }
    Ok(padded(&canonical(&runs)))
}

/// Without the zeros at the end, and without those before the first letters.
fn canonical<'v>(runs: &[&'v str]) -> Vec<&'v str> {
    let is_zero = |run: &&str| run.bytes().all(|byte| byte == b'0');
    let at = runs.iter().position(|run| !is_number(run)).unwrap_or(runs.len());
    let (release, rest) = runs.split_at(at);
    let kept = |runs: &[&'v str]| -> Vec<&'v str> {
        let length = runs.iter().rposition(|run| !is_zero(run)).map_or(0, |last| last + 1);
        runs.iter().take(length).copied().collect()
    };
    [kept(release), kept(rest)].concat()
}

/// The key of a list that goes on with zeros. A run of zeros is written as its length with what follows it: what is before
/// zero is the sooner the fewer zeros are before it, what is after zero the later.
fn padded(runs: &[&str]) -> SortKey {
    let mut key = Key::default();
    let mut zeros = 0;
    for run in runs {
        if !is_number(run) {
            key.mark(BEFORE_ZERO).mark(zeros).text(run);
            zeros = 0;
        } else if run.bytes().all(|byte| byte == b'0') {
            zeros += 1;
        } else {
            key.mark(AFTER_ZERO).mark(u8::MAX - zeros).number(run);
            zeros = 0;
        }
    }
    key.mark(END).done()
}
