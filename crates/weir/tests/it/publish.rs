//! `weir publish`: what one hears before a file is published, and what is withdrawn and restored.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use weir_testing::artifact;

use crate::http::{self, Answer};
use crate::place::{Place, Server};

const OURS: &str = "[stage.dev]\nprivate-name = [\"acme-*\", \"@acme/*\"]\n[stage.prod]\ninherits = \"dev\"\n";

/// A token that may publish what matches.
#[track_caller]
pub fn token(place: &Place, name: &str, patterns: &[&str]) -> String {
    let patterns = patterns.iter().flat_map(|pattern| ["--publish", pattern]);
    let ran = place.weir(["admin", "token", "create", name].into_iter().chain(patterns)).expect(0);
    ran.out.trim().to_owned()
}

/// Uploads a wheel as twine does.
#[track_caller]
pub fn upload(server: &Server, token: &str, name: &str, version: &str) -> Answer {
    let wheel = artifact::wheel(name, version, &[("License", "MIT")]);
    upload_bytes(server, token, name, version, &wheel)
}

#[track_caller]
pub fn upload_bytes(server: &Server, token: &str, name: &str, version: &str, wheel: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in [(":action", "file_upload"), ("name", name), ("version", version)] {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    let file = artifact::wheel_file(name, version);
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\r\n");
    body.extend(head.bytes());
    body.extend(wheel);
    body.extend(b"\r\n--b--\r\n");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "multipart/form-data; boundary=b")];
    send(server, "POST", "/dev/pypi/legacy/", &headers, &body)
}

/// Sends a request with a body, and reads until the connection ends.
#[track_caller]
pub fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let length = body.len().to_string();
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Length", length.as_str())]).collect();
    let mut stream = http::open(&server.address, method, path, &headers).unwrap();
    stream.write_all(body).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    http::parse(&bytes)
}

