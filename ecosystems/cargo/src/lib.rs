#![doc = include_str!("../README.md")]

mod artifact;
mod client;
mod hosting;
mod index;
mod lockfile;
mod name;
mod protocol;
mod range;
mod version;

pub use artifact::declared;
pub use index::parse;
pub use name::index_path;
pub use version::Version;

use weir_core::client::Client;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::hosting::Hosting;
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page, Problem, Registry,
    Rendered, Reply, Request, RouteError, Wanted,
};
use weir_core::{Ecosystem, PackageName};

/// Cargo and its public registry.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "cargo",
    title: "crates.io",
    osv: "crates.io",
    purl_type: "cargo",
    purl_rules: Rules::new(Namespace::Prohibited, types::AS_IS),
    names: &name::Crates,
    versions: &version::Semver,
    registry: &SparseRegistry,
    upstream: DefaultUpstream {
        name: "cargo",
        url: "https://index.crates.io/",
        hosts: &["static.crates.io", "crates.io"],
    },
    lockfiles: lockfile::FORMATS,
};

/// A registry with a sparse index.
struct SparseRegistry;

impl Registry for SparseRegistry {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        protocol::route(request)
    }

    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        index::documents(package)
    }

    fn upstream_base(&self, url: &str) -> String {
        let url = url.strip_prefix("sparse+").unwrap_or(url);
        if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    fn said(&self, documents: &[Document<'_>], _index: &Index, version: &str) -> serde_json::Value {
        index::said(documents, version)
    }

    fn render(&self, page: &Page<'_>, _form: &Form) -> Result<Rendered, InvalidDocument> {
        index::render(page)
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        artifact::inspection(file)
    }

    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        artifact::declared(file, entries, expected)
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&hosting::CrateHosting)
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        // Build metadata is no part of a requirement.
        let version = version.split('+').next().unwrap_or(version);
        format!("cargo add {package}@{version}")
    }
}
