//! Documents of single releases: asked for when somebody asks for the release, kept for ever, known from then on.
//!
//! See [`weir_core::registry::Releases`]. Which releases have been asked for needs no record of its own: what is kept of
//! those that were ever seen is what is known. [`Asked`] bridges the moment between the first request for a release that
//! no index names and its first sight.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use weir_core::registry::{Document, Form, Index, Release, ReleaseDocument, Releases, Shown, Which};
use weir_core::{Ecosystem, PackageName, Timestamp};
use weir_store::FirstSeen;

use super::sight::Sight;
use super::{Call, Failure, Gateway, PackageKey};
use crate::documents::{DocumentError, Held};
use crate::judged::Stages;
use crate::known::{self, Known, Told};
use crate::members::Member;
use crate::phases::{Phase, Phases};

/// Releases whose documents are asked for at most because one page was.
pub const MAX_ASKED: usize = 24;
/// Releases whose documents are asked for at the same time.
const AT_ONCE: usize = 6;
/// Releases of one package that no index names and that are known at most; further ones are not served.
pub const MAX_UNLISTED: usize = 4_096;

/// Releases that were asked for and have not been seen in an index yet.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashMap<PackageKey, BTreeSet<String>>>);

impl Asked {
    fn add(&self, key: &PackageKey, version: &str) {
        self.lock().entry(key.clone()).or_default().insert(version.to_owned());
    }

    fn of(&self, key: &PackageKey) -> BTreeSet<String> {
        self.lock().get(key).cloned().unwrap_or_default()
    }

