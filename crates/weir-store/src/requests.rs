//! The record of requests.

use std::collections::{BTreeMap, BTreeSet};

use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, transaction, values};
use crate::error::StoreError;
use crate::events::take_ids;
use crate::rows::{RequestRow, StoredRequest};
use crate::{Store, limits, sql};

/// Last uses are noted by the second.
const MILLIS: i64 = 1_000;

impl Store {
    /// Appends requests in one transaction, and notes that the artifacts whose bytes they got are in use.
    pub async fn append_requests(&self, requests: &[RequestRow]) -> Result<(), StoreError> {
        const OPERATION: &str = "append_requests";
        if requests.is_empty() {
            return Ok(());
        }
        for request in requests {
            limits::at_most(OPERATION, "ecosystem", limits::WORD, &request.ecosystem)?;
            limits::at_most(OPERATION, "package", limits::NAME, &request.package)?;
        }
        let used = used(requests);
        transaction!(self, OPERATION, |session| {
            for (at, digests) in &used {
                let digests: Vec<Value<'_>> = digests.iter().map(|digest| Value::from(*digest)).collect();
                session.run_bulk(&sql::cached::TOUCH, values![*at], &digests).await?;
            }
            let mut id = take_ids(&mut session, "request", requests.len()).await?;
            let mut rows: Vec<Value<'_>> = Vec::with_capacity(requests.len() * sql::requests::APPEND.width());
            for request in requests {
                rows.extend_from_slice(values![
                    id,
                    request.at,
                    &request.principal,
                    &request.client,
                    &request.stage,
                    &request.ecosystem,
                    &request.package,
                    &request.version,
                    &request.file,
                    &request.artifact,
                    &request.index_state,
                    &request.decision,
                    &request.outcome,
                    request.status,
                    request.bytes,
                    request.duration_ms,
                ]);
                id += 1;
            }
            session.run_bulk(&sql::requests::APPEND, &[], &rows).await?;
        })
    }

    /// Requests after the one with this id (0 for the beginning), oldest first, at most [`limits::PAGE`].
    pub async fn requests(&self, after: i64, limit: u32) -> Result<Vec<StoredRequest>, StoreError> {
        let mut session = self.db.read("requests").await?;
        session.all(sql::requests::LIST, values![after, limits::page(limit)]).await
    }

    /// How many requests are recorded.
    pub async fn count_requests(&self) -> Result<u64, StoreError> {
        let mut session = self.db.read("count_requests").await?;
        Ok(session.one(sql::requests::COUNT, &[]).await?.unwrap_or_default())
    }
}

/// The artifacts that requests used, each with the last of them: by second, as one statement is for one moment.
fn used(requests: &[RequestRow]) -> BTreeMap<Timestamp, BTreeSet<&Digest>> {
    let mut last: BTreeMap<&Digest, i64> = BTreeMap::new();
    for request in requests {
        if let Some(artifact) = &request.artifact {
            let at = request.at.millis().div_euclid(MILLIS) * MILLIS;
            let known = last.entry(artifact).or_insert(at);
            *known = at.max(*known);
        }
    }
    let mut used: BTreeMap<Timestamp, BTreeSet<&Digest>> = BTreeMap::new();
    for (digest, at) in last {
        used.entry(Timestamp::from_millis(at)).or_default().insert(digest);
    }
    used
}

impl FromColumns for StoredRequest {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.int()?,
            request: RequestRow {
                at: columns.time()?,
                principal: columns.text()?,
                client: columns.text()?,
                stage: columns.text()?,
                ecosystem: columns.text()?,
                package: columns.text()?,
                version: columns.optional_text()?,
                file: columns.optional_text()?,
                artifact: columns.optional_digest()?,
                index_state: columns.optional_digest()?,
                decision: columns.optional_text()?,
                outcome: columns.text()?,
                status: {
                    let status = columns.int()?;
                    u16::try_from(status).map_err(|_| columns.wrong(format!("`{status}` is no HTTP status")))?
                },
                bytes: columns.count()?,
                duration_ms: columns.count()?,
            },
        })
    }
}
