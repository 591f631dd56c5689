//! The fake upstream is believed by real package managers, and misbehaves as told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use weir_core::Digest;
use weir_testing::{FakeResponse, FakeUpstream, Fault};

fn get(url: &str) -> RequestBuilder {
    Client::builder().no_proxy().build().unwrap().get(url)
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

async fn json(request: RequestBuilder) -> Value {
    serde_json::from_slice(&send(request).await.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn conditional_requests_ranges_and_head_are_answered() {
    let fake = FakeUpstream::start().await;
    let url = format!("{}/a", fake.url());
    fake.put("/a", FakeResponse::ok("0123456789").etag("\"1\"").last_modified("Thu, 01 Oct 2026 12:00:00 GMT"));
    assert_eq!(send(get(&url).header("If-None-Match", "\"0\", \"1\"")).await.status(), 304);
    assert_eq!(send(get(&url).header("If-None-Match", "\"2\"")).await.status(), 200);
    assert_eq!(send(get(&url).header("If-Modified-Since", "Thu, 01 Oct 2026 12:00:00 GMT")).await.status(), 304);
    for (range, status, expected) in [
        ("bytes=2-3", 206, "23"),
        ("bytes=8-", 206, "89"),
        ("bytes=-1", 206, "9"),
        ("bytes=5-500", 206, "56789"),
        ("bytes=10-", 416, ""),
    ] {
        let answer = send(get(&url).header("Range", range)).await;
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, expected), "{range}");
    }
    let head = send(Client::new().head(&url)).await;
    assert_eq!(head.headers()["content-length"], "10");
    assert_eq!(fake.requests().last().unwrap().method, "HEAD");
    assert_eq!(send(get(&format!("{}/b", fake.url()))).await.status(), 404);
}

#[tokio::test]
async fn answers_in_line_come_before_the_standing_one() {
    let fake = FakeUpstream::start().await;
    let url = format!("{}/a?x=1", fake.url());
    fake.put("/a", "standing");
    fake.once("/a", FakeResponse::status(503));
    fake.once("/a", "second");
    assert_eq!(send(get(&url)).await.status(), 503);
    assert_eq!(send(get(&url)).await.text().await.unwrap(), "second");
    assert_eq!(send(get(&url)).await.text().await.unwrap(), "standing");
    assert_eq!(fake.hits("/a"), 3);
    fake.change("/a", |response| response.fault = Some(Fault::WrongBytes));
    assert_ne!(send(get(&url)).await.text().await.unwrap(), "standing");
    fake.remove("/a");
    assert_eq!(send(get(&url)).await.status(), 404);
}

#[tokio::test]
async fn it_goes_down_and_comes_up_again() {
    let fake = FakeUpstream::start().await;
    fake.put("/a", "here");
    let url = format!("{}/a", fake.url());
    fake.down().await;
    assert!(get(&url).timeout(Duration::from_secs(5)).send().await.unwrap_err().is_connect());
    fake.up().await;
    assert_eq!(send(get(&url)).await.text().await.unwrap(), "here");
    fake.unavailable(true);
    assert_eq!(send(get(&url)).await.status(), 503);
}

#[tokio::test]
async fn pypi_has_pages_in_both_forms() {
    let fake = FakeUpstream::start().await;
    let pypi = fake.pypi();
    pypi.release("Example.Name", "1.0.0").published("2026-01-01").license("MIT").requires_python(">=3.8").add();
    let files = pypi.release("example-name", "1.1.0").yanked("broken <here>").with_sdist().add();
    assert_eq!(files, ["example_name-1.1.0-py3-none-any.whl", "example_name-1.1.0.tar.gz"]);
    let url = format!("{}example-name/", pypi.url());

    let page = json(get(&url).header("Accept", "application/vnd.pypi.simple.v1+json")).await;
    assert_eq!(page["versions"], json!(["1.0.0", "1.1.0"]));
    let first = &page["files"][0];
    assert_eq!(first["upload-time"], "2026-01-01T00:00:00Z");
    assert_eq!(first["yanked"], false);
    assert_eq!(page["files"][1]["yanked"], "broken <here>");
    let file = send(get(first["url"].as_str().unwrap())).await.bytes().await.unwrap();
    assert_eq!(first["hashes"]["sha256"], json!(Digest::of(&file)));
    let metadata = send(get(&format!("{}.metadata", first["url"].as_str().unwrap()))).await.bytes().await.unwrap();
    assert_eq!(first["core-metadata"]["sha256"], json!(Digest::of(&metadata)));

    let html = send(get(&url)).await.text().await.unwrap();
    assert!(html.contains("data-requires-python=\"&gt;=3.8\"") && html.contains("data-yanked=\"broken &lt;here&gt;\""));
    pypi.html_only(true).status("example-name", "quarantined", Some("looked at"));
    let html = send(get(&url).header("Accept", "application/vnd.pypi.simple.v1+json")).await;
    assert_eq!(html.headers()["content-type"], "text/html; charset=utf-8");
    assert!(html.text().await.unwrap().contains("content=\"quarantined\""));
    pypi.html_only(false).remove("example-name", "1.1.0");
    let page = json(get(&url).header("Accept", "application/vnd.pypi.simple.v1+json")).await;
    assert_eq!(
        (page["versions"].clone(), page["project-status"]["status"].clone()),
        (json!(["1.0.0"]), json!("quarantined"))
    );
}

#[tokio::test]
async fn files_can_be_at_another_upstream() {
    let (fake, files) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let pypi = fake.pypi();
    pypi.files_at(&files);
    pypi.release("example", "1.0.0").add();
    let page =
        json(get(&format!("{}example/", pypi.url())).header("Accept", "application/vnd.pypi.simple.v1+json")).await;
    let address = page["files"][0]["url"].as_str().unwrap();
    assert!(address.starts_with(&files.url()), "{address}");
    assert_eq!(send(get(address)).await.status(), 200);
}

#[tokio::test]
async fn npm_has_packuments_in_both_forms() {
    let fake = FakeUpstream::start().await;
    let npm = fake.npm();
    npm.release("@acme/tool", "1.0.0").published("2026-01-01").license("MIT").script("postinstall", "node x").add();
    npm.release("@acme/tool", "2.0.0-beta.1").deprecated("use 1").add();
    npm.tag("@acme/tool", "next", "2.0.0-beta.1");
    for path in ["@acme/tool", "@acme%2ftool", "@acme%2Ftool"] {
        let url = format!("{}{path}", npm.url());
        let full = json(get(&url)).await;
        assert_eq!(full["dist-tags"], json!({ "latest": "1.0.0", "next": "2.0.0-beta.1" }));
        assert_eq!(full["time"]["1.0.0"], "2026-01-01T00:00:00Z");
        assert_eq!(full["versions"]["2.0.0-beta.1"]["deprecated"], "use 1");
        assert_eq!(full["versions"]["1.0.0"]["license"], "MIT");
        let brief = json(get(&url).header("Accept", "application/vnd.npm.install-v1+json; q=1.0, */*")).await;
        assert!(brief.get("time").is_none() && brief["versions"]["1.0.0"].get("scripts").is_none());
        assert_eq!(brief["versions"]["1.0.0"]["hasInstallScript"], true);
        assert_eq!(send(get(brief["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap())).await.status(), 200);
    }
}

#[tokio::test]
async fn cargo_has_an_index_and_downloads() {
    let fake = FakeUpstream::start().await;
    let cargo = fake.cargo();
    cargo.release("Smallvec", "1.6.0").published("2026-01-01").yanked().add();
    cargo.release("Smallvec", "1.6.1").undated().dependency("a", "^1").feature("std", &[]).add();
    assert_eq!(cargo.page("Smallvec"), "/cargo/sm/al/smallvec");
    assert_eq!(cargo.page("abc"), "/cargo/3/a/abc");
    let index = send(get(&format!("{}sm/al/smallvec", cargo.url()))).await.text().await.unwrap();
    let lines: Vec<Value> = index.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["yanked"].clone(), lines[0]["pubtime"].clone()), (json!(true), json!("2026-01-01T00:00:00Z")));
    assert_eq!((lines[1]["deps"][0]["req"].clone(), lines[1].get("pubtime")), (json!("^1"), None));
    let config = json(get(&format!("{}config.json", cargo.url()))).await;
    let download = format!("{}/Smallvec/1.6.0/download", config["dl"].as_str().unwrap());
    let bytes = send(get(&download)).await.bytes().await.unwrap();
    assert_eq!(lines[0]["cksum"], json!(Digest::of(&bytes)));
    cargo.yank("Smallvec", "1.6.0", false).replace("Smallvec", "1.6.1", "other");
    let index = send(get(&format!("{}sm/al/smallvec", cargo.url()))).await.text().await.unwrap();
    assert!(!index.contains("\"yanked\":true") && index.contains(&Digest::of(b"other").to_string()));
}
