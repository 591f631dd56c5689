//! How is the index made?
//!
//! A [`Builder`] takes records in any order and keeps of each only what the index needs, already in the form in which it
//! is written; the same records give the same bytes whatever the order.

use std::collections::{BTreeMap, HashMap, HashSet};

use weir_core::{Ecosystems, Timestamp};

use crate::clusters::{Cluster, Member, clusters};
use crate::cvss;
use crate::file;
use crate::osv::{Affected, Record, Vector};
use crate::rows::{ClusterRow, RecordRow, SeverityRow, Stats};
use crate::{cve, epss, kev};

mod package;

use package::HeldEntry;

/// Gathers records into an index.
pub struct Builder {
    ecosystems: Ecosystems,
    records: HashMap<Box<str>, Held>,
    /// Package keys, numbered.
    keys: HashMap<Box<str>, u32>,
    cves: HashMap<Box<str>, HeldCve>,
    known_exploited: BTreeMap<String, Timestamp>,
    epss: BTreeMap<String, f32>,
    feeds: BTreeMap<String, i64>,
}

/// What is kept of a record until the index is written.
struct Held {
    modified: Option<Timestamp>,
    digest: weir_core::Digest,
    /// `None` if it is withdrawn.
    kept: Option<Box<Kept>>,
}

struct Kept {
    aliases: Box<[Box<str>]>,
    malware: bool,
    informational: bool,
    published: Option<i64>,
    summary: Box<str>,
    vectors: Vec<(u8, String)>,
    /// The highest vector of any entry, for the cluster.
    best: Option<(u8, String)>,
    /// Package numbers with entries in their written form.
    entries: Vec<(u32, Box<[u8]>)>,
    ecosystems: Vec<Box<str>>,
    without_package: u32,
    impossible_names: u32,
    empty: u32,
}

struct HeldCve {
    modified: Option<Timestamp>,
    digest: weir_core::Digest,
    cna: Option<(u8, String, String)>,
    adp: Option<(u8, String, String)>,
}

impl Builder {
    /// An empty builder. Names in these ecosystems are normalised; in others they are taken as written.
    pub fn new(ecosystems: Ecosystems) -> Self {
        Self {
            ecosystems,
            records: HashMap::new(),
            keys: HashMap::new(),
            cves: HashMap::new(),
            known_exploited: BTreeMap::new(),
            epss: BTreeMap::new(),
            feeds: BTreeMap::new(),
        }
    }

    /// Takes an OSV record. Of several with one id the one that was modified last counts.
    pub fn osv(&mut self, record: &Record) -> &mut Self {
        if let Some(held) = self.records.get(record.id.as_str())
            && (held.modified, held.digest) >= (record.modified, record.digest)
        {
            return self;
        }
        let kept = record.withdrawn.is_none().then(|| Box::new(self.keep(record)));
        self.records.insert(record.id.as_str().into(), Held { modified: record.modified, digest: record.digest, kept });
        self
    }

    /// Takes a CVE record.
    pub fn cve(&mut self, record: &cve::Record) -> &mut Self {
        if let Some(held) = self.cves.get(record.id.as_str())
            && (held.modified, held.digest) >= (record.modified, record.digest)
        {
            return self;
        }
        let best = |cna: bool| {
            let scored = record.metrics.iter().filter(|metric| metric.cna == cna && !record.rejected);
            // The first of equals: newer versions of CVSS stand first.
            scored
                .filter_map(|metric| {
                    Some((cvss::score(&metric.vector)?.tenths(), metric.vector.clone(), metric.source.clone()))
                })
                .reduce(|best, next| if next.0 > best.0 { next } else { best })
        };
        let held = HeldCve { modified: record.modified, digest: record.digest, cna: best(true), adp: best(false) };
        self.cves.insert(record.id.as_str().into(), held);
        self
    }

    /// Takes a catalogue of known exploited vulnerabilities, in place of any before.
    pub fn kev(&mut self, catalogue: &kev::Catalogue) -> &mut Self {
        self.known_exploited = catalogue.added.clone();
        self
    }

    /// Takes a day's EPSS scores, in place of any before.
    pub fn epss(&mut self, scores: &epss::Scores) -> &mut Self {
        self.epss = scores.scores.clone();
        self
    }

    /// Says when the data of an OSV ecosystem was last confirmed or changed by its source.
    pub fn feed(&mut self, ecosystem: &str, as_of: Timestamp) -> &mut Self {
        self.feeds.insert(base(ecosystem).to_owned(), as_of.millis());
        self
    }

