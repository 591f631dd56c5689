//! Dates at the gate: whose count, what came after the page was kept, and the day of an outbreak.

use serde_json::Value;

use crate::gate::{CRITICAL, Plan, SIMPLE_JSON, TestGate, osv};

const AGE: &str = "[stage.dev]\nminimum-age = 3\n";
const PAGES: [&str; 3] = ["/dev/pypi/simple/example/", "/dev/npm/example", "/dev/cargo/ex/am/example"];

/// Publishes a release of `example` in every registry.
fn publish(gate: &TestGate, version: &str, date: &str) {
    gate.pypi.pypi().release("example", version).published(date).add();
    gate.npm.npm().release("example", version).published(date).add();
    gate.cargo.cargo().release("example", version).published(date).add();
}

fn files(version: &str) -> [String; 3] {
    [
        format!("/dev/pypi/files/example/example-{version}-py3-none-any.whl"),
        format!("/dev/npm/example/-/example-{version}.tgz"),
        format!("/dev/cargo/dl/example/{version}/download"),
    ]
}

async fn look(gate: &TestGate) {
    for page in PAGES {
        assert_eq!(gate.get(page).await.status, 200, "{page}");
    }
}

async fn assert_files(gate: &TestGate, version: &str, status: u16, phrase: &str) {
    for file in files(version) {
        let answer = gate.get(&file).await;
        assert_eq!(answer.status, status, "{file}: {} {}", answer.phrase, answer.text());
        assert!(answer.phrase.contains(phrase), "{file}: {}", answer.phrase);
    }
}

/// The first reason that `weir explain` gives.
async fn reason(gate: &TestGate, version: &str) -> Value {
    let ecosystem = gate.gateway.ecosystems().by_id("npm").unwrap();
    let package = ecosystem.names.parse("example").unwrap();
    let told = gate.gateway.explain(&"dev".into(), ecosystem, &package, Some(version)).await.unwrap();
    serde_json::to_value(&told).unwrap()["reasons"][0].clone()
}

#[tokio::test]
async fn a_date_from_before_the_page_that_lacked_the_release_is_not_believed() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-11-01T13:00:00Z");
    look(&gate).await;
    gate.at("2026-11-01T14:00:00Z");
    publish(&gate, "1.1.0", "2020-05-05");
    look(&gate).await;
    assert_files(&gate, "1.1.0", 403, "minimum-age (held until 2026-11-04T14:00:00Z, back-dated)").await;
    let told = reason(&gate, "1.1.0").await;
    assert_eq!(told["detail"], "back-dated");
    for part in ["2020-05-05T00:00:00Z", "page of 2026-11-01T13:00:00Z", "first sight on 2026-11-01T14:00:00Z"] {
        assert!(told["message"].as_str().unwrap().contains(part), "{told}");
    }
    // It is remembered, whoever looks at the page from then on.
    let gate = gate.restarted().await;
    gate.at("2026-11-04T13:59:59.999Z");
    assert_files(&gate, "1.1.0", 403, "back-dated").await;
    gate.at("2026-11-04T14:00:00Z");
    assert_files(&gate, "1.1.0", 200, "").await;
}

#[tokio::test]
async fn an_old_release_is_served_at_once_on_first_sight() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    assert_files(&gate, "1.0.0", 200, "").await;
}

#[tokio::test]
async fn what_came_out_while_nobody_looked_is_as_old_as_it_says() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-12-01T12:00:00Z");
    publish(&gate, "1.1.0", "2026-11-20");
    assert_files(&gate, "1.1.0", 200, "").await;
}

#[tokio::test]
async fn what_is_there_already_is_not_doubted_after_the_upstream_has_lost_and_found_it() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    publish(&gate, "1.1.0", "2014-01-01");
    look(&gate).await;
    gate.at("2026-11-01T13:00:00Z");
    gate.pypi.pypi().remove("example", "1.1.0");
    look(&gate).await;
    gate.at("2026-11-01T14:00:00Z");
    publish(&gate, "1.1.0", "2014-01-01");
    look(&gate).await;
    assert_files(&gate, "1.1.0", 200, "").await;
}

