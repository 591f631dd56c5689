//! Which artifact bytes are held, and when they were last used.
//!
//! Only bytes are ever evicted: the artifact's own row, with the first digest, what inspection found and what it says of
//! itself, stays for good. Eviction is told here first ([`Store::begin_eviction`]), then the bytes go, then the row
//! ([`Store::end_eviction`]); what a crash left in between is in [`Store::unfinished_evictions`].

use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, transaction, values};
use crate::error::StoreError;
use crate::rows::{BlobName, CachedBlob};
use crate::{Store, limits, sql};

impl Store {
    /// How many bytes of artifacts are held in blobs of at most `limit` bytes each, and in larger ones.
    pub async fn cached_bytes(&self, limit: u64) -> Result<(u64, u64), StoreError> {
        let mut session = self.db.read("cached_bytes").await?;
        Ok(session.one(sql::cached::TOTALS, values![limit]).await?.unwrap_or_default())
    }

    /// True if the bytes of an artifact are held: neither evicted nor about to be. What is hosted always is.
    pub async fn is_held(&self, sha256: &Digest) -> Result<bool, StoreError> {
        let mut session = self.db.read("is_held").await?;
        let held: Vec<Digest> = session.all_bulk(&sql::cached::HELD, &[], values![sha256]).await?;
        if !held.is_empty() {
            return Ok(true);
        }
        let hosted: Vec<Digest> = session.all_bulk(&sql::hosted::BYTES, &[], values![sha256]).await?;
        Ok(!hosted.is_empty())
    }

    /// The blobs that were used longest ago, after the one given, at most [`limits::PAGE`].
    pub async fn cached_blobs(&self, after: Option<&CachedBlob>, limit: u32) -> Result<Vec<CachedBlob>, StoreError> {
        let mut session = self.db.read("cached_blobs").await?;
        let before_all = values![i64::MIN, &[][..], limits::page(limit)];
        match after {
            None => session.all(sql::cached::OLDEST, before_all).await,
            Some(last) => {
                session.all(sql::cached::OLDEST, values![last.used_at, &last.sha256, limits::page(limit)]).await
            }
        }
    }

    /// The blobs above a size, those used longest ago first, at most [`limits::PAGE`].
    pub async fn cached_blobs_above(&self, size: u64, limit: u32) -> Result<Vec<CachedBlob>, StoreError> {
        let mut session = self.db.read("cached_blobs_above").await?;
        session.all(sql::cached::OVERSIZE, values![size, limits::page(limit)]).await
    }

    /// All names of some blobs.
    pub async fn names_of_blobs(&self, blobs: &[CachedBlob]) -> Result<Vec<BlobName>, StoreError> {
        let digests: Vec<Value<'_>> = blobs.iter().map(|blob| Value::from(&blob.sha256)).collect();
        let mut session = self.db.read("names_of_blobs").await?;
        session.all_bulk(&sql::cached::NAMES, &[], &digests).await
    }

    /// Puts blobs at the end of the queue, as if they had been used at `at`.
    pub async fn touch_blobs(&self, blobs: &[CachedBlob], at: Timestamp) -> Result<(), StoreError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let digests: Vec<Value<'_>> = blobs.iter().map(|blob| Value::from(&blob.sha256)).collect();
        transaction!(self, "touch_blobs", |session| {
            session.run_bulk(&sql::cached::TOUCH, values![at], &digests).await?;
        })
    }

    /// Marks blobs as being evicted, and gives those that are: not what was used since it was read, nor what a document or
    /// an artifact's metadata is made of as well. From then on their bytes may go.
    pub async fn begin_eviction(&self, blobs: &[CachedBlob], at: Timestamp) -> Result<Vec<CachedBlob>, StoreError> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        transaction!(self, "begin_eviction", |session| {
            let mut marked = Vec::with_capacity(blobs.len());
            for blob in blobs {
                if session.run(sql::cached::MARK, values![at, &blob.sha256, blob.used_at]).await? > 0 {
                    marked.push(*blob);
                }
            }
            marked
        })
    }

    /// Forgets blobs whose bytes are gone. What was stored again meanwhile stays.
    pub async fn end_eviction(&self, gone: &[Digest]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let digests: Vec<Value<'_>> = gone.iter().map(Value::from).collect();
        transaction!(self, "end_eviction", |session| {
            session.run_bulk(&sql::cached::FORGET, &[], &digests).await?;
        })
    }

    /// Blobs that were marked until `before` and are still there: what a crash left behind. At most [`limits::PAGE`].
    pub async fn unfinished_evictions(&self, before: Timestamp) -> Result<Vec<Digest>, StoreError> {
        let mut session = self.db.read("unfinished_evictions").await?;
        session.all(sql::cached::MARKED, values![before, limits::page(limits::PAGE)]).await
    }
}

impl FromColumns for CachedBlob {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { sha256: columns.digest()?, size: columns.count()?, used_at: columns.time()? })
    }
}

impl FromColumns for BlobName {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            sha256: columns.digest()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            file: columns.text()?,
        })
    }
}
