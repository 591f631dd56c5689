//! Known attacks, re-enacted with releases that do nothing, each beside a benign twin that passes. The clock stands at
//! 2026-11-01.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::gate::{Answer, Plan, TestGate};

const POLICY: &str = r#"
[stage.dev]
minimum-age = 3
install-script = "quarantine"
provenance-lost = "quarantine"
publisher-changed = { days = 7 }
[stage.prod]
inherits = "dev"
[stage.lab]
mode = "observe"
install-script = "quarantine"
"#;

async fn gate() -> TestGate {
    Plan::new(POLICY).start().await
}

/// One release of `parser`: who published it, what it runs, whether it is attested.
fn publish(gate: &TestGate, version: &str, day: &str, by: &str, script: Option<&str>, attested: bool) {
    let npm = gate.npm.npm();
    let mut release = npm.release("parser", version).published(day).field("_npmUser", json!({ "name": by }));
    release = release.field("maintainers", json!([{ "name": "ann" }, { "name": "bob" }]));
    if let Some(command) = script {
        release = release.script("postinstall", command);
    }
    if attested {
        release = release.attested();
    }
    release.add();
}

async fn ask(gate: &TestGate, stage: &str, version: &str) -> Answer {
    gate.get(&format!("/{stage}/npm/parser/-/parser-{version}.tgz")).await
}

