//! What is changed of a hosted package without a file: withdrawn, deprecated, tagged, owned.

use std::sync::Arc;

use weir_core::hosting::Change;
use weir_core::{Ecosystem, PackageName};
use weir_store::hosted::{Changed, HostedChange};

use super::refused;
use crate::gateway::{Failure, Gateway, Principal};

/// Longest reason for which a release is withdrawn, in bytes.
pub const MAX_REASON: usize = 1000;

impl Gateway {
    /// Withdraws a release with a reason, which may be empty, or restores it: for every ecosystem, also where its clients
    /// have no word for it. Doing it again changes nothing.
    pub async fn withdraw(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        version: &str,
        reason: Option<String>,
        principal: &Principal,
    ) -> Result<(), Failure> {
        self.may_publish(ecosystem, package, principal).await?;
        if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
            return Err(refused(400, format!("the reason is longer than {MAX_REASON} bytes")));
        }
        let known = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        let known = known.ok_or_else(|| refused(404, format!("`{package}` is not hosted here")))?;
        let canonical = ecosystem.versions.canonical(version);
        let mut releases = known.releases.into_iter();
        let release = releases.find(|release| ecosystem.versions.canonical(&release.version) == canonical);
        let release = release.ok_or_else(|| refused(404, format!("`{package}` has no release `{version}` here")))?;
        if release.yanked == reason {
            return Ok(());
        }
        let change = Change::Yank { package: package.clone(), version: release.version, reason };
        self.change(ecosystem, &change, principal).await.map(drop)
    }

    /// A change that brings no file.
    pub(super) async fn change(
        &self,
        ecosystem: &'static Ecosystem,
        change: &Change,
        principal: &Principal,
    ) -> Result<Vec<String>, Failure> {
        let (package, wanted) = match change.clone() {
            Change::Publish(_) | Change::Confirm { .. } | Change::Release { .. } | Change::Nothing { .. } => {
                return Err(Failure::internal("files are published otherwise"));
            }
            Change::Yank { package, version, reason } => (package, HostedChange::Yank(version, reason)),
            Change::Deprecate { package, messages } => (package, HostedChange::Deprecate(messages)),
            Change::Tag { package, tag, version } => (package, HostedChange::Tag(tag, version)),
            Change::Owners { package, add: true, names } => (package, HostedChange::AddOwners(names)),
            Change::Owners { package, add: false, names } => (package, HostedChange::RemoveOwners(names)),
        };
        let now = self.clock.now();
        let changing = self.store.change_hosted(ecosystem.id, package.as_str(), &wanted, &principal.name, now);
        match changing.await.map_err(Failure::internal)? {
            Changed::Done(_) => {
                self.hosted.look(&self.store).await.map_err(Failure::internal)?;
                Ok(Vec::new())
            }
            Changed::Absent => Err(refused(404, format!("nothing of `{package}` that is hosted here has that name"))),
            Changed::Full => Err(refused(403, format!("`{package}` has as many of them as it may have"))),
        }
    }
}
