//! What can go wrong between Weir and its database.

use std::fmt;

/// The two engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// A file in the data directory.
    Sqlite,
    /// A server.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// A failed operation of the store. Every variant names the operation; where a person can do something, it says what.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Others hold the lock for longer than Weir waits.
    #[error(
        "`{operation}` waited too long for {engine}: another process holds the database; nothing was written. Stop the other process, or try again"
    )]
    Locked {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// No space is left.
    #[error(
        "`{operation}` found no space left for {engine}: what was stored before is safe, this was not written. Free some space on its disk, or raise the quota"
    )]
    Full {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// The database takes no writes.
    #[error(
        "`{operation}` cannot write: the {engine} database is read-only. Make its file and folder writable for this account, or connect to the primary server"
    )]
    ReadOnly {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// The database cannot be opened or reached.
    #[error(
        "`{operation}` cannot reach the {engine} database at `{place}`: {source}. Check that it exists, runs, and lets this account in"
    )]
    Unreachable {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// File or server, without a password.
        place: String,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// The file's contents are not a sound database.
    #[error(
        "`{operation}` found the {engine} database damaged: {source}. Restore it from a backup; the file is left as it is"
    )]
    Damaged {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// The database was written by a later Weir.
    #[error(
        "the database at `{place}` has format `{found}`, this Weir knows formats up to `{known}`: use the Weir that wrote it, or a later one"
    )]
    TooNew {
        /// File or server, without a password.
        place: String,
        /// The format found.
        found: String,
        /// The newest format that this Weir knows.
        known: u32,
    },
    /// The tables could not be brought up to date.
    #[error("the tables of the {engine} database at `{place}` could not be brought up to date: {source}")]
    Migration {
        /// The engine.
        engine: Engine,
        /// File or server, without a password.
        place: String,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
    },
    /// A text with U+0000, which PostgreSQL cannot keep; refused on both engines alike.
    #[error("`{operation}` was given a text with U+0000 at byte {position}: `{text}`; texts are kept without it")]
    Nul {
        /// The operation.
        operation: &'static str,
        /// Byte offset of the character.
        position: usize,
        /// The text, escaped, at most [`crate::limits::SHOWN`] characters.
        text: String,
    },
    /// A value above its limit.
    #[error("`{operation}` was given a {what} of {length} bytes, the limit is {limit}: `{text}`")]
    TooLong {
        /// The operation.
        operation: &'static str,
        /// Which value.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The most that is taken.
        limit: usize,
        /// Its beginning, escaped.
        text: String,
    },
    /// A text that should be JSON.
    #[error("`{operation}` was given a {what} that is not JSON: {problem}: `{text}`")]
    NotJson {
        /// The operation.
        operation: &'static str,
        /// Which value.
        what: &'static str,
        /// Where it stops being JSON.
        problem: String,
        /// Its beginning, escaped.
        text: String,
    },
    /// A row with this key is there already.
    #[error("`{operation}`: a row with this key exists already: {source}")]
    Exists {
        /// The operation.
        operation: &'static str,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// Other writers were ahead, again and again.
    #[error("`{operation}` was overtaken by other writers in every attempt; nothing was written. Try again")]
    Overtaken {
        /// The operation.
        operation: &'static str,
    },
    /// A row that this Weir could not have written.
    #[error(
        "`{operation}` read an impossible row: column `{column}`: {problem}. The database was changed by something else, or is damaged"
    )]
    ImpossibleRow {
        /// The operation.
        operation: &'static str,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Bytes that could not be packed.
    #[error("`{operation}` could not compress {what}: {problem}")]
    Compression {
        /// The operation.
        operation: &'static str,
        /// What of.
        what: String,
        /// What went wrong.
        problem: String,
    },
    /// Anything else.
    #[error("`{operation}` failed in {engine}: {source}")]
    Failed {
        /// The operation.
        operation: &'static str,
        /// The engine.
        engine: Engine,
        /// What the engine said.
        source: sqlx::Error,
    },
}

/// What the engine's own code means for Weir.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    Locked,
    Full,
    ReadOnly,
    Unreachable,
    Damaged,
    Exists,
    Other,
}

impl StoreError {
    /// Sorts an error of the driver.
    pub(crate) fn sort(operation: &'static str, engine: Engine, place: &str, source: sqlx::Error) -> Self {
        match meaning(engine, &source) {
            Meaning::Locked => StoreError::Locked { operation, engine, source },
            Meaning::Full => StoreError::Full { operation, engine, source },
            Meaning::ReadOnly => StoreError::ReadOnly { operation, engine, source },
            Meaning::Unreachable => StoreError::Unreachable { operation, engine, place: place.to_owned(), source },
            Meaning::Damaged => StoreError::Damaged { operation, engine, source },
            Meaning::Exists => StoreError::Exists { operation, source },
            Meaning::Other => StoreError::Failed { operation, engine, source },
        }
    }

