//! The simple API: request path → what is asked; what Weir has to say → what clients show.
//!
//! | Path | Asks for |
//! |---|---|
//! | `simple/` | the names |
//! | `simple/{name}/` | the page of a package |
//! | `files/{package}/{file}` | an artifact |
//! | `files/{package}/{file}.metadata` | its core metadata (PEP 658) |
//! | `provenance/{package}/{file}` | its attestations (PEP 740) |
//! | `legacy/`, by POST | publishing a file |

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::Url;
use weir_core::PackageName;
use weir_core::client::Client;
use weir_core::ecosystem::Names;
use weir_core::hosting::{Hosting, Write};
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Flat, Form, Index, Inspection, InvalidDocument, Method, Page, Part,
    Problem, Registry, Rendered, Reply, Request, RouteError, Wanted, Which,
};

use crate::accept;
use crate::artifact;
use crate::hosting::{PypiHosting, UPLOAD};
use crate::index::{self, JSON, content_type};
use crate::metadata;
use crate::name::PypiNames;

/// Longest path that is looked at, in bytes.
pub const MAX_PATH: usize = 2048;

/// What Weir asks upstream for: JSON where there is JSON.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// How PyPI's registry speaks.
#[derive(Clone, Copy, Debug)]
pub struct PypiRegistry;

impl Registry for PypiRegistry {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        if !matches!(request.method, Method::Get | Method::Head) {
            if request.method == Method::Post && matches!(request.path, "" | "legacy" | "legacy/") {
                return Ok(Ask::Write(Write { what: UPLOAD, package: None, detail: None }));
            }
            return Err(RouteError::MethodNotAllowed(String::from(
                "the simple API is read with GET and HEAD; files are uploaded to legacy/",
            )));
        }
        if request.path.len() > MAX_PATH {
            return Err(not_found());
        }
        let form = || accept::form(request.accept, request.query);
        let mut segments = request.path.split('/');
        match [segments.next(), segments.next(), segments.next(), segments.next()] {
            [Some("simple"), None, ..] => Ok(Ask::Redirect(String::from("simple/"))),
            [Some("simple"), Some(""), None, _] => Ok(Ask::Names(form())),
            [Some("simple"), Some(name), end @ (None | Some("")), None] => {
                let package = package(name)?;
                Ok(if end.is_some() && name == package.as_str() {
                    Ask::Index { package, form: form() }
                } else {
                    let query = accept::query_of_form(request.query).map_or(String::new(), |query| format!("?{query}"));
                    Ask::Redirect(format!("simple/{package}/{query}"))
                })
            }
            [Some("files"), Some(name), Some(file), None] => {
                let file = segment(file)?;
                match file.strip_suffix(".metadata") {
                    Some(file) => artifact(name, file, Part::Metadata),
                    None => artifact(name, &file, Part::Whole),
                }
            }
            [Some("provenance"), Some(name), Some(file), None] => artifact(name, &segment(file)?, Part::Provenance),
            _ => Err(not_found()),
        }
    }

    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        vec![Wanted { path: format!("{package}/"), accept: ACCEPT, shared: false }]
    }

    fn flat(&self) -> Option<&dyn Flat> {
        Some(&index::FindLinks)
    }

    fn upstream_base(&self, url: &str) -> String {
        let mut base = url.trim_end_matches('/').to_owned();
        if Url::parse(url).is_ok_and(|url| url.path() == "/") {
            base.push_str("/simple");
        }
        base.push('/');
        base
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents).map(|reading| reading.index)
    }

    fn said(&self, documents: &[Document<'_>], index: &Index, version: &str) -> Value {
        index::said(documents, index, version)
    }

    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
        index::render(page, form)
    }

    /// Problem details (RFC 9457). The media type has no parameters: uv reads the body only under exactly this type.
    fn problem(&self, problem: &Problem) -> Reply {
        let mut body = json!({
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
        });
        if let Some((id, address)) = &problem.decision {
            body["instance"] = Value::from(address.as_str());
            body["decision"] = Value::from(id.as_str());
        }
        Reply { content_type: String::from("application/problem+json"), ..Reply::json(problem.status, &body) }
    }

    fn platforms(&self, file: &str) -> Option<Vec<String>> {
        let (_, tags) = file.strip_suffix(".whl")?.rsplit_once('-')?;
        let tags: Vec<String> = tags.split('.').filter(|tag| *tag != "any").map(str::to_owned).collect();
        (!tags.is_empty()).then_some(tags)
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        artifact::inspection(file)
    }

    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        metadata::declared(file, entries, expected)
    }

    fn metadata_path(&self, expected: &Expected<'_>) -> Option<String> {
        Some(format!("{}-{}.dist-info/METADATA", expected.package, expected.version))
    }

    fn claimed_version(&self, package: &PackageName, file: &str) -> Option<String> {
        artifact::read_file_name(package, file).map(|name| name.version.to_string())
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        vec![
            ("pip", format!("pip install --index-url {base}/simple/ PACKAGE")),
            ("uv", format!("uv pip install --index-url {base}/simple/ PACKAGE")),
            ("poetry", format!("poetry source add --priority=primary weir {base}/simple/")),
        ]
    }

    fn clients(&self) -> &'static [Client] {
        crate::client::CLIENTS
    }

    fn hosting(&self) -> Option<&dyn Hosting> {
        Some(&PypiHosting)
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("pip install '{package}=={version}'")
    }

    fn names(&self, names: &[PackageName], form: &Form) -> Reply {
        let body = if *form == JSON {
            let projects = names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
            json!({ "meta": { "api-version": "1.0" }, "projects": projects }).to_string()
        } else {
            let links = names.iter().map(|name| format!("<a href=\"{name}/\">{name}</a><br>\n")).collect::<String>();
            format!(
                "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.0\">\n\
                 <title>Simple index</title>\n</head>\n<body>\n{links}</body>\n</html>\n"
            )
        };
        Reply { content_type: String::from(content_type(form)), ..Reply::text(200, body) }
    }
}

/// One path segment, decoded once. What could lead elsewhere, or be decoded again, is no segment.
fn segment(raw: &str) -> Result<String, RouteError> {
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| not_found())?;
    let sound = !decoded.is_empty()
        && !matches!(decoded.as_ref(), "." | "..")
        && !decoded.contains(|c: char| matches!(c, '/' | '\\' | '%') || c.is_control());
    if sound { Ok(decoded.into_owned()) } else { Err(not_found()) }
}

fn package(raw: &str) -> Result<PackageName, RouteError> {
    PypiNames.parse(&segment(raw)?).map_err(|error| RouteError::NotFound(error.to_string()))
}

fn artifact(package_segment: &str, file: &str, part: Part) -> Result<Ask, RouteError> {
    let package = package(package_segment)?;
    if !artifact::is_file_name(file) {
        return Err(not_found());
    }
    Ok(Ask::Artifact { package, which: Which::File(file.to_owned()), part })
}

fn not_found() -> RouteError {
    RouteError::NotFound(String::from("expected simple/{name}/ or files/{name}/{file}"))
}
