//! How do blobs get out of their place, and into it? From threads that may wait.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use weir_blob::{BlobStream, Blobs};
use weir_core::Digest;
use weir_core::digest::{Hasher, StatedDigests};

/// Bytes that are brought to their place at once.
const CHUNK: usize = 256 * 1024;

/// Blobs, for a thread that may wait.
#[derive(Clone)]
pub(super) struct Waiting {
    blobs: Arc<Blobs>,
    handle: Handle,
}

impl Waiting {
    /// Must be called inside a Tokio runtime.
    pub(super) fn new(blobs: Arc<Blobs>) -> Self {
        Self { blobs, handle: Handle::current() }
    }

    /// Number of bytes of a blob, if it is there.
    pub(super) fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        self.handle.block_on(self.blobs.size(digest)).map_err(io::Error::other)
    }

    /// A blob's bytes.
    pub(super) fn open(&self, digest: &Digest, size: u64) -> io::Result<Box<dyn Read>> {
        if let Some(path) = self.blobs.local_file(digest) {
            return Ok(Box::new(std::fs::File::open(path)?));
        }
        let stream = self.handle.block_on(self.blobs.stream(digest, 0..size)).map_err(io::Error::other)?;
        let stream = stream.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the blob is gone"))?;
        Ok(Box::new(Streamed { stream, handle: self.handle.clone(), chunk: Bytes::new() }))
    }

    /// Puts bytes into their place, if they are those.
    pub(super) fn put(&self, digest: &Digest, from: &mut dyn Read) -> io::Result<()> {
        let mut spool = self.blobs.spool().map_err(io::Error::other)?;
        let mut hasher = Hasher::new(&StatedDigests::default());
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk)?;
            let bytes = chunk.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            spool.write(bytes).map_err(io::Error::other)?;
        }
        let hashed = hasher.finish();
        if hashed.sha256 != *digest {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its bytes have the SHA-256 {}: it is damaged; copy it again", hashed.sha256),
            ));
        }
        self.handle.block_on(self.blobs.adopt(spool, digest, hashed.length)).map_err(io::Error::other)
    }
}

/// A stream that is waited for.
struct Streamed {
    stream: BlobStream,
    handle: Handle,
    chunk: Bytes,
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.handle.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
            }
        }
        let taken = self.chunk.split_to(self.chunk.len().min(buffer.len()));
        if let Some(place) = buffer.get_mut(..taken.len()) {
            place.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}
