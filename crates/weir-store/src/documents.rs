//! Upstream documents and the intervals in which they were current.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append};
use crate::rows::{ChangedFile, DocumentRow, NewDocument, Recorded};
use crate::seen::changed_bytes;
use crate::{Store, limits, sql};

/// Rows that one transaction of [`Store::expire_documents`] deletes.
const EXPIRE_ROWS: i64 = 500;

impl Store {
    /// The document that is current.
    pub async fn current_document(&self, upstream: &str, path: &str) -> Result<Option<DocumentRow>, StoreError> {
        let mut session = self.db.read("current_document").await?;
        session.one(sql::documents::CURRENT, values![upstream, path]).await
    }

    /// The documents that are current at some paths of an upstream, in any order. Paths without one give none.
    pub async fn current_documents(&self, upstream: &str, paths: &[String]) -> Result<Vec<DocumentRow>, StoreError> {
        let rows: Vec<_> = paths.iter().map(|path| crate::db::Value::from(path.as_str())).collect();
        let mut session = self.db.read("current_documents").await?;
        session.all_bulk(&sql::documents::CURRENT_OF, values![upstream], &rows).await
    }

    /// The newest version of a document that is kept, whether or not upstream still has it.
    pub async fn newest_document(&self, upstream: &str, path: &str) -> Result<Option<DocumentRow>, StoreError> {
        let mut session = self.db.read("newest_document").await?;
        session.one(sql::documents::NEWEST, values![upstream, path]).await
    }

    /// The document that was current at `t`, as Weir saw it.
    pub async fn document_at(
        &self,
        upstream: &str,
        path: &str,
        t: Timestamp,
    ) -> Result<Option<DocumentRow>, StoreError> {
        let mut session = self.db.read("document_at").await?;
        session.one(sql::documents::AT, values![upstream, path, t]).await
    }

    /// The first version of a document that came after `t`.
    pub async fn document_after(
        &self,
        upstream: &str,
        path: &str,
        t: Timestamp,
    ) -> Result<Option<DocumentRow>, StoreError> {
        let mut session = self.db.read("document_after").await?;
        session.one(sql::documents::AFTER, values![upstream, path, t]).await
    }

    /// The newest version of a document that came before `t`, whether or not it was current until then.
    pub async fn document_before(
        &self,
        upstream: &str,
        path: &str,
        t: Timestamp,
    ) -> Result<Option<DocumentRow>, StoreError> {
        let mut session = self.db.read("document_before").await?;
        session.one(sql::documents::BEFORE, values![upstream, path, t]).await
    }

    /// The paths of an upstream's current documents that end in `ending`, in order. The ending is letters and `#`.
    pub async fn document_paths(&self, upstream: &str, ending: &str) -> Result<Vec<String>, StoreError> {
        let mut session = self.db.read("document_paths").await?;
        let pattern = format!("%{ending}");
        session.all(sql::documents::PATHS_LIKE, values![upstream, &pattern]).await
    }

    /// Records what upstream sent. The same bytes as before only renew the moment of the check and the validators; others
    /// end one interval and begin the next, with an event `document-changed`. The blob must be stored already.
    pub async fn record_document(&self, new: &NewDocument, at: Timestamp) -> Result<Recorded, StoreError> {
        self.record_catalogue(new, &[], at).await
    }

    /// The same of a document that tells of files of many packages, and of those of which it states another digest than was
    /// stated at first: an event `changed-bytes` for each, in the same transaction, if the document is new.
    pub async fn record_catalogue(
        &self,
        new: &NewDocument,
        changed_files: &[ChangedFile],
        at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        const OPERATION: &str = "record_document";
        keys(OPERATION, &new.upstream, &new.path)?;
        let lock = lock(&new.upstream, &new.path);
        transaction!(self, OPERATION, lock Some(&lock), |session| {
            let place = values![&new.upstream, &new.path];
            let before: Option<DocumentRow> = session.one(sql::documents::CURRENT, place).await?;
            if let Some(before) = before.as_ref().filter(|before| before.digest == new.digest) {
                let renewed = values![
                    before.id,
                    &new.content_type,
                    &new.url,
                    &new.etag,
                    &new.last_modified,
                    at.max(before.checked_at),
                ];
                let row = session.one(sql::documents::REFRESH, renewed).await?;
                Recorded { row: row.ok_or(StoreError::Overtaken { operation: OPERATION })?, changed: false }
            } else {
                let from = before.as_ref().map_or(at, |before| at.max(before.seen_from));
                if let Some(before) = &before {
                    session.run(sql::documents::CLOSE, values![before.id, from]).await?;
                }
                let opened = values![
                    &new.upstream,
                    &new.path,
                    &new.digest,
                    &new.content_type,
                    &new.url,
                    &new.etag,
                    &new.last_modified,
                    new.size,
                    from,
                ];
                let row = session.one(sql::documents::OPEN, opened).await?;
                let event = changed(&new.upstream, &new.path, before.map(|before| before.digest), Some(new.digest));
                let changes = changed_files.iter().map(|file| file.event(&new.digest));
                let events: Vec<_> = changes.chain([event]).collect();
                append(&mut session, &events, at).await?;
                Recorded { row: row.ok_or(StoreError::Overtaken { operation: OPERATION })?, changed: true }
            }
        })
    }

