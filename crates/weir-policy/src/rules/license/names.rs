//! Names of licences as people write them.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::expression::Term;
use super::spdx_ids;

/// What a name means; `None` if nobody has written it down.
pub(crate) fn read(text: &str) -> Option<Term> {
    let found = |text: &str| table().get(key(text).as_str()).cloned();
    found(text).or_else(|| {
        // "GNU General Public License v3 (GPLv3)": the words in parentheses mostly say the same again.
        let (before, rest) = text.split_once('(')?;
        let (within, after) = rest.split_once(')')?;
        let term = found(&format!("{before} {after}")).filter(|_| !after.contains('('))?;
        let again = spdx_ids::read(within.trim()).map(Term::License).or_else(|| found(within));
        again.is_none_or(|again| again == term).then_some(term)
    })
}

/// The form in which names are compared.
fn key(text: &str) -> String {
    let mut key = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '.') {
        let word = word.to_ascii_lowercase();
        if matches!(word.as_str(), "the" | "license" | "licence" | "licenses" | "version" | "ver" | "any") {
            continue;
        }
        let word = match word.strip_prefix('v') {
            Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => number,
            _ => word.as_str(),
        };
        key.extend(word.chars().filter(|c| *c != '.'));
    }
    key
}

fn table() -> &'static HashMap<String, Term> {
    static TABLE: OnceLock<HashMap<String, Term>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for line in include_str!("names.txt").lines().filter(|line| !line.starts_with('#')) {
            let Some((ids, names)) = line.split_once(": ") else { continue };
            let Some(term) = meaning(ids) else { continue };
            for name in names.split(", ") {
                table.entry(key(name)).or_insert_with(|| term.clone());
            }
        }
        table
    })
}

fn meaning(ids: &str) -> Option<Term> {
    if ids == "NONE" {
        return Some(Term::Nothing);
    }
    let mut licenses: Vec<_> = ids.split('|').map(spdx_ids::read).collect::<Option<_>>()?;
    match licenses.len() {
        1 => licenses.pop().map(Term::License),
        _ => Some(Term::OneOf(licenses)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_can_be_read() {
        for line in include_str!("names.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (ids, names) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            assert!(meaning(ids).is_some(), "{ids}");
            for name in names.split(", ") {
                assert!(!key(name).is_empty() || name == "the", "{name}");
            }
        }
    }

    #[test]
    fn no_name_means_two_things() {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for line in include_str!("names.txt").lines().filter(|line| !line.starts_with('#')) {
            let Some((ids, names)) = line.split_once(": ") else { continue };
            for name in names.split(", ") {
                let before = seen.insert(key(name), ids);
                assert!(before.is_none_or(|before| before == ids), "`{name}` is {ids} and {before:?}");
            }
        }
    }
}
