//! One way to run a statement on either engine.
//!
//! Statements are constants of [`crate::sql`], the same text for both engines; values go in as [`Value`]s and rows come
//! out through [`Columns`], in the order of the select list.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::database::HasStatementCache;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{Arguments, AssertSqlSafe, Database, IntoArguments, Postgres, SqlSafeStr, SqlStr, Sqlite, Transaction};
use weir_core::{Digest, Timestamp};

use crate::columns::{AnyRow, Columns, FromColumns};
use crate::error::{Engine, StoreError};
use crate::group::{Turn, Writer};
use crate::{limits, sql};

/// How often a transaction is tried that others on PostgreSQL were ahead of.
pub(crate) const ATTEMPTS: u32 = 10;

/// An open database.
#[derive(Debug)]
pub(crate) enum Db {
    /// One connection writes, several read: in WAL mode neither waits for the other.
    Sqlite { writer: Arc<Writer>, readers: SqlitePool, path: PathBuf },
    /// A server. Writers that wait for one another take no connection from those who read.
    Postgres { writers: PgPool, readers: PgPool, place: String },
}

impl Db {
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Db::Sqlite { .. } => Engine::Sqlite,
            Db::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Where it is, without a password.
    pub(crate) fn place(&self) -> String {
        match self {
            Db::Sqlite { path, .. } => path.display().to_string(),
            Db::Postgres { place, .. } => place.clone(),
        }
    }

    fn sort(&self, operation: &'static str, error: sqlx::Error) -> StoreError {
        StoreError::sort(operation, self.engine(), &self.place(), error)
    }

    /// A session that only reads.
    pub(crate) async fn read(&self, operation: &'static str) -> Result<Session<'_>, StoreError> {
        let channel = match self {
            Db::Sqlite { readers, .. } => readers.acquire().await.map(Channel::SqliteRead),
            Db::Postgres { readers, .. } => readers.acquire().await.map(Channel::PostgresRead),
        };
        let channel = channel.map_err(|error| self.sort(operation, error))?;
        Ok(Session { db: self, operation, channel })
    }

    /// A session that writes, in one transaction, after all others that write what `lock` names. Dropped without
    /// [`Session::commit`], it leaves nothing behind.
    ///
    /// On SQLite it may share a transaction with others, unless it is to be `alone`: see `group.rs`.
    pub(crate) async fn write(
        &self,
        operation: &'static str,
        lock: Option<&str>,
        alone: bool,
    ) -> Result<Session<'_>, StoreError> {
        let channel = match self {
            Db::Sqlite { writer, .. } => writer.turn(alone).await.map(Channel::SqliteWrite),
            Db::Postgres { writers, .. } => writers.begin().await.map(Channel::PostgresWrite),
        };
        let channel = channel.map_err(|error| self.sort(operation, error))?;
        let mut session = Session { db: self, operation, channel };
        if let (Db::Postgres { .. }, Some(lock)) = (self, lock) {
            session.run(sql::postgres_only::LOCK, values![number_of(lock)]).await?;
        }
        Ok(session)
    }
}

/// PostgreSQL names its locks by number. Two names with one number only wait without need.
fn number_of(lock: &str) -> i64 {
    let digest = Digest::of(lock.as_bytes());
    digest.as_bytes()[..8].iter().fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// Runs a transaction, again if another on PostgreSQL was ahead of it, or one that it shared on SQLite failed. What must not happen twice is kept out by unique
/// indexes, so that the loser of a race fails, starts over and sees what the winner wrote; where a race is likely, `lock`
/// names what those who write it wait for. What takes long does so `alone`.
macro_rules! transaction {
    ($store:expr, $operation:expr, |$session:ident| $body:block) => {
        $crate::db::transaction!($store, $operation, lock None, alone false, |$session| $body)
    };
    ($store:expr, $operation:expr, lock $lock:expr, |$session:ident| $body:block) => {
        $crate::db::transaction!($store, $operation, lock $lock, alone false, |$session| $body)
    };
    ($store:expr, $operation:expr, lock $lock:expr, alone $alone:expr, |$session:ident| $body:block) => {{
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = async {
                let mut $session = $store.db.write($operation, $lock, $alone || attempt > 1).await?;
                let value = $body;
                $session.commit().await?;
                Ok::<_, $crate::StoreError>(value)
            }
            .await;
            match result {
                Err(error) if error.is_conflict() && attempt < $crate::db::ATTEMPTS => {
                    tracing::debug!(operation = $operation, attempt, %error, "trying a transaction again");
                    tokio::time::sleep(std::time::Duration::from_millis(u64::from(attempt * attempt))).await;
                }
                other => break other,
            }
        }
    }};
}
pub(crate) use transaction;

