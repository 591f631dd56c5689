//! What a bundle says of itself.

use serde::{Deserialize, Serialize};
use weir_core::{Digest, Timestamp};

/// The format that this Weir writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
/// Largest manifest, in bytes.
pub const MAX_MANIFEST: u64 = 256 * 1024 * 1024;
/// Most entries of a bundle.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Longest path of an entry, in bytes: what every tar archive can hold.
const MAX_PATH: usize = 99;

/// What a bundle says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the Weir that made it.
    pub weir: String,
    /// The moment up to which it has everything.
    pub until: Timestamp,
    /// The moment from which it has what is new; `None`: it has everything.
    pub since: Option<Timestamp>,
    /// How current the advisory data in it is.
    pub feeds: Vec<FeedState>,
    /// Every further entry, in order.
    pub entries: Vec<Entry>,
}

/// How current a feed was where the bundle was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedState {
    /// The feed's name.
    pub name: String,
    /// When its source last confirmed it.
    pub as_of: Timestamp,
}

/// A file in a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path, with forward slashes.
    pub path: String,
    /// Number of bytes.
    pub size: u64,
    /// Its bytes.
    pub sha256: Digest,
}

impl Manifest {
    /// Reads a manifest whose signature was found good. Even then it is held to its bounds.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!(
                "it has the format {}, this Weir reads {FORMAT}: use the version of Weir that made it ({})",
                manifest.format,
                manifest.weir.chars().take(40).collect::<String>()
            ));
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Holds a manifest to its bounds.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.entries.len() > MAX_ENTRIES {
            return Err(format!("it lists {} entries; at most {MAX_ENTRIES} are read", self.entries.len()));
        }
        match self.entries.iter().find(|entry| !is_path(&entry.path)) {
            Some(entry) => {
                Err(format!("`{}` is no path of an entry", entry.path.escape_debug().take(120).collect::<String>()))
            }
            None => Ok(()),
        }
    }
}

/// True for what may name an entry: segments of letters, digits and `._-`, none of them dots alone.
fn is_path(path: &str) -> bool {
    path.len() <= MAX_PATH
        && path.split('/').all(|segment| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        })
}
