//! What upstream no longer lists, and advisories still name.
//!
//! A malicious release is soon deleted, and then a lock file that pins it meets "not found", which explains nothing and
//! reads like an accident. So releases that advisories name and upstream does not list are judged too. They have no
//! artifacts and are never served; all that can come of them is a refusal with its reason.

use std::collections::HashSet;

use weir_advisory::{Index as Advisories, PackageAdvisories};
use weir_core::facts::{Kind, Naming, Origin, PackageFacts, ReleaseFacts};
use weir_core::registry::{Index, Release};
use weir_core::{Ecosystem, PackageName, Timestamp};

/// Departed releases of one package that are judged at most.
pub const MAX_DEPARTED: usize = 500;
/// The version that stands for a whole package that is reported as malicious.
pub const EVERY_VERSION: &str = "*";
/// Why they are passed over wherever a release is looked for.
const YANKED: &str = "upstream no longer lists it";

/// True if advisories report the package, or releases of it, as malicious.
pub fn is_reported(ecosystem: &'static Ecosystem, package: &PackageName, advisories: &Advisories) -> bool {
    let matcher = advisories.package(ecosystem, package);
    matcher.is_ok_and(|matcher| matcher.all().iter().any(|vulnerability| vulnerability.kind == Kind::Malware))
}

/// Adds the departed releases to an index and its facts, which stay parallel.
pub fn add(index: &mut Index, facts: &mut PackageFacts, advisories: &Advisories) {
    let Ok(matcher) = advisories.package(facts.ecosystem, &facts.package) else { return };
    let versions = facts.ecosystem.versions;
    let mut known: HashSet<String> =
        index.releases.iter().map(|release| versions.canonical(&release.version)).collect();
    let absent = index.releases.is_empty();
    let named = matcher.named().chain(absent.then_some(EVERY_VERSION));
    let mut departed: Vec<ReleaseFacts> = Vec::new();
    for version in named {
        if departed.len() >= MAX_DEPARTED {
            break;
        }
        if version != "0" && !known.contains(&versions.canonical(version)) {
            departed.extend(facts_of(facts.ecosystem, version, &matcher));
            known.insert(versions.canonical(version));
        }
    }
    departed.sort_by(|a, b| a.key.cmp(&b.key));
    for release in departed {
        index.releases.push(Release {
            version: release.version.clone(),
            yanked: release.yanked.clone(),
            ..Release::default()
        });
        facts.releases.push(release);
    }
}

/// The facts of a departed release; `None` if no advisory concerns it.
fn facts_of(ecosystem: &'static Ecosystem, version: &str, matcher: &PackageAdvisories) -> Option<ReleaseFacts> {
    let key = ecosystem.versions.sort_key(version).ok();
    let vulnerabilities = matcher.matching(ecosystem, version, key.as_ref());
    if vulnerabilities.iter().all(|vulnerability| matches!(vulnerability.kind, Kind::Informational(_))) {
        return None;
    }
    Some(ReleaseFacts {
        version: version.to_owned(),
        prerelease: ecosystem.versions.is_prerelease(version),
        published: None,
        // Nobody knows, and nothing waits for it. The same on every day, so that its decision has one id.
        first_seen: Timestamp::from_millis(0),
        yanked: Some(YANKED.to_owned()),
        deprecated: None,
        license: None,
        origin: Origin::default(),
        served: Vec::new(),
        naming: Naming::Own,
        vulnerabilities,
        artifacts: Vec::new(),
        key,
    })
}
