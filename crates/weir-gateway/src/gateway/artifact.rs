//! An artifact's way out: decided, fetched, decided again with what its bytes tell, sent.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use weir_core::registry::{Artifact, Part, Which};
use weir_core::{Digest, PackageName};
use weir_policy::Decision;

use super::{Call, Failure, Gateway, find};
use crate::admission::Admitted;
use crate::respond::{self, Asked};
use crate::transfer::{Landed, Order, Transfer, TransferError};
use crate::view::View;

/// Bytes read from a spool file at once.
const CHUNK: usize = 128 * 1024;
/// Largest core metadata or attestation document, in bytes.
const MAX_SIBLING: u64 = 16 * 1024 * 1024;

impl Gateway {
    pub(super) async fn artifact(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        which: &Which,
        part: Part,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        let view = self.view(call.stage, call.ecosystem, package).await?;
        let place = find(&view.known, which, part)?;
        let release = &view.known.index.releases[place.0];
        let artifact = release.artifacts[place.1].clone();
        call.record.version = Some(release.version.clone());
        call.record.file = Some(artifact.file.clone());
        let decision = self.decide(call, &view, place).await?;
        match part {
            Part::Whole => self.whole(call, &view, place, artifact, &decision).await,
            Part::Metadata | Part::Provenance => self.sibling(call, &view, &artifact, part, &decision).await,
        }
    }

    /// The decision on one artifact, on record, or its refusal.
    async fn decide(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &View,
        (release, artifact): (usize, usize),
    ) -> Result<Decision, Failure> {
        let decision = view.decision(release, Some(artifact)).ok_or_else(|| Failure::NoStage(call.stage.to_owned()))?;
        self.record(&decision, call.ecosystem, &view.known.facts.package).await?;
        call.record.decision = Some(decision.id.clone());
        if decision.permit().is_none() {
            return Err(Failure::Refused(Box::new(decision)));
        }
        Ok(decision)
    }

    async fn whole(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &Arc<View>,
        place: (usize, usize),
        artifact: Artifact,
        decision: &Decision,
    ) -> Result<Response, Failure> {
        let row = view.known.artifacts.get(&artifact.file);
        if let Some(row) = row
            && self.blobs.size(&row.sha256).await.map_err(Failure::internal)? == Some(row.size)
        {
            call.record.artifact = Some(row.sha256);
            return self.stored(call, decision, row.sha256, row.size, &artifact.file).await;
        }
        if !self.settings.online {
            return Err(Failure::NotFound(format!("`{}` is not kept, and Weir works offline", artifact.file)));
        }
        let bodies = self.bodies(&view.known.held).await?;
        let version = view.known.index.releases[place.0].version.clone();
        let documents = crate::known::documents(&view.known.held, &bodies);
        let said = call.ecosystem.registry.said(&documents, &view.known.index, &version);
        let package = view.known.facts.package.clone();
        let order = Order { ecosystem: call.ecosystem, package, version, artifact: artifact.clone(), said };
        let upstream = self.documents.upstream(call.ecosystem)?;
        self.count_artifact(call.ecosystem);
        let transfer = self.transfers.join(order, upstream)?;
        let total = transfer.total().await?;
        let asked = total.map(|total| respond::asked(call.headers, total, &tag(&artifact, None)));
        match (total, asked) {
            (Some(total), Some(Asked::Whole)) if call.head => Ok(respond::artifact(
                &Asked::Whole,
                total,
                stated_tag(&artifact).as_deref(),
                content_type(&artifact.file),
                &decision.id,
                Body::empty(),
            )),
            (Some(total), Some(Asked::Whole)) if total > self.settings.stream_above => {
                self.following(call, &artifact, transfer, total, decision).await
            }
            // Small, of unknown length, or asked for in part: the whole is fetched, inspected and decided first.
            _ => {
                let landed = transfer.end().await?;
                let (decision, landed) = self.decide_again(call, &artifact.file, landed).await?;
                call.record.artifact = Some(landed.digest);
                self.stored(call, &decision, landed.digest, landed.size, &artifact.file).await
            }
        }
    }

