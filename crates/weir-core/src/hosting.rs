//! How a registry takes in packages of one's own, and tells of them as an upstream would.
//!
//! An ecosystem reads an upload and makes, of what is published, the documents that an upstream would answer with. Those go
//! the way of every upstream's document: parsed, judged, rendered. So there is no second reading of a hosted package, and
//! no way around the judgement. No I/O here either: the gateway takes the body in, checks, stores and answers.

use std::io::{self, Read, Seek};
use std::ops::Range;

use serde_json::Value;

use crate::digest::StatedDigests;
use crate::ecosystem::PackageName;
use crate::registry::{Declared, Entry, Problem, Reply};
use crate::{Digest, Timestamp};

/// What addresses in documents of hosted packages are relative to. The name is reserved (RFC 2606): no request can ever go
/// there.
pub const BASE: &str = "https://hosted.invalid/";

/// What an ecosystem's registry can do with packages of one's own. All methods are pure.
pub trait Hosting: Send + Sync {
    /// Reads what a [`Write`] asks for.
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable>;

    /// What an upstream would answer to [`Registry::documents`](crate::registry::Registry::documents), in that order.
    fn documents(&self, package: &PackageName, hosted: &Hosted) -> Vec<HostedDocument>;

    /// The pieces of a package in a catalogue, where one document lists many packages: in the place of
    /// [`Hosting::documents`].
    fn pieces(&self, package: &PackageName, hosted: &Hosted) -> Vec<Vec<u8>> {
        let _ = (package, hosted);
        Vec::new()
    }

    /// True if packages that are hosted here are listed in parts of catalogues that have no upstream, and in no other: see
    /// [`Hosting::catalogue`].
    fn is_apart(&self) -> bool {
        false
    }

    /// The catalogue of a part that has no upstream, with these pieces; `None` if there is no such part.
    fn catalogue(&self, part: &str, pieces: &[Vec<u8>]) -> Option<Vec<u8>> {
        let _ = (part, pieces);
        None
    }

    /// As what a file on somebody's disk would be published, by what it says of itself. `entries` are those that
    /// [`Registry::inspection`](crate::registry::Registry::inspection) wants. `None` for what is not taken in here.
    fn identify(&self, file: &str, entries: &[Entry]) -> Option<Identity> {
        let _ = (file, entries);
        None
    }

    /// What an upstream would have besides those, each at its path: documents of single releases
    /// ([`Releases`](crate::registry::Releases)), what states the digest of a file ([`Files`](crate::registry::Files)),
    /// signatures. Under one path there is one document for ever.
    fn further(&self, package: &PackageName, hosted: &Hosted) -> Vec<FurtherDocument> {
        let _ = (package, hosted);
        Vec::new()
    }

    /// `Err` with the reason if an artifact that was looked into is not to be published, though nothing is wrong with it.
    fn accept(&self, upload: &Upload, declared: &Declared) -> Result<(), String> {
        let _ = (upload, declared);
        Ok(())
    }

    /// `Err` with the reason if a release is not whole with the files that wait ([`Upload::waits`]).
    fn whole(&self, package: &PackageName, version: &str, files: &[HostedFile]) -> Result<(), String> {
        let _ = (package, version, files);
        Ok(())
    }

    /// Tells the client that it is done.
    fn done(&self, done: &Done<'_>) -> Reply;

    /// An error in the dialect in which this registry's clients read errors of what they write.
    fn problem(&self, problem: &Problem) -> Reply;

    /// HTTP status for a version or file that exists already.
    fn conflict(&self) -> u16 {
        409
    }

    /// Who may publish a package, answered to [`Ask::Owners`](crate::registry::Ask::Owners).
    fn owners(&self, names: &[String]) -> Reply {
        Reply::text(200, names.iter().map(|name| format!("{name}\n")).collect())
    }
}

/// A request that writes, as [`Registry::route`](crate::registry::Registry::route) reads it from the address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// The ecosystem's own word for it.
    pub what: &'static str,
    /// The package, where the address names it.
    pub package: Option<PackageName>,
    /// What else the address names: a version, a tag, a file.
    pub detail: Option<String>,
}

