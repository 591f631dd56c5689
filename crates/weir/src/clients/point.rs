//! `weir use`: which files change, and how?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use weir_core::client::{Edit, Gate, Scope, Token};
use weir_core::time::{Day, SystemClock};
use weir_core::{Clock as _, Ecosystem};
use weir_settings::diff;

use super::journal::{Journal, Last, Planned};
use super::machine::Here;
use super::{Chosen, Known, ci, files};
use crate::cli::Place;
use crate::{health, output};

/// Longest token that is taken, in bytes. Weir's own have 82.
const MAX_TOKEN: u64 = 4096;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The stage to ask.
    #[arg(value_name = "STAGE", required_unless_present = "undo")]
    stage: Option<String>,
    /// Ask for what upstream listed on this day, where one document lists all packages: 2026-10-01. What is refused today is
    /// refused all the same.
    #[arg(long, value_name = "DAY", value_parser = day, conflicts_with = "undo")]
    snapshot: Option<Day>,
    /// The Weir to ask [default: on this machine, where `[server] listen` says].
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    clients: Chosen,
    /// Write the settings of the project in this directory, not those of the user; tokens stay with the user.
    #[arg(long, conflicts_with = "user")]
    project: bool,
    /// Write the settings of the user: the default.
    #[arg(long)]
    user: bool,
    /// Where the token comes from: `env:NAME`, `file:PATH`, or `-` for standard input [default: env:WEIR_TOKEN, if it is
    /// set].
    #[arg(long, value_name = "SOURCE")]
    token_from: Option<String>,
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print lines for a pipeline instead of changing anything here.
    #[arg(long, value_enum, conflicts_with_all = ["dry_run", "undo", "token_from"])]
    ci: Option<ci::Kind>,
    /// Put back what was there before.
    #[arg(long, conflicts_with_all = ["stage", "dry_run"])]
    undo: bool,
    /// With --undo: leave files that changed since as they are, and forget them.
    #[arg(long, requires = "undo")]
    keep_changed: bool,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| String::from("expected a day as 2026-10-01"))
}

/// The stage that is to be asked, as it is now or as of a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    pub stage: String,
    pub day: Option<Day>,
}

impl Asked {
    /// What an address of this ecosystem names. `None` for the day if it has no pages of one.
    pub fn address(&self, ecosystem: &Ecosystem) -> (String, Option<Day>) {
        match self.day.filter(|_| ecosystem.registry.catalogue().is_some()) {
            Some(day) => (format!("{}@{day}", self.stage), Some(day)),
            None => (self.stage.clone(), None),
        }
    }
}

/// What is told of clients for which there are no pages of a day.
pub const NOT_OF_A_DAY: &str = "asks the stage as it is now: there are no pages of a day for it";

/// Where the journal lies.
pub fn journal(here: &Here) -> PathBuf {
    here.data_home().join("weir").join("use")
}

/// Runs `weir use`.
pub fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let here = Here::find()?;
    if arguments.undo {
        return undo(&here, arguments.keep_changed);
    }
    let stage = arguments.stage.clone().context("name a stage")?;
    if !is_stage(&stage) {
        bail!(
            "`{stage}` is not the name of a stage: lower-case letters, digits and `-`, at most 31, beginning with a letter"
        );
    }
    let asked = Asked { stage, day: arguments.snapshot };
    let server = match &arguments.server {
        Some(server) => server.clone(),
        None => health::here(place)?,
    };
    let server = address(&server)?;
    let clients = arguments.clients.of(&here)?;
    let scope = if arguments.project { Scope::Project } else { Scope::User };
    if let Some(kind) = arguments.ci {
        output::line(ci::lines(kind, &server, &asked, &clients, &here)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let token = token(arguments.token_from.as_deref())?;
    let plan = Plan::make(&here, &server, &asked, token.as_ref(), &clients, scope)?;
    if arguments.dry_run {
        plan.show(&here, token.as_ref());
        return Ok(ExitCode::SUCCESS);
    }
    plan.write(&here, &server, &asked.stage)?;
    Ok(ExitCode::SUCCESS)
}

fn is_stage(name: &str) -> bool {
    let rest = name.strip_prefix(|first: char| first.is_ascii_lowercase());
    rest.is_some_and(|rest| {
        rest.len() <= 30 && rest.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    })
}

/// The address without a slash at its end. What is written into files of many forms has no character that means anything there.
pub fn address(server: &str) -> anyhow::Result<String> {
    let server = server.trim_end_matches('/');
    let rest = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://"));
    let sound = |rest: &str| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~:/[]".contains(&byte))
    };
    match rest {
        Some(rest) if sound(rest) => Ok(server.to_owned()),
        Some(rest) if rest.contains('@') => bail!("--server has a password in it; give the token with --token-from"),
        _ => bail!(
            "`{server}` is not the address of a Weir; expected http:// or https://, a host, and perhaps a port and a path"
        ),
    }
}

