//! Packages that this Weir hosts itself.
//!
//! One transaction makes a file visible: its release, its row, what inspection found in it, and the event that tells. The
//! bytes are durable before. Every change takes the next revision, so that other processes learn of it by asking for what
//! came after the last one that they saw.

use serde::{Deserialize, Serialize};
use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Session, transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append, take_ids};
use crate::rows::{ArtifactRow, NewArtifact};
use crate::seen::{package_id, package_lock};
use crate::{Store, limits, sql};

/// Most releases of one hosted package.
pub const MAX_RELEASES: usize = 10_000;
/// Most owners of one hosted package.
pub const MAX_OWNERS: usize = 100;
/// Most tags of one hosted package.
pub const MAX_TAGS: usize = 100;

/// A hosted package's name and when it changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedName {
    /// The revision of its last change.
    pub revision: i64,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// Its name, in normal form.
    pub package: String,
    /// Its folded name: what no second package may have.
    pub fold: String,
}

/// A hosted package with all that is published of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedPackage {
    /// The revision of its last change.
    pub revision: i64,
    /// Versions by tag.
    pub tags: Vec<(String, String)>,
    /// Names of tokens that may publish it besides those whose patterns say so.
    pub owners: Vec<String>,
    /// Its releases, oldest first.
    pub releases: Vec<HostedRelease>,
}

/// A hosted release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedRelease {
    /// Its version.
    pub version: String,
    /// When its first file was published.
    pub published: Timestamp,
    /// Name of the token that published it.
    pub publisher: String,
    /// JSON: what its ecosystem keeps of it.
    pub metadata: String,
    /// Withdrawn, with the reason, which may be empty.
    pub yanked: Option<String>,
    /// Deprecated, with the message.
    pub deprecated: Option<String>,
    /// Its files, oldest first.
    pub files: Vec<HostedFile>,
}

/// A hosted file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedFile {
    /// Its name.
    pub file: String,
    /// The version of its release.
    pub version: String,
    /// Its bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
    /// JSON: further digests.
    pub digests: String,
    /// When it was published.
    pub published: Timestamp,
    /// JSON: what its ecosystem keeps of it.
    pub metadata: String,
    /// The address under which what attests to it is kept as a document.
    pub provenance: Option<String>,
}

/// Something that is to be published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewHosted {
    /// The package's folded name.
    pub fold: String,
    /// Name of the token that publishes.
    pub publisher: String,
    /// JSON, kept if the release is new.
    pub metadata: String,
    /// Tags that point at the release from now on.
    pub tags: Vec<String>,
    /// The file and what is inside.
    pub artifact: NewArtifact,
    /// JSON: further digests.
    pub digests: String,
    /// JSON: what its ecosystem keeps of the file.
    pub file_metadata: String,
    /// The address under which what attests to it is kept as a document.
    pub provenance: Option<String>,
    /// JSON for the event: what the preflight said.
    pub notes: serde_json::Value,
}

impl NewHosted {
    /// `Err` if something of it is longer than it may be, or is not what it should be.
    pub(crate) fn check(&self, operation: &'static str) -> Result<(), StoreError> {
        let artifact = &self.artifact;
        limits::at_most(operation, "ecosystem", limits::WORD, &artifact.ecosystem)?;
        for (what, text) in [
            ("package", &artifact.package),
            ("fold", &self.fold),
            ("version", &artifact.version),
            ("file", &artifact.file),
            ("publisher", &self.publisher),
        ] {
            limits::at_most(operation, what, limits::NAME, text)?;
        }
        for tag in &self.tags {
            limits::at_most(operation, "tag", limits::NAME, tag)?;
        }
        limits::at_most(operation, "provenance", limits::PATH, self.provenance.as_deref().unwrap_or_default())?;
        for (what, text) in [
            ("metadata", &self.metadata),
            ("digests", &self.digests),
            ("file_metadata", &self.file_metadata),
            ("findings", &artifact.findings),
            ("said", &artifact.said),
        ] {
            limits::json(operation, what, text)?;
        }
        Ok(())
    }

    /// What one locks to publish it: two names of one folded name exclude each other.
    pub(crate) fn lock(&self) -> String {
        match self.fold == self.artifact.package {
            true => package_lock(&self.artifact.ecosystem, &self.artifact.package),
            false => format!("hosted {} {}", self.artifact.ecosystem, self.fold),
        }
    }
}

