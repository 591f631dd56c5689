//! What stands in the index: rows as postcard writes them.
//!
//! A change here is a new [`crate::file::VERSION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::osv::EventKind;

/// A package's entry under one record; in the file it follows the record's number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct EntryRow {
    /// RustSec's word, where the entry is informational.
    pub(crate) informational: Option<String>,
    /// Vectors of this entry: tenths and text.
    pub(crate) vectors: Vec<(u8, String)>,
    /// Ranges that versions can be compared with.
    pub(crate) ranges: Vec<RangeRow>,
    /// What cannot be judged in it, if anything.
    pub(crate) unreadable: Option<String>,
    /// Versions by name.
    pub(crate) versions: Vec<String>,
}

/// A range.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RangeRow {
    /// Its type is `SEMVER`.
    pub(crate) semver: bool,
    /// Its events.
    pub(crate) events: Vec<(EventCode, String)>,
}

/// [`EventKind`] as a number.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventCode(u8);

impl EventCode {
    pub(crate) fn of(kind: EventKind) -> Self {
        Self(match kind {
            EventKind::Introduced => 0,
            EventKind::Fixed => 1,
            EventKind::LastAffected => 2,
            EventKind::Limit => 3,
        })
    }

    pub(crate) fn kind(self) -> Option<EventKind> {
        match self.0 {
            0 => Some(EventKind::Introduced),
            1 => Some(EventKind::Fixed),
            2 => Some(EventKind::LastAffected),
            3 => Some(EventKind::Limit),
            _ => None,
        }
    }
}

/// A record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RecordRow {
    pub(crate) id: String,
    pub(crate) malware: bool,
    pub(crate) published: Option<i64>,
    pub(crate) summary: String,
    pub(crate) digest: [u8; 32],
    /// Vectors of the whole record: tenths and text.
    pub(crate) vectors: Vec<(u8, String)>,
    /// The number of its cluster.
    pub(crate) cluster: u32,
}

/// A cluster.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct ClusterRow {
    /// Ids of its records.
    pub(crate) members: Vec<String>,
    /// Ids that they name besides.
    pub(crate) names: Vec<String>,
    /// The score of a release whose own records state none.
    pub(crate) severity: Option<SeverityRow>,
    /// Milliseconds.
    pub(crate) known_exploited: Option<i64>,
    pub(crate) epss: Option<f32>,
}

/// A score with its source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct SeverityRow {
    pub(crate) tenths: u8,
    pub(crate) vector: String,
    pub(crate) source: String,
    /// Digest of the record that states it.
    pub(crate) digest: [u8; 32],
}

/// What an index was built from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    /// OSV records given, each id once.
    pub records: u64,
    /// Of these, withdrawn; they do not count.
    pub withdrawn: u64,
    /// Of the rest, those that tell of malicious code.
    pub malware: u64,
    /// Of the rest, those that are informational only.
    pub informational: u64,
    /// Clusters.
    pub clusters: u64,
    /// Packages.
    pub packages: u64,
    /// Records that count, per OSV ecosystem without suffix; a record with two counts in both.
    pub ecosystems: BTreeMap<String, u64>,
    /// Entries of `affected` that name no package: commit ranges of repositories.
    pub without_package: u64,
    /// Entries of `affected` with a name that its ecosystem refuses: nothing can ever have it.
    pub impossible_names: u64,
    /// Entries of `affected` that name a package and no version of it; by the schema they affect nothing.
    pub empty: u64,
    /// Records with too many aliases to tie others.
    pub many_aliases: u64,
    /// Clusters too large to hold.
    pub too_large: u64,
    /// CVE records given.
    pub cves: u64,
    /// CVE ids in the catalogue of known exploited vulnerabilities.
    pub known_exploited: u64,
    /// CVE ids with an EPSS score.
    pub epss: u64,
}
