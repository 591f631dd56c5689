//! A catalogue's shards: upstream's where nothing of a package is refused, else made from what is shown of it.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use bytes::Bytes;
use weir_core::Digest;
use weir_core::catalogue::{Shard, Shards};
use weir_core::registry::Document;

use super::blocks::Blocks;
use super::table::Table;

/// How hard shards and their lists are compressed.
const LEVEL: i32 = 3;

/// The shards of one page.
#[derive(Debug)]
pub(crate) struct Sharded {
    /// The list as a file.
    pub(crate) list: Bytes,
    /// Upstream's, by digest: their addresses.
    pub(crate) upstream: HashMap<Digest, String>,
}

/// What shards are made from.
pub(crate) struct Making<'a> {
    pub(crate) table: &'a Table,
    /// Parallel to the entries: true where the page leaves it out.
    pub(crate) hidden: &'a [bool],
    /// The packages that look otherwise than upstream's.
    pub(crate) touched: &'a HashMap<Box<str>, Digest>,
}

/// Makes the shards of the packages that a page changes, and the list of all. `keep` is given each that was made. Blocks.
pub(crate) fn make(
    shards: &dyn Shards,
    making: &Making<'_>,
    list: &Document<'_>,
    theirs: Vec<Shard>,
    file: &File,
    mut keep: impl FnMut(Digest, &[u8]) -> io::Result<()>,
) -> io::Result<Sharded> {
    let mut blocks = Blocks::new(file, making.table)?;
    let mut named = Vec::with_capacity(theirs.len());
    let mut upstream = HashMap::new();
    for shard in theirs {
        // What the catalogue does not list was not judged.
        let Some(package) = making.table.find(&shard.key) else { continue };
        if !making.touched.contains_key(shard.key.as_str()) {
            upstream.insert(shard.digest, shard.url);
            named.push((shard.key, shard.digest));
            continue;
        }
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        for (at, _) in making.table.pieces_of(package) {
            let entry = making.table.entries.get(*at as usize).ok_or_else(|| io::Error::other("no such entry"))?;
            if !making.hidden.get(*at as usize).copied().unwrap_or(true) {
                pieces.push(blocks.piece(entry)?.to_vec());
            }
        }
        if pieces.is_empty() {
            continue;
        }
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let packed = zstd::bulk::compress(&shards.shard(&pieces), LEVEL)?;
        let digest = Digest::of(&packed);
        keep(digest, &packed)?;
        named.push((shard.key, digest));
    }
    let list = shards.write(list, &named).map_err(io::Error::other)?;
    let list = Bytes::from(zstd::bulk::compress(&list, LEVEL)?);
    Ok(Sharded { list, upstream })
}
