//! Where advisory data comes from: imports, syncs, and the index that is current.
//!
//! Every revision of every record is kept in the store, with the time in which it was current. The index is made of what is
//! current there: a file under its digest in the data directory, and a setting in the store that names it. So several
//! processes can share a data directory: one brings records in, the others notice that the setting has changed.
//!
//! If anything fails on the way, what was stored stays, the index that was current stays current, and the next import or
//! sync makes up for what was not finished.
//!
//! | Module | Answers |
//! |---|---|
//! | [`import`] | how do records get into the store? |
//! | [`sync`] | how are they fetched? |
//! | `names` | and lists of well-known names? |
//! | `rebuild` | how does the index come from the store? |
//! | [`report`] | what happened, and which data is there? |

mod error;
pub mod import;
mod names;
mod rebuild;
pub mod report;
mod store_batches;
pub mod sync;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use weir_advisory::Index;
use weir_core::{Clock, Digest, Ecosystems};
use weir_names::Lists;
use weir_store::Store;

pub use error::FeedsError;
pub use names::{NAMES, NamesRow};
pub use report::{FeedRow, FeedStatus, ImportReport, SyncReport};
pub use sync::SyncConfig;

/// The setting that names the current index.
pub const POINTER: &str = "advisory-index";
/// The setting that says that the store has records which the current index has not.
pub const DUE: &str = "advisory-index-due";
/// The feed of CISA's catalogue. OSV ecosystems are feeds under their own names; none is in lower case but `npm`.
pub const KEV: &str = "kev";
/// The feed of EPSS scores.
pub const EPSS: &str = "epss";
/// The feed of CVE records.
pub const CVE: &str = "cve";

/// Where index files are in a data directory.
const DIRECTORY: &str = "advisories";

/// The advisory data of a data directory.
pub struct Feeds {
    /// Where index files are.
    directory: PathBuf,
    store: Store,
    clock: Arc<dyn Clock>,
    ecosystems: Ecosystems,
    current: ArcSwap<Index>,
    /// What [`POINTER`] was when `current` was opened.
    pointer: Mutex<Option<String>>,
    names: ArcSwap<Lists>,
    /// What [`NAMES`] was when `names` was read.
    names_pointer: Mutex<Option<String>>,
    /// Held by whoever brings records in.
    writing: tokio::sync::Mutex<()>,
}

impl Feeds {
    /// Opens the advisory data of a data directory and maps the current index.
    pub async fn open(
        data: &Path,
        store: Store,
        clock: Arc<dyn Clock>,
        ecosystems: Ecosystems,
    ) -> Result<Self, FeedsError> {
        let directory = data.join(DIRECTORY);
        std::fs::create_dir_all(&directory)
            .map_err(|source| FeedsError::Directory { path: directory.clone(), source })?;
        let feeds = Self {
            directory,
            store,
            clock,
            ecosystems,
            current: ArcSwap::from_pointee(Index::empty()),
            pointer: Mutex::default(),
            names: ArcSwap::default(),
            names_pointer: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        feeds.reload_if_changed().await?;
        Ok(feeds)
    }

    /// Checks the index that the store of a data directory names: its digest if its file is there and whole, `None` if
    /// the store names none. Makes and changes nothing.
    pub async fn check(data: &Path, store: &Store) -> Result<Option<Digest>, FeedsError> {
        let Some(pointer) = store.setting(POINTER).await? else { return Ok(None) };
        let digest = digest(&pointer)?;
        let path = data.join(DIRECTORY).join(format!("{digest}.idx"));
        let index = Index::open(&path)?;
        match index.digest() == digest && index.is_whole() {
            true => Ok(Some(digest)),
            false => Err(FeedsError::Corrupt { path }),
        }
    }

    /// The index in use.
    pub fn current(&self) -> Arc<Index> {
        self.current.load_full()
    }

    /// Opens the index and the lists of names that are current now, if they are others; true if any was. Costs one look at a
    /// setting for each. Where the index's file
    /// is lost, of another version, or on another machine that shares the store, it is made anew from the store.
    pub async fn reload_if_changed(&self) -> Result<bool, FeedsError> {
        let names = self.reload_names().await?;
        Ok(self.reload_index().await? || names)
    }

    async fn reload_index(&self) -> Result<bool, FeedsError> {
        match self.reload().await {
            Err(error @ (FeedsError::Index(_) | FeedsError::Pointer(_))) => {
                tracing::warn!(error = %error, "the advisory index cannot be used and is built anew from the store");
                let _writing = self.writing.lock().await;
                self.rebuild(&mut []).await?;
                Ok(true)
            }
            other => other,
        }
    }

    async fn reload(&self) -> Result<bool, FeedsError> {
        let pointer = self.store.setting(POINTER).await?;
        if pointer == *self.pointer.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(false);
        }
        let index = match pointer.as_deref() {
            Some(digest) => Index::open(&self.file(digest)?)?,
            None => Index::empty(),
        };
        self.use_index(index, pointer);
        Ok(true)
    }

    fn use_index(&self, index: Index, pointer: Option<String>) {
        self.current.store(Arc::new(index));
        *self.pointer.lock().unwrap_or_else(PoisonError::into_inner) = pointer;
    }

    /// The file of an index. The setting could hold anything: only a digest becomes a path.
    fn file(&self, digest: &str) -> Result<PathBuf, FeedsError> {
        Ok(self.directory.join(format!("{}.idx", self::digest(digest)?)))
    }
}

fn digest(pointer: &str) -> Result<Digest, FeedsError> {
    pointer.parse().map_err(|problem: weir_core::digest::InvalidDigest| FeedsError::Pointer(problem.to_string()))
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("directory", &self.directory).finish_non_exhaustive()
    }
}
