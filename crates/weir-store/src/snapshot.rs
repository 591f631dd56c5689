//! A copy of the whole database, taken while it is used.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::Store;
use crate::db::Db;
use crate::error::{Engine, StoreError};
use crate::open::PATIENCE;
use crate::sql;

impl Store {
    /// Writes all rows as they are at one moment to the new file `into`, packed. Nobody waits for it, neither readers nor
    /// writers, and nobody else's connection is taken. The file is not synced.
    ///
    /// False on PostgreSQL, where this is the job of `pg_dump`.
    pub async fn snapshot(&self, into: &Path) -> Result<bool, StoreError> {
        const OPERATION: &str = "snapshot";
        let Db::Sqlite { path, .. } = &*self.db else { return Ok(false) };
        let place = path.display().to_string();
        let sort = |error| StoreError::sort(OPERATION, Engine::Sqlite, &place, error);
        let Some(name) = into.to_str() else {
            return Err(sort(sqlx::Error::InvalidArgument(format!("`{}` is not UTF-8", into.display()))));
        };
        // A connection of its own: those that read are kept from writing any file at all.
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
        let mut connection = options.connect().await.map_err(sort)?;
        tracing::trace!(target: "weir_store::statement", operation = OPERATION, engine = %Engine::Sqlite,
            sql = sql::sqlite_only::SNAPSHOT);
        sqlx::query(sql::sqlite_only::SNAPSHOT).bind(name).execute(&mut connection).await.map_err(sort)?;
        connection.close().await.map_err(sort)?;
        Ok(true)
    }
}
