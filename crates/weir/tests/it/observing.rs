//! What a watchdog and a dashboard see.

use crate::place::{CRITICAL_ONLY, Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn health_readiness_and_metrics_are_told() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    assert_eq!(server.get("/healthz").expect(200).text(), "ok\n");
    let ready = server.get("/readyz").expect(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["store"], "ok");
    assert_eq!(ready["policy"], "ok");
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    let metrics = server.get("/metrics").expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let count = |parts: &[&str]| -> f64 {
        let line = text.lines().find(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)));
        let line = line.unwrap_or_else(|| panic!("{parts:?} is missing from\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(count(&["weir_requests_total", "ecosystem=\"pypi\"", "outcome=\"refused\""]), 1.0);
    assert!(count(&["weir_upstream", "pypi"]) >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_answer_has_an_id_that_the_log_names() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let one = server.get("/dev/pypi/simple/example/").expect(200).header("x-request-id").to_owned();
    let other = server.get("/healthz").expect(200).header("x-request-id").to_owned();
    assert!(!one.is_empty() && one != other);
    server.stop_and(|err| {
        let line = err.lines().find(|line| line.contains(&one)).unwrap_or_else(|| panic!("{one} is not in\n{err}"));
        for part in ["stage=\"dev\"", "ecosystem=\"pypi\"", "package=\"example\"", "outcome=", "duration_ms="] {
            assert!(line.contains(part), "{part}: {line}");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_strangers_text_does_not_get_into_the_log_as_it_is() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let server = place.serve();
    let hostile = "/dev/pypi/simple/%1b%5b2J%0afake-line%20level=ERROR/";
    assert!(server.ask("GET", hostile, &[("User-Agent", "evil\tpip\u{1b}[31m/1.0")]).status < 500);
    assert!(server.get("/\u{7f}").status < 500);
    server.stop_and(|err| {
        assert!(!err.contains('\u{1b}'), "{err:?}");
        assert!(!err.lines().any(|line| line.starts_with("fake-line")), "{err}");
    });
}
