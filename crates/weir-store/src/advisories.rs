//! Advisories and when their revisions were current.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Session, Value, transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append};
use crate::pack::{Unpacker, pack};
use crate::rows::{AdvisoryCount, AdvisoryKind, AdvisoryRevision, AdvisoryRow, PutReport};
use crate::{Store, limits, sql};

/// Records that one transaction writes: enough to make its cost small, and few enough that others need not wait.
const PUT_ROWS: usize = 500;
/// Records that [`Store::each_advisory`] holds at a time.
const READ_ROWS: i64 = 256;

/// What [`Store::each_advisory`] calls for each: id, source, body.
pub type EachAdvisory<'a> = dyn FnMut(&str, &str, &[u8]) -> ControlFlow<()> + Send + 'a;

impl Store {
    /// Takes records of a feed in. An id has one current revision; another one ends its interval, unless a later one from
    /// another feed is there. Where the records have one id twice, the last counts. Each batch of some hundred is a
    /// transaction of its own, with an event `advisories-changed` that lists the ids; after a failure the same call goes
    /// on where it was.
    pub async fn put_advisories(
        &self,
        source: &str,
        revisions: &[AdvisoryRevision],
        at: Timestamp,
    ) -> Result<PutReport, StoreError> {
        const OPERATION: &str = "put_advisories";
        limits::at_most(OPERATION, "source", limits::PATH, source)?;
        for revision in revisions {
            limits::at_most(OPERATION, "id", limits::NAME, &revision.id)?;
            limits::bytes_at_most(OPERATION, "body", limits::ADVISORY, &revision.body)?;
        }
        let mut report = PutReport::default();
        for kind in [AdvisoryKind::Osv, AdvisoryKind::Cve] {
            let of_kind: Vec<&AdvisoryRevision> = revisions.iter().filter(|revision| revision.kind == kind).collect();
            for batch in of_kind.chunks(PUT_ROWS) {
                let batch: BTreeMap<&str, &AdvisoryRevision> =
                    batch.iter().map(|revision| (revision.id.as_str(), *revision)).collect();
                let put = self.put_batch(OPERATION, kind, source, &batch, at).await?;
                report.new += put.new;
                report.changed += put.changed;
                report.unchanged += put.unchanged;
                report.older += put.older;
            }
        }
        Ok(report)
    }

    async fn put_batch(
        &self,
        operation: &'static str,
        kind: AdvisoryKind,
        source: &str,
        batch: &BTreeMap<&str, &AdvisoryRevision>,
        at: Timestamp,
    ) -> Result<PutReport, StoreError> {
        let ids: Vec<Value<'_>> = batch.keys().map(|id| Value::from(*id)).collect();
        let mut session = self.db.read(operation).await?;
        let plan = Plan::new(batch, source, &current(&mut session, kind, &ids).await?);
        drop(session);
        if plan.opened.is_empty() {
            return Ok(plan.report);
        }
        // Compressing under the lock would make others wait.
        let bodies = plan.opened.iter().map(|revision| revision.body.clone()).collect();
        let bodies = pack(operation, bodies).await?;
        let mut packed: HashMap<&str, Vec<u8>> =
            plan.opened.iter().map(|revision| revision.id.as_str()).zip(bodies).collect();
        let lock = format!("advisories {}", kind.as_str());
        transaction!(self, operation, lock Some(&lock), alone true, |session| {
            let plan = Plan::new(batch, source, &current(&mut session, kind, &ids).await?);
            // Another process may have changed what is current since, so that more is to be written.
            for revision in &plan.opened {
                if !packed.contains_key(revision.id.as_str()) {
                    let bodies = pack(operation, vec![revision.body.clone()]).await?;
                    packed.extend(bodies.into_iter().map(|body| (revision.id.as_str(), body)));
                }
            }
            let mut rows = Vec::with_capacity(plan.opened.len() * sql::advisories::OPEN.width());
            for revision in &plan.opened {
                let body = packed.get(revision.id.as_str()).map(Vec::as_slice).unwrap_or_default();
                rows.extend_from_slice(values![
                    &revision.id,
                    &revision.digest,
                    revision.modified,
                    revision.body.len() as u64,
                    body,
                ]);
            }
            session.run_bulk(&sql::advisories::CLOSE, values![at], &plan.closed).await?;
            session.run_bulk(&sql::advisories::OPEN, values![kind.as_str(), source, at], &rows).await?;
            if !plan.opened.is_empty() {
                append(&mut session, &[plan.event(kind, source)], at).await?;
            }
            plan.report
        })
    }

    /// Calls `each` for every current advisory of a kind, ascending by id, until it breaks.
    pub async fn each_advisory(&self, kind: AdvisoryKind, each: &mut EachAdvisory<'_>) -> Result<(), StoreError> {
        const OPERATION: &str = "each_advisory";
        let mut unpacker = Unpacker::new(OPERATION)?;
        let mut after = String::new();
        loop {
            let mut session = self.db.read(OPERATION).await?;
            let page: Vec<PackedAdvisory> =
                session.all(sql::advisories::PAGE, values![kind.as_str(), &after, READ_ROWS]).await?;
            drop(session);
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for packed in page {
                let body = unpacker.unpack(OPERATION, &packed.body, packed.size, limits::ADVISORY)?;
                if each(&packed.id, &packed.source, &body).is_break() {
                    return Ok(());
                }
            }
            // Decompressing a page takes as long as answering many requests.
            tokio::task::yield_now().await;
        }
    }

