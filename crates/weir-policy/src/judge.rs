//! Facts, policy and a moment to outcomes.
//!
//! Pure: no files, no clock, no state. Rules say what they have to say once a package where that is the same for many
//! releases, so a release that nothing is said about costs a few loads.

use std::sync::{Arc, OnceLock};

use serde_json::json;
use weir_core::Timestamp;
use weir_core::facts::{Naming, PackageFacts, ReleaseFacts};

use crate::naming;
use crate::nearest::Allowed;
use crate::outcome::{Mode, Outcome};
use crate::policy::Policy;
use crate::reason::{Reason, Reasons};
use crate::rules::Context;
use crate::stage::Stage;
use crate::waiver::Waiver;

/// Most reasons that a release takes from itself and its artifacts; each artifact has its own in full.
pub const MAX_REASONS: usize = 200;

/// What is decided about every release of a package, in one stage, as of one moment.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Parallel to [`PackageFacts::releases`].
    pub releases: Vec<ReleaseJudgement>,
    /// The next moment at which time alone changes anything: an age passes, a waiver ends, advisory data grows too old.
    pub changes_at: Option<Timestamp>,
    pub(crate) allowed: OnceLock<Allowed>,
    pub(crate) assessed: bool,
}

/// What is decided about a release: the strictest of what concerns all of it and of what concerns one of its artifacts.
#[derive(Clone, Debug)]
pub struct ReleaseJudgement {
    /// What the rules come to.
    pub outcome: Outcome,
    /// What is enforced.
    pub effective: Outcome,
    /// Why, strictest first: what concerns all of it, and what concerns any of its artifacts.
    pub reasons: Reasons,
    /// Parallel to [`ReleaseFacts::artifacts`].
    pub artifacts: Vec<ArtifactJudgement>,
    /// Its place in time, for the decision's inputs: until when the whole of it is held, or what exempts it.
    pub(crate) age: Age,
    /// The advisory data that could tell of it is at hand and young enough.
    pub(crate) assessed: bool,
}

/// What is decided about an artifact: the strictest of what concerns its release and of what concerns itself.
#[derive(Clone, Debug)]
pub struct ArtifactJudgement {
    /// What the rules come to.
    pub outcome: Outcome,
    /// What is enforced.
    pub effective: Outcome,
    /// Why, strictest first.
    pub reasons: Reasons,
    pub(crate) age: Age,
}

/// How the age rule sees something: what a decision depends on in place of the clock.
#[derive(Clone, Debug, Default)]
pub(crate) enum Age {
    /// No rule asks.
    #[default]
    Unasked,
    /// Old enough.
    Passed,
    /// Not before this moment.
    Held(Timestamp),
    /// Young, and let through because it fixes an advisory.
    Exempt(Arc<Reason>),
}

/// A judgement in the making: what the rules say, by release and artifact.
pub struct Draft {
    /// Parallel to [`PackageFacts::releases`].
    pub releases: Vec<DraftRelease>,
    /// See [`Judgement::changes_at`].
    pub changes_at: Option<Timestamp>,
    /// The advisory data is at hand and young enough.
    pub assessed: bool,
}

/// A release in the making.
#[derive(Default)]
pub struct DraftRelease {
    /// What concerns all of it.
    pub reasons: Vec<Arc<Reason>>,
    /// What concerns one artifact alone, parallel to [`ReleaseFacts::artifacts`].
    pub artifacts: Vec<DraftArtifact>,
    pub(crate) age: Age,
    pub(crate) assessed: bool,
}

/// An artifact in the making.
#[derive(Default)]
pub struct DraftArtifact {
    /// What concerns it alone.
    pub reasons: Vec<Arc<Reason>>,
    pub(crate) age: Age,
}

impl Draft {
    /// Notes a moment at which time alone may change something.
    pub fn changes_at(&mut self, at: Timestamp) {
        self.changes_at = Some(self.changes_at.map_or(at, |earliest| earliest.min(at)));
    }
}

/// The strictest of what counts.
pub(crate) fn strictest<'r>(reasons: impl IntoIterator<Item = &'r Arc<Reason>>) -> Outcome {
    reasons.into_iter().map(|reason| reason.counted()).max().unwrap_or_default()
}

