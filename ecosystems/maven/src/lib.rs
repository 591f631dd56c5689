#![doc = include_str!("../README.md")]

mod artifact;
mod client;
mod hosting;
mod index;
mod layout;
mod metadata;
mod name;
mod pom;
mod protocol;
mod range;
mod version;
mod xml;

pub use artifact::declared;
pub use index::parse;
pub use pom::Pom;
pub use version::Version;

use weir_core::client::Client;
use weir_core::digest::Checksum;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::hosting::Hosting;
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Files, Form, Index, Inspection, InvalidDocument, Page, Problem, Registry,
    Releases, Rendered, Reply, Request, RouteError, Shown, Wanted,
};
use weir_core::{Ecosystem, PackageName};

/// Maven repositories, and Maven Central.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "maven",
    title: "Maven",
    osv: "Maven",
    purl_type: "maven",
    purl_rules: Rules::new(Namespace::Required, types::AS_IS),
    names: &name::Coordinates,
    versions: &version::Comparable,
    registry: &Repository,
    upstream: DefaultUpstream {
        name: "maven",
        url: "https://repo.maven.apache.org/maven2/",
        hosts: &["repo1.maven.org"],
    },
    lockfiles: &[],
};

/// A repository in Maven's layout.
struct Repository;

impl Registry for Repository {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        protocol::route(request)
    }

    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        index::documents(package)
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    /// The list of versions says nothing of one; its POM does, which is looked into as a file.
    fn said(&self, _documents: &[Document<'_>], _index: &Index, _version: &str) -> serde_json::Value {
        serde_json::Value::Object(serde_json::Map::new())
    }

    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
        index::render(page, form)
    }

    fn shown(&self, _page: &Page<'_>, form: &Form) -> Shown {
        match form.detail {
            Some(_) => Shown::Nothing,
            None => Shown::Package,
        }
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

    fn releases(&self) -> Option<&dyn Releases> {
        Some(&index::Poms)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(&index::Tree)
    }

    fn checksum_headers(&self) -> &'static [(&'static str, Checksum)] {
        &[("x-checksum-sha1", Checksum::Sha1), ("x-checksum-md5", Checksum::Md5)]
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&hosting::Deploying)
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("mvn dependency:get -Dartifact={package}:{version}")
    }
}
