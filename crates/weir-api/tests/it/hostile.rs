//! Strangers' texts: package names, advisories, yank reasons. On a page they are text and nothing else.

use serde_json::json;
use weir_core::Clock;
use weir_store::DecisionRow;

use crate::app::{LOOPBACK, TestApp, osv};

/// What would run or load something, if it were HTML.
const PAYLOADS: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title><svg onload=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<!-- --><iframe src=//evil.example>",
];

/// Asserts that the page has the payload as text only.
#[track_caller]
fn is_text_only(page: &str, payload: &str) {
    for tag in ["<script", "<img", "<svg", "<iframe", "<a href=\"javascript:", "<!-- -->"] {
        assert!(!page.contains(tag), "{payload}: {page}");
    }
    // Inside an attribute a quote would end it. Every attribute on the page is one that the page itself wrote.
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let outside: String = tag.split('"').step_by(2).collect();
        assert!(!outside.contains("onmouseover") && !outside.contains('\''), "{payload}: <{tag}>");
    }
}

#[tokio::test]
async fn nothing_that_is_recorded_becomes_markup() {
    let app = TestApp::new("[stage.dev]\n", &[]).await;
    for (number, payload) in PAYLOADS.iter().enumerate() {
        let id = format!("aaaaaaaaaaaaaaa{}", char::from(b'a' + number as u8));
        let mut facts = serde_json::Map::new();
        facts.insert((*payload).to_owned(), json!({ "nested": [payload, { (*payload): payload }] }));
        facts.insert(String::from("url"), json!("javascript:alert(1)"));
        facts.insert(String::from("source"), json!(payload));
        let reason = json!({
            "rule": payload, "outcome": payload, "message": payload, "line": payload, "detail": payload, "facts": facts,
            "waived": { "reason": payload, "until": payload, "by": payload, "package": payload, "line": 1 },
        });
        let body = json!({
            "id": id, "purl": payload, "stage": payload, "decision": payload, "effective": payload, "mode": payload,
            "file": payload, "reasons": [reason.clone(), { "rule": "x", "outcome": "block", "message": payload,
                "facts": { "yanked": payload } }],
            "nearest_allowed": payload, "policy": payload, "inputs": { "facts": payload },
        });
        let row = DecisionRow {
            id: id.clone(),
            stage: (*payload).to_owned(),
            ecosystem: String::from("npm"),
            package: (*payload).to_owned(),
            version: (*payload).to_owned(),
            file: Some((*payload).to_owned()),
            outcome: String::from("block"),
            effective: if number % 2 == 0 { String::from("block") } else { (*payload).to_owned() },
            body: body.to_string(),
            at: app.clock.now(),
        };
        app.store.record_decision(&row).await.unwrap();
        let path = format!("/d/{id}");
        let html = app.ask("GET", &path, &[("accept", "text/html")], LOOPBACK).await.expect(200);
        is_text_only(&html.body, payload);
        let escaped = payload.split(['<', '>', '"', '\'']).max_by_key(|part| part.len()).unwrap();
        assert!(html.body.contains(escaped), "it is shown: {payload}\n{}", html.body);
        // Text and JSON say it as it is, and are not taken for HTML by anybody.
        for accept in ["text/plain", "application/json"] {
            let answer = app.ask("GET", &path, &[("accept", accept)], LOOPBACK).await.expect(200);
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(!answer.header("content-type").contains("html"));
        }
    }
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_still_a_page() {
    let app = TestApp::new("[stage.dev]\n", &[]).await;
    let deep = format!("{{\"reasons\":[{{\"facts\":{}1{}}}]}}", "{\"a\":".repeat(100), "}".repeat(100));
    for (number, body) in
        ["{}", "null", "[]", "{\"reasons\":7}", "{\"reasons\":[7,null,{}]}", &deep].into_iter().enumerate()
    {
        let id = format!("bbbbbbbbbbbbbbb{}", char::from(b'a' + number as u8));
        let row = DecisionRow {
            id: id.clone(),
            stage: String::from("dev"),
            ecosystem: String::from("gone"),
            package: String::from("example"),
            version: String::from("1.0.0"),
            file: None,
            outcome: String::from("block"),
            effective: String::from("block"),
            body: body.to_owned(),
            at: app.clock.now(),
        };
        app.store.record_decision(&row).await.unwrap();
        for accept in ["text/html", "text/plain", "application/json"] {
            let answer = app.ask("GET", &format!("/d/{id}"), &[("accept", accept)], LOOPBACK).await.expect(200);
            if accept != "application/json" {
                assert!(answer.body.contains("example"), "{body}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_yank_reason_and_an_advisory_come_through_the_gate_as_text() {
    for payload in PAYLOADS {
        let mut record = osv("PYSEC-2026-1", "example");
        record["summary"] = json!(payload);
        record["details"] = json!(payload);
        record["references"] = json!([{ "type": "WEB", "url": format!("https://a.example/{payload}") }]);
        let policy = "[stage.dev]\nyanked = \"block\"\nvulnerability = { block-cvss = 9.0 }\n";
        let app = TestApp::new(policy, &[record]).await;
        app.fake.pypi().release("example", "1.0.0").yanked(payload).license(payload).add();
        let path = format!("/d/{}", app.refused("example").await);
        let html = app.ask("GET", &path, &[("accept", "text/html")], LOOPBACK).await.expect(200);
        is_text_only(&html.body, payload);
        assert!(html.body.contains("PYSEC-2026-1") && html.body.contains("yanked"), "{}", html.body);
        let text = app.get(&path).await.expect(200);
        assert!(!text.body.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text.body);
    }
}

#[tokio::test]
async fn what_a_terminal_would_obey_does_not_reach_it() {
    let policy = "[stage.dev]\nyanked = \"block\"\n";
    let app = TestApp::new(policy, &[]).await;
    app.fake.pypi().release("example", "1.0.0").yanked("broken\u{1b}[2J\u{7}\u{202e}gnp.exe\r\nX: y").add();
    let path = format!("/d/{}", app.refused("example").await);
    let text = app.get(&path).await.expect(200);
    let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.body.chars().any(obeyed), "{:?}", text.body);
}

#[tokio::test]
async fn addresses_that_try_something_are_not_found() {
    let app = TestApp::new("[stage.dev]\n", &[]).await;
    for path in [
        "/d/%3Cscript%3E",
        "/d/..%2f..%2fetc",
        "//evil.example/",
        "/d//aaaaaaaaaaaaaaaa",
        "/api/v1/../v1/explain",
        "/%00",
        "/dev/pypi/%2e%2e/%2e%2e/",
        "/static/..%2fweir.css",
    ] {
        let answer = app.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("<script"), "{path}: {}", answer.body);
        assert_ne!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
    }
    assert!(app.fake.requests().is_empty(), "{:?}", app.fake.requests());
}
