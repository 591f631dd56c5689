//! Packages of one's own: the upload form of PyPI's "legacy" API, and the page that such a package has.
//!
//! The form has no specification; it is what twine, uv, poetry and flit send (docs.pypi.org, "Upload API"). One request
//! brings one file. Attestations (PEP 740) come in the field `attestations` and are served as they came. They must be
//! about the file that they come with; their signatures are not verified.

use serde_json::{Map, Value, json};
use weir_core::PackageName;
use weir_core::attestation::Statement;
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::{Names as _, Versions as _};
use weir_core::hosting::{
    BASE, Body, Change, Content, Done, Hosted, HostedDocument, HostedFile, Hosting, Identity, Unreadable, Upload, Write,
};
use weir_core::registry::{Entry, Problem, Registry as _, Reply};

use crate::artifact::{Kind, read_file_name};
use crate::metadata::declared_name;
use crate::multipart::{self, Form};
use crate::name::PypiNames;
use crate::protocol::PypiRegistry;
use crate::specifier::Specifiers;
use crate::version::PypiVersions;

/// A [`Write`]: the form.
pub const UPLOAD: &str = "upload";

/// Longest summary, in characters.
const MAX_SUMMARY: usize = 2048;
/// Most attestations of a file.
const MAX_ATTESTATIONS: usize = 16;

/// How PyPI takes in packages.
#[derive(Clone, Copy, Debug)]
pub struct PypiHosting;

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for PypiHosting {
    fn read(&self, _: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        upload(&multipart::read(body)?).map(|upload| Change::Publish(Box::new(upload)))
    }

    fn documents(&self, package: &PackageName, hosted: &Hosted) -> Vec<HostedDocument> {
        let mut files = Vec::new();
        for release in &hosted.releases {
            let yanked = release.yanked.as_deref();
            files.extend(release.files.iter().map(|it| (it.published, file(package, it, yanked))));
        }
        files.sort_by_key(|(published, _)| *published);
        let files: Vec<Value> = files.into_iter().map(|(_, file)| file).collect();
        let versions: Vec<&str> = hosted.releases.iter().map(|release| release.version.as_str()).collect();
        let page = json!({
            "meta": { "api-version": "1.3" },
            "name": package,
            "versions": versions,
            "files": files,
        });
        vec![HostedDocument {
            content_type: "application/vnd.pypi.simple.v1+json",
            body: page.to_string().into_bytes(),
        }]
    }

    fn identify(&self, file: &str, entries: &[Entry]) -> Option<Identity> {
        let package = PypiNames.parse(&declared_name(file, entries)?).ok()?;
        let read = read_file_name(&package, file).filter(|read| read.kind != Kind::Legacy)?;
        Some(Identity { package, version: read.version.to_string(), file: file.to_owned(), joins: true })
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        Reply::text(200, done.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect())
    }

    fn problem(&self, problem: &Problem) -> Reply {
        PypiRegistry.problem(problem)
    }
}

/// The entry of a page.
fn file(package: &PackageName, file: &HostedFile, yanked: Option<&str>) -> Value {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("filename", json!(file.file));
    put("url", json!(format!("{BASE}pypi/files/{package}/{}", file.file)));
    put("hashes", json!({ "sha256": file.sha256 }));
    put("size", json!(file.size));
    put("upload-time", json!(file.published));
    if let Some(requires) = file.metadata.get("requires-python") {
        put("requires-python", requires.clone());
    }
    if let Some(reason) = yanked {
        put("yanked", if reason.is_empty() { Value::Bool(true) } else { json!(reason) });
    }
    if let Some(address) = &file.provenance {
        put("provenance", json!(address));
    }
    Value::Object(entry)
}

