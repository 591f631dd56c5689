//! A package's own document: what upstream's catalogue and lists of files say of it.
//!
//! The document is a sequence of records. Those of `PACKAGES` stand in it byte for byte. Each file that `Meta/archive.rds` or
//! `Meta/current.rds` names is a record that Weir writes, led by a field that no record of upstream may begin with.

use std::collections::HashSet;
use std::io;

use weir_core::digest::{StatedDigests, unhex};
use weir_core::facts::{Install, Origin, Script};
use weir_core::registry::{Artifact, Document, Index, InvalidDocument, Release};
use weir_core::{PackageName, Timestamp};

use crate::archive::File;
use crate::dcf::{Record, records, write_field};
use crate::license;
use crate::name::split;
use crate::version::Version;

/// The field that leads a record which Weir has written: `archived` or `dated`.
pub const WRITTEN: &str = "Weir-Record";
/// Most releases of one package. The most on CRAN are about three hundred.
pub const MAX_RELEASES: usize = 10_000;
/// Longest directory in which a file may lie, in bytes.
pub const MAX_PATH: usize = 200;

const EXPECTED: &str = "a package's records of a CRAN repository";
const MODIFIED: &str = "Modified";
const SIZE: &str = "Size";
/// The field of a record which Weir has written of a release that was withdrawn; the value is the reason.
pub const YANKED: &str = "Yanked";

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It is upstream's, and shown in its catalogue.
    Current,
    /// A file of the archive.
    Archived,
    /// The date of a file of the catalogue.
    Dated,
}

/// A record of a package's document with what counts of it.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its version as it is written.
    pub version: String,
    /// The directory of its file below the tree's `src/contrib`, with a slash at its end, or empty.
    pub directory: String,
    /// All of it.
    pub record: Record<'a>,
}

impl<'a> Entry<'a> {
    /// Reads a record; `None` if it is of another package than `name`, or cannot be read.
    pub fn read(record: Record<'a>, name: &str) -> Option<Self> {
        let mut kind = Kind::Current;
        let (mut package, mut version, mut path) = (None, None, None);
        for (at, field) in record.fields().enumerate() {
            match (field.name, field.value) {
                (WRITTEN, value) if at == 0 => {
                    kind = match value {
                        b"archived" => Kind::Archived,
                        b"dated" => Kind::Dated,
                        _ => return None,
                    }
                }
                ("Package", value) => package = package.or(Some(value)),
                ("Version", value) => version = version.or(Some(value)),
                ("Path", value) => path = path.or(Some(value)),
                _ => {}
            }
            // What Weir has written begins with all that counts, and there are many of them.
            if kind != Kind::Current && version.is_some() {
                break;
            }
        }
        if package? != name.as_bytes() {
            return None;
        }
        // A version becomes part of a file's name.
        let version = std::str::from_utf8(version?).ok().filter(|version| Version::parse(version).is_ok())?.to_owned();
        let directory = match (kind, path) {
            (Kind::Archived, _) => format!("Archive/{name}/"),
            (_, Some(path)) => directory(std::str::from_utf8(path).ok()?)?,
            (_, None) => String::new(),
        };
        Some(Self { kind, version, directory, record })
    }

    /// The name of its file.
    pub fn file(&self, name: &str) -> String {
        format!("{name}_{}.tar.gz", self.version)
    }

    fn modified(&self) -> Option<Timestamp> {
        self.record.get(MODIFIED).and_then(|text| Timestamp::parse(&text))
    }
}

/// True for a record that Weir has written.
pub fn is_written(record: &[u8]) -> bool {
    record.strip_prefix(WRITTEN.as_bytes()).is_some_and(|rest| rest.starts_with(b":"))
}

/// A directory below `src/contrib` that a record may name: `4.5.0/Recommended`.
fn directory(path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let fine = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
            && !segment.bytes().all(|byte| byte == b'.')
    };
    (path.len() <= MAX_PATH && path.split('/').all(fine)).then(|| format!("{path}/"))
}

