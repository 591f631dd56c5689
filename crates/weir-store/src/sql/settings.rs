//! Settings, and the state of feeds.

use super::statements;

statements! {
    GET = "select value from setting where name = $1";

    SET = "insert into setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value";

    /// Only if it is not set.
    INITIALISE = "insert into setting (name, value) values ($1, $2) on conflict (name) do nothing";

    /// Only if it is what the caller believes.
    REPLACE = "update setting set value = $2 where name = $1 and value = $3";

    FEED = "select name, as_of, cursor, etag, records, error from feed where name = $1";

    FEEDS = "select name, as_of, cursor, etag, records, error from feed order by name";

    SET_FEED = "insert into feed (name, as_of, cursor, etag, records, error) values ($1, $2, $3, $4, $5, $6)
                on conflict (name) do update set as_of = excluded.as_of, cursor = excluded.cursor,
                    etag = excluded.etag, records = excluded.records, error = excluded.error";
}
