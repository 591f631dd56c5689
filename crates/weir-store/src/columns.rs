//! Reading rows of either engine.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Decode, Postgres, Row, Sqlite, Type};
use weir_core::{Digest, Timestamp};

use crate::error::StoreError;

/// A type that is read from a row.
pub(crate) trait FromColumns: Sized {
    /// Reads it from the columns in the order of the select list.
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

/// The columns of a row, read from left to right.
pub(crate) struct Columns<'r> {
    operation: &'static str,
    row: AnyRow<'r>,
    next: usize,
}

/// A row of either engine.
#[derive(Clone, Copy)]
pub(crate) enum AnyRow<'r> {
    Sqlite(&'r SqliteRow),
    Postgres(&'r PgRow),
}

impl<'r> Columns<'r> {
    pub(crate) fn new(operation: &'static str, row: AnyRow<'r>) -> Self {
        Self { operation, row, next: 0 }
    }

    fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        let index = self.next;
        self.next += 1;
        let value = match self.row {
            AnyRow::Sqlite(row) => row.try_get(index),
            AnyRow::Postgres(row) => row.try_get(index),
        };
        value.map_err(|error| self.impossible(index, error.to_string()))
    }

    fn impossible(&self, index: usize, problem: String) -> StoreError {
        let name = match self.row {
            AnyRow::Sqlite(row) => row.columns().get(index).map(|column| column.name().to_owned()),
            AnyRow::Postgres(row) => row.columns().get(index).map(|column| column.name().to_owned()),
        };
        let column = name.unwrap_or_else(|| index.to_string());
        StoreError::ImpossibleRow { operation: self.operation, column, problem }
    }

    /// The error that says that the column just read is impossible.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> StoreError {
        self.impossible(self.next.saturating_sub(1), problem.into())
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        self.take()
    }

    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        let value = self.int()?;
        u64::try_from(value).map_err(|_| self.wrong(format!("`{value}` is negative")))
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.take()
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        self.take()
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.take()
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.take()?;
        bytes.try_into().map_err(|_| self.wrong(format!("a digest of {} bytes", bytes.len())))
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, StoreError> {
        self.hash().map(Digest::from_bytes)
    }

    pub(crate) fn optional_digest(&mut self) -> Result<Option<Digest>, StoreError> {
        let bytes: Option<&[u8]> = self.take()?;
        match bytes {
            None => Ok(None),
            Some(bytes) => match bytes.try_into() {
                Ok(bytes) => Ok(Some(Digest::from_bytes(bytes))),
                Err(_) => Err(self.wrong(format!("a digest of {} bytes", bytes.len()))),
            },
        }
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_millis)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }
}

impl FromColumns for i64 {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.int()
    }
}

impl FromColumns for u64 {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.count()
    }
}

impl FromColumns for String {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.text()
    }
}

impl FromColumns for Digest {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.digest()
    }
}

impl<A: FromColumns, B: FromColumns> FromColumns for (A, B) {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok((A::read(columns)?, B::read(columns)?))
    }
}
