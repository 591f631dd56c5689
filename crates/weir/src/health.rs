//! `weir health`: does a Weir do its work? For the health check of a container, which has no other program.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use weir_upstream::{Upstream, UpstreamConfig};

use crate::cli::Place;
use crate::{config, output};

/// How long to wait for each step of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 * 1024;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The Weir to ask [default: on this machine, where `[server] listen` says].
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: Option<String>,
}

/// Runs `weir health`: exit code 0 if it does its work, 1 if not.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let server = match &arguments.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => here(place)?,
    };
    let (status, body) = match server.strip_prefix("http://") {
        // Without a library, and so without a proxy that variables name: this is most often a look at this machine.
        Some(rest) => ask(rest),
        None => ask_securely(&server).await,
    }
    .with_context(|| format!("{server} does not answer"))
    .unwrap_or_else(|error| (0, format!("{error:#}")));
    let is_ready = status == 200;
    if is_ready {
        output::line("ready");
    } else {
        output::note(body.trim());
    }
    Ok(ExitCode::from(u8::from(!is_ready)))
}

/// Where the Weir of this configuration listens, as this machine reaches it.
pub fn here(place: &Place) -> anyhow::Result<String> {
    let config = config::load(place)?.config;
    let listen = std::env::var("WEIR_LISTEN").ok().unwrap_or(config.server.listen);
    let listen = listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    if listen.ends_with(":0") {
        bail!("[server] listen is `{listen}`, any free port; name the Weir with --server URL");
    }
    if config.server.tls.certificate.is_some() {
        bail!("this Weir speaks https; name it as its certificate does with --server https://HOST");
    }
    Ok(format!("http://{listen}"))
}

/// Asks over plain HTTP; `rest` is what follows `http://`.
fn ask(rest: &str) -> anyhow::Result<(u16, String)> {
    let (host, prefix) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let place = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let address = place.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {prefix}/readyz HTTP/1.1\r\nHost: {host}\r\nUser-Agent: weir-health\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer is not HTTP")?;
    Ok((status, body.to_owned()))
}

async fn ask_securely(server: &str) -> anyhow::Result<(u16, String)> {
    let config = UpstreamConfig { url: server.to_owned(), ..UpstreamConfig::default() };
    let upstream = Upstream::new(&config).context("--server cannot be used")?;
    let answer = upstream.forward(http::Method::GET, "readyz", Bytes::new(), None);
    let answer = tokio::time::timeout(PATIENCE * 2, answer).await.context("it took too long")??;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}
