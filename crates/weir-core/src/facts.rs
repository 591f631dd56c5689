//! What is known about a package when it is judged.
//!
//! Facts are gathered by the gateway and by the command line, and judged by `weir-policy`. Nothing here says what is good
//! or bad.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ecosystem::{Ecosystem, PackageName, SortKey};
use crate::{Digest, Severity, Timestamp};

/// Everything known about one package: the input of a judgement beside policy, waivers and the moment.
#[derive(Clone, Debug)]
pub struct PackageFacts {
    /// Its ecosystem.
    pub ecosystem: &'static Ecosystem,
    /// Its name.
    pub package: PackageName,
    /// Published to this Weir rather than to an upstream.
    pub hosted: bool,
    /// Its releases, in the order of the upstream document.
    pub releases: Vec<ReleaseFacts>,
    /// What upstream says of the project as a whole (PEP 792), if anything.
    pub status: Option<ProjectStatus>,
    /// The advisory data that [`ReleaseFacts::vulnerabilities`] comes from.
    pub advisories: FeedState,
    /// The well-known package that this one could be mistaken for, if there is one and it shares no owner that is known.
    /// `None` also where there is no list of well-known names.
    pub lookalike: Option<Lookalike>,
    /// It comes from an upstream of one's own that its name is bound to: what is private may be asked there.
    pub own: bool,
}

/// A well-known package that another could be mistaken for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookalike {
    /// The well-known name.
    pub name: Box<str>,
    /// Its place in the list of well-known names, from 1.
    pub rank: u32,
    /// What lies between the two.
    pub slip: Slip,
}

/// What lies between a name and one that it could be mistaken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slip {
    /// One letter more, less, or another; two swapped.
    Edit,
    /// Characters that look alike: `0` and `o`, `1` and `l`, `rn` and `m`.
    Glance,
    /// The same words in another order.
    Order,
    /// A scope that is part of the name, or the other way round: `@babel/core` and `babel-core`.
    Scope,
    /// A word for the language: `python-requests`.
    Affix,
}

impl Slip {
    /// The word for it: `edit`, `glance`, `order`, `scope`, `affix`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Glance => "glance",
            Self::Order => "order",
            Self::Scope => "scope",
            Self::Affix => "affix",
        }
    }
}

/// Which advisory data was at hand.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FeedState {
    /// When Weir last saw the source confirm or change it; `None` if no data for this ecosystem was ever imported.
    pub as_of: Option<Timestamp>,
    /// Advisories on this package that could not be judged, so that nothing here can be called clean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableAdvisory>,
}

/// An advisory that names a package and cannot be judged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct UnreadableAdvisory {
    /// Its id.
    pub id: String,
    /// Why, without a full stop.
    pub reason: String,
}

/// A project's own state as its registry tells it (PEP 792: `active`, `archived`, `quarantined`, `deprecated`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProjectStatus {
    /// The word.
    pub status: String,
    /// The project's reason.
    pub reason: Option<String>,
}

/// What is known about one release.
#[derive(Clone, Debug)]
pub struct ReleaseFacts {
    /// As upstream spells it.
    pub version: String,
    /// Its place in the order; `None` if the version cannot be read, and then it is not assessed.
    pub key: Option<SortKey>,
    /// An alpha, beta, candidate or development release.
    pub prerelease: bool,
    /// When upstream says it was published (its earliest artifact); `None` if upstream does not say.
    pub published: Option<Timestamp>,
    /// When Weir first saw it in an upstream document.
    pub first_seen: Timestamp,
    /// Withdrawn by its maintainers (every artifact yanked), with their reason, which may be empty.
    pub yanked: Option<String>,
    /// Marked deprecated by its maintainers, with their text.
    pub deprecated: Option<String>,
    /// The licence it declares; `None` while nobody has looked (not: "has none", which is an empty text).
    pub license: Option<License>,
    /// Who published it and what installing it runs, as its registry's index says.
    pub origin: Origin,
    /// The stages in which this Weir has served it, by a decision that allowed it; sorted.
    pub served: Vec<Arc<str>>,
    /// Under which names advisories speak of it.
    pub naming: Naming,
    /// Vulnerabilities, malware reports and health notices whose ranges contain this version, each cluster once.
    pub vulnerabilities: Vec<Arc<Vulnerability>>,
    /// Its artifacts, in the order of the upstream document.
    pub artifacts: Vec<ArtifactFacts>,
}

/// Whether advisories speak of a release under its own name.
#[derive(Clone, Debug, Default)]
pub enum Naming {
    /// Under its own alone.
    #[default]
    Own,
    /// Looking into one of its artifacts tells under which names, and nobody has looked.
    Unlooked,
    /// Under these of other ecosystems, too.
    Also(Arc<Mapped>),
}

