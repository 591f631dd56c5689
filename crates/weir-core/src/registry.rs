//! How a registry speaks: what its clients ask, what upstream says, what Weir answers.
//!
//! A [`Registry`] does no I/O. It names the upstream documents it wants, is given their bytes, and turns decisions into
//! the form that its clients understand. The gateway does the fetching, deciding and sending, and is the same for all.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Packing};
use crate::client::Client;
use crate::digest::{Checksum, StatedDigests};
use crate::ecosystem::PackageName;
use crate::facts::{Finding, KnownAs, Origin, ProjectStatus, Script, Vulnerability};
use crate::hosting::{Hosting, Write};
use crate::{Digest, Timestamp};

mod files;
mod flat;
mod releases;
mod sums;

pub use files::Files;
pub use flat::{Flat, OnePage};
pub use releases::{ReleaseDocument, Releases, Resolved};
pub use sums::{Contradiction, Proof, Sum, Sums};

/// What an ecosystem's registry can do. All methods are pure.
pub trait Registry: Send + Sync {
    /// What a request asks for. Never guesses a version from a file name: a file is looked up in the [`Index`].
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError>;

    /// The upstream documents that answer for a package, the package's own first.
    fn documents(&self, package: &PackageName) -> Vec<Wanted>;

    /// The upstream that a package's name itself names, as a conda channel does: then that one alone answers for it. `None`
    /// where names say nothing of upstreams.
    fn member<'a>(&self, package: &'a PackageName) -> Option<&'a str> {
        let _ = package;
        None
    }

    /// The whole names that a name which does not say where it is from may mean, likeliest first: a conda package without
    /// its channel or platform. `upstreams` are those of the ecosystem, in order. Empty for a name that is whole.
    fn meant(&self, package: &PackageName, upstreams: &[&str]) -> Vec<PackageName> {
        let _ = (package, upstreams);
        Vec::new()
    }

    /// How its catalogues are read, where one document lists many packages: those have none by [`Registry::documents`].
    fn catalogue(&self) -> Option<&dyn Catalogue> {
        None
    }

    /// Brings a configured upstream address into the form that [`Wanted::path`] is appended to; it ends in `/`.
    fn upstream_base(&self, url: &str) -> String {
        if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }
    }

    /// Reads what upstream says about a package. `documents` are the answers to [`Registry::documents`], in that order.
    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument>;

    /// All that upstream says of one release, for the memory: publisher, maintainers, upload method, signatures, source
    /// address and commit, install scripts, entry points, dependencies. A JSON object; names are the registry's own.
    fn said(&self, documents: &[Document<'_>], index: &Index, version: &str) -> serde_json::Value;

    /// The page that a client gets: upstream's with Weir's addresses, refused entries demoted, nothing else changed.
    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument>;

    /// What a form shows. One that is of a single release names it, so that the gate answers for that release: with its
    /// refusal, or that there is none. `page` is the one that [`Registry::render`] would get.
    fn shown(&self, page: &Page<'_>, form: &Form) -> Shown {
        let _ = (page, form);
        Shown::Package
    }

    /// An error or refusal in the client's own dialect.
    fn problem(&self, problem: &Problem) -> Reply;

    /// How to look into an artifact; `None` if its name tells nothing that Weir can open.
    fn inspection(&self, file: &str) -> Option<Inspection>;

    /// What the picked entries of an artifact declare. `expected` is the release that the index says it belongs to.
    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared;

    /// True if only what is in an artifact tells under which names advisories speak of its release, because there are none
    /// under its own: then a release that nobody has looked into is not assessed yet, and looking is worth while.
    fn is_named_inside(&self) -> bool {
        false
    }

    /// What is wrong with the paths in an archive, where the ecosystem says which there may be. `paths` are all of its entries,
    /// in its order, if the ecosystem has a checksum database.
    fn layout(&self, file: &str, paths: &mut dyn Iterator<Item = &str>, expected: &Expected<'_>) -> Vec<Finding> {
        let _ = (file, paths, expected);
        Vec::new()
    }

    /// The path in an artifact at which the core metadata lies that upstream offers beside it, so that this document is read
    /// as if it were picked from there; `None` where upstreams offer none.
    fn metadata_path(&self, expected: &Expected<'_>) -> Option<String> {
        let _ = expected;
        None
    }

    /// The version that a file name of this package claims. Only for telling why something that upstream no longer lists
    /// is refused; what is served is looked up in the [`Index`], never guessed from a name.
    fn claimed_version(&self, package: &PackageName, file: &str) -> Option<String> {
        let _ = (package, file);
        None
    }

    /// The platforms that a file is for, in the ecosystem's words; `None` if it is for all of them, or does not tell.
    fn platforms(&self, file: &str) -> Option<Vec<String>> {
        let _ = file;
        None
    }

    /// Lines that point clients at Weir, as (client, line). `base` is the address of the stage's ecosystem root.
    fn setup(&self, base: &str) -> Vec<(&'static str, String)>;

    /// The package managers that ask this registry.
    fn clients(&self) -> &'static [Client] {
        &[]
    }

    /// The command with which a person gets this version: `pip install 'django==4.2.30'`.
    fn install_command(&self, package: &PackageName, version: &str) -> String;

    /// Who is asking, answered to [`Ask::Whoami`].
    fn whoami(&self, name: &str) -> Reply {
        Reply::text(200, format!("{name}\n"))
    }

    /// What reads the documents of single releases, where a registry has such: see [`Releases`].
    fn releases(&self) -> Option<&dyn Releases> {
        None
    }

    /// What finds the files of a release, where no document lists them: see [`Files`].
    fn files(&self) -> Option<&dyn Files> {
        None
    }

    /// The headers in which an artifact's checksums are told beside its bytes, so that a client need not ask for them.
    fn checksum_headers(&self) -> &'static [(&'static str, Checksum)] {
        &[]
    }

    /// What reads the ecosystem's checksum database, where it has one: see [`Sums`]. Its archives are zip files.
    fn sums(&self) -> Option<&dyn Sums> {
        None
    }

    /// What reads an upstream that is one page with files of many packages, where the ecosystem has such: see [`Flat`].
    fn flat(&self) -> Option<&dyn Flat> {
        None
    }

    /// The list of package names, answered to [`Ask::Names`].
    fn names(&self, names: &[PackageName], form: &Form) -> Reply {
        let _ = form;
        Reply::text(200, names.iter().map(|name| format!("{name}\n")).collect())
    }

    /// Reads the body of an [`Ask::Audit`]: packages with the versions that are asked about.
    fn audit_question(&self, body: &[u8]) -> Result<Vec<(PackageName, Vec<String>)>, RouteError> {
        let _ = body;
        Err(RouteError::NotFound(String::from("this registry has no audit")))
    }

    /// How it takes in packages of one's own; `None` if it does not.
    fn hosting(&self) -> Option<&dyn Hosting> {
        None
    }

    /// Answers an [`Ask::Audit`].
    fn audit_answer(&self, findings: &[AuditFinding<'_>]) -> Reply {
        let _ = findings;
        Reply::text(404, String::from("this registry has no audit\n"))
    }
}

