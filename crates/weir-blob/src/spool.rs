//! Where bytes wait until their digest is known.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempPath;

use crate::error::BlobError;

/// How the names of spool files begin: only those are cleared.
pub(crate) const PREFIX: &str = "spool-";

/// A temporary file that becomes a blob when it is [adopted](crate::Blobs::adopt), and vanishes when it is dropped.
#[derive(Debug)]
pub struct Spool {
    pub(crate) file: Arc<File>,
    pub(crate) path: TempPath,
    length: u64,
    /// How many of its bytes are known to survive a loss of power.
    pub(crate) synced: u64,
}

impl Spool {
    pub(crate) fn create(directory: &Path) -> Result<Self, BlobError> {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempfile_in(directory)
            .map_err(|error| BlobError::io(directory, "written to", &error))?;
        let (file, path) = file.into_parts();
        Ok(Self { file: Arc::new(file), path, length: 0, synced: 0 })
    }

    /// Where it is: for readers that want a file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were written.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes more bytes, blocking: for threads that may.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        write(&self.file, bytes).map_err(|error| BlobError::io(&self.path, "written", &error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes more bytes without holding up the runtime. Must be awaited to its end: a spool of which that cannot be
    /// said is not adopted, because its length does not agree.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let (file, length) = (Arc::clone(&self.file), bytes.len() as u64);
        let path = self.path.to_path_buf();
        blocking(&path, move |path| write(&file, &bytes).map_err(|error| BlobError::io(path, "written", &error)))
            .await?;
        self.length += length;
        Ok(())
    }

    /// Another handle on the file, at its start, to read what was written so far.
    pub fn reader(&self) -> Result<File, BlobError> {
        File::open(&self.path).map_err(|error| BlobError::io(&self.path, "opened", &error))
    }
}

fn write(mut file: &File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)
}

/// Does `work` on a thread that may block. `path` is what an error names.
pub(crate) async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let path = PathBuf::from(path);
    let named = path.clone();
    match tokio::task::spawn_blocking(move || work(&path)).await {
        Ok(outcome) => outcome,
        Err(broken) => Err(BlobError::Io {
            path: named.display().to_string(),
            doing: "used",
            problem: if broken.is_cancelled() {
                String::from("Weir is shutting down")
            } else {
                String::from("the work was broken off by an internal error")
            },
        }),
    }
}
