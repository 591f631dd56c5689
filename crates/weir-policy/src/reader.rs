//! From what was written to what is meant, collecting every mistake on the way.

use std::ops::Range;

use weir_core::{Ecosystems, Timestamp};

use crate::mistake::PolicyError;
use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::raw::{Raw, Table, Value};

/// Most mistakes that are reported of one text.
pub const MAX_MISTAKES: usize = 100;

/// Reads values and remembers what is wrong with them.
pub struct Reader<'a> {
    text: &'a str,
    /// The ecosystems that patterns may name.
    pub ecosystems: Ecosystems,
    errors: Vec<PolicyError>,
}

impl<'a> Reader<'a> {
    /// A reader of `text`.
    pub fn new(text: &'a str, ecosystems: Ecosystems) -> Self {
        Self { text, ecosystems, errors: Vec::new() }
    }

    /// Remembers a mistake. The same mistake at the same place, seen again through inheritance, counts once.
    pub fn mistake(&mut self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        let error = PolicyError::at(self.text, span, message.into(), help);
        if self.errors.len() < MAX_MISTAKES && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    /// The mistakes, in the order of the text.
    pub fn finish(mut self) -> Vec<PolicyError> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        self.errors
    }

    /// Reports the keys of `table` that are not in `known`.
    pub fn only(&mut self, table: &Table, known: &[&str], place: &str) {
        for entry in &table.entries {
            if !known.contains(&entry.key.as_str()) {
                let help = nearest_help(&entry.key, known.iter().copied());
                self.mistake(&entry.key_span, format!("unknown key `{}` in {place}", clip(&entry.key)), Some(help));
            }
        }
    }

    /// A value of the wrong kind.
    pub fn expected(&mut self, raw: &Raw, what: &str) {
        self.mistake(&raw.span, format!("expected {what}, found {}", raw.kind()), None);
    }

    /// A table.
    pub fn table<'r>(&mut self, raw: &'r Raw, what: &str) -> Option<&'r Table> {
        match &raw.value {
            Value::Table(table) => Some(table),
            _ => {
                self.expected(raw, what);
                None
            }
        }
    }

    /// An array.
    pub fn array<'r>(&mut self, raw: &'r Raw, what: &str) -> Option<&'r [Raw]> {
        match &raw.value {
            Value::Array(items) => Some(items),
            _ => {
                self.expected(raw, what);
                None
            }
        }
    }

    /// A string that is not blank.
    pub fn text<'r>(&mut self, raw: &'r Raw, what: &str) -> Option<&'r str> {
        match &raw.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.mistake(&raw.span, format!("expected {what}, found an empty string"), None);
                None
            }
            Value::Text(text) => Some(text),
            _ => {
                self.expected(raw, what);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, raw: &Raw) -> Option<bool> {
        match raw.value {
            Value::Bool(truth) => Some(truth),
            _ => {
                self.expected(raw, "`true` or `false`");
                None
            }
        }
    }

    /// A number from 0 to `most`.
    pub fn number(&mut self, raw: &Raw, most: f64) -> Option<f64> {
        let number = match raw.value {
            #[expect(clippy::cast_precision_loss, reason = "only numbers up to `most` pass, and those are exact")]
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => {
                self.expected(raw, &format!("a number from 0 to {most}"));
                return None;
            }
        };
        // NaN fails both comparisons' negation, so the test is for what passes.
        if number >= 0.0 && number <= most {
            return Some(number);
        }
        self.mistake(&raw.span, format!("`{number}` is not a number from 0 to {most}"), None);
        None
    }

    /// A whole number of days from `least` to `most`.
    pub fn days(&mut self, raw: &Raw, least: i64, most: i64) -> Option<i64> {
        self.whole(raw, " of days", least, most)
    }

    /// A whole number from `least` to `most`.
    pub fn count(&mut self, raw: &Raw, least: i64, most: i64) -> Option<i64> {
        self.whole(raw, "", least, most)
    }

    fn whole(&mut self, raw: &Raw, of: &str, least: i64, most: i64) -> Option<i64> {
        match raw.value {
            Value::Integer(number) if (least..=most).contains(&number) => Some(number),
            Value::Integer(number) => {
                self.mistake(&raw.span, format!("`{number}` is not a number{of} from {least} to {most}"), None);
                None
            }
            _ => {
                self.expected(raw, &format!("a whole number{of} from {least} to {most}"));
                None
            }
        }
    }

    /// An outcome word.
    pub fn outcome(&mut self, raw: &Raw) -> Option<Outcome> {
        self.word(raw, &Outcome::WORDS).and_then(Outcome::from_word)
    }

    /// One of `words`.
    pub fn word<'r>(&mut self, raw: &'r Raw, words: &[&str]) -> Option<&'r str> {
        let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let word = self.text(raw, &format!("one of {list}"))?;
        if words.contains(&word) {
            return Some(word);
        }
        let help = nearest_help(word, words.iter().copied());
        self.mistake(&raw.span, format!("`{}` is not one of {list}", clip(word)), Some(help));
        None
    }

    /// A package pattern: `pkg:pypi/django@<4.2.30`.
    pub fn pattern(&mut self, raw: &Raw) -> Option<Pattern> {
        let text = self.text(raw, "a package URL such as \"pkg:pypi/django@<4.2.30\"")?;
        match Pattern::parse(text, self.ecosystems) {
            Ok(pattern) => Some(pattern),
            Err(problem) => {
                self.mistake(&raw.span, problem.message, Some(problem.help));
                None
            }
        }
    }

    /// The first moment after a date, or a moment; with the text as written.
    pub fn end(&mut self, raw: &Raw) -> Option<(Timestamp, String)> {
        let (Value::Date(text) | Value::Text(text)) = &raw.value else {
            self.expected(raw, "a date such as \"2027-01-31\"");
            return None;
        };
        let text = text.trim();
        let Some(moment) = Timestamp::parse(text) else {
            let help = String::from("write the last day on which it holds: \"2027-01-31\"");
            self.mistake(&raw.span, format!("`{}` is not a date", clip(text)), Some(help));
            return None;
        };
        // A bare date holds through its whole day (UTC), as people mean it.
        let is_date = !text.contains([':', 'T', 't']);
        Some((if is_date { moment.plus_days(1) } else { moment }, text.to_owned()))
    }
}

/// A written text as a message quotes it.
pub fn clip(text: &str) -> String {
    crate::reason::quote(text)
}

/// "did you mean", or the list of what there is.
pub fn nearest_help<'w>(written: &str, known: impl Iterator<Item = &'w str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            let list = known.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            format!("known here: {list}")
        }
    }
}

/// The word nearest to what was written, if any is near.
pub fn nearest<'w>(written: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let written: String = written.chars().take(64).flat_map(char::to_lowercase).collect();
    known
        .map(|word| (distance(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters to insert, delete, replace or swap with a neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = above;
        above = row;
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_finds_its_neighbour() {
        let known = ["block-cvss", "warn-cvss", "block-epss"];
        assert_eq!(nearest("blok-cvss", known.into_iter()), Some("block-cvss"));
        assert_eq!(nearest("block_cvss", known.into_iter()), Some("block-cvss"));
        assert_eq!(nearest("colour", known.into_iter()), None);
    }
}
