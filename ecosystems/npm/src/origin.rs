//! Who published a release and what installing it runs.
//!
//! The manifests of a packument say the same thing hundreds of times over, so what the manifest before said is compared
//! as raw text and shared.

use std::sync::Arc;

use weir_core::facts::{Install, Origin, Publisher, Script};

use crate::index::INSTALL_SCRIPTS;
use crate::json::{self, Object};

/// Longest command of an install script that is kept, in characters.
pub const MAX_COMMAND: usize = 300;
/// Most accounts that are kept of a release's maintainers; npm's largest teams have some 200.
pub const MAX_OWNERS: usize = 1000;
/// Longest account name that is kept, in bytes; npm allows 214.
pub const MAX_ACCOUNT: usize = 256;

/// Reads the origins of one packument's releases, one manifest after the other.
#[derive(Default)]
pub struct Origins<'a> {
    scripts: Last<'a, Option<Arc<[Script]>>>,
    publisher: Last<'a, Option<Arc<Publisher>>>,
    owners: Last<'a, Option<Arc<[Box<str>]>>>,
}

/// What was read of the last text, to be shared where the next is equal.
#[derive(Default)]
struct Last<'a, T> {
    raw: &'a str,
    read: T,
}

impl<'a, T: Clone> Last<'a, T> {
    fn or_read(&mut self, raw: &'a str, read: impl FnOnce(&'a str) -> T) -> T {
        if self.raw != raw {
            self.read = read(raw);
            self.raw = raw;
        }
        self.read.clone()
    }
}

impl<'a> Origins<'a> {
    /// What a manifest says.
    pub fn of(&mut self, manifest: &Object<'a>) -> Origin {
        Origin {
            install: self.install(manifest),
            publisher: manifest.get("_npmUser").and_then(|raw| self.publisher.or_read(raw, publisher)),
            owners: manifest.get("maintainers").and_then(|raw| self.owners.or_read(raw, owners)),
        }
    }

    fn install(&mut self, manifest: &Object<'a>) -> Install {
        let scripts = manifest.get("scripts").and_then(|raw| self.scripts.or_read(raw, scripts));
        if let Some(scripts) = scripts {
            return Install::Runs(scripts);
        }
        // A file `binding.gyp` is built where no script says otherwise, and npm notes that it is there.
        if manifest.get("gypfile") == Some("true") {
            return Install::Runs(Arc::from([script("install", "node-gyp rebuild")]));
        }
        // Shorter forms of a manifest have only this mark.
        if manifest.get("hasInstallScript") == Some("true") {
            return Install::Runs(Arc::from([script("install script", "")]));
        }
        Install::Nothing
    }
}

fn script(name: &str, command: &str) -> Script {
    Script { name: name.into(), command: command.chars().take(MAX_COMMAND).collect::<String>().into() }
}

fn scripts(raw: &str) -> Option<Arc<[Script]>> {
    // Most packages have scripts for their developers alone: no need to take those apart.
    if !raw.contains("install") && !raw.contains('\\') {
        return None;
    }
    let object = Object::read(raw)?;
    let scripts: Vec<Script> = INSTALL_SCRIPTS
        .iter()
        .filter_map(|name| Some(script(name, object.text(name).filter(|text| !text.is_empty())?.as_ref())))
        .collect();
    (!scripts.is_empty()).then(|| scripts.into())
}

fn publisher(raw: &str) -> Option<Arc<Publisher>> {
    let user = Object::read(raw)?;
    let name = account(user.text("name")?.as_ref())?;
    let trusted = user.object("trustedPublisher").is_some();
    Some(Arc::new(Publisher { name, trusted }))
}

/// `maintainers` is a list of `{name, email}`; of old releases some are texts `name <email>`.
fn owners(raw: &str) -> Option<Arc<[Box<str>]>> {
    let value = json::value(raw, crate::index::MAX_SAID)?;
    let names = value.as_array()?.iter().filter_map(|owner| match owner {
        serde_json::Value::String(text) => account(text.split('<').next().unwrap_or(text)),
        other => account(other.get("name")?.as_str()?),
    });
    let names: Vec<Box<str>> = names.take(MAX_OWNERS).collect();
    (!names.is_empty()).then(|| names.into())
}

fn account(name: &str) -> Option<Box<str>> {
    let name = name.trim();
    (!name.is_empty() && name.len() <= MAX_ACCOUNT).then(|| name.into())
}
