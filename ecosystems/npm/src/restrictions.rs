//! `policyRestrictions.message`: the one text with which npm tells why versions are missing.
//!
//! npm prints it whole, whichever version was asked for. So it lists the refused by rule and reason, newest first, and
//! stops where it is full.

use weir_core::SortKey;
use weir_core::ecosystem::Versions as _;
use weir_core::registry::Note;

use crate::version::Npm;

/// Longest message, in bytes.
pub const MAX_MESSAGE: usize = 1000;

/// How many versions are named for one reason.
const NAMED: usize = 5;

/// Versions that are refused for one reason.
struct Group<'a> {
    rule: &'a str,
    /// The note without its last part, the address of the one decision.
    reason: &'a str,
    /// The note of the newest.
    text: &'a str,
    versions: Vec<&'a str>,
}

/// The message. `total` is the number of versions that upstream has.
pub fn message(refused: &[(&str, &Note)], total: usize, upstream: Option<&str>) -> String {
    let mut newest_first: Vec<(Option<SortKey>, &str, &Note)> =
        refused.iter().map(|(version, note)| (Npm.sort_key(version).ok(), *version, *note)).collect();
    newest_first.sort_by(|a, b| b.0.cmp(&a.0));
    let groups = by_turns(grouped(&newest_first));

    let mut message = String::new();
    if !refused.is_empty() {
        message = format!("Weir refuses {} of {total} versions.", refused.len());
    }
    let upstream = upstream.map(|text| format!(" Upstream: {text}"));
    let mut untold = 0;
    for part in groups.iter().map(Group::to_text).chain(upstream) {
        let part = printable(&part);
        // Room for the sentence below.
        if message.len() + part.len() + 40 > MAX_MESSAGE {
            untold += 1;
        } else {
            message.push_str(&part);
        }
    }
    if untold > 0 {
        message.push_str(&format!(" {untold} more reasons."));
    }
    message.trim_start().chars().take(MAX_MESSAGE).collect()
}

fn grouped<'a>(newest_first: &[(Option<SortKey>, &'a str, &'a Note)]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for &(_, version, note) in newest_first {
        let reason = note.text.rsplit_once("; ").map_or(note.text.as_str(), |(reason, _)| reason);
        let place = *places.entry((note.rule.as_str(), reason)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.versions.push(version),
            None => groups.push(Group { rule: &note.rule, reason, text: &note.text, versions: vec![version] }),
        }
    }
    groups
}

/// Every rule's newest reason first, then every rule's second, and so on: no rule crowds out another.
fn by_turns(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let mut turns = std::collections::HashMap::new();
    let mut ordered: Vec<(usize, Group<'_>)> = groups
        .into_iter()
        .map(|group| {
            let turn = turns.entry(group.rule).or_insert(0usize);
            *turn += 1;
            (*turn, group)
        })
        .collect();
    ordered.sort_by_key(|(turn, _)| *turn);
    ordered.into_iter().map(|(_, group)| group).collect()
}

impl Group<'_> {
    /// ` vulnerability: 1.2.5, 1.2.4 and 3 more: GHSA-…; nearest allowed 1.2.6; see http://….`
    fn to_text(&self) -> String {
        let mut text = String::from(" ");
        if !self.reason.starts_with(self.rule) {
            text.push_str(self.rule);
            text.push_str(": ");
        }
        text.push_str(&self.versions[..self.versions.len().min(NAMED)].join(", "));
        if self.versions.len() > NAMED {
            text.push_str(&format!(" and {} more", self.versions.len() - NAMED));
        }
        text.push_str(": ");
        text.push_str(self.text);
        text.push('.');
        text
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(rule: &str, text: &str) -> Note {
        Note { rule: rule.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn the_message_lists_the_refused_by_reason_newest_first() {
        let old = note("vulnerability", "vulnerability GHSA-1; nearest allowed 1.2.6; see http://w/d/a");
        let new = note("vulnerability", "vulnerability GHSA-1; nearest allowed 1.2.6; see http://w/d/b");
        let other = note("vulnerability", "vulnerability GHSA-2; nearest allowed 1.2.6; see http://w/d/c");
        let young = note("minimum-age", "published 2 days ago; see http://w/d/d");
        let refused = [("1.2.0", &old), ("1.10.0", &new), ("1.1.0", &other), ("2.0.0", &young), ("1.9.0", &new)];
        assert_eq!(
            message(&refused, 12, Some("no\nmore")),
            "Weir refuses 5 of 12 versions. minimum-age: 2.0.0: published 2 days ago; see http://w/d/d. \
             1.10.0, 1.9.0, 1.2.0: vulnerability GHSA-1; nearest allowed 1.2.6; see http://w/d/b. \
             1.1.0: vulnerability GHSA-2; nearest allowed 1.2.6; see http://w/d/c. Upstream: no?more"
        );
    }

    #[test]
    fn the_message_is_short_whatever_there_is_to_tell() {
        let notes: Vec<Note> =
            (0..500).map(|n| note("malware", &format!("MAL-{n} {}; see x", "\u{e9}".repeat(150)))).collect();
        let versions: Vec<String> = (0..500).map(|n| format!("1.0.{n}")).collect();
        let refused: Vec<_> = versions.iter().map(String::as_str).zip(&notes).collect();
        let message = message(&refused, 500, None);
        assert!(message.len() <= MAX_MESSAGE, "{}", message.len());
        assert!(message.contains("MAL-499 ") && message.ends_with("495 more reasons."), "{message}");
        assert!(message.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    }

    #[test]
    fn many_versions_of_one_reason_are_counted() {
        let same = note("denied", "denied by acme; see x");
        let versions: Vec<String> = (0..9).map(|n| format!("1.0.{n}")).collect();
        let refused: Vec<_> = versions.iter().map(|version| (version.as_str(), &same)).collect();
        assert_eq!(
            message(&refused, 9, None),
            "Weir refuses 9 of 9 versions. 1.0.8, 1.0.7, 1.0.6, 1.0.5, 1.0.4 and 4 more: denied by acme; see x."
        );
    }
}
