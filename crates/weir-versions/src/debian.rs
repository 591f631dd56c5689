//! Debian's order, and opam's, which is the same without epoch and revision.
//!
//! Specification: deb-version(7); Debian Policy 5.6.12; opam manual, "Version ordering". A version is an epoch before `:`,
//! an upstream version, and a revision after the last `-`. Both are compared as runs of other characters and of digits in
//! turns: `~` stands before the end, the end before letters, letters before everything else; digits are numbers, none is 0.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, digits, is_number};

const BEFORE_END: u8 = 1;
const END: u8 = 2;

/// The key of a Debian version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        Some(_) => return Err("what stands before `:` is no number"),
        None => ("0", version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    if upstream.is_empty() {
        return Err("the upstream version is missing");
    }
    let mut key = Key::default();
    key.number(epoch);
    runs(upstream, &mut key)?;
    runs(revision, &mut key)?;
    Ok(key.done())
}

/// The key of an opam version.
pub(crate) fn opam(version: &str) -> Result<SortKey, &'static str> {
    let mut key = Key::default();
    runs(version, &mut key)?;
    Ok(key.done())
}

/// dpkg's `verrevcmp`. After the last number there is an endless row of empty runs and zeros, for which one end mark stands:
/// no run but the first is empty, so nothing else has its place.
fn runs(mut text: &str, key: &mut Key) -> Result<(), &'static str> {
    loop {
        let end = text.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(text.len());
        let (others, rest) = text.split_at(end);
        for byte in others.bytes() {
            key.mark(match byte {
                b'~' => BEFORE_END,
                b'A'..=b'Z' | b'a'..=b'z' => byte,
                b'.' | b'+' | b'-' | b':' | b'_' => byte | 0x80,
                _ => return Err("expected letters, digits and `.`, `+`, `-`, `~`"),
            });
        }
        let (number, rest) = digits(rest);
        key.mark(END).number(number);
        text = rest;
        if text.is_empty() {
            key.mark(END);
            return Ok(());
        }
    }
}