    /// True if the same transaction may succeed when it is tried again at once: another one on PostgreSQL was first.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            StoreError::Exists { .. } | StoreError::Overtaken { .. } => true,
            StoreError::Locked { engine: Engine::Postgres, source, .. } => {
                matches!(code(source).as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

fn meaning(engine: Engine, error: &sqlx::Error) -> Meaning {
    match (engine, error) {
        (_, sqlx::Error::Database(database)) => {
            if database.is_unique_violation() {
                return Meaning::Exists;
            }
            match (engine, code(error)) {
                (Engine::Sqlite, Some(code)) => code.parse().map_or(Meaning::Other, sqlite_meaning),
                (Engine::Postgres, Some(code)) => postgres_meaning(&code),
                (_, None) => Meaning::Other,
            }
        }
        (Engine::Sqlite, sqlx::Error::PoolTimedOut) => Meaning::Locked,
        (Engine::Postgres, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Tls(_)) => {
            Meaning::Unreachable
        }
        _ => Meaning::Other,
    }
}

/// The primary result code is in the low byte (<https://www.sqlite.org/rescode.html>).
fn sqlite_meaning(code: i64) -> Meaning {
    /// The file of shared memory, a few pages beside the database, could not grow.
    const IOERR_SHMSIZE: i64 = 10 | 19 << 8;
    match code & 0xff {
        _ if code == IOERR_SHMSIZE => Meaning::Full,
        5 | 6 => Meaning::Locked,
        8 => Meaning::ReadOnly,
        11 | 26 => Meaning::Damaged,
        13 => Meaning::Full,
        14 => Meaning::Unreachable,
        _ => Meaning::Other,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_meaning(code: &str) -> Meaning {
    match code {
        "40001" | "40P01" | "55P03" | "57014" => Meaning::Locked,
        "53100" => Meaning::Full,
        "25006" => Meaning::ReadOnly,
        "53300" | "3D000" | "57P01" | "57P02" | "57P03" => Meaning::Unreachable,
        "XX001" | "XX002" => Meaning::Damaged,
        code if code.starts_with("08") || code.starts_with("28") => Meaning::Unreachable,
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;

    #[test]
    fn what_an_engine_says_is_sorted_by_what_a_person_can_do() {
        assert_eq!(sqlite_meaning(5), Meaning::Locked);
        assert_eq!(sqlite_meaning(4874), Meaning::Full, "SQLITE_IOERR_SHMSIZE");
        assert_eq!(sqlite_meaning(517), Meaning::Locked, "BUSY_SNAPSHOT");
        assert_eq!(sqlite_meaning(13), Meaning::Full);
        assert_eq!(sqlite_meaning(1032), Meaning::ReadOnly, "READONLY_DBMOVED");
        assert_eq!(sqlite_meaning(26), Meaning::Damaged, "NOTADB");
        assert_eq!(sqlite_meaning(14), Meaning::Unreachable, "CANTOPEN");
        assert_eq!(postgres_meaning("53100"), Meaning::Full);
        assert_eq!(postgres_meaning("25006"), Meaning::ReadOnly);
        assert_eq!(postgres_meaning("28P01"), Meaning::Unreachable);
        assert_eq!(postgres_meaning("42P01"), Meaning::Other);
    }

    /// Runs statements on a file of its own and gives the error of the last.
    async fn last_error(before: &[&'static str], last: &'static str) -> StoreError {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("a.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        for sql in before {
            sqlx::query(*sql).execute(&mut connection).await.unwrap();
        }
        let error = sqlx::query(last).execute(&mut connection).await.unwrap_err();
        StoreError::sort("test", Engine::Sqlite, &url, error)
    }

    #[tokio::test]
    async fn a_full_disk_says_what_to_do() {
        let error = last_error(
            &["pragma max_page_count = 4"],
            "create table a as with recursive n(x) as (select 1 union all select x + 1 from n where x < 9999) select x from n",
        )
        .await;
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("Free some space"), "{error}");
    }

    #[tokio::test]
    async fn a_read_only_database_says_what_to_do() {
        let error = last_error(&["create table a (b)", "pragma query_only = on"], "insert into a values (1)").await;
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }

    #[tokio::test]
    async fn a_lock_that_others_hold_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("a.db").display());
        let mut holder = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let _held = holder.begin_with("begin immediate").await.unwrap();
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("pragma busy_timeout = 0").execute(&mut other).await.unwrap();
        let error = other.begin_with("begin immediate").await.map(drop).unwrap_err();
        let error = StoreError::sort("test", Engine::Sqlite, &url, error);
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        assert!(!error.is_conflict(), "SQLite has waited already");
    }
}
