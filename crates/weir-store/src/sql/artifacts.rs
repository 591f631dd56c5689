//! Artifacts whose bytes Weir holds.

use super::statements;

macro_rules! columns {
    () => {
        "version, file, sha256, size, stored_at, license, license_source, metadata, findings, said, changed"
    };
}

statements! {
    GET = concat!("select ", columns!(), " from artifact where package = $1 and file = $2");

    LIST = concat!("select ", columns!(), " from artifact where package = $1 order by file");

    ADD = concat!(
        "insert into artifact
             (package, version, file, sha256, size, stored_at, license, license_source, metadata, findings, said)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (package, file) do nothing returning ", columns!()
    );

    CHANGE = "update artifact set changed = $3, changed_at = $4
              where package = $1 and file = $2 and sha256 <> $3 and (changed is null or changed <> $3)";
}
