#![doc = include_str!("../README.md")]

mod conda;
mod gzip;
mod notes;
mod path;
mod tail;
mod tar;
mod zip;

use std::io;

pub use conda::visit_conda;
pub use tail::{HELD_TAIL, TailHold};
pub use tar::{visit_tar, visit_tar_bz2, visit_tar_gz};
pub use zip::{stream_zip, visit_zip};

/// What reading an archive may cost. Whatever goes beyond is [`ArchiveError::Limit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes that a tar archive may unpack to. A zip archive is not unpacked, so its entries may be larger in sum.
    pub unpacked_bytes: u64,
    /// How many times its packed size a tar archive may unpack to, once it has passed [`Limits::ratio_free_bytes`].
    pub ratio: u64,
    /// Bytes that may be unpacked before the ratio counts: a small archive of zeros is harmless.
    pub ratio_free_bytes: u64,
    /// Entries of an archive.
    pub entries: u64,
    /// Bytes of one picked entry.
    pub picked_bytes: u64,
    /// Bytes of all picked entries together.
    pub picked_total_bytes: u64,
    /// Bytes of one path.
    pub path_bytes: usize,
    /// Bytes of all paths together, and of a zip file's central directory.
    pub directory_bytes: u64,
    /// Bytes of one extended header of a tar archive (PAX records, GNU long names).
    pub extension_bytes: u64,
}

impl Limits {
    /// The limits that hold unless configured otherwise.
    pub const DEFAULT: Self = Self {
        unpacked_bytes: 2 << 30,
        ratio: 200,
        ratio_free_bytes: 10 << 20,
        entries: 100_000,
        picked_bytes: 8 << 20,
        picked_total_bytes: 64 << 20,
        path_bytes: 4096,
        directory_bytes: 32 << 20,
        extension_bytes: 1 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What an archive holds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Number of entries: files, directories, links.
    pub entries: u64,
    /// Links among them. They are counted and never followed.
    pub links: u64,
    /// Bytes that it unpacks to: found for tar, declared for zip.
    pub unpacked_bytes: u64,
    /// Where two readers may read it differently, one sentence each without a full stop; at most
    /// [`MAX_AMBIGUITIES`] and one that counts the rest.
    pub ambiguities: Vec<String>,
    /// Why not all of it was read, where that is no fault of the archive: a package of gigabytes.
    pub partial: Option<String>,
}

/// How many ambiguities are told one by one.
pub const MAX_AMBIGUITIES: usize = 16;

/// Why an archive could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The medium failed; it says nothing about the archive.
    #[error("cannot read the archive: {0}")]
    Io(#[source] io::Error),
    /// The bytes are not such an archive.
    #[error("{0}")]
    Invalid(String),
    /// The archive goes beyond a limit.
    #[error("{0}")]
    Limit(String),
}
