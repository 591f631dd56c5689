//! `provenance-lost`: what said where it was built, and no longer does.

use std::sync::Arc;

use serde_json::json;
use weir_core::Timestamp;
use weir_core::facts::{ArtifactFacts, ReleaseFacts};

use crate::history::{DEFAULT_DAYS, MAX_DAYS, born, by_version, is_history};
use crate::outcome::Outcome;
use crate::raw::{Raw, Value};
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule, names};

const CODE: &str = "provenance-lost";
/// Attested releases in a row that make a habit, where `baseline` is not set.
const DEFAULT_BASELINE: i64 = 3;
/// Largest `baseline`.
const MAX_BASELINE: i64 = 100;

/// The rule.
pub struct ProvenanceLost;

const KEYS: &[Key] = &[
    Key {
        name: "outcome",
        values: "outcome",
        default: "`\"quarantine\"`",
        explanation: "What it comes to. An outcome instead of the table means the same.",
    },
    Key {
        name: "baseline",
        values: "1 to 100",
        default: "`3`",
        explanation: "How many releases in a row have to be attested for it to be a habit that can be lost.",
    },
    Key {
        name: "days",
        values: "1 to 3650",
        default: "`90`",
        explanation: "Days for which a release without is held; after that it counts as a change of habit.",
    },
];

impl Rule for ProvenanceLost {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Releases that are no longer attested"
    }
    fn explanation(&self) -> &'static str {
        "A project whose releases come from its public build, and say so (PEP 740, npm provenance, trusted publishing), and then \
         a release that does not: that is what a stolen token looks like. A release counts as attested if the index names \
         attestations for all of its files, or if it was published as a trusted publisher; Weir takes the index's word for it \
         and verifies no signature here.\n\n\
         A release is compared with the `baseline` releases before it by version, final ones with final ones and prereleases \
         with prereleases, which must be older than it. So an old line that was never attested can have its next release, and \
         a project that was attested once is not held to it. Where only some files of a release are not attested, only those \
         are held. crates.io's index does not say."
    }
    fn example(&self) -> &'static str {
        "provenance-lost = \"quarantine\""
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut set = Set { outcome: Outcome::Quarantine, baseline: 3, days: DEFAULT_DAYS };
        let Value::Table(table) = &raw.value else {
            set.outcome = reader.outcome(raw)?;
            return Some(Arc::new(set));
        };
        reader.only(table, &names(KEYS), "`provenance-lost`");
        set.outcome = table.get("outcome").and_then(|raw| reader.outcome(raw)).unwrap_or(set.outcome);
        set.days = table.get("days").and_then(|raw| reader.days(raw, 1, MAX_DAYS)).unwrap_or(set.days);
        let baseline = table.get("baseline").and_then(|raw| reader.count(raw, 1, MAX_BASELINE));
        set.baseline = usize::try_from(baseline.unwrap_or(DEFAULT_BASELINE)).unwrap_or(usize::MAX);
        Some(Arc::new(set))
    }
}

#[derive(Debug)]
struct Set {
    outcome: Outcome,
    baseline: usize,
    days: i64,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }

    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let releases = &context.facts.releases;
        // Nothing was ever attested, or all that is new is: most packages end here.
        if !releases.iter().any(is_vouched_for) || !releases.iter().any(|release| self.is_lacking(release, context.at))
        {
            return None;
        }
        let mut found = Found { set: self, at: context.at, lost: Vec::new(), next: 0, current: None, changes_at: None };
        self.compare(context, &mut found);
        Some(Box::new(found))
    }
}

/// The releases that lack what those before them had, by place, with the last of those.
struct Found<'a> {
    set: &'a Set,
    at: Timestamp,
    lost: Vec<(usize, &'a ReleaseFacts)>,
    next: usize,
    /// The release whose artifacts come now, if they are to be told one by one, and what it is compared with.
    current: Option<(&'a ReleaseFacts, &'a ReleaseFacts)>,
    changes_at: Option<Timestamp>,
}

