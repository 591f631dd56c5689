//! `weir mirror`: bring in ahead what a list, lock files or SBOMs name.
//!
//! | File | Answers |
//! |---|---|
//! | `inputs.rs` | which files name what is wanted, and what do they name? |
//! | `sbom.rs` | what does an SBOM name? |
//! | `carrier.rs` | who brings it: this process on its data directory, or a running Weir? |
//! | `progress.rs` | how far is it? |

mod carrier;
mod inputs;
mod progress;
mod sbom;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use futures_util::StreamExt as _;
use serde::Serialize;
use weir_api::mirror::Ask;
use weir_core::{Clock as _, Timestamp};
use weir_gateway::gateway::State;

use crate::airgap::size;
use crate::cli::{Format, Place};
use crate::output;
use crate::wiring::Opened;
use carrier::Carrier;
use inputs::Inputs;
use progress::Progress;

/// Most releases that are brought at the same time.
const MAX_JOBS: u8 = 64;
/// Most of what was refused, failed or is not locked that is named; all is counted.
const MAX_NAMED: usize = 1_000;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The stage that decides.
    #[arg(value_name = "STAGE")]
    stage: Option<String>,
    /// Where what is wanted is named: a lock file, an SBOM (CycloneDX or SPDX, JSON), a list of package URLs, a directory with
    /// any of these, or - for a list on standard input. Can be given several times.
    #[arg(long, value_name = "FILE|DIR|-")]
    from: Vec<String>,
    /// The lists have names of packages of this ecosystem, the most used first: the newest allowed release of each.
    #[arg(long, value_name = "ECOSYSTEM")]
    top: Option<String>,
    /// With --top: so many of them.
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "top")]
    count: usize,
    /// Only files for such platforms, and those for all: 'manylinux*x86_64'. Can be given several times.
    #[arg(long, value_name = "PATTERN")]
    platform: Vec<String>,
    /// Take no more than so much a second: 20MB/s.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit: Option<u64>,
    /// Bring so many releases at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_JOBS)))]
    jobs: u8,
    /// Name what is brought, so that it is kept however full the cache is, until the name is dropped.
    #[arg(long, value_name = "NAME")]
    keep: Option<String>,
    /// With --keep: only until this day (2027-01-31) or moment.
    #[arg(long, value_name = "WHEN", requires = "keep", value_parser = moment)]
    keep_until: Option<Timestamp>,
    /// Ask upstream for its indexes again also where everything that is wanted is here.
    #[arg(long)]
    refresh: bool,
    /// Say what would be brought, and bring nothing.
    #[arg(long)]
    dry_run: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Let a running Weir bring it, instead of working on the data directory.
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The token for it.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the names under which artifacts are kept.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Drop a name: what only it names may be evicted from now on.
    Drop {
        /// The name.
        name: String,
    },
}

/// What was done.
#[derive(Serialize, Debug, Default)]
struct Report {
    /// Releases that were asked for.
    releases: usize,
    /// Those of which everything that is wanted is here now.
    complete: usize,
    /// Files that were here before.
    here: usize,
    /// Files that were fetched, and their bytes.
    fetched: usize,
    bytes: u64,
    /// Files and releases that the policy refuses.
    refused: usize,
    /// Files and releases that could not be had.
    failed: usize,
    /// What the inputs ask for without naming a version of a registry.
    unlocked: usize,
    /// Inputs that could not be read.
    unread: usize,
    /// The first of each of these.
    problems: Vec<Problem>,
}

/// Something that was not brought.
#[derive(Serialize, Debug)]
struct Problem {
    what: String,
    kind: &'static str,
    why: String,
}

/// Runs `weir mirror`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Some(Command::List { format }) => list(place, *format).await,
        Some(Command::Drop { name }) => drop_name(place, name).await,
        None => bring(place, arguments).await,
    }
}

async fn bring(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(stage) = &arguments.stage else { bail!("say for which stage: weir mirror dev --from requirements.txt") };
    if arguments.from.is_empty() {
        bail!("say where what is wanted is named: --from FILE, a directory, or - for standard input");
    }
    let inputs = inputs::read(&arguments.from, arguments.top.as_deref(), arguments.count)?;
    let mut report = Report { releases: inputs.items.len(), ..Report::default() };
    report.take(&inputs);
    if arguments.dry_run {
        for item in &inputs.items {
            output::line(&item.purl);
        }
        for problem in &report.problems {
            output::note(format!("{}: {}", problem.what, problem.why));
        }
        return Ok(report.code());
    }
    let carrier = match &arguments.server {
        Some(server) => Carrier::there(server, arguments.token.as_deref())?,
        None => Carrier::here(place, stage).await?,
    };
    let progress = Progress::new(inputs.items.len());
    let asks = inputs.items.into_iter().map(|item| Ask {
        purl: item.purl,
        stage: stage.clone(),
        digests: item.digests,
        platforms: arguments.platform.clone(),
        // Each of those that run at the same time has its share.
        pace: arguments.limit.map(|limit| (limit / u64::from(arguments.jobs)).max(1)),
        keep: arguments.keep.clone(),
        keep_until: arguments.keep_until,
        refresh: arguments.refresh,
    });
    let carried = asks.map(|ask| {
        let carrier = &carrier;
        async move {
            let brought = carrier.bring(&ask).await;
            (ask.purl, brought)
        }
    });
    let mut carried = futures_util::stream::iter(carried).buffer_unordered(usize::from(arguments.jobs));
    while let Some((purl, brought)) = carried.next().await {
        match brought {
            Ok(brought) => {
                progress.tell(&brought);
                report.count(&brought);
            }
            // One release that fails stops no other; a Weir that does not answer does.
            Err(error) => {
                drop(carried);
                carrier.end().await;
                return Err(error.context(format!("{purl} and what comes after it were not brought; run this again")));
            }
        }
    }
    drop(carried);
    progress.end();
    carrier.end().await;
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => report.print(stage, arguments.keep.as_deref()),
    }
    Ok(report.code())
}

