//! An upstream in process that answers what the test says, and misbehaves on request.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::{cargo, npm, pypi};

mod respond;
#[cfg(feature = "tls")]
mod tls;

/// Registry, file server and troublemaker on a port of 127.0.0.1. Stops when it is dropped.
pub struct FakeUpstream {
    address: SocketAddr,
    wrap: Wrap,
    state: Arc<State>,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// What a connection is wrapped in.
#[derive(Clone)]
enum Wrap {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tls::Identity),
}

/// What the connections see.
#[derive(Default)]
pub(crate) struct State {
    routes: Mutex<HashMap<String, Route>>,
    seen: Mutex<Vec<Seen>>,
    unavailable: Mutex<bool>,
    pub(crate) pypi: Mutex<pypi::Packages>,
    pub(crate) npm: Mutex<npm::Packages>,
    pub(crate) cargo: Mutex<cargo::Packages>,
}

#[derive(Default)]
struct Route {
    /// Answers that are each given once, before all others.
    once: VecDeque<FakeResponse>,
    /// Answers by a part of the `Accept` header; the first that fits is given.
    accepted: Vec<(String, FakeResponse)>,
    otherwise: Option<FakeResponse>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Seen {
    /// A header's value, if it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct FakeResponse {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
    /// Sent with the answer, and compared with `If-None-Match`.
    pub etag: Option<String>,
    /// Sent with the answer, and compared with `If-Modified-Since`.
    pub last_modified: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body is gzip-coded if the request accepts that.
    pub gzip: bool,
    /// Sent without `Content-Length`.
    pub chunked: bool,
    /// How it misbehaves.
    pub fault: Option<Fault>,
}

/// How an answer misbehaves. Counts are bytes of the body as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is sent for a while.
    Delay(Duration),
    /// After so many bytes nothing more is sent, and the connection stays open.
    Stall {
        /// Bytes that are sent.
        after: usize,
    },
    /// After so many bytes the connection is closed.
    Cut {
        /// Bytes that are sent.
        after: usize,
    },
    /// The connection is closed without an answer.
    Hangup,
    /// `Content-Length` says this, whatever is sent.
    ClaimLength(u64),
    /// The body is repeated without end.
    Endless,
    /// The body has the right length and one wrong byte.
    WrongBytes,
    /// One byte is sent after another, with this pause in between.
    Drip(Duration),
}

impl FakeResponse {
    /// 200 with this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// This status with an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
            etag: None,
            last_modified: None,
            headers: Vec::new(),
            gzip: false,
            chunked: false,
            fault: None,
        }
    }

    /// 302 to this address.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the media type.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(content_type.to_owned());
        self
    }

    /// Sets the `ETag`, quotes included.
    pub fn etag(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }

    /// Sets `Last-Modified`.
    pub fn last_modified(mut self, date: &str) -> Self {
        self.last_modified = Some(date.to_owned());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Codes the body with gzip for those who accept it.
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Leaves `Content-Length` out.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Makes it misbehave.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }
}

impl From<&str> for FakeResponse {
    fn from(body: &str) -> Self {
        Self::ok(Bytes::copy_from_slice(body.as_bytes()))
    }
}

impl From<Vec<u8>> for FakeResponse {
    fn from(body: Vec<u8>) -> Self {
        Self::ok(body)
    }
}

impl FakeUpstream {
    /// Starts one without any routes: it answers 404.
    pub async fn start() -> Self {
        Self::begin(Wrap::Plain).await
    }

    /// Starts one that speaks https, with a certificate that only [`FakeUpstream::authority_pem`] vouches for.
    #[cfg(feature = "tls")]
    pub async fn start_tls() -> Self {
        Self::begin(Wrap::Tls(tls::Identity::new())).await
    }

