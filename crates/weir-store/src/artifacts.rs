//! Artifacts whose bytes Weir holds.

use weir_core::Timestamp;

use crate::columns::{Columns, FromColumns};
use crate::db::{transaction, values};
use crate::error::StoreError;
use crate::events::append;
use crate::rows::{ArtifactRecorded, ArtifactRow, NewArtifact};
use crate::seen::{changed_bytes, package_id, package_lock};
use crate::{Store, limits, sql};

impl Store {
    /// The artifact of this name, if Weir holds it.
    pub async fn artifact(
        &self,
        ecosystem: &str,
        package: &str,
        file: &str,
    ) -> Result<Option<ArtifactRow>, StoreError> {
        let mut session = self.db.read("artifact").await?;
        let id: Option<i64> = session.one(sql::seen::PACKAGE, values![ecosystem, package]).await?;
        match id {
            None => Ok(None),
            Some(id) => session.one(sql::artifacts::GET, values![id, file]).await,
        }
    }

    /// All artifacts of a package that Weir holds, by file name.
    pub async fn artifacts(&self, ecosystem: &str, package: &str) -> Result<Vec<ArtifactRow>, StoreError> {
        let mut session = self.db.read("artifacts").await?;
        let id: Option<i64> = session.one(sql::seen::PACKAGE, values![ecosystem, package]).await?;
        match id {
            None => Ok(Vec::new()),
            Some(id) => session.all(sql::artifacts::LIST, values![id]).await,
        }
    }

    /// Records that an artifact's bytes were stored. The first bytes win: other bytes under the same name never replace
    /// them, but are remembered, with an event `changed-bytes`. Either way they are held from now on, and count for the limit
    /// of the cache.
    pub async fn record_artifact(&self, new: &NewArtifact, at: Timestamp) -> Result<ArtifactRecorded, StoreError> {
        const OPERATION: &str = "record_artifact";
        limits::at_most(OPERATION, "ecosystem", limits::WORD, &new.ecosystem)?;
        limits::at_most(OPERATION, "package", limits::NAME, &new.package)?;
        limits::at_most(OPERATION, "version", limits::NAME, &new.version)?;
        limits::at_most(OPERATION, "file", limits::NAME, &new.file)?;
        limits::json(OPERATION, "findings", &new.findings)?;
        limits::json(OPERATION, "said", &new.said)?;
        let lock = package_lock(&new.ecosystem, &new.package);
        transaction!(self, OPERATION, lock Some(&lock), |session| {
            let id = package_id(&mut session, &new.ecosystem, &new.package, at).await?;
            session.run(sql::cached::KEEP, values![&new.sha256, new.size, at]).await?;
            let row = values![
                id,
                &new.version,
                &new.file,
                &new.sha256,
                new.size,
                at,
                &new.license,
                &new.license_source,
                &new.metadata,
                &new.findings,
                &new.said,
            ];
            if let Some(row) = session.one(sql::artifacts::ADD, row).await? {
                ArtifactRecorded::New(row)
            } else {
                let overtaken = StoreError::Overtaken { operation: OPERATION };
                let known: Option<ArtifactRow> = session.one(sql::artifacts::GET, values![id, &new.file]).await?;
                let mut known = known.ok_or(overtaken)?;
                if known.sha256 == new.sha256 {
                    ArtifactRecorded::Known(known)
                } else {
                    let change = values![id, &new.file, &new.sha256, at];
                    if session.run(sql::artifacts::CHANGE, change).await? > 0 {
                        let event = changed_bytes(
                            (&new.ecosystem, &new.package, &new.version, &new.file),
                            (Some(&format!("sha256:{}", known.sha256)), &format!("sha256:{}", new.sha256)),
                            None,
                        );
                        append(&mut session, &[event], at).await?;
                    }
                    known.changed = Some(new.sha256);
                    ArtifactRecorded::Changed(known)
                }
            }
        })
    }
}

impl FromColumns for ArtifactRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            version: columns.text()?,
            file: columns.text()?,
            sha256: columns.digest()?,
            size: columns.count()?,
            stored_at: columns.time()?,
            license: columns.optional_text()?,
            license_source: columns.optional_text()?,
            metadata: columns.optional_digest()?,
            findings: columns.text()?,
            said: columns.text()?,
            changed: columns.optional_digest()?,
        })
    }
}
