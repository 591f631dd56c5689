//! `weir config check`: could it be served as it is configured?
//!
//! Everything that can be looked at without starting is looked at, and all that is wrong is told in one run. Nothing is
//! made and nothing changed, but for a file that is written into the directory of blobs and removed again.

use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde::Serialize;
use weir_blob::Blobs;
use weir_core::Clock as _;
use weir_core::time::SystemClock;
use weir_store::Store;
use weir_upstream::address::redacted_text;
use weir_upstream::{Upstream, UpstreamConfig};

use crate::cli::{Format, Place};
use crate::config::upstream::Configured;
use crate::config::{self, Config};
use crate::data::Data;
use crate::serve::address;
use crate::tls::{Files, Tls};
use crate::wiring::{self, Opened};
use crate::{ecosystems, output, policy};

/// How long an upstream or a feed may take to answer `--online`.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is asked for with `--online`: nothing that is there, since what is at the base of a registry can be huge. Any answer
/// is one.
const PROBE: &str = "weir-config-check";

#[derive(Args, Debug)]
pub struct Arguments {
    /// Also ask upstreams and feeds whether they answer.
    #[arg(long)]
    online: bool,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
enum Level {
    /// `weir serve` would not start, or not do its work.
    Error,
    /// It would, and somebody should look at this.
    Warning,
}

/// Something that is wrong.
#[derive(Serialize, Debug)]
struct Problem {
    level: Level,
    /// The key, flag or file that it is about.
    key: String,
    /// What is wrong, and the way out.
    problem: String,
}

/// What was looked at, and what was found.
#[derive(Serialize, Debug, Default)]
struct Report {
    /// It can be served.
    ok: bool,
    /// What was looked at and is well.
    checked: Vec<String>,
    problems: Vec<Problem>,
}

impl Report {
    fn error(&mut self, key: impl Into<String>, problem: impl std::fmt::Display) {
        self.problems.push(Problem { level: Level::Error, key: key.into(), problem: problem.to_string() });
    }

    fn warning(&mut self, key: impl Into<String>, problem: impl std::fmt::Display) {
        self.problems.push(Problem { level: Level::Warning, key: key.into(), problem: problem.to_string() });
    }

    fn well(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    /// Takes down what came of a look, and gives what it found.
    fn note<T>(&mut self, key: &str, found: anyhow::Result<T>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.error(key, format!("{error:#}"));
                None
            }
        }
    }
}

/// Runs `weir config check`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let loaded = config::load(place);
    if let Some(loaded) = report.note("configuration", loaded) {
        let config = loaded.config;
        report.well("configuration");
        level(&config, &mut report);
        reachable(&config, &mut report);
        certificate(&config, &mut report);
        data(place, &config, &mut report).await;
        for ecosystem in ecosystems::ALL.iter() {
            let key = format!("[upstream.{}]", ecosystem.id);
            for configured in report.note(&key, config::upstreams(&config, ecosystem)).into_iter().flatten() {
                upstream(&configured, arguments.online, &mut report).await;
            }
        }
        feeds(&config, arguments.online, &mut report).await;
    }
    policy_of(place, &mut report);
    report.ok = report.problems.iter().all(|problem| problem.level == Level::Warning);
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&report)?),
        Format::Human => print(&report),
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

fn print(report: &Report) {
    for Problem { level, key, problem } in &report.problems {
        let word = match level {
            Level::Error => "\u{1b}[1;31merror\u{1b}[0m",
            Level::Warning => "\u{1b}[1;33mwarning\u{1b}[0m",
        };
        output::line(format!("{word}: {key}: {}", problem.trim_end().replace('\n', "\n  ")));
    }
    let errors = report.problems.iter().filter(|problem| problem.level == Level::Error).count();
    let warnings = report.problems.len() - errors;
    if report.problems.is_empty() {
        output::line(format!("ok: {}", report.checked.join(", ")));
    } else {
        output::line(format!("{errors} errors, {warnings} warnings; ok: {}", report.checked.join(", ")));
    }
}

fn level(config: &Config, report: &mut Report) {
    let level = &config.log.level;
    match tracing_subscriber::EnvFilter::try_new(level) {
        Ok(_) => {}
        Err(error) => report.error(
            "[log] level",
            format!("`{level}` cannot be read: {error}; expected error, warn, info, debug or trace"),
        ),
    }
    let memory = config.server.memory_mib;
    if !(8..=65_536).contains(&memory) {
        report.warning(
            "[server] memory-mib",
            format!("{memory} is taken as {}; expected 8 to 65536", memory.clamp(8, 65_536)),
        );
    }
}

