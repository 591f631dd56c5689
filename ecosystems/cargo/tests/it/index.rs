//! Upstream's index in, Weir's index out.

use weir_cargo::ECOSYSTEM;
use weir_core::registry::{Document, Form, Index, InvalidDocument, Note, Page, Release, ServedArtifact, ServedRelease};
use weir_core::{PackageName, Timestamp};

const DEMO: &str = include_str!("../../testdata/weir-demo.index");
const CONFIG: &str = r#"{"dl":"https://static.crates.io/crates","api":"https://crates.io"}"#;

fn package() -> PackageName {
    ECOSYSTEM.names.parse("weir-demo").unwrap()
}

fn document<'a>(url: &'a str, body: &'a str) -> Document<'a> {
    Document { url, content_type: "text/plain", body: body.as_bytes() }
}

fn parse_with(index: &str, config: &str) -> Result<Index, InvalidDocument> {
    let documents = [document("https://i/we/ir/weir-demo", index), document("https://i/config.json", config)];
    ECOSYSTEM.registry.parse(&package(), &documents)
}

fn parse(index: &str) -> Result<Index, InvalidDocument> {
    parse_with(index, CONFIG)
}

fn served(refused: bool, published: &str) -> ServedRelease {
    let published = Timestamp::parse(published).unwrap();
    let refused = refused.then(|| Note { rule: String::from("vulnerability"), text: String::from("because") });
    let artifact = ServedArtifact { refused: refused.clone(), published, metadata: None };
    ServedRelease { refused, warned: None, published, artifacts: vec![artifact] }
}

fn render(index: &str, releases: &[ServedRelease]) -> Result<String, InvalidDocument> {
    render_with(index, &[], releases)
}

/// As [`render`], with releases that the document does not have.
fn render_with(index: &str, more: &[Release], releases: &[ServedRelease]) -> Result<String, InvalidDocument> {
    let documents = [document("https://i/we/ir/weir-demo", index), document("https://i/config.json", CONFIG)];
    let mut read = parse(index).unwrap();
    read.releases.extend_from_slice(more);
    let package = package();
    let base = "http://127.0.0.1:8484/dev/cargo";
    let page = Page { package: &package, documents: &documents, index: &read, releases, base };
    let rendered = ECOSYSTEM.registry.render(&page, &Form::whole("index"))?;
    assert_eq!(rendered.content_type, "text/plain; charset=utf-8");
    Ok(String::from_utf8(rendered.body).unwrap())
}

fn line(rest: &str) -> String {
    format!("{{\"name\":\"weir-demo\",\"cksum\":\"{}\",{rest}}}\n", "a".repeat(64))
}

#[test]
fn a_crate_wants_its_own_file_and_the_configuration() {
    let wanted = ECOSYSTEM.registry.documents(&package());
    let wanted: Vec<_> = wanted.iter().map(|wanted| (wanted.path.as_str(), wanted.shared)).collect();
    assert_eq!(wanted, [("we/ir/weir-demo", false), ("config.json", true)]);
    for url in ["sparse+https://index.crates.io/", "https://index.crates.io"] {
        assert_eq!(ECOSYSTEM.registry.upstream_base(url), "https://index.crates.io/");
    }
}

#[test]
fn each_line_is_a_release_with_one_artifact() {
    let index = parse(DEMO).unwrap();
    let seen: Vec<_> =
        index.releases.iter().map(|release| (release.version.as_str(), release.yanked.as_deref())).collect();
    assert_eq!(seen, [("0.1.0", None), ("0.1.1+build.7", Some("")), ("1.0.0-rc.1", None), ("1.0.0", None)]);
    let artifact = &index.releases[1].artifacts[0];
    assert_eq!(artifact.file, "Weir-Demo-0.1.1+build.7.crate");
    assert_eq!(artifact.url, "https://static.crates.io/crates/Weir-Demo/0.1.1+build.7/download");
    assert_eq!(artifact.digests.sha256.unwrap().to_string(), "2".repeat(64));
}

#[test]
fn a_release_without_a_date_is_no_younger_than_the_next_that_has_one() {
    let dates: Vec<_> = parse(DEMO)
        .unwrap()
        .releases
        .iter()
        .map(|release| {
            assert_eq!(release.published, release.artifacts[0].published);
            release.published.map(|date| date.to_string())
        })
        .collect();
    let expected = [Some("2019-03-04T05:06:07Z"), Some("2019-03-04T05:06:07Z"), Some("2021-01-01T00:00:00Z"), None];
    assert_eq!(dates, expected.map(|date| date.map(String::from)));
}

