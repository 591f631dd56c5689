//! Which packages need not be judged by themselves, because what is said of one release is said of all that are like it?
//!
//! A catalogue has hundreds of thousands of files, and of nearly all rules can read nothing but a licence and a date. What a
//! stage makes of one such release it makes of every other with the same licence, as long as no rule and no waiver means the
//! package by its name, no advisory concerns it, and all of its files are so old that no age matters any more. So one release
//! of each licence is judged, by the same function as any other, and its judgement stands for the rest. A package of which any
//! of this cannot be said is judged by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use weir_core::catalogue::{Catalogue, Fate, Place};
use weir_core::registry::{Artifact, Index, Release};
use weir_core::{PackageName, Timestamp};
use weir_store::{ArtifactSeen, FirstSeen};

use super::page::{EXAMPLES, Judging, Told, Verdict, digest};
use crate::view::View;

/// Ages that are tried, in days, the least first: from which on does it matter no more how old something is?
const AGES: [i64; 14] = [0, 1, 2, 3, 4, 7, 14, 21, 30, 60, 90, 180, 365, 730];
/// An age that is old enough for any rule, in days.
const OLD: i64 = 40 * 365;
/// The version and file of a release that stands for others.
const STANDING: (&str, &str) = ("1", "1");

/// What becomes of files of which rules can read little.
pub(super) struct Alike {
    /// How old a file has to be, by the moment that its age is counted from.
    settled: Timestamp,
    /// By the place of the licence.
    of_license: Vec<Outcome>,
    changes_at: Option<Timestamp>,
    /// How many packages with refused files may still be judged by themselves, so that some can be told by name.
    examples: AtomicUsize,
}

/// What becomes of a file.
struct Outcome {
    /// The rule that refuses it, if one does.
    refused: Option<String>,
    changes_at: Option<Timestamp>,
}

impl Alike {
    /// Judges one release of each licence of a catalogue. `None` if no release can stand for others.
    pub(super) fn of(judging: &Judging, catalogue: &dyn Catalogue) -> Option<Self> {
        let table = &judging.catalogued.table;
        let standing = (0..table.packages.len()).find_map(|package| {
            table.brief_of(package)?;
            Some((package, judging.ordinary(catalogue, package)?))
        })?;
        let view = |license: &str, age: i64| judging.standing(&standing, license, judging.now.plus_days(-age));
        let said = |view: &View| {
            let judged = view.judged.together();
            let release = judged.releases.first()?;
            let reasons = release.artifacts.iter().flat_map(|artifact| &artifact.reasons);
            let lines: Vec<_> = reasons.map(|reason| (reason.rule.clone(), reason.line.clone())).collect();
            Some((lines, judged.changes_at))
        };
        // A rule asks of an age only whether something is older than some moment: what is said at one age and at a very great
        // one is said at all between.
        let old = said(&view("", OLD)?)?;
        let age = AGES.into_iter().find(|age| view("", *age).and_then(|view| said(&view)).as_ref() == Some(&old))?;
        let outcome = |license: &str| {
            let view = view(license, age)?;
            let refused = view.served().first()?.artifacts.first()?.refused.is_some();
            let judged = view.judged.together();
            let reasons = &judged.releases.first()?.artifacts.first()?.reasons;
            let rule = || reasons.iter().next().map_or_else(String::new, |reason| reason.rule.to_string());
            Some(Outcome { refused: refused.then(rule), changes_at: judged.changes_at })
        };
        let of_license: Vec<Outcome> =
            table.briefs.licenses.iter().map(|license| outcome(license)).collect::<Option<_>>()?;
        let changes_at = of_license.iter().filter_map(|outcome| outcome.changes_at).min();
        let settled = judging.now.plus_days(-age);
        Some(Self { settled, of_license, changes_at, examples: AtomicUsize::new(EXAMPLES) })
    }

    /// What a package comes to; `None` if it has to be judged by itself.
    pub(super) fn verdict(&self, judging: &Judging, catalogue: &dyn Catalogue, package: usize) -> Option<Verdict> {
        let (licenses, latest) = judging.catalogued.table.brief_of(package)?;
        if latest > self.settled.millis() {
            return None;
        }
        judging.ordinary(catalogue, package)?;
        let outcomes = licenses.iter().map(|license| self.of_license.get(usize::from(*license)));
        let outcomes: Vec<&Outcome> = outcomes.collect::<Option<_>>()?;
        if outcomes.iter().all(|outcome| outcome.refused.is_none()) {
            return Some(Verdict { fates: None, digest: None, told: Told::default(), changes_at: self.changes_at });
        }
        // Which files those are, only the pieces say.
        let one_less = |left: usize| left.checked_sub(1);
        if self.examples.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return None;
        }
        let mut rules: BTreeMap<String, u64> = BTreeMap::new();
        let mut fates = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            fates.push(match &outcome.refused {
                None => Fate::Shown,
                Some(rule) => {
                    *rules.entry(rule.clone()).or_default() += 1;
                    Fate::Hidden
                }
            });
        }
        let told = Told { rules, examples: Vec::new() };
        Some(Verdict { digest: digest(&fates), fates: Some(fates), told, changes_at: self.changes_at })
    }
}

impl Judging {
    /// The name of a package of which nothing is known but what its catalogue says, and that nobody means by name.
    fn ordinary(&self, catalogue: &dyn Catalogue, package: usize) -> Option<PackageName> {
        let listed = self.catalogued.table.packages.get(package)?;
        if self.apart.contains_key(&*listed.key) || self.is_elsewhere(catalogue, &listed.key) {
            return None;
        }
        let place = Place { part: self.catalogued.part.clone(), key: listed.key.to_string() };
        let name = catalogue.package(&place)?;
        let mut stages = self.stages.iter().filter_map(|stage| self.policy.stage(stage));
        let is_meant = stages.any(|stage| self.policy.names(stage, self.ecosystem, &name));
        let advisories = self.advisories.package(self.ecosystem, &name).ok()?;
        (!is_meant && advisories.is_empty() && !self.is_private(&name) && !self.is_like(&name)).then_some(name)
    }

    /// A release with this licence and date, in the place of all releases of a package.
    fn standing(&self, (package, name): &(usize, PackageName), license: &str, published: Timestamp) -> Option<View> {
        let key = &self.catalogued.table.packages.get(*package)?.key;
        let held = self.catalogued.slice(key)?;
        let (version, file) = STANDING;
        let artifact = Artifact { file: file.to_owned(), published: Some(published), ..Artifact::default() };
        let release = Release {
            version: version.to_owned(),
            published: Some(published),
            license: (!license.is_empty()).then(|| license.to_owned()),
            artifacts: vec![artifact],
            ..Release::default()
        };
        let index = Index { releases: vec![release], status: None };
        let mut seen = FirstSeen::default();
        seen.artifacts.push(ArtifactSeen {
            version: version.to_owned(),
            file: file.to_owned(),
            first_seen: published,
            published: None,
            last_absent: None,
            stated: String::new(),
            changed: None,
        });
        seen.releases.push((version.to_owned(), published));
        self.view_of(name.clone(), held, index, &seen)
    }
}