/// Reads an upload form.
fn upload(form: &Form) -> Result<Upload, Unreadable> {
    let field = |name: &str| form.value(name);
    match field(":action") {
        None | Some("file_upload") => {}
        Some(action) => return Err(invalid(format!("`:action` is `{}`; files are uploaded here", clip(action)))),
    }
    let name = field("name").ok_or_else(|| invalid("the form has no `name`"))?;
    let package = PypiNames.parse(name).map_err(|error| invalid(error.to_string()))?;
    let version = field("version").ok_or_else(|| invalid("the form has no `version`"))?;
    let Some((_, file, at)) = &form.file else { return Err(invalid("the form has no file")) };
    let read = read_file_name(&package, file)
        .ok_or_else(|| invalid(format!("`{}` is no file name of `{package}`", clip(file))))?;
    if read.kind == Kind::Legacy {
        return Err(invalid(format!("`{}` is neither a wheel nor an sdist", clip(file))));
    }
    let spelled = read.version.to_string();
    if PypiVersions.canonical(&spelled) != PypiVersions.canonical(version) {
        return Err(invalid(format!("`{}` is not a file of version `{}`", clip(file), clip(version))));
    }
    let mut stated = StatedDigests::default();
    if let Some(sha256) = field("sha256_digest") {
        let digest = sha256.parse().map_err(|_| invalid("`sha256_digest` is not a SHA-256 digest"))?;
        stated.sha256 = Some(digest);
    }
    let mut kept = Map::new();
    if let Some(requires) = field("requires_python") {
        requires.parse::<Specifiers>().map_err(|_| {
            invalid(format!("`requires_python` is `{}`, which is no version specifier", clip(requires)))
        })?;
        kept.insert(String::from("requires-python"), json!(requires));
    }
    let summary: Option<String> = field("summary").map(|summary| summary.chars().take(MAX_SUMMARY).collect());
    let named = |label: &&str| {
        let label = label.to_ascii_lowercase();
        ["repository", "source", "github", "gitlab", "code", "homepage"].iter().any(|word| label.contains(word))
    };
    let source = field("home_page").is_some() || form.values("project_urls").any(|url| named(&url));
    let classified = form.values("classifiers").any(|classifier| classifier.starts_with("License ::"));
    let provenance = field("attestations").map(|text| provenance(text, file, &mut stated)).transpose()?;
    Ok(Upload {
        provenance,
        package,
        version: spelled,
        metadata: json!({ "summary": summary }),
        tags: Vec::new(),
        file: file.clone(),
        content: Content::At(at.clone()),
        stated,
        file_metadata: Value::Object(kept),
        joins: true,
        waits: false,
        opaque: false,
        license: field("license").is_some() || field("license_expression").is_some() || classified,
        source,
    })
}

/// Attestations as a provenance object (PEP 740). Each must be about this file, by its name and by its bytes: what it says of
/// those is added to what the upload states. Who publishes is not verified, and the object says so by its kind.
fn provenance(text: &str, file: &str, stated: &mut StatedDigests) -> Result<Vec<u8>, Unreadable> {
    let problem = |problem: &str| invalid(format!("`attestations` {problem}"));
    let attestations: Vec<Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| problem(&format!("is not a list of objects: {error}")))?;
    if attestations.is_empty() || attestations.len() > MAX_ATTESTATIONS {
        return Err(problem(&format!("has {} entries; 1 to {MAX_ATTESTATIONS} are taken", attestations.len())));
    }
    for (attestation, at) in attestations.iter().zip(1..) {
        let wrong = |what: &str| problem(&format!("has an entry {at} that is no attestation of `{file}`: {what}"));
        if attestation.get("version") != Some(&json!(1)) {
            return Err(wrong("it is not of version 1"));
        }
        let envelope = attestation.get("envelope");
        let part = |name: &str| envelope.and_then(|envelope| envelope.get(name)).and_then(Value::as_str);
        if part("signature").is_none_or(str::is_empty) {
            return Err(wrong("it has no signature"));
        }
        let material = attestation.get("verification_material");
        let has = |name: &str| material.and_then(|material| material.get(name));
        if !has("certificate").is_some_and(Value::is_string)
            || !has("transparency_entries").is_some_and(Value::is_array)
        {
            return Err(wrong("it has no certificate with transparency entries"));
        }
        let statement =
            Statement::read(part("statement").unwrap_or_default()).map_err(|error| wrong(&error.to_string()))?;
        if statement.subject != file {
            return Err(wrong(&format!("it is about `{}`", clip(&statement.subject))));
        }
        statement.agrees(stated).map_err(|error| wrong(&error.to_string()))?;
    }
    let bundle = json!({ "publisher": { "kind": "Unverified", "claims": null }, "attestations": attestations });
    Ok(json!({ "version": 1, "attestation_bundles": [bundle] }).to_string().into_bytes())
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}
