//! Decisions, and what indexes were rendered from.

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append};
use crate::rows::{DecisionRow, IndexState};
use crate::{Store, limits, sql};

impl Store {
    /// Records a decision with an event `decision`. False if it is recorded already; then nothing is written.
    pub async fn record_decision(&self, new: &DecisionRow) -> Result<bool, StoreError> {
        const OPERATION: &str = "record_decision";
        limits::at_most(OPERATION, "id", limits::WORD, &new.id)?;
        limits::at_most(OPERATION, "stage", limits::WORD, &new.stage)?;
        limits::at_most(OPERATION, "ecosystem", limits::WORD, &new.ecosystem)?;
        limits::at_most(OPERATION, "package", limits::NAME, &new.package)?;
        limits::at_most(OPERATION, "version", limits::NAME, &new.version)?;
        limits::at_most(OPERATION, "file", limits::NAME, new.file.as_deref().unwrap_or_default())?;
        limits::at_most(OPERATION, "outcome", limits::WORD, &new.outcome)?;
        limits::at_most(OPERATION, "effective", limits::WORD, &new.effective)?;
        limits::json(OPERATION, "body", &new.body)?;
        if self.decision(&new.id).await?.is_some() {
            return Ok(false);
        }
        let row = values![
            &new.id,
            &new.stage,
            &new.ecosystem,
            &new.package,
            &new.version,
            &new.file,
            &new.outcome,
            &new.effective,
            &new.body,
            new.at,
        ];
        let event = NewEvent {
            kind: "decision",
            subject: new.id.clone(),
            body: json!({
                "stage": new.stage, "ecosystem": new.ecosystem, "package": new.package, "version": new.version,
                "file": new.file, "outcome": new.outcome, "effective": new.effective,
            }),
        };
        transaction!(self, OPERATION, |session| {
            let is_new = session.run(sql::decisions::ADD, row).await? > 0;
            if is_new {
                append(&mut session, std::slice::from_ref(&event), new.at).await?;
            }
            is_new
        })
    }

    /// The decision with this id.
    pub async fn decision(&self, id: &str) -> Result<Option<DecisionRow>, StoreError> {
        let mut session = self.db.read("decision").await?;
        session.one(sql::decisions::GET, values![id]).await
    }

    /// The releases of a package of which a file was asked for and allowed, whatever was enforced: version and stage.
    pub async fn allowed_releases(&self, ecosystem: &str, package: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut session = self.db.read("allowed_releases").await?;
        session.all(sql::decisions::ALLOWED, values![ecosystem, package]).await
    }

    /// Records what an index was rendered from. False if it is recorded already; then nothing is written.
    pub async fn record_index_state(&self, new: &IndexState) -> Result<bool, StoreError> {
        const OPERATION: &str = "record_index_state";
        limits::at_most(OPERATION, "stage", limits::WORD, &new.stage)?;
        limits::at_most(OPERATION, "ecosystem", limits::WORD, &new.ecosystem)?;
        limits::at_most(OPERATION, "package", limits::NAME, &new.package)?;
        let mut session = self.db.read(OPERATION).await?;
        let known: Option<i64> = session.one(sql::decisions::HAS_INDEX_STATE, values![&new.digest]).await?;
        drop(session);
        if known.is_some() {
            return Ok(false);
        }
        transaction!(self, OPERATION, |session| {
            let row = values![
                &new.digest,
                &new.stage,
                &new.ecosystem,
                &new.package,
                &new.document,
                &new.policy,
                &new.advisories,
                &new.waivers,
                &new.hidden,
                new.at,
            ];
            session.run(sql::decisions::ADD_INDEX_STATE, row).await? > 0
        })
    }

    /// What the index with this digest was rendered from.
    pub async fn index_state(&self, digest: &Digest) -> Result<Option<IndexState>, StoreError> {
        let mut session = self.db.read("index_state").await?;
        session.one(sql::decisions::INDEX_STATE, values![digest]).await
    }
}

impl FromColumns for DecisionRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text()?,
            stage: columns.text()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            version: columns.text()?,
            file: columns.optional_text()?,
            outcome: columns.text()?,
            effective: columns.text()?,
            body: columns.text()?,
            at: Timestamp::from_millis(columns.int()?),
        })
    }
}

impl FromColumns for IndexState {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            digest: columns.digest()?,
            stage: columns.text()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            document: columns.digest()?,
            policy: columns.digest()?,
            advisories: columns.digest()?,
            waivers: columns.digest()?,
            hidden: columns.digest()?,
            at: columns.time()?,
        })
    }
}
