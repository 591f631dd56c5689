//! Lists of numbers: Hackage's and GHC's versions, and R's for Bioconductor.
//!
//! Specification: Haskell Package Versioning Policy; `?numeric_version` of R. Numbers are compared one by one, and what goes
//! on is later than what has ended: 1.0 < 1.0.0.

use weir_core::ecosystem::SortKey;

use crate::key::{Key, is_number};

const END: u8 = 0;
const NUMBER: u8 = 1;

/// The key of numbers between dots.
pub(crate) fn dotted(version: &str) -> Result<SortKey, &'static str> {
    key(version, &['.'])
}

/// The key of numbers between dots or hyphens.
pub(crate) fn r(version: &str) -> Result<SortKey, &'static str> {
    key(version, &['.', '-'])
}

fn key(version: &str, separators: &[char]) -> Result<SortKey, &'static str> {
    let mut key = Key::default();
    for number in version.split(separators) {
        if !is_number(number) {
            return Err("expected numbers between dots");
        }
        key.mark(NUMBER).number(number);
    }
    Ok(key.mark(END).done())
}
