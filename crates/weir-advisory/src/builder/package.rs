//! How are a package's entries written?

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_core::{Ecosystem, SortKey};

use crate::osv::{Affected, RangeKind};
use crate::rows::{EntryRow, EventCode, PackageRow, RangeRow};

/// An entry until the index is written.
#[derive(Serialize, Deserialize)]
pub(super) struct HeldEntry {
    informational: Option<String>,
    vectors: Vec<(u8, String)>,
    ranges: Vec<(bool, Vec<(EventCode, String)>)>,
    unreadable: Option<String>,
    versions: Vec<String>,
}

impl HeldEntry {
    pub(super) fn of(affected: &Affected, vectors: Vec<(u8, String)>) -> Self {
        let mut unreadable = None;
        let mut ranges = Vec::new();
        for range in &affected.ranges {
            match &range.kind {
                RangeKind::Semver | RangeKind::Ecosystem => {
                    let events = range.events.iter().map(|event| (EventCode::of(event.kind), event.version.clone()));
                    ranges.push((range.kind == RangeKind::Semver, events.collect()));
                }
                RangeKind::Git => {}
                RangeKind::Other(kind) => unreadable = Some(format!("a range has the unknown type `{kind}`")),
            }
        }
        if ranges.is_empty() && unreadable.is_none() && affected.versions.is_empty() {
            unreadable = Some(String::from("it names commits only, no versions"));
        }
        Self {
            informational: affected.informational.clone(),
            vectors,
            ranges,
            unreadable,
            versions: affected.versions.clone(),
        }
    }
}

/// The row of a package: `entries` in their held form, with the numbers of their records.
pub(super) fn row(ecosystem: Option<&'static Ecosystem>, entries: &[(u32, &[u8])]) -> PackageRow {
    let held: Vec<(u32, HeldEntry)> = entries
        .iter()
        // Written by this builder a moment ago, so it reads back.
        .filter_map(|(record, bytes)| Some((*record, postcard::from_bytes(bytes).ok()?)))
        .collect();
    let mut distinct: BTreeSet<&str> = BTreeSet::new();
    for (_, entry) in &held {
        distinct.extend(entry.versions.iter().map(String::as_str));
        distinct.extend(entry.ranges.iter().flat_map(|(_, events)| events).map(|(_, text)| text.as_str()));
    }
    let mut texts: Vec<(Option<SortKey>, &str)> = distinct
        .into_iter()
        .map(|text| (ecosystem.and_then(|ecosystem| ecosystem.versions.sort_key(text).ok()), text))
        .collect();
    texts.sort();
    let numbers: BTreeMap<&str, u32> = texts.iter().zip(0..).map(|((_, text), number)| (*text, number)).collect();
    let number = |text: &String| numbers.get(text.as_str()).copied().unwrap_or_default();
    let rows = held.iter().map(|(record, entry)| EntryRow {
        record: *record,
        informational: entry.informational.clone(),
        vectors: entry.vectors.clone(),
        ranges: entry
            .ranges
            .iter()
            .map(|(semver, events)| RangeRow {
                semver: *semver,
                events: events.iter().map(|(code, text)| (*code, number(text))).collect(),
            })
            .collect(),
        unreadable: entry.unreadable.clone(),
        runs: runs(entry.versions.iter().map(number).collect()),
    });
    let rows = rows.collect();
    PackageRow { texts: texts.into_iter().map(|(_, text)| text.to_owned()).collect(), entries: rows }
}

/// Numbers as runs: how many are passed over, and how many follow one another.
fn runs(numbers: BTreeSet<u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut next = 0;
    for number in numbers {
        match runs.last_mut() {
            Some((_, length)) if number == next => *length += 1,
            _ => runs.push((number - next, 1)),
        }
        next = number + 1;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_their_runs() {
        for numbers in [vec![], vec![0], vec![3], vec![0, 1, 2, 5, 6, 9], vec![7, 8]] {
            let row = EntryRow {
                record: 0,
                informational: None,
                vectors: Vec::new(),
                ranges: Vec::new(),
                unreadable: None,
                runs: runs(numbers.iter().copied().collect()),
            };
            assert_eq!(row.versions(100).collect::<Vec<_>>(), numbers);
            assert!(row.versions(2).all(|number| number < 2), "corrupt runs do not lead outside");
        }
    }
}
