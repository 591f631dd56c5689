//! Where is the workspace, and what is in it?

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the project.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders above the crate").to_path_buf()
}

/// Every text file of the project: what git tracks or, without git, what lies there.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let mut paths = tracked(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        found
    });
    paths.sort();
    let read = |path: String| std::fs::read_to_string(root.join(&path)).ok().map(|text| File { path, text });
    // What is gone from disk but still in git's index is about to be deleted; what is no text has no lines to look at.
    let files: Vec<File> = paths.into_iter().filter_map(read).collect();
    assert!(files.len() > 100, "only {} files were found below {}", files.len(), root.display());
    files
}

/// The Rust files that are part of what is built, without those that are only tests.
pub(crate) fn sources() -> Vec<File> {
    let inner = |path: &str| path.contains("/src/") && !path.ends_with("/tests.rs") && !path.contains("/src/tests/");
    files().into_iter().filter(|file| file.path.ends_with(".rs") && inner(&file.path)).collect()
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}` cannot be read: {error}"))
}

/// The lines before a file's own test module, with their numbers; lines that are only a comment are left out.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

/// Holds a generated page against the file, or writes it where `WEIR_UPDATE` is set.
pub(crate) fn generated(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("`{path}` cannot be written: {error}"));
        return;
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    let first = there.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        there == text,
        "`{path}` is not what the code makes{}; run `WEIR_UPDATE=1 cargo test -p weir --test tidy` and commit it",
        first.map_or_else(String::new, |(old, new)| format!(" (first difference: `{old}` should be `{new}`)")),
    );
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(root: &Path, folder: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !matches!(name.as_str(), "target" | ".git" | "weir-data" | "node_modules") => {
                walk(root, &path, found);
            }
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}
