//! How are advisories found?

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use weir_core::facts::FeedState;
use weir_core::{Digest, Ecosystem, PackageName, Timestamp};

use crate::builder::{base, key};
use crate::file::{self, Header, Malformed, ROW, Section, between, u32_at, u64_at};
use crate::package::PackageAdvisories;
use crate::rows::{ClusterRow, PackageRow, RecordRow, Stats};

/// An immutable index of advisories.
pub struct Index {
    bytes: Bytes,
    header: Header,
    feeds: BTreeMap<String, i64>,
    stats: Stats,
}

enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// An index that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot open the advisory index {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not an index of this version.
    #[error(
        "{path} is no advisory index that can be used: {problem}; run `weir feeds import` or `weir feeds sync` to build it anew"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Malformed,
    },
}

/// An index whose bytes do not fit together where they were read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the advisory index is damaged at {0}; run `weir feeds import` or `weir feeds sync` to build it anew")]
pub struct Damaged(pub(crate) String);

impl Index {
    /// Opens a file. Looks at its header only.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let read = |source| OpenError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        #[expect(
            unsafe_code,
            reason = "the one memory map: index files are written once under their digest and never changed in place"
        )]
        // SAFETY: the file is named by its digest, written under another name, synced and renamed, and only ever unlinked
        // afterwards, which leaves the map intact. Nothing in this program writes to it.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(read)?;
        Self::new(Bytes::Mapped(map)).map_err(|problem| OpenError::Malformed { path: path.to_owned(), problem })
    }

    /// An index from bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        Self::new(Bytes::Owned(bytes))
    }

    /// An index of nothing.
    pub fn empty() -> Self {
        let bytes = crate::Builder::new(weir_core::Ecosystems(&[])).build();
        let header = Header::read(&bytes).unwrap_or_else(|_| Header::nothing());
        Self { bytes: Bytes::Owned(bytes), header, feeds: BTreeMap::new(), stats: Stats::default() }
    }

    fn new(bytes: Bytes) -> Result<Self, Malformed> {
        let header = Header::read(&bytes)?;
        let feeds =
            postcard::from_bytes(header.section(&bytes, Section::Feeds)).map_err(|_| Malformed::Section("feeds"))?;
        let stats = postcard::from_bytes(header.section(&bytes, Section::Stats))
            .map_err(|_| Malformed::Section("statistics"))?;
        Ok(Self { bytes, header, feeds, stats })
    }

    /// The advisory epoch: equal digests mean equal answers.
    pub fn digest(&self) -> Digest {
        self.header.epoch
    }

    /// Digest of the advisories without the times at which they were confirmed.
    pub fn content(&self) -> Digest {
        self.header.content
    }

    /// True if the digests are those of the bytes. Reads all of them.
    pub fn is_whole(&self) -> bool {
        file::is_whole(&self.header, &self.bytes)
    }

    /// The same advisories, confirmed at other times: the bytes of another index. Keys are OSV ecosystems.
    pub fn confirmed(&self, feeds: &BTreeMap<String, Timestamp>) -> Vec<u8> {
        let feeds: BTreeMap<&str, i64> = feeds.iter().map(|(name, at)| (base(name), at.millis())).collect();
        file::with_feeds(&self.header, &self.bytes, &postcard::to_allocvec(&feeds).unwrap_or_default())
    }

    /// Which data there is for an ecosystem.
    pub fn feed(&self, ecosystem: &Ecosystem) -> FeedState {
        FeedState { as_of: self.feeds.get(ecosystem.osv).copied().map(Timestamp::from_millis), ..FeedState::default() }
    }

    /// Which data there is, by OSV ecosystem.
    pub fn feeds(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.feeds.iter().map(|(name, at)| (name.as_str(), Timestamp::from_millis(*at)))
    }

    /// What it was built from.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Its bytes, as they stand in the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What is known about a package; nothing known is empty.
    pub fn package(&self, ecosystem: &Ecosystem, package: &PackageName) -> Result<PackageAdvisories, Damaged> {
        let Some(bytes) = self.find(key(ecosystem.osv, package.as_str()).as_bytes())? else {
            return Ok(PackageAdvisories::default());
        };
        let row: PackageRow = postcard::from_bytes(bytes).map_err(|_| Damaged(format!("the package `{package}`")))?;
        let mut records: BTreeMap<u32, Arc<RecordRow>> = BTreeMap::new();
        let mut clusters: BTreeMap<u32, ClusterRow> = BTreeMap::new();
        for entry in &row.entries {
            if records.contains_key(&entry.record) {
                continue;
            }
            let record: RecordRow = self.row(Section::RecordOffsets, Section::Records, entry.record)?;
            if let Some(number) = record.cluster
                && let btree_map::Entry::Vacant(vacant) = clusters.entry(number)
            {
                vacant.insert(self.row(Section::ClusterOffsets, Section::Clusters, number)?);
            }
            records.insert(entry.record, Arc::new(record));
        }
        Ok(PackageAdvisories::new(ecosystem, row, &records, &clusters))
    }

    /// All package names that the index has for an ecosystem, ascending.
    pub fn names(&self, ecosystem: &Ecosystem) -> impl Iterator<Item = PackageName> {
        let prefix = key(ecosystem.osv, "");
        let first = self.lower_bound(prefix.as_bytes()).unwrap_or(usize::MAX);
        (first..self.rows()).map_while(move |number| {
            let name = self.key(number)?.strip_prefix(prefix.as_bytes())?;
            Some(PackageName::from_normalized(std::str::from_utf8(name).ok()?))
        })
    }

    fn rows(&self) -> usize {
        (self.header.section(&self.bytes, Section::Rows).len() / ROW).saturating_sub(1)
    }

    fn key(&self, number: usize) -> Option<&[u8]> {
        let rows = self.header.section(&self.bytes, Section::Rows);
        let from = u32_at(rows, number.checked_mul(ROW)?)? as usize;
        let to = u32_at(rows, number.checked_add(1)?.checked_mul(ROW)?)? as usize;
        self.header.section(&self.bytes, Section::Keys).get(from..to)
    }

    /// The first row whose key is not below `key`.
    fn lower_bound(&self, key: &[u8]) -> Result<usize, Damaged> {
        let (mut low, mut high) = (0, self.rows());
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.key(middle).ok_or_else(|| Damaged(format!("package row {middle}")))?;
            if found < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn find(&self, key: &[u8]) -> Result<Option<&[u8]>, Damaged> {
        let number = self.lower_bound(key)?;
        if number >= self.rows() || self.key(number) != Some(key) {
            return Ok(None);
        }
        let rows = self.header.section(&self.bytes, Section::Rows);
        let start = |number: usize| usize::try_from(u64_at(rows, number.checked_mul(ROW)?.checked_add(4)?)?).ok();
        start(number)
            .zip(start(number + 1))
            .and_then(|(from, to)| self.header.section(&self.bytes, Section::Packages).get(from..to))
            .map(Some)
            .ok_or_else(|| Damaged(format!("package row {number}")))
    }

    fn row<T: DeserializeOwned>(&self, offsets: Section, rows: Section, number: u32) -> Result<T, Damaged> {
        between(self.header.section(&self.bytes, offsets), number as usize)
            .and_then(|range| self.header.section(&self.bytes, rows).get(range))
            .and_then(|bytes| postcard::from_bytes(bytes).ok())
            .ok_or_else(|| Damaged(format!("row {number} of its {rows:?}")))
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("digest", &self.digest()).field("stats", &self.stats).finish_non_exhaustive()
    }
}
