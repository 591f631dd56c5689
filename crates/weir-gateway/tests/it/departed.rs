//! What upstream no longer lists and advisories still name is refused with its reason, not merely missing.

use serde_json::json;

use crate::gate::TestGate;

const RULES: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\nmalware = \"block\"\n[stage.open]\n";

fn malware(ecosystem: &str, name: &str, versions: &[&str]) -> serde_json::Value {
    let ranges =
        if versions.is_empty() { json!([{ "type": "SEMVER", "events": [{ "introduced": "0" }] }]) } else { json!([]) };
    json!({
        "id": "MAL-2026-1", "modified": "2026-10-01T00:00:00Z",
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name }, "versions": versions, "ranges": ranges }],
    })
}

#[tokio::test]
async fn a_deleted_malicious_npm_version_is_told_in_the_page_and_at_its_tarball() {
    let gate = TestGate::with(RULES, &[malware("npm", "example", &["1.1.0"])], |s| s).await;
    gate.npm.npm().release("example", "1.0.0").published("2026-01-01").add();
    let page = gate.get("/dev/npm/example").await.json();
    assert!(page["policyRestrictions"]["versions"]["1.1.0"].is_object(), "{page}");
    assert!(page["policyRestrictions"]["message"].as_str().unwrap().contains("MAL-2026-1"), "{page}");
    let answer = gate.get("/dev/npm/example/-/example-1.1.0.tgz").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.phrase.contains("MAL-2026-1"), "{}", answer.phrase);
    assert!(answer.phrase.contains("nearest allowed 1.0.0"), "{}", answer.phrase);
    assert_eq!(gate.get("/dev/npm/example/-/example-1.2.0.tgz").await.status, 404);
    assert_eq!(gate.get("/open/npm/example/-/example-1.1.0.tgz").await.status, 404);
    assert!(gate.get("/open/npm/example").await.json().get("policyRestrictions").is_none());
}

#[tokio::test]
async fn a_deleted_malicious_package_is_refused_by_name() {
    for (ecosystem, page) in
        [("npm", "/dev/npm/example"), ("PyPI", "/dev/pypi/simple/example/"), ("crates.io", "/dev/cargo/ex/am/example")]
    {
        let gate = TestGate::with(RULES, &[malware(ecosystem, "example", &[])], |s| s).await;
        let answer = gate.get(page).await;
        assert_eq!(answer.status, 403, "{ecosystem}: {}", answer.text());
        assert!(answer.phrase.contains("MAL-2026-1"), "{ecosystem}: {}", answer.phrase);
        assert_eq!(gate.get(&page.replace("/dev/", "/open/")).await.status, 404, "{ecosystem}");
        assert_eq!(gate.get(&page.replace("example", "exbmple").replace("ex/am", "ex/bm")).await.status, 404);
    }
}

#[tokio::test]
async fn a_deleted_wheel_in_a_lock_file_meets_the_reason() {
    let gate = TestGate::with(RULES, &[malware("PyPI", "example", &["1.1"])], |s| s).await;
    gate.pypi.pypi().release("example", "1.0").published("2026-01-01").add();
    let answer = gate.get("/dev/pypi/files/example/example-1.1-py3-none-any.whl").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.phrase.contains("MAL-2026-1"), "{}", answer.phrase);
}

#[tokio::test]
async fn the_refusal_of_a_deleted_version_has_one_id_on_every_day() {
    let rules = "[stage.dev]\nmalware = \"block\"\nminimum-age = 3\n";
    let gate = TestGate::with(rules, &[malware("npm", "example", &["1.1.0"])], |s| s).await;
    gate.npm.npm().release("example", "1.0.0").published("2026-01-01").add();
    let path = "/dev/npm/example/-/example-1.1.0.tgz";
    let first = gate.get(path).await;
    assert!(first.phrase.starts_with("malware MAL-2026-1"), "{}", first.phrase);
    let gate = gate.restarted().await;
    gate.at("2026-11-05T12:00:00Z");
    assert_eq!(gate.get(path).await.header("weir-decision"), first.header("weir-decision"));
}

#[tokio::test]
async fn a_version_that_is_only_named_as_the_first_fixed_one_is_not_said_to_be_refused() {
    let record = json!({
        "id": "MAL-2026-1", "modified": "2026-10-01T00:00:00Z",
        "affected": [{ "package": { "ecosystem": "npm", "name": "example" },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "1.1.0" }, { "fixed": "1.1.1" }] },
                       { "type": "SEMVER", "events": [{ "introduced": "1.1.0" }, { "fixed": "2.0.0" }] }] }],
    });
    let gate = TestGate::with(RULES, &[record], |s| s).await;
    gate.npm.npm().release("example", "1.0.0").published("2026-01-01").add();
    let page = gate.get("/dev/npm/example").await.json();
    let refused = page["policyRestrictions"]["versions"].as_object().unwrap();
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["1.1.0"]);
}
