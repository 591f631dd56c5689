//! Where in a catalogue is which package, and since when?

use serde::{Deserialize, Serialize};
use weir_core::{Digest, Timestamp};

/// Marks an [`Entry`] that belongs to no package.
pub(crate) const FRAME: u32 = u32::MAX;

/// What is kept beside a catalogue's bytes, so that a package is found in it without reading it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    /// The blob with its bytes, in blocks.
    pub(crate) body: Digest,
    /// The path of the document that it was cut from, relative to the upstream base.
    pub(crate) source: String,
    /// What the addresses of its files are relative to.
    pub(crate) base: String,
    pub(crate) blocks: Vec<Block>,
    /// Frame and pieces in the order of the document.
    pub(crate) entries: Vec<Entry>,
    /// The packages, ascending by key.
    pub(crate) packages: Vec<Listed>,
    /// The pieces, those of one package after those of another: the place in `entries`, and the id of the sight.
    pub(crate) pieces: Vec<(u32, u64)>,
    /// Everything that this catalogue or an earlier one listed, ascending by id.
    pub(crate) sights: Vec<Sight>,
    /// What was stated later in place of the first digest, by id.
    pub(crate) changed: Vec<(u64, String)>,
    /// Kept behind the rest: a table that was written without them can be read.
    #[serde(skip)]
    pub(crate) briefs: Briefs,
}

/// What rules read of the pieces, as far as that is little: see [`weir_core::catalogue::Brief`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Briefs {
    /// The licences that are stated; the first is that of pieces that state none.
    pub(crate) licenses: Vec<Box<str>>,
    /// Parallel to [`Table::pieces`]: the place of a piece's licence.
    pub(crate) of_pieces: Vec<u16>,
    /// Parallel to [`Table::packages`]: no age of any of its pieces is counted from later than this moment. `None` for a
    /// package whose pieces have to be read.
    pub(crate) latest: Vec<Option<i64>>,
}

impl Briefs {
    fn fit(&self, pieces: usize, packages: usize) -> bool {
        self.of_pieces.len() == pieces
            && self.latest.len() == packages
            && self.of_pieces.iter().all(|license| usize::from(*license) < self.licenses.len())
    }
}

/// Bytes that are compressed together. No entry lies in two.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Block {
    /// Where it begins in the blob.
    pub(crate) at: u64,
    /// Its length there.
    pub(crate) packed: u32,
    /// Its length decoded.
    pub(crate) plain: u32,
}

/// A stretch of a catalogue.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its package's place in [`Table::packages`], or [`FRAME`].
    pub(crate) package: u32,
    /// Its block's place in [`Table::blocks`].
    pub(crate) block: u32,
    /// Where in the decoded block it begins.
    pub(crate) at: u32,
    /// Its length.
    pub(crate) length: u32,
}

/// A package in a catalogue.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) key: Box<str>,
    /// Digest of its pieces and of what their addresses are relative to.
    pub(crate) digest: Digest,
    /// Where in [`Table::pieces`] its pieces begin.
    pub(crate) from: u32,
    /// How many it has.
    pub(crate) count: u32,
}

/// When a piece was first seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Sight {
    /// See [`id`].
    pub(crate) id: u64,
    /// The beginning of the digest over the first statement; 0 if there was none.
    pub(crate) stated: u64,
    pub(crate) first_seen: i64,
    /// When upstream last confirmed a catalogue without it, if Weir had one.
    pub(crate) last_absent: Option<i64>,
}

/// What a piece is known by: the first eight bytes of a SHA-256.
pub(crate) fn id(key: &str, name: &str) -> u64 {
    short(&Digest::of(format!("{key}\n{name}").as_bytes()))
}

/// What a statement is compared by; 0 for none.
pub(crate) fn statement(stated: &str) -> u64 {
    if stated.is_empty() { 0 } else { short(&Digest::of(stated.as_bytes())).max(1) }
}

