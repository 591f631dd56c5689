//! Where two readings of an archive part.

use crate::MAX_AMBIGUITIES;

/// Characters of a path that a message shows.
const SHOWN_CHARS: usize = 120;

/// Collects ambiguities and stays small however many an archive has.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    texts: Vec<String>,
    more: u64,
}

impl Notes {
    /// Adds one; the text is made only where it is kept.
    pub(crate) fn add(&mut self, text: impl FnOnce() -> String) {
        if self.texts.len() < MAX_AMBIGUITIES {
            self.texts.push(text());
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.texts.push(format!("{} more like these", self.more));
        }
        self.texts
    }
}

/// A path for a message: in backticks, cut to [`SHOWN_CHARS`], control characters escaped.
pub(crate) fn shown(path: &str) -> String {
    let mut out = String::from("`");
    for (index, c) in path.chars().enumerate() {
        if index == SHOWN_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() || c == '`' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}
