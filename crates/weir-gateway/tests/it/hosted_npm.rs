//! npm packages of one's own, through the gate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weir_testing::artifact;

use crate::gate::{Answer, TestGate};

const OURS: &str = "[stage.dev]\nprivate-name = [\"@acme/*\"]\nminimum-age = 3\n";

/// What `npm publish` sends.
fn publication(name: &str, version: &str, tarball: &[u8], tag: &str) -> Value {
    let mut manifest = artifact::npm_manifest(name, version, &json!({ "license": "MIT", "_nodeVersion": "22" }));
    manifest["dist"] = json!({
        "integrity": artifact::integrity(tarball),
        "shasum": artifact::shasum(tarball),
        "tarball": format!("http://elsewhere/{name}/-/x.tgz"),
    });
    json!({
        "_id": name,
        "name": name,
        "dist-tags": { tag: version },
        "versions": { version: manifest },
        "_attachments": { format!("{name}-{version}.tgz"): {
            "content_type": "application/octet-stream", "data": STANDARD.encode(tarball), "length": tarball.len(),
        } },
    })
}

impl TestGate {
    async fn npm_publish(&self, name: &str, version: &str, tag: &str) -> Answer {
        let tarball = artifact::npm_tarball(name, version, &json!({ "license": "MIT" }));
        self.put(&name.replace('/', "%2f"), &publication(name, version, &tarball, tag)).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", &format!("/dev/npm/{path}"), "application/json", body.to_string().as_bytes()).await
    }
}

