//! What is remembered from the first day: first sights, facts, decisions, index states, requests.

use serde_json::Value;
use weir_core::{Digest, Ecosystem, PackageName, Timestamp};
use weir_store::SeenRelease;

use crate::gate::{CRITICAL, ECOSYSTEMS, NOW, Plan, SIMPLE_JSON, TestGate, osv};

const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
const BLOCK: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0, max-feed-age-days = 90 }\n";

fn ecosystem(id: &str) -> &'static Ecosystem {
    ECOSYSTEMS.by_id(id).unwrap()
}

fn at(moment: &str) -> Timestamp {
    Timestamp::parse(moment).unwrap()
}

/// Version 1.0 of `example` is vulnerable in every registry; 1.1 is not.
async fn gate() -> TestGate {
    let gate = Plan::new(BLOCK)
        .records(&[
            osv("PYSEC-2026-1", "PyPI", "example", "1.1", Some(CRITICAL)),
            osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL)),
            osv("RUSTSEC-2026-0001", "crates.io", "example", "1.1.0", Some(CRITICAL)),
        ])
        .start()
        .await;
    for version in ["1.0", "1.1"] {
        gate.pypi.pypi().release("example", version).license("MIT").requires("other>=1").add();
        gate.npm.npm().release("example", &format!("{version}.0")).script("postinstall", "node x.js").add();
        gate.cargo.cargo().release("example", &format!("{version}.0")).license("MIT").add();
    }
    gate
}

#[tokio::test]
async fn the_first_sight_of_releases_and_files_stays_what_it_was() {
    let gate = gate().await;
    assert_eq!(gate.get("/dev/pypi/simple/example/").await.status, 200);
    gate.at("2026-11-02T12:00:00Z");
    gate.pypi.pypi().release("example", "2.0").add();
    assert_eq!(gate.get("/dev/pypi/simple/example/").await.status, 200);
    let asked: Vec<_> =
        ["1.0", "1.1", "2.0"].map(|version| SeenRelease { version: version.to_owned(), artifacts: Vec::new() }).into();
    let seen = gate.store.first_seen("pypi", "example", &asked, &Digest::of(b""), at("2027-01-01")).await.unwrap();
    let moments: Vec<_> = seen.releases.iter().map(|(_, moment)| *moment).collect();
    assert_eq!(moments, [at(NOW), at(NOW), at("2026-11-02T12:00:00Z")]);
}

#[tokio::test]
async fn what_registry_and_artifact_say_is_kept_when_an_artifact_is_asked_for() {
    let gate = gate().await;
    for (path, purl, registry, artifact) in [
        (WHEEL.replace("1.0", "1.1"), "pkg:pypi/example@1.1", "/files/0/hashes/sha256", "/requires_dist/0"),
        (
            String::from("/dev/npm/example/-/example-1.1.0.tgz"),
            "pkg:npm/example@1.1.0",
            "/scripts/postinstall",
            "/scripts/postinstall",
        ),
        (String::from("/dev/cargo/dl/example/1.1.0/download"), "pkg:cargo/example@1.1.0", "/cksum", "/edition"),
    ] {
        assert_eq!(gate.store.facts_current(purl).await.unwrap(), []);
        assert_eq!(gate.get(&path).await.status, 200, "{path}");
        let facts = gate.store.facts_current(purl).await.unwrap();
        for (kind, pointer) in [("registry", registry), ("artifact", artifact)] {
            let fact = facts.iter().find(|fact| fact.kind == kind).unwrap_or_else(|| panic!("{facts:#?}"));
            let value: Value = serde_json::from_str(&fact.value).unwrap();
            assert!(value.pointer(pointer).is_some(), "{purl} {kind} {value:#}");
            assert_eq!((fact.seen_from, fact.seen_to), (at(NOW), None));
        }
    }
}

#[tokio::test]
async fn a_decision_is_on_record_before_its_answer_leaves() {
    let gate = gate().await;
    for (path, status, outcome) in [(WHEEL.to_owned(), 403, "block"), (WHEEL.replace("1.0", "1.1"), 200, "allow")] {
        let answer = gate.get(&path).await;
        assert_eq!(answer.status, status);
        let row = gate.store.decision(answer.header("weir-decision")).await.unwrap().unwrap();
        assert_eq!((row.effective.as_str(), row.at, row.stage.as_str()), (outcome, at(NOW), "dev"));
        assert_eq!(row.file.as_deref(), path.rsplit('/').next());
    }
    // Asked again, nothing is written again.
    let events = gate.store.events(0, 1000).await.unwrap().len();
    assert_eq!(gate.get(WHEEL).await.status, 403);
    assert_eq!(gate.store.events(0, 1000).await.unwrap().len(), events);
}

