//! The addresses that lead to a package, and those that look as if they might.

use super::others::OTHERS;
use super::packages::Of;

/// What a route answers with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// An index page: never an error for a policy reason, but with every refused entry demoted.
    Page,
    /// An index of all packages, which is there for everybody, without what is refused or private.
    Catalogue,
    /// An artifact.
    Artifact,
    /// What belongs to an artifact: core metadata, attestations, checksums, signatures.
    Beside,
    /// The manifest of one release, or a part of an index that has it alone.
    Manifest,
    /// No route of Weir's, but of upstreams, older habits or wishful clients.
    Elsewhere,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Page, Self::Catalogue, Self::Artifact, Self::Beside, Self::Manifest, Self::Elsewhere];

    /// True if it tells what there is: an answer is fine that offers nothing.
    pub fn is_index(self) -> bool {
        matches!(self, Self::Page | Self::Catalogue)
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Page => "index pages",
            Self::Catalogue => "indexes of all packages",
            Self::Artifact => "artifacts",
            Self::Beside => "metadata, attestations, checksums",
            Self::Manifest => "manifests",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// An address after `/{stage}/`.
#[derive(Clone, Debug)]
pub struct Route {
    pub kind: Kind,
    pub path: String,
}

/// The routes of all ecosystems.
pub fn routes(of: Of) -> Vec<Route> {
    let names = of.names();
    let (pypi, module, old, npm, scoped, file, cargo) =
        (names.pypi, names.module, names.old, names.npm, names.scoped, names.scoped_file, names.cargo);
    let encoded = scoped.replace('/', "%2f");
    let index = format!("{}/{}/{cargo}", &cargo[..2], &cargo[2..4]);
    [
        (Kind::Page, format!("pypi/simple/{pypi}/")),
        (Kind::Artifact, format!("pypi/files/{pypi}/{module}-1.0-py3-none-any.whl")),
        (Kind::Artifact, format!("pypi/files/{pypi}/{module}-1.0.tar.gz")),
        (Kind::Artifact, format!("pypi/files/{pypi}/{}-1.0.zip", module.replace('_', "-"))),
        (Kind::Artifact, format!("pypi/files/{pypi}/{module}-1.0-py2.7.egg")),
        (Kind::Artifact, format!("pypi/files/{pypi}/{old}-0.9.tar.gz")),
        (Kind::Artifact, format!("pypi/files/{pypi}/{old}-0.9-py2.py3-none-any.whl")),
        (Kind::Beside, format!("pypi/files/{pypi}/{module}-1.0-py3-none-any.whl.metadata")),
        (Kind::Beside, format!("pypi/files/{pypi}/{old}-0.9-py2.py3-none-any.whl.metadata")),
        (Kind::Beside, format!("pypi/provenance/{pypi}/{module}-1.0-py3-none-any.whl")),
        (Kind::Page, format!("npm/{npm}")),
        (Kind::Manifest, format!("npm/{npm}/1.0.0")),
        (Kind::Manifest, format!("npm/{npm}/latest")),
        (Kind::Artifact, format!("npm/{npm}/-/{npm}-1.0.0.tgz")),
        (Kind::Page, format!("npm/-/package/{npm}/dist-tags")),
        (Kind::Beside, format!("npm/-/npm/v1/attestations/{npm}@1.0.0")),
        (Kind::Page, format!("npm/{encoded}")),
        (Kind::Page, format!("npm/{scoped}")),
        (Kind::Manifest, format!("npm/{encoded}/1.0.0")),
        (Kind::Manifest, format!("npm/{scoped}/1.0.0")),
        (Kind::Artifact, format!("npm/{scoped}/-/{file}-1.0.0.tgz")),
        (Kind::Artifact, format!("npm/{encoded}/-/{file}-1.0.0.tgz")),
        (Kind::Artifact, format!("npm/{scoped}/-/{scoped}-1.0.0.tgz")),
        (Kind::Page, format!("npm/-/package/{encoded}/dist-tags")),
        (Kind::Beside, format!("npm/-/npm/v1/attestations/{encoded}@1.0.0")),
        (Kind::Page, format!("cargo/{index}")),
        (Kind::Artifact, format!("cargo/dl/{cargo}/1.0.0/download")),
    ]
    .into_iter()
    .chain(OTHERS.iter().flat_map(|other| (other.routes)(of)))
    .map(|(kind, path)| Route { kind, path })
    .collect()
}

/// Addresses that are no routes of Weir.
pub fn elsewhere(of: Of) -> Vec<Route> {
    let names = of.names();
    let (pypi, module, old, npm, scoped, cargo) =
        (names.pypi, names.module, names.old, names.npm, names.scoped, names.cargo);
    let (other, scope) = (swapped(cargo), scoped.split('/').next().unwrap());
    let prefix = format!("{}/{}", &other[..2], &other[2..4]);
    [
        format!("pypi/{module}-1.0-py3-none-any.whl"),
        format!("pypi/files/{module}-1.0-py3-none-any.whl"),
        format!("pypi/simple/{pypi}/{module}-1.0-py3-none-any.whl"),
        format!("pypi/packages/aa/bb/{module}-1.0-py3-none-any.whl"),
        format!("pypi/packages/source/{}/{pypi}/{module}-1.0.tar.gz", &pypi[..1]),
        format!("pypi/packages/py3/{}/{pypi}/{module}-1.0-py3-none-any.whl", &pypi[..1]),
        format!("pypi/files/{pypi}/1.0/{module}-1.0-py3-none-any.whl"),
        format!("pypi/pypi/{pypi}/json"),
        format!("pypi/pypi/{pypi}/1.0/json"),
        format!("pypi/integrity/{pypi}/1.0/{module}-1.0-py3-none-any.whl/provenance"),
        // The files as other tools and other days would name them.
        format!("pypi/files/{pypi}/{old}-1.0.tar.gz"),
        format!("pypi/files/{pypi}/{old}-1.0-py3-none-any.whl"),
        format!("pypi/files/{pypi}/{pypi}-1.0.tar.gz"),
        format!("pypi/files/{pypi}/{module}-0.9.tar.gz"),
        format!("pypi/files/{pypi}/{module}-1.0.tgz"),
        format!("pypi/files/{pypi}/{module}-1.0.tar.bz2"),
        format!("pypi/files/{pypi}/{module}-1.0-1-py3-none-any.whl"),
        format!("pypi/files/{old}/{module}-1.0.tar.gz"),
        // One package's file under another one's name.
        format!("pypi/files/allowed/{module}-1.0-py3-none-any.whl"),
        format!("pypi/provenance/allowed/{module}-1.0-py3-none-any.whl"),
        format!("npm/allowed/-/{npm}-1.0.0.tgz"),
        format!("npm/@scope/allowed/-/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/download/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-/@other/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-/-/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-/{npm}-1.0.0.tgz/"),
        format!("npm/{npm}/-rev/1-0"),
        format!("npm/{npm}@1.0.0"),
        format!("npm/{npm}/^1.0.0"),
        format!("npm/{npm}/*"),
        format!("npm/{scope}"),
        format!("npm/{scope}/"),
        format!("npm/{scope}%2f"),
        format!("npm/{}", scoped.replace('/', "%2f%2f")),
        format!("npm/-/npm/v1/security/audits?x={npm}"),
        format!("npm/-/all?startkey=%22{npm}%22"),
        format!("npm/-/user/{npm}/package"),
        format!("npm/-/package/{npm}/collaborators"),
        format!("cargo/api/v1/crates/{cargo}"),
        format!("cargo/api/v1/crates/{cargo}/1.0.0/download"),
        format!("cargo/crates/{cargo}/{cargo}-1.0.0.crate"),
        format!("cargo/{cargo}/1.0.0/download"),
        format!("cargo/dl/{cargo}/{cargo}-1.0.0.crate"),
        format!("cargo/dl/{cargo}/1.0.0+build/download"),
        format!("cargo/dl/{cargo}/v1.0.0/download"),
        format!("cargo/dl/{cargo}/1.0/download"),
        // The other separator, which to crates.io is the same crate.
        format!("cargo/{prefix}/{other}"),
        format!("cargo/dl/{other}/1.0.0/download"),
        format!("cargo/1/{cargo}"),
        format!("cargo/{cargo}"),
        format!("cargo/index/{prefix}/{cargo}"),
    ]
    .into_iter()
    .chain(OTHERS.iter().flat_map(|other| (other.elsewhere)(of)))
    .map(|path| Route { kind: Kind::Elsewhere, path })
    .collect()
}

/// With the other separator.
fn swapped(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c == '-' {
                '_'
            } else if c == '_' {
                '-'
            } else {
                c
            }
        })
        .collect()
}
