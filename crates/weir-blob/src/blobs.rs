//! What can be done with blobs, wherever they are.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use weir_core::Digest;

pub use crate::chunk::CHUNK_BYTES;
use crate::error::BlobError;
use crate::local::{self, Local};
use crate::s3::{S3, S3Config};
use crate::spool::{Spool, blocking};

/// Most bytes that [`Blobs::get`] reads into memory.
pub const MAX_GET_BYTES: u64 = 64 * 1024 * 1024;

/// A store of blobs. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    Local(Arc<Local>),
    S3(Arc<S3>),
}

/// The bytes of a blob, or of a part of it: as many as were asked for, or an error.
pub struct BlobStream {
    chunks: BoxStream<'static, io::Result<Bytes>>,
    left: u64,
}

impl Blobs {
    /// Blobs as files under `directory/blob`; `directory/tmp` is for what is on its way. Makes both.
    pub fn local(directory: &Path) -> Result<Self, BlobError> {
        Ok(Self { kept: Kept::Local(Arc::new(Local::open(directory)?)) })
    }

    /// Blobs as files where [`Blobs::local`] has put them, only to read them: makes nothing.
    pub fn local_to_read(directory: &Path) -> Self {
        Self { kept: Kept::Local(Arc::new(Local::at(directory))) }
    }

    /// Blobs as objects in S3; `spool_directory/tmp` is for what is on its way. Contacts nobody.
    pub fn s3(config: &S3Config, spool_directory: &Path) -> Result<Self, BlobError> {
        Ok(Self { kept: Kept::S3(Arc::new(S3::open(config, spool_directory)?)) })
    }

    /// Keeps these bytes.
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, BlobError> {
        match &self.kept {
            Kept::Local(local) => local.put(bytes).await,
            Kept::S3(s3) => s3.put(bytes).await,
        }
    }

    /// All bytes of a blob, checked against its digest; `None` if it is not there.
    pub async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let bytes = match &self.kept {
            Kept::Local(local) => local.get(digest).await?,
            Kept::S3(s3) => s3.get(digest).await?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let (digest, place) = (*digest, self.place(digest));
        let checked = blocking(Path::new(&place), move |place| {
            let found = Digest::of(&bytes);
            if found == digest {
                return Ok(bytes);
            }
            let problem = format!("its bytes have the digest {found}");
            Err(BlobError::Damaged { digest, place: place.display().to_string(), problem })
        });
        checked.await.map(Some)
    }

