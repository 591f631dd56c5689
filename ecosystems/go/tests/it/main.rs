//! The Go ecosystem from outside.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod artifact;
mod conformance;
mod pages;
mod protocol;
mod releases;
mod sums;
