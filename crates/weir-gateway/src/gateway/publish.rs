//! How a package of one's own gets in: taken in whole, read, checked, stored, and only then told of.

use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use weir_blob::{BlobError, Spool};
use weir_core::digest::{Hashed, Hasher};
use weir_core::hosting::{self, Change, Content, Done, Identity, Unreadable, Upload, Write};
use weir_core::registry::Expected;
use weir_core::{Ecosystem, PackageName};
use weir_inspect::Inspected;
use weir_inspect::preflight::{Note, Preflight, Stated};
use weir_store::NewArtifact;
use weir_store::hosted::{HostedPackage, NewHosted, Published};

use super::{Call, Failure, Gateway, Principal, truncated};
use crate::looked;
use crate::phases::Phase;
use crate::respond;

mod change;
mod prospect;
mod rights;

pub use prospect::Prospect;

/// Uploads that are taken in at once; others wait.
pub(super) const AT_ONCE: usize = 4;
/// How long a client may take to send its next bytes.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of a body that are read and thrown away so that its sender hears why it is refused.
const MAX_DRAINED: u64 = 16 * 1024 * 1024;
/// Bytes that are copied at once.
const CHUNK: usize = 256 * 1024;
/// Longest file name, in bytes.
pub const MAX_FILE_NAME: usize = 255;

pub(super) fn refused(status: u16, message: impl Into<String>) -> Failure {
    Failure::NotWritten { status, message: message.into() }
}

/// A failure of one's own storage while something is taken in. A full disk is told as such: the client can do nothing, but
/// its user should know.
fn stored(error: &BlobError) -> Failure {
    match error {
        BlobError::Full { .. } => refused(507, "this Weir's disk is full; nothing was published"),
        error => Failure::internal(error),
    }
}

impl Gateway {
    /// A change of a hosted package.
    pub(super) async fn write(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        write: &Write,
        body: Body,
        principal: &Principal,
    ) -> Result<Response, Failure> {
        let allowed = match &write.package {
            Some(package) => self.may_publish(call.ecosystem, package, principal).await,
            None => self.may_publish_any(call.ecosystem, principal),
        };
        if let Err(failure) = allowed {
            drain(body).await;
            return Err(failure);
        }
        let _turn = self.uploads.acquire().await.map_err(Failure::internal)?;
        let change = self.taken_in(call, write, body).await?;
        let (change, spool) = change;
        let package = change.package().clone();
        call.record.package = package.as_str().to_owned();
        let is_nothing = matches!(change, Change::Nothing { .. });
        if write.package.is_none() && !is_nothing {
            self.may_publish(call.ecosystem, &package, principal).await?;
        }
        let warnings = match &change {
            Change::Publish(upload) => self.publish(call, upload, spool, principal).await?,
            Change::Nothing { .. } => Vec::new(),
            Change::Confirm { version, file, stated, .. } => {
                self.confirm(call, &package, version, file, stated).await?;
                Vec::new()
            }
            Change::Release { versions, .. } => {
                self.release(call, &package, versions).await?;
                Vec::new()
            }
            change => call.phases.time(Phase::Store, self.change(call.ecosystem, change, principal)).await?,
        };
        let Some(hosting) = call.ecosystem.registry.hosting() else {
            return Err(Failure::internal("an ecosystem took in what it does not host"));
        };
        Ok(respond::reply(hosting.done(&Done { change: &change, warnings: &warnings })))
    }

