//! One signed file that carries what a Weir has to another one, over a gap that no cable crosses.
//!
//! A bundle is a tar archive in a zstd frame, so that ordinary tools can list it. Its first entry is the manifest: what
//! the bundle is of, and every further entry with its size and SHA-256, in the order in which they follow. The second is
//! an Ed25519 signature (RFC 8032) over the manifest's bytes. A reader therefore knows whom to believe before it takes in
//! anything else, and checks every entry against the manifest while it streams past: nothing is unpacked, nothing is
//! trusted for its name.
//!
//! | File | Answers |
//! |---|---|
//! | `manifest.rs` | what does a bundle say of itself? |
//! | `key.rs` | who made it, and is that one believed? |
//! | `write.rs` | how is one written? |
//! | `read.rs` | how is one read, by somebody who trusts nothing? |

mod key;
mod manifest;
mod read;
mod write;

pub use key::{InvalidKey, PublicKey, SigningKey};
pub use manifest::{Entry, FORMAT, FeedState, MAX_ENTRIES, MAX_MANIFEST, Manifest};
pub use read::{Bundle, ReadError, Take};
pub use write::{WriteError, write};

/// The path of the manifest in the archive.
pub const MANIFEST: &str = "weir-bundle.json";
/// The path of the signature over it.
pub const SIGNATURE: &str = "weir-bundle.sig";
