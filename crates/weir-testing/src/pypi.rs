//! A small PyPI: pages under `/simple/`, files under `/files/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use weir_core::Digest;

use crate::artifact::{self, core_metadata, sdist_file, wheel_file};
use crate::fake::{FakeResponse, FakeUpstream, State, lock};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "text/html; charset=utf-8";

/// The pages' content, by normalised name.
#[derive(Default)]
pub(crate) struct Packages {
    packages: BTreeMap<String, Package>,
    html_only: bool,
    undated: bool,
    files_at: Option<(String, Arc<State>)>,
}

#[derive(Default)]
struct Package {
    files: Vec<File>,
    versions: Vec<String>,
    status: Option<(String, Option<String>)>,
}

struct File {
    version: String,
    name: String,
    bytes: Bytes,
    published: Option<String>,
    requires_python: Option<String>,
    yanked: Option<String>,
    metadata: Option<Bytes>,
    stated: bool,
    attested: bool,
}

/// A handle on the PyPI of a [`FakeUpstream`].
#[derive(Clone)]
pub struct FakePypi {
    url: String,
    state: Arc<State>,
}

/// A release that is being described; [`ReleaseBuilder::add`] publishes it.
#[must_use = "nothing is published before `add`"]
pub struct ReleaseBuilder {
    pypi: FakePypi,
    name: String,
    version: String,
    headers: Vec<(String, String)>,
    attested: bool,
    published: Option<String>,
    requires_python: Option<String>,
    yanked: Option<String>,
    wheel: bool,
    sdist: bool,
    offers_metadata: bool,
    stated: bool,
    size: usize,
    files: Vec<(String, Bytes)>,
}

impl FakePypi {
    pub(crate) fn new(url: String, state: Arc<State>) -> Self {
        Self { url, state }
    }

    /// The base address, `…/simple/`.
    pub fn url(&self) -> String {
        format!("{}/simple/", self.url)
    }

    /// The route of a package's page.
    pub fn page(&self, name: &str) -> String {
        format!("/simple/{}/", normalized(name))
    }

    /// The route of a file.
    pub fn file(&self, file: &str) -> String {
        format!("/files/{file}")
    }

    /// Begins a release. Unless told otherwise it has one wheel, published on 2020-01-01.
    pub fn release(&self, name: &str, version: &str) -> ReleaseBuilder {
        ReleaseBuilder {
            pypi: self.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
            attested: false,
            headers: Vec::new(),
            published: Some(String::from("2020-01-01T00:00:00Z")),
            requires_python: None,
            yanked: None,
            wheel: true,
            sdist: false,
            offers_metadata: true,
            stated: true,
            size: 0,
            files: Vec::new(),
        }
    }

    /// Only HTML pages, as many mirrors have, or no longer.
    pub fn html_only(&self, html_only: bool) -> &Self {
        self.change(|packages| packages.html_only = html_only)
    }

    /// No upload times, or again.
    pub fn undated(&self, undated: bool) -> &Self {
        self.change(|packages| packages.undated = undated)
    }

    /// Files that are added from now on are at another upstream, as PyPI's are.
    pub fn files_at(&self, other: &FakeUpstream) -> &Self {
        self.change(|packages| packages.files_at = Some((other.url(), other.state())))
    }

    /// Sets a project's status (PEP 792): `quarantined`.
    pub fn status(&self, name: &str, status: &str, reason: Option<&str>) -> &Self {
        let status = Some((status.to_owned(), reason.map(str::to_owned)));
        self.change(|packages| packages.packages.entry(normalized(name)).or_default().status = status.clone())
    }

    /// Yanks a release that is there.
    pub fn yank(&self, name: &str, version: &str, reason: &str) -> &Self {
        self.change(|packages| {
            let package = packages.packages.entry(normalized(name)).or_default();
            for file in package.files.iter_mut().filter(|file| file.version == version) {
                file.yanked = Some(reason.to_owned());
            }
        })
    }

    /// Takes a release off the page; its files stay.
    pub fn remove(&self, name: &str, version: &str) -> &Self {
        self.change(|packages| {
            let package = packages.packages.entry(normalized(name)).or_default();
            package.files.retain(|file| file.version != version);
            package.versions.retain(|there| there != version);
        })
    }

    /// Takes a package's page away.
    pub fn remove_package(&self, name: &str) -> &Self {
        lock(&self.state.pypi).packages.remove(&normalized(name));
        self.state.remove(&self.page(name));
        self
    }