    /// Decides with what the bytes told.
    async fn decide_again(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        file: &str,
        landed: Landed,
    ) -> Result<(Decision, Landed), Failure> {
        let package = PackageName::from_normalized(&call.record.package);
        let view = self.view(call.stage, call.ecosystem, &package).await?;
        let place = find(&view.known, &Which::File(file.to_owned()), Part::Whole)?;
        Ok((self.decide(call, &view, place).await?, landed))
    }

    /// Sends stored bytes.
    async fn stored(
        &self,
        call: &Call<'_>,
        decision: &Decision,
        digest: Digest,
        size: u64,
        file: &str,
    ) -> Result<Response, Failure> {
        let Some(permit) = decision.permit() else { return Err(Failure::Refused(Box::new(decision.clone()))) };
        let admitted = Admitted::new(permit, digest, size);
        let tag = admitted.digest().to_string();
        let asked = respond::asked(call.headers, size, &tag);
        let range = match &asked {
            Asked::Whole => 0..size,
            Asked::Part(range) => range.clone(),
            Asked::Nothing | Asked::Unchanged => 0..0,
        };
        let body = if call.head || range.is_empty() { Body::empty() } else { self.send(&admitted, range).await? };
        Ok(respond::artifact(&asked, size, Some(&tag), content_type(file), admitted.decision(), body))
    }

    /// The only way from a blob to a client.
    async fn send(&self, admitted: &Admitted, range: std::ops::Range<u64>) -> Result<Body, Failure> {
        let stream = self
            .blobs
            .stream(admitted.digest(), range)
            .await
            .map_err(Failure::internal)?
            .ok_or_else(|| Failure::Internal(format!("the stored artifact {} is missing", admitted.digest())))?;
        Ok(Body::from_stream(stream))
    }

    /// Sends a large artifact while it arrives, its tail only once it is stored and decided again.
    async fn following(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        artifact: &Artifact,
        transfer: Transfer,
        total: u64,
        decision: &Decision,
    ) -> Result<Response, Failure> {
        let spool = match tokio::fs::File::open(&transfer.path).await {
            Ok(spool) => spool,
            // The transfer ended between two looks: the bytes are where stored bytes are.
            Err(_) => {
                let landed = transfer.end().await?;
                let (decision, landed) = self.decide_again(call, &artifact.file, landed).await?;
                return self.stored(call, &decision, landed.digest, landed.size, &artifact.file).await;
            }
        };
        let follower = Follower {
            gateway: Arc::clone(self),
            stage: call.stage.to_owned(),
            ecosystem: call.ecosystem,
            package: PackageName::from_normalized(&call.record.package),
            file: artifact.file.clone(),
            transfer,
            spool,
            sent: 0,
            total,
            admitted: None,
        };
        let body = Body::from_stream(follower.stream());
        let tag = stated_tag(artifact);
        let content_type = content_type(&artifact.file);
        Ok(respond::artifact(&Asked::Whole, total, tag.as_deref(), content_type, &decision.id, body))
    }

    /// Core metadata or attestations: they leave by the decision on the artifact they belong to.
    async fn sibling(
        &self,
        call: &Call<'_>,
        view: &View,
        artifact: &Artifact,
        part: Part,
        decision: &Decision,
    ) -> Result<Response, Failure> {
        let Some(permit) = decision.permit() else { return Err(Failure::Refused(Box::new(decision.clone()))) };
        let absent = || Failure::NotFound(format!("there is no such document for `{}`", artifact.file));
        let bytes = match part {
            Part::Provenance => {
                let url = artifact.provenance.as_deref().ok_or_else(absent)?;
                self.documents.immutable(call.ecosystem, url, None, MAX_SIBLING, self.settings.online).await?
            }
            Part::Metadata | Part::Whole => match (&artifact.metadata, view.known.artifacts.get(&artifact.file)) {
                (Some((url, digest)), _) => {
                    self.documents.immutable(call.ecosystem, url, *digest, MAX_SIBLING, self.settings.online).await?
                }
                (None, Some(row)) => {
                    let digest = row.metadata.ok_or_else(absent)?;
                    self.blobs.get(&digest).await.map_err(Failure::internal)?.ok_or_else(absent)?
                }
                (None, None) => return Err(absent()),
            },
        };
        let admitted = Admitted::new(permit, Digest::of(&bytes), bytes.len() as u64);
        let tag = admitted.digest().to_string();
        let asked = respond::asked(call.headers, admitted.size(), &tag);
        let body = match &asked {
            _ if call.head => Bytes::new(),
            Asked::Whole => bytes,
            Asked::Part(range) => slice(&bytes, range),
            Asked::Nothing | Asked::Unchanged => Bytes::new(),
        };
        let content_type = if part == Part::Provenance { "application/json" } else { "text/plain; charset=utf-8" };
        Ok(respond::artifact(&asked, admitted.size(), Some(&tag), content_type, admitted.decision(), Body::from(body)))
    }
}