fn codes(file: &Value) -> Vec<&str> {
    file["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_secret_stops_a_file_and_what_else_one_would_rather_know_does_not() {
    let place = Place::new().await;
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", "MIIE".repeat(40));
    let wheel = artifact::wheel_with("acme-core", "1.0", &[], &[("acme_core/key.pem", key.as_bytes())]);
    let with_key = place.file(&artifact::wheel_file("acme-core", "1.0"), wheel);
    let with_key = with_key.to_str().unwrap();
    place.weir(["publish", "check", with_key]).expect(1).prints(&[
        "pkg:pypi/acme-core@1.0, ",
        "stop  secret: `acme_core/key.pem` line 1 holds a private key",
        "note  license: ",
        "note  source: ",
        "        acme_core/key.pem\n",
    ]);
    place.weir(["publish", "check", with_key, "--fail-on", "none"]).expect(0);
    place.weir(["publish", "check", with_key, "--fail-on", "sekret"]).expect(2).tells(&["`sekret`", "private-file"]);

    let extras = json!({ "license": "MIT", "repository": "x", "scripts": { "postinstall": "node x.js" } });
    let npm = place.file("acme-x-1.0.0.tgz", artifact::npm_tarball("@acme/x", "1.0.0", &extras));
    let krate = place.file("acme-1.0.0.crate", artifact::crate_file("acme", "1.0.0", None));
    let (npm, krate) = (npm.to_str().unwrap(), krate.to_str().unwrap());
    let told = place.weir(["publish", "check", npm, krate, "--format", "json"]).expect(0).json();
    assert_eq!(told["summary"], json!({ "files": 2, "refused": 0, "complete": true }));
    assert_eq!(told["files"][0]["purl"], "pkg:npm/%40acme/x@1.0.0");
    assert_eq!(codes(&told["files"][0]), ["install-script"]);
    assert_eq!(told["files"][0]["paths"], json!(["package/package.json", "package/index.js"]));
    assert_eq!(told["files"][1]["purl"], "pkg:cargo/acme@1.0.0");
    assert_eq!(codes(&told["files"][1]), ["license", "source"]);
    place.weir(["publish", "check", npm, "--fail-on", "install-script,size"]).expect(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_published_at_all_is_told() {
    let place = Place::new().await;
    let wheel = artifact::wheel("acme-core", "1.0", &[]);
    let half = place.file(&artifact::wheel_file("acme-core", "1.0"), &wheel[..wheel.len() / 2]);
    place.weir(["publish", "check", half.to_str().unwrap()]).expect(1).prints(&["stop  unreadable-archive"]);
    let text = place.file("notes.txt", "x");
    place.weir(["publish", "check", text.to_str().unwrap()]).expect(2).tells(&["notes.txt", "PyPI", "npm"]);
    place.weir(["publish", "check", "absent.whl"]).expect(2).tells(&["absent.whl"]);
    // Of a file that is another's in its own words, nothing is guessed.
    let other = place.file("other-1.0-py3-none-any.whl", artifact::wheel("acme-core", "1.0", &[]));
    place.weir(["publish", "check", other.to_str().unwrap()]).expect(2);
    // What stops one file is not hidden by another that cannot be read.
    place.weir(["publish", "check", half.to_str().unwrap(), "absent.whl"]).expect(1).tells(&["absent.whl"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_running_weir_says_whether_it_would_take_a_file() {
    let place = Place::new().await;
    place.policy(OURS);
    place.fake.pypi().release("flask", "1.0").add();
    let server = place.serve();
    let (url, all) = (format!("http://{}", server.address), token(&place, "all", &["*"]));
    let ours = token(&place, "ours", &["pypi:acme-*"]);
    let check = |token: &str, name: &str, version: &str, summary: &str| {
        let wheel = artifact::wheel(name, version, &[("License", summary)]);
        let file = place.file(&artifact::wheel_file(name, version), wheel);
        let file = file.to_str().unwrap().to_owned();
        place.weir(["publish", "check", &file, "--server", &url, "--token", token])
    };
    check(&ours, "acme-core", "1.0", "MIT").expect(0);
    check(&ours, "flask", "9.0", "MIT").expect(1).prints(&["stop  refused: token `ours` may not publish `flask`"]);
    check(&all, "flask", "9.0", "MIT").expect(1).prints(&["`flask` is a package of PyPI", "[hosted] names"]);
    upload(&server, &ours, "acme-core", "1.0").expect(200);
    check(&ours, "acme-core", "1.0", "MIT").expect(0).prints(&["published already"]);
    check(&ours, "acme-core", "1.0", "ISC").expect(1).prints(&["already exists", "publish a new version"]);
    check(&ours, "acme-core", "1.1", "MIT").expect(0);
    // What nobody may publish without a token is not told to those without one.
    let file = artifact::wheel_file("acme-core", "1.1");
    let ran = place.weir(["publish", "check", place.directory.path().join(file).to_str().unwrap(), "--server", &url]);
    ran.expect(1).prints(&["publishing needs a token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_weir_refuses_for_a_note_stops_the_file() {
    let place = Place::new().await;
    place.configure("hosted.preflight = [\"license\"]\nhosted.names = [\"pypi:acme-*\"]");
    let server = place.serve();
    let (url, token) = (format!("http://{}", server.address), token(&place, "ci", &["*"]));
    let file = place.file(&artifact::wheel_file("acme-core", "1.0"), artifact::wheel("acme-core", "1.0", &[]));
    let file = file.to_str().unwrap();
    place.weir(["publish", "check", file]).expect(0);
    let ran = place.weir(["publish", "check", file, "--server", &url, "--token", &token]).expect(1);
    ran.prints(&["stop  license: ", "note  source: "]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_release_is_withdrawn_and_restored_by_those_who_may_publish_it() {
    let place = Place::new().await;
    place.policy(OURS);
    let server = place.serve();
    let url = format!("http://{}", server.address);
    let (ours, other) = (token(&place, "ours", &["pypi:acme-*"]), token(&place, "other", &["npm:*"]));
    upload(&server, &ours, "acme-core", "1.0").expect(200);
    let publish = |token: &str, what: &[&str]| {
        let at = ["--server", &url, "--token", token];
        place.weir(["publish"].iter().chain(what).chain(&at).copied())
    };
    let yanked = || server.simple("prod", "acme-core")["files"][0]["yanked"].clone();
    publish(&other, &["yank", "pkg:pypi/acme-core@1.0"])
        .expect(1)
        .tells(&["token `other` may not publish PyPI packages"]);
    publish(&ours, &["yank", "pkg:pypi/acme-core@2.0"]).expect(1).tells(&["`acme-core` has no release `2.0` here"]);
    publish(&ours, &["yank", "pkg:pypi/acme-other@2.0"]).expect(1).tells(&["not hosted here"]);
    publish(&ours, &["yank", "pkg:pypi/acme-core"]).expect(2).tells(&["names no version"]);
    assert_eq!(yanked(), Value::Null);
    for _ in 0..2 {
        // In another spelling of the version, and again.
        publish(&ours, &["yank", "pkg:pypi/Acme_Core@1.0.0", "--reason", "it deletes files"])
            .expect(0)
            .prints(&["pkg:pypi/acme-core@1.0.0 is withdrawn"]);
        assert_eq!(yanked(), "it deletes files");
    }
    let long = "x".repeat(1001);
    publish(&ours, &["yank", "pkg:pypi/acme-core@1.0", "--reason", &long]).expect(1).tells(&["longer than 1000 bytes"]);
    publish(&ours, &["yank", "pkg:pypi/acme-core@1.0", "--reason", &long[1..]]).expect(0);
    publish(&ours, &["restore", "pkg:pypi/acme-core@1.0"]).expect(0).prints(&["is restored"]);
    assert_eq!(yanked(), Value::Null);
}
