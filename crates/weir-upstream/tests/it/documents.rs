//! Documents: conditional requests, codings, limits.

use std::io::Write as _;

use bytes::Bytes;
use http::Method;
use weir_testing::{FakeResponse, Fault};
use weir_upstream::{Fetched, UpstreamError, Validators};

use crate::{none, pair};

#[tokio::test]
async fn a_document_comes_with_what_makes_the_next_request_conditional() {
    let (fake, upstream) = pair().await;
    let answer = FakeResponse::ok("page")
        .content_type("text/html; charset=utf-8")
        .etag("\"1\"")
        .last_modified("Thu, 01 Oct 2026 12:00:00 GMT");
    fake.put("/root/django/", answer);
    let fetched = upstream.document("django/", "text/html", &none()).await.unwrap();
    let validators = Validators {
        etag: Some(String::from("\"1\"")),
        last_modified: Some(String::from("Thu, 01 Oct 2026 12:00:00 GMT")),
    };
    let expected = Fetched::Document {
        url: format!("{}/root/django/", fake.url()),
        content_type: String::from("text/html; charset=utf-8"),
        etag: validators.etag.clone(),
        last_modified: validators.last_modified.clone(),
        body: Bytes::from("page"),
    };
    assert_eq!(fetched, expected);
    assert_eq!(upstream.document("django/", "text/html", &validators).await, Ok(Fetched::NotModified));

    let seen = fake.requests();
    assert_eq!(seen[0].header("accept"), Some("text/html"));
    assert_eq!(seen[0].header("accept-encoding"), Some("gzip"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("weir/"));
    assert_eq!(seen[0].header("if-none-match"), None);
    assert_eq!(seen[0].header("referer"), None);
    assert_eq!(seen[1].header("if-none-match"), Some("\"1\""));
}

#[tokio::test]
async fn a_document_that_is_not_there_is_absent_and_not_an_error() {
    let (fake, upstream) = pair().await;
    fake.put("/root/gone", FakeResponse::status(410));
    assert_eq!(upstream.document("nothing", "*/*", &none()).await, Ok(Fetched::Absent { status: 404 }));
    assert_eq!(upstream.document("gone", "*/*", &none()).await, Ok(Fetched::Absent { status: 410 }));
}

#[tokio::test]
async fn a_status_that_is_no_answer_is_an_error_with_a_hint() {
    let (fake, upstream) = pair().await;
    for (status, hint) in [(401, "`token`"), (403, "`token`"), (500, "in trouble"), (204, "204"), (304, "304")] {
        fake.put("/root/x", FakeResponse::status(status));
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Status { status: found, .. } if found == status), "{error:?}");
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[tokio::test]
async fn a_gzip_coded_document_is_decoded() {
    let (fake, upstream) = pair().await;
    let text = "many words ".repeat(5_000);
    fake.put("/root/x", FakeResponse::ok(text.clone()).gzip());
    let Ok(Fetched::Document { body, .. }) = upstream.document("x", "*/*", &none()).await else {
        panic!("no document");
    };
    assert_eq!(body, text);
}

#[tokio::test]
async fn a_document_at_the_limit_passes_and_one_past_it_does_not_however_it_is_sent() {
    let (fake, upstream) = pair().await;
    let limit = 100_000;
    for (size, passes) in [(limit, true), (limit + 1, false)] {
        let body = vec![b'x'; size];
        for response in [
            FakeResponse::ok(body.clone()),
            FakeResponse::ok(body.clone()).chunked(),
            FakeResponse::ok(body.clone()).gzip(),
        ] {
            fake.put("/root/x", response);
            match upstream.document("x", "*/*", &none()).await {
                Ok(Fetched::Document { body, .. }) => assert!(passes && body.len() == size),
                Err(UpstreamError::TooLarge { limit, .. }) => assert!(!passes && limit == 100_000),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_gzip_bomb_goes_off_at_the_limit() {
    let (fake, upstream) = pair().await;
    fake.put("/root/bomb", FakeResponse::ok(vec![0; 50_000_000]).gzip());
    let error = upstream.document("bomb", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooLarge { limit: 100_000, .. }), "{error:?}");
}

#[tokio::test]
async fn an_endless_document_ends_at_the_limit() {
    let (fake, upstream) = pair().await;
    fake.put("/root/x", FakeResponse::ok("again and again ").fault(Fault::Endless));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_broken_coding_is_an_error() {
    let (fake, upstream) = pair().await;
    let coded = |body: Vec<u8>, coding| FakeResponse::ok(body).header("Content-Encoding", coding);
    fake.put("/root/x", coded(b"this is not gzip".to_vec(), "gzip"));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(error.to_string().contains("its gzip coding is broken"), "{error}");

    fake.put("/root/x", coded(b"what is this".to_vec(), "br"));
    let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
    assert!(error.to_string().contains("content coding `br`"), "{error}");

    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&weir_testing::artifact::noise(10_000)).unwrap();
    let whole = gz.finish().unwrap();
    for kept in [1, 5, 9, 10, 11, 5_000, whole.len() - 9, whole.len() - 8, whole.len() - 4, whole.len() - 1] {
        fake.put("/root/x", coded(whole[..kept].to_vec(), "gzip"));
        let error = upstream.document("x", "*/*", &none()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::InvalidAnswer { .. }), "{kept} bytes: {error:?}");
    }
}

#[tokio::test]
async fn a_path_that_leaves_the_base_is_refused_before_anyone_is_asked() {
    let (fake, upstream) = pair().await;
    for path in ["/etc", "../x", "a/%2e%2e/b", "http://evil.example/", "a b", "x#y", "\\\\evil"] {
        let outcome = upstream.document(path, "*/*", &none()).await;
        match path {
            // A colon is a letter like any other in a path under the base.
            "http://evil.example/" => assert_eq!(outcome, Ok(Fetched::Absent { status: 404 })),
            _ => assert!(matches!(outcome, Err(UpstreamError::InvalidAddress { .. })), "{path}: {outcome:?}"),
        }
    }
    assert_eq!(fake.requests().len(), 1);
    assert_eq!(fake.requests()[0].path, "/root/http://evil.example/");
}

#[tokio::test]
async fn a_request_is_forwarded_with_its_body_and_any_status_is_an_answer() {
    let (fake, upstream) = pair().await;
    fake.put("/root/-/v1/search", FakeResponse::status(400).body("{}").content_type("application/json").gzip());
    let forwarded = upstream
        .forward(Method::POST, "-/v1/search?text=a%20b", Bytes::from("question"), Some("application/json"))
        .await
        .unwrap();
    assert_eq!((forwarded.status, &forwarded.body[..]), (400, &b"{}"[..]));
    assert_eq!(forwarded.content_type, "application/json");
    let seen = &fake.requests()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/root/-/v1/search?text=a%20b"));
    assert_eq!((seen.header("content-type"), &seen.body[..]), (Some("application/json"), &b"question"[..]));

    fake.put("/root/large", FakeResponse::ok(vec![b' '; 10_001]));
    let error = upstream.forward(Method::GET, "large", Bytes::new(), None).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooLarge { limit: 10_000, .. }), "{error:?}");
}
