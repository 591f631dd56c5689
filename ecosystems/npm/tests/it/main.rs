//! The npm ecosystem at its boundary.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod conformance;
mod order;
mod origin;
mod packuments;
mod routes;
