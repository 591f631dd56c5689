//! The files that tell of single versions.

use weir_core::Timestamp;
use weir_core::registry::{Form, Releases};
use weir_go::ECOSYSTEM;

use crate::pages::{LIST_URL, document, own, package, parse, versions};

const INFO_URL: &str = "https://proxy.example/github.com/!a/m/@v/v1.0.0.info";
const MOD: &str = "module github.com/A/m\n";

fn releases() -> &'static dyn Releases {
    ECOSYSTEM.registry.releases().unwrap()
}

fn read(version: &str, info: &str, modfile: &str) -> Result<weir_core::registry::Release, String> {
    let documents = [own(INFO_URL, info), own("mod", modfile)];
    releases().read(&package(), version, None, &documents).map_err(|invalid| invalid.to_string())
}

#[test]
fn a_version_has_two_files() {
    let paths = |version| -> Vec<String> {
        releases().documents(&package(), version).into_iter().map(|wanted| wanted.path).collect()
    };
    assert_eq!(paths("v1.0.0-RC1"), ["github.com/!a/m/@v/v1.0.0-!r!c1.info", "github.com/!a/m/@v/v1.0.0-!r!c1.mod"]);
    for version in ["master", "v1", "1.0.0", "v2.0.0", "v1.0.0/../../x", ""] {
        assert_eq!(paths(version), [""; 0], "{version}");
    }
}

#[test]
fn info_tells_the_date_and_must_be_of_this_version() {
    let release = read("v1.0.0", r#"{"Version":"v1.0.0","Time":"2024-07-30T14:22:55Z"}"#, MOD).unwrap();
    assert_eq!(release.published, Timestamp::parse("2024-07-30T14:22:55Z"));
    assert_eq!(release.artifacts[0].url, "https://proxy.example/github.com/!a/m/@v/v1.0.0.zip");
    assert_eq!(read("v1.0.0", r#"{"Version":"v1.0.0"}"#, MOD).unwrap().published, None);
    assert_eq!(read("v1.0.0", r#"{"Version":"v1.0.0","Time":"0001-01-01T00:00:00Z"}"#, MOD).unwrap().published, None);
    for info in ["", "{}", "not found", r#"{"Version":"v1.0.1"}"#, r#"{"Version":"v1.0.0","Time":"now"}"#] {
        assert!(read("v1.0.0", info, MOD).is_err(), "{info}");
    }
    assert_eq!(
        read("v1.0.0", r#"{"Version":"v1.0.1"}"#, MOD).unwrap_err(),
        format!("{INFO_URL} is not the .info of a version: it is of `v1.0.1`, not of `v1.0.0`")
    );
}

#[test]
fn a_list_asks_for_what_clients_choose_by_it() {
    let index = parse("v1.0.0\nv1.0.2\nv1.0.1\nv1.1.0\nv1.2.0-rc.1\nv1.2.0-rc.2\nv0.0.0-20191109021931-daa7c04131f5\n");
    let asked = releases().asked(&Form::whole("list"), &index);
    assert_eq!(asked, ["v1.1.0", "v1.0.2", "v1.2.0-rc.2", "v1.0.1", "v1.0.0", "v1.2.0-rc.1"]);
    let of = |kind, detail: &str| releases().asked(&Form { kind, detail: Some(detail.to_owned()) }, &index);
    assert_eq!(of("info", "v1.0.0"), ["v1.0.0"]);
    assert_eq!(of("info", "master"), [""; 0]);
}

#[test]
fn upstream_says_what_a_branch_is() {
    let form = |kind, detail: Option<&str>| Form { kind, detail: detail.map(str::to_owned) };
    let path = |form: &Form| releases().query(&package(), form).map(|wanted| wanted.path);
    assert_eq!(path(&form("info", Some("Master"))).as_deref(), Some("github.com/!a/m/@v/!master.info"));
    assert_eq!(path(&form("latest", None)).as_deref(), Some("github.com/!a/m/@latest"));
    assert_eq!(path(&form("info", Some("v1.0.0"))), None);
    let branch = form("info", Some("master"));
    let resolved = |body| releases().resolved(&branch, &document("x", body));
    let resolved_to = resolved(r#"{"Version":"v0.0.0-20191109021931-daa7c04131f5"}"#).unwrap();
    assert_eq!(resolved_to.version, "v0.0.0-20191109021931-daa7c04131f5");
    assert_eq!(resolved_to.form.detail.as_deref(), Some("v0.0.0-20191109021931-daa7c04131f5"));
    assert!(resolved(r#"{"Version":"master"}"#).is_err());
}

#[test]
fn the_newest_modfile_speaks_for_all_versions() {
    let mut index = parse("v1.0.0\nv1.1.0\nv1.2.0\n");
    let modfile = "// Deprecated: use v2\nmodule github.com/A/m\nretract v1.0.0 // leaks\n";
    let told = [
        ("v1.1.0", vec![document(LIST_URL, ""), document("mod", "module github.com/A/m\nretract v1.1.0\n")]),
        ("v1.2.0", vec![document(LIST_URL, ""), document("mod", modfile)]),
    ];
    releases().conclude(&package(), &mut index, &told);
    assert_eq!(versions(&index), ["v1.0.0", "v1.1.0", "v1.2.0"]);
    assert_eq!(index.releases[0].yanked.as_deref(), Some("leaks"));
    assert_eq!(index.releases[1].yanked, None, "an older file no longer counts");
    assert!(index.releases.iter().all(|release| release.deprecated.as_deref() == Some("use v2")));
}
