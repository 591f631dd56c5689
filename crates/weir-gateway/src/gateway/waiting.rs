//! Releases of one's own whose files come one by one: they wait, and are published all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_core::PackageName;
use weir_core::digest::StatedDigests;
use weir_core::hosting::{HostedFile, Upload};
use weir_store::hosted::{NewHosted, Published};
use weir_store::waiting::{MAX_WAITING, Waiting, Waits};

use super::own::hosted_file;
use super::publish::{exists, refused};
use super::{Call, Failure, Gateway};
use crate::phases::Phase;

impl Gateway {
    /// Has a file wait for the rest of its release.
    pub(super) async fn wait(&self, call: &Call<'_>, upload: &Upload, new: &NewHosted) -> Result<(), Failure> {
        let package = &upload.package;
        let waiting = self.store.wait(new, self.clock.now());
        match call.phases.time(Phase::Store, waiting).await.map_err(Failure::internal)? {
            Waits::Waits => self.hosted.look(&self.store).await.map_err(Failure::internal),
            Waits::Known => Ok(()),
            Waits::Conflict(_) => Err(exists(call.ecosystem, &upload.identity())),
            Waits::Published => {
                let version = &upload.version;
                Err(refused(
                    call.ecosystem.registry.hosting().map_or(409, weir_core::hosting::Hosting::conflict),
                    format!(
                        "`{version}` of `{package}` is published without these bytes as `{}`, and what is published is \
                         never changed; publish a new version",
                        upload.file
                    ),
                ))
            }
            Waits::Taken(name) => Err(refused(
                409,
                format!("`{package}` is `{name}` in another spelling, which is hosted here; publish it as that"),
            )),
            Waits::Full => Err(refused(
                403,
                format!(
                    "{MAX_WAITING} files of `{package}` wait for the rest of their releases, and no more are taken"
                ),
            )),
        }
    }

    /// Compares a file that was sent with what its client says that it sent. One that came as other bytes does not wait any
    /// longer.
    pub(super) async fn confirm(
        &self,
        call: &mut Call<'_>,
        package: &PackageName,
        version: &str,
        file: &str,
        stated: &StatedDigests,
    ) -> Result<(), Failure> {
        let ecosystem = call.ecosystem;
        call.record.version = Some(version.to_owned());
        call.record.file = Some(file.to_owned());
        let waiting = self.store.waiting(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        if let Some(waiting) = waiting.iter().find(|waiting| waiting.file == file) {
            let Some(digest) = stated.contradicts(&digests(&waiting.new.digests)?) else { return Ok(()) };
            self.store.stop_waiting(ecosystem.id, package.as_str(), file).await.map_err(Failure::internal)?;
            return Err(refused(
                400,
                format!("`{file}` came as other bytes than its {digest} says, and is thrown away; send it again"),
            ));
        }
        let row = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        let files = row.iter().flat_map(|row| &row.releases).flat_map(|release| &release.files);
        match files.into_iter().find(|known| known.file == file) {
            None => {
                Err(refused(404, format!("there is no `{file}` that this would be the checksum of; send it first")))
            }
            Some(known) => match stated.contradicts(&digests(&known.digests)?) {
                None => Ok(()),
                Some(digest) => Err(refused(
                    409,
                    format!("`{file}` is published with another {digest}, and what is published is never changed"),
                )),
            },
        }
    }

    /// Publishes what waits of some releases, if each is whole.
    pub(super) async fn release(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        versions: &[String],
    ) -> Result<(), Failure> {
        let ecosystem = call.ecosystem;
        let waiting = self.store.waiting(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        let mut releases: BTreeMap<&str, Vec<HostedFile>> = BTreeMap::new();
        for file in waiting.iter().filter(|file| versions.contains(&file.version)) {
            releases.entry(&file.version).or_default().push(hosted(file)?);
        }
        for (version, files) in &releases {
            let whole = ecosystem.registry.hosting().map(|hosting| hosting.whole(package, version, files));
            if let Some(Err(problem)) = whole {
                return Err(refused(400, problem));
            }
        }
        let versions: Vec<String> = releases.keys().map(|&version| version.to_owned()).collect();
        call.record.version = versions.first().cloned();
        let now = self.clock.now();
        let publishing = self.store.release(ecosystem.id, package.as_str(), &versions, now);
        match call.phases.time(Phase::Store, publishing).await.map_err(Failure::internal)? {
            None => return Ok(()),
            Some(Published::New(_) | Published::Known(_)) => {}
            Some(Published::Conflict(_) | Published::Taken(_)) => {
                return Err(refused(409, format!("other bytes of `{package}` are known under the same file name")));
            }
            Some(Published::Full) => {
                let most = weir_store::hosted::MAX_RELEASES;
                return Err(refused(403, format!("`{package}` has {most} releases, and no more are taken")));
            }
        }
        self.hosted.look(&self.store).await.map_err(Failure::internal)?;
        for version in &versions {
            tracing::info!(ecosystem = ecosystem.id, package = %package, version, "published");
        }
        Ok(())
    }
}

fn digests(json: &str) -> Result<StatedDigests, Failure> {
    serde_json::from_str(json).map_err(Failure::internal)
}

/// A file that waits, as its ecosystem reads it.
fn hosted(waiting: &Waiting) -> Result<HostedFile, Failure> {
    let new = &waiting.new;
    hosted_file(weir_store::hosted::HostedFile {
        file: waiting.file.clone(),
        version: waiting.version.clone(),
        sha256: waiting.sha256,
        size: waiting.size,
        digests: new.digests.clone(),
        published: waiting.at,
        metadata: new.file_metadata.clone(),
        provenance: new.provenance.clone(),
    })
    .map_err(Failure::internal)
}
