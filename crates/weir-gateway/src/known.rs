//! What is known about a package, whatever the stage.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use weir_advisory::Index as Advisories;
use weir_core::facts::{ArtifactFacts, Finding, License, Origin, PackageFacts, ReleaseFacts, UnreadableAdvisory};
use weir_core::registry::{Document, Index, Release};
use weir_core::{Digest, Ecosystem, Ecosystems, PackageName, Timestamp};
use weir_store::{ArtifactRow, FirstSeen, SeenArtifact, SeenRelease};

use crate::departed::EVERY_VERSION;
use crate::documents::{DocumentError, Held};
use crate::looked;
use crate::members::{Member, Nobody};

/// A package as Weir knows it at one moment: upstream's documents, what they say, and all facts about it.
#[derive(Debug)]
pub struct Known {
    /// Upstream's documents, the package's own first.
    pub held: Vec<Arc<Held>>,
    /// What they say.
    pub index: Arc<Index>,
    /// The facts, releases parallel to the index.
    pub facts: PackageFacts,
    /// The releases that tell of themselves in documents of their own, as far as these are kept.
    pub told: Told,
    /// The artifacts that Weir holds or has held, by file name.
    pub artifacts: HashMap<String, ArtifactRow>,
    /// What it was made from: if this is unchanged, so is everything else.
    pub stamp: Stamp,
    /// The places of all artifacts, by file name.
    files: Vec<(u32, u32)>,
}

/// The documents of single releases that are kept, by version: see [`weir_core::registry::Releases`].
pub type Told = BTreeMap<String, Vec<Arc<Held>>>;

/// What facts are made from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stamp {
    /// Upstream's documents.
    pub documents: Vec<Digest>,
    /// The advisory data.
    pub advisories: Digest,
    /// The lists of well-known names.
    pub names: Option<Digest>,
    /// Counts what Weir itself has learnt about the package's artifacts.
    pub learnt: u64,
}

impl Known {
    /// Puts together what is known.
    pub fn new(
        held: Vec<Arc<Held>>,
        index: Index,
        facts: PackageFacts,
        artifacts: HashMap<String, ArtifactRow>,
        stamp: Stamp,
    ) -> Self {
        let places = index.releases.iter().enumerate().flat_map(|(release, it)| {
            (0..it.artifacts.len())
                .filter_map(move |artifact| Some((release.try_into().ok()?, artifact.try_into().ok()?)))
        });
        let mut known =
            Self { files: places.collect(), held, told: Told::new(), index: Arc::new(index), facts, artifacts, stamp };
        let mut files = std::mem::take(&mut known.files);
        files.sort_by(|a, b| known.name(*a).cmp(known.name(*b)));
        known.files = files;
        known
    }

    fn name(&self, (release, artifact): (u32, u32)) -> &str {
        let release = self.index.releases.get(release as usize);
        release.and_then(|release| release.artifacts.get(artifact as usize)).map_or("", |artifact| &artifact.file)
    }

    /// The upstream that it is from. Who has none of its documents has nothing to ask for.
    pub fn member(&self) -> Result<&Arc<Member>, DocumentError> {
        let ecosystem = self.facts.ecosystem.id;
        self.held.first().map(|held| &held.member).ok_or(DocumentError::Nobody(Nobody::None(ecosystem)))
    }

    /// True if the release could tell of itself in documents of its own, and nobody has asked for these: see
    /// [`weir_core::registry::Releases`].
    pub fn is_untold(&self, release: usize) -> bool {
        self.facts.ecosystem.registry.releases().is_some()
            && self
                .index
                .releases
                .get(release)
                .is_some_and(|release| !release.artifacts.is_empty() && !self.told.contains_key(&release.version))
    }

    /// True if there is a release of this version with something to serve, as far as is known.
    pub fn lists(&self, version: &str) -> bool {
        self.release(version).is_some_and(|release| !self.index.releases[release].artifacts.is_empty())
    }

    /// A version as the index spells it, where it has it.
    pub fn spelled<'a>(&'a self, version: &'a str) -> &'a str {
        let release = self.release(version).and_then(|release| self.index.releases.get(release));
        release.map_or(version, |release| release.version.as_str())
    }

