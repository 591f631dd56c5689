//! An artifact's way out: decided, fetched, decided again with what its bytes tell, sent.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use weir_core::registry::{Artifact, Part, Which};
use weir_core::{Digest, PackageName, Purl};
use weir_policy::{Decision, Outcome};
use weir_store::NewFact;

use super::files::names_release;
use super::follow::Follower;
use super::ready::What;
use super::{Call, Failure, Gateway, find, truncated};
use crate::account::Late;
use crate::admission::{Admitted, Leading};
use crate::members::Member;
use crate::phases::{Phase, Phases};
use crate::respond::{self, Asked};
use crate::served;
use crate::transfer::{Landed, Order, Transfer};
use crate::view::{NOT_LOOKED, View};

/// Largest core metadata or attestation document, in bytes.
pub(super) const MAX_SIBLING: u64 = 16 * 1024 * 1024;
/// Most times that an artifact is fetched again for one request because its bytes went before they were opened.
const MAX_FETCHES: u32 = 3;

impl Gateway {
    pub(super) async fn artifact(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        which: &Which,
        part: Part,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        let sight = match self.release_of(call, package, which) {
            Some(version) => {
                self.sight_of_release(&call.stages, call.ecosystem, package, &version, call.phases).await?
            }
            None => {
                let has = |view: &View| find(&view.known, which, part).is_ok() || names_release(&view.known, which);
                self.sight_of(&call.stages, call.ecosystem, package, has, call.phases).await?
            }
        };
        let sight = self.with_file(call, sight, which, part).await?;
        call.stale = sight.stale;
        call.upstream = self.told_upstream(&sight.view);
        let view = sight.view;
        let place = match find(&view.known, which, part) {
            Ok(place) => place,
            Err(Failure::NotFound(_)) => {
                let version = match which {
                    Which::Version(version) => Some(version.clone()),
                    Which::FileOf { version, .. } => Some(version.clone()),
                    Which::File(file) => call.ecosystem.registry.claimed_version(package, file),
                };
                return Err(self.departed(call, &view, Some(version.as_deref().unwrap_or_default())).await);
            }
            Err(failure) => return Err(failure),
        };
        let release = &view.known.index.releases[place.0];
        let artifact = release.artifacts[place.1].clone();
        call.record.version = Some(release.version.clone());
        call.record.file = Some(artifact.file.clone());
        let is_read = tells_of_bytes(part)
            && call.phases.time(Phase::Upstream, self.read_license(call, &view, place, &artifact)).await;
        let (view, place) = match is_read {
            true => {
                let view = self.seen_by(call, package).await?;
                let place = find(&view.known, &Which::File(artifact.file.clone()), part)?;
                (view, place)
            }
            false => (view, place),
        };
        let ahead = self.fetch_ahead(call, &view, place, &artifact, part).await;
        let decision = match self.decide(call, &view, place).await {
            Ok(decision) => decision,
            Err(Failure::Refused(decision)) if tells_of_bytes(part) && only_looking_is_missing(&decision) => {
                return self.looked_into(call, &view, place, artifact, part, *decision).await;
            }
            Err(failure) => return Err(failure),
        };
        match part {
            Part::Whole => {
                let stored = view.known.artifacts.get(&artifact.file).map(|row| (row.sha256, row.size));
                let response = self.whole(call, &view, place, artifact, &decision, ahead).await?;
                if let Some((digest, size)) = stored.filter(|(digest, size)| self.hot.get(digest, *size).is_some()) {
                    self.may_repeat(call, &view, What::Artifact(decision, digest, size));
                }
                Ok(response)
            }
            _ => self.beside(call, &view, place, &artifact, part, &decision).await,
        }
    }

    /// Everything of an artifact but its bytes.
    async fn beside(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &Arc<View>,
        place: (usize, usize),
        artifact: &Artifact,
        part: Part,
        decision: &Decision,
    ) -> Result<Response, Failure> {
        match part {
            Part::Checksum(kind) => self.checksum(call, view, place, artifact, kind, decision).await,
            _ => self.sibling(call, view, artifact, part, decision).await,
        }
    }

