//! How is a bundle written?

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use crate::{Entry, MANIFEST, Manifest, SIGNATURE, SigningKey};

/// How hard it is compressed: what is large in a bundle is compressed already.
const LEVEL: i32 = 3;

/// A bundle that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The manifest breaks its own rules.
    #[error("the bundle cannot be made: {0}")]
    Manifest(String),
    /// An entry could not be read.
    #[error("`{path}` cannot be put into the bundle")]
    Entry {
        /// The entry.
        path: String,
        /// What happened.
        source: io::Error,
    },
    /// The bundle's own file.
    #[error("the bundle cannot be written")]
    Output(#[from] io::Error),
}

/// Writes a bundle: the manifest, its signature, then every entry of it, whose bytes `open` gives. What they are must be
/// what the manifest says; a reader finds out.
pub fn write<W: Write>(
    output: W,
    manifest: &Manifest,
    key: &SigningKey,
    open: &mut dyn FnMut(&Entry) -> io::Result<Box<dyn Read>>,
) -> Result<W, WriteError> {
    manifest.check().map_err(WriteError::Manifest)?;
    let text = serde_json::to_vec(manifest).map_err(|error| WriteError::Manifest(error.to_string()))?;
    let mut tar = tar::Builder::new(zstd::stream::write::Encoder::new(output, LEVEL)?);
    let signature = key.sign(&text);
    tar.append_data(&mut header(text.len() as u64, manifest), MANIFEST, &*text)?;
    tar.append_data(&mut header(signature.len() as u64, manifest), SIGNATURE, &*signature)?;
    for entry in &manifest.entries {
        let failed = |source| WriteError::Entry { path: entry.path.clone(), source };
        let body = open(entry).map_err(failed)?;
        // A body that is shorter or longer than it was would shift every entry after it.
        let mut body = Exactly { body, left: entry.size };
        tar.append_data(&mut header(entry.size, manifest), &entry.path, &mut body).map_err(failed)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// A regular file that everybody may read, as of the moment that the bundle is of: equal contents make equal bundles.
fn header(size: u64, manifest: &Manifest) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(u64::try_from(manifest.until.millis() / 1000).unwrap_or_default());
    header
}

/// A reader of as many bytes as were announced.
struct Exactly {
    body: Box<dyn Read>,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.body.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} bytes of it are missing", self.left)));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
