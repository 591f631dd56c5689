//! Documents of one package.

use weir_core::Ecosystem;
use weir_core::registry::Document;

/// Where the documents are said to come from.
const URL: &str = "https://registry.example/demo/";

/// A page of PyPI as HTML.
pub fn pypi_html(bytes: &[u8]) {
    parse(&weir_pypi::ECOSYSTEM, "demo", &[("text/html", bytes)]);
}

/// A page of PyPI as JSON.
pub fn pypi_json(bytes: &[u8]) {
    parse(&weir_pypi::ECOSYSTEM, "demo", &[("application/vnd.pypi.simple.v1+json", bytes)]);
}

/// A page with links to files of many packages. What is made of it for one package can be read as its page.
pub fn pypi_flat(bytes: &[u8]) {
    let registry = weir_pypi::ECOSYSTEM.registry;
    let (Some(flat), Ok(package)) = (registry.flat(), weir_pypi::ECOSYSTEM.names.parse("demo")) else { return };
    let page = Document { url: URL, content_type: "text/html", body: bytes };
    let Ok(Some(page)) = flat.page(&package, &page) else { return };
    let page = Document { url: URL, content_type: page.content_type, body: &page.body };
    let read = registry.parse(&package, &[page]);
    assert!(read.is_ok(), "{read:?}");
}

/// npm's document of a package.
pub fn npm_packument(bytes: &[u8]) {
    parse(&weir_npm::ECOSYSTEM, "demo", &[("application/json", bytes)]);
}

/// The lines of a crate, behind a configuration that is well.
pub fn cargo_index(bytes: &[u8]) {
    let configuration = br#"{"dl":"https://static.example/{crate}/{version}/download"}"#;
    parse(&weir_cargo::ECOSYSTEM, "demo", &[("text/plain", bytes), ("application/json", configuration)]);
}

/// A Go module's list of versions.
pub fn go_list(bytes: &[u8]) {
    parse(&weir_go::ECOSYSTEM, "example.com/demo", &[("text/plain", bytes)]);
}

/// A `go.mod` file.
pub fn go_modfile(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = weir_go::Modfile::parse(text).retracts("v1.0.0");
    }
}

/// Maven's list of versions.
pub fn maven_metadata(bytes: &[u8]) {
    parse(&weir_maven::ECOSYSTEM, "org.example:demo", &[("text/xml", bytes)]);
}

/// A POM.
pub fn maven_pom(bytes: &[u8]) {
    let _ = weir_maven::Pom::read(bytes);
}

/// Reads what upstream says of a package; every version that is listed is told of, too.
fn parse(ecosystem: &Ecosystem, package: &str, bodies: &[(&str, &[u8])]) {
    let Ok(package) = ecosystem.names.parse(package) else { return };
    let documents: Vec<_> =
        bodies.iter().map(|(content_type, body)| Document { url: URL, content_type, body }).collect();
    let Ok(index) = ecosystem.registry.parse(&package, &documents) else { return };
    for release in index.releases.iter().take(ASKED_ABOUT) {
        let _ = ecosystem.registry.said(&documents, &index, &release.version);
    }
}

/// Releases of which is asked what is said: each reads the whole document.
const ASKED_ABOUT: usize = 4;