    /// A rough weight in memory, in bytes.
    pub fn weight(&self) -> usize {
        let told = self.told.len() * 1_500;
        let artifacts: usize = self.index.releases.iter().map(|release| release.artifacts.len()).sum();
        2_000 + self.index.releases.len() * 900 + artifacts * 900 + told
    }

    /// The place of a release by version, in any spelling that names the same release.
    pub fn release(&self, version: &str) -> Option<usize> {
        let versions = self.facts.ecosystem.versions;
        self.index.releases.iter().position(|release| release.version == version).or_else(|| {
            let canonical = versions.canonical(version);
            self.index.releases.iter().position(|release| versions.canonical(&release.version) == canonical)
        })
    }

    /// The place of a release that upstream no longer lists, or of what stands for all versions of a package.
    pub fn departed(&self, version: &str) -> Option<usize> {
        let gone = |place: &usize| self.index.releases[*place].artifacts.is_empty();
        self.release(version).filter(gone).or_else(|| self.release(EVERY_VERSION).filter(gone))
    }

    /// The place of an artifact by file name.
    pub fn file(&self, file: &str) -> Option<(usize, usize)> {
        let at = self.files.binary_search_by(|place| self.name(*place).cmp(file)).ok()?;
        self.files.get(at).map(|(release, artifact)| (*release as usize, *artifact as usize))
    }
}

/// Reads what upstream's documents say.
pub fn parse(
    ecosystem: &'static Ecosystem,
    package: &PackageName,
    held: &[Arc<Held>],
    bodies: &[Bytes],
) -> Result<Index, DocumentError> {
    Ok(ecosystem.registry.parse(package, &documents(held, bodies))?)
}

/// Held documents with their bytes, as a registry reads them.
pub fn documents<'a>(held: &'a [Arc<Held>], bodies: &'a [Bytes]) -> Vec<Document<'a>> {
    held.iter()
        .zip(bodies)
        .map(|(held, body)| Document { url: &held.url, content_type: &held.content_type, body })
        .collect()
}

/// What an index names, for the memory of first sights.
pub fn seen(index: &Index) -> Vec<SeenRelease> {
    index
        .releases
        .iter()
        .map(|release| SeenRelease {
            version: release.version.clone(),
            artifacts: release
                .artifacts
                .iter()
                .map(|artifact| SeenArtifact {
                    file: artifact.file.clone(),
                    stated: stated(&artifact.digests),
                    published: artifact.published,
                })
                .collect(),
        })
        .collect()
}

fn stated(digests: &weir_core::digest::StatedDigests) -> String {
    let hex = weir_core::digest::hex;
    match (&digests.sha256, &digests.sha512, &digests.sha1, &digests.md5) {
        (Some(sha256), ..) => format!("sha256:{sha256}"),
        (None, Some(sha512), ..) => format!("sha512:{}", hex(sha512)),
        (None, None, Some(sha1), _) => format!("sha1:{}", hex(sha1)),
        (None, None, None, Some(md5)) => format!("md5:{}", hex(md5)),
        (None, None, None, None) => String::new(),
    }
}

