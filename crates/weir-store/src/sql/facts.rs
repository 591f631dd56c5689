//! Facts and the intervals in which they held.

use super::{bulk_statements, statements};

macro_rules! columns {
    () => {
        "subject, kind, source, value, seen_from, seen_to"
    };
}

statements! {
    CURRENT = concat!(
        "select ", columns!(), " from fact where subject = $1 and seen_to is null order by kind, source"
    );

    AT = concat!(
        "select ", columns!(), " from fact
         where subject = $1 and seen_from <= $2 and (seen_to is null or seen_to > $2) order by kind, source, id"
    );
}

bulk_statements! {
    /// The current facts of some subjects, to compare with.
    CURRENT_OF = "select id, subject, kind, source, value from fact
                  where seen_to is null and subject in (", "{}", fixed 0, ")";

    CLOSE = "update fact set seen_to = case when seen_from > $1 then seen_from else $1 end
             where seen_to is null and id in (", "{}", fixed 1, ")";

    OPEN = "insert into fact (seen_from, subject, kind, source, value) values ", "($1, {}, {}, {}, {})", fixed 1, "";
}
