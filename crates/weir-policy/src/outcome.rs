//! The four answers, and whether a stage enforces them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is decided about a release or artifact, mildest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Served.
    #[default]
    Allow,
    /// Served, with a word of warning.
    Warn,
    /// Held for review.
    Quarantine,
    /// Refused.
    Block,
}

impl Outcome {
    /// The words of policy files, mildest first.
    pub const WORDS: [&'static str; 4] = ["allow", "warn", "quarantine", "block"];

    /// The word for it in policy files and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Quarantine => "quarantine",
            Self::Block => "block",
        }
    }

    /// The outcome that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Allow, Self::Warn, Self::Quarantine, Self::Block].into_iter().find(|outcome| outcome.word() == word)
    }

    /// True if bytes leave: `allow` and `warn`.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Allow | Self::Warn)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a stage does what it decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Decides, logs and marks, and refuses nothing but malware, damaged bytes and private names.
    Observe,
    /// Refuses what is held or blocked.
    #[default]
    Enforce,
}

impl Mode {
    /// The word for it in policy files and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
