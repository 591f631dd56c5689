//! `weir serve`: how it runs.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Body;
use clap::Args;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_api::token::Token;
use weir_api::{Access, App, Conditions};
use weir_feeds::Feeds;
use weir_gateway::Gateway;
use weir_store::Scope;

use crate::cli::Place;
use crate::wiring::Opened;
use crate::{output, policy, watch};

/// How long requests may still run after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:8484].
    #[arg(long, env = "WEIR_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The address under which clients reach this Weir, if it is another than the one it listens on.
    #[arg(long, env = "WEIR_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Work on what is kept and ask no upstream and no feed.
    #[arg(long)]
    offline: bool,
}

/// Runs `weir serve`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(place, false).await?;
    let _lock = opened.data.lock()?;
    let (policy, created) = policy::load_or_create(&opened.data, place)?;
    let feeds = Arc::new(opened.feeds().await?);

    let listener = listen(arguments, &opened).await?;
    let address = listener.local_addr().context("the address that is listened on cannot be told")?;
    let public_url = public_url(arguments, &opened, address)?;
    let blobs = opened.blobs()?;
    // Under the lock: what is there was left by a Weir that is no more.
    blobs.clear_spool().context("what an earlier run left behind cannot be removed")?;
    let gateway = opened.gateway(Arc::clone(&policy), &feeds, blobs, public_url, !arguments.offline)?;
    watch::remember_policy(&opened, &policy).await?;

    greet(&opened, place, &gateway, &feeds, created).await?;
    let conditions = Arc::new(Conditions::default());
    let access =
        Access::new(opened.store.clone(), Arc::clone(&opened.clock), address.ip().to_canonical().is_loopback());
    let app = Arc::new(App::new(Arc::clone(&gateway), access, Arc::clone(&conditions)));
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            address = %address,
            "listening beyond this machine over plain HTTP: whoever is on the way can read tokens and change packages. \
             Put a proxy that speaks https in front, and name its address with --public-url"
        );
    }
    output::line(format!("listening on http://{address}"));

    let stop = CancellationToken::new();
    let watchers = watch::start(&opened, place, &gateway, &feeds, &conditions, arguments.offline, &stop);
    serve(listener, app).await;
    stop.cancel();
    for watcher in watchers {
        // A watcher in the middle of a download is not waited for: it keeps nothing that is not durable.
        watcher.abort();
    }
    gateway.flush().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn listen(arguments: &Arguments, opened: &Opened) -> anyhow::Result<TcpListener> {
    let (wanted, place) = match &arguments.listen {
        Some(wanted) => (wanted, "--listen"),
        None => (&opened.config.server.listen, "[server] listen"),
    };
    TcpListener::bind(wanted).await.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there, perhaps another Weir; stop it, or choose another port with --listen \
                 ADDRESS:PORT (port 0 picks a free one)"
            }
            std::io::ErrorKind::PermissionDenied => {
                "this account may not listen there; choose a port above 1023 with --listen ADDRESS:PORT"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose another with --listen ADDRESS:PORT"
            }
            _ => "expected ADDRESS:PORT such as 127.0.0.1:8484",
        };
        anyhow::anyhow!("{place} `{wanted}` cannot be listened on: {error}; {advice}")
    })
}

fn public_url(arguments: &Arguments, opened: &Opened, address: SocketAddr) -> anyhow::Result<String> {
    let Some(url) = arguments.public_url.as_ref().or(opened.config.server.public_url.as_ref()) else {
        // An unspecified address is reachable as this machine; clients elsewhere need --public-url.
        let host = match address.ip() {
            ip if ip.is_unspecified() => {
                tracing::warn!("listening on all addresses without --public-url: pages will name localhost");
                String::from("localhost")
            }
            ip if ip.is_ipv6() => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        return Ok(format!("http://{host}:{}", address.port()));
    };
    let parsed: http::Uri = url.parse().with_context(|| format!("--public-url `{url}` is not an address"))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https"))
        || parsed.authority().is_none()
        || parsed.query().is_some()
    {
        bail!("--public-url `{url}` cannot be used; expected https://HOST or https://HOST:PORT");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Prints what a person needs to know.
async fn greet(
    opened: &Opened,
    place: &Place,
    gateway: &Gateway,
    feeds: &Feeds,
    policy_created: bool,
) -> anyhow::Result<()> {
    let now = opened.clock.now();
    let made = if policy_created { " (made now; edit it, it is read again on change)" } else { "" };
    output::line(format!("weir {}", env!("CARGO_PKG_VERSION")));
    output::line(format!("data        {}", opened.data.root().display()));
    output::line(format!("policy      {}{made}", opened.data.policy(place).display()));
    output::line(format!("advisories  {}", crate::feeds::summary(feeds, now).await?));
    if !opened.store.any_tokens().await? {
        let token = Token::create(&opened.store, "administrator", Scope::Admin, None, now, None).await?;
        output::line(format!("admin token {}  (shown this once)", token.reveal()));
    }
    let policy = gateway.policy();
    let stage = policy.stage("dev").or_else(|| policy.stages().next());
    if let Some(stage) = stage {
        output::line(format!("\npoint clients at stage {}:", stage.name));
        let setup = weir_api::welcome::setup(gateway, &stage.name);
        let width = setup.iter().map(|(client, _)| client.chars().count()).max().unwrap_or_default();
        let mut last = "";
        for (client, lines) in &setup {
            for line in lines.lines() {
                // A client's name stands on the first of its lines only.
                let shown = if *client == last { "" } else { client };
                last = client;
                output::line(format!("  {shown:<width$}  {line}"));
            }
        }
    }
    output::line("");
    Ok(())
}

/// Accepts connections until a stop is asked for, then lets requests end.
async fn serve(listener: TcpListener, app: Arc<App>) {
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD).half_close(false);
    let stop = stop_asked();
    tokio::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to be given back.
                    tracing::error!(error = %error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Responses are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let app = Arc::clone(&app);
        let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(app.answer(request.map(Body::new), peer.ip()).await) }
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, peer = %peer, "a connection ended early");
            }
        });
    }
    tracing::info!("stopping: no new connections, running requests may end");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!("some requests did not end within {} s", DRAIN.as_secs()),
    }
}

/// Ends when the process is asked to stop.
async fn stop_asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