/// Puts the facts together.
#[expect(clippy::too_many_arguments, reason = "facts come from as many places")]
pub fn facts(
    ecosystems: Ecosystems,
    ecosystem: &'static Ecosystem,
    package: &PackageName,
    index: &Index,
    first_seen: &FirstSeen,
    artifacts: &HashMap<String, ArtifactRow>,
    licenses: &HashMap<String, (Digest, License)>,
    advisories: &Advisories,
) -> PackageFacts {
    let mut unreadable = None;
    let matcher = match advisories.package(ecosystem, package) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            tracing::error!(ecosystem = ecosystem.id, package = %package, error = %error, "advisory data cannot be read");
            unreadable = Some(());
            None
        }
    };
    let mut seen_artifacts = HashMap::with_capacity(first_seen.artifacts.len());
    for seen in &first_seen.artifacts {
        seen_artifacts.insert(seen.file.as_str(), seen);
    }
    let mut names = looked::Names::new(ecosystem, ecosystems, advisories);
    let releases = index
        .releases
        .iter()
        .zip(&first_seen.releases)
        .map(|(release, (_, first_seen))| {
            let key = ecosystem.versions.sort_key(&release.version).ok();
            let mut vulnerabilities = matcher
                .as_ref()
                .map(|matcher| matcher.matching(ecosystem, &release.version, key.as_ref()))
                .unwrap_or_default();
            let naming = names.of(release, artifacts, &mut vulnerabilities);
            ReleaseFacts {
                version: release.version.clone(),
                prerelease: ecosystem.versions.is_prerelease(&release.version),
                published: release.published,
                first_seen: *first_seen,
                yanked: release.yanked.clone(),
                deprecated: release.deprecated.clone(),
                license: license(ecosystem, release, artifacts, licenses),
                origin: Origin { install: looked::install(release, artifacts), ..release.origin.clone() },
                served: Vec::new(),
                naming,
                vulnerabilities,
                artifacts: release
                    .artifacts
                    .iter()
                    .map(|artifact| {
                        let seen = seen_artifacts.get(artifact.file.as_str());
                        let row = artifacts.get(&artifact.file);
                        ArtifactFacts {
                            file: artifact.file.clone(),
                            published: artifact.published,
                            first_published: seen.and_then(|seen| seen.published),
                            first_seen: seen.map_or(*first_seen, |seen| seen.first_seen),
                            last_absent: seen.and_then(|seen| seen.last_absent).filter(|_| !artifact.unlisted),
                            sha256: artifact.digests.sha256.or(row.map(|row| row.sha256)),
                            attested: artifact.attested,
                            findings: findings(seen.and_then(|seen| seen.changed.as_deref()), row),
                        }
                    })
                    .collect(),
                key,
            }
        })
        .collect();
    let mut feed = advisories.feed(ecosystem);
    if let Some(matcher) = &matcher {
        feed.unreadable = matcher
            .unreadable()
            .iter()
            .map(|advisory| UnreadableAdvisory { id: advisory.id.clone(), reason: advisory.reason.clone() })
            .collect();
    }
    if unreadable.is_some() {
        // Data that cannot be read is data that is missing: not assessed, never clean.
        feed.as_of = None;
    }
    PackageFacts {
        ecosystem,
        package: package.clone(),
        releases,
        status: index.status.clone(),
        hosted: false,
        advisories: feed,
        lookalike: None,
        own: false,
    }
}

/// The licence of a release: what its registry states, else what its artifacts declare, else what the metadata beside one
/// of them declares. `licenses` are those of metadata, by file, with its digest.
fn license(
    ecosystem: &Ecosystem,
    release: &Release,
    artifacts: &HashMap<String, ArtifactRow>,
    licenses: &HashMap<String, (Digest, License)>,
) -> Option<License> {
    if let Some(text) = &release.license {
        return Some(License { text: text.clone(), source: format!("{} registry", ecosystem.title) });
    }
    let looked_into = release.artifacts.iter().find_map(|artifact| {
        let row = artifacts.get(&artifact.file)?;
        Some(License { text: row.license.clone()?, source: row.license_source.clone().unwrap_or_default() })
    });
    let beside = || {
        release.artifacts.iter().find_map(|artifact| {
            let (digest, license) = licenses.get(&artifact.file)?;
            let (_, stated) = artifact.metadata.as_ref()?;
            (*stated == Some(*digest)).then(|| license.clone())
        })
    };
    looked_into.or_else(beside)
}

fn findings(changed: Option<&str>, row: Option<&ArtifactRow>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(row) = row {
        findings = serde_json::from_str(&row.findings).unwrap_or_else(|_| {
            // What was found and cannot be read must not read as nothing found.
            vec![Finding {
                code: String::from("unreadable-archive"),
                text: String::from("what the inspection of this file found cannot be read back"),
            }]
        });
        if let Some(now) = row.changed {
            findings.push(Finding {
                code: String::from("changed-bytes"),
                text: format!("upstream later sent bytes with SHA-256 {now}, others than the first, {}", row.sha256),
            });
        }
    }
    if let Some(now_stated) = changed {
        findings.push(Finding {
            code: String::from("changed-bytes"),
            text: format!("upstream now states {now_stated}, another digest than when Weir first saw this file"),
        });
    }
    findings.sort();
    findings.dedup();
    findings
}

/// The date that Weir tells for a release or artifact.
pub fn told_date(published: Option<Timestamp>, first_seen: Timestamp) -> Timestamp {
    published.unwrap_or(first_seen)
}
