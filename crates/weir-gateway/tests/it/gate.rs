//! A gate on loopback between a raw socket and a fake upstream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_advisory::{Builder, Index};
use weir_blob::Blobs;
use weir_core::{Clock, Ecosystems, Timestamp};
use weir_gateway::{Gateway, Member, Parts, Principal, Settings};
use weir_policy::{Glob, Policy};
use weir_store::{EventRow, Location, RequestRow, Store};
use weir_testing::{FakeUpstream, FixedClock, Seen};
use weir_upstream::{Upstream, UpstreamConfig};

pub const ECOSYSTEMS: Ecosystems = Ecosystems(&[
    &weir_pypi::ECOSYSTEM,
    &weir_npm::ECOSYSTEM,
    &weir_cargo::ECOSYSTEM,
    &weir_go::ECOSYSTEM,
    &weir_maven::ECOSYSTEM,
    &crate::toy::ECOSYSTEM,
]);

/// The moment at which all tests begin.
pub const NOW: &str = "2026-11-01T12:00:00Z";

/// A gate with one fake upstream for each ecosystem.
pub struct TestGate {
    pub pypi: FakeUpstream,
    pub npm: FakeUpstream,
    pub cargo: FakeUpstream,
    pub gateway: Arc<Gateway>,
    pub store: Store,
    pub blobs: Arc<Blobs>,
    pub clock: Arc<FixedClock>,
    pub address: String,
    pub directory: tempfile::TempDir,
    principal: Arc<Mutex<Principal>>,
    plan: Plan,
}

