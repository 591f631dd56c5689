//! When releases and files were first seen.

use super::{bulk_statements, statements};

statements! {
    PACKAGE = "select id from package where ecosystem = $1 and name = $2";

    COMPARED = "select id, compared from package where ecosystem = $1 and name = $2";

    COMPARE = "update package set compared = $2 where id = $1";

    /// When a document was last confirmed, of those at the place of another one.
    LAST_CONFIRMED = "select max(old.checked_at) from document old
                      join document new on new.upstream = old.upstream and new.path = old.path
                      where old.digest = $1 and new.digest = $2";

    ADD_PACKAGE = "insert into package (ecosystem, name, first_seen) values ($1, $2, $3)
                   on conflict (ecosystem, name) do nothing";

    NAMES = "select name from package where ecosystem = $1 and name > $2 order by name limit $3";

    RELEASES = "select version, first_seen from release_seen where package = $1";

    /// The files of a package that were ever seen.
    FILES = "select artifact_seen.file from artifact_seen join package on package.id = artifact_seen.package
             where package.ecosystem = $1 and package.name = $2 order by artifact_seen.file";

    /// The versions of a package's releases that were ever seen.
    VERSIONS = "select release_seen.version from release_seen join package on package.id = release_seen.package
                where package.ecosystem = $1 and package.name = $2 order by release_seen.version";

    ARTIFACTS = "select file, first_seen, published, last_absent, stated, changed from artifact_seen where package = $1";

    /// The first statement by another algorithm is remembered beside the first one.
    STATE = "update artifact_seen set stated = $3 where package = $1 and file = $2 and stated = $4";

    CHANGE = "update artifact_seen set changed = $3, changed_at = $4, changed_document = $5
              where package = $1 and file = $2 and (changed is null or changed <> $3)";
}

bulk_statements! {
    ADD_RELEASES = "insert into release_seen (package, version, first_seen, document) values ",
        "($1, {}, $2, $3)", fixed 3, " on conflict (package, version) do nothing";

    ADD_ARTIFACTS = "insert into artifact_seen (package, first_seen, document, last_absent, file, version, stated, published) values ",
        "($1, $2, $3, $4, {}, {}, {}, {})", fixed 4, " on conflict (package, file) do nothing";
}
