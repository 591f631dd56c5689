//! What arrives is what the checksum database has on record.

use crate::gate::TestGate;

const POLICY: &str = "[stage.dev]\nprivate-name = [\"secret\"]\n";
const DATE: &str = "2020-01-01";

/// A gate before a registry with releases of `summed`, and what the database has on record of each.
async fn gate(records: &[(&str, &str)]) -> TestGate {
    let gate = TestGate::new(POLICY).await;
    let list: String = records.iter().map(|(version, _)| format!("{version}\n")).collect();
    gate.cargo.put("/toy/summed/list", list.as_str());
    for (version, record) in records {
        gate.cargo.put(&format!("/toy/summed/about/{version}"), DATE);
        gate.cargo.put(&format!("/toy/summed/{version}.crate"), "bytes");
        gate.cargo.put(&format!("/toy/sums/summed/{version}"), *record);
    }
    gate
}

#[tokio::test]
async fn what_is_on_record_is_served_and_the_state_of_the_log_is_kept() {
    let gate = gate(&[("1.0.0", "5 2020-01-01"), ("1.1.0", "7 2020-01-01"), ("1.2.0", "6 2020-01-01")]).await;
    assert_eq!(gate.get("/dev/toy/summed/1.0.0.crate").await.text(), "bytes");
    assert_eq!(gate.get("/dev/toy/summed/1.1.0.crate").await.text(), "bytes");
    let gate = gate.restarted().await;
    let answer = gate.get("/dev/toy/summed/1.2.0.crate").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("the log has shrunk"), "{}", answer.text());
    assert_eq!(gate.events("digest-mismatch").await.len(), 1);
}

#[tokio::test]
async fn what_is_not_on_record_is_not_stored() {
    let gate = gate(&[("1.0.0", "5 another")]).await;
    let answer = gate.get("/dev/toy/summed/1.0.0.crate").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("the checksum database has another for `about`"), "{}", answer.text());
    assert_eq!(gate.events("digest-mismatch").await.len(), 1);
    assert!(gate.store.artifacts("toy", "summed").await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_stored_while_nobody_can_vouch_for_it() {
    let gate = gate(&[("1.0.0", "5 2020-01-01")]).await;
    let record = "/toy/sums/summed/1.0.0";
    gate.cargo.change(record, |answer| answer.status = 503);
    let answer = gate.get("/dev/toy/summed/1.0.0.crate").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("does not answer"), "{}", answer.text());
    assert!(gate.events("digest-mismatch").await.is_empty(), "silence is no lie");
    gate.cargo.put(record, "5 2020-01-01");
    gate.at("2026-11-01T12:01:00Z");
    assert_eq!(gate.get("/dev/toy/summed/1.0.0.crate").await.text(), "bytes");
}

#[tokio::test]
async fn clients_get_the_records_as_they_are_and_private_names_are_not_asked_about() {
    let gate = gate(&[("1.0.0", "5 2020-01-01")]).await;
    let answer = gate.get("/dev/toy/sums/summed/1.0.0").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "5 2020-01-01"));
    gate.cargo.forget();
    assert_eq!(gate.get("/dev/toy/sums/summed/1.0.0").await.status, 200);
    assert_eq!(gate.get("/dev/toy/sums/secret/1.0.0").await.status, 403);
    assert_eq!(gate.get("/dev/toy/sums/summed/9.9.9").await.status, 404);
    let asked: Vec<String> = gate.cargo.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(asked, ["/toy/sums/summed/9.9.9"]);
}