#[tokio::test]
async fn one_id_is_in_page_phrase_header_body_store_and_explanation() {
    let gate = gate().await;
    let pypi = gate.simple("dev", "example").await;
    let npm = gate.get("/dev/npm/example").await.json();
    let notes = [
        ("pypi", pypi["files"][0]["yanked"].as_str().unwrap().to_owned(), WHEEL, "1.0"),
        (
            "npm",
            npm["policyRestrictions"]["message"].as_str().unwrap().trim_end_matches('.').to_owned(),
            "/dev/npm/example/-/example-1.0.0.tgz",
            "1.0.0",
        ),
        ("cargo", String::new(), "/dev/cargo/dl/example/1.0.0/download", "1.0.0"),
    ];
    for (id, note, path, version) in notes {
        let answer = gate.get(path).await;
        let decision = answer.header("weir-decision").to_owned();
        assert_eq!(decision.len(), 16);
        if id != "cargo" {
            assert!(note.ends_with(&format!("/d/{decision}")), "{note} {decision}");
        }
        assert!(answer.phrase.ends_with(&format!("/d/{decision}")), "{}", answer.phrase);
        assert!(answer.text().contains(&decision), "{}", answer.text());
        let row = gate.store.decision(&decision).await.unwrap().unwrap();
        let body: Value = serde_json::from_str(&row.body).unwrap();
        assert_eq!(body["id"], decision);
        let package = PackageName::from_normalized("example");
        let explained = gate.gateway.explain(&"dev".into(), ecosystem(id), &package, Some(version)).await.unwrap();
        assert_eq!(explained.decision.id, decision, "{id}");
        assert!(explained.address.ends_with(&decision));
        let rows = gate.records(|row| row.decision.as_deref() == Some(&decision)).await;
        assert!(rows.iter().any(|row| row.ecosystem == id && row.status == 403));
    }
}

#[tokio::test]
async fn a_decision_that_only_a_page_named_can_be_read_and_is_then_on_record() {
    let gate = TestGate::with(BLOCK, &[osv("PYSEC-2026-1", "PyPI", "example", "2.0", Some(CRITICAL))], |s| s).await;
    // More than a page puts on record by itself.
    for release in 0..40 {
        gate.pypi.pypi().release("example", &format!("1.{release}")).published("2026-01-01").add();
    }
    let page = gate.ask("GET", "/dev/pypi/simple/example/", &[("Accept", SIMPLE_JSON)]).await.json();
    let note = page["files"][0]["yanked"].as_str().unwrap();
    let id = note.rsplit("/d/").next().unwrap();
    assert_eq!(gate.store.decision(id).await.unwrap(), None);
    let row = gate.gateway.decision(id).await.unwrap().unwrap();
    assert_eq!((row.id.as_str(), row.effective.as_str()), (id, "block"));
    assert!(gate.store.decision(id).await.unwrap().is_some());
    assert_eq!(gate.gateway.decision("aaaaaaaaaaaaaaaa").await.unwrap(), None);
}

#[tokio::test]
async fn equal_inputs_give_one_id_also_after_a_restart() {
    let gate = gate().await;
    let before = gate.get(WHEEL).await;
    let note = gate.simple("dev", "example").await["files"][0]["yanked"].clone();
    let gate = gate.restarted().await;
    gate.at("2026-11-20T12:00:00Z");
    let after = gate.get(WHEEL).await;
    assert_eq!(after.status, 403);
    assert_eq!(after.header("weir-decision"), before.header("weir-decision"));
    let id = |note: &Value| note.as_str().unwrap().rsplit("/d/").next().unwrap().to_owned();
    assert_eq!(id(&gate.simple("dev", "example").await["files"][0]["yanked"]), id(&note));
}

#[tokio::test]
async fn after_a_restart_what_is_kept_is_served_without_asking_upstream_for_it() {
    let gate = gate().await;
    let paths = [
        WHEEL.replace("1.0", "1.1"),
        format!("{}.metadata", WHEEL.replace("1.0", "1.1")),
        String::from("/dev/npm/example/-/example-1.1.0.tgz"),
        String::from("/dev/cargo/dl/example/1.1.0/download"),
    ];
    let mut first = Vec::new();
    for path in &paths {
        first.push(gate.get(path).await.body);
    }
    let gate = gate.restarted().await;
    gate.forget();
    for (path, body) in paths.iter().zip(first) {
        let answer = gate.get(path).await;
        assert_eq!((answer.status, answer.body), (200, body), "{path}");
    }
    assert!(gate.seen().is_empty(), "{:?}", gate.seen());
}

