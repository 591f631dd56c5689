//! What came before a release: what rules compare it with.
//!
//! Only what has been public for a while counts as history, or an attacker's second release would be measured by the
//! first.

use weir_core::Timestamp;
use weir_core::facts::{Kind, PackageFacts, ReleaseFacts};

use crate::born::Born;

/// The days for which a change is news, where a rule's `days` is not set.
pub(crate) const DEFAULT_DAYS: i64 = 90;
/// Largest `days`.
pub(crate) const MAX_DAYS: i64 = 3650;

/// When a release came out: with its first artifact, by a date that is believed. No date makes a change old news that Weir
/// knows better.
pub(crate) fn born(release: &ReleaseFacts) -> Timestamp {
    let first = release.artifacts.iter().map(|artifact| Born::settled(artifact, release)).min();
    first.unwrap_or_else(|| Born::of_release(release).at)
}

/// The places of the releases that can be compared, in the order of their versions. Those that are listed only so that
/// their refusal can be told (they have no artifacts) are no history.
pub(crate) fn by_version(facts: &PackageFacts) -> Vec<usize> {
    let comparable =
        |(at, release): (usize, &ReleaseFacts)| (release.key.is_some() && !release.artifacts.is_empty()).then_some(at);
    let mut places: Vec<usize> = facts.releases.iter().enumerate().filter_map(comparable).collect();
    let key = |at: usize| facts.releases.get(at).and_then(|release| release.key.as_ref());
    places.sort_by(|a, b| key(*a).cmp(&key(*b)));
    places
}

/// True for what has been public for `days`.
pub(crate) fn is_settled(release: &ReleaseFacts, days: i64, at: Timestamp) -> bool {
    at >= born(release).plus_days(days)
}

/// True for what may be compared with: what is reported as malicious is nobody's measure.
pub(crate) fn is_history(release: &ReleaseFacts) -> bool {
    !release.vulnerabilities.iter().any(|vulnerability| vulnerability.kind == Kind::Malware)
}