    /// Who may publish a package, as far as the package itself says so.
    pub(super) async fn owners(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        principal: &Principal,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        self.may_publish_any(call.ecosystem, principal)?;
        let row = self.store.hosted(call.ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        let (Some(row), Some(hosting)) = (row, call.ecosystem.registry.hosting()) else {
            return Err(refused(404, format!("`{package}` is not hosted here")));
        };
        Ok(respond::reply(hosting.owners(&row.owners)))
    }

    /// Takes the body in whole, and reads what it asks for.
    async fn taken_in(&self, call: &Call<'_>, write: &Write, body: Body) -> Result<(Change, Arc<Spool>), Failure> {
        let limit = self.settings.hosted.max_upload;
        let too_large =
            || refused(413, format!("the upload is larger than {limit} bytes; [hosted] max-upload-mib sets the limit"));
        let header = |name| call.headers.get(name).and_then(|value| value.to_str().ok());
        let announced = header(http::header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            drain(body).await;
            return Err(too_large());
        }
        if header(http::header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            drain(body).await;
            return Err(refused(415, "a content coding is not read here; send the body as it is"));
        }
        let mut spool = self.blobs.spool().map_err(|error| stored(&error))?;
        let mut stream = body.into_data_stream();
        loop {
            let next = tokio::time::timeout(SILENCE, stream.next()).await;
            let next = next.map_err(|_| refused(408, "nothing more of the upload came for a minute"))?;
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|error| refused(400, format!("the upload broke off: {error}")))?;
            if spool.length() + chunk.len() as u64 > limit {
                drain(Body::from_stream(stream)).await;
                return Err(too_large());
            }
            spool.append(chunk).await.map_err(|error| stored(&error))?;
        }
        if announced.is_some_and(|length| length != spool.length()) {
            return Err(refused(400, "the upload is shorter than announced"));
        }
        let content_type = header(http::header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let (ecosystem, write) = (call.ecosystem, write.clone());
        let spool = Arc::new(spool);
        let reading = Arc::clone(&spool);
        let read = tokio::task::spawn_blocking(move || {
            let Some(hosting) = ecosystem.registry.hosting() else {
                return Err(refused(405, format!("{} packages are not hosted here", ecosystem.title)));
            };
            let mut bytes = reading.reader().map_err(|error| stored(&error))?;
            let length = reading.length();
            let mut body = hosting::Body { content_type: &content_type, length, bytes: &mut bytes };
            hosting.read(&write, &mut body).map_err(|unreadable| match unreadable {
                Unreadable::Invalid(problem) => refused(400, problem),
                Unreadable::Refused(problem) => refused(403, problem),
                Unreadable::Io(error) => Failure::internal(error),
            })
        });
        let change = call.phases.time(Phase::Inspect, read).await.map_err(Failure::internal)??;
        Ok((change, spool))
    }

    /// Publishes a file; gives what one would rather know of it.
    async fn publish(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        upload: &Upload,
        body: Arc<Spool>,
        principal: &Principal,
    ) -> Result<Vec<String>, Failure> {
        let (ecosystem, package) = (call.ecosystem, &upload.package);
        call.record.version = Some(upload.version.clone());
        call.record.file = Some(upload.file.clone());
        if ecosystem.versions.sort_key(&upload.version).is_err() {
            let version = truncated(&upload.version);
            return Err(refused(400, format!("`{version}` is not a version of {}", ecosystem.title)));
        }
        if !is_file_name(&upload.file) {
            return Err(refused(400, "the file name is none: letters, digits and `._+!-` alone, and no path"));
        }
        let known = self.store.hosted(ecosystem.id, package.as_str()).await.map_err(Failure::internal)?;
        if known.is_none() {
            call.phases.time(Phase::Upstream, self.may_be_ours(ecosystem, package)).await?;
        }
        let version = release_of(ecosystem, &upload.identity(), known.as_ref())?;
        let looked = call.phases.time(Phase::Inspect, self.look_over(ecosystem, upload, &version, body)).await?;
        let Looked { mut spool, hashed, inspected, preflight } = looked;
        let mut notes = preflight.notes;
        notes.extend(self.lookalike_note(ecosystem, package));
        if let Some(note) = notes.iter().find(|note| self.settings.hosted.refuse.iter().any(|code| code == note.code)) {
            return Err(refused(400, format!("the preflight refuses it: {note} ([hosted] preflight)")));
        }
        let warnings: Vec<String> = notes.iter().map(Note::to_string).collect();
        let mut said = inspected.declared.said.clone();
        looked::keep(&inspected.declared, &mut said);
        let storing = async {
            self.blobs.prepare(&mut spool, &hashed.sha256).await?;
            self.blobs.adopt(spool, &hashed.sha256, hashed.length).await?;
            match inspected.declared.metadata {
                Some(metadata) => self.blobs.put(Bytes::from(metadata)).await.map(Some),
                None => Ok(None),
            }
        };
        let metadata = call.phases.time(Phase::Store, storing).await.map_err(|error| stored(&error))?;
        let provenance = match &upload.provenance {
            None => None,
            Some(attestation) => {
                let member = self.hosted.member(ecosystem)?;
                let address = format!("{}{}/provenance/{package}/{}", hosting::BASE, ecosystem.id, upload.file);
                let body = Bytes::from(attestation.clone());
                self.documents.host(&member, &address, "application/json", body, None).await?;
                Some(address)
            }
        };
        let (license, license_source) = match inspected.declared.license {
            Some((text, place)) => (Some(text), Some(place)),
            None => (None, None),
        };
        let new = NewHosted {
            fold: ecosystem.names.fold(package),
            publisher: principal.name.clone(),
            metadata: with_own(&upload.metadata, inspected.declared.own).to_string(),
            tags: upload.tags.clone(),
            artifact: NewArtifact {
                ecosystem: ecosystem.id.to_owned(),
                package: package.as_str().to_owned(),
                version,
                file: upload.file.clone(),
                sha256: hashed.sha256,
                size: hashed.length,
                license,
                license_source,
                metadata,
                findings: String::from("[]"),
                said: serde_json::Value::Object(said).to_string(),
            },
            digests: serde_json::to_string(&hashed.stated()).map_err(Failure::internal)?,
            file_metadata: upload.file_metadata.to_string(),
            provenance,
            notes: serde_json::json!(warnings),
        };
        if upload.waits {
            self.wait(call, upload, &new).await?;
            return Ok(warnings);
        }
        let publishing = self.store.publish(&new, self.clock.now());
        let published = call.phases.time(Phase::Store, publishing).await.map_err(Failure::internal)?;
        match published {
            Published::New(_) => {}
            Published::Known(_) if upload.joins => return Ok(warnings),
            Published::Known(_) | Published::Conflict(_) => return Err(exists(ecosystem, &upload.identity())),
            Published::Taken(name) => {
                let message =
                    format!("`{package}` is `{name}` in another spelling, which is hosted here; publish it as that");
                return Err(refused(409, message));
            }
            Published::Full => {
                let most = weir_store::hosted::MAX_RELEASES;
                return Err(refused(403, format!("`{package}` has {most} releases, and no more are taken")));
            }
        }
        self.hosted.look(&self.store).await.map_err(Failure::internal)?;
        call.record.artifact = Some(hashed.sha256);
        tracing::info!(ecosystem = ecosystem.id, package = %package, version = new.artifact.version,
            file = new.artifact.file, publisher = new.publisher, "published");
        Ok(warnings)
    }

    /// Puts the file of an upload by itself, and looks into it: what it is must be what the upload says.
    async fn look_over(
        &self,
        ecosystem: &'static Ecosystem,
        upload: &Upload,
        version: &str,
        body: Arc<Spool>,
    ) -> Result<Looked, Failure> {
        let spool = self.blobs.spool().map_err(|error| stored(&error))?;
        let (upload, version) = (upload.clone(), version.to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            let mut spool = spool;
            let hashed = cut_out(&upload.content, &body, &mut spool)?;
            hashed.check(&upload.stated).map_err(|problem| {
                refused(400, format!("the bytes are not what the upload says: {}", problem.replace("index", "upload")))
            })?;
            let file = &upload.file;
            if ecosystem.registry.inspection(file).is_none() && !upload.opaque {
                return Err(refused(
                    400,
                    format!("`{file}` is no kind of {} file that is known here", ecosystem.title),
                ));
            }
            let mut bytes = spool.reader().map_err(|error| stored(&error))?;
            let expected = Expected { package: &upload.package, version: &version };
            let inspected = weir_inspect::inspect(ecosystem.registry, file, &mut bytes, &expected);
            let inspected = inspected.map_err(Failure::internal)?;
            if let Some(finding) = inspected.findings.iter().chain(&inspected.declared.findings).next() {
                return Err(refused(400, format!("{}: {}", finding.code, finding.text)));
            }
            let hosting = ecosystem.registry.hosting();
            if let Some(Err(problem)) = hosting.map(|hosting| hosting.accept(&upload, &inspected.declared)) {
                return Err(refused(400, problem));
            }
            let stated = Stated { license: upload.license, source: upload.source };
            let looked =
                weir_inspect::preflight::preflight(ecosystem.registry, file, &mut bytes, &inspected.declared, stated);
            let preflight = looked.map_err(Failure::internal)?;
            Ok(Looked { spool, hashed, inspected, preflight })
        });
        looked.await.map_err(Failure::internal)?
    }
}

