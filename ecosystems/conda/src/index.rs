//! `repodata.json`: one document a channel and platform, one record a file.
//!
//! Specification: CEP 36 (channel), CEP 15 (`base_url`), CEP 47 (`indexed_timestamp`). A record is never written anew: a page
//! has upstream's bytes of it, or lacks it. Of what stands beside the records, only `base_url` is taken out, because clients
//! are to ask Weir, and `v3`, whose records nobody here judges.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};

use serde::Deserialize;
use url::Url;
use weir_core::catalogue::{Brief, Cut, CutError, Cuts, Fate, Packing, Piece, Source};
use weir_core::digest::{StatedDigests, unhex};
use weir_core::facts::KnownAs;
use weir_core::registry::{Artifact, Document, Index, InvalidDocument, Page, Release, Wanted};
use weir_core::{Digest, PackageName, Timestamp};

use crate::artifact::{FileName, stated_name};
use crate::name::{Parts, is_subdir};
use crate::scan::{Broken, Scanner};
use crate::version::Version;

/// Longest record that is read, in bytes; one that is longer is left out. The longest of conda-forge has about 60 KB.
pub const MAX_RECORD: usize = 1024 * 1024;
/// Longest file name, in characters.
pub const MAX_FILE: usize = 211;

const EXPECTED: &str = "a repodata.json";
/// The key in a record of what is hosted here and withdrawn.
pub(crate) const YANKED: &str = "weir-yanked";
/// What holds records.
const SECTIONS: [&[u8]; 2] = [b"\"packages\"", b"\"packages.conda\""];
/// What holds records that are not read: those of repodata version 3.
const LEFT_OUT: [&[u8]; 1] = [b"\"v3\""];

/// Where the index of a part is: the packed form first.
pub fn sources(part: &str) -> Vec<Source> {
    let Some((_, subdir)) = part.split_once('/').filter(|(_, subdir)| is_subdir(subdir)) else { return Vec::new() };
    let source = |file: &str, packing| Source {
        wanted: Wanted { path: format!("{subdir}/{file}"), accept: "*/*", shared: false },
        packing,
    };
    vec![source("repodata.json.zst", Packing::Zstd), source("repodata.json", Packing::Plain)]
}

/// Cuts an index into records, and what stands around them.
pub fn cut(address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<Cut, CutError> {
    let invalid =
        |problem: String| CutError::from(InvalidDocument { url: address.to_owned(), expected: EXPECTED, problem });
    let base = Url::parse(address).map_err(|error| invalid(error.to_string()))?;
    let mut cutter = Cutter { scanner: Scanner::new(document), cuts, base, moved: None };
    cutter.cut().map_err(|broken| match broken {
        Broken::Io(error) => CutError::Io(error),
        Broken::Form(problem) => invalid(problem),
    })?;
    Ok(Cut { base: cutter.moved.unwrap_or(cutter.base).to_string() })
}

struct Cutter<'a> {
    scanner: Scanner<'a>,
    cuts: &'a mut dyn Cuts,
    base: Url,
    /// `base_url`, if there is one.
    moved: Option<Url>,
}

