//! What goes from one Weir to another, and how it is taken in there.
//!
//! `$2` of what is read is the moment since when something is new; the least number there is for everything.

use super::statements;

statements! {
    DOCUMENTS = "select id, upstream, path, digest, content_type, url, etag, last_modified, size, seen_from, seen_to, checked_at
                 from document where id > $1 and (checked_at >= $2 or seen_from >= $2 or seen_to >= $2)
                 order by id limit $3";

    RELEASES = "select s.package, p.ecosystem, p.name, s.version, s.first_seen, s.document
                from release_seen s join package p on p.id = s.package
                where (s.package, s.version) > ($1, $4) and s.first_seen >= $2
                order by s.package, s.version limit $3";

    FILES = "select s.package, p.ecosystem, p.name, s.file, s.version, s.first_seen, s.stated, s.document, s.published,
                    s.last_absent, s.changed, s.changed_at, s.changed_document
             from artifact_seen s join package p on p.id = s.package
             where (s.package, s.file) > ($1, $4) and (s.first_seen >= $2 or s.changed_at >= $2)
             order by s.package, s.file limit $3";

    /// Those whose bytes are held.
    ARTIFACTS = "select a.package, p.ecosystem, p.name, a.file, a.version, a.sha256, a.size, a.stored_at, a.license,
                        a.license_source, a.metadata, a.findings, a.said
                 from artifact a join package p on p.id = a.package
                 join cached_blob c on c.sha256 = a.sha256 and c.evicting is null
                 where (a.package, a.file) > ($1, $4) and a.stored_at >= $2
                 order by a.package, a.file limit $3";

    FACTS = "select id, subject, kind, source, value, seen_from, seen_to from fact
             where id > $1 and seen_from >= $2 and seen_to is null order by id limit $3";

    /// Current advisories of a kind that are new.
    ADVISORIES = "select advisory, source, size, body from advisory
                  where kind = $1 and seen_to is null and advisory > $2 and seen_from >= $4 order by advisory limit $3";

    /// The interval of a document that began at a moment.
    DOCUMENT = "select id from document where upstream = $1 and path = $2 and seen_from = $3 and digest = $4";

    /// Nothing is told of it that is older than what is known.
    RENEW_DOCUMENT = "update document
                      set checked_at = case when checked_at > $2 then checked_at else $2 end,
                          etag = $3, last_modified = $4
                      where id = $1 and checked_at <= $2";

    /// An interval that had no end yet, and has one where it comes from.
    END_DOCUMENT = "update document set seen_to = case when seen_from > $2 then seen_from else $2 end
                    where id = $1 and seen_to is null";

    ADD_DOCUMENT = "insert into document (upstream, path, digest, content_type, url, etag, last_modified, size, seen_from,
                                          seen_to, checked_at)
                    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

    /// The earlier of two first sights counts.
    ADD_RELEASE = "insert into release_seen (package, version, first_seen, document) values ($1, $2, $3, $4)
                   on conflict (package, version) do update set first_seen = excluded.first_seen
                   where excluded.first_seen < release_seen.first_seen";

    /// The earlier of two first sights counts, and with it what was stated then.
    ADD_FILE = "insert into artifact_seen (package, file, version, first_seen, stated, document, published, last_absent,
                                           changed, changed_at, changed_document)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                on conflict (package, file) do update
                set first_seen = excluded.first_seen, stated = excluded.stated, document = excluded.document,
                    published = excluded.published, last_absent = excluded.last_absent
                where excluded.first_seen < artifact_seen.first_seen";

    /// Other bytes that somebody saw later are remembered wherever they were seen.
    CHANGED_FILE = "update artifact_seen set changed = $3, changed_at = $4, changed_document = $5
                    where package = $1 and file = $2 and changed is null and stated <> $3";
}
