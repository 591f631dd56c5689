//! Two stages at once: the one that an address names and the one that a token is bound to.

use std::sync::OnceLock;

use crate::judge::{Judgement, ReleaseJudgement};
use crate::outcome::Outcome;

impl Judgement {
    /// What this judgement and another of the same facts come to where both hold: of each release and each artifact the
    /// stricter of the two, of equals this one's. So a release is served only if both serve it, and what one stage waives
    /// is waived in that stage alone.
    pub fn together(&self, other: &Self) -> Self {
        let releases = self.releases.iter().zip(&other.releases).map(|(own, other)| {
            let artifacts = own.artifacts.iter().zip(&other.artifacts);
            let artifacts = artifacts.map(|(own, other)| if other.effective > own.effective { other } else { own });
            let whole = if other.effective > own.effective { other } else { own };
            ReleaseJudgement { artifacts: artifacts.cloned().collect(), ..whole.clone() }
        });
        Self {
            releases: releases.collect(),
            changes_at: self.changes_at.into_iter().chain(other.changes_at).min(),
            allowed: OnceLock::new(),
            assessed: self.assessed && other.assessed,
        }
    }

    /// What is enforced on a release, or on one artifact of it. What is not there is blocked.
    pub fn effective(&self, release: usize, artifact: Option<usize>) -> Outcome {
        let release = self.releases.get(release);
        match artifact {
            None => release.map(|judged| judged.effective),
            Some(artifact) => release.and_then(|judged| judged.artifacts.get(artifact)).map(|judged| judged.effective),
        }
        .unwrap_or(Outcome::Block)
    }
}
