//! OpenSSL's own versions.
//!
//! Specification: OpenSSL's release strategy. Three numbers; before 3.0 letters for patches, `z` is followed by `za`; what
//! follows `-` is a pre-release.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, is_number};

/// The key of an OpenSSL version.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    const SHAPE: &str = "expected numbers between dots, and letters such as 1.0.2zb";
    let (main, pre_release) = match version.split_once('-') {
        Some((main, pre_release)) => (main, Some(pre_release)),
        None => (version, None),
    };
    let numbers = main.trim_end_matches(|last: char| last.is_ascii_lowercase());
    if !numbers.split('.').all(is_number) || numbers.split('.').count() > 4 {
        return Err(SHAPE);
    }
    let mut key = Key::default();
    for number in numbers.split('.') {
        key.mark(1).number(number);
    }
    key.mark(0).text(&main[numbers.len()..]);
    let Some(pre_release) = pre_release else { return Ok(key.mark(1).done()) };
    let word = pre_release.trim_end_matches(|last: char| last.is_ascii_digit());
    if !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(SHAPE);
    }
    Ok(key.mark(0).text(word).number(&pre_release[word.len()..]).done())
}
