//! Policy decides at the page and at the file alike, at once, and says why.

use serde_json::{Value, json};

use crate::gate::{Answer, CRITICAL, Plan, TestGate, osv};

const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
const TARBALL: &str = "/dev/npm/example/-/example-1.0.0.tgz";
const CRATE: &str = "/dev/cargo/dl/example/1.0.0/download";
const BLOCK: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n";

/// A gate whose registries all have `example` with two releases.
async fn gate(policy: &str, records: &[Value]) -> TestGate {
    let gate = Plan::new(policy).records(records).start().await;
    for (version, day) in [("1.0", "2026-01-01"), ("1.1", "2026-02-01")] {
        gate.pypi.pypi().release("example", version).published(day).add();
        gate.npm.npm().release("example", &format!("{version}.0")).published(day).add();
        gate.cargo.cargo().release("example", &format!("{version}.0")).published(day).add();
    }
    gate
}

/// The records that concern version 1.0 in every registry.
fn records() -> Vec<Value> {
    vec![
        osv("PYSEC-2026-1", "PyPI", "example", "1.1", Some(CRITICAL)),
        osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL)),
        osv("RUSTSEC-2026-0001", "crates.io", "example", "1.1.0", Some(CRITICAL)),
    ]
}

/// Whether the pages of a stage offer version 1.0, registry by registry.
async fn offered(gate: &TestGate, stage: &str) -> [bool; 3] {
    let pypi = gate.simple(stage, "example").await;
    let file =
        pypi["files"].as_array().unwrap().iter().find(|it| it["filename"].as_str().unwrap().contains("1.0")).unwrap();
    let npm = gate.get(&format!("/{stage}/npm/example")).await.json();
    let cargo = gate.get(&format!("/{stage}/cargo/ex/am/example")).await.text();
    let line: Value = serde_json::from_str(cargo.lines().find(|line| line.contains("\"1.0.0\"")).unwrap()).unwrap();
    [!file["yanked"].is_string(), npm["versions"].get("1.0.0").is_some(), line["yanked"] == json!(false)]
}

/// The statuses of the files of version 1.0, registry by registry.
async fn files(gate: &TestGate, stage: &str) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip([WHEEL, TARBALL, CRATE]) {
        *status = gate.get(&path.replace("/dev/", &format!("/{stage}/"))).await.status;
    }
    statuses
}

async fn assert_served(gate: &TestGate, stage: &str) {
    assert_eq!((offered(gate, stage).await, files(gate, stage).await), ([true; 3], [200; 3]), "{stage}");
}

async fn assert_refused(gate: &TestGate, stage: &str) {
    assert_eq!((offered(gate, stage).await, files(gate, stage).await), ([false; 3], [403; 3]), "{stage}");
}

#[tokio::test]
async fn another_policy_takes_effect_at_once_on_page_and_file() {
    let gate = gate("[stage.dev]\n", &records()).await;
    assert_served(&gate, "dev").await;
    let asked = gate.seen().len();
    gate.policy(BLOCK);
    assert_refused(&gate, "dev").await;
    gate.policy("[stage.dev]\n");
    assert_served(&gate, "dev").await;
    assert_eq!(gate.seen().len(), asked, "a policy is no reason to ask upstream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_takes_effect_at_once_also_while_many_ask() {
    let gate = std::sync::Arc::new(gate("[stage.dev]\n", &[]).await);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (gate, stop) = (std::sync::Arc::clone(&gate), std::sync::Arc::clone(&stop));
        clients.spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                gate.get("/dev/npm/example").await;
                gate.get(TARBALL).await;
            }
        });
    }
    for round in 0..20 {
        gate.policy(&format!("[stage.dev]\ndenied = [\"pkg:npm/example@1.0.0\"]\n# {round}\n"));
        assert_eq!(gate.get(TARBALL).await.status, 403, "{round}");
        assert_eq!(gate.get("/dev/npm/example").await.json()["versions"].get("1.0.0"), None);
        gate.policy(&format!("[stage.dev]\n# {round}\n"));
        assert_eq!(gate.get(TARBALL).await.status, 200, "{round}");
        assert!(gate.get("/dev/npm/example").await.json()["versions"].get("1.0.0").is_some());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    while clients.join_next().await.is_some() {}
}

