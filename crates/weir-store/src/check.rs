//! What a checker reads: every row that names bytes or tells what was decided, page by page, in memory that does not grow
//! with the database.

use weir_core::Digest;

use crate::columns::{Columns, FromColumns};
use crate::db::{Value, values};
use crate::error::{Engine, StoreError};
use crate::rows::{DecisionRow, NamedArtifact, NamedDocument, Verdict};
use crate::{Store, limits, sql};

impl Store {
    /// Documents after the row with this id (0 for the beginning), at most [`limits::PAGE`].
    pub async fn named_documents(&self, after: i64, limit: u32) -> Result<Vec<NamedDocument>, StoreError> {
        let mut session = self.db.read("named_documents").await?;
        session.all(sql::check::DOCUMENTS, values![after, limits::page(limit)]).await
    }

    /// Artifacts after the one with this number of its package and this file name (`(0, "")` for the beginning), at most
    /// [`limits::PAGE`].
    pub async fn named_artifacts(&self, after: (i64, &str), limit: u32) -> Result<Vec<NamedArtifact>, StoreError> {
        let mut session = self.db.read("named_artifacts").await?;
        session.all(sql::check::ARTIFACTS, values![after.0, after.1, limits::page(limit)]).await
    }

    /// Decisions after the one with this id (empty for the beginning), by id, at most [`limits::PAGE`].
    pub async fn decisions(&self, after: &str, limit: u32) -> Result<Vec<DecisionRow>, StoreError> {
        let mut session = self.db.read("decisions").await?;
        session.all(sql::check::DECISIONS, values![after, limits::page(limit)]).await
    }

    /// How many decisions are recorded.
    pub async fn count_decisions(&self) -> Result<u64, StoreError> {
        let mut session = self.db.read("count_decisions").await?;
        Ok(session.one(sql::check::COUNT_DECISIONS, &[]).await?.unwrap_or_default())
    }

    /// What those of these decisions that are on record are about and let through, in no order.
    pub async fn verdicts(&self, ids: &[&str]) -> Result<Vec<Verdict>, StoreError> {
        let ids: Vec<Value<'_>> = ids.iter().map(|id| Value::from(*id)).collect();
        let mut session = self.db.read("verdicts").await?;
        session.all_bulk(&sql::check::VERDICTS, &[], &ids).await
    }

    /// True if these are the bytes of an artifact.
    pub async fn is_artifact(&self, sha256: &Digest) -> Result<bool, StoreError> {
        let mut session = self.db.read("is_artifact").await?;
        let named: Vec<Digest> = session.all_bulk(&sql::check::ARTIFACTS_OF, &[], values![sha256]).await?;
        Ok(!named.is_empty())
    }

    /// The last id that was given to an `event` or a `request`.
    pub async fn last_id(&self, counter: &str) -> Result<Option<i64>, StoreError> {
        let mut session = self.db.read("last_id").await?;
        session.one(sql::check::COUNTER, values![counter]).await
    }

    /// What contradicts itself in the tables, as sentences. When the artifacts of the ecosystems in `apart` were first seen is
    /// not asked: their catalogues remember it.
    pub async fn contradictions(&self, apart: &[&str]) -> Result<Vec<String>, StoreError> {
        let mut session = self.db.read("contradictions").await?;
        let mut found = Vec::new();
        let backward: Vec<(String, u64)> = session.all(sql::check::BACKWARD, &[]).await?;
        for (table, count) in backward.into_iter().filter(|(_, count)| *count > 0) {
            found.push(format!("{count} intervals of the table `{table}` end before they begin"));
        }
        let unseen: Vec<(String, u64)> = session.all(sql::check::UNSEEN, &[]).await?;
        for (ecosystem, count) in unseen.iter().filter(|(ecosystem, _)| !apart.contains(&ecosystem.as_str())) {
            found.push(format!(
                "{count} artifacts of {ecosystem} are kept of which it is not known when they were first seen"
            ));
        }
        let unrevised: u64 = session.one(sql::check::UNREVISED, &[]).await?.unwrap_or_default();
        if unrevised > 0 {
            found.push(format!("{unrevised} intervals name a policy or data whose text is not kept"));
        }
        Ok(found)
    }

    /// What the engine itself finds wrong with its file. Reads all of it; nothing to do on a server.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        if self.engine() == Engine::Postgres {
            return Ok(Vec::new());
        }
        let mut session = self.db.read("integrity").await?;
        let lines: Vec<String> = session.all(sql::sqlite_only::INTEGRITY, &[]).await?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

impl FromColumns for NamedDocument {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.int()?, digest: columns.digest()?, size: columns.count()?, path: columns.text()? })
    }
}

impl FromColumns for NamedArtifact {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            package_id: columns.int()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            file: columns.text()?,
            sha256: columns.digest()?,
            size: columns.count()?,
            metadata: columns.optional_digest()?,
            changed: columns.optional_digest()?,
        })
    }
}

impl FromColumns for Verdict {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text()?,
            ecosystem: columns.text()?,
            package: columns.text()?,
            file: columns.optional_text()?,
            effective: columns.text()?,
        })
    }
}