type Adjust = Arc<dyn Fn(&'static str, &mut UpstreamConfig) + Send + Sync>;

/// A further upstream.
#[derive(Clone)]
struct Further {
    ecosystem: &'static str,
    name: &'static str,
    url: String,
    packages: Vec<String>,
    /// It is one page of its base.
    flat: Option<&'static str>,
}

/// How a gate is to be.
#[derive(Clone)]
pub struct Plan {
    policy: String,
    records: Vec<serde_json::Value>,
    settings: Settings,
    adjust: Adjust,
    members: Vec<Further>,
    blobs: Option<Arc<Blobs>>,
    read_only: bool,
}

impl Plan {
    /// With this policy and no advisories.
    pub fn new(policy: &str) -> Self {
        let settings = Settings::default();
        let policy = policy.to_owned();
        Self {
            policy,
            records: Vec::new(),
            settings,
            adjust: Arc::new(|_, _| {}),
            members: Vec::new(),
            blobs: None,
            read_only: false,
        }
    }

    /// With these OSV records, imported just now.
    pub fn records(mut self, records: &[serde_json::Value]) -> Self {
        self.records = records.to_vec();
        self
    }

    /// With other settings.
    pub fn settings(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// Artifacts above so many bytes are streamed.
    pub fn stream_above(self, bytes: u64) -> Self {
        self.settings(|settings| settings.stream_above = bytes)
    }

    /// At most so many bytes of artifacts are kept.
    pub fn cache_limit(self, bytes: u64) -> Self {
        self.settings(|settings| settings.cache_limit = Some(bytes))
    }

    /// With a further upstream, asked before those that every gate has, and only for the names that are bound to it, if any.
    pub fn member(mut self, ecosystem: &'static str, name: &'static str, url: String, packages: &[&str]) -> Self {
        let packages = packages.iter().map(|&pattern| pattern.to_owned()).collect();
        self.members.push(Further { ecosystem, name, url, packages, flat: None });
        self
    }

    /// The same, with the further upstream one page of this address that lists files of many packages.
    pub fn flat(
        self,
        ecosystem: &'static str,
        name: &'static str,
        url: String,
        page: &'static str,
        packages: &[&str],
    ) -> Self {
        let mut plan = self.member(ecosystem, name, url, packages);
        if let Some(member) = plan.members.last_mut() {
            member.flat = Some(page);
        }
        plan
    }

    /// Without further upstreams.
    pub fn alone(mut self) -> Self {
        self.members.clear();
        self
    }

    /// With its blobs elsewhere than in its directory.
    pub fn blobs(mut self, blobs: Arc<Blobs>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// With other upstream settings, by ecosystem id.
    pub fn upstream(mut self, adjust: impl Fn(&'static str, &mut UpstreamConfig) + Send + Sync + 'static) -> Self {
        self.adjust = Arc::new(adjust);
        self
    }

    pub async fn start(self) -> TestGate {
        let fakes = (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        self.around(fakes, clock, tempfile::tempdir().unwrap()).await
    }

    async fn around(
        self,
        (pypi, npm, cargo): (FakeUpstream, FakeUpstream, FakeUpstream),
        clock: Arc<FixedClock>,
        directory: tempfile::TempDir,
    ) -> TestGate {
        let mut members = Vec::new();
        for Further { ecosystem, name, url, packages, flat } in &self.members {
            let ecosystem = ECOSYSTEMS.by_id(ecosystem).unwrap();
            let mut config = UpstreamConfig { url: url.clone(), ..UpstreamConfig::default() };
            config.limits.retries = 0;
            config.limits.down_for = Duration::from_millis(1);
            let member = Member::new(ecosystem, name, Arc::new(Upstream::new(&config).unwrap()));
            let member = match flat {
                Some(page) => member.flat(page),
                None => member,
            };
            let globs: Vec<_> = packages.iter().map(|text| Glob::fold(text, ecosystem).unwrap()).collect();
            members.push(if globs.is_empty() { member } else { member.with_packages(globs).only_bound() });
        }
        let further = ["go", "maven", "toy"].map(|id| (id, format!("{}/{id}/", cargo.url())));
        let upstreams = [("pypi", pypi.pypi().url()), ("npm", npm.npm().url()), ("cargo", cargo.cargo().url())];
        for (id, url) in upstreams.into_iter().chain(further) {
            let mut config = UpstreamConfig { url, ..UpstreamConfig::default() };
            config.limits.retries = 0;
            config.limits.down_for = Duration::from_millis(1);
            (self.adjust)(id, &mut config);
            let ecosystem = ECOSYSTEMS.by_id(id).unwrap();
            let member = Member::new(ecosystem, id, Arc::new(Upstream::new(&config).unwrap()));
            members.push(if id == "toy" { member.checked_by("toy") } else { member });
        }
        let database = directory.path().join("weir.sqlite");
        let store = match self.read_only {
            false => Store::sqlite(&database).await.unwrap(),
            true => Store::open_to_read(&Location::Sqlite(database)).await.unwrap(),
        };
        let local = || Arc::new(Blobs::local(&directory.path().join("blobs")).unwrap());
        let blobs = self.blobs.clone().unwrap_or_else(local);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let policy = Policy::parse(&self.policy, ECOSYSTEMS).unwrap_or_else(|errors| panic!("{errors}"));
        let gateway = Gateway::new(Parts {
            ecosystems: ECOSYSTEMS,
            members: members.into_iter().collect(),
            store: store.clone(),
            blobs: Arc::clone(&blobs),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            policy: Arc::new(policy),
            advisories: Arc::new(index(&self.records, &clock)),
            settings: Settings { public_url: format!("http://{address}"), ..self.settings.clone() },
        });
        let principal =
            Arc::new(Mutex::new(Principal { name: String::from("anonymous"), stage: None, publish: Arc::default() }));
        tokio::spawn(serve(listener, Arc::clone(&gateway), Arc::clone(&principal)));
        TestGate { pypi, npm, cargo, gateway, store, blobs, clock, address, directory, principal, plan: self }
    }
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
        Plan::new(policy).records(records).settings(|settings| *settings = set(settings.clone())).start().await
    }

    /// The same data and upstreams under a gate that has just started.
    pub async fn restarted(self) -> Self {
        let Self { pypi, npm, cargo, clock, directory, plan, gateway, .. } = self;
        gateway.flush().await;
        drop(gateway);
        plan.around((pypi, npm, cargo), clock, directory).await
    }

    /// The same data under a gate that is otherwise, for one thing with other upstreams.
    pub async fn changed(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self.restarted().await
    }

    /// The limit of what is kept, from the next start on.
    pub fn limit(&mut self, bytes: Option<u64>) {
        self.plan.settings.cache_limit = bytes;
    }

    /// The same data under a gate that asks no upstream.
    pub async fn offline(mut self) -> Self {
        self.plan.settings.online = false;
        self.restarted().await
    }

    /// The same data under a gate whose store takes no rows, or does again.
    pub async fn read_only(mut self, read_only: bool) -> Self {
        self.plan.read_only = read_only;
        self.restarted().await
    }

    /// From now on requests are this one's.
    pub fn principal(&self, name: &str, stage: Option<&str>) {
        *self.principal.lock().unwrap() =
            Principal { name: name.to_owned(), stage: stage.map(str::to_owned), publish: Arc::default() };
    }

    /// From now on requests are those of the token `ci`, which may publish what these patterns mean.
    pub fn publisher(&self, patterns: &[&str]) {
        self.publisher_named("ci", patterns);
    }

    /// The same of another token.
    pub fn publisher_named(&self, name: &str, patterns: &[&str]) {
        let publish = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        *self.principal.lock().unwrap() = Principal { name: name.to_owned(), stage: None, publish };
    }

    /// The path of an address on a page.
    pub fn path(&self, url: &str) -> String {
        url.strip_prefix(&format!("http://{}", self.address))
            .unwrap_or_else(|| panic!("`{url}` is elsewhere"))
            .to_owned()
    }

    /// A PyPI page in JSON.
    pub async fn simple(&self, stage: &str, package: &str) -> serde_json::Value {
        let answer = self.ask("GET", &format!("/{stage}/pypi/simple/{package}/"), &[("Accept", SIMPLE_JSON)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// npm's page as upstream sends it.
    pub async fn npm_page(&self, package: &str) -> String {
        upstream_text(&self.npm, &self.npm.npm().page(package)).await
    }

    /// cargo's index file as upstream sends it.
    pub async fn cargo_page(&self, package: &str) -> String {
        upstream_text(&self.cargo, &self.cargo.cargo().page(package)).await
    }

    /// The request records once there is one that `wanted` takes: those of streams come when their client is done.
    pub async fn records(&self, wanted: impl Fn(&RequestRow) -> bool) -> Vec<RequestRow> {
        for _ in 0..200 {
            self.gateway.flush().await;
            let rows = self.store.requests(0, 1000).await.unwrap();
            let rows: Vec<RequestRow> = rows.into_iter().map(|stored| stored.request).collect();
            if rows.iter().any(&wanted) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no such request was recorded: {:#?}", self.store.requests(0, 1000).await.unwrap());
    }

    /// All requests that came to an upstream.
    pub fn seen(&self) -> Vec<Seen> {
        [&self.pypi, &self.npm, &self.cargo].into_iter().flat_map(FakeUpstream::requests).collect()
    }

    /// The decision that an answer names, as it is on record.
    pub async fn decision(&self, answer: &Answer) -> serde_json::Value {
        let row = self.store.decision(&answer.headers["weir-decision"]).await.unwrap().unwrap();
        serde_json::from_str(&row.body).unwrap()
    }

    /// Forgets the requests that came to upstreams.
    pub fn forget(&self) {
        [&self.pypi, &self.npm, &self.cargo].into_iter().for_each(FakeUpstream::forget);
    }

    /// The events of this kind.
    pub async fn events(&self, kind: &str) -> Vec<EventRow> {
        let events = self.store.events(0, 1000).await.unwrap();
        events.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Puts another policy into force.
    pub fn policy(&self, policy: &str) {
        self.gateway.set_policy(Arc::new(Policy::parse(policy, ECOSYSTEMS).unwrap()));
    }

    /// Uses these OSV records from now on.
    pub fn advisories(&self, records: &[serde_json::Value]) {
        self.gateway.set_advisories(Arc::new(index(records, &self.clock)));
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

    /// Sends a request and lets the test read the answer bit by bit.
    pub async fn open(&self, path: &str) -> Reading {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        Reading { stream, bytes: Vec::new(), ended: false }
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

async fn upstream_text(fake: &FakeUpstream, path: &str) -> String {
    let mut stream = TcpStream::connect(fake.authority()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    answer(&bytes).text()
}

/// An answer that is still on its way.
pub struct Reading {
    stream: TcpStream,
    bytes: Vec<u8>,
    ended: bool,
}

impl Reading {
    /// Reads until nothing has come for this long, or the end.
    pub async fn quiet(&mut self, pause: Duration) -> Answer {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read) = tokio::time::timeout(pause, self.stream.read(&mut buffer)).await {
            match read {
                Ok(count) if count > 0 => self.bytes.extend_from_slice(&buffer[..count]),
                _ => {
                    self.ended = true;
                    break;
                }
            }
        }
        answer(&self.bytes)
    }

    /// Reads until the end, which must come.
    pub async fn end(mut self) -> Answer {
        let answer = self.quiet(Duration::from_secs(20)).await;
        assert!(self.ended, "the answer did not end");
        answer
    }
}

pub fn answer(bytes: &[u8]) -> Answer {
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

async fn serve(listener: TcpListener, gateway: Arc<Gateway>, principal: Arc<Mutex<Principal>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (gateway, principal) = (Arc::clone(&gateway), Arc::clone(&principal));
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let gateway = Arc::clone(&gateway);
                let principal = principal.lock().unwrap().clone();
                async move { Ok::<_, std::convert::Infallible>(gateway.handle(request.map(Body::new), &principal).await) }
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

/// What asks PyPI's pages for JSON.
pub const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A CVSS 3.1 vector with the score 9.8.
pub const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
