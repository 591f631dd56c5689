use std::time::Instant;

use expect_test::expect;
use serde_json::{Value, json};
use weir_core::registry::{Document, Form, Index, Note, Page, ServedArtifact, ServedRelease};
use weir_core::{Digest, Timestamp};
use weir_pypi::ECOSYSTEM;

use crate::{document, html_page, json_page, package};

/// How everything is served when nothing is refused.
fn all_allowed(index: &Index) -> Vec<ServedRelease> {
    let first_seen = Timestamp::parse("2026-10-01T12:00:00.5Z").unwrap();
    let releases = index.releases.iter().map(|release| ServedRelease {
        refused: None,
        warned: None,
        published: release.published.unwrap_or(first_seen),
        artifacts: release
            .artifacts
            .iter()
            .map(|artifact| ServedArtifact {
                refused: None,
                published: artifact.published.unwrap_or(first_seen),
                metadata: None,
            })
            .collect(),
    });
    releases.collect()
}

fn note() -> Note {
    Note {
        rule: String::from("vulnerability"),
        text: String::from("vulnerability CVE-2026-1 <9.8>; use 1.1; http://h/d/abc"),
    }
}

fn render(document: Document<'_>, kind: &'static str, change: impl Fn(&mut Vec<ServedRelease>)) -> String {
    let package = package("example");
    let documents = [document];
    let index = ECOSYSTEM.registry.parse(&package, &documents).unwrap();
    let mut releases = all_allowed(&index);
    change(&mut releases);
    let base = "http://weir.test/dev/pypi";
    let page = Page { package: &package, documents: &documents, index: &index, releases: &releases, base };
    let rendered = ECOSYSTEM.registry.render(&page, &Form::whole(kind)).unwrap();
    String::from_utf8(rendered.body).unwrap()
}

fn pretty(json: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(json).unwrap()).unwrap()
}

#[test]
fn a_json_page_keeps_all_but_addresses_and_what_is_unreadable() {
    let rendered = serde_json::from_str::<Value>(&render(json_page(), "json", |_| {})).unwrap();
    let mut expected = serde_json::from_slice::<Value>(json_page().body).unwrap();
    let files = expected["files"].as_array_mut().unwrap();
    files.truncate(4);
    for file in files.iter_mut() {
        let name = file["filename"].as_str().unwrap().to_owned();
        file["url"] = json!(format!("http://weir.test/dev/pypi/files/example/{name}"));
    }
    files[0]["provenance"] = json!("http://weir.test/dev/pypi/provenance/example/example-1.0.0-py3-none-any.whl");
    // Where upstream has no date, or none that can be read, Weir's own is told.
    files[2]["upload-time"] = json!("2026-10-01T12:00:00.500000Z");
    files[3]["upload-time"] = json!("2026-10-01T12:00:00.500000Z");
    assert_eq!(rendered, expected);
    let keys = rendered.as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(keys, ["meta", "name", "versions", "alternate-locations", "project-status", "files"]);
}

#[test]
fn a_refused_file_is_yanked_with_the_reason_and_loses_what_leads_to_its_contents() {
    let rendered = render(json_page(), "json", |releases| releases[0].artifacts[0].refused = Some(note()));
    let rendered = serde_json::from_str::<Value>(&rendered).unwrap();
    let file = &rendered["files"][0];
    assert_eq!(file["yanked"], note().text);
    for key in ["core-metadata", "data-dist-info-metadata", "dist-info-metadata", "provenance"] {
        assert_eq!(file.get(key), None, "{key}");
    }
    assert_eq!(file["requires-python"], ">=3.8,<4");
    assert_eq!(file["x-variant"]["cpu"][0], "avx2");
    assert_eq!(rendered["files"][1]["yanked"], true);
    assert_eq!(rendered["versions"], json!(["1.0.0", "1.1", "2.0rc1"]));
}

#[test]
fn a_release_refused_as_a_whole_is_refused_in_all_its_files() {
    let rendered = render(json_page(), "json", |releases| releases[0].refused = Some(note()));
    let rendered = serde_json::from_str::<Value>(&rendered).unwrap();
    assert_eq!(rendered["files"][0]["yanked"], note().text);
    assert_eq!(rendered["files"][1]["yanked"], note().text);
    assert_eq!(rendered["files"][3]["yanked"], "");
}

#[test]
fn own_metadata_is_offered_where_upstream_has_none() {
    let digest = Digest::of(b"metadata");
    let own = |releases: &mut Vec<ServedRelease>| {
        for artifact in releases.iter_mut().flat_map(|release| &mut release.artifacts) {
            artifact.metadata = Some(digest);
        }
    };
    let rendered = serde_json::from_str::<Value>(&render(json_page(), "json", own)).unwrap();
    let upstream = "1".repeat(64);
    assert_eq!(rendered["files"][0]["core-metadata"], json!({ "sha256": upstream }));
    assert_eq!(rendered["files"][1]["core-metadata"], json!({ "sha256": digest }));
    assert_eq!(rendered["files"][2]["core-metadata"], json!({ "sha256": digest }));
    let rendered = render(html_page(), "html", own);
    assert!(rendered.contains(&format!(
        "example-1.1.tar.gz#md5=d41d8cd98f00b204e9800998ecf8427e\" data-yanked=\"bad &lt;build&gt;\" data-core-metadata=\"sha256={digest}\""
    )));
}

