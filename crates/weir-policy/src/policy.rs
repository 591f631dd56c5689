//! A policy text, read and checked.

use weir_core::{Digest, Ecosystem, Ecosystems, PackageName};

use crate::mistake::PolicyErrors;
use crate::raw::{Raw, Table, Value};
use crate::reader::{Reader, clip, nearest_help};
use crate::stage::{self, Stage};
use crate::waiver::{self, Waiver};

/// Longest policy text, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Most stages.
pub const MAX_STAGES: usize = 64;
/// Most waivers.
pub const MAX_WAIVERS: usize = 5000;

/// The stages of a text that names none.
const DEFAULT_STAGES: [&str; 2] = ["dev", "prod"];

/// A valid policy: stages and waivers.
#[derive(Clone, Debug)]
pub struct Policy {
    text: String,
    digest: Digest,
    stages: Vec<Stage>,
    waivers: Vec<Waiver>,
    waivers_digest: Digest,
}

impl Policy {
    /// Reads a policy, or says everything that is wrong with it.
    pub fn parse(text: &str, ecosystems: Ecosystems) -> Result<Self, PolicyErrors> {
        let digest = Digest::of(text.as_bytes());
        let mut reader = Reader::new(text, ecosystems);
        if text.len() > MAX_TEXT {
            let help = format!("a policy has at most {MAX_TEXT} bytes");
            reader.mistake(&(0..0), format!("the policy has {} bytes", text.len()), Some(help));
            return Err(PolicyErrors(reader.finish()));
        }
        let root = match Table::parse(text) {
            Ok(root) => root,
            Err((span, message)) => {
                reader.mistake(&span, format!("this is not TOML: {message}"), None);
                return Err(PolicyErrors(reader.finish()));
            }
        };
        reader.only(&root, &["stage", "waiver"], "a policy");
        let stages = match root.get("stage") {
            Some(raw) => stages(raw, digest, &mut reader),
            None => Vec::new(),
        };
        let stages = if stages.is_empty() {
            DEFAULT_STAGES.iter().map(|name| Stage::empty(name, digest)).collect()
        } else {
            stages
        };
        let waivers = match root.get("waiver") {
            Some(raw) => waivers(raw, &stages, &mut reader),
            None => Vec::new(),
        };
        let mistakes = reader.finish();
        if !mistakes.is_empty() {
            return Err(PolicyErrors(mistakes));
        }
        let waivers_digest = waiver::digest(&waivers);
        Ok(Self { text: text.to_owned(), digest, stages, waivers, waivers_digest })
    }

    /// The policy that a first start writes: commented, with the stages `dev` and `prod`.
    pub fn default_text() -> &'static str {
        include_str!("default.toml")
    }

    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stages, in the order of the text.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter()
    }

    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The waivers, in the order of the text.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// True if a rule of `stage` or a waiver means this package by its name. Of all others, the same is said of releases that
    /// are the same in all that rules look at.
    pub fn names(&self, stage: &Stage, ecosystem: &Ecosystem, package: &PackageName) -> bool {
        let folded = ecosystem.names.fold(package);
        stage.checks.iter().any(|check| check.names(ecosystem, &folded))
            || self.waivers.iter().any(|waiver| waiver.names(ecosystem, &folded))
    }

    /// The digest of the waivers alone.
    pub fn waivers_digest(&self) -> Digest {
        self.waivers_digest
    }
}

fn stages(raw: &Raw, digest: Digest, reader: &mut Reader<'_>) -> Vec<Stage> {
    let Some(table) = reader.table(raw, "tables: [stage.dev]") else { return Vec::new() };
    let mut stages = Vec::new();
    if table.entries.len() > MAX_STAGES {
        reader.mistake(&raw.span, format!("a policy has at most {MAX_STAGES} stages"), None);
        return stages;
    }
    for entry in &table.entries {
        if let Some(problem) = stage::invalid_name(&entry.key) {
            let message = format!("`{}` cannot be the name of a stage", clip(&entry.key));
            reader.mistake(&entry.key_span, message, Some(problem.to_owned()));
        }
        // A stage whose inheritance is broken still is a stage, so that waivers may name it.
        let resolved = resolve(&entry.key, &entry.value, table, reader, &mut Vec::new()).unwrap_or_default();
        stages.push(Stage::read(&entry.key, &resolved, digest, reader));
    }
    stages
}

/// A stage's own keys over those that it inherits. `below` are the stages that are being resolved.
fn resolve<'r>(
    name: &'r str,
    raw: &'r Raw,
    all: &'r Table,
    reader: &mut Reader<'_>,
    below: &mut Vec<&'r str>,
) -> Option<Table> {
    let own = reader.table(raw, "a table: [stage.NAME]")?;
    let Some(inherits) = own.get("inherits") else { return Some(own.clone()) };
    let Some(parent) = reader.text(inherits, "a stage's name") else { return Some(own.clone()) };
    below.push(name);
    if below.contains(&parent) {
        let path = below.iter().copied().chain([parent]).map(|name| format!("`{name}`")).collect::<Vec<_>>();
        reader.mistake(&inherits.span, format!("stages inherit in a circle: {}", path.join(" from ")), None);
        return None;
    }
    let Some(entry) = all.entry(parent) else {
        let help = nearest_help(parent, all.entries.iter().map(|entry| entry.key.as_str()));
        reader.mistake(&inherits.span, format!("there is no stage `{}` to inherit from", clip(parent)), Some(help));
        return Some(own.clone());
    };
    Some(own.over(&resolve(&entry.key, &entry.value, all, reader, below)?))
}

fn waivers(raw: &Raw, stages: &[Stage], reader: &mut Reader<'_>) -> Vec<Waiver> {
    let Value::Array(items) = &raw.value else {
        reader.mistake(&raw.span, "waivers are written as [[waiver]]", None);
        return Vec::new();
    };
    if items.len() > MAX_WAIVERS {
        reader.mistake(&raw.span, format!("a policy has at most {MAX_WAIVERS} waivers"), None);
        return Vec::new();
    }
    let mut waivers = Vec::new();
    for item in items {
        let Some(waiver) = Waiver::read(item, reader) else { continue };
        for name in waiver.stages.iter().filter(|name| !stages.iter().any(|stage| stage.name == **name)) {
            let help = nearest_help(name, stages.iter().map(|stage| stage.name.as_str()));
            reader.mistake(&item.span, format!("this waiver names an unknown stage `{}`", clip(name)), Some(help));
        }
        waivers.push(waiver);
    }
    waivers
}
