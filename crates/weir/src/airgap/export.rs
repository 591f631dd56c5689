//! What goes into a bundle?
//!
//! Rows first, then the bytes that they name: what a server adds meanwhile is only more than is needed. The bundle is
//! written beside its place and put there by one rename, so a bundle that is there is a whole one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;
use weir_bundle::{Entry, FORMAT, FeedState, Manifest, SigningKey};
use weir_core::digest::{Hasher, StatedDigests};
use weir_core::{Digest, Timestamp};
use weir_store::{AdvisoryKind, RevisionKind, Shipped, Store};

use super::bytes::Waiting;
use super::{BLOBS, FEEDS, NAMES, POLICY, ROWS, size, trust};
use crate::cli::{Format, Place};
use crate::output;
use crate::wiring::Opened;

/// The setting that holds the moment that the last bundle was of.
const LAST: &str = "bundle-exported";
/// By how much a bundle reaches back before the last one, in milliseconds: what was being written then was not in it.
const OVERLAP: i64 = 60 * 60 * 1000;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The file to write, such as bundle.tar.zst.
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    to: Option<PathBuf>,
    /// Only what is new since a day (2026-10-01), a moment (2026-10-01T12:00:00Z), or the last export: last.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Print the key by which others know bundles of this Weir, and do nothing else.
    #[arg(long)]
    key: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was done.
#[derive(Serialize, Debug)]
struct Report {
    bundle: PathBuf,
    since: Option<Timestamp>,
    until: Timestamp,
    rows: u64,
    advisories: u64,
    blobs: u64,
    /// Bytes that rows name and that are not here: told, not carried.
    missing: u64,
    bytes: u64,
    key: String,
    took_ms: u64,
}

/// Runs `weir export`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let opened = Opened::open(place, true).await?;
    let key = trust::signing_key(&opened.data)?;
    let Some(to) = arguments.to.as_ref().filter(|_| !arguments.key) else {
        output::line(key.public());
        return Ok(ExitCode::SUCCESS);
    };
    let until = opened.clock.now();
    let since = since(&opened.store, arguments.since.as_deref()).await?;
    let mut report = made(&opened, place, to, key, since, until).await?;
    opened.store.set_setting(LAST, &until.to_string()).await?;
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report),
    }
    Ok(ExitCode::from(u8::from(report.missing > 0)))
}

/// From when a bundle is to have what is new.
async fn since(store: &Store, asked: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    match asked {
        None => Ok(None),
        Some("last") => {
            let last = store.setting(LAST).await?.and_then(|text| Timestamp::parse(&text));
            let last = last.context("nothing was exported yet: leave --since out, for a bundle of everything")?;
            Ok(Some(last.plus_millis(-OVERLAP)))
        }
        Some(text) => {
            let day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
            let moment = Timestamp::parse(text).or_else(day);
            Ok(Some(moment.with_context(|| {
                format!("--since `{text}` is no moment; expected 2026-10-01, 2026-10-01T12:00:00Z or last")
            })?))
        }
    }
}

/// A file in the making, and what is to be told of it.
struct Drafts {
    directory: tempfile::TempDir,
    entries: Vec<Entry>,
}

impl Drafts {
    /// Takes a finished file in, unless it is empty.
    fn add(&mut self, path: &str) -> anyhow::Result<()> {
        let mut file = File::open(self.file(path))?;
        let mut hasher = Hasher::new(&StatedDigests::default());
        let mut chunk = vec![0; 256 * 1024];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                read => hasher.update(chunk.get(..read).unwrap_or_default()),
            }
        }
        let hashed = hasher.finish();
        if hashed.length > 0 {
            self.entries.push(Entry { path: path.to_owned(), size: hashed.length, sha256: hashed.sha256 });
        }
        Ok(())
    }

    fn text(&mut self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        std::fs::write(self.file(path), bytes)?;
        self.add(path)
    }

    fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join(path.replace('/', "-"))
    }
}

