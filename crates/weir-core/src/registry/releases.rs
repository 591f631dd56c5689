//! Release documents: where a registry tells of each release in documents of its own (`@v/V.info` and `.mod`, a POM), and
//! its index of a package is a bare list, or lacks releases that clients ask for all the same.
//!
//! The gate asks for the documents of a release when somebody asks for that release, and for those of a few when somebody
//! asks for the package's page ([`Releases::asked`]). They never change, so they are kept for ever. What is kept is known:
//! from then on the release is in the [`Index`] with all that its documents tell.
//!
//! A listed release whose documents nobody has asked for is *untold*. Its date is not known, so a page does not count its
//! age against it; an artifact of it is served only after its documents have been asked for, and by what they tell.

use super::{Document, Form, Index, InvalidDocument, Release, Wanted};
use crate::{PackageName, Timestamp};

/// How a registry reads the documents of single releases. All methods are pure.
pub trait Releases: Send + Sync {
    /// The documents that tell of the release `version`. There is such a release only if upstream has all of them. Empty if
    /// no release could have this version.
    fn documents(&self, package: &PackageName, version: &str) -> Vec<Wanted>;

    /// What they say. `listed` is the release as the package's index has it, if it does; `documents` are the answers to
    /// [`Releases::documents`], in that order. What is given takes the place of `listed`, or joins the index.
    fn read(
        &self,
        package: &PackageName,
        version: &str,
        listed: Option<&Release>,
        documents: &[ReleaseDocument<'_>],
    ) -> Result<Release, InvalidDocument>;

    /// What the documents of some releases tell of others, once all that is kept is in the index: `told` are the releases by
    /// version with the documents of each, in the order of [`Releases::documents`].
    fn conclude(&self, package: &PackageName, index: &mut Index, told: &[(&str, Vec<Document<'_>>)]) {
        let _ = (package, index, told);
    }

    /// The releases whose documents are asked for before a form of a page is made, the most important first: those that
    /// clients choose by it. The gate asks for so many at most.
    fn asked(&self, form: &Form, index: &Index) -> Vec<String>;

    /// The document with which upstream says what release a form is about, where [`Registry::shown`](super::Registry::shown)
    /// finds nothing in the index and the form names no release outright: a branch, the latest of a package that lists none.
    fn query(&self, package: &PackageName, form: &Form) -> Option<Wanted> {
        let _ = (package, form);
        None
    }

    /// Reads the answer to [`Releases::query`].
    fn resolved(&self, form: &Form, document: &Document<'_>) -> Result<Resolved, InvalidDocument> {
        let _ = form;
        Err(InvalidDocument {
            url: document.url.to_owned(),
            expected: "an answer to a query",
            problem: String::from("this registry has no queries"),
        })
    }
}

/// A document of a single release.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseDocument<'a> {
    /// The document.
    pub document: Document<'a>,
    /// Its `Last-Modified`, where upstream sent one that can be read.
    pub last_modified: Option<Timestamp>,
}

/// What a query means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// The release's version.
    pub version: String,
    /// The form that shows it.
    pub form: Form,
}
