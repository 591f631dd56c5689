//! The Maven ecosystem at its boundary: what goes in and out of [`weir_maven::ECOSYSTEM`].
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, one that is skipped says so")]

mod artifact;
mod conformance;
mod index;
mod protocol;
