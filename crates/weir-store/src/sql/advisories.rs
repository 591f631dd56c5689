//! Advisories and the intervals in which their revisions were current.

use super::{bulk_statements, statements};

statements! {
    PAGE = "select advisory, source, size, body from advisory
            where kind = $1 and seen_to is null and advisory > $2 order by advisory limit $3";

    GET = "select advisory, kind, source, digest, modified, seen_from, size, body from advisory
           where advisory = $1 and seen_to is null order by kind";

    AT = "select advisory, kind, source, digest, modified, seen_from, size, body from advisory
          where advisory = $1 and seen_from <= $2 and (seen_to is null or seen_to > $2) order by kind, id";

    COUNTS = "select kind, source, count(*) from advisory where seen_to is null group by kind, source
              order by kind, source";
}

bulk_statements! {
    /// The current revisions of some advisories, to compare with.
    CURRENT_OF = "select id, advisory, source, digest, modified from advisory
                  where kind = $1 and seen_to is null and advisory in (", "{}", fixed 1, ")";

    CLOSE = "update advisory set seen_to = case when seen_from > $1 then seen_from else $1 end
             where seen_to is null and id in (", "{}", fixed 1, ")";

    OPEN = "insert into advisory (kind, source, seen_from, advisory, digest, modified, size, body) values ",
        "($1, $2, $3, {}, {}, {}, {}, {})", fixed 3, "";
}
