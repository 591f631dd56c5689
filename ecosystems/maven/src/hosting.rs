//! Packages of one's own: what `mvn deploy` and `gradle publish` put, and what a repository would say of such a package.
//!
//! No specification says how to deploy. Clients put every file at its path, its checksums beside it, and at last a
//! `maven-metadata.xml` that names the new version. So files wait until that comes; it is taken for the word that these are
//! all, and nothing else of it is used: Weir writes its own. What is published is never changed, so snapshots are refused.

use serde_json::{Value, json};
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::Names as _;
use weir_core::hosting::{
    BASE, Body, Change, Content, Done, FurtherContent, FurtherDocument, Hosted, HostedDocument, HostedFile, Hosting,
    Unreadable, Upload, Write,
};
use weir_core::registry::{Ask, Problem, Reply, RouteError};
use weir_core::{PackageName, Timestamp};

use crate::index::{MAX_CHECKSUM, checksum, is_unclassified};
use crate::layout::{self, Tail};
use crate::metadata::{Metadata, newest};
use crate::name::{Coordinates, split};
use crate::pom::{MAX_POM, Pom};
use crate::protocol;
use crate::version::Version;

/// A file of a release; the detail is version and file.
const FILE: &str = "file";
/// The checksum of one; the detail is version and file with the checksum's ending.
const CHECKSUM: &str = "checksum";
/// The list of versions; the detail is the package.
const METADATA: &str = "metadata";
/// A checksum of it; the detail is the package.
const METADATA_CHECKSUM: &str = "metadata-checksum";

/// Longest list of versions that is taken, in bytes.
pub const MAX_METADATA: u64 = 4 * 1024 * 1024;

/// How a repository takes in releases.
#[derive(Clone, Copy, Debug)]
pub struct Deploying;

/// What a PUT to a file's path asks for.
pub fn route_file(package: PackageName, version: &str, name: &str) -> Result<Ask, RouteError> {
    let what = if layout::checksum(name).1.is_some() { CHECKSUM } else { FILE };
    Ok(Ask::Write(Write { what, package: Some(package), detail: Some(format!("{version}/{name}")) }))
}

/// What a PUT of a list of versions, or of its checksum, asks for. Who may do it is known once it is read: a list may be of a
/// whole group.
pub fn route_metadata(package: &PackageName, is_checksum: bool) -> Ask {
    let what = if is_checksum { METADATA_CHECKSUM } else { METADATA };
    Ask::Write(Write { what, package: None, detail: Some(package.to_string()) })
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for Deploying {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let detail = write.detail.as_deref().unwrap_or_default();
        let Some(package) = write.package.clone() else {
            let package = Coordinates.parse(detail).map_err(|error| invalid(error.to_string()))?;
            return match write.what {
                METADATA => metadata(package, &body.all(MAX_METADATA)?),
                _ => Ok(Change::Nothing { package }),
            };
        };
        let (version, name) = detail.split_once('/').ok_or_else(|| invalid("the address names no file"))?;
        Version::parse(version).map_err(|error| invalid(error.to_string()))?;
        if layout::is_snapshot(version) {
            return Err(Unreadable::Refused(format!(
                "`{version}` is a snapshot, and what is hosted here never changes: deploy under a version of its own, \
                 such as {}.1, by mvn versions:set or -Drevision",
                version.trim_end_matches("-SNAPSHOT")
            )));
        }
        match write.what {
            CHECKSUM => confirmation(package, version, name, body),
            _ => upload(package, version, name, body).map(|upload| Change::Publish(Box::new(upload))),
        }
    }

    fn documents(&self, package: &PackageName, hosted: &Hosted) -> Vec<HostedDocument> {
        vec![HostedDocument { content_type: "text/xml", body: list(package, hosted).into_bytes() }]
    }

    fn further(&self, package: &PackageName, hosted: &Hosted) -> Vec<FurtherDocument> {
        let mut further = Vec::new();
        for release in &hosted.releases {
            let pom = layout::pom(package, &release.version);
            for file in &release.files {
                let path = layout::path(package, &release.version, &file.file);
                let changed = file.published;
                if layout::tail(&file.file).1 != Tail::Whole {
                    let path = format!("{BASE}{}/{path}", crate::ECOSYSTEM.id);
                    further.push(FurtherDocument { path, content: FurtherContent::File(file.sha256), changed });
                    continue;
                }
                let sha1 = file.digests.sha1.as_deref().map(weir_core::digest::hex).unwrap_or_default();
                let content = FurtherContent::Bytes(sha1.into_bytes());
                further.push(FurtherDocument { path: format!("{path}.sha1"), content, changed });
                if file.file == pom {
                    further.push(FurtherDocument { path, content: FurtherContent::File(file.sha256), changed });
                }
            }
        }
        further
    }

    fn whole(&self, package: &PackageName, version: &str, files: &[HostedFile]) -> Result<(), String> {
        let name = layout::pom(package, version);
        let Some(pom) = files.iter().find(|file| file.file == name) else {
            return Err(format!("`{package}` {version} is not whole: there is no {name}"));
        };
        let packaging = pom.metadata.get("packaging").and_then(Value::as_str).unwrap_or("jar");
        let is_main = |file: &HostedFile| {
            let is_file = layout::tail(&file.file).1 == Tail::Whole && !file.file.ends_with(".module");
            is_file && file.file != name && is_unclassified(package, version, &file.file)
        };
        match packaging == "pom" || files.iter().any(is_main) {
            true => Ok(()),
            false => Err(format!(
                "`{package}` {version} is not whole: its packaging is `{packaging}`, and beside the POM there is no \
                 {}-{version}.EXTENSION",
                split(package).1
            )),
        }
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        Reply::text(201, done.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect())
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }
}

