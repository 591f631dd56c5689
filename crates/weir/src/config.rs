//! What is set, and by whom: `weir.toml`, then `WEIR_…` variables, then flags.
//!
//! A variable's name is the key with `__` between its parts: `WEIR_UPSTREAM__PYPI__URL` is `[upstream.pypi] url`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde::Deserialize;
use toml::{Table, Value};
use weir_upstream::Secret;
use weir_upstream::address::redacted_text;

use crate::cli::Place;
use crate::{config_check, ecosystems, output};

pub mod upstream;

pub use upstream::{UpstreamSection, upstreams};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print every setting with its origin; secrets stay hidden.
    Show,
    /// Check everything that can be checked without starting. Exit code 1 if `weir serve` would not start or not work.
    Check(config_check::Arguments),
}

/// Keys whose values are never shown.
const SECRETS: [&str; 3] = ["password", "token", "secret"];

/// Everything that can be set.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub blobs: Blobs,
    pub cache: Cache,
    pub upstream: BTreeMap<String, UpstreamSection>,
    pub hosted: HostedSection,
    pub feeds: FeedsSection,
    pub bundle: Bundle,
    pub retention: Retention,
    pub log: Log,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Server {
    /// Address and port; port 0 picks a free one.
    pub listen: String,
    /// The address that clients use, if it is another.
    pub public_url: Option<String>,
    /// Memory for pages and facts, in MiB.
    pub memory_mib: usize,
    /// Connections at once; more wait.
    pub max_connections: usize,
    /// Proxies that are believed: addresses and ranges.
    pub trusted_proxies: Vec<String>,
    /// Plain HTTP beyond this machine, against the danger.
    pub allow_plain_http: bool,
    /// Certificate and key; without them, plain HTTP.
    pub tls: Tls,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Tls {
    /// PEM: the server's certificate, then those that vouch for it.
    pub certificate: Option<PathBuf>,
    /// PEM: its private key.
    pub key: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: String::from("127.0.0.1:8484"),
            public_url: None,
            memory_mib: 96,
            max_connections: 2048,
            trusted_proxies: Vec::new(),
            allow_plain_http: false,
            tls: Tls::default(),
        }
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Bundle {
    /// Keys whose bundles `weir import` takes in, as `weir export --key` prints them.
    pub trust: Vec<String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Store {
    /// `postgres://…`, or `env:` or `file:` for where that is; without it, SQLite in the data directory.
    pub url: Option<String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Blobs {
    /// An S3 endpoint; without it, files in the data directory.
    pub s3: Option<S3>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct S3 {
    pub endpoint: Option<String>,
    pub bucket: String,
    #[serde(default)]
    pub prefix: String,
    pub region: Option<String>,
    pub key: Option<String>,
    pub secret: Option<String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cache {
    /// Artifacts that are kept, in MiB; without it, all.
    pub limit_mib: Option<u64>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HostedSection {
    /// Patterns of names that are this Weir's own, whoever else has them: `npm:@acme/*`.
    pub names: Vec<String>,
    /// Codes of preflight notes for which nothing is published.
    pub preflight: Vec<String>,
    /// Largest upload, in MiB.
    pub max_upload_mib: Option<u64>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FeedsSection {
    /// Bring in advisories by schedule while serving.
    pub sync: bool,
    /// Hours between two times.
    pub interval_hours: u64,
    pub osv_url: Option<String>,
    /// Empty: off.
    pub kev_url: Option<String>,
    /// Empty: off.
    pub epss_url: Option<String>,
    /// A PEM file of certificates that are trusted beside the system's own.
    pub ca_bundle: Option<PathBuf>,
}

impl Default for FeedsSection {
    fn default() -> Self {
        Self { sync: true, interval_hours: 1, osv_url: None, kev_url: None, epss_url: None, ca_bundle: None }
    }
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retention {
    /// Days for which upstream documents that are no longer current are kept.
    pub documents_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { documents_days: 365 }
    }
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Log {
    /// `text` or `json`.
    pub format: String,
    /// `error`, `warn`, `info`, `debug`, or directives such as `weir_upstream=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: String::from("text"), level: String::from("info") }
    }
}

/// A configuration with the origin of each key that was set.
pub struct Loaded {
    pub config: Config,
    origins: BTreeMap<String, (String, String)>,
}

/// Runs `weir config …`.
pub async fn run(place: &Place, command: &Command) -> anyhow::Result<ExitCode> {
    if let Command::Check(arguments) = command {
        return config_check::run(place, arguments).await;
    }
    let loaded = load(place)?;
    for (key, (value, origin)) in &loaded.origins {
        output::line(format!("{key} = {value}  # {origin}"));
    }
    let flag = |name: &str, value: String| output::line(format!("{name} = {value}"));
    flag("data", place.data.display().to_string());
    flag("policy", place.policy.clone().unwrap_or_else(|| place.data.join("policy.toml")).display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// Reads the configuration.
pub fn load(place: &Place) -> anyhow::Result<Loaded> {
    let mut origins = BTreeMap::new();
    let mut table = Table::new();
    defaults(&mut origins);
    let file = match &place.config {
        Some(file) => Some(file.clone()),
        None => Some(place.data.join("weir.toml")).filter(|file| file.exists()),
    };
    if let Some(file) = &file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("the configuration `{}` cannot be read", file.display()))?;
        // Checked by itself first, so that a mistake is told with the line of the file.
        let _: Config = toml::from_str(&text).map_err(|error| mistake(file, &text, &error))?;
        table = toml::from_str(&text).map_err(|error| mistake(file, &text, &error))?;
        leaves("", &Value::Table(table.clone()), &mut |key, value| {
            origins.insert(key.to_owned(), (shown(key, value), file.display().to_string()));
        });
    }
    let mut variables: Vec<_> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    variables.retain(|(name, _)| name.starts_with("WEIR_") && name.contains("__"));
    variables.sort();
    for (name, value) in variables {
        let Ok(value) = value.into_string() else { bail!("the variable {name} is not UTF-8") };
        let path: Vec<String> =
            name["WEIR_".len()..].split("__").map(|part| part.to_ascii_lowercase().replace('_', "-")).collect();
        let key = path.join(".");
        let value = put(&mut table, &path, &value)
            .map_err(|problem| anyhow::anyhow!("the variable {name} (`{key}`) does not fit: {problem}"))?;
        origins.insert(key.clone(), (shown(&key, &value), format!("${name}")));
    }
    let config: Config = Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| anyhow::anyhow!("the configuration does not check: {}", error.message()))?;
    check(&config, file.as_deref())?;
    Ok(Loaded { config, origins })
}

/// What is wrong with a configuration, with the line and a caret. A line can hold a secret, also one that is misspelt: of
/// a key that is wrong only the key is shown.
fn mistake(file: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let span = error.span().unwrap_or(0..0);
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let (number, column) = (text[..line_start].matches('\n').count() + 1, text[line_start..start].chars().count());
    let key = line.split('=').next().unwrap_or_default();
    let secret = SECRETS.iter().any(|secret| key.contains(secret));
    let in_key = column < key.chars().count() && line.contains('=');
    let shown = if in_key || secret { format!("{}= …", key) } else { line.to_owned() };
    // The complaint itself quotes what it found.
    let what = if secret && !in_key { "the value has the wrong type; expected a text" } else { error.message() };
    let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect();
    let gutter = number.to_string().len();
    let width = text[start..text.floor_char_boundary(span.end.max(start))].chars().count().clamp(1, 80);
    let width = if in_key { width.min(key.trim_end().chars().count().saturating_sub(column).max(1)) } else { width };
    anyhow::anyhow!(
        "the configuration `{file}` does not check\n\n{file}:{number}:{}: {what}\n{:gutter$} |\n{number} | {shown}\n\
         {:gutter$} | {:column$}{}\n",
        column + 1,
        "",
        "",
        "",
        "^".repeat(width),
        file = file.display(),
    )
}

fn check(config: &Config, file: Option<&Path>) -> anyhow::Result<()> {
    let place = file.map_or_else(|| String::from("the configuration"), |file| format!("`{}`", file.display()));
    for (id, section) in &config.upstream {
        let Some(ecosystem) = ecosystems::ALL.by_id(id) else {
            let known: Vec<_> = ecosystems::ALL.iter().map(|ecosystem| ecosystem.id).collect();
            bail!("{place}: [upstream.{id}] names no ecosystem; there are {}", known.join(", "));
        };
        upstream::check(section, ecosystem).with_context(|| place.clone())?;
    }
    if !matches!(config.log.format.as_str(), "text" | "json") {
        bail!("{place}: [log] format is `{}`; expected `text` or `json`", config.log.format);
    }
    for name in &config.hosted.names {
        if let Err(problem) = weir_gateway::rights::check(name, ecosystems::ALL) {
            bail!("{place}: [hosted] names: {problem}");
        }
    }
    let codes = weir_inspect::preflight::CODES.map(|(code, _)| code);
    if let Some(code) = config.hosted.preflight.iter().find(|code| !codes.contains(&code.as_str())) {
        bail!("{place}: [hosted] preflight: `{code}` is no code of a note; there are {}", codes.join(", "));
    }
    if config.hosted.max_upload_mib == Some(0) {
        bail!("{place}: [hosted] max-upload-mib is 0; expected 1 or more");
    }
    if config.cache.limit_mib == Some(0) {
        bail!("{place}: [cache] limit-mib is 0; expected 1 or more, or no such key to keep everything");
    }
    if config.feeds.interval_hours == 0 {
        bail!("{place}: [feeds] interval-hours is 0; expected 1 or more, or `sync = false` to switch it off");
    }
    Ok(())
}

fn defaults(origins: &mut BTreeMap<String, (String, String)>) {
    let server = Server::default();
    let feeds = FeedsSection::default();
    let log = Log::default();
    let mut put = |key: &str, value: String| origins.insert(key.to_owned(), (value, String::from("default")));
    put("server.listen", format!("\"{}\"", server.listen));
    put("server.memory-mib", server.memory_mib.to_string());
    put("server.max-connections", server.max_connections.to_string());
    put("server.allow-plain-http", server.allow_plain_http.to_string());
    put("hosted.max-upload-mib", (weir_gateway::gateway::MAX_UPLOAD >> 20).to_string());
    put("feeds.sync", feeds.sync.to_string());
    put("feeds.interval-hours", feeds.interval_hours.to_string());
    put("retention.documents-days", Retention::default().documents_days.to_string());
    put("log.format", format!("\"{}\"", log.format));
    put("log.level", format!("\"{}\"", log.level));
    for ecosystem in ecosystems::ALL.iter() {
        put(&format!("upstream.{}.url", ecosystem.id), format!("\"{}\"", ecosystem.upstream.url));
    }
}

fn leaves(prefix: &str, value: &Value, each: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(&key, value, each);
            }
        }
        // Tables in a list go by their names.
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
            for (at, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or_else(|| at.to_string(), str::to_owned);
                leaves(&format!("{prefix}.{name}"), item, each);
            }
        }
        other => each(prefix, other),
    }
}

/// A value as it may be shown: secrets are not, but where they are looked up is.
fn shown(key: &str, value: &Value) -> String {
    let Some(text) = value.as_str() else { return value.to_string() };
    let secret = key.rsplit('.').next().is_some_and(|last| SECRETS.contains(&last));
    if text.starts_with("env:") || text.starts_with("file:") {
        return value.to_string();
    }
    if secret {
        return String::from("\"****\"");
    }
    if key == "store.url" {
        // Its query can hold a password, too.
        return Value::String(weir_store::Location::Postgres(text.to_owned()).to_string()).to_string();
    }
    // An address may hold a user and a password, a query a token.
    if text.contains("://") { Value::String(redacted_text(text)).to_string() } else { value.to_string() }
}

/// Puts a variable's text where `path` says, as the first kind of value that fits there: a number or switch, a text, a list
/// separated by commas. What does not fit is not put there.
fn put(table: &mut Table, path: &[String], text: &str) -> Result<Value, String> {
    let list = || Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect());
    let typed = text.parse::<bool>().map(Value::Boolean).or_else(|_| text.parse::<i64>().map(Value::Integer)).ok();
    let mut problem = String::from("it names no key");
    for value in typed.into_iter().chain([Value::String(text.to_owned()), list()]) {
        let mut tried = table.clone();
        if let Err(error) = set(&mut tried, path, value.clone()) {
            return Err(error.to_string());
        }
        match Value::Table(tried.clone()).try_into::<Config>() {
            Ok(_) => {
                *table = tried;
                return Ok(value);
            }
            // What the first kind says is what a person meant.
            Err(error) if problem == "it names no key" => problem = redacted_problem(error.message(), text),
            Err(_) => {}
        }
    }
    Err(problem)
}

/// A complaint that may quote the value, which may be a secret.
fn redacted_problem(problem: &str, value: &str) -> String {
    if value.is_empty() { problem.to_owned() } else { problem.replace(value, "****") }
}

fn set(table: &mut Table, path: &[String], value: Value) -> anyhow::Result<()> {
    let Some((first, rest)) = path.split_first() else { bail!("it names no key") };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    let entry = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    match entry {
        Value::Table(table) => set(table, rest, value),
        _ => bail!("`{first}` is a value, not a table"),
    }
}

/// A secret as configured: `env:NAME`, `file:PATH`, or the secret itself.
pub fn secret(text: &str) -> anyhow::Result<Secret> {
    if let Some(name) = text.strip_prefix("env:") {
        // The variable's text is a secret even where it is not UTF-8: the error must not quote it.
        let Some(value) = std::env::var_os(name) else {
            bail!("the secret `env:{name}` cannot be read: it is not set")
        };
        let Ok(value) = value.into_string() else { bail!("the secret `env:{name}` cannot be read: it is not UTF-8") };
        return Ok(Secret::new(value));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let value =
            std::fs::read_to_string(path).with_context(|| format!("the secret `file:{path}` cannot be read"))?;
        return Ok(Secret::new(value.trim_end()));
    }
    Ok(Secret::new(text))
}