/// The token from where the person says it is; never from the command line, which others can see.
pub fn token(source: Option<&str>) -> anyhow::Result<Option<Token>> {
    use std::io::Read as _;
    let text = match source {
        None => match std::env::var("WEIR_TOKEN") {
            Ok(token) if !token.trim().is_empty() => token,
            _ => return Ok(None),
        },
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().take(MAX_TOKEN + 1).read_to_string(&mut text).context("standard input cannot be read")?;
            text
        }
        Some(source) => match source.split_once(':') {
            Some(("env", name)) => std::env::var(name).with_context(|| format!("the variable {name} is not set"))?,
            Some(("file", path)) => {
                let mut text = String::new();
                let file = std::fs::File::open(path).with_context(|| format!("`{path}` cannot be read"))?;
                file.take(MAX_TOKEN + 1)
                    .read_to_string(&mut text)
                    .with_context(|| format!("`{path}` cannot be read"))?;
                text
            }
            _ => bail!(
                "--token-from takes env:NAME, file:PATH or -, not `{}`",
                source.chars().take(4).collect::<String>() + "…"
            ),
        },
    };
    let text = text.trim();
    if text.is_empty()
        || text.len() as u64 > MAX_TOKEN
        || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(&byte))
    {
        bail!("the token is empty, too long, or has characters in it that no token of Weir has");
    }
    Ok(Some(Token::new(text)))
}

/// One file with what it is and what it will be.
struct Changed {
    before: Option<String>,
    after: String,
    secret: bool,
    clients: Vec<&'static str>,
}

/// Everything that would be changed.
struct Plan {
    files: BTreeMap<PathBuf, Changed>,
    /// The order in which files were first named.
    order: Vec<PathBuf>,
    /// Clients that cannot be told, with the reason.
    notes: Vec<(&'static str, &'static str)>,
}

impl Plan {
    fn make(
        here: &Here,
        server: &str,
        asked: &Asked,
        token: Option<&Token>,
        clients: &[Known],
        scope: Scope,
    ) -> anyhow::Result<Self> {
        let mut plan = Self { files: BTreeMap::new(), order: Vec::new(), notes: Vec::new() };
        let mut problems = Vec::new();
        for Known { ecosystem, client } in clients {
            let (stage, day) = asked.address(ecosystem);
            if day != asked.day {
                plan.notes.push((client.id, NOT_OF_A_DAY));
            }
            let gate = Gate { server: server.to_owned(), stage, ecosystem: ecosystem.id, token: token.cloned() };
            match (client.settings)(&gate, here, scope) {
                Err(note) => plan.notes.push((client.id, note)),
                Ok(edits) => {
                    for edit in edits {
                        if let Err(error) = plan.add(client.id, &edit) {
                            problems.push(format!("{}: {error:#}", here.shown(&edit.file)));
                        }
                    }
                }
            }
        }
        problems.dedup();
        if !problems.is_empty() {
            bail!("nothing was changed, because not everything can be:\n  {}", problems.join("\n  "));
        }
        Ok(plan)
    }