    /// How many bytes a blob has; `None` if it is not there.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        match &self.kept {
            Kept::Local(local) => local.size(digest).await,
            Kept::S3(s3) => s3.size(digest).await,
        }
    }

    /// The bytes of `range`, which must be within the blob; `None` if it is not there. What has been opened is read to its
    /// end, also if the blob is removed meanwhile.
    pub async fn stream(&self, digest: &Digest, range: Range<u64>) -> Result<Option<BlobStream>, BlobError> {
        let left = range.end.saturating_sub(range.start);
        let chunks = match &self.kept {
            Kept::Local(local) => local.stream(digest, None, range).await?,
            Kept::S3(s3) => s3.stream(digest, range).await?,
        };
        Ok(chunks.map(|chunks| BlobStream { chunks, left }))
    }

    /// As [`Blobs::stream`], of a blob of `size` bytes; `None` also if it has another size.
    pub async fn stream_of(
        &self,
        digest: &Digest,
        size: u64,
        range: Range<u64>,
    ) -> Result<Option<BlobStream>, BlobError> {
        let left = range.end.saturating_sub(range.start);
        let chunks = match &self.kept {
            Kept::Local(local) => local.stream(digest, Some(size), range).await?,
            Kept::S3(s3) => s3.stream_of(digest, size, range).await?,
        };
        Ok(chunks.map(|chunks| BlobStream { chunks, left }))
    }

    /// A temporary file to collect bytes in. Blocks for the moment it takes to make one.
    pub fn spool(&self) -> Result<Spool, BlobError> {
        Spool::create(self.tmp())
    }

    /// Does ahead what takes long of [`Blobs::adopt`] and needs no more than the digest, so that it can go on beside other
    /// work, such as looking into the bytes. Nothing is a blob by this.
    pub async fn prepare(&self, spool: &mut Spool, digest: &Digest) -> Result<(), BlobError> {
        match &self.kept {
            Kept::Local(local) => local.prepare(spool, *digest).await,
            Kept::S3(_) => Ok(()),
        }
    }

    /// A directory of this name on this machine's own disk, beside the spools, for what may be lost. It need not be there.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.tmp().join(name)
    }

    /// Makes a blob of a spool. The caller has hashed the bytes as they were written: `digest` is what it found, and
    /// `length` how many it wrote.
    pub async fn adopt(&self, spool: Spool, digest: &Digest, length: u64) -> Result<(), BlobError> {
        if spool.length() != length {
            return Err(BlobError::Length { digest: *digest, expected: length, found: spool.length() });
        }
        let found = match spool.file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) => return Err(BlobError::io(spool.path(), "read", &error)),
        };
        if found != length {
            return Err(BlobError::Length { digest: *digest, expected: length, found });
        }
        match &self.kept {
            Kept::Local(local) => local.adopt(spool, *digest).await,
            Kept::S3(s3) => s3.adopt(spool, digest).await,
        }
    }

    /// Makes a blob of a file that is a blob elsewhere, without copying its bytes. False if that cannot be done here: in S3,
    /// and where the file is on another file system, or gone.
    pub async fn link(&self, digest: &Digest, file: &Path) -> Result<bool, BlobError> {
        match &self.kept {
            Kept::Local(local) => local.link(*digest, file.to_owned()).await,
            Kept::S3(_) => Ok(false),
        }
    }

    /// Removes a blob. That it is not there is no error.
    pub async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        match &self.kept {
            Kept::Local(local) => local.delete(digest).await,
            Kept::S3(s3) => s3.delete(digest).await,
        }
    }

    /// Removes several blobs, for good: also a loss of power brings none of them back.
    pub async fn delete_all(&self, digests: &[Digest]) -> Result<(), BlobError> {
        match &self.kept {
            Kept::Local(local) => local.delete_all(digests).await,
            Kept::S3(s3) => {
                for digest in digests {
                    s3.delete(digest).await?;
                }
                Ok(())
            }
        }
    }

    /// Every blob with its size, in no order: for a checker. What comes or goes meanwhile may be among them or not.
    pub fn list(&self) -> BoxStream<'static, Result<(Digest, u64), BlobError>> {
        match &self.kept {
            Kept::Local(local) => local.list(),
            Kept::S3(s3) => s3.list(),
        }
    }

    /// The file that has this blob's bytes, where blobs are files. It is not checked that it is there.
    pub fn local_file(&self, digest: &Digest) -> Option<PathBuf> {
        match &self.kept {
            Kept::Local(local) => Some(local.path(digest)),
            Kept::S3(_) => None,
        }
    }

    /// Removes what a Weir that was stopped has left in `tmp`; says how many files. Only for the start, under the lock
    /// of the data directory: it would take a running Weir's files away.
    pub fn clear_spool(&self) -> Result<usize, BlobError> {
        local::clear(self.tmp())
    }

    /// Files in `tmp`, and their bytes: of transfers that run, or left by a Weir that was stopped.
    pub fn spooled(&self) -> Result<(u64, u64), BlobError> {
        local::spooled(self.tmp())
    }

    /// Whether blobs can be written (local) or asked for (S3) at the moment.
    pub async fn check(&self) -> Result<(), BlobError> {
        match &self.kept {
            Kept::Local(local) => local.check().await,
            Kept::S3(s3) => s3.check().await,
        }
    }

    fn tmp(&self) -> &Path {
        match &self.kept {
            Kept::Local(local) => local.tmp(),
            Kept::S3(s3) => s3.tmp(),
        }
    }

    fn place(&self, digest: &Digest) -> String {
        match &self.kept {
            Kept::Local(local) => local.path(digest).display().to_string(),
            Kept::S3(s3) => s3.place(&s3.key(digest)),
        }
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kept {
            Kept::Local(_) => "Blobs::local",
            Kept::S3(_) => "Blobs::s3",
        })
    }
}

impl BlobStream {
    /// How many bytes are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.chunks.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => self.left = self.left.saturating_sub(chunk.len() as u64),
            Poll::Ready(None) if self.left > 0 => {
                // Said once: a stream that is asked again has ended.
                let left = std::mem::take(&mut self.left);
                let problem = format!("the blob ended {left} bytes early");
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))));
            }
            _ => {}
        }
        polled
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream").field("left", &self.left).finish_non_exhaustive()
    }
}
