//! The record of requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, transaction, values};
use crate::error::StoreError;
use crate::events::take_ids;
use crate::rows::{RequestRow, StoredRequest};
use crate::{Store, limits, sql};

/// Last uses are noted by the second.
const MILLIS: i64 = 1_000;
/// Requests that have most in common and are written by a statement of their own, which says that once.
const MANY: usize = 8;

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
        let alike = alike(requests);
        transaction!(self, OPERATION, |session| {
            for (at, digests) in &used {
                let digests: Vec<Value<'_>> = digests.iter().map(|digest| Value::from(*digest)).collect();
                session.run_bulk(&sql::cached::TOUCH, values![*at], &digests).await?;
            }
            let id = take_ids(&mut session, "request", requests.len()).await?;
            let mut rows: Vec<Value<'_>> = Vec::new();
            for alike in &alike {
                let Some(first) = alike.first().and_then(|at| requests.get(*at)) else { continue };
                let places = alike.iter().filter_map(|at| Some((id + i64::try_from(*at).ok()?, requests.get(*at)?)));
                if alike.len() < MANY {
                    for (id, request) in places {
                        let (when, took) = (Value::from(request.at), Value::from(request.duration_ms));
                        rows.extend([Value::from(id), when].into_iter().chain(common(request)).chain([took]));
                    }
                    continue;
                }
                let repeats = places.flat_map(|(id, request)| {
                    [Value::from(id), Value::from(request.at), Value::from(request.duration_ms)]
                });
                let repeats: Vec<Value<'_>> = repeats.collect();
                session.run_bulk(&sql::requests::REPEAT, &common(first), &repeats).await?;
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

/// All of a request but its id, its moment and its duration, in the order of the columns.
fn common(request: &RequestRow) -> [Value<'_>; 13] {
    [
        (&request.principal).into(),
        (&request.client).into(),
        (&request.stage).into(),
        (&request.ecosystem).into(),
        (&request.package).into(),
        (&request.version).into(),
        (&request.file).into(),
        (&request.artifact).into(),
        (&request.index_state).into(),
        (&request.decision).into(),
        (&request.outcome).into(),
        request.status.into(),
        request.bytes.into(),
    ]
}

/// The places of requests that have all that in common, in the order of the first of each.
fn alike(requests: &[RequestRow]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of = HashMap::new();
    for (at, request) in requests.iter().enumerate() {
        let group = *of.entry(common(request)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group) {
            group.push(at);
        }
    }
    groups
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
