//! What can go wrong with the advisory data as a whole.

use std::path::PathBuf;

use weir_advisory::OpenError;
use weir_advisory::read::ReadError;
use weir_store::StoreError;

/// Why advisory data could not be brought in or used. What was stored before stays, and so does the index in use.
#[derive(Debug, thiserror::Error)]
pub enum FeedsError {
    /// The directory for index files cannot be made.
    #[error("cannot create the directory {path} for the advisory index: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(
        "cannot write {path}: {source}; what was read is stored, and the next `weir feeds import` or `weir feeds sync` goes on from there"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was written reads back as something else.
    #[error("{path} reads back with other bytes than were written; the disk or its file system is faulty")]
    Corrupt {
        /// The file.
        path: PathBuf,
    },
    /// The input cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The current index cannot be opened.
    #[error(transparent)]
    Index(#[from] OpenError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The setting that names the index does not.
    #[error("the setting `advisory-index` is unusable: {0}; `weir feeds import` or `weir feeds sync` sets it anew")]
    Pointer(String),
    /// Other processes change the data faster than it can be indexed.
    #[error("the advisory data was changed by another process at every try; run the command again when that is done")]
    Contended,
    /// Nothing could be fetched.
    #[error("no feed could be synced:\n  {}\n{}", .problems.join("\n  "), crate::sync::ADVICE)]
    NothingSynced {
        /// One sentence a feed.
        problems: Vec<String>,
    },
    /// A setting of the feeds cannot be used.
    #[error("{0}")]
    Config(#[from] weir_upstream::ConfigError),
    /// Work was cut off, because the program is stopping.
    #[error("the work was cut off")]
    Cancelled,
}
