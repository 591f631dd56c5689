//! `weir publish check`: what would one rather know of a file before it is published?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use weir_core::digest::Hasher;
use weir_core::hosting::Identity;
use weir_core::registry::Expected;
use weir_core::{Digest, Ecosystem, Purl};
use weir_inspect::preflight::{self, CODES, Stated};
use weir_inspect::{ReadSeek, UNREADABLE_ARCHIVE, Unidentified};

use crate::cli::Format;
use crate::server::Server;
use crate::{ecosystems, output};

/// Entries of a file that are listed unless all are asked for.
const LISTED: usize = 20;
/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Files as they would be published: wheels, sdists, npm packages, crates and what else this Weir hosts.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Notes that should stop a file: their codes, `all`, or `none`.
    #[arg(long, value_name = "CODE", value_delimiter = ',', default_values_t = [String::from("secret"), String::from("private-file")])]
    fail_on: Vec<String>,
    /// List all that is in the files.
    #[arg(long)]
    all: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which ecosystem the files are of, where they do not tell.
    #[arg(long, value_name = "ECOSYSTEM")]
    ecosystem: Option<String>,
    /// Also ask a running Weir whether it would take them: name, version, and the token's rights.
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The token for it.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// What is known of a file.
struct Checked {
    path: PathBuf,
    /// What it is, unless that cannot be told.
    purl: Option<String>,
    size: u64,
    paths: Vec<String>,
    published: bool,
    /// Code, text, and whether it should stop the file.
    notes: Vec<(String, String, bool)>,
}

/// Runs `weir publish check`.
pub async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let known = || CODES.iter().map(|(code, _)| *code);
    for code in &arguments.fail_on {
        if !known().chain(["all", "none"]).any(|known| known == code) {
            bail!("--fail-on: `{code}` is no code of a note; there are {}", known().collect::<Vec<_>>().join(", "));
        }
    }
    let candidates: Vec<&'static Ecosystem> = match &arguments.ecosystem {
        None => ecosystems::ALL.iter().collect(),
        Some(id) => vec![ecosystems::ALL.by_id(id).with_context(|| {
            let known: Vec<_> = ecosystems::ALL.iter().map(|ecosystem| ecosystem.id).collect();
            format!("--ecosystem: `{id}` is none; there are {}", known.join(", "))
        })?],
    };
    let server = arguments.server.as_deref().map(|url| Server::at(url, arguments.token.as_deref())).transpose()?;
    let (mut checked, mut unread) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        match check(arguments, &candidates, server.as_ref(), path).await {
            Ok(file) => checked.push(file),
            Err(error) => unread.push(format!("{}: {error:#}", path.display())),
        }
    }
    let refused = checked.iter().filter(|file| file.notes.iter().any(|(_, _, stops)| *stops)).count();
    match arguments.format {
        Format::Human => checked.iter().for_each(|file| print(file, arguments.all)),
        Format::Json => output::line(serde_json::to_string_pretty(&told(&checked, &unread, refused))?),
    }
    for problem in &unread {
        output::note(format!("error: {problem}"));
    }
    Ok(ExitCode::from(match (refused, unread.len()) {
        (0, 0) => 0,
        (0, _) => 2,
        _ => 1,
    }))
}

async fn check(
    arguments: &Arguments,
    candidates: &[&'static Ecosystem],
    server: Option<&Server>,
    path: &Path,
) -> anyhow::Result<Checked> {
    let name = path.file_name().and_then(|name| name.to_str()).context("its name cannot be read")?;
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        bail!("it is not a file");
    }
    let mut out = Checked {
        path: path.to_owned(),
        purl: None,
        size: file.metadata()?.len(),
        paths: Vec::new(),
        published: false,
        notes: Vec::new(),
    };
    let Some((ecosystem, identity)) = identify(candidates, name, &mut file, &mut out)? else { return Ok(out) };
    let stops = |code: &str| {
        let listed = |word: &str| arguments.fail_on.iter().any(|listed| listed == word);
        listed("all") || listed(code)
    };
    out.purl = Some(Purl::new(ecosystem, &identity.package, Some(&identity.version)).to_string());
    let expected = Expected { package: &identity.package, version: &identity.version };
    let inspected = weir_inspect::inspect(ecosystem.registry, name, &mut file, &expected)?;
    for finding in inspected.findings.iter().chain(&inspected.declared.findings) {
        out.notes.push((finding.code.clone(), finding.text.clone(), true));
    }
    let looked = preflight::preflight(ecosystem.registry, name, &mut file, &inspected.declared, Stated::default())?;
    out.paths = looked.paths;
    out.notes.extend(looked.notes.into_iter().map(|note| (note.code.to_owned(), note.text, stops(note.code))));
    if let Some(server) = server {
        let sha256 = digest(&mut file)?;
        let purl = out.purl.clone().unwrap_or_default();
        ask(server, &purl, &identity, sha256, &stops, &mut out).await?;
    }
    Ok(out)
}

