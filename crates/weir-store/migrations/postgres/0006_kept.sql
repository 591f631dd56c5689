-- What somebody named to be kept: artifact bytes that are not evicted as long as one set that names them has not ended.

create table kept_set (
    name    text collate "C" not null primary key,
    created bigint not null,
    ends    bigint
);

create table kept_blob (
    name   text collate "C" not null references kept_set (name),
    sha256 bytea not null,
    primary key (name, sha256)
);

create index kept_blob_sha256 on kept_blob (sha256);
