//! Where Weir keeps what it has.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cli::Place;

/// The layout of the data directory that this Weir reads and writes.
pub const FORMAT: &str = "weir data directory, format 1";

/// A data directory that is there and has a format that this Weir knows.
#[derive(Clone, Debug)]
pub struct Data {
    root: PathBuf,
}

/// The right to be the one server of a data directory; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Data {
    /// Opens the data directory, and makes it if it is not there.
    pub fn open(place: &Place) -> anyhow::Result<Self> {
        let root = place.data.clone();
        let stamp = root.join("format");
        std::fs::create_dir_all(&root).with_context(|| {
            format!("the data directory `{}` cannot be made; choose another with --data DIR", root.display())
        })?;
        restrict(&root);
        match std::fs::read_to_string(&stamp) {
            Ok(text) => known_format(&stamp, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let empty = std::fs::read_dir(&root)
                    .map(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| known_file(&entry.path()))))
                    .unwrap_or(false);
                if !empty {
                    bail!(
                        "`{}` holds files that are not Weir's; choose an empty directory with --data DIR",
                        root.display()
                    );
                }
                write_durably(&stamp, format!("{FORMAT}\n").as_bytes())?;
            }
            Err(error) => return Err(error).context(format!("`{}` cannot be read", stamp.display())),
        }
        Ok(Self { root })
    }

    /// Opens a data directory that is there, only to read it.
    pub fn open_to_read(place: &Place) -> anyhow::Result<Self> {
        let stamp = place.data.join("format");
        let text = std::fs::read_to_string(&stamp).with_context(|| {
            format!("`{}` is no data directory of a Weir; name one with --data DIR", place.data.display())
        })?;
        known_format(&stamp, &text)?;
        Ok(Self { root: place.data.clone() })
    }

    /// Takes the lock that only one server can have.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        lock(&self.root)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.root.join("weir.sqlite")
    }

    /// Stored bytes.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The policy, unless another place is named.
    pub fn policy(&self, place: &Place) -> PathBuf {
        place.policy.clone().unwrap_or_else(|| self.root.join("policy.toml"))
    }
}

fn known_format(stamp: &Path, text: &str) -> anyhow::Result<()> {
    if text.trim() == FORMAT {
        return Ok(());
    }
    bail!(
        "`{}` says `{}`, but this Weir knows `{FORMAT}`; use the Weir that made it, or another directory",
        stamp.display(),
        text.trim().chars().take(80).collect::<String>()
    )
}

/// Takes the lock of a directory.
pub fn lock(root: &Path) -> anyhow::Result<Lock> {
    let path = root.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("`{}` cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another `weir serve` uses the data directory `{}`; stop it, or give this one another with --data DIR",
            root.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("`{}` cannot be locked", path.display()))
        }
    }
}

/// Files that a person may put into a data directory before its first use, and what a first use leaves that is ended too early.
fn known_file(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| matches!(name.to_str(), Some("policy.toml" | "weir.toml" | "lost+found" | "format.new")))
}

/// Tokens' hashes and private names are nobody else's business.
pub fn restrict(root: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o700)) {
            tracing::warn!(directory = %root.display(), error = %error, "the data directory stays readable for others");
        }
    }
    #[cfg(not(unix))]
    let _ = root;
}

/// Writes a file so that after a crash it is there whole or not at all.
pub fn write_durably(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    write()
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))
        .with_context(|| format!("`{}` cannot be written", path.display()))
}
