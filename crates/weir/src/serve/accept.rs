//! How connections come in: each on its own, so many at once, and none for ever.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use weir_api::App;

use super::lanes::Lanes;
use super::notify;
use super::stall::Unstalled;
use super::stop::Stop;
use crate::tls::Tls;

/// How long requests may still run after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a client may take to send the head of a request; also how long a connection may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what is sent to it.
const WRITE_STALL: Duration = Duration::from_secs(120);
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// What somebody who speaks plain HTTP to an https port is told.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 this port speaks https: use https:// in the address\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 52\r\nconnection: close\r\n\r\n\
    this port speaks https: use https:// in the address\n";

/// What every connection is served with.
struct Door {
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    server: http1::Builder,
}

/// Accepts connections, at most `connections` at once, and has them served in `lanes` until `stop` is asked for; then lets
/// requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    app: Arc<App>,
    lanes: &Lanes,
    connections: usize,
    stop: Stop,
) {
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD).half_close(false);
    let door = Arc::new(Door { app, tls, server });
    let places = Arc::new(Semaphore::new(connections));
    let mut is_full = false;
    let stop = stop.asked();
    tokio::pin!(stop);
    loop {
        // A place first: who finds none waits with the system, which costs no descriptor.
        if places.available_permits() == 0 && !is_full {
            tracing::warn!(connections, "all places for connections are taken: new ones wait");
        }
        is_full = places.available_permits() == 0;
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut stop => break,
        };
        let Ok(place) = place else { break };
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
        // Given back by this thread's event loop, to be taken up by that of a lane.
        let Ok(stream) = stream.into_std() else { continue };
        let (door, watcher) = (Arc::clone(&door), graceful.watcher());
        lanes.run(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => door.connection(stream, peer, watcher).await,
                Err(error) => tracing::error!(error = %error, "a connection cannot be served"),
            }
            drop(place);
        });
    }
    notify::tell(notify::STOPPING);
    tracing::info!("stopping: no new connections, running requests may end");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!("some requests did not end within {} s", DRAIN.as_secs()),
    }
}

impl Door {
    async fn connection(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let _open = self.app.gateway().metrics().connection();
        // Responses are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.requests(Unstalled::new(stream, WRITE_STALL), peer, watcher).await;
        };
        let acceptor = tls.acceptor();
        let handshake = async {
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
                let mut stream = stream;
                stream.write_all(SPEAK_TLS).await?;
                return Ok(None);
            }
            acceptor.accept(Unstalled::new(stream, WRITE_STALL)).await.map(Some)
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(Some(stream))) => self.requests(stream, peer, watcher).await,
            Ok(Ok(None)) => tracing::debug!(peer = %peer, "plain HTTP on an https port"),
            Ok(Err(error)) => tracing::debug!(error = %error, peer = %peer, "a TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %peer, "a TLS handshake took too long"),
        }
    }

    async fn requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        peer: SocketAddr,
        watcher: Watcher,
    ) {
        let app = Arc::clone(&self.app);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.answer(request, peer.ip()).await) }
        });
        let connection = self.server.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error = %error, peer = %peer, "a connection ended early");
        }
    }
}
