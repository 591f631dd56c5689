//! What only a file needs: PostgreSQL checks its own pages and has its own tools for copies.

use super::statements;

statements! {
    /// Every page, row and index entry of the file; one row `ok`, or what is wrong.
    INTEGRITY = "pragma integrity_check(20)";

    /// All rows as they are at one moment, in a new file.
    SNAPSHOT = "vacuum into $1";
}
