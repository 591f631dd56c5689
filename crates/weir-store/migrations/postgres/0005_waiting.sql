-- Files that were sent of a release that is not whole yet. Nobody sees them until all of them are published in one transaction,
-- or they have waited too long. The body is JSON: what is to be published.

create table hosted_waiting (
    package bigint not null references hosted_package (package),
    file    text collate "C" not null,
    version text collate "C" not null,
    sha256  bytea not null,
    size    bigint not null,
    at      bigint not null,
    body    text collate "C" not null,
    primary key (package, file)
);

create index hosted_waiting_sha256 on hosted_waiting (sha256);
create index hosted_waiting_at on hosted_waiting (at);
