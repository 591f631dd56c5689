//! Documents of a registry's own that clients check by themselves, such as a checksum database's: handed on as they are.

use std::sync::Arc;

use axum::response::Response;
use weir_core::registry::{Relay, Reply};

use super::{Call, Failure, Gateway};
use crate::documents::DocumentError;
use crate::hosted::Hosting;
use crate::phases::Phase;
use crate::respond;

impl Gateway {
    pub(super) async fn relay(self: &Arc<Self>, call: &mut Call<'_>, relay: &Relay) -> Result<Response, Failure> {
        let public = Arc::clone(self.homes.members().last(call.ecosystem).map_err(DocumentError::from)?);
        if let Some(package) = &relay.about {
            package.as_str().clone_into(&mut call.record.package);
            if self.hosting(call.ecosystem, package).await? != Hosting::Elsewhere {
                return Err(Failure::NotFound(format!("`{package}` is hosted here, and nobody is asked about it")));
            }
            let policy = self.policy.load_full();
            for stage in call.stages.iter() {
                let rules = policy.stage(stage).ok_or_else(|| Failure::no_stage(stage))?;
                if let Some(decision) = weir_policy::private_name(rules, call.ecosystem, package) {
                    call.phases.time(Phase::Store, self.record(&decision, call.ecosystem, package)).await?;
                    return Err(Failure::Refused(Box::new(decision)));
                }
            }
            let home = self.homes.known(call.ecosystem, package).await?;
            if home.is_none_or(|member| member.id() != public.id()) {
                return Err(Failure::NotFound(format!(
                    "`{package}` is of another upstream, and nobody is asked about it"
                )));
            }
        }
        let documents = &self.documents;
        let held = match (self.settings.online, relay.lasting) {
            (false, _) => documents.kept(&public, &relay.wanted).await?,
            (true, true) => call.phases.time(Phase::Upstream, documents.lasting(&public, &relay.wanted)).await?,
            (true, false) => call.phases.time(Phase::Upstream, documents.current(&public, &relay.wanted)).await?,
        };
        call.stale.clone_from(&held.stale);
        let body = call.phases.time(Phase::Store, documents.body(&held)).await?.to_vec();
        let content_type = relay.content_type.to_owned();
        Ok(respond::reply(Reply { status: 200, content_type, headers: Vec::new(), body }))
    }
}
