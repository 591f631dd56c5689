//! Pages and artifacts as HTTP serves them, and as upstream wrote them.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use weir_testing::FakeResponse;

use crate::gate::{Answer, CRITICAL, Plan, SIMPLE_JSON, TestGate, osv};

const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
const PAGES: [&str; 3] = ["/dev/pypi/simple/example/", "/dev/npm/example", "/dev/cargo/ex/am/example"];
const INSTALL: &str = "application/vnd.npm.install-v1+json";

async fn gate() -> TestGate {
    let gate = TestGate::new("").await;
    gate.pypi.pypi().release("example", "1.0").add();
    gate.npm.npm().release("example", "1.0.0").add();
    gate.cargo.cargo().release("example", "1.0.0").add();
    gate
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn a_page_is_the_same_in_every_coding_and_has_a_tag_of_its_own_in_each() {
    let gate = gate().await;
    for page in PAGES {
        let plain = gate.get(page).await;
        let gzip = gate.ask("GET", page, &[("Accept-Encoding", "gzip, deflate")]).await;
        let zstd = gate.ask("GET", page, &[("Accept-Encoding", "gzip, zstd, br")]).await;
        assert_eq!((gzip.header("content-encoding"), zstd.header("content-encoding")), ("gzip", "zstd"));
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(gunzip(&gzip.body), plain.body, "{page}");
        assert_eq!(zstd::decode_all(&*zstd.body).unwrap(), plain.body, "{page}");
        let tags = [plain.header("etag"), gzip.header("etag"), zstd.header("etag")];
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags.iter().all(|tag| tag.starts_with('"')), "{tags:?}");
        for answer in [&plain, &gzip, &zstd] {
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        }
        for (tag, coding) in [(tags[0], ""), (tags[1], "gzip"), (tags[2], "zstd")] {
            let unchanged = gate.ask("GET", page, &[("If-None-Match", tag), ("Accept-Encoding", coding)]).await;
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{page} {coding}");
            assert_eq!(unchanged.header("etag"), tag);
            assert_eq!(unchanged.header("cache-control"), "private, no-cache");
        }
        let changed = gate.ask("GET", page, &[("If-None-Match", "\"other\"")]).await;
        assert_eq!(changed.status, 200);
        let head = gate.ask("HEAD", page, &[]).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), plain.header("content-length"));
    }
}

#[tokio::test]
async fn a_page_that_policy_changed_has_another_tag() {
    let gate = gate().await;
    for page in PAGES {
        gate.policy("[stage.dev]\n");
        let before = gate.get(page).await;
        gate.policy("[stage.dev]\ndenied = [\"pkg:pypi/example\", \"pkg:npm/example\", \"pkg:cargo/example\"]\n");
        let after = gate.ask("GET", page, &[("If-None-Match", before.header("etag"))]).await;
        assert_eq!(after.status, 200, "{page}");
        assert_ne!(after.header("etag"), before.header("etag"));
    }
}

#[tokio::test]
async fn each_client_gets_the_form_that_it_asks_for() {
    let gate = gate().await;
    for (accept, expected) in [
        (SIMPLE_JSON, SIMPLE_JSON),
        ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html"),
        ("text/html", "text/html"),
        ("*/*", "text/html"),
        (
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
            SIMPLE_JSON,
        ),
    ] {
        let answer = gate.ask("GET", PAGES[0], &[("Accept", accept)]).await;
        assert!(answer.header("content-type").starts_with(expected), "{accept}: {}", answer.header("content-type"));
    }
    let by_query = gate.get("/dev/pypi/simple/example/?format=application/vnd.pypi.simple.v1%2Bjson").await;
    assert!(by_query.header("content-type").starts_with(SIMPLE_JSON));

    let full = gate.get(PAGES[1]).await;
    assert_eq!(full.header("content-type"), "application/json");
    assert!(full.json()["time"]["1.0.0"].is_string());
    let short =
        gate.ask("GET", PAGES[1], &[("Accept", &format!("{INSTALL}; q=1.0, application/json; q=0.8, */*"))]).await;
    assert_eq!(short.header("content-type"), INSTALL);
    // Installers judge by age: the dates are in both forms.
    assert!(short.json()["time"]["1.0.0"].is_string(), "{}", short.text());
    assert!(short.json().get("readme").is_none());
}

#[tokio::test]
async fn another_spelling_of_a_name_leads_to_the_page_and_keeps_the_form() {
    let gate = gate().await;
    for (asked, location) in [
        ("Example/", "example/"),
        ("example", "example/"),
        ("EXAMPLE/?x=1", "example/"),
        ("Example?format=text/html", "example/?format=text/html"),
    ] {
        let answer = gate.get(&format!("/dev/pypi/simple/{asked}")).await;
        assert_eq!(answer.status, 301, "{asked}");
        assert_eq!(answer.header("location"), format!("http://{}/dev/pypi/simple/{location}", gate.address));
    }
}

