//! `not-after`: nothing that was published after a moment, for the day of an outbreak.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use weir_core::facts::{ArtifactFacts, ReleaseFacts};
use weir_core::{Ecosystem, Timestamp};

use crate::born::{Born, Word};
use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::raw::{Raw, Value};
use crate::reader::{Reader, clip};
use crate::reason::Reason;
use crate::rules::{Check, Context, Evaluate, Key, Rule, names};

const CODE: &str = "not-after";

/// The rule.
pub struct NotAfter;

const KEYS: &[Key] = &[
    Key {
        name: "at",
        values: "moment",
        default: "required",
        explanation: "The last moment whose artifacts are served. A bare string instead of the table means the same.",
    },
    Key {
        name: "ecosystems",
        values: "list of ecosystems",
        default: "all",
        explanation: "Where it holds: `[\"npm\"]`.",
    },
    Key {
        name: "except",
        values: "list of package patterns",
        default: "none",
        explanation: "What is let through all the same, because someone has looked at it.",
    },
];

impl Rule for NotAfter {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Nothing published after a moment"
    }
    fn explanation(&self) -> &'static str {
        "For the day of an outbreak, when a registry is known to hand out something bad and nobody knows yet what: what was \
         published after the moment is held (`quarantine`), whatever else is known of it. The date is that of `minimum-age`: \
         a date that is not believed does not count, and an artifact whose registry tells no date is held unless Weir saw it \
         by then. A fix is not exempt; let it through with `except` or a waiver. Take the line out when the day is over."
    }
    fn example(&self) -> &'static str {
        "not-after = { at = \"2026-11-20T12:00:00Z\", ecosystems = [\"npm\"], except = [\"pkg:npm/left-pad@1.3.1\"] }"
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let Value::Table(table) = &raw.value else {
            let at = moment(raw, reader)?;
            return Some(Arc::new(Set { at, ecosystems: None, except: Vec::new() }));
        };
        reader.only(table, &names(KEYS), "`not-after`");
        let ecosystems = table.get("ecosystems").and_then(|raw| ecosystems(raw, reader));
        let except = table.get("except").and_then(|raw| reader.array(raw, "a list of package patterns"));
        let except = except.unwrap_or_default().iter().filter_map(|item| reader.pattern(item)).collect();
        let Some(at) = table.get("at") else {
            let help = String::from("write not-after = { at = \"2026-11-20T12:00:00Z\" }");
            reader.mistake(&raw.span, "`not-after` has no `at`", Some(help));
            return None;
        };
        Some(Arc::new(Set { at: moment(at, reader)?, ecosystems, except }))
    }
}

/// A moment to the second: a bare date would leave open on which side its day is.
fn moment(raw: &Raw, reader: &mut Reader<'_>) -> Option<Timestamp> {
    let (Value::Date(text) | Value::Text(text)) = &raw.value else {
        reader.expected(raw, "a moment such as \"2026-11-20T12:00:00Z\"");
        return None;
    };
    let moment = Timestamp::parse(text).filter(|_| text.contains(':'));
    if moment.is_none() {
        let help = String::from("write date, time and zone: \"2026-11-20T12:00:00Z\"");
        reader.mistake(&raw.span, format!("`{}` is not a moment", clip(text)), Some(help));
    }
    moment
}

fn ecosystems(raw: &Raw, reader: &mut Reader<'_>) -> Option<Vec<&'static str>> {
    let known: Vec<&'static str> = reader.ecosystems.iter().map(|ecosystem| ecosystem.id).collect();
    let items = reader.array(raw, "a list of ecosystems")?;
    let read = items.iter().filter_map(|item| {
        let word = reader.word(item, &known)?;
        known.iter().copied().find(|id| *id == word)
    });
    Some(read.collect())
}

#[derive(Debug)]
struct Set {
    at: Timestamp,
    /// The ecosystems that it holds in; `None` for all.
    ecosystems: Option<Vec<&'static str>>,
    except: Vec<Pattern>,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn names(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.except.iter().any(|pattern| pattern.covers_package(ecosystem, folded))
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let ecosystem = context.facts.ecosystem;
        if self.ecosystems.as_ref().is_some_and(|ids| !ids.contains(&ecosystem.id)) {
            return None;
        }
        let except = self.except.iter().filter(|it| it.covers_package(ecosystem, context.folded)).collect();
        Some(Box::new(At { set: self, context, except, release: None, said: HashMap::new() }))
    }
}

struct At<'a> {
    set: &'a Set,
    context: Context<'a>,
    except: Vec<&'a Pattern>,
    /// The release whose artifacts come next, unless it is let through.
    release: Option<&'a ReleaseFacts>,
    said: HashMap<Born, Arc<Reason>>,
}

impl<'a> Evaluate<'a> for At<'a> {
    fn release(&mut self, release: &'a ReleaseFacts, _say: &mut dyn FnMut(Arc<Reason>)) {
        // An exception for a range that a version cannot be compared with lets nothing through.
        let is_let_through = self.except.iter().any(|it| it.covers_version(&release.version) == Some(true));
        self.release = (!is_let_through).then_some(release);
    }

    fn artifact(&mut self, artifact: &'a ArtifactFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let Some(release) = self.release else { return };
        let born = Born::of(artifact, release, self.context.at);
        // What is still to come is after any moment of today, however early its age is counted from.
        let published = if let Word::Ahead { stated, .. } = born.word { stated } else { born.at };
        if published > self.set.at {
            let after = self.set.at;
            say(Arc::clone(self.said.entry(born).or_insert_with(|| Arc::new(reason(born, after)))));
        }
    }
}

fn reason(born: Born, after: Timestamp) -> Reason {
    let message = format!("{}; this stage serves nothing that was published after {after}.", born.sentence());
    let mut facts = born.facts();
    if let Some(facts) = facts.as_object_mut() {
        facts.insert(String::from("not_after"), json!(after));
    }
    let reason = Reason::new(CODE, Outcome::Quarantine, message, &format!("{CODE} {after}"), facts);
    match born.detail() {
        Some(detail) => reason.detail(detail),
        None => reason,
    }
}