#[tokio::test]
async fn a_date_that_changes_later_makes_nothing_older() {
    let gate = TestGate::new(AGE).await;
    let pypi = gate.pypi.pypi();
    let [file, ..] = files("1.0.0");
    pypi.release("example", "1.0.0").published("2026-10-31").add();
    assert_eq!(gate.get(&file).await.status, 403);
    gate.at("2026-11-02T12:00:00Z");
    pypi.remove("example", "1.0.0");
    pypi.release("example", "1.0.0").published("2019-01-01").add();
    let answer = gate.get(&file).await;
    assert_eq!(answer.status, 403);
    assert!(answer.phrase.contains("held until 2026-11-03T00:00:00Z"), "{}", answer.phrase);
    gate.at("2026-11-03T00:00:00Z");
    assert_eq!(gate.get(&file).await.status, 200);
    // A mirror that copies again states the date of its copy: what Weir has seen long ago does not wait again.
    gate.at("2026-11-20T12:00:00Z");
    pypi.remove("example", "1.0.0");
    pypi.release("example", "1.0.0").published("2026-11-20").add();
    assert_eq!(gate.get(&file).await.status, 200);
}

#[tokio::test]
async fn a_date_that_is_still_to_come_is_told_and_bounded() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2099-01-01");
    assert_files(&gate, "1.0.0", 403, "held until 2026-12-04T12:00:00Z, date-ahead").await;
    gate.at("2026-12-04T12:00:00Z");
    assert_files(&gate, "1.0.0", 200, "").await;
}

#[tokio::test]
async fn a_clock_that_jumps_lets_nothing_young_go_for_good() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2026-10-31T12:00:00Z");
    for moment in ["2026-11-01T12:00:00Z", "1970-01-01", "2026-10-01", "2026-11-01T12:00:01Z"] {
        gate.at(moment);
        assert_files(&gate, "1.0.0", 403, "minimum-age").await;
    }
    gate.at("2026-11-30");
    assert_files(&gate, "1.0.0", 200, "").await;
    gate.at("2026-11-02T12:00:00Z");
    assert_files(&gate, "1.0.0", 403, "minimum-age (held until 2026-11-03T12:00:00Z)").await;
}

#[tokio::test]
async fn a_first_sight_under_a_clock_that_is_behind_makes_nothing_older_once_it_is_set_right() {
    let gate = TestGate::new(AGE).await;
    gate.pypi.pypi().release("another", "1.0").add();
    gate.simple("dev", "another").await;
    gate.at("2026-10-02T12:00:00Z");
    gate.pypi.pypi().release("example", "1.0.0").undated().add();
    let [file, ..] = files("1.0.0");
    assert_eq!(gate.get(&file).await.status, 403);
    gate.at("2026-11-01T12:01:00Z");
    let answer = gate.get(&file).await;
    assert!(answer.phrase.contains("held until 2026-11-04T12:00:00Z"), "{} {}", answer.status, answer.phrase);
}

#[tokio::test]
async fn what_is_published_after_the_page_was_kept_is_known_once_it_is_asked_for() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-11-01T12:01:00Z");
    publish(&gate, "1.1.0", "2026-11-01T12:00:30Z");
    // A page that was confirmed a minute ago is good enough for those who ask for what it has.
    assert_files(&gate, "1.0.0", 200, "").await;
    assert_eq!(gate.pypi.hits(PAGE), 1);
    assert_files(&gate, "1.1.0", 403, "minimum-age (held until 2026-11-04T12:00:30Z)").await;
    assert_eq!(gate.pypi.hits(PAGE), 2);
}

#[tokio::test]
async fn a_single_version_and_an_explanation_are_asked_for_in_the_same_way() {
    let gate = TestGate::new("[stage.dev]\n").await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-11-01T12:01:00Z");
    publish(&gate, "1.1.0", "2026-11-01T12:00:30Z");
    assert_eq!(gate.get("/dev/npm/example/1.1.0").await.status, 200);
    gate.at("2026-11-01T12:02:00Z");
    publish(&gate, "1.2.0", "2026-11-01T12:01:30Z");
    reason(&gate, "1.2.0").await;
}

const PAGE: &str = "/simple/example/";

