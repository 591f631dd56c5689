//! A decision as it is told, recorded and enforced.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use weir_core::facts::{ArtifactFacts, PackageFacts, ReleaseFacts};
use weir_core::{Digest, Ecosystem, PackageName, Purl};

use crate::canonical;
use crate::judge::{Age, Judgement};
use crate::outcome::{Mode, Outcome};
use crate::policy::Policy;
use crate::reason::Reason;
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
    pub reasons: Vec<Arc<Reason>>,
    /// The version to take instead, if this one is refused and there is one.
    pub nearest_allowed: Option<String>,
    /// The policy that it follows.
    pub policy: Digest,
    /// All that it depends on, by value or digest. The moment enters only as whether an age has passed.
    pub inputs: Value,
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

    fn new(
        stage: &Stage,
        policy: Digest,
        purl: Purl,
        file: Option<String>,
        reasons: Vec<Arc<Reason>>,
        inputs: Value,
    ) -> Self {
        let decision = reasons.iter().map(|reason| reason.counted()).max().unwrap_or_default();
        let effective = reasons.iter().map(|reason| reason.effective(stage.mode)).max().unwrap_or_default();
        Self {
            id: Digest::of(canonical::text(&inputs).as_bytes()).short(),
            purl: purl.to_string(),
            file,
            stage: stage.name.clone(),
            decision,
            effective,
            mode: stage.mode,
            reasons,
            nearest_allowed: None,
            policy,
            inputs,
            served: effective.is_served(),
        }
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
        let mut inputs = Map::new();
        subject(&mut inputs, stage, policy.digest(), &purl, file.map(|file| file.file.as_str()));
        inputs.insert(String::from("facts"), release_facts(facts, known, file));
        inputs.insert(String::from("assessed"), Value::from(stage.feed.is_none() || self.assessed));
        inputs.insert(String::from("age"), age_input(age));
        if file.is_none() {
            let ages = judged.artifacts.iter().map(|artifact| age_input(&artifact.age)).collect();
            inputs.insert(String::from("ages"), Value::Array(ages));
        }
        let mut waivers: Vec<Value> =
            reasons.iter().filter_map(|reason| Some(json!(reason.waived.as_ref()?))).collect();
        waivers.dedup();
        inputs.insert(String::from("waivers"), Value::Array(waivers));
        let file = file.map(|file| file.file.clone());
        let mut decision = Decision::new(stage, policy.digest(), purl, file, reasons.clone(), Value::Object(inputs));
        // A release with very many reasons lists some; what it comes to is the judgement's.
        decision.decision = outcome;
        decision.effective = effective;
        decision.served = effective.is_served();
        if !effective.is_served() {
            decision.nearest_allowed = self
                .nearest_allowed(facts, release)
                .and_then(|nearest| facts.releases.get(nearest))
                .map(|nearest| nearest.version.clone());
        }
        decision
    }
}

/// The decision about a package whose name is private in this stage, before any upstream is asked; `None` if it is not.
/// It is enforced in observe mode too: to watch what would happen, Weir would have to tell the name to a stranger.
pub fn private_name(stage: &Stage, ecosystem: &Ecosystem, name: &PackageName) -> Option<Decision> {
    let reasons: Vec<_> = stage.checks.iter().filter_map(|check| check.name(ecosystem, name).map(Arc::new)).collect();
    if reasons.is_empty() {
        return None;
    }
    let purl = Purl::new(ecosystem, name, None);
    let mut inputs = Map::new();
    subject(&mut inputs, stage, stage.policy, &purl, None);
    Some(Decision::new(stage, stage.policy, purl, None, reasons, Value::Object(inputs)))
}

/// What a decision is about, and by which text.
fn subject(inputs: &mut Map<String, Value>, stage: &Stage, policy: Digest, purl: &Purl, file: Option<&str>) {
    inputs.insert(String::from("purl"), Value::from(purl.to_string()));
    if let Some(file) = file {
        inputs.insert(String::from("file"), Value::from(file));
    }
    inputs.insert(String::from("stage"), Value::from(stage.name.as_str()));
    inputs.insert(String::from("policy"), Value::from(policy.to_string()));
}

/// The facts of a release; with `file`, of that artifact alone.
fn release_facts(facts: &PackageFacts, release: &ReleaseFacts, file: Option<&ArtifactFacts>) -> Value {
    let mut vulnerabilities: Vec<String> =
        release.vulnerabilities.iter().map(|vulnerability| vulnerability.digest.to_string()).collect();
    vulnerabilities.sort_unstable();
    vulnerabilities.dedup();
    let artifacts: Vec<Value> = match file {
        Some(file) => vec![artifact_facts(file)],
        None => release.artifacts.iter().map(artifact_facts).collect(),
    };
    // Changed bytes of one file concern every file of the release.
    let changed = release
        .artifacts
        .iter()
        .any(|artifact| artifact.findings.iter().any(crate::rules::integrity::concerns_release));
    json!({
        "published": release.published,
        // First seen counts only where upstream tells no date.
        "first_seen": release.published.is_none().then_some(release.first_seen),
        "yanked": release.yanked,
        "deprecated": release.deprecated,
        "license": release.license,
        "status": facts.status,
        "vulnerabilities": vulnerabilities,
        "changed_bytes": changed,
        "artifacts": artifacts,
    })
}

fn artifact_facts(artifact: &ArtifactFacts) -> Value {
    json!({
        "file": artifact.file,
        "published": artifact.published,
        "first_seen": artifact.published.is_none().then_some(artifact.first_seen),
        "sha256": artifact.sha256,
        "findings": artifact.findings,
    })
}

fn age_input(age: &Age) -> Value {
    match age {
        Age::Unasked => Value::Null,
        Age::Passed => Value::from("passed"),
        Age::Held(until) => json!({ "until": until }),
        Age::Exempt(reason) => json!({ "exempt": reason.facts }),
    }
}

/// A question about something that the facts do not have. Nothing is served that nobody has judged.
fn missing(policy: &Policy, stage: &Stage, facts: &PackageFacts, version: Option<&str>) -> Decision {
    let purl = Purl::new(facts.ecosystem, &facts.package, version);
    let message = String::from("The registry's index does not have what is asked for, so nothing is known about it.");
    let reason = Reason::new("integrity", Outcome::Block, message, "integrity (not in the index)", json!({}));
    let mut inputs = Map::new();
    subject(&mut inputs, stage, policy.digest(), &purl, None);
    inputs.insert(String::from("facts"), Value::Null);
    let reasons = vec![Arc::new(reason.detail("not-in-index").always())];
    Decision::new(stage, policy.digest(), purl, None, reasons, Value::Object(inputs))
}