#[tokio::test]
async fn parts_of_artifacts_are_served_as_http_says() {
    let gate = gate().await;
    let whole = gate.get(WHEEL).await;
    let size = whole.body.len();
    let tag = whole.header("etag").to_owned();
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    for (range, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=10-", 10, size), ("bytes=-7", size - 7, size)]
    {
        let part = gate.ask("GET", WHEEL, &[("Range", range)]).await;
        assert_eq!((part.status, &part.body[..]), (206, &whole.body[from..to]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
        assert_eq!(part.header("etag"), tag);
        assert_eq!(part.header("cache-control"), "private, no-cache");
    }
    let nothing = gate.ask("GET", WHEEL, &[("Range", &format!("bytes={size}-"))]).await;
    assert_eq!((nothing.status, nothing.header("content-range")), (416, format!("bytes */{size}").as_str()));
    for (range, condition, status) in [
        ("bytes=0-9", tag.as_str(), 206),
        ("bytes=0-9", "\"other\"", 200),
        ("bytes=0-9", "Sun, 01 Nov 2026 12:00:00 GMT", 200),
        ("bytes=9-0", "", 200),
        ("lines=0-9", "", 200),
        ("bytes=0-1,4-5", "", 200),
    ] {
        let headers: &[_] = &[("Range", range), ("If-Range", condition)];
        let headers = if condition.is_empty() { &headers[..1] } else { headers };
        assert_eq!(gate.ask("GET", WHEEL, headers).await.status, status, "{range} {condition}");
    }
    let unchanged = gate.ask("GET", WHEEL, &[("If-None-Match", &tag)]).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let head = gate.ask("HEAD", WHEEL, &[("Range", "bytes=0-9")]).await;
    assert_eq!((head.status, head.header("content-length")), (200, size.to_string().as_str()));
    let metadata = format!("{WHEEL}.metadata");
    let part = gate.ask("GET", &metadata, &[("Range", "bytes=0-15")]).await;
    assert_eq!((part.status, part.text().as_str()), (206, "Metadata-Version"));
}

#[tokio::test]
async fn a_scoped_package_is_the_same_in_both_spellings() {
    let gate = gate().await;
    gate.npm.npm().release("@scope/example", "1.0.0").add();
    let plain = gate.get("/dev/npm/@scope/example").await;
    let encoded = gate.get("/dev/npm/@scope%2fexample").await;
    assert_eq!((plain.status, &plain.body), (200, &encoded.body));
    let tarball = gate.path(plain.json()["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap());
    let bytes = gate.get(&tarball).await;
    assert_eq!(bytes.status, 200);
    for other in [tarball.replace("@scope/example", "@scope%2Fexample"), tarball.replace("/-/", "/-/@scope/")] {
        assert_eq!(gate.get(&other).await.body, bytes.body, "{other}");
    }
    assert_eq!(gate.npm.hits("/npm/@scope%2fexample"), 1);
}

#[tokio::test]
async fn a_tag_or_version_of_npm_shows_one_manifest_or_none() {
    let gate = gate().await;
    for detail in ["1.0.0", "latest"] {
        let answer = gate.get(&format!("/dev/npm/example/{detail}")).await;
        assert_eq!((answer.status, answer.json()["version"].as_str()), (200, Some("1.0.0")), "{detail}");
    }
    assert_eq!(gate.get("/dev/npm/example/9.9.9").await.status, 404);
    // Whatever clients ask for, the page that all of them want stays in memory.
    gate.get(PAGES[1]).await;
    for number in 0..50 {
        assert_eq!(gate.get(&format!("/dev/npm/example/no-such-tag-{number}")).await.status, 404);
    }
    assert_eq!(gate.get("/dev/npm/-/package/example/dist-tags").await.json(), json!({ "latest": "1.0.0" }));
}

#[tokio::test]
async fn an_audit_is_answered_from_the_advisories_at_hand() {
    let records = [osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL))];
    let gate = Plan::new("").records(&records).start().await;
    let question = json!({ "example": ["1.0.0", "1.1.0"], "other": ["1.0.0"] }).to_string();
    let plain = audit(&gate, question.as_bytes(), "").await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let found = plain.json();
    assert_eq!(found["example"][0]["severity"], "critical");
    assert_eq!(found["example"][0]["vulnerable_versions"], "1.0.0");
    assert!(found.get("other").is_none(), "{found}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(question.as_bytes()).unwrap();
    let zipped = gzip.finish().unwrap();
    assert_eq!(audit(&gate, &zipped, "Content-Encoding: gzip\r\n").await.json(), found);
    for (body, headers) in [(&b"[]"[..], ""), (b"{", ""), (b"not gzip", "Content-Encoding: gzip\r\n")] {
        assert_eq!(audit(&gate, body, headers).await.status, 400);
    }
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![b' '; 20 * 1024 * 1024]).unwrap();
    assert_eq!(audit(&gate, &bomb.finish().unwrap(), "Content-Encoding: gzip\r\n").await.status, 400);
    assert!(gate.seen().is_empty());
}

#[tokio::test]
async fn an_audit_without_data_never_reads_as_clean() {
    let gate = TestGate::new("").await;
    let answer = audit(&gate, b"{\"example\":[\"1.0.0\"]}", "").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("weir feeds"), "{}", answer.text());
}

async fn audit(gate: &TestGate, body: &[u8], headers: &str) -> Answer {
    let path = "/dev/npm/-/npm/v1/security/advisories/bulk";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        body.len()
    );
    gate.raw(&[head.as_bytes(), body].concat()).await
}

#[tokio::test]
async fn searches_are_handed_on_and_the_rest_is_answered_here() {
    let gate = gate().await;
    let found = json!({ "objects": [{ "package": { "name": "example" } }], "total": 1 });
    let search = "/npm/-/v1/search?text=example&size=20";
    gate.npm.put(search, FakeResponse::ok(found.to_string()).content_type("application/json"));
    let answer = gate.get("/dev/npm/-/v1/search?text=example&size=20").await;
    assert_eq!((answer.status, answer.json()), (200, found));
    gate.npm.forget();
    gate.principal("ana", None);
    assert_eq!(gate.get("/dev/npm/-/whoami").await.json(), json!({ "username": "ana" }));
    assert_eq!(gate.get("/dev/npm/-/ping").await.json(), json!({}));
    let config = gate.get("/dev/cargo/config.json").await.json();
    assert_eq!(config["dl"], format!("http://{}/dev/cargo/dl", gate.address));
    assert_eq!(config.get("auth-required"), None);
    assert!(gate.npm.requests().is_empty());
    let answer = gate.ask("PUT", "/dev/npm/example", &[("Content-Length", "0")]).await;
    assert_eq!(answer.status, 403, "this token may publish nothing");
    for (method, path) in [("DELETE", WHEEL), ("POST", PAGES[2]), ("PATCH", PAGES[0])] {
        let answer = gate.ask(method, path, &[("Content-Length", "0")]).await;
        assert_eq!(answer.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn the_list_of_names_is_of_what_was_asked_for() {
    let gate = gate().await;
    assert_eq!(gate.ask("GET", "/dev/pypi/simple/", &[("Accept", SIMPLE_JSON)]).await.json()["projects"], json!([]));
    gate.get(PAGES[0]).await;
    let names = gate.ask("GET", "/dev/pypi/simple/", &[("Accept", SIMPLE_JSON)]).await.json();
    assert_eq!(names["projects"], json!([{ "name": "example" }]));
    assert!(gate.get("/dev/pypi/simple/").await.text().contains("<a href=\"example/\">example</a>"));
}

/// Replaces Weir's addresses by upstream's, so that what remains different is what Weir changed.
fn without_addresses(gate: &TestGate, text: &str, ecosystem: &str, files: &str) -> String {
    text.replace(&format!("http://{}/dev/{ecosystem}/{files}", gate.address), "FILES/")
}

#[tokio::test]
async fn a_pypi_page_differs_from_upstreams_by_addresses_refusals_and_dates_alone() {
    let gate = Plan::new("[stage.dev]\ndenied = [\"pkg:pypi/example@1.1\"]\n").start().await;
    let host = gate.pypi.url();
    let file = |version: &str| {
        let digest = weir_core::Digest::of(version.as_bytes()).to_string();
        json!({
            "filename": format!("example-{version}-py3-none-any.whl"),
            "url": format!("{host}/files/example-{version}-py3-none-any.whl"),
            "hashes": { "sha256": digest, "blake2b": "00" },
            "requires-python": ">=3.9,<4",
            "size": 12345678901u64,
            "upload-time": "2026-01-01T00:00:00.123456Z",
            "yanked": false,
            "core-metadata": { "sha256": digest },
            "data-dist-info-metadata": { "sha256": digest },
            "gpg-sig": true,
            "provenance": null,
            "something-new": { "deep": [1, 2.50, "\u{e9}\n"] },
        })
    };
    let undated = {
        let mut file = file("1.2");
        file.as_object_mut().unwrap().remove("upload-time");
        file
    };
    let upstream = json!({
        "meta": { "api-version": "1.3", "_last-serial": 12345, "new-key": [] },
        "name": "example", "versions": ["1.0", "1.1", "1.2"], "alternate-locations": [],
        "files": [file("1.0"), file("1.1"), undated], "another-new-key": { "a": null },
    });
    gate.pypi.put("/simple/example/", FakeResponse::ok(upstream.to_string()).content_type(SIMPLE_JSON));
    let page = gate.ask("GET", PAGES[0], &[("Accept", SIMPLE_JSON)]).await;
    let text = without_addresses(&gate, &page.text(), "pypi", "files/example/");
    let mut served: Value = serde_json::from_str(&text).unwrap();
    let mut expected: Value =
        serde_json::from_str(&upstream.to_string().replace(&format!("{host}/files/"), "FILES/")).unwrap();
    let refusal = served["files"][1]["yanked"].take();
    assert!(refusal.as_str().unwrap().starts_with("denied"), "{refusal}");
    expected["files"][1]["yanked"] = Value::Null;
    // What would be refused as well is not offered.
    for key in ["core-metadata", "data-dist-info-metadata", "provenance"] {
        expected["files"][1].as_object_mut().unwrap().shift_remove(key);
    }
    assert_eq!(served["files"][2]["upload-time"], "2026-11-01T12:00:00Z");
    served["files"][2].as_object_mut().unwrap().remove("upload-time");
    assert_eq!(served, expected);
}

#[tokio::test]
async fn an_npm_page_differs_from_upstreams_by_addresses_refusals_and_dates_alone() {
    let gate = Plan::new("[stage.dev]\ndenied = [\"pkg:npm/example@1.1.0\"]\n").start().await;
    let npm = gate.npm.npm();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        npm.release("example", version)
            .published("2026-01-01")
            .dependency("other", "^1.0.0")
            .field("something-new", json!({ "deep": [1, 2.50, "\u{e9}\n"] }))
            .field("_npmUser", json!({ "name": "ana", "trustedPublisher": { "id": "x" } }))
            .add();
    }
    gate.npm.change("/npm/example", |page| {
        let mut json: Value = serde_json::from_slice(&page.body).unwrap();
        json["users"] = json!({ "ana": true });
        json["another-new-key"] = json!([{}]);
        page.body = json.to_string().into();
    });
    let upstream = gate.npm_page("example").await;
    let page = gate.get("/dev/npm/example").await;
    let text = without_addresses(&gate, &page.text(), "npm", "example/-/");
    let mut served: Value = serde_json::from_str(&text).unwrap();
    let mut expected: Value =
        serde_json::from_str(&upstream.replace(&format!("{}/npm/example/-/", gate.npm.url()), "FILES/")).unwrap();
    let restrictions = served.as_object_mut().unwrap().shift_remove("policyRestrictions").unwrap();
    let moved = expected["versions"].as_object_mut().unwrap().shift_remove("1.1.0").unwrap();
    assert_eq!(restrictions["versions"]["1.1.0"], moved);
    expected["time"].as_object_mut().unwrap().shift_remove("1.1.0");
    assert_eq!(served, expected);
}

#[tokio::test]
async fn a_cargo_index_differs_from_upstreams_by_refusals_and_dates_alone() {
    let gate = Plan::new("[stage.dev]\ndenied = [\"pkg:cargo/example@1.1.0\"]\n").start().await;
    let cargo = gate.cargo.cargo();
    cargo.release("example", "1.0.0").dependency("other", "^1").feature("x", &["dep:other"]).add();
    cargo.release("example", "1.1.0").add();
    cargo.release("example", "1.2.0").undated().add();
    gate.cargo.change("/cargo/ex/am/example", |page| {
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        page.body =
            text.replace("\"yanked\":false", "\"links\":null,\"v\":2,\"new\":{\"a\":[1.50]},\"yanked\":false").into();
    });
    let upstream = gate.cargo_page("example").await;
    let page = gate.get("/dev/cargo/ex/am/example").await.text();
    let lines = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let (mut served, mut expected) = (lines(&page), lines(&upstream));
    assert_eq!(served[1]["yanked"], true);
    served[1]["yanked"] = json!(false);
    assert_eq!(served[2]["pubtime"], "2026-11-01T12:00:00Z");
    served[2].as_object_mut().unwrap().shift_remove("pubtime");
    expected[2].as_object_mut().unwrap().shift_remove("pubtime");
    assert_eq!(served, expected);
}
