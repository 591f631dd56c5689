//! `deprecated`: releases and projects whose maintainers advise against them.

use std::sync::Arc;

use serde_json::json;
use weir_core::facts::ReleaseFacts;

use crate::outcome::Outcome;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "deprecated";

/// The rule.
pub struct Deprecated;

impl Rule for Deprecated {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Releases and projects that are deprecated"
    }
    fn explanation(&self) -> &'static str {
        "Looks at the mark that npm keeps for each release, and at the state of the whole project where the registry tells it \
         (PEP 792): `deprecated`, and `archived` with that word as detail."
    }
    fn example(&self) -> &'static str {
        "deprecated = \"warn\""
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "", values: "outcome", default: "off", explanation: "What a deprecated release comes to." }]
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        Some(Arc::new(Set { outcome: reader.outcome(raw)? }))
    }
}

#[derive(Debug)]
struct Set {
    outcome: Outcome,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let ended = context.facts.status.as_ref().filter(|it| matches!(it.status.as_str(), "deprecated" | "archived"));
        let project = ended.map(|status| {
            let message = match status.reason.as_deref().map(|why| why.trim().trim_end_matches('.')) {
                None | Some("") => format!("This project is {}.", status.status),
                Some(why) => format!("This project is {}: {}.", status.status, quote(why)),
            };
            let facts = json!({ "status": status.status, "reason": status.reason });
            let line = format!("{CODE} (project {})", status.status);
            Arc::new(Reason::new(CODE, self.outcome, message, &line, facts).detail(&status.status))
        });
        if project.is_none() && context.facts.releases.iter().all(|release| release.deprecated.is_none()) {
            return None;
        }
        Some(Box::new(At { project, outcome: self.outcome, last: None }))
    }
}

struct At {
    project: Option<Arc<Reason>>,
    outcome: Outcome,
    /// The last text and its reason: a deprecated package mostly has one text on all releases.
    last: Option<(String, Arc<Reason>)>,
}

impl<'a> Evaluate<'a> for At {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        if let Some(project) = &self.project {
            say(Arc::clone(project));
        }
        let Some(why) = &release.deprecated else { return };
        if let Some((text, reason)) = &self.last
            && text == why
        {
            return say(Arc::clone(reason));
        }
        let message = match why.trim().trim_end_matches('.') {
            "" => String::from("Its maintainers have deprecated this release."),
            text => format!("Its maintainers have deprecated this release: {}.", quote(text)),
        };
        let line = match why.trim() {
            "" => String::from(CODE),
            text => format!("{CODE} ({})", quote(text)),
        };
        let reason = Arc::new(Reason::new(CODE, self.outcome, message, &line, json!({ "text": why })));
        self.last = Some((why.clone(), Arc::clone(&reason)));
        say(reason);
    }
}