/// A value that goes into a statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Value<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
}

macro_rules! value_from {
    ($($type:ty, $given:ident => $value:expr;)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($given: $type) -> Self {
                $value
            }
        }
    )*};
}

value_from! {
    i64, given => Value::Int(Some(given));
    // Above 2^63 nothing counts bytes, records or milliseconds.
    u64, given => Value::Int(Some(i64::try_from(given).unwrap_or(i64::MAX)));
    u16, given => Value::Int(Some(i64::from(given)));
    Timestamp, given => Value::Int(Some(given.millis()));
    Option<Timestamp>, given => Value::Int(given.map(Timestamp::millis));
    &'a str, given => Value::Text(Some(given));
    &'a String, given => Value::Text(Some(given));
    Option<&'a str>, given => Value::Text(given);
    &'a Option<String>, given => Value::Text(given.as_deref());
    &'a [u8], given => Value::Bytes(Some(given));
    &'a Vec<u8>, given => Value::Bytes(Some(given));
    &'a [u8; 32], given => Value::Bytes(Some(given));
    &'a Digest, given => Value::Bytes(Some(given.as_bytes()));
    &'a Option<Digest>, given => Value::Bytes(given.as_ref().map(|digest| digest.as_bytes().as_slice()));
}

/// Values for a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*][..] };
}
pub(crate) use values;

/// A statement for many rows at once: `head`, then `row` for each with its `{}` numbered, then `tail`. Placeholders `$1`
/// to `$fixed` are the same for all rows.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Before the rows.
    pub head: &'static str,
    /// One row.
    pub row: &'static str,
    /// How many values are common to all rows.
    pub fixed: usize,
    /// After the rows.
    pub tail: &'static str,
}

/// Values in one statement of a [`Bulk`]. SQLite looks numbered placeholders up one after the other, so more would be slower.
const BULK_VALUES: usize = 240;
/// The same where SQLite counts placeholders instead of looking them up: each statement is a message to its thread and one
/// back, which costs as much as a few rows.
const COUNTED_VALUES: usize = 2_400;

impl Bulk {
    /// How many values a row has.
    pub fn width(&self) -> usize {
        self.row.matches("{}").count()
    }

    /// How many rows go into one statement.
    pub fn rows(&self) -> usize {
        let values = if self.is_counted() { COUNTED_VALUES } else { BULK_VALUES };
        (values / self.width().max(1)).max(1)
    }

    /// True if placeholders can be counted: each stands once, those of what is common in order before those of the rows.
    fn is_counted(&self) -> bool {
        let mut placeholders =
            self.head.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        let is_in_order = (1..=self.fixed).all(|number| placeholders.next().flatten() == Some(&number.to_string()));
        is_in_order && placeholders.next().is_none() && !self.row.contains('$') && !self.tail.contains('$')
    }

    /// What comes before the rows on `engine`.
    pub fn head_on(&self, engine: Engine) -> Cow<'static, str> {
        if engine == Engine::Postgres || !self.is_counted() {
            return Cow::Borrowed(self.head);
        }
        let mut pieces = self.head.split('$');
        let first = pieces.next().unwrap_or_default();
        let rest = pieces.flat_map(|piece| ["?", piece.trim_start_matches(|c: char| c.is_ascii_digit())]);
        Cow::Owned(std::iter::once(first).chain(rest).collect())
    }

    /// The statement for `rows` rows on `engine`: the same text, but that on SQLite the placeholders are `?` where they can
    /// be counted. To SQLite `$1` is a name; finding the names again for each value cost as much as the rows.
    pub fn text(&self, rows: usize, engine: Engine) -> String {
        let is_numbered = !self.is_counted() || engine == Engine::Postgres;
        let mut text = String::with_capacity(self.head.len() + self.tail.len() + rows * (self.row.len() + 12));
        text.push_str(&self.head_on(engine));
        let mut next = self.fixed + 1;
        for row in 0..rows {
            if row > 0 {
                text.push_str(", ");
            }
            let mut pieces = self.row.split("{}");
            text.push_str(pieces.next().unwrap_or_default());
            for piece in pieces {
                if is_numbered {
                    text.push('$');
                    text.push_str(&next.to_string());
                } else {
                    text.push('?');
                }
                text.push_str(piece);
                next += 1;
            }
        }
        text.push_str(self.tail);
        text
    }
}

