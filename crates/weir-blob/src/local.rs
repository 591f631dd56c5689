//! Blobs as files: `blob/sha256/ab/cd/<hex>` under one directory.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use weir_core::Digest;

use crate::blobs::MAX_GET_BYTES;
use crate::chunk;
use crate::error::BlobError;
use crate::spool::{self, Spool, blocking};

/// A directory of blobs and one for what is on its way.
pub(crate) struct Local {
    root: PathBuf,
    tmp: PathBuf,
    /// The directories `ab/cd`, by these two bytes, whose names are known to survive a loss of power: this process has
    /// synced them. At most 65,536.
    durable: Mutex<HashSet<[u8; 2]>>,
    /// The same of all directories `ab`, which are made together.
    has_first: OnceLock<()>,
}

impl Local {
    pub(crate) fn at(directory: &Path) -> Self {
        Self {
            root: directory.join("blob").join("sha256"),
            tmp: directory.join("tmp"),
            durable: Mutex::default(),
            has_first: OnceLock::new(),
        }
    }

    pub(crate) fn open(directory: &Path) -> Result<Self, BlobError> {
        let local = Self::at(directory);
        for made in [&local.root, &local.tmp] {
            fs::create_dir_all(made).map_err(|error| BlobError::io(made, "made", &error))?;
        }
        for named in [directory.join("blob"), directory.to_owned()] {
            sync_directory(&named)?;
        }
        Ok(local)
    }

    pub(crate) fn tmp(&self) -> &Path {
        &self.tmp
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join(&hex[..2]).join(&hex[2..4]).join(&hex)
    }

    pub(crate) async fn put(self: &Arc<Self>, bytes: Bytes) -> Result<Digest, BlobError> {
        let local = Arc::clone(self);
        blocking(&self.tmp, move |tmp| {
            let digest = Digest::of(&bytes);
            if local.is_there(&digest, bytes.len() as u64)? {
                return Ok(digest);
            }
            let mut spool = Spool::create(tmp)?;
            spool.write(&bytes)?;
            local.publish(spool, &digest)?;
            Ok(digest)
        })
        .await
    }

    pub(crate) async fn adopt(self: &Arc<Self>, spool: Spool, digest: Digest) -> Result<(), BlobError> {
        let local = Arc::clone(self);
        blocking(&self.path(&digest), move |_| {
            if local.is_there(&digest, spool.length())? {
                return Ok(());
            }
            local.publish(spool, &digest)
        })
        .await
    }

    pub(crate) async fn link(self: &Arc<Self>, digest: Digest, file: PathBuf) -> Result<bool, BlobError> {
        let local = Arc::clone(self);
        blocking(&self.path(&digest), move |path| {
            let directory = parent(path);
            fs::create_dir_all(directory).map_err(|error| BlobError::io(directory, "made", &error))?;
            match fs::hard_link(&file, path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => return Ok(false),
            }
            local.sync_names(path, &digest)?;
            Ok(true)
        })
        .await
    }

    /// True if the blob is there and will survive.
    fn is_there(&self, digest: &Digest, length: u64) -> Result<bool, BlobError> {
        let path = self.path(digest);
        match size(&path)? {
            None => return Ok(false),
            Some(found) if found != length => {
                return Err(BlobError::Damaged {
                    digest: *digest,
                    place: path.display().to_string(),
                    problem: format!("it has {found} bytes instead of {length}"),
                });
            }
            Some(_) => {}
        }
        // Someone else may have renamed it into place a moment ago and not yet synced its directory; whoever is told
        // that it is there may commit a row that names it.
        self.sync_names(&path, digest)?;
        Ok(true)
    }

    pub(crate) async fn prepare(self: &Arc<Self>, spool: &mut Spool, digest: Digest) -> Result<(), BlobError> {
        let (local, file, length) = (Arc::clone(self), Arc::clone(&spool.file), spool.length());
        blocking(&spool.path, move |path| {
            file.sync_all().map_err(|error| BlobError::io(path, "synced", &error))?;
            local.make_directory(parent(&local.path(&digest)), &digest)
        })
        .await?;
        spool.synced = length;
        Ok(())
    }

    /// The file first, then its name, then the directories: whatever survives a crash is complete.
    fn publish(&self, spool: Spool, digest: &Digest) -> Result<(), BlobError> {
        if spool.synced < spool.length() || spool.length() == 0 {
            spool.file.sync_all().map_err(|error| BlobError::io(&spool.path, "synced", &error))?;
        }
        let path = self.path(digest);
        self.make_directory(parent(&path), digest)?;
        spool.path.persist(&path).map_err(|error| BlobError::io(&path, "renamed", &error.error))?;
        sync_directory(parent(&path))
    }

    /// Makes the directory of a blob, so that its name survives a loss of power.
    fn make_directory(&self, leaf: &Path, digest: &Digest) -> Result<(), BlobError> {
        let [first, second, ..] = *digest.as_bytes();
        if self.durable().contains(&[first, second]) {
            return Ok(());
        }
        self.make_first()?;
        fs::create_dir_all(leaf).map_err(|error| BlobError::io(leaf, "made", &error))?;
        sync_directory(parent(leaf))?;
        self.durable().insert([first, second]);
        Ok(())
    }

    /// Makes all directories `ab` at once: then there is one directory less to sync for each new blob.
    fn make_first(&self) -> Result<(), BlobError> {
        if self.has_first.get().is_some() {
            return Ok(());
        }
        for first in 0..=u8::MAX {
            let directory = self.root.join(format!("{first:02x}"));
            fs::create_dir_all(&directory).map_err(|error| BlobError::io(&directory, "made", &error))?;
        }
        sync_directory(&self.root)?;
        let _ = self.has_first.set(());
        Ok(())
    }

