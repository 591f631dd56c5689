//! Which files name what is wanted, and what do they name?

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir_core::digest::StatedDigests;
use weir_core::lockfile::{Lockfile, MAX_LOCKFILE};
use weir_core::{Ecosystem, Purl};

use super::sbom;
use crate::ecosystems;

/// Deepest folder below a directory that is looked into.
const MAX_DEPTH: usize = 32;
/// Most files that are read.
const MAX_FILES: usize = 10_000;
/// Most releases that are named by all inputs together.
const MAX_ITEMS: usize = 1_000_000;
/// Folders that hold what was installed or built, and not what is wanted.
const SKIPPED: [&str; 7] = [".git", "node_modules", "target", ".venv", "venv", "__pycache__", ".tox"];

/// A release that is wanted.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Its package URL.
    pub purl: String,
    /// The digests of the files that are wanted; all files if there are none.
    pub digests: Vec<StatedDigests>,
}

/// What all inputs name together.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Releases, each once.
    pub items: Vec<Item>,
    /// What names no release of a registry: where, as what, why.
    pub unlocked: Vec<(String, String, &'static str)>,
    /// Files that could not be read, and why.
    pub unread: Vec<(String, String)>,
    places: BTreeMap<String, usize>,
    seen: HashSet<PathBuf>,
}

/// Reads all inputs. `top` is the ecosystem whose names the lists have, of which `count` are taken.
pub fn read(from: &[String], top: Option<&str>, count: usize) -> anyhow::Result<Inputs> {
    let top = match top {
        None => None,
        Some(id) => {
            let known: Vec<&str> = ecosystems::ALL.iter().map(|ecosystem| ecosystem.id).collect();
            let ecosystem = ecosystems::ALL.by_id(id);
            Some(ecosystem.with_context(|| format!("there is no ecosystem `{id}`; expected {}", known.join(", ")))?)
        }
    };
    let mut inputs = Inputs::default();
    for source in from {
        if source == "-" {
            let mut text = Vec::new();
            std::io::stdin().lock().take(MAX_LOCKFILE as u64).read_to_end(&mut text)?;
            inputs.content("standard input", &text, top, count);
            continue;
        }
        let path = Path::new(source);
        let metadata = std::fs::metadata(path).with_context(|| format!("`{source}` cannot be read"))?;
        if metadata.is_dir() {
            let before = inputs.seen.len();
            inputs.directory(path, 0);
            if inputs.seen.len() == before {
                bail!("`{source}` has no lock file and no SBOM that can be read");
            }
        } else {
            inputs.file(path, top, count);
        }
    }
    Ok(inputs)
}

