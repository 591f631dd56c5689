//! What a source package declares.

use weir_core::registry::{Container, Declared, Entry, Expected};
use weir_cran::ECOSYSTEM;

const FILE: &str = "cli_3.6.1.tar.gz";

fn declared(entries: &[(&str, &[u8])]) -> Declared {
    let package = ECOSYSTEM.names.parse("cli").unwrap();
    let inspection = ECOSYSTEM.registry.inspection(FILE).unwrap();
    assert_eq!(inspection.container, Container::TarGz);
    let entries: Vec<Entry> = entries
        .iter()
        .filter(|(path, _)| (inspection.wanted)(path))
        .map(|(path, bytes)| Entry { path: (*path).to_owned(), bytes: bytes.to_vec() })
        .collect();
    ECOSYSTEM.registry.declared(FILE, &entries, &Expected { package: &package, version: "3.6.1" })
}

fn codes(declared: &Declared) -> Vec<&str> {
    declared.findings.iter().map(|finding| finding.code.as_str()).collect()
}

const DESCRIPTION: &[u8] = b"Package: cli\nVersion: 3.6.1\nLicense: MIT + file LICENSE\nAuthor: Ren\xe9\nDepends: R (>= 3.4)\nImports: utils\nDate/Publication: 2023-03-23 12:52:05 UTC\n";

#[test]
fn a_package_tells_its_licence_needs_and_scripts() {
    let found = declared(&[
        ("cli/DESCRIPTION", DESCRIPTION),
        ("cli/configure", b"#!/bin/sh"),
        ("cli/src/Makevars", b""),
        ("cli/tests/DESCRIPTION", b"Package: other"),
    ]);
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.license, Some(("MIT".into(), format!("DESCRIPTION in {FILE}"))));
    assert_eq!(found.metadata.as_deref(), Some(DESCRIPTION));
    let expected = serde_json::json!({
        "author": "René",
        "published": "2023-03-23 12:52:05 UTC",
        "dependencies": { "count": 2, "fields": { "depends": "R (>= 3.4)", "imports": "utils" } },
        "install-scripts": ["configure", "src/Makevars"],
    });
    assert_eq!(serde_json::Value::Object(found.said), expected);
}

#[test]
fn a_package_that_contradicts_the_index_is_told() {
    let other = b"Package: clo\nVersion: 3.6.2\nLicense: MIT\n";
    assert_eq!(codes(&declared(&[("cli/DESCRIPTION", other)])), ["name-mismatch", "version-mismatch"]);
    assert_eq!(codes(&declared(&[("cli/DESCRIPTION", b"\n\n")])), ["unreadable-manifest"]);
    assert_eq!(codes(&declared(&[])), ["missing-manifest"]);
    let found = declared(&[("cli/DESCRIPTION", DESCRIPTION), ("clo/DESCRIPTION", DESCRIPTION)]);
    assert_eq!(codes(&found), ["stray-path"]);
    assert_eq!(found.findings[0].text, "cli_3.6.1.tar.gz has `clo/DESCRIPTION` outside of its directory `cli`");
}
