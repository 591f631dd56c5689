//! `weir admin backup`: a copy of everything that Weir keeps, as it is at one moment, while a server runs.
//!
//! Rows are taken first, as they are at one moment, then the bytes that they name: bytes never change, so what a server
//! adds meanwhile is only more than is needed. What it gives up meanwhile is missing; then the rows are taken anew. The
//! rows are put in their place last, by one rename: until then the copy is what it was before.
//!
//! The copy is a data directory: to restore, put it where the old one was, and start.
//!
//! | File | Answers |
//! |---|---|
//! | `bytes.rs` | which blobs does the copy need, and how do they get there? |
//! | `target.rs` | may a backup be written there, and how is it finished? |

mod bytes;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;
use weir_core::{Digest, Timestamp};
use weir_feeds::Feeds;
use weir_store::{Location, Store};

use crate::cli::{Format, Place};
use crate::output;
use crate::wiring::Opened;

use bytes::Copier;
use target::Target;

/// How often the rows are taken anew because a server has given up bytes that they name.
const ATTEMPTS: usize = 3;
/// Most digests that are listed one by one.
const MAX_LISTED: usize = 20;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Where to: a directory that is not there, an empty one, or an earlier backup, which is brought up to date.
    directory: PathBuf,
    /// Link blobs instead of copying them, where both are on one file system: quick, and no second copy of the bytes.
    #[arg(long)]
    link: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was done.
#[derive(Serialize, Debug, Default)]
pub struct Report {
    /// Where the copy is.
    pub directory: PathBuf,
    /// Everything that was to be copied is there.
    pub complete: bool,
    /// The moment that the rows are of.
    pub as_of: Option<Timestamp>,
    /// Bytes of the copied database; 0 if it is a PostgreSQL.
    pub row_bytes: u64,
    /// What was done with blobs.
    pub blobs: Counts,
    /// Digest of the advisory index that was copied.
    pub advisories: Option<Digest>,
    /// Settings that were copied.
    pub settings: Vec<&'static str>,
    /// Blobs that rows name and that are not there, at most [`MAX_LISTED`].
    pub missing: Vec<Digest>,
    /// What is left to other tools.
    pub left: Vec<&'static str>,
    /// Milliseconds that it took.
    pub took_ms: u64,
}

/// Blobs, by what was done with them.
#[derive(Serialize, Debug, Default)]
pub struct Counts {
    pub copied: u64,
    pub linked: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// There from an earlier backup.
    pub kept: u64,
    /// Of an earlier backup, and named by no row any more.
    pub removed: u64,
    /// Not there to be copied.
    pub missing: u64,
}

/// Runs `weir admin backup`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let opened = Opened::open_to_read(place).await?;
    let target = Target::open(&arguments.directory, opened.data.root())?;
    let mut report = take(&opened, place, &target, arguments.link).await?;
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report, began.elapsed()),
    }
    Ok(ExitCode::from(u8::from(!report.complete)))
}

async fn take(opened: &Opened, place: &Place, target: &Target, link: bool) -> anyhow::Result<Report> {
    let mut report = Report { directory: target.root().to_owned(), ..Report::default() };
    let mut copier = Copier::new(opened, target, link)?;
    let mut is_rows = false;
    for attempt in 1..=ATTEMPTS {
        let at = opened.clock.now();
        let Some(copy) = rows_of(opened, target).await? else { break };
        copier.start_over();
        copier.named(&copy).await?;
        report.as_of = Some(at);
        let again = copier.is_missing() && attempt < ATTEMPTS;
        report.advisories = Feeds::check(opened.data.root(), &copy).await.ok().flatten();
        copy.close().await;
        is_rows = true;
        if !again {
            break;
        }
    }
    if !is_rows {
        report
            .left
            .push("the rows, which are in PostgreSQL: run pg_dump BEFORE this command, so that every blob is there");
        copier.all().await?;
    }
    if copier.is_elsewhere() {
        report.left.push("the blobs, which are in S3: use the bucket's own versions or copies, AFTER this command");
    }
    if let Some(digest) = &report.advisories {
        // A server may give it up at this moment; then the next start makes it anew from the rows.
        let name = format!("{digest}.idx");
        let index = opened.data.root().join("advisories").join(&name);
        if index.exists() {
            target.put(&index, Path::new("advisories").join(&name).as_path())?;
        }
    }
    for (name, file) in [("policy.toml", opened.data.policy(place)), ("weir.toml", config_file(opened, place))] {
        if file.exists() {
            target.put(&file, Path::new(name))?;
            report.settings.push(name);
        }
    }
    report.row_bytes = target.finish(report.as_of, is_rows)?;
    if is_rows {
        copier.prune().await?;
    }
    (report.blobs, report.missing) = copier.counts();
    report.complete = report.blobs.missing == 0;
    Ok(report)
}

/// The rows as they are now, in a file beside their place; `None` if they are not in a file.
async fn rows_of(opened: &Opened, target: &Target) -> anyhow::Result<Option<Store>> {
    let file = target.rows();
    target.clear_rows()?;
    if !opened.store.snapshot(&file).await.context("the rows cannot be copied")? {
        return Ok(None);
    }
    let copy = Store::open_to_read(&Location::Sqlite(file)).await;
    Ok(Some(copy.context("the copied rows cannot be read")?))
}

fn config_file(opened: &Opened, place: &Place) -> PathBuf {
    place.config.clone().unwrap_or_else(|| opened.data.root().join("weir.toml"))
}

fn print(report: &Report, took: Duration) {
    let Counts { copied, linked, bytes, kept, removed, missing } = &report.blobs;
    output::line(format!("backup      {}", report.directory.display()));
    if let Some(as_of) = report.as_of {
        output::line(format!("rows        {} as of {as_of}", size(report.row_bytes)));
    }
    output::line(format!(
        "blobs       {copied} copied, {linked} linked ({}); {kept} were there, {removed} are named no more and removed",
        size(*bytes)
    ));
    if !report.settings.is_empty() {
        output::line(format!(
            "settings    {}, as they are: with the secrets that stand in them",
            report.settings.join(", ")
        ));
    }
    for left in &report.left {
        output::line(format!("left out    {left}"));
    }
    if *missing > 0 {
        output::line(format!("missing     {missing} blobs that rows name; `weir admin check` tells which rows"));
        for digest in &report.missing {
            output::line(format!("            {digest}"));
        }
    }
    output::line(format!("took        {:.1} s", took.as_secs_f64()));
    output::line("to restore: put the directory where the data was, and run `weir serve --data DIR`");
}

#[expect(clippy::cast_precision_loss, reason = "for people, to one place")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