/// What is kept of a release, with what its artifact declares for it.
fn with_own(metadata: &serde_json::Value, own: serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    let mut metadata = metadata.clone();
    if let Some(object) = metadata.as_object_mut() {
        object.extend(own);
    }
    metadata
}

/// A file that is what its upload says.
struct Looked {
    spool: Spool,
    hashed: Hashed,
    inspected: Inspected,
    preflight: Preflight,
}

/// Puts a file's bytes by themselves.
fn cut_out(content: &Content, body: &Spool, spool: &mut Spool) -> Result<Hashed, Failure> {
    let mut hasher = Hasher::all();
    match content {
        Content::Bytes(bytes) => {
            hasher.update(bytes);
            spool.write(bytes).map_err(|error| stored(&error))?;
        }
        Content::At(range) => {
            let mut from = body.reader().map_err(|error| stored(&error))?;
            from.seek(SeekFrom::Start(range.start)).map_err(Failure::internal)?;
            let mut left = range.end.saturating_sub(range.start);
            let mut chunk = vec![0; CHUNK];
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
                let read = std::io::Read::read(&mut from, &mut chunk[..most]).map_err(Failure::internal)?;
                if read == 0 {
                    return Err(refused(400, "the upload ends within the file"));
                }
                hasher.update(&chunk[..read]);
                spool.write(&chunk[..read]).map_err(|error| stored(&error))?;
                left -= read as u64;
            }
        }
    }
    Ok(hasher.finish())
}

