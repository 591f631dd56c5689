use expect_test::{Expect, expect};
use weir_core::registry::{Index, InvalidDocument};
use weir_pypi::ECOSYSTEM;
use weir_pypi::index::Reading;

use crate::{document, html_page, json_page, package};

fn parse(content_type: &str, body: &str) -> Result<Index, InvalidDocument> {
    ECOSYSTEM.registry.parse(&package("example"), &[document(content_type, body.as_bytes())])
}

/// The index as lines that a person can judge.
fn told(reading: &Reading) -> String {
    let mut out = String::new();
    if let Some(status) = &reading.index.status {
        out += &format!("status {} {:?}\n", status.status, status.reason);
    }
    for release in &reading.index.releases {
        let date = release.published.map(|moment| moment.to_string());
        out += &format!("{} published {date:?} yanked {:?}\n", release.version, release.yanked);
        for artifact in &release.artifacts {
            out += &format!("  {}\n    at {}\n", artifact.file, artifact.url);
            let digests = &artifact.digests;
            let hash = match (&digests.sha256, &digests.sha512) {
                (Some(sha256), _) => sha256.to_string()[..4].to_owned(),
                (None, Some(sha512)) => format!("sha512 of {}", sha512.len()),
                (None, None) => String::from("nothing"),
            };
            let date = artifact.published.map(|moment| moment.to_string());
            out += &format!("    states {hash} {:?} {date:?} yanked {:?}\n", artifact.size, artifact.yanked);
            if let Some((url, digest)) = &artifact.metadata {
                out += &format!("    metadata {url} {}\n", digest.is_some());
            }
            if let Some(url) = &artifact.provenance {
                assert!(artifact.attested, "{}", artifact.file);
                out += &format!("    provenance {url}\n");
            }
        }
    }
    out + &format!("dropped {}\n", reading.dropped)
}

fn check(reading: &Reading, expected: Expect) {
    expected.assert_eq(&told(reading));
}

