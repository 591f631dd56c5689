//! A small cargo registry (sparse index) under `/cargo/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use weir_core::Digest;

use crate::artifact::crate_file_with;
use crate::fake::{FakeResponse, State, lock};
use crate::pypi::moment;

/// The index files' content, by name.
#[derive(Default)]
pub(crate) struct Packages {
    packages: BTreeMap<String, Vec<Release>>,
}

struct Release {
    version: String,
    published: Option<String>,
    dependencies: Vec<(String, String)>,
    features: Map<String, Value>,
    yanked: bool,
    digest: Digest,
}

/// A handle on the cargo registry of a [`FakeUpstream`](crate::FakeUpstream).
#[derive(Clone)]
pub struct FakeCargo {
    url: String,
    state: Arc<State>,
}

/// A release that is being described; [`ReleaseBuilder::add`] publishes it.
#[must_use = "nothing is published before `add`"]
pub struct ReleaseBuilder {
    cargo: FakeCargo,
    name: String,
    license: Option<String>,
    release: Release,
    bytes: Option<Bytes>,
}

impl FakeCargo {
    pub(crate) fn new(url: String, state: Arc<State>) -> Self {
        let dl = format!("{url}/cargo/dl");
        let config = json!({ "dl": dl, "api": format!("{url}/cargo") }).to_string();
        state.put("/cargo/config.json", FakeResponse::ok(config).content_type("application/json"));
        Self { url, state }
    }

    /// The base address, `…/cargo/`.
    pub fn url(&self) -> String {
        format!("{}/cargo/", self.url)
    }

    /// The route of a crate's index file.
    pub fn page(&self, name: &str) -> String {
        let name = name.to_lowercase();
        match name.len() {
            1 => format!("/cargo/1/{name}"),
            2 => format!("/cargo/2/{name}"),
            3 => format!("/cargo/3/{}/{name}", &name[..1]),
            _ => format!("/cargo/{}/{}/{name}", &name[..2], &name[2..4]),
        }
    }

    /// The route of a `.crate` file.
    pub fn download(&self, name: &str, version: &str) -> String {
        format!("/cargo/dl/{name}/{version}/download")
    }

    /// Begins a release, published on 2020-01-01 unless told otherwise.
    pub fn release(&self, name: &str, version: &str) -> ReleaseBuilder {
        ReleaseBuilder {
            cargo: self.clone(),
            name: name.to_owned(),
            license: None,
            release: Release {
                version: version.to_owned(),
                published: Some(String::from("2020-01-01T00:00:00Z")),
                dependencies: Vec::new(),
                features: Map::new(),
                yanked: false,
                digest: Digest::of(b""),
            },
            bytes: None,
        }
    }

    /// Yanks a release that is there, or takes that back.
    pub fn yank(&self, name: &str, version: &str, yanked: bool) -> &Self {
        self.change(name, |releases| {
            for release in releases.iter_mut().filter(|release| release.version == version) {
                release.yanked = yanked;
            }
        })
    }

    /// Takes a release out of the index; its file stays.
    pub fn remove(&self, name: &str, version: &str) -> &Self {
        self.change(name, |releases| releases.retain(|release| release.version != version))
    }

    /// Other bytes under the same coordinates; the index states their digest.
    pub fn replace(&self, name: &str, version: &str, bytes: impl Into<Bytes>) -> &Self {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.state.put(&self.download(name, version), FakeResponse::ok(bytes));
        self.change(name, |releases| {
            for release in releases.iter_mut().filter(|release| release.version == version) {
                release.digest = digest;
            }
        })
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<Release>)) -> &Self {
        let mut packages = lock(&self.state.cargo);
        let releases = packages.packages.entry(name.to_owned()).or_default();
        change(releases);
        let mut text = String::new();
        for release in releases.iter() {
            writeln!(text, "{}", release.line(name)).unwrap();
        }
        let etag = format!("\"{}\"", Digest::of(text.as_bytes()).short());
        let response = FakeResponse::ok(text).content_type("text/plain").etag(&etag).gzip();
        self.state.put(&self.page(name), response);
        self
    }
}

impl ReleaseBuilder {
    /// When it was published: a date or an RFC 3339 time.
    pub fn published(mut self, at: &str) -> Self {
        self.release.published = Some(moment(at));
        self
    }

    /// The index has no `pubtime` for it.
    pub fn undated(mut self) -> Self {
        self.release.published = None;
        self
    }

    /// Its licence, which is in its manifest only.
    pub fn license(mut self, license: &str) -> Self {
        self.license = Some(license.to_owned());
        self
    }

    /// A dependency: `("other", "^1.0")`.
    pub fn dependency(mut self, name: &str, range: &str) -> Self {
        self.release.dependencies.push((name.to_owned(), range.to_owned()));
        self
    }

    /// A feature and what it turns on.
    pub fn feature(mut self, name: &str, enables: &[&str]) -> Self {
        self.release.features.insert(name.to_owned(), json!(enables));
        self
    }

    /// Yanked.
    pub fn yanked(mut self) -> Self {
        self.release.yanked = true;
        self
    }

    /// It has this file.
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.bytes = Some(bytes.into());
        self
    }

    /// Publishes it.
    pub fn add(mut self) {
        let bytes = self.bytes.take().unwrap_or_else(|| self.file().into());
        self.release.digest = Digest::of(&bytes);
        let version = self.release.version.clone();
        let response = FakeResponse::ok(bytes).content_type("application/gzip");
        self.cargo.state.put(&self.cargo.download(&self.name, &version), response);
        self.cargo.change(&self.name, |releases| {
            releases.retain(|there| there.version != version);
            releases.push(self.release);
        });
    }

    fn file(&self) -> Vec<u8> {
        let mut manifest = String::new();
        if !self.release.dependencies.is_empty() {
            manifest.push_str("[dependencies]\n");
            for (name, range) in &self.release.dependencies {
                writeln!(manifest, "{name} = \"{range}\"").unwrap();
            }
        }
        if !self.release.features.is_empty() {
            manifest.push_str("[features]\n");
            for (name, enables) in &self.release.features {
                writeln!(manifest, "{name} = {enables}").unwrap();
            }
        }
        crate_file_with(&self.name, &self.release.version, self.license.as_deref(), &manifest)
    }
}

impl Release {
    fn line(&self, name: &str) -> Value {
        let dependencies: Vec<Value> = self
            .dependencies
            .iter()
            .map(|(name, range)| {
                json!({
                    "name": name, "req": range, "features": [], "optional": false, "default_features": true,
                    "target": null, "kind": "normal",
                })
            })
            .collect();
        let mut line = json!({
            "name": name, "vers": self.version, "deps": dependencies, "cksum": self.digest,
            "features": self.features, "yanked": self.yanked,
        });
        if let Some(published) = &self.published {
            line["pubtime"] = json!(published);
        }
        line
    }
}
