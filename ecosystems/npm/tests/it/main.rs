//! The npm ecosystem at its boundary.

mod conformance;
mod order;
mod packuments;
mod routes;
