//! The CRAN ecosystem at its boundary: what goes in and out of [`weir_cran::ECOSYSTEM`].
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, one that is skipped says so")]

mod archive;
mod artifact;
mod conformance;
mod join;
mod protocol;
mod substitute;
