//! Why? The same decision that the gate enforces, for whoever asks.

use std::sync::Arc;

use serde::Serialize;
use weir_core::{Ecosystem, PackageName};
use weir_policy::{Decision, Outcome};

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
    /// All places that the name means, where it does not say which and there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Placed>,
}

/// What is decided in one of the places that a name means.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    /// The release.
    pub purl: String,
    /// What the rules come to.
    pub decision: Outcome,
    /// What is enforced.
    pub effective: Outcome,
    /// The decision's id.
    pub id: String,
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
    /// Explains a release, or the newest final one if no version is named, in `stages`. A name that does not say where it
    /// is from is explained as the strictest of those that the first upstream has which has any, and all others are told
    /// beside it.
    pub async fn explain(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        version: Option<&str>,
    ) -> Result<Explanation, Failure> {
        let Some(meant) = self.meant(stages, ecosystem, package).await? else {
            return self.explain_whole(stages, ecosystem, package, version).await;
        };
        let mut all: Vec<(Option<&str>, Explanation)> = Vec::new();
        for name in &meant {
            match self.explain_whole(stages, ecosystem, name, version).await {
                Ok(explanation) => all.push((ecosystem.registry.member(name), explanation)),
                Err(Failure::NotFound(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let first = all.first().map(|(upstream, _)| *upstream);
        let strictest = (0..all.len())
            .filter(|at| all.get(*at).map(|(upstream, _)| *upstream) == first)
            .max_by_key(|at| (all.get(*at).map(|(_, it)| it.decision.effective), std::cmp::Reverse(*at)));
        let places: Vec<Placed> = all.iter().map(|(_, explanation)| Placed::of(&explanation.decision)).collect();
        let Some(strictest) = strictest else {
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            return Err(Failure::NotFound(format!(
                "no upstream lists {} `{package}`{version}, as far as was looked; a whole name says where to look",
                ecosystem.title
            )));
        };
        let (_, explanation) = all.swap_remove(strictest);
        Ok(Explanation { places: if places.len() > 1 { places } else { Vec::new() }, ..explanation })
    }

    async fn explain_whole(
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
        Explanation { decision, install, upstream: None, address, instead: None, places: Vec::new() }
    }
}

impl Placed {
    fn of(decision: &Decision) -> Self {
        Self {
            purl: decision.purl.clone(),
            decision: decision.decision,
            effective: decision.effective,
            id: decision.id.clone(),
        }
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