    /// Writes the index.
    pub fn build(&self) -> Vec<u8> {
        let mut stats = Stats {
            records: self.records.len() as u64,
            cves: self.cves.len() as u64,
            known_exploited: self.known_exploited.len() as u64,
            epss: self.epss.len() as u64,
            ..Stats::default()
        };
        let mut live: Vec<(&str, &Held, &Kept)> = Vec::with_capacity(self.records.len());
        let mut withdrawn: HashSet<&str> = HashSet::new();
        for (id, held) in &self.records {
            match &held.kept {
                Some(kept) => live.push((id, held, kept)),
                None => {
                    withdrawn.insert(id);
                }
            }
        }
        live.sort_unstable_by_key(|(id, _, _)| *id);
        stats.withdrawn = withdrawn.len() as u64;
        for (_, _, kept) in &live {
            stats.malware += u64::from(kept.malware);
            stats.informational += u64::from(kept.informational);
            stats.without_package += u64::from(kept.without_package);
            stats.impossible_names += u64::from(kept.impossible_names);
            stats.empty += u64::from(kept.empty);
            for ecosystem in &kept.ecosystems {
                *stats.ecosystems.entry(ecosystem.to_string()).or_default() += 1;
            }
        }
        let members: Vec<Member<'_>> = live.iter().map(|(id, _, kept)| Member { id, aliases: &kept.aliases }).collect();
        let tied = clusters(&members, &|id| withdrawn.contains(id));
        stats.clusters = tied.clusters.len() as u64;
        stats.many_aliases = tied.many_aliases as u64;
        stats.too_large = tied.too_large as u64;

        let mut cluster_of = vec![None; live.len()];
        for (number, cluster) in tied.clusters.iter().enumerate() {
            for member in &cluster.members {
                if let Some(slot) = cluster_of.get_mut(*member as usize) {
                    *slot = Some(number);
                }
            }
        }
        let mut clusters_out = Heap::default();
        let mut written: HashMap<usize, u32> = HashMap::new();
        let mut records_out = Heap::default();
        // Package number → its entries with their records' numbers.
        let mut packages: Vec<Vec<(u32, &[u8])>> = vec![Vec::new(); self.keys.len()];
        for (number, (id, held, kept)) in live.iter().enumerate() {
            let mut row = RecordRow {
                id: (*id).to_owned(),
                malware: kept.malware,
                published: kept.published,
                summary: kept.summary.to_string(),
                digest: *held.digest.as_bytes(),
                vectors: kept.vectors.clone(),
                cluster: None,
            };
            let cluster = cluster_of.get(number).copied().flatten();
            if let Some((number, cluster)) = cluster.and_then(|number| Some((number, tied.clusters.get(number)?))) {
                row.cluster = written.get(&number).copied().or_else(|| {
                    let cluster = self.cluster_row(cluster, &live);
                    (cluster != ClusterRow::of_one(&row))
                        .then(|| *written.entry(number).or_insert(clusters_out.push(&cluster)))
                });
            }
            records_out.push(&row);
            for (package, entry) in &kept.entries {
                if let Some(entries) = packages.get_mut(*package as usize) {
                    entries.push((number as u32, entry));
                }
            }
        }

        let mut keys: Vec<(&str, u32)> = self.keys.iter().map(|(key, number)| (&**key, *number)).collect();
        keys.retain(|(_, number)| packages.get(*number as usize).is_some_and(|entries| !entries.is_empty()));
        keys.sort_unstable();
        stats.packages = keys.len() as u64;
        let (mut rows, mut key_heap, mut package_heap) = (Vec::new(), Vec::new(), Vec::new());
        let row = |rows: &mut Vec<u8>, keys: usize, packages: usize| {
            rows.extend_from_slice(&(keys as u32).to_le_bytes());
            rows.extend_from_slice(&(packages as u64).to_le_bytes());
        };
        for (key, number) in keys {
            row(&mut rows, key_heap.len(), package_heap.len());
            key_heap.extend_from_slice(key.as_bytes());
            let ecosystem = key.split('\0').next().and_then(|name| self.ecosystems.by_osv(name));
            let entries = packages.get(number as usize).map_or(&[][..], Vec::as_slice);
            package_heap.extend_from_slice(&encoded(&package::row(ecosystem, entries)));
        }
        row(&mut rows, key_heap.len(), package_heap.len());
        file::assemble(
            &encoded(&self.feeds),
            [
                &encoded(&stats),
                &rows,
                &key_heap,
                &package_heap,
                &records_out.offsets(),
                &records_out.bytes,
                &clusters_out.offsets(),
                &clusters_out.bytes,
            ],
        )
    }

