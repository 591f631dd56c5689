//! What the documents and the source promise, held against what is there. No network, no server.
//!
//! `WEIR_UPDATE=1 cargo test -p weir --test tidy` writes the generated pages of `docs/reference` anew.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]

mod documents;
mod examples;
mod limits;
mod observing;
mod source;
mod workspace;
