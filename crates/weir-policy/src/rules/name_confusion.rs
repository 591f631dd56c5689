//! `name-confusion`: a young package whose name is one slip from one that everybody uses.

use std::sync::Arc;

use serde_json::json;
use weir_core::Timestamp;
use weir_core::facts::{Lookalike, ReleaseFacts, Slip};

use crate::history::{MAX_DAYS, born};
use crate::outcome::Outcome;
use crate::raw::{Raw, Value};
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule, names};

const CODE: &str = "name-confusion";
/// Days after which a package counts as established, where `established-days` is not set.
const ESTABLISHED_DAYS: i64 = 365;

/// The rule.
pub struct NameConfusion;

const KEYS: &[Key] = &[
    Key {
        name: "outcome",
        values: "outcome",
        default: "`\"quarantine\"`",
        explanation: "What it comes to. An outcome instead of the table means the same.",
    },
    Key {
        name: "established-days",
        values: "1 to 3650",
        default: "`365`",
        explanation: "Days after its first release from which on a package is taken for what it says it is.",
    },
];

impl Rule for NameConfusion {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Names that could be mistaken for well-known ones"
    }
    fn explanation(&self) -> &'static str {
        "Malicious packages are given names that people type by mistake. A package is held if its name is one slip from one of \
         the 1,000 most used names of its registry: one edit (in names of five or six letters only a swapped or doubled one), \
         characters that look alike (`0` and `o`, `rn` and `m`), words in another order, a scope that is part of the name, or a \
         word for the language (`python-`, `-js`). It is not held if it is on the list of well-known names itself, if its first \
         release is older than `established-days`, if both names are of one scope, or if the index names an owner that both \
         packages have.\n\n\
         The list is imported: `weir feeds import npm.txt` (see the guide on feeds). Without a list this rule says nothing, and \
         `weir feeds status` says that there is none."
    }
    fn example(&self) -> &'static str {
        "name-confusion = \"quarantine\""
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut set = Set { outcome: Outcome::Quarantine, established_days: ESTABLISHED_DAYS };
        let Value::Table(table) = &raw.value else {
            set.outcome = reader.outcome(raw)?;
            return Some(Arc::new(set));
        };
        reader.only(table, &names(KEYS), "`name-confusion`");
        set.outcome = table.get("outcome").and_then(|raw| reader.outcome(raw)).unwrap_or(set.outcome);
        let days = table.get("established-days").and_then(|raw| reader.days(raw, 1, MAX_DAYS));
        set.established_days = days.unwrap_or(set.established_days);
        Some(Arc::new(set))
    }
}

#[derive(Debug)]
struct Set {
    outcome: Outcome,
    established_days: i64,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }

    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let like = context.facts.lookalike.as_ref()?;
        // A release that is only listed because an advisory names it has no date.
        let there = context.facts.releases.iter().filter(|release| !release.artifacts.is_empty());
        let until = there.map(born).min()?.plus_days(self.established_days);
        if context.at >= until {
            return None;
        }
        let name = quote(context.facts.package.as_str());
        let reason = Arc::new(self.reason(&name, like, until));
        Some(Box::new(At { reason, until }))
    }
}

struct At {
    reason: Arc<Reason>,
    until: Timestamp,
}

impl<'a> Evaluate<'a> for At {
    fn release(&mut self, _release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        say(Arc::clone(&self.reason));
    }

    fn changes_at(&self) -> Option<Timestamp> {
        Some(self.until)
    }
}

impl Set {
    fn reason(&self, name: &str, like: &Lookalike, until: Timestamp) -> Reason {
        let other = quote(&like.name);
        let slip = match like.slip {
            Slip::Edit => "one letter apart from",
            Slip::Glance => "at a glance the same as",
            Slip::Order => "made of the words of",
            Slip::Scope => "but for a scope the same as",
            Slip::Affix => "but for a word the same as",
        };
        let message = format!(
            "The name {name} is {slip} {other}, number {} of its registry's most used, and the package is young. Is {other} what \
             was meant?",
            like.rank
        );
        let facts = json!({ "lookalike": like.name, "rank": like.rank, "slip": like.slip.word(), "held_until": until });
        let line = format!("{CODE} (did you mean {other}?)");
        Reason::new(CODE, self.outcome, message, &line, facts).detail(like.slip.word()).compared()
    }
}
