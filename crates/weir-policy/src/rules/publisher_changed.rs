//! `publisher-changed`: what a new hand has published.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use weir_core::Timestamp;
use weir_core::facts::{PackageFacts, Publisher, ReleaseFacts};

use crate::history::{MAX_DAYS, born, is_history, is_settled};
use crate::judge::{Age, Draft};
use crate::outcome::Outcome;
use crate::raw::{Raw, Value};
use crate::reader::Reader;
use crate::reason::{Reason, days, quote};
use crate::rules::{Check, Context, Key, Rule, names};

const CODE: &str = "publisher-changed";
/// Days that a release waits where `days` is not set.
const WAIT_DAYS: i64 = 14;

/// The rule.
pub struct PublisherChanged;

const KEYS: &[Key] = &[
    Key {
        name: "days",
        values: "1 to 3650",
        default: "`14`",
        explanation: "How long a release by a new account waits, and how long an account is new.",
    },
    Key {
        name: "outcome",
        values: "outcome",
        default: "`\"quarantine\"`",
        explanation: "What it comes to. An outcome instead of the table means the same.",
    },
];

impl Rule for PublisherChanged {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "First releases of a new publisher wait longer"
    }
    fn explanation(&self) -> &'static str {
        "Projects change hands all the time, so a new publisher alone says little; but a package that is taken over has one. So \
         a release that was published by an account which neither published nor maintained any release that is older than \
         `days` is held, like something new, until it is `days` old itself. It is then known without anybody's doing. \
         `days` only makes a difference if it is longer than `minimum-age`.\n\n\
         A release that `minimum-age` exempts as a fix does not wait here either. A change to a trusted publisher (a build that \
         the owners have named to the registry) is no change of hands. npm's index names the account; those of PyPI and \
         crates.io do not, and nothing is said there."
    }
    fn example(&self) -> &'static str {
        "publisher-changed = { days = 14 }"
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut set = Set { outcome: Outcome::Quarantine, days: WAIT_DAYS };
        let Value::Table(table) = &raw.value else {
            set.outcome = reader.outcome(raw)?;
            return Some(Arc::new(set));
        };
        reader.only(table, &names(KEYS), "`publisher-changed`");
        set.outcome = table.get("outcome").and_then(|raw| reader.outcome(raw)).unwrap_or(set.outcome);
        set.days = table.get("days").and_then(|raw| reader.days(raw, 1, MAX_DAYS)).unwrap_or(set.days);
        Some(Arc::new(set))
    }
}

#[derive(Debug)]
struct Set {
    outcome: Outcome,
    days: i64,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }

    fn last(&self, context: Context<'_>, draft: &mut Draft) {
        let facts = context.facts;
        let young = |(at, release): (usize, &ReleaseFacts)| {
            let publisher = release.origin.publisher.as_ref().filter(|publisher| !publisher.trusted)?;
            (!is_settled(release, self.days, context.at)).then(|| (at, born(release), Arc::clone(publisher)))
        };
        let young: Vec<_> = facts.releases.iter().enumerate().filter_map(young).collect();
        if young.is_empty() {
            return;
        }
        let known = Known::of(facts, self.days, context.at);
        for (at, born, publisher) in young {
            let Some(judged) = draft.releases.get_mut(at) else { continue };
            if known.0.is_empty() || known.0.contains(&*publisher.name) || matches!(judged.age, Age::Exempt(_)) {
                continue;
            }
            let until = born.plus_days(self.days);
            judged.reasons.push(Arc::new(self.reason(&publisher, until)));
            draft.changes_at(until);
        }
    }
}

/// The accounts that published or maintained a release that is old enough.
struct Known<'a>(HashSet<&'a str>);

impl<'a> Known<'a> {
    fn of(facts: &'a PackageFacts, days: i64, at: Timestamp) -> Self {
        let mut known = HashSet::new();
        let mut last: Option<&Arc<[Box<str>]>> = None;
        for release in facts.releases.iter().filter(|it| is_settled(it, days, at) && is_history(it)) {
            known.extend(release.origin.publisher.as_ref().map(|publisher| &*publisher.name));
            let Some(owners) = &release.origin.owners else { continue };
            // Most releases have the owners of the one before.
            if !last.is_some_and(|last| Arc::ptr_eq(last, owners)) {
                known.extend(owners.iter().map(|owner| &**owner));
                last = Some(owners);
            }
        }
        Self(known)
    }
}

impl Set {
    fn reason(&self, publisher: &Publisher, until: Timestamp) -> Reason {
        let name = quote(&publisher.name);
        let message = format!(
            "It was published by the account {name}, which had no part in any release that is older than {}; it is held until \
             {until}.",
            days(self.days)
        );
        let facts = json!({ "publisher": publisher.name, "days": self.days, "held_until": until });
        Reason::new(CODE, self.outcome, message, &format!("{CODE} (by {name}, held until {until})"), facts).compared()
    }
}
