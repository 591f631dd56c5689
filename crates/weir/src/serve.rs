//! `weir serve`: how it runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use clap::builder::FalseyValueParser;
use tokio_util::sync::CancellationToken;
use weir_api::token::Token;
use weir_api::{Access, App, Conditions};
use weir_feeds::Feeds;
use weir_gateway::Gateway;
use weir_store::Scope;

use self::lanes::Lanes;
use self::stop::Stop;
use crate::cli::Place;
use crate::tls::Tls;
use crate::wiring::Opened;
use crate::{output, policy, watch};

mod accept;
pub mod address;
pub mod arenas;
mod descriptors;
mod lanes;
mod notify;
mod stall;
mod stop;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:8484].
    #[arg(long, env = "WEIR_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The address under which clients reach this Weir, if it is another than the one it listens on.
    #[arg(long, env = "WEIR_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Speak https with this certificate: PEM, the server's own first. Read again when it changes.
    #[arg(long, env = "WEIR_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key: PEM, not encrypted.
    #[arg(long, env = "WEIR_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Listen beyond this machine over plain HTTP: whoever is on the way can read tokens and change packages.
    #[arg(long, env = "WEIR_ALLOW_PLAIN_HTTP", value_parser = FalseyValueParser::new())]
    allow_plain_http: bool,
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

    let tls = address::files(arguments, &opened.config)?.map(Tls::load).transpose().context("[server.tls]")?;
    let tls = tls.map(Arc::new);
    let listener = address::listen(arguments, &opened.config, tls.is_some()).await?;
    let address = listener.local_addr().context("the address that is listened on cannot be told")?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let public_url = address::public_url(arguments, &opened.config, scheme, address, &policy)?;
    let proxies = address::proxies(&opened.config)?;
    let blobs = opened.blobs()?;
    // Under the lock: what is there was left by a Weir that is no more.
    blobs.clear_spool().context("what an earlier run left behind cannot be removed")?;
    let gateway = opened.gateway(Arc::clone(&policy), &feeds, blobs, public_url, !arguments.offline)?;
    watch::remember_policy(&opened, &policy).await?;

    greet(&opened, place, &gateway, &feeds, created).await?;
    let conditions = Arc::new(Conditions::default());
    let loopback = address.ip().to_canonical().is_loopback();
    let access = Access::new(opened.store.clone(), Arc::clone(&opened.clock), loopback);
    let app = Arc::new(App::new(Arc::clone(&gateway), access, Arc::clone(&conditions)).behind(proxies));
    let connections = descriptors::connections(opened.config.server.max_connections);
    // Before it is told that anything listens: who reads that may ask for a stop at once.
    let stop_asked = Stop::watch()?;
    output::line(format!("listening on {scheme}://{address}"));

    let stop = CancellationToken::new();
    let mut watchers = watch::start(&opened, place, &gateway, &feeds, &conditions, arguments.offline, &stop);
    watchers.extend(tls.iter().map(|tls| {
        tokio::spawn(watch::certificate(
            Arc::clone(tls),
            Arc::clone(&conditions),
            Arc::clone(&opened.clock),
            stop.clone(),
        ))
    }));
    notify::tell(notify::READY);
    // They end last: what is open in the store may belong to one of them.
    let lanes = Lanes::open()?;
    accept::serve(listener, tls, app, &lanes, connections, stop_asked).await;
    stop.cancel();
    for watcher in watchers {
        // A watcher in the middle of a download is not waited for: it keeps nothing that is not durable.
        watcher.abort();
    }
    gateway.flush().await;
    drop(lanes);
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
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
        let token = Token::create(&opened.store, "administrator", Scope::Admin, None, &[], now, None).await?;
        output::line(format!("admin token {}  (shown this once)", token.reveal()));
    }
    let policy = gateway.policy();
    let stage = policy.stage("dev").or_else(|| policy.stages().next());
    if let Some(stage) = stage {
        let url = &gateway.settings().public_url;
        output::line(format!("clients     weir use {} --server {url}", stage.name));
        output::line(format!("            or by hand: {url}/ shows each client's lines"));
    }
    output::line("");
    Ok(())
}
