//! The tree over a log, read in tiles of 256 hashes, each of which is checked against the state of the log before it is used.
//!
//! Specification: C2SP `tlog-tiles` and `golang.org/x/mod/sumdb/tlog`; the tree is that of RFC 6962. A full tile's hash is an
//! entry of the tile above it; the tiles at the right edge that are not full make up the hash of the whole tree.

use std::collections::{BTreeSet, HashMap};

use super::note::{Hash, Head, node_hash};

/// Levels of the tree that a tile spans.
const HEIGHT: u32 = 8;
/// Hashes of a full tile.
const WIDTH: u64 = 1 << HEIGHT;
/// Tiles stand above one another at most so often: 256^8 records are more than any log has.
const MAX_LEVELS: u32 = 8;

/// The tiles of one state of a log. Questions are answered as far as the tiles are there; [`Tiles::finish`] says which are
/// missing, and whether one is wrong.
pub struct Tiles<'a, F> {
    head: &'a Head,
    held: F,
    checked: HashMap<(u32, u64), Vec<Hash>>,
    missing: BTreeSet<String>,
    wrong: Option<String>,
    is_root_checked: bool,
}

impl<'a, 'b, F: Fn(&str) -> Option<&'b [u8]>> Tiles<'a, F> {
    /// The tiles of `head`, found by path.
    pub fn new(head: &'a Head, held: F) -> Self {
        let (checked, missing) = (HashMap::new(), BTreeSet::new());
        let mut tiles = Self { head, held, checked, missing, wrong: None, is_root_checked: false };
        tiles.check_root();
        tiles
    }

    /// True if record `id` has this hash.
    pub fn holds(&mut self, id: u64, hash: Hash) -> bool {
        self.at(0, id) == Some(hash)
    }

    /// True if the log was in the state `other` when it was as long.
    pub fn begins_with(&mut self, other: &Head) -> bool {
        if other.size == 0 {
            return true;
        }
        let parts: Vec<Option<Hash>> = subtrees(other.size).map(|(level, index)| self.at(level, index)).collect();
        let parts: Option<Vec<Hash>> = parts.into_iter().collect();
        match parts.map(|parts| folded(&parts)) {
            Some(hash) if hash != Some(other.hash) => {
                let (size, newest) = (other.size, self.head.size);
                self.wrong.get_or_insert(format!(
                    "has two histories: its state of {size} records is not the beginning of that of {newest}"
                ));
                false
            }
            found => found.is_some(),
        }
    }

    /// Paths of the tiles that are missing; an error if one that is there is wrong.
    pub fn finish(self) -> Result<Vec<String>, String> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(self.missing.into_iter().collect()),
        }
    }

    /// The hash of a subtree: of `2^level` records, the `index`th such.
    fn at(&mut self, level: u32, index: u64) -> Option<Hash> {
        let (tile_level, above) = (level / HEIGHT, level % HEIGHT);
        let first = index.checked_shl(above)?;
        let tile = self.tile(tile_level, first / WIDTH)?;
        let start = usize::try_from(first % WIDTH).ok()?;
        let hashes = tile.get(start..start + (1 << above))?;
        merged(hashes)
    }

    /// A tile that has been checked.
    fn tile(&mut self, level: u32, number: u64) -> Option<&Vec<Hash>> {
        if !self.is_root_checked || level >= MAX_LEVELS {
            return None;
        }
        // What it is checked against stands in the tile above, which is checked first.
        let mut chain = vec![(level, number)];
        while let Some((level, number)) = chain.last().copied().filter(|place| !self.checked.contains_key(place)) {
            if self.width(level, number) < WIDTH || level + 1 >= MAX_LEVELS {
                // A tile at the right edge is checked with the root, and would be there.
                return None;
            }
            chain.push((level + 1, number / WIDTH));
        }
        chain.pop();
        for (level, number) in chain.into_iter().rev() {
            let tile = self.read(level, number)?;
            let above = self.checked.get(&(level + 1, number / WIDTH))?;
            let stated = above.get(usize::try_from(number % WIDTH).ok()?).copied();
            if merged(&tile) != stated {
                self.wrong.get_or_insert(format!("has a tile that is not of its tree: {}", self.path(level, number)));
                return None;
            }
            self.checked.insert((level, number), tile);
        }
        self.checked.get(&(level, number))
    }

    /// Checks the tiles at the right edge that are not full: together they are the hash of the tree.
    fn check_root(&mut self) {
        let mut edge = HashMap::new();
        for level in 0..MAX_LEVELS {
            let hashes = self.head.size >> (level * HEIGHT);
            if !hashes.is_multiple_of(WIDTH)
                && let Some(tile) = self.read(level, hashes / WIDTH)
            {
                edge.insert((level, hashes / WIDTH), tile);
            }
        }
        if !self.missing.is_empty() || self.wrong.is_some() {
            return;
        }
        let mut parts = Vec::new();
        for (level, index) in subtrees(self.head.size) {
            let first = index << (level % HEIGHT);
            let tile = edge.get(&(level / HEIGHT, first / WIDTH));
            let start = usize::try_from(first % WIDTH).unwrap_or_default();
            let part = tile.and_then(|tile| tile.get(start..start + (1 << (level % HEIGHT)))).and_then(merged);
            parts.extend(part);
        }
        if folded(&parts) == Some(self.head.hash) {
            self.checked = edge;
            self.is_root_checked = true;
        } else {
            self.wrong = Some(format!("has tiles that are not of its tree of {} records", self.head.size));
        }
    }

    fn read(&mut self, level: u32, number: u64) -> Option<Vec<Hash>> {
        let path = self.path(level, number);
        let Some(bytes) = (self.held)(&path) else {
            self.missing.insert(path);
            return None;
        };
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() as u64 != self.width(level, number) {
            self.wrong.get_or_insert(format!("has a tile of {} bytes: {path}", bytes.len()));
            return None;
        }
        Some(hashes.to_vec())
    }

    /// How many hashes a tile has in this state of the log.
    fn width(&self, level: u32, number: u64) -> u64 {
        (self.head.size >> (level * HEIGHT)).saturating_sub(number.saturating_mul(WIDTH)).min(WIDTH)
    }

    fn path(&self, level: u32, number: u64) -> String {
        let width = self.width(level, number);
        let part = if width < WIDTH { format!(".p/{width}") } else { String::new() };
        format!("tile/{HEIGHT}/{level}/{}{part}", grouped(number))
    }
}

/// A tile's number in groups of three digits: `x001/x234/067`.
fn grouped(number: u64) -> String {
    let mut out = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        out = format!("x{:03}/{out}", rest % 1000);
        rest /= 1000;
    }
    out
}

/// The full subtrees that a tree of so many records is made of, the largest first: level and index of each.
fn subtrees(size: u64) -> impl Iterator<Item = (u32, u64)> {
    (0..u64::BITS).rev().filter(move |level| size >> level & 1 == 1).map(move |level| (level, (size >> level) - 1))
}

/// The hash of a tree from those of its subtrees, the largest first.
fn folded(parts: &[Hash]) -> Option<Hash> {
    let (last, rest) = parts.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The hash of a full subtree from those of its leaves, a power of two.
fn merged(hashes: &[Hash]) -> Option<Hash> {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        let (pairs, odd) = hashes.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.first().copied()
}
