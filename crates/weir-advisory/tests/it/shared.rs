//! The folder of real inputs beside the project.

use std::path::PathBuf;

/// A folder under `../shared`; `None`, with a message, where it is absent and not required.
pub fn folder(name: &str) -> Option<PathBuf> {
    weir_testing::skip::shared(name)
}
