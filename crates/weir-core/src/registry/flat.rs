//! Upstreams that are one page with files of many packages.

use crate::PackageName;
use crate::registry::{Document, InvalidDocument};

/// How an ecosystem reads a page that lists files of many packages, as `pip --find-links` takes it.
///
/// The gateway fetches the page once, and has a page of its own made of it for each package that somebody asks for: what is
/// known of packages, when Weir first saw what, and what is kept, goes by those.
pub trait Flat: Send + Sync {
    /// The page of one package as an upstream would serve it that has a page for each, from what `page` lists; `None` if it
    /// lists nothing of this package. A page that lists nothing of any package is invalid: it would say that all is deleted.
    fn page(&self, package: &PackageName, page: &Document<'_>) -> Result<Option<OnePage>, InvalidDocument>;
}

/// The page of one package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnePage {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes. Addresses in it are absolute.
    pub body: Vec<u8>,
}
