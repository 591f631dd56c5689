//! Packages of one's own: what `npm publish`, `npm deprecate` and `npm dist-tag` send, and the packument of such a package.
//!
//! npm, pnpm and both Yarns publish by one request: a packument of one version, with the artifact in base64 in it
//! (`_attachments`). What changes a packument otherwise sends it back whole; of that only deprecations are read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use weir_core::attestation::{PAYLOAD_TYPE, Statement};
use weir_core::digest::{StatedDigests, unhex};
use weir_core::ecosystem::Names as _;
use weir_core::hosting::{
    BASE, Body, Change, Content, Done, Hosted, HostedDocument, Hosting, Identity, Unreadable, Upload, Write,
};
use weir_core::registry::{Entry, Method, Problem, Reply, RouteError};
use weir_core::{PackageName, Purl};

use crate::artifact::declared_release;
use crate::packument::conventional_file;
use crate::protocol::{self, encoded, encoded_segment};
use crate::version::Version;
use crate::{excerpt, name};

/// A packument is sent: a publication, or a deprecation.
pub const PACKUMENT: &str = "packument";
/// A tag is set.
pub const TAG: &str = "tag";
/// A tag is removed.
pub const UNTAG: &str = "untag";

/// Longest body, in bytes: it is read into memory, and its artifact is three quarters of it.
pub const MAX_BODY: u64 = 192 * 1024 * 1024;
/// Longest manifest of a version, in bytes.
pub const MAX_MANIFEST: usize = 1024 * 1024;
/// Longest tag, in bytes.
pub const MAX_TAG: usize = 100;
/// Longest deprecation message, in bytes.
pub const MAX_MESSAGE: usize = 4096;
/// Most bytes of attestations.
pub const MAX_PROVENANCE: usize = 4 * 1024 * 1024;

/// Why nothing is taken back, and what to do instead.
const STAYS: &str = "what is published stays, so that no build breaks; `npm deprecate` warns those who install it";

/// How npm's registry takes in packages.
#[derive(Debug)]
pub struct NpmHosting;

/// What a request that writes asks for, of `package` and what follows it in the path.
pub fn route(method: Method, package: PackageName, rest: &[&str]) -> Result<Write, RouteError> {
    match (method, rest) {
        (Method::Put, []) => Ok(Write { what: PACKUMENT, package: Some(package), detail: None }),
        (Method::Put | Method::Delete, [.., "-rev", _]) => Err(RouteError::MethodNotAllowed(String::from(STAYS))),
        (Method::Delete, _) => Err(RouteError::MethodNotAllowed(String::from(STAYS))),
        _ => Err(RouteError::MethodNotAllowed(String::from(
            "packages are published, deprecated and tagged here; nothing else is changed",
        ))),
    }
}

/// The same of a tag.
pub fn route_tag(method: Method, package: PackageName, tag: &str) -> Result<Write, RouteError> {
    let what = match method {
        Method::Put | Method::Post => TAG,
        _ => UNTAG,
    };
    if !is_tag(tag) {
        return Err(RouteError::BadRequest(format!("`{}` is no tag", excerpt(tag))));
    }
    Ok(Write { what, package: Some(package), detail: Some(tag.to_owned()) })
}

