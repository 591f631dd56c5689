//! Tokens.

use super::statements;

macro_rules! columns {
    () => {
        "id, hash, name, scope, stage, publish, created, expires, revoked"
    };
}

statements! {
    ADD = "insert into token (id, hash, name, scope, stage, publish, created, expires)
           values ($1, $2, $3, $4, $5, $6, $7, $8)";

    GET = concat!("select ", columns!(), " from token where id = $1");

    LIST = concat!("select ", columns!(), " from token order by created, id");

    REVOKE = "update token set revoked = $2 where id = $1 and revoked is null";

    COUNT = "select count(*) from token";
}