async fn made(
    opened: &Opened,
    place: &Place,
    to: &Path,
    key: SigningKey,
    since: Option<Timestamp>,
    until: Timestamp,
) -> anyhow::Result<Report> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let here = || format!("`{}` cannot be written to", parent.display());
    let directory = tempfile::Builder::new().prefix(".weir-export-").tempdir_in(parent).with_context(here)?;
    let mut drafts = Drafts { directory, entries: Vec::new() };
    let (rows, blobs) = rows(&opened.store, &mut drafts, since).await?;
    let advisories = feeds(&opened.store, &mut drafts, since, until).await?;
    match std::fs::read(opened.data.policy(place)) {
        Ok(policy) => drafts.text(POLICY, &policy)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("the policy cannot be read"),
    }
    let states = opened.store.feeds().await?.into_iter();
    let states = states.filter_map(|feed| Some(FeedState { name: feed.name, as_of: feed.as_of? })).collect();
    let waiting = Waiting::new(opened.blobs_to_read()?);
    let (to, public) = (to.to_owned(), key.public().to_string());
    let task = tokio::task::spawn_blocking(move || {
        let mut report = Report {
            bundle: to.clone(),
            since,
            until,
            rows,
            advisories,
            blobs: 0,
            missing: 0,
            bytes: 0,
            key: public,
            took_ms: 0,
        };
        let drafted = drafts.entries.len();
        for digest in blobs {
            match waiting.size(&digest)? {
                None => report.missing += 1,
                Some(size) => {
                    report.blobs += 1;
                    drafts.entries.push(Entry { path: format!("{BLOBS}/{digest}"), size, sha256: digest });
                }
            }
        }
        let entries = drafts.entries.clone();
        let manifest = Manifest {
            format: FORMAT,
            weir: env!("CARGO_PKG_VERSION").to_owned(),
            until,
            since,
            feeds: states,
            entries,
        };
        let mut file = tempfile::NamedTempFile::new_in(drafts.directory.path())?;
        let mut at = 0;
        let mut open = |entry: &Entry| {
            at += 1;
            match at <= drafted {
                true => Ok(Box::new(File::open(drafts.file(&entry.path))?) as Box<dyn Read>),
                false => waiting.open(&entry.sha256, entry.size),
            }
        };
        weir_bundle::write(BufWriter::new(file.as_file_mut()), &manifest, &key, &mut open)?
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        report.bytes = file.as_file().metadata()?.len();
        file.persist(&to).with_context(|| format!("`{}` cannot be put in its place", to.display()))?;
        anyhow::Ok(report)
    });
    task.await?
}

/// Writes down the rows, and gives their number and the bytes that they name.
async fn rows(store: &Store, drafts: &mut Drafts, since: Option<Timestamp>) -> anyhow::Result<(u64, BTreeSet<Digest>)> {
    let mut output = BufWriter::new(File::create(drafts.file(ROWS))?);
    let (mut count, mut blobs) = (0, BTreeSet::new());
    let mut each = |row: Shipped| {
        match &row {
            // One that was only confirmed lies there already.
            Shipped::Document(document) if since.is_none_or(|since| document.seen_from >= since) => {
                blobs.insert(document.digest);
            }
            Shipped::Artifact(artifact) => {
                blobs.insert(artifact.sha256);
                blobs.extend(artifact.metadata);
            }
            _ => {}
        }
        count += 1;
        serde_json::to_writer(&mut output, &row)?;
        output.write_all(b"\n")?;
        anyhow::Ok(())
    };
    store.ship(since, &mut each).await?;
    output.flush()?;
    drop(output);
    drafts.add(ROWS)?;
    Ok((count, blobs))
}

/// Writes down the advisory data that is new, and gives the number of records.
async fn feeds(store: &Store, drafts: &mut Drafts, since: Option<Timestamp>, until: Timestamp) -> anyhow::Result<u64> {
    let mut count = 0;
    for (kind, name) in [(AdvisoryKind::Osv, "osv.jsonl"), (AdvisoryKind::Cve, "cve.jsonl")] {
        let path = format!("{FEEDS}/{name}");
        let mut output = BufWriter::new(File::create(drafts.file(&path))?);
        let mut failed = None;
        let mut each = |_: &str, _: &str, body: &[u8]| {
            let line = serde_json::from_slice::<&serde_json::value::RawValue>(body);
            // A record may have been written over several lines.
            let written = match line {
                Ok(line) => output.write_all(line.get().replace(['\n', '\r'], " ").as_bytes()),
                Err(error) => Err(error.into()),
            };
            count += 1;
            match written.and_then(|()| output.write_all(b"\n")) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        store.each_advisory_since(kind, since, &mut each).await?;
        if let Some(error) = failed {
            bail!("{name} cannot be written: {error}");
        }
        output.flush()?;
        drop(output);
        drafts.add(&path)?;
    }
    for (kind, path) in [
        (RevisionKind::Kev, format!("{FEEDS}/kev.json")),
        (RevisionKind::Epss, format!("{FEEDS}/epss.csv")),
        (RevisionKind::Names, NAMES.to_owned()),
    ] {
        if let Some(revision) = store.revision_at(kind, until).await? {
            drafts.text(&path, &revision.body)?;
        }
    }
    Ok(count)
}

fn print(report: &Report) {
    output::line(format!("bundle      {} ({})", report.bundle.display(), size(report.bytes)));
    match report.since {
        None => output::line(format!("has         everything up to {}", report.until)),
        Some(since) => output::line(format!("has         what is new from {since} to {}", report.until)),
    }
    output::line(format!(
        "of it       {} blobs, {} rows, {} advisories, the policy",
        report.blobs, report.rows, report.advisories
    ));
    if report.missing > 0 {
        output::line(format!(
            "missing     {} blobs that rows name; `weir admin check` tells which rows",
            report.missing
        ));
    }
    output::line(format!("signed by   {}", report.key));
    output::line("there: weir import BUNDLE --trust KEY, and `weir serve --offline`");
}
