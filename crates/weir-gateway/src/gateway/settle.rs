//! Pages on which what is shown of one package depends on others: what their registry asks for is looked into, until it can
//! say what becomes of each.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use weir_core::catalogue::{Catalogue, Described, Instead, Joining, Place, Settled};
use weir_core::{Ecosystem, PackageName};

use super::artifact::only_looking_is_missing;
use super::{Failure, Gateway};
use crate::catalogues::page::Judging;
use crate::judged::Stages;
use crate::phases::Phases;

/// Most times that a registry is asked what becomes of a page. Each time it may want releases that it did not want before;
/// those that it still wants at the end are not shown.
pub const MAX_ROUNDS: usize = 100;
/// Releases that are looked into at a time.
const AT_ONCE: usize = 8;
/// Lines of the log that tell of packages that a page shows otherwise than upstream.
const MAX_LINES: usize = 50;

/// What is known of releases, by key and version.
type Descriptions = HashMap<String, HashMap<String, Described>>;

impl Gateway {
    /// What becomes of the packages of a page. True beside it: something could not be had at the moment, and may be later.
    pub(super) async fn settle(
        self: &Arc<Self>,
        judging: &Judging,
        catalogue: &'static dyn Catalogue,
        mut joining: Box<dyn Joining>,
    ) -> Result<(Settled, bool), Failure> {
        let mut descriptions = Descriptions::new();
        let mut is_troubled = false;
        for round in 0.. {
            let unknown = if round < MAX_ROUNDS { Described::Unknown } else { Described::Absent };
            let settle = move || {
                let settled = joining.settle(&|key, version| {
                    let known = descriptions.get(key).and_then(|versions| versions.get(version));
                    known.unwrap_or(&unknown).clone()
                });
                (joining, descriptions, settled)
            };
            let settled;
            (joining, descriptions, settled) = tokio::task::spawn_blocking(settle).await.map_err(Failure::internal)?;
            if settled.wanted.is_empty() || round >= MAX_ROUNDS {
                self.tell_instead(judging, catalogue, &settled.instead).await?;
                return Ok((settled, is_troubled));
            }
            let looks = settled.wanted.into_iter().map(|(key, version)| async move {
                let place = Place { part: judging.catalogued.part.clone(), key };
                let described = match catalogue.package(&place) {
                    Some(package) => self.describe(judging.ecosystem, &judging.stages, &package, &version).await,
                    None => Ok(Described::Absent),
                };
                (place.key, version, described)
            });
            let looked: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
            for (key, version, described) in looked {
                let described = described.unwrap_or_else(|failure| {
                    tracing::warn!(ecosystem = judging.ecosystem.id, package = key, version, error = %failure,
                        "a release that a page could show cannot be looked into");
                    is_troubled = true;
                    Described::Absent
                });
                descriptions.entry(key).or_default().insert(version, described);
            }
        }
        Err(Failure::Internal(String::from("a page is not settled")))
    }

    /// What the artifact of a release declares of itself, if it may leave: it is fetched and looked into first, as for
    /// whoever asks for it.
    async fn describe(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        stages: &Stages,
        package: &PackageName,
        version: &str,
    ) -> Result<Described, Failure> {
        let phases = Phases::default();
        let mut fetched = false;
        loop {
            let view = match self.sight(stages, ecosystem, package, &phases).await {
                Ok(sight) => sight.view,
                Err(Failure::Refused(_)) => return Ok(Described::Absent),
                Err(failure) => return Err(failure),
            };
            let Some(release) = view.known.release(version) else { return Ok(Described::Absent) };
            let listed = view.known.index.releases.get(release);
            let Some(artifact) = listed.and_then(|release| release.artifacts.first()) else {
                return Ok(Described::Absent);
            };
            let decision = view.decision(release, Some(0)).ok_or_else(|| Failure::no_stage(stages.address()))?;
            if decision.permit().is_none() && (fetched || !only_looking_is_missing(&decision)) {
                return Ok(Described::Absent);
            }
            match view.known.artifacts.get(&artifact.file) {
                Some(row) => {
                    let Some(digest) = row.metadata else { return Ok(Described::Absent) };
                    let bytes = self.blobs.get(&digest).await.map_err(Failure::internal)?;
                    return Ok(bytes.map_or(Described::Absent, |bytes| Described::Is(bytes.to_vec())));
                }
                None if fetched || !self.settings.online => return Ok(Described::Absent),
                None => {
                    self.fetch_for(&phases, &view, (release, 0), artifact, None).await?.landed(&phases).await?;
                    fetched = true;
                }
            }
        }
    }

    /// Nothing is shown in another's place silently: the log tells of it, and the decisions that the page names can be asked
    /// for by their address.
    async fn tell_instead(
        self: &Arc<Self>,
        judging: &Judging,
        catalogue: &'static dyn Catalogue,
        instead: &[Instead],
    ) -> Result<(), Failure> {
        let (ecosystem, part) = (judging.ecosystem, &judging.catalogued.part);
        for (at, it) in instead.iter().enumerate() {
            let place = Place { part: part.clone(), key: it.key.clone() };
            let Some(package) = catalogue.package(&place) else { continue };
            if at < MAX_LINES {
                let shown = it.shown.as_deref().unwrap_or("nothing");
                tracing::info!(ecosystem = ecosystem.id, stage = %judging.stages, package = %package,
                    version = it.version, shown, reason = it.reason, "another version than upstream's newest is shown");
            }
            if judging.catalogued.day.is_some() {
                continue;
            }
            match self.view(&judging.stages, ecosystem, &package).await {
                Ok(view) => {
                    view.served();
                    self.remember_named((judging.stages.clone(), ecosystem.id, package), &view);
                }
                Err(Failure::Refused(_) | Failure::Document(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        if instead.len() > MAX_LINES {
            let more = instead.len() - MAX_LINES;
            tracing::info!(ecosystem = ecosystem.id, stage = %judging.stages, part, more,
                "of more packages another version than upstream's newest is shown");
        }
        Ok(())
    }
}
