//! Where the database is, opening it, and bringing its tables up to date.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};

use crate::Store;
use crate::db::{Db, values};
use crate::error::{Engine, StoreError};
use crate::group::Writer;
use crate::sql;

/// The newest format that this Weir reads and writes. It is stamped into the database, and counts up only when an older
/// Weir would misread what a newer one wrote; a table or column more is no new format.
pub const FORMAT: u32 = 1;

/// How long a writer waits for other processes, and a caller for a free connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a writer waits for the other writers of this process.
const QUEUE: Duration = Duration::from_secs(60);
/// Connections that read from SQLite.
const SQLITE_READERS: u32 = 4;
/// Connections that read from PostgreSQL.
const POSTGRES_READERS: u32 = 8;
/// Connections that write to PostgreSQL.
const POSTGRES_WRITERS: u32 = 8;
/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES: &str = "67108864";

/// The migrations: number, name, text for SQLite, text for PostgreSQL. Numbers and names are those of the files.
pub(crate) const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "first",
        include_str!("../migrations/sqlite/0001_first.sql"),
        include_str!("../migrations/postgres/0001_first.sql"),
    ),
    (
        2,
        "dates",
        include_str!("../migrations/sqlite/0002_dates.sql"),
        include_str!("../migrations/postgres/0002_dates.sql"),
    ),
    (
        3,
        "cached_blob",
        include_str!("../migrations/sqlite/0003_cached_blob.sql"),
        include_str!("../migrations/postgres/0003_cached_blob.sql"),
    ),
    (
        4,
        "hosted",
        include_str!("../migrations/sqlite/0004_hosted.sql"),
        include_str!("../migrations/postgres/0004_hosted.sql"),
    ),
    (
        5,
        "waiting",
        include_str!("../migrations/sqlite/0005_waiting.sql"),
        include_str!("../migrations/postgres/0005_waiting.sql"),
    ),
    (
        6,
        "kept",
        include_str!("../migrations/sqlite/0006_kept.sql"),
        include_str!("../migrations/postgres/0006_kept.sql"),
    ),
];

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// An address, `postgres://user:password@host/database`.
    Postgres(String),
}

impl Location {
    /// Reads `postgres://…` and `postgresql://…` as a server, `sqlite:PATH` and everything else as a file.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Location::Postgres(text.to_owned());
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        Location::Sqlite(PathBuf::from(path))
    }
}

/// Without the password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => write!(f, "{}", path.display()),
            Location::Postgres(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => f.write_str(&place(&options)),
                Err(_) => f.write_str("postgres://****"),
            },
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

