//! The policy crate at its boundary: text and facts in, outcomes and reasons out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

mod dates;
mod decisions;
mod fixes;
mod history;
mod licenses;
mod policy_text;
mod properties;
mod rules;
mod support;
mod survey;
mod waivers;
