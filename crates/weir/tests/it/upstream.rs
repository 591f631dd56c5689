//! An upstream that does not answer: what is kept is served, what is not fails clearly.

use std::time::{Duration, Instant};

use weir_core::Clock;
use weir_core::time::SystemClock;

use crate::place::{CRITICAL_ONLY, Place, SIMPLE_JSON};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_upstream_that_cannot_be_reached_is_told_with_its_address_and_the_cause() {
    let place = Place::new().await;
    place.fake.down().await;
    let server = place.serve();
    let began = Instant::now();
    for (path, url) in [
        ("/dev/pypi/simple/example/", place.fake.pypi().url()),
        ("/dev/npm/example", place.fake.npm().url()),
        ("/dev/cargo/ex/am/example", place.fake.cargo().url()),
    ] {
        let answer = server.get(path).expect(502);
        let authority = url.split('/').nth(2).unwrap();
        let text = answer.text();
        assert!(text.contains(authority), "{text}");
        assert!(text.to_lowercase().contains("refused"), "{text}");
        assert!(!answer.phrase.is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "misses fail fast: {:?}", began.elapsed());
    let ready = server.get("/readyz").expect(200).json();
    assert_eq!(ready["upstreams"].as_array().unwrap().len(), 3, "{ready}");
    assert!(ready["upstreams"][0]["problem"].as_str().unwrap().contains("refused"), "{ready}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn explain_tells_of_an_upstream_that_cannot_be_reached_and_exits_with_2() {
    let place = Place::new().await;
    place.fake.down().await;
    let ran = place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(2);
    ran.tells(&["error:", place.fake.authority().as_str(), "refused"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_kept_is_served_stale_and_says_so_while_upstream_is_silent() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let allowed = place.wheel(&server, "dev", "example", "1.1.0");
    let refused = place.wheel(&server, "dev", "example", "1.0.0");
    let bytes = server.get(&allowed).expect(200).body;
    server.stop();
    // An hour passes: what is kept is no longer taken for current.
    let store = weir_store::Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    let past = SystemClock.now().plus_millis(-60 * 60 * 1000);
    assert!(store.touch_document(&place.fake.pypi().url(), "example/", None, None, past).await.unwrap());
    store.close().await;
    place.fake.down().await;
    let server = place.serve();
    let page = server.ask("GET", "/dev/pypi/simple/example/", &[("Accept", SIMPLE_JSON)]).expect(200);
    assert!(page.header("weir-stale").contains("refused"), "{:?}", page.headers);
    assert_eq!(server.get(&allowed).expect(200).body, bytes);
    // Trouble never loosens.
    server.get(&refused).expect(403);
    server.get("/dev/pypi/simple/other/").expect(502);
    let ready = server.get("/readyz").expect(200).json();
    assert_eq!(ready["upstreams"][0]["ecosystem"], "pypi", "{ready}");
    let metrics = server.get("/metrics").expect(200).text();
    assert!(
        metrics.lines().any(|line| line.starts_with("weir_") && line.contains("stale") && !line.ends_with(" 0")),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn offline_nobody_is_asked() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let allowed = place.wheel(&server, "dev", "example", "1.1.0");
    server.get(&allowed).expect(200);
    server.stop();
    place.fake.forget();
    let server = place.serve_with(["--offline"]);
    server.get(&allowed).expect(200);
    server.get("/dev/pypi/simple/example/").expect(200);
    server.get("/dev/pypi/simple/other/").expect(404);
    server.stop();
    place.weir(["explain", "--offline", "pkg:pypi/example@1.0.0"]).expect(1);
    place.weir(["explain", "--offline", "pkg:pypi/other@1.0.0"]).expect(2);
    assert!(place.fake.requests().is_empty(), "{:?}", place.fake.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bytes_that_the_index_does_not_promise_are_not_served() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let files = place.fake.pypi().release("example", "1.0.0").add();
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    let pypi = place.fake.pypi();
    place.fake.change(&pypi.file(&files[0]), |answer| answer.fault = Some(weir_testing::Fault::WrongBytes));
    let answer = server.get(&path).expect(502);
    assert!(answer.text().contains("is not what its index promises"), "{}", answer.text());
    let metrics = server.get("/metrics").expect(200).text();
    assert!(metrics.contains("weir_integrity"), "{metrics}");
    // Wrong bytes are not fetched again and again: another try comes after a while, or after a start.
    place.fake.change(&pypi.file(&files[0]), |answer| answer.fault = None);
    let asked = place.fake.hits(&pypi.file(&files[0]));
    assert!(server.get(&path).expect(502).text().contains("it is tried again from"));
    assert_eq!(place.fake.hits(&pypi.file(&files[0])), asked);
    server.stop();
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(200);
}
