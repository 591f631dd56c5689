//! What goes into the store and what comes out.

use serde::{Deserialize, Serialize};
use weir_core::{Digest, Timestamp};

/// An upstream document in the interval in which it was current. Its bytes are a blob.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DocumentRow {
    /// Row id.
    pub id: i64,
    /// Which upstream.
    pub upstream: String,
    /// Path relative to the upstream base.
    pub path: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Media type as sent; may be empty.
    pub content_type: String,
    /// The address it came from, after redirects.
    pub url: String,
    /// Upstream's validator.
    pub etag: Option<String>,
    /// Upstream's validator.
    pub last_modified: Option<String>,
    /// Number of bytes.
    pub size: u64,
    /// When Weir first saw this version of it.
    pub seen_from: Timestamp,
    /// When Weir saw another version, or none any more; `None` while it is current.
    pub seen_to: Option<Timestamp>,
    /// When upstream last confirmed it.
    pub checked_at: Timestamp,
}

/// A file of which a catalogue states another digest than was stated at first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedFile {
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package, in normal form.
    pub package: String,
    /// Its version, as far as the file's name tells it.
    pub version: String,
    /// The file's name.
    pub file: String,
    /// What is stated now, with its algorithm.
    pub now: String,
}

/// An upstream document that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDocument {
    /// Which upstream.
    pub upstream: String,
    /// Path relative to the upstream base.
    pub path: String,
    /// SHA-256 of the bytes, which are stored already.
    pub digest: Digest,
    /// Media type as sent; may be empty.
    pub content_type: String,
    /// The address it came from, after redirects.
    pub url: String,
    /// Upstream's validator.
    pub etag: Option<String>,
    /// Upstream's validator.
    pub last_modified: Option<String>,
    /// Number of bytes.
    pub size: u64,
}

/// Answer to [`crate::Store::record_document`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The row that is current now.
    pub row: DocumentRow,
    /// True if the bytes are others than before, or the first.
    pub changed: bool,
}

/// A release as an upstream document lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenRelease {
    /// As upstream spells it.
    pub version: String,
    /// Its files.
    pub artifacts: Vec<SeenArtifact>,
}

/// A file as an upstream document lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenArtifact {
    /// File name.
    pub file: String,
    /// The strongest digest that the document states: `sha512:…`, `sha256:…`, `sha1:…`, or empty.
    pub stated: String,
    /// When the document says that it was published.
    pub published: Option<Timestamp>,
}

/// When Weir first saw the releases and files of a document, in the order of the document.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FirstSeen {
    /// Version and moment.
    pub releases: Vec<(String, Timestamp)>,
    /// The files of all releases, one after the other.
    pub artifacts: Vec<ArtifactSeen>,
    /// Files that were found just now to be stated with another digest than before.
    pub changes: u64,
}

/// When Weir first saw a file, and with which digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArtifactSeen {
    /// The release that the document lists it under.
    pub version: String,
    /// File name.
    pub file: String,
    /// When Weir first saw it.
    pub first_seen: Timestamp,
    /// When upstream said at first sight that it was published; `None` if it did not say, or nobody remembers.
    pub published: Option<Timestamp>,
    /// When upstream last confirmed a document of this package that did not have it yet, if Weir had one.
    pub last_absent: Option<Timestamp>,
    /// The first digest that upstream stated by the algorithm it uses now.
    pub stated: String,
    /// Another digest that upstream stated later. Once there, it stays, whatever upstream states then.
    pub changed: Option<String>,
}

/// An artifact whose bytes Weir holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ArtifactRow {
    /// The release.
    pub version: String,
    /// File name.
    pub file: String,
    /// The bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
    /// When they were stored.
    pub stored_at: Timestamp,
    /// The licence that it declares: empty where the place for it is empty, `None` where there is no place.
    pub license: Option<String>,
    /// The place.
    pub license_source: Option<String>,
    /// The blob that is its core metadata.
    pub metadata: Option<Digest>,
    /// JSON: what inspection found wrong.
    pub findings: String,
    /// JSON: what it says of itself.
    pub said: String,
    /// Other bytes that upstream served later under the same name. Once there, it stays.
    pub changed: Option<Digest>,
}

