//! The repository as the gate sees it.

use weir_core::PackageName;
use weir_core::catalogue::{Catalogue, Packing};
use weir_core::client::Client;
use weir_core::hosting::Hosting;
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page, Problem, Registry,
    Rendered, Reply, Request, RouteError, Wanted,
};

use crate::hosting::SourceHosting;
use crate::protocol::Path;
use crate::{archive, artifact, catalogue, index, name, protocol};

/// A CRAN repository.
pub struct Repository;

impl Registry for Repository {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        match protocol::path(request)? {
            Path::Ask(ask) => Ok(ask),
            Path::Catalogue { tree, gzip } => Ok(Ask::Catalogue {
                part: catalogue::part(&tree),
                packing: if gzip { Packing::Gzip } else { Packing::Plain },
            }),
        }
    }

    fn documents(&self, _package: &PackageName) -> Vec<Wanted> {
        Vec::new()
    }

    fn catalogue(&self) -> Option<&dyn Catalogue> {
        Some(&catalogue::Trees)
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    fn said(&self, documents: &[Document<'_>], _index: &Index, version: &str) -> serde_json::Value {
        index::said(documents, version)
    }

    fn render(&self, page: &Page<'_>, _form: &Form) -> Result<Rendered, InvalidDocument> {
        Ok(crate::listing::render(page))
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&SourceHosting)
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

    fn claimed_version(&self, package: &PackageName, file: &str) -> Option<String> {
        let (name, version) = archive::split_file(file)?;
        (name == name::split(package).1).then(|| version.to_owned())
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        crate::client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("remotes::install_version(\"{}\", \"{version}\")", name::split(package).1)
    }
}
