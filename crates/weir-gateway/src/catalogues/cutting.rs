//! How is a catalogue that has just come cut, and what of it is known already?

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::mpsc;

use weir_blob::Spool;
use weir_core::catalogue::{Brief, Catalogue, CutError, Cuts, Piece};
use weir_core::digest::{Hasher, StatedDigests};
use weir_core::{Digest, Timestamp};

use super::briefs::{Noted, Notes};
use super::table::{Block, Entry, FRAME, Listed, Sight, Table, id, statement};

/// Bytes of a catalogue that are compressed together, unless one piece is longer.
pub const BLOCK: usize = 256 * 1024;
/// Longest piece or stretch of frame of a catalogue, in bytes.
pub const MAX_PIECE: usize = 64 * 1024 * 1024;
/// Most pieces of a catalogue.
pub const MAX_PIECES: usize = 4_000_000;
/// Largest catalogue after decompression, in bytes.
pub const MAX_CATALOGUE: u64 = 4 * 1024 * 1024 * 1024;
/// Most pieces whose first sight is remembered, listed or not.
pub const MAX_SIGHTS: usize = 8_000_000;
/// Blocks that wait for being compressed.
const WAITING: usize = 4;

/// What is known from before.
pub(crate) struct Before<'a> {
    /// The table of the catalogue before this one.
    pub(crate) table: &'a Table,
    /// When upstream last confirmed that one.
    pub(crate) confirmed: Timestamp,
}

/// A document that is cut with a catalogue, and where it came from.
pub(crate) type Beside = (String, Box<dyn BufRead + Send>);

/// Cuts a catalogue and what tells of its packages beside it, writes its bytes in blocks into `spool`, and says what is
/// where. `address` is where it came from.
pub(crate) fn cut(
    catalogue: &dyn Catalogue,
    (source, address): (&str, &str),
    (document, beside): (&mut dyn BufRead, &mut [Beside]),
    spool: &mut Spool,
    before: Option<&Before<'_>>,
    now: Timestamp,
) -> Result<Made, CutError> {
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(WAITING);
    std::thread::scope(|scope| {
        let packer = scope.spawn(move || pack(receive, spool));
        let mut taker =
            Taker { blocks: send, block: Vec::with_capacity(BLOCK), number: 0, taken: Taken::default(), before, now };
        let cut = catalogue.cut(address, document, &mut taker).and_then(|cut| {
            for (address, document) in beside {
                match catalogue.cut_beside(address, document, &mut taker) {
                    Err(CutError::Invalid(error)) => {
                        tracing::warn!(error = %error, "a document beside a catalogue cannot be read and is left out");
                    }
                    cut => cut?,
                }
            }
            taker.close()?;
            Ok(cut)
        });
        let Taker { blocks, taken, .. } = taker;
        drop(blocks);
        let packed = packer.join().unwrap_or_else(|_| Err(io::Error::other("compressing was broken off")));
        // A packer that failed is why the cut failed, not the other way round.
        let (packed, cut) = match (packed, cut) {
            (Err(error), _) => return Err(error.into()),
            (Ok(packed), cut) => (packed, cut?),
        };
        let length = packed.length;
        let (table, changes) = taken.table(source, cut.base, packed, before, now);
        Ok(Made { table, length, changes })
    })
}

/// A catalogue that was cut.
pub(crate) struct Made {
    pub(crate) table: Table,
    /// Length of its bytes.
    pub(crate) length: u64,
    /// What upstream states otherwise than at first, and has not before.
    pub(crate) changes: Vec<Change>,
}

/// A piece that states another digest than at first.
pub(crate) struct Change {
    id: u64,
    /// Its package.
    pub(crate) key: Box<str>,
    /// The file's name.
    pub(crate) name: String,
    /// What it states now.
    pub(crate) stated: String,
}

/// What was written.
struct Packed {
    blocks: Vec<Block>,
    digest: Digest,
    length: u64,
}

fn pack(blocks: mpsc::Receiver<Vec<u8>>, spool: &mut Spool) -> io::Result<Packed> {
    let mut packer = zstd::bulk::Compressor::new(1)?;
    let mut hasher = Hasher::new(&StatedDigests::default());
    let mut packed = Vec::new();
    let mut at = 0;
    for plain in blocks {
        let bytes = packer.compress(&plain)?;
        hasher.update(&bytes);
        spool.write(&bytes).map_err(io::Error::other)?;
        let block = Block { at, packed: fitting(bytes.len())?, plain: fitting(plain.len())? };
        at += bytes.len() as u64;
        packed.push(block);
    }
    Ok(Packed { blocks: packed, digest: hasher.finish().sha256, length: at })
}

