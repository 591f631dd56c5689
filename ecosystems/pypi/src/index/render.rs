//! Writing pages: upstream's with Weir's addresses, refused files demoted, nothing else changed.
//!
//! A refused file stays listed and becomes yanked with the reason: resolvers go around it, and who pins it meets the
//! refusal at the file. JSON from JSON is written key by key with upstream's own bytes, in one pass.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use weir_core::facts::ProjectStatus;
use weir_core::registry::{Artifact, Document, Form, InvalidDocument, Note, Page, Rendered};
use weir_core::{Digest, Timestamp};

use super::{Extra, ListedFile, Listing, Pairs, Rest, html, only};

/// PEP 691 JSON.
pub(crate) const JSON: Form = Form::whole("json");
/// PEP 503 HTML under its versioned media type.
pub(crate) const HTML: Form = Form::whole("html");
/// PEP 503 HTML as `text/html`.
pub(crate) const HTML_LEGACY: Form = Form::whole("html-legacy");

/// The media type that a form is served as.
pub(crate) fn content_type(form: &Form) -> &'static str {
    match form.kind {
        "json" => "application/vnd.pypi.simple.v1+json",
        "html" => "application/vnd.pypi.simple.v1+html",
        _ => "text/html; charset=utf-8",
    }
}

/// The newest version of the HTML form; PEP 833 froze it there.
const LAST_HTML_VERSION: u32 = 4;

/// A file of the page with what Weir says about it.
struct Served<'a> {
    artifact: &'a Artifact,
    refused: Option<&'a Note>,
    published: Timestamp,
    metadata: Option<Digest>,
}

/// The page that a client gets.
pub fn render(page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
    let document: &Document<'_> = only(page.documents)?;
    let listing = Listing::read(document)?;
    let mut served = served_files(page);
    // In the document's order, and each name once, as it was read.
    let files = listing
        .files
        .iter()
        .filter_map(|listed| Some((listed, served.remove(listed.file.as_ref())?)))
        .collect::<Vec<_>>();
    let writer = Writer { page, out: Vec::with_capacity(document.body.len() + document.body.len() / 4 + 1024) };
    let body = match (form.kind, &listing.rest) {
        ("json", Rest::Json(pairs)) => writer.json_from_json(pairs, &files),
        ("json", Rest::Html(_)) => writer.json_from_html(&listing, &files),
        _ => writer.html(&listing, &files),
    };
    Ok(Rendered { content_type: String::from(content_type(form)), body })
}

fn served_files<'a>(page: &Page<'a>) -> HashMap<&'a str, Served<'a>> {
    let mut files = HashMap::new();
    for (release, served_release) in page.index.releases.iter().zip(page.releases) {
        for (artifact, served) in release.artifacts.iter().zip(&served_release.artifacts) {
            let refused = served.refused.as_ref().or(served_release.refused.as_ref());
            let (published, metadata) = (served.published, served.metadata);
            files.insert(artifact.file.as_str(), Served { artifact, refused, published, metadata });
        }
    }
    files
}

/// A project's status as JSON (PEP 792).
pub(super) fn status(status: &ProjectStatus) -> Value {
    let mut value = Map::new();
    value.insert(String::from("status"), Value::from(status.status.clone()));
    value.extend(status.reason.clone().map(|reason| (String::from("reason"), Value::from(reason))));
    Value::Object(value)
}

impl ListedFile<'_> {
    /// All that upstream says about the file, for the memory.
    pub(super) fn said(&self) -> Value {
        match &self.extra {
            Extra::Json(pairs) => pairs
                .iter()
                .map(|(key, raw)| (key.to_string(), serde_json::from_str(raw.get()).unwrap_or(Value::Null)))
                .collect::<Map<_, _>>()
                .into(),
            Extra::Html(attributes) => {
                let mut said = self.known();
                said.insert(String::from("url"), Value::from(self.url.as_ref()));
                said.extend(self.provenance.iter().map(|url| (String::from("provenance"), Value::from(url.as_ref()))));
                said.extend(attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
                said.into()
            }
        }
    }

    /// The keys of PEP 691 that say the same wherever the file is: all but addresses.
    fn known(&self) -> Map<String, Value> {
        let hashes = self.hashes.iter().map(|(name, hex)| (name.to_string(), Value::from(hex.as_ref())));
        let mut known = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            known.extend(value.map(|value| (key.to_owned(), value)));
        };
        set("filename", Some(Value::from(self.file.as_ref())));
        set("hashes", Some(Value::Object(hashes.collect())));
        set("requires-python", self.requires_python.as_deref().map(Value::from));
        set("size", self.size.map(Value::from));
        set("upload-time", self.upload_time.as_deref().map(Value::from));
        set("yanked", Some(self.yanked.as_deref().map_or(Value::from(false), yank)));
        set("core-metadata", Some(self.core_metadata.map_or(Value::from(false), metadata)));
        set("gpg-sig", self.gpg_sig.map(Value::from));
        known
    }
}