/// Where it would listen, and under which address.
fn reachable(config: &Config, report: &mut Report) {
    let server = &config.server;
    let listen = std::env::var("WEIR_LISTEN").unwrap_or_else(|_| server.listen.clone());
    let is_secure = server.tls.certificate.is_some();
    let mut loopback = true;
    match listen.to_socket_addrs() {
        Ok(addresses) => {
            loopback = addresses.into_iter().all(|address| address.ip().to_canonical().is_loopback());
            report.well("address");
        }
        Err(error) => report.error(
            "[server] listen",
            format!("`{listen}` is no address: {error}; expected ADDRESS:PORT such as 127.0.0.1:8484"),
        ),
    }
    if !loopback && !is_secure && !server.allow_plain_http && std::env::var_os("WEIR_ALLOW_PLAIN_HTTP").is_none() {
        report.error(
            "[server] listen",
            format!(
                "`{listen}` is reachable from other machines, and this would be plain HTTP; set [server.tls], listen on \
                 127.0.0.1 behind a proxy, or set allow-plain-http = true"
            ),
        );
    }
    if server.allow_plain_http && (is_secure || loopback) {
        report.warning("[server] allow-plain-http", "nothing needs it: remove it, before it allows what nobody wants");
    }
    report.note("[server] trusted-proxies", address::proxies(config));
    let url = std::env::var("WEIR_PUBLIC_URL").ok().or_else(|| server.public_url.clone());
    let Some(url) = url else {
        if !loopback {
            report.warning(
                "[server] public-url",
                "it is not set: pages name the address listened on, which clients may not reach",
            );
        }
        return;
    };
    match address::unusable(url.trim_end_matches('/'), None) {
        Some(problem) => {
            report.error("[server] public-url", format!("`{}` cannot be used: {problem}", redacted_text(&url)));
        }
        None => {
            let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
            let is_local = host.is_some_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"));
            if url.starts_with("http://") && !is_local {
                report.warning(
                    "[server] public-url",
                    format!("`{url}` is plain HTTP: whoever is on the way can change packages"),
                );
            }
        }
    }
}

fn certificate(config: &Config, report: &mut Report) {
    let tls = &config.server.tls;
    let files = match (&tls.certificate, &tls.key) {
        (None, None) => return,
        (Some(_), None) => return report.error("[server.tls] key", "there is a certificate without a key: set it"),
        (None, Some(_)) => {
            return report.error("[server.tls] certificate", "there is a key without a certificate: set it");
        }
        (Some(certificate), Some(key)) => Files { certificate: certificate.clone(), key: key.clone() },
    };
    let Some(loaded) = report.note("[server.tls]", Tls::load(files)) else { return };
    match loaded.ending(SystemClock.now()) {
        Some(ending) => report.warning("[server.tls] certificate", ending),
        None => report.well("certificate"),
    }
}

/// The data directory, the store, the blobs.
async fn data(place: &Place, config: &Config, report: &mut Report) {
    let root = &place.data;
    let stamp = root.join("format");
    if !stamp.exists() {
        match root.read_dir() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                report.warning("--data", format!("`{}` is not there; `weir serve` makes it", root.display()));
            }
            Err(error) => report.error("--data", format!("`{}` cannot be read: {error}", root.display())),
            Ok(_) => report
                .warning("--data", format!("`{}` is no data directory yet; `weir serve` makes it one", root.display())),
        }
    } else if let Some(data) = report.note("--data", Data::open_to_read(place)) {
        report.well("data directory");
        store(config, &data, report).await;
        local_blobs(config, &data, report).await;
        if config.blobs.s3.is_some() {
            let found = s3(config, root).await;
            if report.note("[blobs.s3]", found).is_some() {
                report.well("bucket");
            }
        }
    }
    if let Some(url) = &config.store.url
        && !stamp.exists()
        && let Err(error) = config::secret(url)
    {
        report.error("[store] url", format!("{error:#}"));
    }
}

