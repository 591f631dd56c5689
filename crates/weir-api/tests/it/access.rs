//! Who may ask: from where, with which token, for which stage, until when.

use weir_core::Clock;

use crate::app::{LOOPBACK, TestApp, osv};

const POLICY: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n[stage.prod]\ninherits = \"dev\"\n";
const ELSEWHERE: &str = "203.0.113.7";
const PAGE: &str = "/dev/pypi/simple/example/";

async fn app(anonymous: bool) -> TestApp {
    let app = TestApp::with(POLICY, &[osv("PYSEC-2026-1", "example")], anonymous).await;
    app.fake.pypi().release("example", "1.0.0").add();
    app
}

#[tokio::test]
async fn without_a_token_only_this_machine_reads_and_only_where_that_is_on() {
    let app_ = app(true).await;
    for peer in [LOOPBACK, "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        app_.ask("GET", PAGE, &[], peer).await.expect(200);
    }
    for peer in [ELSEWHERE, "::ffff:203.0.113.7", "2001:db8::7", "0.0.0.0"] {
        app_.ask("GET", PAGE, &[], peer).await.expect(401);
    }
    // Whatever a proxy leaves of itself, believed or not: behind one, everybody comes from this machine.
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"] {
        let answer = app_.ask("GET", PAGE, &[(header, LOOPBACK)], LOOPBACK).await.expect(401);
        assert!(answer.body.contains("came through a proxy"), "{header}: {}", answer.body);
    }
    app(false).await.ask("GET", PAGE, &[], LOOPBACK).await.expect(401);
}

#[tokio::test]
async fn who_is_refused_is_asked_for_a_token_and_upstream_for_nothing() {
    let app = app(false).await;
    for path in ["/", PAGE, "/metrics", "/d/aaaaaaaaaaaaaaaa", "/api/v1/explain?purl=pkg:pypi/example"] {
        let answer = app.get(path).await.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{path}: {:?}", answer.headers);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    assert!(app.fake.requests().is_empty());
    for path in ["/healthz", "/readyz", "/static/weir.css"] {
        app.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_works_until_its_end() {
    let app = app(false).await;
    let token = app.token("alice", None, 1).await;
    let ask = async || app.ask("GET", PAGE, &[("authorization", &token)], ELSEWHERE).await.status;
    assert_eq!(ask().await, 200);
    app.clock.set(app.clock.now().plus_days(1).plus_millis(-1));
    assert_eq!(ask().await, 200);
    app.clock.set(app.clock.now().plus_millis(1));
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn a_revoked_token_works_for_two_more_seconds_at_most() {
    let app = app(false).await;
    let token = app.token("alice", None, 1).await;
    let ask = async || app.ask("GET", PAGE, &[("authorization", &token)], ELSEWHERE).await.status;
    assert_eq!(ask().await, 200);
    let id = app.store.tokens().await.unwrap()[0].id.clone();
    app.store.revoke_token(&id, app.clock.now()).await.unwrap();
    app.clock.set(app.clock.now().plus_millis(2_000));
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn a_token_with_another_secret_is_none() {
    let app = app(false).await;
    let token = app.token("alice", None, 1).await;
    let id = token.rsplit_once('_').unwrap().0;
    for header in [format!("{id}_{}", "0".repeat(64)), format!("{id}_"), id.to_owned(), String::from("Bearer weir__")] {
        app.ask("GET", PAGE, &[("authorization", &header)], LOOPBACK).await.expect(401);
    }
}

#[tokio::test]
async fn a_token_of_one_stage_is_answered_by_the_stricter_of_two() {
    let app = app(true).await;
    let decision = format!("/d/{}", app.refused("example").await);
    let token = app.token("ci", Some("prod"), 1).await;
    let ask = async |path: &str| app.ask("GET", path, &[("authorization", &token)], ELSEWHERE).await;
    for path in ["/prod/pypi/simple/example/", PAGE] {
        assert_eq!(ask(path).await.status, 200, "{path}");
    }
    // It may be refused by either stage, so it may read why in either.
    assert_eq!(ask(&decision).await.status, 200);
    for stage in ["dev", "prod"] {
        let answer = ask(&format!("/api/v1/explain?purl=pkg:pypi/example&stage={stage}")).await.expect(200).json();
        assert_eq!((&answer["stage"], &answer["effective"]), (&stage.into(), &"block".into()), "{stage}");
    }
    let gone = app.token("old", Some("qa"), 1).await;
    assert_eq!(app.ask("GET", PAGE, &[("authorization", &gone)], ELSEWHERE).await.status, 403);
    let path = "/api/v1/explain?purl=pkg:pypi/example&stage=dev";
    assert_eq!(app.ask("GET", path, &[("authorization", &gone)], ELSEWHERE).await.status, 404);
}
