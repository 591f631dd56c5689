//! The form of the index file.
//!
//! ```text
//! magic       8   "weir-adv"
//! version     4   little endian, as all numbers
//! sections    4   number of sections, always 9
//! content    32   SHA-256 of the sections after the first
//! epoch      32   SHA-256 of version, content and the first section
//! places     16 each: offset and length of a section
//! sections        feeds, statistics, package rows, package keys, packages, record offsets, records, cluster offsets,
//!                 clusters
//! ```
//!
//! Package rows are fixed: start of the key (u32) and start of the package (u64), one more at the end; keys are
//! `ecosystem NUL name`, ascending. Offsets are u32, one more at the end. The rest is postcard, decoded when it is asked
//! for. Opening looks at the header and the places only, and whatever is read later is checked when it is read.

use std::ops::Range;

use weir_core::Digest;

/// First bytes of an index file.
pub(crate) const MAGIC: &[u8; 8] = b"weir-adv";
/// The form of the file; an index of another version is built anew from what the store has.
pub(crate) const VERSION: u32 = 1;
/// Bytes of a package row.
pub(crate) const ROW: usize = 12;

const COUNT: usize = 9;
const PLACES: usize = 8 + 4 + 4 + 32 + 32;
/// Bytes before the first section.
pub(crate) const HEADER: usize = PLACES + COUNT * 16;

/// The sections, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    Feeds,
    Stats,
    Rows,
    Keys,
    Packages,
    RecordOffsets,
    Records,
    ClusterOffsets,
    Clusters,
}

/// The header of a file.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) content: Digest,
    pub(crate) epoch: Digest,
    places: [(usize, usize); COUNT],
}

/// Bytes that are not an index of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Other bytes.
    #[error("it does not begin as an advisory index")]
    Magic,
    /// Another version of Weir wrote it.
    #[error("it has form {0}, this Weir reads form {VERSION}")]
    Version(u32),
    /// Cut off, or overwritten.
    #[error("its {0} do not fit into it")]
    Section(&'static str),
}

impl Header {
    /// The header of nothing: every section is empty.
    pub(crate) fn nothing() -> Self {
        Self { content: Digest::of(&[]), epoch: Digest::of(&[]), places: [(0, 0); COUNT] }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.get(..8) != Some(MAGIC.as_slice()) {
            return Err(Malformed::Magic);
        }
        let version = u32_at(bytes, 8).ok_or(Malformed::Section("header"))?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        if u32_at(bytes, 12) != Some(COUNT as u32) {
            return Err(Malformed::Section("header"));
        }
        let digest = |at: usize| {
            let bytes: [u8; 32] = bytes.get(at..at + 32)?.try_into().ok()?;
            Some(Digest::from_bytes(bytes))
        };
        let (Some(content), Some(epoch)) = (digest(16), digest(48)) else { return Err(Malformed::Section("header")) };
        let mut places = [(0, 0); COUNT];
        for (number, place) in places.iter_mut().enumerate() {
            let at = PLACES + number * 16;
            let offset = u64_at(bytes, at).and_then(|offset| usize::try_from(offset).ok());
            let length = u64_at(bytes, at + 8).and_then(|length| usize::try_from(length).ok());
            let (Some(offset), Some(length)) = (offset, length) else { return Err(Malformed::Section("places")) };
            if offset < HEADER || offset.checked_add(length).is_none_or(|end| end > bytes.len()) {
                return Err(Malformed::Section("sections"));
            }
            *place = (offset, length);
        }
        Ok(Self { content, epoch, places })
    }

    pub(crate) fn section<'a>(&self, bytes: &'a [u8], section: Section) -> &'a [u8] {
        let (offset, length) = self.places.get(section as usize).copied().unwrap_or_default();
        bytes.get(offset..offset + length).unwrap_or_default()
    }
}

/// Puts sections together; `sections` are all after the feeds.
pub(crate) fn assemble(feeds: &[u8], sections: [&[u8]; COUNT - 1]) -> Vec<u8> {
    let mut hasher = weir_core::digest::Hasher::new(&weir_core::digest::StatedDigests::default());
    for section in sections {
        // Lengths are hashed too: bytes that moved from one section to the next are not the same content.
        hasher.update(&(section.len() as u64).to_le_bytes());
        hasher.update(section);
    }
    assemble_hashed(hasher.finish().sha256, feeds, sections)
}

fn assemble_hashed(content: Digest, feeds: &[u8], sections: [&[u8]; COUNT - 1]) -> Vec<u8> {
    let mut epoch = VERSION.to_le_bytes().to_vec();
    epoch.extend_from_slice(content.as_bytes());
    epoch.extend_from_slice(feeds);
    let all = || std::iter::once(feeds).chain(sections);
    let mut out = Vec::with_capacity(HEADER + all().map(<[u8]>::len).sum::<usize>());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(COUNT as u32).to_le_bytes());
    out.extend_from_slice(content.as_bytes());
    out.extend_from_slice(Digest::of(&epoch).as_bytes());
    let mut offset = HEADER;
    for section in all() {
        out.extend_from_slice(&(offset as u64).to_le_bytes());
        out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        offset += section.len();
    }
    for section in all() {
        out.extend_from_slice(section);
    }
    out
}

/// The same content under other feeds.
pub(crate) fn with_feeds(header: &Header, bytes: &[u8], feeds: &[u8]) -> Vec<u8> {
    assemble_hashed(header.content, feeds, contents(header, bytes))
}

/// True if the digests in the header are those of the bytes.
pub(crate) fn is_whole(header: &Header, bytes: &[u8]) -> bool {
    let again = assemble(header.section(bytes, Section::Feeds), contents(header, bytes));
    again.get(..PLACES) == bytes.get(..PLACES)
}

fn contents<'a>(header: &Header, bytes: &'a [u8]) -> [&'a [u8]; COUNT - 1] {
    [
        Section::Stats,
        Section::Rows,
        Section::Keys,
        Section::Packages,
        Section::RecordOffsets,
        Section::Records,
        Section::ClusterOffsets,
        Section::Clusters,
    ]
    .map(|section| header.section(bytes, section))
}

/// The number at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The number at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// The range between the offsets `number` and `number + 1` of a section of offsets.
pub(crate) fn between(offsets: &[u8], number: usize) -> Option<Range<usize>> {
    let from = u32_at(offsets, number.checked_mul(4)?)? as usize;
    let to = u32_at(offsets, number.checked_add(1)?.checked_mul(4)?)? as usize;
    (from <= to).then_some(from..to)
}
