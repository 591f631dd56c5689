//! What of a catalogue does a stage show, and how is it written?
//!
//! Every package is judged as it is when a file of it is asked for: the same index, the same facts, the same function. That
//! is done for all of them at once, without a look into the store: what the store knows more of is judged before
//! ([`Judging::apart`]).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use weir_advisory::Index as Advisories;
use weir_core::catalogue::{Catalogue, Fate, Instead, Joining, Place, Settled};
use weir_core::registry::{Document, Index, Page, ServedRelease};
use weir_core::{Digest, Ecosystem, Ecosystems, PackageName, Timestamp};
use weir_names::Lists;
use weir_policy::{Outcome, Policy};
use weir_store::FirstSeen;

use super::Catalogued;
use super::alike::Alike;
use super::blocks::Blocks;
use super::table::Table;
use crate::documents::Held;
use crate::homes::Homes;
use crate::judged::Stages;
use crate::known::{self, Known, Stamp};
use crate::view::View;
use crate::{departed, served};

/// Packages that one thread takes at a time: their pieces lie close together.
const AT_ONCE: usize = 128;
/// Threads that judge one catalogue.
const THREADS: usize = 4;
/// Refused artifacts that are told by name.
pub(super) const EXAMPLES: usize = 20;

/// What a catalogue is judged by.
pub(crate) struct Judging {
    pub(crate) ecosystems: Ecosystems,
    pub(crate) ecosystem: &'static Ecosystem,
    pub(crate) catalogued: Arc<Catalogued>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) stages: Stages,
    pub(crate) advisories: Arc<Advisories>,
    pub(crate) names: Arc<Lists>,
    pub(crate) public_url: String,
    /// The address of the stage's ecosystem root.
    pub(crate) base: String,
    pub(crate) now: Timestamp,
    /// The packages of which the store knows more than the catalogue, by key, as they are judged.
    pub(crate) apart: HashMap<String, Option<Arc<View>>>,
    /// The packages that the page has beside those of the catalogue, or in their place, in the order of their keys.
    pub(crate) added: Vec<Added>,
    /// Who has which names.
    pub(crate) homes: Arc<Homes>,
}

/// A package that a page has from elsewhere than its catalogue.
pub(crate) struct Added {
    pub(crate) key: String,
    /// As it is judged; `None` if it is refused as a whole or cannot be read. Then nothing is shown under its name.
    pub(crate) view: Option<Arc<View>>,
    pub(crate) pieces: Vec<Vec<u8>>,
}

/// What became of the pieces.
#[derive(Default)]
pub(crate) struct Verdicts {
    /// Parallel to the entries: true where it is left out.
    pub(crate) hidden: Vec<bool>,
    /// What is in an entry's place.
    pub(crate) others: HashMap<u32, Vec<u8>>,
    /// Of packages that are added: their keys, and what is on the page of each.
    pub(crate) added: Vec<(String, Vec<Vec<u8>>)>,
    /// The packages that look otherwise than upstream's, with a digest of how.
    pub(crate) touched: HashMap<Box<str>, Digest>,
    /// Of which the store has to be asked, before anything can be said.
    pub(crate) wanting: Vec<String>,
    pub(crate) told: Told,
    pub(crate) changes_at: Option<Timestamp>,
    /// Packages that could not be read, which are left out.
    pub(crate) unreadable: u64,
    /// What the packages were given to, where they are settled together.
    pub(crate) joining: Option<Box<dyn Joining>>,
    /// What is shown in the place of upstream's newest, after [`Verdicts::settle`].
    pub(crate) instead: Vec<Instead>,
}

/// What is told of what is left out.
#[derive(Clone, Default, Debug)]
pub(crate) struct Told {
    pub(crate) rules: BTreeMap<String, u64>,
    pub(crate) examples: Vec<(String, String)>,
}

/// What one package comes to.
pub(crate) struct Verdict {
    /// `None` where packages are settled together, and nothing can be said of one.
    pub(super) fates: Option<Vec<Fate>>,
    pub(super) digest: Option<Digest>,
    pub(super) told: Told,
    pub(super) changes_at: Option<Timestamp>,
}