#[tokio::test]
async fn what_a_page_was_made_from_is_on_record_with_the_page() {
    let gate = gate().await;
    gate.simple("dev", "example").await;
    let rows = gate.records(|row| row.index_state.is_some()).await;
    let state = gate.store.index_state(&rows[0].index_state.unwrap()).await.unwrap().unwrap();
    assert_eq!((state.stage.as_str(), state.package.as_str(), state.at), ("dev", "example", at(NOW)));
    assert_eq!(state.policy, gate.gateway.policy().digest());
    assert_eq!(state.advisories, gate.gateway.advisories().digest());
    let document = gate.store.current_document(&gate.pypi.pypi().url(), "example/").await.unwrap().unwrap();
    assert_eq!(state.document, document.digest);
    gate.policy("[stage.dev]\n");
    gate.simple("dev", "example").await;
    let rows = gate.records(|row| row.index_state.is_some_and(|digest| digest != state.digest)).await;
    let other = gate.store.index_state(&rows.last().unwrap().index_state.unwrap()).await.unwrap().unwrap();
    assert_ne!((other.policy, other.hidden), (state.policy, state.hidden));
}

#[tokio::test]
async fn every_request_is_recorded_with_who_what_and_what_came_of_it() {
    let gate = gate().await;
    gate.principal("ana", None);
    let agent = ("User-Agent", "pip/26.0 {\"ci\":null}");
    let page = gate.ask("GET", "/dev/pypi/simple/example/", &[agent, ("Accept", SIMPLE_JSON)]).await;
    let etag = page.header("etag").to_owned();
    gate.ask("GET", "/dev/pypi/simple/example/", &[agent, ("Accept", SIMPLE_JSON), ("If-None-Match", &etag)]).await;
    gate.ask("GET", WHEEL, &[("User-Agent", "uv/0.9.1")]).await;
    let wheel = gate.ask("GET", &WHEEL.replace("1.0", "1.1"), &[("User-Agent", "Poetry/2.1 (x)")]).await;
    gate.ask("GET", &WHEEL.replace("1.0", "1.1"), &[("Range", "bytes=0-9")]).await;
    gate.ask("HEAD", &WHEEL.replace("1.0", "1.1"), &[]).await;
    gate.ask("GET", &WHEEL.replace("1.0", "9.9"), &[]).await;
    gate.pypi.down().await;
    gate.ask("GET", "/dev/pypi/simple/unknown/", &[]).await;
    let rows = gate.records(|row| row.package == "unknown").await;
    // Records of streams may come a moment later than those of other requests.
    let rows = match rows.len() {
        8 => rows,
        _ => gate.records(|row| row.bytes == 10).await,
    };
    let told: Vec<_> = [
        ("pip", "example", "served", 200, page.body.len()),
        ("pip", "example", "not-modified", 304, 0),
        ("uv", "example", "refused", 403, usize::MAX),
        ("poetry", "example", "served", 200, wheel.body.len()),
        ("", "example", "served", 206, 10),
        ("", "example", "served", 200, 0),
        ("", "example", "absent", 404, usize::MAX),
        ("", "unknown", "upstream-error", 502, usize::MAX),
    ]
    .into();
    assert_eq!(rows.len(), told.len(), "{rows:#?}");
    for (client, package, outcome, status, bytes) in told {
        let row = rows.iter().find(|row| {
            (row.client.as_str(), row.package.as_str(), row.outcome.as_str(), row.status)
                == (client, package, outcome, status)
                && (bytes == usize::MAX || row.bytes == bytes as u64)
        });
        let row = row.unwrap_or_else(|| panic!("no {client} {outcome} {status} {bytes} in {rows:#?}"));
        assert_eq!((row.principal.as_str(), row.stage.as_str(), row.ecosystem.as_str()), ("ana", "dev", "pypi"));
        assert_eq!(row.at, at(NOW));
        assert_eq!(row.decision.is_some(), row.file.is_some() && status != 404, "{row:?}");
        assert_eq!(row.artifact.is_some(), row.file.is_some() && status < 300, "{row:?}");
    }
}

