//! What was answered from memory is answered so again, and only while nothing that the answer rests on is different.

use http::Request;
use weir_core::Timestamp;
use weir_gateway::Principal;
use weir_store::RequestRow;

use crate::gate::{CRITICAL, Plan, SIMPLE_JSON, TestGate, osv};

const PAGE: &str = "/dev/pypi/simple/example/";
const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
const PACKUMENT: &str = "/dev/npm/example";
const AGE: &str = "[stage.dev]\nminimum-age = { days = 3 }\n[stage.prod]\nminimum-age = { days = 3 }\n";

async fn gate() -> TestGate {
    let gate = Plan::new(AGE).start().await;
    gate.pypi.pypi().release("example", "1.0").published("2026-10-01T00:00:00Z").add();
    gate.pypi.pypi().release("example", "2.0").published("2026-10-30T12:00:00Z").add();
    gate.npm.npm().release("example", "1.0.0").published("2026-10-01T00:00:00Z").add();
    gate
}

/// Asks until it is all in memory: a file is kept there from the second time on.
async fn warm(gate: &TestGate, path: &str) {
    for _ in 0..4 {
        assert_eq!(gate.ask("GET", path, &[("Accept", SIMPLE_JSON)]).await.status, 200, "{path}");
    }
}

struct Asked {
    method: &'static str,
    path: &'static str,
    header: Option<(&'static str, &'static str)>,
    stage: Option<&'static str>,
    publish: &'static [&'static str],
}

const ASKED: Asked = Asked { method: "GET", path: PAGE, header: None, stage: None, publish: &[] };

fn is_ready(gate: &TestGate, asked: &Asked) -> bool {
    let mut request = Request::builder().method(asked.method).uri(asked.path).header("accept", SIMPLE_JSON);
    if let Some((name, value)) = asked.header {
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    let principal = Principal {
        name: String::from("anonymous"),
        stage: asked.stage.map(str::to_owned),
        publish: asked.publish.iter().map(|pattern| (*pattern).to_owned()).collect(),
    };
    let mut account = gate.gateway.account(&request, String::new(), None);
    gate.gateway.ready(&request, asked.path, &principal, &mut account).is_some()
}

#[tokio::test]
async fn it_is_the_same_answer_and_the_same_record() {
    for path in [PAGE, WHEEL, PACKUMENT] {
        let gate = gate().await;
        assert!(!is_ready(&gate, &Asked { path, ..ASKED }), "{path}: nobody has asked");
        let ask = || gate.ask("GET", path, &[("Accept", SIMPLE_JSON), ("User-Agent", "pip/26.0")]);
        for _ in 0..3 {
            ask().await;
        }
        let long = ask().await;
        assert!(is_ready(&gate, &Asked { path, ..ASKED }), "{path}");
        let short = ask().await;
        assert_eq!((long.status, &long.body), (short.status, &short.body), "{path}");
        let undated = |answer: &crate::gate::Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers
        };
        assert_eq!(undated(&long), undated(&short), "{path}");
        let rows = gate.records(|_| true).await;
        let timeless: Vec<_> = rows.into_iter().map(|row| RequestRow { duration_ms: 0, ..row }).collect();
        let (last, before) = (timeless.last().unwrap(), &timeless[2]);
        assert_eq!((last.outcome.as_str(), last.client.as_str()), ("served", "pip"), "{path}");
        assert_eq!(last, before, "{path}");
    }
}

#[tokio::test]
async fn another_question_is_not_answered_with_it() {
    let gate = gate().await;
    // Its bytes first: with them something is learnt about the package.
    warm(&gate, WHEEL).await;
    warm(&gate, PAGE).await;
    assert!(is_ready(&gate, &ASKED) && is_ready(&gate, &Asked { path: WHEEL, ..ASKED }));
    for other in [
        Asked { method: "HEAD", ..ASKED },
        Asked { path: "/prod/pypi/simple/example/", ..ASKED },
        Asked { path: "/dev/pypi/simple/example/?a", ..ASKED },
        Asked { path: "/dev/pypi/simple/Example/", ..ASKED },
        Asked { header: Some(("accept-encoding", "gzip")), ..ASKED },
        Asked { header: Some(("if-none-match", "\"x\"")), ..ASKED },
        Asked { path: WHEEL, header: Some(("range", "bytes=0-1")), ..ASKED },
        Asked { header: Some(("authorization", "Bearer x")), ..ASKED },
        Asked { stage: Some("prod"), ..ASKED },
        Asked { publish: &["pypi:*"], ..ASKED },
    ] {
        assert!(!is_ready(&gate, &other), "{} {} {:?} {:?}", other.method, other.path, other.header, other.stage);
    }
    let long = format!("{PAGE}?{}", "x".repeat(1024));
    warm(&gate, &long).await;
    assert!(!is_ready(&gate, &Asked { path: Box::leak(long.into_boxed_str()), ..ASKED }), "the key is too long");
}

#[tokio::test]
async fn it_ends_with_what_it_rests_on() {
    type Change = fn(&TestGate);
    let changes: [(&str, Change); 6] = [
        ("the policy", |gate| gate.policy("[stage.dev]\nminimum-age = { days = 4 }\n")),
        ("the advisories", |gate| gate.advisories(&[osv("PYSEC-2026-1", "PyPI", "other", "1.1", Some(CRITICAL))])),
        ("the document's lifetime", |gate| gate.at("2026-11-01T12:05:00Z")),
        ("the clock, which goes back", |gate| gate.clock.set(Timestamp::parse("2026-11-01T11:00:00Z").unwrap())),
        ("what is kept in memory", |gate| gate.gateway.look_again()),
        ("nothing", |gate| gate.at("2026-11-01T12:04:59Z")),
    ];
    for (what, change) in changes {
        for path in [PAGE, WHEEL] {
            let gate = gate().await;
            warm(&gate, path).await;
            assert!(is_ready(&gate, &Asked { path, ..ASKED }), "{what} {path}");
            change(&gate);
            assert_eq!(is_ready(&gate, &Asked { path, ..ASKED }), what == "nothing", "{what} {path}");
        }
    }
}

#[tokio::test]
async fn a_release_whose_time_has_come_is_on_the_next_page() {
    let gate = gate().await;
    gate.at("2026-11-02T11:59:00Z");
    warm(&gate, PAGE).await;
    assert!(is_ready(&gate, &ASKED));
    // The document is still current then: age alone ends the answer.
    gate.at("2026-11-02T12:00:00Z");
    assert!(!is_ready(&gate, &ASKED));
}

#[tokio::test]
async fn a_package_that_something_is_learnt_about_is_looked_at_anew() {
    let gate = gate().await;
    warm(&gate, PAGE).await;
    assert!(is_ready(&gate, &ASKED));
    // Its bytes come in, and with them what they declare.
    assert_eq!(gate.get(WHEEL).await.status, 200);
    assert!(!is_ready(&gate, &ASKED));
    warm(&gate, PAGE).await;
    assert!(is_ready(&gate, &ASKED));
}