    /// Answers for an artifact that is refused only because nobody has looked into it: it is fetched and looked into, and
    /// what is found decides. Not a byte leaves before.
    async fn looked_into(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &Arc<View>,
        place: (usize, usize),
        artifact: Artifact,
        part: Part,
        refusal: Decision,
    ) -> Result<Response, Failure> {
        if !self.settings.online || view.known.artifacts.contains_key(&artifact.file) {
            return Err(Failure::Refused(Box::new(refusal)));
        }
        let transfer = self.fetch(call, view, place, &artifact).await?;
        if part == Part::Whole {
            return match self.landed(call, &artifact, &transfer).await? {
                Some(response) => Ok(response),
                None => self.fetched(call, view, place, &artifact).await,
            };
        }
        transfer.landed(call.phases).await?;
        let package = view.known.facts.package.clone();
        let view = self.seen_by(call, &package).await?;
        let place = find(&view.known, &Which::File(artifact.file.clone()), part)?;
        let decision = self.decide(call, &view, place).await?;
        self.beside(call, &view, place, &artifact, part, &decision).await
    }

    /// Why there is nothing to serve: the refusal of a release that upstream no longer lists and advisories name, or that
    /// there is no such thing. Without a version, of the newest such release.
    pub(super) async fn departed(self: &Arc<Self>, call: &mut Call<'_>, view: &View, version: Option<&str>) -> Failure {
        let package = &view.known.facts.package;
        let release = match version {
            Some(version) => view.known.departed(version),
            None => view.known.index.releases.len().checked_sub(1),
        };
        let decision = release.and_then(|release| view.release_decision(release));
        let Some(decision) = decision.filter(|decision| decision.permit().is_none()) else {
            let asked = version.filter(|version| !version.is_empty()).map(truncated);
            let asked = asked.map_or_else(|| String::from("such file"), |version| format!("such file of {version}"));
            return Failure::NotFound(format!("upstream's index of `{package}` has no {asked}"));
        };
        // The record's own spelling: a client's text makes no row longer.
        let known = release.and_then(|release| view.known.index.releases.get(release));
        call.record.version = known.map(|release| release.version.clone());
        if let Err(failure) = call.phases.time(Phase::Store, self.record(&decision, call.ecosystem, package)).await {
            return failure;
        }
        call.record.decision = Some(decision.id.clone());
        Failure::Refused(Box::new(match release {
            Some(release) => view.told(decision, release),
            None => decision,
        }))
    }

    /// The package as the stage sees it now, for a request that has looked before.
    async fn seen_by(self: &Arc<Self>, call: &Call<'_>, package: &PackageName) -> Result<Arc<View>, Failure> {
        self.sight(&call.stages, call.ecosystem, package, call.phases).await.map(|sight| sight.view)
    }