/// Reads a file of a release.
fn upload(package: PackageName, version: &str, name: &str, body: &mut Body<'_>) -> Result<Upload, Unreadable> {
    let (base, tail) = layout::tail(name);
    if !layout::is_file_of(&package, version, base) {
        return Err(invalid(format!("`{name}` is no file of `{package}` {version}")));
    }
    let pom = match tail == Tail::Whole && name == layout::pom(&package, version) {
        true => Some(Pom::read(&body.all(MAX_POM as u64)?).map_err(|problem| invalid(format!("`{name}`: {problem}")))?),
        false => None,
    };
    // A POM speaks for its release: others need not say again what it says, and a parent may say it for the POM.
    let license = pom.as_ref().is_none_or(|pom| pom.license.as_deref() != Some(""));
    let source = pom.as_ref().is_none_or(|pom| pom.parent.is_some());
    Ok(Upload {
        version: version.to_owned(),
        metadata: json!({}),
        tags: Vec::new(),
        file: name.to_owned(),
        content: Content::At(0..body.length),
        stated: StatedDigests::default(),
        file_metadata: pom.map_or_else(|| json!({}), |pom| json!({ "packaging": pom.packaging })),
        provenance: None,
        joins: true,
        waits: true,
        opaque: true,
        license,
        source,
        package,
    })
}

/// Reads a checksum.
fn confirmation(package: PackageName, version: &str, name: &str, body: &mut Body<'_>) -> Result<Change, Unreadable> {
    let (file, kind) = layout::checksum(name);
    let kind = kind.ok_or_else(|| invalid(format!("`{name}` is no checksum")))?;
    let stated = checksum(kind, &body.all(MAX_CHECKSUM as u64)?);
    let stated = stated.ok_or_else(|| invalid(format!("`{name}` has no {} in it", kind.word())))?;
    Ok(Change::Confirm { package, version: version.to_owned(), file: file.to_owned(), stated })
}

/// Reads a list of versions: those of which files wait have all of them. A group's list is of plugins, and is not kept.
fn metadata(package: PackageName, body: &[u8]) -> Result<Change, Unreadable> {
    let read = Metadata::read(&package, body)
        .map_err(|problem| invalid(format!("the {} of `{package}` cannot be read: {problem}", protocol::METADATA)))?;
    let versions = read.versions;
    Ok(if versions.is_empty() { Change::Nothing { package } } else { Change::Release { package, versions } })
}

/// The list of versions, without those that are withdrawn: it has no other word for them.
fn list(package: &PackageName, hosted: &Hosted) -> String {
    let (group, artifact) = split(package);
    let listed = hosted.releases.iter().filter(|release| release.yanked.is_none());
    let versions: Vec<&str> = listed.map(|release| release.version.as_str()).collect();
    let named = |element: &str, version: Option<&str>| {
        version.map_or_else(String::new, |version| format!("    <{element}>{version}</{element}>\n"))
    };
    let latest = named("latest", newest(&versions, false));
    let release = named("release", newest(&versions, true));
    let items: String = versions.iter().map(|version| format!("      <version>{version}</version>\n")).collect();
    let updated = hosted.releases.iter().map(|release| release.published).max().map(stamp);
    let updated = named("lastUpdated", updated.as_deref());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n  <groupId>{group}</groupId>\n  \
         <artifactId>{artifact}</artifactId>\n  <versioning>\n{latest}{release}    <versions>\n{items}    </versions>\n\
         {updated}  </versioning>\n</metadata>\n"
    )
}

/// A time as lists have it: `20261101120000`.
fn stamp(time: Timestamp) -> String {
    time.to_string().chars().filter(char::is_ascii_digit).take(14).collect()
}
