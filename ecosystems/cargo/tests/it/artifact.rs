//! What a crate file declares.

use weir_cargo::ECOSYSTEM;
use weir_core::registry::{Container, Declared, Entry, Expected};

const FILE: &str = "Weir-Demo-1.0.0.crate";

fn declared(entries: &[(&str, &str)]) -> Declared {
    let package = ECOSYSTEM.names.parse("weir-demo").unwrap();
    let inspection = ECOSYSTEM.registry.inspection(FILE).unwrap();
    assert_eq!(inspection.container, Container::TarGz);
    let entries: Vec<Entry> = entries
        .iter()
        .filter(|(path, _)| (inspection.wanted)(path))
        .map(|(path, text)| Entry { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect();
    ECOSYSTEM.registry.declared(FILE, &entries, &Expected { package: &package, version: "1.0.0" })
}

fn manifest(rest: &str) -> Declared {
    declared(&[(
        "Weir-Demo-1.0.0/Cargo.toml",
        &format!("[package]\nname = \"Weir-Demo\"\nversion = \"1.0.0\"\n{rest}"),
    )])
}

fn codes(declared: &Declared) -> Vec<&str> {
    declared.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_crate_tells_its_licence_and_origin() {
    let text = r#"
        [package]
        name = "Weir-Demo"
        version = "1.0.0"
        authors = ["A <a@example.org>", "B"]
        license = "MIT/Apache-2.0"
        repository = "https://example.org/demo"
        links = "demo"
        build = "build/main.rs"
        [lib]
        proc-macro = true
        [dependencies.a]
        version = "1"
        [build-dependencies]
        b = "1"
        [target.'cfg(unix)'.dependencies]
        c = "1"
        [dev-dependencies]
        d = "1"
    "#;
    let vcs = r#"{"git":{"sha1":"0123","dirty":true},"path_in_vcs":"crates/demo"}"#;
    let found = declared(&[
        ("Weir-Demo-1.0.0/.cargo_vcs_info.json", vcs),
        ("Weir-Demo-1.0.0/Cargo.toml", text),
        ("Weir-Demo-1.0.0/Cargo.toml.orig", "not TOML"),
        ("Weir-Demo-1.0.0/examples/Cargo.toml", "[package]\nname = \"x\""),
    ]);
    assert_eq!(found.license, Some(("MIT/Apache-2.0".into(), format!("Cargo.toml in {FILE}"))));
    assert!(found.findings.is_empty() && found.metadata.is_none());
    let expected = serde_json::json!({
        "repository": "https://example.org/demo",
        "links": "demo",
        "authors": ["A <a@example.org>", "B"],
        "build-script": "build/main.rs",
        "proc-macro": true,
        "dependencies": { "normal": 2, "build": 1, "dev": 1 },
        "vcs": { "sha1": "0123", "dirty": true, "path-in-vcs": "crates/demo" },
    });
    assert_eq!(serde_json::Value::Object(found.said), expected);
}

#[test]
fn a_licence_is_an_expression_a_file_or_nothing() {
    let license = |rest: &str| manifest(rest).license.unwrap().0;
    assert_eq!(license("license = \"MIT OR Apache-2.0\"\nlicense-file = \"L\""), "MIT OR Apache-2.0");
    assert_eq!(license("license-file = \"LICENSE\""), "LicenseRef-license-file");
    assert_eq!(license(""), "");
    assert_eq!(license("license = \"\""), "");
}

#[test]
fn a_build_script_is_found_where_cargo_finds_it() {
    let script = |rest: &str, file: bool| {
        let text = format!("[package]\nname = \"weir_demo\"\nversion = \"1.0.0\"\n{rest}");
        let mut entries = vec![("weir-demo-1.0.0/Cargo.toml", text.as_str())];
        if file {
            entries.push(("weir-demo-1.0.0/build.rs", "fn main() {}"));
        }
        declared(&entries).said.get("build-script").and_then(|script| script.as_str().map(String::from))
    };
    assert_eq!(script("", true).as_deref(), Some("build.rs"));
    assert_eq!(script("", false), None);
    assert_eq!(script("build = false", true), None);
    assert_eq!(script("build = \"x.rs\"", true).as_deref(), Some("x.rs"));
}

#[test]
fn a_crate_that_contradicts_the_index_is_told() {
    assert!(codes(&manifest("")).is_empty());
    let text = |name: &str, version: &str| format!("[package]\nname = \"{name}\"\nversion = \"{version}\"");
    let other = declared(&[("weir-demo-1.0.0/Cargo.toml", &text("other", "1.0.1"))]);
    assert_eq!(codes(&other), ["name-mismatch", "version-mismatch"]);
    assert_eq!(other.findings[0].text, "Weir-Demo-1.0.0.crate is of `weir-demo`, and its Cargo.toml says `other`");
    // `-` and `_` are told apart by cargo.
    assert_eq!(codes(&declared(&[("weir-demo-1.0.0/Cargo.toml", &text("weir_demo", "1.0.0"))])), ["name-mismatch"]);
    assert_eq!(
        codes(&declared(&[("weir-demo-1.0.0/Cargo.toml", "[workspace]")])),
        ["name-mismatch", "version-mismatch"]
    );
    assert_eq!(codes(&declared(&[("weir-demo-1.0.0/Cargo.toml", "= nothing")])), ["unreadable-manifest"]);
    assert_eq!(codes(&declared(&[])), ["missing-manifest"]);
}

#[test]
fn files_beside_the_one_directory_are_told() {
    let good = "[package]\nname = \"weir-demo\"\nversion = \"1.0.0\"";
    let entries = [("weir-demo-1.0.0/Cargo.toml", good), ("Cargo.toml", good)];
    let found = declared(&entries);
    assert_eq!(codes(&found), ["stray-path"]);
    assert_eq!(
        found.findings[0].text,
        "Weir-Demo-1.0.0.crate has `Cargo.toml` outside of its directory `weir-demo-1.0.0`"
    );
    assert_eq!(codes(&declared(&[("weir-demo-2.0.0/Cargo.toml", good)])), ["stray-path", "missing-manifest"]);
}

#[test]
fn other_files_are_not_opened() {
    assert!(ECOSYSTEM.registry.inspection("x.tar.gz").is_none());
}

proptest::proptest! {
    #[test]
    fn no_manifest_makes_it_panic(text in "[\\PC\n]{0,200}", rest in "[a-z\\[\\]\"={} \n.-]{0,80}", json in "\\PC{0,80}") {
        manifest(&rest);
        declared(&[("weir-demo-1.0.0/Cargo.toml", &text), ("weir-demo-1.0.0/.cargo_vcs_info.json", &json)]);
    }
}
