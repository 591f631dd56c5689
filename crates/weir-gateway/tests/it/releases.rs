//! Releases that tell of themselves in documents of their own.

use crate::gate::TestGate;

const POLICY: &str = "[stage.dev]\nminimum-age = 7\n";
const BYTES: &str = "bytes";

/// A gate before a registry that lists these versions and tells these dates.
async fn gate(listed: &str, told: &[(&str, &str)]) -> TestGate {
    let gate = TestGate::new(POLICY).await;
    gate.cargo.put("/toy/demo/list", listed);
    for (version, date) in told {
        gate.cargo.put(&format!("/toy/demo/about/{version}"), *date);
        gate.cargo.put(&format!("/toy/demo/{version}.crate"), BYTES);
    }
    gate
}

async fn list(gate: &TestGate) -> String {
    let answer = gate.get("/dev/toy/demo/list").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[tokio::test]
async fn a_list_asks_for_the_newest_alone_and_hides_what_is_too_young() {
    let told = [("1.0.0", "2020-01-01"), ("1.1.0", "2020-02-01"), ("1.2.0", "2026-10-31")];
    let gate = gate("1.0.0\n1.1.0\n1.2.0\n", &told).await;
    assert_eq!(list(&gate).await, "1.0.0\n1.1.0\n");
    assert_eq!(gate.cargo.hits("/toy/demo/about/1.2.0"), 1);
    assert_eq!(gate.cargo.hits("/toy/demo/about/1.0.0"), 0, "nobody has asked for it");
    gate.at("2026-11-08T12:00:00Z");
    assert_eq!(list(&gate).await, "1.0.0\n1.1.0\n1.2.0\n");
    assert_eq!(gate.cargo.hits("/toy/demo/about/1.2.0"), 1, "such documents are kept for ever");
}

#[tokio::test]
async fn a_release_is_decided_by_its_own_documents_when_somebody_asks_for_it() {
    let told = [("1.0.0", "2026-10-31"), ("1.1.0", "2020-01-01"), ("1.2.0", "2020-01-01")];
    let gate = gate("1.0.0\n1.1.0\n1.2.0\n", &told).await;
    assert_eq!(list(&gate).await, "1.0.0\n1.1.0\n1.2.0\n", "its date is not known");
    let answer = gate.get("/dev/toy/demo/1.0.0.crate").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("minimum-age"), "{}", answer.text());
    assert_eq!(gate.cargo.hits("/toy/demo/1.0.0.crate"), 0, "not a byte is fetched");
    assert_eq!(list(&gate).await, "1.1.0\n1.2.0\n", "now it is known");
    assert_eq!(gate.get("/dev/toy/demo/1.1.0.crate").await.text(), BYTES);
}

#[tokio::test]
async fn a_release_that_no_list_names_is_served_and_stays_known() {
    let gate = gate("1.0.0\n", &[("1.0.0", "2020-01-01"), ("0.9.0", "2019-01-01")]).await;
    list(&gate).await;
    // That the list lacked it when it was last confirmed is no word on its age.
    gate.at("2026-11-02T12:00:00Z");
    assert_eq!(gate.get("/dev/toy/demo/about/0.9.0").await.text(), "2019-01-01");
    assert_eq!(gate.get("/dev/toy/demo/0.9.0.crate").await.text(), BYTES);
    assert_eq!(gate.get("/dev/toy/demo/0.8.0.crate").await.status, 404);
    let gate = gate.offline().await;
    assert_eq!(gate.get("/dev/toy/demo/0.9.0.crate").await.text(), BYTES);
}

#[tokio::test]
async fn a_release_that_the_list_lacked_yesterday_is_not_as_old_as_it_says() {
    let gate = gate("1.0.0\n", &[("1.0.0", "2020-01-01"), ("1.1.0", "2020-01-01")]).await;
    list(&gate).await;
    gate.at("2026-11-02T12:00:00Z");
    gate.cargo.put("/toy/demo/list", "1.0.0\n1.1.0\n");
    let answer = gate.get("/dev/toy/demo/1.1.0.crate").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(gate.decision(&answer).await["reasons"][0]["detail"], "back-dated");
}

#[tokio::test]
async fn upstream_says_what_a_query_means_and_the_release_is_decided() {
    let gate = gate("", &[("0.1.0", "2020-01-01"), ("0.2.0", "2026-10-31")]).await;
    gate.cargo.put("/toy/demo/newest", "0.1.0\n");
    let answer = gate.get("/dev/toy/demo/newest").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "2020-01-01"));
    gate.cargo.put("/toy/demo/newest", "0.2.0\n");
    gate.at("2026-11-01T13:00:00Z");
    let answer = gate.get("/dev/toy/demo/newest").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("0.1.0"), "what is allowed is told: {}", answer.text());
}

#[tokio::test]
async fn what_cannot_be_read_or_had_serves_nothing_and_is_not_kept() {
    let gate = gate("1.0.0\n1.1.0\n", &[("1.1.0", "not a date")]).await;
    assert_eq!(list(&gate).await, "1.0.0\n1.1.0\n");
    assert_eq!(gate.get("/dev/toy/demo/1.1.0.crate").await.status, 502);
    assert_eq!(gate.get("/dev/toy/demo/1.0.0.crate").await.status, 404, "listed, and upstream tells nothing of it");
    gate.cargo.put("/toy/demo/about/1.1.0", "2020-01-01");
    gate.at("2026-11-01T12:01:00Z");
    assert_eq!(gate.get("/dev/toy/demo/1.1.0.crate").await.text(), BYTES);
    gate.cargo.put("/toy/demo/about/1.0.0", "2020-01-01");
    gate.cargo.unavailable(true);
    gate.at("2026-11-01T12:02:00Z");
    assert_eq!(gate.get("/dev/toy/demo/1.0.0.crate").await.status, 502);
    assert_eq!(gate.get("/dev/toy/demo/1.1.0.crate").await.text(), BYTES);
}

#[tokio::test]
async fn one_page_asks_for_so_many_releases_and_no_more() {
    let limit = weir_gateway::MAX_ASKED;
    let listed: String = (0..=limit).map(|minor| format!("1.{minor}.0\n")).collect();
    let gate = gate(&listed, &[]).await;
    for minor in 0..=limit {
        gate.cargo.put(&format!("/toy/demo/about/1.{minor}.0"), "2020-01-01");
    }
    gate.get("/dev/toy/demo/all").await;
    let asked = |gate: &TestGate| gate.cargo.requests().iter().filter(|seen| seen.path.contains("/about/")).count();
    assert_eq!(asked(&gate), limit);
    gate.get("/dev/toy/demo/all").await;
    assert_eq!(asked(&gate), limit + 1, "the next page asks for the others");
}