/// Other names of a release, and what advisory data there is for them.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The names.
    pub known_as: KnownAs,
    /// When Weir last saw the oldest of their sources confirmed or changed; `None` if for one of them no data was ever
    /// imported, or its name or version cannot be read.
    pub as_of: Option<Timestamp>,
    /// Advisories under these names that could not be judged.
    pub unreadable: Vec<UnreadableAdvisory>,
}

/// Under which names of other ecosystems advisories speak of a release: those of the projects that it is made from.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownAs {
    /// Package URLs with versions: `pkg:pypi/numpy@1.26.4`.
    pub purls: Vec<String>,
    /// The place that says so: `info/recipe/meta.yaml in numpy-1.26.4-0.conda`.
    pub source: String,
    /// It is made from these and from nothing else: what is known of them is what can be known of it.
    pub whole: bool,
}

/// A declared licence and where it is declared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct License {
    /// As written: an SPDX expression or free text; empty where the place for it is empty.
    pub text: String,
    /// The place: `npm registry`, `METADATA in x.whl`, `Cargo.toml in x.crate`.
    pub source: String,
}

/// What is known about one artifact.
#[derive(Clone, Debug)]
pub struct ArtifactFacts {
    /// Its file name.
    pub file: String,
    /// When upstream says it was uploaded.
    pub published: Option<Timestamp>,
    /// When upstream said at Weir's first sight that it was uploaded; `None` if it did not say, or nobody remembers.
    pub first_published: Option<Timestamp>,
    /// When Weir first saw it in an upstream document.
    pub first_seen: Timestamp,
    /// When upstream last confirmed a document that did not have it yet; `None` if Weir did not know one.
    pub last_absent: Option<Timestamp>,
    /// SHA-256 as upstream states it, or as Weir found it where upstream states none.
    pub sha256: Option<Digest>,
    /// The index names attestations of where it was built (PEP 740, npm). Not that anyone has verified them.
    pub attested: bool,
    /// What Weir found wrong with its bytes.
    pub findings: Vec<Finding>,
}

/// Who published a release and what installing it runs, as its registry's index says: claims, good for comparing releases.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// Whether installing it runs code of its own.
    pub install: Install,
    /// The account that published it; `None` where this kind of index does not say.
    pub publisher: Option<Arc<Publisher>>,
    /// The accounts that could publish the package when this release was; `None` where this kind of index does not say.
    pub owners: Option<Arc<[Box<str>]>>,
}

/// The account that published a release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publisher {
    /// Its name at the registry.
    pub name: Box<str>,
    /// Published from a build that the package's owners had named to the registry, without a person's credentials.
    pub trusted: bool,
}

/// Whether installing a release runs code of its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Install {
    /// This kind of index does not say.
    #[default]
    Unknown,
    /// Nothing runs.
    Nothing,
    /// These run, in the order in which they do; at least one.
    Runs(Arc<[Script]>),
}

/// A script that runs when a release is installed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Script {
    /// Its name: `postinstall`.
    pub name: Box<str>,
    /// What it runs, possibly cut; empty where the index says only that there is one.
    pub command: Box<str>,
}

/// Something wrong with an artifact's bytes, whatever policy says of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Kebab-case: `changed-bytes`, `digest-mismatch`, `ambiguous-archive`, `name-mismatch`, `version-mismatch`.
    pub code: String,
    /// One sentence for people, without a full stop.
    pub text: String,
}

/// A vulnerability as people mean it: all advisories that are aliases of one another, seen from one package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vulnerability {
    /// The id that is shown: the ecosystem's own database first (`PYSEC-…`, `RUSTSEC-…`), then `GHSA-…`, `CVE-…`, others.
    pub id: String,
    /// The other ids of the cluster, sorted.
    pub aliases: Vec<String>,
    /// What sort of thing it tells.
    pub kind: Kind,
    /// One line; empty if the records have none.
    pub summary: String,
    /// The score that counts; `None` if nobody in the cluster states one.
    pub severity: Option<Severity>,
    /// In CISA's catalogue of known exploited vulnerabilities since this date.
    pub known_exploited: Option<Timestamp>,
    /// Probability of exploitation in the next 30 days (EPSS), 0 to 1.
    pub epss: Option<f32>,
    /// Versions of this package in which the records say it is fixed, ascending.
    pub fixed: Vec<String>,
    /// When the first of the records was published.
    pub published: Option<Timestamp>,
    /// Digest over the contents of the records, KEV and EPSS values that this comes from.
    pub digest: Digest,
    /// The name under which the records speak of the release, where it is another one than its own:
    /// `pkg:pypi/numpy@1.26.4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Box<str>>,
}

/// What sort of thing an advisory tells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A flaw in honest code.
    Vulnerability,
    /// The release itself is an attack.
    Malware,
    /// RustSec's `informational` records: `unmaintained`, `unsound`, `notice`. A health fact, never a vulnerability.
    Informational(String),
}
