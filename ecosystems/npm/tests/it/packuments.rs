//! From a packument to what is known of a package, and to the pages that clients get.

use serde_json::{Value, json};
use weir_core::registry::{Document, Form, Index, Note, Page, ServedArtifact, ServedRelease, Shown};
use weir_core::{PackageName, Timestamp};
use weir_npm::ECOSYSTEM;

const BASE: &str = "http://weir.test/dev/npm";
const FIRST_SEEN: &str = "2026-03-01T00:00:00Z";

/// A packument at upstream, and what policy makes of its versions.
struct Case {
    package: PackageName,
    body: String,
    refused: Vec<(&'static str, Note)>,
    warned: Vec<(&'static str, Note)>,
}

impl Case {
    fn of(name: &str, packument: &str) -> Self {
        let package = ECOSYSTEM.names.parse(name).unwrap();
        Self { package, body: packument.to_owned(), refused: Vec::new(), warned: Vec::new() }
    }

    /// The packument of `testdata/widget.json`.
    fn widget() -> Self {
        Self::of("@acme/widget", include_str!("../../testdata/widget.json"))
    }

    fn refuse(mut self, version: &'static str, rule: &str, text: &str) -> Self {
        self.refused.push((version, Note { rule: rule.to_owned(), text: text.to_owned() }));
        self
    }

    fn warn(mut self, version: &'static str, text: &str) -> Self {
        self.warned.push((version, Note { rule: String::from("vulnerability"), text: text.to_owned() }));
        self
    }

    fn with<T>(&self, use_page: impl FnOnce(&Page<'_>) -> T) -> T {
        let documents = [Document {
            url: "https://registry.example/@acme%2fwidget",
            content_type: "application/json",
            body: self.body.as_bytes(),
        }];
        let index = ECOSYSTEM.registry.parse(&self.package, &documents).unwrap();
        let note = |notes: &[(&str, Note)], version: &str| {
            notes.iter().find(|(refused, _)| *refused == version).map(|(_, note)| note.clone())
        };
        let first_seen = Timestamp::parse(FIRST_SEEN).unwrap();
        let releases: Vec<ServedRelease> = index
            .releases
            .iter()
            .map(|release| {
                let published = release.published.unwrap_or(first_seen);
                let refused = note(&self.refused, &release.version);
                let artifact = ServedArtifact { refused: refused.clone(), published, metadata: None };
                let artifacts = vec![artifact; release.artifacts.len()];
                ServedRelease { refused, warned: note(&self.warned, &release.version), published, artifacts }
            })
            .collect();
        let page =
            Page { package: &self.package, documents: &documents, index: &index, releases: &releases, base: BASE };
        use_page(&page)
    }

    fn index(&self) -> Index {
        self.with(|page| page.index.clone())
    }

    fn page(&self, kind: &'static str, detail: Option<&str>) -> Value {
        let form = Form { kind, detail: detail.map(str::to_owned) };
        let rendered = self.with(|page| ECOSYSTEM.registry.render(page, &form).unwrap());
        serde_json::from_slice(&rendered.body).unwrap()
    }

    fn shown(&self, detail: &str) -> Shown {
        let form = Form { kind: "version", detail: Some(detail.to_owned()) };
        self.with(|page| ECOSYSTEM.registry.shown(page, &form))
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_packument_tells_releases_with_dates_digests_and_addresses() {
    let index = Case::widget().index();
    let versions: Vec<&str> = index.releases.iter().map(|release| release.version.as_str()).collect();
    assert_eq!(versions, ["0.9.0", "1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "2.1.0+b", "not a version"]);
    let first = &index.releases[0];
    assert_eq!(first.published, Timestamp::parse("2015-01-01T00:00:00.000Z"));
    assert_eq!(first.deprecated.as_deref(), Some("use 1.0.0"));
    assert_eq!(first.license.as_deref(), Some("(MIT OR Apache-2.0)"));
    let artifact = &first.artifacts[0];
    assert_eq!(artifact.file, "widget-0.9.0.tgz");
    assert_eq!(artifact.url, "https://registry.example/@acme/widget/-/widget-0.9.0.tgz");
    assert_eq!(artifact.size, None);
    assert_eq!(artifact.published, first.published);
    assert!(artifact.digests.sha512.is_none() && artifact.digests.sha1.as_ref().unwrap().len() == 20);
    let last = &index.releases[4];
    assert_eq!(last.artifacts[0].digests.sha512.as_ref().unwrap()[..2], [0x01, 0x02]);
    assert_eq!(last.artifacts[0].digests.sha1.as_ref().unwrap().len(), 20);
    let provenance = "https://registry.example/-/npm/v1/attestations/@acme%2fwidget@2.0.0";
    assert_eq!(last.artifacts[0].provenance.as_deref(), Some(provenance));
    assert_eq!(last.license.as_deref(), Some("MIT"));
    // `false` and an empty text take a deprecation back, `true` says no more than that.
    let deprecated: Vec<_> = index.releases.iter().map(|release| release.deprecated.as_deref()).collect();
    assert_eq!(deprecated, [Some("use 1.0.0"), None, None, None, None, Some(""), None]);
    assert_eq!(index.releases[3].license.as_deref(), Some(""));
}

#[test]
fn a_release_without_a_readable_version_is_a_release() {
    let index = Case::widget().index();
    let odd = &index.releases[6];
    assert_eq!(odd.artifacts[0].file, "widget-odd.tgz");
    assert!(ECOSYSTEM.versions.sort_key(&odd.version).is_err());
}

#[test]
fn odd_shapes_do_not_make_a_packument_unreadable() {
    for (packument, releases) in [
        ("{}", 0),
        (r#"{"versions": null}"#, 0),
        (r#"{"versions": [{}]}"#, 0),
        (r#"{"time": {"unpublished": {"time": "2020-01-01T00:00:00.000Z"}}}"#, 0),
        (r#"{"versions": {"1.0.0": null, "1.0.1": "x", "1.0.2": [1], "1.0.3": 7, "1.0.4": true, "1.0.5": {}}}"#, 1),
        (r#"{"versions": {"1.0.0": {"dist": [], "license": 7, "deprecated": {}}}, "time": [], "dist-tags": 1}"#, 1),
        ("\u{feff}{\"versions\": {\"1.0.0\": {\"\\ud800\": \"\\ud800\", \"license\": \"\\ud800\"}}}", 1),
    ] {
        let case = Case::of("@acme/widget", packument);
        assert_eq!(case.index().releases.len(), releases, "{packument}");
        for kind in ["full", "abbreviated", "dist-tags"] {
            let rendered = case.with(|page| ECOSYSTEM.registry.render(page, &Form::whole(kind)).unwrap());
            assert!(rendered.body.starts_with(b"{") && rendered.body.ends_with(b"}"));
        }
    }
}

#[test]
fn what_is_no_packument_is_named_with_its_address() {
    let package = ECOSYSTEM.names.parse("x").unwrap();
    for (body, problem) in [
        (&b"<html>"[..], "expected an object at byte 0"),
        (b"[]", "expected an object at byte 0"),
        (b"{} {}", "expected the end at byte 3"),
        (b"{\"versions\": {\"1.0.0\": }}", "expected a value at byte 23"),
        (b"{\"name\": \"\xff\"}", "it is not UTF-8 after byte 10"),
    ] {
        let document = Document { url: "https://registry.example/x", content_type: "", body };
        let error = ECOSYSTEM.registry.parse(&package, &[document]).unwrap_err();
        assert_eq!(error.to_string(), format!("https://registry.example/x is not an npm packument: {problem}"));
    }
    assert!(ECOSYSTEM.registry.parse(&package, &[]).is_err());
}

#[test]
fn a_page_without_refusals_differs_in_addresses_alone() {
    let case = Case::widget();
    let upstream = case
        .body
        .replace("https://registry.example", BASE)
        .replace("@acme/widget/-/widget-2.1.0%2Bb", "@acme/widget/-/widget-2.1.0+b");
    let mut upstream: Value = serde_json::from_str(&upstream).unwrap();
    // No date at upstream, so Weir's own.
    upstream["time"]["2.1.0+b"] = json!(FIRST_SEEN);
    upstream["time"]["not a version"] = json!(FIRST_SEEN);
    assert_eq!(case.page("full", None), upstream);
}

#[test]
fn a_refused_version_moves_and_is_never_in_both_places() {
    let case = Case::widget()
        .refuse("2.0.0", "malware", "malware MAL-2026-1; nearest allowed 1.1.0; see http://weir.test/d/a")
        .refuse("0.9.0", "vulnerability", "vulnerability GHSA-1; nearest allowed 1.0.0; see http://weir.test/d/b");
    let upstream: Value = serde_json::from_str(&case.body).unwrap();
    for kind in ["full", "abbreviated"] {
        let page = case.page(kind, None);
        assert_eq!(keys(&page["versions"]), ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.1.0+b", "not a version"]);
        let restrictions = &page["policyRestrictions"];
        assert_eq!(keys(&restrictions["versions"]), ["0.9.0", "2.0.0"]);
        assert_eq!(restrictions["versions"]["2.0.0"]["version"], "2.0.0");
        assert_eq!(
            restrictions["versions"]["2.0.0"]["dist"]["tarball"],
            "http://weir.test/dev/npm/@acme/widget/-/widget-2.0.0.tgz"
        );
        assert_eq!(
            restrictions["message"],
            "Weir refuses 2 of 7 versions. 2.0.0: malware MAL-2026-1; nearest allowed 1.1.0; see http://weir.test/d/a. \
             0.9.0: vulnerability GHSA-1; nearest allowed 1.0.0; see http://weir.test/d/b."
        );
        let time: Vec<&str> = keys(&page["time"]);
        assert_eq!(time, ["created", "modified", "0.1.0", "1.0.0", "1.1.0", "2.0.0-rc.1", "2.1.0+b", "not a version"]);
        assert_eq!(page["time"]["modified"], upstream["time"]["modified"]);
        assert_eq!(page["time"]["2.1.0+b"], FIRST_SEEN);
        // `latest` was 2.0.0, `old` was 0.9.0, `next` stays.
        assert_eq!(page["dist-tags"], json!({"latest": "1.1.0", "next": "2.0.0-rc.1"}));
    }
    assert_eq!(case.page("dist-tags", None), json!({"latest": "1.1.0", "next": "2.0.0-rc.1"}));
}

#[test]
fn the_abbreviated_page_has_what_an_installer_needs() {
    let page = Case::widget().page("abbreviated", None);
    assert_eq!(keys(&page), ["name", "dist-tags", "versions", "modified", "time"]);
    assert_eq!(page["modified"], "2016-01-01T00:00:00.000Z");
    let manifest = &page["versions"]["2.0.0"];
    assert_eq!(keys(manifest), ["name", "version", "dependencies", "dist", "hasInstallScript"]);
    assert_eq!(manifest["hasInstallScript"], true);
    assert_eq!(manifest["dist"]["signatures"][0]["keyid"], "SHA256:k");
    assert_eq!(page["versions"]["0.9.0"]["deprecated"], "use 1.0.0");
    assert_eq!(page["versions"]["1.0.0"]["hasInstallScript"], Value::Null);
    // Upstream's own word is not doubted.
    assert_eq!(page["versions"]["1.1.0"]["hasInstallScript"], false);
}

#[test]
fn a_warning_is_a_deprecation_unless_there_is_one() {
    let case =
        Case::widget().warn("1.0.0", "warning: GHSA-2").warn("0.9.0", "warning: GHSA-3").warn("1.1.0", "warning: x");
    for kind in ["full", "abbreviated"] {
        let versions = &case.page(kind, None)["versions"];
        assert_eq!(versions["1.0.0"]["deprecated"], "warning: GHSA-2");
        assert_eq!(versions["0.9.0"]["deprecated"], "use 1.0.0");
        // Upstream says `false`, which is replaced.
        assert_eq!(versions["1.1.0"]["deprecated"], "warning: x");
        assert_eq!(versions["2.0.0"]["deprecated"], Value::Null);
    }
    assert_eq!(case.page("full", None)["policyRestrictions"], Value::Null);
}

#[test]
fn latest_moves_to_what_a_person_would_take() {
    let versions = |list: &[(&str, bool)], latest: &str| {
        let versions: serde_json::Map<String, Value> = list
            .iter()
            .map(|(version, deprecated)| {
                let deprecated = if *deprecated { json!("old") } else { json!("") };
                ((*version).to_owned(), json!({"version": version, "deprecated": deprecated}))
            })
            .collect();
        json!({"dist-tags": {"latest": latest}, "versions": versions}).to_string()
    };
    for (list, expected) in [
        (&[("1.9.0", false), ("1.10.0", false), ("2.0.0", false), ("3.0.0", false)][..], json!("1.10.0")),
        (&[("1.9.0", false), ("1.10.0", true), ("2.0.0", false)], json!("1.9.0")),
        (&[("1.9.0-rc", false), ("2.0.0", false), ("3.0.0", false)], json!("3.0.0")),
        (&[("1.9.0-rc", false), ("2.0.0", false), ("1.8.0", true)], json!("1.8.0")),
        (&[("1.9.0-rc", false), ("2.0.0", false)], json!("1.9.0-rc")),
        (&[("2.0.0", false)], Value::Null),
    ] {
        let case = Case::of("x", &versions(list, "2.0.0")).refuse("2.0.0", "malware", "MAL-1");
        assert_eq!(case.page("dist-tags", None)["latest"], expected, "{list:?}");
    }
}

#[test]
fn a_single_version_is_shown_by_version_and_by_tag() {
    let case = Case::widget().refuse("2.0.0", "malware", "MAL-1");
    assert_eq!(case.shown("1.0.0"), Shown::Release(String::from("1.0.0")));
    assert_eq!(case.shown("latest"), Shown::Release(String::from("1.1.0")));
    assert_eq!(case.shown("2.0.0"), Shown::Release(String::from("2.0.0")));
    assert_eq!(case.shown("old"), Shown::Release(String::from("0.9.0")));
    assert_eq!(case.shown("3.0.0"), Shown::Nothing);
    assert_eq!(case.page("version", Some("latest"))["version"], "1.1.0");
    assert_eq!(
        case.page("version", Some("1.0.0"))["dist"]["tarball"],
        format!("{BASE}/@acme/widget/-/widget-1.0.0.tgz")
    );
    // The gate answers for these before it asks for a page; the page has nothing for them either.
    for detail in ["2.0.0", "3.0.0"] {
        let form = Form { kind: "version", detail: Some(detail.to_owned()) };
        assert!(case.with(|page| ECOSYSTEM.registry.render(page, &form)).is_err());
    }
}

#[test]
fn a_key_in_disguise_leads_nowhere_else() {
    let case = Case::of(
        "x",
        r#"{"versions": {"1.0.0": {"version": "1.0.0", "dist": {"tarball": "https://registry.example/a.tgz"},
            "\u0064ist": {"t\u0061rball": "https://evil.example/x/-/x-1.0.0.tgz", "tarball": "https://evil.example/y.tgz"}}},
            "v\u0065rsions": {"2.0.0": {"version": "2.0.0", "d\u0069st": {"tarball": "https://evil.example/-/z.tgz"}}},
            "stagedVersions": {"versions": {"3.0.0": {"dist": {"tarball": "https://evil.example/s.tgz"}}}},
            "policyRestrictions": {"message": "no", "versions": {"4.0.0": {"dist": {"tarball": "https://evil.example/r.tgz"}}}}}"#,
    );
    let index = case.index();
    assert_eq!(index.releases.len(), 1);
    assert_eq!(index.releases[0].artifacts[0].url, "https://evil.example/-/z.tgz");
    for kind in ["full", "abbreviated"] {
        let rendered = case.with(|page| ECOSYSTEM.registry.render(page, &Form::whole(kind)).unwrap());
        let text = String::from_utf8(rendered.body).unwrap();
        assert!(!text.contains("evil") && !text.contains("registry.example"), "{text}");
        let page: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(keys(&page["policyRestrictions"]["versions"]), ["4.0.0"]);
        assert_eq!(page["policyRestrictions"]["message"], "Upstream: no");
    }
}

#[test]
fn every_artifact_has_a_name_of_its_own() {
    let tarball = |url: &str| json!({"dist": {"tarball": url}});
    let case = Case::of(
        "x",
        &json!({"versions": {
            "1.0.0": tarball("https://registry.example/x/-/x-2.0.0.tgz"),
            "2.0.0": tarball("https://registry.example/x/-/x-2.0.0.tgz"),
            "3.0.0": tarball("https://registry.example/x/-/odd.tgz?x=/y.tgz"),
            "4.0.0": tarball("https://registry.example/x/-/odd.tgz"),
            "5.0.0": tarball("https://registry.example/download/x/5.0.0/d1ce"),
            "6.0.0": tarball("/x/-/a%2fb.tgz"),
            "7.0.0+b": tarball("x/-/x-7.0.0%2Bb.tgz"),
            "8.0.0": tarball("file:///etc/passwd"),
            "9/0/0": tarball("https://registry.example/x/-/%2e%2e"),
        }})
        .to_string(),
    );
    let files: Vec<(String, String)> = case
        .index()
        .releases
        .into_iter()
        .map(|release| (release.version, release.artifacts.into_iter().map(|artifact| artifact.file).collect()))
        .collect();
    let expected = [
        ("1.0.0", "x-1.0.0.tgz"),
        ("2.0.0", "x-2.0.0.tgz"),
        ("3.0.0", "odd.tgz"),
        ("4.0.0", "x-4.0.0.tgz"),
        ("5.0.0", "x-5.0.0.tgz"),
        ("6.0.0", "x-6.0.0.tgz"),
        ("7.0.0+b", "x-7.0.0+b.tgz"),
        ("8.0.0", ""),
    ];
    assert_eq!(files, expected.map(|(version, file)| (version.to_owned(), file.to_owned())));
    assert_eq!(case.index().releases[5].artifacts[0].url, "https://registry.example/x/-/a%2fb.tgz");
}

#[test]
fn what_the_registry_said_is_kept_by_its_own_names() {
    let case = Case::widget();
    let said = case.with(|page| ECOSYSTEM.registry.said(page.documents, page.index, "2.0.0"));
    assert_eq!(said["_npmUser"], json!({"name": "ann"}));
    assert_eq!(said["scripts"], json!({"postinstall": "node setup.js"}));
    assert_eq!(said["dist"]["signatures"][0]["sig"], "c2ln");
    assert_eq!(said["gitHead"], "0123456789012345678901234567890123456789");
    assert_eq!(said["time"], "2016-01-01T00:00:00.000Z");
    assert_eq!(said["readme"], Value::Null);
    assert_eq!(case.with(|page| ECOSYSTEM.registry.said(page.documents, page.index, "9.9.9")), json!({}));
}

#[test]
fn two_thousand_versions_are_parsed_and_rendered() {
    let mut versions = serde_json::Map::new();
    let mut time = serde_json::Map::new();
    let widget: Value = serde_json::from_str(include_str!("../../testdata/widget.json")).unwrap();
    for n in 0..2000 {
        let mut manifest = widget["versions"]["2.0.0"].clone();
        manifest["version"] = json!(format!("1.{n}.0"));
        manifest["dist"]["tarball"] = json!(format!("https://registry.example/x/-/x-1.{n}.0.tgz"));
        manifest["readme"] = json!("# x\n".repeat(100));
        versions.insert(format!("1.{n}.0"), manifest);
        time.insert(format!("1.{n}.0"), json!("2016-01-01T00:00:00.000Z"));
    }
    let body =
        json!({"name": "x", "dist-tags": {"latest": "1.1999.0"}, "versions": versions, "time": time}).to_string();
    let case = Case::of("x", &body).refuse("1.1999.0", "malware", "MAL-1");
    let page = case.page("full", None);
    assert_eq!(page["versions"].as_object().unwrap().len(), 1999);
    assert_eq!(page["dist-tags"]["latest"], "1.1998.0");
}
