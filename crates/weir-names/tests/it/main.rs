//! Names that could be mistaken for others, and lists of well-known names.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod figures;
mod lists;
mod properties;
