//! Packages of one's own, through the gate.

use base64::Engine as _;
use serde_json::json;
use weir_testing::artifact;

use crate::gate::{Answer, Plan, TestGate, osv};

/// A policy under which a name is one's own, and new releases wait.
const OURS: &str = "[stage.dev]\nprivate-name = [\"acme-*\", \"@acme/*\"]\nminimum-age = 3\n";

/// An upload form as twine writes it.
pub fn form(fields: &[(&str, &str)], file: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\r\n");
    body.extend(head.bytes());
    body.extend(bytes);
    body.extend(b"\r\n--b--\r\n");
    body
}

impl TestGate {
    /// Sends a body as the token `ci`.
    pub async fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend(body);
        self.raw(&request).await
    }

    /// Uploads a wheel.
    pub async fn upload(&self, name: &str, version: &str, more: &[(&str, &str)]) -> Answer {
        let wheel = artifact::wheel(name, version, &[("License", "MIT")]);
        self.upload_file(name, version, more, &artifact::wheel_file(name, version), &wheel).await
    }

    pub async fn upload_file(
        &self,
        name: &str,
        version: &str,
        more: &[(&str, &str)],
        file: &str,
        bytes: &[u8],
    ) -> Answer {
        let mut fields = vec![(":action", "file_upload"), ("name", name), ("version", version)];
        fields.extend(more);
        self.send("POST", "/dev/pypi/legacy/", "multipart/form-data; boundary=b", &form(&fields, file, bytes)).await
    }
}

