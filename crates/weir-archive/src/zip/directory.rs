//! A zip file's central directory.

use std::io::{Read, Seek};

use super::end::End;
use super::{Bytes, DEFLATED, STORED, u16_at, u32_at, u64_at};
use crate::notes::{Notes, shown};
use crate::path::{Kind, Paths};
use crate::{ArchiveError, Limits};

const HEADER: &[u8; 4] = b"PK\x01\x02";
const HEADER_BYTES: usize = 46;
const ENCRYPTED: u16 = 1;
/// Sizes and checksum follow the data.
pub(super) const DESCRIPTOR: u16 = 1 << 3;
const STRONG: u16 = 1 << 6;
/// The name is UTF-8.
pub(super) const UTF8: u16 = 1 << 11;
const MASKED: u16 = 1 << 13;

/// What the central directory says of one entry.
#[derive(Debug)]
pub(super) struct Record {
    /// The name as it stands in the archive.
    pub(super) name: Vec<u8>,
    /// Its normal form.
    pub(super) path: String,
    pub(super) directory: bool,
    pub(super) link: bool,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Where its local header is, as stated.
    pub(super) offset: u64,
}

impl Record {
    pub(super) fn encrypted(&self) -> bool {
        self.flags & (ENCRYPTED | STRONG | MASKED) != 0
    }
}

/// Reads the whole directory; it must fill its place exactly.
pub(super) fn read<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    end: &End,
    limits: &Limits,
    paths: &mut Paths,
    notes: &mut Notes,
) -> Result<Vec<Record>, ArchiveError> {
    let size = end.directory_end - end.directory_at;
    if size > limits.directory_bytes {
        return Err(ArchiveError::Limit(format!(
            "its central directory is {size} bytes long; at most {} are read",
            limits.directory_bytes
        )));
    }
    bytes.seek(end.directory_at)?;
    let mut records = Vec::new();
    let mut left = size;
    while left > 0 {
        if records.len() as u64 >= limits.entries {
            return Err(ArchiveError::Limit(format!("it has more than {} entries", limits.entries)));
        }
        let mut header = [0; HEADER_BYTES];
        if left < HEADER_BYTES as u64 {
            return Err(ArchiveError::Invalid(String::from("its central directory ends within a header")));
        }
        bytes.fill(&mut header)?;
        if !header.starts_with(HEADER) {
            return Err(ArchiveError::Invalid(format!(
                "its central directory has no header where number {} should be",
                records.len() + 1
            )));
        }
        let (name, extra, comment) = (u16_at(&header, 28), u16_at(&header, 30), u16_at(&header, 32));
        let rest = u64::from(name) + u64::from(extra) + u64::from(comment);
        left = left
            .checked_sub(HEADER_BYTES as u64 + rest)
            .ok_or_else(|| ArchiveError::Invalid(String::from("its central directory ends within a header")))?;
        let name = bytes.take(usize::from(name))?;
        let extra = bytes.take(usize::from(extra))?;
        bytes.take(usize::from(comment))?;
        records.push(record(&header, name, &extra, limits, paths, notes)?);
    }
    if records.len() as u64 != end.entries {
        notes.add(|| format!("its end record counts {} entries, its directory has {}", end.entries, records.len()));
    }
    Ok(records)
}

fn record(
    header: &[u8],
    name: Vec<u8>,
    extra: &[u8],
    limits: &Limits,
    paths: &mut Paths,
    notes: &mut Notes,
) -> Result<Record, ArchiveError> {
    let directory = name.ends_with(b"/");
    // The upper half of the external attributes is a Unix mode if a Unix made the entry.
    let unix = header[5] == 3;
    let link = unix && (u32_at(header, 38) >> 16) & 0o170_000 == 0o120_000;
    let kind = if directory { Kind::Directory } else { Kind::File };
    let path = paths.read(&name, kind, limits, notes)?;
    let mut record = Record {
        directory,
        link,
        flags: u16_at(header, 8),
        method: u16_at(header, 10),
        crc: u32_at(header, 16),
        packed: u64::from(u32_at(header, 20)),
        size: u64::from(u32_at(header, 24)),
        offset: u64::from(u32_at(header, 42)),
        name,
        path,
    };
    let mut wide = [&mut record.size, &mut record.packed, &mut record.offset];
    if !widen(extra, &mut wide) {
        notes.add(|| format!("the ZIP64 field of {} is not whole", shown(&record.path)));
    }
    note_oddities(&record, header, extra, notes);
    Ok(record)
}

fn note_oddities(record: &Record, header: &[u8], extra: &[u8], notes: &mut Notes) {
    let path = || shown(&record.path);
    if record.encrypted() {
        notes.add(|| format!("{} is encrypted", path()));
    }
    if record.method != STORED && record.method != DEFLATED {
        notes.add(|| format!("{} is packed by method {}, which not every reader knows", path(), record.method));
    }
    if record.directory && record.size != 0 {
        notes.add(|| format!("{} is a directory and yet has {} bytes", path(), record.size));
    }
    if u16_at(header, 34) != 0 {
        notes.add(|| format!("{} is said to be on another disk", path()));
    }
    if !record.name.is_ascii() && record.flags & UTF8 == 0 {
        notes.add(|| format!("the character set of the path {} is not stated", path()));
    }
    match fields(extra) {
        None => notes.add(|| format!("the extra field of {} is damaged", path())),
        Some(fields) => {
            if fields.iter().filter(|(id, _)| *id == ZIP64).count() > 1 {
                notes.add(|| format!("{} has two ZIP64 fields", path()));
            }
            // Python from 3.12 on and Info-ZIP prefer this name, others do not know it.
            if fields.iter().any(|(id, body)| *id == UNICODE_PATH && body.get(5..) != Some(&record.name)) {
                notes.add(|| format!("{} has another name in its extra field", path()));
            }
        }
    }
}

const ZIP64: u16 = 1;
const UNICODE_PATH: u16 = 0x7075;

/// The fields of an extra block; `None` if their lengths do not add up.
pub(super) fn fields(mut extra: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut out = Vec::new();
    // Alignment tools fill up with less than a field's head.
    while extra.len() >= 4 {
        let length = usize::from(u16_at(extra, 2));
        let body = extra.get(4..4 + length)?;
        out.push((u16_at(extra, 0), body));
        extra = &extra[4 + length..];
    }
    Some(out)
}

/// Replaces the numbers that are too large for 32 bits by those of the ZIP64 field, in its order. False if it lacks one.
pub(super) fn widen(extra: &[u8], numbers: &mut [&mut u64]) -> bool {
    let marked = numbers.iter().filter(|number| ***number == 0xffff_ffff).count();
    if marked == 0 {
        return true;
    }
    let fields = fields(extra).unwrap_or_default();
    let Some((_, body)) = fields.iter().find(|(id, _)| *id == ZIP64) else {
        return true; // exactly 4 GiB - 1, which is a size like any other
    };
    if body.len() < 8 * marked {
        return false;
    }
    let marked = numbers.iter_mut().filter(|number| ***number == 0xffff_ffff);
    for (index, number) in marked.enumerate() {
        **number = u64_at(body, 8 * index);
    }
    true
}
