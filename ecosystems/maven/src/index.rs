//! What upstream says of a package and of its releases, and Weir's page of it.

use weir_core::PackageName;
use weir_core::digest::{Checksum, StatedDigests, hex, unhex};
use weir_core::registry::{
    Artifact, Document, Files, Form, Index, InvalidDocument, Page, Release, ReleaseDocument, Releases, Rendered, Wanted,
};
use weir_core::{Digest, ecosystem::Versions as _};

use crate::layout::{self, is_file_of};
use crate::metadata::Metadata;
use crate::name::{directory, split};
use crate::pom::Pom;
use crate::protocol::METADATA;
use crate::version::Comparable;

/// Releases whose POM is asked for before a page is made: those that `LATEST`, `RELEASE` and ranges choose.
pub const ASKED: usize = 5;
/// Largest document with a checksum, in bytes.
pub const MAX_CHECKSUM: usize = 4096;
/// Checksums that are asked for beside a file, the first that upstream has counts. Every repository has SHA-1, so that
/// others first would only be asked for in vain.
const STATED: [Checksum; 3] = [Checksum::Sha1, Checksum::Sha256, Checksum::Sha512];

const EXPECTED_METADATA: &str = "a maven-metadata.xml";
const EXPECTED_POM: &str = "a POM";
const EXPECTED_CHECKSUM: &str = "a checksum";

/// The document that answers for a package.
pub fn documents(package: &PackageName) -> Vec<Wanted> {
    vec![wanted(format!("{}/{METADATA}", directory(package)))]
}

fn wanted(path: String) -> Wanted {
    Wanted { path, accept: "*/*", shared: false }
}

/// Reads the list of versions. Each has its POM; its other files are in no list.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let document = documents.first().ok_or_else(|| missing(EXPECTED_METADATA))?;
    let metadata = read(package, document)?;
    let place = place(document.url);
    let releases = metadata.versions.iter().map(|version| {
        let file = layout::pom(package, version);
        let artifact = Artifact { url: format!("{place}{version}/{file}"), file, ..Artifact::default() };
        Release { version: version.clone(), artifacts: vec![artifact], ..Release::default() }
    });
    Ok(Index { releases: releases.collect(), status: None })
}

fn read<'a>(package: &PackageName, document: &Document<'a>) -> Result<Metadata<'a>, InvalidDocument> {
    Metadata::read(package, document.body).map_err(|problem| invalid(document, EXPECTED_METADATA, problem))
}

/// The directory of a document, with the slash that ends it.
fn place(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or(path)
}

/// The list without the refused versions, or a checksum of it.
pub fn render(page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
    let document = page.documents.first().ok_or_else(|| missing(EXPECTED_METADATA))?;
    let metadata = read(page.package, document)?;
    let listed = page.index.releases.iter().zip(page.releases);
    let is_served = |release: &Release, served: &weir_core::registry::ServedRelease| {
        let refused = release.artifacts.iter().zip(&served.artifacts).any(|(artifact, served)| {
            served.refused.is_some() && is_unclassified(page.package, &release.version, &artifact.file)
        });
        served.refused.is_none() && !refused
    };
    let served: std::collections::HashMap<&str, bool> =
        listed.map(|(release, served)| (release.version.as_str(), is_served(release, served))).collect();
    // What was not judged is not offered.
    let is_kept = |number: usize| {
        let version = metadata.versions.get(number);
        version.and_then(|version| served.get(version.as_str())).copied().unwrap_or(false)
    };
    let body = metadata.with(is_kept);
    let kind = Checksum::ALL.into_iter().find(|kind| kind.word() == form.kind);
    Ok(match kind {
        Some(kind) => {
            Rendered { content_type: String::from("text/plain; charset=utf-8"), body: kind.of(&body).into_bytes() }
        }
        None => Rendered { content_type: String::from("text/xml; charset=utf-8"), body },
    })
}

/// A release's own file: its POM, its JAR. Without it the release is of no use.
pub fn is_unclassified(package: &PackageName, version: &str, file: &str) -> bool {
    let rest = file.strip_prefix(split(package).1).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(version));
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// POMs: what tells of each release.
pub struct Poms;

impl Releases for Poms {
    fn documents(&self, package: &PackageName, version: &str) -> Vec<Wanted> {
        let file = layout::pom(package, version);
        match is_file_of(package, version, &file) {
            true => {
                let path = layout::path(package, version, &file);
                vec![wanted(path.clone()), wanted(format!("{path}.{}", Checksum::Sha1.word()))]
            }
            false => Vec::new(),
        }
    }