/// An artifact whose bytes were stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewArtifact {
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package, in normal form.
    pub package: String,
    /// The release.
    pub version: String,
    /// File name.
    pub file: String,
    /// The bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
    /// See [`ArtifactRow::license`].
    pub license: Option<String>,
    /// See [`ArtifactRow::license_source`].
    pub license_source: Option<String>,
    /// See [`ArtifactRow::metadata`].
    pub metadata: Option<Digest>,
    /// JSON.
    pub findings: String,
    /// JSON.
    pub said: String,
}

/// Answer to [`crate::Store::record_artifact`]: the first bytes win.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArtifactRecorded {
    /// These are the first bytes.
    New(ArtifactRow),
    /// The same bytes were recorded before; nothing was written.
    Known(ArtifactRow),
    /// Other bytes were recorded before; the row has them, and the new ones as [`ArtifactRow::changed`].
    Changed(ArtifactRow),
}

/// Artifact bytes that are held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CachedBlob {
    /// The bytes.
    pub sha256: Digest,
    /// Their number.
    pub size: u64,
    /// When they were last used, to the second.
    pub used_at: Timestamp,
}

/// A set of artifacts that somebody named to be kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeptSet {
    /// Its name.
    pub name: String,
    /// Since when there is one.
    pub created: Timestamp,
    /// Until when it keeps them; `None`: until it is dropped.
    pub ends: Option<Timestamp>,
    /// How many artifacts it names.
    pub artifacts: u64,
    /// How many bytes of them are held.
    pub bytes: u64,
}

/// A name under which bytes are known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlobName {
    /// The bytes.
    pub sha256: Digest,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package, in normal form.
    pub package: String,
    /// File name.
    pub file: String,
}

/// Something known about a subject. Never overwritten: another value closes the interval and opens a new one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FactRow {
    /// What it is about: a purl, a package.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// Who says so.
    pub source: String,
    /// JSON.
    pub value: String,
    /// Since when Weir knows.
    pub seen_from: Timestamp,
    /// Until when it was so; `None` if it still is.
    pub seen_to: Option<Timestamp>,
}

/// Something learned about a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewFact {
    /// What it is about: a purl, a package.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// JSON.
    pub value: String,
    /// Who says so.
    pub source: String,
}

/// A recorded decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DecisionRow {
    /// The decision's id.
    pub id: String,
    /// The stage.
    pub stage: String,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package.
    pub package: String,
    /// The release.
    pub version: String,
    /// The artifact, if it is about one.
    pub file: Option<String>,
    /// `allow`, `warn`, `quarantine` or `block`.
    pub outcome: String,
    /// What is done about it in the stage's mode.
    pub effective: String,
    /// JSON: reasons and inputs.
    pub body: String,
    /// When it was first made.
    pub at: Timestamp,
}

/// A document's row as far as it names bytes: for a checker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedDocument {
    /// Row id.
    pub id: i64,
    /// SHA-256 of the blob.
    pub digest: Digest,
    /// Number of bytes once decompressed.
    pub size: u64,
    /// Path relative to the upstream base.
    pub path: String,
}

/// An artifact's row as far as it names bytes: for a checker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedArtifact {
    /// Number of the package in this database.
    pub package_id: i64,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package.
    pub package: String,
    /// File name.
    pub file: String,
    /// The bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
    /// The blob that is its core metadata.
    pub metadata: Option<Digest>,
    /// Other bytes that upstream served later under the same name.
    pub changed: Option<Digest>,
}

/// What a decision on record lets through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The decision's id.
    pub id: String,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package.
    pub package: String,
    /// The artifact, if it is about one.
    pub file: Option<String>,
    /// What is done: `allow`, `warn`, `quarantine` or `block`.
    pub effective: String,
}

/// What an index was rendered from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct IndexState {
    /// Digest over the rest: its identity.
    pub digest: Digest,
    /// The stage.
    pub stage: String,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package.
    pub package: String,
    /// The upstream documents.
    pub document: Digest,
    /// The policy.
    pub policy: Digest,
    /// The advisory data.
    pub advisories: Digest,
    /// The waivers.
    pub waivers: Digest,
    /// What is hidden.
    pub hidden: Digest,
    /// When it was first rendered.
    pub at: Timestamp,
}

/// One request of a client. Rows are appended and never changed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct RequestRow {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: String,
    /// Client family.
    pub client: String,
    /// The stage.
    pub stage: String,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The package; empty if it asked for none.
    pub package: String,
    /// The release.
    pub version: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// The bytes that were served.
    pub artifact: Option<Digest>,
    /// The index that was served.
    pub index_state: Option<Digest>,
    /// The decision that it met.
    pub decision: Option<String>,
    /// What became of it.
    pub outcome: String,
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body that was sent.
    pub bytes: u64,
    /// How long it took.
    pub duration_ms: u64,
}

