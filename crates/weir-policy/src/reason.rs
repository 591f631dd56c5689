//! Why: one reason of a decision.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use weir_core::Timestamp;
use weir_core::facts::Vulnerability;

use crate::outcome::{Mode, Outcome};

/// Longest [`Reason::line`], in characters.
pub const MAX_LINE: usize = 120;
/// Longest piece of a stranger's text (a yank reason, a licence) that a message quotes, in characters.
pub const MAX_QUOTE: usize = 200;
/// Most fixed versions that a message lists; the facts have more.
pub const MAX_FIXED: usize = 6;

/// One reason of a decision: what one rule says of one fact.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// The rule's code: `vulnerability`.
    pub rule: String,
    /// Which case of the rule: `not-assessed`, `fix`, `date-unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the rule asks for. It does not count where [`Reason::waived`] is set.
    pub outcome: Outcome,
    /// One sentence for people, with a full stop.
    pub message: String,
    /// At most [`MAX_LINE`] printable ASCII characters: `vulnerability PYSEC-2025-106 (CVSS 9.8)`.
    pub line: String,
    /// What the rule looked at, with its sources. A JSON object.
    pub facts: Value,
    /// The waiver that lets it through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived: Option<WaiverRef>,
    /// The advisory that it speaks of, for waivers and for the fix exemption.
    #[serde(skip)]
    pub(crate) advisory: Option<Arc<Vulnerability>>,
    /// Counts in observe mode too.
    #[serde(skip)]
    pub(crate) always: bool,
    /// It comes of a comparison with other releases or other packages: its facts are inputs of the decision.
    #[serde(skip)]
    pub(crate) compared: bool,
    /// For what waits: until when.
    #[serde(skip)]
    pub(crate) until: Option<Timestamp>,
}

/// The reasons of one decision, strictest first. Copies are cheap: most artifacts have exactly their release's.
#[derive(Clone, Debug, Default)]
pub struct Reasons(Option<Arc<[Arc<Reason>]>>);

impl From<Vec<Arc<Reason>>> for Reasons {
    fn from(reasons: Vec<Arc<Reason>>) -> Self {
        Self((!reasons.is_empty()).then(|| reasons.into()))
    }
}

impl Deref for Reasons {
    type Target = [Arc<Reason>];

    fn deref(&self) -> &Self::Target {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'r> IntoIterator for &'r Reasons {
    type Item = &'r Arc<Reason>;
    type IntoIter = std::slice::Iter<'r, Arc<Reason>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The waiver that a reason is waived by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WaiverRef {
    /// Why it was granted.
    pub reason: String,
    /// The last day on which it holds, or the moment at which it ends, as written.
    pub until: String,
    /// Who granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The VEX justification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The package pattern that it is written for.
    pub package: String,
    /// The line of the policy that it begins at.
    pub line: usize,
}

impl Reason {
    /// A reason without a detail. `message` is one sentence; `line` is brought into its form here.
    pub(crate) fn new(rule: &str, outcome: Outcome, message: String, line: &str, facts: Value) -> Self {
        Self {
            rule: rule.to_owned(),
            detail: None,
            outcome,
            message,
            line: ascii_line(line),
            facts,
            waived: None,
            advisory: None,
            always: false,
            compared: false,
            until: None,
        }
    }

    pub(crate) fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(detail.to_owned());
        self
    }

    /// Makes it count in observe mode too.
    pub(crate) fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Makes its facts inputs of the decision.
    pub(crate) fn compared(mut self) -> Self {
        self.compared = true;
        self
    }

    pub(crate) fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    pub(crate) fn about(mut self, advisory: &Arc<Vulnerability>) -> Self {
        self.advisory = Some(Arc::clone(advisory));
        self
    }

    /// What it asks for after waivers.
    pub fn counted(&self) -> Outcome {
        if self.waived.is_some() { Outcome::Allow } else { self.outcome }
    }

    /// What it comes to in `mode`: observing refuses nothing, save what `always` marks.
    pub(crate) fn effective(&self, mode: Mode) -> Outcome {
        match mode {
            Mode::Observe if !self.always => self.counted().min(Outcome::Warn),
            _ => self.counted(),
        }
    }
}

/// A stranger's text as a message may quote it: one line, no control characters, at most [`MAX_QUOTE`] characters.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    // Line ends and other controls could forge log lines and terminal output; bidirectional marks could reorder them.
    let clean = text.chars().map(|c| if c.is_control() || is_bidi(c) { ' ' } else { c });
    let mut length = 0;
    let mut space = false;
    for c in clean {
        if c.is_whitespace() {
            space = length > 0;
            continue;
        }
        if length >= MAX_QUOTE {
            out.push('…');
            break;
        }
        if space {
            out.push(' ');
            space = false;
        }
        out.push(c);
        length += 1;
    }
    out
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` as printable ASCII of at most [`MAX_LINE`] characters; what is cut off becomes `...`.
pub(crate) fn ascii_line(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    if out.len() > MAX_LINE {
        out.truncate(MAX_LINE - 3);
        out.push_str("...");
    }
    out
}

/// `1 day`, `3 days`.
pub(crate) fn days(count: i64) -> String {
    if count == 1 { String::from("1 day") } else { format!("{count} days") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_break_out_of_its_line() {
        assert_eq!(quote("broken\r\nHTTP/1.1 200 OK\u{202e}x\u{1b}[2J"), "broken HTTP/1.1 200 OK x [2J");
        assert_eq!(quote(&"é".repeat(500)).chars().count(), MAX_QUOTE + 1);
    }

    #[test]
    fn a_line_is_short_printable_ascii() {
        assert_eq!(ascii_line("é\n"), "??");
        assert_eq!(ascii_line(&"x".repeat(500)).len(), MAX_LINE);
    }
}
