//! `allow-only`: a curated stage.

use std::sync::Arc;

use serde_json::json;
use weir_core::Ecosystem;
use weir_core::facts::ReleaseFacts;

use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::rules::private_name::Everywhere;
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "allow-only";

/// The rule.
pub struct AllowOnly;

impl Rule for AllowOnly {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "A curated stage: what is not listed is refused"
    }
    fn explanation(&self) -> &'static str {
        "Blocks every package, of every ecosystem, that no pattern matches. Patterns are those of [`denied`](#denied), with \
         versions or ranges where only some versions are wanted. What is listed still has to pass all other rules."
    }
    fn example(&self) -> &'static str {
        "allow-only = [\"pkg:pypi/django@>=4.2,<5\", \"pkg:npm/@acme/*\"]"
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "", values: "list of package patterns", default: "off", explanation: "What may be used." }]
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let items = reader.array(raw, "a list of package patterns")?;
        let listed = items.iter().filter_map(|item| reader.pattern(item)).collect();
        Some(Arc::new(Set { listed }))
    }
}

#[derive(Debug)]
struct Set {
    listed: Vec<Pattern>,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn names(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.listed.iter().any(|pattern| pattern.covers_package(ecosystem, folded))
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let covering: Vec<_> = self
            .listed
            .iter()
            .filter(|pattern| pattern.covers_package(context.facts.ecosystem, context.folded))
            .collect();
        let message = match covering.len() {
            0 => format!("Stage `{}` serves only listed packages, and this one is not listed.", context.stage.name),
            _ => format!("Stage `{}` serves only listed versions of this package.", context.stage.name),
        };
        let patterns: Vec<_> = covering.iter().map(|pattern| pattern.text()).collect();
        let line = if covering.is_empty() { "allow-only (not listed)" } else { "allow-only (version not listed)" };
        let reason = Arc::new(Reason::new(CODE, Outcome::Block, message, line, json!({ "listed": patterns })));
        Some(match covering.is_empty() {
            true => Box::new(Everywhere(reason)),
            false => Box::new(At { covering, reason }),
        })
    }
}

struct At<'a> {
    covering: Vec<&'a Pattern>,
    reason: Arc<Reason>,
}

impl<'a> Evaluate<'a> for At<'a> {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        // A version that cannot be read is not listed: only what is certain is let in.
        if !self.covering.iter().any(|pattern| pattern.covers_version(&release.version) == Some(true)) {
            say(Arc::clone(&self.reason));
        }
    }
}
