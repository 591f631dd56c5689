//! What the gate holds, and how a request passes through it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request};
use weir_advisory::Index as Advisories;
use weir_blob::Blobs;
use weir_core::registry::{Ask, Form, Method, Part, RouteError, Shown, Which};
use weir_core::{Clock, Ecosystem, Ecosystems, PackageName, Timestamp};
use weir_policy::{Decision, Policy};
use weir_store::{DecisionRow, RequestRow, Store};
use weir_upstream::{Flights, Upstream};

use crate::cache::Lru;
use crate::documents::{DocumentError, Documents, Lifetimes};
use crate::known::{self, Known, Stamp};
use crate::metrics::{Metrics, RequestLabels, UpstreamLabels};
use crate::requests::RequestLog;
use crate::transfer::{TransferError, Transfers};
use crate::view::View;
use crate::{refusal, respond};

mod artifact;
mod audit;

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address under which clients reach this Weir, without a trailing slash: part of every page.
    pub public_url: String,
    /// Ask upstreams. Without it, only what is kept is known.
    pub online: bool,
    /// How long upstream's answers are taken for current.
    pub lifetimes: Lifetimes,
    /// Artifacts above this many bytes are streamed on while they arrive; smaller ones are inspected first.
    pub stream_above: u64,
    /// Bytes of memory for pages and facts.
    pub memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::from("http://127.0.0.1:8484"),
            online: true,
            lifetimes: Lifetimes::default(),
            stream_above: 8 * 1024 * 1024,
            memory: 96 * 1024 * 1024,
        }
    }
}

/// What a gate is made of.
pub struct Parts {
    /// The ecosystems it serves.
    pub ecosystems: Ecosystems,
    /// Their upstreams, by ecosystem id.
    pub upstreams: HashMap<&'static str, Arc<Upstream>>,
    /// The store.
    pub store: Store,
    /// The blobs.
    pub blobs: Arc<Blobs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The policy at first.
    pub policy: Arc<Policy>,
    /// The advisory data at first.
    pub advisories: Arc<Advisories>,
    /// What can be set.
    pub settings: Settings,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// A token's name, or `anonymous`.
    pub name: String,
    /// The one stage that a token may use, if it is bound.
    pub stage: Option<String>,
}

/// Why a request is not served. Turned into the client's dialect in one place.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Refused by a decision.
    #[error("refused by decision {}", .0.id)]
    Refused(Box<Decision>),
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be read.
    #[error("{0}")]
    BadRequest(String),
    /// The method means nothing there.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// The policy has no such stage.
    #[error("the policy has no stage `{0}`")]
    NoStage(String),
    /// A token is bound to another stage.
    #[error("{0}")]
    Forbidden(String),
    /// Upstream's document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Upstream's artifact.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Weir itself.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// Wraps a failure of the store or of the blobs.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound(text) => Self::NotFound(text),
            RouteError::MethodNotAllowed(text) => Self::MethodNotAllowed(text),
            RouteError::BadRequest(text) => Self::BadRequest(text),
        }
    }
}