async fn store(config: &Config, data: &Data, report: &mut Report) {
    let key = if config.store.url.is_some() { "[store] url" } else { "database" };
    let found = async {
        let location = wiring::location(config, data)?;
        if config.store.url.is_none() && !data.database().exists() {
            return Ok(None);
        }
        let store = Store::open_to_read(&location).await?;
        store.ping().await?;
        store.close().await;
        Ok::<_, anyhow::Error>(Some(()))
    };
    match found.await {
        Ok(Some(())) => report.well("store"),
        Ok(None) => report.warning(key, "there is no database yet; `weir serve` makes it"),
        Err(error) => report.error(key, format!("{error:#}")),
    }
}

async fn local_blobs(config: &Config, data: &Data, report: &mut Report) {
    if config.blobs.s3.is_some() || !data.blobs().exists() {
        return;
    }
    match Blobs::local_to_read(&data.blobs()).check().await {
        Ok(()) => report.well("blobs"),
        Err(error) => report.error("blobs", error),
    }
}

async fn s3(config: &Config, root: &Path) -> anyhow::Result<()> {
    match wiring::s3(config, root)? {
        Some(blobs) => Ok(blobs.check().await?),
        None => Ok(()),
    }
}

async fn upstream(configured: &Configured, online: bool, report: &mut Report) {
    let (key, settings) = (&configured.key, &configured.settings);
    if settings.token.is_some() && (settings.username.is_some() || settings.password.is_some()) {
        report.warning(key, "there are a token and a user: which is sent, nobody can tell from here; remove one");
    }
    if settings.password.is_some() && settings.username.is_none() {
        report.warning(key, "there is a password without a username");
    }
    let upstream = match Upstream::new(settings) {
        Ok(upstream) => upstream,
        Err(error) => return report.error(key, error),
    };
    if !online {
        return report.well(format!("upstream {}", configured.name));
    }
    let answer = tokio::time::timeout(PATIENCE, upstream.forward(http::Method::GET, PROBE, Bytes::new(), None)).await;
    match answer {
        Ok(Ok(answer)) if matches!(answer.status, 401 | 407) => {
            report.error(
                key,
                format!("{} answers {}: check username, password and token", upstream.base(), answer.status),
            );
        }
        Ok(Ok(answer)) if answer.status >= 500 => {
            report.error(key, format!("{} answers {}", upstream.base(), answer.status))
        }
        Ok(Ok(_)) => report.well(format!("upstream {} (answers)", configured.name)),
        Ok(Err(error)) => report.error(key, error),
        Err(_) => report.error(key, format!("{} does not answer within {} s", upstream.base(), PATIENCE.as_secs())),
    }
}

/// Where advisories come from.
async fn feeds(config: &Config, online: bool, report: &mut Report) {
    if !config.feeds.sync {
        return report
            .warning("[feeds] sync", "it is off: bring advisories in with `weir feeds import`, or they grow old");
    }
    let sync = Opened::sync_of(config);
    let places = [("osv-url", Some(sync.osv)), ("kev-url", sync.kev), ("epss-url", sync.epss)];
    for (key, url) in places.into_iter().filter_map(|(key, url)| Some((format!("[feeds] {key}"), url?))) {
        let settings = UpstreamConfig { url, ca_bundle: config.feeds.ca_bundle.clone(), ..UpstreamConfig::default() };
        let upstream = match Upstream::new(&settings) {
            Ok(upstream) => upstream,
            Err(error) => {
                report.error(key, error);
                continue;
            }
        };
        if !online {
            continue;
        }
        match tokio::time::timeout(PATIENCE, upstream.forward(http::Method::GET, PROBE, Bytes::new(), None)).await {
            Ok(Ok(_)) => report.well(format!("{key} (answers)")),
            Ok(Err(error)) => report.warning(key, error),
            Err(_) => report.warning(key, format!("it does not answer within {} s", PATIENCE.as_secs())),
        }
    }
}

fn policy_of(place: &Place, report: &mut Report) {
    let path = place.policy.clone().unwrap_or_else(|| place.data.join("policy.toml"));
    if !path.exists() && place.policy.is_none() {
        return report.warning("--policy", format!("`{}` is not there; `weir serve` makes it", path.display()));
    }
    let Some(policy) = report.note("--policy", policy::read(&path)) else { return };
    report.well("policy");
    for waiver in policy::expired(&policy, SystemClock.now()) {
        report.warning(format!("{}:{}", path.display(), waiver.line()), waiver.to_string());
    }
}
