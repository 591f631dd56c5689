//! Which small artifacts are kept in memory?
//!
//! Opening and reading a file costs more than sending a small one. What is asked for again is therefore kept: from the
//! second time on, so that an install of a thousand packages does not drive out what everybody asks for. Bytes that are
//! kept were checked against their digest when they were read.

use bytes::Bytes;
use weir_core::Digest;

use crate::cache::Lru;

/// Largest artifact that is kept in memory, in bytes.
const MAX_SIZE: u64 = 256 * 1024;
/// What an artifact weighs beside its bytes, and one that was asked for once, in bytes.
const ENTRY_WEIGHT: usize = 128;

/// The small artifacts that are asked for most.
pub struct Hot(Lru<Digest, Option<Bytes>>);

impl Hot {
    /// At most `budget` bytes of them.
    pub fn new(budget: usize) -> Self {
        Self(Lru::new(budget))
    }

    /// The bytes of an artifact, if they are here.
    pub fn get(&self, digest: &Digest, size: u64) -> Option<Bytes> {
        if size > MAX_SIZE {
            return None;
        }
        self.0.get(digest)?.filter(|bytes| bytes.len() as u64 == size)
    }

    /// True if an artifact that is not here should be. Notes that it was asked for.
    pub fn wants(&self, digest: &Digest, size: u64) -> bool {
        if size > MAX_SIZE {
            return false;
        }
        let is_known = self.0.get(digest).is_some();
        if !is_known {
            self.0.insert(*digest, None, ENTRY_WEIGHT);
        }
        is_known
    }

    /// Keeps the bytes of an artifact, which have been checked.
    pub fn keep(&self, digest: Digest, bytes: Bytes) {
        let weight = bytes.len() + ENTRY_WEIGHT;
        self.0.insert(digest, Some(bytes), weight);
    }

    /// Forgets artifacts that are evicted.
    pub fn forget(&self, digests: &[Digest]) {
        for digest in digests {
            self.0.remove(digest);
        }
    }

    /// What is kept, in bytes.
    pub fn weight(&self) -> usize {
        self.0.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_kept_from_the_second_time_on_until_it_is_evicted() {
        let hot = Hot::new(1024 * 1024);
        let bytes = Bytes::from_static(b"wheel");
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        assert!(!hot.wants(&digest, size) && hot.get(&digest, size).is_none());
        assert!(hot.wants(&digest, size));
        hot.keep(digest, bytes.clone());
        assert_eq!(hot.get(&digest, size), Some(bytes));
        assert_eq!(hot.get(&digest, size + 1), None, "other bytes than those that were meant");
        hot.forget(&[digest]);
        assert!(hot.get(&digest, size).is_none() && hot.weight() == 0);
    }

    #[test]
    fn an_artifact_at_the_limit_is_kept_and_a_larger_one_is_not() {
        let hot = Hot::new(1024 * 1024);
        for (size, is_kept) in [(MAX_SIZE, true), (MAX_SIZE + 1, false)] {
            let digest = Digest::of(&size.to_be_bytes());
            hot.wants(&digest, size);
            assert_eq!(hot.wants(&digest, size), is_kept, "{size}");
        }
    }
}