/// A tag is no version and no range, or nobody could tell which is meant.
fn is_tag(tag: &str) -> bool {
    (1..=MAX_TAG).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && tag.starts_with(|c: char| c.is_ascii_alphabetic())
        && Version::parse_loose(tag).is_err()
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for NpmHosting {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let Some(package) = write.package.clone() else { return Err(invalid("no package is named")) };
        let tag = write.detail.clone().unwrap_or_default();
        match write.what {
            UNTAG if tag == "latest" => Err(Unreadable::Refused(String::from("`latest` can be moved, not removed"))),
            UNTAG => Ok(Change::Tag { package, tag, version: None }),
            TAG => {
                let text = body.all(1024)?;
                let version: String =
                    serde_json::from_slice(&text).map_err(|_| invalid("the body is not a version as a JSON text"))?;
                Ok(Change::Tag { package, tag, version: Some(version) })
            }
            _ => {
                let bytes = body.all(MAX_BODY)?;
                let packument: Map<String, Value> = serde_json::from_slice(&bytes)
                    .map_err(|error| invalid(format!("the body is not a packument: {error}")))?;
                drop(bytes);
                changes(package, packument)
            }
        }
    }

    fn documents(&self, package: &PackageName, hosted: &Hosted) -> Vec<HostedDocument> {
        vec![HostedDocument {
            content_type: "application/json",
            body: packument(package, hosted).to_string().into_bytes(),
        }]
    }

    fn identify(&self, file: &str, entries: &[Entry]) -> Option<Identity> {
        if !file.ends_with(".tgz") {
            return None;
        }
        let (called, version) = declared_release(entries)?;
        let package = name::Npm.parse(&called).ok()?;
        let version = Version::parse_loose(&version).ok()?.to_string();
        Some(Identity { file: conventional_file(&package, &version), package, version, joins: false })
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        let mut reply = Reply::json(201, &json!({ "ok": "true", "success": true, "warnings": done.warnings }));
        if !done.warnings.is_empty() {
            let notice: String = done.warnings.join("; ");
            let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
            reply.headers.push(("npm-notice", notice.chars().map(printable).take(500).collect()));
        }
        reply
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }

    /// npm takes 409 for a race and tries again; of this it says what the registry said.
    fn conflict(&self) -> u16 {
        403
    }
}

/// What a packument that was sent wants changed.
fn changes(package: PackageName, mut packument: Map<String, Value>) -> Result<Change, Unreadable> {
    if packument.get("name").and_then(Value::as_str).is_some_and(|name| name != package.as_str()) {
        return Err(invalid(format!("the packument is of another package than `{package}`")));
    }
    let Some(Value::Object(versions)) = packument.remove("versions") else {
        return Err(invalid("the packument has no `versions`"));
    };
    match packument.remove("_attachments") {
        Some(Value::Object(attachments)) if !attachments.is_empty() => {
            upload(package, &packument, versions, attachments).map(|upload| Change::Publish(Box::new(upload)))
        }
        _ => {
            let message = |manifest: &Value| manifest.get("deprecated").and_then(Value::as_str).map(str::to_owned);
            let messages = versions.iter().map(|(version, manifest)| (version.clone(), message(manifest)));
            // A warning that this Weir has put there is none of the package's own.
            let own = |message: &Option<String>| !message.as_deref().is_some_and(is_weirs);
            let messages: Vec<_> = messages
                .filter(|(_, message)| own(message))
                .map(|(version, message)| (version, message.filter(|message| !message.is_empty())))
                .collect();
            if messages.iter().any(|(_, message)| message.as_ref().is_some_and(|text| text.len() > MAX_MESSAGE)) {
                return Err(invalid(format!("a deprecation message is longer than {MAX_MESSAGE} bytes")));
            }
            Ok(Change::Deprecate { package, messages })
        }
    }
}

/// True for a reason as Weir writes it into pages: it ends in the address of a decision.
fn is_weirs(message: &str) -> bool {
    message.rsplit_once("/d/").is_some_and(|(_, id)| {
        id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
    })
}

