//! The catalogue of a tree as a stage shows it: which record of each package, and why another than upstream's.
//!
//! The gate gives every package with the judgement of its releases, then asks for the outcome. Where an older release takes
//! a place, its record is made from the `DESCRIPTION` in its archive, as `tools::write_PACKAGES` would: the gate is told which
//! it has to look into, and asks again.

use std::collections::HashMap;

use weir_core::catalogue::{Described, Fate, Instead, Joining, Settled};
use weir_core::registry::Page;

use crate::dcf::{Record, write_field};
use crate::dependency::{Requirement, requirements};
use crate::index::{self, Entry, Kind};
use crate::name::split;
use crate::substitute::{Candidate, Cause, Package, Solution, solve};
use crate::version::Version;

/// The field of a record that stands in another's place: which, and why.
pub const SUBSTITUTED: &str = "WeirSubstituted";

/// The fields of a `DESCRIPTION` that `PACKAGES` has: R's own list, `tools:::.get_standard_repository_db_fields("source")`.
pub const FIELDS: [&str; 14] = [
    "Package",
    "Version",
    "Priority",
    "Depends",
    "Imports",
    "LinkingTo",
    "Suggests",
    "Enhances",
    "License",
    "License_is_FOSS",
    "License_restricts_use",
    "OS_type",
    "Archs",
    "NeedsCompilation",
];

/// The packages that have been given.
#[derive(Default)]
pub struct Catalogue {
    packages: Vec<Listed>,
}

/// A package of the catalogue.
struct Listed {
    key: String,
    name: String,
    /// What may be shown of it, newest first.
    versions: Vec<Listing>,
    /// What each of its pieces is: the place in `versions` of a record of upstream.
    pieces: Vec<Option<usize>>,
}

/// A version of a package.
struct Listing {
    text: String,
    version: Version,
    /// Why policy refuses it, if it does.
    refused: Option<String>,
    /// What it needs, of those that upstream shows; the records themselves.
    current: Option<Vec<Requirement>>,
}

impl Joining for Catalogue {
    fn package(&mut self, key: &str, page: &Page<'_>, pieces: &[&[u8]]) {
        let (_, name) = split(page.package);
        let mut entries: Vec<Option<Entry<'_>>> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            // Of what Weir has written the index tells all that counts.
            let record = Record::first(piece).filter(|_| !index::is_written(piece));
            entries.push(record.and_then(|record| Entry::read(record, name)));
        }
        let mut needs: HashMap<&str, Vec<Requirement>> = HashMap::new();
        for entry in entries.iter().flatten().filter(|entry| entry.kind == Kind::Current) {
            // One version in two records: both are shown or none, so the needs of both have to be met.
            needs.entry(&entry.version).or_default().extend(requirements(entry.record));
        }
        let mut versions: Vec<Listing> = Vec::new();
        for (release, served) in page.index.releases.iter().zip(page.releases) {
            let Ok(version) = Version::parse(&release.version) else { continue };
            if release.artifacts.is_empty() {
                continue;
            }
            let refused = served.refused.as_ref().map(|note| note.text.clone());
            let current = needs.remove(release.version.as_str());
            versions.push(Listing { text: release.version.clone(), version, refused, current });
        }
        versions.sort_by(|a, b| b.version.cmp(&a.version));
        // What the archive has above all that upstream shows was taken back by upstream.
        let withdrawn = versions.iter().position(|version| version.current.is_some()).unwrap_or(versions.len());
        versions.drain(..withdrawn);
        let place = |entry: &Entry<'_>| versions.iter().position(|version| version.text == entry.version);
        let pieces = entries
            .iter()
            .map(|entry| entry.as_ref().filter(|entry| entry.kind == Kind::Current).and_then(place))
            .collect();
        if !versions.is_empty() {
            self.packages.push(Listed { key: key.to_owned(), name: name.to_owned(), versions, pieces });
        }
    }

    fn settle(&mut self, described: &dyn Fn(&str, &str) -> Described) -> Settled {
        // In whatever order packages were given, the outcome is the same: with upper bounds the order could count.
        self.packages.sort_by(|a, b| a.key.cmp(&b.key));
        // Nothing that upstream shows is refused: nothing has to make room.
        let untouched = |listed: &Listed| listed.versions.iter().all(|it| it.current.is_none() || it.refused.is_none());
        if self.packages.iter().all(untouched) {
            return self.settled(&|_, _| Described::Absent, None);
        }
        let looked_into = self.looked_into(described);
        let packages: Vec<Package<'_>> =
            self.packages.iter().zip(&looked_into).map(|(listed, needs)| listed.package(needs)).collect();
        let solution = solve(&packages);
        if !solution.unknown.is_empty() {
            let wanted = solution.unknown.iter().filter_map(|(package, version)| {
                let listed = self.packages.get(*package)?;
                Some((listed.key.clone(), listed.versions.get(*version)?.text.clone()))
            });
            return Settled { wanted: wanted.collect(), ..Settled::default() };
        }
        self.settled(described, Some(&solution))
    }
}

/// What is known of the needs of a version.
enum Needs {
    Unknown,
    Absent,
    Known(Vec<Requirement>),
}