impl<'a> Evaluate<'a> for Found<'a> {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let place = self.next;
        self.next += 1;
        self.current = None;
        let Ok(at) = self.lost.binary_search_by_key(&place, |(place, _)| *place) else { return };
        let Some((_, before)) = self.lost.get(at) else { return };
        if release.artifacts.iter().any(|artifact| artifact.attested) {
            self.current = Some((release, *before));
            return;
        }
        let until = born(release).plus_days(self.set.days);
        let (version, other) = (quote(&release.version), quote(&before.version));
        // A release of npm may be trusted and have no attestations, where its source is not public.
        let by_whom = !before.artifacts.iter().all(|artifact| artifact.attested);
        let (message, line) = if by_whom {
            (
                format!("{other} and those before it came from a trusted publisher; {version} did not."),
                format!("{CODE} ({other} was by a trusted publisher, {version} is not)"),
            )
        } else {
            (
                format!("{other} and those before it say where they were built; {version} does not."),
                format!("{CODE} ({other} was attested, {version} is not)"),
            )
        };
        let facts = json!({ "compared_with": before.version, "held_until": until });
        let reason = Reason::new(CODE, self.set.outcome, message, &line, facts).compared();
        say(Arc::new(if by_whom { reason.detail("trusted-publisher") } else { reason }));
    }

    fn artifact(&mut self, artifact: &'a ArtifactFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let Some((release, before)) = self.current else { return };
        let until = uploaded(artifact, release).plus_days(self.set.days);
        if artifact.attested || self.at >= until {
            return;
        }
        self.changes_on(until);
        let (file, other) = (quote(&artifact.file), quote(&before.version));
        let message = format!(
            "All files of {other} and of those before it say where they were built; of this release {file} does not."
        );
        let line = format!("{CODE} ({file} is not attested)");
        let facts = json!({ "compared_with": before.version, "file": artifact.file, "held_until": until });
        let reason = Reason::new(CODE, self.set.outcome, message, &line, facts);
        say(Arc::new(reason.compared().detail("some-files")));
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }
}

impl Found<'_> {
    fn changes_on(&mut self, at: Timestamp) {
        self.changes_at = Some(self.changes_at.map_or(at, |earliest| earliest.min(at)));
    }
}

impl Set {
    /// Something of it is not attested, and young.
    fn is_lacking(&self, release: &ReleaseFacts, at: Timestamp) -> bool {
        let young = |artifact: &ArtifactFacts| at < uploaded(artifact, release).plus_days(self.days);
        !trusted(release) && release.artifacts.iter().any(|artifact| !artifact.attested && young(artifact))
    }

    /// Finds the releases that lack it.
    fn compare<'a>(&self, context: Context<'a>, found: &mut Found<'a>) {
        // Those in a row that are attested: of final releases, and of prereleases.
        let mut rows: [Vec<&ReleaseFacts>; 2] = Default::default();
        for index in by_version(context.facts) {
            let Some(release) = context.facts.releases.get(index) else { continue };
            let row = &mut rows[usize::from(release.prerelease)];
            if is_vouched_for(release) {
                if is_history(release) {
                    row.push(release);
                }
                continue;
            }
            if self.is_lacking(release, context.at)
                && let Some(before) = row.last()
                && row.iter().rev().take(self.baseline).filter(|it| born(it) <= born(release)).count() == self.baseline
            {
                found.lost.push((index, *before));
            }
            // What is young and lacks it is no habit yet: the next one is measured by the same row.
            let until = born(release).plus_days(self.days);
            if context.at < until {
                found.changes_on(until);
            } else {
                row.clear();
            }
        }
        found.lost.sort_unstable_by_key(|(index, _)| *index);
    }
}

/// All of its files are attested, or it came from a trusted publisher.
fn is_vouched_for(release: &ReleaseFacts) -> bool {
    trusted(release) || (!release.artifacts.is_empty() && release.artifacts.iter().all(|artifact| artifact.attested))
}

fn trusted(release: &ReleaseFacts) -> bool {
    release.origin.publisher.as_ref().is_some_and(|publisher| publisher.trusted)
}

/// When an artifact was uploaded; the only one of a release when that was published.
fn uploaded(artifact: &ArtifactFacts, release: &ReleaseFacts) -> Timestamp {
    let only = if release.artifacts.len() == 1 { release.published } else { None };
    artifact.published.or(only).unwrap_or(artifact.first_seen)
}
