//! What a policy makes of many packages: the share that each rule refuses, holds and warns on.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_core::facts::{PackageFacts, ReleaseFacts};
use weir_core::{Digest, Purl};

use crate::judge::{Judgement, ReleaseJudgement};
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::stage::Stage;

/// Most refused newest releases that a survey lists; all are counted.
pub const MAX_LISTED: usize = 10_000;

/// What one stage makes of the newest releases of many packages.
///
/// The newest releases of a package are its final ones by version order that upstream has not yanked and that have files.
/// A release counts by the file that the stage minds least: one wheel that still waits makes no release unavailable.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// The stage.
    pub stage: String,
    /// The policy that it belongs to.
    pub policy: Digest,
    /// How many of the newest releases of each package [`EcosystemSurvey::recent`] counts.
    pub newest: usize,
    /// By ecosystem id.
    pub ecosystems: BTreeMap<&'static str, EcosystemSurvey>,
    /// The newest releases that are refused, by package URL, at most [`MAX_LISTED`].
    pub refused: Vec<RefusedRelease>,
}

/// The part of one ecosystem.
#[derive(Clone, Default, Debug, Serialize)]
pub struct EcosystemSurvey {
    /// Its name for people.
    pub title: &'static str,
    /// Packages that were judged.
    pub packages: usize,
    /// Those of them that have no final release which is not yanked, and so no newest one.
    pub without_newest: usize,
    /// The newest release of each package.
    pub newest: Tally,
    /// The newest releases of each package, as many as were asked for.
    pub recent: Tally,
}

/// What became of some releases.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Tally {
    /// How many there are.
    pub releases: usize,
    /// Refused as `block`.
    pub blocked: usize,
    /// Refused as `quarantine`.
    pub held: usize,
    /// Of those: only because they are young, by a date that their registry states.
    pub held_for_age: usize,
    /// Of those: only because they are young, and their registry states no date, or none that is believed.
    pub held_for_date: usize,
    /// Served with a warning.
    pub warned: usize,
    /// Releases whose registry states no date.
    pub undated: usize,
    /// What each rule says, by rule and detail. One release may be in several.
    #[serde(serialize_with = "rows")]
    pub rules: BTreeMap<(String, Option<String>), RuleTally>,
}

/// What one rule says of some releases, each counted once by the strictest.
#[derive(Clone, Default, Debug, Serialize)]
pub struct RuleTally {
    /// Refuses as `block`.
    pub blocked: usize,
    /// Refuses as `quarantine`.
    pub held: usize,
    /// Warns.
    pub warned: usize,
}

/// A newest release that is refused.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedRelease {
    /// The release.
    pub purl: String,
    /// `block` or `quarantine`.
    pub decision: Outcome,
    /// The reasons that refuse it, strictest first.
    pub reasons: Vec<RefusedReason>,
    /// The version that the stage serves instead, if there is one.
    pub nearest_allowed: Option<String>,
}

/// Why a release is refused.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedReason {
    /// The rule's code.
    pub rule: String,
    /// Which case of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `block` or `quarantine`.
    pub outcome: Outcome,
    /// A few words, printable ASCII.
    pub line: String,
}

impl Tally {
    /// Refused for something else than their age or the lack of a date.
    pub fn refused_for_cause(&self) -> usize {
        (self.blocked + self.held).saturating_sub(self.held_for_age + self.held_for_date)
    }

    fn add(&mut self, release: &ReleaseFacts, judged: Judged<'_>) {
        self.releases += 1;
        self.undated += usize::from(release.artifacts.iter().all(|artifact| artifact.published.is_none()));
        match judged.outcome {
            Outcome::Block => self.blocked += 1,
            Outcome::Quarantine => {
                self.held += 1;
                let refusing = || judged.refusing();
                if refusing().all(|reason| reason.until.is_some() && reason.detail.is_none()) {
                    self.held_for_age += 1;
                } else if refusing().all(|reason| reason.until.is_some()) {
                    self.held_for_date += 1;
                }
            }
            Outcome::Warn => self.warned += 1,
            Outcome::Allow => {}
        }
        let mut said: BTreeMap<(&str, Option<&str>), Outcome> = BTreeMap::new();
        for reason in judged.reasons {
            let strictest = said.entry((reason.rule.as_str(), reason.detail.as_deref())).or_default();
            *strictest = reason.counted().max(*strictest);
        }
        for ((rule, detail), outcome) in said.into_iter().filter(|(_, outcome)| *outcome > Outcome::Allow) {
            let row = self.rules.entry((rule.to_owned(), detail.map(str::to_owned))).or_default();
            match outcome {
                Outcome::Block => row.blocked += 1,
                Outcome::Quarantine => row.held += 1,
                Outcome::Warn | Outcome::Allow => row.warned += 1,
            }
        }
    }
}

