//! Edits files of settings, and leaves everything else in them as it is: comments, order, blank lines, line endings.
//!
//! | Module | Answers |
//! |---|---|
//! | [`edit`] | what is a file after these changes? |
//! | [`diff`] | which lines differ, and how is that shown? |
//! | `ini`, `pairs`, `toml`, `yaml`, `xml`, `netrc`, `block` | how is each format changed? |

mod block;
pub mod diff;
pub mod edit;
mod ini;
mod netrc;
mod pairs;
mod toml;
mod xml;
mod yaml;

pub use edit::{Unreadable, apply};
pub use xml::texts as xml_texts;
