-- Packages that this Weir hosts itself. The revision is taken from the counter `hosted` as the last thing before a commit,
-- so that whoever goes on after the last revision that it saw misses no package. Metadata, tags and owners are JSON.

create table hosted_package (
    package   integer not null primary key references package (id),
    ecosystem text not null,
    fold      text not null,
    revision  integer not null,
    tags      text not null,
    owners    text not null
) strict;

create unique index hosted_package_fold on hosted_package (ecosystem, fold);
create unique index hosted_package_revision on hosted_package (revision);

create table hosted_release (
    package    integer not null references hosted_package (package),
    version    text not null,
    published  integer not null,
    publisher  text not null,
    metadata   text not null,
    yanked     text,
    deprecated text,
    primary key (package, version)
) strict, without rowid;

create table hosted_file (
    package    integer not null references hosted_package (package),
    file       text not null,
    version    text not null,
    sha256     blob not null,
    size       integer not null,
    digests    text not null,
    published  integer not null,
    metadata   text not null,
    provenance text,
    primary key (package, file)
) strict, without rowid;

create index hosted_file_sha256 on hosted_file (sha256);

-- What a token may publish, as a JSON list of patterns; null: nothing.
alter table token add column publish text;

insert into counter (name, value) values ('hosted', 0);
