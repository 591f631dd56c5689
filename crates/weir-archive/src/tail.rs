//! Which part of a stream may go to a client before the verdict about the whole.
//!
//! A client that lacks the end of a file has nothing: of a compressed tar archive the last members and the checksum, of a
//! zip file the central directory, without which no installer opens it.

/// How many bytes are held back at the end of every stream. More than the longest comment after a zip file's end record,
/// with the end records before it, so that no reader can find an end in what was sent.
pub const HELD_TAIL: u64 = 66 * 1024;

/// How many chains of headers are followed at once. More of them than that is no accident, and everything after is held.
const MAX_CHAINS: usize = 32;

/// The longest ZIP64 end record that a chain is followed across.
const MAX_END64: u64 = 1 << 20;

/// A directory header's fixed part: as much as has to be seen at once.
const HEADER_BYTES: usize = 46;

/// Watches a stream pass and tells how much of it may be handed on.
#[derive(Debug)]
pub struct TailHold {
    total: u64,
    fed: u64,
    zip: Option<Scan>,
}

impl TailHold {
    /// For a zip file of `total_len` bytes: holds back its central directory and [`HELD_TAIL`].
    pub fn zip(total_len: u64) -> Self {
        Self { total: total_len, fed: 0, zip: Some(Scan::default()) }
    }

    /// For anything else of `total_len` bytes: holds back [`HELD_TAIL`].
    pub fn plain(total_len: u64) -> Self {
        Self { total: total_len, fed: 0, zip: None }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.fed = self.fed.saturating_add(bytes.len() as u64);
        if let Some(scan) = &mut self.zip {
            scan.feed(bytes);
        }
    }

    /// How many bytes from the start of the stream may be handed on. Never falls. The last bytes that came are always
    /// held: a stream that turns out shorter than was announced keeps its end too.
    pub fn releasable(&self) -> u64 {
        let whole = self.fed.min(self.total).saturating_sub(HELD_TAIL);
        self.zip.as_ref().map_or(whole, |scan| whole.min(scan.clear()))
    }
}

/// Follows everything that looks like a central directory for as long as it does.
#[derive(Debug, Default)]
struct Scan {
    /// Up to where the stream has been looked at.
    at: u64,
    /// Bytes from `at` on that are too few to be looked at.
    carry: Vec<u8>,
    chains: Vec<Chain>,
    /// From here on everything is held, whatever comes.
    held_from: Option<u64>,
}

/// Headers that follow one another without a gap.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// The first header.
    start: u64,
    /// Where the next one must be.
    next: u64,
    /// An end record has been seen: at `next` the archive is over.
    ended: bool,
}

impl Scan {
    /// Up to where nothing that is still followed begins.
    fn clear(&self) -> u64 {
        let chains = self.chains.iter().map(|chain| chain.start);
        chains.chain(self.held_from).fold(self.at, u64::min)
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.held_from.is_some() {
            return;
        }
        let mut rest = bytes;
        // First the places that reach from the carried bytes into the new ones …
        if !self.carry.is_empty() {
            let mut joint = std::mem::take(&mut self.carry);
            let carried = joint.len();
            let more = rest.len().min(HEADER_BYTES - 1);
            joint.extend_from_slice(&rest[..more]);
            let done = self.look(&joint);
            if more == rest.len() {
                joint.drain(..done);
                self.carry = joint;
                return;
            }
            // All carried places have been looked at, since a header's length was at hand for each.
            rest = &rest[done.saturating_sub(carried)..];
        }
        // … then those within.
        let done = self.look(rest);
        self.carry.extend_from_slice(&rest[done..]);
    }

    /// Looks at every place in `window`, which begins at `self.at`, that has a whole header's length after it. Gives how
    /// many places that were.
    fn look(&mut self, window: &[u8]) -> usize {
        let places = window.len().saturating_sub(HEADER_BYTES - 1);
        let mut place = 0;
        while place < places && self.held_from.is_none() {
            // The next place of interest: where a chain must go on, or where a header may begin.
            let next = self.chains.iter().map(|chain| chain.next).min();
            let due = next.map_or(places, |next| {
                usize::try_from(next.saturating_sub(self.at)).unwrap_or(places).clamp(place, places)
            });
            let opening = window[place..due].iter().position(|byte| *byte == b'P');
            place = opening.map_or(due, |offset| place + offset);
            if place < places && (place == due || window[place..].starts_with(OPENS)) {
                self.step(self.at + place as u64, &window[place..]);
            }
            place += 1;
        }
        self.at += places as u64;
        places
    }

    /// Looks at one place.
    fn step(&mut self, position: u64, header: &[u8]) {
        let opens = header.starts_with(OPENS);
        let mut joined = false;
        let mut held = None;
        self.chains.retain_mut(|chain| {
            if chain.next != position {
                return true;
            }
            if chain.ended {
                // An archive stored within another is followed by the outer one's next part. Anything else is rubbish
                // after the end of the archive.
                if !NESTED.iter().any(|mark| header.starts_with(*mark)) {
                    held = Some(chain.start.min(held.unwrap_or(u64::MAX)));
                }
                return false;
            }
            let Some(length) = length(header) else { return false };
            joined |= opens;
            chain.next = position.saturating_add(length);
            chain.ended = header.starts_with(ENDS);
            true
        });
        if opens && !joined {
            let length = length(header).unwrap_or(HEADER_BYTES as u64);
            self.chains.push(Chain { start: position, next: position.saturating_add(length), ended: false });
        }
        // Chains that have met go on as one; the order by start keeps the earlier.
        self.chains.sort_by_key(|chain| (chain.next, chain.ended, chain.start));
        self.chains.dedup_by_key(|chain| (chain.next, chain.ended));
        if self.chains.len() > MAX_CHAINS {
            held = self.chains.iter().map(|chain| chain.start).min();
        }
        self.held_from = held;
    }
}

