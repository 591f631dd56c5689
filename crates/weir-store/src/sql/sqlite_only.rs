//! What only a file needs: PostgreSQL checks its own pages.

use super::statements;

statements! {
    /// Every page, row and index entry of the file; one row `ok`, or what is wrong.
    INTEGRITY = "pragma integrity_check(20)";
}
