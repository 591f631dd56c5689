//! Artifact bytes that Weir holds, and when they were last used.

use super::{bulk_statements, statements};

statements! {
    /// Bytes were stored, perhaps again.
    KEEP = "insert into cached_blob (sha256, size, used_at) values ($1, $2, $3)
            on conflict (sha256) do update set evicting = null, used_at = case
                when cached_blob.used_at > excluded.used_at then cached_blob.used_at else excluded.used_at end";

    /// Bytes of blobs up to a size, and above it.
    TOTALS = "select cast(coalesce(sum(case when size <= $1 then size else 0 end), 0) as bigint),
                     cast(coalesce(sum(case when size > $1 then size else 0 end), 0) as bigint)
              from cached_blob";

    OLDEST = "select sha256, size, used_at from cached_blob
              where evicting is null and (used_at, sha256) > ($1, $2) order by used_at, sha256 limit $3";

    OVERSIZE = "select sha256, size, used_at from cached_blob
                where evicting is null and size > $1 order by used_at, sha256 limit $2";

    /// Only as it was seen: what was used since stays. A blob that has another use is not an artifact's alone, and what is
    /// hosted cannot be fetched again. What somebody named to be kept stays until that ends.
    MARK = "update cached_blob set evicting = $1
            where sha256 = $2 and used_at = $3 and evicting is null
              and not exists (select 1 from document d where d.digest = cached_blob.sha256)
              and not exists (select 1 from artifact a where a.metadata = cached_blob.sha256)
              and not exists (select 1 from hosted_file h where h.sha256 = cached_blob.sha256)
              and not exists (select 1 from hosted_waiting w where w.sha256 = cached_blob.sha256)
              and not exists (select 1 from kept_blob k join kept_set s on s.name = k.name
                              where k.sha256 = cached_blob.sha256 and (s.ends is null or s.ends > $1))";

    MARKED = "select sha256 from cached_blob where evicting is not null and evicting <= $1 order by evicting limit $2";
}

bulk_statements! {
    TOUCH = "update cached_blob set used_at = $1 where used_at < $1 and sha256 in (", "{}", fixed 1, ")";

    /// Only what is still marked: bytes that came back meanwhile have their row again.
    FORGET = "delete from cached_blob where evicting is not null and sha256 in (", "{}", fixed 0, ")";

    /// Which of some blobs are held, and not on their way out.
    HELD = "select sha256 from cached_blob where evicting is null and sha256 in (", "{}", fixed 0, ")";

    NAMES = "select a.sha256, p.ecosystem, p.name, a.file from artifact a join package p on p.id = a.package
             where a.sha256 in (", "{}", fixed 0, ") order by a.sha256, p.ecosystem, p.name, a.file";
}
