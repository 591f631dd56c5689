//! Packages that this Weir hosts itself.

use super::{bulk_statements, statements};

statements! {
    /// What changed after a revision, and the last of them.
    CHANGED = "select h.revision, h.ecosystem, p.name, h.fold from hosted_package h join package p on p.id = h.package
               where h.revision > $1 order by h.revision limit $2";

    PACKAGE = "select h.package, h.revision, h.tags, h.owners from hosted_package h join package p on p.id = h.package
               where p.ecosystem = $1 and p.name = $2";

    /// The package that has a folded name.
    FOLDED = "select p.name from hosted_package h join package p on p.id = h.package
              where h.ecosystem = $1 and h.fold = $2";

    HAS_FILE = "select count(*) from hosted_file where package = $1 and file = $2";

    COUNT_RELEASES = "select count(*) from hosted_release where package = $1";

    RELEASES = "select version, published, publisher, metadata, yanked, deprecated from hosted_release
                where package = $1 order by published, version";

    FILES = "select file, version, sha256, size, digests, published, metadata, provenance from hosted_file
             where package = $1 order by published, file";

    ADD_PACKAGE = "insert into hosted_package (package, ecosystem, fold, revision, tags, owners)
                   values ($1, $2, $3, $4, $5, $6)";

    ADD_RELEASE = "insert into hosted_release (package, version, published, publisher, metadata)
                   values ($1, $2, $3, $4, $5) on conflict (package, version) do nothing";

    ADD_FILE = "insert into hosted_file (package, file, version, sha256, size, digests, published, metadata, provenance)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    REVISE = "update hosted_package set revision = $2, tags = $3, owners = $4 where package = $1";

    YANK = "update hosted_release set yanked = $3 where package = $1 and version = $2";

    /// Files of a package that wait, those of one release together.
    WAITING = "select file, version, sha256, size, at, body from hosted_waiting
               where package = $1 order by version, file limit $2";

    WAITING_FILE = "select package, file, sha256, size from hosted_waiting where package = $1 and file = $2";

    COUNT_WAITING = "select count(*) from hosted_waiting where package = $1";

    /// Another file takes the place of the one that waits under its name.
    WAIT = "insert into hosted_waiting (package, file, version, sha256, size, at, body)
            values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (package, file) do update set version = excluded.version, sha256 = excluded.sha256,
                size = excluded.size, at = excluded.at, body = excluded.body";

    STOP_WAITING = "delete from hosted_waiting where package = $1 and file = $2";

    /// Those that have waited for too long, wherever.
    OVERDUE = "select package, file, sha256, size from hosted_waiting where at < $1 order by at limit $2";

    HAS_RELEASE = "select count(*) from hosted_release where package = $1 and version = $2";

    DEPRECATE = "update hosted_release set deprecated = $3 where package = $1 and version = $2";
}

bulk_statements! {
    /// Which of some digests are bytes of hosted files.
    BYTES = "select distinct sha256 from hosted_file where sha256 in (", "{}", fixed 0, ")";
}