    /// The decision on one artifact, on record, or its refusal.
    pub(super) async fn decide(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &View,
        (release, artifact): (usize, usize),
    ) -> Result<Arc<Decision>, Failure> {
        let decision = view.decided(release, artifact).ok_or_else(|| Failure::no_stage(call.stages.address()))?;
        let package = &view.known.facts.package;
        let is_first = !self.is_recorded(&decision);
        call.phases.time(Phase::Store, self.record(&decision, call.ecosystem, package)).await?;
        if is_first && served::is_news(&view.known, release, &decision) {
            self.learnt.add(call.ecosystem.id, package);
        }
        call.record.decision = Some(decision.id.clone());
        if decision.permit().is_none() {
            return Err(Failure::Refused(Box::new(view.told((*decision).clone(), release))));
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
        ahead: Option<Transfer>,
    ) -> Result<Response, Failure> {
        if let Some(row) = view.known.artifacts.get(&artifact.file)
            && let Some(response) = self.stored(call, decision, row.sha256, row.size, &artifact.file).await?
        {
            return Ok(response);
        }
        if !self.settings.online {
            return Err(Failure::NotFound(format!("`{}` is not kept, and Weir works offline", artifact.file)));
        }
        let transfer = match ahead {
            Some(transfer) => transfer,
            None => self.fetch(call, view, place, &artifact).await?,
        };
        let total = call.phases.time(Phase::Upstream, transfer.total()).await?;
        let tag = stated_tag(&artifact).unwrap_or_default();
        let asked = total.map(|total| (total, respond::asked(call.headers, call.head, total, &tag)));
        let response = match asked {
            Some((total, Asked::Whole)) if total > self.settings.stream_above => {
                self.following(call, &artifact, transfer, total, decision).await?
            }
            // Small, of unknown length, or asked for in part: the whole is fetched, inspected and decided first.
            _ => self.landed(call, &artifact, &transfer).await?,
        };
        match response {
            Some(response) => Ok(response),
            None => self.fetched(call, view, place, &artifact).await,
        }
    }

    /// Fetches and sends what was stored a moment ago and is not any more: another replica has evicted it.
    async fn fetched(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        view: &Arc<View>,
        place: (usize, usize),
        artifact: &Artifact,
    ) -> Result<Response, Failure> {
        for _ in 0..MAX_FETCHES {
            let transfer = self.fetch(call, view, place, artifact).await?;
            if let Some(response) = self.landed(call, artifact, &transfer).await? {
                return Ok(response);
            }
        }
        Err(Failure::Internal(format!("the bytes of `{}` vanish whenever they are stored", artifact.file)))
    }

    /// Starts to fetch an artifact that is allowed and was never held, while its decision is being put on record: not a
    /// byte leaves before it is. What goes wrong is told by whoever waits for the transfer, or starts it again.
    async fn fetch_ahead(
        self: &Arc<Self>,
        call: &Call<'_>,
        view: &View,
        place: (usize, usize),
        artifact: &Artifact,
        part: Part,
    ) -> Option<Transfer> {
        let is_new = part == Part::Whole && self.settings.online && !view.known.artifacts.contains_key(&artifact.file);
        if !is_new {
            return None;
        }
        view.decided(place.0, place.1)?.permit()?;
        self.fetch(call, view, place, artifact).await.ok()
    }

    /// Starts fetching an artifact, or joins who does.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        call: &Call<'_>,
        view: &View,
        place: (usize, usize),
        artifact: &Artifact,
    ) -> Result<Transfer, Failure> {
        self.fetch_for(call.phases, view, place, artifact, None).await
    }

    /// The same for whoever has no request to answer, and perhaps no hurry: `pace` is in bytes a second.
    pub(super) async fn fetch_for(
        self: &Arc<Self>,
        phases: &Phases,
        view: &View,
        place: (usize, usize),
        artifact: &Artifact,
        pace: Option<u64>,
    ) -> Result<Transfer, Failure> {
        if view.known.facts.hosted {
            // It is stored before it is told of; nobody else has it.
            return Err(Failure::Internal(format!("the bytes of the hosted file `{}` are lost", artifact.file)));
        }
        let version = view.known.index.releases[place.0].version.clone();
        let told = view.known.told.get(&version);
        let held: Vec<_> = view.known.held.iter().chain(told.into_iter().flatten()).cloned().collect();
        let bodies = phases.time(Phase::Store, self.bodies(&held)).await?;
        let documents = crate::known::documents(&held, &bodies);
        let ecosystem = view.known.facts.ecosystem;
        let said = ecosystem.registry.said(&documents, &view.known.index, &version);
        let package = view.known.facts.package.clone();
        let member = Arc::clone(view.known.member()?);
        let purl = Purl::new(ecosystem, &package, Some(&version)).to_string();
        let order = Order {
            member: Arc::clone(&member),
            package,
            version,
            artifact: artifact.clone(),
            said,
            documents: bodies,
            pace,
        };
        let transfer = self.transfers.join(order)?;
        self.remember_attestations(member, purl, artifact, &transfer);
        Ok(transfer)
    }

