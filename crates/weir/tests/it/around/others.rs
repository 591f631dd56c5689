//! Ecosystems whose registries are a file or more for all packages, or files in directories: what each has to get at, and
//! which addresses lead there.

mod conda;
mod cran;
mod go;
mod maven;

use weir_testing::FakeUpstream;

use super::packages::Of;
use super::routes::Kind;

/// One of them.
pub struct Other {
    /// As addresses begin.
    pub id: &'static str,
    /// The package's own name.
    pub name: fn(Of) -> &'static str,
    /// Puts everything there.
    pub publish: fn(&FakeUpstream),
    /// The addresses that lead to it.
    pub routes: fn(Of) -> Vec<(Kind, String)>,
    /// Addresses that are no routes of Weir.
    pub elsewhere: fn(Of) -> Vec<String>,
    /// True if the path of a request to upstream asks for a file of what is refused, or tells a private name.
    pub is_told_by: fn(Of, &str) -> bool,
    /// True if a page or an index, unpacked, offers a release of what is refused or private.
    pub offers: fn(&[u8]) -> bool,
}

/// All of them.
pub const OTHERS: [Other; 4] = [conda::OTHER, cran::OTHER, go::OTHER, maven::OTHER];

/// The one that a path after a stage, or at the upstream, belongs to.
pub fn of_path(path: &str) -> Option<&'static Other> {
    let first = path.trim_start_matches('/').split('/').next()?;
    OTHERS.iter().find(|other| other.id == first)
}

/// True if these bytes are part of others.
fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
