//! The reference tables and the real advisories of `../shared`, and whole ways through the crate.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail by panicking and print what they measure")]

mod cvss;
mod data;
mod index;
mod matching;
mod reading;
mod shared;

use weir_core::Ecosystems;

/// The ecosystems that have a registry.
const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM, &weir_cargo::ECOSYSTEM]);
