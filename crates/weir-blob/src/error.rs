//! What went wrong with blobs, and what can be done.

use std::io;
use std::path::Path;

use weir_core::Digest;

/// Why bytes could not be kept or read. Can be cloned, so that all who waited for one piece of work get it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no room.
    #[error("the disk of `{path}` is full; nothing that is stored is lost: free some room, or move the data directory")]
    Full {
        /// What could not be written.
        path: String,
    },
    /// The operating system does not permit it.
    #[error("`{path}` cannot be {doing}: {problem}; let the account that runs Weir own the data directory")]
    Permission {
        /// Which file or directory.
        path: String,
        /// What was tried.
        doing: &'static str,
        /// What the operating system says.
        problem: String,
    },
    /// Any other failure of the file system.
    #[error("`{path}` cannot be {doing}: {problem}")]
    Io {
        /// Which file or directory.
        path: String,
        /// What was tried.
        doing: &'static str,
        /// What the operating system says.
        problem: String,
    },
    /// What is stored is not what its name says.
    #[error("the blob `{place}` is damaged: {problem}; move it away, and it is fetched again when it is asked for")]
    Damaged {
        /// Which blob.
        digest: Digest,
        /// Where it is.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Bytes that were collected are not as many as they should be.
    #[error("{found} bytes were collected for the blob {digest}, which has {expected}; ask for it again")]
    Length {
        /// Which blob.
        digest: Digest,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A range that is not within the blob.
    #[error("the blob {digest} has {size} bytes; bytes {start} to {end} were asked for")]
    Range {
        /// Which blob.
        digest: Digest,
        /// The first byte asked for.
        start: u64,
        /// The byte after the last one asked for.
        end: u64,
        /// How many it has.
        size: u64,
    },
    /// A blob that is too large to be read into memory.
    #[error("the blob {digest} has {size} bytes; at most {limit} are read at once")]
    TooLarge {
        /// Which blob.
        digest: Digest,
        /// How many bytes it has.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The S3 server does not permit it.
    #[error("`{place}` cannot be {doing}: {problem}; check the key, its secret and what they permit")]
    Denied {
        /// Which object.
        place: String,
        /// What was tried.
        doing: &'static str,
        /// What the server says.
        problem: String,
    },
    /// Any other failure of the S3 server.
    #[error("`{place}` cannot be {doing}: {problem}; check the endpoint, the bucket and the network")]
    Remote {
        /// Which object.
        place: String,
        /// What was tried.
        doing: &'static str,
        /// The cause.
        problem: String,
    },
    /// Settings that cannot be used.
    #[error("the settings for blobs in S3 cannot be used: {problem}")]
    Config {
        /// What is wrong with them.
        problem: String,
    },
}

impl BlobError {
    pub(crate) fn io(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        let path = path.display().to_string();
        let problem = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { path, doing, problem }
            }
            io::ErrorKind::CrossesDevices => Self::Io {
                path,
                doing,
                problem: String::from("`blob` and `tmp` of the data directory must be on one file system"),
            },
            _ => Self::Io { path, doing, problem },
        }
    }

    pub(crate) fn remote(place: String, doing: &'static str, error: &object_store::Error) -> Self {
        let problem = innermost(error);
        match error {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Self::Denied { place, doing, problem }
            }
            _ => Self::Remote { place, doing, problem },
        }
    }

    /// True for trouble that may pass by itself or be ended by whoever runs the machine; false for a damaged blob.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Damaged { .. } | Self::Range { .. } | Self::TooLarge { .. } | Self::Config { .. })
    }
}

/// The innermost cause on one line; the outer ones repeat the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_permission_are_told_apart() {
        let path = Path::new("/data/tmp/spool");
        let full = BlobError::io(path, "written", &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(
            full.to_string(),
            "the disk of `/data/tmp/spool` is full; nothing that is stored is lost: free some room, or move the data \
             directory"
        );
        let denied = BlobError::io(path, "written", &io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(
            denied.to_string(),
            "`/data/tmp/spool` cannot be written: permission denied; let the account that runs Weir own the data \
             directory"
        );
        let other = BlobError::io(path, "renamed", &io::Error::from(io::ErrorKind::CrossesDevices));
        assert!(other.to_string().contains("on one file system"));
    }
}
