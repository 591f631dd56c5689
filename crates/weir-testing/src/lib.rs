//! For tests: fake upstream, temporary PostgreSQL and S3, fixed clock.
//!
//! ```no_run
//! # async fn test() {
//! use weir_testing::FakeUpstream;
//!
//! let fake = FakeUpstream::start().await;
//! let pypi = fake.pypi();
//! pypi.release("example", "1.0.0").published("2026-01-01").license("MIT").add();
//! let page = pypi.url(); // http://127.0.0.1:PORT/simple/
//! # }
//! ```
//!
//! | Module | Answers |
//! |---|---|
//! | [`fake`] | how does an upstream answer, and how does it misbehave? |
//! | [`artifact`] | how are real artifacts made in memory? |
//! | [`pypi`], [`npm`], [`cargo`] | how is a small registry set up? |
//! | [`conda`] | what does a conda channel serve? |
//! | [`cran`] | what does a CRAN repository serve beside its catalogue? |
//! | [`skip`] | what happens where something that a test needs is absent? |
//! | `Authority` | where do certificates come from in a test? (feature `tls`) |
//! | `s3` | where do blobs go in a test? (feature `s3`) |
//!
//! Everything here panics where a test should fail.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails by panicking")]

pub mod artifact;
#[cfg(feature = "tls")]
mod authority;
pub mod cargo;
pub mod conda;
pub mod cran;
pub mod fake;
pub mod npm;
pub mod postgres;
pub mod pypi;
#[cfg(feature = "s3")]
pub mod s3;
pub mod skip;
mod tar;

#[cfg(feature = "tls")]
pub use authority::{Authority, Identity};
pub use fake::{FakeResponse, FakeUpstream, Fault, Seen};
pub use weir_core::time::FixedClock;