type PackageKey = (&'static str, PackageName);
type ViewKey = (String, &'static str, PackageName);

/// The gate.
pub struct Gateway {
    ecosystems: Ecosystems,
    store: Store,
    blobs: Arc<Blobs>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    policy: ArcSwap<Policy>,
    advisories: ArcSwap<Advisories>,
    documents: Arc<Documents>,
    transfers: Arc<Transfers>,
    known: Lru<PackageKey, Arc<Known>>,
    views: Lru<ViewKey, Arc<View>>,
    building: Flights<PackageKey, Result<Arc<Known>, DocumentError>>,
    learnt: Arc<Mutex<HashMap<PackageKey, u64>>>,
    recorded: Lru<String, ()>,
    requests: RequestLog,
    metrics: Arc<Metrics>,
}

/// One request on its way, with what its record will tell.
struct Call<'a> {
    ecosystem: &'static Ecosystem,
    stage: &'a str,
    base: String,
    headers: &'a HeaderMap,
    head: bool,
    record: RequestRow,
}

impl Gateway {
    /// Puts a gate together. Must be called inside a Tokio runtime.
    pub fn new(parts: Parts) -> Arc<Self> {
        let metrics = Arc::new(Metrics::default());
        let settings = parts.settings;
        let learnt = Arc::new(Mutex::new(HashMap::<PackageKey, u64>::new()));
        let documents = Arc::new(Documents::new(
            parts.upstreams,
            parts.store.clone(),
            Arc::clone(&parts.blobs),
            Arc::clone(&parts.clock),
            Arc::clone(&metrics),
            settings.lifetimes,
            settings.memory / 3,
        ));
        let counts = Arc::clone(&learnt);
        let transfers = Arc::new(Transfers::new(
            parts.store.clone(),
            Arc::clone(&parts.blobs),
            Arc::clone(&parts.clock),
            Box::new(move |ecosystem, package| {
                let mut counts = counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                *counts.entry((ecosystem.id, package.clone())).or_default() += 1;
            }),
        ));
        Arc::new(Self {
            ecosystems: parts.ecosystems,
            requests: RequestLog::start(parts.store.clone(), Arc::clone(&metrics)),
            store: parts.store,
            blobs: parts.blobs,
            clock: parts.clock,
            policy: ArcSwap::new(parts.policy),
            advisories: ArcSwap::new(parts.advisories),
            documents,
            transfers,
            known: Lru::new(settings.memory / 3),
            views: Lru::new(settings.memory / 3),
            building: Flights::new(),
            learnt,
            recorded: Lru::new(4 * 1024 * 1024),
            metrics,
            settings,
        })
    }

    /// What was set.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ecosystems that are served.
    pub const fn ecosystems(&self) -> Ecosystems {
        self.ecosystems
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        self.metrics.cache.set(i64::try_from(self.documents.weight() + self.views.weight()).unwrap_or(i64::MAX));
        &self.metrics
    }

    /// Which upstreams did not answer when last asked.
    pub fn trouble(&self) -> Vec<(&'static str, String)> {
        self.documents.trouble()
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy into force: every later request is judged by it.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
    }

    /// The advisory data in use.
    pub fn advisories(&self) -> Arc<Advisories> {
        self.advisories.load_full()
    }

    /// Uses other advisory data from now on.
    pub fn set_advisories(&self, advisories: Arc<Advisories>) {
        self.advisories.store(advisories);
    }

    /// Writes the request records that still wait.
    pub async fn flush(&self) {
        self.requests.flush().await;
    }

    /// A package as `stage` sees it now. A private name is refused here, before upstream could be asked.
    pub async fn view(
        self: &Arc<Self>,
        stage: &str,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Arc<View>, Failure> {
        let policy = self.policy.load_full();
        let rules = policy.stage(stage).ok_or_else(|| Failure::NoStage(stage.to_owned()))?;
        if let Some(decision) = weir_policy::private_name(rules, ecosystem, package) {
            self.record(&decision, ecosystem, package).await?;
            return Err(Failure::Refused(Box::new(decision)));
        }
        let known = self.known(ecosystem, package).await?;
        let key = (stage.to_owned(), ecosystem.id, package.clone());
        let now = self.clock.now();
        if let Some(view) = self.views.get(&key)
            && view.holds(&known, &policy, now)
        {
            return Ok(view);
        }
        let public_url = self.settings.public_url.clone();
        let of = stage.to_owned();
        let judged = tokio::task::spawn_blocking(move || View::judge(known, policy, &of, &public_url, now))
            .await
            .map_err(Failure::internal)?;
        let view = Arc::new(judged.ok_or_else(|| Failure::NoStage(stage.to_owned()))?);
        self.views.insert(key, Arc::clone(&view), view.weight());
        self.record_index_state(&view, now);
        Ok(view)
    }

    async fn known(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Arc<Known>, DocumentError> {
        let mut held = Vec::new();
        for wanted in ecosystem.registry.documents(package) {
            held.push(if self.settings.online {
                self.documents.current(ecosystem, &wanted).await?
            } else {
                self.documents.kept(ecosystem, &wanted).await?
            });
        }
        let key = (ecosystem.id, package.clone());
        let stamp = Stamp {
            documents: held.iter().map(|held| held.digest).collect(),
            advisories: self.advisories.load().digest(),
            learnt: self.learnt(&key),
        };
        if let Some(known) = self.known.get(&key)
            && known.stamp == stamp
        {
            return Ok(known);
        }
        let this = Arc::clone(self);
        let package = package.clone();
        let built = self.building.run(key, || async move { this.build(ecosystem, package, held, stamp).await }).await;
        built.map_err(DocumentError::storage)?
    }

    async fn build(
        self: Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: PackageName,
        held: Vec<Arc<crate::documents::Held>>,
        stamp: Stamp,
    ) -> Result<Arc<Known>, DocumentError> {
        let bodies = self.bodies(&held).await?;
        let (parsing, of) = (held.clone(), package.clone());
        let index = tokio::task::spawn_blocking(move || known::parse(ecosystem, &of, &parsing, &bodies))
            .await
            .map_err(DocumentError::storage)??;
        let now = self.clock.now();
        let first_seen = self
            .store
            .first_seen(ecosystem.id, package.as_str(), &known::seen(&index), &stamp.documents[0], now)
            .await
            .map_err(DocumentError::storage)?;
        let rows = self.store.artifacts(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let artifacts: HashMap<_, _> = rows.into_iter().map(|row| (row.file.clone(), row)).collect();
        let advisories = self.advisories.load_full();
        let known = tokio::task::spawn_blocking(move || {
            let facts = known::facts(ecosystem, &package, &index, &first_seen, &artifacts, &advisories);
            Arc::new(Known { held, index: Arc::new(index), facts, artifacts, stamp })
        })
        .await
        .map_err(DocumentError::storage)?;
        let changed = known.facts.releases.iter().flat_map(|release| &release.artifacts);
        let changed = changed.filter(|artifact| artifact.findings.iter().any(|f| f.code == "changed-bytes")).count();
        if changed > 0 {
            self.metrics.integrity.inc_by(changed as u64);
            tracing::error!(ecosystem = ecosystem.id, package = %known.facts.package, artifacts = changed,
                "upstream states other bytes under old coordinates");
        }
        self.known.insert((ecosystem.id, known.facts.package.clone()), Arc::clone(&known), known.weight());
        Ok(known)
    }

    async fn bodies(&self, held: &[Arc<crate::documents::Held>]) -> Result<Vec<Bytes>, DocumentError> {
        let mut bodies = Vec::with_capacity(held.len());
        for held in held {
            bodies.push(self.documents.body(held).await?);
        }
        Ok(bodies)
    }

    fn learnt(&self, key: &PackageKey) -> u64 {
        let learnt = self.learnt.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        learnt.get(key).copied().unwrap_or_default()
    }

    /// Makes sure that a decision which someone asked for is on record, before it takes effect.
    pub async fn record(
        &self,
        decision: &Decision,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<(), Failure> {
        if self.recorded.get(&decision.id).is_some() {
            return Ok(());
        }
        let version = weir_core::Purl::parse(&decision.purl).ok().and_then(|purl| purl.version).unwrap_or_default();
        let row = DecisionRow {
            id: decision.id.clone(),
            stage: decision.stage.clone(),
            ecosystem: ecosystem.id.to_owned(),
            package: package.as_str().to_owned(),
            version,
            file: decision.file.clone(),
            outcome: decision.decision.word().to_owned(),
            effective: decision.effective.word().to_owned(),
            body: serde_json::to_string(decision).map_err(Failure::internal)?,
            at: self.clock.now(),
        };
        self.store.record_decision(&row).await.map_err(Failure::internal)?;
        self.recorded.insert(decision.id.clone(), (), 128);
        Ok(())
    }

    fn record_index_state(self: &Arc<Self>, view: &View, at: Timestamp) {
        let state = view.state(at);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = this.store.record_index_state(&state).await {
                tracing::error!(error = %error, "an index state could not be recorded");
            }
        });
    }

    /// Answers a request of a package manager: `/{stage}/{ecosystem}/…`.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>, principal: &Principal) -> Response {
        let started = self.clock.now();
        let timer = tokio::time::Instant::now();
        let (head, body) = request.into_parts();
        let path = head.uri.path().trim_start_matches('/');
        let mut parts = path.splitn(3, '/');
        let (stage, ecosystem, rest) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let policy = self.policy.load();
        let Some(ecosystem) = self.ecosystems.by_id(ecosystem) else {
            return plain(404, "there is nothing here; package addresses are /{stage}/{ecosystem}/…\n");
        };
        let mut call = Call {
            ecosystem,
            stage,
            base: format!("{}/{stage}/{}", self.settings.public_url, ecosystem.id),
            headers: &head.headers,
            head: head.method == http::Method::HEAD,
            record: RequestRow {
                at: started,
                principal: principal.name.clone(),
                client: client(&head.headers),
                stage: stage.to_owned(),
                ecosystem: ecosystem.id.to_owned(),
                package: String::new(),
                version: None,
                file: None,
                artifact: None,
                index_state: None,
                decision: None,
                outcome: String::new(),
                status: 0,
                bytes: 0,
                duration_ms: 0,
            },
        };
        let result = match policy.stage(stage) {
            None => Err(Failure::NoStage(stage.to_owned())),
            Some(_) if principal.stage.as_deref().is_some_and(|bound| bound != stage) => Err(Failure::Forbidden(
                format!("this token may only use stage `{}`", principal.stage.as_deref().unwrap_or_default()),
            )),
            Some(_) => self.pass(&mut call, &head.method, rest, head.uri.query(), body, principal).await,
        };
        let (response, outcome) = match result {
            Ok(response) => {
                let outcome = if response.status() == 304 { "not-modified" } else { "served" };
                (response, outcome)
            }
            Err(failure) => self.fail(&mut call, &failure),
        };
        let mut record = call.record;
        record.status = response.status().as_u16();
        record.outcome = outcome.to_owned();
        record.bytes = response
            .headers()
            .get(http::header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .or_else(|| http_body::Body::size_hint(response.body()).exact())
            .filter(|_| !call.head)
            .unwrap_or(0);
        record.duration_ms = u64::try_from(timer.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.metrics.sent.inc_by(record.bytes);
        self.metrics.duration.observe(timer.elapsed().as_secs_f64());
        let labels = RequestLabels {
            stage: record.stage.clone(),
            ecosystem: record.ecosystem.clone(),
            outcome: record.outcome.clone(),
        };
        self.metrics.requests.get_or_create(&labels).inc();
        tracing::info!(
            stage = record.stage,
            ecosystem = record.ecosystem,
            package = record.package,
            file = record.file.as_deref(),
            principal = record.principal,
            client = record.client,
            decision = record.decision.as_deref(),
            outcome,
            status = record.status,
            size_bytes = record.bytes,
            duration_ms = record.duration_ms,
            "request"
        );
        self.requests.take(record);
        response
    }

    async fn pass(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        method: &http::Method,
        path: &str,
        query: Option<&str>,
        body: Body,
        principal: &Principal,
    ) -> Result<Response, Failure> {
        let method = match method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => return Err(Failure::MethodNotAllowed(format!("{} means nothing here", truncated(other)))),
        };
        let accept = call.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let request = weir_core::registry::Request { method, path, query, accept, base: &call.base };
        match call.ecosystem.registry.route(&request)? {
            Ask::Index { package, form } => self.page(call, &package, &form).await,
            Ask::Artifact { package, which, part } => self.artifact(call, &package, &which, part).await,
            Ask::Reply(reply) => Ok(respond::reply(reply)),
            Ask::Redirect(to) => {
                let query = query.map(|query| format!("?{query}")).unwrap_or_default();
                Ok(respond::redirect(&format!("{}/{to}{query}", call.base)))
            }
            Ask::Names(form) => self.names(call.ecosystem, &form).await,
            Ask::Whoami => Ok(respond::reply(call.ecosystem.registry.whoami(&principal.name))),
            Ask::Audit => self.audit(call, body).await,
            Ask::Forward(path) => self.forward(call, &path).await,
        }
    }

    async fn page(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        form: &Form,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        let view = self.view(call.stage, call.ecosystem, package).await?;
        call.record.index_state = Some(view.state);
        if form.detail.is_some() {
            self.one_release(call, &view, form).await?;
        }
        let page = match view.cached_page(form) {
            Some(page) => page,
            None => {
                let bodies = self.bodies(&view.known.held).await?;
                let (rendering, form, base) = (Arc::clone(&view), form.clone(), call.base.clone());
                let page = tokio::task::spawn_blocking(move || rendering.render(&form, &base, &bodies))
                    .await
                    .map_err(Failure::internal)?
                    .map_err(DocumentError::Invalid)?;
                let key = (call.stage.to_owned(), call.ecosystem.id, package.clone());
                self.views.reweigh(&key, view.weight());
                page
            }
        };
        let mut response = respond::page(&page, call.headers);
        if let Some(reason) = view.known.held.iter().find_map(|held| held.stale.as_deref()) {
            // RFC 9111 §5.5 dropped `Warning`; the header is Weir's own.
            let value: String = reason.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(200).collect();
            if let Ok(value) = http::HeaderValue::try_from(value) {
                response.headers_mut().insert("weir-stale", value);
            }
        }
        Ok(response)
    }

    /// A page of a single release answers for that release: with its refusal, or that there is none.
    async fn one_release(&self, call: &mut Call<'_>, view: &View, form: &Form) -> Result<(), Failure> {
        let bodies = self.bodies(&view.known.held).await?;
        match view.shown(form, &call.base, &bodies) {
            Shown::Package => Ok(()),
            Shown::Nothing => Err(Failure::NotFound(format!(
                "`{}` has no release or tag `{}`",
                view.known.facts.package,
                truncated(form.detail.as_deref().unwrap_or_default())
            ))),
            Shown::Release(version) => {
                let release = view
                    .known
                    .release(&version)
                    .ok_or_else(|| Failure::NotFound(format!("there is no release {}", truncated(&version))))?;
                let decision = view.decision(release, None).ok_or_else(|| Failure::NoStage(call.stage.to_owned()))?;
                call.record.version = Some(version);
                if view.served()[release].refused.is_none() {
                    return Ok(());
                }
                self.record(&decision, call.ecosystem, &view.known.facts.package).await?;
                Err(Failure::Refused(Box::new(decision)))
            }
        }
    }

    async fn names(&self, ecosystem: &'static Ecosystem, form: &Form) -> Result<Response, Failure> {
        /// Names that are listed at most.
        const MOST: u32 = 100_000;
        let names = self.store.package_names(ecosystem.id, "", MOST).await.map_err(Failure::internal)?;
        let names: Vec<_> = names.iter().map(|name| PackageName::from_normalized(name)).collect();
        Ok(respond::reply(ecosystem.registry.names(&names, form)))
    }

    async fn forward(&self, call: &Call<'_>, path: &str) -> Result<Response, Failure> {
        if !self.settings.online {
            return Err(Failure::NotFound(String::from("this is not kept offline")));
        }
        let upstream = self.documents.upstream(call.ecosystem)?;
        let forwarded = upstream
            .forward(http::Method::GET, path, Bytes::new(), None)
            .await
            .map_err(|error| Failure::Document(DocumentError::Upstream(error)))?;
        Ok(respond::reply(weir_core::registry::Reply {
            status: forwarded.status,
            content_type: forwarded.content_type,
            headers: Vec::new(),
            body: forwarded.body.to_vec(),
        }))
    }

    fn fail(&self, call: &mut Call<'_>, failure: &Failure) -> (Response, &'static str) {
        let registry = call.ecosystem.registry;
        let (status, title, outcome) = match failure {
            Failure::Refused(decision) => {
                let package = PackageName::from_normalized(&call.record.package);
                let nearest = decision.nearest_allowed.as_deref();
                let install = nearest.map(|version| registry.install_command(&package, version));
                let problem = refusal::problem(decision, &self.settings.public_url, install.as_deref());
                call.record.decision = Some(decision.id.clone());
                return (respond::problem(registry, &problem), "refused");
            }
            Failure::NotFound(_) | Failure::NoStage(_) | Failure::Document(DocumentError::Absent { .. }) => {
                (404, "not found", "absent")
            }
            Failure::BadRequest(_) => (400, "bad request", "error"),
            Failure::MethodNotAllowed(_) => (405, "method not allowed", "error"),
            Failure::Forbidden(_) => (403, "not allowed for this token", "refused"),
            Failure::Document(DocumentError::Storage(_)) | Failure::Internal(_) => (500, "internal error", "error"),
            Failure::Transfer(TransferError::Storage(_)) => (500, "internal error", "error"),
            Failure::Transfer(TransferError::Mismatch { .. }) => {
                self.metrics.integrity.inc();
                (502, "wrong bytes from upstream", "upstream-error")
            }
            Failure::Document(_) | Failure::Transfer(_) => (502, "upstream trouble", "upstream-error"),
        };
        let message = if status == 500 {
            tracing::error!(error = %failure, stage = call.stage, ecosystem = call.ecosystem.id, "internal error");
            String::from("internal error in Weir; its log tells the cause")
        } else {
            failure.to_string()
        };
        (respond::problem(registry, &refusal::trouble(status, title, &message)), outcome)
    }

    fn count_artifact(&self, ecosystem: &Ecosystem) {
        let labels = UpstreamLabels { ecosystem: ecosystem.id.to_owned(), outcome: String::from("artifact") };
        self.metrics.upstream.get_or_create(&labels).inc();
    }
}

fn truncated(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// The client's family from its `User-Agent`: the first product's name, in lower case.
fn client(headers: &HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent
        .split(['/', ' ', '('])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(32)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn plain(status: u16, text: &str) -> Response {
    respond::reply(weir_core::registry::Reply::text(status, text.to_owned()))
}

/// How a request names an artifact, found in the index.
fn find(known: &Known, which: &Which, part: Part) -> Result<(usize, usize), Failure> {
    let package = &known.facts.package;
    match which {
        Which::File(file) => known.file(file).ok_or_else(|| {
            Failure::NotFound(format!("upstream's index of `{package}` has no file `{}`", truncated(file)))
        }),
        Which::Version(version) => known
            .release(version)
            .filter(|release| !known.index.releases[*release].artifacts.is_empty())
            .map(|release| (release, 0))
            .ok_or_else(|| {
                let what = if part == Part::Whole { "release" } else { "attested release" };
                Failure::NotFound(format!("upstream's index of `{package}` has no {what} {}", truncated(version)))
            }),
    }
}
