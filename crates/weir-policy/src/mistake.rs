//! What is wrong with a policy text, and where.

use std::fmt;
use std::ops::Range;

/// All that is wrong with a policy text. Displays every mistake with its line, a caret and help.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyErrors(pub Vec<PolicyError>);

/// One mistake in a policy text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant; at least 1.
    pub width: usize,
    /// What is wrong, with the offending value in backticks, without a full stop.
    pub message: String,
    /// The line as written.
    pub source_line: String,
    /// The way out.
    pub help: Option<String>,
}

/// Longest part of a source line that is shown, in characters.
const MAX_SOURCE: usize = 160;

impl PolicyError {
    /// A mistake at the bytes `span` of `text`.
    pub(crate) fn at(text: &str, span: &Range<usize>, message: String, help: Option<String>) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let mut end = span.end.clamp(start, line_end);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            message,
            source_line: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            help,
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "policy.toml:{}:{}: {}", self.line, self.column, self.message)?;
        let gutter = self.line.to_string().len();
        // A tab is as wide as the terminal likes; one space each keeps the caret under its character.
        let shown: String =
            self.source_line.chars().take(MAX_SOURCE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{} | {shown}", self.line)?;
        if self.column <= MAX_SOURCE {
            let width = self.width.min(MAX_SOURCE + 1 - self.column);
            writeln!(f, "{:gutter$} | {:indent$}{}", "", "", "^".repeat(width), indent = self.column - 1)?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