impl Report {
    /// Takes over what the inputs could not tell.
    fn take(&mut self, inputs: &Inputs) {
        for (place, problem) in &inputs.unread {
            self.unread += 1;
            self.problem(place.clone(), "unread", problem.clone());
        }
        for (place, text, why) in &inputs.unlocked {
            self.unlocked += 1;
            self.problem(format!("{place} {text}"), "not-locked", (*why).to_owned());
        }
    }

    fn problem(&mut self, what: String, kind: &'static str, why: String) {
        if self.problems.len() < MAX_NAMED {
            self.problems.push(Problem { what, kind, why });
        }
    }

    fn count(&mut self, brought: &weir_gateway::gateway::Brought) {
        let mut is_complete = true;
        for file in &brought.files {
            match file.state {
                State::Here => self.here += 1,
                State::Fetched => {
                    self.fetched += 1;
                    self.bytes += file.size.unwrap_or_default();
                }
                State::Refused | State::Failed => {
                    is_complete = false;
                    let kind = if file.state == State::Refused { "refused" } else { "failed" };
                    *(if file.state == State::Refused { &mut self.refused } else { &mut self.failed }) += 1;
                    let what = format!("{} {}", brought.purl, file.file);
                    self.problem(what.trim_end().to_owned(), kind, file.why.clone().unwrap_or_default());
                }
            }
        }
        self.complete += usize::from(is_complete);
    }

    /// 1: something is refused. 2: something could not be had, read or judged.
    fn code(&self) -> ExitCode {
        ExitCode::from(match (self.refused, self.failed + self.unlocked + self.unread) {
            (1.., _) => 1,
            (0, 1..) => 2,
            (0, 0) => 0,
        })
    }

    fn print(&self, stage: &str, keep: Option<&str>) {
        output::line(format!("stage       {stage}: {} of {} releases are here", self.complete, self.releases));
        output::line(format!("fetched     {} files, {}", self.fetched, size(self.bytes)));
        output::line(format!("were here   {} files", self.here));
        if let Some(keep) = keep {
            output::line(format!("kept as     {keep}, until `weir mirror drop {keep}`"));
        }
        for (kind, title, count) in [
            ("refused", "refused", self.refused),
            ("failed", "failed", self.failed),
            ("not-locked", "not locked", self.unlocked),
            ("unread", "unread", self.unread),
        ] {
            if count == 0 {
                continue;
            }
            output::line(format!("{title:<11} {count}"));
            for problem in self.problems.iter().filter(|problem| problem.kind == kind) {
                output::line(format!("  {}\n      {}", problem.what, problem.why));
            }
        }
    }
}

async fn list(place: &Place, format: Format) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(place, true).await?;
    let sets = opened.store.kept_sets().await?;
    if format == Format::Json {
        output::line(serde_json::to_string_pretty(&sets)?);
        return Ok(ExitCode::SUCCESS);
    }
    if sets.is_empty() {
        output::line("nothing is named to be kept; `weir mirror STAGE --from FILE --keep NAME` names what it brings");
    }
    let now = opened.clock.now();
    for set in sets {
        let until = match set.ends {
            None => String::from("until it is dropped"),
            Some(ends) if ends <= now => format!("ended {ends}"),
            Some(ends) => format!("until {ends}"),
        };
        output::line(format!("{:<24} {:>7} artifacts {:>10}  {until}", set.name, set.artifacts, size(set.bytes)));
    }
    Ok(ExitCode::SUCCESS)
}

async fn drop_name(place: &Place, name: &str) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(place, true).await?;
    if !opened.store.drop_kept(name).await? {
        bail!("nothing is kept as `{name}`; `weir mirror list` shows the names");
    }
    output::line(format!("dropped     {name}"));
    Ok(ExitCode::SUCCESS)
}

/// Reads `20MB/s`, `512k` or a number of bytes.
fn rate(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is no rate; expected 20MB/s, 512kB/s or a number of bytes");
    let lower = text.to_ascii_lowercase();
    let amount = lower.strip_suffix("/s").unwrap_or(&lower).trim_end();
    let digits = amount.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(amount.len());
    let (number, unit) = amount.split_at(digits);
    let factor: f64 = match unit.trim() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(expected()),
    };
    let bytes = number.parse::<f64>().map_err(|_| expected())? * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked to be in range")]
    match (1.0..=1e15).contains(&bytes) {
        true => Ok(bytes as u64),
        false => Err(expected()),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let read = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    let moment = read
        .context("no moment")
        .map_err(|_| format!("`{text}` is no moment; expected 2027-01-31 or 2027-01-31T12:00:00Z"))?;
    match moment > weir_core::time::SystemClock.now() {
        true => Ok(moment),
        false => Err(format!("`{text}` has passed already")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_in_any_usual_unit() {
        for (text, bytes) in [
            ("20MB/s", Some(20_000_000)),
            ("512kB/s", Some(512_000)),
            ("1.5m", Some(1_500_000)),
            ("1MiB/s", Some(1 << 20)),
            ("1000", Some(1_000)),
            ("0", None),
            ("fast", None),
            ("20 parsecs", None),
            ("1e400", None),
        ] {
            assert_eq!(rate(text).ok(), bytes, "{text}");
        }
    }
}
