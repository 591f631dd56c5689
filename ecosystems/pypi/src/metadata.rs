//! What an artifact declares about itself: core metadata, entry points, build system.

use weir_core::registry::{Declared, Entry, Expected};

/// What the picked entries of an artifact declare.
pub(crate) fn declared(file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let _ = (file, entries, expected);
    Declared::default()
}