/// Answer to [`Store::publish`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Published {
    /// It is visible from this revision on.
    New(i64),
    /// The same bytes were published before; nothing was written.
    Known(i64),
    /// Other bytes are known under this file name, with this digest; nothing was written.
    Conflict(Digest),
    /// A package whose name differs in spelling only is hosted; nothing was written.
    Taken(String),
    /// The package has [`MAX_RELEASES`] releases; nothing was written.
    Full,
}

/// A change of what is published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostedChange {
    /// Withdraws a release with a reason, which may be empty, or takes that back.
    Yank(String, Option<String>),
    /// Sets the deprecation messages of releases, or takes them away.
    Deprecate(Vec<(String, Option<String>)>),
    /// Points a tag at a version, or removes it.
    Tag(String, Option<String>),
    /// Adds owners.
    AddOwners(Vec<String>),
    /// Removes owners.
    RemoveOwners(Vec<String>),
}

/// Answer to [`Store::change_hosted`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It is so from this revision on.
    Done(i64),
    /// There is no such package, release or tag.
    Absent,
    /// It would be more than may be: [`MAX_TAGS`], [`MAX_OWNERS`].
    Full,
}

pub(crate) struct Head {
    pub(crate) package: i64,
    pub(crate) revision: i64,
    tags: Vec<(String, String)>,
    owners: Vec<String>,
}

impl Head {
    /// The package as it is hosted; if it is not, it is from now on, and belongs to who publishes.
    pub(crate) async fn found(
        session: &mut Session<'_>,
        known: Option<Self>,
        id: i64,
        new: &NewHosted,
    ) -> Result<Self, StoreError> {
        if let Some(head) = known {
            return Ok(head);
        }
        // The revision is replaced at the end: until then it is none, negative and its own, so that none is there twice.
        let row = values![id, &new.artifact.ecosystem, &new.fold, -id, "[]", "[]"];
        session.run(sql::hosted::ADD_PACKAGE, row).await?;
        Ok(Self { package: id, revision: -id, tags: Vec::new(), owners: vec![new.publisher.clone()] })
    }

    pub(crate) async fn revise(&mut self, session: &mut Session<'_>) -> Result<(), StoreError> {
        self.revision = take_ids(session, "hosted", 1).await?;
        let (tags, owners) = (json!(self.tags).to_string(), json!(self.owners).to_string());
        session.run(sql::hosted::REVISE, values![self.package, self.revision, &tags, &owners]).await?;
        Ok(())
    }
}

impl Store {
    /// Which packages changed after a revision (0 for all), in the order of their changes, at most [`limits::PAGE`].
    pub async fn hosted_names(&self, after: i64, limit: u32) -> Result<Vec<HostedName>, StoreError> {
        let mut session = self.db.read("hosted_names").await?;
        session.all(sql::hosted::CHANGED, values![after, limits::page(limit)]).await
    }

    /// A hosted package, if there is one of this name.
    pub async fn hosted(&self, ecosystem: &str, package: &str) -> Result<Option<HostedPackage>, StoreError> {
        let mut session = self.db.read("hosted").await?;
        let head: Option<Head> = session.one(sql::hosted::PACKAGE, values![ecosystem, package]).await?;
        let Some(head) = head else { return Ok(None) };
        let mut releases: Vec<HostedRelease> = session.all(sql::hosted::RELEASES, values![head.package]).await?;
        let files: Vec<HostedFile> = session.all(sql::hosted::FILES, values![head.package]).await?;
        let places: std::collections::HashMap<String, usize> =
            releases.iter().enumerate().map(|(place, release)| (release.version.clone(), place)).collect();
        for file in files {
            if let Some(release) = places.get(&file.version).and_then(|place| releases.get_mut(*place)) {
                release.files.push(file);
            }
        }
        Ok(Some(HostedPackage { revision: head.revision, tags: head.tags, owners: head.owners, releases }))
    }

    /// Makes a file visible, or says why not. The first bytes under a file name stay, also those that once came from an
    /// upstream.
    pub async fn publish(&self, new: &NewHosted, at: Timestamp) -> Result<Published, StoreError> {
        const OPERATION: &str = "publish";
        new.check(OPERATION)?;
        let lock = new.lock();
        transaction!(self, OPERATION, lock Some(&lock), |session| { self.publish_in(&mut session, new, at).await? })
    }

