//! Where are shards that were made here, while clients may hold a list that names them?
//!
//! A client reads a list of shards now and the shards that it names later, perhaps days later. So a shard is a file of its own
//! from when a list first names it until [`NAMED_STANDS`] after one last did, over restarts too. Each is named by its SHA-256
//! and read back by it: what a crash has left of one is not there. They may be lost without harm, so nothing is synced, and
//! where they are is a directory on this machine even if blobs are elsewhere.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use weir_core::time::DAY;
use weir_core::{Digest, Timestamp};

/// How long a shard is there after a list last named it, in milliseconds.
pub const NAMED_STANDS: i64 = 7 * DAY;
/// Bytes of disk for shards that were made here. What was named longest ago goes first.
pub const SHARDS_BYTES: u64 = 1024 * 1024 * 1024;
/// The disk that a file takes at least, in bytes.
const FILE: u64 = 4096;

/// A directory of shards.
#[derive(Clone, Debug)]
pub(crate) struct MadeShards {
    root: PathBuf,
    limit: u64,
}

impl MadeShards {
    /// In this directory, which is made when there is something for it.
    pub(crate) fn new(root: PathBuf, limit: u64) -> Self {
        Self { root, limit }
    }

    /// Keeps the shards that a list of `scope` names: those that are there already are named again. Blocks.
    pub(crate) fn named<'s>(
        &self,
        scope: &str,
        shards: impl IntoIterator<Item = (Digest, &'s [u8])>,
        now: Timestamp,
    ) -> io::Result<()> {
        let directory = self.directory(scope);
        fs::create_dir_all(&directory)?;
        for (digest, bytes) in shards {
            let path = directory.join(digest.to_string());
            let named_again = match File::options().append(true).open(&path) {
                Ok(file) => file.metadata()?.len() == bytes.len() as u64 && file.set_modified(moment(now)).is_ok(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            if !named_again {
                let mut file = tempfile::NamedTempFile::new_in(&directory)?;
                file.write_all(bytes)?;
                file.as_file().set_modified(moment(now))?;
                file.persist(&path)?;
            }
        }
        Ok(())
    }

    /// A shard that a list of `scope` named, if it is still there. Blocks.
    pub(crate) fn get(&self, scope: &str, digest: &Digest) -> io::Result<Option<Bytes>> {
        let path = self.directory(scope).join(digest.to_string());
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if Digest::of(&bytes) == *digest {
            return Ok(Some(Bytes::from(bytes)));
        }
        tracing::warn!(path = %path.display(), "a shard is not what its name says; it is removed");
        fs::remove_file(&path)?;
        Ok(None)
    }

    /// Removes what no list has named for long, and the oldest of what is too much; says how many files. Blocks.
    pub(crate) fn tend(&self, now: Timestamp) -> io::Result<usize> {
        let mut files = Vec::new();
        let mut total = 0;
        for directory in entries(&self.root)? {
            for path in entries(&directory)? {
                let metadata = fs::metadata(&path)?;
                let size = metadata.len().max(FILE);
                total += size;
                files.push((metadata.modified()?, size, path));
            }
        }
        files.sort_unstable();
        let since = moment(now.plus_millis(-NAMED_STANDS));
        let mut removed = 0;
        for (named, size, path) in files {
            if named >= since && total <= self.limit {
                break;
            }
            fs::remove_file(&path)?;
            total -= size;
            removed += 1;
        }
        Ok(removed)
    }

    /// What is made for one audience is not told to another.
    fn directory(&self, scope: &str) -> PathBuf {
        self.root.join(Digest::of(scope.as_bytes()).short())
    }
}

/// What is in a directory; nothing if it is not there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A moment as file systems keep it.
fn moment(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).plus_days(days)
    }

    fn put(shards: &MadeShards, text: &str, days: i64) -> Digest {
        let digest = Digest::of(text.as_bytes());
        shards.named("dev", [(digest, text.as_bytes())], at(days)).unwrap();
        digest
    }

    #[test]
    fn a_shard_is_there_for_a_week_after_a_list_last_named_it() {
        let directory = tempfile::tempdir().unwrap();
        let shards = MadeShards::new(directory.path().join("shards"), SHARDS_BYTES);
        assert_eq!(shards.get("dev", &Digest::of(b"one")).unwrap(), None);
        assert_eq!(shards.tend(at(0)).unwrap(), 0);
        let (one, two) = (put(&shards, "one", 0), put(&shards, "two", 0));
        put(&shards, "two", 3);
        // Another process finds them, too.
        let again = MadeShards::new(directory.path().join("shards"), SHARDS_BYTES);
        assert_eq!(again.tend(at(7)).unwrap(), 0);
        assert_eq!(again.get("dev", &one).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(again.tend(at(8)).unwrap(), 1);
        assert_eq!(again.get("dev", &one).unwrap(), None);
        assert_eq!(again.get("dev", &two).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(again.get("prod", &two).unwrap(), None, "it was made for another stage");
    }

    #[test]
    fn what_was_named_longest_ago_makes_room() {
        let directory = tempfile::tempdir().unwrap();
        let shards = MadeShards::new(directory.path().to_owned(), 2 * FILE);
        let (one, two) = (put(&shards, "one", 0), put(&shards, "two", 1));
        assert_eq!(shards.tend(at(2)).unwrap(), 0, "that is as much as there may be");
        let three = put(&shards, "three", 2);
        assert_eq!(shards.tend(at(2)).unwrap(), 1);
        let there = [one, two, three].map(|digest| shards.get("dev", &digest).unwrap().is_some());
        assert_eq!(there, [false, true, true]);
    }

    #[test]
    fn what_is_left_of_a_shard_after_a_crash_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let shards = MadeShards::new(directory.path().to_owned(), SHARDS_BYTES);
        let one = put(&shards, "one", 0);
        let path = shards.directory("dev").join(one.to_string());
        fs::write(&path, "on").unwrap();
        assert_eq!(shards.get("dev", &one).unwrap(), None);
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        put(&shards, "one", 0);
        assert_eq!(shards.get("dev", &one).unwrap().as_deref(), Some(&b"one"[..]));
    }
}
