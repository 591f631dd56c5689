//! How a document, an artifact, a forwarded request is fetched.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use http::{Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use crate::address::{self, Allowed, Authority, HostEntry, MAX_URL_BYTES, Refused, redacted, redacted_text};
use crate::body::Body;
use crate::circuit::Circuit;
use crate::config::{ConfigError, Limits, UpstreamConfig};
use crate::connection::{self, Credentials, cause, is_tls};
use crate::error::{Phase, UpstreamError};
use crate::resolve;
use crate::secret::Secret;

mod open;

pub use open::Opened;

/// Longest `ETag` or `Last-Modified` that is kept and sent back.
const MAX_VALIDATOR_BYTES: usize = 1024;

/// One registry that Weir fetches from. Cheap to clone; clones share connections, limits and what is known about
/// whether its hosts can be reached.
#[derive(Clone)]
pub struct Upstream {
    inner: Arc<Inner>,
}

struct Inner {
    base: Url,
    /// The base as it is shown.
    shown: String,
    allowed: Allowed,
    credentials: Option<Credentials>,
    limits: Limits,
    client: reqwest::Client,
    hosts: Mutex<HashMap<Authority, Arc<Host>>>,
}

/// What is known about one authority.
struct Host {
    circuit: Circuit,
    documents: Arc<Semaphore>,
    artifacts: Arc<Semaphore>,
}

/// What the last copy of a document came with.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Validators {
    /// `ETag`, as sent.
    pub etag: Option<String>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<String>,
}

/// The answer to a request for a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// 304: the copy that the validators came with is current.
    NotModified,
    /// A document.
    Document {
        /// The address it came from, after redirects, with its query: what relative addresses in it are relative to.
        url: String,
        /// Its media type with parameters, as sent; empty if none was.
        content_type: String,
        /// `ETag`, as sent.
        etag: Option<String>,
        /// `Last-Modified`, as sent.
        last_modified: Option<String>,
        /// Its bytes, decoded.
        body: Bytes,
    },
    /// There is no such document.
    Absent {
        /// 404 or 410.
        status: u16,
    },
}

/// The answer to a forwarded request, whatever its status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forwarded {
    /// The HTTP status.
    pub status: u16,
    /// Its media type with parameters, as sent; empty if none was.
    pub content_type: String,
    /// Its bytes, decoded.
    pub body: Bytes,
}

/// A request before it is known where its redirects lead.
struct Question<'a> {
    method: Method,
    headers: HeaderMap,
    body: Option<(Bytes, Option<&'a str>)>,
    artifact: bool,
    total: Duration,
    limit: u64,
}

