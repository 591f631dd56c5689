//! What happened, in the order of commits.

use super::{bulk_statements, statements};

statements! {
    /// Takes ids. The row stays locked until the transaction ends, so that ids follow the order of commits and a reader
    /// who goes on after the last id that it saw misses nothing.
    TAKE_IDS = "update counter set value = value + $2 where name = $1 returning value";

    LIST = "select id, kind, subject, body, at from event where id > $1 order by id limit $2";
}

bulk_statements! {
    ADD = "insert into event (at, id, kind, subject, body) values ", "($1, {}, {}, {}, {})", fixed 1, "";
}
