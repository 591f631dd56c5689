//! Modules of one's own: a zip that is put at its address, and the small files that a proxy would have of it.
//!
//! No specification says how to publish to a module proxy, so the request is the plainest there could be: `PUT
//! {module}/@v/{version}.zip`. The zip is what `golang.org/x/mod/zip` makes; its `go.mod` is looked up in it.

use serde_json::{Value, json};
use weir_core::PackageName;
use weir_core::digest::StatedDigests;
use weir_core::hosting::{
    Body, Change, Content, Done, FurtherContent, FurtherDocument, Hosted, HostedDocument, Hosting, Unreadable, Upload,
    Write,
};
use weir_core::registry::{Ask, Declared, Problem, Reply};

use crate::artifact::{GO_MOD, ZIP};
use crate::name::escape;
use crate::protocol;
use crate::version::Version;

/// A module zip is put; the detail is the version.
pub const PUBLISH: &str = "publish";
/// Largest zip, in bytes, as `golang.org/x/mod/zip` has it.
pub const MAX_ZIP: u64 = 500 << 20;

/// Longest `go.mod` of a module of one's own, in bytes.
pub const MAX_GO_MOD: usize = 1 << 20;

/// How a module proxy takes in modules.
#[derive(Clone, Copy, Debug)]
pub struct ModuleHosting;

/// What a PUT of a version's zip asks for.
pub fn route(package: PackageName, version: String) -> Ask {
    Ask::Write(Write { what: PUBLISH, package: Some(package), detail: Some(version) })
}

impl Hosting for ModuleHosting {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let (Some(package), Some(text)) = (write.package.clone(), write.detail.clone()) else {
            return Err(Unreadable::Invalid(String::from("the address names no version of a module")));
        };
        let version = Version::parse(&text).map_err(|invalid| Unreadable::Invalid(invalid.to_string()))?;
        if version.is_pseudo() {
            return Err(Unreadable::Refused(format!(
                "`{text}` is a pseudo-version, which no list has: tag the commit, and publish it under that version"
            )));
        }
        if body.length > MAX_ZIP {
            return Err(Unreadable::Invalid(format!(
                "it has {} bytes; a module zip has {MAX_ZIP} at most",
                body.length
            )));
        }
        Ok(Change::Publish(Box::new(Upload {
            package,
            file: format!("{text}{ZIP}"),
            version: text,
            metadata: json!({}),
            tags: Vec::new(),
            content: Content::At(0..body.length),
            stated: StatedDigests::default(),
            file_metadata: json!({}),
            provenance: None,
            joins: false,
            waits: false,
            opaque: false,
            license: false,
            // A module's path is the address of its source.
            source: true,
        })))
    }

    /// The go command would not take it as a dependency.
    fn accept(&self, upload: &Upload, declared: &Declared) -> Result<(), String> {
        let length = declared.own.get(GO_MOD).and_then(Value::as_str).map_or(0, str::len);
        if length > MAX_GO_MOD {
            return Err(format!("its go.mod has {length} bytes, and is taken up to {MAX_GO_MOD}"));
        }
        match declared.said.get("module").and_then(Value::as_str) {
            None => Ok(()),
            Some(module) => Err(format!(
                "its go.mod names the module `{module}`, and it is put as `{}`: the two have to be the same",
                upload.package
            )),
        }
    }

    fn documents(&self, _: &PackageName, hosted: &Hosted) -> Vec<HostedDocument> {
        // A list has no word for what is withdrawn.
        let listed = hosted.releases.iter().filter(|release| release.yanked.is_none());
        let list: String = listed.map(|release| format!("{}\n", release.version)).collect();
        vec![HostedDocument { content_type: "text/plain; charset=utf-8", body: list.into_bytes() }]
    }

    fn further(&self, package: &PackageName, hosted: &Hosted) -> Vec<FurtherDocument> {
        let mut further = Vec::new();
        for release in &hosted.releases {
            let info = json!({ "Version": release.version, "Time": release.published });
            // As the go command has it for a module without one.
            let none = || format!("module {package}\n");
            let modfile = release.metadata.get(GO_MOD).and_then(Value::as_str).map_or_else(none, str::to_owned);
            for (kind, text) in [("info", info.to_string()), ("mod", modfile)] {
                further.push(FurtherDocument {
                    path: format!("{}/@v/{}.{kind}", escape(package.as_str()), escape(&release.version)),
                    content: FurtherContent::Bytes(text.into_bytes()),
                    changed: release.published,
                });
            }
        }
        further
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        Reply::text(201, done.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect())
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }
}
