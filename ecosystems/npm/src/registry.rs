//! The registry's capabilities, each in the module that answers for it.

use weir_core::PackageName;
use weir_core::client::Client;
use weir_core::hosting::Hosting;
use weir_core::registry::{
    Ask, AuditFinding, Container, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page,
    Problem, Registry, Rendered, Reply, Request, RouteError, Shown, Wanted,
};

use crate::hosting::NpmHosting;
use crate::{artifact, audit, index, name, protocol, render};

/// The npm registry.
#[derive(Debug)]
pub struct Npm;

impl Registry for Npm {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        protocol::route(request)
    }

    /// Always the full packument: the abbreviated one has no dates.
    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        vec![Wanted { path: protocol::encoded(package), accept: "application/json", shared: false }]
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    fn said(&self, documents: &[Document<'_>], _: &Index, version: &str) -> serde_json::Value {
        index::said(documents, version)
    }

    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
        render::render(page, form)
    }

    fn shown(&self, page: &Page<'_>, form: &Form) -> Shown {
        match &form.detail {
            None => Shown::Package,
            Some(detail) => match render::shown(page, detail) {
                Some(version) => Shown::Release(version.to_owned()),
                None => Shown::Nothing,
            },
        }
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        let known = file.ends_with(".tgz") || file.ends_with(".tar.gz");
        known.then_some(Inspection { container: Container::TarGz, wanted: artifact::wanted })
    }

    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        artifact::declared(file, entries, expected)
    }

    fn claimed_version(&self, package: &PackageName, file: &str) -> Option<String> {
        let version = file.strip_prefix(name::split(package.as_str()).1)?.strip_prefix('-')?.strip_suffix(".tgz")?;
        (!version.is_empty()).then(|| version.to_owned())
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&NpmHosting)
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        crate::client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        protocol::install_command(package, version)
    }

    fn whoami(&self, name: &str) -> Reply {
        Reply::json(200, &serde_json::json!({ "username": name }))
    }

    fn audit_question(&self, body: &[u8]) -> Result<Vec<(PackageName, Vec<String>)>, RouteError> {
        audit::question(body)
    }

    fn audit_answer(&self, findings: &[AuditFinding<'_>]) -> Reply {
        audit::answer(findings)
    }
}
