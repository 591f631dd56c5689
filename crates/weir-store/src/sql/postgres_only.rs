//! What SQLite has no words for.

use super::statements;

statements! {
    /// Makes the writers of one thing wait for one another until the transaction ends. Unique indexes would keep them apart
    /// as well, but by failing all but one. SQLite has one writer, so there is nothing to wait for.
    LOCK = "select pg_advisory_xact_lock($1)";
}
