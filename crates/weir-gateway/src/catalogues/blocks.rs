//! How are the bytes of a kept catalogue read?

use std::fs::File;
use std::io;

use super::slice::piece;
use super::table::{Block, Entry, Table};

/// Decoded blocks that a reader keeps.
const BLOCKS: usize = 6;

/// Reads decoded blocks of a catalogue.
pub(crate) struct Blocks<'a> {
    file: File,
    pub(super) table: &'a Table,
    decoder: zstd::bulk::Decompressor<'static>,
    kept: Vec<(u32, Vec<u8>)>,
    packed: Vec<u8>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(file: &File, table: &'a Table) -> io::Result<Self> {
        let decoder = zstd::bulk::Decompressor::new()?;
        Ok(Self { file: file.try_clone()?, table, decoder, kept: Vec::new(), packed: Vec::new() })
    }

    /// Decodes a block into a buffer.
    pub(super) fn decode(&mut self, block: &Block, into: &mut Vec<u8>) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        self.packed.resize(block.packed as usize, 0);
        self.file.read_exact_at(&mut self.packed, block.at)?;
        into.clear();
        // A buffer that was used for a shorter block grows: what is reserved counts from its length, which is 0.
        into.reserve_exact(block.plain as usize);
        self.decoder.decompress_to_buffer(&self.packed, into).map(drop)
    }

    /// The bytes of all pieces of a package.
    pub(crate) fn pieces(&mut self, package: usize) -> io::Result<Vec<Vec<u8>>> {
        let table = self.table;
        let entries = table.pieces_of(package).iter().filter_map(|(piece, _)| table.entries.get(*piece as usize));
        entries.map(|entry| self.piece(entry).map(<[u8]>::to_vec)).collect()
    }

    /// The bytes of an entry.
    pub(crate) fn piece(&mut self, entry: &Entry) -> io::Result<&[u8]> {
        let at = match self.kept.iter().position(|(number, _)| *number == entry.block) {
            Some(at) => at,
            None => {
                let mut plain = if self.kept.len() >= BLOCKS { self.kept.remove(0).1 } else { Vec::new() };
                let block =
                    *self.table.blocks.get(entry.block as usize).ok_or_else(|| io::Error::other("no such block"))?;
                self.decode(&block, &mut plain)?;
                self.kept.push((entry.block, plain));
                self.kept.len() - 1
            }
        };
        let (_, plain) = self.kept.get(at).ok_or_else(|| io::Error::other("no such block"))?;
        piece(plain, entry).map_err(io::Error::other)
    }
}
