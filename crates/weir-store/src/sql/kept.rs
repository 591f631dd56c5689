//! What somebody named to be kept.

use super::{bulk_statements, statements};

statements! {
    /// A set that is named again gets the new end.
    NAME = "insert into kept_set (name, created, ends) values ($1, $2, $3)
            on conflict (name) do update set ends = excluded.ends";

    LIST = "select s.name, s.created, s.ends, count(k.sha256), cast(coalesce(sum(c.size), 0) as bigint)
            from kept_set s left join kept_blob k on k.name = s.name left join cached_blob c on c.sha256 = k.sha256
            group by s.name, s.created, s.ends order by s.name";

    DROP_BLOBS = "delete from kept_blob where name = $1";

    DROP_SET = "delete from kept_set where name = $1";
}

bulk_statements! {
    KEEP = "insert into kept_blob (name, sha256) values ", "($1, {})", fixed 1, " on conflict (name, sha256) do nothing";

    /// Which of some bytes are named by a set that has not ended.
    NAMED = "select distinct k.sha256 from kept_blob k join kept_set s on s.name = k.name
             where (s.ends is null or s.ends > $1) and k.sha256 in (", "{}", fixed 1, ")";
}
