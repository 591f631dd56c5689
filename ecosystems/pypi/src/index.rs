//! The index: what upstream says about a package, and the page that a client gets.
//!
//! Upstream speaks JSON (PEP 691) or HTML (PEP 503). Both are read into one `Listing`, which borrows from the document and
//! keeps what it does not understand; from a listing come the [`Index`] that Weir judges and the page that it serves.

mod flat;
mod html;
mod json;
mod render;

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;
use weir_core::digest::{StatedDigests, unhex};
use weir_core::ecosystem::Versions;
use weir_core::facts::ProjectStatus;
use weir_core::registry::{Artifact, Document, Index, InvalidDocument, Release};
use weir_core::{Digest, PackageName, SortKey, Timestamp};

use crate::artifact::{FileVersion, read_file_name};
use crate::version::PypiVersions;

pub use flat::FindLinks;
pub use render::render;
pub(crate) use render::{HTML, HTML_LEGACY, JSON, content_type};

/// Most files that one page may list.
pub const MAX_FILES: usize = 100_000;

/// Most keys or attributes that one file, or the page itself, may have.
pub const MAX_KEYS: usize = 64;

/// What upstream says, with what Weir could not use.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Reading {
    /// What upstream says.
    pub index: Index,
    /// How many entries are left out: the name is not for certain one of this package's artifacts, or is there twice, or
    /// the address or digest cannot be read. What is left out is served nowhere.
    pub dropped: usize,
}

/// A document as upstream wrote it.
struct Listing<'a> {
    /// `meta.api-version` or `pypi:repository-version`, if stated: `1.` and a number.
    api_version: Option<u32>,
    status: Option<ProjectStatus>,
    files: Vec<ListedFile<'a>>,
    /// Entries that could not even be read as a file.
    dropped: usize,
    rest: Rest<'a>,
}

/// The document's form, with what only that form has.
enum Rest<'a> {
    /// All keys of the document, in its order.
    Json(Pairs<'a>),
    /// All `pypi:` metadata of the head, as (name, content).
    Html(Vec<(String, String)>),
}

/// One entry of a document.
#[derive(Default)]
struct ListedFile<'a> {
    file: Cow<'a, str>,
    /// As written, without a fragment; possibly relative.
    url: Cow<'a, str>,
    /// Hashes as stated: (algorithm, hexadecimal digits).
    hashes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    size: Option<u64>,
    upload_time: Option<Cow<'a, str>>,
    yanked: Option<Cow<'a, str>>,
    /// Offered (PEP 658), with the SHA-256 that is stated.
    core_metadata: Option<Option<Digest>>,
    requires_python: Option<Cow<'a, str>>,
    gpg_sig: Option<bool>,
    provenance: Option<Cow<'a, str>>,
    extra: Extra<'a>,
}

/// All that upstream says about a file, known or not.
enum Extra<'a> {
    /// The keys of its object.
    Json(Pairs<'a>),
    /// The `data-` attributes of its anchor that are not understood, as (name, value).
    Html(Vec<(String, String)>),
}

impl Default for Extra<'_> {
    fn default() -> Self {
        Self::Html(Vec::new())
    }
}

/// An object's keys and values, verbatim and in their order.
type Pairs<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads what upstream says about a package.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Reading, InvalidDocument> {
    let document = only(documents)?;
    let listing = Listing::read(document)?;
    let base = listing.base(document);
    let mut reading =
        Reading { index: Index { releases: Vec::new(), status: listing.status.clone() }, dropped: listing.dropped };
    let mut releases = HashMap::new();
    let mut seen = HashMap::with_capacity(listing.files.len());
    for listed in &listing.files {
        let artifact = listed.artifact(&base);
        let name = read_file_name(package, &listed.file);
        let (Some(artifact), Some(name), None) = (artifact, name, seen.insert(listed.file.as_ref(), ())) else {
            reading.dropped += 1;
            continue;
        };
        let place = *releases.entry(release_key(&name.version)).or_insert_with(|| {
            reading.index.releases.push(Release { version: name.version.to_string(), ..Release::default() });
            reading.index.releases.len() - 1
        });
        reading.index.releases[place].artifacts.push(artifact);
    }
    let is_bare = matches!(listing.rest, Rest::Html(_)) && listing.api_version.is_none() && listing.status.is_none();
    if is_bare && reading.index.releases.is_empty() {
        // A login page, or a proxy's error page with the status 200: taken for an index, it would say that all is deleted.
        let problem = "it is HTML that neither lists a file of this package nor calls itself a package index \
                       (`pypi:repository-version`)";
        return Err(invalid(document.url, String::from(problem)));
    }
    for release in &mut reading.index.releases {
        release.published = release.artifacts.iter().filter_map(|artifact| artifact.published).min();
        release.yanked = common_yank(&release.artifacts);
    }
    Ok(reading)
}

