//! How the gate is doing, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Labels of a request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Stage, or empty for what belongs to none.
    pub stage: String,
    /// Ecosystem, or empty.
    pub ecosystem: String,
    /// `served`, `not-modified`, `refused`, `absent`, `aborted`, `upstream-error`, `error`.
    pub outcome: String,
}

/// Labels of a question to an upstream.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct UpstreamLabels {
    /// Ecosystem.
    pub ecosystem: String,
    /// `changed`, `unchanged`, `absent`, `error`, `artifact`.
    pub outcome: String,
}

/// All metrics of a gate.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// Questions to upstreams.
    pub upstream: Family<UpstreamLabels, Counter>,
    /// Bytes of artifacts and pages sent.
    pub sent: Counter,
    /// Time to the response's head.
    pub duration: Histogram,
    /// Documents served although upstream did not answer.
    pub stale: Counter,
    /// Request records that were lost because the store was slower than the traffic.
    pub records_lost: Counter,
    /// Security events: bytes that changed under old coordinates or that contradict the index.
    pub integrity: Counter,
    /// Bytes of pages and documents held in memory.
    pub cache: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("weir");
        let metrics = Self {
            requests: Family::default(),
            upstream: Family::default(),
            sent: Counter::default(),
            duration: Histogram::new(exponential_buckets(0.0001, 2.5, 14)),
            stale: Counter::default(),
            records_lost: Counter::default(),
            integrity: Counter::default(),
            cache: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("upstream_requests", "Questions to upstreams", metrics.upstream.clone());
        registry.register_with_unit("sent", "Bytes of pages and artifacts sent", Unit::Bytes, metrics.sent.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from request to the head of its response",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register("stale_documents", "Documents served while upstream was silent", metrics.stale.clone());
        registry.register("request_records_lost", "Request records dropped under load", metrics.records_lost.clone());
        registry.register("integrity_events", "Bytes that are not those promised", metrics.integrity.clone());
        registry.register_with_unit("cache", "Pages and documents in memory", Unit::Bytes, metrics.cache.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// The text that Prometheus reads (OpenMetrics 1.0).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
