//! Which address leads where, and what its answer carries.

use crate::app::{LOOPBACK, TestApp, osv};

const POLICY: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n[stage.prod]\ninherits = \"dev\"\n";

async fn app() -> TestApp {
    let app = TestApp::new(POLICY, &[osv("PYSEC-2026-1", "example")]).await;
    app.fake.pypi().release("example", "1.0.0").add();
    app
}

#[tokio::test]
async fn each_address_has_its_own_media_type_and_is_not_kept() {
    let app = app().await;
    let decision = format!("/d/{}", app.refused("example").await);
    for (path, content_type) in [
        ("/", "text/html"),
        ("/healthz", "text/plain"),
        ("/readyz", "application/json"),
        ("/metrics", "application/openmetrics-text"),
        ("/static/weir.css", "text/css"),
        (decision.as_str(), "text/plain"),
        ("/api/v1/explain?purl=pkg:pypi/example@1.0.0", "application/json"),
        ("/api/v1/nothing", "application/problem+json"),
    ] {
        let answer = app.get(path).await;
        assert!(answer.header("content-type").starts_with(content_type), "{path}: {:?}", answer.headers);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_page_may_load_its_own_style_sheet_and_nothing_else() {
    let app = app().await;
    let decision = format!("/d/{}", app.refused("example").await);
    for path in ["/", decision.as_str()] {
        let answer = app.ask("GET", path, &[("accept", "text/html")], LOOPBACK).await.expect(200);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        let policy = answer.header("content-security-policy");
        for directive in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(!answer.body.contains("<script") && !answer.body.contains(" style="), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_decision_has_three_forms_that_caches_tell_apart() {
    let app = app().await;
    let decision = format!("/d/{}", app.refused("example").await);
    for (accept, content_type) in [
        ("text/html", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/problem+json", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
    ] {
        let answer = app.ask("GET", &decision, &[("accept", accept)], LOOPBACK).await.expect(200);
        assert_eq!(answer.header("content-type"), content_type, "{accept}");
        assert_eq!(answer.header("vary"), "Accept");
        assert!(answer.body.contains("PYSEC-2026-1"), "{accept}: {}", answer.body);
    }
    app.ask("DELETE", &decision, &[], LOOPBACK).await.expect(405);
}

#[tokio::test]
async fn explain_answers_as_the_command_does() {
    let app = app().await;
    let json = app.get("/api/v1/explain?purl=pkg%3Apypi%2Fexample%401.0.0&stage=prod").await.expect(200).json();
    assert_eq!(json["purl"], "pkg:pypi/example@1.0.0");
    assert_eq!(json["stage"], "prod");
    assert_eq!(json["decision"], "block");
    assert_eq!(json["reasons"][0]["rule"], "vulnerability");
    let address = json["address"].as_str().unwrap();
    assert_eq!(address, format!("https://weir.example/d/{}", json["id"].as_str().unwrap()));
    app.get(address.strip_prefix("https://weir.example").unwrap()).await.expect(200);
}

#[tokio::test]
async fn what_explain_cannot_tell_is_a_problem_with_its_cause() {
    let app = app().await;
    for (query, status, part) in [
        ("", 400, "?purl="),
        ("purl=nonsense", 400, "nonsense"),
        ("purl=pkg:gem/rails@1", 400, "gem"),
        ("purl=pkg:pypi/absent@1", 404, "absent"),
        ("purl=pkg:pypi/example@9", 404, "9"),
        ("purl=pkg:pypi/example@1.0.0&stage=qa", 404, "qa"),
    ] {
        let answer = app.get(&format!("/api/v1/explain?{query}")).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    app.fake.down().await;
    let problem = app.get("/api/v1/explain?purl=pkg:pypi/other@1").await.expect(502).json();
    assert!(problem["detail"].as_str().unwrap().contains(&app.fake.authority()), "{problem}");
    app.ask("POST", "/api/v1/explain?purl=pkg:pypi/example", &[], LOOPBACK).await.expect(404);
}

#[tokio::test]
async fn readiness_tells_what_is_wrong_and_goes_only_with_the_store() {
    let app = app().await;
    let ready = app.get("/readyz").await.expect(200).json();
    assert_eq!((&ready["ready"], &ready["store"], &ready["policy"]), (&true.into(), &"ok".into(), &"ok".into()));
    app.conditions.set_policy_error(Some(String::from("policy.toml:3: nonsense")));
    let ready = app.get("/readyz").await.expect(200).json();
    assert!(ready["policy"].as_str().unwrap().contains("policy.toml:3: nonsense"), "{ready}");
    app.conditions.set_policy_error(None);
    assert_eq!(app.get("/readyz").await.expect(200).json()["policy"], "ok");
    app.store.close().await;
    let unready = app.get("/readyz").await.expect(503).json();
    assert_eq!(unready["ready"], false);
    assert_ne!(unready["store"], "ok");
    // That it is alive has nothing to do with it.
    app.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn trouble_of_the_store_is_told_to_the_log_and_not_to_strangers() {
    let app = app().await;
    let token = app.token("alice", None, 1).await;
    app.store.close().await;
    let answer = app.ask("GET", "/", &[("authorization", &token)], LOOPBACK).await.expect(500);
    assert!(answer.body.contains("its log tells the cause"), "{}", answer.body);
    assert!(!answer.body.to_lowercase().contains("sql"), "{}", answer.body);
}

#[tokio::test]
async fn package_addresses_go_to_the_gate_and_everything_else_nowhere() {
    let app = app().await;
    app.get("/dev/pypi/simple/example/").await.expect(200);
    for path in ["/nothing", "/dev", "/dev/", "/dev/gem/", "/qa/pypi/simple/example/", "/d", "/d/", "/static/other.css"]
    {
        app.get(path).await.expect(404);
    }
}
