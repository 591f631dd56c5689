//! Files that no document lists: found when somebody asks for them, known from then on.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_core::registry::{Artifact, Document, Files, Index, Part, ReleaseDocument, Wanted, Which};
use weir_core::{Ecosystem, PackageName};

use super::sight::Sight;
use super::{Call, Failure, Gateway, find};
use crate::documents::{DocumentError, Held};
use crate::known::Known;
use crate::phases::Phase;

/// Bytes of memory for the names of files that were found and are not yet remembered as seen.
pub(super) const FOUND_BYTES: usize = 4 * 1024 * 1024;
/// Most files of one package that were found and are not yet remembered as seen.
const MAX_FOUND: usize = 200;

/// True if a request names a release that is known, whether or not its file is.
pub(super) fn names_release(known: &Known, which: &Which) -> bool {
    let Which::FileOf { version, file } = which else { return false };
    let Some(files) = known.facts.ecosystem.registry.files() else { return false };
    let release = files.release_of(&known.facts.package, &known.index, file);
    release.and_then(|release| known.index.releases.get(release)).is_some_and(|release| release.version == *version)
}

impl Gateway {
    /// The sight that knows the file that is asked for, if upstream has such a file of a release that is known.
    pub(super) async fn with_file(
        self: &Arc<Self>,
        call: &Call<'_>,
        sight: Sight,
        which: &Which,
        part: Part,
    ) -> Result<Sight, Failure> {
        let known = &sight.view.known;
        let (Which::FileOf { version, file }, Some(files)) = (which, call.ecosystem.registry.files()) else {
            return Ok(sight);
        };
        if find(known, which, part).is_ok() || !names_release(known, which) || !self.asks(known) {
            return Ok(sight);
        }
        let package = known.facts.package.clone();
        let found = self.states(known, files, version, file);
        if !call.phases.time(Phase::Upstream, found).await? {
            return Ok(sight);
        }
        let key = (call.ecosystem.id, package);
        let mut found = self.found.get(&key).map_or_else(BTreeSet::new, |found| (*found).clone());
        if found.len() >= MAX_FOUND {
            found.clear();
        }
        found.insert(file.clone());
        let weight = found.iter().map(|file| file.len() + 64).sum();
        self.found.insert(key.clone(), Arc::new(found), weight);
        self.learnt.add(call.ecosystem.id, &key.1);
        self.sight(&call.stages, call.ecosystem, &key.1, call.phases).await
    }

    /// True if upstream states a digest for a file. What cannot be read is not kept, so that the next request asks again.
    async fn states(&self, known: &Known, files: &dyn Files, version: &str, file: &str) -> Result<bool, Failure> {
        let member = known.member()?;
        let package = &known.facts.package;
        let Some(release) = known.release(version).and_then(|place| known.index.releases.get(place)) else {
            return Ok(false);
        };
        for (number, wanted) in files.documents(package, version, file).iter().enumerate() {
            let held = match self.documents.lasting(member, wanted).await {
                Ok(held) => held,
                Err(DocumentError::Absent { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let body = self.documents.body(&held).await?;
            if let Err(invalid) = files.read(package, release, file, number, &told(&held, &body)) {
                self.documents.discard(member, wanted, &invalid).await?;
                return Err(DocumentError::Invalid(invalid).into());
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Adds to an index the files that were found before.
    pub(super) async fn add_files(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        held: &[Arc<Held>],
        index: &mut Index,
    ) -> Result<(), DocumentError> {
        let (Some(files), Some(first)) = (ecosystem.registry.files(), held.first()) else { return Ok(()) };
        let seen = self.store.seen_files(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let mut names: BTreeSet<String> = seen.into_iter().collect();
        if let Some(found) = self.found.get(&(ecosystem.id, package.clone())) {
            names.extend(found.iter().cloned());
        }
        if first.is_hosted() {
            names.extend(self.own_files(ecosystem, package).await?);
        }
        for release in &index.releases {
            for artifact in &release.artifacts {
                names.remove(&artifact.file);
            }
        }
        let wanted: Vec<(String, usize, Vec<Wanted>)> = names
            .into_iter()
            .filter_map(|file| {
                let release = files.release_of(package, index, &file)?;
                let wanted = files.documents(package, &index.releases.get(release)?.version, &file);
                Some((file, release, wanted))
            })
            .collect();
        let paths = wanted.iter().flat_map(|(_, _, wanted)| wanted).map(|wanted| wanted.path.clone());
        let kept = self.documents.kept_at(&first.member, &paths.collect::<Vec<_>>()).await?;
        for (file, release, wanted) in &wanted {
            let stated = wanted.iter().enumerate().find_map(|(at, wanted)| Some((at, kept.get(&wanted.path)?)));
            let (Some((number, held)), Some(release)) = (stated, index.releases.get_mut(*release)) else { continue };
            let body = self.documents.body(held).await?;
            match files.read(package, release, file, number, &told(held, &body)) {
                Ok(artifact) => release.artifacts.push(Artifact { unlisted: true, ..artifact }),
                Err(error) => {
                    tracing::warn!(ecosystem = ecosystem.id, package = %package, file, error = %error,
                        "what states a file's digest cannot be read");
                }
            }
        }
        Ok(())
    }
}

fn told<'a>(held: &'a Held, body: &'a [u8]) -> ReleaseDocument<'a> {
    let document = Document { url: &held.url, content_type: &held.content_type, body };
    ReleaseDocument { document, last_modified: held.last_modified() }
}