fn upload(
    package: PackageName,
    packument: &Map<String, Value>,
    versions: Map<String, Value>,
    attachments: Map<String, Value>,
) -> Result<Upload, Unreadable> {
    let mut versions = versions.into_iter();
    let (Some((version, Value::Object(mut manifest))), None) = (versions.next(), versions.next()) else {
        return Err(invalid("a publication has exactly one version"));
    };
    if Version::parse(&version).is_err() {
        return Err(invalid(format!("`{}` is not a version", excerpt(&version))));
    }
    for (key, expected) in [("name", package.as_str()), ("version", version.as_str())] {
        if manifest.get(key).and_then(Value::as_str) != Some(expected) {
            return Err(invalid(format!("the manifest's `{key}` is not `{expected}`")));
        }
    }
    let (mut tarball, mut provenance) = (None, None);
    for (name, attachment) in attachments {
        let Some(Value::String(data)) = attachment.get("data").cloned() else {
            return Err(invalid(format!("the attachment `{}` has no data", excerpt(&name))));
        };
        let kind = attachment.get("content_type").and_then(Value::as_str).unwrap_or_default();
        if kind.starts_with("application/vnd.dev.sigstore.bundle") || name.ends_with(".sigstore") {
            provenance = Some((kind.to_owned(), data));
        } else if tarball.replace(data).is_some() {
            return Err(invalid("a publication has exactly one artifact"));
        }
    }
    let tarball = tarball.ok_or_else(|| invalid("the publication has no artifact"))?;
    let bytes =
        STANDARD.decode(tarball.trim()).map_err(|error| invalid(format!("the artifact is not base64: {error}")))?;
    let mut stated = manifest.get("dist").map(stated).transpose()?.unwrap_or_default();
    let release = Purl::new(&crate::ECOSYSTEM, &package, Some(&version)).to_string();
    let provenance =
        provenance.map(|(kind, bundle)| attestations(&kind, &bundle, &release, &mut stated)).transpose()?;
    manifest.remove("dist");
    manifest.remove("deprecated");
    manifest.retain(|key, _| !key.starts_with('_') || key == "_hasShrinkwrap");
    let text = |key: &str| manifest.get(key).is_some_and(|value| !value.is_null() && value != "");
    let (license, source) = (text("license") || text("licenses"), text("repository"));
    let tags: Vec<String> = match packument.get("dist-tags") {
        Some(Value::Object(tags)) => tags.keys().cloned().collect(),
        _ => vec![String::from("latest")],
    };
    if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
        return Err(invalid(format!("`{}` is no tag", excerpt(tag))));
    }
    let metadata = Value::Object(manifest);
    if metadata.to_string().len() > MAX_MANIFEST {
        return Err(invalid(format!("the manifest is longer than {MAX_MANIFEST} bytes")));
    }
    Ok(Upload {
        file: conventional_file(&package, &version),
        package,
        version,
        metadata,
        tags,
        content: Content::Bytes(bytes),
        stated,
        file_metadata: json!({}),
        provenance,
        joins: false,
        waits: false,
        opaque: false,
        license,
        source,
    })
}

/// What `dist` says that the bytes are.
fn stated(dist: &Value) -> Result<StatedDigests, Unreadable> {
    let mut stated = StatedDigests::default();
    let text = |key: &str| dist.get(key).and_then(Value::as_str);
    for part in text("integrity").unwrap_or_default().split_ascii_whitespace() {
        if let Some(encoded) = part.strip_prefix("sha512-") {
            let bytes = STANDARD.decode(encoded).ok().filter(|bytes| bytes.len() == 64);
            stated.sha512 = Some(bytes.ok_or_else(|| invalid("`dist.integrity` is no SHA-512"))?);
        }
    }
    if let Some(shasum) = text("shasum") {
        let bytes = unhex(shasum).filter(|bytes| bytes.len() == 20);
        stated.sha1 = Some(bytes.ok_or_else(|| invalid("`dist.shasum` is no SHA-1"))?);
    }
    Ok(stated)
}

