//! `yanked`: releases that their maintainers or their registry have withdrawn.

use std::sync::Arc;

use serde_json::json;
use weir_core::facts::{ProjectStatus, ReleaseFacts};

use crate::outcome::Outcome;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "yanked";

/// The rule.
pub struct Yanked;

impl Rule for Yanked {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Withdrawn releases"
    }
    fn explanation(&self) -> &'static str {
        "A release is yanked if all of its artifacts are, or the registry says so of the whole; the maintainers' reason is \
         shown. A project that its registry has quarantined (PEP 792) counts too, with the detail `quarantined-upstream`. \
         Clients that honour yanks still see them with the rule off."
    }
    fn example(&self) -> &'static str {
        "yanked = \"warn\""
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "", values: "outcome", default: "off", explanation: "What a withdrawn release comes to." }]
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
        let quarantined = context.facts.status.as_ref().filter(|status| status.status == "quarantined");
        let project = quarantined.map(|status| Arc::new(quarantined_upstream(status, self.outcome)));
        if project.is_none() && context.facts.releases.iter().all(|release| release.yanked.is_none()) {
            return None;
        }
        Some(Box::new(At { project, outcome: self.outcome }))
    }
}

struct At {
    project: Option<Arc<Reason>>,
    outcome: Outcome,
}

impl<'a> Evaluate<'a> for At {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        if let Some(project) = &self.project {
            say(Arc::clone(project));
        }
        let Some(why) = &release.yanked else { return };
        let message = match why.trim().trim_end_matches('.') {
            "" => String::from("Its maintainers have withdrawn this release and give no reason."),
            why => format!("Its maintainers have withdrawn this release: {}.", quote(why)),
        };
        let line = match why.trim() {
            "" => String::from(CODE),
            why => format!("{CODE} ({})", quote(why)),
        };
        say(Arc::new(Reason::new(CODE, self.outcome, message, &line, json!({ "reason": why }))));
    }
}

fn quarantined_upstream(status: &ProjectStatus, outcome: Outcome) -> Reason {
    let message = match status.reason.as_deref().map(|why| why.trim().trim_end_matches('.')) {
        None | Some("") => String::from("The registry has quarantined this project and gives no reason."),
        Some(why) => format!("The registry has quarantined this project: {}.", quote(why)),
    };
    let facts = json!({ "status": status.status, "reason": status.reason });
    Reason::new(CODE, outcome, message, &format!("{CODE} (quarantined by its registry)"), facts)
        .detail("quarantined-upstream")
}