    /// Other bytes under the same file name; the page states their digest.
    pub fn replace(&self, file: &str, bytes: impl Into<Bytes>) -> &Self {
        let bytes = bytes.into();
        self.change(|packages| {
            for package in packages.packages.values_mut() {
                for there in package.files.iter_mut().filter(|there| there.name == file) {
                    there.bytes = bytes.clone();
                }
            }
            let state = packages.files_at.as_ref().map_or(&self.state, |(_, state)| state);
            state.put(&self.file(file), file_response(&bytes));
        })
    }

    fn change(&self, change: impl FnOnce(&mut Packages)) -> &Self {
        let mut packages = lock(&self.state.pypi);
        change(&mut packages);
        let files = packages.files_at.as_ref().map_or(self.url.as_str(), |(url, _)| url);
        for (name, package) in &packages.packages {
            let route = self.page(name);
            let html = page(package.html(name, files, &packages), HTML);
            self.state.remove(&route);
            if !packages.html_only {
                self.state.put_accepting(&route, JSON, page(package.json(name, files, &packages), JSON));
            }
            self.state.put(&route, html);
        }
        let mut root = String::from("<!DOCTYPE html>\n<html><body>\n");
        for name in packages.packages.keys() {
            writeln!(root, "<a href=\"{name}/\">{name}</a>").unwrap();
        }
        root.push_str("</body></html>\n");
        self.state.put("/simple/", page(root, HTML));
        self
    }
}

impl ReleaseBuilder {
    /// When its files were uploaded: a date or an RFC 3339 time.
    pub fn published(mut self, at: &str) -> Self {
        self.published = Some(moment(at));
        self
    }

    /// The index names attestations for its files.
    pub fn attested(mut self) -> Self {
        self.attested = true;
        self
    }

    /// Its files have no upload time.
    pub fn undated(mut self) -> Self {
        self.published = None;
        self
    }

    /// A licence expression (`License-Expression`).
    pub fn license(self, license: &str) -> Self {
        self.header("License-Expression", license)
    }

    /// A dependency: `other>=1`.
    pub fn requires(self, requirement: &str) -> Self {
        self.header("Requires-Dist", requirement)
    }

    /// A line of core metadata.
    pub fn header(mut self, key: &str, value: &str) -> Self {
        self.headers.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The Python versions it wants: `>=3.8`.
    pub fn requires_python(mut self, versions: &str) -> Self {
        self.requires_python = Some(versions.to_owned());
        self.header("Requires-Python", versions)
    }

    /// Yanked, with a reason that may be empty.
    pub fn yanked(mut self, reason: &str) -> Self {
        self.yanked = Some(reason.to_owned());
        self
    }

    /// It has an sdist beside the wheel.
    pub fn with_sdist(mut self) -> Self {
        self.sdist = true;
        self
    }

    /// It has an sdist and no wheel.
    pub fn only_sdist(mut self) -> Self {
        self.sdist = true;
        self.wheel = false;
        self
    }

    /// The page does not offer core metadata (PEP 658).
    pub fn without_metadata(mut self) -> Self {
        self.offers_metadata = false;
        self
    }

    /// The page states no digests.
    pub fn without_digests(mut self) -> Self {
        self.stated = false;
        self
    }

    /// Its wheel is larger than so many bytes.
    pub fn size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// It has this file, and no wheel of its own making.
    pub fn file(mut self, name: &str, bytes: impl Into<Bytes>) -> Self {
        self.wheel = false;
        self.files.push((name.to_owned(), bytes.into()));
        self
    }

    /// Publishes it; gives the names of its files.
    pub fn add(self) -> Vec<String> {
        let headers: Vec<_> = self.headers.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (name, version) = (self.name.as_str(), self.version.as_str());
        let mut files = self.files.clone();
        if self.wheel {
            let wheel = match self.size {
                0 => artifact::wheel(name, version, &headers),
                size => artifact::big_wheel(name, version, &headers, size),
            };
            files.push((wheel_file(name, version), wheel.into()));
        }
        if self.sdist {
            files.push((sdist_file(name, version), artifact::sdist(name, version, &headers).into()));
        }
        let metadata = Bytes::from(core_metadata(name, version, &headers));
        let names = files.iter().map(|(file, _)| file.clone()).collect();
        self.pypi.change(|packages| {
            let state = Arc::clone(packages.files_at.as_ref().map_or(&self.pypi.state, |(_, state)| state));
            let package = packages.packages.entry(normalized(name)).or_default();
            if !package.versions.iter().any(|there| there == version) {
                package.versions.push(version.to_owned());
            }
            for (file, bytes) in files {
                let route = self.pypi.file(&file);
                state.put(&route, file_response(&bytes));
                let offered = self.offers_metadata && file.ends_with(".whl");
                if offered {
                    state.put(&format!("{route}.metadata"), FakeResponse::ok(metadata.clone()));
                }
                package.files.retain(|there| there.name != file);
                package.files.push(File {
                    version: version.to_owned(),
                    name: file,
                    bytes,
                    published: self.published.clone(),
                    requires_python: self.requires_python.clone(),
                    yanked: self.yanked.clone(),
                    metadata: offered.then(|| metadata.clone()),
                    stated: self.stated,
                    attested: self.attested,
                });
            }
        });
        names
    }
}

impl Package {
    fn json(&self, name: &str, files_at: &str, packages: &Packages) -> String {
        let files: Vec<Value> = self.files.iter().map(|file| file.json(files_at, packages.undated)).collect();
        let mut page = json!({
            "meta": { "api-version": "1.1" },
            "name": name,
            "versions": self.versions,
            "files": files,
        });
        if let Some((status, reason)) = &self.status {
            page["meta"]["api-version"] = json!("1.4");
            page["project-status"] = json!({ "status": status });
            if let Some(reason) = reason {
                page["project-status"]["reason"] = json!(reason);
            }
        }
        page.to_string()
    }