impl Judging {
    /// Judges every package. `file` has the catalogue's blocks. Blocks.
    pub(crate) fn judge(&self, catalogue: &dyn Catalogue, file: &File) -> io::Result<Verdicts> {
        let table = &*self.catalogued.table;
        let joining = catalogue.joining().map(Mutex::new);
        // What is shown of one package may depend on others: then each is given to where that is known.
        let alike = if joining.is_none() { Alike::of(self, catalogue) } else { None };
        let all = Mutex::new(Verdicts { hidden: vec![false; table.entries.len()], ..Verdicts::default() });
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let work = || -> io::Result<()> {
            let mut blocks = Blocks::new(file, table)?;
            loop {
                let from = next.fetch_add(AT_ONCE, Ordering::Relaxed);
                if from >= table.packages.len() {
                    return Ok(());
                }
                let to = (from + AT_ONCE).min(table.packages.len());
                let mut verdicts = Vec::with_capacity(to - from);
                for package in from..to {
                    let verdict = match alike.as_ref().and_then(|alike| alike.verdict(self, catalogue, package)) {
                        Some(verdict) => Some(Ok(verdict)),
                        None => self.package((catalogue, joining.as_ref()), &mut blocks, package)?,
                    };
                    verdicts.push((package, verdict));
                }
                let mut all = all.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                for (package, verdict) in verdicts {
                    all.add(table, package, verdict);
                }
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for thread in threads {
                let other = thread.join().unwrap_or_else(|_| Err(io::Error::other("judging was broken off")));
                outcome = outcome.and(other);
            }
            outcome
        })?;
        let mut all = all.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        for added in &self.added {
            all.add_beside(added, self.verdict_of((catalogue, joining.as_ref()), added));
        }
        all.told.examples.sort();
        all.told.examples.truncate(EXAMPLES);
        all.wanting.sort();
        all.joining = joining.map(|joining| joining.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
        Ok(all)
    }

    /// `Ok(None)`: of this one the store knows more. `Ok(Some(Err(())))`: it cannot be read.
    fn package(
        &self,
        catalogue: Reading<'_>,
        blocks: &mut Blocks<'_>,
        package: usize,
    ) -> io::Result<Option<Result<Verdict, ()>>> {
        let table = blocks.table;
        let Some(listed) = table.packages.get(package) else { return Ok(Some(Err(()))) };
        if self.is_elsewhere(catalogue.0, &listed.key) {
            return Ok(Some(Ok(Verdict::elsewhere(listed.count as usize))));
        }
        let mut document = Vec::new();
        let mut ends = Vec::new();
        for (entry, _) in table.pieces_of(package) {
            let entry = table.entries.get(*entry as usize).ok_or_else(|| io::Error::other("no such entry"))?;
            document.extend_from_slice(blocks.piece(entry)?);
            ends.push(document.len());
            document.push(b'\n');
        }
        let pieces: Vec<&[u8]> = ends
            .iter()
            .scan(0, |from, end| {
                let piece = document.get(*from..*end).unwrap_or_default();
                *from = end + 1;
                Some(piece)
            })
            .collect();
        if let Some(view) = self.apart.get(&*listed.key) {
            return Ok(Some(view.as_ref().ok_or(()).map(|view| self.verdict(catalogue, view, &document, &pieces))));
        }
        let place = Place { part: self.catalogued.part.clone(), key: listed.key.to_string() };
        let Some(name) = catalogue.0.package(&place) else { return Ok(Some(Err(()))) };
        if self.is_private(&name) {
            return Ok(Some(Ok(Verdict::hidden(pieces.len(), PRIVATE))));
        }
        let view = match self.view(name, &place.key, &document) {
            Seen::Unreadable => return Ok(Some(Err(()))),
            Seen::Wanting => return Ok(None),
            Seen::View(view) => view,
        };
        Ok(Some(Ok(self.verdict(catalogue, &view, &document, &pieces))))
    }

    /// True if a name of the catalogue is not its upstream's: it is hosted here, or bound to another.
    pub(super) fn is_elsewhere(&self, catalogue: &dyn Catalogue, key: &str) -> bool {
        if self.added.binary_search_by(|added| added.key.as_str().cmp(key)).is_ok() {
            return true;
        }
        let member = &self.catalogued.member;
        if self.homes.members().of(self.ecosystem).len() < 2 || catalogue.member(&self.catalogued.part).is_some() {
            return false;
        }
        let place = Place { part: self.catalogued.part.clone(), key: key.to_owned() };
        let package = catalogue.package(&place);
        let bound = package.and_then(|package| self.homes.members().bound(self.ecosystem, &package));
        bound.is_some_and(|bound| bound.name != member.name)
    }

    /// What a package comes to that the page has from elsewhere; `None` if nothing of it may be shown.
    fn verdict_of(&self, reading: Reading<'_>, added: &Added) -> Option<Verdict> {
        let view = added.view.as_ref()?;
        let mut document = Vec::new();
        for piece in &added.pieces {
            document.extend_from_slice(piece);
            document.push(b'\n');
        }
        let pieces: Vec<&[u8]> = added.pieces.iter().map(Vec::as_slice).collect();
        Some(self.verdict(reading, view, &document, &pieces))
    }

    pub(super) fn is_private(&self, package: &PackageName) -> bool {
        if self.homes.members().is_own(self.ecosystem, package) {
            return false;
        }
        let mut rules = self.stages.iter().filter_map(|stage| self.policy.stage(stage));
        rules.any(|rules| weir_policy::private_name(rules, self.ecosystem, package).is_some())
    }

    /// The package as it is when a file of it is asked for.
    fn view(&self, name: PackageName, key: &str, document: &[u8]) -> Seen {
        let Some(held) = self.catalogued.slice(key) else { return Seen::Unreadable };
        let documents = [Document { url: &held.url, content_type: "", body: document }];
        let Ok(index) = self.ecosystem.registry.parse(&name, &documents) else { return Seen::Unreadable };
        let is_like = self.is_like(&name);
        let has_siblings =
            index.releases.iter().flat_map(|release| &release.artifacts).any(|artifact| artifact.metadata.is_some());
        if is_like || has_siblings || served::matters(&index) {
            return Seen::Wanting;
        }
        let first_seen = held.slice.as_ref().map(|slice| slice.first_seen(&index)).unwrap_or_default();
        match self.view_of(name, held, index, &first_seen) {
            Some(view) => Seen::View(Box::new(view)),
            None => Seen::Unreadable,
        }
    }

    /// True if the name could be mistaken for a well-known one.
    pub(super) fn is_like(&self, name: &PackageName) -> bool {
        self.names.of(self.ecosystem).is_some_and(|names| names.lookalike(name.as_str()).is_some())
    }

    /// A package with this index, of which the store knows nothing more.
    pub(super) fn view_of(
        &self,
        name: PackageName,
        held: Held,
        mut index: Index,
        first_seen: &FirstSeen,
    ) -> Option<View> {
        let nothing = HashMap::new();
        let mut facts = known::facts(
            self.ecosystems,
            self.ecosystem,
            &name,
            &index,
            first_seen,
            &nothing,
            &HashMap::new(),
            &self.advisories,
        );
        departed::add(&mut index, &mut facts, &self.advisories);
        let stamp = Stamp {
            documents: vec![held.digest],
            advisories: self.advisories.digest(),
            names: self.names.digest(),
            learnt: 0,
        };
        let known = Arc::new(Known::new(vec![Arc::new(held)], index, facts, nothing, stamp));
        View::judge(known, Arc::clone(&self.policy), &self.stages, &self.public_url, self.now)
    }

    fn verdict(&self, (catalogue, joining): Reading<'_>, view: &View, document: &[u8], pieces: &[&[u8]]) -> Verdict {
        let index = &view.known.index;
        let url = view.known.held.first().map_or("", |held| held.url.as_str());
        let documents = [Document { url, content_type: "", body: document }];
        let package = &view.known.facts.package;
        let served = joining.and_then(|_| after_looking(view));
        let releases = served.as_deref().unwrap_or_else(|| view.served());
        let page = Page { package, documents: &documents, index, releases, base: &self.base };
        let (fates, digest) = match joining {
            None => {
                let fates = catalogue.fates(&page, pieces);
                let digest = digest(&fates);
                (Some(fates), digest)
            }
            Some(joining) => {
                let key = catalogue.place(package).map_or_else(String::new, |place| place.key);
                let mut joining = joining.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                joining.package(&key, &page, pieces);
                (None, refusals(&page))
            }
        };
        let mut told = Told::default();
        let judged = index.releases.iter().zip(&view.judged.together().releases).zip(page.releases);
        for ((release, judged), shown) in judged {
            for ((artifact, judged), shown) in release.artifacts.iter().zip(&judged.artifacts).zip(&shown.artifacts) {
                // What is shown although it is held is decided when it is asked for.
                if judged.effective <= Outcome::Warn || shown.refused.is_none() {
                    continue;
                }
                let reason = judged.reasons.iter().next();
                let rule = reason.map_or("", |reason| &reason.rule);
                *told.rules.entry(rule.to_owned()).or_default() += 1;
                if told.examples.len() < EXAMPLES {
                    let line = reason.map_or("", |reason| &reason.line);
                    told.examples.push((format!("{package} {}", artifact.file), line.to_owned()));
                }
            }
        }
        Verdict { digest, fates, told, changes_at: view.judged.together().changes_at }
    }

    /// How one package looks otherwise than upstream's: see [`Verdicts::touched`]. Blocks.
    pub(crate) fn one(&self, catalogue: &dyn Catalogue, file: &File, key: &str) -> io::Result<Option<Digest>> {
        let table = &*self.catalogued.table;
        let Some(package) = table.find(key) else { return Ok(None) };
        let mut all = Verdicts { hidden: vec![false; table.entries.len()], ..Verdicts::default() };
        let joining = catalogue.joining().map(Mutex::new);
        let mut blocks = Blocks::new(file, table)?;
        all.add(table, package, self.package((catalogue, joining.as_ref()), &mut blocks, package)?);
        Ok(all.touched.get(key).copied())
    }
}

/// How a registry reads a catalogue, and what packages are given to where they are settled together.
type Reading<'a> = (&'a dyn Catalogue, Option<&'a Mutex<Box<dyn Joining>>>);

/// The rule that hides what is never asked of upstream.
const PRIVATE: &str = "private-name";

enum Seen {
    View(Box<View>),
    Wanting,
    Unreadable,
}

impl Verdict {
    /// Of a package whose name is somebody else's: there is nothing to tell of it.
    fn elsewhere(pieces: usize) -> Self {
        Self { digest: None, fates: Some(vec![Fate::Hidden; pieces]), told: Told::default(), changes_at: None }
    }