/// Bytes that can be read at any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// The body of a request, taken in whole.
pub struct Body<'a> {
    /// The media type with parameters, as sent; empty if none was.
    pub content_type: &'a str,
    /// Number of bytes.
    pub length: u64,
    /// The bytes.
    pub bytes: &'a mut dyn ReadSeek,
}

impl Body<'_> {
    /// All of it, if it is at most `limit` bytes.
    pub fn all(&mut self, limit: u64) -> Result<Vec<u8>, Unreadable> {
        if self.length > limit {
            return Err(Unreadable::Invalid(format!("it has {} bytes; the limit is {limit}", self.length)));
        }
        self.part(0..self.length)
    }

    /// A part of it. Only for parts that are bounded by the caller.
    pub fn part(&mut self, range: Range<u64>) -> Result<Vec<u8>, Unreadable> {
        let length = range.end.saturating_sub(range.start);
        if range.end > self.length {
            return Err(Unreadable::Invalid(format!("it ends after {} bytes, before {}", self.length, range.end)));
        }
        self.bytes.seek(io::SeekFrom::Start(range.start))?;
        let mut out = Vec::new();
        (&mut *self.bytes).take(length).read_to_end(&mut out)?;
        if (out.len() as u64) < length {
            return Err(Unreadable::Invalid(String::from("it ended early")));
        }
        Ok(out)
    }
}

/// Why a request that writes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// What is wrong with it, without a full stop.
    #[error("{0}")]
    Invalid(String),
    /// What it asks for is not done here; says why, and the way out.
    #[error("{0}")]
    Refused(String),
    /// The spooled body cannot be read.
    #[error("the body that was taken in cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// What a request wants changed.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A file is published.
    Publish(Box<Upload>),
    /// A release is withdrawn, with a reason that may be empty; or restored.
    Yank {
        /// The package.
        package: PackageName,
        /// Its release.
        version: String,
        /// `None` restores it.
        reason: Option<String>,
    },
    /// Releases are deprecated with a message; `None` takes it back. Those that are not named stay as they are.
    Deprecate {
        /// The package.
        package: PackageName,
        /// Versions with messages.
        messages: Vec<(String, Option<String>)>,
    },
    /// A tag points at a version, or is removed.
    Tag {
        /// The package.
        package: PackageName,
        /// The tag.
        tag: String,
        /// `None` removes it.
        version: Option<String>,
    },
    /// The client says what the bytes of a file are that it has just sent, or sent once.
    Confirm {
        /// The package.
        package: PackageName,
        /// The release.
        version: String,
        /// The file's name.
        file: String,
        /// What its bytes are.
        stated: StatedDigests,
    },
    /// These releases have all their files: what waits of them ([`Upload::waits`]) is published, all at once. Those of which
    /// nothing waits stay as they are.
    Release {
        /// The package.
        package: PackageName,
        /// Their versions.
        versions: Vec<String>,
    },
    /// Nothing: it is what Weir makes by itself.
    Nothing {
        /// The package that it would be about.
        package: PackageName,
    },
    /// Owners are added or removed.
    Owners {
        /// The package.
        package: PackageName,
        /// True to add.
        add: bool,
        /// Names of tokens.
        names: Vec<String>,
    },
}

impl Change {
    /// The package that is concerned.
    pub fn package(&self) -> &PackageName {
        match self {
            Self::Publish(upload) => &upload.package,
            Self::Yank { package, .. }
            | Self::Deprecate { package, .. }
            | Self::Tag { package, .. }
            | Self::Confirm { package, .. }
            | Self::Release { package, .. }
            | Self::Nothing { package }
            | Self::Owners { package, .. } => package,
        }
    }
}

