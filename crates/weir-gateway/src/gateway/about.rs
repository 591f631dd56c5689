//! What is said of one package to whoever asks, where a page shows one version of each and tells no reason.

use std::sync::Arc;

use axum::response::Response;
use weir_core::PackageName;

use super::catalogue::Wanting;
use super::{Call, Failure, Gateway};
use crate::documents::DocumentError;
use crate::hosted::Hosting;
use crate::phases::Phase;
use crate::respond;

impl Gateway {
    pub(super) async fn about(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        let absent = || Failure::NotFound(format!("`{package}` is not listed here"));
        let catalogue = call.ecosystem.registry.catalogue().ok_or_else(absent)?;
        let is_hosted = self.hosting(call.ecosystem, package).await? != Hosting::Elsewhere;
        let view = match (call.day, catalogue.place(package)) {
            (Some(day), Some(place)) if !is_hosted => {
                let (_, member) = self.member_for(call.ecosystem, package, &place.part)?;
                let catalogued = self.catalogues.of_day(&member, &place.part, day).await?;
                let of = Wanting { ecosystem: call.ecosystem, stages: &call.stages, base: &call.base };
                self.view_in(&of, &catalogued, &place.key, package).await?.ok_or_else(absent)?
            }
            _ => {
                let sight = self.sight(&call.stages, call.ecosystem, package, call.phases).await?;
                call.stale = sight.stale;
                sight.view
            }
        };
        call.record.index_state = Some(view.state);
        if view.known.held.is_empty() {
            return Err(self.departed(call, &view, None).await);
        }
        let instead = self.instead(&call.stages, call.ecosystem, package, call.day);
        let instead = match call.phases.time(Phase::Render, instead).await {
            // What upstream lists now cannot be had; what is known of the package can still be told.
            Err(Failure::Document(DocumentError::Upstream(_))) => None,
            instead => instead?,
        };
        let reply = catalogue.about(&view.page(&[], &call.base), instead.as_ref());
        self.remember_named((call.stages.clone(), call.ecosystem.id, package.clone()), &view);
        Ok(respond::reply(reply))
    }
}