/// An answer with a final status.
struct Answer {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Upstream {
    /// Checks the settings. Contacts nobody.
    pub fn new(config: &UpstreamConfig) -> Result<Self, ConfigError> {
        let invalid =
            |problem: &str| ConfigError::Url { url: redacted_text(&config.url), problem: String::from(problem) };
        let mut base = Url::parse(config.url.trim()).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
            return Err(invalid("expected `https://HOST/PATH` or `http://HOST/PATH`"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("it must have neither a query nor a fragment"));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let shown = redacted(&base);
        let credentials = connection::credentials(config, &base, &shown)?;
        // Both fail only for addresses without a host.
        let _ = base.set_username("");
        let _ = base.set_password(None);

        let hosts = config.hosts.iter().map(|entry| {
            HostEntry::parse(entry).map_err(|problem| ConfigError::Host {
                url: shown.clone(),
                entry: entry.clone(),
                problem,
            })
        });
        let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
        let allowed = Allowed::new(&base, hosts).ok_or_else(|| invalid("it names no host"))?;
        let client = connection::client(config, &base, &allowed, &shown)?;
        let inner =
            Inner { base, shown, allowed, credentials, limits: config.limits.clone(), client, hosts: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The base address, without user and password. It ends in `/`.
    pub fn base(&self) -> &str {
        &self.inner.shown
    }

    /// Why the base cannot be reached at the moment, as far as earlier requests have told; `None` if it can.
    pub fn trouble(&self) -> Option<String> {
        self.host(self.inner.allowed.base()).circuit.problem(Instant::now())
    }

    /// Fetches the document at `path`, which is relative to the base and percent-encoded.
    pub async fn document(&self, path: &str, accept: &str, validators: &Validators) -> Result<Fetched, UpstreamError> {
        let url = self.under_base(path)?;
        let limits = &self.inner.limits;
        let (headers, conditional) = conditions(accept, "gzip", validators);
        let question = Question {
            method: Method::GET,
            headers,
            body: None,
            artifact: false,
            total: limits.document_total,
            limit: limits.document_bytes,
        };
        let mut tries = 0;
        loop {
            let answer = self.ask(&url, &question).await?;
            match answer.status {
                StatusCode::NOT_MODIFIED if conditional => return Ok(Fetched::NotModified),
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    return Ok(Fetched::Absent { status: answer.status.as_u16() });
                }
                StatusCode::OK => {}
                _ => return Err(answer.unexpected()),
            }
            let gzip = answer.is_gzip()?;
            let url = answer.url.to_string();
            let content_type = text(&answer.headers, &CONTENT_TYPE).unwrap_or_default();
            let etag = validator(&answer.headers, &ETAG);
            let last_modified = validator(&answer.headers, &LAST_MODIFIED);
            match answer.body.read(gzip).await {
                Ok(body) => return Ok(Fetched::Document { url, content_type, etag, last_modified, body }),
                // A connection that breaks in the middle is as good a reason to try again as one that never was.
                Err(UpstreamError::Truncated { .. }) if tries < limits.retries => {
                    tries += 1;
                    self.pause(tries).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands a request on: `path_and_query` is relative to the base and percent-encoded. Any status is an answer.
    pub async fn forward(
        &self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
        content_type: Option<&str>,
    ) -> Result<Forwarded, UpstreamError> {
        let url = self.under_base(path_and_query)?;
        let limits = &self.inner.limits;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let question = Question {
            method,
            headers,
            body: (!body.is_empty()).then_some((body, content_type)),
            artifact: false,
            total: limits.document_total,
            limit: limits.forward_bytes,
        };
        let answer = self.ask(&url, &question).await?;
        let gzip = answer.is_gzip()?;
        Ok(Forwarded {
            status: answer.status.as_u16(),
            content_type: text(&answer.headers, &CONTENT_TYPE).unwrap_or_default(),
            body: answer.body.read(gzip).await?,
        })
    }

    /// Asks and follows redirects by hand, each hop under the same rules.
    async fn ask(&self, url: &Url, question: &Question<'_>) -> Result<Answer, UpstreamError> {
        let limits = &self.inner.limits;
        let deadline = Instant::now() + question.total;
        let mut url = url.clone();
        for _ in 0..=limits.redirects {
            let authority = self.check(&url)?;
            let host = self.host(&authority);
            let permit = self.place(&host, question, &url).await?;
            let response = self.try_often(&url, &authority, &host, question).await?;
            let status = response.status();
            let headers = response.headers().clone();
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
                && question.method.is_safe()
                && let Some(location) = headers.get(LOCATION)
            {
                url = self.redirected(&url, location)?;
                continue;
            }
            let expected = text(&headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let body = Body {
                response,
                url: redacted(&url),
                limit: question.limit,
                stall: limits.stall,
                total: question.total,
                deadline,
                expected: if question.method == Method::HEAD { None } else { expected },
                got: 0,
                ended: false,
                _permit: permit,
            };
            return Ok(Answer { url, status, headers, body });
        }
        Err(UpstreamError::TooManyRedirects { url: redacted(&url), limit: limits.redirects })
    }

    /// Sends one request, again after a pause where that is harmless and may help.
    async fn try_often(
        &self,
        url: &Url,
        authority: &Authority,
        host: &Host,
        question: &Question<'_>,
    ) -> Result<reqwest::Response, UpstreamError> {
        let limits = &self.inner.limits;
        let idempotent = question.method.is_idempotent();
        let mut tries = 0;
        loop {
            host.circuit.enter(Instant::now()).map_err(|open| open.into_error(authority))?;
            let request = self.request(url, authority, question);
            let error = match tokio::time::timeout(limits.first_byte, request.send()).await {
                Ok(Ok(response)) => {
                    host.circuit.reached();
                    let pause = retry_after(&response);
                    let retry = match response.status().as_u16() {
                        502..=504 => pause.is_none_or(|pause| pause <= limits.retry_after),
                        429 => pause.is_some_and(|pause| pause <= limits.retry_after),
                        _ => false,
                    };
                    if retry && idempotent && tries < limits.retries {
                        tries += 1;
                        match pause {
                            Some(pause) => tokio::time::sleep(pause).await,
                            None => self.pause(tries).await,
                        }
                        continue;
                    }
                    if let (429 | 503, Some(pause)) =
                        (response.status().as_u16(), pause.filter(|pause| *pause > limits.retry_after))
                    {
                        let until = Instant::now() + pause.min(limits.left_alone);
                        host.circuit.asked_to_wait(until, response.status().as_u16());
                    }
                    return Ok(response);
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(UpstreamError::Timeout {
                        url: redacted(url),
                        phase: Phase::FirstByte,
                        after: limits.first_byte,
                    });
                }
            };
            if let Some(refused) = resolve::refusal(&error) {
                // Nothing was sent, and another try would send nothing.
                host.circuit.reached();
                return Err(UpstreamError::AddressNotAllowed { url: redacted(url), problem: refused.to_string() });
            }
            let problem = cause(&error);
            if error.is_connect() && url.scheme() == "https" && is_tls(&error) {
                // The host answers, and will answer the same to another try.
                host.circuit.reached();
                return Err(UpstreamError::Tls { url: redacted(url), problem });
            }
            if error.is_connect() {
                host.circuit.failed(Instant::now(), &problem);
            }
            // What failed to connect has sent nothing, so even a POST may be tried again.
            if (error.is_connect() || idempotent) && tries < limits.retries {
                tries += 1;
                self.pause(tries).await;
                continue;
            }
            return Err(if error.is_timeout() {
                UpstreamError::Timeout { url: redacted(url), phase: Phase::Connect, after: limits.connect }
            } else {
                UpstreamError::Unreachable { url: redacted(url), problem }
            });
        }
    }

    fn request(&self, url: &Url, authority: &Authority, question: &Question<'_>) -> reqwest::RequestBuilder {
        let mut request =
            self.inner.client.request(question.method.clone(), url.clone()).headers(question.headers.clone());
        if authority == self.inner.allowed.base() {
            request = match &self.inner.credentials {
                Some(Credentials::Basic(user, password)) => {
                    request.basic_auth(user, password.as_ref().map(Secret::expose))
                }
                Some(Credentials::Bearer(token)) => request.bearer_auth(token.expose()),
                None => request,
            };
        }
        if let Some((body, content_type)) = &question.body {
            request = request.body(body.clone());
            if let Some(value) = content_type.and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(CONTENT_TYPE, value);
            }
        }
        request
    }

    async fn place(
        &self,
        host: &Host,
        question: &Question<'_>,
        url: &Url,
    ) -> Result<OwnedSemaphorePermit, UpstreamError> {
        let places = if question.artifact { &host.artifacts } else { &host.documents };
        let wait = self.inner.limits.first_byte;
        match tokio::time::timeout(wait, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(UpstreamError::Timeout { url: redacted(url), phase: Phase::Queue, after: wait }),
        }
    }

    async fn pause(&self, tries: u8) {
        let pause = self.inner.limits.backoff * 2u32.saturating_pow(u32::from(tries.saturating_sub(1)));
        // Every RandomState has its own keys: jitter needs to differ, not to be unpredictable.
        let random = RandomState::new().build_hasher().finish() % 1000;
        tokio::time::sleep(pause + pause * (random as u32) / 1000).await;
    }

    fn host(&self, authority: &Authority) -> Arc<Host> {
        let mut hosts = self.inner.hosts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(host) = hosts.get(authority) {
            return Arc::clone(host);
        }
        let limits = &self.inner.limits;
        let places = || Arc::new(Semaphore::new(usize::from(limits.concurrency.max(1))));
        let host = Arc::new(Host {
            circuit: Circuit::new(limits.down_after, limits.down_for),
            documents: places(),
            artifacts: places(),
        });
        // Bounded: only allowed authorities come here.
        hosts.insert(authority.clone(), Arc::clone(&host));
        host
    }

    fn under_base(&self, path: &str) -> Result<Url, UpstreamError> {
        address::under(&self.inner.base, path).map_err(|problem| UpstreamError::InvalidAddress {
            url: format!("{}{}", self.inner.shown, redacted_text(path)),
            problem: problem.to_owned(),
        })
    }

    fn outside(&self, text: &str) -> Result<Url, UpstreamError> {
        let invalid = |problem: String| UpstreamError::InvalidAddress { url: redacted_text(text), problem };
        if text.len() > MAX_URL_BYTES {
            return Err(invalid(format!("it is longer than {MAX_URL_BYTES} bytes")));
        }
        let mut url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        url.set_fragment(None);
        self.check(&url)?;
        Ok(url)
    }

    fn redirected(&self, from: &Url, location: &HeaderValue) -> Result<Url, UpstreamError> {
        let invalid = |problem: String| UpstreamError::InvalidAnswer { url: redacted(from), problem };
        let location = std::str::from_utf8(location.as_bytes())
            .ok()
            .filter(|location| location.len() <= MAX_URL_BYTES)
            .ok_or_else(|| invalid(String::from("it redirects to what is not an address")))?;
        let mut url = from.join(location).map_err(|error| {
            invalid(format!("it redirects to `{}`, which is not an address: {error}", redacted_text(location)))
        })?;
        url.set_fragment(None);
        // Also where the base is http, a hop that was https stays so.
        if from.scheme() == "https" && url.scheme() == "http" {
            return Err(UpstreamError::Insecure { url: redacted(&url), base: self.inner.shown.clone() });
        }
        self.check(&url)?;
        Ok(url)
    }

    fn check(&self, url: &Url) -> Result<Authority, UpstreamError> {
        let base = || self.inner.shown.clone();
        self.inner.allowed.check(url).map_err(|refused| match refused {
            Refused::Invalid(problem) => {
                UpstreamError::InvalidAddress { url: redacted(url), problem: problem.to_owned() }
            }
            Refused::Insecure => UpstreamError::Insecure { url: redacted(url), base: base() },
            Refused::NotListed(host) => UpstreamError::HostNotAllowed { url: redacted(url), host, base: base() },
        })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstream").field(&self.inner.shown).finish()
    }
}

impl Answer {
    fn unexpected(&self) -> UpstreamError {
        UpstreamError::Status {
            url: self.body.url.clone(),
            status: self.status.as_u16(),
            retry_after: retry_after(&self.body.response).map(|pause| pause.as_secs()),
        }
    }

    fn is_gzip(&self) -> Result<bool, UpstreamError> {
        match text(&self.headers, &CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(false),
            "gzip" | "x-gzip" => Ok(true),
            coding => Err(UpstreamError::InvalidAnswer {
                url: self.body.url.clone(),
                problem: format!("it has the content coding `{coding}`, which was not asked for"),
            }),
        }
    }
}

/// The headers of a request for a document, and whether they make it a conditional one.
fn conditions(accept: &str, coding: &'static str, validators: &Validators) -> (HeaderMap, bool) {
    let mut headers = HeaderMap::new();
    put(&mut headers, ACCEPT, accept);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(coding));
    if let Some(etag) = &validators.etag {
        put(&mut headers, IF_NONE_MATCH, etag);
    }
    if let Some(last_modified) = &validators.last_modified {
        put(&mut headers, IF_MODIFIED_SINCE, last_modified);
    }
    let conditional = headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
    (headers, conditional)
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); its form as a date is not used by registries.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    text(response.headers(), &RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|value| value.trim().to_owned())
}

fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    text(headers, name).filter(|value| !value.is_empty() && value.len() <= MAX_VALIDATOR_BYTES)
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
