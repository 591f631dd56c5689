-- The same tables and columns as migrations/postgres/0002_dates.sql; a test compares the two.

-- The document that the first sights of a package were last compared with: what is not remembered was not in it.
alter table package add column compared blob;

-- What upstream stated at first sight of when a file was published, and the last moment at which a document that did not
-- have the file yet was confirmed. Null where nobody knows.
alter table artifact_seen add column published integer;
alter table artifact_seen add column last_absent integer;
