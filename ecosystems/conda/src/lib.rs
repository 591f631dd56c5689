#![doc = include_str!("../README.md")]

mod artifact;
mod client;
mod hosting;
mod index;
mod inside;
mod name;
mod notices;
mod protocol;
mod range;
mod recipe;
mod scan;
mod shards;
mod version;

pub use artifact::{FileName, declared};
pub use index::{cut, parse};
pub use version::Version;

use std::io::BufRead;

use weir_core::catalogue::{Catalogue, Cut, CutError, Cuts, Fate, LeftOut, Place, Shard, Shards, Source};
use weir_core::client::Client;
use weir_core::ecosystem::DefaultUpstream;
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Ask, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page, Problem, Registry,
    Rendered, Reply, Request, RouteError, Wanted,
};
use weir_core::{Digest, Ecosystem, PackageName};

/// conda, and the channel that most people mean by it.
pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "conda",
    title: "conda",
    osv: "conda",
    purl_type: "conda",
    purl_rules: Rules::new(Namespace::Prohibited, types::AS_IS),
    names: &name::CondaNames,
    versions: &version::VersionOrder,
    registry: &Channels,
    upstream: DefaultUpstream {
        name: "conda-forge",
        url: "https://conda.anaconda.org/conda-forge/",
        hosts: &["conda-static.anaconda.org", "binstar-cio-packages-prod.s3.amazonaws.com"],
    },
    lockfiles: &[],
};

/// Channels of conda packages.
struct Channels;

impl Registry for Channels {
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        protocol::route(request)
    }

    fn documents(&self, _package: &PackageName) -> Vec<Wanted> {
        Vec::new()
    }

    fn member<'a>(&self, package: &'a PackageName) -> Option<&'a str> {
        package.as_str().split_once('/').map(|(channel, _)| channel)
    }

    fn meant(&self, package: &PackageName, upstreams: &[&str]) -> Vec<PackageName> {
        name::meant(package, upstreams)
    }

    fn catalogue(&self) -> Option<&dyn Catalogue> {
        Some(self)
    }

    fn parse(&self, package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        index::parse(package, documents)
    }

    fn said(&self, documents: &[Document<'_>], _index: &Index, version: &str) -> serde_json::Value {
        index::said(documents, version)
    }

    fn render(&self, page: &Page<'_>, _form: &Form) -> Result<Rendered, InvalidDocument> {
        Err(InvalidDocument {
            url: page.package.to_string(),
            expected: "a package with a page of its own",
            problem: String::from("conda lists packages by channel and platform"),
        })
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        artifact::inspection(file)
    }

    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        artifact::declared(file, entries, expected)
    }

    fn hosting(&self) -> Option<&dyn weir_core::hosting::Hosting> {
        Some(&hosting::ChannelHosting)
    }

    fn is_named_inside(&self) -> bool {
        true
    }

    fn claimed_version(&self, _package: &PackageName, file: &str) -> Option<String> {
        FileName::parse(file).map(|file| file.version.to_owned())
    }

    fn setup(&self, base: &str) -> Vec<(&'static str, String)> {
        protocol::setup(base)
    }

    fn clients(&self) -> &'static [Client] {
        client::CLIENTS
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        let name = name::Parts::of(package);
        match name.channel {
            Some(channel) => format!("conda install '{channel}::{}=={version}'", name.name),
            None => format!("conda install '{}=={version}'", name.name),
        }
    }
}

impl Catalogue for Channels {
    fn place(&self, package: &PackageName) -> Option<Place> {
        let parts = name::Parts::of(package);
        let part = format!("{}/{}", parts.channel?, parts.subdir?);
        Some(Place { part, key: parts.name.to_owned() })
    }

    fn package(&self, place: &Place) -> Option<PackageName> {
        name::of(&place.part, &place.key)
    }

    fn member<'a>(&self, part: &'a str) -> Option<&'a str> {
        part.split_once('/').map(|(channel, _)| channel)
    }

    fn sources(&self, part: &str) -> Vec<Source> {
        index::sources(part)
    }

    fn cut(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<Cut, CutError> {
        index::cut(address, document, cuts)
    }

    fn separator(&self) -> &'static [u8] {
        b","
    }

    fn fates(&self, page: &Page<'_>, pieces: &[&[u8]]) -> Vec<Fate> {
        index::fates(page, pieces)
    }

    fn shards(&self) -> Option<&dyn Shards> {
        Some(self)
    }

    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn told(&self, kind: &str, left_out: &LeftOut<'_>) -> Option<Vec<u8>> {
        (kind == protocol::NOTICES).then(|| notices::render(left_out))
    }
}

impl Shards for Channels {
    fn list(&self, part: &str) -> Option<Wanted> {
        shards::list(part)
    }

    fn read(&self, list: &Document<'_>) -> Result<Vec<Shard>, InvalidDocument> {
        shards::read(list)
    }

    fn write(&self, list: &Document<'_>, shards: &[(String, Digest)]) -> Result<Vec<u8>, InvalidDocument> {
        shards::write(list, shards)
    }

    fn shard(&self, pieces: &[&[u8]]) -> Vec<u8> {
        shards::shard(pieces)
    }
}
