//! Which address leads where?

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde_json::json;
use tracing::Instrument;
use weir_core::Purl;
use weir_gateway::account::{Account, Told};
use weir_gateway::documents::DocumentError;
use weir_gateway::explain::Explanation;
use weir_gateway::phases::Phase;
use weir_gateway::{Gateway, Stages, gateway::Failure};

use crate::access::{Access, Caller, Denied};
use crate::conditions::Conditions;
use crate::decision::{Form, Shown};
use crate::proxy::{Origin, Proxies};
use crate::{hosted, mirror, page, welcome};

/// What the refusal says that `weir doctor` asks for, in the reason phrase as every refusal.
pub const REFUSAL: &str = "weir-doctor: a reason reaches this client; see api/v1/refusal";
/// Most reasons in an explanation as text.
const MAX_REASONS: usize = 5;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything that a running Weir answers.
pub struct App {
    gateway: Arc<Gateway>,
    access: Access,
    proxies: Proxies,
    /// What stands before every path, if the public address has a path.
    prefix: String,
    conditions: Arc<Conditions>,
    run: String,
    requests: AtomicU64,
}

impl App {
    /// Puts the application together.
    pub fn new(gateway: Arc<Gateway>, access: Access, conditions: Arc<Conditions>) -> Self {
        let mut random = [0; 4];
        // Ids only have to differ between runs; without random bytes they still count up.
        let _ = getrandom::fill(&mut random);
        let prefix = page::prefix(&gateway.settings().public_url).to_owned();
        let run = weir_core::digest::hex(&random);
        let proxies = Proxies::default();
        Self { gateway, access, proxies, prefix, conditions, run, requests: AtomicU64::new(1) }
    }

    /// Believes these proxies.
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// The gate.
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Answers one request. Its line in the log, its record and the metrics are written when the body of the answer ends.
    pub async fn answer<B>(self: &Arc<Self>, request: Request<B>, peer: IpAddr) -> http::Response<Told>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let id = self.id();
        let header = HeaderValue::from_str(&id);
        let origin = self.proxies.origin(request.headers(), peer);
        let mut account = self.gateway.account(&request, id, origin.client);
        let mut response = match self.ready(&request, &origin, &mut account) {
            Some(response) => response,
            // In a place of its own, so that what is ready does not carry it along.
            None => {
                let span = tracing::info_span!("http", request_id = account.id());
                let request = request.map(Body::new);
                Box::pin(self.route(request, &origin, &mut account).instrument(span)).await
            }
        };
        if let Ok(id) = header {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        account.follow(response)
    }