impl Listed {
    fn package<'a>(&'a self, needs: &'a [Needs]) -> Package<'a> {
        let candidates = self.versions.iter().zip(needs).map(|(listing, needs)| Candidate {
            version: listing.version.clone(),
            // What cannot be had cannot be shown.
            allowed: listing.refused.is_none() && !matches!(needs, Needs::Absent),
            current: listing.current.is_some(),
            needs: match (needs, &listing.current) {
                (_, Some(needs)) | (Needs::Known(needs), None) => Some(needs.as_slice()),
                (Needs::Unknown | Needs::Absent, None) => None,
            },
        });
        Package { name: &self.name, candidates: candidates.collect() }
    }
}

impl Catalogue {
    /// The needs of every version, as far as someone has looked.
    fn looked_into(&self, described: &dyn Fn(&str, &str) -> Described) -> Vec<Vec<Needs>> {
        let needs = |listed: &Listed, listing: &Listing| match (&listing.current, &listing.refused) {
            (None, None) => match described(&listed.key, &listing.text) {
                Described::Unknown => Needs::Unknown,
                Described::Absent => Needs::Absent,
                Described::Is(bytes) => match Record::first(&bytes) {
                    Some(record) => Needs::Known(requirements(record)),
                    None => Needs::Absent,
                },
            },
            _ => Needs::Unknown,
        };
        self.packages.iter().map(|listed| listed.versions.iter().map(|it| needs(listed, it)).collect()).collect()
    }

    fn settled(&self, described: &dyn Fn(&str, &str) -> Described, solution: Option<&Solution>) -> Settled {
        let mut settled = Settled::default();
        for (place, listed) in self.packages.iter().enumerate() {
            let Some(solution) = solution else {
                settled.fates.push((listed.key.clone(), listed.fates(|_| true, None)));
                continue;
            };
            let shown = solution.shown.get(place).copied().flatten();
            let is_shown = |version: usize| shown == Some(version) || solution.beside.contains(&(place, version));
            let Some(first) = listed.versions.first().filter(|_| shown != Some(0)) else {
                settled.fates.push((listed.key.clone(), listed.fates(is_shown, None)));
                continue;
            };
            let reason = self.reason(solution, place);
            let instead = shown.and_then(|shown| listed.versions.get(shown));
            let record =
                instead.filter(|it| it.current.is_none()).and_then(|it| match described(&listed.key, &it.text) {
                    Described::Is(bytes) => Some(record(&bytes, &first.text, &reason)),
                    Described::Unknown | Described::Absent => None,
                });
            settled.fates.push((listed.key.clone(), listed.fates(is_shown, record)));
            settled.instead.push(Instead {
                key: listed.key.clone(),
                version: first.text.clone(),
                shown: instead.map(|instead| instead.text.clone()),
                reason,
            });
        }
        settled
    }

    /// Why the newest version of a package is not shown: its own refusal, or what it needs and, in the end, whose refusal it
    /// comes from.
    fn reason(&self, solution: &Solution, place: usize) -> String {
        let refused = |place: usize| {
            let first = self.packages.get(place).and_then(|listed| listed.versions.first());
            first.and_then(|first| first.refused.clone()).unwrap_or_else(|| String::from("it cannot be had"))
        };
        let mut reason = String::new();
        let mut at = place;
        // Needs may run in a circle; each package is told once.
        for _ in 0..MAX_CHAIN {
            match solution.causes.get(&at) {
                None => break,
                Some(Cause::Refused) if at == place => return format!("refused: {}", refused(at)),
                Some(Cause::Refused) => {
                    let name = self.packages.get(at).map_or("", |listed| &listed.name);
                    return format!("{reason}; {name} is refused: {}", refused(at));
                }
                Some(Cause::Unmet { need, of }) => {
                    let bound = need.bound.as_ref().map_or_else(String::new, |bound| format!(" {bound}"));
                    let is = match of.and_then(|of| Some((of, solution.shown.get(of)?))) {
                        Some((of, Some(shown))) => {
                            let shown = self.packages.get(of).and_then(|listed| listed.versions.get(*shown));
                            format!("which is shown in {}", shown.map_or("", |shown| &shown.text))
                        }
                        Some((_, None)) => String::from("which is hidden"),
                        None => String::from("which this repository does not have"),
                    };
                    let lead = if reason.is_empty() { "needs" } else { "; that needs" };
                    reason.push_str(&format!("{lead} {}{bound}, {is}", need.name));
                    match of {
                        Some(of) => at = *of,
                        None => break,
                    }
                }
            }
        }
        reason
    }
}

/// Longest chain of needs that a reason tells.
const MAX_CHAIN: usize = 8;

impl Listed {
    /// What becomes of each piece. `record` takes the place of upstream's first one.
    fn fates(&self, is_shown: impl Fn(usize) -> bool, record: Option<Vec<u8>>) -> Vec<Fate> {
        let mut record = record;
        let mut fate = |piece: &Option<usize>| match piece {
            None => Fate::Hidden,
            Some(version) if is_shown(*version) => Fate::Shown,
            Some(_) => record.take().map_or(Fate::Hidden, Fate::Other),
        };
        self.pieces.iter().map(&mut fate).collect()
    }
}

/// The record of a version whose `DESCRIPTION` this is, in the place of another.
fn record(description: &[u8], instead_of: &str, reason: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(description) = Record::first(description) else { return out };
    for name in FIELDS {
        if let Some(value) = description.get(name) {
            write_field(name, &value, &mut out);
        }
    }
    write_field(SUBSTITUTED, &format!("{instead_of} {reason}"), &mut out);
    out
}