    fn hidden(pieces: usize, rule: &str) -> Self {
        let fates = vec![Fate::Hidden; pieces];
        let rules = BTreeMap::from([(rule.to_owned(), pieces as u64)]);
        Self {
            digest: digest(&fates),
            fates: Some(fates),
            told: Told { rules, examples: Vec::new() },
            changes_at: None,
        }
    }
}

/// How releases are served, as if those that are refused only because nobody has looked into them were not: they may be
/// shown, and are looked into before they are. `None` if there are no such releases.
fn after_looking(view: &View) -> Option<Vec<ServedRelease>> {
    let is_missing = |at: usize, served: &ServedRelease| {
        served.refused.is_some()
            && view.release_decision(at).is_some_and(|decision| crate::gateway::only_looking_is_missing(&decision))
    };
    let mut releases: Option<Vec<ServedRelease>> = None;
    for (at, served) in view.served().iter().enumerate().filter(|(at, served)| is_missing(*at, served)) {
        let releases = releases.get_or_insert_with(|| view.served().to_vec());
        if let Some(release) = releases.get_mut(at) {
            *release = ServedRelease { refused: None, ..served.clone() };
        }
    }
    releases
}

/// What of a package is refused and why; `None` if nothing is. Where packages are settled together, the page is the same as
/// long as this is the same of each.
fn refusals(page: &Page<'_>) -> Option<Digest> {
    let mut text = String::new();
    for (release, served) in page.index.releases.iter().zip(page.releases) {
        if let Some(note) = &served.refused {
            text.push_str(&format!("{} {}\n", release.version, note.text));
        }
    }
    (!text.is_empty()).then(|| Digest::of(text.as_bytes()))
}

/// How a package differs from upstream's; `None` if it does not.
pub(super) fn digest(fates: &[Fate]) -> Option<Digest> {
    if fates.iter().all(|fate| *fate == Fate::Shown) {
        return None;
    }
    let mut text = Vec::new();
    for (at, fate) in fates.iter().enumerate() {
        match fate {
            Fate::Shown => {}
            Fate::Hidden => text.extend_from_slice(format!("{at}\n").as_bytes()),
            Fate::Other(bytes) => text.extend_from_slice(format!("{at} {}\n", Digest::of(bytes)).as_bytes()),
        }
    }
    Some(Digest::of(&text))
}

impl Verdicts {
    fn add(&mut self, table: &Table, package: usize, verdict: Option<Result<Verdict, ()>>) {
        let Some(listed) = table.packages.get(package) else { return };
        let verdict = match verdict {
            None => return self.wanting.push(listed.key.to_string()),
            Some(Ok(verdict)) => verdict,
            Some(Err(())) => {
                self.unreadable += 1;
                Verdict::hidden(listed.count as usize, "unreadable")
            }
        };
        if let Some(at) = verdict.changes_at {
            self.changes_at = Some(self.changes_at.map_or(at, |earliest| earliest.min(at)));
        }
        match verdict.digest {
            Some(digest) => drop(self.touched.insert(listed.key.clone(), digest)),
            None if verdict.fates.iter().flatten().all(|fate| *fate == Fate::Shown) => return,
            None => {}
        }
        if let Some(fates) = verdict.fates {
            self.put(table, package, fates);
        }
        for (rule, count) in verdict.told.rules {
            *self.told.rules.entry(rule).or_default() += count;
        }
        if self.told.examples.len() < EXAMPLES * THREADS {
            self.told.examples.extend(verdict.told.examples);
        }
    }
}

impl Verdicts {
    /// Takes a package from elsewhere.
    fn add_beside(&mut self, added: &Added, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        if let Some(at) = verdict.changes_at {
            self.changes_at = Some(self.changes_at.map_or(at, |earliest| earliest.min(at)));
        }
        if let Some(digest) = verdict.digest {
            self.touched.insert(added.key.as_str().into(), digest);
        }
        for (rule, count) in verdict.told.rules {
            *self.told.rules.entry(rule).or_default() += count;
        }
        let shown = verdict.fates.map(|fates| on_page(&added.pieces, fates)).unwrap_or_default();
        self.added.push((added.key.clone(), shown));
    }

