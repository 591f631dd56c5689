//! What somebody named to be kept: sets of artifact bytes that are not evicted until they end or are dropped.

use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, transaction, values};
use crate::error::StoreError;
use crate::rows::KeptSet;
use crate::{Store, limits, sql};

impl Store {
    /// Names bytes to be kept, as part of a set that is made if there is none yet, and ends at `ends` from now on.
    pub async fn keep(
        &self,
        name: &str,
        bytes: &[Digest],
        ends: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "keep";
        limits::at_most(OPERATION, "name", limits::WORD, name)?;
        let digests: Vec<Value<'_>> = bytes.iter().map(Value::from).collect();
        transaction!(self, OPERATION, |session| {
            session.run(sql::kept::NAME, values![name, at, ends]).await?;
            if !digests.is_empty() {
                session.run_bulk(&sql::kept::KEEP, values![name], &digests).await?;
            }
        })
    }

    /// All sets by name, with the number of artifacts in each and the bytes of those that are held.
    pub async fn kept_sets(&self) -> Result<Vec<KeptSet>, StoreError> {
        let mut session = self.db.read("kept_sets").await?;
        session.all(sql::kept::LIST, &[]).await
    }

    /// Forgets a set. What it named may be evicted from now on. False if there is none.
    pub async fn drop_kept(&self, name: &str) -> Result<bool, StoreError> {
        transaction!(self, "drop_kept", |session| {
            session.run(sql::kept::DROP_BLOBS, values![name]).await?;
            session.run(sql::kept::DROP_SET, values![name]).await? > 0
        })
    }

    /// Which of some bytes are named by a set that has not ended at `at`.
    pub async fn kept_of(&self, bytes: &[Digest], at: Timestamp) -> Result<Vec<Digest>, StoreError> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let digests: Vec<Value<'_>> = bytes.iter().map(Value::from).collect();
        let mut session = self.db.read("kept_of").await?;
        session.all_bulk(&sql::kept::NAMED, values![at], &digests).await
    }
}

impl FromColumns for KeptSet {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: columns.text()?,
            created: columns.time()?,
            ends: columns.optional_time()?,
            artifacts: columns.count()?,
            bytes: columns.count()?,
        })
    }
}