/// A request as it came, after `/{stage}/{ecosystem}/`.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The raw path, percent-encoded as sent, without a leading slash and without the query.
    pub path: &'a str,
    /// The raw query.
    pub query: Option<&'a str>,
    /// The `Accept` header.
    pub accept: Option<&'a str>,
    /// The address of the stage's ecosystem root as clients see it, without a trailing slash:
    /// `http://127.0.0.1:8484/dev/pypi`.
    pub base: &'a str,
    /// True if the client has shown a token. Some clients show it again only where they are told to.
    pub token: bool,
}

/// The methods that registries use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD. Routed like GET; the gateway drops the body.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// What a request asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// A page about a package.
    Index {
        /// The package.
        package: PackageName,
        /// Which form of the page.
        form: Form,
    },
    /// What is shown of a package of a catalogue, and why: see [`Catalogue::about`].
    About(PackageName),
    /// An artifact's bytes, or what belongs to it.
    Artifact {
        /// The package.
        package: PackageName,
        /// Which of its artifacts.
        which: Which,
        /// Which bytes.
        part: Part,
    },
    /// A part's catalogue.
    Catalogue {
        /// The part.
        part: String,
        /// As which file.
        packing: Packing,
    },
    /// The list of the shards of a part's catalogue.
    Shards {
        /// The part.
        part: String,
    },
    /// One of them.
    Shard {
        /// The part.
        part: String,
        /// SHA-256 of the shard as a file.
        digest: Digest,
    },
    /// A document about what the pages of these parts leave out, in a form of [`Catalogue::told`].
    LeftOut {
        /// The parts.
        parts: Vec<String>,
        /// The form.
        form: Form,
    },
    /// An answer that needs nothing (`config.json`, ping).
    Reply(Reply),
    /// The same thing under its proper path, relative to the ecosystem's root and without a leading slash.
    Redirect(String),
    /// The names of the packages that there are.
    Names(Form),
    /// Who is asking.
    Whoami,
    /// Which advisories concern what the body lists.
    Audit,
    /// A change of a hosted package; the body tells which.
    Write(Write),
    /// Who may publish a package.
    Owners(PackageName),
    /// Something that is handed on to upstream as it is and decides nothing: a search. The path with query, relative to
    /// the upstream base.
    Forward(String),
    /// A document of the registry's own that clients check by themselves: handed on byte for byte, and kept.
    Relay(Relay),
}

