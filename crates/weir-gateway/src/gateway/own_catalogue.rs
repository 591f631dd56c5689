//! The catalogue of a part that has no upstream, and lists what is hosted here.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use weir_core::catalogue::{Catalogue, Fate, Packing};
use weir_core::hosting::Hosting;
use weir_core::registry::{Document, Page};
use weir_core::{Digest, PackageName};

use super::{Call, Failure, Gateway};
use crate::phases::Phase;
use crate::respond;

impl Gateway {
    /// A part's catalogue, from the packages that are hosted in it, without what the stages refuse.
    pub(super) async fn own_catalogue(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        hosting: &'static dyn Hosting,
        part: &str,
        packing: Packing,
    ) -> Result<Response, Failure> {
        part.clone_into(&mut call.record.package);
        let absent = || Failure::NotFound(format!("there is no `{part}` here"));
        let catalogue = call.ecosystem.registry.catalogue().ok_or_else(absent)?;
        if hosting.catalogue(part, &[]).is_none() || packing == Packing::Gzip {
            return Err(absent());
        }
        let packages = self.hosted.packages(&self.store, call.ecosystem).await.map_err(Failure::internal)?;
        let mut shown = Vec::new();
        for package in packages {
            if catalogue.place(&package).is_some_and(|place| place.part == part) {
                shown.extend(self.own_pieces(call, catalogue, hosting, &package).await?);
            }
        }
        let body = hosting.catalogue(part, &shown).ok_or_else(absent)?;
        let tag = Digest::of(&body).short();
        if respond::has_tag(call.headers, &tag) {
            return Ok(respond::whole(StatusCode::NOT_MODIFIED, &format!("\"{tag}\""), Body::empty()));
        }
        let (body, content_type) = match packing {
            Packing::Zstd => (zstd::encode_all(body.as_slice(), 1).map_err(Failure::internal)?, "application/zstd"),
            _ => (body, catalogue.content_type()),
        };
        let length = body.len();
        let body = if call.head { Body::empty() } else { Body::from(Bytes::from(body)) };
        let mut response = respond::whole(StatusCode::OK, &format!("\"{tag}\""), body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Ok(response)
    }

    /// The pieces of a hosted package that these stages show.
    async fn own_pieces(
        self: &Arc<Self>,
        call: &Call<'_>,
        catalogue: &dyn Catalogue,
        hosting: &dyn Hosting,
        package: &PackageName,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let Some((_, hosted)) = self.hosted_package(call.ecosystem, package).await? else { return Ok(Vec::new()) };
        let pieces = hosting.pieces(package, &hosted);
        let view = call.phases.time(Phase::Judge, self.view(&call.stages, call.ecosystem, package)).await;
        let view = match view {
            Ok(view) => view,
            Err(Failure::Refused(_) | Failure::Document(_)) => return Ok(Vec::new()),
            Err(failure) => return Err(failure),
        };
        let mut body = pieces.join(&b'\n');
        body.push(b'\n');
        let url = view.known.held.first().map_or("", |held| held.url.as_str());
        let documents = [Document { url, content_type: "", body: &body }];
        let index = &view.known.index;
        let page = Page { package, documents: &documents, index, releases: view.served(), base: &call.base };
        let given: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let fates = catalogue.fates(&page, &given);
        let shown = pieces.iter().zip(fates).filter_map(|(piece, fate)| match fate {
            Fate::Shown => Some(piece.clone()),
            Fate::Other(bytes) => Some(bytes),
            Fate::Hidden => None,
        });
        Ok(shown.collect())
    }
}
