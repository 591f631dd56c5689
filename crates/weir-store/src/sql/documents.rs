//! Upstream documents and the intervals in which they were current.

use super::{bulk_statements, statements};

macro_rules! columns {
    () => {
        "id, upstream, path, digest, content_type, url, etag, last_modified, size, seen_from, seen_to, checked_at"
    };
}

statements! {
    CURRENT = concat!("select ", columns!(), " from document where upstream = $1 and path = $2 and seen_to is null");

    AT = concat!(
        "select ", columns!(), " from document
         where upstream = $1 and path = $2 and seen_from <= $3 and (seen_to is null or seen_to > $3)
         order by seen_from desc, id desc limit 1"
    );

    /// The first version that came after a moment.
    AFTER = concat!(
        "select ", columns!(), " from document where upstream = $1 and path = $2 and seen_from > $3
         order by seen_from, id limit 1"
    );

    /// The newest version that came before a moment, whether or not it was current until then.
    BEFORE = concat!(
        "select ", columns!(), " from document where upstream = $1 and path = $2 and seen_from < $3
         order by seen_from desc, id desc limit 1"
    );

    /// Where an upstream's current documents are, of those whose paths are like a pattern.
    PATHS_LIKE = "select path from document where upstream = $1 and seen_to is null and path like $2 order by path";

    /// The newest version that is kept, current or not.
    NEWEST = concat!(
        "select ", columns!(), " from document where upstream = $1 and path = $2
         order by seen_from desc, id desc limit 1"
    );

    /// Upstream sent the same bytes again.
    REFRESH = concat!(
        "update document set content_type = $2, url = $3, etag = $4, last_modified = $5, checked_at = $6
         where id = $1 and seen_to is null returning ", columns!()
    );

    /// Upstream answered 304, with or without validators.
    TOUCH = "update document
             set etag = coalesce($3, etag), last_modified = coalesce($4, last_modified), checked_at = $5
             where upstream = $1 and path = $2 and seen_to is null";

    OPEN = concat!(
        "insert into document
             (upstream, path, digest, content_type, url, etag, last_modified, size, seen_from, checked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) returning ", columns!()
    );

    /// An interval never ends before it begins, even if the clock was set back.
    CLOSE = "update document set seen_to = case when seen_from > $2 then seen_from else $2 end
             where id = $1 and seen_to is null";

    /// The versions of a document that are not current any more, the oldest first.
    PAST = concat!(
        "select ", columns!(), " from document where upstream = $1 and path = $2 and seen_to is not null
         order by seen_from, id limit $3"
    );

    EXPIRE = "delete from document where id in (select id from document where seen_to < $1 order by id limit $2)
              returning digest";
}

bulk_statements! {
    /// The current documents at some paths of an upstream.
    CURRENT_OF = concat!("select ", columns!(), " from document where upstream = $1 and seen_to is null and path in ("),
        "{}", fixed 1, ")";

    /// Forgets versions that are not current any more, by id.
    FORGET = "delete from document where seen_to is not null and id in (", "{}", fixed 0, ") returning digest";

    /// Which of some digests a row still names.
    REFERENCED = "select distinct digest from document where digest in (", "{}", fixed 0, ")";
}