async fn gate() -> TestGate {
    let gate = TestGate::new(OURS).await;
    gate.publisher(&["npm:@acme/*"]);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_published_tagged_deprecated_and_installed() {
    let gate = gate().await;
    let answer = gate.npm_publish("@acme/x", "1.0.0", "latest").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.header("npm-notice").contains("source"), "{:?}", answer.headers);
    assert_eq!(gate.npm_publish("@acme/x", "1.1.0-rc.1", "next").await.status, 201);
    let page = gate.get("/dev/npm/@acme%2fx").await.json();
    assert_eq!(page["dist-tags"], json!({ "latest": "1.0.0", "next": "1.1.0-rc.1" }));
    let manifest = &page["versions"]["1.0.0"];
    assert_eq!((manifest["_npmUser"]["name"].as_str(), manifest.get("_nodeVersion")), (Some("ci"), None));
    let tarball = artifact::npm_tarball("@acme/x", "1.0.0", &json!({ "license": "MIT" }));
    assert_eq!(manifest["dist"]["integrity"], json!(artifact::integrity(&tarball)));
    let bytes = gate.get(&gate.path(manifest["dist"]["tarball"].as_str().unwrap())).await;
    assert_eq!((bytes.status, bytes.body), (200, tarball));

    assert_eq!(gate.put("-/package/@acme%2fx/dist-tags/stable", &json!("1.0.0")).await.status, 201);
    assert_eq!(gate.put("-/package/@acme%2fx/dist-tags/stable", &json!("9.0.0")).await.status, 404);
    let answer = gate.send("DELETE", "/dev/npm/-/package/@acme%2fx/dist-tags/next", "", b"").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut sent = gate.get("/dev/npm/@acme%2fx").await.json();
    sent["versions"]["1.0.0"]["deprecated"] = json!("use 2");
    assert_eq!(gate.put("@acme%2fx", &sent).await.status, 201);
    let page = gate.get("/dev/npm/@acme%2fx").await.json();
    assert_eq!(page["dist-tags"], json!({ "latest": "1.0.0", "stable": "1.0.0" }));
    assert_eq!(page["versions"]["1.0.0"]["deprecated"], json!("use 2"));
    assert_eq!(gate.seen().len(), 0, "{:?}", gate.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_published_once_and_stays() {
    let gate = gate().await;
    assert_eq!(gate.npm_publish("@acme/x", "1.0.0", "latest").await.status, 201);
    let answer = gate.npm_publish("@acme/x", "1.0.0", "latest").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["error"].as_str().unwrap().contains("already exists"), "{}", answer.text());
    let answer = gate.send("DELETE", "/dev/npm/@acme%2fx/-rev/1", "", b"").await;
    assert!(answer.status == 405 && answer.text().contains("npm deprecate"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_is_not_what_it_says_is_refused() {
    let gate = gate().await;
    let tarball = artifact::npm_tarball("@acme/x", "1.0.0", &json!({}));
    let sound = publication("@acme/x", "1.0.0", &tarball, "latest");
    let other = artifact::npm_tarball("@acme/y", "1.0.0", &json!({}));
    let change = |change: &dyn Fn(&mut Value)| {
        let mut body = sound.clone();
        change(&mut body);
        body
    };
    for (body, problem) in [
        (publication("@acme/x", "1.0.0", &other, "latest"), "name-mismatch"),
        (publication("@acme/x", "1.0.0", &tarball[..50], "latest"), "unreadable-archive"),
        (publication("@acme/x", "one", &tarball, "latest"), "not a version"),
        (publication("@acme/x", "1.0.0", &tarball, "2.0.0"), "no tag"),
        (change(&|body| body["versions"]["1.0.0"]["dist"]["integrity"] = json!(artifact::integrity(b"x"))), "SHA-512"),
        (change(&|body| body["versions"]["1.0.0"]["dist"]["shasum"] = json!("0".repeat(40))), "SHA-1"),
        (change(&|body| body["versions"]["1.0.0"]["name"] = json!("@acme/z")), "`name`"),
        (change(&|body| body["versions"]["2.0.0"] = json!({})), "exactly one version"),
        (change(&|body| body["_attachments"]["@acme/x-1.0.0.tgz"]["data"] = json!("?")), "base64"),
        (change(&|body| body["name"] = json!("@acme/z")), "another package"),
        (json!([]), "not a packument"),
    ] {
        let answer = gate.put("@acme%2fx", &body).await;
        assert_eq!(answer.status, 400, "{problem}: {}", answer.text());
        assert!(answer.text().contains(problem), "{problem}: {}", answer.text());
    }
    assert_eq!((gate.events("published").await.len(), gate.get("/dev/npm/@acme%2fx").await.status), (0, 404));
}

#[tokio::test]
async fn a_search_tells_no_upstream_what_is_hosted_here() {
    let gate = gate().await;
    assert_eq!(gate.npm_publish("@acme/x", "1.0.0", "latest").await.status, 201);
    gate.npm.forget();
    let answer = gate.get("/dev/npm/-/v1/search?text=%40acme%2Fx").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("is hosted here"), "{}", answer.text());
    assert!(gate.npm.requests().is_empty());
}

/// A Sigstore bundle as `npm publish --provenance` sends it.
fn bundle(subject: &str, tarball: &[u8]) -> Value {
    let integrity = artifact::integrity(tarball);
    let sha512 = STANDARD.decode(integrity.strip_prefix("sha512-").unwrap()).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": subject, "digest": { "sha512": weir_core::digest::hex(&sha512) } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    });
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "certificate": { "rawBytes": "MIIB" } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(statement.to_string()),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": "MEUC", "keyid": "" }],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn provenance_is_of_this_release_and_served_where_npm_looks() {
    let gate = gate().await;
    let tarball = artifact::npm_tarball("@acme/x", "1.0.0", &json!({ "license": "MIT" }));
    let publish = |bundle: &Value| {
        let mut sent = publication("@acme/x", "1.0.0", &tarball, "latest");
        sent["_attachments"]["@acme/x-1.0.0.sigstore"] = json!({
            "content_type": "application/vnd.dev.sigstore.bundle.v0.3+json", "data": bundle.to_string(),
        });
        sent
    };
    let right = bundle("pkg:npm/%40acme/x@1.0.0", &tarball);
    let mut unsigned = right.clone();
    unsigned["dsseEnvelope"]["signatures"] = json!([]);
    for (wrong, problem) in [
        (bundle("pkg:npm/%40acme/x@2.0.0", &tarball), "it is about `pkg:npm/%40acme/x@2.0.0`"),
        (bundle("pkg:npm/%40acme/x@1.0.0", b"other"), "other bytes"),
        (unsigned, "no signature"),
    ] {
        let answer = gate.put("@acme%2fx", &publish(&wrong)).await;
        assert!(answer.status == 400 && answer.text().contains(problem), "{problem}: {}", answer.text());
    }
    assert_eq!(gate.events("published").await.len(), 0);
    assert_eq!(gate.put("@acme%2fx", &publish(&right)).await.status, 201);
    let page = gate.get("/dev/npm/@acme%2fx").await.json();
    let attestations = &page["versions"]["1.0.0"]["dist"]["attestations"];
    assert_eq!(attestations["provenance"]["predicateType"], "https://slsa.dev/provenance/v1");
    let served = gate.get(&gate.path(attestations["url"].as_str().unwrap())).await;
    assert_eq!(served.json()["attestations"][0]["bundle"], right);
}