/// What upstream says of the files of one release, for the memory.
pub fn said(documents: &[Document<'_>], index: &Index, version: &str) -> Value {
    let canonical = PypiVersions.canonical(version);
    let release = index.releases.iter().find(|release| PypiVersions.canonical(&release.version) == canonical);
    let (Some(release), Ok(document)) = (release, only(documents)) else {
        return Value::Object(serde_json::Map::new());
    };
    let Ok(listing) = Listing::read(document) else {
        return Value::Object(serde_json::Map::new());
    };
    let names = release.artifacts.iter().map(|artifact| (artifact.file.as_str(), ())).collect::<HashMap<_, _>>();
    let files = listing.files.iter().filter(|listed| names.contains_key(listed.file.as_ref()));
    let mut said = serde_json::Map::new();
    said.insert(String::from("files"), files.map(ListedFile::said).collect());
    if let Some(status) = &listing.status {
        said.insert(String::from("project-status"), render::status(status));
    }
    Value::Object(said)
}

/// What the versions of one release have in common: equal keys are equal canonical spellings.
fn release_key(version: &FileVersion) -> Result<SortKey, String> {
    match version {
        FileVersion::Read(version) => Ok(version.sort_key()),
        FileVersion::Legacy(text) => Err(text.clone()),
    }
}

/// Yanked if all artifacts are; the first reason that says something is the release's.
fn common_yank(artifacts: &[Artifact]) -> Option<String> {
    let reasons = artifacts.iter().map(|artifact| artifact.yanked.as_ref()).collect::<Option<Vec<_>>>()?;
    Some(reasons.into_iter().find(|reason| !reason.is_empty()).cloned().unwrap_or_default())
}

fn only<'a, 'b>(documents: &'a [Document<'b>]) -> Result<&'a Document<'b>, InvalidDocument> {
    documents.first().ok_or_else(|| invalid("", String::from("there is no document")))
}

fn invalid(url: &str, problem: String) -> InvalidDocument {
    InvalidDocument { url: url.to_owned(), expected: "a package page (PEP 691 or PEP 503)", problem }
}

impl<'a> Listing<'a> {
    /// Reads a document in the form that its media type tells, or that its first character tells where that does not.
    fn read(document: &Document<'a>) -> Result<Self, InvalidDocument> {
        let fail = |problem| invalid(document.url, problem);
        let media_type = document.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let first = document.body.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !BOM.contains(byte));
        let json = match media_type.as_str() {
            "application/vnd.pypi.simple.v1+json" | "application/json" => true,
            "application/vnd.pypi.simple.v1+html" | "text/html" | "application/xhtml+xml" => false,
            other if other.starts_with("application/vnd.pypi.simple.") => {
                return Err(fail(format!("its media type is `{other}`; Weir reads version 1")));
            }
            _ => match first {
                Some(b'{') => true,
                Some(b'<') => false,
                _ => return Err(fail(format!("its media type is `{media_type}` and it begins like neither"))),
            },
        };
        let listing = if json { json::read(document.body) } else { html::read(document.body) };
        let listing = listing.map_err(fail)?;
        match listing.files.len() + listing.dropped {
            ..=MAX_FILES => Ok(listing),
            files => Err(fail(format!("it lists {files} files; the limit is {MAX_FILES}"))),
        }
    }

    /// What relative addresses are relative to.
    fn base(&self, document: &Document<'_>) -> Option<Url> {
        let base = Url::parse(document.url).ok()?;
        match &self.rest {
            Rest::Json(_) => Some(base),
            Rest::Html(head) => match head.iter().find(|(name, _)| name == html::BASE) {
                Some((_, href)) => base.join(href).ok(),
                None => Some(base),
            },
        }
    }
}

/// The bytes of a UTF-8 byte order mark.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

impl ListedFile<'_> {
    /// The artifact as Weir judges it; `None` if its address or a stated digest cannot be read.
    fn artifact(&self, base: &Option<Url>) -> Option<Artifact> {
        let url = absolute(base, &self.url)?;
        // PEP 658: beside the file, so before any query.
        let metadata = self.core_metadata.map(|digest| {
            let (path, query) = url.as_str().split_at(url.as_str().find('?').unwrap_or(url.as_str().len()));
            (format!("{path}.metadata{query}"), digest)
        });
        let provenance = self.provenance.as_deref().and_then(|address| absolute(base, address)).map(String::from);
        Some(Artifact {
            file: self.file.clone().into_owned(),
            digests: self.digests()?,
            size: self.size,
            published: self.published(),
            yanked: self.yanked.clone().map(Cow::into_owned),
            metadata,
            attested: self.provenance.is_some(),
            unlisted: false,
            provenance,
            url: String::from(url),
        })
    }

    fn published(&self) -> Option<Timestamp> {
        self.upload_time.as_deref().and_then(Timestamp::parse)
    }

    /// SHA-256, or the strongest other that Weir can check where none is stated; `None` if it is unreadable.
    fn digests(&self) -> Option<StatedDigests> {
        let stated = |algorithm: &str| self.hashes.iter().find(|(name, _)| name == algorithm).map(|(_, hex)| hex);
        let bytes = |hex: &str, length: usize| unhex(hex).filter(|bytes| bytes.len() == length);
        let mut digests = StatedDigests::default();
        if let Some(hex) = stated("sha256") {
            digests.sha256 = Some(hex.parse().ok()?);
        } else if let Some(hex) = stated("sha512") {
            digests.sha512 = Some(bytes(hex, 64)?);
        } else if let Some(hex) = stated("sha1") {
            digests.sha1 = Some(bytes(hex, 20)?);
        }
        Some(digests)
    }
}

/// An absolute http(s) address without fragment and credentials: the gateway has the credentials, and knows their host.
fn absolute(base: &Option<Url>, address: &str) -> Option<Url> {
    let mut url = match base {
        Some(base) => base.join(address).ok()?,
        None => Url::parse(address).ok()?,
    };
    url.set_fragment(None);
    if !matches!(url.scheme(), "http" | "https") || url.set_username("").is_err() || url.set_password(None).is_err() {
        return None;
    }
    Some(url)
}
