//! What a module zip declares.

use weir_core::PackageName;
use weir_core::registry::{Entry, Expected};
use weir_go::ECOSYSTEM;

fn declared(entries: &[(&str, &str)]) -> weir_core::registry::Declared {
    let package = PackageName::from_normalized("example.com/m");
    let entries: Vec<Entry> = entries
        .iter()
        .map(|(path, text)| Entry { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect();
    ECOSYSTEM.registry.declared("v1.0.0.zip", &entries, &Expected { package: &package, version: "v1.0.0" })
}

#[test]
fn the_modfile_and_the_licence_at_the_top_are_looked_at() {
    let inspection = ECOSYSTEM.registry.inspection("v1.0.0.zip").unwrap();
    for (path, wanted) in [
        ("example.com/m@v1.0.0/go.mod", true),
        ("example.com/m@v1.0.0/LICENSE", true),
        ("example.com/m@v1.0.0/License.md", true),
        ("example.com/m@v1.0.0/LICENSE-APACHE", true),
        ("example.com/m@v1.0.0/COPYING.LESSER", true),
        ("example.com/m@v1.0.0/main.go", false),
        ("example.com/m@v1.0.0/sub/LICENSE", false),
        ("example.com/m@v1.0.0/sub/go.mod", false),
        ("go.mod", false),
    ] {
        assert_eq!((inspection.wanted)(path), wanted, "{path}");
    }
    assert!(ECOSYSTEM.registry.inspection("v1.0.0.mod").is_none());
}

#[test]
fn it_tells_what_it_requires_and_which_module_it_is() {
    let it = declared(&[
        ("example.com/m@v1.0.0/go.mod", "module example.com/other\nrequire example.com/a v1.2.3\n"),
        ("example.com/m@v1.0.0/LICENSE", "text"),
    ]);
    assert_eq!(it.said["requires"][0], "example.com/a v1.2.3");
    assert_eq!(it.said["module"], "example.com/other");
    assert_eq!(it.said["license-files"][0], "LICENSE");
    assert!(it.findings.is_empty());
    let astray = declared(&[("example.com/other@v1.0.0/go.mod", "module x\n")]);
    assert!(astray.said.get("module").is_none() && astray.own.is_empty());
}
