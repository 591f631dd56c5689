//! Where lists of well-known names come from, and which are current.
//!
//! All lists together are one text, kept in the store by digest with the time in which it was current, so that every
//! server which shares the store has the same. A setting names the current one.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use weir_core::{Digest, Ecosystem, Timestamp};
use weir_names::{Lists, list};
use weir_store::RevisionKind;

use crate::{Feeds, FeedsError};

/// The setting that names the current lists.
pub const NAMES: &str = "popular-names";
/// Longest source of a list that is kept, in characters.
const MAX_SOURCE: usize = 200;

/// A list of well-known names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NamesRow {
    /// The ecosystem's id.
    pub ecosystem: String,
    /// Names; none if no list was ever imported.
    pub names: u64,
    /// The date that its source states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// The file that it was read from.
    pub source: String,
    /// Lines that are no names, where it was just read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<u64>,
}

impl fmt::Display for NamesRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} well-known names of {} from {}", self.names, self.ecosystem, self.source)?;
        if let Some(date) = self.date {
            write!(f, ", of {}", date.date())?;
        }
        match self.passed_over {
            None | Some(0) => Ok(()),
            Some(lines) => write!(f, "; passed over {lines} lines that are no names"),
        }
    }
}

impl Feeds {
    /// The lists of well-known names in use.
    pub fn names(&self) -> Arc<Lists> {
        self.names.load_full()
    }

    /// Which lists there are: a row an ecosystem.
    pub(crate) async fn names_status(&self) -> Result<Vec<NamesRow>, FeedsError> {
        let lists = list::split(&self.names_text().await?);
        let rows = self.ecosystems.iter().map(|ecosystem| {
            let found = lists.get(ecosystem.id);
            NamesRow {
                ecosystem: ecosystem.id.to_owned(),
                names: found.map_or(0, |list| list.names.len() as u64),
                date: found.and_then(|list| list.date),
                source: found.map(|list| list.source.clone()).unwrap_or_default(),
                passed_over: None,
            }
        });
        Ok(rows.collect())
    }

    /// Reads the lists at `path`: a file that is one, or those in a directory that are called after an ecosystem
    /// (`npm.txt`). Each replaces the one of its ecosystem. Nothing happens if there is none.
    pub(crate) async fn import_names(&self, path: &Path) -> Result<(Vec<NamesRow>, Vec<String>), FeedsError> {
        let (path, ecosystems) = (path.to_owned(), self.ecosystems);
        let read = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            for (file, ecosystem) in candidates(&path, ecosystems) {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let source: String = name.chars().take(MAX_SOURCE).collect();
                let body = unpacked(&file).map_err(|error| error.to_string());
                let list = body.and_then(|body| list::parse(ecosystem, &source, &body));
                read.push((ecosystem, list.map_err(|problem| format!("{}: {problem}", file.display()))));
            }
            read
        });
        let read = read.await.map_err(|_| FeedsError::Cancelled)?;
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        let mut lists = list::split(&self.names_text().await?);
        for (ecosystem, list) in read {
            match list {
                Ok(list) => {
                    rows.push(NamesRow {
                        ecosystem: ecosystem.id.to_owned(),
                        names: list.names.len() as u64,
                        date: list.date,
                        source: list.source.clone(),
                        passed_over: Some(list.passed_over),
                    });
                    lists.insert(ecosystem.id.to_owned(), list);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !rows.is_empty() {
            let text = list::write(&lists);
            let digest = Digest::of(text.as_bytes());
            self.store.record_revision(RevisionKind::Names, &digest, text.as_bytes(), self.clock.now()).await?;
            self.store.set_setting(NAMES, &digest.to_string()).await?;
            self.reload_names().await?;
        }
        Ok((rows, problems))
    }

    /// Reads the lists that are current now, if they are others.
    pub(crate) async fn reload_names(&self) -> Result<bool, FeedsError> {
        let pointer = self.store.setting(NAMES).await?;
        if pointer == *self.names_pointer.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(false);
        }
        let (text, ecosystems) = (self.names_text().await?, self.ecosystems);
        let lists = tokio::task::spawn_blocking(move || match text.is_empty() {
            true => Lists::default(),
            false => Lists::read(&text, ecosystems),
        });
        self.names.store(Arc::new(lists.await.map_err(|_| FeedsError::Cancelled)?));
        *self.names_pointer.lock().unwrap_or_else(PoisonError::into_inner) = pointer;
        Ok(true)
    }

    /// The text of the lists that are current; empty if there are none.
    async fn names_text(&self) -> Result<String, FeedsError> {
        let Some(pointer) = self.store.setting(NAMES).await? else { return Ok(String::new()) };
        let digest: Digest = pointer
            .parse()
            .map_err(|problem: weir_core::digest::InvalidDigest| FeedsError::Pointer(problem.to_string()))?;
        let revision = self.store.revision(RevisionKind::Names, &digest).await?;
        let body = revision.map(|revision| revision.body).unwrap_or_default();
        String::from_utf8(body).map_err(|error| FeedsError::Pointer(error.to_string()))
    }
}

/// The files at `path` that are lists, with their ecosystems. A directory has at most one of each: `npm.txt`.
fn candidates(path: &Path, ecosystems: weir_core::Ecosystems) -> Vec<(PathBuf, &'static Ecosystem)> {
    if path.is_dir() {
        let file = |ecosystem: &'static Ecosystem| (path.join(format!("{}.txt", ecosystem.id)), ecosystem);
        return ecosystems.iter().map(file).filter(|(file, _)| file.is_file()).collect();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let Some(ecosystem) = list::ecosystem(&name, ecosystems).filter(|_| path.is_file()) else { return Vec::new() };
    let is_list = match Path::new(plain).extension().and_then(|extension| extension.to_str()) {
        Some("txt") => true,
        // Advisories and scores come in these forms too.
        Some("json") => head(path).is_some_and(|head| head.contains("\"rows\"") || head.contains("\"last_update\"")),
        Some("csv") => head(path).is_some_and(|head| head.lines().next().is_some_and(|line| line.contains("project"))),
        _ => false,
    };
    if is_list { vec![(path.to_owned(), ecosystem)] } else { Vec::new() }
}

/// The first of a file's text.
fn head(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    open(path).ok()?.take(4096).read_to_end(&mut head).ok()?;
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// A file's bytes, one more than [`list::MAX_FILE`] at most.
fn unpacked(path: &Path) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    open(path)?.take(list::MAX_FILE as u64 + 1).read_to_end(&mut body)?;
    Ok(body)
}

fn open(path: &Path) -> io::Result<Box<dyn io::Read>> {
    let file = File::open(path)?;
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(file)?),
        _ => Box::new(file),
    })
}
