//! What of a release can be assessed whose advisories go by other names?
//!
//! Some ecosystems have no advisories of their own: what they package is known elsewhere. A release that is made of such
//! projects and of nothing else is assessed by theirs; any other is *not assessed*, whatever was found.

use std::sync::Arc;

use serde_json::json;
use weir_core::facts::Mapped;

use crate::judge::{Draft, not_assessed};
use crate::reason::{Reason, quote};
use crate::rules::Context;

/// Names that a message lists; the facts have all.
const NAMED: usize = 3;

/// What is said of a release that nobody has looked into, where that would tell its other names. `own` is what is said
/// where there are none.
pub(crate) fn not_looked(own: &Reason) -> Reason {
    let message = String::from(
        "No advisories go by its own name, and what it is made of is known after Weir has looked into it, which nobody has \
         asked for yet.",
    );
    let line = format!("{} not assessed (not looked into yet)", own.rule);
    Reason::new(&own.rule, own.outcome, message, &line, own.facts.clone()).detail("not-looked")
}

/// What is said of a release with other names; `None` if the data for these is at hand and they are all of it. `own` is what
/// is said of its own name.
pub(crate) fn mapped(
    context: Context<'_>,
    mapped: &Mapped,
    own: Option<&Arc<Reason>>,
    draft: &mut Draft,
) -> Option<Arc<Reason>> {
    let own = own?;
    let names = &mapped.known_as.purls;
    let listed: Vec<String> = names.iter().take(NAMED).map(|purl| quote(purl)).collect();
    let more = if names.len() > NAMED { " and others" } else { "" };
    let listed = format!("{}{more}", listed.join(", "));
    if !mapped.known_as.whole {
        let message = format!(
            "Advisories on {listed} count for it ({}), but it is made of more than that, so nobody can say that it is clean.",
            quote(&mapped.known_as.source)
        );
        let line = format!("{} not assessed (made of more than {listed})", own.rule);
        let facts = json!({ "known_as": names, "source": mapped.known_as.source });
        return Some(Arc::new(Reason::new(&own.rule, own.outcome, message, &line, facts).detail("not-assessed")));
    }
    if let Some(first) = mapped.unreadable.first() {
        let message = format!(
            "{} on {listed} cannot be judged ({}), so nobody can say that this is clean.",
            quote(&first.id),
            quote(&first.reason)
        );
        let line = format!("{} not assessed ({} cannot be judged)", own.rule, quote(&first.id));
        let facts = json!({ "known_as": names, "unreadable": mapped.unreadable });
        return Some(Arc::new(Reason::new(&own.rule, own.outcome, message, &line, facts).detail("not-assessed")));
    }
    not_assessed(context, &listed, mapped.as_of, draft)
}
