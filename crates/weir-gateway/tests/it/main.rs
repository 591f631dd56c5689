//! The gate at its boundary: a real socket on one side, a fake upstream on the other.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod age;
mod catalogue;
mod clock;
mod days;
mod departed;
mod eviction;
mod faults;
mod files;
mod flat;
mod gate;
mod groups;
mod hosted;
mod hosted_cargo;
mod hosted_cran;
mod hosted_go;
mod hosted_maven;
mod hosted_npm;
mod memory;
mod pages;
mod pass;
mod policy;
mod ready;
mod releases;
mod settling;
mod stages;
mod streaming;
mod sums;
mod takeover;
mod toy;
mod upstream;
