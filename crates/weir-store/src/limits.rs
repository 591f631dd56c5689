//! How much the store takes, and the tests of it.
//!
//! A key must fit an index entry, and PostgreSQL's may have 2,704 bytes: the limits below keep every index of the schema
//! under that. They are in bytes of UTF-8.

use crate::error::StoreError;

/// A short word: ecosystem, stage, kind, outcome, setting's or feed's name, id of a decision or token.
pub const WORD: usize = 128;
/// The name of a package, a version, or the name of a file.
pub const NAME: usize = 512;
/// A path, subject, upstream or source.
pub const PATH: usize = 1_000;
/// What an index states of one artifact: `sha512:…`.
pub const STATED: usize = 256;
/// Any other text: a setting, a fact's value, a body.
pub const TEXT: usize = 8 * 1024 * 1024;
/// One advisory, uncompressed.
pub const ADVISORY: usize = 16 * 1024 * 1024;
/// One revision of a policy, of waivers or of a feed, uncompressed.
pub const REVISION: usize = 256 * 1024 * 1024;
/// Rows in one page of an answer.
pub const PAGE: u32 = 1_000;
/// Characters of an offending text that a message shows.
pub const SHOWN: usize = 80;

/// The beginning of `text`, printable.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

/// Refuses a text of more than `limit` bytes.
pub(crate) fn at_most(operation: &'static str, what: &'static str, limit: usize, text: &str) -> Result<(), StoreError> {
    if text.len() <= limit {
        return Ok(());
    }
    Err(StoreError::TooLong { operation, what, length: text.len(), limit, text: shown(text) })
}

/// Refuses bytes above `limit`.
pub(crate) fn bytes_at_most(
    operation: &'static str,
    what: &'static str,
    limit: usize,
    bytes: &[u8],
) -> Result<(), StoreError> {
    if bytes.len() <= limit {
        return Ok(());
    }
    let text = shown(&String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes)));
    Err(StoreError::TooLong { operation, what, length: bytes.len(), limit, text })
}

/// Refuses a text that is not one JSON value.
pub(crate) fn json(operation: &'static str, what: &'static str, text: &str) -> Result<(), StoreError> {
    at_most(operation, what, TEXT, text)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(drop).map_err(|error| StoreError::NotJson {
        operation,
        what,
        problem: error.to_string(),
        text: shown(text),
    })
}

/// A page's size: at least 1, at most [`PAGE`].
pub(crate) fn page(limit: u32) -> i64 {
    i64::from(limit.clamp(1, PAGE))
}
