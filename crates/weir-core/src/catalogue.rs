//! A registry whose index is one document for many packages: conda's `repodata.json`, CRAN's `PACKAGES`.
//!
//! Such a document is cut once, when it comes, into *pieces*, each of which belongs to one package. The pieces of a package
//! are its own document from then on, so that everything that holds for a package with a document of its own holds for it
//! too. A page is the document again, without the pieces that a stage refuses.

use std::io::{self, BufRead};

use crate::Timestamp;
use crate::ecosystem::PackageName;
use crate::registry::{InvalidDocument, Page, Reply, Wanted};

mod joining;
mod shards;

pub use joining::{Described, Instead, Joining, Settled};
pub use shards::{Shard, Shards};

/// How a registry with catalogues reads and shows them. All methods are pure.
pub trait Catalogue: Send + Sync {
    /// Where a package is listed; `None` if its name does not say.
    fn place(&self, package: &PackageName) -> Option<Place>;

    /// The package that [`Catalogue::place`] finds there; `None` if the key is no name.
    fn package(&self, place: &Place) -> Option<PackageName>;

    /// The upstream that a part is of, by name; `None` where the parts say nothing of upstreams. The same as
    /// [`Registry::member`](crate::registry::Registry::member) says of the packages in it.
    fn member<'a>(&self, part: &'a str) -> Option<&'a str> {
        let _ = part;
        None
    }

    /// The upstream documents that can be a part's catalogue: the first one that upstream has is taken. Empty if there is no
    /// such part.
    fn sources(&self, part: &str) -> Vec<Source>;

    /// Cuts the document that came from `address` into frame and pieces, in order. What comes out is the document without
    /// separators between pieces.
    fn cut(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<Cut, CutError>;

    /// Further documents of a part that tell of its packages, such as a list of older files: those that upstream has are cut
    /// with the catalogue, in this order. One that cannot be read is left out.
    fn beside(&self, part: &str) -> Vec<Source> {
        let _ = part;
        Vec::new()
    }

    /// Cuts a document of [`Catalogue::beside`] that came from `address`. Its pieces belong to their packages like all
    /// others. If it cannot be read, none of its pieces may have been given.
    fn cut_beside(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<(), CutError> {
        let _ = (address, document, cuts);
        Ok(())
    }

    /// What stands between two pieces that follow one another in a page.
    fn separator(&self) -> &'static [u8];

    /// What becomes of each piece of a package in the page, parallel to `pieces`. Artifacts that the page's view refuses are
    /// not to be seen in it. The one document of `page` is all pieces, each followed by a line feed.
    fn fates(&self, page: &Page<'_>, pieces: &[&[u8]]) -> Vec<Fate>;

    /// A page that is to be joined, where what is shown of one package depends on others: then this decides, and
    /// [`Catalogue::fates`] is not asked.
    fn joining(&self) -> Option<Box<dyn Joining>> {
        None
    }

    /// What is said of one package to whoever asks, answered to [`Ask::About`](crate::registry::Ask::About). `instead` is what
    /// the catalogue's page shows in the place of its newest version, if it does.
    fn about(&self, page: &Page<'_>, instead: Option<&Instead>) -> Reply {
        let _ = instead;
        Reply::text(404, format!("nothing is said of `{}` alone\n", page.package))
    }

    /// How its shards are read, where it is offered in shards too.
    fn shards(&self) -> Option<&dyn Shards> {
        None
    }

    /// Of how many days what upstream listed is kept, where nothing else is configured: each can be asked for as
    /// `/{stage}@2026-10-01/`. Worth its disk where a day is the unit that upstream tests as a whole.
    fn kept_days(&self) -> u32 {
        0
    }

    /// The media type of the page.
    fn content_type(&self) -> &'static str;

    /// A document about what a page leaves out, in the form `kind` of an
    /// [`Ask::LeftOut`](crate::registry::Ask::LeftOut); `None` if there is none.
    fn told(&self, kind: &str, left_out: &LeftOut<'_>) -> Option<Vec<u8>> {
        let _ = (kind, left_out);
        None
    }
}

/// Where a package is listed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The part: what has one catalogue. A channel's subdirectory, `src/contrib`.
    pub part: String,
    /// The package's name there.
    pub key: String,
}

/// An upstream document that can be a catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The document.
    pub wanted: Wanted,
    /// What it is packed in.
    pub packing: Packing,
}

/// What a catalogue is packed in, as a file of its own: not a content coding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Packing {
    /// Nothing.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878, one frame.
    Zstd,
}

/// One piece of a catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The package's name in its part: see [`Place::key`].
    pub key: &'a str,
    /// What the piece is about, by which it is known again in a later catalogue: a file's name.
    pub name: &'a str,
    /// The digest that it states for that, with its algorithm (`sha256:…`); empty if none.
    pub stated: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// All that rules can read of a piece, where it is one artifact of its own and nothing contradicts it.
///
/// A catalogue may say this of a piece only if [`Registry::parse`](crate::registry::Registry::parse) would read the same of it,
/// and nothing else but what only an artifact's bytes tell; if its version can be read; and if [`Catalogue::fates`] shows an
/// artifact that is not refused as it is, and hides one that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brief<'a> {
    /// The release that it belongs to, as upstream spells its version.
    pub version: &'a str,
    /// The licence that it states, as the release would have it.
    pub license: Option<&'a str>,
    /// When it was uploaded, where that is stated.
    pub published: Option<Timestamp>,
}

/// What takes the cuts of a catalogue.
pub trait Cuts {
    /// Bytes that belong to no package and are on every page.
    fn frame(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The next piece.
    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()>;
    /// The next piece, of which rules can read nothing but this.
    fn plain(&mut self, piece: Piece<'_>, brief: Brief<'_>) -> io::Result<()> {
        let _ = brief;
        self.piece(piece)
    }
}

/// What a catalogue says of all its pieces.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Cut {
    /// The absolute address that those of its files are relative to: [`Document::url`](crate::registry::Document::url) of
    /// every package's pieces.
    pub base: String,
}

/// Why a catalogue could not be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// It cannot be read, or what it is cut into cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what it should be.
    #[error(transparent)]
    Invalid(#[from] InvalidDocument),
}

/// What becomes of a piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is on the page.
    Shown,
    /// It is not.
    Hidden,
    /// These bytes are in its place.
    Other(Vec<u8>),
}

/// What a page leaves out.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut<'a> {
    /// The parts that were looked at.
    pub parts: &'a [&'a str],
    /// How many pieces each rule has hidden, the most first.
    pub rules: &'a [(String, u64)],
    /// Some of them: the artifact, and the line that tells why.
    pub examples: &'a [(String, String)],
    /// When the catalogue was judged, as RFC 3339.
    pub at: &'a str,
}
