//! What the tests of real package managers share: one table with a row for each of them.

pub mod glance;
