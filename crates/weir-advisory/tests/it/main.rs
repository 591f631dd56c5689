//! The reference tables and the real advisories of `../shared`, and whole ways through the crate.

mod cvss;
mod shared;
