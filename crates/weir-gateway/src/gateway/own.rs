//! Packages of one's own on their way to the judgement: what an upstream would say of them.

use std::sync::Arc;

use bytes::Bytes;
use weir_core::digest::StatedDigests;
use weir_core::hosting::{FurtherContent, FurtherDocument, Hosted, HostedDocument, HostedFile, HostedRelease};
use weir_core::{Ecosystem, PackageName};
use weir_store::hosted::HostedPackage;

use super::Gateway;
use crate::documents::{DocumentError, Held};
use crate::hosted::Hosting;
use crate::known::Known;
use crate::members::Member;

impl Gateway {
    /// What a name is here. Asked before any upstream is.
    pub(super) async fn hosting(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Hosting, DocumentError> {
        self.hosted.of(&self.store, ecosystem, package).await.map_err(DocumentError::storage)
    }

    /// Takes notice of what other processes have published.
    pub async fn look_at_hosted(&self) -> Result<(), weir_store::StoreError> {
        self.hosted.look(&self.store).await
    }

    /// True if somebody can be asked for more about a package: nobody knows more of what is hosted here.
    pub(super) fn asks(&self, known: &Known) -> bool {
        self.settings.online && !known.facts.hosted
    }

    /// The documents of a hosted package; `None` if it is not hosted. A spelling that differs from the hosted one names
    /// nothing, and no upstream hears of it.
    pub(super) async fn own(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<Vec<Arc<Held>>>, DocumentError> {
        let revision = match self.hosting(ecosystem, package).await? {
            Hosting::Elsewhere => return Ok(None),
            Hosting::Here(revision) => revision,
            Hosting::Under(name) => {
                let upstream = format!("this Weir hosts `{name}`, which");
                return Err(DocumentError::Absent { upstream, path: format!("other spelling `{package}`") });
            }
        };
        let key = (ecosystem.id, package.clone());
        if let Some((of, held)) = self.own.get(&key)
            && of == revision
        {
            return Ok(Some(held));
        }
        let member = self.hosted.member(ecosystem)?;
        let Some(hosting) = ecosystem.registry.hosting() else {
            let problem = format!("`{package}` is hosted, and {} packages can no longer be", ecosystem.title);
            return Err(DocumentError::Storage(problem));
        };
        let hosted = self.hosted_package(ecosystem, package).await?;
        let (revision, hosted) =
            hosted.ok_or_else(|| DocumentError::Storage(format!("the hosted package `{package}` is gone")))?;
        let place = ecosystem.registry.catalogue().and_then(|catalogue| catalogue.place(package));
        let (documents, paths): (Vec<HostedDocument>, Vec<String>) = match place {
            // What it would be as a part of a catalogue.
            Some(place) => {
                let mut body = hosting.pieces(package, &hosted).join(&b'\n');
                body.push(b'\n');
                let document = HostedDocument { content_type: "text/plain", body };
                (vec![document], vec![format!("{}/{}", place.part, place.key)])
            }
            None => {
                let wanted = ecosystem.registry.documents(package);
                (hosting.documents(package, &hosted), wanted.into_iter().map(|wanted| wanted.path).collect())
            }
        };
        if documents.len() != paths.len() {
            let problem =
                format!("{} documents were made of `{package}` in the place of {}", documents.len(), paths.len());
            return Err(DocumentError::Storage(problem));
        }
        self.keep_further(&member, hosting.further(package, &hosted)).await?;
        let mut held = Vec::with_capacity(paths.len());
        for (document, path) in documents.into_iter().zip(&paths) {
            let body = Bytes::from(document.body);
            let kept = self.documents.host(&member, path, document.content_type, body, None);
            held.push(kept.await?);
        }
        let weight = 1024 * (1 + held.len());
        self.own.insert(key, (revision, held.clone()), weight);
        Ok(Some(held))
    }

    /// What is published of a package, and its revision; `None` if nothing is.
    pub(super) async fn hosted_package(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<(i64, Hosted)>, DocumentError> {
        let row = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let read = |row: HostedPackage| Ok((row.revision, hosted(row).map_err(DocumentError::storage)?));
        row.map(read).transpose()
    }

    /// Keeps what stands beside a package's own documents, before these tell of it. It never changes, so what is kept stays.
    async fn keep_further(&self, member: &Arc<Member>, further: Vec<FurtherDocument>) -> Result<(), DocumentError> {
        let paths: Vec<String> = further.iter().map(|document| document.path.clone()).collect();
        let kept = match paths.is_empty() {
            true => return Ok(()),
            false => self.documents.kept_at(member, &paths).await?,
        };
        for document in further.into_iter().filter(|document| !kept.contains_key(&document.path)) {
            let body = match document.content {
                FurtherContent::Bytes(bytes) => Bytes::from(bytes),
                FurtherContent::File(digest) => {
                    let bytes = self.blobs.get(&digest).await.map_err(DocumentError::storage)?;
                    let lost = || DocumentError::Storage(format!("the bytes of the hosted file {digest} are lost"));
                    bytes.ok_or_else(lost)?
                }
            };
            self.documents.host(member, &document.path, "", body, Some(document.changed)).await?;
        }
        Ok(())
    }

    /// The names of all files of a hosted package. Nobody has to ask for them before they are known.
    pub(super) async fn own_files(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Vec<String>, DocumentError> {
        let row = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let releases = row.into_iter().flat_map(|row| row.releases);
        Ok(releases.flat_map(|release| release.files).map(|file| file.file).collect())
    }
}

/// Rows as an ecosystem reads them.
fn hosted(row: HostedPackage) -> Result<Hosted, serde_json::Error> {
    let releases = row.releases.into_iter().map(|release| {
        let files = release.files.into_iter().map(hosted_file);
        Ok(HostedRelease {
            version: release.version,
            published: release.published,
            publisher: release.publisher,
            metadata: serde_json::from_str(&release.metadata)?,
            yanked: release.yanked,
            deprecated: release.deprecated,
            files: files.collect::<Result<_, serde_json::Error>>()?,
        })
    });
    Ok(Hosted { tags: row.tags, owners: row.owners, releases: releases.collect::<Result<_, serde_json::Error>>()? })
}

/// The same of one file.
pub(super) fn hosted_file(file: weir_store::hosted::HostedFile) -> Result<HostedFile, serde_json::Error> {
    Ok(HostedFile {
        file: file.file,
        sha256: file.sha256,
        digests: serde_json::from_str::<StatedDigests>(&file.digests)?,
        size: file.size,
        published: file.published,
        metadata: serde_json::from_str(&file.metadata)?,
        provenance: file.provenance,
    })
}