#[tokio::test]
async fn a_record_of_a_streamed_artifact_tells_all_its_bytes_and_the_last_decision() {
    let gate = Plan::new("").stream_above(256 * 1024).start().await;
    gate.pypi.pypi().release("example", "1.0").size(2_000_000).add();
    let answer = gate.get(WHEEL).await;
    let rows = gate.records(|row| row.file.is_some()).await;
    assert_eq!(rows[0].bytes, answer.body.len() as u64);
    assert_eq!(rows[0].artifact, Some(Digest::of(&answer.body)));
    let decision = gate.store.decision(rows[0].decision.as_deref().unwrap()).await.unwrap().unwrap();
    assert_eq!(decision.effective, "allow");
    assert!(gate.gateway.metrics().render().contains("outcome=\"served\"} 1"), "{}", gate.gateway.metrics().render());
}

#[tokio::test]
async fn an_address_that_npm_prints_from_a_page_is_answered_after_a_restart() {
    let gate =
        TestGate::with(BLOCK, &[osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL))], |s| s).await;
    gate.npm.npm().release("example", "1.0.0").published("2026-01-01").add();
    gate.npm.npm().release("example", "1.1.0").published("2026-02-01").add();
    let page = gate.get("/dev/npm/example").await.json();
    let message = page["policyRestrictions"]["message"].as_str().unwrap();
    let id = message.split("/d/").nth(1).unwrap()[..16].to_owned();
    let gate = gate.restarted().await;
    assert!(gate.store.decision(&id).await.unwrap().is_some(), "{message}");
}

#[tokio::test]
async fn a_record_that_the_store_refuses_takes_no_other_with_it() {
    use std::sync::Arc;
    use weir_gateway::metrics::Metrics;
    use weir_gateway::requests::RequestLog;

    let gate = gate().await;
    gate.get(WHEEL).await;
    gate.gateway.flush().await;
    let good = gate.store.requests(0, 10).await.unwrap().pop().unwrap().request;
    let before = gate.store.count_requests().await.unwrap();
    let bad = weir_store::RequestRow { package: "x".repeat(100_000), ..good.clone() };
    let metrics = Arc::new(Metrics::default());
    let log = RequestLog::start(gate.store.clone(), Arc::clone(&metrics));
    for row in [good.clone(), bad, good] {
        log.keep(row);
    }
    log.flush().await;
    assert_eq!(gate.store.count_requests().await.unwrap(), before + 2);
    assert_eq!(metrics.records_lost.get(), 1);
}

#[tokio::test]
async fn records_that_find_no_place_are_counted_and_before_that_new_requests_wait() {
    use std::sync::Arc;
    use weir_gateway::metrics::Metrics;
    use weir_gateway::requests::RequestLog;

    const MOST: usize = 65_536;
    let gate = gate().await;
    let metrics = Arc::new(Metrics::default());
    let log = RequestLog::start(gate.store.clone(), Arc::clone(&metrics));
    log.room().await;
    // On this one thread nothing is written before somebody waits.
    for _ in 0..MOST {
        log.keep(weir_store::RequestRow::default());
    }
    assert_eq!(metrics.records_lost.get(), 0);
    log.keep(weir_store::RequestRow::default());
    assert_eq!(metrics.records_lost.get(), 1);
    log.room().await;
    let written = gate.store.count_requests().await.unwrap();
    assert!(written > MOST as u64 / 2 && written % 4_096 == 0, "{written}");
    log.flush().await;
    assert_eq!(gate.store.count_requests().await.unwrap(), MOST as u64);
}

#[tokio::test]
async fn a_small_artifact_that_is_asked_for_again_is_served_from_memory_and_obeys_the_policy() {
    let gate = gate().await;
    let wheel = WHEEL.replace("1.0", "1.1");
    let first = gate.get(&wheel).await;
    assert_eq!(gate.get(&wheel).await.body, first.body);
    let digest = Digest::of(&first.body);
    gate.blobs.delete(&digest).await.unwrap();
    gate.forget();
    let again = gate.get(&wheel).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let part = gate.ask("GET", &wheel, &[("Range", "bytes=1-3")]).await;
    assert_eq!((part.status, &part.body[..]), (206, &first.body[1..4]));
    let head = gate.ask("HEAD", &wheel, &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, first.body.len().to_string().as_str()));
    assert!(gate.seen().is_empty(), "upstream was asked");
    gate.policy("[stage.dev]\ndenied = [\"pkg:pypi/example\"]\n");
    assert_eq!(gate.get(&wheel).await.status, 403);
}
