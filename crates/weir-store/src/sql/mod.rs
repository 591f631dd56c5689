//! Every statement by name. The text is the same for both engines: what they have in common is `$n`, `insert … on conflict …
//! returning`, row values, `bigint`, `text` and bytes; there is no `now()`, no date function, no array, no JSON operator.
//!
//! The exceptions are in `postgres_only.rs`, as SQLite has one writer anyway, and `sqlite_only.rs`.
//!
//! Column lists are in the order in which `FromColumns` reads them.

pub(crate) mod advisories;
pub(crate) mod artifacts;
pub(crate) mod cached;
pub(crate) mod check;
pub(crate) mod decisions;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod facts;
pub(crate) mod hosted;
pub(crate) mod kept;
pub(crate) mod postgres_only;
pub(crate) mod requests;
pub(crate) mod revisions;
pub(crate) mod seen;
pub(crate) mod settings;
pub(crate) mod ship;
pub(crate) mod sqlite_only;
pub(crate) mod tokens;

pub use crate::db::Bulk;

/// Declares statements, and lists them so that the suite can try every one on both engines.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = $text;)*
        /// The statements of this file by name.
        pub(crate) const ALL: &[(&str, &str)] = &[$((concat!(module_path!(), "::", stringify!($name)), $text)),*];
    };
}
use statements;

/// Declares statements for many rows, and lists them.
macro_rules! bulk_statements {
    ($($(#[$doc:meta])* $name:ident = $head:expr, $row:expr, fixed $fixed:literal, $tail:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: crate::db::Bulk =
            crate::db::Bulk { head: $head, row: $row, fixed: $fixed, tail: $tail };)*
        /// The statements for many rows of this file by name.
        pub(crate) const ALL_BULK: &[(&str, crate::db::Bulk)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
use bulk_statements;

/// A statement.
#[derive(Clone, Copy, Debug)]
pub enum Statement {
    /// With one text.
    Fixed(&'static str),
    /// With as many rows as there are.
    Bulk(Bulk),
    /// With one text, on PostgreSQL only.
    PostgresOnly(&'static str),
    /// With one text, on SQLite only.
    SqliteOnly(&'static str),
}

/// All statements by name, for the suite, which has every one executed on both engines.
pub fn all() -> Vec<(&'static str, Statement)> {
    let fixed = [
        advisories::ALL,
        artifacts::ALL,
        check::ALL,
        cached::ALL,
        decisions::ALL,
        documents::ALL,
        events::ALL,
        facts::ALL,
        hosted::ALL,
        kept::ALL,
        requests::ALL,
        revisions::ALL,
        seen::ALL,
        settings::ALL,
        ship::ALL,
        tokens::ALL,
    ];
    let bulk = [
        advisories::ALL_BULK,
        check::ALL_BULK,
        cached::ALL_BULK,
        documents::ALL_BULK,
        events::ALL_BULK,
        facts::ALL_BULK,
        hosted::ALL_BULK,
        kept::ALL_BULK,
        requests::ALL_BULK,
        seen::ALL_BULK,
    ];
    let fixed = fixed.into_iter().flatten().map(|(name, text)| (*name, Statement::Fixed(text)));
    let bulk = bulk.into_iter().flatten().map(|(name, bulk)| (*name, Statement::Bulk(*bulk)));
    let postgres_only = postgres_only::ALL.iter().map(|(name, text)| (*name, Statement::PostgresOnly(text)));
    let sqlite_only = sqlite_only::ALL.iter().map(|(name, text)| (*name, Statement::SqliteOnly(text)));
    fixed.chain(bulk).chain(postgres_only).chain(sqlite_only).collect()
}