    fn add(&mut self, client: &'static str, edit: &Edit) -> anyhow::Result<()> {
        let file = files::resolved(&edit.file);
        if !self.files.contains_key(&file) {
            let held = files::read(&file, weir_settings::edit::MAX_FILE)?;
            let before =
                held.map(|held| String::from_utf8(held.bytes)).transpose().context("it is not text in UTF-8")?;
            self.order.push(file.clone());
            let after = before.clone().unwrap_or_default();
            self.files.insert(file.clone(), Changed { before, after, secret: false, clients: Vec::new() });
        }
        let changed = self.files.get_mut(&file).context("a file is in its own list")?;
        changed.after = weir_settings::apply(&changed.after, edit.format, &edit.changes)?;
        changed.secret |= edit.secret;
        if !changed.clients.contains(&client) {
            changed.clients.push(client);
        }
        Ok(())
    }

    fn each(&self) -> impl Iterator<Item = (&PathBuf, &Changed)> {
        self.order.iter().filter_map(|file| Some((file, self.files.get(file)?)))
    }

    /// Prints a unified diff of every file; tokens are left out.
    fn show(&self, here: &Here, token: Option<&Token>) {
        let mut same = Vec::new();
        for (file, changed) in self.each() {
            let shown = here.shown(file);
            let old = if changed.before.is_some() { shown.as_str() } else { "/dev/null" };
            let before = changed.before.as_deref().unwrap_or_default();
            let text = diff::unified((old, &shown), before, &changed.after);
            let text = match token {
                Some(token) => text.replace(token.expose(), "****"),
                None => text,
            };
            if text.is_empty() {
                same.push(shown);
            }
            for line in masked(&text).lines() {
                let colour = match line.as_bytes().first() {
                    _ if line.starts_with("+++") || line.starts_with("---") => "\u{1b}[1m",
                    Some(b'+') => "\u{1b}[32m",
                    Some(b'-') => "\u{1b}[31m",
                    Some(b'@') => "\u{1b}[36m",
                    _ => "",
                };
                output::line(if colour.is_empty() { line.to_owned() } else { format!("{colour}{line}\u{1b}[0m") });
            }
        }
        for file in same {
            output::note(format!("{file} stays as it is"));
        }
        self.tell();
    }

    fn write(&self, here: &Here, server: &str, stage: &str) -> anyhow::Result<()> {
        let planned: Vec<Planned> = self
            .each()
            .filter(|(_, changed)| changed.before.as_deref() != Some(changed.after.as_str()))
            .map(|(file, changed)| Planned { file: file.clone(), text: changed.after.clone(), secret: changed.secret })
            .collect();
        let last = Last { server: server.to_owned(), stage: stage.to_owned(), at: SystemClock.now() };
        Journal::open(journal(here))?.write(&planned, last)?;
        output::line(format!("stage {stage} of {server}"));
        let widest = self.each().map(|(_, changed)| changed.clients.join(", ").len()).max().unwrap_or_default();
        for (file, changed) in self.each() {
            let what = match &changed.before {
                Some(before) if *before == changed.after => "as before",
                Some(_) => "changed",
                None => "new",
            };
            let only = if changed.secret { ", has the token: readable by you alone" } else { "" };
            output::line(format!("  {:widest$}  {}  {what}{only}", changed.clients.join(", "), here.shown(file)));
        }
        self.tell();
        let gone = self.gone(here);
        if !gone.is_empty() {
            output::line("taken out, because it goes around Weir:");
            for line in gone {
                output::line(format!("  {line}"));
            }
        }
        output::note("weir doctor says whether it works; weir use --undo takes it back");
        Ok(())
    }

    fn tell(&self) {
        for (client, note) in &self.notes {
            output::note(format!("{client}: {note}"));
        }
    }

