//! The gate at its boundary: a real socket on one side, a fake upstream on the other.

mod departed;
mod gate;
mod memory;
mod pages;
mod pass;
mod policy;
mod spellings;
mod streaming;
mod upstream;
