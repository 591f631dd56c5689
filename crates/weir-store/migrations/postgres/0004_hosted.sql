-- Packages that this Weir hosts itself. The revision is taken from the counter `hosted` as the last thing before a commit,
-- so that whoever goes on after the last revision that it saw misses no package. Metadata, tags and owners are JSON.

create table hosted_package (
    package   bigint not null primary key references package (id),
    ecosystem text collate "C" not null,
    fold      text collate "C" not null,
    revision  bigint not null,
    tags      text collate "C" not null,
    owners    text collate "C" not null
);

create unique index hosted_package_fold on hosted_package (ecosystem, fold);
create unique index hosted_package_revision on hosted_package (revision);

create table hosted_release (
    package    bigint not null references hosted_package (package),
    version    text collate "C" not null,
    published  bigint not null,
    publisher  text collate "C" not null,
    metadata   text collate "C" not null,
    yanked     text collate "C",
    deprecated text collate "C",
    primary key (package, version)
);

create table hosted_file (
    package    bigint not null references hosted_package (package),
    file       text collate "C" not null,
    version    text collate "C" not null,
    sha256     bytea not null,
    size       bigint not null,
    digests    text collate "C" not null,
    published  bigint not null,
    metadata   text collate "C" not null,
    provenance text collate "C",
    primary key (package, file)
);

create index hosted_file_sha256 on hosted_file (sha256);

-- What a token may publish, as a JSON list of patterns; null: nothing.
alter table token add column publish text collate "C";

insert into counter (name, value) values ('hosted', 0);
