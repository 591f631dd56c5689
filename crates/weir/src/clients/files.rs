//! Files of settings are read whole and put in place whole.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What a file is, or that there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    /// Who may read it, as Unix has it.
    pub(super) mode: Option<u32>,
}

/// The file that a path leads to: settings are often links into a folder under version control.
pub(super) fn resolved(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| match (file.parent().map(fs::canonicalize), file.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    })
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub(super) fn read(file: &Path, limit: usize) -> anyhow::Result<Option<Held>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("`{}` cannot be read", file.display())),
    };
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        bail!("`{}` is not a file", file.display());
    }
    let mut bytes = Vec::new();
    opened
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("`{}` cannot be read", file.display()))?;
    if bytes.len() > limit {
        bail!("`{}` has more than {limit} bytes", file.display());
    }
    Ok(Some(Held { bytes, mode: mode(&metadata) }))
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Option<u32> {
    None
}

/// Puts bytes in a file's place at once: whoever reads it sees the old or the new. Nobody else may read it meanwhile.
pub(super) fn put(file: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let folder = file.parent().context("a file needs a folder")?;
    let name = file.file_name().context("a file needs a name")?.to_string_lossy();
    let beside = folder.join(format!(".{name}.weir-{}", std::process::id()));
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&beside)?;
        out.write_all(bytes)?;
        #[cfg(unix)]
        out.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        out.sync_all()?;
        fs::rename(&beside, file)
    };
    written().with_context(|| {
        let _ = fs::remove_file(&beside);
        format!("`{}` cannot be written", file.display())
    })?;
    let _ = mode;
    Ok(())
}

/// Makes the folders above a file; gives those that were not there, outermost first.
pub(super) fn folders(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let missing: Vec<PathBuf> = file
        .ancestors()
        .skip(1)
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    Ok(missing.into_iter().rev().collect())
}
