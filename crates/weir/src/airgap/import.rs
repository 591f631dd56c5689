//! What becomes of a bundle, and when does it count?
//!
//! The signature is checked first, then every entry while it passes. Bytes go to their place under their own digest, where
//! nothing names them yet; rows wait in a file. Only when all of the bundle was found whole do rows, advisories and policy
//! count, in this order of dependence. An import that was interrupted is run again: bytes that are there are passed over,
//! and what counted already counts once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;
use weir_bundle::{Bundle, Entry, Manifest, PublicKey, Take};
use weir_core::{Digest, Timestamp};
use weir_store::{RevisionKind, SHIPPED_ROWS, Shipped, Store};

use super::bytes::Waiting;
use super::{BLOBS, FEEDS, NAMES, POLICY, ROWS, TAKEN, trust, up_to};
use crate::cli::{Format, Place};
use crate::data::write_durably;
use crate::output;
use crate::wiring::Opened;

/// Longest row of a bundle, in bytes.
pub const MAX_ROW: u64 = 32 * 1024 * 1024;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The bundle that `weir export` wrote.
    bundle: PathBuf,
    /// A key to believe, as `weir export --key` prints it where bundles are made; may be given several times.
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// Put the policy of the bundle into force in the place of the one here.
    #[arg(long)]
    adopt_policy: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was done.
#[derive(Serialize, Debug, Default)]
struct Report {
    signed_by: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    blobs: u64,
    /// Blobs that were here already.
    kept: u64,
    /// Rows that were not known, or not so.
    rows: u64,
    /// Rows that were left out because the bytes that they name came with no bundle.
    left_out: u64,
    advisories: u64,
    problems: Vec<String>,
    policy: Option<&'static str>,
    took_ms: u64,
}

/// Runs `weir import`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let opened = Opened::open(place, true).await?;
    let trusted = trust::trusted(&opened.config, &arguments.trust)?;
    let mut report = Report::default();
    let (manifest, signer, taken) = take(&opened, &arguments.bundle, trusted).await?;
    (report.signed_by, report.since, report.until) = (signer.to_string(), manifest.since, Some(manifest.until));
    (report.blobs, report.kept) = (taken.blobs, taken.kept);
    rows(&opened, &taken, &mut report).await?;
    feeds(&opened, &taken, &manifest, &mut report).await?;
    report.policy = policy(&opened, place, &taken, arguments.adopt_policy)?;
    // From here on the next bundle may begin where this one ends.
    opened.store.set_setting(&up_to(&signer), &manifest.until.to_string()).await?;
    opened.store.set_setting(TAKEN, &format!("{} {}", signer.id(), opened.clock.now())).await?;
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report),
    }
    Ok(if report.problems.is_empty() && report.left_out == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Takes what is in a bundle.
struct Taken {
    directory: tempfile::TempDir,
    waiting: Waiting,
    blobs: u64,
    kept: u64,
}

impl Taken {
    fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }
}

