//! What is told of one request: its log line, its record, the metrics.
//!
//! An [`Account`] is opened when the head of a request has been read, goes along with it, and is closed when the last byte
//! of the answer has gone, or when either side has given up: closing is what dropping it does, so that nothing can forget.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use weir_core::{Clock, Digest};
use weir_store::RequestRow;

use crate::line::{self, Line};
use crate::lines::Lines;
use crate::metrics::{EcosystemLabels, Metrics, PhaseLabels, RequestLabels};
use crate::phases::{Phase, Phases};
use crate::requests::RequestLog;

/// Where accounts go.
#[derive(Debug)]
pub struct Books {
    /// The records of package managers' requests.
    pub requests: RequestLog,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The log's lines; without it, none are written.
    pub lines: Option<Lines>,
}

/// The account of one request.
#[derive(Debug)]
pub struct Account {
    books: Arc<Books>,
    began: Instant,
    head: Option<Duration>,
    id: String,
    peer: Option<IpAddr>,
    method: Method,
    path: String,
    /// What the record of the request will tell; what is about no package leaves most of it empty.
    pub record: RequestRow,
    /// What the request spends its time on.
    pub phases: Phases,
    /// Why what is served may be out of date.
    pub stale: Option<String>,
    /// It is a request of a package manager, and is kept as a record.
    pub is_kept: bool,
    /// Its outcome is other than its status says.
    outcome: Option<&'static str>,
    /// Its label in metrics.
    ecosystem: &'static str,
    late: Option<Arc<Late>>,
    /// How many bytes the whole body has, if that is known.
    expected: Option<u64>,
    is_whole: bool,
    failed: bool,
    /// Where it counts if it is served, looked up before.
    counted: Option<Arc<Counted>>,
}

/// Where the requests that are served for a stage and an ecosystem count.
#[derive(Debug)]
pub struct Counted {
    served: Counter,
    head: Histogram,
    body: Histogram,
}

impl Counted {
    /// Looks them up.
    pub fn new(metrics: &Metrics, stage: String, ecosystem: &'static str) -> Self {
        let labels = PhaseLabels { ecosystem, phase: Phase::Body.word() };
        Self {
            served: metrics.requests.get_or_create(&RequestLabels { stage, ecosystem, outcome: SERVED }).clone(),
            head: metrics.duration.get_or_create(&EcosystemLabels { ecosystem }).clone(),
            body: metrics.phases.get_or_create(&labels).clone(),
        }
    }
}

/// What becomes known of a request while its body is on its way.
#[derive(Debug, Default)]
pub struct Late(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    failed: Option<&'static str>,
    decision: Option<String>,
    artifact: Option<Digest>,
}

impl Late {
    /// Notes what let the whole of the bytes out, where that was decided while they were on their way.
    pub fn admitted(&self, decision: &str, artifact: Digest) {
        let mut known = self.lock();
        known.decision = Some(decision.to_owned());
        known.artifact = Some(artifact);
    }