impl Inputs {
    fn directory(&mut self, directory: &Path, depth: usize) {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push((directory.display().to_string(), error.to_string())),
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link could lead round in a circle, or out.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < MAX_DEPTH && !SKIPPED.contains(&name.as_str()) {
                self.directory(&entry.path(), depth + 1);
            } else if kind.is_file() && (is_sbom(&name) || ecosystems::ALL.lockfile(&name).is_some()) {
                self.file(&entry.path(), None, 0);
            }
        }
    }

    /// Reads a file, once.
    fn file(&mut self, path: &Path, top: Option<&'static Ecosystem>, count: usize) {
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.seen.len() >= MAX_FILES || !self.seen.insert(identity) {
            return;
        }
        let shown = path.display().to_string();
        let bytes = std::fs::File::open(path).and_then(|file| {
            let mut bytes = Vec::new();
            // One byte more than is read tells that it is too much.
            file.take(MAX_LOCKFILE as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.unread.push((shown, error.to_string())),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some((_, format)) = ecosystems::ALL.lockfile(&name).filter(|_| top.is_none()) else {
            return self.content(&shown, &bytes, top, count);
        };
        match format.read_bytes(&bytes) {
            Ok(read) => self.lockfile(path, read),
            Err(error) => self.unread.push((shown, error.to_string())),
        }
    }

    fn lockfile(&mut self, path: &Path, read: Lockfile) {
        let shown = path.display();
        for locked in read.packages {
            self.add(&locked.purl, locked.digests);
        }
        for unlocked in read.unlocked {
            self.unlocked.push((format!("{shown}:{}", unlocked.line), unlocked.text, unlocked.why.text()));
        }
        for include in read.includes.iter().filter(|include| !include.is_constraint) {
            let beside = path.parent().unwrap_or_else(|| Path::new("")).join(&include.path);
            match include.path.contains("://") {
                true => self.unread.push((format!("{shown}:{}", include.line), String::from("it is an address"))),
                false => self.file(&beside, None, 0),
            }
        }
    }

    /// Reads what no file name tells of: an SBOM, or a list.
    fn content(&mut self, shown: &str, bytes: &[u8], top: Option<&'static Ecosystem>, count: usize) {
        if bytes.len() > MAX_LOCKFILE {
            let problem = format!("it is larger than {MAX_LOCKFILE} bytes");
            return self.unread.push((shown.to_owned(), problem));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.unread.push((shown.to_owned(), String::from("it is not UTF-8")));
        };
        if text.trim_start().starts_with('{') {
            let purls = serde_json::from_str(text).map_err(|error| error.to_string());
            match purls.map(|document| sbom::purls(&document)) {
                Ok(Some(purls)) => purls.iter().for_each(|purl| self.purl(shown, purl)),
                Ok(None) => {
                    let problem = "it is JSON, and neither CycloneDX nor SPDX, nor a lock file by its name";
                    self.unread.push((shown.to_owned(), problem.to_owned()));
                }
                Err(error) => self.unread.push((shown.to_owned(), error)),
            }
            return;
        }
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        match top {
            None => lines.for_each(|(at, line)| self.purl(&format!("{shown}:{at}"), line)),
            Some(ecosystem) => lines.take(count).for_each(|(at, line)| match ecosystem.names.parse(line) {
                Ok(package) => self.add(&Purl::new(ecosystem, &package, None), Vec::new()),
                Err(error) => self.unread.push((format!("{shown}:{at}"), error.to_string())),
            }),
        }
    }

    fn purl(&mut self, shown: &str, text: &str) {
        let purl = Purl::parse(text);
        match purl.and_then(|purl| purl.package(ecosystems::ALL).map(|_| purl)) {
            Ok(purl) => self.add(&purl, Vec::new()),
            Err(error) => {
                self.unlocked.push((
                    shown.to_owned(),
                    text.chars().take(200).collect(),
                    "no package URL of a registry that is served here; lock files are known by their names",
                ));
                tracing::debug!(error = %error, "a package URL is passed over");
            }
        }
    }

    fn add(&mut self, purl: &Purl, digests: Vec<StatedDigests>) {
        let purl = purl.to_string();
        if let Some(item) = self.places.get(&purl).and_then(|at| self.items.get_mut(*at)) {
            // Who wants all files of a release wants those that others pin, too.
            match digests.is_empty() || item.digests.is_empty() {
                true => item.digests.clear(),
                false => item.digests.extend(digests),
            }
            return;
        }
        if self.items.len() < MAX_ITEMS {
            self.places.insert(purl.clone(), self.items.len());
            self.items.push(Item { purl, digests });
        }
    }
}

/// The names that SBOMs usually have.
fn is_sbom(name: &str) -> bool {
    matches!(name, "bom.json" | "sbom.json")
        || [".cdx.json", ".spdx.json", ".bom.json", ".sbom.json"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(inputs: &Inputs) -> Vec<(&str, usize)> {
        inputs.items.iter().map(|item| (item.purl.as_str(), item.digests.len())).collect()
    }

    #[test]
    fn a_directory_gives_what_its_lock_files_and_sboms_name_each_once() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let hash = "1".repeat(64);
        write("requirements.txt", &format!("a==1.0 --hash=sha256:{hash}\n-r more/other.txt\nloose>=1\n"));
        write("more/other.txt", "pkg:pypi/never@1\n");
        write("deep/er/go.sum", "rsc.io/quote v1.5.2 h1:x=\n");
        write(
            "deep/bom.json",
            r#"{"bomFormat":"CycloneDX","components":[{"purl":"pkg:pypi/a@1.0"},{"purl":"pkg:deb/debian/curl@1"}]}"#,
        );
        write("node_modules/x/package-lock.json", "broken");
        write("broken/Cargo.lock", "[[package");
        let inputs = read(&[directory.path().display().to_string()], None, 0).unwrap();
        assert_eq!(
            items(&inputs),
            [("pkg:pypi/a@1.0", 0), ("pkg:golang/rsc.io/quote@v1.5.2", 0), ("pkg:pypi/never@1", 0)]
        );
        let why: Vec<_> = inputs.unlocked.iter().map(|(_, text, why)| (text.as_str(), *why)).collect();
        assert_eq!(
            why,
            [
                (
                    "pkg:deb/debian/curl@1",
                    "no package URL of a registry that is served here; lock files are known by their names"
                ),
                ("loose>=1", "not locked: it asks for a range of versions")
            ]
        );
        assert_eq!(inputs.unread.len(), 1);
        assert!(inputs.unread[0].0.ends_with("Cargo.lock"), "{:?}", inputs.unread);
    }

    #[test]
    fn a_list_has_package_urls_or_names_of_one_ecosystem() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list").display().to_string();
        std::fs::write(&path, "# comment\npkg:pypi/A@1.0\n\nPKG:npm/@x/y\nhello\n").unwrap();
        let inputs = read(std::slice::from_ref(&path), None, 0).unwrap();
        assert_eq!(items(&inputs), [("pkg:pypi/A@1.0", 0), ("pkg:npm/%40x/y", 0)]);
        assert_eq!(inputs.unlocked.len(), 1);
        std::fs::write(&path, "Requests\nurllib3\nidna\n").unwrap();
        let inputs = read(&[path], Some("pypi"), 2).unwrap();
        assert_eq!(items(&inputs), [("pkg:pypi/requests", 0), ("pkg:pypi/urllib3", 0)]);
        assert!(read(&[], Some("nonsense"), 1).unwrap_err().to_string().contains("pypi, npm"));
    }
}
