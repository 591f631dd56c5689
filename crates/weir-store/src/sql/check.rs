//! What the checker reads, page by page, and what must not be.

use super::{bulk_statements, statements};

statements! {
    DOCUMENTS = "select id, digest, size, path from document where id > $1 order by id limit $2";

    ARTIFACTS = "select a.package, p.ecosystem, p.name, a.file, a.sha256, a.size, a.metadata, a.changed
                 from artifact a join package p on p.id = a.package
                 where (a.package, a.file) > ($1, $2) order by a.package, a.file limit $3";

    DECISIONS = "select id, stage, ecosystem, package, version, file, outcome, effective, body, at from decision
                 where id > $1 order by id limit $2";

    COUNT_DECISIONS = "select count(*) from decision";

    COUNTER = "select value from counter where name = $1";

    /// Intervals that end before they begin, by table.
    BACKWARD = "select 'document', count(*) from document where seen_to < seen_from
                union all select 'fact', count(*) from fact where seen_to < seen_from
                union all select 'advisory', count(*) from advisory where seen_to < seen_from
                union all select 'revision_interval', count(*) from revision_interval where seen_to < seen_from";

    /// Files whose bytes are kept, but of which no index was ever seen. Those that are hosted may wait for their first reader.
    UNSEEN = "select p.ecosystem, count(*) from artifact a join package p on p.id = a.package where not exists
              (select 1 from artifact_seen s where s.package = a.package and s.file = a.file)
              and not exists (select 1 from hosted_file h where h.package = a.package and h.file = a.file)
              group by p.ecosystem order by p.ecosystem";

    /// Intervals of revisions that are not there.
    UNREVISED = "select count(*) from revision_interval i where not exists
                 (select 1 from revision r where r.kind = i.kind and r.digest = i.digest)";
}

bulk_statements! {
    /// What some decisions let through.
    VERDICTS = "select id, ecosystem, package, file, effective from decision where id in (", "{}", fixed 0, ")";

    /// Which of some digests are bytes of artifacts.
    ARTIFACTS_OF = "select distinct sha256 from artifact where sha256 in (", "{}", fixed 0, ")";
}