/// Judges every release of a package. `stage` is one of `policy`'s.
pub fn judge(policy: &Policy, stage: &Stage, facts: &PackageFacts, at: Timestamp) -> Judgement {
    let folded = facts.ecosystem.names.fold(&facts.package);
    let context = Context { stage, facts, folded: &folded, at };
    let mut draft = Draft { releases: Vec::with_capacity(facts.releases.len()), changes_at: None, assessed: true };
    let waivers: Vec<&Waiver> = policy
        .waivers()
        .iter()
        .filter(|waiver| waiver.holds(at) && waiver.covers_stage(&stage.name) && waiver.covers_package(facts))
        .collect();
    let title = facts.ecosystem.title;
    // Where no advisories go by own names, nobody else speaks of what is hosted here at all.
    let is_nobodys = facts.hosted && facts.advisories.as_of.is_none() && facts.ecosystem.registry.is_named_inside();
    let stale = match is_nobodys {
        true => None,
        false => not_assessed(context, title, facts.advisories.as_of, &mut draft),
    };
    draft.assessed = stale.is_none();
    let unlooked = stale.as_deref().map(|stale| Arc::new(naming::not_looked(stale)));
    let unreadable = stage.feed.map(|(code, _)| Arc::new(unreadable_version(code, stage)));
    let unjudged = unreadable_advisories(context).map(Arc::new);
    let mut evaluators: Vec<_> = stage.checks.iter().filter_map(|check| check.prepare(context)).collect();
    for release in &facts.releases {
        let mut judged = DraftRelease::default();
        for evaluator in &mut evaluators {
            evaluator.release(release, &mut |reason| judged.reasons.push(reason));
        }
        let stale = match &release.naming {
            Naming::Own => stale.clone(),
            Naming::Unlooked => unlooked.clone(),
            Naming::Also(mapped) => naming::mapped(context, mapped, stale.as_ref(), &mut draft),
        };
        judged.assessed = stale.is_none();
        if let Some(stale) = stale {
            judged.reasons.push(stale);
        } else if release.key.is_none()
            && release.vulnerabilities.is_empty()
            && let Some(unreadable) = &unreadable
        {
            judged.reasons.push(Arc::clone(unreadable));
        } else if let Some(unjudged) = &unjudged {
            judged.reasons.push(Arc::clone(unjudged));
        }
        judged.artifacts.reserve_exact(release.artifacts.len());
        for artifact in &release.artifacts {
            let mut own = DraftArtifact::default();
            for evaluator in &mut evaluators {
                evaluator.artifact(artifact, &mut |reason| own.reasons.push(reason));
            }
            judged.artifacts.push(own);
        }
        waive(&waivers, release, &mut judged, &mut draft.changes_at);
        draft.releases.push(judged);
    }
    for at in evaluators.iter().filter_map(|evaluator| evaluator.changes_at()) {
        draft.changes_at(at);
    }
    drop(evaluators);
    for check in &stage.checks {
        check.last(context, &mut draft);
    }
    // The rules that speak last may be waived too; what is waived already stays so.
    for (release, judged) in facts.releases.iter().zip(&mut draft.releases) {
        waive(&waivers, release, judged, &mut draft.changes_at);
    }
    let releases = draft.releases.into_iter().map(|judged| finish(judged, stage.mode)).collect();
    Judgement { releases, changes_at: draft.changes_at, allowed: OnceLock::new(), assessed: draft.assessed }
}

/// The one reason for advisory data that is missing or too old, if a rule of this stage asks for it. `title` says whose data.
pub(crate) fn not_assessed(
    context: Context<'_>,
    title: &str,
    as_of: Option<Timestamp>,
    draft: &mut Draft,
) -> Option<Arc<Reason>> {
    let (code, days) = context.stage.feed?;
    let (message, line, as_of) = match as_of {
        None => (
            format!("There is no advisory data for {title}, so nobody can say that this is clean."),
            format!("{code} not assessed (no advisory data for {title})"),
            None,
        ),
        Some(as_of) => {
            let end = as_of.plus_days(days);
            if context.at < end {
                draft.changes_at(end);
                return None;
            }
            (
                format!(
                    "The advisory data for {title} is of {}, more than {} ago, so nobody can say that this is clean.",
                    as_of.date(),
                    crate::reason::days(days)
                ),
                format!("{code} not assessed (advisory data of {})", as_of.date()),
                Some(as_of),
            )
        }
    };
    let facts = json!({ "as_of": as_of, "max_feed_age_days": days, "ecosystem": context.facts.ecosystem.id });
    Some(Arc::new(Reason::new(code, context.stage.unassessed, message, &line, facts).detail("not-assessed")))
}

fn unreadable_version(code: &str, stage: &Stage) -> Reason {
    let message = String::from("The version cannot be read, so no advisory can be matched against it.");
    let line = format!("{code} not assessed (unreadable version)");
    Reason::new(code, stage.unassessed, message, &line, json!({})).detail("not-assessed")
}