    async fn begin(wrap: Wrap) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let server = tokio::spawn(serve(listener, wrap.clone(), Arc::clone(&state)));
        Self { address, wrap, state, server: Mutex::new(Some(server)) }
    }

    /// The certificate to trust, for a `ca_bundle`.
    #[cfg(feature = "tls")]
    pub fn authority_pem(&self) -> &str {
        match &self.wrap {
            Wrap::Tls(identity) => identity.authority_pem(),
            Wrap::Plain => panic!("this fake upstream does not speak https"),
        }
    }

    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        let scheme = match self.wrap {
            Wrap::Plain => "http",
            #[cfg(feature = "tls")]
            Wrap::Tls(_) => "https",
        };
        format!("{scheme}://{}", self.address)
    }

    /// `127.0.0.1:PORT`: what to put into an upstream's `hosts`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Answers `path` (raw, percent-encoded, with or without a query) with this from now on.
    pub fn put(&self, path: &str, response: impl Into<FakeResponse>) {
        self.state.put(path, response.into());
    }

    /// Answers `path` with this where the `Accept` header has `media_type` in it.
    pub fn put_accepting(&self, path: &str, media_type: &str, response: impl Into<FakeResponse>) {
        self.state.put_accepting(path, media_type, response.into());
    }

    /// Answers the next request for `path` with this, before all other answers. Several wait in line.
    pub fn once(&self, path: &str, response: impl Into<FakeResponse>) {
        lock(&self.state.routes).entry(path.to_owned()).or_default().once.push_back(response.into());
    }

    /// Changes the standing answers of `path`: `fake.change("/files/x.whl", |it| it.fault = Some(Fault::WrongBytes))`.
    pub fn change(&self, path: &str, mut change: impl FnMut(&mut FakeResponse)) {
        let mut routes = lock(&self.state.routes);
        let route = routes.get_mut(path).unwrap_or_else(|| panic!("the fake upstream has no route `{path}`"));
        route.accepted.iter_mut().for_each(|(_, response)| change(response));
        route.otherwise.iter_mut().for_each(change);
    }

    /// Answers `path` with 404 from now on.
    pub fn remove(&self, path: &str) {
        self.state.remove(path);
    }

    /// How many requests came for `path`, whatever their query.
    pub fn hits(&self, path: &str) -> usize {
        let bare = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        lock(&self.state.seen).iter().filter(|seen| seen.path == path || bare(&seen.path) == path).count()
    }

    /// All requests that came.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// Forgets the requests that came.
    pub fn forget(&self) {
        lock(&self.state.seen).clear();
    }

    /// Refuses connections and closes those there are.
    pub async fn down(&self) {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            server.abort();
            let _ = server.await;
        }
    }

    /// Takes connections again, on the same port.
    pub async fn up(&self) {
        if lock(&self.server).is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).await.expect("the port was taken by another process");
        *lock(&self.server) = Some(tokio::spawn(serve(listener, self.wrap.clone(), Arc::clone(&self.state))));
    }

    /// Answers everything with 503, or no longer.
    pub fn unavailable(&self, unavailable: bool) {
        *lock(&self.state.unavailable) = unavailable;
    }

    /// The PyPI under `/simple/` and `/files/`.
    pub fn pypi(&self) -> pypi::FakePypi {
        pypi::FakePypi::new(self.url(), Arc::clone(&self.state))
    }

    /// The npm registry under `/npm/`.
    pub fn npm(&self) -> npm::FakeNpm {
        npm::FakeNpm::new(self.url(), Arc::clone(&self.state))
    }

    /// The cargo registry under `/cargo/`.
    pub fn cargo(&self) -> cargo::FakeCargo {
        cargo::FakeCargo::new(self.url(), Arc::clone(&self.state))
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

impl std::fmt::Debug for FakeUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FakeUpstream").field(&self.address).finish()
    }
}

impl State {
    pub(crate) fn put(&self, path: &str, response: FakeResponse) {
        lock(&self.routes).entry(path.to_owned()).or_default().otherwise = Some(response);
    }

    pub(crate) fn put_accepting(&self, path: &str, media_type: &str, response: FakeResponse) {
        let mut routes = lock(&self.routes);
        let route = routes.entry(path.to_owned()).or_default();
        route.accepted.retain(|(accepted, _)| accepted != media_type);
        route.accepted.push((media_type.to_owned(), response));
    }

    pub(crate) fn remove(&self, path: &str) {
        lock(&self.routes).remove(path);
    }

    fn answer(&self, path: &str, headers: &HeaderMap) -> FakeResponse {
        if *lock(&self.unavailable) {
            return FakeResponse::status(503).body("the fake upstream is unavailable\n");
        }
        let absent = || FakeResponse::status(404).body("the fake upstream has no such route\n");
        let mut routes = lock(&self.routes);
        let bare = path.split('?').next().unwrap_or_default();
        let path = if routes.contains_key(path) { path } else { bare };
        let Some(route) = routes.get_mut(path) else { return absent() };
        if let Some(response) = route.once.pop_front() {
            return response;
        }
        let accept = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let accepted = route.accepted.iter().find(|(part, _)| accept.contains(part.as_str()));
        accepted.map(|(_, response)| response.clone()).or_else(|| route.otherwise.clone()).unwrap_or_else(absent)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

async fn serve(listener: TcpListener, wrap: Wrap, state: Arc<State>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (wrap, state) = (wrap.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match wrap {
                Wrap::Plain => converse(stream, state).await,
                #[cfg(feature = "tls")]
                Wrap::Tls(identity) => {
                    if let Ok(stream) = identity.accept(stream).await {
                        converse(stream, state).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(|request| handle(Arc::clone(&state), request));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(
    state: Arc<State>,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<respond::Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let response = state.answer(&path, &parts.headers);
    let seen = Seen { method: parts.method.to_string(), path, headers: parts.headers, body };
    lock(&state.seen).push(seen.clone());
    match &response.fault {
        Some(Fault::Delay(pause)) => tokio::time::sleep(*pause).await,
        Some(Fault::Hangup) => return Err(io::Error::other("hung up, as the test wants")),
        _ => {}
    }
    Ok(respond::render(&response, &seen))
}
