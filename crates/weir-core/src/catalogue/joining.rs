//! Where what is shown of one package depends on what is shown of others.
//!
//! A page that shows one version of each package has to stay coherent when one is refused: another takes its place, and what
//! needs it may have to give way too. Such a registry is given all packages with their judgement before it says what becomes
//! of any piece. What it needs to know of releases that upstream's catalogue does not describe, it asks for: the gate fetches
//! them, decides and looks into them like any artifact that a client asks for, and joins again.

use super::Fate;
use crate::registry::Page;

/// A page that is being joined. Pure: the same packages and descriptions have the same outcome.
pub trait Joining: Send {
    /// The next package, in the order of the table. `pieces` are its pieces, `page` its view.
    fn package(&mut self, key: &str, page: &Page<'_>, pieces: &[&[u8]]);

    /// What becomes of all packages that were given. `described` tells what the artifact of a release (by key and version)
    /// declares of itself: its core metadata. If [`Settled::wanted`] is not empty, that is to be looked into, and this to be
    /// asked again.
    fn settle(&mut self, described: &dyn Fn(&str, &str) -> Described) -> Settled;
}

/// What an artifact declares of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Described {
    /// Nobody has looked into it yet.
    Unknown,
    /// It is refused, cannot be had, or declares nothing: it cannot be shown.
    Absent,
    /// Its core metadata.
    Is(Vec<u8>),
}

/// What becomes of a page.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settled {
    /// What becomes of the pieces of each package, by key, parallel to them.
    pub fates: Vec<(String, Vec<Fate>)>,
    /// The packages of which something else is shown than upstream's newest version.
    pub instead: Vec<Instead>,
    /// Releases that have to be looked into before this is final, by key and version.
    pub wanted: Vec<(String, String)>,
}

/// What is shown in the place of a package's newest version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instead {
    /// The package.
    pub key: String,
    /// Its newest version at upstream.
    pub version: String,
    /// The version that is shown; `None` if the package is hidden.
    pub shown: Option<String>,
    /// Why, in one line without a full stop.
    pub reason: String,
}