fn fitting(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

/// Takes the cuts.
struct Taker<'b> {
    blocks: mpsc::SyncSender<Vec<u8>>,
    block: Vec<u8>,
    number: u32,
    taken: Taken,
    before: Option<&'b Before<'b>>,
    now: Timestamp,
}

#[derive(Default)]
struct Taken {
    entries: Vec<Entry>,
    keys: HashMap<Box<str>, u32>,
    packages: Vec<Found>,
    pieces: Vec<(u64, u64)>,
    changed: Vec<Change>,
    notes: Notes,
    total: u64,
}

/// A package while its pieces come.
struct Found {
    hasher: Hasher,
    pieces: Vec<(u32, u64)>,
    noted: Noted,
}

impl Taker<'_> {
    fn take(&mut self, package: u32, bytes: &[u8]) -> io::Result<u32> {
        let taken = &mut self.taken;
        taken.total += bytes.len() as u64;
        if bytes.len() > MAX_PIECE || taken.entries.len() >= MAX_PIECES || taken.total > MAX_CATALOGUE {
            return Err(io::Error::other(format!(
                "a catalogue has at most {MAX_PIECES} pieces of {MAX_PIECE} bytes, and {MAX_CATALOGUE} bytes together"
            )));
        }
        if !self.block.is_empty() && self.block.len() + bytes.len() > BLOCK {
            self.close()?;
        }
        let entry =
            Entry { package, block: self.number, at: fitting(self.block.len())?, length: fitting(bytes.len())? };
        self.block.extend_from_slice(bytes);
        self.taken.entries.push(entry);
        fitting(self.taken.entries.len() - 1)
    }

    fn close(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            let full = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
            self.blocks.send(full).map_err(|_| io::Error::other("compressing was broken off"))?;
            self.number += 1;
        }
        Ok(())
    }
}

impl Cuts for Taker<'_> {
    fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A long frame is several entries.
        bytes.chunks(BLOCK).try_for_each(|bytes| self.take(FRAME, bytes).map(drop))
    }

    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.record(piece, None)
    }

    fn plain(&mut self, piece: Piece<'_>, brief: Brief<'_>) -> io::Result<()> {
        self.record(piece, Some(brief))
    }
}

impl Taker<'_> {
    fn record(&mut self, piece: Piece<'_>, brief: Option<Brief<'_>>) -> io::Result<()> {
        let number = match self.taken.keys.get(piece.key) {
            Some(number) => *number,
            None => {
                let number = fitting(self.taken.packages.len())?;
                self.taken.keys.insert(piece.key.into(), number);
                let hasher = Hasher::new(&StatedDigests::default());
                self.taken.packages.push(Found { hasher, pieces: Vec::new(), noted: Noted::default() });
                number
            }
        };
        let at = self.take(number, piece.bytes)?;
        let (id, stated) = (id(piece.key, piece.name), statement(piece.stated));
        self.taken.pieces.push((id, stated));
        let earlier = self.before.and_then(|before| before.table.sight(id));
        let sight = earlier.copied().unwrap_or_else(|| Sight {
            id,
            stated,
            first_seen: self.now.millis(),
            last_absent: self.before.map(|before| before.confirmed.millis()),
        });
        if let Some(found) = self.taken.packages.get_mut(number as usize) {
            found.hasher.update(piece.bytes);
            found.hasher.update(b"\n");
            found.pieces.push((at, id));
            self.taken.notes.note(&mut found.noted, brief, &sight);
        }
        if self.taken.changed.len() < MAX_CHANGED
            && earlier.is_some_and(|earlier| earlier.stated != 0 && stated != 0 && earlier.stated != stated)
        {
            let stated = piece.stated.chars().take(MAX_STATED).collect();
            self.taken.changed.push(Change { id, key: piece.key.into(), name: piece.name.to_owned(), stated });
        }
        Ok(())
    }
}

/// Longest statement of a digest that is remembered as changed, in characters.
const MAX_STATED: usize = 160;