/// A request with its place in the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredRequest {
    /// Ascending in the order of commits.
    pub id: i64,
    /// The request.
    #[serde(flatten)]
    pub request: RequestRow,
}

/// Something that happened, written in the same transaction as what it tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EventRow {
    /// Ascending in the order of commits, without gaps.
    pub id: i64,
    /// Kebab-case: `document-changed`, `changed-bytes`, `decision`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// JSON.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// What a token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// Read packages.
    Read,
}

/// A token that is to be kept; only its hash is.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The public part.
    pub id: String,
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The stage that it is bound to, if it is.
    pub stage: Option<String>,
    /// Patterns of the packages that it may publish.
    pub publish: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The public part.
    pub id: String,
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The stage that it is bound to, if it is.
    pub stage: Option<String>,
    /// Patterns of the packages that it may publish.
    pub publish: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A hash is no secret, but it has no place in a log either.
macro_rules! debug_without_hash {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_hash! {
    NewToken { id, name, scope, stage, publish, created, expires }
    TokenRow { id, name, scope, stage, publish, created, expires, revoked }
}

/// What is kept in revisions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevisionKind {
    /// The policy.
    Policy,
    /// The waivers.
    Waivers,
    /// Which advisories there are: a list of digests.
    Advisories,
    /// Known exploited vulnerabilities.
    Kev,
    /// Exploit prediction scores.
    Epss,
    /// Lists of well-known names.
    Names,
}

impl RevisionKind {
    /// The word in tables and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            RevisionKind::Policy => "policy",
            RevisionKind::Waivers => "waivers",
            RevisionKind::Advisories => "advisories",
            RevisionKind::Kev => "kev",
            RevisionKind::Epss => "epss",
            RevisionKind::Names => "names",
        }
    }
}

/// One revision with its contents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision {
    /// Its digest.
    pub digest: Digest,
    /// Since when it was current; for [`crate::Store::revision`], since when first.
    pub seen_from: Timestamp,
    /// Until when; `None` if it still is.
    pub seen_to: Option<Timestamp>,
    /// Its contents, uncompressed.
    pub body: Vec<u8>,
}

/// The form of an advisory record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdvisoryKind {
    /// OSV.
    Osv,
    /// CVE JSON 5.
    Cve,
}

impl AdvisoryKind {
    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            AdvisoryKind::Osv => "osv",
            AdvisoryKind::Cve => "cve",
        }
    }
}

/// One revision of an advisory as a feed has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvisoryRevision {
    /// Its id: `PYSEC-2025-106`.
    pub id: String,
    /// Its form.
    pub kind: AdvisoryKind,
    /// SHA-256 of the body.
    pub digest: Digest,
    /// When the record says it was changed.
    pub modified: Timestamp,
    /// The record as it came.
    pub body: Vec<u8>,
}

/// A revision of an advisory that is current.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvisoryRow {
    /// Its id.
    pub id: String,
    /// Its form.
    pub kind: AdvisoryKind,
    /// The feed that it came from.
    pub source: String,
    /// SHA-256 of the body.
    pub digest: Digest,
    /// When the record says it was changed.
    pub modified: Timestamp,
    /// When Weir first saw this revision.
    pub seen_from: Timestamp,
    /// The record as it came.
    pub body: Vec<u8>,
}

/// Answer to [`crate::Store::put_advisories`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PutReport {
    /// Ids that were not known.
    pub new: u64,
    /// Ids whose record differs from the one before.
    pub changed: u64,
    /// Records that are as they were.
    pub unchanged: u64,
    /// Records left out because another feed has a later revision.
    pub older: u64,
}

/// How many advisories are current.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AdvisoryCount {
    /// Their form.
    pub kind: AdvisoryKind,
    /// The feed that they came from.
    pub source: String,
    /// How many.
    pub count: u64,
}

/// The state of a feed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FeedRow {
    /// Its name.
    pub name: String,
    /// When it was last known to be complete.
    pub as_of: Option<Timestamp>,
    /// Where the next synchronisation goes on.
    pub cursor: Option<String>,
    /// Upstream's validator.
    pub etag: Option<String>,
    /// Records in it.
    pub records: u64,
    /// What went wrong last time.
    pub error: Option<String>,
}
