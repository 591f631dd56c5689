#![doc = include_str!("../README.md")]

mod artifact;
mod client;
mod hosting;
mod index;
mod layout;
mod lockfile;
mod modfile;
mod name;
mod protocol;
mod releases;
mod sums;
mod version;

pub use modfile::Modfile;
pub use name::{escape, split_major, unescape};
pub use sums::SUM_GOLANG_ORG;
pub use version::Version;

use weir_core::client::Client;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::facts::Finding;
use weir_core::hosting::Hosting;
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page, Problem, Registry,
    Releases, Rendered, Reply, Request, RouteError, Shown, Sums, Wanted,
};
use weir_core::{Ecosystem, PackageName};

/// Go and its public module proxy.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "go",
    title: "Go",
    osv: "Go",
    purl_type: "golang",
    purl_rules: Rules::new(Namespace::Required, types::AS_IS),
    names: &name::Paths,
    versions: &version::Semver,
    registry: &ModuleProxy,
    upstream: DefaultUpstream { name: "go", url: "https://proxy.golang.org/", hosts: &["storage.googleapis.com"] },
    lockfiles: lockfile::FORMATS,
};

/// A module proxy.
struct ModuleProxy;

impl Registry for ModuleProxy {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        protocol::route(request)
    }

    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        vec![index::list(package)]
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    fn said(&self, documents: &[Document<'_>], _index: &Index, version: &str) -> serde_json::Value {
        index::said(documents, version)
    }

    fn shown(&self, page: &Page<'_>, form: &Form) -> Shown {
        index::shown(page, form)
    }

    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
        index::render(page, form)
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        artifact::inspection(file)
    }

    fn declared(&self, _file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        artifact::declared(entries, expected)
    }

    fn layout(&self, file: &str, paths: &mut dyn Iterator<Item = &str>, expected: &Expected<'_>) -> Vec<Finding> {
        layout::findings(file, paths, expected)
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&hosting::ModuleHosting)
    }

    fn claimed_version(&self, _package: &PackageName, file: &str) -> Option<String> {
        file.strip_suffix(artifact::ZIP).map(str::to_owned)
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("go get {package}@{version}")
    }

    fn releases(&self) -> Option<&dyn Releases> {
        Some(&releases::ReleaseFiles)
    }

    fn sums(&self) -> Option<&dyn Sums> {
        Some(&sums::Database)
    }
}