/// A Sigstore bundle as npm serves it. It must be about this release, by its name and by the artifact's bytes: what it says of
/// those is added to what the upload states. Its signatures are not verified.
fn attestations(kind: &str, bundle: &str, release: &str, stated: &mut StatedDigests) -> Result<Vec<u8>, Unreadable> {
    if bundle.len() > MAX_PROVENANCE {
        return Err(invalid(format!("the provenance is longer than {MAX_PROVENANCE} bytes")));
    }
    let bundle: Map<String, Value> = serde_json::from_str(bundle)
        .map_err(|error| invalid(format!("the provenance is not a JSON object: {error}")))?;
    let wrong = |what: String| invalid(format!("the provenance is none of `{release}`: {what}"));
    let envelope = bundle.get("dsseEnvelope");
    let part = |name: &str| envelope.and_then(|envelope| envelope.get(name)).and_then(Value::as_str);
    if part("payloadType") != Some(PAYLOAD_TYPE) {
        return Err(wrong(format!("it has no envelope of the type {PAYLOAD_TYPE}")));
    }
    let signatures = envelope.and_then(|envelope| envelope.get("signatures")).and_then(Value::as_array);
    if signatures.is_none_or(Vec::is_empty) || !bundle.get("verificationMaterial").is_some_and(Value::is_object) {
        return Err(wrong(String::from("it has no signature with what verifies it")));
    }
    let statement = Statement::read(part("payload").unwrap_or_default()).map_err(|error| wrong(error.to_string()))?;
    if statement.subject != release {
        return Err(wrong(format!("it is about `{}`", excerpt(&statement.subject))));
    }
    statement.agrees(stated).map_err(|error| wrong(error.to_string()))?;
    let attestation = json!({ "predicateType": statement.predicate_type, "bundle": bundle, "mediaType": kind });
    Ok(json!({ "attestations": [attestation] }).to_string().into_bytes())
}

/// The packument of a hosted package.
fn packument(package: &PackageName, hosted: &Hosted) -> Value {
    let maintainers: Vec<Value> = hosted.owners.iter().map(|owner| json!({ "name": owner })).collect();
    let mut versions = Map::new();
    let mut time = Map::new();
    for release in &hosted.releases {
        let mut manifest = release.metadata.as_object().cloned().unwrap_or_default();
        manifest.insert(String::from("_id"), json!(format!("{package}@{}", release.version)));
        manifest.insert(String::from("_npmUser"), json!({ "name": release.publisher }));
        manifest.insert(String::from("maintainers"), json!(maintainers));
        let withdrawn = release.yanked.as_deref().map(|reason| match reason {
            "" => String::from("this version was withdrawn"),
            reason => format!("this version was withdrawn: {reason}"),
        });
        if let Some(message) = release.deprecated.clone().or(withdrawn) {
            manifest.insert(String::from("deprecated"), json!(message));
        }
        if let Some(file) = release.files.first() {
            let address = format!("{BASE}npm/{}/-/{}", encoded(package), encoded_segment(&file.file));
            let mut dist = json!({ "tarball": address });
            if let Some(sha512) = &file.digests.sha512 {
                dist["integrity"] = json!(format!("sha512-{}", STANDARD.encode(sha512)));
            }
            if let Some(sha1) = &file.digests.sha1 {
                dist["shasum"] = json!(weir_core::digest::hex(sha1));
            }
            if let Some(provenance) = &file.provenance {
                dist["attestations"] = json!({
                    "url": provenance, "provenance": { "predicateType": "https://slsa.dev/provenance/v1" },
                });
            }
            manifest.insert(String::from("dist"), dist);
        }
        time.insert(release.version.clone(), json!(release.published));
        versions.insert(release.version.clone(), Value::Object(manifest));
    }
    let (first, last) = (hosted.releases.first(), hosted.releases.last());
    time.insert(String::from("created"), json!(first.map(|release| release.published)));
    time.insert(String::from("modified"), json!(last.map(|release| release.published)));
    let mut tags: Map<String, Value> = hosted.tags.iter().map(|(tag, version)| (tag.clone(), json!(version))).collect();
    if let (false, Some(last)) = (tags.contains_key("latest"), last) {
        // npm cannot read a packument without it.
        tags.insert(String::from("latest"), json!(last.version));
    }
    json!({
        "_id": package, "name": package, "dist-tags": tags, "versions": versions, "time": time,
        "maintainers": maintainers,
    })
}
