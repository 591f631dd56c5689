-- Artifact bytes that Weir holds, by digest: what the limit of the cache counts, and when they were last used. A row that
-- is being evicted is marked first and deleted last, so that bytes which a crash left behind are found again.

create table cached_blob (
    sha256   blob not null primary key,
    size     integer not null,
    used_at  integer not null,
    evicting integer
) strict, without rowid;

create index cached_blob_used on cached_blob (used_at, sha256);
create index cached_blob_evicting on cached_blob (evicting) where evicting is not null;
create index artifact_metadata on artifact (metadata) where metadata is not null;

insert into cached_blob (sha256, size, used_at) select sha256, max(size), max(stored_at) from artifact group by sha256;