    pub(crate) async fn publish_in(
        &self,
        session: &mut Session<'_>,
        new: &NewHosted,
        at: Timestamp,
    ) -> Result<Published, StoreError> {
        let artifact = &new.artifact;
        let names = values![&artifact.ecosystem, &new.fold];
        let taken: Option<String> = session.one(sql::hosted::FOLDED, names).await?;
        if let Some(taken) = taken.filter(|taken| *taken != artifact.package) {
            return Ok(Published::Taken(taken));
        }
        let known: Option<Head> =
            session.one(sql::hosted::PACKAGE, values![&artifact.ecosystem, &artifact.package]).await?;
        let id = package_id(session, &artifact.ecosystem, &artifact.package, at).await?;
        let before: Option<ArtifactRow> = session.one(sql::artifacts::GET, values![id, &artifact.file]).await?;
        if let Some(before) = before.as_ref().filter(|before| before.sha256 != artifact.sha256) {
            return Ok(Published::Conflict(before.sha256));
        }
        if let Some(head) = &known {
            let count: Option<u64> = session.one(sql::hosted::HAS_FILE, values![id, &artifact.file]).await?;
            if count.unwrap_or_default() > 0 {
                return Ok(Published::Known(head.revision));
            }
            let count: Option<u64> = session.one(sql::hosted::COUNT_RELEASES, values![id]).await?;
            if count.unwrap_or_default() >= MAX_RELEASES as u64 {
                return Ok(Published::Full);
            }
        }
        let is_first = known.is_none();
        let mut head = Head::found(session, known, id, new).await?;
        session
            .run(sql::hosted::ADD_RELEASE, values![id, &artifact.version, at, &new.publisher, &new.metadata])
            .await?;
        let file = values![
            id,
            &artifact.file,
            &artifact.version,
            &artifact.sha256,
            artifact.size,
            &new.digests,
            at,
            &new.file_metadata,
            &new.provenance,
        ];
        session.run(sql::hosted::ADD_FILE, file).await?;
        if before.is_none() {
            let row = values![
                id,
                &artifact.version,
                &artifact.file,
                &artifact.sha256,
                artifact.size,
                at,
                &artifact.license,
                &artifact.license_source,
                &artifact.metadata,
                &artifact.findings,
                &artifact.said,
            ];
            let added: Option<ArtifactRow> = session.one(sql::artifacts::ADD, row).await?;
            added.ok_or(StoreError::Overtaken { operation: session.operation() })?;
        }
        for tag in &new.tags {
            head.tags.retain(|(known, _)| known != tag);
            head.tags.push((tag.clone(), artifact.version.clone()));
        }
        head.tags.truncate(MAX_TAGS);
        head.revise(session).await?;
        let body = json!({
            "version": artifact.version,
            "file": artifact.file,
            "sha256": artifact.sha256,
            "size": artifact.size,
            "publisher": new.publisher,
            "first": is_first,
            "preflight": new.notes,
        });
        let event = NewEvent { kind: "published", subject: subject(&artifact.ecosystem, &artifact.package), body };
        append(session, &[event], at).await?;
        Ok(Published::New(head.revision))
    }

    /// Changes what is published. `by` is the name of the token that asks for it.
    pub async fn change_hosted(
        &self,
        ecosystem: &str,
        package: &str,
        change: &HostedChange,
        by: &str,
        at: Timestamp,
    ) -> Result<Changed, StoreError> {
        const OPERATION: &str = "change_hosted";
        let (kind, body) = told(change);
        limits::json(OPERATION, "body", &body.to_string())?;
        let lock = package_lock(ecosystem, package);
        transaction!(self, OPERATION, lock Some(&lock), |session| {
            let head: Option<Head> = session.one(sql::hosted::PACKAGE, values![ecosystem, package]).await?;
            match head {
                None => Changed::Absent,
                Some(mut head) => match apply(&mut session, &mut head, change).await? {
                    Some(other) => other,
                    None => {
                        head.revise(&mut session).await?;
                        let mut body = body.clone();
                        body["by"] = json!(by);
                        let event = NewEvent { kind, subject: subject(ecosystem, package), body };
                        append(&mut session, &[event], at).await?;
                        Changed::Done(head.revision)
                    }
                },
            }
        })
    }
}

