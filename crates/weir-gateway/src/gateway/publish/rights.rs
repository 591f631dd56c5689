//! Who may publish a package, and is its name free for it?

use std::sync::Arc;

use weir_core::{Ecosystem, PackageName};

use super::refused;
use crate::documents::DocumentError;
use crate::gateway::{Failure, Gateway, Principal, truncated};
use crate::homes::Homeless;
use crate::hosted::Hosting;
use crate::rights::{covers, is_of};

impl Gateway {
    /// `Err` unless the token's patterns, or the package's own list of owners, let `principal` change it.
    pub(super) async fn may_publish(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        principal: &Principal,
    ) -> Result<(), Failure> {
        self.may_publish_any(ecosystem, principal)?;
        if covers(&principal.publish, ecosystem, package) {
            return Ok(());
        }
        let row = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        if row.is_some_and(|row| row.owners.contains(&principal.name)) {
            return Ok(());
        }
        Err(Failure::Forbidden(format!(
            "token `{}` may not publish `{package}`: it may publish {}; an administrator runs weir admin token create \
             NAME --publish '{}:{package}'",
            truncated(&principal.name),
            principal.publish.join(", "),
            ecosystem.id
        )))
    }

    /// `Err` if nothing is published yet of a private name that is the principal's to publish. cargo looks first, and takes a
    /// refusal for an error: 404 tells it the way. No upstream is asked either way.
    pub(in crate::gateway) async fn is_published(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        principal: &Principal,
    ) -> Result<(), Failure> {
        if !covers(&principal.publish, ecosystem, package) {
            return Ok(());
        }
        let policy = self.policy.load_full();
        let is_private = policy.stages().any(|stage| weir_policy::private_name(stage, ecosystem, package).is_some());
        let is_ours = is_private && !self.homes.members().is_own(ecosystem, package);
        if is_ours && self.hosting(ecosystem, package).await? == Hosting::Elsewhere {
            return Err(Failure::NotFound(format!("nothing of `{package}` is published yet; it is yours to publish")));
        }
        Ok(())
    }

    pub(super) fn may_publish_any(&self, ecosystem: &'static Ecosystem, principal: &Principal) -> Result<(), Failure> {
        if principal.publish.iter().any(|pattern| is_of(pattern, ecosystem)) {
            return Ok(());
        }
        let who = match principal.name.as_str() {
            "anonymous" => String::from("publishing needs a token"),
            name => format!("token `{}` may not publish {} packages", truncated(name), ecosystem.title),
        };
        Err(Failure::Forbidden(format!(
            "{who}; an administrator runs weir admin token create NAME --publish '{}:PATTERN'",
            ecosystem.id
        )))
    }

    /// `Err` if a package that is published for the first time is somebody else's. A name that is bound to this Weir is
    /// asked of nobody.
    pub(super) async fn may_be_ours(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<(), Failure> {
        match self.hosting(ecosystem, package).await? {
            Hosting::Under(name) => {
                let message =
                    format!("`{package}` is `{name}` in another spelling, which is hosted here; publish it as that");
                return Err(refused(409, message));
            }
            Hosting::Here(_) => return Ok(()),
            Hosting::Elsewhere => {}
        }
        let policy = self.policy.load_full();
        let is_private = policy.stages().any(|stage| weir_policy::private_name(stage, ecosystem, package).is_some());
        if is_private || covers(&self.settings.hosted.names, ecosystem, package) {
            return Ok(());
        }
        let way_out = format!("to make the name yours, set [hosted] names = [\"{}:{package}\"]", ecosystem.id);
        match self.held_at_home(ecosystem, package).await {
            Ok(_) | Err(Homeless::Contested(_)) => {
                Err(refused(403, format!("`{package}` is a package of {}; {way_out}", ecosystem.title)))
            }
            Err(Homeless::Document(DocumentError::Absent { .. } | DocumentError::Nobody(_))) => Ok(()),
            Err(Homeless::Document(error)) => Err(refused(
                503,
                format!("it cannot be told whether {} has `{package}` ({error}); {way_out}", ecosystem.title),
            )),
        }
    }
}
