//! Artifacts: exactly the bytes, within limits.

use std::time::Duration;

use futures_util::StreamExt as _;
use weir_testing::artifact::noise;
use weir_testing::{FakeResponse, FakeUpstream, Fault};
use weir_upstream::{Download, Phase, Upstream, UpstreamError};

use crate::{config, pair};

async fn drain(mut download: Download) -> Result<Vec<u8>, UpstreamError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn open(fake: &FakeUpstream, upstream: &Upstream, response: FakeResponse) -> Result<Download, UpstreamError> {
    fake.put("/files/a", response);
    upstream.open(&format!("{}/files/a#sha256=0", fake.url())).await
}

#[tokio::test]
async fn an_artifact_is_streamed_as_it_is_stored() {
    let (fake, upstream) = pair().await;
    let bytes = noise(300_000);
    let response = FakeResponse::ok(bytes.clone()).gzip().last_modified("Thu, 01 Oct 2026 12:00:00 GMT");
    let download = open(&fake, &upstream, response.clone()).await.unwrap();
    assert_eq!(download.length, Some(300_000));
    assert_eq!(download.last_modified.as_deref(), Some("Thu, 01 Oct 2026 12:00:00 GMT"));
    assert_eq!(download.url, format!("{}/files/a", fake.url()));
    assert_eq!(drain(download).await.unwrap(), bytes);
    assert_eq!(fake.requests()[0].header("accept-encoding"), Some("identity"));

    let stream = open(&fake, &upstream, response.chunked()).await.unwrap().into_stream();
    let chunks: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(chunks.concat(), bytes);
}

#[tokio::test]
async fn an_artifact_whose_name_ends_in_gz_is_not_unpacked() {
    let (fake, upstream) = pair().await;
    let response = FakeResponse::ok("stored bytes").header("Content-Encoding", "gzip");
    let download = open(&fake, &upstream, response).await.unwrap();
    assert_eq!(drain(download).await.unwrap(), b"stored bytes");
}

#[tokio::test]
async fn an_absent_artifact_says_so() {
    let (fake, upstream) = pair().await;
    let error = upstream.open(&format!("{}/files/nothing", fake.url())).await.unwrap_err();
    assert!(error.is_absent(), "{error:?}");
}

#[tokio::test]
async fn an_artifact_that_is_cut_off_or_shorter_than_announced_is_truncated() {
    let (fake, upstream) = pair().await;
    let response = FakeResponse::ok(noise(100_000));
    for (fault, expected, got) in
        [(Fault::Cut { after: 40_000 }, Some(100_000), 40_000), (Fault::ClaimLength(100_001), Some(100_001), 100_000)]
    {
        let download = open(&fake, &upstream, response.clone().fault(fault)).await.unwrap();
        let error = drain(download).await.unwrap_err();
        assert_eq!(error, UpstreamError::Truncated { url: format!("{}/files/a", fake.url()), expected, got });
    }
    let cut = response.chunked().fault(Fault::Cut { after: 40_000 });
    let error = drain(open(&fake, &upstream, cut).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Truncated { expected: None, got: 40_000, .. }), "{error:?}");
}

#[tokio::test]
async fn an_error_is_told_once_and_then_there_is_nothing_more() {
    let (fake, upstream) = pair().await;
    let cut = FakeResponse::ok(noise(100_000)).fault(Fault::Cut { after: 10 });
    let mut download = open(&fake, &upstream, cut).await.unwrap();
    while let Ok(Some(_)) = download.chunk().await {}
    assert_eq!(download.chunk().await, Ok(None));
}

#[tokio::test]
async fn an_artifact_past_the_limit_is_refused_as_soon_as_that_is_known() {
    let (fake, upstream) = pair().await;
    let too_large = |error: &UpstreamError| matches!(error, UpstreamError::TooLarge { limit: 1_000_000, .. });
    let at = open(&fake, &upstream, FakeResponse::ok(vec![0; 1_000_000]).chunked()).await.unwrap();
    assert_eq!(drain(at).await.unwrap().len(), 1_000_000);

    let announced = open(&fake, &upstream, FakeResponse::ok(vec![0; 1_000_001])).await.unwrap_err();
    assert!(too_large(&announced), "{announced:?}");
    let endless = open(&fake, &upstream, FakeResponse::ok("x").fault(Fault::Endless)).await.unwrap();
    let error = drain(endless).await.unwrap_err();
    assert!(too_large(&error), "{error:?}");
}

#[tokio::test]
async fn small_things_are_read_at_once_within_their_own_limit() {
    let (fake, upstream) = pair().await;
    let download = open(&fake, &upstream, FakeResponse::ok("metadata")).await.unwrap();
    assert_eq!(download.bytes(8).await.unwrap(), "metadata");
    let download = open(&fake, &upstream, FakeResponse::ok("metadata!")).await.unwrap();
    let error = download.bytes(8).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooLarge { limit: 8, .. }), "{error:?}");
}

#[tokio::test]
async fn an_artifact_that_stalls_times_out_and_so_does_one_that_drips() {
    let (fake, upstream) = pair().await;
    let response = FakeResponse::ok(noise(100_000));
    let download = open(&fake, &upstream, response.clone().fault(Fault::Stall { after: 5_000 })).await.unwrap();
    let error = drain(download).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { phase: Phase::Stall, .. }), "{error:?}");

    let drip = response.fault(Fault::Drip(Duration::from_millis(20)));
    let error = drain(open(&fake, &upstream, drip).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { phase: Phase::Total, .. }), "{error:?}");
}

#[tokio::test]
async fn downloads_do_not_take_the_places_of_documents() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.limits.concurrency = 1;
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", "page");
    let held = open(&fake, &upstream, FakeResponse::ok(noise(100_000))).await.unwrap();
    let address = format!("{}/files/a", fake.url());
    let error = upstream.open(&address).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { phase: Phase::Queue, .. }), "{error:?}");
    assert!(upstream.document("x", "*/*", &crate::none()).await.is_ok());
    drop(held);
    assert!(upstream.open(&address).await.is_ok(), "a dropped download gives its place back");
}