    /// The current advisory with this id: an id may have an OSV record and a CVE record.
    pub async fn advisory(&self, id: &str) -> Result<Vec<AdvisoryRow>, StoreError> {
        const OPERATION: &str = "advisory";
        let mut session = self.db.read(OPERATION).await?;
        let rows: Vec<PackedRow> = session.all(sql::advisories::GET, values![id]).await?;
        unpack_rows(OPERATION, rows)
    }

    /// The advisory with this id as Weir knew it at `t`.
    pub async fn advisory_at(&self, id: &str, t: Timestamp) -> Result<Vec<AdvisoryRow>, StoreError> {
        const OPERATION: &str = "advisory_at";
        let mut session = self.db.read(OPERATION).await?;
        let rows: Vec<PackedRow> = session.all(sql::advisories::AT, values![id, t]).await?;
        unpack_rows(OPERATION, rows)
    }

    /// How many advisories are current, by kind and source.
    pub async fn advisory_counts(&self) -> Result<Vec<AdvisoryCount>, StoreError> {
        let mut session = self.db.read("advisory_counts").await?;
        session.all(sql::advisories::COUNTS, &[]).await
    }
}

async fn current(
    session: &mut Session<'_>,
    kind: AdvisoryKind,
    ids: &[Value<'_>],
) -> Result<Vec<CurrentAdvisory>, StoreError> {
    session.all_bulk(&sql::advisories::CURRENT_OF, values![kind.as_str()], ids).await
}

struct CurrentAdvisory {
    row: i64,
    id: String,
    source: String,
    digest: Digest,
    modified: Timestamp,
}

/// What a batch changes.
struct Plan<'a> {
    closed: Vec<Value<'a>>,
    opened: Vec<&'a AdvisoryRevision>,
    new: HashSet<&'a str>,
    report: PutReport,
}

impl<'a> Plan<'a> {
    fn new(batch: &BTreeMap<&'a str, &'a AdvisoryRevision>, source: &str, current: &[CurrentAdvisory]) -> Self {
        let known: HashMap<&str, &CurrentAdvisory> =
            current.iter().map(|advisory| (advisory.id.as_str(), advisory)).collect();
        let mut plan =
            Self { closed: Vec::new(), opened: Vec::new(), new: HashSet::new(), report: PutReport::default() };
        for (id, revision) in batch {
            match known.get(id) {
                None => {
                    plan.report.new += 1;
                    plan.new.insert(id);
                    plan.opened.push(revision);
                }
                Some(known) if known.digest == revision.digest => plan.report.unchanged += 1,
                // A feed may take its own record back, but not another's.
                Some(known) if known.modified > revision.modified && known.source != source => {
                    plan.report.older += 1;
                }
                Some(known) => {
                    plan.report.changed += 1;
                    plan.closed.push(Value::from(known.row));
                    plan.opened.push(revision);
                }
            }
        }
        plan
    }

    fn event(&self, kind: AdvisoryKind, source: &str) -> NewEvent {
        let (new, changed): (Vec<&str>, Vec<&str>) =
            self.opened.iter().map(|revision| revision.id.as_str()).partition(|id| self.new.contains(id));
        NewEvent {
            kind: "advisories-changed",
            subject: source.to_owned(),
            body: json!({ "kind": kind.as_str(), "source": source, "new": new, "changed": changed }),
        }
    }
}

struct PackedAdvisory {
    id: String,
    source: String,
    size: u64,
    body: Vec<u8>,
}

struct PackedRow {
    size: u64,
    row: AdvisoryRow,
}

fn unpack_rows(operation: &'static str, rows: Vec<PackedRow>) -> Result<Vec<AdvisoryRow>, StoreError> {
    let mut unpacker = Unpacker::new(operation)?;
    let mut out = Vec::with_capacity(rows.len());
    for PackedRow { size, mut row } in rows {
        row.body = unpacker.unpack(operation, &row.body, size, limits::ADVISORY)?;
        out.push(row);
    }
    Ok(out)
}

fn kind(columns: &mut Columns<'_>) -> Result<AdvisoryKind, StoreError> {
    match columns.text()?.as_str() {
        "osv" => Ok(AdvisoryKind::Osv),
        "cve" => Ok(AdvisoryKind::Cve),
        other => Err(columns.wrong(format!("`{other}` is no kind of advisory"))),
    }
}

impl FromColumns for CurrentAdvisory {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            row: columns.int()?,
            id: columns.text()?,
            source: columns.text()?,
            digest: columns.digest()?,
            modified: columns.time()?,
        })
    }
}

impl FromColumns for PackedAdvisory {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.text()?, source: columns.text()?, size: columns.count()?, body: columns.bytes()? })
    }
}

impl FromColumns for PackedRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let id = columns.text()?;
        let kind = kind(columns)?;
        let source = columns.text()?;
        let digest = columns.digest()?;
        let modified = columns.time()?;
        let seen_from = columns.time()?;
        let size = columns.count()?;
        let body = columns.bytes()?;
        Ok(Self { size, row: AdvisoryRow { id, kind, source, digest, modified, seen_from, body } })
    }
}

impl FromColumns for AdvisoryCount {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { kind: kind(columns)?, source: columns.text()?, count: columns.count()? })
    }
}
