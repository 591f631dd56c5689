//! How is a page of a catalogue written?

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc;

use weir_blob::Spool;
use weir_core::Digest;
use weir_core::catalogue::Catalogue;
use weir_core::digest::{Hasher, StatedDigests};

use super::blocks::Blocks;
use super::page::Verdicts;
use super::slice::piece;
use super::table::{FRAME, Table};

/// Decoded stretches that wait for being compressed.
const WAITING: usize = 4;
/// How hard a page is compressed.
const LEVEL: i32 = 1;

/// A page as a file: one zstd frame.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) spool: Spool,
    /// What the page is known by: equal for pages that are the same. It is made from what the page is made from, for to hash a
    /// page of hundreds of megabytes takes as long as to pack it.
    pub(crate) identity: Digest,
    /// Length of the page.
    pub(crate) plain: u64,
}

/// Writes the page. Blocks.
pub(crate) fn write(
    catalogue: &dyn Catalogue,
    table: &Table,
    verdicts: &Verdicts,
    file: &File,
    spool: Spool,
) -> io::Result<Written> {
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(WAITING);
    std::thread::scope(|scope| {
        let packer = scope.spawn(move || pack(receive, spool));
        let identity = identity(table, verdicts);
        let made = show(catalogue, table, verdicts, file, |bytes| {
            send.send(bytes).map_err(|_| io::Error::other("compressing was broken off"))
        });
        drop(send);
        let written = packer.join().unwrap_or_else(|_| Err(io::Error::other("compressing was broken off")));
        made?;
        let (spool, plain) = written?;
        Ok(Written { spool, identity, plain })
    })
}

fn show(
    catalogue: &dyn Catalogue,
    table: &Table,
    verdicts: &Verdicts,
    file: &File,
    mut send: impl FnMut(Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut blocks = Blocks::new(file, table)?;
    let mut plain = Vec::new();
    let mut current = u32::MAX;
    let mut out = Vec::new();
    let mut follows = false;
    for (at, entry) in table.entries.iter().enumerate() {
        if entry.block != current {
            if !out.is_empty() {
                send(std::mem::take(&mut out))?;
            }
            let block = table.blocks.get(entry.block as usize).ok_or_else(|| io::Error::other("no such block"))?;
            blocks.decode(block, &mut plain)?;
            out.reserve(plain.len() + plain.len() / 64);
            current = entry.block;
        }
        if verdicts.hidden.get(at).copied().unwrap_or(true) {
            continue;
        }
        let is_piece = entry.package != FRAME;
        if is_piece && follows {
            out.extend_from_slice(catalogue.separator());
        }
        follows = is_piece;
        match u32::try_from(at).ok().and_then(|at| verdicts.others.get(&at)) {
            Some(other) => out.extend_from_slice(other),
            None => out.extend_from_slice(piece(&plain, entry).map_err(io::Error::other)?),
        }
    }
    for piece in verdicts.added.iter().flat_map(|(_, shown)| shown) {
        if follows {
            out.extend_from_slice(catalogue.separator());
        }
        follows = true;
        out.extend_from_slice(piece);
    }
    if out.is_empty() { Ok(()) } else { send(out) }
}

/// Packs what comes, and says how much that was.
fn pack(stretches: mpsc::Receiver<Vec<u8>>, spool: Spool) -> io::Result<(Spool, u64)> {
    let mut encoder = zstd::Encoder::new(Spooling(spool), LEVEL)?;
    let mut plain = 0;
    for stretch in stretches {
        plain += stretch.len() as u64;
        encoder.write_all(&stretch)?;
    }
    let Spooling(spool) = encoder.finish()?;
    Ok((spool, plain))
}

struct Spooling(Spool);

impl Write for Spooling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tells a page with these verdicts from every other.
fn identity(table: &Table, verdicts: &Verdicts) -> Digest {
    let mut hasher = Hasher::new(&StatedDigests::default());
    hasher.update(table.body.as_bytes());
    hasher.update(table.base.as_bytes());
    let hidden: Vec<u8> = verdicts.hidden.iter().map(|hidden| u8::from(*hidden)).collect();
    hasher.update(&hidden);
    let mut others: Vec<_> = verdicts.others.iter().collect();
    others.sort_unstable();
    for (entry, bytes) in others {
        hasher.update(&entry.to_le_bytes());
        hasher.update(Digest::of(bytes).as_bytes());
    }
    for (key, shown) in &verdicts.added {
        hasher.update(key.as_bytes());
        hasher.update(&[0]);
        for piece in shown {
            hasher.update(Digest::of(piece).as_bytes());
        }
    }
    hasher.finish().sha256
}