fn yank(reason: &str) -> Value {
    if reason.is_empty() { Value::from(true) } else { Value::from(reason) }
}

fn metadata(digest: Option<Digest>) -> Value {
    digest.map_or(Value::from(true), |digest| json!({ "sha256": digest }))
}

/// A moment as PEP 700 writes it: `2026-10-01T12:00:00.000000Z`. Older clients read six digits or none.
fn upload_time(moment: Timestamp) -> String {
    let text = moment.to_string();
    match text.trim_end_matches('Z').split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}Z"),
        None => text,
    }
}

/// Writes one page.
struct Writer<'a> {
    page: &'a Page<'a>,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn json_from_json(mut self, pairs: &Pairs<'_>, files: &[(&ListedFile<'_>, Served<'_>)]) -> Vec<u8> {
        let mut object = ObjectWriter::open(&mut self.out);
        for (key, raw) in pairs {
            if key != "files" {
                object.raw(key, raw);
                continue;
            }
            object.key(key);
            object.out.push(b'[');
            for (place, (listed, served)) in files.iter().enumerate() {
                if place > 0 {
                    object.out.push(b',');
                }
                let Extra::Json(pairs) = &listed.extra else { continue };
                write_file(object.out, self.page, listed, pairs, served);
            }
            object.out.push(b']');
        }
        object.close();
        self.out
    }

    fn json_from_html(self, listing: &Listing<'_>, files: &[(&ListedFile<'_>, Served<'_>)]) -> Vec<u8> {
        // PEP 700 makes `size` mandatory from 1.1 on, and HTML has no place for it.
        let sizes = files.iter().all(|(listed, _)| listed.size.is_some());
        let mut versions = Vec::new();
        let mut seen = HashMap::new();
        for release in &self.page.index.releases {
            if seen.insert(&release.version, ()).is_none() {
                versions.push(&release.version);
            }
        }
        let files = files.iter().map(|(listed, served)| {
            let mut file = listed.known();
            let mut set = |key: &str, value: Value| file.insert(key.to_owned(), value);
            set("url", Value::from(self.file_url(served.artifact)));
            if served.artifact.published.is_none() {
                set("upload-time", Value::from(upload_time(served.published)));
            }
            match served.refused {
                Some(note) => {
                    set("yanked", Value::from(note.text.as_str()));
                    set("core-metadata", Value::from(false));
                }
                None => {
                    if let (None, Some(digest)) = (listed.core_metadata, served.metadata) {
                        set("core-metadata", metadata(Some(digest)));
                    }
                    if served.artifact.provenance.is_some() {
                        set("provenance", Value::from(self.provenance_url(served.artifact)));
                    }
                }
            }
            Value::Object(file)
        });
        let mut page = json!({
            "meta": { "api-version": if sizes { "1.4" } else { "1.0" } },
            "name": self.page.package.as_str(),
            "versions": versions,
            "files": files.collect::<Vec<_>>(),
        });
        if let Some(project) = &listing.status {
            page["project-status"] = status(project);
        }
        page.to_string().into_bytes()
    }

    fn html(mut self, listing: &Listing<'_>, files: &[(&ListedFile<'_>, Served<'_>)]) -> Vec<u8> {
        let version = listing.api_version.unwrap_or(0).min(LAST_HTML_VERSION).to_string();
        self.text("<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.");
        self.text(&version);
        self.text("\">\n");
        match &listing.rest {
            Rest::Html(head) => {
                for (name, content) in head.iter().filter(|(name, _)| *name != html::BASE) {
                    if name != "pypi:repository-version" {
                        self.meta(name, content);
                    }
                }
            }
            Rest::Json(_) => {
                if let Some(status) = &listing.status {
                    self.meta("pypi:project-status", &status.status);
                    if let Some(reason) = &status.reason {
                        self.meta("pypi:project-status-reason", reason);
                    }
                }
            }
        }
        let title = format!("Links for {}", self.page.package);
        self.text(&format!("<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"));
        for (listed, served) in files {
            self.anchor(listed, served);
        }
        self.text("</body>\n</html>\n");
        self.out
    }

    fn anchor(&mut self, listed: &ListedFile<'_>, served: &Served<'_>) {
        let sha256 = |(algorithm, _): &&(Cow<'_, str>, Cow<'_, str>)| algorithm == "sha256";
        let hash = listed.hashes.iter().find(sha256).or(listed.hashes.first());
        let mut href = self.file_url(served.artifact);
        if let Some((algorithm, hex)) = hash {
            href.push_str(&format!("#{algorithm}={hex}"));
        }
        self.text("<a");
        self.attribute("href", &href);
        if let Some(specifiers) = &listed.requires_python {
            self.attribute("data-requires-python", specifiers);
        }
        if let Some(signed) = listed.gpg_sig {
            self.attribute("data-gpg-sig", if signed { "true" } else { "false" });
        }
        if let (Extra::Html(_), Some(_), Some(text)) = (&listed.extra, served.artifact.published, &listed.upload_time) {
            self.attribute("data-upload-time", text);
        }
        if let Extra::Html(attributes) = &listed.extra {
            for (name, value) in attributes {
                self.attribute(name, value);
            }
        }
        match served.refused {
            Some(note) => self.attribute("data-yanked", &note.text),
            None => {
                if let Some(reason) = &listed.yanked {
                    self.attribute("data-yanked", reason);
                }
                let own = served.metadata.map(Some);
                if let Some(digest) = listed.core_metadata.or(own) {
                    let value = digest.map_or_else(|| String::from("true"), |digest| format!("sha256={digest}"));
                    // PEP 714: both names, for clients from before it.
                    self.attribute("data-core-metadata", &value);
                    self.attribute("data-dist-info-metadata", &value);
                }
                if served.artifact.provenance.is_some() {
                    let url = self.provenance_url(served.artifact);
                    self.attribute("data-provenance", &url);
                }
            }
        }
        self.text(">");
        self.escaped(&served.artifact.file);
        self.text("</a><br>\n");
    }

    fn meta(&mut self, name: &str, content: &str) {
        self.text("<meta");
        self.attribute("name", name);
        self.attribute("content", content);
        self.text(">\n");
    }

    /// ` name="value"`; the name is one of Weir's own or was checked when it was read.
    fn attribute(&mut self, name: &str, value: &str) {
        self.text(" ");
        self.text(name);
        self.text("=\"");
        self.escaped(value);
        self.text("\"");
    }

    fn escaped(&mut self, text: &str) {
        escaped(&mut self.out, text);
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn file_url(&self, artifact: &Artifact) -> String {
        file_url(self.page, artifact)
    }

    fn provenance_url(&self, artifact: &Artifact) -> String {
        provenance_url(self.page, artifact)
    }
}

