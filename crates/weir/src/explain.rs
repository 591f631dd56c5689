//! `weir explain`: what a stage decides on a release, and why.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use weir_core::{Ecosystem, PackageName, Purl};
use weir_policy::Policy;

use crate::cli::{Format, Place};
use crate::server::Server;
use crate::wiring::Opened;
use crate::{ecosystems, output};

/// Columns of a line for people.
const WIDTH: usize = 100;
/// Columns of a label.
const LABEL: usize = 10;
/// Columns before a text.
const INDENT: usize = LABEL + 3;

#[derive(Args, Debug)]
pub struct Arguments {
    /// A release as a package URL (pkg:pypi/django@4.2.30), with its ecosystem (pypi:django@4.2.30), or just a name.
    #[arg(value_name = "PURL")]
    subject: String,
    /// The stage that decides.
    #[arg(long, default_value = "dev")]
    stage: String,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also print findings that are below the stage's limits.
    #[arg(long)]
    all: bool,
    /// Use only what is kept, and ask no upstream.
    #[arg(long)]
    offline: bool,
    /// Ask a running Weir instead of opening the data directory.
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The token for it.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// Runs `weir explain`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (ecosystem, package, version) = subject(&arguments.subject)?;
    let purl = Purl::new(ecosystem, &package, version.as_deref());
    let explanation = match &arguments.server {
        Some(server) => {
            let server = Server::at(server, arguments.token.as_deref())?;
            server.ask("explain", &[("purl", &purl.to_string()), ("stage", &arguments.stage)]).await?
        }
        None => decide(place, arguments, ecosystem, &package, version.as_deref()).await?,
    };
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&explanation)?),
        Format::Human => print(&explanation, arguments.all),
    }
    let refused = matches!(text(&explanation, "effective"), "block" | "quarantine")
        || (text(&explanation, "mode") != "observe"
            && matches!(text(&explanation, "decision"), "block" | "quarantine"));
    Ok(ExitCode::from(u8::from(refused)))
}

/// What is asked about. A bare name may be a package of several ecosystems: then the person says which.
fn subject(text: &str) -> anyhow::Result<(&'static Ecosystem, PackageName, Option<String>)> {
    if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:")) {
        let purl = Purl::parse(text)?;
        let (ecosystem, package) = purl.package(ecosystems::ALL)?;
        return Ok((ecosystem, package, purl.version));
    }
    let (only, text) = match text.split_once(':').and_then(|(id, rest)| Some((ecosystems::ALL.by_id(id)?, rest))) {
        Some((ecosystem, rest)) => (Some(ecosystem), rest),
        None => (None, text),
    };
    // `name@version` and `name==version` are what people type; an npm scope begins with `@` itself.
    let (name, version) = match text
        .split_once("==")
        .or_else(|| text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| (&text[..at], &text[at + 1..])))
    {
        Some((name, version)) => (name, Some(version.to_owned())),
        None => (text, None),
    };
    if let Some(ecosystem) = only {
        return Ok((ecosystem, ecosystem.names.parse(name)?, version));
    }
    let candidates: Vec<_> =
        ecosystems::ALL.iter().filter_map(|ecosystem| Some((ecosystem, ecosystem.names.parse(name).ok()?))).collect();
    let choices: Vec<_> = candidates
        .iter()
        .map(|(ecosystem, package)| Purl::new(ecosystem, package, version.as_deref()).to_string())
        .collect();
    let chosen = match candidates.len() {
        0 => bail!("`{name}` is no package name in any ecosystem of this Weir"),
        1 => 0,
        _ if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => choose(name, &choices)?,
        _ => bail!("which `{name}`? Say one of\n  {}", choices.join("\n  ")),
    };
    let (ecosystem, package) = candidates.into_iter().nth(chosen).context("there is no such choice")?;
    Ok((ecosystem, package, version))
}