#[tokio::test]
async fn upstream_is_asked_once_for_what_it_does_not_have_either() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-11-01T12:01:00Z");
    for version in ["1.1.0", "1.2.0", "1.1.0"] {
        assert_files(&gate, version, 404, "").await;
        assert_eq!(gate.pypi.hits(PAGE), 2);
    }
    gate.at("2026-11-01T12:01:14.999Z");
    assert_files(&gate, "1.1.0", 404, "").await;
    assert_eq!(gate.pypi.hits(PAGE), 2);
    gate.at("2026-11-01T12:01:15Z");
    assert_files(&gate, "1.1.0", 404, "").await;
    assert_eq!(gate.pypi.hits(PAGE), 3);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_not_asked_for_every_unknown_file() {
    let gate = TestGate::new(AGE).await;
    publish(&gate, "1.0.0", "2013-01-01");
    look(&gate).await;
    gate.at("2026-11-01T12:01:00Z");
    gate.pypi.unavailable(true);
    gate.forget();
    let [file, ..] = files("1.1.0");
    for _ in 0..5 {
        let answer = gate.get(&file).await;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(gate.seen().len(), 1, "{:?}", gate.seen());
    assert_eq!(gate.get(&files("1.0.0")[0]).await.status, 502, "its bytes were never fetched");
}

#[tokio::test]
async fn a_fix_is_served_on_its_first_day_from_the_page_to_the_file() {
    let records = [
        osv("PYSEC-2026-1", "PyPI", "example", "1.1.0", Some(CRITICAL)),
        osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL)),
        osv("RUSTSEC-2026-0001", "crates.io", "example", "1.1.0", Some(CRITICAL)),
    ];
    let policy = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\nminimum-age = 3\n";
    let gate = Plan::new(policy).records(&records).start().await;
    publish(&gate, "1.0.0", "2026-01-01");
    publish(&gate, "1.1.0", "2026-10-31T12:00:00Z");
    publish(&gate, "1.2.0", "2026-10-31T13:00:00Z");
    assert_files(&gate, "1.0.0", 403, "nearest allowed 1.1.0").await;
    assert_files(&gate, "1.1.0", 200, "").await;
    assert_files(&gate, "1.2.0", 403, "minimum-age").await;
    let page = gate.get("/dev/npm/example").await.json();
    assert_eq!(page["versions"].as_object().unwrap().keys().collect::<Vec<_>>(), ["1.1.0"]);
    let told = reason(&gate, "1.1.0").await;
    assert_eq!(told["detail"], "fix", "{told}");
    assert!(told["message"].as_str().unwrap().contains("it is free of GHSA-aaaa-bbbb-cccc"), "{told}");
}

#[tokio::test]
async fn on_the_day_of_an_outbreak_one_line_stops_what_is_newer_at_once_for_warm_clients() {
    let gate = TestGate::new("[stage.dev]\n").await;
    publish(&gate, "1.0.0", "2026-01-01");
    publish(&gate, "1.1.0", "2026-10-31T12:00:00Z");
    assert_files(&gate, "1.1.0", 200, "").await;
    let mut tags = Vec::new();
    for page in PAGES {
        let answer = gate.ask("GET", page, &[("Accept", SIMPLE_JSON)]).await;
        let tag = answer.header("etag").to_owned();
        assert_eq!(gate.ask("GET", page, &[("Accept", SIMPLE_JSON), ("If-None-Match", &tag)]).await.status, 304);
        tags.push(tag);
    }
    gate.policy("[stage.dev]\nnot-after = \"2026-10-30T00:00:00Z\"\n");
    assert_files(&gate, "1.1.0", 403, "not-after 2026-10-30T00:00:00Z").await;
    assert_files(&gate, "1.1.0", 403, "nearest allowed 1.0.0").await;
    assert_files(&gate, "1.0.0", 200, "").await;
    for (page, tag) in PAGES.into_iter().zip(&tags) {
        let answer = gate.ask("GET", page, &[("Accept", SIMPLE_JSON), ("If-None-Match", tag)]).await;
        assert_eq!(answer.status, 200, "a client's kept page of {page} is out of date");
    }
    let told = reason(&gate, "1.1.0").await;
    assert!(told["message"].as_str().unwrap().contains("published after 2026-10-30T00:00:00Z"), "{told}");
    gate.policy("[stage.dev]\nnot-after = { at = \"2026-10-30T00:00:00Z\", ecosystems = [\"npm\"] }\n");
    let statuses = [200, 403, 200];
    for (file, status) in files("1.1.0").iter().zip(statuses) {
        assert_eq!(gate.get(file).await.status, status, "{file}");
    }
}
