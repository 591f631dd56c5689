//! How are the bytes of a file read a chunk at a time, without waiting and without much memory?
//!
//! What the operating system has in its memory is read at once, on the thread that asks (`RWF_NOWAIT`, `RESOLVE_CACHED`);
//! only what has to come from the disk goes to a thread that may block. So hot files cost no change of thread, and a crowd
//! of readers no crowd of threads. Buffers are used again: allocating and returning 128 KiB for each chunk makes the
//! allocator keep far more than is in use.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

/// Most bytes in one chunk.
pub const CHUNK_BYTES: usize = 128 * 1024;
/// Most buffers that are kept for use again; together 4 MiB.
const MAX_SPARE: usize = 32;

/// Buffers that nobody uses at the moment.
static SPARE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// The next bytes of `file` from `at` on: at most `want` and at most [`CHUNK_BYTES`] of them, and at least one. That there
/// is none is an error.
pub async fn read(file: &Arc<File>, at: u64, want: u64) -> io::Result<Bytes> {
    let want = usize::try_from(want).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
    let mut buffer = Buffer::take();
    if let Some(ready @ 1..) = ready::read(file, buffer.part(want), at) {
        return Ok(buffer.filled(ready));
    }
    let file = Arc::clone(file);
    let read = tokio::task::spawn_blocking(move || {
        file.read_exact_at(buffer.part(want), at)?;
        Ok(buffer.filled(want))
    });
    read.await.map_err(io::Error::other)?
}

/// The file, opened, if that can be told without waiting for a disk.
pub(crate) fn open_if_ready(path: &Path) -> Option<File> {
    ready::open(path)
}

/// A buffer of [`CHUNK_BYTES`] that is used again once its bytes are sent.
struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    fn take() -> Self {
        let spare = spare().pop();
        Self { bytes: spare.unwrap_or_else(|| vec![0; CHUNK_BYTES].into_boxed_slice()), filled: 0 }
    }

    fn part(&mut self, length: usize) -> &mut [u8] {
        let length = length.min(self.bytes.len());
        &mut self.bytes[..length]
    }

    fn filled(mut self, length: usize) -> Bytes {
        self.filled = length.min(self.bytes.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut spare = spare();
        if spare.len() < MAX_SPARE {
            spare.push(bytes);
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Box<[u8]>>> {
    SPARE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What the operating system can do at once.
#[cfg(target_os = "linux")]
mod ready {
    use std::fs::File;
    use std::io::IoSliceMut;
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};

    /// How many bytes came. Fewer than asked for where only these are in memory; `None` where none is, or the file system
    /// does not know how to tell.
    pub(super) fn read(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
        preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT).ok()
    }

    pub(super) fn open(path: &Path) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
    }
}

/// Elsewhere every read goes to a thread that may block.
#[cfg(not(target_os = "linux"))]
mod ready {
    use std::fs::File;
    use std::path::Path;

    pub(super) fn read(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
        None
    }

    pub(super) fn open(_: &Path) -> Option<File> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_in_chunks_that_are_used_again() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 17).map(|at| at as u8).collect();
        file.write_all(&bytes).unwrap();
        let file = Arc::new(file);
        for _ in 0..3 {
            let mut read_so_far = Vec::new();
            while read_so_far.len() < bytes.len() {
                let (at, left) = (read_so_far.len() as u64, (bytes.len() - read_so_far.len()) as u64);
                let chunk = read(&file, at, left).await.unwrap();
                assert!(!chunk.is_empty() && chunk.len() <= CHUNK_BYTES);
                read_so_far.extend_from_slice(&chunk);
            }
            assert!(read_so_far == bytes);
        }
        assert!(spare().len() <= MAX_SPARE);
        assert_eq!(read(&file, 5, 3).await.unwrap(), bytes[5..8]);
        let past = read(&file, bytes.len() as u64, 1).await.unwrap_err();
        assert_eq!(past.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_file_that_was_just_written_is_opened_at_once_and_one_that_is_not_there_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // File systems that cannot tell say nothing.
        if let Some(opened) = open_if_ready(file.path()) {
            assert_eq!(opened.metadata().unwrap().len(), 0);
        }
        assert!(open_if_ready(&file.path().join("absent")).is_none());
    }
}