/// The line of a refusal without its address.
fn phrase(answer: &Answer) -> String {
    answer.phrase.split("; see ").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_package_that_is_taken_over_is_held_and_its_twin_is_not() {
    let gate = gate().await;
    publish(&gate, "2.0.0", "2026-01-01", "ann", None, false);
    publish(&gate, "2.0.1", "2026-10-28", "mallory", Some("node setup.js"), false);
    publish(&gate, "2.0.2", "2026-10-28", "bob", None, false);
    let refused = ask(&gate, "dev", "2.0.1").await;
    assert_eq!(refused.status, 403);
    assert_eq!(phrase(&refused), "install-script (new in 2.0.1: postinstall) and 1 more; nearest allowed 2.0.2");
    let page = gate.get("/dev/npm/parser").await.json();
    assert_eq!(page["versions"].get("2.0.1"), None);
    assert!(page["policyRestrictions"]["versions"].get("2.0.1").is_some());
    assert_eq!(ask(&gate, "dev", "2.0.2").await.status, 200);
    let why = gate.decision(&refused).await;
    let reasons: Vec<&str> =
        why["reasons"].as_array().unwrap().iter().filter_map(|it| it["message"].as_str()).collect();
    assert_eq!(
        reasons,
        [
            "Installing it runs code (postinstall: node setup.js); 2.0.0, the known release before it, runs nothing.",
            "It was published by the account mallory, which had no part in any release that is older than 7 days; it is held \
             until 2026-11-04T00:00:00Z.",
        ]
    );
}

#[tokio::test]
async fn what_was_attested_and_is_no_longer_is_held_and_its_twin_is_not() {
    let gate = gate().await;
    for (version, day) in
        [("1.0.0", "2026-05-01"), ("1.0.1", "2026-06-01"), ("1.0.2", "2026-07-01"), ("1.0.4", "2026-10-21")]
    {
        publish(&gate, version, day, "ann", None, true);
    }
    publish(&gate, "1.0.3", "2026-10-20", "ann", None, false);
    let refused = ask(&gate, "dev", "1.0.3").await;
    assert_eq!(phrase(&refused), "provenance-lost (1.0.2 was attested, 1.0.3 is not); nearest allowed 1.0.4");
    assert_eq!(ask(&gate, "dev", "1.0.4").await.status, 200);

    let wheels = gate.pypi.pypi();
    for (version, day) in [("1.0", "2026-05-01"), ("1.1", "2026-06-01"), ("1.2", "2026-07-01")] {
        wheels.release("model", version).published(day).attested().add();
    }
    wheels.release("model", "1.3").published("2026-10-20").add();
    let refused = gate.get("/dev/pypi/files/model/model-1.3-py3-none-any.whl").await;
    assert_eq!(phrase(&refused), "provenance-lost (1.2 was attested, 1.3 is not); nearest allowed 1.2");
    assert_eq!(gate.get("/dev/pypi/files/model/model-1.2-py3-none-any.whl").await.status, 200);
}

#[tokio::test]
async fn what_a_stage_has_served_is_its_measure_and_other_stages_are_not() {
    let gate = gate().await;
    publish(&gate, "1.0.0", "2024-01-01", "ann", None, false);
    publish(&gate, "1.1.0", "2025-01-01", "ann", Some("node build.js"), false);
    // The script is old news to a stage that has served nothing.
    assert_eq!(ask(&gate, "dev", "1.1.0").await.status, 200);
    assert_eq!(ask(&gate, "prod", "1.0.0").await.status, 200);
    let refused = ask(&gate, "prod", "1.1.0").await;
    assert_eq!(phrase(&refused), "install-script (new in 1.1.0: postinstall); nearest allowed 1.0.0");
    let why = gate.decision(&refused).await;
    assert_eq!(
        why["reasons"][0]["facts"],
        json!({ "last_served": "1.0.0", "scripts": { "postinstall": "node build.js" } })
    );
    // What dev has served stays served there.
    assert_eq!(ask(&gate, "dev", "1.0.0").await.status, 200);
    assert_eq!(ask(&gate, "dev", "1.1.0").await.status, 200);
}

#[tokio::test]
async fn a_waiver_lets_the_reviewed_release_through_and_those_after_it_are_measured_by_it() {
    let gate = gate().await;
    publish(&gate, "1.0.0", "2024-01-01", "ann", None, false);
    publish(&gate, "1.1.0", "2026-10-20", "ann", Some("node build.js"), false);
    publish(&gate, "1.1.1", "2026-10-21", "ann", Some("node build.js"), false);
    assert_eq!(ask(&gate, "dev", "1.0.0").await.status, 200);
    assert_eq!(ask(&gate, "dev", "1.1.0").await.status, 403);
    gate.policy(&format!(
        "{POLICY}[[waiver]]\npackage = \"pkg:npm/parser@1.1.0\"\nrule = \"install-script\"\nreason = \"read\"\nuntil = \"2027-01-01\"\n"
    ));
    assert_eq!(ask(&gate, "dev", "1.1.1").await.status, 403);
    assert_eq!(ask(&gate, "dev", "1.1.0").await.status, 200);
    assert_eq!(ask(&gate, "dev", "1.1.1").await.status, 200);
}

#[tokio::test]
async fn what_is_only_observed_is_not_taken_for_allowed() {
    let gate = gate().await;
    publish(&gate, "1.0.0", "2024-01-01", "ann", None, false);
    publish(&gate, "1.1.0", "2026-10-20", "ann", Some("node build.js"), false);
    for _ in 0..3 {
        let answer = ask(&gate, "lab", "1.1.0").await;
        assert_eq!(answer.status, 200);
        assert_eq!(gate.decision(&answer).await["decision"], Value::from("quarantine"));
    }
}

#[tokio::test]
async fn serving_the_same_again_and_again_makes_nothing_anew() {
    let gate = gate().await;
    publish(&gate, "1.0.0", "2024-01-01", "ann", Some("node build.js"), false);
    assert_eq!(ask(&gate, "dev", "1.0.0").await.status, 200);
    let first = ask(&gate, "dev", "1.0.0").await;
    let page = gate.get("/dev/npm/parser").await;
    let again = ask(&gate, "dev", "1.0.0").await;
    assert_eq!(first.headers["weir-decision"], again.headers["weir-decision"]);
    assert_eq!(page.headers["etag"], gate.get("/dev/npm/parser").await.headers["etag"]);
}

/// The policy of these tests, and a list of well-known names.
async fn gate_with_names() -> TestGate {
    let gate = Plan::new("[stage.dev]\nname-confusion = \"quarantine\"\n").start().await;
    let list = "[npm] - npm.txt\nlodash\nleft-padding\n[pypi] - pypi.txt\nrequests\n";
    gate.gateway.set_well_known(Arc::new(weir_names::Lists::read(list, crate::gate::ECOSYSTEMS)));
    gate
}

#[tokio::test]
async fn a_young_name_that_is_one_slip_from_a_well_known_one_is_held_and_its_twins_are_not() {
    let gate = gate_with_names().await;
    gate.pypi.pypi().release("reqeusts", "1.0").published("2026-10-01").add();
    gate.pypi.pypi().release("requests", "1.0").published("2026-10-01").add();
    let refused = gate.get("/dev/pypi/files/reqeusts/reqeusts-1.0-py3-none-any.whl").await;
    assert_eq!(phrase(&refused), "name-confusion (did you mean requests?); no version is allowed");
    assert_eq!(gate.get("/dev/pypi/files/requests/requests-1.0-py3-none-any.whl").await.status, 200);

    for (name, owner, day) in [
        ("left-padding", "ann", "2015-01-01"),
        ("left-paddings", "ann", "2026-10-01"),
        ("left-pading", "mallory", "2026-10-01"),
        ("left-paddling", "eve", "2020-01-01"),
    ] {
        let owners = json!([{ "name": owner }]);
        gate.npm.npm().release(name, "1.0.0").published(day).field("maintainers", owners).add();
    }
    for (name, status) in [("left-padding", 200), ("left-paddings", 200), ("left-pading", 403), ("left-paddling", 200)]
    {
        assert_eq!(gate.get(&format!("/dev/npm/{name}/-/{name}-1.0.0.tgz")).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn without_a_list_no_name_is_held_and_a_list_takes_effect_at_once() {
    let gate = gate_with_names().await;
    gate.gateway.set_well_known(Arc::default());
    gate.pypi.pypi().release("reqeusts", "1.0").published("2026-10-01").add();
    let path = "/dev/pypi/files/reqeusts/reqeusts-1.0-py3-none-any.whl";
    assert_eq!(gate.get(path).await.status, 200);
    let list = weir_names::Lists::read("[pypi] - pypi.txt\nrequests\n", crate::gate::ECOSYSTEMS);
    gate.gateway.set_well_known(Arc::new(list));
    assert_eq!(gate.get(path).await.status, 403);
}