    fn sync_names(&self, path: &Path, digest: &Digest) -> Result<(), BlobError> {
        self.make_directory(parent(path), digest)?;
        sync_directory(parent(path))
    }

    fn durable(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 2]>> {
        self.durable.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let digest = *digest;
        blocking(&self.path(&digest), move |path| {
            let Some(file) = open(path)? else { return Ok(None) };
            let failed = |error: &io::Error| BlobError::io(path, "read", error);
            let size = file.metadata().map_err(|error| failed(&error))?.len();
            if size > MAX_GET_BYTES {
                return Err(BlobError::TooLarge { digest, size, limit: MAX_GET_BYTES });
            }
            let mut bytes = Vec::with_capacity(size as usize);
            file.take(MAX_GET_BYTES).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
            Ok(Some(Bytes::from(bytes)))
        })
        .await
    }

    pub(crate) async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        blocking(&self.path(digest), size).await
    }

    pub(crate) async fn stream(
        &self,
        digest: &Digest,
        expected: Option<u64>,
        range: Range<u64>,
    ) -> Result<Option<BoxStream<'static, io::Result<Bytes>>>, BlobError> {
        let (path, end) = (self.path(digest), range.end);
        let opened = match chunk::open_if_ready(&path) {
            Some(file) => Some(file),
            None => blocking(&path, open).await?,
        };
        let Some(file) = opened else { return Ok(None) };
        let size = file.metadata().map_err(|error| BlobError::io(&path, "read", &error))?.len();
        if expected.is_some_and(|expected| expected != size) {
            return Ok(None);
        }
        if range.start > range.end || range.end > size {
            return Err(BlobError::Range { digest: *digest, start: range.start, end: range.end, size });
        }
        let file = Arc::new(file);
        let chunks = stream::try_unfold(range.start, move |at| {
            let file = Arc::clone(&file);
            async move {
                if at >= end {
                    return Ok(None);
                }
                let chunk = chunk::read(&file, at, end - at).await?;
                let next = at + chunk.len() as u64;
                Ok(Some((chunk, next)))
            }
        });
        Ok(Some(chunks.boxed()))
    }

    pub(crate) async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        blocking(&self.path(digest), |path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BlobError::io(path, "removed", &error)),
            _ => Ok(()),
        })
        .await
    }

    /// All files first, then their directories: after the first of these the file system has most of it in its journal.
    pub(crate) async fn delete_all(&self, digests: &[Digest]) -> Result<(), BlobError> {
        let paths: Vec<PathBuf> = digests.iter().map(|digest| self.path(digest)).collect();
        blocking(&self.root, move |_| {
            let mut directories = BTreeSet::new();
            for path in &paths {
                match fs::remove_file(path) {
                    Ok(()) => drop(directories.insert(parent(path))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(BlobError::io(path, "removed", &error)),
                }
            }
            directories.into_iter().try_for_each(sync_directory)
        })
        .await
    }

    /// Every blob, directory by directory, so that memory holds one directory's names at a time.
    pub(crate) fn list(self: &Arc<Self>) -> BoxStream<'static, Result<(Digest, u64), BlobError>> {
        let local = Arc::clone(self);
        let leaves = (0..=u8::MAX).map(move |first| local.root.join(format!("{first:02x}")));
        stream::iter(leaves)
            .then(|directory| async move { blocking(&directory, list_two).await })
            .flat_map(|outcome| match outcome {
                Ok(found) => stream::iter(found.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .boxed()
    }

    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        blocking(&self.tmp, |tmp| Spool::create(tmp)?.write(b"weir")).await
    }
}

/// Removes what a Weir that was stopped has left behind.
pub(crate) fn clear(tmp: &Path) -> Result<usize, BlobError> {
    let mut cleared = 0;
    for entry in fs::read_dir(tmp).map_err(|error| BlobError::io(tmp, "read", &error))? {
        let entry = entry.map_err(|error| BlobError::io(tmp, "read", &error))?;
        if entry.file_name().to_string_lossy().starts_with(spool::PREFIX) {
            fs::remove_file(entry.path()).map_err(|error| BlobError::io(&entry.path(), "removed", &error))?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

/// Spool files and their bytes.
pub(crate) fn spooled(tmp: &Path) -> Result<(u64, u64), BlobError> {
    let (mut files, mut bytes) = (0, 0);
    for path in entries(tmp)? {
        let is_spool = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(spool::PREFIX));
        // It may have become a blob since.
        if is_spool && let Some(size) = size(&path)? {
            files += 1;
            bytes += size;
        }
    }
    Ok((files, bytes))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn open(path: &Path) -> Result<Option<File>, BlobError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::io(path, "opened", &error)),
    }
}

fn size(path: &Path) -> Result<Option<u64>, BlobError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::io(path, "read", &error)),
    }
}

fn sync_directory(path: &Path) -> Result<(), BlobError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| BlobError::io(path, "synced", &error))
}

/// The blobs under `ab/`, which has directories `cd/`.
fn list_two(directory: &Path) -> Result<Vec<(Digest, u64)>, BlobError> {
    let mut found = Vec::new();
    for leaf in entries(directory)? {
        for path in entries(&leaf)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(digest) = name.parse::<Digest>() else {
                tracing::warn!(path = %path.display(), "a file that is not a blob is among the blobs");
                continue;
            };
            // It may have been deleted since.
            if let Some(size) = size(&path)? {
                found.push((digest, size));
            }
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let failed = |error: &io::Error| BlobError::io(directory, "read", error);
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| failed(&error))).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(&error)),
    }
}
