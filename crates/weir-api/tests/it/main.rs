//! The application at its boundary: a request goes in, an answer comes out. No socket, no network.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod app;
mod hostile;
mod routes;