#[tokio::test]
async fn other_advisories_take_effect_at_once_on_page_and_file() {
    let harmless = [("PyPI", "PYSEC-2026-9"), ("npm", "GHSA-xxxx-xxxx-xxxx"), ("crates.io", "RUSTSEC-2026-0009")]
        .map(|(ecosystem, id)| osv(id, ecosystem, "another", "1.1.0", Some(CRITICAL)));
    let gate = gate(BLOCK, &harmless).await;
    assert_served(&gate, "dev").await;
    gate.advisories(&records());
    assert_refused(&gate, "dev").await;
    gate.advisories(&harmless);
    assert_served(&gate, "dev").await;
}

#[tokio::test]
async fn what_is_new_waits_and_is_let_go_by_the_clock_alone() {
    let gate = Plan::new("[stage.dev]\nminimum-age = 3\n").start().await;
    let young = "2026-10-31T12:00:00Z";
    gate.pypi.pypi().release("example", "1.0").published(young).add();
    gate.npm.npm().release("example", "1.0.0").published(young).add();
    gate.cargo.cargo().release("example", "1.0.0").published(young).add();
    assert_refused(&gate, "dev").await;
    let answer = gate.get(WHEEL).await;
    assert!(answer.phrase.contains("minimum-age (held until 2026-11-03T12:00:00Z)"), "{}", answer.phrase);
    // Upstream is silent from here on: nothing but the clock changes.
    for fake in [&gate.pypi, &gate.npm, &gate.cargo] {
        fake.unavailable(true);
    }
    gate.at("2026-11-03T11:59:59.999Z");
    assert_refused(&gate, "dev").await;
    for fake in [&gate.pypi, &gate.npm, &gate.cargo] {
        fake.unavailable(false);
    }
    gate.at("2026-11-03T12:00:00Z");
    // What upstream confirmed a moment ago is not asked for again.
    assert_served(&gate, "dev").await;
}

#[tokio::test]
async fn an_age_passes_on_a_page_that_is_in_memory() {
    let gate = Plan::new("[stage.dev]\nminimum-age = 3\n").start().await;
    gate.at("2026-11-03T11:58:00Z");
    gate.pypi.pypi().release("example", "1.0").published("2026-10-31T12:00:00Z").add();
    let yanked = async |gate: &TestGate| gate.simple("dev", "example").await["files"][0]["yanked"].is_string();
    assert!(yanked(&gate).await);
    gate.at("2026-11-03T11:59:59.999Z");
    assert!(yanked(&gate).await);
    gate.at("2026-11-03T12:00:00Z");
    assert!(!yanked(&gate).await);
    assert_eq!(gate.pypi.hits("/simple/example/"), 1);
}

#[tokio::test]
async fn a_new_file_of_an_old_release_waits_by_itself() {
    let gate = TestGate::new("[stage.dev]\nminimum-age = 3\n").await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").published("2026-01-01").add();
    let late = weir_testing::artifact::sdist("example", "1.0", &[]);
    pypi.release("example", "1.0").published("2026-10-31").file("example-1.0.tar.gz", late).add();
    let page = gate.simple("dev", "example").await;
    let marks: Vec<_> = page["files"].as_array().unwrap().iter().map(|file| file["yanked"].is_string()).collect();
    assert_eq!(marks, [false, true], "{page}");
    assert_eq!(gate.get(WHEEL).await.status, 200);
    assert_eq!(gate.get("/dev/pypi/files/example/example-1.0.tar.gz").await.status, 403);
}

