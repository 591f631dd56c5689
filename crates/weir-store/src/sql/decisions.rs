//! Decisions, and what indexes were rendered from.

use super::statements;

statements! {
    ADD = "insert into decision (id, stage, ecosystem, package, version, file, outcome, effective, body, at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do nothing";

    GET = "select id, stage, ecosystem, package, version, file, outcome, effective, body, at from decision where id = $1";

    /// Releases of which a file was asked for and allowed, with the stages in which it was.
    ALLOWED = "select distinct version, stage from decision
               where ecosystem = $1 and package = $2 and file is not null and outcome in ('allow', 'warn')
               order by version, stage";

    HAS_INDEX_STATE = "select at from index_state where digest = $1";

    ADD_INDEX_STATE = "insert into index_state
             (digest, stage, ecosystem, package, document, policy, advisories, waivers, hidden, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (digest) do nothing";

    INDEX_STATE = "select digest, stage, ecosystem, package, document, policy, advisories, waivers, hidden, at
                   from index_state where digest = $1";
}
