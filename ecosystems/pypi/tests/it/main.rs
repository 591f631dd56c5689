//! Tests of the PyPI ecosystem at its boundary: what `weir_pypi::ECOSYSTEM` does with what upstreams and clients send.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod flat;
mod index;
mod metadata;
mod protocol;
mod render;
mod version;

use weir_core::PackageName;
use weir_core::registry::Document;
use weir_pypi::ECOSYSTEM;

/// The name of a package, however it is spelled.
fn package(name: &str) -> PackageName {
    ECOSYSTEM.names.parse(name).unwrap()
}

/// A document as the package page of `example` at a made-up mirror.
fn document<'a>(content_type: &'a str, body: &'a [u8]) -> Document<'a> {
    Document { url: "https://mirror.example.org/simple/example/", content_type, body }
}

/// The JSON page of `testdata/`.
fn json_page() -> Document<'static> {
    document("application/vnd.pypi.simple.v1+json", include_bytes!("../../testdata/example.json"))
}

/// The HTML page of `testdata/`.
fn html_page() -> Document<'static> {
    document("text/html; charset=utf-8", include_bytes!("../../testdata/example.html"))
}
