//! Content-addressed bytes: local files, S3.
//!
//! A blob is named by the SHA-256 of its bytes, written once and never changed. Putting one that is there is a no-op, so
//! everything here can be repeated, and nothing relies on conditional writes: some S3 servers accept those silently.
//! When [`Blobs::put`] or [`Blobs::adopt`] returns, the bytes and the directories that name them survive a loss of
//! power; only then may a row refer to them.
//!
//! | Module | Answers |
//! |---|---|
//! | [`blobs`] | what can be done with blobs, wherever they are? |
//! | [`chunk`] | how are the bytes of a file read without waiting and without much memory? |
//! | [`spool`] | where do bytes wait until their digest is known? |
//! | [`error`] | what went wrong, and what can be done? |
//! | `local`, `s3` | where are they kept? |

pub mod blobs;
pub mod chunk;
pub mod error;
mod local;
mod s3;
pub mod spool;

pub use blobs::{BlobStream, Blobs, MAX_GET_BYTES};
pub use error::BlobError;
pub use s3::S3Config;
pub use spool::Spool;
