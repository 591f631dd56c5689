//! `weir export` and `weir import`: what one Weir has, carried to another that no network reaches.
//!
//! | File | Answers |
//! |---|---|
//! | `export.rs` | what goes into a bundle? |
//! | `import.rs` | what becomes of a bundle, and when does it count? |
//! | `trust.rs` | who signs, and who is believed? |
//! | `bytes.rs` | how do blobs get out of their place, and into it? |

mod bytes;
pub mod export;
pub mod import;
mod trust;

/// The rows of a bundle, as JSON lines.
const ROWS: &str = "rows.jsonl";
/// The policy in force where the bundle was made.
const POLICY: &str = "policy.toml";
/// The lists of well-known names.
const NAMES: &str = "names.txt";
/// The folder of advisory data, in the forms that `weir feeds import` reads.
const FEEDS: &str = "feeds";
/// The folder of blobs, each under its SHA-256.
const BLOBS: &str = "blobs";

/// The setting that says that a bundle was taken in, for a server that runs beside.
pub const TAKEN: &str = "bundle-taken";

/// The setting that holds up to when everything has come from whom.
fn up_to(signer: &weir_bundle::PublicKey) -> String {
    format!("bundle-up-to-{}", signer.id())
}

#[expect(clippy::cast_precision_loss, reason = "for people, to one place")]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
