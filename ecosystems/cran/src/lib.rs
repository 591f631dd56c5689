#![doc = include_str!("../README.md")]

mod archive;
mod artifact;
mod catalogue;
mod client;
mod dcf;
pub mod dependency;
mod hosting;
mod index;
mod join;
mod license;
mod listing;
mod name;
mod protocol;
mod rds;
mod reasons;
mod registry;
pub mod substitute;
mod tar;
mod version;

pub use archive::{File, files};
pub use dcf::{Record, records};
pub use rds::MAX_DEPTH;
pub use version::Version;

use weir_core::Ecosystem;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::purl::types::{self, Namespace, Rules};

/// R's packages and their public repository.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "cran",
    title: "CRAN",
    osv: "CRAN",
    purl_type: "cran",
    purl_rules: Rules::new(Namespace::Prohibited, types::AS_IS),
    names: &name::RPackages,
    versions: &version::PackageVersions,
    registry: &registry::Repository,
    upstream: DefaultUpstream { name: "cran", url: "https://cloud.r-project.org/", hosts: &[] },
    lockfiles: &[],
};
