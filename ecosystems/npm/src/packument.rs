//! Packuments: the document that npm keeps for a package.
//!
//! [Its fields](https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md#getpackage) have changed over the years,
//! and old releases keep old shapes; nothing but `versions` is needed here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use weir_core::registry::{Document, InvalidDocument};
use weir_core::{PackageName, Timestamp};

use crate::json::{self, Field, Object};
use crate::name;
use crate::split::{Misread, Splitter};

/// Most versions of one package. The largest today have some 15,000.
pub const MAX_VERSIONS: usize = 100_000;

/// A packument, borrowed from its text.
#[derive(Debug)]
pub struct Packument<'a> {
    /// All entries of the document in their order; that of `versions` has an empty value.
    pub fields: Object<'a>,
    /// Each version once, in the document's order.
    pub versions: Vec<Manifest<'a>>,
    /// Dates by version, and `created` and `modified`.
    pub time: Object<'a>,
    /// Versions by tag.
    pub dist_tags: Object<'a>,
}

/// One entry of `versions`.
#[derive(Debug)]
pub struct Manifest<'a> {
    /// The key as written, with its quotation marks.
    pub key: &'a str,
    /// The key as meant.
    pub version: Cow<'a, str>,
    /// The name of its artifact; unique in the packument.
    pub file: String,
    /// What the manifest says.
    pub fields: Object<'a>,
    /// Its `dist`.
    pub dist: Object<'a>,
}

impl<'a> Packument<'a> {
    /// Reads the packument of `package`. Entries of `versions` that are no objects, or whose artifact could not have a
    /// name, are passed over.
    pub fn read(package: &PackageName, documents: &[Document<'a>]) -> Result<Self, InvalidDocument> {
        let document = documents.first().ok_or_else(|| invalid("", "there is no document"))?;
        let text = std::str::from_utf8(document.body)
            .map_err(|error| invalid(document.url, format!("it is not UTF-8 after byte {}", error.valid_up_to())))?;
        let mut splitter = Splitter::new(text.trim_start_matches('\u{feff}'));
        let (fields, versions) = top(&mut splitter).map_err(|problem| invalid(document.url, problem.to_string()))?;
        let versions = with_files(package, last_of_each(versions));
        Ok(Self {
            time: fields.object("time").unwrap_or_default(),
            dist_tags: fields.object("dist-tags").unwrap_or_default(),
            fields,
            versions,
        })
    }

    /// The dates that can be read, by key.
    pub fn dates(&self) -> HashMap<Cow<'a, str>, Timestamp> {
        let date = |field: &Field<'_>| json::text(field.value).and_then(|text| Timestamp::parse(&text));
        self.time.0.iter().filter_map(|field| Some((field.name(), date(field)?))).collect()
    }
}

/// What makes a document unusable.
pub fn invalid(url: &str, problem: impl Into<String>) -> InvalidDocument {
    InvalidDocument { url: url.to_owned(), expected: "an npm packument", problem: problem.into() }
}

/// The name that npm gives the artifact of a release: `core-7.0.0.tgz` for `@babel/core`.
pub fn conventional_file(package: &PackageName, version: &str) -> String {
    format!("{}-{version}.tgz", name::split(package.as_str()).1)
}

/// Longest name of an artifact: a name, a version, and room.
const MAX_FILE: usize = 512;

/// True for what can stand as a file name in an address.
pub fn is_file(text: &str) -> bool {
    text.len() <= MAX_FILE
        && text.ends_with(".tgz")
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+~!".contains(&byte))
}

/// Reads the document's entries, and those of `versions` apart.
fn top<'a>(splitter: &mut Splitter<'a>) -> Result<(Object<'a>, Vec<Entry<'a>>), Misread> {
    let (mut fields, mut versions): (Vec<Field<'a>>, Vec<Entry<'a>>) = (Vec::new(), Vec::new());
    splitter.object(|splitter, key| {
        let field = Field::new(key, "");
        if field.is("versions") {
            versions = entries(splitter)?;
            fields.retain(|field| !field.is("versions"));
            fields.push(field);
        } else {
            fields.push(Field::new(key, splitter.value()?));
        }
        Ok(())
    })?;
    splitter.end()?;
    Ok((Object(fields), versions))
}

/// One entry of `versions` as it is read: `dist` is taken apart on the way, for it is most of the document.
struct Entry<'a> {
    key: Field<'a>,
    fields: Object<'a>,
    dist: Object<'a>,
}

/// Reads the entries of `versions`; a value that is no object has none.
fn entries<'a>(splitter: &mut Splitter<'a>) -> Result<Vec<Entry<'a>>, Misread> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    if !splitter.is_object() {
        splitter.value()?;
        return Ok(entries);
    }
    splitter.object(|splitter, key| {
        if !splitter.is_object() {
            splitter.value()?;
        } else if entries.len() == MAX_VERSIONS {
            return splitter.error("it has more than 100000 versions");
        } else {
            let like = entries.last().map_or(0, |entry| entry.fields.0.len());
            let (fields, dist) = manifest(splitter, like)?;
            entries.push(Entry { key: Field::new(key, ""), fields, dist });
        }
        Ok(())
    })?;
    Ok(entries)
}

/// Reads a manifest that has about `like` fields.
fn manifest<'a>(splitter: &mut Splitter<'a>, like: usize) -> Result<(Object<'a>, Object<'a>), Misread> {
    let mut fields = Vec::with_capacity(like + 2);
    let mut dist = Object::default();
    splitter.object(|splitter, key| {
        let field = Field::new(key, "");
        let value = if field.is("dist") && splitter.is_object() {
            let (text, read) = splitter.with_text(Object::split)?;
            dist = read;
            text
        } else {
            if field.is("dist") {
                dist = Object::default();
            }
            splitter.value()?
        };
        fields.push(Field::new(key, value));
        Ok(())
    })?;
    Ok((Object(fields), dist))
}

/// The last of the entries of each version.
fn last_of_each(entries: Vec<Entry<'_>>) -> Vec<(Entry<'_>, Cow<'_, str>)> {
    let mut seen = HashSet::with_capacity(entries.len());
    let mut last: Vec<_> = entries
        .into_iter()
        .rev()
        .map(|entry| (entry.key.name(), entry))
        .filter(|(version, _)| seen.insert(version.clone()))
        .map(|(version, entry)| (entry, version))
        .collect();
    last.reverse();
    last
}

/// Names the artifacts: as upstream's address does, so that addresses in lockfiles keep their path, unless that is not a
/// file name (some registries end their addresses with a digest) or is the name of another release's artifact.
fn with_files<'a>(package: &PackageName, entries: Vec<(Entry<'a>, Cow<'a, str>)>) -> Vec<Manifest<'a>> {
    let conventional: Vec<String> = entries.iter().map(|(_, version)| conventional_file(package, version)).collect();
    let reserved: HashSet<&str> = conventional.iter().map(String::as_str).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut manifests = Vec::with_capacity(entries.len());
    for ((entry, version), own) in entries.into_iter().zip(&conventional) {
        let stated = entry.dist.text("tarball").and_then(|url| last_segment(&url));
        let other = stated
            .filter(|file| file != own && is_file(file) && !reserved.contains(file.as_str()))
            .filter(|file| taken.insert(file.clone()));
        let file = other.unwrap_or_else(|| own.clone());
        if is_file(&file) {
            manifests.push(Manifest { key: entry.key.key(), version, file, fields: entry.fields, dist: entry.dist });
        }
    }
    manifests
}

/// The last segment of an address, percent-decoded.
fn last_segment(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let segment = path.rsplit('/').next()?;
    Some(percent_encoding::percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}