impl Cutter<'_> {
    fn cut(&mut self) -> Result<(), Broken> {
        self.scanner.expect(b'{')?;
        let mut frame = Vec::from(*b"{");
        let mut first = true;
        let mut written = false;
        let mut key = Vec::new();
        while self.scanner.member(first)? {
            first = false;
            key.clear();
            self.scanner.value(&mut key)?;
            self.scanner.expect(b':')?;
            if LEFT_OUT.contains(&key.as_slice()) {
                self.scanner.value(&mut Vec::new())?;
                continue;
            }
            if std::mem::replace(&mut written, true) {
                frame.push(b',');
            }
            frame.extend_from_slice(&key);
            frame.push(b':');
            if SECTIONS.contains(&key.as_slice()) {
                frame.push(b'{');
                self.cuts.frame(&frame)?;
                frame.clear();
                self.section()?;
                frame.push(b'}');
                continue;
            }
            let from = frame.len();
            self.scanner.value(&mut frame)?;
            if key == b"\"info\""
                && let Some(info) = self.info(frame.get(from..).unwrap_or_default())?
            {
                frame.truncate(from);
                frame.extend_from_slice(&info);
            }
        }
        frame.push(b'}');
        self.cuts.frame(&frame)?;
        self.scanner.end()
    }

    /// The records of a section. What is no record of a conda package is left out.
    fn section(&mut self) -> Result<(), Broken> {
        self.scanner.expect(b'{')?;
        let mut first = true;
        let mut piece = Vec::new();
        let mut name = String::new();
        let mut key = String::new();
        while self.scanner.member(first)? {
            first = false;
            piece.clear();
            self.scanner.value(&mut piece)?;
            let quoted = piece.len();
            self.scanner.expect(b':')?;
            piece.push(b':');
            let from = piece.len();
            self.scanner.value(&mut piece)?;
            let file = piece.get(1..quoted - 1).and_then(|file| std::str::from_utf8(file).ok()).unwrap_or_default();
            let Some(parsed) = FileName::parse(file) else { continue };
            let is_object = piece.get(from) == Some(&b'{');
            if !is_object || piece.len() > MAX_RECORD || piece.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                // A record over several lines is written in one.
                match piece.get(from..).filter(|_| is_object && piece.len() <= MAX_RECORD).and_then(flat) {
                    Some(record) => {
                        key.clear();
                        key.push_str(parsed.name);
                        name.clear();
                        name.push_str(file);
                        piece.truncate(from);
                        piece.extend_from_slice(&record);
                    }
                    None => continue,
                }
            } else {
                key.clear();
                key.push_str(parsed.name);
                name.clear();
                name.push_str(file);
            }
            let record = piece.get(from..).unwrap_or_default();
            let stated = stated(record);
            let read = serde_json::from_slice::<Record<'_>>(record).ok();
            let piece = Piece { key: &key, name: &name, stated: &stated, bytes: &piece };
            match read.as_ref().and_then(|record| brief(&name, record)) {
                Some(brief) => self.cuts.plain(piece, brief)?,
                None => self.cuts.piece(piece)?,
            }
        }
        Ok(())
    }

    /// `info` without `base_url`; `None` if it has none.
    fn info(&mut self, info: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        let form = |problem: String| Broken::Form(format!("its `info` cannot be read: {problem}"));
        let mut info: serde_json::Value = serde_json::from_slice(info).map_err(|error| form(error.to_string()))?;
        let Some(object) = info.as_object_mut() else { return Ok(None) };
        let Some(moved) = object.shift_remove("base_url") else { return Ok(None) };
        let moved = moved.as_str().filter(|moved| !moved.is_empty()).map(|moved| {
            let moved = if moved.ends_with('/') { moved.to_owned() } else { format!("{moved}/") };
            self.base.join(&moved).map_err(|error| form(error.to_string()))
        });
        self.moved = moved.transpose()?;
        serde_json::to_vec(&info).map(Some).map_err(|error| Broken::Io(io::Error::other(error)))
    }
}

/// A record in one line.
fn flat(record: &[u8]) -> Option<Vec<u8>> {
    let value: serde_json::Value = serde_json::from_slice(record).ok()?;
    serde_json::to_vec(&value).ok()
}

/// The strongest digest that a record states.
fn stated(record: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Stated<'a> {
        #[serde(borrow, default)]
        sha256: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        md5: Option<Cow<'a, str>>,
    }
    let hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Where the word stands once, its value is found without reading the rest.
    let quick = || {
        let mut found = memchr::memmem::find_iter(record, b"\"sha256\"");
        let at = found.next()?;
        if found.next().is_some() {
            return None;
        }
        let rest = record.get(at + 8..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let value = std::str::from_utf8(rest.strip_prefix(b"\"")?.get(..64)?).ok()?;
        hex(value, 64).then(|| format!("sha256:{}", value.to_ascii_lowercase()))
    };
    quick().unwrap_or_else(|| {
        let Ok(stated) = serde_json::from_slice::<Stated<'_>>(record) else { return String::new() };
        match (stated.sha256, stated.md5) {
            (Some(sha256), _) if hex(&sha256, 64) => format!("sha256:{}", sha256.to_ascii_lowercase()),
            (_, Some(md5)) if hex(&md5, 32) => format!("md5:{}", md5.to_ascii_lowercase()),
            _ => String::new(),
        }
    })
}

