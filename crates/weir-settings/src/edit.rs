//! What is a file after these changes?

use weir_core::client::{Change, Format};

use crate::{block, diff, ini, netrc, pairs, toml, xml, yaml};

/// Largest file that is edited, in bytes.
pub const MAX_FILE: usize = 1024 * 1024;
/// What some editors of Windows write at the beginning of a text.
const MARK: char = '\u{feff}';

/// A file that cannot be changed without harm.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// More than [`MAX_FILE`] bytes.
    #[error("it has more than {MAX_FILE} bytes")]
    Large,
    /// What it should be, and what it is.
    #[error("it cannot be read as {format}: {problem}")]
    Malformed {
        /// The format's name.
        format: &'static str,
        /// What is wrong, with the line if it is known.
        problem: String,
    },
    /// A file that should be Weir's alone and is somebody's.
    #[error("it is there already and was not written by Weir")]
    Foreign,
}

impl Unreadable {
    pub(crate) fn malformed(format: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Malformed { format, problem: problem.to_string().trim_end().replace('\n', " ") }
    }
}

/// The text of a file after `changes`. Lines that are not concerned keep every byte; an absent file is the empty text.
pub fn apply(text: &str, format: Format, changes: &[Change]) -> Result<String, Unreadable> {
    if text.len() > MAX_FILE {
        return Err(Unreadable::Large);
    }
    let (mark, body) = text.strip_prefix(MARK).map_or(("", text), |body| (&text[..MARK.len_utf8()], body));
    let plain = body.replace("\r\n", "\n");
    let mut edited = plain.clone();
    for change in changes {
        edited = match format {
            Format::Ini => ini::change(&edited, change),
            Format::Pairs => pairs::change(&edited, change, '='),
            Format::Words => pairs::change(&edited, change, ' '),
            Format::Toml => toml::change(&edited, change)?,
            Format::Yaml => yaml::change(&edited, change)?,
            Format::Xml => xml::change(&edited, change)?,
            Format::Netrc => netrc::change(&edited, change)?,
            Format::Block => block::change(&edited, change),
            Format::Whole => block::whole(&edited, change)?,
        };
    }
    if edited == plain {
        return Ok(text.to_owned());
    }
    Ok(format!("{mark}{}", with_endings(body, &plain, &edited)))
}

/// Gives the lines of `edited` that were there before the endings that they had, and new ones those of the first line.
fn with_endings(original: &str, plain: &str, edited: &str) -> String {
    if !original.contains("\r\n") {
        return edited.to_owned();
    }
    let windows =
        original.lines().next().is_some_and(|_| original.find('\n') == original.find("\r\n").map(|at| at + 1));
    let originals: Vec<&str> = original.split_inclusive('\n').collect();
    let (old, new): (Vec<&str>, Vec<&str>) =
        (plain.split_inclusive('\n').collect(), edited.split_inclusive('\n').collect());
    let mut out = String::with_capacity(edited.len() + new.len());
    for step in diff::steps(&old, &new) {
        match step {
            diff::Step::Same(line, _) => out.push_str(originals.get(line).copied().unwrap_or_default()),
            diff::Step::New(line) => {
                let line = new.get(line).copied().unwrap_or_default();
                match line.strip_suffix('\n') {
                    Some(line) if windows => {
                        out.push_str(line);
                        out.push_str("\r\n");
                    }
                    _ => out.push_str(line),
                }
            }
            diff::Step::Old(_) => {}
        }
    }
    out
}

/// Adds a line at the end, where a last line without an end gets one.
pub(crate) fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use weir_core::client::Value;

    use super::*;

    #[test]
    fn lines_keep_their_endings_and_new_ones_follow_the_first() {
        let change = [Change::set(["registry"], Value::text("http://w/"))];
        let edited = apply("\u{feff}a=1\r\nregistry = x\r\n; c\nb=2", Format::Pairs, &change).unwrap();
        assert_eq!(edited, "\u{feff}a=1\r\nregistry = http://w/\r\n; c\nb=2");
        let added = apply("a=1\r\nb=2", Format::Pairs, &change).unwrap();
        assert_eq!(added, "a=1\r\nb=2\r\nregistry=http://w/\r\n");
    }

    #[test]
    fn what_is_so_already_is_left_alone_byte_by_byte() {
        let change = [Change::set(["registry"], Value::text("http://w/"))];
        let text = "a=1\r\n  registry =   http://w/  \n";
        assert_eq!(apply(text, Format::Pairs, &change).unwrap(), text);
    }

    #[test]
    fn a_file_at_the_limit_is_edited_and_one_byte_more_is_not() {
        let change = [Change::remove(["none"])];
        assert!(apply(&"#".repeat(MAX_FILE), Format::Pairs, &change).is_ok());
        assert_eq!(apply(&"#".repeat(MAX_FILE + 1), Format::Pairs, &change), Err(Unreadable::Large));
    }
}
