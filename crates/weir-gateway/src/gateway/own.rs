//! Packages of one's own on their way to the judgement: what an upstream would say of them.

use std::sync::Arc;

use bytes::Bytes;
use weir_core::digest::StatedDigests;
use weir_core::hosting::{Hosted, HostedDocument, HostedFile, HostedRelease};
use weir_core::{Ecosystem, PackageName};
use weir_store::hosted::HostedPackage;

use super::Gateway;
use crate::documents::{DocumentError, Held};
use crate::hosted::Hosting;
use crate::known::Known;

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
        let mut held = Vec::with_capacity(paths.len());
        for (document, path) in documents.into_iter().zip(&paths) {
            let kept = self.documents.host(&member, path, document.content_type, Bytes::from(document.body));
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
}

/// Rows as an ecosystem reads them.
fn hosted(row: HostedPackage) -> Result<Hosted, serde_json::Error> {
    let releases = row.releases.into_iter().map(|release| {
        let files = release.files.into_iter().map(|file| {
            Ok(HostedFile {
                file: file.file,
                sha256: file.sha256,
                digests: serde_json::from_str::<StatedDigests>(&file.digests)?,
                size: file.size,
                published: file.published,
                metadata: serde_json::from_str(&file.metadata)?,
                provenance: file.provenance,
            })
        });
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
