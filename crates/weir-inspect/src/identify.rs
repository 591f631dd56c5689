//! As what would a file on a disk be published?

use std::io;

use weir_archive::{ArchiveError, Limits};
use weir_core::hosting::Identity;
use weir_core::registry::Registry;

use crate::{ReadSeek, picked};

/// Why it cannot be told as what a file would be published.
#[derive(Debug, thiserror::Error)]
pub enum Unidentified {
    /// It is not the archive that its name promises.
    #[error("{0}")]
    Unreadable(String),
    /// The medium's own failure.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// As what a registry would take a file in; `None` if it would not.
pub fn identify(
    registry: &dyn Registry,
    file: &str,
    bytes: &mut dyn ReadSeek,
) -> Result<Option<Identity>, Unidentified> {
    let (Some(hosting), Some(inspection)) = (registry.hosting(), registry.inspection(file)) else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    match picked(&Limits::DEFAULT, &inspection, bytes, &mut entries) {
        Ok(_) => Ok(hosting.identify(file, &entries)),
        Err(ArchiveError::Io(error)) => Err(Unidentified::Io(error)),
        Err(ArchiveError::Invalid(problem) | ArchiveError::Limit(problem)) => Err(Unidentified::Unreadable(problem)),
    }
}