#[test]
fn html_from_json_says_what_html_can_say() {
    let refuse = |releases: &mut Vec<ServedRelease>| releases[2].artifacts[0].refused = Some(note());
    expect![[r#"
        <!DOCTYPE html>
        <html>
        <head>
        <meta name="pypi:repository-version" content="1.4">
        <meta name="pypi:project-status" content="active">
        <meta name="pypi:project-status-reason" content="maintained again">
        <title>Links for example</title>
        </head>
        <body>
        <h1>Links for example</h1>
        <a href="http://weir.test/dev/pypi/files/example/example-1.0.0-py3-none-any.whl#sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" data-requires-python="&gt;=3.8,&lt;4" data-core-metadata="sha256=1111111111111111111111111111111111111111111111111111111111111111" data-dist-info-metadata="sha256=1111111111111111111111111111111111111111111111111111111111111111" data-provenance="http://weir.test/dev/pypi/provenance/example/example-1.0.0-py3-none-any.whl">example-1.0.0-py3-none-any.whl</a><br>
        <a href="http://weir.test/dev/pypi/files/example/Example-1.0.tar.gz#sha256=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" data-gpg-sig="true" data-yanked="">Example-1.0.tar.gz</a><br>
        <a href="http://weir.test/dev/pypi/files/example/example-1.1.tar.gz#sha256=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" data-yanked="broken on &lt;3.9 &amp; &quot;others&quot;">example-1.1.tar.gz</a><br>
        <a href="http://weir.test/dev/pypi/files/example/example-2.0.0rc1-py3-none-any.whl#sha256=dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" data-yanked="vulnerability CVE-2026-1 &lt;9.8&gt;; use 1.1; http://h/d/abc">example-2.0.0rc1-py3-none-any.whl</a><br>
        </body>
        </html>
    "#]].assert_eq(&render(json_page(), "html-legacy", refuse));
}

#[test]
fn html_from_html_keeps_what_upstream_says() {
    let refuse = |releases: &mut Vec<ServedRelease>| releases[1].artifacts[0].refused = Some(note());
    expect![[r#"
        <!DOCTYPE html>
        <html>
        <head>
        <meta name="pypi:repository-version" content="1.1">
        <meta name="pypi:project-status" content="archived">
        <meta name="pypi:project-status-reason" content="no longer &quot;needed&quot;">
        <meta name="pypi:tracks" content="https://example.org/x">
        <title>Links for example</title>
        </head>
        <body>
        <h1>Links for example</h1>
        <a href="http://weir.test/dev/pypi/files/example/example-1.0.0-py3-none-any.whl#sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" data-requires-python="&gt;=3.8,&lt;4" data-upload-time="2024-01-02T03:04:05.678901Z" data-x-new="&#233; &amp; more" data-core-metadata="sha256=1111111111111111111111111111111111111111111111111111111111111111" data-dist-info-metadata="sha256=1111111111111111111111111111111111111111111111111111111111111111" data-provenance="http://weir.test/dev/pypi/provenance/example/example-1.0.0-py3-none-any.whl">example-1.0.0-py3-none-any.whl</a><br>
        <a href="http://weir.test/dev/pypi/files/example/Example-1.0.tar.gz#sha512=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" data-gpg-sig="true" data-yanked="" data-core-metadata="true" data-dist-info-metadata="true">Example-1.0.tar.gz</a><br>
        <a href="http://weir.test/dev/pypi/files/example/example-1.1.tar.gz#md5=d41d8cd98f00b204e9800998ecf8427e" data-yanked="vulnerability CVE-2026-1 &lt;9.8&gt;; use 1.1; http://h/d/abc">example-1.1.tar.gz</a><br>
        </body>
        </html>
    "#]].assert_eq(&render(html_page(), "html", refuse));
}

#[test]
fn json_from_html_is_a_page_of_the_version_that_its_fields_allow() {
    let refuse = |releases: &mut Vec<ServedRelease>| releases[1].artifacts[0].refused = Some(note());
    expect![[r#"
        {
          "meta": {
            "api-version": "1.0"
          },
          "name": "example",
          "versions": [
            "1.0.0",
            "1.1"
          ],
          "files": [
            {
              "filename": "example-1.0.0-py3-none-any.whl",
              "hashes": {
                "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              },
              "requires-python": ">=3.8,<4",
              "upload-time": "2024-01-02T03:04:05.678901Z",
              "yanked": false,
              "core-metadata": {
                "sha256": "1111111111111111111111111111111111111111111111111111111111111111"
              },
              "url": "http://weir.test/dev/pypi/files/example/example-1.0.0-py3-none-any.whl",
              "provenance": "http://weir.test/dev/pypi/provenance/example/example-1.0.0-py3-none-any.whl"
            },
            {
              "filename": "Example-1.0.tar.gz",
              "hashes": {
                "sha512": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
              },
              "yanked": true,
              "core-metadata": true,
              "gpg-sig": true,
              "url": "http://weir.test/dev/pypi/files/example/Example-1.0.tar.gz",
              "upload-time": "2026-10-01T12:00:00.500000Z"
            },
            {
              "filename": "example-1.1.tar.gz",
              "hashes": {
                "md5": "d41d8cd98f00b204e9800998ecf8427e"
              },
              "yanked": "vulnerability CVE-2026-1 <9.8>; use 1.1; http://h/d/abc",
              "core-metadata": false,
              "url": "http://weir.test/dev/pypi/files/example/example-1.1.tar.gz",
              "upload-time": "2026-10-01T12:00:00.500000Z"
            }
          ],
          "project-status": {
            "status": "archived",
            "reason": "no longer \"needed\""
          }
        }"#]].assert_eq(&pretty(&render(html_page(), "json", refuse)));
}

#[test]
fn rendering_html_again_gives_the_same_index() {
    let once = render(html_page(), "html", |_| {});
    let url = "http://weir.test/dev/pypi/simple/example/";
    let again = Document { url, content_type: "text/html", body: once.as_bytes() };
    let package = package("example");
    let (first, second) = (
        ECOSYSTEM.registry.parse(&package, &[html_page()]).unwrap(),
        ECOSYSTEM.registry.parse(&package, &[again]).unwrap(),
    );
    assert_eq!(first.status, second.status);
    for (a, b) in first.releases.iter().zip(&second.releases) {
        assert_eq!((&a.version, &a.yanked, a.published), (&b.version, &b.yanked, b.published));
        for (a, b) in a.artifacts.iter().zip(&b.artifacts) {
            assert_eq!((&a.file, &a.digests, a.metadata.is_some()), (&b.file, &b.digests, b.metadata.is_some()));
        }
    }
    assert_eq!(render(again, "html", |_| {}), once);
}

#[test]
fn each_form_has_its_media_type() {
    let package = package("example");
    let documents = [json_page()];
    let index = ECOSYSTEM.registry.parse(&package, &documents).unwrap();
    let releases = all_allowed(&index);
    let page = Page { package: &package, documents: &documents, index: &index, releases: &releases, base: "" };
    for (kind, content_type) in [
        ("json", "application/vnd.pypi.simple.v1+json"),
        ("html", "application/vnd.pypi.simple.v1+html"),
        ("html-legacy", "text/html; charset=utf-8"),
    ] {
        assert_eq!(ECOSYSTEM.registry.render(&page, &Form::whole(kind)).unwrap().content_type, content_type);
    }
}

#[test]
fn a_large_page_is_rendered_within_its_budget() {
    let file = |place: usize| {
        json!({
            "core-metadata": { "sha256": "1".repeat(64) },
            "data-dist-info-metadata": { "sha256": "1".repeat(64) },
            "filename": format!("example-{place}.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
            "hashes": { "sha256": "a".repeat(64) },
            "provenance": null,
            "requires-python": ">=3.9",
            "size": 123_456,
            "upload-time": "2024-01-02T03:04:05.678901Z",
            "url": format!("https://files.example.org/packages/{}/example-{place}.whl", "f".repeat(60)),
            "yanked": false,
        })
    };
    let files = (0..2000).map(file).collect::<Vec<_>>();
    let body =
        json!({ "meta": { "api-version": "1.4" }, "name": "example", "versions": [], "files": files }).to_string();
    let package = package("example");
    let documents = [document("application/vnd.pypi.simple.v1+json", body.as_bytes())];
    let best = |work: &dyn Fn()| {
        let run = |_| {
            let started = Instant::now();
            work();
            started.elapsed()
        };
        (0..if cfg!(debug_assertions) { 1 } else { 5 }).map(run).min().unwrap()
    };
    let index = ECOSYSTEM.registry.parse(&package, &documents).unwrap();
    let releases = all_allowed(&index);
    let base = "http://weir.test/dev/pypi";
    let page = Page { package: &package, documents: &documents, index: &index, releases: &releases, base };
    let parse = best(&|| drop(ECOSYSTEM.registry.parse(&package, &documents)));
    for kind in ["json", "html"] {
        let render = best(&|| drop(ECOSYSTEM.registry.render(&page, &Form::whole(kind))));
        println!("2,000 files: parsed in {parse:?}, rendered as {kind} in {render:?}");
        // The budget is that of an optimised build; an unoptimised one is told, not judged.
        assert!(cfg!(debug_assertions) || (parse + render).as_millis() < 20);
    }
}
