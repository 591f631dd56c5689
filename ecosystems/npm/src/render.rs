//! What upstream says and how releases are served → the page that a client gets.
//!
//! The page is upstream's, entry by entry; only what leads to artifacts, what names versions, and what refuses or warns
//! is written anew.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use weir_core::Timestamp;
use weir_core::registry::{Form, InvalidDocument, Note, Page, Rendered, ServedRelease};

use crate::dist_tags::{self, Offered};
use crate::index::{deprecated, has_install_script};
use crate::json::{self, Field, Object, Writer, push_text};
use crate::packument::{Manifest, Packument, conventional_file, invalid};
use crate::{protocol, restrictions};

const JSON: &str = "application/json";
const INSTALL_JSON: &str = "application/vnd.npm.install-v1+json";

/// True for the fields of a manifest in the abbreviated form (npm's `package-metadata.md`, and what the registry adds).
fn is_abbreviated(field: &str) -> bool {
    matches!(
        field,
        "name"
            | "version"
            | "deprecated"
            | "dependencies"
            | "optionalDependencies"
            | "devDependencies"
            | "bundleDependencies"
            | "bundledDependencies"
            | "peerDependencies"
            | "peerDependenciesMeta"
            | "acceptDependencies"
            | "bin"
            | "directories"
            | "dist"
            | "engines"
            | "os"
            | "cpu"
            | "libc"
            | "funding"
            | "_hasShrinkwrap"
            | "hasInstallScript"
    )
}

/// Renders a page.
pub fn render(page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
    let packument = Packument::read(page.package, page.documents)?;
    let view = View::new(page, &packument);
    let size = page.documents.first().map_or(0, |document| document.body.len());
    let mut out = String::new();
    let content_type = match (form.kind, &form.detail) {
        (protocol::FULL, None) => {
            out.reserve(size + size / 16);
            view.full(&mut out);
            JSON
        }
        (protocol::ABBREVIATED, None) => {
            out.reserve(size / 2);
            view.abbreviated(&mut out);
            INSTALL_JSON
        }
        (protocol::DIST_TAGS, None) => {
            view.push_dist_tags(&mut out);
            JSON
        }
        (protocol::VERSION, Some(detail)) => {
            let url = page.documents.first().map_or("", |document| document.url);
            let version = view.resolve(detail);
            let served = view.served.iter().find(|(manifest, _)| Some(manifest.version.as_ref()) == version);
            let (manifest, release) = served.ok_or_else(|| invalid(url, format!("it offers no `{detail}`")))?;
            view.push_manifest(&mut out, manifest, release.warned.as_ref(), false);
            JSON
        }
        (kind, detail) => {
            let form = detail.as_deref().unwrap_or("the package");
            return Err(invalid("", format!("npm has no page of kind `{kind}` for {form}")));
        }
    };
    Ok(Rendered { content_type: content_type.to_owned(), body: out.into_bytes() })
}

/// The version that a form of kind `version` shows; `None` if upstream has neither such a version nor such a tag.
pub fn shown<'i>(page: &Page<'i>, detail: &str) -> Option<&'i str> {
    let releases = &page.index.releases;
    let find = |version: &str| releases.iter().find(|release| release.version == version);
    if let Some(release) = find(detail) {
        return Some(&release.version);
    }
    let packument = Packument::read(page.package, page.documents).ok()?;
    let view = View::new(page, &packument);
    let tag = view.tags.iter().find(|(tag, _)| tag == detail).map(|(_, version)| version.clone());
    // A tag whose version is refused still is a tag: its refusal is the answer.
    let version = tag.or_else(|| packument.dist_tags.text(detail))?;
    find(&version).map(|release| release.version.as_str())
}