/// Writes text in which nothing is markup, in ASCII whatever the page's encoding is taken for.
pub(super) fn escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            ' '..='~' => out.push(c as u8),
            other => out.extend_from_slice(format!("&#{};", u32::from(other)).as_bytes()),
        }
    }
}

fn file_url(page: &Page<'_>, artifact: &Artifact) -> String {
    format!("{}/files/{}/{}", page.base, page.package, artifact.file)
}

fn provenance_url(page: &Page<'_>, artifact: &Artifact) -> String {
    format!("{}/provenance/{}/{}", page.base, page.package, artifact.file)
}

/// Writes a file's object with upstream's bytes where Weir has nothing else to say.
fn write_file(out: &mut Vec<u8>, page: &Page<'_>, listed: &ListedFile<'_>, pairs: &Pairs<'_>, served: &Served<'_>) {
    let own_metadata = served.metadata.filter(|_| listed.core_metadata.is_none());
    let mut object = ObjectWriter::open(out);
    for (key, raw) in pairs {
        match (key.as_ref(), served.refused) {
            ("url", _) => object.text(key, &file_url(page, served.artifact)),
            ("yanked", Some(_)) => {}
            ("core-metadata" | "dist-info-metadata" | "data-dist-info-metadata" | "provenance", Some(_)) => {}
            ("core-metadata", None) if own_metadata.is_some() => {}
            ("provenance", None) if served.artifact.provenance.is_some() => {
                object.text(key, &provenance_url(page, served.artifact));
            }
            ("provenance", None) if listed.provenance.is_some() => {}
            ("upload-time", _) if served.artifact.published.is_none() => {}
            _ => object.raw(key, raw),
        }
    }
    if let Some(note) = served.refused {
        object.text("yanked", &note.text);
    } else if let Some(digest) = own_metadata {
        object.key("core-metadata");
        // Writing to memory does not fail.
        let _ = write!(object.out, "{{\"sha256\":\"{digest}\"}}");
    }
    if served.artifact.published.is_none() {
        object.text("upload-time", &upload_time(served.published));
    }
    object.close();
}

/// Writes an object, with commas where they belong.
struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(self.out, key);
        self.out.push(b':');
    }

    fn raw(&mut self, key: &str, raw: &RawValue) {
        self.key(key);
        self.out.extend_from_slice(raw.get().as_bytes());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_text(self.out, text);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // A text always has a form in JSON, and writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}