impl Store {
    /// Opens the database, creates it if need be (a file, not a server's), and brings its tables up to date.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite(path) => Self::sqlite(path).await,
            Location::Postgres(url) => Self::postgres(url).await,
        }
    }

    /// Opens a SQLite file. Several processes may have it open.
    pub async fn sqlite(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        create_for_owner(path).await.map_err(|error| unreachable(Engine::Sqlite, &place, error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .pragma("journal_size_limit", WAL_BYTES)
            .pragma("temp_store", "memory");
        migrate_sqlite(&options, &place).await?;
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(QUEUE)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = Writer::new(pool().max_connections(1).connect_lazy_with(options.clone()));
        let readers = pool().max_connections(SQLITE_READERS).connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self { db: Arc::new(Db::Sqlite { writer, readers, path: path.to_owned() }) })
    }

    /// Opens a PostgreSQL database.
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| unreachable(Engine::Postgres, "postgres://****", error))?
            .application_name("weir")
            .options([("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "60s")]);
        let place = place(&options);
        migrate_postgres(&options, &place).await?;
        let pool = |connections, patience| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(patience)
                .connect_lazy_with(options.clone())
        };
        let (writers, readers) = (pool(POSTGRES_WRITERS, QUEUE), pool(POSTGRES_READERS, PATIENCE));
        Ok(Self { db: Arc::new(Db::Postgres { writers, readers, place }) })
    }

    /// Opens a database that is there, only to read it: nothing is made, brought up to date or written. Other processes may
    /// have it open. A file on a disk that cannot be written to is opened, too, if its write-ahead log is empty.
    pub async fn open_to_read(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite(path) => {
                let place = path.display().to_string();
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(PATIENCE)
                    .pragma("query_only", "on")
                    .pragma("temp_store", "memory");
                let options = match readable_sqlite(&options, &place).await {
                    Ok(()) => options,
                    Err(error) if is_empty(&write_ahead_log(path)) => {
                        let frozen = options.immutable(true).read_only(true);
                        readable_sqlite(&frozen, &place).await.map_err(|_| error)?;
                        frozen
                    }
                    Err(error) => return Err(error),
                };
                let pool = |connections| {
                    SqlitePoolOptions::new().max_connections(connections).connect_lazy_with(options.clone())
                };
                Ok(Self {
                    db: Arc::new(Db::Sqlite {
                        writer: Writer::new(pool(1)),
                        readers: pool(SQLITE_READERS),
                        path: path.to_owned(),
                    }),
                })
            }
            Location::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)
                    .map_err(|error| unreachable(Engine::Postgres, "postgres://****", error))?
                    .application_name("weir")
                    .options([("default_transaction_read_only", "on")]);
                let place = place(&options);
                let pool = |connections| {
                    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
                    pool.connect_lazy_with(options.clone())
                };
                let store = Self {
                    db: Arc::new(Db::Postgres {
                        writers: pool(1),
                        readers: pool(POSTGRES_READERS),
                        place: place.clone(),
                    }),
                };
                let mut connection =
                    options.connect().await.map_err(|error| unreachable(Engine::Postgres, &place, error))?;
                made_by_weir(format_of_postgres(&mut connection, &place).await?)?;
                connection.close().await.map_err(|error| StoreError::sort("open", Engine::Postgres, &place, error))?;
                Ok(store)
            }
        }
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        self.db.engine()
    }

    /// Succeeds if the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut session = self.db.read("ping").await?;
        session.one::<String>(sql::settings::GET, values!["format"]).await?;
        Ok(())
    }

    /// Waits for what runs, and closes all connections.
    pub async fn close(&self) {
        match &*self.db {
            Db::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres { writers, readers, .. } => {
                readers.close().await;
                writers.close().await;
            }
        }
    }
}

/// Succeeds if a connection with these options can be read from, and Weir made what is there.
async fn readable_sqlite(options: &SqliteConnectOptions, place: &str) -> Result<(), StoreError> {
    let mut connection = connect_sqlite(options, place).await?;
    made_by_weir(format_of_sqlite(&mut connection, place).await?)?;
    close_sqlite(connection, place).await
}

fn made_by_weir(has_format: bool) -> Result<(), StoreError> {
    match has_format {
        true => Ok(()),
        false => Err(StoreError::ImpossibleRow {
            operation: "open",
            column: String::from("format"),
            problem: String::from("there is none, so this is no database of Weir's"),
        }),
    }
}

fn write_ahead_log(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    PathBuf::from(beside)
}

fn is_empty(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |metadata| metadata.len() == 0)
}

fn unreachable(engine: Engine, place: &str, source: sqlx::Error) -> StoreError {
    StoreError::Unreachable { operation: "open", engine, place: place.to_owned(), source }
}

/// Creates the file so that only its owner reads it, as it holds who asked for what. The files that SQLite puts beside it
/// get the same mode.
async fn create_for_owner(path: &Path) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn migrator(engine: Engine) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sqlite, postgres)| {
        let text = match engine {
            Engine::Sqlite => sqlite,
            Engine::Postgres => postgres,
        };
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    // A release works on the tables of the next one, too; what it cannot read has another format.
    migrator.set_ignore_missing(true);
    migrator
}

async fn migrate_sqlite(options: &SqliteConnectOptions, place: &str) -> Result<(), StoreError> {
    let sort = |error| match error {
        MigrateError::Execute(source) => StoreError::sort("open", Engine::Sqlite, place, source),
        MigrateError::ExecuteMigration(source, _) => StoreError::sort("open", Engine::Sqlite, place, source),
        source => StoreError::Migration { engine: Engine::Sqlite, place: place.to_owned(), source },
    };
    let mut connection = connect_sqlite(options, place).await?;
    let migrator = migrator(Engine::Sqlite);
    if format_of_sqlite(&mut connection, place).await? {
        let known = connection.list_applied_migrations(&migrator.table_name).await.map_err(sort)?;
        if migrator.iter().all(|migration| known.iter().any(|applied| applied.version == migration.version)) {
            // Nothing to write: compares what was applied with what is known, and takes no lock.
            migrator.run_direct(None, &mut connection, false).await.map_err(sort)?;
            return close_sqlite(connection, place).await;
        }
    }
    // The migrator's own lock does nothing on SQLite. Under ours, a process that comes second finds all done.
    let mut transaction =
        connection.begin_with("begin immediate").await.map_err(MigrateError::Execute).map_err(sort)?;
    format_of_sqlite(&mut transaction, place).await?;
    migrator.run_direct(None, &mut *transaction, false).await.map_err(sort)?;
    transaction.commit().await.map_err(MigrateError::Execute).map_err(sort)?;
    close_sqlite(connection, place).await
}

