//! Files that no document lists.

use weir_core::Digest;
use weir_core::digest::Checksum;

use crate::gate::TestGate;

const POLICY: &str = "[stage.dev]\nminimum-age = 7\n";
const BYTES: &str = "bytes";
const FILE: &str = "/dev/toy/demo/tree/1.0.0/1.0.0_a";

fn digest() -> String {
    Digest::of(BYTES.as_bytes()).to_string()
}

/// A gate before a registry with the releases 1.0.0, which is old, and 2.0.0, which is young, and a file of each.
async fn gate() -> TestGate {
    let gate = TestGate::new(POLICY).await;
    gate.cargo.put("/toy/demo/list", "1.0.0\n2.0.0\n");
    for (version, date) in [("1.0.0", "2020-01-01"), ("2.0.0", "2026-10-31")] {
        gate.cargo.put(&format!("/toy/demo/about/{version}"), date);
        gate.cargo.put(&format!("/toy/demo/tree/{version}_a"), BYTES);
        gate.cargo.put(&format!("/toy/demo/tree/{version}_a.sha256"), digest().as_str());
        gate.cargo.put(&format!("/toy/demo/tree/{version}_a.asc"), "signature");
    }
    gate
}

#[tokio::test]
async fn a_file_is_found_when_somebody_asks_for_it_and_stays_known() {
    let gate = gate().await;
    let answer = gate.get(FILE).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, BYTES));
    assert_eq!(gate.get(FILE).await.text(), BYTES);
    for path in ["/toy/demo/tree/1.0.0_a", "/toy/demo/tree/1.0.0_a.sha256"] {
        assert_eq!(gate.cargo.hits(path), 1, "{path}");
    }
    let gate = gate.offline().await;
    assert_eq!(gate.get(FILE).await.text(), BYTES);
    assert_eq!(gate.get("/dev/toy/demo/tree/1.0.0/1.0.0_b").await.status, 404);
}

#[tokio::test]
async fn a_file_goes_by_the_decision_on_its_release() {
    let gate = gate().await;
    for ending in ["", ".md5", ".asc"] {
        let answer = gate.get(&format!("/dev/toy/demo/tree/2.0.0/2.0.0_a{ending}")).await;
        assert_eq!(answer.status, 403, "{ending}: {}", answer.text());
    }
    assert_eq!(gate.cargo.hits("/toy/demo/tree/2.0.0_a"), 0, "not a byte is fetched");
    assert_eq!(gate.cargo.hits("/toy/demo/tree/2.0.0_a.asc"), 0);
}

#[tokio::test]
async fn a_file_that_upstream_states_nothing_of_is_none() {
    let gate = gate().await;
    gate.cargo.put("/toy/demo/tree/1.0.0_b", BYTES);
    for path in ["1.0.0/1.0.0_b", "1.0.0/2.0.0_a", "2.0.0/1.0.0_a", "3.0.0/3.0.0_a", "1.0.0/a"] {
        assert_eq!(gate.get(&format!("/dev/toy/demo/tree/{path}")).await.status, 404, "{path}");
    }
    assert_eq!(gate.cargo.hits("/toy/demo/tree/1.0.0_b"), 0);
    // What cannot be read is not kept.
    gate.cargo.put("/toy/demo/tree/1.0.0_b.sha256", "nonsense");
    gate.at("2026-11-01T12:01:00Z");
    assert_eq!(gate.get("/dev/toy/demo/tree/1.0.0/1.0.0_b").await.status, 502);
    gate.cargo.put("/toy/demo/tree/1.0.0_b.sha256", digest().as_str());
    gate.at("2026-11-01T12:02:00Z");
    assert_eq!(gate.get("/dev/toy/demo/tree/1.0.0/1.0.0_b").await.text(), BYTES);
}

#[tokio::test]
async fn other_bytes_than_the_stated_ones_are_not_served() {
    let gate = gate().await;
    gate.cargo.put("/toy/demo/tree/1.0.0_a", "other");
    assert_eq!(gate.get(FILE).await.status, 502);
}

#[tokio::test]
async fn checksums_are_of_what_is_served_and_stand_in_headers_too() {
    let gate = gate().await;
    let asked_first = gate.get(&format!("{FILE}.md5")).await;
    assert_eq!(asked_first.text(), Checksum::Md5.of(BYTES.as_bytes()));
    let answer = gate.get(FILE).await;
    assert_eq!(answer.header("x-checksum-sha1"), Checksum::Sha1.of(BYTES.as_bytes()));
    assert_eq!(gate.get(&format!("{FILE}.md5")).await.text(), asked_first.text());
    assert_eq!(gate.cargo.hits("/toy/demo/tree/1.0.0_a"), 1);
}

#[tokio::test]
async fn a_signature_is_upstreams_own() {
    let gate = gate().await;
    assert_eq!(gate.get(&format!("{FILE}.asc")).await.text(), "signature");
    gate.cargo.put("/toy/demo/tree/1.0.0_b.sha256", digest().as_str());
    assert_eq!(gate.get("/dev/toy/demo/tree/1.0.0/1.0.0_b.asc").await.status, 404);
}