/// What is decided about a release, by the artifact that is minded least.
#[derive(Clone, Copy)]
struct Judged<'j> {
    outcome: Outcome,
    reasons: &'j [std::sync::Arc<Reason>],
}

impl<'j> Judged<'j> {
    fn of(judged: &'j ReleaseJudgement) -> Self {
        match judged.artifacts.iter().min_by_key(|artifact| artifact.outcome) {
            Some(least) => Self { outcome: least.outcome, reasons: &least.reasons },
            None => Self { outcome: judged.outcome, reasons: &judged.reasons },
        }
    }

    fn refusing(self) -> impl Iterator<Item = &'j Reason> {
        self.reasons.iter().map(AsRef::as_ref).filter(|reason| !reason.counted().is_served())
    }
}

impl Survey {
    /// A survey of the `newest` newest releases of each package in `stage`, of nothing yet.
    pub fn new(policy: &Policy, stage: &Stage, newest: usize) -> Self {
        Self {
            stage: stage.name.clone(),
            policy: policy.digest(),
            newest,
            ecosystems: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Counts a package. `judgement` is of `facts`.
    pub fn add(&mut self, facts: &PackageFacts, judgement: &Judgement) {
        let counted = self.ecosystems.entry(facts.ecosystem.id).or_default();
        counted.title = facts.ecosystem.title;
        counted.packages += 1;
        let newest = newest(facts);
        counted.without_newest += usize::from(newest.is_empty());
        for (place, index) in newest.iter().take(self.newest.max(1)).enumerate() {
            let (Some(release), Some(judged)) = (facts.releases.get(*index), judgement.releases.get(*index)) else {
                continue;
            };
            let judged = Judged::of(judged);
            if place < self.newest {
                counted.recent.add(release, judged);
            }
            if place > 0 {
                continue;
            }
            counted.newest.add(release, judged);
            if !judged.outcome.is_served() && self.refused.len() < MAX_LISTED {
                self.refused.push(refused(facts, judgement, *index, judged));
            }
        }
    }
}

/// The final releases of a package that upstream has not yanked, newest first.
fn newest(facts: &PackageFacts) -> Vec<usize> {
    let mut newest: Vec<usize> = (0..facts.releases.len())
        .filter(|index| {
            facts.releases.get(*index).is_some_and(|release| {
                release.key.is_some()
                    && !release.prerelease
                    && release.yanked.is_none()
                    && !release.artifacts.is_empty()
            })
        })
        .collect();
    let key = |index: &usize| facts.releases.get(*index).and_then(|release| release.key.as_ref());
    newest.sort_by(|a, b| key(b).cmp(&key(a)));
    newest
}

fn refused(facts: &PackageFacts, judgement: &Judgement, index: usize, judged: Judged<'_>) -> RefusedRelease {
    let version = |index: usize| facts.releases.get(index).map(|release| release.version.clone());
    RefusedRelease {
        purl: Purl::new(facts.ecosystem, &facts.package, version(index).as_deref()).to_string(),
        decision: judged.outcome,
        reasons: judged
            .refusing()
            .map(|reason| RefusedReason {
                rule: reason.rule.clone(),
                detail: reason.detail.clone(),
                outcome: reason.counted(),
                line: reason.line.clone(),
            })
            .collect(),
        nearest_allowed: judgement.nearest_allowed(facts, index).and_then(version),
    }
}

/// A row for each rule: JSON has no keys of two parts.
fn rows<S: serde::Serializer>(
    rules: &BTreeMap<(String, Option<String>), RuleTally>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'r> {
        rule: &'r str,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'r str>,
        #[serde(flatten)]
        tally: &'r RuleTally,
    }
    serializer.collect_seq(rules.iter().map(|((rule, detail), tally)| Row { rule, detail: detail.as_deref(), tally }))
}
