//! Revisions of the policy, the waivers and the feeds, and when they were current.

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append};
use crate::pack::{Unpacker, pack};
use crate::rows::{Revision, RevisionKind};
use crate::{Store, limits, sql};

impl Store {
    /// Records that a revision is current now, with an event `policy-changed` (`waivers-changed`, …). False if it was
    /// current already; then nothing is written. A revision that comes back is kept once, with two intervals.
    pub async fn record_revision(
        &self,
        kind: RevisionKind,
        digest: &Digest,
        body: &[u8],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "record_revision";
        limits::bytes_at_most(OPERATION, "body", limits::REVISION, body)?;
        let word = kind.as_str();
        let mut session = self.db.read(OPERATION).await?;
        let current: Option<(i64, Digest)> = session.one(sql::revisions::CURRENT, values![word]).await?;
        drop(session);
        if current.is_some_and(|(_, current)| current == *digest) {
            return Ok(false);
        }
        let packed = pack(OPERATION, vec![body.to_vec()]).await?.pop().unwrap_or_default();
        let lock = format!("revision {word}");
        transaction!(self, OPERATION, lock Some(&lock), alone true, |session| {
            let before: Option<(i64, Digest)> = session.one(sql::revisions::CURRENT, values![word]).await?;
            if before.is_some_and(|(_, before)| before == *digest) {
                false
            } else {
                let body = values![word, digest, body.len() as u64, &packed];
                session.run(sql::revisions::ADD, body).await?;
                if let Some((id, _)) = before {
                    session.run(sql::revisions::CLOSE, values![id, at]).await?;
                }
                session.run(sql::revisions::OPEN, values![word, digest, at]).await?;
                let event = NewEvent {
                    kind: changed(kind),
                    subject: digest.to_string(),
                    body: json!({ "kind": word, "from": before.map(|(_, before)| before), "to": digest }),
                };
                append(&mut session, &[event], at).await?;
                true
            }
        })
    }

    /// The revision with this digest.
    pub async fn revision(&self, kind: RevisionKind, digest: &Digest) -> Result<Option<Revision>, StoreError> {
        let mut session = self.db.read("revision").await?;
        let packed = session.one(sql::revisions::GET, values![kind.as_str(), digest]).await?;
        unpack("revision", packed)
    }

    /// The revision that was current at `t`.
    pub async fn revision_at(&self, kind: RevisionKind, t: Timestamp) -> Result<Option<Revision>, StoreError> {
        let mut session = self.db.read("revision_at").await?;
        let packed = session.one(sql::revisions::AT, values![kind.as_str(), t]).await?;
        unpack("revision_at", packed)
    }
}

fn changed(kind: RevisionKind) -> &'static str {
    match kind {
        RevisionKind::Policy => "policy-changed",
        RevisionKind::Waivers => "waivers-changed",
        RevisionKind::Advisories => "advisories-changed",
        RevisionKind::Kev => "kev-changed",
        RevisionKind::Epss => "epss-changed",
        RevisionKind::Names => "names-changed",
    }
}

struct Packed {
    digest: Digest,
    seen_from: Timestamp,
    seen_to: Option<Timestamp>,
    size: u64,
    body: Vec<u8>,
}

fn unpack(operation: &'static str, packed: Option<Packed>) -> Result<Option<Revision>, StoreError> {
    let Some(packed) = packed else { return Ok(None) };
    let body = Unpacker::new(operation)?.unpack(operation, &packed.body, packed.size, limits::REVISION)?;
    Ok(Some(Revision { digest: packed.digest, seen_from: packed.seen_from, seen_to: packed.seen_to, body }))
}

impl FromColumns for Packed {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            digest: columns.digest()?,
            seen_from: columns.time()?,
            seen_to: columns.optional_time()?,
            size: columns.count()?,
            body: columns.bytes()?,
        })
    }
}