    /// Notes why the connection is cut: `outcome` as in the record, and the decision if it was one.
    pub fn failed(&self, outcome: &'static str, decision: Option<&str>) {
        let mut known = self.lock();
        known.failed = Some(outcome);
        if let Some(decision) = decision {
            known.decision = Some(decision.to_owned());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Account {
    /// Opens the account of a request.
    pub fn open<B>(books: &Arc<Books>, request: &Request<B>, id: String, peer: Option<IpAddr>) -> Self {
        books.metrics.in_flight.inc();
        Self {
            began: Instant::now(),
            head: None,
            id,
            peer,
            method: request.method().clone(),
            path: if books.lines.is_some() { line::shown_path(request.uri().path()) } else { String::new() },
            record: RequestRow { at: books.clock.now(), ..RequestRow::default() },
            phases: Phases::default(),
            stale: None,
            is_kept: false,
            outcome: None,
            ecosystem: "",
            late: None,
            expected: None,
            is_whole: false,
            failed: false,
            counted: None,
            books: Arc::clone(books),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says which ecosystem it is about: its id.
    pub fn about(&mut self, ecosystem: &'static str) {
        self.ecosystem = ecosystem;
        ecosystem.clone_into(&mut self.record.ecosystem);
    }

    /// Says that it is a package manager's, and was answered from memory as one before it. Its record is that one's.
    pub(crate) fn is_ready(&mut self, ecosystem: &'static str, counted: Arc<Counted>) {
        self.is_kept = true;
        self.ecosystem = ecosystem;
        self.counted = Some(counted);
    }

    /// Says what became of it, where the status alone does not tell.
    pub const fn set_outcome(&mut self, outcome: &'static str) {
        self.outcome = Some(outcome);
    }

    /// Takes down the head of the answer, and goes along with its body from here.
    pub fn follow(mut self, response: Response<Body>) -> Response<Told> {
        let (mut head, body) = response.into_parts();
        self.record.status = head.status.as_u16();
        self.late = head.extensions.remove::<Arc<Late>>();
        self.outcome = self.outcome.or(Some(outcome(head.status)));
        self.head = Some(self.began.elapsed());
        // A stream does not know its length, and is not asked for more once it has given what the head promises.
        let promised = || head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        self.expected = body.size_hint().exact().or_else(promised);
        // Nothing is sent of what answers HEAD.
        self.is_whole = self.method == Method::HEAD || body.is_end_stream();
        Response::from_parts(head, Told { body, account: self })
    }
}

/// The word for a request that got what it asked for.
const SERVED: &str = "served";

/// The word for a status.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=303 | 305..=399 => SERVED,
        304 => "not-modified",
        401 => "denied",
        403 => "refused",
        404 => "absent",
        502 => "upstream-error",
        _ => "error",
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let total = self.began.elapsed();
        let books = &self.books;
        let late = self.late.take().map(|late| std::mem::take(&mut *late.lock())).unwrap_or_default();
        let record = &mut self.record;
        let outcome = match late.failed {
            Some(failed) => failed,
            None if self.failed || std::thread::panicking() => "error",
            None if self.is_whole => self.outcome.unwrap_or(SERVED),
            None => "aborted",
        };
        outcome.clone_into(&mut record.outcome);
        record.decision = late.decision.or_else(|| record.decision.take());
        record.artifact = late.artifact.or(record.artifact);
        record.duration_ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
        let head = self.head.unwrap_or(total);
        if self.head.is_some() {
            self.phases.add(Phase::Body, total.saturating_sub(head));
        }
        if let Some(lines) = &books.lines {
            let at = record.at.plus_millis(i64::try_from(record.duration_ms).unwrap_or(i64::MAX));
            let (peer, phases, stale) = (self.peer, &self.phases, self.stale.as_deref());
            let (id, method, path) = (self.id.as_str(), line::shown_method(self.method.as_str()), self.path.as_str());
            lines.log(&Line { at, id, peer, method, path, record, head, total, phases, stale });
        }
        let metrics = &books.metrics;
        metrics.in_flight.dec();
        metrics.sent.inc_by(record.bytes);
        if let Some(counted) = self.counted.as_ref().filter(|_| outcome == SERVED) {
            counted.served.inc();
            counted.head.observe(head.as_secs_f64());
            counted.body.observe(total.saturating_sub(head).as_secs_f64());
            books.requests.keep(std::mem::take(record));
            return;
        }
        let ecosystem = self.ecosystem;
        metrics.requests.get_or_create(&RequestLabels { stage: record.stage.clone(), ecosystem, outcome }).inc();
        metrics.duration.get_or_create(&EcosystemLabels { ecosystem }).observe(head.as_secs_f64());
        for (phase, spent) in self.phases.passed() {
            let labels = PhaseLabels { ecosystem, phase: phase.word() };
            metrics.phases.get_or_create(&labels).observe(spent.as_secs_f64());
        }
        if self.is_kept {
            books.requests.keep(std::mem::take(record));
        }
    }
}

/// The body of an answer, with the account of its request.
#[derive(Debug)]
pub struct Told {
    body: Body,
    account: Account,
}

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let account = &mut self.account;
                account.record.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                account.is_whole = account.expected.is_some_and(|expected| account.record.bytes >= expected);
            }
            Poll::Ready(Some(Err(_))) => self.account.failed = true,
            Poll::Ready(None) => self.account.is_whole = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
