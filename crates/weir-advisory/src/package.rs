//! Which vulnerabilities does a version have?
//!
//! A [`PackageAdvisories`] is made once for a package and asked for each of its versions: bounds become numbers when it is
//! made, so that asking compares numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use weir_core::ecosystem::Versions;
use weir_core::facts::{Kind, Vulnerability};
use weir_core::{Digest, Ecosystem, Severity, SortKey, Timestamp};

use crate::clusters::rank;
use crate::cvss::Score;
use crate::osv::{EventKind, is_malware_id};
use crate::range::{Bound, Interval, Position, intervals, merged};
use crate::rows::{ClusterRow, EntryRow, RangeRow, RecordRow};

/// One entry about the package with the record that it stands in.
pub(crate) struct Evidence {
    pub(crate) record: RecordRow,
    pub(crate) entry: EntryRow,
}

/// What is known about a package.
#[derive(Default)]
pub struct PackageAdvisories {
    /// Keys of all bounds of all ranges, ascending.
    bounds: Vec<SortKey>,
    /// Canonical version → numbers of the entries that name it, ascending.
    named: HashMap<String, Vec<u32>>,
    clusters: Vec<ClusterHere>,
    unreadable: Vec<Unreadable>,
}

/// A cluster as seen from this package.
struct ClusterHere {
    row: ClusterRow,
    /// The shown id, and the others.
    id: String,
    aliases: Vec<String>,
    /// Number of the first of its entries; they are numbered through all clusters.
    first: u32,
    entries: Vec<Here>,
    fixed: Vec<String>,
    /// What the entries that matched amount to: few sets occur.
    made: Mutex<Vec<(Vec<u32>, Arc<Vulnerability>)>>,
}

/// An entry, its ranges as places.
struct Here {
    record: Arc<RecordRow>,
    informational: Option<String>,
    vectors: Vec<(u8, String)>,
    intervals: Vec<Interval>,
}

/// An advisory that could not be judged for this package: whoever relies on it must say *not assessed*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unreadable {
    /// The advisory.
    pub id: String,
    /// Why, without a full stop.
    pub reason: String,
}

impl PackageAdvisories {
    pub(crate) fn new(ecosystem: &Ecosystem, evidence: Vec<Evidence>, clusters: BTreeMap<u32, ClusterRow>) -> Self {
        let mut bounds = Bounds::of(ecosystem.versions, &evidence);
        let mut unreadable = Vec::new();
        let mut grouped: BTreeMap<u32, Vec<Evidence>> = BTreeMap::new();
        for evidence in evidence {
            grouped.entry(evidence.record.cluster).or_default().push(evidence);
        }
        let mut named: HashMap<String, Vec<u32>> = HashMap::new();
        let mut here = Vec::with_capacity(grouped.len());
        let mut number = 0_u32;
        for (cluster, group) in grouped {
            let Some(row) = clusters.get(&cluster).cloned() else { continue };
            let (id, aliases) = names(&row, &group, ecosystem.osv);
            let fixed = bounds.fixed(&group);
            let first = number;
            let mut entries: Vec<Here> = Vec::with_capacity(group.len());
            for Evidence { record, entry } in group {
                let mut places = Vec::new();
                if let Some(reason) = entry.unreadable {
                    unreadable.push(Unreadable { id: record.id.clone(), reason });
                }
                for range in &entry.ranges {
                    match bounds.places(range) {
                        Ok(found) => places.extend(found),
                        Err(reason) => unreadable.push(Unreadable { id: record.id.clone(), reason }),
                    }
                }
                for version in &entry.versions {
                    let named = named.entry(ecosystem.versions.canonical(version)).or_default();
                    if named.last() != Some(&number) {
                        named.push(number);
                    }
                }
                // Entries of one record follow one another: they share it.
                let record = match entries.last() {
                    Some(last) if last.record.id == record.id => last.record.clone(),
                    _ => Arc::new(record),
                };
                entries.push(Here {
                    record,
                    informational: entry.informational,
                    vectors: entry.vectors,
                    intervals: merged(places),
                });
                number += 1;
            }
            here.push(ClusterHere { row, id, aliases, first, entries, fixed, made: Mutex::default() });
        }
        here.sort_by(|a, b| a.id.cmp(&b.id));
        unreadable.sort();
        unreadable.dedup();
        Self { bounds: bounds.sorted, named, clusters: here, unreadable }
    }

