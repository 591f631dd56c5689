//! The words of Weir.
//!
//! Everything here is plain data and traits: no files, no network, no clock of its own. The other crates speak in these
//! types, so that a name, a digest or a moment means the same thing on every surface.
//!
//! | Module | Answers |
//! |---|---|
//! | [`ecosystem`] | what is an ecosystem, a package name, a version's place in the order? |
//! | [`catalogue`] | what if one document lists many packages? |
//! | [`registry`] | what does a client ask for, what did upstream say, what does the client get? |
//! | [`client`] | where does a package manager keep its settings, and whom does it ask? |
//! | [`lockfile`] | which packages does a project's file name, where, and who needs them? |
//! | [`hosting`] | how does a package of one's own get in, and what would an upstream say of it? |
//! | [`attestation`] | which bytes does an attestation speak of, under which name? |
//! | [`facts`] | what is known about a release when it is judged? |
//! | [`purl`] | how is a package named across ecosystems? |
//! | [`severity`] | how bad is a vulnerability, and who says so? |
//! | [`digest`] | which bytes are meant? |
//! | [`time`] | when? |

pub mod attestation;
pub mod catalogue;
pub mod client;
pub mod digest;
pub mod ecosystem;
pub mod facts;
pub mod hosting;
pub mod lockfile;
pub mod purl;
pub mod registry;
pub mod severity;
pub mod time;

pub use digest::Digest;
pub use ecosystem::{Ecosystem, Ecosystems, InvalidName, InvalidVersion, PackageName, SortKey};
pub use purl::Purl;
pub use severity::Severity;
pub use time::{Clock, Timestamp};