/// What is wrong with a change, or nothing once it is made.
async fn apply(
    session: &mut Session<'_>,
    head: &mut Head,
    change: &HostedChange,
) -> Result<Option<Changed>, StoreError> {
    let id = head.package;
    match change {
        HostedChange::Yank(version, reason) => {
            if session.run(sql::hosted::YANK, values![id, version, reason]).await? == 0 {
                return Ok(Some(Changed::Absent));
            }
        }
        HostedChange::Deprecate(messages) => {
            // All or nothing: whether each is there is asked first.
            let releases: Vec<HostedRelease> = session.all(sql::hosted::RELEASES, values![id]).await?;
            let has = |version: &String| releases.iter().any(|release| release.version == *version);
            if !messages.iter().all(|(version, _)| has(version)) {
                return Ok(Some(Changed::Absent));
            }
            for (version, message) in messages {
                session.run(sql::hosted::DEPRECATE, values![id, version, message]).await?;
            }
        }
        HostedChange::Tag(tag, version) => {
            let before = head.tags.len();
            head.tags.retain(|(known, _)| known != tag);
            match version {
                None if head.tags.len() == before => return Ok(Some(Changed::Absent)),
                None => {}
                Some(_) if head.tags.len() >= MAX_TAGS => return Ok(Some(Changed::Full)),
                Some(version) => {
                    let releases: Vec<HostedRelease> = session.all(sql::hosted::RELEASES, values![id]).await?;
                    if !releases.iter().any(|release| release.version == *version) {
                        return Ok(Some(Changed::Absent));
                    }
                    head.tags.push((tag.clone(), version.clone()));
                }
            }
        }
        HostedChange::AddOwners(names) => {
            for name in names {
                if !head.owners.contains(name) {
                    head.owners.push(name.clone());
                }
            }
            if head.owners.len() > MAX_OWNERS {
                return Ok(Some(Changed::Full));
            }
        }
        HostedChange::RemoveOwners(names) => {
            if !names.iter().all(|name| head.owners.contains(name)) {
                return Ok(Some(Changed::Absent));
            }
            head.owners.retain(|owner| !names.contains(owner));
        }
    }
    Ok(None)
}

/// The kind of event that tells of a change, and its body.
fn told(change: &HostedChange) -> (&'static str, serde_json::Value) {
    match change {
        HostedChange::Yank(version, Some(reason)) => ("yanked", json!({ "version": version, "reason": reason })),
        HostedChange::Yank(version, None) => ("restored", json!({ "version": version })),
        HostedChange::Deprecate(messages) => ("deprecated", json!({ "messages": messages })),
        HostedChange::Tag(tag, version) => ("tagged", json!({ "tag": tag, "version": version })),
        HostedChange::AddOwners(names) => ("owners-added", json!({ "owners": names })),
        HostedChange::RemoveOwners(names) => ("owners-removed", json!({ "owners": names })),
    }
}

/// What the events of a hosted package are about.
fn subject(ecosystem: &str, package: &str) -> String {
    format!("hosted {ecosystem} {package}")
}

fn json_list<T: serde::de::DeserializeOwned>(columns: &mut Columns<'_>) -> Result<Vec<T>, StoreError> {
    let text = columns.text()?;
    serde_json::from_str(&text).map_err(|error| columns.wrong(error.to_string()))
}

impl FromColumns for Head {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            package: columns.int()?,
            revision: columns.int()?,
            tags: json_list(columns)?,
            owners: json_list(columns)?,
        })
    }
}

impl FromColumns for HostedName {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            revision: columns.int()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            fold: columns.text()?,
        })
    }
}

impl FromColumns for HostedRelease {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            version: columns.text()?,
            published: columns.time()?,
            publisher: columns.text()?,
            metadata: columns.text()?,
            yanked: columns.optional_text()?,
            deprecated: columns.optional_text()?,
            files: Vec::new(),
        })
    }
}

impl FromColumns for HostedFile {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            file: columns.text()?,
            version: columns.text()?,
            sha256: columns.digest()?,
            size: columns.count()?,
            digests: columns.text()?,
            published: columns.time()?,
            metadata: columns.text()?,
            provenance: columns.optional_text()?,
        })
    }
}
