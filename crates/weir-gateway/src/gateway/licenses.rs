//! Which licence does an artifact declare, before its bytes are here?
//!
//! Where an index states no licence and upstream offers an artifact's core metadata beside it (PEP 658), that small document
//! tells it. So a large artifact that the policy refuses for its licence is refused at once, not after it was fetched. What
//! is read is a fact of the package, kept by file; what the bytes declare counts before it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_core::facts::License;
use weir_core::registry::{Artifact, Entry, Expected};
use weir_core::{Digest, Ecosystem, PackageName, Purl};
use weir_store::NewFact;

use super::artifact::MAX_SIBLING;
use super::{Call, Gateway};
use crate::documents::DocumentError;
use crate::members::Member;
use crate::view::View;

/// The kind of fact. Its subject is the package, its source the file.
const KIND: &str = "declared-license";
/// The rule that asks for licences.
const RULE: &str = "license";

/// The fact's value.
#[derive(Serialize, Deserialize)]
struct Value {
    #[serde(flatten)]
    license: License,
    /// Digest of the metadata.
    metadata: Digest,
}

impl Gateway {
    /// What metadata beside the artifacts of a package declares, by file with its digest, as far as it was read.
    pub(super) async fn declared_licenses(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<HashMap<String, (Digest, License)>, DocumentError> {
        let subject = Purl::new(ecosystem, package, None).to_string();
        let facts = self.store.facts_current(&subject).await.map_err(DocumentError::storage)?;
        let licenses = facts.into_iter().filter(|fact| fact.kind == KIND);
        let licenses = licenses.filter_map(|fact| {
            let value: Value = serde_json::from_str(&fact.value).ok()?;
            Some((fact.source, (value.metadata, value.license)))
        });
        Ok(licenses.collect())
    }

    /// Reads the licence of an artifact from the metadata beside it, if a rule of the stage asks for it and nobody knows it.
    /// True if it may be known now. That it cannot be read stops nothing: then the bytes tell.
    pub(super) async fn read_license(
        self: &Arc<Self>,
        call: &Call<'_>,
        view: &View,
        place: (usize, usize),
        artifact: &Artifact,
    ) -> bool {
        let (Some(release), Some((url, Some(stated)))) = (view.known.facts.releases.get(place.0), &artifact.metadata)
        else {
            return false;
        };
        let mut rules = call.stages.iter().filter_map(|stage| view.policy.stage(stage)).flat_map(|stage| stage.rules());
        let is_asked = rules.any(|rule| rule == RULE);
        let is_known = release.license.is_some() || view.known.artifacts.contains_key(&artifact.file);
        if is_known || !is_asked || !self.settings.online {
            return false;
        }
        let package = view.known.facts.package.clone();
        let flight = ((call.ecosystem.id, package.clone()), artifact.file.clone());
        let Ok(member) = view.known.member().cloned() else { return false };
        let (this, ecosystem, version) = (Arc::clone(self), call.ecosystem, release.version.clone());
        let (file, url, stated) = (artifact.file.clone(), url.clone(), *stated);
        let read = || async move {
            if let Err(problem) = this.keep_license(&member, &package, &version, &file, &url, stated).await {
                tracing::debug!(ecosystem = ecosystem.id, file, problem, "metadata tells no licence");
            }
        };
        self.reading.run(flight, read).await.is_ok()
    }

    async fn keep_license(
        self: &Arc<Self>,
        member: &Arc<Member>,
        package: &PackageName,
        version: &str,
        file: &str,
        url: &str,
        stated: Digest,
    ) -> Result<(), String> {
        let (ecosystem, expected) = (member.ecosystem, Expected { package, version });
        let Some(path) = ecosystem.registry.metadata_path(&expected) else { return Ok(()) };
        let bytes = self.documents.immutable(member, url, Some(stated), MAX_SIBLING, true).await;
        let bytes = bytes.map_err(|error| error.to_string())?.to_vec();
        let declared = ecosystem.registry.declared(file, &[Entry { path, bytes }], &expected);
        let (Some((text, place)), []) = (declared.license, declared.findings.as_slice()) else {
            return Err(String::from("it contradicts the index, or has no place for a licence"));
        };
        let value = Value { license: License { text, source: place }, metadata: stated };
        let fact = NewFact {
            subject: Purl::new(ecosystem, package, None).to_string(),
            kind: KIND.to_owned(),
            value: serde_json::to_string(&value).map_err(|error| error.to_string())?,
            source: file.to_owned(),
        };
        let written = self.store.record_facts(&[fact], self.clock.now()).await.map_err(|error| error.to_string())?;
        if written > 0 {
            self.learnt.add(ecosystem.id, package);
        }
        Ok(())
    }
}
