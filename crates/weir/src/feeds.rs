//! `weir feeds …`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use weir_core::Timestamp;
use weir_feeds::{Feeds, NamesRow};

use crate::cli::{Format, Place};
use crate::output;
use crate::wiring::Opened;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Read advisories (OSV, CVE, KEV, EPSS) and lists of well-known names (npm.txt) from a file or directory.
    Import {
        /// .json, .jsonl, .csv, .txt, each also .zst or .gz, a .zip, or a directory of them.
        path: PathBuf,
        /// How to print the result.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Fetch what is new from the configured feeds.
    Sync,
    /// Show which data there is and how old it is.
    Status {
        /// How to print the result.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Runs `weir feeds …`.
pub async fn run(place: &Place, command: &Command) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(place, true).await?;
    let feeds = opened.feeds().await?;
    match command {
        Command::Import { path, format } => {
            let report = feeds.import(path).await?;
            match format {
                Format::Human => output::line(&report),
                Format::Json => output::line(serde_json::to_string(&report)?),
            }
            // What could be read is in; that something could not is worth a failing script.
            Ok(if report.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        Command::Sync => {
            let report = feeds.sync(&opened.sync_config()).await?;
            output::line(&report);
            Ok(ExitCode::SUCCESS)
        }
        Command::Status { format } => {
            let status = feeds.status().await?;
            let now = opened.clock.now();
            match format {
                Format::Human => {
                    if status.rows.is_empty() {
                        output::line(
                            "no advisory data yet; `weir feeds sync` fetches it, `weir feeds import PATH` reads it from files",
                        );
                    }
                    let width = status.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
                    for row in &status.rows {
                        let age = row
                            .as_of
                            .map_or_else(|| String::from("never"), |as_of| format!("confirmed {}", age(as_of, now)));
                        output::line(format!("{:<width$}  {:>8} records  {age}", row.name, row.records));
                        if let Some(error) = &row.error {
                            output::line(format!("{:<width$}  last try: {error}", ""));
                        }
                    }
                    for row in &status.names {
                        output::line(well_known(row));
                    }
                }
                Format::Json => {
                    let rows: Vec<_> = status
                        .rows
                        .iter()
                        .map(|row| {
                            json!({ "name": row.name, "records": row.records, "as_of": row.as_of, "error": row.error })
                        })
                        .collect();
                    output::line(json!({ "feeds": rows, "names": status.names }));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One line on a list of well-known names, or that there is none.
fn well_known(row: &NamesRow) -> String {
    let id = &row.ecosystem;
    if row.names == 0 {
        return format!(
            "well-known names of {id}: none, `name-confusion` says nothing; `weir feeds import {id}.txt` reads them"
        );
    }
    let date = row.date.map(|date| format!(", of {}", date.date())).unwrap_or_default();
    format!("well-known names of {id}: {} from {}{date}", row.names, row.source)
}

/// One line on which data there is and how old it is.
pub async fn summary(feeds: &Feeds, now: Timestamp) -> anyhow::Result<String> {
    let status = feeds.status().await?;
    let records: u64 = status.rows.iter().map(|row| row.records).sum();
    Ok(match status.rows.iter().filter_map(|row| row.as_of).min() {
        Some(oldest) => format!("{records} records, the oldest feed confirmed {}", age(oldest, now)),
        None => String::from("none yet; until there are, releases are not assessed, never taken for clean"),
    })
}

/// How long ago `at` was, as people say it.
fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = (now.millis() - at.millis()).max(0) / 60_000;
    let (count, unit) = match minutes {
        0 => return String::from("just now"),
        1..=119 => (minutes, "minute"),
        120..=2879 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_words() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        for (minutes, words) in [
            (-5, "just now"),
            (0, "just now"),
            (1, "1 minute ago"),
            (119, "119 minutes ago"),
            (120, "2 hours ago"),
            (2_880, "2 days ago"),
        ] {
            assert_eq!(age(now.plus_millis(-minutes * 60_000), now), words);
        }
    }
}
