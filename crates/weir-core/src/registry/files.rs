//! Files that no document lists: where a registry is a tree of directories, and the files of a release are whatever lies in its
//! directory (Maven).
//!
//! A file is one of a release if its name says so, the release is in the [`Index`], and upstream states a digest for it in a
//! document beside it. The gate asks for that document when somebody asks for the file, and keeps it for ever: from then on
//! the file is an artifact of the release, with an address that was made from checked parts and never from a path.

use super::{Artifact, Index, InvalidDocument, Release, ReleaseDocument, Wanted};
use crate::PackageName;

/// How a registry finds files that no document lists. All methods are pure.
pub trait Files: Send + Sync {
    /// The release, by its place in the index, that a file of this name belongs to; `None` if it belongs to none. One name
    /// never belongs to two.
    fn release_of(&self, package: &PackageName, index: &Index, file: &str) -> Option<usize>;

    /// The documents that may state the file's digest, the preferred first. The first that upstream has counts; without one,
    /// there is no such file.
    fn documents(&self, package: &PackageName, version: &str, file: &str) -> Vec<Wanted>;

    /// The file, by the document that states its digest: the one at the place `number` of [`Files::documents`].
    fn read(
        &self,
        package: &PackageName,
        release: &Release,
        file: &str,
        number: usize,
        document: &ReleaseDocument<'_>,
    ) -> Result<Artifact, InvalidDocument>;
}
