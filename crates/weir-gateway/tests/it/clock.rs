//! A clock that jumps, back and forth, by an hour and by a year.

use crate::gate::{CRITICAL, SIMPLE_JSON, TestGate, osv};

const POLICY: &str = r#"
[stage.dev]
minimum-age = 3
vulnerability = { block-cvss = 9.0 }
[[waiver]]
package = "pkg:pypi/waived@1.0"
advisory = "PYSEC-2026-1"
reason = "only for a while"
until = "2026-11-15"
"#;
const HOUR_BACK: &str = "2026-11-01T11:00:00Z";
const YEAR_BACK: &str = "2025-11-01T12:00:00Z";
const YEAR_ON: &str = "2027-11-01T12:00:00Z";

async fn file(gate: &TestGate, package: &str, version: &str) -> u16 {
    gate.get(&format!("/dev/pypi/files/{package}/{package}-{version}-py3-none-any.whl")).await.status
}

async fn count(gate: &TestGate, package: &str) -> usize {
    gate.simple("dev", package).await["files"].as_array().unwrap().len()
}

async fn gate() -> TestGate {
    let gate = TestGate::with(POLICY, &[osv("PYSEC-2026-1", "PyPI", "waived", "2.0", Some(CRITICAL))], |s| s).await;
    let pypi = gate.pypi.pypi();
    pypi.release("old", "1.0").published("2024-01-01").add();
    pypi.release("young", "1.0").published("2026-10-31").add();
    pypi.release("undated", "1.0").undated().add();
    pypi.release("waived", "1.0").published("2024-01-01").add();
    gate
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_nothing_older() {
    let gate = gate().await;
    for package in ["young", "undated"] {
        assert_eq!(file(&gate, package, "1.0").await, 403);
    }
    for moment in [HOUR_BACK, YEAR_BACK, crate::gate::NOW] {
        gate.at(moment);
        for package in ["young", "undated"] {
            assert_eq!(file(&gate, package, "1.0").await, 403, "{package} at {moment}");
        }
        if moment != YEAR_BACK {
            assert_eq!(file(&gate, "old", "1.0").await, 200, "{moment}");
        }
    }
}

#[tokio::test]
async fn a_jump_forward_and_back_lasts_no_longer_than_itself() {
    let gate = gate().await;
    assert_eq!(file(&gate, "waived", "1.0").await, 200);
    assert_eq!(file(&gate, "young", "1.0").await, 403);
    gate.at(YEAR_ON);
    // What the clock says is what is judged by: old enough, and the waiver has ended.
    assert_eq!((file(&gate, "waived", "1.0").await, file(&gate, "young", "1.0").await), (403, 200));
    gate.at("2026-11-01T12:00:01Z");
    assert_eq!((file(&gate, "waived", "1.0").await, file(&gate, "young", "1.0").await), (200, 403));
    // First seen at NOW, and not a year later: the jump has made nothing wait for a year.
    assert_eq!(file(&gate, "undated", "1.0").await, 403);
    gate.at("2026-11-04T12:00:02Z");
    assert_eq!(file(&gate, "undated", "1.0").await, 200);
}

#[tokio::test]
async fn pages_follow_upstream_and_intervals_stay_in_order_whatever_the_clock_does() {
    let gate = gate().await;
    assert_eq!(count(&gate, "old").await, 1);
    let moments = [YEAR_ON, HOUR_BACK, YEAR_BACK, crate::gate::NOW, HOUR_BACK];
    for (number, moment) in moments.into_iter().enumerate() {
        gate.pypi.pypi().release("old", &format!("1.{}", number + 1)).published("2024-01-01").add();
        gate.at(moment);
        assert_eq!(count(&gate, "old").await, number + 2, "at {moment}");
        assert_eq!(gate.store.contradictions(&[]).await.unwrap(), [""; 0], "at {moment}");
    }
    let html = gate.ask("HEAD", "/dev/pypi/simple/old/", &[("Accept", SIMPLE_JSON)]).await;
    assert_eq!((html.status, html.header("weir-stale")), (200, ""));
}
