//! Which releases has each stage served?
//!
//! A release counts if a decision allowed a file of it, which is on record before a byte leaves, and if the file was then
//! stored and nothing was found wrong with it. What was let through in observe mode alone was not allowed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use weir_core::facts::{Install, PackageFacts};
use weir_core::registry::Index;
use weir_policy::{Decision, Outcome};
use weir_store::ArtifactRow;

use crate::known::Known;

/// True for a package of which rules ask what was served: one with a release that runs code at install. For all others
/// nothing has to be looked up.
pub fn matters(index: &Index) -> bool {
    index.releases.iter().any(|release| matches!(release.origin.install, Install::Runs(_)))
}

/// Writes into the facts what was served. `allowed` are versions and stages.
pub fn add(facts: &mut PackageFacts, artifacts: &HashMap<String, ArtifactRow>, allowed: &[(String, String)]) {
    if allowed.is_empty() {
        return;
    }
    let mut names: HashSet<Arc<str>> = HashSet::new();
    let mut stages: HashMap<&str, Vec<Arc<str>>> = HashMap::new();
    for (version, stage) in allowed {
        let name = names.get(stage.as_str()).cloned().unwrap_or_else(|| Arc::from(stage.as_str()));
        names.insert(Arc::clone(&name));
        stages.entry(version).or_default().push(name);
    }
    for release in &mut facts.releases {
        let is_held = release.artifacts.iter().any(|it| artifacts.contains_key(&it.file) && it.findings.is_empty());
        if let (true, Some(stages)) = (is_held, stages.remove(release.version.as_str())) {
            release.served = stages;
            release.served.sort();
        }
    }
}

/// True if serving by `decision` adds to what `known` says was served.
pub fn is_news(known: &Known, release: usize, decision: &Decision) -> bool {
    decision.decision <= Outcome::Warn
        && matters(&known.index)
        && known
            .facts
            .releases
            .get(release)
            .is_some_and(|release| !release.served.iter().any(|stage| **stage == *decision.stage))
}
