//! What happened, in the order of commits.

use weir_core::Timestamp;

use crate::columns::{Columns, FromColumns};
use crate::db::{Session, Value, transaction, values};
use crate::error::StoreError;
use crate::rows::EventRow;
use crate::{Store, limits, sql};

/// An event before it has a place.
pub(crate) struct NewEvent {
    pub(crate) kind: &'static str,
    pub(crate) subject: String,
    pub(crate) body: serde_json::Value,
}

/// Appends events as the last thing before a commit: from here on the transaction holds the counter, for which all
/// others that tell something wait.
pub(crate) async fn append(session: &mut Session<'_>, events: &[NewEvent], at: Timestamp) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let bodies: Vec<String> = events.iter().map(|event| event.body.to_string()).collect();
    let mut id = take_ids(session, "event", events.len()).await?;
    let mut rows = Vec::with_capacity(events.len() * sql::events::ADD.width());
    for (event, body) in events.iter().zip(&bodies) {
        rows.extend_from_slice(values![id, event.kind, &event.subject, body]);
        id += 1;
    }
    session.run_bulk(&sql::events::ADD, values![at], &rows).await?;
    Ok(())
}

/// The first of `count` ids that follow all that are committed.
pub(crate) async fn take_ids(session: &mut Session<'_>, counter: &str, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: Option<i64> = session.one(sql::events::TAKE_IDS, values![counter, count]).await?;
    last.map(|last| last - count + 1).ok_or_else(|| StoreError::ImpossibleRow {
        operation: session.operation(),
        column: String::from("value"),
        problem: format!("the table `counter` has no row `{counter}`"),
    })
}

impl Store {
    /// Records that something happened, and gives its id. `body` is JSON.
    pub async fn record_event(&self, kind: &str, subject: &str, body: &str, at: Timestamp) -> Result<i64, StoreError> {
        const OPERATION: &str = "record_event";
        limits::at_most(OPERATION, "kind", limits::WORD, kind)?;
        limits::json(OPERATION, "body", body)?;
        transaction!(self, OPERATION, |session| {
            let id = take_ids(&mut session, "event", 1).await?;
            let row: &[Value<'_>] = values![id, kind, subject, body];
            session.run_bulk(&sql::events::ADD, values![at], row).await?;
            id
        })
    }

    /// Events after the one with this id (0 for the beginning), oldest first, at most [`limits::PAGE`]. A reader who goes
    /// on after the last id that it was given misses none.
    pub async fn events(&self, after: i64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        let mut session = self.db.read("events").await?;
        session.all(sql::events::LIST, values![after, limits::page(limit)]).await
    }
}

impl FromColumns for EventRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.int()?,
            kind: columns.text()?,
            subject: columns.text()?,
            body: columns.text()?,
            at: columns.time()?,
        })
    }
}
