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
}