#[tokio::test]
async fn observing_serves_and_marks_but_malware_is_refused_all_the_same() {
    let policy = "[stage.dev]\nmode = \"observe\"\nvulnerability = { block-cvss = 9.0 }\nmalware = \"block\"\n";
    let gate = gate(policy, &records()).await;
    assert_served(&gate, "dev").await;
    let npm = gate.get("/dev/npm/example").await.json();
    let mark = npm["versions"]["1.0.0"]["deprecated"].as_str().unwrap();
    assert!(mark.contains("GHSA-aaaa-bbbb-cccc"), "{mark}");
    let rows = gate.records(|row| row.file.is_some()).await;
    let id =
        rows.iter().find(|row| row.file.as_deref() == Some("example-1.0-py3-none-any.whl")).unwrap().decision.clone();
    let decision = gate.store.decision(&id.unwrap()).await.unwrap().unwrap();
    assert_eq!((decision.outcome.as_str(), decision.effective.as_str()), ("block", "warn"));
    gate.advisories(&[
        osv("MAL-2026-1", "PyPI", "example", "1.1", None),
        osv("MAL-2026-2", "npm", "example", "1.1.0", None),
        osv("MAL-2026-3", "crates.io", "example", "1.1.0", None),
    ]);
    assert_refused(&gate, "dev").await;
    assert!(gate.get(WHEEL).await.phrase.starts_with("malware MAL-2026-1"));
}

#[tokio::test]
async fn a_waiver_lets_through_with_its_reason_and_its_end_refuses_again() {
    let waiver = |package: &str, id: &str| {
        format!(
            "[[waiver]]\npackage = \"pkg:{package}\"\nadvisory = \"{id}\"\nreason = \"only loads its own files\"\n\
             until = \"2026-11-10\"\n"
        )
    };
    let policy = [
        BLOCK,
        &waiver("pypi/example@1.0", "PYSEC-2026-1"),
        &waiver("npm/example@1.0.0", "GHSA-aaaa-bbbb-cccc"),
        &waiver("cargo/example@1.0.0", "RUSTSEC-2026-0001"),
    ]
    .concat();
    let gate = gate(&policy.replace("9.0 }", "9.0, max-feed-age-days = 90 }"), &records()).await;
    assert_served(&gate, "dev").await;
    let rows = gate.records(|row| row.decision.is_some()).await;
    let id = rows.iter().find_map(|row| row.decision.clone()).unwrap();
    let decision: Value = serde_json::from_str(&gate.store.decision(&id).await.unwrap().unwrap().body).unwrap();
    assert_eq!(decision["reasons"][0]["waived"]["reason"], "only loads its own files", "{decision}");
    gate.at("2026-11-10T23:59:59Z");
    assert_served(&gate, "dev").await;
    gate.at("2026-11-11T00:00:00Z");
    assert_refused(&gate, "dev").await;
}

#[tokio::test]
async fn what_nobody_can_assess_is_never_clean_and_each_stage_says_what_it_comes_to() {
    let policy = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n\
                  [stage.prod]\ninherits = \"dev\"\nunassessed = \"quarantine\"\n";
    let gate = gate(policy, &[]).await;
    assert_served(&gate, "dev").await;
    let npm = gate.get("/dev/npm/example").await.json();
    assert!(npm["versions"]["1.0.0"]["deprecated"].as_str().unwrap().contains("not assessed"), "{npm}");
    assert_refused(&gate, "prod").await;
    let answer = gate.get(&WHEEL.replace("dev", "prod")).await;
    assert!(answer.phrase.contains("not assessed (no advisory data for PyPI)"), "{}", answer.phrase);
    gate.advisories(
        &records()
            .iter()
            .map(|record| {
                let mut record = record.clone();
                record["affected"][0]["package"]["name"] = json!("another");
                record
            })
            .collect::<Vec<_>>(),
    );
    assert_served(&gate, "prod").await;
    // The data grows old, and nothing else changes.
    gate.at("2026-11-08T12:00:00Z");
    assert_refused(&gate, "prod").await;
}

#[tokio::test]
async fn a_private_name_is_refused_everywhere_and_upstream_never_hears_of_it() {
    let gate = gate("[stage.dev]\nmode = \"observe\"\nprivate-name = [\"exam*\"]\n[stage.open]\n", &[]).await;
    let pages = ["/dev/pypi/simple/example/", "/dev/npm/example", "/dev/cargo/ex/am/example"];
    for path in pages.iter().chain(&[WHEEL, TARBALL, CRATE]) {
        let answer = gate.get(path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.phrase.contains("private-name exam* (never asked upstream)"), "{}", answer.phrase);
        let id = answer.header("weir-decision");
        assert!(gate.store.decision(id).await.unwrap().is_some(), "{path}");
    }
    assert!(gate.seen().is_empty(), "{:?}", gate.seen());
    assert_served(&gate, "open").await;
}

