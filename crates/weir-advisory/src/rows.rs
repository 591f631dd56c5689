//! What stands in the index: rows as postcard writes them.
//!
//! A change here is a new [`crate::file::VERSION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::osv::EventKind;

/// All that is known of a package.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PackageRow {
    /// Every version and bound that an entry names, once, in the ecosystem's order where it is known: lists of versions are
    /// runs of it.
    pub(crate) texts: Vec<String>,
    /// Entries, those of one record next to one another.
    pub(crate) entries: Vec<EntryRow>,
}

/// A package's entry under one record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct EntryRow {
    /// The number of the record.
    pub(crate) record: u32,
    /// RustSec's word, where the entry is informational.
    pub(crate) informational: Option<String>,
    /// Vectors of this entry: tenths and text.
    pub(crate) vectors: Vec<(u8, String)>,
    /// Ranges that versions can be compared with.
    pub(crate) ranges: Vec<RangeRow>,
    /// What cannot be judged in it, if anything.
    pub(crate) unreadable: Option<String>,
    /// Versions by name: how many texts are passed over, and how many follow one another.
    pub(crate) runs: Vec<(u32, u32)>,
}

impl EntryRow {
    /// Numbers of the texts that [`EntryRow::runs`] stands for, each below `count`.
    pub(crate) fn versions(&self, count: u32) -> impl Iterator<Item = u32> {
        let mut at = 0_u32;
        self.runs.iter().flat_map(move |(gap, length)| {
            let start = at.saturating_add(*gap);
            at = start.saturating_add(*length);
            start.min(count)..at.min(count)
        })
    }
}

/// A range.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RangeRow {
    /// Its type is `SEMVER`.
    pub(crate) semver: bool,
    /// Its events, with the number of the text.
    pub(crate) events: Vec<(EventCode, u32)>,
}

impl RangeRow {
    /// Numbers of the texts that name versions which are affected themselves, and so exist.
    pub(crate) fn existing(&self) -> impl Iterator<Item = u32> {
        let affected = [EventCode::of(EventKind::Introduced), EventCode::of(EventKind::LastAffected)];
        self.events.iter().filter(move |(code, _)| affected.contains(code)).map(|(_, text)| *text)
    }
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
    /// The number of its cluster; `None` if that says nothing but what is here ([`ClusterRow::of_one`]).
    pub(crate) cluster: Option<u32>,
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

impl ClusterRow {
    /// The cluster of a record that is alone and has no aliases.
    pub(crate) fn of_one(record: &RecordRow) -> Self {
        let severity = record.vectors.first().map(|(tenths, vector)| SeverityRow {
            tenths: *tenths,
            vector: vector.clone(),
            source: record.id.clone(),
            digest: record.digest,
        });
        Self { members: vec![record.id.clone()], names: Vec::new(), severity, known_exploited: None, epss: None }
    }
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