    fn html(&self, name: &str, files_at: &str, _: &Packages) -> String {
        let mut page = String::from("<!DOCTYPE html>\n<html>\n<head>\n");
        page.push_str("<meta name=\"pypi:repository-version\" content=\"1.1\">\n");
        if let Some((status, reason)) = &self.status {
            writeln!(page, "<meta name=\"pypi:project-status\" content=\"{}\">", escaped(status)).unwrap();
            if let Some(reason) = reason {
                let reason = escaped(reason);
                writeln!(page, "<meta name=\"pypi:project-status-reason\" content=\"{reason}\">").unwrap();
            }
        }
        writeln!(page, "<title>Links for {name}</title>\n</head>\n<body>\n<h1>Links for {name}</h1>").unwrap();
        for file in &self.files {
            write!(page, "<a href=\"{files_at}/files/{}", file.name).unwrap();
            if file.stated {
                write!(page, "#sha256={}", Digest::of(&file.bytes)).unwrap();
            }
            page.push('"');
            if let Some(versions) = &file.requires_python {
                write!(page, " data-requires-python=\"{}\"", escaped(versions)).unwrap();
            }
            if let Some(metadata) = &file.metadata {
                let digest = Digest::of(metadata);
                write!(page, " data-dist-info-metadata=\"sha256={digest}\" data-core-metadata=\"sha256={digest}\"")
                    .unwrap();
            }
            if let Some(reason) = &file.yanked {
                write!(page, " data-yanked=\"{}\"", escaped(reason)).unwrap();
            }
            writeln!(page, ">{}</a><br>", file.name).unwrap();
        }
        page.push_str("</body>\n</html>\n");
        page
    }
}

impl File {
    fn json(&self, files_at: &str, undated: bool) -> Value {
        let mut hashes = Map::new();
        if self.stated {
            hashes.insert(String::from("sha256"), json!(Digest::of(&self.bytes)));
        }
        let mut file = json!({
            "filename": self.name,
            "url": format!("{files_at}/files/{}", self.name),
            "hashes": hashes,
            "size": self.bytes.len(),
            "yanked": match &self.yanked {
                None => json!(false),
                Some(reason) if reason.is_empty() => json!(true),
                Some(reason) => json!(reason),
            },
        });
        if let Some(published) = self.published.as_ref().filter(|_| !undated) {
            file["upload-time"] = json!(published);
        }
        if let Some(versions) = &self.requires_python {
            file["requires-python"] = json!(versions);
        }
        if self.attested {
            file["provenance"] = json!(format!("{files_at}/integrity/{}/provenance", self.name));
        }
        if let Some(metadata) = &self.metadata {
            let stated = json!({ "sha256": Digest::of(metadata) });
            file["data-dist-info-metadata"] = stated.clone();
            file["core-metadata"] = stated;
        }
        file
    }
}

fn page(text: String, content_type: &str) -> FakeResponse {
    let etag = format!("\"{}\"", Digest::of(text.as_bytes()).short());
    FakeResponse::ok(text).content_type(content_type).etag(&etag).header("Vary", "Accept").gzip()
}

fn file_response(bytes: &Bytes) -> FakeResponse {
    let etag = format!("\"{}\"", Digest::of(bytes).short());
    FakeResponse::ok(bytes.clone()).content_type("application/octet-stream").etag(&etag)
}

/// A date or time as an RFC 3339 time.
pub(crate) fn moment(at: &str) -> String {
    weir_core::Timestamp::parse(at).unwrap_or_else(|| panic!("`{at}` is neither a date nor a time")).to_string()
}

/// PEP 503.
fn normalized(name: &str) -> String {
    let parts: Vec<_> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_lowercase()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