/// What an [`Ask::Relay`] hands on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    /// Where upstream has it.
    pub wanted: Wanted,
    /// It never changes: what is kept is not asked for again.
    pub lasting: bool,
    /// The media type that it is given to clients with.
    pub content_type: &'static str,
    /// The package that asking for it would tell upstream of. Nothing is asked about one that is private, or that another
    /// upstream answers for.
    pub about: Option<PackageName>,
}

/// How an artifact is named in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// By file name, percent-decoded.
    File(String),
    /// By version, where a release has one artifact.
    Version(String),
    /// By the release and the file name in it, where requests name both: see [`Files`].
    FileOf {
        /// The release, as the request spells it.
        version: String,
        /// The file name, percent-decoded.
        file: String,
    },
}

/// Which of an artifact's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The artifact.
    Whole,
    /// Its core metadata (PEP 658).
    Metadata,
    /// Its attestations (PEP 740, npm).
    Provenance,
    /// A checksum of it, in text.
    Checksum(Checksum),
    /// What upstream has beside it under its own address, a dot and this ending: a signature (`asc`).
    Beside(&'static str),
}

/// One form of a page. Two forms are cached apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Form {
    /// The ecosystem's word for it: `json`, `html`, `full`, `abbreviated`.
    pub kind: &'static str,
    /// What the form is of, where it is not the whole package: a version or tag.
    pub detail: Option<String>,
}

impl Form {
    /// A form of the whole page.
    pub const fn whole(kind: &'static str) -> Self {
        Self { kind, detail: None }
    }
}

/// What a [`Form`] shows of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// All of it; refused releases are demoted in the page.
    Package,
    /// One release, by its version as the index spells it. If it is refused there is no page.
    Release(String),
    /// Nothing that there is: 404.
    Nothing,
}

/// Why a request asks for nothing that there is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RouteError {
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// 405.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// 400.
    #[error("{0}")]
    BadRequest(String),
}

/// An upstream document that a registry needs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Wanted {
    /// Path relative to the upstream base, percent-encoded, with no way out of the base.
    pub path: String,
    /// The `Accept` header to send.
    pub accept: &'static str,
    /// True for a document that is the same for every package (`config.json`): fetched once, kept for an hour.
    pub shared: bool,
}

/// An upstream document.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The address it came from, after redirects: what relative addresses in it are relative to.
    pub url: &'a str,
    /// Its media type with parameters, as sent; empty if none was.
    pub content_type: &'a str,
    /// Its bytes, decoded from any content coding.
    pub body: &'a [u8],
}

/// A document that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{url} is not {expected}: {problem}")]
pub struct InvalidDocument {
    /// Where it came from.
    pub url: String,
    /// What it should be: `a PEP 691 page`.
    pub expected: &'static str,
    /// What is wrong, with the place.
    pub problem: String,
}

/// What upstream says about a package.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Index {
    /// Its releases, in the document's order; each version once.
    pub releases: Vec<Release>,
    /// PEP 792.
    pub status: Option<ProjectStatus>,
}

/// What upstream says about a release.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Release {
    /// As upstream spells it.
    pub version: String,
    /// When upstream says it was published; where only its artifacts have dates, the earliest.
    pub published: Option<Timestamp>,
    /// All of it is yanked; the reason may be empty.
    pub yanked: Option<String>,
    /// Its maintainers call it deprecated.
    pub deprecated: Option<String>,
    /// The licence that the index states; `None` where this kind of index states none.
    pub license: Option<String>,
    /// Who published it and what installing it runs.
    pub origin: Origin,
    /// Under which names of other ecosystems advisories speak of it, where the index says so.
    pub known_as: Option<KnownAs>,
    /// Its files, in the document's order. None for a release that upstream no longer lists and advisories still name:
    /// the gate adds those that it knows of, so that their refusal can be told.
    pub artifacts: Vec<Artifact>,
}

/// What upstream says about a file.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Artifact {
    /// File name: `[A-Za-z0-9._+!-]`, no separators; checked by [`Registry::parse`].
    pub file: String,
    /// Absolute address at upstream.
    pub url: String,
    /// What its bytes are checked against.
    pub digests: StatedDigests,
    /// Number of bytes, where stated.
    pub size: Option<u64>,
    /// When it was uploaded, where stated.
    pub published: Option<Timestamp>,
    /// Yanked by itself; the reason may be empty.
    pub yanked: Option<String>,
    /// Address of its core metadata (PEP 658), with the digest that is stated.
    pub metadata: Option<(String, Option<Digest>)>,
    /// Address of its attestations.
    pub provenance: Option<String>,
    /// The index names attestations for it, whether or not Weir can read their address.
    pub attested: bool,
    /// No document lists it, so that none was ever without it: see [`Files`].
    pub unlisted: bool,
}

