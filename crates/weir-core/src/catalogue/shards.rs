//! A catalogue that is also offered in shards: a list with the digest of each package's own small document.

use crate::Digest;
use crate::registry::{Document, InvalidDocument, Wanted};

/// How a registry reads and writes shards. All methods are pure; bytes are without the packing that the files have.
pub trait Shards: Send + Sync {
    /// The upstream document that lists the shards of a part; `None` if there is no such part.
    fn list(&self, part: &str) -> Option<Wanted>;

    /// The shards that it names.
    fn read(&self, list: &Document<'_>) -> Result<Vec<Shard>, InvalidDocument>;

    /// The same list, naming these shards instead, by key and digest.
    fn write(&self, list: &Document<'_>, shards: &[(String, Digest)]) -> Result<Vec<u8>, InvalidDocument>;

    /// A package's shard with these pieces of the catalogue alone.
    fn shard(&self, pieces: &[&[u8]]) -> Vec<u8>;
}

/// A shard at upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// The package's name in its part: see [`Place::key`](super::Place::key).
    pub key: String,
    /// SHA-256 of the shard as a file.
    pub digest: Digest,
    /// Its absolute address.
    pub url: String,
}
