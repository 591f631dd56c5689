//! What would be said to a publication, before its bytes are sent?

use std::sync::Arc;

use weir_core::hosting::Identity;
use weir_core::{Digest, Ecosystem, PackageName};
use weir_inspect::preflight::Note;

use super::{is_file_name, release_of};
use crate::gateway::{Failure, Gateway, Principal};

/// What a publication would meet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prospect {
    /// Why it would be refused, the first reason; `None` if it would not, as far as its name and version tell.
    pub refused: Option<String>,
    /// These bytes are published already, and sending them again changes nothing.
    pub published: bool,
    /// What one would rather know of its name.
    pub notes: Vec<Note>,
    /// Codes of notes for which nothing is published here.
    pub refuse: Vec<String>,
}

impl Gateway {
    /// What this token would be told if it published a file of these bytes as `identity`. Changes nothing.
    pub async fn prospect(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        identity: &Identity,
        sha256: Option<Digest>,
        principal: &Principal,
    ) -> Result<Prospect, Failure> {
        let mut prospect = Prospect {
            refused: None,
            published: false,
            notes: self.lookalike_note(ecosystem, &identity.package).into_iter().collect(),
            refuse: self.settings.hosted.refuse.clone(),
        };
        match self.would_be_taken(ecosystem, identity, sha256, principal).await {
            Ok(published) => prospect.published = published,
            Err(Failure::Forbidden(message) | Failure::NotWritten { message, .. }) => prospect.refused = Some(message),
            Err(failure) => return Err(failure),
        }
        Ok(prospect)
    }

    /// True if it is there already.
    async fn would_be_taken(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        identity: &Identity,
        sha256: Option<Digest>,
        principal: &Principal,
    ) -> Result<bool, Failure> {
        let package = &identity.package;
        if ecosystem.registry.hosting().is_none() {
            return Err(super::refused(405, format!("{} packages are not hosted here", ecosystem.title)));
        }
        self.may_publish(ecosystem, package, principal).await?;
        if ecosystem.versions.sort_key(&identity.version).is_err() || !is_file_name(&identity.file) {
            return Err(super::refused(400, "its version or its file name is none that is taken here"));
        }
        let known = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        let Some(known) = known else {
            self.may_be_ours(ecosystem, package).await?;
            return Ok(false);
        };
        let mut files = known.releases.iter().flat_map(|release| &release.files);
        if let Some(file) = files.find(|file| file.file == identity.file) {
            return match sha256 == Some(file.sha256) {
                true => Ok(true),
                false => Err(super::exists(ecosystem, identity)),
            };
        }
        release_of(ecosystem, identity, Some(&known)).map(|_| false)
    }

    /// What one would rather know of a package's name.
    pub(super) fn lookalike_note(&self, ecosystem: &'static Ecosystem, package: &PackageName) -> Option<Note> {
        let like = self.well_known.load().of(ecosystem)?.lookalike(package.as_str())?;
        let text = format!("`{package}` could be mistaken for the well-known `{}`", like.name);
        Some(Note { code: "lookalike", text })
    }
}