/// A connection, or a transaction on one, with the name of what it is for.
pub(crate) struct Session<'d> {
    db: &'d Db,
    operation: &'static str,
    channel: Channel,
}

enum Channel {
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(Turn),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

enum Link<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Channel {
    fn link(&mut self) -> Result<Link<'_>, sqlx::Error> {
        Ok(match self {
            Channel::SqliteRead(connection) => Link::Sqlite(&mut *connection),
            Channel::SqliteWrite(turn) => Link::Sqlite(turn.link().ok_or(sqlx::Error::WorkerCrashed)?),
            Channel::PostgresRead(connection) => Link::Postgres(&mut *connection),
            Channel::PostgresWrite(transaction) => Link::Postgres(&mut *transaction),
        })
    }
}

impl Session<'_> {
    /// The name of the operation.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }

    /// Makes what was written durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let result = match self.channel {
            Channel::SqliteWrite(turn) => match turn.finish().await {
                Err(None) => return Err(StoreError::Overtaken { operation: self.operation }),
                Err(Some(error)) => Err(error),
                Ok(()) => Ok(()),
            },
            Channel::PostgresWrite(transaction) => transaction.commit().await,
            Channel::SqliteRead(_) | Channel::PostgresRead(_) => Ok(()),
        };
        result.map_err(|error| self.db.sort(self.operation, error))
    }

    /// Rows of a statement.
    pub(crate) async fn all<T: FromColumns>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let mut out = Vec::new();
        self.fetch(Text::constant(sql), values, &mut out).await?;
        Ok(out)
    }

    /// The one row of a statement, if there is one.
    pub(crate) async fn one<T: FromColumns>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.execute(Text::constant(sql), values).await
    }

    /// Runs a statement for many rows, of which `rows` are the values one after the other, and says how many it touched.
    pub(crate) async fn run_bulk(
        &mut self,
        bulk: &Bulk,
        fixed: &[Value<'_>],
        rows: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for chunk in rows.chunks(bulk.rows() * bulk.width()) {
            let (text, values) = made(bulk, fixed, chunk, self.db.engine());
            touched += self.execute(text, &values).await?;
        }
        Ok(touched)
    }

    /// The rows that a statement for many rows gives.
    pub(crate) async fn all_bulk<T: FromColumns>(
        &mut self,
        bulk: &Bulk,
        fixed: &[Value<'_>],
        rows: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let mut out = Vec::new();
        for chunk in rows.chunks(bulk.rows() * bulk.width()) {
            let (text, values) = made(bulk, fixed, chunk, self.db.engine());
            self.fetch(text, &values, &mut out).await?;
        }
        Ok(out)
    }

    /// Refuses what one of the engines could not keep, and tells what is going to run. The suite listens.
    fn about_to(&self, text: &Text, values: &[Value<'_>]) -> Result<(), StoreError> {
        check(self.operation, values)?;
        let engine = self.db.engine();
        tracing::trace!(target: "weir_store::statement", operation = self.operation, %engine, sql = text.sql.as_str());
        Ok(())
    }

    async fn execute(&mut self, text: Text, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.about_to(&text, values)?;
        let result = match self.channel.link().map_err(|error| self.db.sort(self.operation, error))? {
            Link::Sqlite(link) => match sqlite_arguments(values) {
                Ok(arguments) => text.query(arguments).execute(link).await.map(|done| done.rows_affected()),
                Err(error) => Err(sqlx::Error::Encode(error)),
            },
            Link::Postgres(link) => match postgres_arguments(values) {
                Ok(arguments) => text.query(arguments).execute(link).await.map(|done| done.rows_affected()),
                Err(error) => Err(sqlx::Error::Encode(error)),
            },
        };
        result.map_err(|error| self.db.sort(self.operation, error))
    }

    async fn fetch<T: FromColumns>(
        &mut self,
        text: Text,
        values: &[Value<'_>],
        out: &mut Vec<T>,
    ) -> Result<(), StoreError> {
        self.about_to(&text, values)?;
        let operation = self.operation;
        match self.channel.link().map_err(|error| self.db.sort(operation, error))? {
            Link::Sqlite(link) => {
                let rows = match sqlite_arguments(values) {
                    Ok(arguments) => text.query(arguments).fetch_all(link).await,
                    Err(error) => Err(sqlx::Error::Encode(error)),
                };
                for row in &rows.map_err(|error| self.db.sort(operation, error))? {
                    out.push(T::read(&mut Columns::new(operation, AnyRow::Sqlite(row)))?);
                }
            }
            Link::Postgres(link) => {
                let rows = match postgres_arguments(values) {
                    Ok(arguments) => text.query(arguments).fetch_all(link).await,
                    Err(error) => Err(sqlx::Error::Encode(error)),
                };
                for row in &rows.map_err(|error| self.db.sort(operation, error))? {
                    out.push(T::read(&mut Columns::new(operation, AnyRow::Postgres(row)))?);
                }
            }
        }
        Ok(())
    }
}

/// A statement, and whether it is worth keeping prepared.
struct Text {
    sql: SqlStr,
    keep: bool,
}

impl Text {
    fn constant(sql: &'static str) -> Self {
        Self { sql: sql.into_sql_str(), keep: true }
    }

    /// `sqlx` takes constants only, unless told that a text holds nothing from outside: a [`Bulk`] is made of constants
    /// and numbers.
    fn made(bulk: &Bulk, rows: usize, engine: Engine) -> Self {
        Self { sql: AssertSqlSafe(bulk.text(rows, engine)).into_sql_str(), keep: rows == bulk.rows() }
    }

    fn query<'q, D, A>(self, arguments: A) -> Query<'q, D, A>
    where
        D: Database + HasStatementCache,
        A: IntoArguments<D>,
    {
        sqlx::query_with(self.sql, arguments).persistent(self.keep)
    }
}

fn made<'v>(bulk: &Bulk, fixed: &[Value<'v>], chunk: &[Value<'v>], engine: Engine) -> (Text, Vec<Value<'v>>) {
    let rows = chunk.len() / bulk.width().max(1);
    (Text::made(bulk, rows, engine), fixed.iter().chain(chunk).copied().collect())
}

/// Refuses what one of the engines could not keep, on both.
fn check(operation: &'static str, values: &[Value<'_>]) -> Result<(), StoreError> {
    for value in values {
        if let Value::Text(Some(text)) = value {
            if let Some(position) = text.bytes().position(|byte| byte == 0) {
                return Err(StoreError::Nul { operation, position, text: limits::shown(text) });
            }
            limits::at_most(operation, "text", limits::TEXT, text)?;
        }
    }
    Ok(())
}

fn sqlite_arguments(values: &[Value<'_>]) -> Result<SqliteArguments, sqlx::error::BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match *value {
            Value::Int(value) => Arguments::add(&mut arguments, value)?,
            Value::Text(value) => Arguments::add(&mut arguments, value)?,
            Value::Bytes(value) => Arguments::add(&mut arguments, value)?,
        }
    }
    Ok(arguments)
}