/// Connects. Where two processes turn a new file to WAL at the same time, SQLite tells one of them at once that the file
/// is locked, whatever the busy timeout.
async fn connect_sqlite(options: &SqliteConnectOptions, place: &str) -> Result<SqliteConnection, StoreError> {
    const STEP: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let error = match options.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => StoreError::sort("open", Engine::Sqlite, place, error),
        };
        if !matches!(error, StoreError::Locked { .. }) || waited > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(STEP).await;
        waited += STEP;
    }
}

async fn close_sqlite(connection: SqliteConnection, place: &str) -> Result<(), StoreError> {
    connection.close().await.map_err(|error| StoreError::sort("open", Engine::Sqlite, place, error))
}

async fn migrate_postgres(options: &PgConnectOptions, place: &str) -> Result<(), StoreError> {
    let sort = |error| match error {
        MigrateError::Execute(source) => StoreError::sort("open", Engine::Postgres, place, source),
        MigrateError::ExecuteMigration(source, _) => StoreError::sort("open", Engine::Postgres, place, source),
        source => StoreError::Migration { engine: Engine::Postgres, place: place.to_owned(), source },
    };
    let mut connection = match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(connected) => connected.map_err(|error| unreachable(Engine::Postgres, place, error))?,
        Err(_) => {
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in 10 seconds");
            return Err(unreachable(Engine::Postgres, place, late.into()));
        }
    };
    format_of_postgres(&mut connection, place).await?;
    migrator(Engine::Postgres).run_direct(None, &mut connection, false).await.map_err(sort)?;
    connection.close().await.map_err(|error| StoreError::sort("open", Engine::Postgres, place, error))
}

/// Refuses a format from the future; false if there are no tables yet.
async fn format_of_sqlite(connection: &mut SqliteConnection, place: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(sql::settings::GET).bind("format").fetch_optional(connection).await;
    format(found, Engine::Sqlite, place)
}

/// Refuses a format from the future; false if there are no tables yet.
async fn format_of_postgres(connection: &mut PgConnection, place: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(sql::settings::GET).bind("format").fetch_optional(connection).await;
    format(found, Engine::Postgres, place)
}

fn format(found: Result<Option<String>, sqlx::Error>, engine: Engine, place: &str) -> Result<bool, StoreError> {
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(false),
        Err(error) if is_no_table(&error) => return Ok(false),
        Err(error) => return Err(StoreError::sort("open", engine, place, error)),
    };
    match found.parse::<u32>() {
        Ok(format) if format <= FORMAT => Ok(true),
        _ => Err(StoreError::TooNew { place: place.to_owned(), found, known: FORMAT }),
    }
}

fn is_no_table(error: &sqlx::Error) -> bool {
    const UNDEFINED_TABLE: &str = "42P01";
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some(UNDEFINED_TABLE) || error.message().starts_with("no such table")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_shows_no_password() {
        let location = Location::parse("postgres://weir:s3cret@db.example:5433/weir");
        assert_eq!(location.to_string(), "postgres://db.example:5433/weir");
        assert!(!format!("{location:?}").contains("s3cret"));
        assert!(!Location::Postgres(String::from("nonsense s3cret")).to_string().contains("s3cret"));
    }

    #[test]
    fn a_path_is_a_file() {
        assert_eq!(Location::parse("sqlite:data/weir.db"), Location::Sqlite(PathBuf::from("data/weir.db")));
        assert_eq!(Location::parse("data/weir.db"), Location::Sqlite(PathBuf::from("data/weir.db")));
    }

    #[test]
    fn the_migrations_are_the_files_of_both_folders() {
        for engine in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let listed: Vec<_> =
                MIGRATIONS.iter().map(|(number, name, ..)| format!("{number:04}_{name}.sql")).collect();
            assert_eq!(files, listed);
        }
    }
}
