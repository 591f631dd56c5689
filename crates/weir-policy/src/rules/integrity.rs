//! `integrity`: bytes that are not what they should be.

use std::sync::Arc;

use serde_json::json;
use weir_core::facts::{ArtifactFacts, Finding, ReleaseFacts};

use crate::outcome::Outcome;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "integrity";
/// Other bytes than before under the same name: the one finding that concerns the whole release.
const CHANGED: &str = "changed-bytes";
/// Other bytes than the index states.
const MISMATCH: &str = "digest-mismatch";

/// The rule.
pub struct Integrity;

impl Rule for Integrity {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Bytes are what they should be"
    }
    fn explanation(&self) -> &'static str {
        "Always on, in every stage and mode. An artifact whose bytes are not those that the index states \
         (`digest-mismatch`) is blocked. Bytes that changed under the same name since Weir first saw them (`changed-bytes`) \
         are a security event and quarantine the whole release. An archive that two readers could read differently \
         (`ambiguous-archive`), that cannot be read (`unreadable-archive`), or that declares another name or version than the \
         index (`name-mismatch`, `version-mismatch`) is quarantined by itself."
    }
    fn example(&self) -> &'static str {
        ""
    }
    fn keys(&self) -> &'static [Key] {
        &[]
    }
    fn read(&self, _raw: &Raw, _reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        None
    }
    fn always_on(&self) -> Option<Arc<dyn Check>> {
        Some(Arc::new(Always))
    }
    fn never_waived(&self) -> Option<&'static str> {
        Some("bytes that are not what they should be are not a matter of opinion; publish a sound artifact instead")
    }
}

#[derive(Debug)]
struct Always;

impl Check for Always {
    fn code(&self) -> &'static str {
        CODE
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let sound = |release: &ReleaseFacts| release.artifacts.iter().all(|artifact| artifact.findings.is_empty());
        (!context.facts.releases.iter().all(sound)).then(|| Box::new(Always) as Box<dyn Evaluate<'a>>)
    }
}

impl<'a> Evaluate<'a> for Always {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        for artifact in &release.artifacts {
            for finding in artifact.findings.iter().filter(|finding| concerns_release(finding)) {
                say(Arc::new(reason(artifact, finding, Outcome::Quarantine)));
            }
        }
    }

    fn artifact(&mut self, artifact: &'a ArtifactFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        for finding in artifact.findings.iter().filter(|finding| !concerns_release(finding)) {
            let outcome = if finding.code == MISMATCH { Outcome::Block } else { Outcome::Quarantine };
            say(Arc::new(reason(artifact, finding, outcome)));
        }
    }
}

/// True if a finding about one artifact concerns its whole release.
pub(crate) fn concerns_release(finding: &Finding) -> bool {
    finding.code == CHANGED
}

fn reason(artifact: &ArtifactFacts, finding: &Finding, outcome: Outcome) -> Reason {
    let (file, text) = (quote(&artifact.file), quote(&finding.text));
    let message = format!("`{file}`: {text}.");
    let facts =
        json!({ "file": artifact.file, "finding": finding.code, "text": finding.text, "sha256": artifact.sha256 });
    Reason::new(CODE, outcome, message, &format!("{CODE} {} ({file})", finding.code), facts)
        .detail(&finding.code)
        .always()
}