/// What of a record is looked at.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    build: Cow<'a, str>,
    #[serde(borrow, default)]
    sha256: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    md5: Option<Cow<'a, str>>,
    /// What it is elsewhere, as the channel says.
    #[serde(borrow, default)]
    purls: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default, rename = "weir-yanked")]
    yanked: Option<Cow<'a, str>>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(borrow, default)]
    license: Option<Cow<'a, str>>,
    /// Milliseconds; set by the channel's server (CEP 47). The builder's `timestamp` is nobody's word but the builder's.
    #[serde(default)]
    indexed_timestamp: Option<u64>,
}

impl Record<'_> {
    fn published(&self) -> Option<Timestamp> {
        self.indexed_timestamp.and_then(|millis| i64::try_from(millis).ok()).map(Timestamp::from_millis)
    }

    fn license(&self) -> Option<&str> {
        self.license.as_deref().map(str::trim).filter(|license| !license.is_empty())
    }

    /// True if it says of itself what its file name says.
    fn is_of(&self, file: &FileName<'_>) -> bool {
        self.name.eq_ignore_ascii_case(file.name) && file.version == self.version && file.build == self.build
    }
}

/// What rules can read of a record that [`parse`] takes as it is; `None` if it does not, or if there is more: of one that names
/// projects of other ecosystems, their advisories speak.
fn brief<'a>(file: &str, record: &'a Record<'_>) -> Option<Brief<'a>> {
    if record.purls.is_some() {
        return None;
    }
    let parsed = FileName::parse(file).filter(|parsed| record.is_of(parsed))?;
    Version::parse(parsed.version).ok()?;
    Some(Brief { version: &record.version, license: record.license(), published: record.published() })
}

/// The pieces of a package with their file names, as they stand in its document.
fn pieces<'a>(document: &Document<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    document.body.split(|byte| *byte == b'\n').filter_map(split)
}

pub(crate) fn split(piece: &[u8]) -> Option<(&str, &[u8])> {
    let rest = piece.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    let file = std::str::from_utf8(rest.get(..end)?).ok()?;
    Some((file, rest.get(end + 1..)?.strip_prefix(b":")?))
}

/// Reads the records of a package. What contradicts its own file name, or stands twice, is not there: neither is it on the
/// page.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let Some(document) = documents.first() else { return Ok(Index::default()) };
    let invalid = |problem: String| InvalidDocument { url: document.url.to_owned(), expected: EXPECTED, problem };
    let base = Url::parse(document.url).map_err(|error| invalid(error.to_string()))?;
    let base = base.join(".").map_err(|error| invalid(error.to_string()))?;
    let name = Parts::of(package).name;
    let mut index = Index::default();
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut files: HashSet<&str> = HashSet::new();
    let twice: HashSet<&str> = pieces(document).map(|(file, _)| file).filter(|file| !files.insert(file)).collect();
    for (file, record) in pieces(document) {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(record) else { continue };
        let says_the_same = FileName::parse(file).is_some_and(|parsed| parsed.name == name && record.is_of(&parsed));
        if !says_the_same || twice.contains(file) {
            continue;
        }
        let published = record.published();
        let sha256: Option<Digest> = record.sha256.as_deref().and_then(|text| text.parse().ok());
        // Older channels state nothing better; the bytes that come first are known by their SHA-256 from then on.
        let md5 = record.md5.as_deref().filter(|_| sha256.is_none()).filter(|text| text.len() == 32).and_then(unhex);
        let known_as = record.purls.as_deref().and_then(|purls| known_as(purls, &record.version));
        let artifact = Artifact {
            file: file.to_owned(),
            url: format!("{base}{}", percent_encoding::utf8_percent_encode(file, IN_PATH)),
            digests: StatedDigests { sha256, md5, ..StatedDigests::default() },
            size: record.size,
            published,
            ..Artifact::default()
        };
        let license = record.license();
        match places.get(&record.version).and_then(|place| index.releases.get_mut(*place)) {
            Some(release) => {
                // A build without a date lends none from another.
                release.published = release.published.zip(published).map(|(a, b)| a.min(b));
                release.license = together(release.license.take(), license);
                release.known_as = both(release.known_as.take(), known_as);
                release.artifacts.push(artifact);
            }
            None => {
                places.insert(record.version.clone(), index.releases.len());
                index.releases.push(Release {
                    version: record.version.to_string(),
                    published,
                    license: license.map(str::to_owned),
                    known_as,
                    yanked: record.yanked.map(Cow::into_owned),
                    artifacts: vec![artifact],
                    ..Release::default()
                });
            }
        }
    }
    Ok(index)
}