    fn cluster_row(&self, cluster: &Cluster, live: &[(&str, &Held, &Kept)]) -> ClusterRow {
        let records = || cluster.members.iter().filter_map(|member| live.get(*member as usize));
        let members: Vec<String> = records().map(|(id, _, _)| (*id).to_owned()).collect();
        let cves = || members.iter().chain(&cluster.names).filter(|id| id.starts_with("CVE-"));
        // Of equal scores the one of the lowest id counts, so that the source does not depend on chance.
        let own = records()
            .filter_map(|(id, held, kept)| {
                let (tenths, vector) = kept.best.clone()?;
                Some(SeverityRow { tenths, vector, source: (*id).to_owned(), digest: *held.digest.as_bytes() })
            })
            .reduce(|best, next| if next.tenths > best.tenths { next } else { best });
        let of_cve = |pick: fn(&HeldCve) -> &Option<(u8, String, String)>| {
            cves()
                .filter_map(|id| {
                    let held = self.cves.get(id.as_str())?;
                    let (tenths, vector, source) = pick(held).clone()?;
                    Some(SeverityRow { tenths, vector, source, digest: *held.digest.as_bytes() })
                })
                .reduce(|best, next| if next.tenths > best.tenths { next } else { best })
        };
        ClusterRow {
            severity: own.or_else(|| of_cve(|held| &held.cna)).or_else(|| of_cve(|held| &held.adp)),
            known_exploited: cves().filter_map(|id| self.known_exploited.get(id)).min().map(|at| at.millis()),
            epss: cves().filter_map(|id| self.epss.get(id)).copied().reduce(f32::max),
            names: cluster.names.clone(),
            members,
        }
    }

    fn keep(&mut self, record: &Record) -> Kept {
        let vectors = scored(&record.severity);
        let mut kept = Kept {
            aliases: record.aliases.iter().map(|alias| Box::from(alias.as_str())).collect(),
            malware: record.malware,
            informational: !record.affected.is_empty()
                && record.affected.iter().all(|affected| affected.informational.is_some()),
            published: record.published.map(Timestamp::millis),
            summary: record.summary.as_str().into(),
            best: vectors.first().cloned(),
            vectors,
            entries: Vec::new(),
            ecosystems: Vec::new(),
            without_package: 0,
            impossible_names: 0,
            empty: 0,
        };
        for affected in &record.affected {
            self.keep_affected(affected, &mut kept);
        }
        kept
    }

    fn keep_affected(&mut self, affected: &Affected, kept: &mut Kept) {
        let vectors = scored(&affected.severity);
        if let Some(best) = vectors.first()
            && kept.best.as_ref().is_none_or(|(tenths, _)| best.0 > *tenths)
        {
            kept.best = Some(best.clone());
        }
        let Some(package) = &affected.package else {
            kept.without_package += 1;
            return;
        };
        let known = self.ecosystems.by_osv(&package.ecosystem);
        let key = match known {
            Some(ecosystem) => match ecosystem.names.parse(&package.name) {
                Ok(name) => key(ecosystem.osv, name.as_str()),
                Err(_) => {
                    kept.impossible_names += 1;
                    return;
                }
            },
            None => key(&package.ecosystem, &package.name),
        };
        let ecosystem = known.map_or(base(&package.ecosystem), |ecosystem| ecosystem.osv);
        if !kept.ecosystems.iter().any(|known| **known == *ecosystem) {
            kept.ecosystems.push(ecosystem.into());
        }
        if affected.ranges.is_empty() && affected.versions.is_empty() {
            kept.empty += 1;
            return;
        }
        let number = self.keys.len() as u32;
        let number = *self.keys.entry(key.into()).or_insert(number);
        kept.entries.push((number, encoded(&HeldEntry::of(affected, vectors)).into()));
    }
}

/// Vectors that have a score, the highest first.
fn scored(vectors: &[Vector]) -> Vec<(u8, String)> {
    let mut scored: Vec<(u8, String)> = vectors
        .iter()
        .filter_map(|vector| Some((cvss::score(&vector.score)?.tenths(), vector.score.trim().to_owned())))
        .collect();
    // Of equal scores the newer version of CVSS first: `CVSS:4.0` sorts above `CVSS:3.1` and that above `AV:`.
    scored.sort_by(|a, b| b.cmp(a));
    scored.dedup();
    scored
}

/// An OSV ecosystem's name without its suffix.
pub(crate) fn base(ecosystem: &str) -> &str {
    ecosystem.split(':').next().unwrap_or(ecosystem)
}

/// The key of a package.
pub(crate) fn key(ecosystem: &str, name: &str) -> String {
    format!("{ecosystem}\0{name}")
}

/// `value` in postcard.
fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Writing plain data to memory cannot fail; if postcard ever finds a way, an empty row is refused when it is read.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Rows one after another.
#[derive(Default)]
struct Heap {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Heap {
    /// Adds a row and gives its number.
    fn push<T: serde::Serialize>(&mut self, row: &T) -> u32 {
        self.starts.push(self.end());
        self.bytes.extend_from_slice(&encoded(row));
        self.starts.len() as u32 - 1
    }

    /// Past 4 GiB the last place: what is written there reads as damaged, not as something else.
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn offsets(&self) -> Vec<u8> {
        let end = self.end();
        self.starts.iter().chain(std::iter::once(&end)).flat_map(|start| start.to_le_bytes()).collect()
    }
}
