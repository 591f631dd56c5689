//! How the gate is doing, for Prometheus.
//!
//! Names and units follow OpenMetrics: base units (seconds, bytes), `_total` for counters. Labels have few values, all of
//! them Weir's own words: nothing that a client sends becomes one. `docs/reference/metrics.md` is made from what is
//! registered here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use weir_core::Timestamp;

use crate::members::MemberId;

mod process;

use process::Process;

/// Labels of a request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Stage, or empty for what belongs to none.
    pub stage: String,
    /// Ecosystem, or empty.
    pub ecosystem: &'static str,
    /// What became of it.
    pub outcome: &'static str,
}

/// Labels of what is told by ecosystem.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct EcosystemLabels {
    /// Ecosystem, or empty for what belongs to none.
    pub ecosystem: &'static str,
}

/// Labels of a phase of requests.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PhaseLabels {
    /// Ecosystem, or empty.
    pub ecosystem: &'static str,
    /// The phase's word.
    pub phase: &'static str,
}

/// Labels of a question to an upstream.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct UpstreamLabels {
    /// Ecosystem.
    pub ecosystem: &'static str,
    /// The upstream's name.
    pub upstream: String,
    /// `changed`, `unchanged`, `absent`, `error`, `artifact`.
    pub outcome: &'static str,
}

/// Labels of what is told by upstream.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct MemberLabels {
    /// Ecosystem.
    pub ecosystem: &'static str,
    /// The upstream's name, as configured.
    pub upstream: String,
}

/// The label of what is told by kind of advisory data.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct FeedLabels {
    /// The feed's name, as `weir feeds status` shows it.
    pub feed: String,
}

/// The one label of a counter that is told by why or how.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReasonLabels {
    /// Why.
    pub reason: &'static str,
}

/// The label of writes to the store.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct WriteLabels {
    /// What was written.
    pub what: &'static str,
}

/// The label of attempts.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// What came of it.
    pub outcome: &'static str,
}

/// What is written to the store, one transaction each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// Records of requests, many at once.
    Requests,
    /// A decision.
    Decision,
    /// That upstream's document is, or is still, the current one.
    Document,
    /// What is known of an artifact whose bytes were stored.
    Artifact,
}

impl Write {
    const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Decision => "decision",
            Self::Document => "document",
            Self::Artifact => "artifact",
        }
    }
}

/// A metric as its reference page tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its name as a query has it, of a histogram without `_bucket`.
    name: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The names of its labels, separated by commas.
    pub labels: &'static str,
    /// What it counts or measures, without a full stop.
    pub meaning: &'static str,
}

impl Described {
    const fn process(name: &'static str, kind: &'static str, meaning: &'static str) -> Self {
        Self { name, prefix: "", suffix: "", kind, labels: "", meaning }
    }

    /// Its name as a query has it; of a histogram, what comes before `_bucket`, `_sum` and `_count`.
    pub fn name(&self) -> String {
        format!("{}{}{}", self.prefix, self.name, self.suffix)
    }
}

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of a Weir.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    process: Arc<Process>,
    /// Requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// Time to the head of an answer.
    pub duration: HistogramFamily<EcosystemLabels>,
    /// Time by phase.
    pub phases: HistogramFamily<PhaseLabels>,
    /// Requests that are being answered.
    pub in_flight: Gauge,
    connections: Gauge,
    /// Bytes of bodies sent.
    pub sent: Counter,
    denied: Family<ReasonLabels, Counter>,
    /// Questions to upstreams.
    pub upstream: Family<UpstreamLabels, Counter>,
    upstream_up: Family<MemberLabels, Gauge>,
    upstream_answered: Family<MemberLabels, Gauge<f64, AtomicU64>>,
    /// Documents served although upstream did not answer.
    pub stale: Counter,
    /// Security events: bytes that changed under old coordinates or that contradict the index.
    pub integrity: Counter,
    /// Request records that were lost because the store was slower than the traffic.
    pub records_lost: Counter,
    /// Bytes of pages and documents held in memory.
    pub cache: Gauge,
    /// Bytes of artifacts that are stored.
    pub stock: Gauge,
    /// Bytes of artifacts that may be stored; 0 without a limit.
    pub stock_limit: Gauge,
    /// Files that were asked for ahead, by what became of them.
    mirrored: Family<OutcomeLabels, Counter>,
    mirrored_bytes: Counter,
    /// Bytes of artifacts above the limit that nothing could make room for, because everything left is named to be kept.
    pub stock_named: Gauge,
    /// Artifacts whose bytes were evicted.
    pub evicted: Counter,
    /// Bytes that were evicted.
    pub evicted_bytes: Counter,
    writes: HistogramFamily<WriteLabels>,
    feeds: Family<FeedLabels, Gauge<f64, AtomicU64>>,
    policy_reloads: Family<OutcomeLabels, Counter>,
    policy_ok: Gauge,
}

