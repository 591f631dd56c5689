//! May a backup be written there, and how is it finished?

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir_core::Timestamp;

use crate::data::{self, Lock, write_durably};

/// What tells that a directory is a backup: written at the beginning, and again at the end of each.
const MARK: &str = "backup.json";
/// The rows, once they are complete.
const ROWS: &str = "weir.sqlite";
/// The rows on their way.
const NEW_ROWS: &str = "weir.sqlite.new";

/// A directory that a backup is written to, for this process alone.
pub(super) struct Target {
    root: PathBuf,
    _lock: Lock,
}

impl Target {
    /// Makes the directory, or takes an empty one or an earlier backup. Refuses everything else.
    pub(super) fn open(directory: &Path, data: &Path) -> anyhow::Result<Self> {
        let shown = directory.display();
        let root = resolved(directory).with_context(|| format!("`{shown}` cannot be read"))?;
        let data = data.canonicalize().with_context(|| format!("`{}` cannot be read", data.display()))?;
        if root.starts_with(&data) || data.starts_with(&root) {
            bail!("`{shown}` is the data directory, or inside it, or around it; choose a directory beside it");
        }
        fs::create_dir_all(&root).with_context(|| format!("the directory `{shown}` cannot be made"))?;
        let is_backup = root.join(MARK).exists();
        let mut entries = fs::read_dir(&root).with_context(|| format!("`{shown}` cannot be read"))?;
        let is_empty = entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found"));
        if !is_backup && !is_empty {
            bail!("`{shown}` holds files and is no backup of a Weir; nothing was written: choose an empty directory");
        }
        data::restrict(&root);
        let lock = data::lock(&root).context("a backup is being written there, or a server runs on it")?;
        let log = fs::metadata(root.join("weir.sqlite-wal")).map_or(0, |log| log.len());
        if log > 0 {
            bail!(
                "`{shown}` is a backup that a server was started on: it has a life of its own; choose another directory"
            );
        }
        if !is_backup {
            write_durably(&root.join(MARK), b"{\n  \"complete\": false\n}\n")?;
        }
        Ok(Self { root, _lock: lock })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where rows are put while they are on their way.
    pub(super) fn rows(&self) -> PathBuf {
        self.root.join(NEW_ROWS)
    }

    /// Removes rows that a broken off backup has left.
    pub(super) fn clear_rows(&self) -> anyhow::Result<()> {
        for name in [NEW_ROWS, "weir.sqlite.new-journal", "weir.sqlite.new-wal", "weir.sqlite.new-shm"] {
            remove(&self.root.join(name))?;
        }
        Ok(())
    }

    /// Copies a file so that after a crash the new or the old one is there, whole.
    pub(super) fn put(&self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(from).with_context(|| format!("`{}` cannot be read", from.display()))?;
        let to = self.root.join(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| format!("`{}` cannot be made", parent.display()))?;
        }
        write_durably(&to, &bytes)
    }

    /// Puts the rows in their place and says what the backup is; says how many bytes the rows are.
    pub(super) fn finish(&self, as_of: Option<Timestamp>, rows: bool) -> anyhow::Result<u64> {
        let mut bytes = 0;
        if rows {
            let (new, place) = (self.rows(), self.root.join(ROWS));
            let renamed = || -> io::Result<u64> {
                let file = File::open(&new)?;
                file.sync_all()?;
                // Empty ones, of somebody who has only looked at the backup.
                remove(&self.root.join("weir.sqlite-wal"))?;
                remove(&self.root.join("weir.sqlite-shm"))?;
                fs::rename(&new, &place)?;
                File::open(&self.root)?.sync_all()?;
                Ok(file.metadata()?.len())
            };
            bytes = renamed().with_context(|| format!("`{}` cannot be put in its place", place.display()))?;
            self.clear_rows()?;
        }
        write_durably(&self.root.join("format"), format!("{}\n", data::FORMAT).as_bytes())?;
        let mark = serde_json::json!({
            "complete": true, "as_of": as_of, "row_bytes": bytes, "weir": env!("CARGO_PKG_VERSION"),
        });
        write_durably(&self.root.join(MARK), format!("{mark:#}\n").as_bytes())?;
        Ok(bytes)
    }
}

/// The path that a directory has or would have, without links and `..`: nothing is made before it is known to be free.
fn resolved(directory: &Path) -> io::Result<PathBuf> {
    let directory = std::path::absolute(directory)?;
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(&directory);
    let rest = directory.strip_prefix(there).unwrap_or(Path::new(""));
    if rest.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(io::Error::other("it has `..` in a part that is not there"));
    }
    Ok(there.canonicalize()?.join(rest))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
