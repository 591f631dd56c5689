-- The same tables and columns as migrations/postgres/0001_first.sql; a test compares the two.
-- Times are Unix milliseconds, digests their 32 bytes, JSON is text, compressed bytes are zstd frames.
-- A row with seen_from and seen_to was true from the one (inclusive) to the other (exclusive); null is "until now".

create table setting (
    name  text not null primary key,
    value text not null
) strict;

-- Ids of what is read in order: taken last in a transaction, so that they follow the order of commits.
create table counter (
    name  text not null primary key,
    value integer not null
) strict;

create table package (
    id         integer primary key,
    ecosystem  text not null,
    name       text not null,
    first_seen integer not null,
    unique (ecosystem, name)
) strict;

create table document (
    id            integer primary key,
    upstream      text not null,
    path          text not null,
    digest        blob not null,
    content_type  text not null,
    url           text not null,
    etag          text,
    last_modified text,
    size          integer not null,
    seen_from     integer not null,
    seen_to       integer,
    checked_at    integer not null
) strict;

create unique index document_current on document (upstream, path) where seen_to is null;
create index document_interval on document (upstream, path, seen_from);
create index document_digest on document (digest);
create index document_closed on document (seen_to) where seen_to is not null;

create table release_seen (
    package    integer not null references package (id),
    version    text not null,
    first_seen integer not null,
    document   blob not null,
    primary key (package, version)
) strict, without rowid;

create table artifact_seen (
    package          integer not null references package (id),
    file             text not null,
    version          text not null,
    first_seen       integer not null,
    stated           text not null,
    document         blob not null,
    changed          text,
    changed_at       integer,
    changed_document blob,
    primary key (package, file)
) strict, without rowid;

create table artifact (
    package        integer not null references package (id),
    file           text not null,
    version        text not null,
    sha256         blob not null,
    size           integer not null,
    stored_at      integer not null,
    license        text,
    license_source text,
    metadata       blob,
    findings       text not null,
    said           text not null,
    changed        blob,
    changed_at     integer,
    primary key (package, file)
) strict;

create index artifact_sha256 on artifact (sha256);

create table fact (
    id        integer primary key,
    subject   text not null,
    kind      text not null,
    source    text not null,
    value     text not null,
    seen_from integer not null,
    seen_to   integer
) strict;

create unique index fact_current on fact (subject, kind, source) where seen_to is null;
create index fact_interval on fact (subject, seen_from);

create table decision (
    id        text not null primary key,
    stage     text not null,
    ecosystem text not null,
    package   text not null,
    version   text not null,
    file      text,
    outcome   text not null,
    effective text not null,
    body      text not null,
    at        integer not null
) strict;

create index decision_release on decision (ecosystem, package, version);

create table index_state (
    digest     blob not null primary key,
    stage      text not null,
    ecosystem  text not null,
    package    text not null,
    document   blob not null,
    policy     blob not null,
    advisories blob not null,
    waivers    blob not null,
    hidden     blob not null,
    at         integer not null
) strict;

create table request (
    id          integer not null primary key,
    at          integer not null,
    principal   text not null,
    client      text not null,
    stage       text not null,
    ecosystem   text not null,
    package     text not null,
    version     text,
    file        text,
    artifact    blob,
    index_state blob,
    decision    text,
    outcome     text not null,
    status      integer not null,
    bytes       integer not null,
    duration_ms integer not null
) strict;

create index request_package on request (ecosystem, package, id);

create table event (
    id      integer not null primary key,
    kind    text not null,
    subject text not null,
    body    text not null,
    at      integer not null
) strict;

create table token (
    id      text not null primary key,
    hash    blob not null,
    name    text not null,
    scope   text not null,
    stage   text,
    created integer not null,
    expires integer,
    revoked integer
) strict;

create table revision (
    kind   text not null,
    digest blob not null,
    size   integer not null,
    body   blob not null,
    primary key (kind, digest)
) strict;

create table revision_interval (
    id        integer primary key,
    kind      text not null,
    digest    blob not null,
    seen_from integer not null,
    seen_to   integer
) strict;

create unique index revision_current on revision_interval (kind) where seen_to is null;
create index revision_from on revision_interval (kind, seen_from);

create table advisory (
    id        integer primary key,
    kind      text not null,
    advisory  text not null,
    source    text not null,
    digest    blob not null,
    modified  integer not null,
    size      integer not null,
    body      blob not null,
    seen_from integer not null,
    seen_to   integer
) strict;

-- The id first: PostgreSQL, before it has statistics, would otherwise go through all of a kind to find a few ids.
create unique index advisory_current on advisory (advisory, kind) where seen_to is null;
create index advisory_interval on advisory (advisory, seen_from);

create table feed (
    name    text not null primary key,
    as_of   integer,
    cursor  text,
    etag    text,
    records integer not null,
    error   text
) strict;

insert into setting (name, value) values ('format', '1');
insert into counter (name, value) values ('event', 0), ('request', 0);
