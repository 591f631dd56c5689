//! Packument → what upstream says about a package.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};
use url::Url;
use weir_core::PackageName;
use weir_core::digest::{StatedDigests, unhex};
use weir_core::registry::{Artifact, Document, Index, InvalidDocument, Release};

use crate::json::{self, Object};
use crate::origin::Origins;
use crate::packument::{Manifest, Packument, invalid};

/// Longest licence or deprecation text that is kept, in characters.
pub const MAX_TEXT: usize = 4096;

/// Longest field of a manifest that is remembered, in bytes.
pub const MAX_SAID: usize = 256 * 1024;

/// Reads the releases of `package`.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let packument = Packument::read(package, documents)?;
    let address = documents.first().map_or("", |document| document.url);
    let base =
        Url::parse(address).map_err(|error| invalid(address, format!("its address is not absolute: {error}")))?;
    let dates = packument.dates();
    let mut origins = Origins::default();
    let releases = packument.versions.iter().map(|manifest| {
        let published = dates.get(manifest.version.as_ref()).copied();
        let artifact = artifact(manifest, &base).map(|artifact| Artifact { published, ..artifact });
        Release {
            version: manifest.version.clone().into_owned(),
            published,
            yanked: None,
            deprecated: deprecated(&manifest.fields),
            license: Some(license(&manifest.fields)),
            origin: origins.of(&manifest.fields),
            artifacts: artifact.into_iter().collect(),
            ..Release::default()
        }
    });
    Ok(Index { releases: releases.collect(), status: None })
}

/// The artifact of a release; `None` if its address is missing or leads nowhere.
fn artifact(manifest: &Manifest<'_>, base: &Url) -> Option<Artifact> {
    let dist = &manifest.dist;
    let url = address(base, &dist.text("tarball")?)?;
    let attestations = dist.object("attestations");
    let attested = attestations.is_some();
    let provenance = attestations.and_then(|attestations| attestations.text("url")).and_then(|url| address(base, &url));
    let digests = digests(dist);
    Some(Artifact { file: manifest.file.clone(), url, digests, provenance, attested, ..Artifact::default() })
}

fn address(base: &Url, text: &str) -> Option<String> {
    let url = base.join(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

/// `integrity` ([SRI](https://www.w3.org/TR/SRI/): several digests may stand there), `shasum` of older releases.
fn digests(dist: &Object<'_>) -> StatedDigests {
    let mut digests = StatedDigests::default();
    let integrity = dist.text("integrity").unwrap_or_default();
    for part in integrity.split_ascii_whitespace() {
        let Some((algorithm, rest)) = part.split_once('-') else { continue };
        let encoded = rest.split('?').next().unwrap_or(rest);
        let Some(bytes) = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok() else { continue };
        match (algorithm, bytes.len()) {
            ("sha512", 64) => digests.sha512 = digests.sha512.or(Some(bytes)),
            ("sha256", 32) => {
                let bytes: Option<[u8; 32]> = bytes.try_into().ok();
                digests.sha256 = digests.sha256.or(bytes.map(weir_core::Digest::from_bytes));
            }
            ("sha1", 20) => digests.sha1 = digests.sha1.or(Some(bytes)),
            _ => {}
        }
    }
    let shasum = dist.text("shasum").and_then(|text| unhex(&text)).filter(|bytes| bytes.len() == 20);
    digests.sha1 = shasum.or(digests.sha1);
    digests
}

/// A text deprecates, and so does `true`; `false` and an empty text take it back.
pub fn deprecated(manifest: &Object<'_>) -> Option<String> {
    match manifest.get("deprecated")? {
        "true" => Some(String::new()),
        raw => json::text(raw).filter(|text| !text.is_empty()).map(|text| cut(&text)),
    }
}

/// `license` as a text, as `{type}`, or as a list of either, and the older `licenses`; empty where there is none.
pub fn license(manifest: &Object<'_>) -> String {
    let read = |name| manifest.get(name).and_then(|raw| json::value(raw, MAX_SAID)).map(|value| license_text(&value));
    read("license").filter(|text| !text.is_empty()).or_else(|| read("licenses")).unwrap_or_default()
}

/// Several licences in a list are a choice: npm's old documentation showed dual licensing so.
pub fn license_text(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text.trim()),
        Value::Object(object) => {
            ["type", "name", "url"].iter().find_map(|key| object.get(*key)?.as_str()).map_or(String::new(), cut)
        }
        Value::Array(list) => {
            let texts = list.iter().filter(|item| !item.is_array()).map(license_text).filter(|text| !text.is_empty());
            match texts.collect::<Vec<_>>().as_slice() {
                [] => String::new(),
                [one] => one.clone(),
                several => cut(&format!("({})", several.join(" OR "))),
            }
        }
        _ => String::new(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// The fields of a manifest that are remembered as they are.
const SAID: &[&str] = &[
    "name",
    "version",
    "license",
    "licenses",
    "author",
    "maintainers",
    "contributors",
    "_npmUser",
    "_npmVersion",
    "_nodeVersion",
    "repository",
    "homepage",
    "gitHead",
    "dist",
    "bin",
    "main",
    "type",
    "engines",
    "os",
    "cpu",
    "libc",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "hasInstallScript",
    "gypfile",
    "deprecated",
    "_hasShrinkwrap",
    "publishConfig",
];

/// The scripts that run on the machine of whoever installs a package.
pub const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// All that the packument says of `version`.
pub fn said(documents: &[Document<'_>], version: &str) -> Value {
    let mut said = Map::new();
    let text = documents.first().and_then(|document| std::str::from_utf8(document.body).ok()).unwrap_or_default();
    let packument = Object::read(text).unwrap_or_default();
    let versions = packument.object("versions").unwrap_or_default();
    if let Some(manifest) = versions.object(version) {
        for name in SAID {
            let Some(raw) = manifest.get(name) else { continue };
            let value = json::value(raw, MAX_SAID).unwrap_or_else(|| omitted(raw));
            said.insert((*name).to_owned(), value);
        }
        let scripts = manifest.object("scripts").unwrap_or_default();
        let scripts = install_scripts(|name| scripts.text(name).map(Cow::into_owned), &[]);
        if !scripts.is_empty() {
            said.insert(String::from("scripts"), Value::Object(scripts));
        }
        let time = packument.object("time").unwrap_or_default();
        if let Some(time) = time.get(version).and_then(|raw| json::value(raw, MAX_SAID)) {
            said.insert(String::from("time"), time);
        }
    }
    Value::Object(said)
}

/// Stands for a field that is too long to be kept or cannot be read.
fn omitted(raw: &str) -> Value {
    serde_json::json!({ "omitted": format!("{} bytes", raw.len()) })
}

/// Those of the install scripts, and of `further` ones, that there are.
pub fn install_scripts(get: impl Fn(&str) -> Option<String>, further: &[&str]) -> Map<String, Value> {
    let names = INSTALL_SCRIPTS.iter().chain(further);
    names.filter_map(|name| Some(((*name).to_owned(), Value::from(get(name)?)))).collect()
}

/// True if installing this release runs something.
pub fn has_install_script(manifest: &Object<'_>) -> bool {
    let scripts = manifest.object("scripts").unwrap_or_default();
    INSTALL_SCRIPTS.iter().any(|name| scripts.text(name).is_some_and(|text| !text.is_empty()))
        || manifest.get("gypfile") == Some("true")
}
