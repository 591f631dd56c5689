//! Which packages does a name mean that does not say where they are?

use std::sync::Arc;

use weir_core::catalogue::Place;
use weir_core::{Ecosystem, PackageName};

use super::{Failure, Gateway};
use crate::documents::DocumentError;
use crate::hosted::Hosting;
use crate::judged::Stages;
use crate::members::Member;

/// Catalogues of an upstream that are fetched to find out where a package is listed whose name does not say; those that are
/// kept are looked into besides.
pub const MAX_FETCHED: usize = 4;

impl Gateway {
    /// The packages that a name means that is not whole, in the order of the upstreams. Kept catalogues tell; where none of
    /// an upstream lists it, and none of those before did, further ones are fetched, likeliest first, until one has it.
    /// `None` if the name is whole, or not to be asked for.
    pub(crate) async fn meant(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<Vec<PackageName>>, Failure> {
        let Some(catalogue) = ecosystem.registry.catalogue() else { return Ok(None) };
        let members = self.homes.members().of(ecosystem);
        let policy = self.policy.load_full();
        let is_private = |name: &PackageName| {
            let mut rules = stages.iter().filter_map(|stage| policy.stage(stage));
            rules.any(|rules| weir_policy::private_name(rules, ecosystem, name).is_some())
        };
        let upstreams: Vec<&str> = members.iter().map(|member| &*member.name).collect();
        if ecosystem.registry.meant(package, &upstreams).is_empty() {
            return Ok(None);
        }
        let names = ecosystem.names;
        let mut found = Vec::new();
        let mut trouble = None;
        if ecosystem.registry.hosting().is_some_and(|hosting| hosting.is_apart()) {
            let hosted = self.hosted.packages(&self.store, ecosystem).await.map_err(Failure::internal)?;
            let asked = names.fold(package);
            found.extend(hosted.into_iter().filter(|name| names.shorter(&names.fold(name)).contains(&asked)));
        }
        if is_private(package) {
            // Nobody else is asked for it.
            return Ok((!found.is_empty()).then_some(found));
        }
        for member in members {
            let mut unknown = Vec::new();
            for name in ecosystem.registry.meant(package, &[&member.name]) {
                let Some(place) = catalogue.place(&name) else { continue };
                if matches!(self.hosting(ecosystem, &name).await?, Hosting::Here(_)) {
                    found.push(name);
                } else if !is_private(&name) {
                    match self.lists(member, &place, false).await {
                        Ok(true) => found.push(name),
                        Ok(false) => {}
                        Err(_) => unknown.push((name, place)),
                    }
                }
            }
            if !found.is_empty() || !self.settings.online {
                continue;
            }
            for (name, place) in unknown.into_iter().take(MAX_FETCHED) {
                match self.lists(member, &place, true).await {
                    Ok(true) => {
                        found.push(name);
                        break;
                    }
                    Ok(false) | Err(DocumentError::Absent { .. }) => {}
                    Err(error) => trouble = Some(error),
                }
            }
        }
        match trouble.filter(|_| found.is_empty()) {
            Some(error) => Err(error.into()),
            None => Ok(Some(found)),
        }
    }

    async fn lists(&self, member: &Arc<Member>, place: &Place, online: bool) -> Result<bool, DocumentError> {
        let catalogue = self.catalogues.current(member, &place.part, online).await?;
        Ok(catalogue.slice(&place.key).is_some())
    }
}