/// A page to be rendered.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The package.
    pub package: &'a PackageName,
    /// What [`Registry::parse`] read.
    pub documents: &'a [Document<'a>],
    /// What it made of it.
    pub index: &'a Index,
    /// How each release is served, parallel to [`Index::releases`].
    pub releases: &'a [ServedRelease],
    /// The address of the stage's ecosystem root, without a trailing slash.
    pub base: &'a str,
}

/// How a release is served.
#[derive(Clone, Debug)]
pub struct ServedRelease {
    /// Refused as a whole (every artifact is), with the reason.
    pub refused: Option<Note>,
    /// Served with a warning.
    pub warned: Option<Note>,
    /// The date that Weir tells: upstream's, else first seen.
    pub published: Timestamp,
    /// Parallel to [`Release::artifacts`].
    pub artifacts: Vec<ServedArtifact>,
}

/// How an artifact is served.
#[derive(Clone, Debug)]
pub struct ServedArtifact {
    /// Refused, with the reason.
    pub refused: Option<Note>,
    /// The date that Weir tells: upstream's, else first seen.
    pub published: Timestamp,
    /// Digest of the core metadata that Weir itself has for it, where upstream offers none.
    pub metadata: Option<Digest>,
}

/// A reason in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The rule's code: `vulnerability`.
    pub rule: String,
    /// Printable ASCII, at most 200 characters: rule and id, nearest allowed version, address of the decision.
    pub text: String,
}

/// A rendered page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// Media type with parameters.
    pub content_type: String,
    /// The page.
    pub body: Vec<u8>,
}

/// An answer that is made of nothing but memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type with parameters.
    pub content_type: String,
    /// Further headers; values are printable ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply in plain text.
    pub fn text(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: String::from("text/plain; charset=utf-8"),
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    /// A reply in JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            content_type: String::from("application/json"),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }
}

/// An error or a refusal, before it takes a client's form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// HTTP status; 403 for every refusal.
    pub status: u16,
    /// The one line that most clients print: printable ASCII, at most 200 characters. Also the HTTP/1.1 reason phrase.
    pub line: String,
    /// A few words: `refused by policy`.
    pub title: String,
    /// What happened, by which rule, and what to do: short lines, most important first.
    pub detail: String,
    /// For a refusal: the decision's id and the address that explains it.
    pub decision: Option<(String, String)>,
}

/// How to look into an artifact.
#[derive(Clone, Copy, Debug)]
pub struct Inspection {
    /// What it is packed in.
    pub container: Container,
    /// Which entries [`Registry::declared`] wants, by path inside the archive.
    pub wanted: fn(&str) -> bool,
}

/// What an artifact is packed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// A zip file: wheels.
    Zip,
    /// A gzip-compressed tar file: sdists, npm packages, crates.
    TarGz,
    /// A bzip2-compressed tar file.
    TarBz2,
    /// Nothing: the file is the one entry, and has no path.
    Plain,
    /// A zip file with tar archives under zstd in it: conda's second format.
    Conda,
}

/// A picked entry of an artifact.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path inside the archive, with forward slashes.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The release that an artifact should be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The package.
    pub package: &'a PackageName,
    /// The version as the index spells it.
    pub version: &'a str,
}

/// What an artifact says of itself.
#[derive(Clone, Default, Debug)]
pub struct Declared {
    /// Its licence, and the file that says so; an empty text where the place for it is empty, `None` where there is no
    /// place for it.
    pub license: Option<(String, String)>,
    /// Its core metadata, bytes as in the artifact (PEP 658).
    pub metadata: Option<Vec<u8>>,
    /// For the memory, a JSON object: dependencies, install scripts, entry points, source address, commit.
    pub said: serde_json::Map<String, serde_json::Value>,
    /// Under which names of other ecosystems advisories speak of its release: see [`Registry::is_named_inside`].
    pub known_as: Option<KnownAs>,
    /// What runs when it is installed, where that is found in the artifact alone; `None` where nobody looks for it.
    pub scripts: Option<Vec<Script>>,
    /// What documents of its release are made of where it is one's own: kept with [`Upload::metadata`](crate::hosting::Upload).
    pub own: serde_json::Map<String, serde_json::Value>,
    /// Where it contradicts the index: another name, another version.
    pub findings: Vec<Finding>,
}

/// An advisory that concerns a version that an [`Ask::Audit`] lists.
#[derive(Clone, Copy, Debug)]
pub struct AuditFinding<'a> {
    /// The package.
    pub package: &'a PackageName,
    /// The versions that are concerned.
    pub versions: &'a [String],
    /// The vulnerability.
    pub vulnerability: &'a Vulnerability,
}

/// What a registry said and an artifact declared, as kept in the memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Said {
    /// The kind of fact: `registry`, `artifact`, `attestation`.
    pub kind: String,
    /// A JSON value.
    pub value: serde_json::Value,
    /// Where it comes from.
    pub source: String,
}