/// A connection that is open.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Registers metrics and writes down what they are, in one go.
struct Registrar<'r> {
    registry: &'r mut Registry,
    described: Vec<Described>,
}

impl Registrar<'_> {
    fn add(
        &mut self,
        kind: &'static str,
        name: &'static str,
        unit: Option<Unit>,
        labels: &'static str,
        meaning: &'static str,
        metric: impl Metric,
    ) {
        let suffix = match (kind, &unit) {
            ("counter", Some(Unit::Bytes)) => "_bytes_total",
            ("counter", _) => "_total",
            ("info", _) => "_info",
            (_, Some(Unit::Bytes)) => "_bytes",
            (_, Some(Unit::Seconds)) => "_seconds",
            _ => "",
        };
        self.described.push(Described { name, prefix: "weir_", suffix, kind, labels, meaning });
        match unit {
            Some(unit) => self.registry.register_with_unit(name, meaning, unit, metric),
            None => self.registry.register(name, meaning, metric),
        }
    }
}

/// From a tenth of a millisecond to a quarter of a minute.
fn to_the_head() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.5, 14))
}

/// From ten microseconds, since much is ready in memory, to most of a minute.
fn of_a_phase() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 4.0, 12))
}

impl Default for Metrics {
    fn default() -> Self {
        let process = Arc::new(Process::default());
        let mut metrics = Self {
            registry: Registry::default(),
            described: Vec::new(),
            process: Arc::clone(&process),
            requests: Family::default(),
            duration: Family::new_with_constructor(to_the_head),
            phases: Family::new_with_constructor(of_a_phase),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            sent: Counter::default(),
            denied: Family::default(),
            upstream: Family::default(),
            upstream_up: Family::default(),
            upstream_answered: Family::default(),
            stale: Counter::default(),
            integrity: Counter::default(),
            records_lost: Counter::default(),
            cache: Gauge::default(),
            stock: Gauge::default(),
            stock_limit: Gauge::default(),
            mirrored: Family::default(),
            mirrored_bytes: Counter::default(),
            stock_named: Gauge::default(),
            evicted: Counter::default(),
            evicted_bytes: Counter::default(),
            writes: Family::new_with_constructor(of_a_phase),
            feeds: Family::default(),
            policy_reloads: Family::default(),
            policy_ok: Gauge::default(),
        };
        metrics.policy_ok.set(1);
        let mut registry = Registry::default();
        let mut registrar = Registrar { registry: registry.sub_registry_with_prefix("weir"), described: Vec::new() };
        metrics.register(&mut registrar);
        metrics.described = registrar.described;
        metrics.described.extend(process::DESCRIBED);
        registry.register_collector(Box::new(process));
        metrics.registry = registry;
        metrics
    }
}

