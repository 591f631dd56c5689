-- Files that were sent of a release that is not whole yet. Nobody sees them until all of them are published in one transaction,
-- or they have waited too long. The body is JSON: what is to be published.

create table hosted_waiting (
    package integer not null references hosted_package (package),
    file    text not null,
    version text not null,
    sha256  blob not null,
    size    integer not null,
    at      integer not null,
    body    text not null,
    primary key (package, file)
) strict, without rowid;

create index hosted_waiting_sha256 on hosted_waiting (sha256);
create index hosted_waiting_at on hosted_waiting (at);
