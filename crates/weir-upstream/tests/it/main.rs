//! An upstream against a fake one that behaves and misbehaves.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod downloads;
mod encryption;
mod redirects;
mod settings;
mod strangers;
mod trouble;

use std::time::Duration;

use weir_testing::FakeUpstream;
use weir_upstream::{Limits, Upstream, UpstreamConfig, Validators};

/// Limits that a test can wait for.
fn quick() -> Limits {
    Limits {
        document_bytes: 100_000,
        artifact_bytes: 1_000_000,
        forward_bytes: 10_000,
        connect: Duration::from_secs(2),
        first_byte: Duration::from_millis(300),
        stall: Duration::from_millis(200),
        document_total: Duration::from_secs(2),
        artifact_total: Duration::from_secs(2),
        backoff: Duration::from_millis(1),
        retry_after: Duration::from_secs(1),
        down_for: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn config(fake: &FakeUpstream) -> UpstreamConfig {
    UpstreamConfig { url: format!("{}/root/", fake.url()), limits: quick(), ..UpstreamConfig::default() }
}

/// A fake upstream, and one that fetches from it.
async fn pair() -> (FakeUpstream, Upstream) {
    let fake = FakeUpstream::start().await;
    let upstream = Upstream::new(&config(&fake)).unwrap();
    (fake, upstream)
}

fn none() -> Validators {
    Validators::default()
}
