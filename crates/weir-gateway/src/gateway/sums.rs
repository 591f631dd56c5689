//! Checksums in text, for clients that compare them: beside a file, and in headers with its bytes.
//!
//! They are computed from the bytes that Weir holds, once for as long as they are remembered, and never taken from upstream.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderName, HeaderValue};
use weir_core::Digest;
use weir_core::digest::{Checksum, Summing};
use weir_core::registry::Artifact;
use weir_policy::Decision;

use super::artifact::small;
use super::{Call, Failure, Gateway};
use crate::admission::Admitted;
use crate::phases::Phase;
use crate::view::View;

/// Bytes of memory for checksums.
pub(super) const SUMS_BYTES: usize = 4 * 1024 * 1024;
/// What one weighs there, its key and all.
const WEIGHT: usize = 320;

impl Gateway {
    /// An artifact's checksum: it leaves by the decision on the artifact, as its bytes would.
    pub(super) async fn checksum(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &Arc<View>,
        place: (usize, usize),
        artifact: &Artifact,
        kind: Checksum,
        decision: &Decision,
    ) -> Result<Response, Failure> {
        let held = view.known.artifacts.get(&artifact.file);
        let told = match held {
            Some(row) => self.sum(&row.sha256, &[kind]).await?.pop(),
            None => None,
        };
        let (text, decision) = match told {
            Some((_, text)) => (text, Arc::new(decision.clone())),
            None if !self.settings.online => {
                return Err(Failure::NotFound(format!("`{}` is not kept, and Weir works offline", artifact.file)));
            }
            None => {
                let landed = self.fetch(call, view, place, artifact).await?.landed(call.phases).await?;
                let (decision, landed) = self.decide_again(call, &artifact.file, landed).await?;
                let told = self.sum(&landed.digest, &[kind]).await?.pop();
                let gone = || Failure::Internal(format!("the bytes of `{}` are gone", artifact.file));
                (told.ok_or_else(gone)?.1, decision)
            }
        };
        let Some(permit) = decision.permit() else { return Err(Failure::Refused(Box::new((*decision).clone()))) };
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let admitted = Admitted::new(permit, Digest::of(&bytes), bytes.len() as u64);
        Ok(small(call, &admitted, bytes, "text/plain; charset=utf-8"))
    }

    /// Tells a response's checksums in the headers that its ecosystem's clients read. That they cannot be computed stops
    /// nothing: a client then asks for them.
    pub(super) async fn tell_checksums(&self, call: &Call<'_>, digest: &Digest, response: &mut Response) {
        let headers = call.ecosystem.registry.checksum_headers();
        if headers.is_empty() {
            return;
        }
        let kinds: Vec<Checksum> = headers.iter().map(|(_, kind)| *kind).collect();
        let Ok(sums) = call.phases.time(Phase::Store, self.sum(digest, &kinds)).await else { return };
        for (kind, text) in sums {
            let name = headers.iter().find(|(_, of)| *of == kind).map(|(name, _)| HeaderName::from_static(name));
            if let (Some(name), Ok(value)) = (name, HeaderValue::from_str(&text)) {
                response.headers_mut().insert(name, value);
            }
        }
    }

    /// Checksums of stored bytes, in the order of `kinds`; none if the bytes are not there.
    async fn sum(&self, digest: &Digest, kinds: &[Checksum]) -> Result<Vec<(Checksum, Arc<str>)>, Failure> {
        let known = |kind: &Checksum| Some((*kind, self.sums.get(&(*digest, *kind))?));
        if let Some(known) = kinds.iter().map(known).collect::<Option<Vec<_>>>() {
            return Ok(known);
        }
        let Some(size) = self.blobs.size(digest).await.map_err(Failure::internal)? else { return Ok(Vec::new()) };
        let stream = self.blobs.stream_of(digest, size, 0..size).await.map_err(Failure::internal)?;
        let Some(mut stream) = stream else { return Ok(Vec::new()) };
        let mut summing = Summing::new(kinds);
        while let Some(chunk) = stream.next().await {
            summing.update(&chunk.map_err(Failure::internal)?);
        }
        let sums = summing.finish().into_iter().map(|(kind, text)| (kind, Arc::<str>::from(text)));
        let sums: Vec<_> = sums.collect();
        for (kind, text) in &sums {
            self.sums.insert((*digest, *kind), Arc::clone(text), WEIGHT);
        }
        Ok(sums)
    }
}
