//! Revisions of the policy, the waivers and the feeds, and the intervals in which they were current.

use super::statements;

statements! {
    CURRENT = "select id, digest from revision_interval where kind = $1 and seen_to is null";

    ADD = "insert into revision (kind, digest, size, body) values ($1, $2, $3, $4) on conflict (kind, digest) do nothing";

    CLOSE = "update revision_interval set seen_to = case when seen_from > $2 then seen_from else $2 end
             where id = $1 and seen_to is null";

    OPEN = "insert into revision_interval (kind, digest, seen_from) values ($1, $2, $3)";

    /// With the first interval in which it was current.
    GET = "select r.digest, i.seen_from, i.seen_to, r.size, r.body
           from revision r join revision_interval i on i.kind = r.kind and i.digest = r.digest
           where r.kind = $1 and r.digest = $2 order by i.seen_from, i.id limit 1";

    AT = "select r.digest, i.seen_from, i.seen_to, r.size, r.body
          from revision_interval i join revision r on r.kind = i.kind and r.digest = i.digest
          where i.kind = $1 and i.seen_from <= $2 and (i.seen_to is null or i.seen_to > $2)
          order by i.seen_from desc, i.id desc limit 1";
}
