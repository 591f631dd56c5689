//! Which vulnerabilities does a version have?
//!
//! A [`PackageAdvisories`] is made once for a package and asked for each of its versions: bounds become numbers when it is
//! made, so that asking compares numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use weir_core::facts::Vulnerability;
use weir_core::{Ecosystem, SortKey};

use crate::range::{Interval, Position, merged};
use crate::rows::{ClusterRow, EntryRow, PackageRow, RangeRow, RecordRow};

mod bounds;
mod vulnerability;

use bounds::Bounds;

/// Most entry numbers that are remembered for places that were asked for; past that they are found anew each time.
const REMEMBERED: usize = 1 << 20;

/// What is known about a package.
#[derive(Default)]
pub struct PackageAdvisories {
    /// Keys of all bounds of all ranges, ascending.
    bounds: Vec<SortKey>,
    /// Canonical version → numbers of the entries that name it, ascending.
    named: HashMap<String, Vec<u32>>,
    /// The intervals of all entries, those of one entry next to one another.
    intervals: Vec<Interval>,
    /// By cluster.
    entries: Vec<Entry>,
    /// By their shown ids.
    clusters: Vec<Cluster>,
    /// Place → numbers of the entries whose ranges contain it, once it was asked for.
    places: Vec<OnceLock<Box<[u32]>>>,
    remembered: AtomicUsize,
    unreadable: Vec<Unreadable>,
    /// The versions that the records say exist: listed, introduced or last affected, as they spell them.
    existing: Vec<String>,
}

/// A cluster as seen from this package.
struct Cluster {
    row: ClusterRow,
    /// The shown id, and the others.
    id: String,
    aliases: Vec<String>,
    fixed: Vec<String>,
    /// Numbers of its entries.
    entries: Range<u32>,
    /// What they amount to if all match, the most frequent case …
    whole: OnceLock<Arc<Vulnerability>>,
    /// … and if some do.
    parts: Mutex<Vec<(Vec<u32>, Arc<Vulnerability>)>>,
}

/// What a record says about this package in one place.
struct Entry {
    /// The number of its cluster here.
    cluster: u32,
    record: Arc<RecordRow>,
    informational: Option<String>,
    vectors: Vec<(u8, String)>,
    /// Its intervals among those of the package.
    intervals: Range<u32>,
}

/// An entry with its record.
type Evidence = (Arc<RecordRow>, EntryRow);

/// An advisory that could not be judged for this package: whoever relies on it must say *not assessed*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unreadable {
    /// The advisory.
    pub id: String,
    /// Why, without a full stop.
    pub reason: String,
}

impl PackageAdvisories {
    /// `records` has every record that the row's entries name, `clusters` every cluster that those name.
    pub(crate) fn new(
        ecosystem: &Ecosystem,
        row: PackageRow,
        records: &BTreeMap<u32, Arc<RecordRow>>,
        clusters: &BTreeMap<u32, ClusterRow>,
    ) -> Self {
        let bounds = Bounds::of(ecosystem.versions, &row);
        let count = row.texts.len() as u32;
        // A record without a cluster of its own number is one by itself.
        let mut grouped: BTreeMap<(Option<u32>, u32), Vec<Evidence>> = BTreeMap::new();
        for entry in row.entries {
            let Some(record) = records.get(&entry.record) else { continue };
            let alone = if record.cluster.is_none() { entry.record } else { 0 };
            grouped.entry((record.cluster, alone)).or_default().push((Arc::clone(record), entry));
        }
        let mut out = Self::default();
        let mut groups = Vec::with_capacity(grouped.len());
        for ((number, _), group) in grouped {
            let row = match number {
                Some(number) => clusters.get(&number).cloned(),
                None => group.first().map(|(record, _)| ClusterRow::of_one(record)),
            };
            let Some(row) = row else { continue };
            let here: Vec<&str> = group.iter().map(|(record, _)| record.id.as_str()).collect();
            let (id, aliases) = vulnerability::names(&row, &here, ecosystem.osv);
            let fixed = bounds.fixed(group.iter().flat_map(|(_, entry)| &entry.ranges));
            let cluster =
                Cluster { row, id, aliases, fixed, entries: 0..0, whole: OnceLock::new(), parts: Mutex::default() };
            groups.push((cluster, group));
        }
        groups.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        let mut existing = BTreeSet::new();
        // Text → entries that name it.
        let mut named: Vec<Vec<u32>> = vec![Vec::new(); row.texts.len()];
        for (mut cluster, group) in groups {
            cluster.entries.start = out.entries.len() as u32;
            for (record, entry) in group {
                let number = out.entries.len() as u32;
                existing.extend(entry.ranges.iter().flat_map(RangeRow::existing));
                for text in entry.versions(count) {
                    existing.insert(text);
                    if let Some(named) = named.get_mut(text as usize) {
                        named.push(number);
                    }
                }
                let from = out.intervals.len() as u32;
                let places = out.places(&bounds, &record.id, &entry);
                out.intervals.extend(places);
                let intervals = from..out.intervals.len() as u32;
                let EntryRow { informational, vectors, .. } = entry;
                let cluster = out.clusters.len() as u32;
                out.entries.push(Entry { cluster, record, informational, vectors, intervals });
            }
            cluster.entries.end = out.entries.len() as u32;
            out.clusters.push(cluster);
        }
        for (text, numbers) in row.texts.iter().zip(named).filter(|(_, numbers)| !numbers.is_empty()) {
            let all = out.named.entry(ecosystem.versions.canonical(text)).or_default();
            *all = union(all, &numbers);
        }
        out.unreadable.sort();
        out.unreadable.dedup();
        out.bounds = bounds.sorted;
        // A fixed version need never have been released.
        let existing = existing.into_iter().filter_map(|text| row.texts.get(text as usize).cloned());
        out.existing = existing.collect();
        out.places.resize_with(out.bounds.len() * 2 + 1, OnceLock::new);
        out
    }