    /// An id that no other request has.
    fn id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(self.run.len() + 1 + 16);
        id.push_str(&self.run);
        // Writing to a string cannot fail.
        let _ = write!(id, "-{number:x}");
        id
    }

    /// The answer to a package manager's request, if it is known who asks and all of it is in memory.
    fn ready<B>(&self, request: &Request<B>, origin: &Origin, account: &mut Account) -> Option<Response> {
        let caller = self.access.at_once(request.headers(), origin)?.ok()?;
        let path = request.uri().path();
        let path = path.strip_prefix(&self.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        self.gateway.ready(request, path, &caller.principal, account)
    }

    async fn route(self: &Arc<Self>, request: Request<Body>, origin: &Origin, account: &mut Account) -> Response {
        let (mut head, body) = request.into_parts();
        if let Some(uri) = self.without_prefix(&head.uri) {
            head.uri = uri;
        }
        let path = head.uri.path();
        match path {
            "/healthz" => return text(StatusCode::OK, "ok\n"),
            "/readyz" => {
                let (ready, report) = self.conditions.report(&self.gateway).await;
                let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                return with(status, "application/json", report);
            }
            "/static/weir.css" => return with(StatusCode::OK, "text/css; charset=utf-8", page::STYLE.to_owned()),
            _ => {}
        }
        let caller = match account.phases.time(Phase::Access, self.access.caller(&head.headers, origin)).await {
            Ok(caller) => caller,
            Err(denied) => return self.denied(&denied),
        };
        caller.principal.name.clone_into(&mut account.record.principal);
        let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        match first {
            // `CONNECT host:80` and `OPTIONS *` have no path either: a 200 would tell the one that it has a tunnel.
            "" if !path.starts_with('/') => text(StatusCode::BAD_REQUEST, "an address here begins with a slash\n"),
            "" if !matches!(head.method, Method::GET | Method::HEAD) => {
                text(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n")
            }
            "" => html(StatusCode::OK, welcome::welcome(&self.gateway)),
            "metrics" => self.metrics(&head),
            "d" => self.decision(rest, &head, account).await,
            "api" if (&head.method, rest) == (&Method::POST, "v1/mirror") => {
                mirror::answer(&self.gateway, body, &caller).await
            }
            "api" => self.api(rest, &head, &caller, account).await,
            _ => self.gateway.answer(Request::from_parts(head, body), &caller.principal, account).await,
        }
    }

    /// OpenMetrics, or the older text format for those who ask for that alone.
    fn metrics(&self, head: &Parts) -> Response {
        let accept = head.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        if accept.contains("text/plain") && !accept.contains("openmetrics") {
            let text = self.gateway.metrics().render_plain();
            return with(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text);
        }
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        with(StatusCode::OK, content_type, self.gateway.metrics().render())
    }

    /// The address without the prefix, if it has it: a proxy may hand it on or take it away.
    fn without_prefix(&self, uri: &Uri) -> Option<Uri> {
        let rest = uri.path().strip_prefix(&self.prefix).filter(|_| !self.prefix.is_empty())?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let path = if rest.is_empty() { "/" } else { rest };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{path}{query}").parse().ok()
    }

    fn denied(&self, denied: &Denied) -> Response {
        self.gateway.metrics().denied(denied.reason());
        if let Denied::Store(error) = denied {
            tracing::error!(error = %error, "tokens cannot be looked up");
            return text(StatusCode::INTERNAL_SERVER_ERROR, "internal error in Weir; its log tells the cause\n");
        }
        let mut response = text(StatusCode::UNAUTHORIZED, &format!("{denied}\n"));
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"weir\", charset=\"UTF-8\""));
        response
    }

    async fn decision(&self, id: &str, head: &Parts, account: &mut Account) -> Response {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "a decision can only be read\n");
        }
        let known = id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        let row = match known {
            true => account.phases.time(Phase::Store, self.gateway.decision(id)).await,
            false => Ok(None),
        };
        let form = Form::of(head.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
        match row {
            Err(error) => {
                tracing::error!(error = %error, "a decision cannot be read");
                text(StatusCode::INTERNAL_SERVER_ERROR, "internal error in Weir; its log tells the cause\n")
            }
            Ok(row) => {
                let shown = row.map(|row| Shown::new(row, self.gateway.ecosystems()));
                match shown {
                    Some(shown) => {
                        account.record.decision = Some(id.to_owned());
                        let shown = shown.render(form, &self.gateway.settings().public_url);
                        let mut response = with(StatusCode::OK, form.content_type(), shown);
                        guard(&mut response);
                        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
                        response
                    }
                    None => text(StatusCode::NOT_FOUND, "there is no such decision here\n"),
                }
            }
        }
    }

    async fn api(self: &Arc<Self>, path: &str, head: &Parts, caller: &Caller, account: &mut Account) -> Response {
        match (&head.method, path) {
            (&Method::GET, "v1/refusal") => self.refusal(head.uri.query().unwrap_or_default()),
            (&Method::GET, "v1/explain") => self.explain(head.uri.query().unwrap_or_default(), caller, account).await,
            (method, path) => match path.strip_prefix("v1/hosted/") {
                Some(path) => {
                    let query = head.uri.query().unwrap_or_default();
                    hosted::answer(&self.gateway, method, path, query, &caller.principal).await
                }
                None => api_problem(StatusCode::NOT_FOUND, "not found", "the API has no such address or method"),
            },
        }
    }

    /// A refusal of nothing, for `weir doctor`: does the reason arrive? 404 if there is no such stage.
    fn refusal(&self, query: &str) -> Response {
        let stage = parameter(query, "stage").unwrap_or_default();
        if !self.gateway.policy().stages().any(|there| there.name == stage) {
            return api_problem(StatusCode::NOT_FOUND, "no such stage", &format!("there is no stage `{stage}`"));
        }
        let mut response = api_problem(StatusCode::FORBIDDEN, "a refusal to look at", REFUSAL);
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(REFUSAL.as_bytes()));
        response
    }

    async fn explain(self: &Arc<Self>, query: &str, caller: &Caller, account: &mut Account) -> Response {
        let parameter = |name: &str| parameter(query, name);
        let plain = parameter("format").is_some_and(|format| format == "text");
        let Some(text) = parameter("purl") else {
            return api_problem(StatusCode::BAD_REQUEST, "no purl", "name a release: ?purl=pkg:pypi/django@4.2.30");
        };
        let stage = parameter("stage").unwrap_or_else(|| String::from("dev"));
        let purl = Purl::parse(&text).and_then(|purl| {
            let (ecosystem, package) = purl.package(self.gateway.ecosystems())?;
            Ok((ecosystem, package, purl.version))
        });
        let (ecosystem, package, version) = match purl {
            Ok(parts) => parts,
            Err(error) => return api_problem(StatusCode::BAD_REQUEST, "bad purl", &error.to_string()),
        };
        match self
            .gateway
            .explain(&Stages::new(&stage, caller.principal.stage.as_deref()), ecosystem, &package, version.as_deref())
            .await
        {
            Ok(explanation) => {
                account.about(ecosystem.id);
                account.record.stage = stage;
                package.as_str().clone_into(&mut account.record.package);
                account.record.decision = Some(explanation.decision.id.clone());
                if plain {
                    return self::text(StatusCode::OK, &explained(&explanation));
                }
                with(StatusCode::OK, "application/json", serde_json::to_string(&explanation).unwrap_or_default())
            }
            Err(failure) => {
                let status = match &failure {
                    Failure::NotFound(_) | Failure::NoStage(_) => StatusCode::NOT_FOUND,
                    Failure::Document(DocumentError::Absent { .. } | DocumentError::NotKept { .. }) => {
                        StatusCode::NOT_FOUND
                    }
                    Failure::Document(DocumentError::Upstream(_)) => StatusCode::BAD_GATEWAY,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                if status == StatusCode::INTERNAL_SERVER_ERROR {
                    tracing::error!(error = %failure, "an explanation failed");
                    return api_problem(status, "internal error", "Weir's log tells the cause");
                }
                api_problem(status, "cannot explain", &failure.to_string())
            }
        }
    }
}

