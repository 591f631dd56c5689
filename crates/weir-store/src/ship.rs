//! What one Weir tells another about what it has: rows that read the same everywhere.
//!
//! Numbers of rows mean nothing elsewhere, so packages go by their names. Nothing that is known is overwritten: intervals
//! are added beside those that are there, the earlier of two first sights counts, the first bytes win. Taking the same in
//! twice changes nothing.

use serde::{Deserialize, Serialize};
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Session, Value, transaction, values};
use crate::error::StoreError;
use crate::pack::Unpacker;
use crate::rows::{DocumentRow, FactRow, NewArtifact, NewFact};
use crate::seen::package_id;
use crate::{AdvisoryKind, EachAdvisory, Store, limits, sql};

/// Rows that are read at once, and taken in by one transaction.
pub const SHIPPED_ROWS: usize = 500;

/// Something that is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Shipped {
    /// An interval of an upstream document.
    Document(ShippedDocument),
    /// When a release was first seen.
    Release(ShippedRelease),
    /// When a file was first seen, and what was stated of it.
    File(ShippedFile),
    /// An artifact whose bytes are held.
    Artifact(ShippedArtifact),
    /// Something known about a subject.
    Fact(ShippedFact),
}

/// See [`DocumentRow`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in DocumentRow")]
pub struct ShippedDocument {
    pub upstream: String,
    pub path: String,
    pub digest: Digest,
    pub content_type: String,
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub size: u64,
    pub seen_from: Timestamp,
    pub seen_to: Option<Timestamp>,
    pub checked_at: Timestamp,
}

/// See [`crate::FirstSeen`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in FirstSeen")]
pub struct ShippedRelease {
    pub ecosystem: String,
    pub package: String,
    pub version: String,
    pub first_seen: Timestamp,
    pub document: Digest,
}

/// See [`crate::ArtifactSeen`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in ArtifactSeen")]
pub struct ShippedFile {
    pub ecosystem: String,
    pub package: String,
    pub file: String,
    pub version: String,
    pub first_seen: Timestamp,
    pub stated: String,
    pub document: Digest,
    pub published: Option<Timestamp>,
    pub last_absent: Option<Timestamp>,
    pub changed: Option<String>,
    pub changed_at: Option<Timestamp>,
    pub changed_document: Option<Digest>,
}

/// See [`NewArtifact`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in NewArtifact")]
pub struct ShippedArtifact {
    pub ecosystem: String,
    pub package: String,
    pub file: String,
    pub version: String,
    pub sha256: Digest,
    pub size: u64,
    pub stored_at: Timestamp,
    pub license: Option<String>,
    pub license_source: Option<String>,
    pub metadata: Option<Digest>,
    pub findings: String,
    pub said: String,
}

/// See [`FactRow`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in FactRow")]
pub struct ShippedFact {
    pub subject: String,
    pub kind: String,
    pub source: String,
    pub value: String,
    pub seen_from: Timestamp,
}

/// Where reading goes on: the number of a row or package here, and what follows it in the order.
type After = (i64, String);

impl Store {
    /// Everything that is to be told and is new `since` (`None`: everything), page by page: `each` gets it in an order in
    /// which it can be taken in.
    pub async fn ship<E: From<StoreError>>(
        &self,
        since: Option<Timestamp>,
        each: &mut (dyn FnMut(Shipped) -> Result<(), E> + Send),
    ) -> Result<(), E> {
        let since = since.map_or(i64::MIN, Timestamp::millis);
        self.pages::<DocumentRow, E>(
            sql::ship::DOCUMENTS,
            since,
            false,
            |row| (row.id, String::new()),
            |row| each(Shipped::Document(row.into())),
        )
        .await?;
        self.numbered::<ShippedRelease, E>(
            sql::ship::RELEASES,
            since,
            |row| row.version.clone(),
            |row| each(Shipped::Release(row)),
        )
        .await?;
        self.numbered::<ShippedFile, E>(
            sql::ship::FILES,
            since,
            |row| row.file.clone(),
            |row| each(Shipped::File(row)),
        )
        .await?;
        self.numbered::<ShippedArtifact, E>(
            sql::ship::ARTIFACTS,
            since,
            |row| row.file.clone(),
            |row| each(Shipped::Artifact(row)),
        )
        .await?;
        self.pages::<Numbered<FactRow>, E>(
            sql::ship::FACTS,
            since,
            false,
            |row| (row.0, String::new()),
            |row| each(Shipped::Fact(row.1.into())),
        )
        .await
    }