#[test]
fn dates_that_do_not_rise_tell_nothing_of_their_neighbours() {
    let text = [
        line(r#""vers":"1.0.0""#),
        line(r#""vers":"1.0.1","pubtime":"2026-01-01T00:00:00Z""#),
        line(r#""vers":"0.9.9","pubtime":"2020-01-01T00:00:00Z""#),
    ];
    let index = parse(&text.concat()).unwrap();
    assert_eq!(index.releases[0].published, None);
    assert_eq!(index.releases[2].published.unwrap().date(), "2020-01-01");
}

#[test]
fn lines_that_cargo_passes_over_are_passed_over() {
    let good = line(r#""vers":"1.0.0""#);
    let bad = [
        line(r#""vers":"1.0""#),
        line(r#""vers":"1.0.0","yanked":true"#),
        line(r#""vers":"2.0.0","vers":"3.0.0""#),
        line(r#""vers":"2.0.0","yanked":"no""#),
        line(r#""vers":"2.0.0""#).replace("weir-demo", "other"),
        line(r#""vers":"2.0.0""#).replace("aaaa", "zzzz"),
        String::from("no JSON\n"),
        String::from("\r\n"),
        String::from("[]\n"),
    ];
    let text = format!("{good}{}", bad.concat());
    let index = parse(&text).unwrap();
    assert_eq!(index.releases.len(), 1);
    assert_eq!(render(&text, &[served(false, "2026-01-01")]).unwrap().lines().count(), 1);
}

#[test]
fn versions_that_differ_in_build_metadata_are_two_releases() {
    // The book forbids it; crates.io has such from before (openssl-src 110.0.0), and lock files name them.
    let text = [line(r#""vers":"1.0.0""#), line(r#""vers":"1.0.0+b""#)].concat();
    assert_eq!(parse(&text).unwrap().releases.len(), 2);
}

#[test]
fn a_document_without_a_readable_line_is_refused() {
    assert_eq!(
        parse("<html>\n</html>\n").unwrap_err().to_string(),
        "https://i/we/ir/weir-demo is not a file of a sparse index: none of its 2 lines is a version of `weir-demo`"
    );
    assert!(parse("").is_err());
    assert!(ECOSYSTEM.registry.parse(&package(), &[document("https://i/x", DEMO)]).is_err());
    assert!(ECOSYSTEM.registry.parse(&package(), &[]).is_err());
}

#[test]
fn the_template_says_where_artifacts_are() {
    let url = |dl: &str| {
        let config = serde_json::json!({ "dl": dl, "auth-required": true }).to_string();
        parse_with(DEMO, &config).map(|index| index.releases[0].artifacts[0].url.clone())
    };
    let digest = "1".repeat(64);
    for (dl, expected) in [
        ("https://x.test/dl", String::from("https://x.test/dl/Weir-Demo/0.1.0/download")),
        ("https://x.test/{crate}-{version}.crate", String::from("https://x.test/Weir-Demo-0.1.0.crate")),
        ("https://x.test/{prefix}/{lowerprefix}/{crate}", String::from("https://x.test/We/ir/we/ir/Weir-Demo")),
        ("http://x.test/{sha256-checksum}?a={b}", format!("http://x.test/{digest}?a={{b}}")),
        ("https://x.test:443/{x{crate}", String::from("https://x.test:443/{xWeir-Demo")),
    ] {
        assert_eq!(url(dl).unwrap(), expected, "{dl}");
    }
    for dl in ["", "/relative", "ftp://x.test/", "file:///etc", "https://{crate}.test/", "https://x{version}/", "x"] {
        let error = url(dl).unwrap_err();
        assert!(error.to_string().starts_with("https://i/config.json is not the config.json"), "{error}");
    }
    assert!(url(&format!("https://x.test/{}", "a".repeat(3000))).is_err());
    assert!(parse_with(DEMO, "{}").is_err());
}

#[test]
fn a_page_without_refusals_differs_in_added_dates_alone() {
    let dated = line(r#""vers":"1.0.0","pubtime":"2026-01-01T00:00:00Z""#)
        + &line(r#" "vers" : "1.0.1" , "pubtime" : "2026-01-02T00:00:00Z" "#);
    let releases = [served(false, "2026-01-01"), served(false, "2026-01-02")];
    assert_eq!(render(&dated, &releases).unwrap(), dated);
    let without_last_end = dated.trim_end();
    assert_eq!(render(without_last_end, &releases).unwrap(), without_last_end);
    let windows = dated.replace('\n', "\r\n");
    assert_eq!(render(&windows, &releases).unwrap(), windows);
}

#[test]
fn a_refused_version_is_yanked_and_nothing_else_changes() {
    let releases = [
        served(true, "2018-01-01T10:00:00.999Z"),
        served(true, "2019-03-04T05:06:07Z"),
        served(true, "2021-01-01"),
        served(true, "2022-02-02"),
    ];
    let page = render(DEMO, &releases).unwrap();
    let expected: Vec<String> = DEMO
        .lines()
        .enumerate()
        .map(|(index, line)| match index {
            0 => line.replace("\"yanked\":false}", "\"yanked\":true,\"pubtime\":\"2018-01-01T10:00:00Z\"}"),
            1 => line.to_owned(),
            2 => line.replace("\"yanked\" : false ,", "\"yanked\" : true ,"),
            _ => line.replace("{}}", "{},\"yanked\":true,\"pubtime\":\"2022-02-02T00:00:00Z\"}"),
        })
        .collect();
    assert_eq!(page.lines().collect::<Vec<_>>(), expected);
    let read_again = parse(&page).unwrap();
    assert!(read_again.releases.iter().all(|release| release.yanked.is_some() && release.published.is_some()));
}

#[test]
fn a_null_is_replaced_where_it_stands() {
    let text = line(r#""vers":"1.0.0","yanked":null,"pubtime":null,"links":null"#);
    let page = render(&text, &[served(true, "2026-01-01")]).unwrap();
    assert_eq!(page, line(r#""vers":"1.0.0","yanked":true,"pubtime":"2026-01-01T00:00:00Z","links":null"#));
}

#[test]
fn a_refused_artifact_refuses_its_release() {
    let mut release = served(true, "2026-01-01");
    release.refused = None;
    let page = render(&line(r#""vers":"1.0.0","yanked":false"#), &[release]).unwrap();
    assert!(page.contains(r#""yanked":true"#));
}

#[test]
fn a_release_that_advisories_alone_still_name_has_no_line() {
    let text = line(r#""vers":"1.0.0","yanked":false,"pubtime":"2026-01-01T00:00:00Z""#);
    let departed = Release { version: String::from("0.9.0"), ..Release::default() };
    let releases = [served(false, "2026-01-01"), served(true, "2026-01-01")];
    assert_eq!(render_with(&text, &[departed], &releases).unwrap(), text);
}

#[test]
fn a_page_is_not_made_of_another_document() {
    assert!(render(DEMO, &[served(false, "2026-01-01")]).is_err());
}

#[test]
fn all_that_a_line_says_is_kept() {
    let documents = [document("https://i/we/ir/weir-demo", DEMO)];
    let said = ECOSYSTEM.registry.said(&documents, &Index::default(), "0.1.1+build.7");
    assert_eq!(said["deps"][0]["name"], "serde");
    assert_eq!(ECOSYSTEM.registry.said(&documents, &Index::default(), "9.9.9"), serde_json::json!({}));
}

#[test]
fn the_longest_document_is_read_and_no_longer_one() {
    let many = |count: usize| (0..count).map(|index| line(&format!(r#""vers":"0.0.{index}""#))).collect::<String>();
    assert_eq!(parse(&many(50_000)).unwrap().releases.len(), 50_000);
    assert!(parse(&many(50_001)).unwrap_err().to_string().contains("more than 50000 lines"));
}

proptest::proptest! {
    #[test]
    fn no_document_makes_it_panic(text in "[\\PC\n]{0,200}", rest in "[\\PC]{0,60}") {
        let _ = parse(&text);
        let _ = parse_with(DEMO, &text);
        let odd = line(&format!("\"vers\":\"1.0.0\",{rest}"));
        if parse(&odd).is_ok() {
            let page = render(&odd, &[served(true, "2026-01-01")]).unwrap();
            proptest::prop_assert!(parse(&page).unwrap().releases[0].yanked.is_some());
        }
    }
}
