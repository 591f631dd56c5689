//! `weir admin check`: is everything that Weir keeps whole?
//!
//! Reads only, and may run beside a server. What is looked at goes from what names to what is named (requests before
//! decisions, rows before blobs), so that what a server adds meanwhile is never taken for missing.
//!
//! | File | Looks at |
//! |---|---|
//! | `bytes.rs` | blobs, and the rows that name them |
//! | `record.rs` | decisions, requests, events |

mod bytes;
mod record;

pub use bytes::Named;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use weir_feeds::Feeds;
use weir_store::Engine;

use crate::cli::{Format, Place};
use crate::ecosystems::ALL;
use crate::output;
use crate::wiring::Opened;

/// Rows that are read at once.
pub const PAGE: u32 = 1_000;
/// Most problems that are listed one by one; further ones are only counted.
const MAX_LISTED: usize = 200;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Read every blob and the whole database, and compare digests. Takes as long as reading the disk.
    #[arg(long)]
    deep: bool,
    /// Delete blobs that nothing names. Only while no server runs.
    #[arg(long)]
    delete_orphans: bool,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was found.
#[derive(Serialize, Debug, Default)]
pub struct Report {
    /// Nothing is damaged.
    pub sound: bool,
    /// The data directory.
    pub data: PathBuf,
    /// Every byte was read.
    pub deep: bool,
    /// How much was looked at.
    pub checked: Checked,
    /// What is damaged, at most [`MAX_LISTED`].
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problems_total: u64,
    /// Blobs that nothing names. No damage: they cost room.
    pub orphans: Orphans,
    /// Files of transfers that run, or were broken off; the next start of a server removes those.
    pub spool: Spool,
}

/// How much was looked at.
#[derive(Serialize, Debug, Default)]
pub struct Checked {
    pub documents: u64,
    pub artifacts: u64,
    pub decisions: u64,
    pub requests: u64,
    pub events: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

/// One thing that is damaged.
#[derive(Serialize, Debug)]
pub struct Problem {
    /// Kebab-case: what kind of damage.
    pub code: &'static str,
    /// What is damaged.
    pub subject: String,
    /// How.
    pub problem: String,
}

#[derive(Serialize, Debug, Default)]
pub struct Orphans {
    pub blobs: u64,
    pub bytes: u64,
    pub deleted: u64,
}

#[derive(Serialize, Debug, Default)]
pub struct Spool {
    pub files: u64,
    pub bytes: u64,
}

impl Report {
    fn problem(&mut self, code: &'static str, subject: impl Into<String>, problem: impl Into<String>) {
        self.problems_total += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(Problem { code, subject: subject.into(), problem: problem.into() });
        }
    }
}

/// Runs `weir admin check`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let opened = Opened::open_to_read(place).await?;
    let _alone = match arguments.delete_orphans {
        false => None,
        true => {
            if opened.config.blobs.s3.is_some() || opened.store.engine() == Engine::Postgres {
                bail!("--delete-orphans works on blobs and a database of this directory alone: others may share these");
            }
            Some(opened.data.lock().context("--delete-orphans needs the data directory for itself")?)
        }
    };
    let report = check(&opened, arguments).await?;
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report),
    }
    Ok(ExitCode::from(u8::from(!report.sound)))
}

async fn check(opened: &Opened, arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report { data: opened.data.root().to_owned(), deep: arguments.deep, ..Report::default() };
    let (store, blobs) = (&opened.store, opened.blobs_to_read()?);
    if arguments.deep {
        for line in store.integrity().await? {
            report.problem("database", opened.data.database().display().to_string(), line);
        }
    }
    let apart: Vec<&str> = ALL.iter().filter(|it| it.registry.catalogue().is_some()).map(|it| it.id).collect();
    for line in store.contradictions(&apart).await? {
        report.problem("contradiction", "database", line);
    }
    record::requests(store, &mut report).await?;
    record::decisions(store, &mut report).await?;
    record::events(store, &mut report).await?;
    if let Err(error) = Feeds::check(opened.data.root(), store).await {
        report.problem("advisory-index", "advisories", format!("{error}; the next start makes it anew"));
    }
    let mut named = bytes::Named::default();
    bytes::documents(store, &blobs, &mut named, &mut report).await?;
    bytes::artifacts(store, &blobs, &mut named, &mut report).await?;
    bytes::blobs(store, &blobs, &named, arguments.delete_orphans, &mut report).await?;
    (report.spool.files, report.spool.bytes) = blobs.spooled()?;
    report.sound = report.problems_total == 0;
    Ok(report)
}

fn print(report: &Report) {
    let Checked { documents, artifacts, decisions, requests, events, blobs, blob_bytes } = &report.checked;
    output::line(format!("data       {}", report.data.display()));
    output::line(format!("rows       {documents} documents, {artifacts} artifacts, {decisions} decisions"));
    output::line(format!("record     {requests} requests, {events} events"));
    let read = if report.deep { "all of them read" } else { "their sizes; --deep reads them" };
    output::line(format!("blobs      {blobs} with {blob_bytes} bytes ({read})"));
    if report.orphans.blobs > 0 {
        let done = match report.orphans.deleted {
            0 => String::from("no damage; --delete-orphans removes them while no server runs"),
            deleted => format!("{deleted} deleted"),
        };
        output::line(format!(
            "orphans    {} blobs with {} bytes that nothing names ({done})",
            report.orphans.blobs, report.orphans.bytes
        ));
    }
    if report.spool.files > 0 {
        output::line(format!(
            "spool      {} files with {} bytes, of transfers that run or were broken off",
            report.spool.files, report.spool.bytes
        ));
    }
    for problem in &report.problems {
        output::line(format!("damaged    {} ({}): {}", problem.subject, problem.code, problem.problem));
    }
    let listed = report.problems.len() as u64;
    if report.problems_total > listed {
        output::line(format!("           and {} more", report.problems_total - listed));
    }
    output::line(match report.problems_total {
        0 => String::from("sound"),
        1 => String::from("1 problem"),
        count => format!("{count} problems"),
    });
}