async fn gate(publish: &[&str]) -> TestGate {
    let gate = TestGate::new(OURS).await;
    gate.publisher(publish);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_served_judged_and_explained_and_no_upstream_hears_of_it() {
    let gate = gate(&["pypi:acme-*"]).await;
    let answer = gate.upload("acme-core", "1.0", &[("requires_python", ">=3.8")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("source"), "the preflight has something to say: {}", answer.text());
    let page = gate.simple("dev", "acme-core").await;
    let file = &page["files"][0];
    assert_eq!(
        (file["filename"].as_str(), file["requires-python"].as_str()),
        (Some("acme_core-1.0-py3-none-any.whl"), Some(">=3.8"))
    );
    assert_eq!(file["yanked"], json!(null), "its age does not matter: {file}");
    let bytes = gate.get(&gate.path(file["url"].as_str().unwrap())).await;
    assert_eq!((bytes.status, bytes.body), (200, artifact::wheel("acme-core", "1.0", &[("License", "MIT")])));
    let decision = gate.decision(&gate.get(&gate.path(file["url"].as_str().unwrap())).await).await;
    assert_eq!(
        (decision["effective"].as_str(), decision["inputs"]["facts"]["hosted"].as_bool()),
        (Some("allow"), Some(true))
    );
    let metadata = gate.get(&format!("{}.metadata", gate.path(file["url"].as_str().unwrap()))).await;
    assert!(metadata.text().contains("Name: acme-core"), "{}", metadata.text());
    // What is not there is not asked for elsewhere either, in no spelling.
    for path in ["/dev/pypi/simple/acme-core/", "/dev/pypi/files/acme-core/acme_core-9.0-py3-none-any.whl"] {
        gate.get(path).await;
    }
    assert_eq!(gate.seen().len(), 0, "{:?}", gate.seen());
    let events = gate.events("published").await;
    assert_eq!((events.len(), events[0].subject.as_str()), (1, "hosted pypi acme-core"));
    assert!(events[0].body.contains("\"publisher\":\"ci\""), "{}", events[0].body);
    // It is there after a restart, and offline.
    let gate = gate.offline().await;
    assert_eq!(gate.simple("dev", "acme-core").await["files"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_is_fine_and_another_under_its_name_is_not() {
    let gate = gate(&["pypi:acme-*"]).await;
    assert_eq!(gate.upload("acme-core", "1.0", &[]).await.status, 200);
    assert_eq!(gate.upload("acme-core", "1.0", &[]).await.status, 200);
    let other = artifact::wheel("acme-core", "1.0", &[("License", "Apache-2.0")]);
    let file = artifact::wheel_file("acme-core", "1.0");
    let answer = gate.upload_file("acme-core", "1.0", &[], &file, &other).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.phrase.contains("already exists"), "{}", answer.phrase);
    // A further file of the release is welcome.
    let sdist = artifact::sdist("acme-core", "1.0", &[("License", "MIT")]);
    let file = artifact::sdist_file("acme-core", "1.0");
    assert_eq!(gate.upload_file("acme-core", "1.0", &[], &file, &sdist).await.status, 200);
    assert_eq!(gate.simple("dev", "acme-core").await["files"].as_array().unwrap().len(), 2);
    assert_eq!(gate.events("published").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_publish_is_told_what_would_help() {
    let gate = gate(&["pypi:acme-*", "npm:*"]).await;
    let answer = gate.upload("other", "1.0", &[]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--publish 'pypi:other'"), "{}", answer.text());
    gate.publisher(&["npm:*"]);
    assert_eq!(gate.upload("acme-core", "1.0", &[]).await.status, 403);
    gate.principal("anonymous", None);
    let answer = gate.upload("acme-core", "1.0", &[]).await;
    assert!(answer.status == 403 && answer.text().contains("publishing needs a token"), "{}", answer.text());
    assert_eq!(gate.events("published").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_upstream_has_is_not_taken_unless_it_is_ones_own() {
    let gate = Plan::new("[stage.dev]\n").start().await;
    gate.publisher(&["*"]);
    gate.pypi.pypi().release("flask", "1.0").add();
    let answer = gate.upload("flask", "9.0", &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("set [hosted] names"), "{}", answer.text());
    assert_eq!(gate.upload("nobodys", "1.0", &[]).await.status, 200);
    let gate = Plan::new("[stage.dev]\n")
        .settings(|settings| settings.hosted.names = vec![String::from("pypi:flask")])
        .start()
        .await;
    gate.publisher(&["*"]);
    gate.pypi.pypi().release("flask", "1.0").add();
    assert_eq!(gate.upload("flask", "9.0", &[]).await.status, 200);
    let page = gate.simple("dev", "flask").await;
    assert_eq!((page["versions"].clone(), gate.seen().len()), (json!(["9.0"]), 0), "it shadows the other entirely");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_not_what_it_says_is_refused_and_nothing_is_visible() {
    let gate = gate(&["pypi:acme-*"]).await;
    let wheel = artifact::wheel("acme-core", "1.0", &[]);
    let file = artifact::wheel_file("acme-core", "1.0");
    let wrong = "0".repeat(64);
    let other = artifact::wheel("acme-other", "1.0", &[]);
    let twice = artifact::zip(&[(String::from("../x"), Vec::new())]);
    let escaping: &[u8] = &twice;
    for (name, version, more, file, bytes, problem) in [
        ("acme-core", "1.0", &[("sha256_digest", wrong.as_str())][..], file.as_str(), wheel.as_slice(), "SHA-256"),
        ("acme-core", "1.0", &[], &file, &other, "name-mismatch"),
        ("acme-core", "1.0", &[], &file, &wheel[..wheel.len() / 2], "unreadable-archive"),
        ("acme-core", "1.0", &[], &file, escaping, ""),
        ("acme-core", "2.0", &[], &file, &wheel, "not a file of version"),
        ("acme-core", "1.0", &[], "../../x-1.0-py3-none-any.whl", &wheel, "no file name"),
        ("acme-core", "1.0", &[], "acme_core-1.0.exe", &wheel, "neither a wheel nor an sdist"),
        ("acme core", "1.0", &[], &file, &wheel, "not a PyPI package name"),
        ("acme-core", "one", &[], &file, &wheel, "not a file of version"),
        ("acme-core", "1.0", &[("attestations", "[]")], &file, &wheel, "attestations"),
        ("acme-core", "1.0", &[("requires_python", "three")], &file, &wheel, "no version specifier"),
    ] {
        let answer = gate.upload_file(name, version, more, file, bytes).await;
        assert_eq!(answer.status, 400, "{problem}: {}", answer.text());
        assert!(answer.text().contains(problem), "{problem}: {}", answer.text());
    }
    let half = form(&[("name", "acme-core"), ("version", "1.0")], &file, &wheel);
    let answer =
        gate.send("POST", "/dev/pypi/legacy/", "multipart/form-data; boundary=b", &half[..half.len() - 20]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!((gate.events("published").await.len(), gate.get("/dev/pypi/simple/acme-core/").await.status), (0, 404));
    let left = std::fs::read_dir(gate.directory.path().join("blobs/tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_have_the_limit_and_no_byte_more() {
    let body = form(
        &[("name", "acme-core"), ("version", "1.0")],
        &artifact::wheel_file("acme-core", "1.0"),
        &artifact::wheel("acme-core", "1.0", &[]),
    );
    for (limit, status) in [(body.len(), 200), (body.len() - 1, 413)] {
        let plan = Plan::new(OURS).settings(|settings| settings.hosted.max_upload = limit as u64);
        let gate = plan.start().await;
        gate.publisher(&["*"]);
        let answer = gate.send("POST", "/dev/pypi/legacy/", "multipart/form-data; boundary=b", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

/// An attestation (PEP 740) of a file.
fn attestation(file: &str, sha256: &str) -> serde_json::Value {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": file, "digest": { "sha256": sha256 } }],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": null,
    });
    let statement = base64::engine::general_purpose::STANDARD.encode(statement.to_string());
    json!({
        "version": 1,
        "verification_material": { "certificate": "MIIB", "transparency_entries": [{}] },
        "envelope": { "statement": statement, "signature": "MEUC" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn attestations_are_kept_and_served_where_clients_look() {
    let gate = gate(&["*"]).await;
    let file = artifact::wheel_file("acme-core", "1.0");
    let wheel = artifact::wheel("acme-core", "1.0", &[("License", "MIT")]);
    let digest = weir_core::Digest::of(&wheel).to_string();
    let attestations = json!([attestation(&file, &digest)]).to_string();
    let answer = gate.upload("acme-core", "1.0", &[("attestations", &attestations)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = gate.simple("dev", "acme-core").await;
    let address = gate.path(page["files"][0]["provenance"].as_str().unwrap());
    let provenance = gate.get(&address).await;
    assert_eq!(provenance.status, 200, "{}", provenance.text());
    let bundle = &provenance.json()["attestation_bundles"][0];
    assert_eq!(bundle["attestations"].to_string(), attestations);
    assert_eq!(bundle["publisher"]["kind"], "Unverified", "nobody's word is given for who made it");
    assert_eq!(gate.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_of_anything_else_is_refused_and_nothing_is_published() {
    let gate = gate(&["*"]).await;
    let file = artifact::wheel_file("acme-core", "1.0");
    let wheel = artifact::wheel("acme-core", "1.0", &[("License", "MIT")]);
    let digest = weir_core::Digest::of(&wheel).to_string();
    let without = |key: &str| {
        let mut attestation = attestation(&file, &digest);
        attestation.as_object_mut().unwrap().remove(key);
        attestation
    };
    for (attestation, problem) in [
        (attestation("other-1.0-py3-none-any.whl", &digest), "it is about `other-1.0-py3-none-any.whl`"),
        (attestation(&file, &"0".repeat(64)), "the bytes are not what the upload says"),
        (without("version"), "not of version 1"),
        (without("verification_material"), "no certificate"),
        (without("envelope"), "no signature"),
    ] {
        let answer = gate.upload("acme-core", "1.0", &[("attestations", &json!([attestation]).to_string())]).await;
        assert_eq!(answer.status, 400, "{problem}: {}", answer.text());
        assert!(answer.text().contains(problem), "{problem}: {}", answer.text());
    }
    assert_eq!(gate.events("published").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hosted_is_judged_like_anything_else() {
    let record = osv("GHSA-1", "PyPI", "acme-core", "2.0", Some(crate::gate::CRITICAL));
    let policy = format!("{OURS}vulnerability = {{ block-cvss = 9.0 }}\n");
    let gate = Plan::new(&policy).records(&[record]).start().await;
    gate.publisher(&["*"]);
    for version in ["1.0", "2.0"] {
        assert_eq!(gate.upload("acme-core", version, &[]).await.status, 200);
    }
    let page = gate.simple("dev", "acme-core").await;
    for (file, status) in page["files"].as_array().unwrap().iter().zip([403, 200]) {
        let answer = gate.get(&gate.path(file["url"].as_str().unwrap())).await;
        assert_eq!(answer.status, status, "{file}: {}", answer.phrase);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_may_refuse() {
    let plan = Plan::new(OURS).settings(|settings| settings.hosted.refuse = vec![String::from("secret")]);
    let gate = plan.start().await;
    gate.publisher(&["*"]);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", "MIIE".repeat(40));
    let wheel = artifact::wheel_with("acme-core", "1.0", &[], &[("acme_core/key.pem", key.as_bytes())]);
    let file = artifact::wheel_file("acme-core", "1.0");
    let answer = gate.upload_file("acme-core", "1.0", &[], &file, &wheel).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("`acme_core/key.pem` line 1 holds a private key"), "{}", answer.text());
}
