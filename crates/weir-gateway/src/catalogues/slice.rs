//! One package's pieces of a catalogue, which are its document.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use weir_blob::Blobs;
use weir_core::Digest;
use weir_core::registry::Index;
use weir_store::{ArtifactSeen, FirstSeen};

use super::Catalogues;
use super::table::{Block, Entry, Sight, Table, id, moment};
use crate::documents::DocumentError;
use crate::members::Member;

/// A package's pieces: where they are and since when. It needs nothing else of its catalogue.
#[derive(Debug)]
pub struct Slice {
    origin: Origin,
    key: Box<str>,
    body: Digest,
    /// The blocks that hold its pieces, with the pieces in each, in the order of the document.
    blocks: Vec<(Block, Vec<Entry>)>,
    sights: Vec<Sight>,
    changed: Vec<(u64, String)>,
    /// When the catalogue was first seen: for what it does not know better.
    seen_from: i64,
}

/// What a slice was cut from.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) catalogues: Weak<Catalogues>,
    pub(super) member: Arc<Member>,
    pub(super) part: Box<str>,
    /// Digest of the pieces: see [`Listed::digest`](super::table::Listed::digest).
    pub(super) digest: Digest,
}

impl Slice {
    /// The slice of a package by its place in the table.
    pub(super) fn of(table: &Table, package: usize, seen_from: i64, origin: Origin) -> Self {
        let mut blocks: Vec<(u32, Vec<Entry>)> = Vec::new();
        for entry in table.pieces_of(package).iter().filter_map(|(piece, _)| table.entries.get(*piece as usize)) {
            match blocks.last_mut() {
                Some((number, entries)) if *number == entry.block => entries.push(*entry),
                _ => blocks.push((entry.block, vec![*entry])),
            }
        }
        let blocks = blocks
            .into_iter()
            .filter_map(|(number, entries)| Some((*table.blocks.get(number as usize)?, entries)))
            .collect();
        let mut ids: Vec<u64> = table.pieces_of(package).iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        let sights = ids.iter().filter_map(|id| table.sight(*id).copied()).collect();
        let is_own = |(id, _): &&(u64, String)| ids.binary_search(id).is_ok();
        let changed = table.changed.iter().filter(is_own).cloned().collect();
        let key = table.packages.get(package).map_or_else(Box::default, |listed| listed.key.clone());
        Self { origin, key, body: table.body, blocks, sights, changed, seen_from }
    }

    /// When what the pieces list was first seen, for the index that was read from them.
    pub fn first_seen(&self, index: &Index) -> FirstSeen {
        let mut seen = FirstSeen::default();
        for release in &index.releases {
            let mut first = None;
            for artifact in &release.artifacts {
                let id = id(&self.key, &artifact.file);
                let sight =
                    self.sights.binary_search_by_key(&id, |sight| sight.id).ok().and_then(|at| self.sights.get(at));
                let first_seen = sight.map_or(self.seen_from, |sight| sight.first_seen);
                first = Some(first.map_or(first_seen, |first: i64| first.min(first_seen)));
                seen.artifacts.push(ArtifactSeen {
                    version: release.version.clone(),
                    file: artifact.file.clone(),
                    first_seen: moment(first_seen),
                    published: None,
                    last_absent: sight.and_then(|sight| sight.last_absent).map(moment),
                    stated: String::new(),
                    changed: self.changed.iter().find(|(of, _)| *of == id).map(|(_, now)| now.clone()),
                });
            }
            seen.releases.push((release.version.clone(), moment(first.unwrap_or(self.seen_from))));
        }
        seen
    }

    /// Reads the pieces, each followed by a line feed. Where the catalogue that they were found in was superseded and given up,
    /// they are read from the current one, if it has the same: most packages are the same in very many catalogues.
    pub async fn read(&self, blobs: &Blobs) -> Result<Bytes, DocumentError> {
        if let Some(pieces) = self.pieces(blobs).await? {
            return Ok(pieces);
        }
        let again = match self.again().await {
            Some(again) => again.pieces(blobs).await?,
            None => None,
        };
        again.ok_or_else(|| DocumentError::Storage(format!("the kept catalogue {} is missing", self.body)))
    }

    /// The same pieces in the current catalogue.
    async fn again(&self) -> Option<Arc<Self>> {
        let Origin { catalogues, member, part, digest } = &self.origin;
        let current = catalogues.upgrade()?.current(member, part, false).await.ok()?;
        current.slice(&self.key).filter(|held| held.digest == *digest)?.slice
    }

    /// The pieces; `None` if the bytes are not there.
    async fn pieces(&self, blobs: &Blobs) -> Result<Option<Bytes>, DocumentError> {
        let mut document = Vec::new();
        for (block, entries) in &self.blocks {
            let range = block.at..block.at + u64::from(block.packed);
            let stream = blobs.stream(&self.body, range).await.map_err(DocumentError::storage)?;
            let Some(stream) = stream else { return Ok(None) };
            let chunks: Vec<Bytes> = stream.try_collect().await.map_err(DocumentError::storage)?;
            let packed = chunks.concat();
            let plain = block.plain as usize;
            let plain = tokio::task::spawn_blocking(move || zstd::bulk::decompress(&packed, plain))
                .await
                .map_err(DocumentError::storage)?
                .map_err(DocumentError::storage)?;
            for entry in entries {
                document.extend_from_slice(piece(&plain, entry).map_err(DocumentError::Storage)?);
                document.push(b'\n');
            }
        }
        Ok(Some(Bytes::from(document)))
    }
}

/// The bytes of an entry in its decoded block.
pub(crate) fn piece<'b>(block: &'b [u8], entry: &Entry) -> Result<&'b [u8], String> {
    let at = entry.at as usize;
    block.get(at..at + entry.length as usize).ok_or_else(|| String::from("a kept catalogue is not as its table says"))
}