/// What a file is. `None` if it is an archive that cannot be read, which is then among the notes.
fn identify(
    candidates: &[&'static Ecosystem],
    name: &str,
    file: &mut dyn ReadSeek,
    out: &mut Checked,
) -> anyhow::Result<Option<(&'static Ecosystem, Identity)>> {
    let (mut found, mut unreadable) = (Vec::new(), None);
    for ecosystem in candidates {
        match weir_inspect::identify(ecosystem.registry, name, file) {
            Ok(Some(identity)) => found.push((*ecosystem, identity)),
            Ok(None) => {}
            Err(Unidentified::Unreadable(problem)) => unreadable = Some(problem),
            Err(Unidentified::Io(error)) => return Err(error.into()),
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next(), unreadable) {
        (Some(one), None, _) => Ok(Some(one)),
        (Some((one, _)), Some((other, _)), _) => {
            bail!("it could be of {} or of {}; --ecosystem {} says which", one.title, other.title, one.id)
        }
        (None, _, Some(problem)) => {
            out.notes.push((UNREADABLE_ARCHIVE.to_owned(), format!("in {name}: {problem}"), true));
            Ok(None)
        }
        (None, _, None) => {
            let hosts: Vec<_> = candidates.iter().filter(|one| one.registry.hosting().is_some()).collect();
            let hosts: Vec<_> = hosts.iter().map(|one| one.title).collect();
            bail!("it says of itself no name and version under which {} would take it", hosts.join(", "))
        }
    }
}

fn digest(file: &mut dyn ReadSeek) -> anyhow::Result<Digest> {
    file.rewind()?;
    let mut hasher = Hasher::all();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finish().sha256),
            read => hasher.update(chunk.get(..read).unwrap_or_default()),
        }
    }
}

/// What a running Weir would say.
async fn ask(
    server: &Server,
    purl: &str,
    identity: &Identity,
    sha256: Digest,
    stops: &dyn Fn(&str) -> bool,
    out: &mut Checked,
) -> anyhow::Result<()> {
    let (sha256, joins) = (sha256.to_string(), identity.joins.to_string());
    let parameters = [("purl", purl), ("file", &identity.file), ("sha256", &sha256), ("joins", &joins)];
    let answer = server.ask("hosted/prospect", &parameters).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |key: &str| answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for note in list("notes") {
        let code = note.get("code").map(text).unwrap_or_default();
        let stop = stops(&code);
        out.notes.push((code, note.get("text").map(text).unwrap_or_default(), stop));
    }
    let refuse: Vec<String> = list("refuse").iter().map(text).collect();
    for (code, _, stop) in &mut out.notes {
        *stop |= refuse.contains(code);
    }
    if let Some(refused) = answer.get("refused").and_then(Value::as_str) {
        out.notes.push((String::from("refused"), refused.to_owned(), true));
    }
    out.published = answer.get("published").and_then(Value::as_bool).unwrap_or_default();
    Ok(())
}

fn told(checked: &[Checked], unread: &[String], refused: usize) -> Value {
    let files: Vec<Value> = checked
        .iter()
        .map(|file| {
            let notes: Vec<Value> = file
                .notes
                .iter()
                .map(|(code, text, stops)| json!({ "code": code, "text": text, "stops": stops }))
                .collect();
            json!({
                "file": file.path, "purl": file.purl, "size": file.size, "paths": file.paths, "notes": notes,
                "published": file.published,
            })
        })
        .collect();
    json!({
        "summary": { "files": checked.len() + unread.len(), "refused": refused, "complete": unread.is_empty() },
        "files": files,
        "unread": unread,
    })
}

fn print(file: &Checked, all: bool) {
    let what = file.purl.as_deref().unwrap_or("not readable");
    let published = if file.published { ", published already" } else { "" };
    let count = file.paths.len();
    let entries = if count == 1 { "entry" } else { "entries" };
    output::line(format!("{}: {what}, {} bytes, {count} {entries}{published}", file.path.display(), file.size));
    for (code, text, stops) in &file.notes {
        let word = if *stops { "\u{1b}[1;31mstop\u{1b}[0m" } else { "\u{1b}[1;33mnote\u{1b}[0m" };
        output::line(format!("  {word}  {code}: {text}"));
    }
    let shown = if all { count } else { LISTED };
    for path in file.paths.iter().take(shown) {
        output::line(format!("        {}", path.escape_debug()));
    }
    if count > shown {
        output::line(format!("        and {} more; --all lists them", count - shown));
    }
}