/// The one reason for advisories on this package that cannot be judged: nothing of it can be called clean.
fn unreadable_advisories(context: Context<'_>) -> Option<Reason> {
    /// Advisories that are named in the message.
    const NAMED: usize = 3;
    let (code, _) = context.stage.feed?;
    let unreadable = &context.facts.advisories.unreadable;
    let first = unreadable.first()?;
    let ids: Vec<&str> = unreadable.iter().take(NAMED).map(|advisory| advisory.id.as_str()).collect();
    let more = unreadable.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "{}{more} cannot be judged ({}), so nobody can say that this is clean.",
        ids.join(", "),
        crate::reason::quote(&first.reason),
    );
    let line = format!("{code} not assessed ({} cannot be judged)", first.id);
    let facts = json!({ "unreadable": unreadable });
    Some(Reason::new(code, context.stage.unassessed, message, &line, facts).detail("not-assessed"))
}

/// Marks the reasons that a waiver lets through.
fn waive(waivers: &[&Waiver], release: &ReleaseFacts, judged: &mut DraftRelease, changes_at: &mut Option<Timestamp>) {
    let mut covering = waivers.iter().filter(|waiver| waiver.covers_version(&release.version)).peekable();
    if covering.peek().is_none() {
        return;
    }
    let covering: Vec<&&Waiver> = covering.collect();
    let artifacts = judged.artifacts.iter_mut().flat_map(|artifact| &mut artifact.reasons);
    for reason in judged.reasons.iter_mut().chain(artifacts).filter(|reason| reason.waived.is_none()) {
        // Of several, the one that holds longest: no other end changes anything.
        let longest = covering.iter().filter(|waiver| waiver.waives(reason)).max_by_key(|waiver| waiver.until);
        if let Some(waiver) = longest {
            *reason = Arc::new(Reason { waived: Some(waiver.reference()), ..Reason::clone(reason) });
            *changes_at = Some(changes_at.map_or(waiver.until, |earliest| earliest.min(waiver.until)));
        }
    }
}

fn finish(mut judged: DraftRelease, mode: Mode) -> ReleaseJudgement {
    sort(&mut judged.reasons);
    let (outcome, effective) = come_to(&judged.reasons, mode);
    // Moved, not cloned: a release may have dozens, and most artifacts have none of their own.
    let shared = Reasons::from(judged.reasons);
    let mut all: Vec<Arc<Reason>> = Vec::new();
    let mut whole = ReleaseJudgement {
        outcome,
        effective,
        reasons: shared.clone(),
        artifacts: Vec::with_capacity(judged.artifacts.len()),
        age: judged.age,
        assessed: judged.assessed,
    };
    let mut some_alone = false;
    for artifact in judged.artifacts {
        let (own_outcome, own_effective) = come_to(&artifact.reasons, mode);
        whole.outcome = whole.outcome.max(own_outcome);
        whole.effective = whole.effective.max(own_effective);
        for reason in artifact.reasons.iter().filter(|reason| reason.outcome > Outcome::Allow) {
            if !some_alone {
                some_alone = true;
                all.extend(shared.iter().cloned());
            }
            // Forty wheels that wait are one reason: the one that waits longest.
            match all.iter().position(|other| other.until.is_some() && reason.until.is_some()) {
                Some(index) if all[index].until < reason.until => all[index] = Arc::clone(reason),
                Some(_) => {}
                None if all.len() < MAX_REASONS => all.push(Arc::clone(reason)),
                None => {}
            }
        }
        let reasons = if artifact.reasons.is_empty() {
            shared.clone()
        } else {
            let mut reasons = artifact.reasons;
            reasons.extend(shared.iter().cloned());
            sort(&mut reasons);
            reasons.into()
        };
        whole.artifacts.push(ArtifactJudgement {
            outcome: outcome.max(own_outcome),
            effective: effective.max(own_effective),
            reasons,
            age: artifact.age,
        });
    }
    if some_alone {
        sort(&mut all);
        whole.reasons = all.into();
    }
    whole
}

/// What reasons come to, and what of it is enforced.
fn come_to(reasons: &[Arc<Reason>], mode: Mode) -> (Outcome, Outcome) {
    reasons.iter().fold(Default::default(), |(outcome, effective): (Outcome, Outcome), reason| {
        (outcome.max(reason.counted()), effective.max(reason.effective(mode)))
    })
}

/// Strictest first, waived ones after those that count; else in the order in which the rules spoke.
fn sort(reasons: &mut [Arc<Reason>]) {
    if reasons.len() > 1 {
        reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.counted()), std::cmp::Reverse(reason.outcome)));
    }
}
