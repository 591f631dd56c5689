//! Source packages of one's own: what a `PUT` of one is, and what a repository would list of it.
//!
//! R has no protocol for publishing: a repository is files. So a package is put where it is fetched from, as `R CMD build`
//! has made it. What `PACKAGES` would say of it is taken from its `DESCRIPTION`, as `tools::write_PACKAGES` does.

use serde_json::{Map, Value, json};
use weir_core::PackageName;
use weir_core::digest::{StatedDigests, hex};
use weir_core::ecosystem::Names as _;
use weir_core::hosting::{
    Body, Change, Content, Done, Hosted, HostedDocument, HostedRelease, Hosting, Identity, Unreadable, Upload, Write,
};
use weir_core::registry::{Ask, Entry, Method, Problem, Reply, RouteError};

use crate::archive::{File, split_file};
use crate::dcf::{Record, write_field};
use crate::index::{Kind, YANKED, write_file};
use crate::join::FIELDS;
use crate::name::{RPackages, split};
use crate::version::Version;
use crate::{protocol, tar};

/// A source package is published.
pub const PUT: &str = "put";

/// How a repository takes in source packages.
#[derive(Clone, Copy, Debug)]
pub struct SourceHosting;

/// What a request that writes asks for; `None` if it is no such request.
pub fn route(method: Method, segments: &[&str]) -> Option<Result<Ask, RouteError>> {
    let package = |name: &str| RPackages.parse(name).map_err(|invalid| RouteError::NotFound(invalid.to_string()));
    let (Method::Put, ["src", "contrib", file]) = (method, segments) else { return None };
    let Some((name, _)) = split_file(file) else {
        return Some(Err(RouteError::NotFound(String::from("a source package is put as {name}_{version}.tar.gz"))));
    };
    let write = |package| Ask::Write(Write { what: PUT, package: Some(package), detail: Some((*file).to_owned()) });
    Some(package(name).map(write))
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for SourceHosting {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let package = write.package.clone().ok_or_else(|| invalid("the address names no package"))?;
        let file = write.detail.clone().unwrap_or_default();
        upload(package, file, body).map(|upload| Change::Publish(Box::new(upload)))
    }

    /// None: a repository lists its packages in one document, of which [`Hosting::pieces`] are those of one.
    fn documents(&self, _: &PackageName, _: &Hosted) -> Vec<HostedDocument> {
        Vec::new()
    }

    fn pieces(&self, package: &PackageName, hosted: &Hosted) -> Vec<Vec<u8>> {
        let (_, name) = split(package);
        let mut releases: Vec<&HostedRelease> = hosted.releases.iter().collect();
        releases.sort_by_cached_key(|release| std::cmp::Reverse(Version::parse(&release.version).ok()));
        let current = releases.iter().position(|release| release.yanked.is_none());
        let listed = releases.iter().enumerate().flat_map(|(at, release)| match Some(at) == current {
            true => vec![record(release), listed(Kind::Dated, name, release)],
            false => vec![listed(Kind::Archived, name, release)],
        });
        listed.collect()
    }

    fn identify(&self, _: &str, entries: &[Entry]) -> Option<Identity> {
        let description = entries.iter().find(|entry| {
            let inner = entry.path.split_once('/');
            inner.is_some_and(|(_, rest)| rest == "DESCRIPTION")
        })?;
        let record = Record::first(&description.bytes)?;
        let (name, version) = (record.get("Package")?, record.get("Version")?);
        let file = format!("{name}_{version}.tar.gz");
        split_file(&file)?;
        Some(Identity { package: RPackages.parse(&name).ok()?, version, file, joins: false })
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        let package = done.change.package();
        let mut text = match done.change {
            Change::Publish(upload) => format!("{package} {} is published\n", upload.version),
            _ => String::from("done\n"),
        };
        for warning in done.warnings {
            text.push_str(&format!("note: {warning}\n"));
        }
        Reply::text(if matches!(done.change, Change::Publish(_)) { 201 } else { 200 }, text)
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }
}

/// A source package with what its `DESCRIPTION` says, which has to be what its name says.
fn upload(package: PackageName, file: String, body: &mut Body<'_>) -> Result<Upload, Unreadable> {
    let (name, version) = split_file(&file)
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .ok_or_else(|| invalid("a source package is {name}_{version}.tar.gz"))?;
    body.bytes.seek(std::io::SeekFrom::Start(0))?;
    let description = tar::entry(&mut *body.bytes, &format!("{name}/DESCRIPTION"))
        .map_err(|problem| invalid(format!("{file} is not what R CMD build makes: {problem}")))?;
    let record = Record::first(&description).ok_or_else(|| invalid(format!("the DESCRIPTION of {file} is empty")))?;
    for (field, of) in [("Package", &name), ("Version", &version)] {
        let says = record.get(field).unwrap_or_default();
        if says != *of {
            let says: String = says.chars().take(100).collect();
            return Err(invalid(format!("{file} is of `{of}`, and its DESCRIPTION says `{field}: {says}`")));
        }
    }
    if record.get("Built").is_some() {
        return Err(invalid(format!("{file} is a built package; publish the source package that R CMD build makes")));
    }
    let fields: Map<String, Value> =
        FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), Value::from(record.get(field)?)))).collect();
    let has = |field: &str| record.get(field).is_some_and(|value| !value.trim().is_empty());
    Ok(Upload {
        package,
        version,
        metadata: json!({ "fields": fields }),
        tags: Vec::new(),
        file,
        content: Content::At(0..body.length),
        stated: StatedDigests::default(),
        file_metadata: json!({}),
        provenance: None,
        joins: false,
        waits: false,
        opaque: false,
        license: has("License"),
        source: has("URL") || has("BugReports"),
    })
}

/// What `PACKAGES` says of a release.
fn record(release: &HostedRelease) -> Vec<u8> {
    let mut out = Vec::new();
    for field in FIELDS {
        if let Some(value) = release.metadata.pointer(&format!("/fields/{field}")).and_then(Value::as_str) {
            write_field(field, value, &mut out);
        }
    }
    if let Some(md5) = release.files.first().and_then(|file| file.digests.md5.as_deref()) {
        write_field("MD5sum", &hex(md5), &mut out);
    }
    out
}

/// What a list of files says of a release.
fn listed(kind: Kind, name: &str, release: &HostedRelease) -> Vec<u8> {
    let mut out = Vec::new();
    let file = release.files.first();
    let file = File {
        name,
        version: &release.version,
        file: file.map_or("", |file| &file.file),
        modified: Some(release.published),
        size: file.map(|file| file.size),
    };
    // Writing into memory does not fail.
    if write_file(kind, &file, &mut out).is_err() {
        return Vec::new();
    }
    if let Some(reason) = &release.yanked {
        write_field(YANKED, reason, &mut out);
    }
    out
}
