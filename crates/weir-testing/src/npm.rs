//! A small npm registry under `/npm/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use weir_core::Digest;

use crate::artifact::{integrity, npm_file, npm_manifest, npm_tarball, shasum};
use crate::fake::{FakeResponse, State, lock};
use crate::pypi::moment;

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// The packuments' content, by name.
#[derive(Default)]
pub(crate) struct Packages {
    packages: BTreeMap<String, Package>,
}

#[derive(Default)]
struct Package {
    releases: Vec<Release>,
    tags: BTreeMap<String, String>,
}

struct Release {
    version: String,
    published: String,
    manifest: Value,
    tarball: Bytes,
    attested: bool,
}

/// A handle on the npm registry of a [`FakeUpstream`](crate::FakeUpstream).
#[derive(Clone)]
pub struct FakeNpm {
    url: String,
    state: Arc<State>,
}

/// A release that is being described; [`ReleaseBuilder::add`] publishes it.
#[must_use = "nothing is published before `add`"]
pub struct ReleaseBuilder {
    npm: FakeNpm,
    name: String,
    version: String,
    published: String,
    extras: Value,
    deprecated: Option<String>,
    tarball: Option<Bytes>,
    attested: bool,
}

impl FakeNpm {
    pub(crate) fn new(url: String, state: Arc<State>) -> Self {
        Self { url, state }
    }

    /// The base address, `…/npm/`.
    pub fn url(&self) -> String {
        format!("{}/npm/", self.url)
    }

    /// The route of a packument, in the spelling that npm asks for.
    pub fn page(&self, name: &str) -> String {
        format!("/npm/{}", name.replace('/', "%2f"))
    }

    /// The route of a tarball.
    pub fn tarball(&self, name: &str, version: &str) -> String {
        format!("/npm/{name}/-/{}", npm_file(name, version))
    }

    /// Begins a release, published on 2020-01-01 unless told otherwise. The final version that is added last is tagged
    /// `latest`.
    pub fn release(&self, name: &str, version: &str) -> ReleaseBuilder {
        ReleaseBuilder {
            npm: self.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
            published: String::from("2020-01-01T00:00:00Z"),
            extras: json!({}),
            deprecated: None,
            tarball: None,
            attested: false,
        }
    }

    /// Sets a dist-tag.
    pub fn tag(&self, name: &str, tag: &str, version: &str) -> &Self {
        self.change(name, |package| {
            package.tags.insert(tag.to_owned(), version.to_owned());
        })
    }

    /// Takes a release out of the packument; its tarball stays.
    pub fn remove(&self, name: &str, version: &str) -> &Self {
        self.change(name, |package| {
            package.releases.retain(|release| release.version != version);
            package.tags.retain(|_, tagged| tagged != version);
        })
    }

    /// Takes a packument away.
    pub fn remove_package(&self, name: &str) -> &Self {
        lock(&self.state.npm).packages.remove(name);
        for route in spellings(name) {
            self.state.remove(&route);
        }
        self
    }

    /// Other bytes under the same coordinates; the packument states their digest.
    pub fn replace(&self, name: &str, version: &str, tarball: impl Into<Bytes>) -> &Self {
        let tarball = tarball.into();
        self.state.put(&self.tarball(name, version), FakeResponse::ok(tarball.clone()));
        self.change(name, |package| {
            for release in package.releases.iter_mut().filter(|release| release.version == version) {
                release.tarball = tarball.clone();
            }
        })
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Package)) -> &Self {
        let mut packages = lock(&self.state.npm);
        let package = packages.packages.entry(name.to_owned()).or_default();
        change(package);
        let full = page(&package.full(self, name), "application/json");
        let abbreviated = page(&package.abbreviated(self, name), ABBREVIATED);
        for route in spellings(name) {
            self.state.put(&route, full.clone());
            self.state.put_accepting(&route, ABBREVIATED, abbreviated.clone());
        }
        self
    }
}

impl ReleaseBuilder {
    /// When it was published: a date or an RFC 3339 time.
    pub fn published(mut self, at: &str) -> Self {
        self.published = moment(at);
        self
    }

    /// Its licence.
    pub fn license(self, license: &str) -> Self {
        self.field("license", json!(license))
    }

    /// A dependency: `("other", "^1.0.0")`.
    pub fn dependency(mut self, name: &str, range: &str) -> Self {
        self.extras["dependencies"][name] = json!(range);
        self
    }

    /// A script: `("postinstall", "node steal.js")`.
    pub fn script(mut self, event: &str, command: &str) -> Self {
        self.extras["scripts"][event] = json!(command);
        self
    }