    fn read(
        &self,
        package: &PackageName,
        version: &str,
        _listed: Option<&Release>,
        documents: &[ReleaseDocument<'_>],
    ) -> Result<Release, InvalidDocument> {
        let [told, stated, ..] = documents else { return Err(missing(EXPECTED_POM)) };
        let document = &told.document;
        let digests = checksum(Checksum::Sha1, stated.document.body);
        let found = Checksum::Sha1.of(document.body);
        match digests.and_then(|digests| digests.sha1).map(|sha1| hex(&sha1)) {
            Some(stated) if stated == found => {}
            Some(stated) => {
                let problem = format!("the SHA-1 beside it is {stated}, and its bytes have {found}");
                return Err(invalid(document, EXPECTED_POM, problem));
            }
            None => return Err(invalid(&stated.document, EXPECTED_CHECKSUM, String::from("it has no sha1 in it"))),
        }
        let pom = Pom::read(document.body).map_err(|problem| invalid(document, EXPECTED_POM, problem))?;
        let published = told.last_modified;
        let artifact = Artifact {
            file: layout::pom(package, version),
            url: document.url.to_owned(),
            digests: StatedDigests { sha256: Some(Digest::of(document.body)), ..StatedDigests::default() },
            size: u64::try_from(document.body.len()).ok(),
            published,
            ..Artifact::default()
        };
        Ok(Release {
            version: version.to_owned(),
            published,
            license: pom.license,
            deprecated: pom.said.get("relocation").map(relocated),
            artifacts: vec![artifact],
            ..Release::default()
        })
    }

    fn asked(&self, form: &Form, index: &Index) -> Vec<String> {
        if form.detail.is_some() {
            return Vec::new();
        }
        let mut newest: Vec<_> = index.releases.iter().map(|release| release.version.as_str()).collect();
        newest.sort_by_cached_key(|version| std::cmp::Reverse(Comparable.sort_key(version).ok()));
        newest.into_iter().take(ASKED).map(str::to_owned).collect()
    }
}

/// A relocated release says where its successor is.
fn relocated(relocation: &serde_json::Value) -> String {
    let part = |name: &str| relocation.get(name).and_then(serde_json::Value::as_str);
    let to: Vec<&str> = ["group", "artifact", "version"].into_iter().filter_map(part).collect();
    match part("why") {
        Some(why) => format!("moved to {}: {why}", to.join(":")),
        None => format!("moved to {}", to.join(":")),
    }
}

/// Files in the directory of a release.
pub struct Tree;

impl Files for Tree {
    /// Where `demo-1.0-jre.jar` could be of 1.0 and of 1.0-jre, it is of the longer one.
    fn release_of(&self, package: &PackageName, index: &Index, file: &str) -> Option<usize> {
        let releases = index.releases.iter().enumerate();
        let fitting = releases.filter(|(_, release)| is_file_of(package, &release.version, file));
        fitting.max_by_key(|(_, release)| release.version.len()).map(|(place, _)| place)
    }

    fn documents(&self, package: &PackageName, version: &str, file: &str) -> Vec<Wanted> {
        if !is_file_of(package, version, file) {
            return Vec::new();
        }
        let path = layout::path(package, version, file);
        STATED.iter().map(|kind| wanted(format!("{path}.{}", kind.word()))).collect()
    }

    fn read(
        &self,
        _package: &PackageName,
        release: &Release,
        file: &str,
        number: usize,
        document: &ReleaseDocument<'_>,
    ) -> Result<Artifact, InvalidDocument> {
        let told = &document.document;
        let kind = STATED.get(number).copied().ok_or_else(|| missing(EXPECTED_CHECKSUM))?;
        let digests = checksum(kind, told.body)
            .ok_or_else(|| invalid(told, EXPECTED_CHECKSUM, format!("it has no {} in it", kind.word())))?;
        let ending = format!("/{file}.{}", kind.word());
        let Some(place) = told.url.strip_suffix(&ending) else {
            return Err(invalid(told, EXPECTED_CHECKSUM, format!("it lies beside another file than {file}")));
        };
        // A file comes with its release, whatever its own date says: with the later of the two nothing looks too old.
        let published = document.last_modified.max(release.published);
        Ok(Artifact {
            file: file.to_owned(),
            url: format!("{place}/{file}"),
            digests,
            published,
            ..Artifact::default()
        })
    }
}

/// The checksum in a document: digits alone, or with the name of the file before or after them.
pub fn checksum(kind: Checksum, body: &[u8]) -> Option<StatedDigests> {
    let text = std::str::from_utf8(body.get(..MAX_CHECKSUM).unwrap_or(body)).ok()?;
    let length = match kind {
        Checksum::Md5 => 16,
        Checksum::Sha1 => 20,
        Checksum::Sha256 => 32,
        Checksum::Sha512 => 64,
    };
    let bytes = text.split_ascii_whitespace().find_map(|word| unhex(word).filter(|bytes| bytes.len() == length))?;
    let mut digests = StatedDigests::default();
    match kind {
        Checksum::Md5 => digests.md5 = Some(bytes),
        Checksum::Sha1 => digests.sha1 = Some(bytes),
        Checksum::Sha256 => digests.sha256 = Some(Digest::from_bytes(bytes.try_into().ok()?)),
        Checksum::Sha512 => digests.sha512 = Some(bytes),
    }
    Some(digests)
}

fn missing(expected: &'static str) -> InvalidDocument {
    InvalidDocument { url: String::new(), expected, problem: String::from("it is missing") }
}

fn invalid(document: &Document<'_>, expected: &'static str, problem: String) -> InvalidDocument {
    InvalidDocument { url: document.url.to_owned(), expected, problem }
}
