//! What is allowed passes, what is refused does not, and says why.

use crate::gate::{CRITICAL, TestGate, osv};

const BLOCK_CRITICAL: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n";

#[tokio::test]
async fn a_wheel_passes_and_a_vulnerable_one_is_refused_with_its_reason() {
    let gate =
        TestGate::with(BLOCK_CRITICAL, &[osv("PYSEC-2026-1", "PyPI", "example", "1.1", Some(CRITICAL))], |s| s).await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").published("2026-01-01").add();
    pypi.release("example", "1.1").published("2026-02-01").add();

    let page = gate.ask("GET", "/dev/pypi/simple/example/", &[("Accept", "application/vnd.pypi.simple.v1+json")]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let files = page.json()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 2);
    let of = |version: &str| files.iter().find(|f| f["filename"].as_str().unwrap().contains(version)).unwrap().clone();
    assert!(of("1.0")["yanked"].as_str().unwrap().contains("PYSEC-2026-1"), "{}", of("1.0"));
    assert_eq!(of("1.1").get("yanked").and_then(|y| y.as_str()), None);

    let allowed = of("1.1")["url"].as_str().unwrap().replace(&format!("http://{}", gate.address), "");
    let answer = gate.get(&allowed).await;
    assert_eq!((answer.status, answer.cut), (200, false), "{}", answer.text());
    assert!(answer.body.starts_with(b"PK"));
    assert_eq!(answer.header("cache-control"), "private, no-cache");

    let refused = of("1.0")["url"].as_str().unwrap().replace(&format!("http://{}", gate.address), "");
    let answer = gate.get(&refused).await;
    assert_eq!(answer.status, 403);
    assert!(answer.phrase.contains("vulnerability PYSEC-2026-1"), "{}", answer.phrase);
    assert!(answer.phrase.contains("nearest allowed 1.1"), "{}", answer.phrase);
    assert!(answer.phrase.contains("/d/"), "{}", answer.phrase);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(gate.pypi.requests().iter().filter(|r| r.path.contains("1.0")).count(), 0);
}

#[tokio::test]
async fn an_npm_tarball_passes_and_a_vulnerable_one_moves_to_the_policy_restrictions() {
    let gate =
        TestGate::with(BLOCK_CRITICAL, &[osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL))], |s| s)
            .await;
    let npm = gate.npm.npm();
    npm.release("example", "1.0.0").published("2026-01-01").add();
    npm.release("example", "1.1.0").published("2026-02-01").add();

    let page = gate.get("/dev/npm/example").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.json();
    assert!(page["versions"].get("1.0.0").is_none());
    assert!(page["policyRestrictions"]["versions"].get("1.0.0").is_some(), "{page}");
    assert!(page["policyRestrictions"]["message"].as_str().unwrap().contains("GHSA-aaaa-bbbb-cccc"));

    let answer = gate.get("/dev/npm/example/-/example-1.1.0.tgz").await;
    assert_eq!((answer.status, answer.cut), (200, false), "{}", answer.text());
    let answer = gate.get("/dev/npm/example/-/example-1.0.0.tgz").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["error"].as_str().unwrap().contains("nearest allowed 1.1.0"));
    let answer = gate.get("/dev/npm/example/1.0.0").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[tokio::test]
async fn a_crate_passes_and_a_vulnerable_one_is_yanked_and_refused() {
    let gate = TestGate::with(
        BLOCK_CRITICAL,
        &[osv("RUSTSEC-2026-0001", "crates.io", "example", "1.1.0", Some(CRITICAL))],
        |s| s,
    )
    .await;
    let cargo = gate.cargo.cargo();
    cargo.release("example", "1.0.0").published("2026-01-01").add();
    cargo.release("example", "1.1.0").published("2026-02-01").add();

    let page = gate.get("/dev/cargo/ex/am/example").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let lines: Vec<serde_json::Value> = page.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["yanked"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);

    let answer = gate.get("/dev/cargo/dl/example/1.1.0/download").await;
    assert_eq!((answer.status, answer.cut), (200, false), "{}", answer.text());
    let answer = gate.get("/dev/cargo/dl/example/1.0.0/download").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("RUSTSEC-2026-0001"), "{}", answer.text());
}

#[tokio::test]
async fn a_large_wheel_is_streamed_whole_and_then_served_from_the_store() {
    let gate = TestGate::with("", &[], |s| weir_gateway::Settings { stream_above: 256 * 1024, ..s }).await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").published("2026-01-01").size(2_000_000).add();
    let path = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
    let first = gate.get(path).await;
    assert_eq!((first.status, first.cut), (200, false), "{}", first.text());
    let again = gate.get(path).await;
    assert_eq!(first.body, again.body);
    let tail = gate.ask("GET", path, &[("Range", "bytes=-10")]).await;
    assert_eq!(tail.status, 206);
    assert_eq!(tail.body, first.body[first.body.len() - 10..]);
    assert_eq!(gate.pypi.requests().iter().filter(|r| r.path.ends_with(".whl")).count(), 1);
}
