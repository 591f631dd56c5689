//! Whom an upstream trusts, and that https stays https.

use weir_testing::{FakeResponse, FakeUpstream};
use weir_upstream::{Fetched, Upstream, UpstreamConfig, UpstreamError};

use crate::{config, none};

/// Settings that trust the fake upstream's own authority, and the directory that their file is in.
fn trusting(fake: &FakeUpstream) -> (UpstreamConfig, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ca.pem");
    std::fs::write(&path, fake.authority_pem()).unwrap();
    (UpstreamConfig { ca_bundle: Some(path), ..config(fake) }, home)
}

#[tokio::test]
async fn an_upstream_of_ones_own_authority_is_trusted_with_its_bundle() {
    let fake = FakeUpstream::start_tls().await;
    let (config, _home) = trusting(&fake);
    fake.put("/root/x", "page");
    let fetched = Upstream::new(&config).unwrap().document("x", "*/*", &none()).await;
    assert!(matches!(fetched, Ok(Fetched::Document { .. })), "{fetched:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_with_a_hint() {
    let (fake, other) = (FakeUpstream::start_tls().await, FakeUpstream::start_tls().await);
    let (trusting_another, _home) = trusting(&other);
    let config = UpstreamConfig { url: config(&fake).url, ..trusting_another };
    let error = Upstream::new(&config).unwrap().document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("set `ca-bundle`"), "{error}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn https_is_never_left_for_http_not_even_to_a_listed_host() {
    let (fake, plain) = (FakeUpstream::start_tls().await, FakeUpstream::start().await);
    let (mut config, _home) = trusting(&fake);
    config.hosts.push(plain.authority());
    let upstream = Upstream::new(&config).unwrap();
    let target = format!("{}/x", plain.url());
    fake.put("/root/x", FakeResponse::redirect(&target));
    for error in [upstream.document("x", "*/*", &none()).await.unwrap_err(), upstream.open(&target).await.unwrap_err()]
    {
        assert!(matches!(error, UpstreamError::Insecure { .. }), "{error:?}");
    }
    assert!(plain.requests().is_empty());

    // Also where the base is http, a hop that was https does not lead back.
    let mut config = UpstreamConfig { url: format!("{}/", plain.url()), ..config };
    config.hosts = vec![fake.authority()];
    let upstream = Upstream::new(&config).unwrap();
    plain.put("/up", FakeResponse::redirect(&format!("{}/down", fake.url())));
    fake.put("/down", FakeResponse::redirect(&target));
    let error = upstream.document("up", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Insecure { .. }), "{error:?}");
}
