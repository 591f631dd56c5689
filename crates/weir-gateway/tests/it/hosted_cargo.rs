//! Crates of one's own, through the gate.

use serde_json::{Value, json};
use weir_testing::artifact;

use crate::gate::{Answer, TestGate};

const OURS: &str = "[stage.dev]\nprivate-name = [\"acme-*\"]\nminimum-age = 3\n";

/// What `cargo publish` sends.
fn publication(metadata: &Value, file: &[u8]) -> Vec<u8> {
    let metadata = metadata.to_string().into_bytes();
    let mut body = u32::try_from(metadata.len()).unwrap().to_le_bytes().to_vec();
    body.extend(metadata);
    body.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
    body.extend(file);
    body
}

fn metadata(name: &str, version: &str) -> Value {
    json!({
        "name": name, "vers": version, "license": "MIT", "features": { "a": ["dep:serde"], "b": [] },
        "deps": [{ "name": "serde", "version_req": "^1", "features": [], "optional": true, "default_features": true,
            "target": null, "kind": "normal", "registry": "https://github.com/rust-lang/crates.io-index",
            "explicit_name_in_toml": "ser" }],
    })
}

impl TestGate {
    async fn cargo_publish(&self, name: &str, version: &str) -> Answer {
        let file = artifact::crate_file(name, version, Some("MIT"));
        self.api("PUT", "new", &publication(&metadata(name, version), &file)).await
    }

    async fn api(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.send(method, &format!("/dev/cargo/api/v1/crates/{path}"), "application/octet-stream", body).await
    }
}

async fn gate() -> TestGate {
    let gate = TestGate::new(OURS).await;
    gate.publisher(&["cargo:acme-*"]);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_is_published_yanked_restored_and_downloaded() {
    let gate = gate().await;
    let answer = gate.cargo_publish("Acme_core", "1.0.0").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["warnings"]["other"][0].as_str().unwrap().contains("source"), "{}", answer.text());
    let line: Value = serde_json::from_slice(&gate.get("/dev/cargo/ac/me/acme_core").await.body).unwrap();
    assert_eq!((line["name"].as_str(), line["yanked"].as_bool()), (Some("Acme_core"), Some(false)));
    assert_eq!((line["features2"].clone(), line["v"].clone()), (json!({ "a": ["dep:serde"] }), json!(2)));
    assert_eq!((line["deps"][0]["name"].as_str(), line["deps"][0]["package"].as_str()), (Some("ser"), Some("serde")));
    let file = gate.get("/dev/cargo/dl/Acme_core/1.0.0/download").await;
    assert_eq!((file.status, file.body), (200, artifact::crate_file("Acme_core", "1.0.0", Some("MIT"))));

    for (method, action, yanked) in [("DELETE", "yank", true), ("PUT", "unyank", false)] {
        let answer = gate.api(method, &format!("acme_core/1.0.0/{action}"), b"").await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "ok": true })));
        let line: Value = serde_json::from_slice(&gate.get("/dev/cargo/ac/me/acme_core").await.body).unwrap();
        assert_eq!(line["yanked"].as_bool(), Some(yanked));
    }
    assert_eq!(gate.api("DELETE", "acme_core/9.0.0/yank", b"").await.status, 404);
    // The other spelling is nobody's, and nobody is asked for it.
    assert_eq!(gate.get("/dev/cargo/ac/me/acme-core").await.status, 404);
    let answer = gate.cargo_publish("acme-core", "1.0.0").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.json()["errors"][0]["detail"].as_str().unwrap().contains("acme_core"), "{}", answer.text());
    assert_eq!(gate.seen().len(), 0, "{:?}", gate.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_publish_a_private_name_is_told_that_there_is_nothing_yet() {
    let gate = gate().await;
    assert_eq!(gate.get("/dev/cargo/ac/me/acme-core").await.status, 404);
    gate.publisher_named("ann", &["cargo:other"]);
    assert_eq!(gate.get("/dev/cargo/ac/me/acme-core").await.status, 403);
    assert_eq!(gate.seen().len(), 0, "{:?}", gate.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_may_publish_what_their_patterns_do_not_mean() {
    let gate = gate().await;
    assert_eq!(gate.cargo_publish("acme-core", "1.0.0").await.status, 200);
    let users = async || gate.api("GET", "acme-core/owners", b"").await.json()["users"].clone();
    assert_eq!(users().await[0]["login"], json!("ci"));
    let answer = gate.api("PUT", "acme-core/owners", br#"{"users":["ann"]}"#).await;
    assert!(answer.json()["msg"].as_str().unwrap().contains("ann"), "{}", answer.text());
    assert_eq!(users().await.as_array().unwrap().len(), 2);
    gate.publisher_named("ann", &["cargo:other"]);
    assert_eq!(gate.cargo_publish("acme-core", "1.1.0").await.status, 200);
    assert_eq!(gate.cargo_publish("acme-else", "1.1.0").await.status, 403);
    let answer = gate.api("DELETE", "acme-core/owners", br#"{"users":["ann"]}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gate.cargo_publish("acme-core", "1.2.0").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_is_not_what_it_says_is_refused() {
    let gate = gate().await;
    let file = artifact::crate_file("acme-core", "1.0.0", None);
    let other = artifact::crate_file("acme-core", "2.0.0", None);
    let sound = publication(&metadata("acme-core", "1.0.0"), &file);
    for (body, problem) in [
        (publication(&metadata("acme-core", "1.0.0"), &other), "stray-path"),
        (publication(&metadata("acme-core", "1.0.0"), &file[..40]), "unreadable-archive"),
        (publication(&metadata("acme-core", "one"), &file), "version"),
        (publication(&metadata("acme core", "1.0.0"), &file), "package name"),
        (publication(&json!({}), &file), "cannot be read"),
        (sound[..sound.len() - 1].to_vec(), "not as long"),
        ([&sound[..], b"x"].concat(), "not as long"),
        (vec![255, 255, 255, 255], "longer than"),
        (Vec::new(), "before 4"),
    ] {
        let answer = gate.api("PUT", "new", &body).await;
        assert_eq!(answer.status, 400, "{problem}: {}", answer.text());
        assert!(
            answer.json()["errors"][0]["detail"].as_str().unwrap().contains(problem),
            "{problem}: {}",
            answer.text()
        );
    }
    assert_eq!(gate.cargo_publish("acme-core", "1.0.0").await.status, 200);
    let answer = gate.cargo_publish("acme-core", "1.0.0").await;
    assert!(answer.status == 409 && answer.text().contains("already exists"), "{}", answer.text());
}