    /// Upstream confirmed the current document (304), perhaps with new validators. False if there is none.
    pub async fn touch_document(
        &self,
        upstream: &str,
        path: &str,
        etag: Option<&str>,
        last_modified: Option<&str>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, "touch_document", |session| {
            session.run(sql::documents::TOUCH, values![upstream, path, etag, last_modified, at]).await? > 0
        })
    }

    /// Upstream no longer has the document: ends its interval, with an event `document-changed`. False if there is none.
    pub async fn close_document(&self, upstream: &str, path: &str, at: Timestamp) -> Result<bool, StoreError> {
        let lock = lock(upstream, path);
        transaction!(self, "close_document", lock Some(&lock), |session| {
            let before: Option<DocumentRow> = session.one(sql::documents::CURRENT, values![upstream, path]).await?;
            match before {
                None => false,
                Some(before) => {
                    let closed = session.run(sql::documents::CLOSE, values![before.id, at]).await? > 0;
                    if closed {
                        append(&mut session, &[changed(upstream, path, Some(before.digest), None)], at).await?;
                    }
                    closed
                }
            }
        })
    }

    /// Forgets the intervals that ended before `before`, and gives the digests that no document row names any more. Their
    /// blobs may go, unless the bytes came back meanwhile: ask [`Store::is_document`] right before deleting one.
    pub async fn expire_documents(&self, before: Timestamp) -> Result<Vec<Digest>, StoreError> {
        const OPERATION: &str = "expire_documents";
        let mut unnamed = BTreeSet::new();
        loop {
            let deleted: Vec<Digest> = transaction!(self, OPERATION, |session| {
                session.all(sql::documents::EXPIRE, values![before, EXPIRE_ROWS]).await?
            })?;
            if deleted.is_empty() {
                break;
            }
            unnamed.extend(deleted);
        }
        self.unnamed(OPERATION, unnamed).await
    }

    /// The versions of a document that are not current any more, the oldest first, at most [`limits::PAGE`].
    pub async fn past_documents(&self, upstream: &str, path: &str) -> Result<Vec<DocumentRow>, StoreError> {
        let mut session = self.db.read("past_documents").await?;
        session.all(sql::documents::PAST, values![upstream, path, limits::page(limits::PAGE)]).await
    }

    /// Forgets intervals that have ended, by the ids of their rows, and gives the digests that no document row names any
    /// more, as [`Store::expire_documents`] does. Those that are current stay.
    pub async fn forget_documents(&self, ids: &[i64]) -> Result<Vec<Digest>, StoreError> {
        const OPERATION: &str = "forget_documents";
        let rows: Vec<_> = ids.iter().copied().map(crate::db::Value::from).collect();
        let forgotten: Vec<Digest> =
            transaction!(self, OPERATION, |session| { session.all_bulk(&sql::documents::FORGET, &[], &rows).await? })?;
        self.unnamed(OPERATION, forgotten.into_iter().collect()).await
    }

    /// Those of some digests that no row names.
    async fn unnamed(&self, operation: &'static str, candidates: BTreeSet<Digest>) -> Result<Vec<Digest>, StoreError> {
        let rows: Vec<_> = candidates.iter().map(crate::db::Value::from).collect();
        let mut session = self.db.read(operation).await?;
        let named: HashSet<Digest> =
            session.all_bulk(&sql::documents::REFERENCED, &[], &rows).await?.into_iter().collect();
        Ok(candidates.into_iter().filter(|digest| !named.contains(digest)).collect())
    }

    /// True if a document row names this digest, now or in an interval that is kept.
    pub async fn is_document(&self, digest: &Digest) -> Result<bool, StoreError> {
        let mut session = self.db.read("is_document").await?;
        let named: Vec<Digest> = session.all_bulk(&sql::documents::REFERENCED, &[], values![digest]).await?;
        Ok(!named.is_empty())
    }
}

fn keys(operation: &'static str, upstream: &str, path: &str) -> Result<(), StoreError> {
    limits::at_most(operation, "upstream", limits::PATH, upstream)?;
    limits::at_most(operation, "path", limits::PATH, path)
}

fn lock(upstream: &str, path: &str) -> String {
    format!("document {upstream} {path}")
}

fn changed(upstream: &str, path: &str, from: Option<Digest>, to: Option<Digest>) -> NewEvent {
    NewEvent {
        kind: "document-changed",
        subject: format!("{upstream} {path}"),
        body: json!({ "upstream": upstream, "path": path, "from": from, "to": to }),
    }
}

impl ChangedFile {
    fn event(&self, document: &Digest) -> NewEvent {
        let place = (self.ecosystem.as_str(), self.package.as_str(), self.version.as_str(), self.file.as_str());
        changed_bytes(place, (None, &self.now), Some(document))
    }
}

impl FromColumns for DocumentRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.int()?,
            upstream: columns.text()?,
            path: columns.text()?,
            digest: columns.digest()?,
            content_type: columns.text()?,
            url: columns.text()?,
            etag: columns.optional_text()?,
            last_modified: columns.optional_text()?,
            size: columns.count()?,
            seen_from: columns.time()?,
            seen_to: columns.optional_time()?,
            checked_at: columns.time()?,
        })
    }
}
