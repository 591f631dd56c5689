-- What somebody named to be kept: artifact bytes that are not evicted as long as one set that names them has not ended.

create table kept_set (
    name    text not null primary key,
    created integer not null,
    ends    integer
) strict, without rowid;

create table kept_blob (
    name   text not null references kept_set (name),
    sha256 blob not null,
    primary key (name, sha256)
) strict, without rowid;

create index kept_blob_sha256 on kept_blob (sha256);