#[tokio::test]
async fn a_warning_is_a_mark_on_npms_page_and_refuses_nothing() {
    let policy = "[stage.dev]\nvulnerability = { warn-cvss = 4.0 }\n";
    let gate = gate(policy, &records()).await;
    gate.npm.npm().release("example", "0.9.0").deprecated("use 1.1.0").published("2026-01-01").add();
    let versions = gate.get("/dev/npm/example").await.json()["versions"].clone();
    let mark = versions["1.0.0"]["deprecated"].as_str().unwrap();
    assert!(mark.starts_with("warning: vulnerability GHSA-aaaa-bbbb-cccc (CVSS 9.8)"), "{mark}");
    // What the maintainers say goes first.
    assert_eq!(versions["0.9.0"]["deprecated"], "use 1.1.0");
    assert_eq!(versions["1.1.0"].get("deprecated"), None);
    let manifest = gate.get("/dev/npm/example/1.0.0").await.json();
    assert_eq!(manifest["deprecated"], mark);
    let id = mark.rsplit('/').next().unwrap();
    let named = gate.gateway.decision(id).await.unwrap().unwrap();
    assert_eq!((named.effective.as_str(), named.version.as_str()), ("warn", "1.0.0"));
    assert_served(&gate, "dev").await;
}

#[tokio::test]
async fn a_stage_that_is_not_in_the_policy_is_not_there() {
    let gate = gate("[stage.dev]\n", &[]).await;
    let long = format!("/{}/pypi/simple/example/", "x".repeat(5000));
    for path in ["/prod/pypi/simple/example/", "/DEV/npm/example", "/dev@2026-10-01/npm/example", long.as_str()] {
        let answer = gate.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().len() < 1000, "{}", answer.text());
    }
    let rows = gate.records(|row| row.status == 404).await;
    // A day of a stage that is there belongs to it, whether the ecosystem has days or not.
    assert!(rows.iter().all(|row| row.stage.is_empty() || row.stage == "dev"), "{rows:?}");
    let metrics = gate.gateway.metrics().render();
    assert!(!metrics.contains("xxx") && !metrics.contains("DEV"), "a client's text is in the metrics");
}

/// What a client prints of an answer.
type Told = fn(&Answer) -> String;

/// What a person reads of a refusal, in each registry's own dialect.
#[tokio::test]
async fn a_refusal_says_rule_advisory_nearest_and_address_in_every_dialect() {
    let gate = gate(BLOCK, &records()).await;
    let cases: [(&str, &str, &str, Told); 3] = [
        (WHEEL, "PYSEC-2026-1", "1.1", |answer| answer.json()["detail"].as_str().unwrap().to_owned()),
        (TARBALL, "GHSA-aaaa-bbbb-cccc", "1.1.0", |answer| answer.json()["error"].as_str().unwrap().to_owned()),
        (CRATE, "RUSTSEC-2026-0001", "1.1.0", Answer::text),
    ];
    for (path, advisory, nearest, told) in cases {
        for method in ["GET", "HEAD"] {
            let answer = gate.ask(method, path, &[]).await;
            assert_eq!(answer.status, 403);
            assert_eq!(answer.header("cache-control"), "no-store");
            let id = answer.header("weir-decision");
            let phrase = &answer.phrase;
            assert!(phrase.len() <= 200 && phrase.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
            let order: Vec<_> = ["vulnerability", advisory, &format!("nearest allowed {nearest}"), &format!("/d/{id}")]
                .map(|part| phrase.find(part).unwrap_or_else(|| panic!("`{part}` is not in `{phrase}`")))
                .into();
            assert!(order.is_sorted(), "{phrase}");
            if method == "GET" {
                let told = told(&answer);
                assert!([advisory, nearest, id].iter().all(|part| told.contains(part)), "{told}");
            }
        }
    }
}