    /// A field of `package.json`.
    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.extras[key] = value;
        self
    }

    /// Its maintainers call it deprecated.
    pub fn deprecated(mut self, message: &str) -> Self {
        self.deprecated = Some(message.to_owned());
        self
    }

    /// The index names attestations for it.
    pub fn attested(mut self) -> Self {
        self.attested = true;
        self
    }

    /// It has this tarball.
    pub fn bytes(mut self, tarball: impl Into<Bytes>) -> Self {
        self.tarball = Some(tarball.into());
        self
    }

    /// Publishes it.
    pub fn add(self) {
        let (name, version) = (self.name.as_str(), self.version.as_str());
        let tarball = self.tarball.unwrap_or_else(|| npm_tarball(name, version, &self.extras).into());
        let response = FakeResponse::ok(tarball.clone()).content_type("application/octet-stream");
        self.npm.state.put(&self.npm.tarball(name, version), response);
        let mut manifest = npm_manifest(name, version, &self.extras);
        if let Some(deprecated) = &self.deprecated {
            manifest["deprecated"] = json!(deprecated);
        }
        if ["preinstall", "install", "postinstall"].iter().any(|event| !manifest["scripts"][*event].is_null()) {
            manifest["hasInstallScript"] = json!(true);
        }
        let attested = self.attested;
        let release = Release { version: version.to_owned(), published: self.published, manifest, tarball, attested };
        self.npm.change(name, |package| {
            package.releases.retain(|there| there.version != version);
            package.releases.push(release);
            if !version.contains('-') || !package.tags.contains_key("latest") {
                package.tags.insert(String::from("latest"), version.to_owned());
            }
        });
    }
}

impl Package {
    fn full(&self, npm: &FakeNpm, name: &str) -> Value {
        let mut time = Map::new();
        let moments = || self.releases.iter().map(|release| release.published.as_str());
        time.insert(String::from("created"), json!(moments().min()));
        time.insert(String::from("modified"), json!(moments().max()));
        let mut versions = Map::new();
        for release in &self.releases {
            time.insert(release.version.clone(), json!(release.published));
            let mut manifest = release.manifest.clone();
            manifest["_id"] = json!(format!("{name}@{}", release.version));
            manifest["dist"] = release.dist(npm, name);
            versions.insert(release.version.clone(), manifest);
        }
        json!({
            "_id": name,
            "name": name,
            "dist-tags": self.tags,
            "versions": versions,
            "time": time,
            "license": self.releases.last().map(|release| release.manifest["license"].clone()),
            "readme": "",
        })
    }

    fn abbreviated(&self, npm: &FakeNpm, name: &str) -> Value {
        const KEPT: [&str; 16] = [
            "name",
            "version",
            "deprecated",
            "dependencies",
            "optionalDependencies",
            "devDependencies",
            "bundleDependencies",
            "peerDependencies",
            "peerDependenciesMeta",
            "bin",
            "directories",
            "engines",
            "cpu",
            "os",
            "hasInstallScript",
            "funding",
        ];
        let mut versions = Map::new();
        for release in &self.releases {
            let mut manifest = Map::new();
            for key in KEPT {
                if let Some(value) = release.manifest.get(key) {
                    manifest.insert(key.to_owned(), value.clone());
                }
            }
            manifest.insert(String::from("dist"), release.dist(npm, name));
            versions.insert(release.version.clone(), Value::Object(manifest));
        }
        let modified = self.releases.iter().map(|release| release.published.as_str()).max();
        json!({ "name": name, "modified": modified, "dist-tags": self.tags, "versions": versions })
    }
}

impl Release {
    fn dist(&self, npm: &FakeNpm, name: &str) -> Value {
        let mut dist = json!({
            "tarball": format!("{}{}", npm.url, npm.tarball(name, &self.version)),
            "integrity": integrity(&self.tarball),
            "shasum": shasum(&self.tarball),
            "fileCount": 2,
            "unpackedSize": self.tarball.len(),
        });
        if self.attested {
            let url = format!("{}-/npm/v1/attestations/{name}@{}", npm.url(), self.version);
            dist["attestations"] =
                json!({ "url": url, "provenance": { "predicateType": "https://slsa.dev/provenance/v1" } });
        }
        dist
    }
}

fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![format!("/npm/{name}")];
    if name.contains('/') {
        spellings.push(format!("/npm/{}", name.replace('/', "%2f")));
        spellings.push(format!("/npm/{}", name.replace('/', "%2F")));
    }
    spellings
}

fn page(page: &Value, content_type: &str) -> FakeResponse {
    let text = page.to_string();
    let etag = format!("\"{}\"", Digest::of(text.as_bytes()).short());
    FakeResponse::ok(text).content_type(content_type).etag(&etag).header("Vary", "Accept").gzip()
}