    /// Takes what becomes of packages that are settled together.
    pub(crate) fn settle(&mut self, table: &Table, beside: &[Added], settled: Settled) {
        for (key, fates) in settled.fates {
            let added = self.added.binary_search_by(|(added, _)| added.cmp(&key));
            if let Some((_, shown)) = added.ok().and_then(|at| self.added.get_mut(at)) {
                let of = beside.binary_search_by(|added| added.key.cmp(&key)).ok().and_then(|at| beside.get(at));
                *shown = on_page(of.map_or(&[], |added| &added.pieces), fates);
            } else if let Some(package) = table.find(&key) {
                self.put(table, package, fates);
            }
        }
        self.instead = settled.instead;
    }

    fn put(&mut self, table: &Table, package: usize, fates: Vec<Fate>) {
        let mut fates = fates.into_iter();
        for (entry, _) in table.pieces_of(package) {
            // A piece that nothing is said of is not shown.
            let is_hidden = match fates.next() {
                Some(Fate::Shown) => false,
                Some(Fate::Other(bytes)) => {
                    self.others.insert(*entry, bytes);
                    false
                }
                Some(Fate::Hidden) | None => true,
            };
            if let Some(hidden) = self.hidden.get_mut(*entry as usize) {
                *hidden = is_hidden;
            }
        }
    }
}

/// What is on the page of some pieces.
fn on_page(pieces: &[Vec<u8>], fates: Vec<Fate>) -> Vec<Vec<u8>> {
    let shown = pieces.iter().zip(fates).filter_map(|(piece, fate)| match fate {
        Fate::Shown => Some(piece.clone()),
        Fate::Other(bytes) => Some(bytes),
        Fate::Hidden => None,
    });
    shown.collect()
}
