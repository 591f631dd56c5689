//! `weir doctor`: does everything ask Weir, and does Weir's answer arrive?

mod local;
mod server;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::journal::Journal;
use super::machine::Here;
use super::{Chosen, point};
use crate::cli::{Format, Place};
use crate::{health, output};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The Weir that should be asked [default: that of the last `weir use`, else on this machine].
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The stage that should be asked [default: that of the last `weir use`, else `dev`].
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    #[command(flatten)]
    clients: Chosen,
    /// Where the token comes from: `env:NAME`, `file:PATH`, or `-` for standard input [default: env:WEIR_TOKEN, if it is
    /// set].
    #[arg(long, value_name = "SOURCE")]
    token_from: Option<String>,
    /// Also see whether the public registries can be reached from here, past Weir.
    #[arg(long)]
    egress: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How much a finding matters.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It could not be told.
    Unknown,
    /// Something goes around Weir, or does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Serialize, Clone, Debug)]
struct Finding {
    /// The client, or nothing for Weir itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    /// What kind of thing: `index`, `other-index`, `reason`, `clock`, …
    code: &'static str,
    level: Level,
    message: String,
    /// The command or the step that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Finding {
    fn new(code: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { client: None, code, level, message: message.into(), mend: None }
    }

    fn of(self, client: &'static str) -> Self {
        Self { client: Some(client), ..self }
    }

    fn mend(self, mend: impl Into<String>) -> Self {
        let mend = mend.into();
        Self { mend: (!mend.is_empty()).then_some(mend), ..self }
    }
}

/// All that was found.
#[derive(Serialize)]
struct Report {
    server: String,
    stage: String,
    /// False if something could not be told.
    complete: bool,
    problems: usize,
    findings: Vec<Finding>,
}

/// Runs `weir doctor`: exit code 1 if there is a problem, else 2 if something could not be told, else 0.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let here = Here::find()?;
    let last = Journal::last(&point::journal(&here));
    let server = match (&arguments.server, &last) {
        (Some(server), _) => server.clone(),
        (None, Some(last)) => last.server.clone(),
        (None, None) => health::here(place)?,
    };
    let server = point::address(&server)?;
    let same = last.as_ref().filter(|last| last.server == server);
    let stage = arguments.stage.clone().or(same.map(|last| last.stage.clone())).unwrap_or_else(|| String::from("dev"));
    let clients = arguments.clients.of(&here)?;
    let token = point::token(arguments.token_from.as_deref())?;
    let mut findings = server::look(&server, &stage, token.as_ref(), &clients).await;
    let seen = local::Looked { here: &here, server: &server, stage: &stage, since: same.map(|last| last.at) };
    findings.extend(local::look(&seen, &clients));
    if arguments.egress {
        findings.extend(server::egress(&server, &clients).await);
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, unknown) = (count(Level::Problem), count(Level::Unknown));
    let report = Report { server, stage, complete: unknown == 0, problems, findings };
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report),
    }
    Ok(ExitCode::from(match (problems, unknown) {
        (0, 0) => 0,
        (0, _) => 2,
        _ => 1,
    }))
}

fn print(report: &Report) {
    output::line(format!("\u{1b}[1mWeir\u{1b}[0m {}, stage {}", report.server, report.stage));
    let mut about = None;
    for finding in &report.findings {
        if finding.client != about {
            about = finding.client;
            output::line(format!("\u{1b}[1m{}\u{1b}[0m", finding.client.unwrap_or("elsewhere")));
        }
        let (word, colour) = match finding.level {
            Level::Ok => ("ok", "\u{1b}[32m"),
            Level::Note => ("note", "\u{1b}[33m"),
            Level::Unknown => ("unknown", "\u{1b}[33m"),
            Level::Problem => ("problem", "\u{1b}[1;31m"),
        };
        output::line(format!("  {colour}{word}\u{1b}[0m{:pad$} {}", "", finding.message, pad = 7 - word.len()));
        if let Some(mend) = &finding.mend {
            output::line(format!("          mend: \u{1b}[1m{mend}\u{1b}[0m"));
        }
    }
    let count = |level| report.findings.iter().filter(|finding| finding.level == level).count();
    let parts: Vec<String> = [(Level::Problem, "problem"), (Level::Unknown, "unknown"), (Level::Note, "note")]
        .into_iter()
        .filter(|(level, _)| count(*level) > 0)
        .map(|(level, word)| {
            let many = count(level) > 1 && level != Level::Unknown;
            format!("{} {word}{}", count(level), if many { "s" } else { "" })
        })
        .collect();
    output::line(if parts.is_empty() { String::from("nothing goes around Weir") } else { parts.join(", ") });
}
