//! Lists and the files of versions, as they come and as they go.

use weir_core::registry::{
    Document, Form, Index, Note, Page, ReleaseDocument, Rendered, ServedArtifact, ServedRelease, Shown,
};
use weir_core::{PackageName, Timestamp};
use weir_go::ECOSYSTEM;

pub const LIST_URL: &str = "https://proxy.example/github.com/!a/m/@v/list";

pub fn package() -> PackageName {
    PackageName::from_normalized("github.com/A/m")
}

pub fn document<'a>(url: &'a str, body: &'a str) -> Document<'a> {
    Document { url, content_type: "text/plain", body: body.as_bytes() }
}

pub fn parse(list: &str) -> Index {
    ECOSYSTEM.registry.parse(&package(), &[document(LIST_URL, list)]).unwrap()
}

pub fn versions(index: &Index) -> Vec<&str> {
    index.releases.iter().map(|release| release.version.as_str()).collect()
}

/// How an index is served where these versions are refused.
fn served(index: &Index, refused: &[&str]) -> Vec<ServedRelease> {
    let note = Note { rule: String::from("vulnerability"), text: String::from("no") };
    let serve = |version: &str| {
        let refused = refused.contains(&version).then(|| note.clone());
        let published = Timestamp::from_millis(0);
        let artifact = ServedArtifact { refused: refused.clone(), published, metadata: None };
        ServedRelease { refused, warned: None, published, artifacts: vec![artifact] }
    };
    index.releases.iter().map(|release| serve(&release.version)).collect()
}

fn look<T>(list: &str, refused: &[&str], look: impl Fn(&Page<'_>) -> T) -> T {
    let index = parse(list);
    let documents = [document(LIST_URL, list), document("info", "{}"), document("mod", "module github.com/A/m\n")];
    let releases = served(&index, refused);
    let package = package();
    look(&Page {
        package: &package,
        documents: &documents,
        index: &index,
        releases: &releases,
        base: "http://h/dev/go",
    })
}

fn form(kind: &'static str, version: Option<&str>) -> Form {
    Form { kind, detail: version.map(str::to_owned) }
}

fn text(rendered: Rendered) -> String {
    String::from_utf8(rendered.body).unwrap()
}

#[test]
fn a_list_has_the_versions_of_this_module_once_each() {
    let index = parse(
        "v1.0.0\nv1.1.0 2020-01-01T00:00:00Z\n\nv2.0.0\nv1.0.0\njunk\nv1.2\nv3.0.0+incompatible\r\nv1.0.0/../x\n",
    );
    assert_eq!(versions(&index), ["v1.0.0", "v1.1.0", "v3.0.0+incompatible"]);
    assert_eq!(index.releases[0].artifacts[0].file, "v1.0.0.zip");
    assert_eq!(index.releases[2].artifacts[0].url, "https://proxy.example/github.com/!a/m/@v/v3.0.0+incompatible.zip");
    assert_eq!(parse("").releases.len(), 0, "a module without tags");
}

#[test]
fn what_is_no_list_is_refused() {
    for list in ["<html>", "\u{feff}<!doctype html>"].map(|text| text.trim_start_matches('\u{feff}')) {
        assert!(ECOSYSTEM.registry.parse(&package(), &[document(LIST_URL, list)]).is_err());
    }
    let bytes = Document { url: LIST_URL, content_type: "", body: b"\xff" };
    assert!(ECOSYSTEM.registry.parse(&package(), &[bytes]).is_err());
    let many: String = (0..=50_000).map(|patch| format!("v1.0.{patch}\n")).collect();
    assert!(ECOSYSTEM.registry.parse(&package(), &[document(LIST_URL, &many)]).is_err());
    let limit = &many[..many.trim_end().rfind('\n').unwrap()];
    assert_eq!(parse(limit).releases.len(), 50_000);
}

#[test]
fn a_list_lacks_what_is_refused_and_nothing_else() {
    let list = "v1.1.0\nv1.0.0\nv1.2.0-rc.1\n";
    let listed = |refused: &[&str]| {
        look(list, refused, |page| text(ECOSYSTEM.registry.render(page, &form("list", None)).unwrap()))
    };
    assert_eq!(listed(&[]), list);
    assert_eq!(listed(&["v1.1.0"]), "v1.0.0\nv1.2.0-rc.1\n");
}

#[test]
fn the_latest_is_the_newest_that_is_allowed() {
    let list = "v1.1.0\nv1.0.0\nv1.2.0-rc.1\n";
    let latest = |list: &str, refused: &[&str]| {
        look(list, refused, |page| ECOSYSTEM.registry.shown(page, &form("latest", None)))
    };
    let release = |version: &str| Shown::Release(version.to_owned());
    assert_eq!(latest(list, &[]), release("v1.1.0"));
    assert_eq!(latest(list, &["v1.1.0"]), release("v1.0.0"));
    assert_eq!(latest(list, &["v1.1.0", "v1.0.0"]), release("v1.2.0-rc.1"));
    assert_eq!(latest(list, &["v1.1.0", "v1.0.0", "v1.2.0-rc.1"]), release("v1.1.0"), "its refusal is the answer");
    assert_eq!(latest("", &[]), Shown::Nothing, "upstream is asked");
}

#[test]
fn a_modfile_is_shown_while_any_version_may_be_used() {
    let shown = |kind, version, refused: &[&str]| {
        look("v1.0.0\nv1.1.0\n", refused, |page| ECOSYSTEM.registry.shown(page, &form(kind, Some(version))))
    };
    let release = Shown::Release(String::from("v1.0.0"));
    assert_eq!(shown("mod", "v1.0.0", &["v1.0.0"]), Shown::Package);
    assert_eq!(shown("mod", "v1.0.0", &["v1.0.0", "v1.1.0"]), release);
    assert_eq!(shown("info", "v1.0.0", &[]), release);
    assert_eq!(shown("info", "v9.0.0", &[]), Shown::Nothing);
    let rendered = |kind| {
        look("v1.0.0\n", &[], |page| text(ECOSYSTEM.registry.render(page, &form(kind, Some("v1.0.0"))).unwrap()))
    };
    assert_eq!(rendered("mod"), "module github.com/A/m\n");
    assert_eq!(rendered("info"), "{}");
}

#[test]
fn the_memory_has_repository_and_requirements() {
    let info = r#"{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git","Hash":"abc"}}"#;
    let documents = [
        document(LIST_URL, "v1.0.0\n"),
        document("info", info),
        document("mod", "module github.com/A/m\nrequire example.com/b v1.0.0\n"),
    ];
    let said = ECOSYSTEM.registry.said(&documents, &parse("v1.0.0\n"), "v1.0.0");
    assert_eq!(said["origin"]["Hash"], "abc");
    assert_eq!(said["requires"][0], "example.com/b v1.0.0");
}

/// A document of one version.
pub fn own<'a>(url: &'a str, body: &'a str) -> ReleaseDocument<'a> {
    ReleaseDocument { document: document(url, body), last_modified: None }
}
