//! What an index or a redirect may make Weir contact: listed hosts as they are written, and nothing else. One table of
//! addresses against both ways in; whatever is refused, nothing is sent.

use weir_testing::{FakeResponse, FakeUpstream};
use weir_upstream::{Secret, Upstream, UpstreamConfig, UpstreamError};

use crate::{config, none, pair};

/// Addresses that are not followed, with `OTHER` for another server and `BASE` for the upstream's own.
const HOSTILE: &[&str] = &[
    // Other hosts, plainly and in disguise.
    "http://OTHER/x",
    "//OTHER/x",
    "http:\\\\OTHER\\x",
    "\\\\OTHER\\x",
    "http:///OTHER/x",
    "http:OTHER/x",
    "http://BASE@OTHER/x",
    "http://OTHER\\@BASE/x",
    "http://BASE:80@OTHER/x",
    "http://OTHER#@BASE/x",
    "http://OTHER?@BASE/x",
    "http://OTHER/x/../http://BASE/root/",
    "ht\ttp://OTHER/x",
    "https://OTHER/x",
    // This machine under its many names, at ports that nobody listed.
    "http://localhost/x",
    "http://LOCALHOST./x",
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://0x7f000001/x",
    "http://0177.0.0.1/x",
    "http://0/x",
    "http://0.0.0.0/x",
    "http://[::1]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[::]/x",
    "http://127.0.0.1.nip.example/x",
    "http://\u{2460}27.0.0.1/x",
    // Where clouds keep credentials.
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/",
    // Other schemes, and a user in an address.
    "file:///etc/passwd",
    "file://BASE/etc/passwd",
    "ftp://BASE/x",
    "gopher://BASE/x",
    "unix:/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,x",
    "http://me@BASE/root/x",
    "http://me:hunter2@BASE/root/x",
    "http://:hunter2@BASE/root/x",
];

fn is_refused(error: &UpstreamError) -> bool {
    matches!(
        error,
        UpstreamError::HostNotAllowed { .. }
            | UpstreamError::InvalidAddress { .. }
            | UpstreamError::InvalidAnswer { .. }
            | UpstreamError::Insecure { .. }
    )
}

#[tokio::test]
async fn nothing_is_sent_to_what_an_index_or_a_redirect_makes_up() {
    let fake = FakeUpstream::start().await;
    let mut config = config(&fake);
    config.username = Some(String::from("user"));
    config.password = Some(Secret::new("hunter2"));
    let upstream = Upstream::new(&config).unwrap();
    let other = FakeUpstream::start().await;
    for hostile in HOSTILE {
        let target = hostile.replace("OTHER", &other.authority()).replace("BASE", &fake.authority());
        fake.forget();
        let error = upstream.open(&target).await.map(drop).unwrap_err();
        assert!(is_refused(&error), "index: {target}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(fake.requests().is_empty(), "index: {target} was asked for");

        // A header has no room for all of them.
        if target.is_ascii() && !target.contains('\t') {
            fake.put("/root/from", FakeResponse::redirect(&target));
            let fetched = upstream.document("from", "*/*", &none()).await;
            let asked: Vec<_> = fake.requests().iter().map(|seen| seen.path.clone()).collect();
            match fetched {
                Err(error) => {
                    assert!(is_refused(&error), "redirect: {target}: {error:?}");
                    assert!(!error.to_string().contains("hunter2"), "{error}");
                    assert_eq!(asked, ["/root/from"], "redirect: {target} was asked for");
                }
                // `http:x` is relative to an address with that scheme: it stays where it is.
                Ok(fetched) => {
                    assert!(target.starts_with("http:") && !target.starts_with("http://"), "{target}: {fetched:?}");
                    assert!(asked.iter().all(|path| path.starts_with("/root/")), "redirect: {target}: {asked:?}");
                }
            }
        }
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[tokio::test]
async fn an_address_under_the_base_is_never_made_from_what_a_client_wrote() {
    let (fake, upstream) = pair().await;
    for path in [
        "//evil.example/x",
        "http://evil.example/x",
        "\\\\evil.example",
        "../x",
        "%2e%2e/x",
        "x\r\nHost: evil",
        "@evil",
    ] {
        let _ = upstream.document(path, "*/*", &none()).await;
        let _ = upstream.forward(http::Method::GET, path, bytes::Bytes::new(), None).await;
    }
    let asked: Vec<_> = fake.requests().iter().map(|seen| seen.path.clone()).collect();
    assert!(asked.iter().all(|path| path.starts_with("/root/")), "{asked:?}");
}

#[tokio::test]
async fn a_name_of_a_public_registry_that_stands_for_this_machine_is_not_asked() {
    let fake = FakeUpstream::start().await;
    let port = fake.authority().rsplit(':').next().unwrap().to_owned();
    fake.put("/x", "page");
    let at = |public| UpstreamConfig { url: format!("http://localhost:{port}/"), public, ..config(&fake) };
    let error = Upstream::new(&at(true)).unwrap().document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::AddressNotAllowed { .. }), "{error:?}");
    assert!(error.to_string().contains("`localhost` stands for ") && error.is_temporary(), "{error}");
    assert!(fake.requests().is_empty());
    // An operator who writes such a name means it.
    assert!(Upstream::new(&at(false)).unwrap().document("x", "*/*", &none()).await.is_ok());
}
