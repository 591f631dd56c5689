//! Crates of one's own: what `cargo publish`, `yank` and `owner` send, and the index file of such a crate.
//!
//! Specification: cargo book, "Registry Web API" and "Index format". What cargo publishes it has checked against its own
//! manifest; the one in the crate file is compared again where the file is looked into.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::PackageName;
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::Names as _;
use weir_core::hosting::{
    BASE, Body, Change, Content, Done, Hosted, HostedDocument, Hosting, Identity, Unreadable, Upload, Write,
};
use weir_core::registry::{Ask, Entry, Method, Problem, Reply, RouteError};

use crate::artifact::declared_release;
use crate::name::Crates;
use crate::version::Version;

/// A crate is published.
pub const PUBLISH: &str = "publish";
/// A release is yanked.
pub const YANK: &str = "yank";
/// A release is restored.
pub const UNYANK: &str = "unyank";
/// Owners are added.
pub const ADD_OWNERS: &str = "add-owners";
/// Owners are removed.
pub const REMOVE_OWNERS: &str = "remove-owners";

/// Longest metadata of a publication, in bytes.
pub const MAX_METADATA: u64 = 4 * 1024 * 1024;
/// Longest list of owners, in bytes.
pub const MAX_OWNERS_BODY: u64 = 64 * 1024;
/// Most dependencies of a crate.
pub const MAX_DEPENDENCIES: usize = 5_000;
/// Longest name of an owner, in bytes.
const MAX_OWNER: usize = 100;

/// How a crate registry takes in crates.
#[derive(Clone, Copy, Debug)]
pub struct CrateHosting;

/// What `api/v1/crates/…` asks for; `rest` is what follows.
pub fn route(method: Method, rest: &[&str]) -> Option<Result<Ask, RouteError>> {
    let package = |name: &str| Crates.parse(name).map_err(|invalid| RouteError::NotFound(invalid.to_string()));
    let release = |what, name: &str, version: &str| {
        Version::parse(version).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
        Ok(Ask::Write(Write { what, package: Some(package(name)?), detail: Some(version.to_owned()) }))
    };
    let owners = |what, name: &str| Ok(Ask::Write(Write { what, package: Some(package(name)?), detail: None }));
    match (method, rest) {
        (Method::Put, ["new"]) => Some(Ok(Ask::Write(Write { what: PUBLISH, package: None, detail: None }))),
        (Method::Delete, [name, version, "yank"]) => Some(release(YANK, name, version)),
        (Method::Put, [name, version, "unyank"]) => Some(release(UNYANK, name, version)),
        (Method::Get | Method::Head, [name, "owners"]) => Some(package(name).map(Ask::Owners)),
        (Method::Put, [name, "owners"]) => Some(owners(ADD_OWNERS, name)),
        (Method::Delete, [name, "owners"]) => Some(owners(REMOVE_OWNERS, name)),
        _ => None,
    }
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for CrateHosting {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let Some(package) = write.package.clone() else {
            return publication(body).map(|upload| Change::Publish(Box::new(upload)));
        };
        let version = write.detail.clone().unwrap_or_default();
        match write.what {
            YANK => Ok(Change::Yank { package, version, reason: Some(String::new()) }),
            UNYANK => Ok(Change::Yank { package, version, reason: None }),
            what => {
                #[derive(Deserialize)]
                struct Owners {
                    #[serde(alias = "owners")]
                    users: Vec<String>,
                }
                let owners: Owners = serde_json::from_slice(&body.all(MAX_OWNERS_BODY)?)
                    .map_err(|error| invalid(format!("the list of owners cannot be read: {error}")))?;
                if owners.users.iter().any(|name| name.is_empty() || name.len() > MAX_OWNER) {
                    return Err(invalid(format!("an owner's name has 1 to {MAX_OWNER} bytes")));
                }
                Ok(Change::Owners { package, add: what == ADD_OWNERS, names: owners.users })
            }
        }
    }

    fn documents(&self, _: &PackageName, hosted: &Hosted) -> Vec<HostedDocument> {
        let mut lines = String::new();
        for release in &hosted.releases {
            let Some(file) = release.files.first() else { continue };
            let mut line = release.metadata.as_object().cloned().unwrap_or_default();
            line.insert(String::from("cksum"), json!(file.sha256));
            line.insert(String::from("yanked"), json!(release.yanked.is_some()));
            let published = release.published.millis().div_euclid(1000) * 1000;
            line.insert(String::from("pubtime"), json!(weir_core::Timestamp::from_millis(published)));
            lines.push_str(&Value::Object(line).to_string());
            lines.push('\n');
        }
        let config = json!({ "dl": format!("{BASE}cargo/dl") });
        vec![
            HostedDocument { content_type: "text/plain", body: lines.into_bytes() },
            HostedDocument { content_type: "application/json", body: config.to_string().into_bytes() },
        ]
    }

    fn identify(&self, file: &str, entries: &[Entry]) -> Option<Identity> {
        if !file.ends_with(".crate") {
            return None;
        }
        let (name, version) = declared_release(entries)?;
        let package = Crates.parse(&name).ok()?;
        Version::parse(&version).ok()?;
        Some(Identity { file: format!("{name}-{version}.crate"), package, version, joins: false })
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        let body = match done.change {
            Change::Publish(_) => json!({
                "warnings": { "invalid_categories": [], "invalid_badges": [], "other": done.warnings },
            }),
            Change::Owners { add: true, names, .. } => {
                json!({ "ok": true, "msg": format!("{} may publish it from now on", names.join(", ")) })
            }
            Change::Owners { names, .. } => {
                json!({ "ok": true, "msg": format!("{} no longer owns it", names.join(", ")) })
            }
            _ => json!({ "ok": true }),
        };
        Reply::json(200, &body)
    }

    fn problem(&self, problem: &Problem) -> Reply {
        Reply::json(problem.status, &json!({ "errors": [{ "detail": problem.detail.trim_end() }] }))
    }

    fn owners(&self, names: &[String]) -> Reply {
        let users: Vec<Value> = names
            .iter()
            .zip(1..)
            .map(|(name, id): (_, u32)| json!({ "id": id, "login": name, "name": null }))
            .collect();
        Reply::json(200, &json!({ "users": users }))
    }
}