/// The version under which an upload is kept: that of the release that it joins, if there is one.
fn release_of(ecosystem: &Ecosystem, upload: &Identity, known: Option<&HostedPackage>) -> Result<String, Failure> {
    let canonical = ecosystem.versions.canonical(&upload.version);
    let mut releases = known.iter().flat_map(|known| &known.releases);
    match releases.find(|release| ecosystem.versions.canonical(&release.version) == canonical) {
        None => Ok(upload.version.clone()),
        Some(release) if upload.joins => Ok(release.version.clone()),
        Some(_) => Err(exists(ecosystem, upload)),
    }
}

pub(super) fn exists(ecosystem: &Ecosystem, upload: &Identity) -> Failure {
    let what = if upload.joins { &upload.file } else { &upload.version };
    let status = ecosystem.registry.hosting().map_or(409, weir_core::hosting::Hosting::conflict);
    refused(
        status,
        format!(
            "`{what}` of `{}` already exists, and what is published is never changed; publish a new version",
            upload.package
        ),
    )
}

fn is_file_name(file: &str) -> bool {
    !file.is_empty()
        && file.len() <= MAX_FILE_NAME
        && !file.starts_with('.')
        && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+!-".contains(&byte))
}

/// Reads and throws away some of a body: a client that is still writing would not hear the answer.
async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut drained = 0;
    while drained < MAX_DRAINED
        && let Ok(Some(Ok(chunk))) = tokio::time::timeout(SILENCE, stream.next()).await
    {
        drained += chunk.len() as u64;
    }
}