const OPENS: &[u8; 4] = b"PK\x01\x02";
const ENDS: &[u8; 4] = b"PK\x05\x06";
/// What may follow an archive that is stored within another: a local header, a descriptor, the directory.
const NESTED: [&[u8; 4]; 3] = [b"PK\x03\x04", b"PK\x07\x08", OPENS];

/// The length of the directory header or end record that begins here; `None` if none does.
fn length(bytes: &[u8]) -> Option<u64> {
    let u16_at = |at: usize| bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map(u16::from_le_bytes);
    let head: &[u8; 4] = bytes.first_chunk()?;
    Some(match head {
        OPENS => HEADER_BYTES as u64 + [28, 30, 32].iter().filter_map(|at| u16_at(*at)).map(u64::from).sum::<u64>(),
        // The directory's signature.
        b"PK\x05\x05" => 6 + u64::from(u16_at(4)?),
        b"PK\x06\x06" => {
            let size = u64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?);
            12 + Some(size).filter(|size| *size <= MAX_END64)?
        }
        b"PK\x06\x07" => 20,
        ENDS => 22 + u64::from(u16_at(20)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory_header(name: &str) -> Vec<u8> {
        let mut header = vec![0; HEADER_BYTES];
        header[..4].copy_from_slice(OPENS);
        header[28] = name.len() as u8;
        header.extend_from_slice(name.as_bytes());
        header
    }

    fn end_record() -> Vec<u8> {
        let mut record = vec![0; 22];
        record[..4].copy_from_slice(ENDS);
        record
    }

    fn after(parts: &[&[u8]]) -> u64 {
        let bytes = parts.concat();
        let mut hold = TailHold::zip(bytes.len() as u64);
        hold.feed(&bytes);
        hold.releasable()
    }

    const FILLER: &[u8] = &[b'P'; 200_000];

    #[test]
    fn a_plain_stream_keeps_its_tail() {
        let mut hold = TailHold::plain(100_000);
        assert_eq!(hold.releasable(), 0);
        hold.feed(&FILLER[..70_000]);
        assert_eq!(hold.releasable(), 70_000 - HELD_TAIL);
        hold.feed(&FILLER[..30_000]);
        assert_eq!(hold.releasable(), 100_000 - HELD_TAIL);
        hold.feed(&FILLER[..1000]);
        assert_eq!(hold.releasable(), 100_000 - HELD_TAIL);
    }

    #[test]
    fn a_stream_that_is_shorter_than_announced_keeps_its_tail() {
        let mut hold = TailHold::plain(1_000_000);
        hold.feed(&FILLER[..100_000]);
        assert_eq!(hold.releasable(), 100_000 - HELD_TAIL);
    }

    #[test]
    fn a_short_stream_is_held_whole() {
        let mut hold = TailHold::plain(HELD_TAIL);
        hold.feed(&FILLER[..HELD_TAIL as usize]);
        assert_eq!(hold.releasable(), 0);
    }

    #[test]
    fn a_directory_longer_than_the_tail_is_held_whole() {
        let directory = directory_header("name").repeat(4000);
        assert_eq!(after(&[FILLER, &directory, &end_record()]), FILLER.len() as u64);
    }

    #[test]
    fn what_only_looks_like_a_header_is_let_go() {
        let lone = directory_header("name");
        let held = (2 * FILLER.len() + lone.len()) as u64 - HELD_TAIL;
        assert_eq!(after(&[FILLER, &lone, FILLER]), held);
    }

    #[test]
    fn a_false_header_that_spans_the_true_directory_does_not_hide_it() {
        let mut lure = directory_header("");
        lure[28..34].copy_from_slice(&[0xff; 6]);
        let directory = directory_header("name").repeat(6000);
        let bytes = [&FILLER[..1000], &lure, &FILLER[..500], &directory, &end_record()];
        assert!(after(&bytes) <= 1000 + lure.len() as u64 + 500);
    }

    #[test]
    fn an_archive_stored_within_is_let_go() {
        let inner = [directory_header("name").repeat(3), end_record()].concat();
        let held = (2 * FILLER.len() + inner.len() + 4) as u64 - HELD_TAIL;
        assert_eq!(after(&[FILLER, &inner, b"PK\x03\x04", FILLER]), held);
    }

    #[test]
    fn rubbish_after_an_archive_does_not_free_its_directory() {
        let archive = [directory_header("name").repeat(3), end_record()].concat();
        assert_eq!(after(&[FILLER, &archive, FILLER]), FILLER.len() as u64);
    }

    #[test]
    fn too_many_chains_hold_everything_after() {
        // Headers of different lengths that overlap: each starts a chain of its own.
        let mut swarm = Vec::new();
        for index in 0..100u8 {
            let mut header = directory_header("");
            header[30] = 255 - index;
            header[31] = 200;
            swarm.extend(header);
        }
        assert_eq!(after(&[&FILLER[..10], &swarm, FILLER]), 10);
    }
}