impl Metrics {
    #[rustfmt::skip] // A table.
    fn register(&self, to: &mut Registrar<'_>) {
        let (seconds, bytes) = (|| Some(Unit::Seconds), || Some(Unit::Bytes));
        to.add("counter", "requests", None, "stage, ecosystem, outcome",
            "Requests answered; stage and ecosystem are empty for Weir's own pages and addresses", self.requests.clone());
        to.add("histogram", "request_duration", seconds(), "ecosystem",
            "Time from the head of a request to the head of its answer", self.duration.clone());
        to.add("histogram", "request_phase_duration", seconds(), "ecosystem, phase",
            "Time that requests spent in each phase; only requests that passed it count", self.phases.clone());
        to.add("gauge", "requests_in_flight", None, "",
            "Requests whose answer has not ended", self.in_flight.clone());
        to.add("gauge", "connections_open", None, "",
            "Connections of clients that are open", self.connections.clone());
        to.add("counter", "sent", bytes(), "",
            "Bytes of bodies sent", self.sent.clone());
        to.add("counter", "requests_denied", None, "reason",
            "Requests answered 401: without a token where one is needed, or with one that is not valid", self.denied.clone());
        to.add("counter", "upstream_requests", None, "ecosystem, upstream, outcome",
            "Questions to upstreams", self.upstream.clone());
        to.add("gauge", "upstream_up", None, "ecosystem, upstream",
            "1 if the upstream answered when last asked, 0 if not; absent until it is asked", self.upstream_up.clone());
        to.add("gauge", "upstream_last_answer_timestamp", seconds(), "ecosystem, upstream",
            "When the upstream last answered a question for a document, as a Unix time", self.upstream_answered.clone());
        to.add("counter", "stale_documents", None, "",
            "Documents served as they were kept, because upstream did not answer", self.stale.clone());
        to.add("counter", "integrity_events", None, "",
            "Bytes that are not those promised: changed under old coordinates, or not what the index states", self.integrity.clone());
        to.add("histogram", "store_write_duration", seconds(), "what",
            "Time for one durable write to the store, with the wait for other writers", self.writes.clone());
        to.add("counter", "request_records_lost", None, "",
            "Request records dropped because the store was slower than the traffic", self.records_lost.clone());
        to.add("gauge", "cache", bytes(), "",
            "Pages and documents in memory", self.cache.clone());
        to.add("gauge", "artifacts_stored", bytes(), "",
            "Artifacts that are stored, as cache.limit-mib counts them", self.stock.clone());
        to.add("gauge", "artifacts_limit", bytes(), "",
            "cache.limit-mib in bytes; 0 without a limit", self.stock_limit.clone());
        to.add("gauge", "artifacts_kept_above_limit", bytes(), "",
            "Artifacts above cache.limit-mib that stay because sets to be kept name them", self.stock_named.clone());
        to.add("counter", "mirrored_files", None, "outcome",
            "Files that were asked for ahead of clients", self.mirrored.clone());
        to.add("counter", "mirrored", bytes(), "",
            "Bytes that were fetched ahead of clients", self.mirrored_bytes.clone());
        to.add("counter", "artifacts_evicted", None, "",
            "Artifacts whose bytes were evicted", self.evicted.clone());
        to.add("counter", "evicted", bytes(), "",
            "Bytes of artifacts that were evicted", self.evicted_bytes.clone());
        to.add("gauge", "feed_confirmed_timestamp", seconds(), "feed",
            "When advisory data was last confirmed at its source, as a Unix time; absent if never", self.feeds.clone());
        to.add("counter", "policy_reloads", None, "outcome",
            "Changes of the policy file that were read: ok if the new policy is in force, error if not", self.policy_reloads.clone());
        to.add("gauge", "policy_ok", None, "",
            "1 if the policy in force is what the file says, 0 if the file does not check and the last good one is in force", self.policy_ok.clone());
        to.add("info", "build", None, "version",
            "Which Weir this is", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    }

    /// Notes a connection that is open until what is given is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Everything that is told, for the reference.
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// Says when the process was started.
    pub fn started(&self, at: Timestamp) {
        self.process.started.store(at.millis(), Ordering::Relaxed);
    }

    /// Notes an answer of an upstream to a question for a document, or that there was none.
    pub fn upstream_asked(&self, member: MemberId, outcome: &'static str, at: Timestamp) {
        self.count_upstream(&member, outcome);
        let labels = MemberLabels { ecosystem: member.ecosystem, upstream: member.name.to_string() };
        let answered = outcome != "error";
        self.upstream_up.get_or_create(&labels).set(answered.into());
        if answered {
            self.upstream_answered.get_or_create(&labels).set(seconds(at));
        }
    }

    /// Notes a question to an upstream for an artifact.
    pub fn artifact_asked(&self, member: MemberId) {
        self.count_upstream(&member, "artifact");
    }

    fn count_upstream(&self, member: &MemberId, outcome: &'static str) {
        let labels = UpstreamLabels { ecosystem: member.ecosystem, upstream: member.name.to_string(), outcome };
        self.upstream.get_or_create(&labels).inc();
    }

    /// Notes a request that was answered 401, and why.
    pub fn denied(&self, reason: Option<&'static str>) {
        if let Some(reason) = reason {
            self.denied.get_or_create(&ReasonLabels { reason }).inc();
        }
    }

    /// Notes what became of a file that was asked for ahead.
    pub fn mirrored(&self, state: crate::gateway::State, bytes: u64) {
        let (outcome, fetched) = match state {
            crate::gateway::State::Here => ("here", 0),
            crate::gateway::State::Fetched => ("fetched", bytes),
            crate::gateway::State::Refused => ("refused", 0),
            crate::gateway::State::Failed => ("failed", 0),
        };
        self.mirrored.get_or_create(&OutcomeLabels { outcome }).inc();
        self.mirrored_bytes.inc_by(fetched);
    }

    /// Notes a write to the store.
    pub fn wrote(&self, what: Write, took: Duration) {
        self.writes.get_or_create(&WriteLabels { what: what.word() }).observe(took.as_secs_f64());
    }

    /// Says when a kind of advisory data was last confirmed.
    pub fn feed_confirmed(&self, feed: &str, at: Timestamp) {
        self.feeds.get_or_create(&FeedLabels { feed: feed.to_owned() }).set(seconds(at));
    }

    /// Says that the policy file was read again, and whether what it says is in force.
    pub fn policy_read(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "error" };
        self.policy_reloads.get_or_create(&OutcomeLabels { outcome }).inc();
        self.policy_ok.set(ok.into());
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// The same in Prometheus's older text format (0.0.4), for tools that do not know OpenMetrics.
    pub fn render_plain(&self) -> String {
        plain(&self.render())
    }
}

/// OpenMetrics as the older format has it: the family of a counter or an info is called as its one sample is, and there are
/// neither units nor an end mark.
fn plain(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let kind = |name: &str| {
        let start = format!("# TYPE {name} ");
        openmetrics.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_default()
    };
    for line in openmetrics.lines() {
        let about = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let Some((name, rest)) = about.and_then(|about| about.split_once(' ')) else {
            if !line.starts_with('#') {
                let _ = writeln!(text, "{line}");
            }
            continue;
        };
        let word = &line[2..6];
        let (suffix, rest) = match kind(name) {
            "counter" => ("_total", rest),
            "info" if word == "TYPE" => ("_info", "gauge"),
            "info" => ("_info", rest),
            _ => ("", rest),
        };
        let _ = writeln!(text, "# {word} {name}{suffix} {rest}");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; milliseconds until the year 287396 fit")]
fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_calls_a_family_as_its_sample() {
        let metrics = Metrics::default();
        metrics.integrity.inc();
        metrics.wrote(Write::Decision, Duration::from_millis(1));
        let text = metrics.render_plain();
        for line in [
            "# TYPE weir_integrity_events_total counter",
            "weir_integrity_events_total 1",
            "# TYPE weir_build_info gauge",
            "# TYPE weir_store_write_duration_seconds histogram",
        ] {
            assert!(text.lines().any(|other| other == line), "`{line}` is missing from\n{text}");
        }
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    }

    #[test]
    fn an_upstream_that_falls_silent_is_down_and_keeps_the_time_of_its_last_answer() {
        let metrics = Metrics::default();
        let member = MemberId { ecosystem: "x", name: "y".into() };
        metrics.upstream_asked(member.clone(), "changed", Timestamp::from_millis(5_000));
        metrics.upstream_asked(member, "error", Timestamp::from_millis(9_000));
        let text = metrics.render();
        assert!(text.contains("weir_upstream_up{ecosystem=\"x\",upstream=\"y\"} 0"), "{text}");
        assert!(
            text.contains("weir_upstream_last_answer_timestamp_seconds{ecosystem=\"x\",upstream=\"y\"} 5.0"),
            "{text}"
        );
    }
}
