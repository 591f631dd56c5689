//! Why? The same decision that the gate enforces, for whoever asks.

use std::sync::Arc;

use serde::Serialize;
use weir_core::{Ecosystem, PackageName};
use weir_policy::Decision;

use crate::gateway::{Failure, Gateway};
use crate::judged::Stages;
use crate::phases::Phases;
use crate::refusal;
use crate::view::View;

/// A decision with what a person does next.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
    /// The command that gets the nearest allowed version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<String>,
    /// The upstream that the package is from; none where nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Where this is explained to people.
    pub address: String,
    /// What is shown of the package, where the page shows another version than upstream's newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<Shown>,
}

/// What a page shows in the place of a package's newest version at upstream.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The newest version at upstream.
    pub newest: String,
    /// The version that is shown; absent if the package is hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Why, in one line.
    pub reason: String,
}

impl Gateway {
    /// Explains a release, or the newest final one if no version is named, in `stages`.
    pub async fn explain(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        version: Option<&str>,
    ) -> Result<Explanation, Failure> {
        let has = |view: &View| version.is_none_or(|version| view.known.release(version).is_some());
        let sight = match (ecosystem.registry.releases(), version) {
            (Some(_), Some(version)) => {
                self.sight_of_release(stages, ecosystem, package, version, &Phases::default()).await
            }
            _ => self.sight_of(stages, ecosystem, package, has, &Phases::default()).await,
        };
        let view = match sight {
            Ok(sight) => sight.view,
            Err(Failure::Refused(decision)) => return Ok(self.explanation(*decision, ecosystem, package)),
            Err(failure) => return Err(failure),
        };
        let release = match version {
            Some(version) => view.known.release(version).or_else(|| view.known.departed(version)).ok_or_else(|| {
                Failure::NotFound(format!("{} `{package}` has no release {version} upstream", ecosystem.title))
            })?,
            None => newest(&view)
                .ok_or_else(|| Failure::NotFound(format!("{} `{package}` has no release upstream", ecosystem.title)))?,
        };
        let decision = view.release_decision(release).ok_or_else(|| Failure::NoStage(stages.to_string()))?;
        self.record(&decision, ecosystem, package).await?;
        let instead = self.instead(stages, ecosystem, package, None).await?;
        let instead = instead.map(|it| Shown { newest: it.version, shown: it.shown, reason: it.reason });
        let upstream = view.known.held.first().map(|held| held.member.name.to_string());
        let explanation = self.explanation(view.told(decision, release), ecosystem, package);
        Ok(Explanation { instead, upstream, ..explanation })
    }

    /// Adds to a decision what a person does next.
    pub fn explanation(&self, decision: Decision, ecosystem: &Ecosystem, package: &PackageName) -> Explanation {
        let install =
            decision.nearest_allowed.as_ref().map(|version| ecosystem.registry.install_command(package, version));
        let address = refusal::address(&decision, &self.settings().public_url);
        Explanation { decision, install, upstream: None, address, instead: None }
    }
}

fn newest(view: &View) -> Option<usize> {
    let releases = &view.known.facts.releases;
    let newest = |prerelease: bool| {
        (0..releases.len())
            .filter(|at| releases[*at].prerelease == prerelease && releases[*at].key.is_some())
            .filter(|at| !releases[*at].artifacts.is_empty())
            .max_by(|a, b| releases[*a].key.cmp(&releases[*b].key))
    };
    newest(false).or_else(|| newest(true)).or_else(|| releases.len().checked_sub(1))
}
