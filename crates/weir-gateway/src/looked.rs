//! What has looking into artifacts told of their release, beside its licence?
//!
//! Where advisories speak of it under other names, and what runs when it is installed. Both stand in what is kept of each
//! artifact, and count for the release as soon as one of its artifacts is there.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use weir_advisory::{Index as Advisories, PackageAdvisories};
use weir_core::facts::{Install, KnownAs, Mapped, Naming, Script, UnreadableAdvisory, Vulnerability};
use weir_core::registry::{Declared, Release};
use weir_core::{Ecosystem, Ecosystems, Purl};
use weir_store::ArtifactRow;

/// Most names under which advisories are looked up for one release; what has more is not assessed as a whole.
pub const MAX_NAMES: usize = 32;
/// Most install scripts that are remembered of a release.
pub const MAX_SCRIPTS: usize = 32;

/// The keys under which it is kept.
const KNOWN_AS: &str = "known-as";
const SCRIPTS: &str = "install";

/// Puts what an artifact declares into what is kept of it.
pub fn keep(declared: &Declared, said: &mut Map<String, Value>) {
    if let Some(known_as) = &declared.known_as
        && let Ok(value) = serde_json::to_value(known_as)
    {
        said.insert(KNOWN_AS.to_owned(), value);
    }
    if let Some(scripts) = &declared.scripts
        && let Ok(value) = serde_json::to_value(scripts.iter().take(MAX_SCRIPTS).collect::<Vec<_>>())
    {
        said.insert(SCRIPTS.to_owned(), value);
    }
}

fn kept<T: serde::de::DeserializeOwned>(row: &ArtifactRow, key: &str) -> Option<T> {
    if !row.said.contains(key) {
        return None;
    }
    let mut said: Map<String, Value> = serde_json::from_str(&row.said).ok()?;
    serde_json::from_value(said.remove(key)?).ok()
}

/// What installing a release runs: what its index says, else what its artifacts do.
pub fn install(release: &Release, artifacts: &HashMap<String, ArtifactRow>) -> Install {
    if release.origin.install != Install::Unknown || artifacts.is_empty() {
        return release.origin.install.clone();
    }
    let mut scripts: Option<Vec<Script>> = None;
    for row in release.artifacts.iter().filter_map(|artifact| artifacts.get(&artifact.file)) {
        let Some(more) = kept::<Vec<Script>>(row, SCRIPTS) else { continue };
        let scripts = scripts.get_or_insert_default();
        for script in more {
            if scripts.len() < MAX_SCRIPTS && !scripts.contains(&script) {
                scripts.push(script);
            }
        }
    }
    match scripts {
        None => Install::Unknown,
        Some(scripts) if scripts.is_empty() => Install::Nothing,
        Some(scripts) => Install::Runs(scripts.into()),
    }
}

/// Finds advisories that go by other names than a release's own.
pub struct Names<'a> {
    ecosystem: &'static Ecosystem,
    ecosystems: Ecosystems,
    advisories: &'a Advisories,
    /// By ecosystem and name, of all releases of a package; `None` if they cannot be read.
    matchers: HashMap<String, Option<PackageAdvisories>>,
}

impl<'a> Names<'a> {
    /// For the releases of one package.
    pub fn new(ecosystem: &'static Ecosystem, ecosystems: Ecosystems, advisories: &'a Advisories) -> Self {
        Self { ecosystem, ecosystems, advisories, matchers: HashMap::new() }
    }

    /// Under which names advisories speak of a release, and what they say, without what is in `known` already.
    pub fn of(
        &mut self,
        release: &Release,
        artifacts: &HashMap<String, ArtifactRow>,
        known: &mut Vec<Arc<Vulnerability>>,
    ) -> Naming {
        let is_named_inside = self.ecosystem.registry.is_named_inside();
        let rows = release.artifacts.iter().filter_map(|artifact| artifacts.get(&artifact.file));
        let mut is_looked = false;
        let mut all = release.known_as.clone();
        if is_named_inside && !artifacts.is_empty() {
            for row in rows {
                is_looked = true;
                let Some(more) = kept::<KnownAs>(row, KNOWN_AS) else { continue };
                match &mut all {
                    None => all = Some(more),
                    Some(all) => {
                        all.whole &= more.whole;
                        all.purls.extend(more.purls);
                    }
                }
            }
        }
        match all {
            Some(mut known_as) => {
                known_as.purls.sort();
                known_as.purls.dedup();
                known_as.whole &= known_as.purls.len() <= MAX_NAMES && !known_as.purls.is_empty();
                known_as.purls.truncate(MAX_NAMES);
                Naming::Also(Arc::new(self.mapped(known_as, known)))
            }
            None if is_named_inside && !is_looked => Naming::Unlooked,
            None => Naming::Own,
        }
    }

    fn mapped(&mut self, known_as: KnownAs, known: &mut Vec<Arc<Vulnerability>>) -> Mapped {
        let mut feeds = Vec::with_capacity(known_as.purls.len());
        let mut unreadable = Vec::new();
        for text in &known_as.purls {
            let feed = self.named(text, known, &mut unreadable);
            feeds.push(feed);
        }
        // One that is missing makes all of it missing.
        let as_of = feeds.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
        Mapped { known_as, as_of, unreadable }
    }

    /// Adds what is said under one name; of when that is. `None` if nobody can say.
    fn named(
        &mut self,
        text: &str,
        known: &mut Vec<Arc<Vulnerability>>,
        unreadable: &mut Vec<UnreadableAdvisory>,
    ) -> Option<weir_core::Timestamp> {
        let purl = Purl::parse(text).ok()?;
        let (ecosystem, package) = purl.package(self.ecosystems).ok()?;
        let version = purl.version?;
        let key = ecosystem.versions.sort_key(&version).ok();
        let advisories = self.advisories;
        let matcher = self.matchers.entry(format!("{} {package}", ecosystem.id)).or_insert_with(|| {
            let found = advisories.package(ecosystem, &package);
            found
                .inspect_err(
                    |error| tracing::error!(package = %package, error = %error, "advisory data cannot be read"),
                )
                .ok()
        });
        let matcher = matcher.as_ref()?;
        for vulnerability in matcher.matching(ecosystem, &version, key.as_ref()) {
            if !known.iter().any(|it| it.id == vulnerability.id) {
                known.push(Arc::new(Vulnerability { via: Some(text.into()), ..Vulnerability::clone(&vulnerability) }));
            }
        }
        unreadable.extend(
            matcher.unreadable().iter().map(|it| UnreadableAdvisory { id: it.id.clone(), reason: it.reason.clone() }),
        );
        key.and(self.advisories.feed(ecosystem).as_of)
    }
}
