//! `denied`: packages and versions that are not wanted, by name.

use std::sync::Arc;

use serde_json::json;
use weir_core::Ecosystem;
use weir_core::facts::ReleaseFacts;

use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::raw::{Raw, Value};
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "denied";

/// The rule.
pub struct Denied;

impl Rule for Denied {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Packages and versions that are refused by name"
    }
    fn explanation(&self) -> &'static str {
        "Blocks what matches. A pattern is a package URL with `*` for any run of characters in the name, and after `@` a \
         version or a range in the ecosystem's own notation. A table adds the reason that people are shown. A version that \
         cannot be read is *not assessed* against a range."
    }
    fn example(&self) -> &'static str {
        "denied = [\"pkg:npm/event-stream@3.3.6\", \"pkg:pypi/django@<4.2.30\", { package = \"pkg:npm/left-*\", reason = \
         \"write it yourself\" }]"
    }
    fn keys(&self) -> &'static [Key] {
        &[
            Key {
                name: "",
                values: "list of package patterns, or of tables",
                default: "off",
                explanation: "What is refused.",
            },
            Key { name: "package", values: "package pattern", default: "required", explanation: "What is refused." },
            Key { name: "reason", values: "a sentence", default: "none", explanation: "What people are told." },
        ]
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut denied = Vec::new();
        for item in reader.array(raw, "a list of package patterns")? {
            let (package, reason) = match &item.value {
                Value::Table(table) => {
                    reader.only(table, &["package", "reason"], "an entry of `denied`");
                    let Some(package) = table.get("package") else {
                        reader.mistake(&item.span, "this entry has no `package`", None);
                        continue;
                    };
                    let reason = table.get("reason").and_then(|raw| reader.text(raw, "a sentence"));
                    (package, reason.map(|reason| reason.trim().trim_end_matches('.').to_owned()))
                }
                _ => (item, None),
            };
            if let Some(pattern) = reader.pattern(package) {
                denied.push(Entry { pattern, reason });
            }
        }
        Some(Arc::new(Set { denied }))
    }
}

#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    reason: Option<String>,
}

#[derive(Debug)]
struct Set {
    denied: Vec<Entry>,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn names(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.denied.iter().any(|entry| entry.pattern.covers_package(ecosystem, folded))
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let entries: Vec<_> = self
            .denied
            .iter()
            .filter(|entry| entry.pattern.covers_package(context.facts.ecosystem, context.folded))
            .map(|entry| (entry, Arc::new(reason(entry))))
            .collect();
        (!entries.is_empty()).then(|| Box::new(At { entries, context }) as Box<dyn Evaluate<'a>>)
    }
}

struct At<'a> {
    entries: Vec<(&'a Entry, Arc<Reason>)>,
    context: Context<'a>,
}

impl<'a> Evaluate<'a> for At<'a> {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        for (entry, reason) in &self.entries {
            match entry.pattern.covers_version(&release.version) {
                Some(true) => say(Arc::clone(reason)),
                Some(false) => {}
                None => say(Arc::new(unreadable(entry, release, self.context))),
            }
        }
    }
}

fn reason(entry: &Entry) -> Reason {
    let pattern = quote(entry.pattern.text());
    let message = match &entry.reason {
        Some(reason) => format!("The policy denies `{pattern}`: {}.", quote(reason)),
        None => format!("The policy denies `{pattern}`."),
    };
    let facts = json!({ "pattern": entry.pattern.text(), "reason": entry.reason });
    Reason::new(CODE, Outcome::Block, message, &format!("{CODE} by policy ({pattern})"), facts)
}

fn unreadable(entry: &Entry, release: &ReleaseFacts, context: Context<'_>) -> Reason {
    let pattern = quote(entry.pattern.text());
    let message = format!("The version cannot be read, so nobody can say whether the policy's `{pattern}` means it.");
    let facts = json!({ "pattern": entry.pattern.text(), "version": release.version });
    let line = format!("{CODE} not assessed (unreadable version)");
    Reason::new(CODE, context.stage.unassessed, message, &line, facts).detail("not-assessed")
}