    /// Lines with addresses that are not there any more.
    fn gone(&self, here: &Here) -> Vec<String> {
        let mut gone = Vec::new();
        for (file, changed) in self.each() {
            let Some(before) = &changed.before else { continue };
            let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), changed.after.lines().collect());
            for step in diff::steps(&old, &new) {
                if let diff::Step::Old(at) = step
                    && let Some(line) = old.get(at).filter(|line| line.contains("://"))
                {
                    gone.push(format!("{}: {}", here.shown(file), masked(line.trim())));
                }
            }
        }
        gone
    }
}

/// Keys whose values are secret, in small letters, each with what may follow it.
const SECRETS: [(&str, &[char]); 5] = [
    ("_authtoken", &['=', ' ']),
    ("_password", &['=', ' ']),
    ("npmauthtoken", &[':']),
    ("password", &[' ', '=', ':', '>', '"']),
    ("token", &[' ', '=']),
];

/// A text without the passwords in its addresses and settings.
pub fn masked(text: &str) -> String {
    let hide = |line: &str| {
        let lower = line.to_ascii_lowercase();
        for (key, separators) in SECRETS {
            let Some(at) = lower.find(key) else { continue };
            let rest = &line[at + key.len()..];
            let value = rest.trim_start_matches([' ', '=', ':', '"', '>', '\'']);
            if !rest.starts_with(separators) || value.is_empty() {
                continue;
            }
            let start = line.len() - value.len();
            let stop = value.find(['"', '<', '\'', ' ', '\n', '\r']).map_or(line.len(), |stop| start + stop);
            return format!("{}****{}", &line[..start], &line[stop..]);
        }
        // `https://user:password@host/`
        match (line.find("://"), line.find('@')) {
            (Some(scheme), Some(at)) if at > scheme + 3 && !line[scheme + 3..at].contains('/') => {
                format!("{}****{}", &line[..scheme + 3], &line[at..])
            }
            _ => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(hide).collect()
}

fn undo(here: &Here, keep_changed: bool) -> anyhow::Result<ExitCode> {
    let mut journal = Journal::open(journal(here))?;
    let shown = |file: &Path| here.shown(file);
    let undone = journal.undo(keep_changed, &shown)?;
    for file in &undone.restored {
        output::line(format!("{} is as it was", shown(file)));
    }
    for file in &undone.kept {
        output::line(format!("{} stays as it is", shown(file)));
    }
    if undone.restored.is_empty() && undone.kept.is_empty() && undone.refused.is_empty() {
        output::line("there is nothing to take back");
    }
    if !undone.refused.is_empty() {
        let lines = undone.refused.join("\n  ");
        bail!(
            "not everything could be taken back:\n  {lines}\nput it right by hand and run this again, or leave these files as they are with \
             weir use --undo --keep-changed"
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_addresses_are_told_from_other_texts() {
        for good in ["dev", "a", "prod-2"] {
            assert!(is_stage(good), "{good}");
        }
        for bad in ["", "Dev", "2", "a_b", "a/b", &"a".repeat(32)] {
            assert!(!is_stage(bad), "{bad}");
        }
        assert_eq!(address("https://weir.example/").unwrap(), "https://weir.example");
        assert_eq!(address("http://[::1]:8484").unwrap(), "http://[::1]:8484");
        for bad in
            ["weir.example", "ftp://a", "https://a\"b", "https://u:p@a", "https://", "https://a b", "https://a\nb"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_repeated() {
        assert_eq!(masked("url = https://u:p@h/x"), "url = https://****@h/x");
        assert_eq!(masked("//h/:_authToken=abc"), "//h/:_authToken=****");
        assert_eq!(masked("+password abc\n-x"), "+password ****\n-x");
        assert_eq!(masked("<password>abc</password>"), "<password>****</password>");
        assert_eq!(masked("npmAuthToken: \"abc\""), "npmAuthToken: \"****\"");
        assert_eq!(masked("token = \"abc\""), "token = \"****\"");
        let kept = "credential-provider = [\"cargo:token\"]";
        assert_eq!(masked(kept), kept);
    }
}