/// Most names elsewhere that are read of a record.
const MAX_PURLS: usize = 8;

/// The names elsewhere that a record states.
fn known_as(purls: &[Cow<'_, str>], version: &str) -> Option<KnownAs> {
    let purls: Vec<String> = purls.iter().take(MAX_PURLS).filter_map(|purl| stated_name(purl, version)).collect();
    (!purls.is_empty()).then(|| KnownAs {
        purls,
        source: String::from("purls of its record in the channel's index"),
        whole: true,
    })
}

/// What builds of a release are called elsewhere. One that says nothing speaks for no other.
fn both(known: Option<KnownAs>, other: Option<KnownAs>) -> Option<KnownAs> {
    let (known, other) = (known?, other?);
    let mut purls = known.purls;
    purls.extend(other.purls.into_iter().filter(|purl| !purls.contains(purl)).collect::<Vec<_>>());
    Some(KnownAs { purls, ..known })
}

/// What of a file name is encoded in an address: `!` and `+` of versions mean themselves only so.
const IN_PATH: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'+').add(b'!').add(b' ').add(b'%');

/// The licence of a release whose builds state `known` and `other`: both, where they differ.
fn together(known: Option<String>, other: Option<&str>) -> Option<String> {
    match (known, other) {
        (None, other) => other.map(str::to_owned),
        (Some(known), Some(other)) if known != other && !known.contains(&format!("({other})")) => {
            let known = if known.starts_with('(') && known.contains(" AND ") { known } else { format!("({known})") };
            Some(format!("{known} AND ({other})"))
        }
        (known, _) => known,
    }
}

/// What becomes of the records: those of artifacts that are served are shown.
pub fn fates(page: &Page<'_>, pieces: &[&[u8]]) -> Vec<Fate> {
    let mut served: HashSet<&str> = HashSet::new();
    let releases = page.index.releases.iter().zip(page.releases).filter(|(release, _)| release.yanked.is_none());
    for (release, how) in releases {
        let artifacts = release.artifacts.iter().zip(&how.artifacts);
        served.extend(artifacts.filter(|(_, how)| how.refused.is_none()).map(|(artifact, _)| artifact.file.as_str()));
    }
    let is_served = |piece: &&[u8]| split(piece).is_some_and(|(file, _)| served.contains(file));
    pieces.iter().map(|piece| if is_served(piece) { Fate::Shown } else { Fate::Hidden }).collect()
}

/// All that the records of a release say, by file.
pub fn said(documents: &[Document<'_>], version: &str) -> serde_json::Value {
    let mut said = serde_json::Map::new();
    for (file, record) in documents.first().into_iter().flat_map(pieces) {
        let of_version = FileName::parse(file).is_some_and(|parsed| parsed.version == version);
        if of_version
            && said.len() < MAX_SAID
            && let Ok(record) = serde_json::from_slice(record)
        {
            said.insert(file.to_owned(), record);
        }
    }
    serde_json::Value::Object(said)
}

/// Most builds of a release whose records are kept in the memory.
pub const MAX_SAID: usize = 20;

#[cfg(test)]
mod tests;