fn postgres_arguments(values: &[Value<'_>]) -> Result<PgArguments, sqlx::error::BoxDynError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match *value {
            Value::Int(value) => Arguments::add(&mut arguments, value)?,
            Value::Text(value) => Arguments::add(&mut arguments, value)?,
            Value::Bytes(value) => Arguments::add(&mut arguments, value)?,
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_statement_numbers_its_values() {
        let bulk = Bulk { head: "h ", row: "($1, {}, {})", fixed: 2, tail: " t" };
        for engine in [Engine::Sqlite, Engine::Postgres] {
            assert_eq!(bulk.text(2, engine), "h ($1, $3, $4), ($1, $5, $6) t");
        }
        let rows_alone = Bulk { head: "h ", row: "({}, {})", fixed: 0, tail: " t" };
        assert_eq!(rows_alone.text(2, Engine::Sqlite), "h (?, ?), (?, ?) t");
        assert_eq!(rows_alone.text(2, Engine::Postgres), "h ($1, $2), ($3, $4) t");
        let rows_last = Bulk { head: "h ($1, $2) ", row: "({})", fixed: 2, tail: " t" };
        assert_eq!(rows_last.text(2, Engine::Sqlite), "h (?, ?) (?), (?) t");
        assert_eq!(rows_last.text(2, Engine::Postgres), "h ($1, $2) ($3), ($4) t");
        let out_of_order = Bulk { head: "h ($2, $1) ", ..rows_last };
        assert_eq!(out_of_order.text(1, Engine::Sqlite), "h ($2, $1) ($3) t");
        let twice = Bulk { head: "h ($1, $2, $1) ", ..rows_last };
        assert_eq!(twice.text(1, Engine::Sqlite), "h ($1, $2, $1) ($3) t");
        assert_eq!(bulk.width(), 2);
    }
}
