//! `unmaintained`: health notices of advisory databases.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use weir_core::facts::{Kind, ReleaseFacts, Vulnerability};

use crate::outcome::Outcome;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule};
use crate::stage::DEFAULT_FEED_AGE_DAYS;

const CODE: &str = "unmaintained";

/// The rule.
pub struct Unmaintained;

impl Rule for Unmaintained {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Packages that nobody maintains, and other health notices"
    }
    fn explanation(&self) -> &'static str {
        "RustSec's informational records are facts about a package's health, never vulnerabilities, and count here alone. \
         Kinds other than `unmaintained`, such as `unsound` and `notice`, are told in the detail."
    }
    fn example(&self) -> &'static str {
        "unmaintained = \"warn\""
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "", values: "outcome", default: "off", explanation: "What a health notice comes to." }]
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
    fn feed_age_days(&self) -> Option<i64> {
        Some(DEFAULT_FEED_AGE_DAYS)
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let notice = |it: &Arc<Vulnerability>| matches!(it.kind, Kind::Informational(_));
        let any = context.facts.releases.iter().any(|release| release.vulnerabilities.iter().any(notice));
        any.then(|| Box::new(At { outcome: self.outcome, reasons: HashMap::new() }) as Box<dyn Evaluate<'a>>)
    }
}

struct At {
    outcome: Outcome,
    reasons: HashMap<*const Vulnerability, Arc<Reason>>,
}

impl<'a> Evaluate<'a> for At {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        for notice in &release.vulnerabilities {
            if let Kind::Informational(kind) = &notice.kind {
                let outcome = self.outcome;
                let reason = self.reasons.entry(Arc::as_ptr(notice));
                say(Arc::clone(reason.or_insert_with(|| Arc::new(reason_for(notice, kind, outcome)))));
            }
        }
    }
}

fn reason_for(notice: &Arc<Vulnerability>, kind: &str, outcome: Outcome) -> Reason {
    let (id, kind) = (quote(&notice.id), quote(kind));
    let message = match notice.summary.trim_end_matches('.') {
        "" => format!("{id} calls this package {kind}."),
        summary => format!("{id} calls this package {kind}: {}.", quote(summary)),
    };
    let facts = json!({
        "id": notice.id,
        "aliases": notice.aliases,
        "kind": kind,
        "summary": notice.summary,
        "published": notice.published,
        "digest": notice.digest,
    });
    let line = if kind == CODE { format!("{CODE} {id}") } else { format!("{CODE} {id} ({kind})") };
    let reason = Reason::new(CODE, outcome, message, &line, facts).about(notice);
    if kind == CODE { reason } else { reason.detail(&kind) }
}
