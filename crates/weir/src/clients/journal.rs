//! What was there before `weir use`, and how does it come back?
//!
//! Every file that is changed is first kept by its digest beside the journal, and the journal names it before the file
//! changes. Several changes of one file are layers: a change on top of what Weir wrote itself joins the last layer, one on
//! top of what somebody else wrote since is a new one. Undoing takes layers off from the top, and stops at a file that is
//! neither what Weir left nor what was there before.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use weir_core::{Digest, Timestamp};
use weir_settings::edit::MAX_FILE;

use super::files::{self, Held};
use crate::output;

/// What the journal itself may have, in bytes: a thousand files are less.
const MAX_JOURNAL: usize = 4 * 1024 * 1024;
/// Who may read a file that is new and has no secret in it.
const OPEN: u32 = 0o644;
const CLOSED: u32 = 0o600;

/// The changes that can be taken back.
pub struct Journal {
    folder: PathBuf,
    kept: Kept,
    _lock: fs::File,
}

#[derive(Serialize, Deserialize, Default)]
struct Kept {
    /// Of this file's own form.
    format: u32,
    /// What was last written, for `weir doctor`.
    last: Option<Last>,
    layers: Vec<Layer>,
}

/// What `weir use` was told the last time.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub struct Last {
    /// The Weir.
    pub server: String,
    /// The stage of it.
    pub stage: String,
    /// When.
    pub at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
struct Layer {
    file: PathBuf,
    before: Option<Before>,
    after: String,
    /// Folders that were made for it, outermost first.
    folders: Vec<PathBuf>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Before {
    digest: String,
    mode: Option<u32>,
}

/// A file as it will be.
#[derive(Clone, Debug)]
pub struct Planned {
    pub file: PathBuf,
    pub text: String,
    pub secret: bool,
}

impl Journal {
    /// Opens the journal in a folder, which is made if it is not there. One process at a time.
    pub fn open(folder: PathBuf) -> anyhow::Result<Self> {
        let unusable = || format!("the journal in `{}` cannot be used", folder.display());
        fs::create_dir_all(&folder).with_context(unusable)?;
        #[cfg(unix)]
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).with_context(unusable)?;
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .with_context(unusable)?;
        if lock.try_lock().is_err() {
            bail!("another `weir use` is at work; `{}` is locked", folder.join("lock").display());
        }
        let kept = Self::read(&folder)?.unwrap_or_default();
        Ok(Self { folder, kept, _lock: lock })
    }

    fn read(folder: &Path) -> anyhow::Result<Option<Kept>> {
        let file = folder.join("journal.json");
        let Some(held) = files::read(&file, MAX_JOURNAL)? else { return Ok(None) };
        let kept: Kept = serde_json::from_slice(&held.bytes)
            .with_context(|| format!("`{}` cannot be read; what was there before lies beside it", file.display()))?;
        if kept.format > 1 {
            bail!("`{}` was written by a newer Weir", file.display());
        }
        Ok(Some(kept))
    }

    /// What `weir use` was told the last time, if anything.
    pub fn last(folder: &Path) -> Option<Last> {
        Self::read(folder).ok().flatten()?.last
    }

    fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&Kept {
            format: 1,
            last: self.kept.last.clone(),
            layers: self.kept.layers.clone(),
        })?;
        files::put(&self.folder.join("journal.json"), &text, CLOSED)
    }

    fn kept_at(&self, digest: &str) -> PathBuf {
        self.folder.join(digest)
    }

    /// Writes files, each after what was there is kept and the journal says so.
    pub fn write(&mut self, planned: &[Planned], last: Last) -> anyhow::Result<()> {
        self.kept.last = Some(last);
        for Planned { file, text, secret } in planned {
            let held = files::read(file, MAX_FILE)?;
            let now = held.as_ref().map(|held| digest(&held.bytes));
            let after = digest(text.as_bytes());
            let folders = files::folders(file)?;
            let top = self.kept.layers.iter_mut().rev().find(|layer| layer.file == *file);
            match top {
                Some(layer) if Some(&layer.after) == now.as_ref() => layer.after = after,
                _ => {
                    let before = held.as_ref().map(|held| Before { digest: digest(&held.bytes), mode: held.mode });
                    if let (Some(before), Some(held)) = (&before, &held) {
                        files::put(&self.kept_at(&before.digest), &held.bytes, CLOSED)?;
                    }
                    self.kept.layers.push(Layer { file: file.clone(), before, after, folders });
                }
            }
            self.save()?;
            // A file that somebody closed stays closed; a secret closes it.
            let mode = match held.and_then(|held| held.mode) {
                Some(mode) if *secret => mode & CLOSED,
                Some(mode) => mode,
                None if *secret => CLOSED,
                None => OPEN,
            };
            files::put(file, text.as_bytes(), mode)?;
        }
        self.save()
    }

    /// Takes everything back. `shown` is how a path is printed.
    pub fn undo(&mut self, keep_changed: bool, shown: &dyn Fn(&Path) -> String) -> anyhow::Result<Undone> {
        let mut undone = Undone::default();
        let mut left = Vec::new();
        // Layers under one that stays, stay.
        let mut stays: Vec<PathBuf> = Vec::new();
        for layer in std::mem::take(&mut self.kept.layers).into_iter().rev() {
            let held = files::read(&layer.file, MAX_FILE)?;
            let now = held.as_ref().map(|held| digest(&held.bytes));
            let before = layer.before.as_ref().map(|before| before.digest.clone());
            if stays.contains(&layer.file) {
                left.push(layer);
            } else if now == before {
                // Somebody was faster, or Weir was stopped before it wrote.
                self.tidy(&layer);
            } else if now.as_ref() == Some(&layer.after) {
                self.restore(&layer, held.as_ref())?;
                undone.restored.insert(0, layer.file.clone());
            } else if keep_changed {
                undone.kept.push(layer.file.clone());
            } else {
                let way_out = match &layer.before {
                    Some(before) => format!("what was there before is `{}`", self.kept_at(&before.digest).display()),
                    None => String::from("it was not there before"),
                };
                undone.refused.push(format!("{} changed since: {way_out}", shown(&layer.file)));
                stays.push(layer.file.clone());
                left.push(layer);
            }
        }
        left.reverse();
        self.kept.layers = left;
        if self.kept.layers.is_empty() {
            self.kept.last = None;
        }
        self.save()?;
        self.sweep();
        Ok(undone)
    }

    fn restore(&self, layer: &Layer, held: Option<&Held>) -> anyhow::Result<()> {
        match &layer.before {
            Some(before) => {
                let kept = self.kept_at(&before.digest);
                let bytes =
                    files::read(&kept, MAX_FILE)?.with_context(|| format!("`{}` is gone", kept.display()))?.bytes;
                if digest(&bytes) != before.digest {
                    bail!("`{}` is not what was kept there", kept.display());
                }
                let mode = before.mode.or(held.and_then(|held| held.mode)).unwrap_or(OPEN);
                files::put(&layer.file, &bytes, mode)
            }
            None => {
                fs::remove_file(&layer.file)
                    .with_context(|| format!("`{}` cannot be removed", layer.file.display()))?;
                self.tidy(layer);
                Ok(())
            }
        }
    }

    /// Removes the folders that were made for a file, as far as they are empty.
    fn tidy(&self, layer: &Layer) {
        for folder in layer.folders.iter().rev() {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }

    /// Removes what no layer needs any more: it may have secrets in it.
    fn sweep(&self) {
        let needed: Vec<&str> = self
            .kept
            .layers
            .iter()
            .filter_map(|layer| layer.before.as_ref())
            .map(|before| before.digest.as_str())
            .collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.len() == 64
                && !needed.contains(&name.as_str())
                && let Err(error) = fs::remove_file(entry.path())
            {
                output::note(format!("`{}` cannot be removed: {error}", entry.path().display()));
            }
        }
    }
}

/// What undoing did.
#[derive(Default, Debug)]
pub struct Undone {
    pub restored: Vec<PathBuf>,
    /// Left as they are, as was asked.
    pub kept: Vec<PathBuf>,
    /// Each with the way out.
    pub refused: Vec<String>,
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