    /// These are on record now.
    fn remove<'a>(&self, key: &PackageKey, versions: impl Iterator<Item = &'a str>) {
        let mut asked = self.lock();
        let Some(of) = asked.get_mut(key) else { return };
        for version in versions {
            of.remove(version);
        }
        if of.is_empty() {
            asked.remove(key);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PackageKey, BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Gateway {
    /// A package as `stages` see it now, with all that upstream tells of the release `version`, for someone who asks for it.
    pub(crate) async fn sight_of_release(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        version: &str,
        phases: &Phases,
    ) -> Result<Sight, Failure> {
        let sight = self.sight(stages, ecosystem, package, phases).await?;
        let (Some(releases), Ok(member)) = (ecosystem.registry.releases(), sight.view.known.member()) else {
            return Ok(sight);
        };
        let version = sight.view.known.spelled(version).to_owned();
        if sight.view.known.told.contains_key(&version) || !self.asks(&sight.view.known) {
            return Ok(sight);
        }
        let is_listed = sight.view.known.lists(&version);
        if !is_listed {
            // It may be on the list by now: what the list lacked is young.
            for wanted in member.documents(package).iter().filter(|wanted| !wanted.shared) {
                phases.time(Phase::Upstream, self.documents.confirm(member, wanted)).await;
            }
        }
        match phases.time(Phase::Upstream, self.ask_release(member, releases, package, &version)).await {
            Err(DocumentError::Absent { .. }) if is_listed => Ok(sight),
            Ok(()) | Err(DocumentError::Absent { .. }) => self.sight(stages, ecosystem, package, phases).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The release whose own documents have to be asked for before an artifact is decided on.
    pub(super) fn release_of(&self, call: &Call<'_>, package: &PackageName, which: &Which) -> Option<String> {
        call.ecosystem.registry.releases()?;
        match which {
            Which::Version(version) | Which::FileOf { version, .. } => Some(version.clone()),
            Which::File(file) => call.ecosystem.registry.claimed_version(package, file),
        }
    }

    /// Gets a package ready for a form of its page: asks for the documents of the releases that clients choose by it, or of
    /// the one that it is about. Gives the form that is to be made, which names its release where there is one.
    pub(super) async fn prepared(
        self: &Arc<Self>,
        call: &Call<'_>,
        releases: &'static dyn Releases,
        package: &PackageName,
        form: &Form,
        mut sight: Sight,
    ) -> Result<(Sight, Form), Failure> {
        let ecosystem = call.ecosystem;
        let asked = releases.asked(form, &sight.view.known.index);
        if let (Some(_), Some(version)) = (&form.detail, asked.first()) {
            let sight = self.sight_of_release(&call.stages, ecosystem, package, version, call.phases).await?;
            return Ok((sight, form.clone()));
        }
        let known = Arc::clone(&sight.view.known);
        let member = known.member()?;
        let missing = asked.into_iter().filter(|version| !known.told.contains_key(version)).take(MAX_ASKED).collect();
        let asking = self.ask_releases(member, releases, package, missing);
        if self.asks(&known) && call.phases.time(Phase::Upstream, asking).await > 0 {
            sight = self.sight(&call.stages, ecosystem, package, call.phases).await?;
        }
        let (version, form) = match sight.view.shown(form, &call.base) {
            Shown::Package => return Ok((sight, form.clone())),
            Shown::Release(version) => (version.clone(), Form { kind: form.kind, detail: Some(version) }),
            Shown::Nothing => {
                let Some(wanted) = releases.query(package, form) else { return Ok((sight, form.clone())) };
                let held = match self.asks(&known) {
                    true => call.phases.time(Phase::Upstream, self.documents.current(member, &wanted)).await?,
                    false => self.documents.kept(member, &wanted).await?,
                };
                let body = self.documents.body(&held).await?;
                let document = Document { url: &held.url, content_type: &held.content_type, body: &body };
                let resolved = releases.resolved(form, &document).map_err(DocumentError::Invalid)?;
                (resolved.version, resolved.form)
            }
        };
        let sight = self.sight_of_release(&call.stages, ecosystem, package, &version, call.phases).await?;
        Ok((sight, form))
    }

    /// Asks upstream for the documents of some releases, a few at a time, and says of how many there is more to know now.
    async fn ask_releases(
        self: &Arc<Self>,
        member: &Arc<Member>,
        releases: &'static dyn Releases,
        package: &PackageName,
        versions: Vec<String>,
    ) -> usize {
        let mut told = 0;
        for some in versions.chunks(AT_ONCE) {
            let mut asking = Vec::with_capacity(some.len());
            for version in some {
                asking.push(self.ask_release(member, releases, package, version));
            }
            for asked in futures_util::future::join_all(asking).await {
                match asked {
                    Ok(()) => told += 1,
                    Err(error) => tracing::warn!(ecosystem = member.ecosystem.id, package = %package, error = %error,
                        "a release's own documents cannot be had; a page shows it without them"),
                }
            }
        }
        told
    }

    /// Asks upstream for the documents of a release, unless they are kept. They are read before they are known: what cannot
    /// be read is not kept, so that the next request asks again.
    async fn ask_release(
        self: &Arc<Self>,
        member: &Arc<Member>,
        releases: &'static dyn Releases,
        package: &PackageName,
        version: &str,
    ) -> Result<(), DocumentError> {
        let wanted = releases.documents(package, version);
        if wanted.is_empty() {
            return Err(DocumentError::Absent {
                upstream: member.upstream.base().to_owned(),
                path: version.to_owned(),
            });
        }
        let mut asking = Vec::with_capacity(wanted.len());
        for wanted in &wanted {
            asking.push(self.documents.lasting(member, wanted));
        }
        let held = futures_util::future::try_join_all(asking).await?;
        let bodies = self.bodies(&held).await?;
        if let Err(invalid) = releases.read(package, version, None, &release_documents(&held, &bodies)) {
            for wanted in &wanted {
                self.documents.discard(member, wanted, &invalid).await?;
            }
            return Err(DocumentError::Invalid(invalid));
        }
        let key = (member.ecosystem.id, package.clone());
        self.asked.add(&key, version);
        self.learnt.add(member.ecosystem.id, package);
        Ok(())
    }

    /// Adds to an index what the kept documents of single releases tell, and says which releases these are.
    pub(super) async fn add_told(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        of: &[Arc<Held>],
        mut index: Index,
    ) -> Result<(Index, Told), DocumentError> {
        let (Some(releases), Some(first)) = (ecosystem.registry.releases(), of.first()) else {
            return Ok((index, Told::new()));
        };
        let seen = self.store.seen_versions(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let key = (ecosystem.id, package.clone());
        let listed: BTreeSet<String> = index.releases.iter().map(|release| release.version.clone()).collect();
        let mut unlisted = self.asked.of(&key);
        unlisted.extend(seen);
        let unlisted = unlisted.into_iter().filter(|version| !listed.contains(version)).take(MAX_UNLISTED);
        let versions: Vec<String> = listed.iter().cloned().chain(unlisted).collect();
        let wanted: Vec<Vec<String>> = versions
            .iter()
            .map(|version| releases.documents(package, version).into_iter().map(|wanted| wanted.path).collect())
            .collect();
        let kept = self.documents.kept_at(&first.member, &wanted.concat()).await?;
        let mut told = Told::new();
        let mut read = Vec::new();
        for (version, paths) in versions.into_iter().zip(wanted) {
            let held: Option<Vec<Arc<Held>>> = paths.iter().map(|path| kept.get(path).cloned()).collect();
            let Some(held) = held.filter(|held| !held.is_empty()) else { continue };
            let bodies = self.bodies(&held).await?;
            let at = index.releases.iter().position(|release| release.version == version);
            let listed = at.and_then(|at| index.releases.get(at));
            match releases.read(package, &version, listed, &release_documents(&held, &bodies)) {
                Ok(release) => {
                    place(&mut index.releases, at, release);
                    read.push((version.clone(), bodies));
                    told.insert(version, held);
                }
                Err(invalid) => tracing::warn!(ecosystem = ecosystem.id, package = %package, error = %invalid,
                    "a kept document of a release cannot be read"),
            }
        }
        let of =
            |version: &str, bodies| told.get(version).map(|held| known::documents(held, bodies)).unwrap_or_default();
        let documents: Vec<_> = read.iter().map(|(version, bodies)| (version.as_str(), of(version, bodies))).collect();
        releases.conclude(package, &mut index, &documents);
        Ok((index, told))
    }

    /// When the releases of an index were first seen. That a list lacks a release which it never names tells nothing of its
    /// age, so the first `listed` releases alone are compared with the list of the last look.
    pub(super) async fn first_seen(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        index: &Index,
        listed: usize,
        document: &weir_core::Digest,
        at: Timestamp,
    ) -> Result<FirstSeen, DocumentError> {
        let seen = known::seen(index);
        let (listed, unlisted) = seen.split_at(listed.min(seen.len()));
        let look = |releases| self.store.first_seen(ecosystem.id, package.as_str(), releases, document, at);
        let mut first = look(listed).await.map_err(DocumentError::storage)?;
        if !unlisted.is_empty() {
            let then = look(unlisted).await.map_err(DocumentError::storage)?;
            first.releases.extend(then.releases);
            first.artifacts.extend(then.artifacts);
            first.changes += then.changes;
            let key = (ecosystem.id, package.clone());
            self.asked.remove(&key, unlisted.iter().map(|release| release.version.as_str()));
        }
        Ok(first)
    }
}

/// Puts a release into its place, or at the end.
fn place(releases: &mut Vec<Release>, at: Option<usize>, release: Release) {
    match at.and_then(|at| releases.get_mut(at)) {
        Some(place) => *place = release,
        None => releases.push(release),
    }
}

fn release_documents<'a>(held: &'a [Arc<Held>], bodies: &'a [Bytes]) -> Vec<ReleaseDocument<'a>> {
    let documents = known::documents(held, bodies);
    let dates = held.iter().map(|held| held.last_modified());
    documents
        .into_iter()
        .zip(dates)
        .map(|(document, last_modified)| ReleaseDocument { document, last_modified })
        .collect()
}

/// The documents that a form is made from: the package's own, then those of the release that it names.
pub(super) fn documents_of(known: &Known, form: &Form) -> Vec<Arc<Held>> {
    let told = form.detail.as_ref().and_then(|version| known.told.get(version));
    known.held.iter().chain(told.into_iter().flatten()).cloned().collect()
}