/// Which releases the page offers and which it refuses.
struct View<'p, 'a> {
    page: &'p Page<'p>,
    packument: &'p Packument<'a>,
    served: Vec<(&'p Manifest<'a>, &'p ServedRelease)>,
    refused: Vec<(&'p Manifest<'a>, &'p Note)>,
    /// Refused releases that upstream no longer lists: told, so that whoever still pins one reads why.
    departed: Vec<(&'p str, &'p Note)>,
    tags: Vec<(Cow<'p, str>, Cow<'p, str>)>,
    /// Address of the package's artifacts, up to the file name.
    files: String,
}

impl<'p, 'a> View<'p, 'a> {
    fn new(page: &'p Page<'p>, packument: &'p Packument<'a>) -> Self {
        let known: HashMap<&str, &ServedRelease> =
            page.index.releases.iter().map(|release| release.version.as_str()).zip(page.releases).collect();
        let (mut served, mut refused) = (Vec::new(), Vec::new());
        for manifest in &packument.versions {
            // What has no decision is not shown.
            let Some(release) = known.get(manifest.version.as_ref()) else { continue };
            match release.refused.as_ref().or_else(|| release.artifacts.iter().find_map(|file| file.refused.as_ref())) {
                None => served.push((manifest, *release)),
                Some(note) => refused.push((manifest, note)),
            }
        }
        let listed: HashSet<&str> = packument.versions.iter().map(|manifest| manifest.version.as_ref()).collect();
        let departed = page.index.releases.iter().zip(page.releases).filter_map(|(release, served)| {
            let note = served.refused.as_ref().filter(|_| release.artifacts.is_empty())?;
            (!listed.contains(release.version.as_str())).then_some((release.version.as_str(), note))
        });
        let departed = departed.collect();
        let offered: Vec<Offered<'_>> = served
            .iter()
            .map(|(manifest, _)| Offered {
                version: &manifest.version,
                deprecated: deprecated(&manifest.fields).is_some(),
            })
            .collect();
        let tags = dist_tags::repaired(packument, &offered);
        let name = protocol::encoded(page.package).replacen("%2f", "/", 1);
        Self { page, packument, served, refused, departed, tags, files: format!("{}/{name}/-/", page.base) }
    }

    /// The version that `detail`, a version or a tag, stands for.
    fn resolve(&self, detail: &str) -> Option<&str> {
        let version = self.served.iter().map(|(manifest, _)| manifest.version.as_ref()).find(|v| *v == detail);
        version.or_else(|| self.tags.iter().find(|(tag, _)| tag == detail).map(|(_, version)| version.as_ref()))
    }

    fn full(&self, out: &mut String) {
        let mut page = Writer::new(out);
        let mut written: HashSet<String> = HashSet::new();
        for field in &self.packument.fields.0 {
            let name = field.name();
            match name.as_ref() {
                "versions" | "dist-tags" | "time" if !written.insert(name.to_string()) => {}
                "versions" => self.push_versions(page.raw_key(field.key()), false),
                "dist-tags" => self.push_dist_tags(page.raw_key(field.key())),
                "time" => self.push_time(page.raw_key(field.key())),
                // Staged versions are upstream's own and nobody has decided on them.
                "policyRestrictions" | "stagedVersions" => {}
                _ => page.field(field),
            }
        }
        if !written.contains("time") && !self.served.is_empty() {
            self.push_time(page.key("time"));
        }
        self.push_restrictions(&mut page, false);
        page.end();
    }

    fn abbreviated(&self, out: &mut String) {
        let mut page = Writer::new(out);
        match self.packument.fields.get("name") {
            Some(name) => page.key("name").push_str(name),
            None => push_text(page.key("name"), self.page.package.as_str()),
        }
        self.push_dist_tags(page.key("dist-tags"));
        self.push_versions(page.key("versions"), true);
        let modified = self.packument.time.get("modified").or_else(|| self.packument.fields.get("modified"));
        match (modified, self.served.iter().map(|(_, release)| release.published).max()) {
            (Some(modified), _) => page.key("modified").push_str(modified),
            (None, Some(newest)) => push_text(page.key("modified"), &newest.to_string()),
            (None, None) => {}
        }
        self.push_time(page.key("time"));
        self.push_restrictions(&mut page, true);
        page.end();
    }

    fn push_dist_tags(&self, out: &mut String) {
        let mut tags = Writer::new(out);
        for (tag, version) in &self.tags {
            push_text(tags.key(tag), version);
        }
        tags.end();
    }

    fn push_versions(&self, out: &mut String, abbreviated: bool) {
        let mut versions = Writer::new(out);
        for (manifest, release) in &self.served {
            self.push_manifest(versions.raw_key(manifest.key), manifest, release.warned.as_ref(), abbreviated);
        }
        versions.end();
    }

    /// Upstream's dates but for versions that are not offered; the date that Weir tells for those that have none.
    fn push_time(&self, out: &mut String) {
        let dates = self.packument.dates();
        let offered: HashMap<&str, Timestamp> =
            self.served.iter().map(|(manifest, release)| (manifest.version.as_ref(), release.published)).collect();
        let all = self.packument.versions.iter().map(|manifest| manifest.version.as_ref());
        let upstream: HashSet<&str> = all.collect();
        let mut time = Writer::new(out);
        for field in &self.packument.time.0 {
            let name = field.name();
            let name = name.as_ref();
            if !upstream.contains(name) || (offered.contains_key(name) && dates.contains_key(name)) {
                time.field(field);
            }
        }
        for (manifest, release) in &self.served {
            if !dates.contains_key(manifest.version.as_ref()) {
                push_text(time.raw_key(manifest.key), &release.published.to_string());
            }
        }
        time.end();
    }

    /// The refused versions and the reasons; nothing if there are none.
    fn push_restrictions(&self, page: &mut Writer<'_>, abbreviated: bool) {
        let upstream = self.packument.fields.get("policyRestrictions").and_then(Object::read);
        if self.refused.is_empty() && self.departed.is_empty() && upstream.is_none() {
            return;
        }
        let own: HashSet<&str> = self.packument.versions.iter().map(|manifest| manifest.version.as_ref()).collect();
        let upstream = upstream.unwrap_or_default();
        let mut restrictions = Writer::new(page.key("policyRestrictions"));
        for field in &upstream.0 {
            if !field.is("versions") && !field.is("message") {
                restrictions.field(field);
            }
        }
        let mut versions = Writer::new(restrictions.key("versions"));
        for (manifest, _) in &self.refused {
            self.push_manifest(versions.raw_key(manifest.key), manifest, None, abbreviated);
        }
        for (version, _) in &self.departed {
            let mut manifest = Writer::new(versions.key(version));
            push_text(manifest.key("name"), self.page.package.as_str());
            push_text(manifest.key("version"), version);
            manifest.end();
        }
        let told: HashSet<&str> = self.departed.iter().map(|(version, _)| *version).collect();
        for field in upstream.object("versions").unwrap_or_default().0 {
            let version = field.name();
            if own.contains(version.as_ref()) || told.contains(version.as_ref()) {
                continue;
            }
            let file = conventional_file(self.page.package, &version);
            let Some(fields) = Object::read(field.value) else { continue };
            let dist = fields.object("dist").unwrap_or_default();
            let manifest = Manifest { key: field.key(), version, file, fields, dist };
            self.push_manifest(versions.raw_key(manifest.key), &manifest, None, abbreviated);
        }
        versions.end();
        let mut refused: Vec<(&str, &Note)> =
            self.refused.iter().map(|(manifest, note)| (&*manifest.version, *note)).collect();
        refused.extend(&self.departed);
        let total = self.packument.versions.len() + self.departed.len();
        let message = restrictions::message(&refused, total, upstream.text("message").as_deref());
        push_text(restrictions.key("message"), &message);
        restrictions.end();
    }

    fn push_manifest(&self, out: &mut String, manifest: &Manifest<'_>, warned: Option<&Note>, abbreviated: bool) {
        // npm's own place for a warning; what the maintainers say there goes first.
        let warned = warned.filter(|_| deprecated(&manifest.fields).is_none());
        let mut fields = Writer::new(out);
        let mut scripts = abbreviated;
        for field in &manifest.fields.0 {
            if abbreviated && !is_abbreviated(&field.name()) {
                continue;
            }
            if field.is("dist") {
                // Of a repeated key the last counts, and one is enough.
                if manifest.fields.get("dist").is_some_and(|last| std::ptr::eq(last, field.value)) {
                    self.push_dist(fields.raw_key(field.key()), field, manifest);
                }
            } else if warned.is_none() || !field.is("deprecated") {
                scripts &= !field.is("hasInstallScript");
                fields.field(field);
            }
        }
        if let Some(note) = warned {
            push_text(fields.key("deprecated"), &note.text);
        }
        if scripts && has_install_script(&manifest.fields) {
            fields.key("hasInstallScript").push_str("true");
        }
        fields.end();
    }

    fn push_dist(&self, out: &mut String, field: &Field<'_>, manifest: &Manifest<'_>) {
        if !field.value.starts_with('{') {
            out.push_str(field.value);
            return;
        }
        let mut entries = Writer::new(out);
        for field in &manifest.dist.0 {
            if field.is("tarball") {
                let out = entries.raw_key(field.key());
                push_text(out, &format!("{}{}", self.files, protocol::encoded_segment(&manifest.file)));
            } else if field.is("attestations")
                && let Some(attestations) = Object::read(field.value)
            {
                self.push_attestations(entries.raw_key(field.key()), &attestations, &manifest.version);
            } else {
                entries.field(field);
            }
        }
        entries.end();
    }

    fn push_attestations(&self, out: &mut String, attestations: &Object<'_>, version: &str) {
        let mut entries = Writer::new(out);
        for field in &attestations.0 {
            if field.is("url") && json::text(field.value).is_some() {
                let (name, version) = (protocol::encoded(self.page.package), protocol::encoded_segment(version));
                let address = format!("{}/-/npm/v1/attestations/{name}@{version}", self.page.base);
                push_text(entries.raw_key(field.key()), &address);
            } else {
                entries.field(field);
            }
        }
        entries.end();
    }
}
