//! Retries, timeouts, an upstream that is down.

use std::time::{Duration, Instant};

use weir_testing::{FakeResponse, FakeUpstream, Fault};
use weir_upstream::{Fetched, Phase, Upstream, UpstreamError};

use crate::{config, none, pair};

#[tokio::test]
async fn a_passing_fault_is_retried() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    // Time is not what this is about, and a machine may be busy.
    let patient = Duration::from_secs(20);
    (config.limits.first_byte, config.limits.stall, config.limits.document_total) = (patient, patient, patient);
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", "page");
    for fault in [
        FakeResponse::status(502),
        FakeResponse::status(503),
        FakeResponse::status(504),
        FakeResponse::status(429).header("Retry-After", "0"),
        FakeResponse::ok("page").fault(Fault::Hangup),
        FakeResponse::ok("page").fault(Fault::Cut { after: 2 }),
    ] {
        fake.forget();
        fake.once("/root/x", fault.clone());
        fake.once("/root/x", fault.clone());
        let fetched = upstream.document("x", "*/*", &none()).await;
        assert!(matches!(fetched, Ok(Fetched::Document { .. })), "{fault:?}: {fetched:?}");
        assert_eq!(fake.hits("/root/x"), 3);
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_told_after_two_retries() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::status(503));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Status { status: 503, .. }), "{error:?}");
    assert!(error.is_temporary());
    assert_eq!(fake.hits("/root/x"), 3);
}

#[tokio::test]
async fn a_request_to_wait_long_is_an_error_at_once_and_is_heeded() {
    for (status, header) in [(429, Some("60")), (429, None), (503, Some("3600"))] {
        let (fake, upstream) = pair().await;
        let response = FakeResponse::status(status);
        fake.put(
            "/root/x",
            match header {
                Some(seconds) => response.header("Retry-After", seconds),
                None => response,
            },
        );
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        let retry_after = header.map(|seconds| seconds.parse().unwrap());
        let url = format!("{}/root/x", fake.url());
        assert_eq!(error, UpstreamError::Status { url, status, retry_after });
        assert_eq!(fake.hits("/root/x"), 1);
        fake.put("/root/y", "there");
        match (header, upstream.document("y", "*/*", &none()).await) {
            (None, asked) => drop(asked.unwrap()),
            (Some(_), asked) => {
                let error = asked.unwrap_err();
                let UpstreamError::Waits { retry_in, .. } = &error else { panic!("{error:?}") };
                assert!(*retry_in <= std::time::Duration::from_secs(120), "an hour is not waited for");
                assert!(error.is_temporary() && upstream.trouble().is_some());
                assert_eq!(fake.hits("/root/y"), 0);
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_idempotent_is_sent_once() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::status(503));
    let forwarded = upstream.forward(http::Method::POST, "x", bytes::Bytes::from("q"), None).await.unwrap();
    assert_eq!((forwarded.status, fake.hits("/root/x")), (503, 1));
    fake.put("/root/x", FakeResponse::ok("").fault(Fault::Hangup));
    let error = upstream.forward(http::Method::POST, "x", bytes::Bytes::from("q"), None).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error:?}");
    assert_eq!(fake.hits("/root/x"), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_begin_times_out() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::ok("").fault(Fault::Delay(Duration::from_secs(60))));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { phase: Phase::FirstByte, .. }), "{error:?}");
    assert_eq!(fake.hits("/root/x"), 1, "a slow upstream is not asked again");
}

#[tokio::test]
async fn a_document_that_stalls_times_out() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::ok("a long page").fault(Fault::Stall { after: 3 }));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { phase: Phase::Stall, .. }), "{error:?}");
}

#[tokio::test]
async fn an_upstream_that_is_down_fails_fast_and_comes_back() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.limits.retries = 0;
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", "page");
    assert_eq!(upstream.trouble(), None);

    fake.down().await;
    for _ in 0..3 {
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
    assert!(upstream.trouble().is_some_and(|problem| problem.contains("refused")));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Down { .. }), "{error:?}");
    assert!(error.is_temporary());

    fake.up().await;
    let waited = Instant::now();
    while upstream.document("x", "*/*", &none()).await.is_err() {
        assert!(waited.elapsed() < Duration::from_secs(5), "it does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(upstream.trouble(), None);
    assert_eq!(fake.hits("/root/x"), 1);
}

#[tokio::test]
async fn one_host_that_is_down_does_not_take_the_others_with_it() {
    let (fake, files) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let mut config = config(&fake);
    config.hosts.push(files.authority());
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", "page");
    files.down().await;
    let address = format!("{}/a", files.url());
    assert!(matches!(upstream.open(&address).await, Err(UpstreamError::Unreachable { .. })), "tried three times");
    assert!(matches!(upstream.open(&address).await, Err(UpstreamError::Down { .. })));
    assert!(upstream.document("x", "*/*", &none()).await.is_ok());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.url = String::from("http://nothing.invalid/");
    let error = Upstream::new(&config).unwrap().document("x", "*/*", &none()).await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    assert!(error.to_string().contains("http://nothing.invalid/x"), "{error}");
}

#[tokio::test]
async fn what_speaks_plain_where_tls_is_expected_is_a_tls_error() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.url = config.url.replace("http://", "https://");
    let Ok(upstream) = Upstream::new(&config) else {
        println!("skipped: this system has no root certificates");
        return;
    };
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls { .. }), "{error:?}");
    assert_eq!(upstream.trouble(), None, "it can be reached");
}

#[tokio::test]
async fn requests_past_the_limit_wait_in_line() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.limits.concurrency = 2;
    config.limits.first_byte = Duration::from_secs(10);
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", FakeResponse::ok("page").fault(Fault::Delay(Duration::from_millis(100))));
    let begun = Instant::now();
    let asked: Vec<_> = (0..6)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { upstream.document("x", "*/*", &none()).await.is_ok() })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap());
    }
    assert!(begun.elapsed() >= Duration::from_millis(300), "two at a time take three rounds");
}