fn short(digest: &Digest) -> u64 {
    digest.as_bytes()[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl Table {
    /// The place of a package by key.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        self.packages.binary_search_by(|listed| (*listed.key).cmp(key)).ok()
    }

    /// The entries of a package, in the order of the document, as in [`Table::pieces`].
    pub(crate) fn pieces_of(&self, package: usize) -> &[(u32, u64)] {
        let Some(listed) = self.packages.get(package) else { return &[] };
        let from = listed.from as usize;
        self.pieces.get(from..from.saturating_add(listed.count as usize)).unwrap_or_default()
    }

    /// The licences of a package's pieces, parallel to [`Table::pieces_of`], and the latest moment that an age of them is
    /// counted from; `None` if its pieces have to be read.
    pub(crate) fn brief_of(&self, package: usize) -> Option<(&[u16], i64)> {
        let latest = (*self.briefs.latest.get(package)?)?;
        let listed = self.packages.get(package)?;
        let from = listed.from as usize;
        Some((self.briefs.of_pieces.get(from..from.checked_add(listed.count as usize)?)?, latest))
    }

    /// When a piece was first seen.
    pub(crate) fn sight(&self, id: u64) -> Option<&Sight> {
        let at = self.sights.binary_search_by_key(&id, |sight| sight.id).ok()?;
        self.sights.get(at)
    }

    /// A rough weight in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let keys: usize = self.packages.iter().map(|listed| listed.key.len()).sum();
        self.entries.len() * 32
            + self.packages.len() * 72
            + keys
            + self.sights.len() * 40
            + self.blocks.len() * 16
            + self.briefs.of_pieces.len() * 2
            + self.briefs.latest.len() * 16
            + 1024
    }

    /// As bytes to be kept.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let plain = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        let plain = postcard::to_extend(&self.briefs, plain).map_err(|error| error.to_string())?;
        zstd::bulk::compress(&plain, 1).map_err(|error| error.to_string())
    }

    /// Reads back what [`Table::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let plain = zstd::bulk::decompress(bytes, MAX_TABLE).map_err(|error| error.to_string())?;
        let (mut table, rest): (Self, _) = postcard::take_from_bytes(&plain).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            table.briefs = postcard::from_bytes(rest).map_err(|error| error.to_string())?;
        }
        let fits = |entry: &Entry| {
            let block = table.blocks.get(entry.block as usize);
            let end = u64::from(entry.at) + u64::from(entry.length);
            let package = entry.package == FRAME || (entry.package as usize) < table.packages.len();
            package && block.is_some_and(|block| end <= u64::from(block.plain))
        };
        let is_whole = table.entries.iter().all(fits)
            && table.pieces.iter().all(|piece| (piece.0 as usize) < table.entries.len())
            && (0..table.packages.len()).all(|at| table.pieces_of(at).len() == table.packages[at].count as usize);
        let briefs = &table.briefs;
        let is_whole = is_whole && (rest.is_empty() || briefs.fit(table.pieces.len(), table.packages.len()));
        if is_whole { Ok(table) } else { Err(String::from("it names what is not there")) }
    }
}

/// Largest table after decompression, in bytes.
pub const MAX_TABLE: usize = 512 * 1024 * 1024;

/// A moment from a sight.
pub(crate) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            body: Digest::of(b"body"),
            source: String::from("tools/list"),
            base: String::from("https://shop.example/tools/"),
            blocks: vec![Block { at: 0, packed: 10, plain: 20 }],
            entries: vec![Entry { package: 0, block: 0, at: 0, length: 20 }],
            packages: vec![Listed { key: "saw".into(), digest: Digest::of(b"saw"), from: 0, count: 1 }],
            pieces: vec![(0, 7)],
            sights: vec![Sight { id: 7, stated: 1, first_seen: 2, last_absent: None }],
            changed: Vec::new(),
            briefs: Briefs { licenses: vec!["".into(), "MIT".into()], of_pieces: vec![1], latest: vec![Some(5)] },
        }
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let read = Table::decode(&table().encode().unwrap()).unwrap();
        assert_eq!(read.brief_of(0), Some((&[1][..], 5)));
        assert_eq!(read.sight(7), table().sight(7));
    }

    #[test]
    fn a_table_without_what_rules_read_is_read_too() {
        let plain = postcard::to_stdvec(&table()).unwrap();
        let read = Table::decode(&zstd::bulk::compress(&plain, 1).unwrap()).unwrap();
        assert_eq!((read.find("saw"), read.brief_of(0)), (Some(0), None));
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let spoilt: [fn(&mut Table); 6] = [
            |table| table.entries[0].length = 21,
            |table| table.pieces[0].0 = 1,
            |table| table.packages[0].count = 2,
            |table| table.briefs.of_pieces[0] = 2,
            |table| table.briefs.of_pieces.clear(),
            |table| table.briefs.latest.push(None),
        ];
        for (at, spoil) in spoilt.into_iter().enumerate() {
            let mut table = table();
            spoil(&mut table);
            assert!(Table::decode(&table.encode().unwrap()).is_err(), "{at}");
        }
        let whole = table().encode().unwrap();
        for length in 0..whole.len() {
            assert!(Table::decode(&whole[..length]).is_err(), "cut off after {length} bytes");
        }
    }
}