/// An explanation in few lines, for a client's hook that has no JSON.
fn explained(explanation: &Explanation) -> String {
    let decision = &explanation.decision;
    let mut out = format!("{} in stage {}: {}\n", decision.purl, decision.stage, decision.effective.word());
    let refuses = |reason: &&Arc<weir_policy::Reason>| {
        reason.waived.is_none() && reason.outcome >= weir_policy::Outcome::Quarantine
    };
    for reason in decision.reasons.iter().filter(refuses).take(MAX_REASONS) {
        out.push_str(&format!("{}: {}\n", reason.rule, reason.message));
    }
    if let Some(it) = &explanation.instead {
        let shown = it.shown.as_deref().unwrap_or("nothing");
        out.push_str(&format!("shown: {shown} in the place of {}: {}\n", it.newest, it.reason));
    }
    if let Some(install) = &explanation.install {
        out.push_str(&format!("instead: {install}\n"));
    }
    out.push_str(&format!("see {}\n", explanation.address));
    // Strangers' texts go to a terminal.
    out.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// A parameter of a query, decoded.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded(query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Splits a query as forms encode it.
fn form_urlencoded(query: &str) -> Vec<(String, String)> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .take(32)
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// An error of the API (RFC 9457).
pub fn api_problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    with(status, "application/problem+json", body.to_string())
}

fn text(status: StatusCode, body: &str) -> Response {
    with(status, "text/plain; charset=utf-8", body.to_owned())
}

fn html(status: StatusCode, body: String) -> Response {
    let mut response = with(status, "text/html; charset=utf-8", body);
    guard(&mut response);
    response
}

/// An answer that no cache keeps.
pub fn with(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Headers of pages: nothing but their own style sheet, in no frame.
fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::CONTENT_SECURITY_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