/// As what a file would be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The package.
    pub package: PackageName,
    /// Its release, in the form in which the index spells it.
    pub version: String,
    /// The name that the file has here, whatever it is called on the disk.
    pub file: String,
    /// True if a release may get further files after its first.
    pub joins: bool,
}

/// A file that is to be published.
#[derive(Clone, PartialEq, Debug)]
pub struct Upload {
    /// The package.
    pub package: PackageName,
    /// Its release, in the form in which the index spells it.
    pub version: String,
    /// What is kept of the release: of its first file only.
    pub metadata: Value,
    /// Tags that shall point at the release.
    pub tags: Vec<String>,
    /// File name.
    pub file: String,
    /// Where its bytes are.
    pub content: Content,
    /// What the client says that its bytes are.
    pub stated: StatedDigests,
    /// What is kept of the file.
    pub file_metadata: Value,
    /// What attests to it, in the form in which it is served.
    pub provenance: Option<Vec<u8>>,
    /// True if a release may get further files after its first.
    pub joins: bool,
    /// True if it waits, seen by nobody, until a [`Change::Release`] publishes its release with all files. Until then
    /// another may take its place.
    pub waits: bool,
    /// True if it may be of a kind that nobody looks into: a signature.
    pub opaque: bool,
    /// The client states a licence.
    pub license: bool,
    /// The client states the address of its source.
    pub source: bool,
}

impl Upload {
    /// As what it is published.
    pub fn identity(&self) -> Identity {
        Identity {
            package: self.package.clone(),
            version: self.version.clone(),
            file: self.file.clone(),
            joins: self.joins,
        }
    }
}

/// Where an upload's bytes are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// In the body, there.
    At(Range<u64>),
    /// In memory, decoded from the body.
    Bytes(Vec<u8>),
}

/// What is published of a package.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Hosted {
    /// Versions by tag.
    pub tags: Vec<(String, String)>,
    /// Names of tokens that may publish it.
    pub owners: Vec<String>,
    /// Its releases, oldest first.
    pub releases: Vec<HostedRelease>,
}

/// A hosted release.
#[derive(Clone, PartialEq, Debug)]
pub struct HostedRelease {
    /// Its version.
    pub version: String,
    /// When its first file was published.
    pub published: Timestamp,
    /// Who published it.
    pub publisher: String,
    /// [`Upload::metadata`].
    pub metadata: Value,
    /// Withdrawn, with the reason, which may be empty.
    pub yanked: Option<String>,
    /// Deprecated, with the message.
    pub deprecated: Option<String>,
    /// Its files, oldest first.
    pub files: Vec<HostedFile>,
}

/// A hosted file.
#[derive(Clone, PartialEq, Debug)]
pub struct HostedFile {
    /// Its name.
    pub file: String,
    /// Its bytes.
    pub sha256: Digest,
    /// Further digests of them.
    pub digests: StatedDigests,
    /// Number of bytes.
    pub size: u64,
    /// When it was published.
    pub published: Timestamp,
    /// [`Upload::file_metadata`].
    pub metadata: Value,
    /// Address of what attests to it, under [`BASE`].
    pub provenance: Option<String>,
}

/// A document that is kept beside a package's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FurtherDocument {
    /// Path relative to the upstream base, as in [`Wanted::path`](crate::registry::Wanted::path); or an address under
    /// [`BASE`], for what an artifact's address leads to.
    pub path: String,
    /// Its bytes.
    pub content: FurtherContent,
    /// When an upstream would say that it was last changed.
    pub changed: Timestamp,
}

/// The bytes of a [`FurtherDocument`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FurtherContent {
    /// These.
    Bytes(Vec<u8>),
    /// Those of a hosted file, by digest.
    File(Digest),
}

/// A document about a hosted package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedDocument {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What was done.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The change.
    pub change: &'a Change,
    /// What the preflight has to say, one line each.
    pub warnings: &'a [String],
}