    /// The vulnerabilities of a version, by id. `key` is the version's [`SortKey`]; without one only those count that name
    /// this very version or every version.
    pub fn matching(&self, ecosystem: &Ecosystem, version: &str, key: Option<&SortKey>) -> Vec<Arc<Vulnerability>> {
        if self.clusters.is_empty() {
            return Vec::new();
        }
        let named = if self.named.is_empty() {
            &[][..]
        } else {
            self.named.get(&ecosystem.versions.canonical(version)).map_or(&[][..], Vec::as_slice)
        };
        let place = key.map(|key| self.place(key));
        let mut out = Vec::new();
        let mut matched = Vec::new();
        for cluster in &self.clusters {
            matched.clear();
            for (number, entry) in (cluster.first..).zip(&cluster.entries) {
                let inside = match place {
                    Some(place) => entry.intervals.iter().any(|interval| interval.contains(place)),
                    None => entry.intervals.iter().any(|interval| interval.is_everything()),
                };
                if inside || (!named.is_empty() && named.binary_search(&number).is_ok()) {
                    matched.push(number);
                }
            }
            if !matched.is_empty() {
                out.push(cluster.vulnerability(&matched));
            }
        }
        out
    }

    /// Every vulnerability that any version has, as if all that is known of it applied.
    pub fn all(&self) -> Vec<Arc<Vulnerability>> {
        self.clusters
            .iter()
            .map(|cluster| cluster.vulnerability(&(cluster.first..).take(cluster.entries.len()).collect::<Vec<_>>()))
            .collect()
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

impl ClusterHere {
    fn vulnerability(&self, matched: &[u32]) -> Arc<Vulnerability> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, vulnerability)) = made.iter().find(|(numbers, _)| numbers == matched) {
            return vulnerability.clone();
        }
        let vulnerability = Arc::new(self.make(matched));
        made.push((matched.to_vec(), vulnerability.clone()));
        vulnerability
    }

    fn make(&self, matched: &[u32]) -> Vulnerability {
        let entries: Vec<&Here> =
            matched.iter().filter_map(|number| self.entries.get(number.checked_sub(self.first)? as usize)).collect();
        let own = entries
            .iter()
            .filter_map(|entry| {
                // An entry's own vectors are instead of the record's (schema, `affected[].severity`).
                let (tenths, vector) = entry.vectors.first().or(entry.record.vectors.first())?;
                Some((*tenths, vector.clone(), entry.record.id.clone()))
            })
            .reduce(|best, next| if (next.0, &best.2) > (best.0, &next.2) { next } else { best });
        let severity = match own {
            Some((tenths, vector, source)) => {
                Some(Severity { score: Score::from_tenths(tenths).value(), vector, source })
            }
            None => self.row.severity.as_ref().map(|row| Severity {
                score: Score::from_tenths(row.tenths).value(),
                vector: row.vector.clone(),
                source: row.source.clone(),
            }),
        };
        let known_exploited = self.row.known_exploited.map(Timestamp::from_millis);
        Vulnerability {
            id: self.id.clone(),
            aliases: self.aliases.clone(),
            kind: self.kind(&entries),
            summary: self.summary(&entries),
            known_exploited,
            epss: self.row.epss,
            fixed: self.fixed.clone(),
            published: self.entries.iter().filter_map(|entry| entry.record.published).min().map(Timestamp::from_millis),
            digest: self.digest(&entries, severity.as_ref()),
            severity,
        }
    }

    /// Malicious code if any record says so; a health notice if all that matched are, or if those that are not do not even
    /// state a severity: the ecosystem's own database knows best what an `unmaintained` is.
    fn kind(&self, entries: &[&Here]) -> Kind {
        let ids = || self.row.members.iter().chain(&self.row.names);
        if entries.iter().any(|entry| entry.record.malware) || ids().any(|id| is_malware_id(id)) {
            return Kind::Malware;
        }
        let notice = entries.iter().find_map(|entry| entry.informational.clone());
        let flaw = entries.iter().any(|entry| {
            entry.informational.is_none() && !(entry.vectors.is_empty() && entry.record.vectors.is_empty())
        });
        match notice {
            Some(notice) if !flaw => Kind::Informational(notice),
            _ => Kind::Vulnerability,
        }
    }

    /// The line of the shown record, else of any that matched, else of any here.
    fn summary(&self, entries: &[&Here]) -> String {
        let shown = self.entries.iter().filter(|entry| entry.record.id == self.id);
        shown
            .chain(entries.iter().copied())
            .chain(&self.entries)
            .map(|entry| entry.record.summary.as_str())
            .find(|summary| !summary.is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    fn digest(&self, entries: &[&Here], severity: Option<&Severity>) -> Digest {
        let mut records: Vec<[u8; 32]> = entries.iter().map(|entry| entry.record.digest).collect();
        records.extend(self.row.severity.as_ref().map(|row| row.digest));
        records.sort_unstable();
        records.dedup();
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend_from_slice(&record);
        }
        // The cluster's ids stand for the records that tied it together without matching.
        for id in std::iter::once(&self.id).chain(&self.aliases) {
            bytes.extend_from_slice(id.as_bytes());
            bytes.push(0);
        }
        if let Some(severity) = severity {
            bytes.extend_from_slice(severity.vector.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(severity.source.as_bytes());
        }
        bytes.push(0);
        bytes.extend_from_slice(&self.row.known_exploited.unwrap_or(i64::MIN).to_le_bytes());
        bytes.extend_from_slice(&self.row.epss.unwrap_or(-1.0).to_le_bytes());
        Digest::of(&bytes)
    }
}

/// The id that is shown for a package of `ecosystem`, and the others. An id whose record is about other packages only is
/// not shown: people would look it up and find something else.
fn names(row: &ClusterRow, group: &[Evidence], ecosystem: &str) -> (String, Vec<String>) {
    let elsewhere = |id: &String| row.members.contains(id) && !group.iter().any(|evidence| evidence.record.id == *id);
    let mut ids: Vec<&String> = row.members.iter().chain(&row.names).collect();
    ids.sort_by_key(|id| (elsewhere(id), rank(id, ecosystem), id.as_str()));
    let mut ids = ids.into_iter().cloned();
    let id = ids.next().unwrap_or_default();
    let mut aliases: Vec<String> = ids.collect();
    aliases.sort();
    aliases.dedup();
    (id, aliases)
}

/// The bounds of a package's ranges.
struct Bounds<'a> {
    versions: &'a dyn Versions,
    /// Text (and whether it stands in a `SEMVER` range) → key.
    keys: HashMap<(String, bool), Option<SortKey>>,
    sorted: Vec<SortKey>,
}

