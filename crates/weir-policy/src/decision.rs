//! A decision as it is told, recorded and enforced.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use weir_core::facts::PackageFacts;
use weir_core::{Digest, Ecosystem, PackageName, Purl};

use crate::inputs::{self, Inputs, Known, Subject};
use crate::judge::Judgement;
use crate::outcome::{Mode, Outcome};
use crate::policy::Policy;
use crate::reason::{Reason, Reasons};
use crate::rules::one_upstream::{self, Contest};
use crate::stage::Stage;

/// What is decided about a release, or one artifact of it, in one stage.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// 16 base32 characters of the digest of [`Decision::inputs`]: equal inputs give one id everywhere.
    pub id: String,
    /// The release.
    pub purl: String,
    /// The artifact, if the decision is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The stage.
    pub stage: String,
    /// What the rules come to.
    pub decision: Outcome,
    /// What is enforced.
    pub effective: Outcome,
    /// Whether the stage does what it decides.
    pub mode: Mode,
    /// Why, strictest first.
    pub reasons: Reasons,
    /// The version to take instead, if this one is refused and there is one.
    pub nearest_allowed: Option<String>,
    /// The policy that it follows.
    pub policy: Digest,
    /// All that it depends on, by value or digest. The moment enters only as whether an age has passed.
    pub inputs: Inputs,
    /// What `effective` was when this was made: the fields above are for showing, and changing them opens nothing.
    #[serde(skip)]
    served: bool,
}

/// Leave for bytes to go out. Only [`Decision::permit`] makes one, and it cannot be copied.
#[derive(Debug)]
pub struct Permit {
    decision: String,
    purl: String,
    file: Option<String>,
}

impl Permit {
    /// The decision that gives leave.
    pub fn decision_id(&self) -> &str {
        &self.decision
    }

    /// The release that it is for.
    pub fn purl(&self) -> &str {
        &self.purl
    }

    /// The artifact that it is for, if it is for one.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }
}

impl Decision {
    /// Leave for the bytes to go out, if this decision gives it.
    pub fn permit(&self) -> Option<Permit> {
        self.served.then(|| Permit { decision: self.id.clone(), purl: self.purl.clone(), file: self.file.clone() })
    }

    /// A refusal, until its maker says otherwise.
    fn new(stage: &Stage, subject: &Subject<'_>, known: Option<&Known<'_>>) -> Self {
        let inputs = inputs::inputs(subject, known);
        Self {
            id: inputs.digest().short(),
            purl: subject.purl.to_owned(),
            file: subject.file.map(str::to_owned),
            stage: stage.name.clone(),
            decision: Outcome::Block,
            effective: Outcome::Block,
            mode: stage.mode,
            reasons: Reasons::default(),
            nearest_allowed: None,
            policy: subject.policy,
            inputs,
            served: false,
        }
    }

    /// A refusal that nothing but this reason makes, in every mode.
    fn refusal(stage: &Stage, policy: Digest, purl: &Purl, reason: Reason) -> Self {
        let rule = reason.rule.clone();
        Self::refusal_by(stage, policy, purl, &rule, reason)
    }

    /// The same, where `by` tells all that the reason depends on.
    fn refusal_by(stage: &Stage, policy: Digest, purl: &Purl, by: &str, reason: Reason) -> Self {
        let purl = purl.to_string();
        let subject = Subject { purl: &purl, file: None, stage: &stage.name, policy, rule: Some(by) };
        let decision = Self::new(stage, &subject, None);
        Self { reasons: vec![Arc::new(reason)].into(), ..decision }
    }
}

impl Judgement {
    /// The decision about a release, or about one artifact of it, by their places in `facts`. What is not there is
    /// blocked. `policy`, `stage` and `facts` are those of this judgement.
    pub fn decision(
        &self,
        policy: &Policy,
        stage: &Stage,
        facts: &PackageFacts,
        release: usize,
        artifact: Option<usize>,
    ) -> Decision {
        let (Some(judged), Some(known)) = (self.releases.get(release), facts.releases.get(release)) else {
            return missing(policy, stage, facts, None);
        };
        let purl = Purl::new(facts.ecosystem, &facts.package, Some(&known.version));
        let (reasons, age, file, outcome, effective) = match artifact {
            None => (&judged.reasons, &judged.age, None, judged.outcome, judged.effective),
            Some(artifact) => match (judged.artifacts.get(artifact), known.artifacts.get(artifact)) {
                (Some(judged), Some(known)) => {
                    (&judged.reasons, &judged.age, Some(known), judged.outcome, judged.effective)
                }
                _ => return missing(policy, stage, facts, Some(&known.version)),
            },
        };
        let ages = judged.artifacts.iter().map(|artifact| &artifact.age);
        let depends = Known {
            facts,
            release: known,
            artifact: file,
            age,
            ages: if file.is_none() { ages.collect() } else { Vec::new() },
            assessed: stage.feed.is_none() || (judged.assessed && facts.advisories.unreadable.is_empty()),
            reasons,
        };
        let purl = purl.to_string();
        let file = file.map(|file| file.file.as_str());
        let subject = Subject { purl: &purl, file, stage: &stage.name, policy: policy.digest(), rule: None };
        let mut decision = Decision::new(stage, &subject, Some(&depends));
        decision.decision = outcome;
        decision.effective = effective;
        decision.served = effective.is_served();
        decision.reasons = reasons.clone();
        if !effective.is_served() {
            let nearest = self.nearest_allowed(facts, release).and_then(|nearest| facts.releases.get(nearest));
            decision.nearest_allowed = nearest.map(|nearest| nearest.version.clone());
        }
        decision
    }
}

/// The decision about a package whose name is private in this stage, before any upstream is asked; `None` if it is not.
/// It is enforced in observe mode too: to watch what would happen, Weir would have to tell the name to a stranger.
pub fn private_name(stage: &Stage, ecosystem: &Ecosystem, name: &PackageName) -> Option<Decision> {
    let reason = stage.checks.iter().find_map(|check| check.name(ecosystem, name))?;
    Some(Decision::refusal(stage, stage.policy, &Purl::new(ecosystem, name, None), reason))
}

/// The decision about a package that more than one upstream could answer for, whatever the mode.
pub fn contested(stage: &Stage, ecosystem: &Ecosystem, name: &PackageName, contest: Contest<'_>) -> Decision {
    let reason = one_upstream::reason(ecosystem, name, contest);
    let by = format!("{} {}", reason.rule, reason.facts);
    Decision::refusal_by(stage, stage.policy, &Purl::new(ecosystem, name, None), &by, reason)
}

/// A question about something that the facts do not have. Nothing is served that nobody has judged.
fn missing(policy: &Policy, stage: &Stage, facts: &PackageFacts, version: Option<&str>) -> Decision {
    let purl = Purl::new(facts.ecosystem, &facts.package, version);
    let message = String::from("The registry's index does not have what is asked for, so nothing is known about it.");
    let reason = Reason::new("integrity", Outcome::Block, message, "integrity (not in the index)", json!({}));
    Decision::refusal(stage, policy.digest(), &purl, reason.detail("not-in-index").always())
}