#[test]
fn a_json_page_is_read_into_releases() {
    let reading = weir_pypi::index::parse(&package("example"), &[json_page()]).unwrap();
    check(
        &reading,
        expect![[r#"
        status active Some("maintained again")
        1.0.0 published Some("2024-01-02T03:04:04Z") yanked None
          example-1.0.0-py3-none-any.whl
            at https://files.example.org/packages/aa/example-1.0.0-py3-none-any.whl
            states aaaa Some(1234) Some("2024-01-02T03:04:05.678Z") yanked None
            metadata https://files.example.org/packages/aa/example-1.0.0-py3-none-any.whl.metadata true
            provenance https://example.org/integrity/example-1.0.0/provenance
          Example-1.0.tar.gz
            at https://mirror.example.org/files/Example-1.0.tar.gz
            states bbbb Some(99) Some("2024-01-02T03:04:04Z") yanked Some("")
        1.1 published None yanked Some("broken on <3.9 & \"others\"")
          example-1.1.tar.gz
            at https://files.example.org/packages/cc/example-1.1.tar.gz
            states cccc Some(5) None yanked Some("broken on <3.9 & \"others\"")
        2.0.0rc1 published None yanked None
          example-2.0.0rc1-py3-none-any.whl
            at https://files.example.org/packages/dd/example-2.0.0rc1-py3-none-any.whl
            states dddd None None yanked None
        dropped 6
    "#]],
    );
}

#[test]
fn an_html_page_is_read_into_releases() {
    let reading = weir_pypi::index::parse(&package("example"), &[html_page()]).unwrap();
    check(
        &reading,
        expect![[r#"
        status archived Some("no longer \"needed\"")
        1.0.0 published Some("2024-01-02T03:04:05.678Z") yanked None
          example-1.0.0-py3-none-any.whl
            at https://mirror.example.org/pool/example-1.0.0-py3-none-any.whl
            states aaaa None Some("2024-01-02T03:04:05.678Z") yanked None
            metadata https://mirror.example.org/pool/example-1.0.0-py3-none-any.whl.metadata true
            provenance https://mirror.example.org/integrity/example
          Example-1.0.tar.gz
            at https://files.example.org/packages/Example-1.0.tar.gz
            states sha512 of 64 None None yanked Some("")
            metadata https://files.example.org/packages/Example-1.0.tar.gz.metadata false
        1.1 published None yanked Some("bad <build>")
          example-1.1.tar.gz
            at https://mirror.example.org/pool/example%2D1.1.tar.gz?token=1
            states nothing None None yanked Some("bad <build>")
        dropped 3
    "#]],
    );
}

#[test]
fn the_form_is_told_by_the_media_type_and_else_by_the_first_character() {
    let json = r#"{"files": [{"filename": "example-1.tar.gz", "url": "x"}]}"#;
    let html = "  <a href=example-1.tar.gz>";
    for content_type in ["application/vnd.pypi.simple.v1+json; x=y", "application/json", "", "text/plain"] {
        assert_eq!(parse(content_type, json).unwrap().releases.len(), 1, "{content_type}");
    }
    for content_type in ["application/vnd.pypi.simple.v1+html", "TEXT/HTML;charset=utf-8", "", "text/plain"] {
        assert_eq!(parse(content_type, html).unwrap().releases.len(), 1, "{content_type}");
    }
    assert!(parse("", "neither").is_err());
    assert!(parse("application/json", html).is_err());
}

#[test]
fn a_page_that_cannot_be_read_says_why_and_where() {
    for (content_type, body, problem) in [
        ("application/vnd.pypi.simple.v2+json", "{}", "Weir reads version 1"),
        ("application/json", r#"{"meta": {"api-version": "2.0"}, "files": []}"#, "its API version is `2.0`"),
        ("application/json", "{}", "it has no key `files`"),
        ("application/json", r#"{"files": [1]}"#, "expected an object at line 1 column 12"),
        ("application/json", r#"{"files": {}}"#, "expected a list of files"),
        ("application/json", r#"{"files": [], "files": []}"#, "the key `files` is there twice"),
        ("application/json", r#"{"files": [], "meta": 1}"#, "in `meta`"),
        ("application/json", "\u{ff}", "expected value"),
        ("text/html", "<meta name=pypi:repository-version content=2.0>", "its API version is `2.0`"),
    ] {
        let error = parse(content_type, body).unwrap_err();
        assert_eq!(error.url, "https://mirror.example.org/simple/example/");
        assert!(error.problem.contains(problem), "{body}: {}", error.problem);
    }
    assert!(ECOSYSTEM.registry.parse(&package("example"), &[]).is_err());
}

#[test]
fn a_release_is_yanked_when_all_of_it_is() {
    let index = parse(
        "text/html",
        "<a href=example-1.0.tar.gz data-yanked><a href=example-1-py3-none-any.whl data-yanked=why>
         <a href=example-2.tar.gz data-yanked=why><a href=example-2-py3-none-any.whl>",
    )
    .unwrap();
    assert_eq!(index.releases[0].version, "1.0");
    assert_eq!(index.releases[0].yanked.as_deref(), Some("why"));
    assert_eq!(index.releases[0].artifacts[0].yanked.as_deref(), Some(""));
    assert_eq!(index.releases[1].yanked, None);
}

#[test]
fn addresses_lose_credentials_and_fragments() {
    let index =
        parse("text/html", "<base href=https://user:secret@mirror.example.org/pool/><a href=example-1.tar.gz#x=y>")
            .unwrap();
    assert_eq!(index.releases[0].artifacts[0].url, "https://mirror.example.org/pool/example-1.tar.gz");
}

#[test]
fn broken_html_ends_in_fewer_anchors_and_never_in_worse() {
    for (body, files) in [
        ("<a href=example-1.tar.gz", 0),
        ("<a href='example-1.tar.gz>", 0),
        ("<a", 0),
        ("<", 0),
        ("<!-- <a href=example-1.tar.gz>", 0),
        ("<!--><a href=example-1.tar.gz>", 1),
        ("<!---><a href=example-1.tar.gz>", 1),
        ("<!-- --!><a href=example-1.tar.gz>", 1),
        ("<!-- ---><a href=example-1.tar.gz>", 1),
        ("<!doctype><a href=example-1.tar.gz>", 1),
        ("<?xml <a href=example-2.tar.gz> ?><a href=example-1.tar.gz>", 1),
        ("</a <a href=example-1.tar.gz>", 0),
        ("<a =href=x href = \"example-1.tar.gz\"/>", 1),
        ("<a/href=example-1.tar.gz>", 1),
        ("<abbr href=example-1.tar.gz>", 0),
        ("<SCRIPT></scripted><a href=example-1.tar.gz></Script >", 0),
        ("<script></script><a href=example-1.tar.gz>", 1),
        ("<title><a href=example-1.tar.gz>", 0),
        ("<a href=\"exam&#112;le-1.tar.gz\">", 1),
        ("<a href=\"exam&#x70le-1.tar.gz\">", 1),
        ("<a href=\"&#;&#x;&bogus;&#1114112;&#0;&\">", 0),
        ("<a href=example-1.tar.gz>\u{0}<a href=\u{feff}>", 1),
        ("< a href=example-1.tar.gz>", 0),
    ] {
        // One without a file must say that it is an index.
        let body = format!("<meta name=pypi:repository-version content=1.0>{body}");
        let index = parse("text/html", &body).unwrap();
        assert_eq!(index.releases.len(), files, "{body}");
    }
}

#[test]
fn html_that_is_no_index_does_not_say_that_everything_is_deleted() {
    for body in ["", "<html><body>Please <a href=/login>log in</a></body></html>", "<h1>Bad gateway</h1>"] {
        let error = parse("text/html", body).unwrap_err();
        assert!(error.problem.contains("pypi:repository-version"), "{}", error.problem);
    }
    let empty = "<meta name=\"pypi:repository-version\" content=\"1.1\"><title>Links for example</title>";
    assert!(parse("text/html", empty).unwrap().releases.is_empty());
    assert!(parse("application/json", r#"{"files": []}"#).unwrap().releases.is_empty());
}

#[test]
fn metadata_is_offered_under_either_name_and_the_new_one_counts() {
    let offered = |keys: &str| {
        let body = format!(r#"{{"files": [{{"filename": "example-1.tar.gz", "url": "/x", {keys}}}]}}"#);
        parse("application/json", &body).unwrap().releases[0].artifacts[0].metadata.is_some()
    };
    assert!(offered(r#""core-metadata": true"#));
    assert!(offered(
        r#""dist-info-metadata": {"sha256": "1111111111111111111111111111111111111111111111111111111111111111"}"#
    ));
    assert!(offered(r#""data-dist-info-metadata": {"md5": "x"}"#));
    assert!(!offered(r#""dist-info-metadata": true, "core-metadata": false"#));
    assert!(!offered(r#""x": 1"#));
}

#[test]
fn a_page_may_have_so_many_files_and_no_more() {
    let page = |count: usize| {
        let file = r#"{"filename":"a","url":"x"},"#.repeat(count);
        format!(r#"{{"files": [{}]}}"#, file.trim_end_matches(','))
    };
    let limit = weir_pypi::index::MAX_FILES;
    assert_eq!(parse("application/json", &page(limit)).unwrap().releases.len(), 0);
    assert!(parse("application/json", &page(limit + 1)).unwrap_err().problem.contains("more than 100000 files"));
    let file = "<a href=example-1.tar.gz>";
    assert!(parse("text/html", &file.repeat(limit)).is_ok());
    assert!(parse("text/html", &file.repeat(limit + 1)).is_err());
}

#[test]
fn all_that_upstream_says_of_a_release_is_told() {
    let index = ECOSYSTEM.registry.parse(&package("example"), &[json_page()]).unwrap();
    let said = ECOSYSTEM.registry.said(&[json_page()], &index, "1.0");
    assert_eq!(said["files"].as_array().unwrap().len(), 2);
    assert_eq!(said["files"][0]["x-variant"]["cpu"][0], "avx2");
    assert_eq!(said["project-status"]["status"], "active");
    let index = ECOSYSTEM.registry.parse(&package("example"), &[html_page()]).unwrap();
    let said = ECOSYSTEM.registry.said(&[html_page()], &index, "1");
    assert_eq!(said["files"][0]["data-x-new"], "é & more");
    assert_eq!(said["files"][0]["provenance"], "/integrity/example");
    assert_eq!(ECOSYSTEM.registry.said(&[html_page()], &index, "9"), serde_json::json!({}));
}

proptest::proptest! {
    #[test]
    fn no_document_is_too_odd(body in "[<>a-c/='\"&#!\\-; {}\\[\\]:,0-9]{0,200}", html in proptest::bool::ANY) {
        let _ = parse(if html { "text/html" } else { "application/json" }, &body);
    }
}

#[test]
fn an_index_of_local_versions_names_its_files_percent_encoded_and_elsewhere() {
    let html = "<!DOCTYPE html><html><body><h1>Links for example</h1>\
        <a href=\"/whl/cu126/example-2.7.0%2Bcu126-cp312-cp312-linux_x86_64.whl#sha256=\
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\">example-2.7.0+cu126</a><br/>\
        <a href=\"https://files.example.org/whl/cu126/example-2.8.0%2Bcu126-cp312-cp312-linux_x86_64.whl#sha256=\
        bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\">example-2.8.0+cu126</a><br/>\
        <a href=other-1.0.tar.gz>other</a></body></html>";
    let index = parse("text/html", html).unwrap();
    let told: Vec<_> = index.releases.iter().map(|it| (it.version.as_str(), it.artifacts[0].file.as_str())).collect();
    assert_eq!(
        told,
        [
            ("2.7.0+cu126", "example-2.7.0+cu126-cp312-cp312-linux_x86_64.whl"),
            ("2.8.0+cu126", "example-2.8.0+cu126-cp312-cp312-linux_x86_64.whl"),
        ]
    );
    let elsewhere = "https://files.example.org/whl/cu126/example-2.8.0%2Bcu126-cp312-cp312-linux_x86_64.whl";
    assert_eq!(index.releases[1].artifacts[0].url, elsewhere);
    assert!(index.releases.iter().all(|it| it.artifacts[0].digests.sha256.is_some() && it.published.is_none()));
}
