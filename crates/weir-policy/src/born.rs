//! From when an artifact's age is counted, and on whose word.
//!
//! The date comes from the same document as the decision. It is a stranger's word, so what Weir itself saw stands beside it:
//! a page that still lacked the file was confirmed at some moment, and no date well before that moment is believed. Where
//! two dates can be had, the stricter counts. Nothing here looks at a clock but through the moment that it is given, and a
//! clock that goes back makes nothing older.

use serde_json::{Value, json};
use weir_core::Timestamp;
use weir_core::facts::{ArtifactFacts, ReleaseFacts};
use weir_core::time::DAY;

/// How long before a page that still lacked it the stated date of an artifact may lie and be believed, in milliseconds:
/// mirrors lag behind.
pub const REPLICATION_SLACK: i64 = DAY;
/// Longest that a stated date which is still to come holds an artifact beyond its first sight, in days; the age that a
/// stage asks for comes on top.
pub const MAX_AHEAD_DAYS: i64 = 30;

/// The moment from which an age is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Born {
    pub at: Timestamp,
    pub word: Word,
}

/// Whose word the moment is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Word {
    /// Upstream states it.
    Stated,
    /// Upstream states none: Weir's first sight.
    Unknown,
    /// Upstream states one, and its page of `absent` lacked the file: Weir's first sight.
    BackDated { stated: Timestamp, absent: Timestamp },
    /// Upstream stated `first` at first, and states `now`: the stricter.
    Changed { first: Timestamp, now: Timestamp },
    /// Upstream states one that is still to come.
    Ahead { stated: Timestamp, first_seen: Timestamp },
}

impl Born {
    /// Of an artifact, as of `now`.
    pub fn of(artifact: &ArtifactFacts, release: &ReleaseFacts, now: Timestamp) -> Self {
        let first_seen = artifact.first_seen;
        let Some(stated) = stated(artifact, release) else {
            return Self { at: first_seen, word: Word::Unknown };
        };
        let believed = stricter(artifact, stated);
        if let Some(absent) = back_dated(artifact, believed) {
            return Self { at: first_seen, word: Word::BackDated { stated, absent } };
        }
        if believed > now {
            let at = believed.min(first_seen.plus_days(MAX_AHEAD_DAYS));
            return Self { at, word: Word::Ahead { stated: believed, first_seen } };
        }
        let word = match artifact.first_published.filter(|first| differ(*first, stated)) {
            Some(first) => Word::Changed { first, now: stated },
            None => Word::Stated,
        };
        Self { at: believed, word }
    }

    /// The moment for what compares releases: a date that is still to come is as good as any other there.
    pub fn settled(artifact: &ArtifactFacts, release: &ReleaseFacts) -> Timestamp {
        Self::of(artifact, release, Timestamp::from_millis(i64::MAX)).at
    }

    /// Of a release that has no artifacts.
    pub fn of_release(release: &ReleaseFacts) -> Self {
        match release.published {
            Some(at) => Self { at, word: Word::Stated },
            None => Self { at: release.first_seen, word: Word::Unknown },
        }
    }

    /// The detail of a reason that rests on it.
    pub fn detail(&self) -> Option<&'static str> {
        match self.word {
            Word::Stated => None,
            Word::Unknown => Some("date-unknown"),
            Word::BackDated { .. } => Some("back-dated"),
            Word::Changed { .. } => Some("date-changed"),
            Word::Ahead { .. } => Some("date-ahead"),
        }
    }

    /// What is known of the date, without a full stop, for people.
    pub fn sentence(&self) -> String {
        let at = self.at;
        match self.word {
            Word::Stated => format!("Published on {at}"),
            Word::Unknown => format!("Its registry tells no date and it was first seen on {at}"),
            Word::BackDated { stated, absent } => format!(
                "Its registry states {stated}, but the registry's page of {absent} did not have it yet, so its first sight on \
                 {at} counts"
            ),
            Word::Changed { first, now } => {
                format!("Its registry first stated {first} and now states {now}, so {at} counts")
            }
            Word::Ahead { stated, first_seen } => {
                format!("Its registry states {stated}, which is still to come (it was first seen on {first_seen})")
            }
        }
    }

    /// The same for a reason's facts.
    pub fn facts(&self) -> Value {
        match self.word {
            Word::Stated => json!({ "published": self.at }),
            Word::Unknown => json!({ "first_seen": self.at }),
            Word::BackDated { stated, absent } => {
                json!({ "first_seen": self.at, "published": stated, "last_absent": absent })
            }
            Word::Changed { first, now } => {
                json!({ "first_published": first, "published": now, "since": self.at })
            }
            Word::Ahead { stated, first_seen } => json!({ "published": stated, "first_seen": first_seen }),
        }
    }
}

/// What upstream states: the only artifact of a release was published when the release was.
fn stated(artifact: &ArtifactFacts, release: &ReleaseFacts) -> Option<Timestamp> {
    let only = if release.artifacts.len() == 1 { release.published } else { None };
    artifact.published.or(only)
}

/// The stricter of the date that was stated first and the one that is stated now. A date that grew later is not followed
/// beyond the first sight: mirrors state anew when they copy again, and what was there then is no younger.
fn stricter(artifact: &ArtifactFacts, stated: Timestamp) -> Timestamp {
    match artifact.first_published {
        Some(first) if first >= stated => first,
        Some(first) => stated.min(first.max(artifact.first_seen)),
        None => stated,
    }
}

/// The moment of the last page that lacked it, if that belies `believed`.
fn back_dated(artifact: &ArtifactFacts, believed: Timestamp) -> Option<Timestamp> {
    // A page cannot have lacked it after it was seen; a clock that once ran ahead would say so.
    let absent = artifact.last_absent?.min(artifact.first_seen);
    (believed < absent.plus_millis(-REPLICATION_SLACK)).then_some(absent)
}

fn differ(a: Timestamp, b: Timestamp) -> bool {
    a.millis().abs_diff(b.millis()) > REPLICATION_SLACK.unsigned_abs()
}

/// What Weir itself saw of an artifact, as far as its age depends on it: what decisions on it are made from beside the
/// stated date.
pub(crate) struct Seen {
    pub first_published: Option<Timestamp>,
    pub first_seen: Option<Timestamp>,
    pub last_absent: Option<Timestamp>,
}

impl Seen {
    pub fn of(artifact: &ArtifactFacts, release: &ReleaseFacts) -> Self {
        let first_seen = artifact.first_seen;
        let Some(stated) = stated(artifact, release) else {
            // As it has always been: a date of the release counts for an only artifact alone.
            return Self { first_published: None, first_seen: Some(first_seen), last_absent: None };
        };
        let believed = stricter(artifact, stated);
        let last_absent = back_dated(artifact, believed);
        let counts = last_absent.is_some() || artifact.published.is_none() || believed > first_seen;
        Self {
            first_published: artifact.first_published.filter(|_| believed != stated),
            first_seen: counts.then_some(first_seen),
            last_absent,
        }
    }
}