    /// The intervals of an entry; what cannot be judged in it is noted.
    fn places(&mut self, bounds: &Bounds<'_>, id: &str, entry: &EntryRow) -> Vec<Interval> {
        let mut places = Vec::new();
        let mut reasons: Vec<String> = entry.unreadable.iter().cloned().collect();
        for range in &entry.ranges {
            match bounds.places(range) {
                Ok(found) => places.extend(found),
                Err(reason) => reasons.push(reason),
            }
        }
        self.unreadable.extend(reasons.into_iter().map(|reason| Unreadable { id: id.to_owned(), reason }));
        merged(places)
    }

    /// The vulnerabilities of a version, by id. `key` is the version's [`SortKey`]; without one only those count that name
    /// this very version or every version. Another build of a version has that one's advisories, too.
    pub fn matching(&self, ecosystem: &Ecosystem, version: &str, key: Option<&SortKey>) -> Vec<Arc<Vulnerability>> {
        if self.clusters.is_empty() {
            return Vec::new();
        }
        let mut found = self.matching_itself(ecosystem, version, key);
        if let Some(public) = ecosystem.versions.public(version) {
            let key = ecosystem.versions.sort_key(&public).ok();
            for more in self.matching_itself(ecosystem, &public, key.as_ref()) {
                if !found.iter().any(|it| it.id == more.id) {
                    found.push(more);
                }
            }
            found.sort_by(|a, b| a.id.cmp(&b.id));
        }
        found
    }

    fn matching_itself(&self, ecosystem: &Ecosystem, version: &str, key: Option<&SortKey>) -> Vec<Arc<Vulnerability>> {
        let named = if self.named.is_empty() {
            &[][..]
        } else {
            self.named.get(&ecosystem.versions.canonical(version)).map_or(&[][..], Vec::as_slice)
        };
        match key.map(|key| self.place(key)) {
            Some(place) => match self.places.get(place as usize) {
                Some(slot) if slot.get().is_some() || self.remembered.load(Ordering::Relaxed) < REMEMBERED => {
                    let inside = slot.get_or_init(|| {
                        let found = self.inside(|interval| interval.contains(place));
                        self.remembered.fetch_add(found.len(), Ordering::Relaxed);
                        found.into()
                    });
                    self.vulnerabilities(inside, named)
                }
                _ => self.vulnerabilities(&self.inside(|interval| interval.contains(place)), named),
            },
            None => self.vulnerabilities(&self.inside(Interval::is_everything), named),
        }
    }

    /// Numbers of the entries with such an interval.
    fn inside(&self, such: impl Fn(Interval) -> bool) -> Vec<u32> {
        let has = |entry: &Entry| {
            let intervals = self.intervals.get(entry.intervals.start as usize..entry.intervals.end as usize);
            intervals.unwrap_or_default().iter().any(|interval| such(*interval))
        };
        self.entries.iter().zip(0..).filter(|(entry, _)| has(entry)).map(|(_, number)| number).collect()
    }

    /// What the entries in either list amount to: in the ranges, or in the lists of versions.
    fn vulnerabilities(&self, inside: &[u32], named: &[u32]) -> Vec<Arc<Vulnerability>> {
        let both;
        let matched = match (inside, named) {
            (only, []) | ([], only) => only,
            _ => {
                both = union(inside, named);
                &both
            }
        };
        let cluster = |number: &u32| self.entries.get(*number as usize).map(|entry| entry.cluster);
        let mut out = Vec::with_capacity(matched.len());
        for group in matched.chunk_by(|a, b| cluster(a) == cluster(b)) {
            let here = group.first().and_then(cluster).and_then(|number| self.clusters.get(number as usize));
            out.extend(here.map(|cluster| cluster.vulnerability(&self.entries, group)));
        }
        out
    }

    /// The versions that the records say exist, as they spell them: those in lists, and bounds that are affected
    /// themselves. A bound that is merely the first one fixed need never have been released.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.existing.iter().map(String::as_str)
    }

    /// Every vulnerability that any version has, as if all that is known of it applied.
    pub fn all(&self) -> Vec<Arc<Vulnerability>> {
        let numbers: Vec<u32> = (0..self.entries.len() as u32).collect();
        self.vulnerabilities(&numbers, &[])
    }

    /// Advisories that could not be judged, with the reasons.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// True if nothing is known about the package.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.unreadable.is_empty()
    }

    /// Number of vulnerabilities that any version has.
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    fn place(&self, key: &SortKey) -> Position {
        match self.bounds.binary_search(key) {
            Ok(at) => at as u32 * 2 + 1,
            Err(at) => at as u32 * 2,
        }
    }
}

impl Cluster {
    /// What the entries with these numbers amount to. Few sets occur, so each is made once.
    fn vulnerability(&self, entries: &[Entry], matched: &[u32]) -> Arc<Vulnerability> {
        if matched.len() == self.entries.len() {
            return Arc::clone(self.whole.get_or_init(|| Arc::new(self.make(entries, matched))));
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, vulnerability)) = parts.iter().find(|(numbers, _)| numbers == matched) {
            return Arc::clone(vulnerability);
        }
        let vulnerability = Arc::new(self.make(entries, matched));
        parts.push((matched.to_vec(), Arc::clone(&vulnerability)));
        vulnerability
    }
}

/// The numbers of two ascending lists, ascending.
fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        let next = (*left).min(*right);
        out.push(next);
        a.next_if_eq(&next);
        b.next_if_eq(&next);
    }
    out.extend(a);
    out.extend(b);
    out
}