fn slice(bytes: &Bytes, range: &std::ops::Range<u64>) -> Bytes {
    let at = |position: u64| usize::try_from(position).unwrap_or(bytes.len()).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// The entity tag of an artifact: its SHA-256.
fn tag(artifact: &Artifact, digest: Option<Digest>) -> String {
    digest.map(|digest| digest.to_string()).or_else(|| stated_tag(artifact)).unwrap_or_default()
}

fn stated_tag(artifact: &Artifact) -> Option<String> {
    artifact.digests.sha256.map(|digest| digest.to_string())
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("whl" | "zip") => "application/zip",
        Some("gz" | "tgz" | "crate") => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// Follows a transfer through its spool file.
struct Follower {
    gateway: Arc<Gateway>,
    stage: String,
    ecosystem: &'static weir_core::Ecosystem,
    package: PackageName,
    file: String,
    transfer: Transfer,
    spool: tokio::fs::File,
    sent: u64,
    total: u64,
    admitted: Option<Admitted>,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
        futures_util::stream::try_unfold(self, |mut follower| async move {
            let chunk = follower.next().await.map_err(|error| {
                // The connection is cut before Content-Length: no client ends up with a complete file.
                std::io::Error::other(error.to_string())
            })?;
            Ok(chunk.map(|chunk| (chunk, follower)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.sent >= self.total {
            return Ok(None);
        }
        let allowed = self.allowed().await?;
        let length = usize::try_from(allowed - self.sent).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; length];
        self.spool.seek(std::io::SeekFrom::Start(self.sent)).await.map_err(Failure::internal)?;
        self.spool.read_exact(&mut chunk).await.map_err(Failure::internal)?;
        self.sent += length as u64;
        Ok(Some(Bytes::from(chunk)))
    }

    /// How many leading bytes may be sent now; waits until it is more than were sent.
    async fn allowed(&mut self) -> Result<u64, Failure> {
        if let Some(admitted) = &self.admitted {
            return Ok(admitted.size());
        }
        let sent = self.sent;
        let mut progress = self.transfer.progress.clone();
        let progress = progress
            .wait_for(|progress| progress.end.is_some() || progress.releasable > sent)
            .await
            .map_err(|_| Failure::Internal(String::from("the transfer was abandoned")))?
            .clone();
        match progress.end {
            None => Ok(progress.releasable),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(landed)) => {
                let admitted = self.admit(landed).await?;
                let size = admitted.size();
                self.admitted = Some(admitted);
                if size != self.total {
                    return Err(TransferError::Mismatch {
                        file: self.file.clone(),
                        problem: format!("{} bytes were announced, {size} arrived", self.total),
                    }
                    .into());
                }
                Ok(size)
            }
        }
    }

    async fn admit(&self, landed: Landed) -> Result<Admitted, Failure> {
        let view = self.gateway.view(&self.stage, self.ecosystem, &self.package).await?;
        let (release, artifact) = find(&view.known, &Which::File(self.file.clone()), Part::Whole)?;
        let decision = view.decision(release, Some(artifact)).ok_or_else(|| Failure::NoStage(self.stage.clone()))?;
        self.gateway.record(&decision, self.ecosystem, &self.package).await?;
        match decision.permit() {
            Some(permit) => Ok(Admitted::new(permit, landed.digest, landed.size)),
            None => {
                tracing::warn!(
                    stage = self.stage,
                    ecosystem = self.ecosystem.id,
                    file = self.file,
                    decision = decision.id,
                    "refused after its bytes were seen; the connection is cut"
                );
                Err(Failure::Refused(Box::new(decision)))
            }
        }
    }
}