/// Writes the record of a file that a list names.
pub fn write_file(kind: Kind, file: &File<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let kind = match kind {
        Kind::Archived => "archived",
        Kind::Dated => "dated",
        Kind::Current => return Err(io::Error::other("upstream's own records are not written")),
    };
    write_field(WRITTEN, kind, out);
    write_field("Package", file.name, out);
    write_field("Version", file.version, out);
    if let Some(modified) = file.modified {
        write_field(MODIFIED, &modified.to_string(), out);
    }
    if let Some(size) = file.size {
        write_field(SIZE, &size.to_string(), out);
    }
    Ok(())
}

/// All records of a package's document that can be read, in its order.
pub fn entries<'a>(name: &str, body: &'a [u8]) -> Vec<Entry<'a>> {
    records(body).filter_map(|(_, record)| Entry::read(record, name)).collect()
}

/// Reads a package's document: current releases first, then those of the archive, newest first.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let invalid = |url: &str, problem: String| InvalidDocument { url: url.to_owned(), expected: EXPECTED, problem };
    let document = documents.first().ok_or_else(|| invalid("", String::from("it is missing")))?;
    let (_, name) = split(package);
    let entries = entries(name, document.body);
    let base = document.url.rsplit_once('/').map_or("", |(base, _)| base);
    let mut releases: Vec<Release> = Vec::new();
    let mut seen = HashSet::new();
    let mut archived = Vec::new();
    for entry in &entries {
        match entry.kind {
            Kind::Current if seen.insert(entry.version.as_str()) => {
                let dated = |it: &&Entry<'_>| it.kind == Kind::Dated && it.version == entry.version;
                releases.push(release(name, base, entry, entries.iter().find(dated)));
            }
            Kind::Archived => archived.push(entry),
            Kind::Current | Kind::Dated => {}
        }
    }
    archived.sort_by_cached_key(|entry| std::cmp::Reverse(Version::parse(&entry.version).ok()));
    let archived = archived.into_iter().filter(|entry| seen.insert(entry.version.as_str()));
    releases.extend(archived.map(|entry| release(name, base, entry, Some(entry))));
    if releases.len() > MAX_RELEASES {
        return Err(invalid(document.url, format!("it has more than {MAX_RELEASES} releases")));
    }
    match releases.is_empty() {
        true => Err(invalid(document.url, format!("none of its records is of `{name}`"))),
        false => Ok(Index { releases, ..Index::default() }),
    }
}

fn release(name: &str, base: &str, entry: &Entry<'_>, dated: Option<&Entry<'_>>) -> Release {
    let file = entry.file(name);
    let published = dated.and_then(Entry::modified);
    let is_current = entry.kind == Kind::Current;
    let md5 = is_current
        .then(|| entry.record.get("MD5sum"))
        .flatten()
        .and_then(|text| unhex(&text))
        .filter(|bytes| bytes.len() == 16);
    let artifact = Artifact {
        url: format!("{base}/{}{file}", entry.directory),
        file,
        digests: StatedDigests { md5, ..StatedDigests::default() },
        size: dated.and_then(|dated| dated.record.get(SIZE)).and_then(|size| size.parse().ok()),
        published,
        ..Artifact::default()
    };
    Release {
        version: entry.version.clone(),
        published,
        license: is_current.then(|| license::spdx(&entry.record.get("License").unwrap_or_default())),
        yanked: if is_current { None } else { entry.record.get(YANKED) },
        origin: if is_current { origin(entry.record) } else { Origin::default() },
        artifacts: vec![artifact],
        ..Release::default()
    }
}

/// Installing any source package evaluates its R code; the index tells only which are compiled too.
fn origin(record: Record<'_>) -> Origin {
    let compiled = record.get("NeedsCompilation").is_some_and(|text| text.eq_ignore_ascii_case("yes"));
    let install = match compiled {
        true => Install::Runs([Script { name: "compilation".into(), command: "".into() }].into()),
        false => Install::Unknown,
    };
    Origin { install, ..Origin::default() }
}

/// All that the records of a release say.
pub fn said(documents: &[Document<'_>], version: &str) -> serde_json::Value {
    let mut said = serde_json::Map::new();
    let body = documents.first().map(|document| document.body).unwrap_or_default();
    for (_, record) in records(body).filter(|(_, record)| record.get("Version").as_deref() == Some(version)) {
        for field in record.fields() {
            if let Some(value) = record.get(field.name) {
                said.entry(field.name.to_owned()).or_insert(value.into());
            }
        }
    }
    said.into()
}
