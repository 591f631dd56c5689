#![doc = include_str!("../README.md")]

mod artifact;
mod audit;
mod client;
mod dist_tags;
mod grammar;
mod hosting;
mod index;
mod json;
mod lockfile;
pub mod name;
mod origin;
mod packument;
mod protocol;
pub mod range;
mod registry;
mod render;
mod restrictions;
mod split;
pub mod version;

use weir_core::Ecosystem;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::purl::types::{self, Namespace, Rules};

/// The npm ecosystem.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "npm",
    title: TITLE,
    osv: "npm",
    purl_type: "npm",
    purl_rules: Rules::new(Namespace::Optional, types::AS_IS),
    names: &name::Npm,
    versions: &version::Npm,
    registry: &registry::Npm,
    upstream: DefaultUpstream { name: "npm", url: "https://registry.npmjs.org/", hosts: &[] },
    lockfiles: lockfile::FORMATS,
};

const TITLE: &str = "npm";

/// `text`, cut to what an error message repeats of a bad value.
fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}