impl Take for Taken {
    fn bytes(&mut self, entry: &Entry, from: &mut dyn Read) -> io::Result<()> {
        let unknown = || {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "this Weir does not know what it is: a newer one made the bundle",
            )
        };
        match entry.path.split_once('/') {
            None if [ROWS, POLICY, NAMES].contains(&entry.path.as_str()) => {
                io::copy(from, &mut File::create(self.file(&entry.path))?)?;
            }
            Some((FEEDS, name)) if !name.contains('/') => {
                std::fs::create_dir_all(self.file(FEEDS))?;
                io::copy(from, &mut File::create(self.file(&entry.path))?)?;
            }
            Some((BLOBS, name)) if name == entry.sha256.to_string() => {
                if self.waiting.size(&entry.sha256)? == Some(entry.size) {
                    self.kept += 1;
                } else {
                    self.waiting.put(&entry.sha256, from)?;
                    self.blobs += 1;
                }
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn whole(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }
}

/// Reads all of the bundle. What it brings lies where nothing names it.
async fn take(opened: &Opened, path: &Path, trusted: Vec<PublicKey>) -> anyhow::Result<(Manifest, PublicKey, Taken)> {
    let directory = tempfile::Builder::new().prefix(".import-").tempdir_in(opened.data.root());
    let directory = directory.context("the data directory cannot be written to")?;
    let waiting = Waiting::new(opened.blobs()?);
    let (store, path) = (opened.store.clone(), path.to_owned());
    let task = tokio::task::spawn_blocking(move || {
        let place = || format!("`{}`", path.display());
        let file = File::open(&path).with_context(place)?;
        let bundle = Bundle::open(file, &trusted).with_context(place)?;
        let signer = *bundle.signer();
        tokio::runtime::Handle::current().block_on(follows(&store, bundle.manifest(), &signer))?;
        let mut taken = Taken { directory, waiting, blobs: 0, kept: 0 };
        let manifest = bundle.read(&mut taken).with_context(place)?;
        anyhow::Ok((manifest, signer, taken))
    });
    task.await?
}

/// Refuses a bundle that leaves a gap: what it does not tell would be taken for unchanged.
async fn follows(store: &Store, manifest: &Manifest, signer: &PublicKey) -> anyhow::Result<()> {
    let Some(since) = manifest.since else { return Ok(()) };
    let until = store.setting(&up_to(signer)).await?.and_then(|text| Timestamp::parse(&text));
    match until {
        Some(until) if since <= until => Ok(()),
        Some(until) => bail!(
            "the bundle has what is new from {since} on, and what came from there before ends at {until}: import the bundle \
             between them first, or one of everything (`weir export` without --since)"
        ),
        None => bail!(
            "the bundle has only what is new from {since} on, and nothing came from there before: import one of everything \
             first (`weir export` without --since)"
        ),
    }
}

/// Lets the rows count whose bytes are there.
async fn rows(opened: &Opened, taken: &Taken, report: &mut Report) -> anyhow::Result<()> {
    let mut input = match File::open(taken.file(ROWS)) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let now = opened.clock.now();
    let blobs = opened.blobs_to_read()?;
    let mut there: HashMap<Digest, bool> = HashMap::new();
    let (mut batch, mut line, mut number) = (Vec::with_capacity(SHIPPED_ROWS), Vec::new(), 0_u64);
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_ROW).read_until(b'\n', &mut line)?;
        number += 1;
        if read > 0 {
            let row: Shipped =
                serde_json::from_slice(&line).with_context(|| format!("line {number} of {ROWS} cannot be read"))?;
            let needed = match &row {
                Shipped::Document(document) => vec![document.digest],
                Shipped::Artifact(artifact) => std::iter::once(artifact.sha256).chain(artifact.metadata).collect(),
                _ => Vec::new(),
            };
            let mut is_whole = true;
            for digest in needed {
                is_whole &= match there.get(&digest) {
                    Some(is_there) => *is_there,
                    None => {
                        let is_there = blobs.size(&digest).await?.is_some();
                        there.insert(digest, is_there);
                        is_there
                    }
                };
            }
            match is_whole {
                true => batch.push(row),
                false => report.left_out += 1,
            }
        }
        if batch.len() >= SHIPPED_ROWS || (read == 0 && !batch.is_empty()) {
            report.rows += opened.store.take_in(&batch, now).await?;
            batch.clear();
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Lets the advisory data count, as current as it was where it comes from.
async fn feeds(opened: &Opened, taken: &Taken, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    let store = &opened.store;
    let before: HashMap<String, Option<Timestamp>> =
        store.feeds().await?.into_iter().map(|feed| (feed.name, feed.as_of)).collect();
    let directory = taken.file(FEEDS);
    if directory.exists() {
        let imported = opened.feeds().await?.import(&directory).await?;
        report.advisories = imported.read.osv + imported.read.cve;
        report.problems.extend(imported.read.problems);
    }
    for state in &manifest.feeds {
        let row = store.feed(&state.name).await?;
        let mut row = row.unwrap_or_else(|| weir_store::FeedRow {
            name: state.name.clone(),
            as_of: None,
            cursor: None,
            etag: None,
            records: 0,
            error: None,
        });
        // The import has taken the moment for now.
        row.as_of = before.get(&state.name).copied().flatten().max(Some(state.as_of));
        store.set_feed(&row).await?;
    }
    match std::fs::read(taken.file(NAMES)) {
        Ok(names) => {
            let digest = Digest::of(&names);
            store.record_revision(RevisionKind::Names, &digest, &names, opened.clock.now()).await?;
            store.set_setting(weir_feeds::NAMES, &digest.to_string()).await?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What was done with the bundle's policy.
fn policy(opened: &Opened, place: &Place, taken: &Taken, adopt: bool) -> anyhow::Result<Option<&'static str>> {
    let there = match std::fs::read(taken.file(POLICY)) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let path = opened.data.policy(place);
    if std::fs::read(&path).is_ok_and(|here| here == there) {
        return Ok(Some("the same"));
    }
    if !adopt {
        return Ok(Some("another one: --adopt-policy puts it into force here"));
    }
    // One that this Weir cannot read would leave it without any.
    let name = taken.file(POLICY);
    crate::policy::read(&name).context("the bundle's policy cannot be put into force")?;
    write_durably(&path, &there).with_context(|| format!("`{}` cannot be written", path.display()))?;
    Ok(Some("put into force"))
}

fn print(report: &Report) {
    output::line(format!("signed by   {}", report.signed_by));
    if let Some(until) = report.until {
        let since =
            report.since.map_or_else(|| String::from("everything"), |since| format!("what is new from {since}"));
        output::line(format!("has         {since} up to {until}"));
    }
    output::line(format!("blobs       {} taken in, {} were here", report.blobs, report.kept));
    output::line(format!("rows        {} new", report.rows));
    output::line(format!("advisories  {} read", report.advisories));
    if let Some(policy) = report.policy {
        output::line(format!("policy      {policy}"));
    }
    if report.left_out > 0 {
        output::line(format!(
            "left out    {} rows whose bytes were not there when the bundle was made",
            report.left_out
        ));
    }
    for problem in &report.problems {
        output::line(format!("problem     {problem}"));
    }
    output::line(format!("took        {:.1} s", std::time::Duration::from_millis(report.took_ms).as_secs_f64()));
}