/// What cargo sends before the crate.
#[derive(Deserialize)]
struct Metadata {
    name: String,
    vers: String,
    #[serde(default)]
    deps: Vec<Dependency>,
    #[serde(default)]
    features: std::collections::BTreeMap<String, Vec<String>>,
    license: Option<String>,
    license_file: Option<String>,
    repository: Option<String>,
    links: Option<String>,
    rust_version: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    version_req: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default = "yes")]
    default_features: bool,
    target: Option<String>,
    kind: Option<String>,
    registry: Option<String>,
    explicit_name_in_toml: Option<String>,
}

fn yes() -> bool {
    true
}

/// A length, metadata, a length, a crate.
fn publication(body: &mut Body<'_>) -> Result<Upload, Unreadable> {
    let length = |body: &mut Body<'_>, at: u64| -> Result<u64, Unreadable> {
        let bytes = body.part(at..at.saturating_add(4))?;
        let bytes: [u8; 4] = bytes.try_into().map_err(|_| invalid("a length is cut off"))?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    };
    let json_length = length(body, 0)?;
    if json_length > MAX_METADATA {
        return Err(invalid(format!("the metadata is longer than {MAX_METADATA} bytes")));
    }
    let metadata = body.part(4..4 + json_length)?;
    let at = 4 + json_length;
    let crate_length = length(body, at)?;
    let content = at + 4..at + 4 + crate_length;
    if content.end != body.length {
        return Err(invalid("the body is not as long as it says"));
    }
    let metadata: Metadata =
        serde_json::from_slice(&metadata).map_err(|error| invalid(format!("the metadata cannot be read: {error}")))?;
    let package = Crates.parse(&metadata.name).map_err(|error| invalid(error.to_string()))?;
    Version::parse(&metadata.vers).map_err(|error| invalid(error.to_string()))?;
    if metadata.deps.len() > MAX_DEPENDENCIES {
        return Err(invalid(format!("it has more than {MAX_DEPENDENCIES} dependencies")));
    }
    for dependency in &metadata.deps {
        Crates.parse(&dependency.name).map_err(|error| invalid(error.to_string()))?;
    }
    let filled = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    Ok(Upload {
        file: format!("{}-{}.crate", metadata.name, metadata.vers),
        version: metadata.vers.clone(),
        license: filled(&metadata.license) || filled(&metadata.license_file),
        source: filled(&metadata.repository),
        metadata: line(metadata),
        package,
        tags: Vec::new(),
        content: Content::At(content),
        stated: StatedDigests::default(),
        file_metadata: json!({}),
        provenance: None,
        joins: false,
        waits: false,
        opaque: false,
    })
}

/// What the index says of a release, without what depends on its file and its state.
fn line(metadata: Metadata) -> Value {
    let deps: Vec<Value> = metadata.deps.into_iter().map(dependency).collect();
    // Older clients cannot read these, and would pass over the whole line.
    let is_new = |values: &Vec<String>| values.iter().any(|value| value.starts_with("dep:") || value.contains("?/"));
    let (new, old): (Map<String, Value>, Map<String, Value>) = {
        let (new, old): (Vec<_>, Vec<_>) = metadata.features.into_iter().partition(|(_, values)| is_new(values));
        let object = |features: Vec<(String, Vec<String>)>| features.into_iter().map(|(k, v)| (k, json!(v))).collect();
        (object(new), object(old))
    };
    let mut line = json!({
        "name": metadata.name,
        "vers": metadata.vers,
        "deps": deps,
        "features": old,
        "links": metadata.links,
    });
    if !new.is_empty() {
        line["features2"] = Value::Object(new);
        line["v"] = json!(2);
    }
    if let Some(rust_version) = metadata.rust_version {
        line["rust_version"] = json!(rust_version);
    }
    line
}

/// In the index, `name` is what the manifest calls it, and `package` its name where that differs.
fn dependency(dependency: Dependency) -> Value {
    let mut out = json!({
        "name": dependency.explicit_name_in_toml.as_ref().unwrap_or(&dependency.name),
        "req": dependency.version_req,
        "features": dependency.features,
        "optional": dependency.optional,
        "default_features": dependency.default_features,
        "target": dependency.target,
        "kind": dependency.kind.as_deref().unwrap_or("normal"),
        "registry": dependency.registry,
    });
    if dependency.explicit_name_in_toml.is_some() {
        out["package"] = json!(dependency.name);
    }
    out
}
