//! A gate on loopback between a raw socket and a fake upstream.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_advisory::{Builder, Index};
use weir_blob::Blobs;
use weir_core::{Clock, Ecosystems, Timestamp};
use weir_gateway::{Gateway, Parts, Principal, Settings};
use weir_policy::Policy;
use weir_store::Store;
use weir_testing::{FakeUpstream, FixedClock};
use weir_upstream::{Upstream, UpstreamConfig};

pub const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM, &weir_cargo::ECOSYSTEM]);

/// The moment at which all tests begin.
pub const NOW: &str = "2026-11-01T12:00:00Z";

/// A gate with one fake upstream for each ecosystem.
pub struct TestGate {
    pub pypi: FakeUpstream,
    pub npm: FakeUpstream,
    pub cargo: FakeUpstream,
    pub gateway: Arc<Gateway>,
    pub store: Store,
    pub clock: Arc<FixedClock>,
    pub address: String,
    pub directory: tempfile::TempDir,
}

/// An answer as it came over the socket.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The connection was cut before the announced length.
    pub cut: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl TestGate {
    /// A gate with this policy and no advisories at all.
    pub async fn new(policy: &str) -> Self {
        Self::with(policy, &[], |settings| settings).await
    }

    /// A gate with this policy and these OSV records, imported just now.
    pub async fn with(policy: &str, records: &[serde_json::Value], set: impl FnOnce(Settings) -> Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let (pypi, npm, cargo) =
            (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
        let mut upstreams = HashMap::new();
        for (id, fake, url) in
            [("pypi", &pypi, pypi.pypi().url()), ("npm", &npm, npm.npm().url()), ("cargo", &cargo, cargo.cargo().url())]
        {
            let _ = fake;
            let mut config = UpstreamConfig { url, ..UpstreamConfig::default() };
            config.limits.retries = 0;
            upstreams.insert(id, Arc::new(Upstream::new(&config).unwrap()));
        }
        let store = Store::sqlite(&directory.path().join("weir.sqlite")).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let settings = set(Settings { public_url: format!("http://{address}"), ..Settings::default() });
        let gateway = Gateway::new(Parts {
            ecosystems: ECOSYSTEMS,
            upstreams,
            store: store.clone(),
            blobs: Arc::new(Blobs::local(&directory.path().join("blobs")).unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            policy: Arc::new(Policy::parse(policy, ECOSYSTEMS).unwrap_or_else(|errors| panic!("{errors}"))),
            advisories: Arc::new(index(records, &*clock)),
            settings,
        });
        tokio::spawn(serve(listener, Arc::clone(&gateway)));
        Self { pypi, npm, cargo, gateway, store, clock, address, directory }
    }

    /// Puts another policy into force.
    pub fn policy(&self, policy: &str) {
        self.gateway.set_policy(Arc::new(Policy::parse(policy, ECOSYSTEMS).unwrap()));
    }

    /// Uses these OSV records from now on.
    pub fn advisories(&self, records: &[serde_json::Value]) {
        self.gateway.set_advisories(Arc::new(index(records, &*self.clock)));
    }

    /// Moves the clock.
    pub fn at(&self, moment: &str) {
        self.clock.set(Timestamp::parse(moment).unwrap());
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.raw(request.as_bytes()).await
    }

    /// Sends bytes as they are and reads until the connection ends.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        // A connection that is cut may end in an error; what came before counts.
        let _ = stream.read_to_end(&mut bytes).await;
        answer(&bytes)
    }
}

fn answer(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let _version = first.next();
    let status = first.next().and_then(|status| status.parse().ok()).unwrap_or(0);
    let phrase = first.next().unwrap_or_default().to_owned();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut cut = false;
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        let (whole, ended) = unchunk(&body);
        body = whole;
        cut = !ended;
    } else if let Some(length) = headers.get("content-length").and_then(|length| length.parse::<usize>().ok()) {
        cut = body.len() < length;
    }
    Answer { status, phrase, headers, body, cut }
}

fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut whole = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else { return (whole, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            return (whole, true);
        }
        let Some(chunk) = bytes.get(end + 2..end + 2 + size) else { return (whole, false) };
        whole.extend_from_slice(chunk);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
}

fn index(records: &[serde_json::Value], clock: &FixedClock) -> Index {
    if records.is_empty() {
        return Index::empty();
    }
    let mut builder = Builder::new(ECOSYSTEMS);
    for record in records {
        builder.osv(&weir_advisory::osv::Record::parse(record.to_string().as_bytes()).unwrap());
    }
    for ecosystem in ECOSYSTEMS.iter() {
        builder.feed(ecosystem.osv, clock.now());
    }
    Index::from_bytes(builder.build()).unwrap()
}

async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let gateway = Arc::clone(&gateway);
                async move {
                    let principal = Principal { name: String::from("anonymous"), stage: None };
                    Ok::<_, std::convert::Infallible>(gateway.handle(request.map(Body::new), &principal).await)
                }
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

/// An OSV record: `name` of `ecosystem` is affected from the first version until `fixed`.
pub fn osv(id: &str, ecosystem: &str, name: &str, fixed: &str, vector: Option<&str>) -> serde_json::Value {
    let severity: Vec<_> =
        vector.iter().map(|vector| serde_json::json!({ "type": "CVSS_V3", "score": vector })).collect();
    let kind = if ecosystem == "PyPI" { "ECOSYSTEM" } else { "SEMVER" };
    serde_json::json!({
        "id": id, "modified": "2026-10-01T00:00:00Z", "published": "2026-10-01T00:00:00Z", "severity": severity,
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name },
            "ranges": [{ "type": kind, "events": [{ "introduced": "0" }, { "fixed": fixed }] }] }],
    })
}

/// A CVSS 3.1 vector with the score 9.8.
pub const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
