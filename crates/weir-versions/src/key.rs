//! How a key is put together: bytes that compare as the parts they stand for.

use weir_core::ecosystem::SortKey;

/// A key in the making.
///
/// Every part writes bytes of which none is the beginning of another part's that may stand in its place, so that a key
/// compares part by part.
#[derive(Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// A mark: what kind of part follows, or that none does.
    pub fn mark(&mut self, mark: u8) -> &mut Self {
        self.0.push(mark);
        self
    }

    /// A number of any length, given by its digits: how many there are without leading zeros, then they. Versions are
    /// shorter than 256 bytes ([`crate::MAX_VERSION`]), so one byte counts them.
    pub fn number(&mut self, digits: &str) -> &mut Self {
        let digits = digits.trim_start_matches('0');
        self.0.push(u8::try_from(digits.len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(digits.as_bytes());
        self
    }

    /// Text without NUL; what goes on is later than what has ended.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    /// The whole.
    pub fn done(&mut self) -> SortKey {
        SortKey::from_bytes(std::mem::take(&mut self.0))
    }
}

/// Splits what stands before the first byte that is no digit.
pub(crate) fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// Splits what stands before the first byte that is no ASCII letter.
pub(crate) fn letters(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len()))
}

/// True if there is something and all of it is digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
