//! How Weir talks to a terminal.

use std::io::Write;

/// Writes a line to standard output. A reader that went away (`| head`) is no error.
pub fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Writes a line to standard error.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints what went wrong, with its causes.
pub fn error(error: &anyhow::Error) {
    let mut out = anstream::stderr();
    let _ = writeln!(out, "\u{1b}[1;31merror\u{1b}[0m: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Wrapped errors often repeat their cause in their own text.
        if !last.contains(&text) {
            let _ = writeln!(out, "  because {text}");
        }
        last = text;
    }
}