    /// Keeps what attests to an artifact, as bytes by digest: upstream may not have it any more when it is asked for.
    /// Nobody waits for it, and that it cannot be had stops nothing.
    fn remember_attestations(
        self: &Arc<Self>,
        member: Arc<Member>,
        purl: String,
        artifact: &Artifact,
        transfer: &Transfer,
    ) {
        let Some(url) = artifact.provenance.clone() else { return };
        let (this, transfer, file) = (Arc::clone(self), transfer.clone(), artifact.file.clone());
        tokio::spawn(async move {
            if transfer.end().await.is_err() {
                return;
            }
            let kept = match this.documents.immutable(&member, &url, None, MAX_SIBLING, true).await {
                Ok(bytes) => {
                    let value = serde_json::json!({ "file": file, "url": url, "sha256": Digest::of(&bytes) });
                    let fact = NewFact {
                        subject: purl,
                        kind: String::from("attestation"),
                        value: value.to_string(),
                        source: url,
                    };
                    this.store
                        .record_facts(&[fact], this.clock.now())
                        .await
                        .map(drop)
                        .map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = kept {
                tracing::warn!(ecosystem = member.ecosystem.id, upstream = %member.name, file, error, "what attests to an artifact cannot be kept");
            }
        });
    }

    /// Waits for the whole, and sends what the decision on it lets out.
    async fn landed(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        artifact: &Artifact,
        transfer: &Transfer,
    ) -> Result<Option<Response>, Failure> {
        let landed = transfer.landed(call.phases).await?;
        let (decision, landed) = self.decide_again(call, &artifact.file, landed).await?;
        self.stored(call, &decision, landed.digest, landed.size, &artifact.file).await
    }

    /// Decides with what the bytes told.
    pub(super) async fn decide_again(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        file: &str,
        landed: Landed,
    ) -> Result<(Arc<Decision>, Landed), Failure> {
        let package = PackageName::from_normalized(&call.record.package);
        let view = self.seen_by(call, &package).await?;
        let place = find(&view.known, &Which::File(file.to_owned()), Part::Whole)?;
        Ok((self.decide(call, &view, place).await?, landed))
    }

    /// Sends stored bytes; `None` if they are not there.
    async fn stored(
        &self,
        call: &mut Call<'_>,
        decision: &Decision,
        digest: Digest,
        size: u64,
        file: &str,
    ) -> Result<Option<Response>, Failure> {
        let Some(permit) = decision.permit() else { return Err(Failure::Refused(Box::new(decision.clone()))) };
        let admitted = Admitted::new(permit, digest, size);
        let tag = admitted.digest().to_string();
        let asked = respond::asked(call.headers, call.head, size, &tag);
        let range = match &asked {
            Asked::Whole => 0..size,
            Asked::Part(range) => range.clone(),
            Asked::Nothing | Asked::Unchanged => 0..0,
        };
        let is_empty = call.head || range.is_empty();
        let opened = async {
            match is_empty {
                true if self.hot.get(admitted.digest(), size).is_some() => Ok(Some(Body::empty())),
                true => {
                    let size = self.blobs.size(admitted.digest()).await.map_err(Failure::internal)?;
                    Ok((size == Some(admitted.size())).then(Body::empty))
                }
                false => self.send(&admitted, range).await,
            }
        };
        let Some(body) = call.phases.time(Phase::Store, opened).await? else { return Ok(None) };
        call.record.artifact = Some(digest);
        let mut response = respond::artifact(&asked, size, Some(&tag), content_type(file), admitted.decision(), body);
        self.tell_checksums(call, &digest, &mut response).await;
        Ok(Some(response))
    }

    /// The only way from a blob to a client; `None` if the blob is not there.
    async fn send(&self, admitted: &Admitted, range: std::ops::Range<u64>) -> Result<Option<Body>, Failure> {
        let (digest, size) = (*admitted.digest(), admitted.size());
        if let Some(bytes) = self.hot.get(&digest, size) {
            return Ok(Some(Body::from(slice(&bytes, &range))));
        }
        if range == (0..size) && self.hot.wants(&digest, size) {
            if self.blobs.size(&digest).await.map_err(Failure::internal)? != Some(size) {
                return Ok(None);
            }
            let bytes = self.blobs.get(&digest).await.map_err(Failure::internal)?;
            return Ok(bytes.map(|bytes| {
                self.hot.keep(digest, bytes.clone());
                Body::from(bytes)
            }));
        }
        let stream =
            self.blobs.stream_of(admitted.digest(), admitted.size(), range).await.map_err(Failure::internal)?;
        Ok(stream.map(Body::from_stream))
    }

    /// Sends a large artifact while it arrives, its tail only once it is stored and decided again.
    async fn following(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        artifact: &Artifact,
        transfer: Transfer,
        total: u64,
        decision: &Decision,
    ) -> Result<Option<Response>, Failure> {
        let Some(permit) = decision.permit() else { return Err(Failure::Refused(Box::new(decision.clone()))) };
        let (tag, content_type) = (stated_tag(artifact), content_type(&artifact.file));
        let head = |body| respond::artifact(&Asked::Whole, total, tag.as_deref(), content_type, &decision.id, body);
        if call.head {
            return Ok(Some(head(Body::empty())));
        }
        // If it cannot be opened, the transfer ended between two looks: the bytes are where stored bytes are.
        let Ok(spool) = tokio::fs::File::open(&transfer.path).await else {
            return self.landed(call, artifact, &transfer).await;
        };
        let late = Arc::new(Late::default());
        let follower = Follower {
            gateway: Arc::clone(self),
            stages: call.stages.clone(),
            ecosystem: call.ecosystem,
            package: PackageName::from_normalized(&call.record.package),
            file: artifact.file.clone(),
            transfer,
            spool: Arc::new(spool.into_std().await),
            sent: 0,
            total,
            leading: Leading::new(permit),
            admitted: None,
            late: Arc::clone(&late),
        };
        let mut response = head(Body::from_stream(follower.stream()));
        response.extensions_mut().insert(late);
        Ok(Some(response))
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
        let online = self.settings.online && !view.known.facts.hosted;
        let document = async |url, stated| {
            let document = self.documents.immutable(view.known.member()?, url, stated, MAX_SIBLING, online);
            call.phases.time(Phase::Upstream, document).await
        };
        let bytes = match part {
            Part::Provenance => document(artifact.provenance.as_deref().ok_or_else(absent)?, None).await?,
            Part::Beside(ending) => document(&format!("{}.{ending}", artifact.url), None).await?,
            Part::Metadata | Part::Whole | Part::Checksum(_) => {
                match (&artifact.metadata, view.known.artifacts.get(&artifact.file)) {
                    (Some((url, digest)), _) => document(url, *digest).await?,
                    (None, Some(row)) => {
                        let digest = row.metadata.ok_or_else(absent)?;
                        let blob = call.phases.time(Phase::Store, self.blobs.get(&digest)).await;
                        blob.map_err(Failure::internal)?.ok_or_else(absent)?
                    }
                    (None, None) => return Err(absent()),
                }
            }
        };
        let content_type = match part {
            Part::Provenance | Part::Beside("sigstore.json") => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        Ok(small(call, &Admitted::new(permit, Digest::of(&bytes), bytes.len() as u64), bytes, content_type))
    }
}

/// A small document that is in memory, on its way out.
pub(super) fn small(call: &Call<'_>, admitted: &Admitted, bytes: Bytes, content_type: &str) -> Response {
    let tag = admitted.digest().to_string();
    let asked = respond::asked(call.headers, call.head, admitted.size(), &tag);
    let body = match &asked {
        _ if call.head => Bytes::new(),
        Asked::Whole => bytes,
        Asked::Part(range) => slice(&bytes, range),
        Asked::Nothing | Asked::Unchanged => Bytes::new(),
    };
    respond::artifact(&asked, admitted.size(), Some(&tag), content_type, admitted.decision(), Body::from(body))
}

/// True for what is only to be had of bytes that are looked into: not for what others say of them.
const fn tells_of_bytes(part: Part) -> bool {
    !matches!(part, Part::Provenance | Part::Beside(_))
}

fn slice(bytes: &Bytes, range: &std::ops::Range<u64>) -> Bytes {
    let at = |position: u64| usize::try_from(position).unwrap_or(bytes.len()).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// True if nothing speaks against an artifact but that nobody has looked into it yet.
pub(crate) fn only_looking_is_missing(decision: &Decision) -> bool {
    let mut against = decision.reasons.iter().filter(|reason| reason.counted() > Outcome::Warn).peekable();
    against.peek().is_some() && against.all(|reason| reason.detail.as_deref() == Some(NOT_LOOKED))
}

/// The entity tag of an artifact before its bytes are there: the SHA-256 that its index states.
fn stated_tag(artifact: &Artifact) -> Option<String> {
    artifact.digests.sha256.map(|digest| digest.to_string())
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("whl" | "zip") => "application/zip",
        Some("jar" | "war" | "ear" | "aar") => "application/java-archive",
        Some("pom" | "xml") => "text/xml",
        Some("gz" | "tgz" | "crate") => "application/gzip",
        _ => "application/octet-stream",
    }
}
