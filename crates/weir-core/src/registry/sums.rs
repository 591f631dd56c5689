//! Checksum databases: a public, append-only log of what bytes releases have, which anyone can check without trusting
//! whoever hands it on (Go's `sum.golang.org`).
//!
//! The gate asks for nothing but documents: [`Sums::prove`] says which it wants, and is called again with them, until it has
//! a proof or finds a contradiction. What it has seen of the log is kept, so that a log that tells others another history
//! cannot go unnoticed.

use super::{Document, Expected, Wanted};
use crate::Digest;

/// How an ecosystem's checksum database is read. All methods are pure.
pub trait Sums: Send + Sync {
    /// The key that signs the log, unless another one is configured, as the ecosystem's tools write it.
    fn key(&self) -> &'static str;

    /// What is wrong with a key, if it cannot be read.
    fn check_key(&self, key: &str) -> Result<(), String>;

    /// The sums of what came, each under the name that the log has for it: of an artifact, from the path and SHA-256 of each
    /// of its entries, and of the release's own documents.
    fn sums(&self, expected: &Expected<'_>, entries: &[(String, Digest)], documents: &[Document<'_>]) -> Vec<Sum>;

    /// One step of the proof that a release's sums are in the log, and that the log is the one that `head` was of.
    /// `documents` are those asked for so far, by path.
    fn prove(
        &self,
        key: &str,
        expected: &Expected<'_>,
        head: Option<&str>,
        documents: &[(&str, &[u8])],
    ) -> Result<Proof, Contradiction>;
}

/// A step of a proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// These documents are wanted next. They never change.
    Wants(Vec<Wanted>),
    /// It is proven.
    Given {
        /// What the log says of the release.
        sums: Vec<Sum>,
        /// The newest state of the log that is known now, to be given as `head` next time.
        head: String,
    },
}

/// What bytes something has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// What: `example.com/m v1.0.0`, `example.com/m v1.0.0/go.mod`.
    pub of: String,
    /// Algorithm and digest: `h1:…`.
    pub sum: String,
}

/// The log, or what hands it on, lies or is broken. A sentence without a full stop.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub String);