fn choose(name: &str, choices: &[String]) -> anyhow::Result<usize> {
    output::note(format!("which `{name}`?"));
    for (at, choice) in choices.iter().enumerate() {
        output::note(format!("  {}  {choice}", at + 1));
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("no answer could be read")?;
    match answer.trim().parse::<usize>() {
        Ok(number) if (1..=choices.len()).contains(&number) => Ok(number - 1),
        _ => bail!("`{}` is none of 1 to {}", answer.trim(), choices.len()),
    }
}

async fn decide(
    place: &Place,
    arguments: &Arguments,
    ecosystem: &'static Ecosystem,
    package: &PackageName,
    version: Option<&str>,
) -> anyhow::Result<Value> {
    let opened = Opened::open(place, true).await?;
    let path = opened.data.policy(place);
    let policy = if path.exists() || place.policy.is_some() {
        crate::policy::read(&path)?
    } else {
        crate::policy::parse(&path, Policy::default_text())?
    };
    let feeds = opened.feeds().await?;
    let public_url =
        opened.config.server.public_url.clone().unwrap_or_else(|| format!("http://{}", opened.config.server.listen));
    let gateway = opened.gateway(Arc::new(policy), &feeds, opened.blobs()?, public_url, !arguments.offline)?;
    let explanation = gateway.explain(&arguments.stage.as_str().into(), ecosystem, package, version).await?;
    gateway.flush().await;
    Ok(serde_json::to_value(explanation)?)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The word of an outcome in its colour. Where nobody sees colours, they are left out on the way.
fn coloured(outcome: &str) -> String {
    let colour = match outcome {
        "block" => "\u{1b}[1;31m",
        "quarantine" | "warn" => "\u{1b}[1;33m",
        _ => "\u{1b}[1;32m",
    };
    format!("{colour}{outcome}\u{1b}[0m")
}

fn print(explanation: &Value, all: bool) {
    let decision = text(explanation, "decision");
    let observed = if text(explanation, "effective") == decision { "" } else { " (only observed)" };
    output::line(format!(
        "{} in stage {}: {}{observed}",
        text(explanation, "purl"),
        text(explanation, "stage"),
        coloured(decision),
    ));
    // What to do comes first: there can be dozens of reasons.
    if matches!(decision, "block" | "quarantine") {
        match explanation.get("install").and_then(Value::as_str) {
            Some(install) => entry("instead", install),
            None => entry("instead", "no version of it is allowed in this stage"),
        }
    }
    let reasons: Vec<&Value> = explanation.get("reasons").and_then(Value::as_array).into_iter().flatten().collect();
    let quiet = |reason: &Value| text(reason, "outcome") == "allow" && reason.get("waived").is_none_or(Value::is_null);
    for reason in reasons.iter().filter(|reason| all || !quiet(reason)) {
        let message = format!("{}: {}", text(reason, "rule"), text(reason, "message"));
        entry(text(reason, "outcome"), &message);
        if let Some(waived) = reason.get("waived").filter(|waived| !waived.is_null()) {
            entry("", &format!("waived until {}: {}", text(waived, "until"), text(waived, "reason")));
        }
    }
    let left_out = reasons.iter().filter(|reason| !all && quiet(reason)).count();
    if left_out > 0 {
        let (more, findings) = (if reasons.len() > left_out { " more" } else { "" }, plural(left_out, "finding"));
        entry("", &format!("{left_out}{more} {findings} below this stage's limits; --all shows them"));
    }
    if let Some(instead) = explanation.get("instead") {
        let shown = match text(instead, "shown") {
            "" => String::from("nothing of it"),
            shown => format!("{shown}, not {}", text(instead, "newest")),
        };
        entry("shown", &format!("{shown}: {}", text(instead, "reason")));
    }
    if let Some(upstream) = explanation.get("upstream").and_then(Value::as_str) {
        entry("upstream", upstream);
    }
    entry("decision", text(explanation, "id"));
    for place in explanation.get("places").and_then(Value::as_array).into_iter().flatten() {
        // It is the first line already.
        if text(place, "purl") != text(explanation, "purl") {
            entry("also", &format!("{}: {} ({})", text(place, "purl"), text(place, "decision"), text(place, "id")));
        }
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// Prints a text beside its label, in lines of at most [`WIDTH`] columns.
fn entry(label: &str, message: &str) {
    for (at, line) in wrapped(message, WIDTH - INDENT).iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let shown = if matches!(label, "block" | "quarantine" | "warn" | "allow") {
            // Padded by what is seen: the colours take no room.
            format!("{}{:pad$}", coloured(label), "", pad = LABEL.saturating_sub(label.len()))
        } else {
            format!("{label:LABEL$}")
        };
        output::line(format!("  {shown} {line}").trim_end());
    }
}

/// Splits a text at spaces into lines of at most `width` characters. A longer word, such as an address, stays whole.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_at_words() {
        let lines = wrapped("one two three https://a.example/a-very-long-address four", 10);
        assert_eq!(lines, ["one two", "three", "https://a.example/a-very-long-address", "four"]);
        assert_eq!(wrapped("", 10), [""]);
    }
}