    async fn numbered<T, E>(
        &self,
        sql: &'static str,
        since: i64,
        key: impl Fn(&T) -> String,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: FromColumns,
        E: From<StoreError>,
    {
        self.pages::<Numbered<T>, E>(sql, since, true, |row| (row.0, key(&row.1)), |row| each(row.1)).await
    }

    async fn pages<T, E>(
        &self,
        sql: &'static str,
        since: i64,
        is_named: bool,
        after: impl Fn(&T) -> After,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: FromColumns,
        E: From<StoreError>,
    {
        let mut last: After = (0, String::new());
        loop {
            let mut session = self.db.read("ship").await?;
            let (numbers, name) = (values![last.0, since, SHIPPED_ROWS as u64].to_vec(), Value::from(last.1.as_str()));
            let values: Vec<Value<'_>> = numbers.into_iter().chain(is_named.then_some(name)).collect();
            let page: Vec<T> = session.all(sql, &values).await?;
            drop(session);
            let Some(end) = page.last() else { return Ok(()) };
            last = after(end);
            for row in page {
                each(row)?;
            }
        }
    }

    /// Calls `each` for the current advisories of a kind that are new `since`, ascending by id, until it breaks.
    pub async fn each_advisory_since(
        &self,
        kind: AdvisoryKind,
        since: Option<Timestamp>,
        each: &mut EachAdvisory<'_>,
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "each_advisory_since";
        let since = since.map_or(i64::MIN, Timestamp::millis);
        let mut unpacker = Unpacker::new(OPERATION)?;
        let mut after = String::new();
        loop {
            let mut session = self.db.read(OPERATION).await?;
            let values = values![kind.as_str(), &after, SHIPPED_ROWS as u64, since];
            let page: Vec<Packed> = session.all(sql::ship::ADVISORIES, values).await?;
            drop(session);
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for packed in page {
                let body = unpacker.unpack(OPERATION, &packed.body, packed.size, limits::ADVISORY)?;
                if each(&packed.id, &packed.source, &body).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// Takes in what another Weir told, whose blobs must be stored already; gives how much of it was new. All of it or
    /// nothing: give at most [`SHIPPED_ROWS`] at a time.
    pub async fn take_in(&self, rows: &[Shipped], at: Timestamp) -> Result<u64, StoreError> {
        const OPERATION: &str = "take_in";
        for row in rows {
            check(OPERATION, row)?;
        }
        let mut new: u64 = transaction!(self, OPERATION, lock Some("take in"), alone true, |session| {
            let mut new = 0;
            for row in rows {
                new += match row {
                    Shipped::Document(document) => take_document(&mut session, document).await?,
                    Shipped::Release(release) => take_release(&mut session, release).await?,
                    Shipped::File(file) => take_file(&mut session, file).await?,
                    Shipped::Artifact(_) | Shipped::Fact(_) => 0,
                };
            }
            new
        })?;
        let mut facts = Vec::new();
        for row in rows {
            match row {
                Shipped::Artifact(artifact) => {
                    let recorded = self.record_artifact(&artifact.into(), artifact.stored_at).await?;
                    new += u64::from(matches!(recorded, crate::ArtifactRecorded::New(_)));
                }
                Shipped::Fact(fact) => facts.push(NewFact::from(fact)),
                _ => {}
            }
        }
        Ok(new + self.record_facts(&facts, at).await?)
    }
}

fn check(operation: &'static str, row: &Shipped) -> Result<(), StoreError> {
    let package = |ecosystem: &str, package: &str, version: &str| {
        limits::at_most(operation, "ecosystem", limits::WORD, ecosystem)?;
        limits::at_most(operation, "package", limits::NAME, package)?;
        limits::at_most(operation, "version", limits::NAME, version)
    };
    match row {
        Shipped::Document(row) => {
            limits::at_most(operation, "upstream", limits::PATH, &row.upstream)?;
            limits::at_most(operation, "path", limits::PATH, &row.path)
        }
        Shipped::Release(row) => package(&row.ecosystem, &row.package, &row.version),
        Shipped::File(row) => {
            package(&row.ecosystem, &row.package, &row.version)?;
            limits::at_most(operation, "file", limits::NAME, &row.file)?;
            limits::at_most(operation, "stated", limits::STATED, &row.stated)
        }
        // Where they are recorded, they are held to the same bounds as any other.
        Shipped::Artifact(_) | Shipped::Fact(_) => Ok(()),
    }
}

/// Adds an interval, beside those that are there: what is current here and began before it ends where it begins, and an
/// interval that began earlier than what is current here is over.
async fn take_document(session: &mut Session<'_>, row: &ShippedDocument) -> Result<u64, StoreError> {
    let place = values![&row.upstream, &row.path, row.seen_from, &row.digest];
    let known: Option<i64> = session.one(sql::ship::DOCUMENT, place).await?;
    if let Some(id) = known {
        let renewed = values![id, row.checked_at, &row.etag, &row.last_modified];
        session.run(sql::ship::RENEW_DOCUMENT, renewed).await?;
        if let Some(seen_to) = row.seen_to {
            session.run(sql::ship::END_DOCUMENT, values![id, seen_to]).await?;
        }
        return Ok(0);
    }
    let mut seen_to = row.seen_to;
    if seen_to.is_none() {
        let current: Option<DocumentRow> =
            session.one(sql::documents::CURRENT, values![&row.upstream, &row.path]).await?;
        if let Some(current) = current {
            if current.seen_from >= row.seen_from {
                seen_to = Some(current.seen_from);
            } else {
                session.run(sql::ship::END_DOCUMENT, values![current.id, row.seen_from]).await?;
            }
        }
    }
    let added = values![
        &row.upstream,
        &row.path,
        &row.digest,
        &row.content_type,
        &row.url,
        &row.etag,
        &row.last_modified,
        row.size,
        row.seen_from,
        seen_to,
        row.checked_at,
    ];
    session.run(sql::ship::ADD_DOCUMENT, added).await
}

async fn take_release(session: &mut Session<'_>, row: &ShippedRelease) -> Result<u64, StoreError> {
    let id = package_id(session, &row.ecosystem, &row.package, row.first_seen).await?;
    session.run(sql::ship::ADD_RELEASE, values![id, &row.version, row.first_seen, &row.document]).await
}

async fn take_file(session: &mut Session<'_>, row: &ShippedFile) -> Result<u64, StoreError> {
    let id = package_id(session, &row.ecosystem, &row.package, row.first_seen).await?;
    let added = values![
        id,
        &row.file,
        &row.version,
        row.first_seen,
        &row.stated,
        &row.document,
        row.published,
        row.last_absent,
        &row.changed,
        row.changed_at,
        &row.changed_document,
    ];
    let mut new = session.run(sql::ship::ADD_FILE, added).await?;
    if row.changed.is_some() {
        let changed = values![id, &row.file, &row.changed, row.changed_at, &row.changed_document];
        new += session.run(sql::ship::CHANGED_FILE, changed).await?;
    }
    Ok(new)
}

impl From<DocumentRow> for ShippedDocument {
    fn from(row: DocumentRow) -> Self {
        Self {
            upstream: row.upstream,
            path: row.path,
            digest: row.digest,
            content_type: row.content_type,
            url: row.url,
            etag: row.etag,
            last_modified: row.last_modified,
            size: row.size,
            seen_from: row.seen_from,
            seen_to: row.seen_to,
            checked_at: row.checked_at,
        }
    }
}

impl From<FactRow> for ShippedFact {
    fn from(row: FactRow) -> Self {
        Self { subject: row.subject, kind: row.kind, source: row.source, value: row.value, seen_from: row.seen_from }
    }
}

impl From<&ShippedFact> for NewFact {
    fn from(fact: &ShippedFact) -> Self {
        Self {
            subject: fact.subject.clone(),
            kind: fact.kind.clone(),
            value: fact.value.clone(),
            source: fact.source.clone(),
        }
    }
}

impl From<&ShippedArtifact> for NewArtifact {
    fn from(row: &ShippedArtifact) -> Self {
        Self {
            ecosystem: row.ecosystem.clone(),
            package: row.package.clone(),
            version: row.version.clone(),
            file: row.file.clone(),
            sha256: row.sha256,
            size: row.size,
            license: row.license.clone(),
            license_source: row.license_source.clone(),
            metadata: row.metadata,
            findings: row.findings.clone(),
            said: row.said.clone(),
        }
    }
}

/// A row with the number that stands first in it.
struct Numbered<T>(i64, T);

impl<T: FromColumns> FromColumns for Numbered<T> {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.int()?, T::read(columns)?))
    }
}

impl FromColumns for ShippedRelease {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            ecosystem: columns.text()?,
            package: columns.text()?,
            version: columns.text()?,
            first_seen: columns.time()?,
            document: columns.digest()?,
        })
    }
}

impl FromColumns for ShippedFile {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            ecosystem: columns.text()?,
            package: columns.text()?,
            file: columns.text()?,
            version: columns.text()?,
            first_seen: columns.time()?,
            stated: columns.text()?,
            document: columns.digest()?,
            published: columns.optional_time()?,
            last_absent: columns.optional_time()?,
            changed: columns.optional_text()?,
            changed_at: columns.optional_time()?,
            changed_document: columns.optional_digest()?,
        })
    }
}

impl FromColumns for ShippedArtifact {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            ecosystem: columns.text()?,
            package: columns.text()?,
            file: columns.text()?,
            version: columns.text()?,
            sha256: columns.digest()?,
            size: columns.count()?,
            stored_at: columns.time()?,
            license: columns.optional_text()?,
            license_source: columns.optional_text()?,
            metadata: columns.optional_digest()?,
            findings: columns.text()?,
            said: columns.text()?,
        })
    }
}

/// An advisory as it is kept.
struct Packed {
    id: String,
    source: String,
    size: u64,
    body: Vec<u8>,
}

impl FromColumns for Packed {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.text()?, source: columns.text()?, size: columns.count()?, body: columns.bytes()? })
    }
}