impl Taken {
    fn table(
        self,
        source: &str,
        base: String,
        packed: Packed,
        before: Option<&Before<'_>>,
        now: Timestamp,
    ) -> (Table, Vec<Change>) {
        let Self { mut entries, keys, packages, pieces: seen, changed, notes, .. } = self;
        let (changed, changes) = all_changed(changed, before);
        let mut briefs = notes.briefs(entries.len());
        let mut order: Vec<(Box<str>, u32)> = keys.into_iter().collect();
        order.sort_unstable();
        let mut places = vec![0u32; order.len()];
        let mut listed = Vec::with_capacity(order.len());
        let mut pieces = Vec::with_capacity(seen.len());
        let mut packages: Vec<Option<Found>> = packages.into_iter().map(Some).collect();
        for (place, (key, number)) in order.into_iter().enumerate() {
            let Some(mut found) = packages.get_mut(number as usize).and_then(Option::take) else { continue };
            found.hasher.update(base.as_bytes());
            if let Some(slot) = places.get_mut(number as usize) {
                *slot = place as u32;
            }
            let digest = found.hasher.finish().sha256;
            let (from, count) = (pieces.len() as u32, found.pieces.len() as u32);
            let is_changed = |id: u64| changed.iter().any(|(of, _)| *of == id);
            let is_plain = changed.is_empty() || !found.pieces.iter().any(|(_, id)| is_changed(*id));
            std::mem::take(&mut found.noted).end(&found.pieces, is_plain, &mut briefs);
            pieces.append(&mut found.pieces);
            listed.push(Listed { key, digest, from, count });
        }
        for entry in entries.iter_mut().filter(|entry| entry.package != FRAME) {
            entry.package = places.get(entry.package as usize).copied().unwrap_or(FRAME);
        }
        let sights = sights(seen, before, now);
        let table = Table {
            body: packed.digest,
            source: source.to_owned(),
            base,
            blocks: packed.blocks,
            entries,
            packages: listed,
            pieces,
            sights,
            changed,
            briefs,
        };
        (table, changes)
    }
}

/// What was ever found changed stays so, whatever is stated now: all of it, and what of it is new.
fn all_changed(now: Vec<Change>, before: Option<&Before<'_>>) -> (Vec<(u64, String)>, Vec<Change>) {
    let mut changed: Vec<_> = before.map(|before| before.table.changed.clone()).unwrap_or_default();
    let mut new = Vec::new();
    for change in now {
        if changed.iter().all(|(known, _)| *known != change.id) && changed.len() < MAX_CHANGED {
            changed.push((change.id, change.stated.clone()));
            new.push(change);
        }
    }
    (changed, new)
}

/// Most pieces of a catalogue that are remembered as changed.
const MAX_CHANGED: usize = 10_000;

/// What was seen when: what was known before stays so, what is new is seen now.
fn sights(mut seen: Vec<(u64, u64)>, before: Option<&Before<'_>>, now: Timestamp) -> Vec<Sight> {
    seen.sort_unstable();
    seen.dedup_by_key(|(id, _)| *id);
    let mut known = before.map(|before| before.table.sights.iter().peekable());
    let last_absent = before.map(|before| before.confirmed.millis());
    // What is listed has its place; what has left the catalogue is remembered as far as there is room.
    let mut room = MAX_SIGHTS.saturating_sub(seen.len());
    let mut sights: Vec<Sight> = Vec::with_capacity(seen.len());
    let mut departed = |sights: &mut Vec<Sight>, earlier: &Sight| {
        if room > 0 {
            room -= 1;
            sights.push(*earlier);
        }
    };
    for (id, stated) in seen {
        let mut same = None;
        if let Some(known) = &mut known {
            while let Some(earlier) = known.next_if(|earlier| earlier.id < id) {
                departed(&mut sights, earlier);
            }
            same = known.next_if(|earlier| earlier.id == id);
        }
        sights.push(match same {
            // The first statement counts, if there was one.
            Some(earlier) if earlier.stated != 0 => *earlier,
            Some(earlier) => Sight { stated, ..*earlier },
            None => Sight { id, stated, first_seen: now.millis(), last_absent },
        });
    }
    for earlier in known.into_iter().flatten() {
        departed(&mut sights, earlier);
    }
    sights
}