impl<'a> Bounds<'a> {
    fn of(versions: &'a dyn Versions, evidence: &[Evidence]) -> Self {
        let mut keys: HashMap<(String, bool), Option<SortKey>> = HashMap::new();
        for range in evidence.iter().flat_map(|evidence| &evidence.entry.ranges) {
            for (_, text) in &range.events {
                let at = (text.clone(), range.semver);
                keys.entry(at).or_insert_with(|| bound_key(versions, text, range.semver));
            }
        }
        let mut sorted: Vec<SortKey> = keys.values().flatten().cloned().collect();
        sorted.sort();
        sorted.dedup();
        Self { versions, keys, sorted }
    }

    /// The places that a range means, or why it cannot be read.
    fn places(&self, range: &RangeRow) -> Result<Vec<Interval>, String> {
        let mut events = Vec::with_capacity(range.events.len());
        for (code, text) in &range.events {
            let kind = code.kind().ok_or_else(|| String::from("a range has an event that this Weir does not know"))?;
            let bound = match (kind, text.as_str()) {
                (EventKind::Introduced, "0") => Bound::Start,
                (EventKind::Limit, "*") => Bound::End,
                _ => {
                    let key = self.keys.get(&(text.clone(), range.semver)).and_then(Option::as_ref);
                    let place = key.and_then(|key| self.sorted.binary_search(key).ok());
                    match place {
                        Some(at) => Bound::At(at as u32),
                        None => return Err(format!("the bound `{}` is no version", crate::osv::one_line(text))),
                    }
                }
            };
            events.push((kind, bound));
        }
        if !events.iter().any(|(kind, _)| *kind == EventKind::Introduced) {
            return Err(String::from("a range does not say where it begins"));
        }
        Ok(intervals(&events))
    }

    /// The versions that entries say it is fixed in, ascending; those that cannot be read last.
    fn fixed(&mut self, group: &[Evidence]) -> Vec<String> {
        let mut fixed: Vec<(bool, Option<SortKey>, String, String)> = Vec::new();
        for range in group.iter().flat_map(|evidence| &evidence.entry.ranges) {
            for (code, text) in &range.events {
                if code.kind() == Some(EventKind::Fixed) {
                    let key = self.keys.get(&(text.clone(), range.semver)).cloned().flatten();
                    fixed.push((key.is_none(), key, self.versions.canonical(text), text.clone()));
                }
            }
        }
        fixed.sort();
        fixed.dedup_by(|a, b| a.2 == b.2);
        fixed.into_iter().map(|(_, _, _, text)| text).collect()
    }
}

/// The key of a bound. In a `SEMVER` range a bound that is short of parts is filled up (`1.9` is 1.9.0): converted records
/// have such, and the schema leaves them no other meaning.
fn bound_key(versions: &dyn Versions, text: &str, semver: bool) -> Option<SortKey> {
    if let Ok(key) = versions.sort_key(text) {
        return Some(key);
    }
    if !semver {
        return None;
    }
    let plain = text.strip_prefix('v').unwrap_or(text);
    let parts: Vec<&str> = plain.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let filled = format!("{plain}{}", ".0".repeat(3 - parts.len()));
    versions.sort_key(&filled).ok()
}
