//! Which well-known package could be meant, if not this one?

use std::collections::HashSet;

use weir_core::facts::Lookalike;
use weir_core::registry::Index;
use weir_core::{Ecosystem, PackageName};

use super::Gateway;
use crate::documents::DocumentError;
use crate::known;

impl Gateway {
    /// The well-known package that this one could be mistaken for, unless the indexes of both name an owner that they
    /// share. So few packages are like a well-known one that its index can be asked for.
    pub(super) async fn lookalike(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        index: &Index,
    ) -> Option<Lookalike> {
        let like = self.well_known.load().of(ecosystem)?.lookalike(package.as_str())?;
        let own = owners(index);
        if !own.is_empty()
            && let Ok(name) = ecosystem.names.parse(&like.name)
        {
            match self.index_of(ecosystem, &name).await {
                Ok(other) if !own.is_disjoint(&owners(&other)) => return None,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(ecosystem = ecosystem.id, package = %name, error = %error,
                        "the owners of a well-known package are unknown");
                }
            }
        }
        Some(like)
    }

    async fn index_of(&self, ecosystem: &'static Ecosystem, package: &PackageName) -> Result<Index, DocumentError> {
        let held = self.held_at_home(ecosystem, package).await?;
        let bodies = self.bodies(&held).await?;
        let package = package.clone();
        tokio::task::spawn_blocking(move || known::parse(ecosystem, &package, &held, &bodies))
            .await
            .map_err(DocumentError::storage)?
    }
}

/// The accounts that published any release of a package or could have.
fn owners(index: &Index) -> HashSet<&str> {
    let mut owners = HashSet::new();
    for release in &index.releases {
        owners.extend(release.origin.owners.iter().flat_map(|owners| owners.iter().map(|owner| &**owner)));
    }
    owners
}
