//! The record of requests.

use super::{bulk_statements, statements};

macro_rules! columns {
    () => {
        "id, at, principal, client, stage, ecosystem, package, version, file, artifact, index_state, decision, outcome,
         status, bytes, duration_ms"
    };
}

statements! {
    LIST = concat!("select ", columns!(), " from request where id > $1 order by id limit $2");

    COUNT = "select count(*) from request";
}

bulk_statements! {
    APPEND = concat!("insert into request (", columns!(), ") values "),
        "({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})", fixed 0, "";

    // Requests that differ in nothing but id, moment and duration. Both engines call what `values` gives `column1` and so on.
    REPEAT = concat!("insert into request (", columns!(), ")
            select v.column1, v.column2, f.principal, f.client, f.stage, f.ecosystem, f.package, f.version, f.file, f.artifact,
                f.index_state, f.decision, f.outcome, f.status, f.bytes, v.column3
            from (select $1 as principal, $2 as client, $3 as stage, $4 as ecosystem, $5 as package, $6 as version,
                $7 as file, $8 as artifact, $9 as index_state, $10 as decision, $11 as outcome, $12 as status,
                $13 as bytes) f
            cross join (values "),
        "({}, {}, {})", fixed 13, ") v";
}
