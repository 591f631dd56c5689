//! Redirects and addresses from outside: only to listed hosts, credentials only to the base.

use weir_testing::{FakeResponse, FakeUpstream};
use weir_upstream::{Fetched, Secret, Upstream, UpstreamError};

use crate::{config, none, pair};

#[tokio::test]
async fn a_redirect_within_the_base_is_followed_and_the_final_address_is_told() {
    let (fake, upstream) = pair().await;
    fake.put("/root/Django", FakeResponse::redirect("/root/django/"));
    fake.put("/root/django/", FakeResponse::status(308).header("Location", "../final?x=1#part"));
    fake.put("/root/final", "page");
    let fetched = upstream.document("Django", "text/html", &none()).await.unwrap();
    let Fetched::Document { url, body, .. } = fetched else { panic!("{fetched:?}") };
    assert_eq!((url, &body[..]), (format!("{}/root/final?x=1", fake.url()), &b"page"[..]));
    assert!(fake.requests().iter().all(|seen| seen.header("accept") == Some("text/html")));
}

#[tokio::test]
async fn a_redirect_to_a_host_that_is_not_listed_is_not_followed() {
    let (fake, upstream) = pair().await;
    let other = FakeUpstream::start().await;
    for (target, host) in [
        (format!("{}/secret", other.url()), other.authority()),
        (format!("//{}/secret", other.authority()), other.authority()),
        (String::from("http://localhost/secret"), String::from("localhost")),
        (String::from("http://169.254.169.254/latest/"), String::from("169.254.169.254")),
        (String::from("http://[::1]:80/"), String::from("[::1]")),
        (format!("https://{}/x", other.authority()), other.authority()),
    ] {
        fake.put("/root/x", FakeResponse::redirect(&target));
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        match &error {
            UpstreamError::HostNotAllowed { host: found, base, .. } => {
                assert_eq!((found, base.as_str()), (&host, upstream.base()));
            }
            other => panic!("{target}: {other:?}"),
        }
        assert!(error.to_string().contains(&format!("add \"{host}\" to `hosts`")), "{error}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn only_http_and_https_without_a_user_are_followed() {
    let (fake, upstream) = pair().await;
    for target in ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "data:text/plain,x", "http://"] {
        fake.put("/root/x", FakeResponse::redirect(target));
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::InvalidAddress { .. } | UpstreamError::InvalidAnswer { .. }),
            "{target}: {error:?}"
        );
        assert!(upstream.open(target).await.is_err());
    }
    let with_user = format!("http://user:hunter2@{}/root/y", fake.authority());
    let error = upstream.open(&with_user).await.unwrap_err();
    assert!(matches!(error, UpstreamError::InvalidAddress { .. }), "{error:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(fake.hits("/root/y"), 0);
}

#[tokio::test]
async fn redirects_without_an_end_are_given_up() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::redirect("/root/x"));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooManyRedirects { limit: 5, .. }), "{error:?}");
    assert_eq!(fake.hits("/root/x"), 6);

    for hop in 0..5 {
        fake.put(&format!("/root/{hop}"), FakeResponse::redirect(&format!("{}", hop + 1)));
    }
    fake.put("/root/5", "page");
    assert!(upstream.document("0", "*/*", &none()).await.is_ok(), "five are followed");
}

#[tokio::test]
async fn a_file_on_a_listed_host_is_fetched_and_one_elsewhere_is_not() {
    let (fake, files, elsewhere) =
        (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    let mut config = config(&fake);
    config.hosts.push(files.authority());
    let upstream = Upstream::new(&config).unwrap();
    files.put("/a.whl", "bytes");
    elsewhere.put("/a.whl", "bytes");
    let download = upstream.open(&format!("{}/a.whl", files.url())).await.unwrap();
    assert_eq!(download.bytes(10).await.unwrap(), "bytes");
    let error = upstream.open(&format!("{}/a.whl", elsewhere.url())).await.unwrap_err();
    assert!(matches!(error, UpstreamError::HostNotAllowed { .. }), "{error:?}");

    files.put("/a.whl", FakeResponse::redirect(&format!("{}/a.whl", elsewhere.url())));
    let error = upstream.open(&format!("{}/a.whl", files.url())).await.unwrap_err();
    assert!(matches!(error, UpstreamError::HostNotAllowed { .. }), "{error:?}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn credentials_are_sent_to_the_base_and_to_nobody_else() {
    let (fake, files) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let mut config = config(&fake);
    config.hosts.push(files.authority());
    config.username = Some(String::from("user"));
    config.password = Some(Secret::new("hunter2"));
    let upstream = Upstream::new(&config).unwrap();
    fake.put("/root/x", FakeResponse::redirect(&format!("{}/there", files.url())));
    files.put("/there", FakeResponse::redirect(&format!("{}/root/back", fake.url())));
    fake.put("/root/back", "page");
    upstream.document("x", "*/*", &none()).await.unwrap();
    let sent: Vec<_> = fake.requests().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    let basic = Some(String::from("Basic dXNlcjpodW50ZXIy"));
    assert_eq!(sent, [basic.clone(), basic]);
    assert_eq!(files.requests().len(), 1);
    assert_eq!(files.requests()[0].header("authorization"), None);

    config.username = None;
    config.password = None;
    config.token = Some(Secret::new("t0ken"));
    fake.forget();
    let upstream = Upstream::new(&config).unwrap();
    upstream.document("back", "*/*", &none()).await.unwrap();
    assert_eq!(fake.requests()[0].header("authorization"), Some("Bearer t0ken"));
    assert!(!format!("{config:?} {upstream:?}").contains("t0ken"));
}

#[tokio::test]
async fn a_post_is_not_redirected() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::status(307).header("Location", "/root/y"));
    let forwarded = upstream.forward(http::Method::POST, "x", bytes::Bytes::from("q"), None).await.unwrap();
    assert_eq!(forwarded.status, 307);
    assert_eq!(fake.hits("/root/y"), 0);
}
