#![doc = include_str!("../README.md")]

mod accept;
pub mod artifact;
mod client;
pub mod hosting;
pub mod index;
mod legacy;
mod lockfile;
pub mod metadata;
pub mod multipart;
pub mod name;
pub mod protocol;
pub mod specifier;
pub mod version;

pub use version::Version;

use weir_core::Ecosystem;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::purl::types::{self, Namespace, Rules};

/// PyPI and everything that speaks its simple API.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "pypi",
    title: "PyPI",
    osv: "PyPI",
    purl_type: "pypi",
    purl_rules: Rules { alias: Some(('_', '-')), ..Rules::new(Namespace::Prohibited, types::NAME | types::VERSION) },
    names: &name::PypiNames,
    versions: &version::PypiVersions,
    registry: &protocol::PypiRegistry,
    upstream: DefaultUpstream { name: "pypi", url: "https://pypi.org/simple/", hosts: &["files.pythonhosted.org"] },
    lockfiles: lockfile::FORMATS,
};
