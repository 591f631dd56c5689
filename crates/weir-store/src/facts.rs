//! What is known, since when, from whom.

use std::collections::{BTreeSet, HashMap};

use weir_core::Timestamp;

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, transaction, values};
use crate::error::StoreError;
use crate::rows::{FactRow, NewFact};
use crate::{Store, limits, sql};

impl Store {
    /// Records what was learned, and gives the number of facts that are new or have another value than before; those that
    /// are as before are not written. Where two have one subject, kind and source, the last counts.
    pub async fn record_facts(&self, facts: &[NewFact], at: Timestamp) -> Result<u64, StoreError> {
        const OPERATION: &str = "record_facts";
        for fact in facts {
            limits::at_most(OPERATION, "subject", limits::PATH, &fact.subject)?;
            limits::at_most(OPERATION, "kind", limits::WORD, &fact.kind)?;
            limits::at_most(OPERATION, "source", limits::PATH, &fact.source)?;
            limits::json(OPERATION, "value", &fact.value)?;
        }
        let wanted: HashMap<Key<'_>, &str> = facts.iter().map(|fact| (key(fact), fact.value.as_str())).collect();
        let subjects: BTreeSet<&str> = facts.iter().map(|fact| fact.subject.as_str()).collect();
        let subjects: Vec<Value<'_>> = subjects.into_iter().map(Value::from).collect();

        let mut session = self.db.read(OPERATION).await?;
        let current: Vec<CurrentFact> = session.all_bulk(&sql::facts::CURRENT_OF, &[], &subjects).await?;
        drop(session);
        if plan(&wanted, &current).opened.is_empty() {
            return Ok(0);
        }
        transaction!(self, OPERATION, |session| {
            let current: Vec<CurrentFact> = session.all_bulk(&sql::facts::CURRENT_OF, &[], &subjects).await?;
            let plan = plan(&wanted, &current);
            session.run_bulk(&sql::facts::CLOSE, values![at], &plan.closed).await?;
            session.run_bulk(&sql::facts::OPEN, values![at], &plan.opened).await?;
            (plan.opened.len() / sql::facts::OPEN.width()) as u64
        })
    }

    /// What is known of a subject now, by kind and source.
    pub async fn facts_current(&self, subject: &str) -> Result<Vec<FactRow>, StoreError> {
        let mut session = self.db.read("facts_current").await?;
        session.all(sql::facts::CURRENT, values![subject]).await
    }

    /// What was known of a subject at `t`, by kind and source.
    pub async fn facts_at(&self, subject: &str, t: Timestamp) -> Result<Vec<FactRow>, StoreError> {
        let mut session = self.db.read("facts_at").await?;
        session.all(sql::facts::AT, values![subject, t]).await
    }
}

/// Subject, kind, source.
type Key<'a> = (&'a str, &'a str, &'a str);

fn key(fact: &NewFact) -> Key<'_> {
    (&fact.subject, &fact.kind, &fact.source)
}

struct CurrentFact {
    id: i64,
    subject: String,
    kind: String,
    source: String,
    value: String,
}

/// Ids of the intervals that end, and values of the rows that begin.
struct Plan<'a> {
    closed: Vec<Value<'a>>,
    opened: Vec<Value<'a>>,
}

fn plan<'a>(wanted: &HashMap<Key<'a>, &'a str>, current: &[CurrentFact]) -> Plan<'a> {
    let known: HashMap<Key<'_>, &CurrentFact> =
        current.iter().map(|fact| ((fact.subject.as_str(), fact.kind.as_str(), fact.source.as_str()), fact)).collect();
    let mut plan = Plan { closed: Vec::new(), opened: Vec::new() };
    let mut differing: Vec<_> = wanted.iter().collect();
    // In one order everywhere, so that two writers wait for one another instead of blocking each other.
    differing.sort_unstable();
    for (key, value) in differing {
        let before = known.get(key);
        if before.is_some_and(|before| before.value == **value) {
            continue;
        }
        plan.closed.extend(before.map(|before| Value::from(before.id)));
        let (subject, kind, source) = *key;
        plan.opened.extend([subject, kind, source, value].map(Value::from));
    }
    plan
}

impl FromColumns for CurrentFact {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.int()?,
            subject: columns.text()?,
            kind: columns.text()?,
            source: columns.text()?,
            value: columns.text()?,
        })
    }
}

impl FromColumns for FactRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            subject: columns.text()?,
            kind: columns.text()?,
            source: columns.text()?,
            value: columns.text()?,
            seen_from: columns.time()?,
            seen_to: columns.optional_time()?,
        })
    }
}
