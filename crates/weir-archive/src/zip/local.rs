//! A zip file's local headers: they must say what the directory says, and fill the file without gap or overlap.
//!
//! Streaming readers see these and never the directory.

use std::io::{Read, Seek};

use super::directory::{DESCRIPTOR, Record, UTF8, widen};
use super::end::End;
use super::{Bytes, u16_at, u32_at, u64_at};
use crate::notes::{Notes, shown};
use crate::{ArchiveError, Limits};

const HEADER: &[u8; 4] = b"PK\x03\x04";
const HEADER_BYTES: usize = 30;
const DESCRIPTOR_MARK: &[u8; 4] = b"PK\x07\x08";
/// Mark, checksum, two sizes of 64 bits.
const DESCRIPTOR_MAX: u64 = 24;
/// Flags that must be the same in both headers: encrypted, descriptor, strong encryption, masked.
const SAME_FLAGS: u16 = 1 | DESCRIPTOR | 1 << 6 | 1 << 13;

/// Reads the local header of each record; gives where its data begin.
pub(super) fn read<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    end: &End,
    records: &[Record],
    limits: &Limits,
    notes: &mut Notes,
) -> Result<Vec<u64>, ArchiveError> {
    let mut data_at = vec![0; records.len()];
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|index| records[*index].offset);
    // Where the entry before ends, with the record that ended there.
    let mut free_from = end.shift;
    let mut before: Option<&Record> = None;
    let mut headers = 0u64;
    for index in order {
        let record = &records[index];
        let at = record.offset.checked_add(end.shift).filter(|at| *at < end.directory_at).ok_or_else(|| {
            ArchiveError::Invalid(format!("the directory places {} beyond itself", shown(&record.path)))
        })?;
        gap(bytes, free_from, at, before, notes)?;
        let start = header(bytes, record, at, notes)?;
        // Entries that share one long header would make it be read for each of them.
        headers += start - at - HEADER_BYTES as u64;
        if headers > limits.directory_bytes {
            return Err(ArchiveError::Limit(format!(
                "its local headers are longer than {} bytes together",
                limits.directory_bytes
            )));
        }
        let stop = start.checked_add(record.packed).filter(|stop| *stop <= end.directory_at).ok_or_else(|| {
            ArchiveError::Invalid(format!("{} reaches into the central directory", shown(&record.path)))
        })?;
        data_at[index] = start;
        free_from = free_from.max(stop);
        before = Some(record);
    }
    gap(bytes, free_from, end.directory_at, before, notes)?;
    Ok(data_at)
}

/// Compares one local header with its record; gives where the data begin.
fn header<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    record: &Record,
    at: u64,
    notes: &mut Notes,
) -> Result<u64, ArchiveError> {
    let path = || shown(&record.path);
    bytes.seek(at)?;
    let mut header = [0; HEADER_BYTES];
    bytes.fill(&mut header)?;
    if !header.starts_with(HEADER) {
        return Err(ArchiveError::Invalid(format!("there is no local header of {} where it should be", path())));
    }
    let name = bytes.take(usize::from(u16_at(&header, 26)))?;
    let extra = bytes.take(usize::from(u16_at(&header, 28)))?;
    if name != record.name {
        notes.add(|| format!("{} is called {} in its local header", path(), shown(&String::from_utf8_lossy(&name))));
    }
    let flags = u16_at(&header, 6);
    let odd_flags = (flags ^ record.flags) & (SAME_FLAGS | if name.is_ascii() { 0 } else { UTF8 });
    let (crc, mut packed, mut size) =
        (u32_at(&header, 14), u64::from(u32_at(&header, 18)), u64::from(u32_at(&header, 22)));
    let whole = widen(&extra, &mut [&mut size, &mut packed]);
    // Where a descriptor follows the data, the header may leave the three numbers open.
    let open = flags & DESCRIPTOR != 0;
    let same = |found: u64, stated: u64| found == stated || (open && (found == 0 || found == 0xffff_ffff));
    let differs = if odd_flags != 0 {
        Some("flags")
    } else if u16_at(&header, 8) != record.method {
        Some("method")
    } else if !same(u64::from(crc), u64::from(record.crc)) {
        Some("checksum")
    } else if !same(size, record.size) || !same(packed, record.packed) || !(whole || open) {
        Some("size")
    } else {
        None
    };
    if let Some(differs) = differs {
        notes.add(|| format!("{} has another {differs} in its local header than in the directory", path()));
    }
    Ok(at + (HEADER_BYTES + name.len() + extra.len()) as u64)
}

/// Looks at what stands between two entries: nothing, or the descriptor of the first.
fn gap<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    from: u64,
    to: u64,
    before: Option<&Record>,
    notes: &mut Notes,
) -> Result<(), ArchiveError> {
    let Some(length) = to.checked_sub(from) else {
        notes.add(|| format!("an entry overlaps the one before it, {}", before_name(before)));
        return Ok(());
    };
    if let Some(record) = before.filter(|record| record.flags & DESCRIPTOR != 0) {
        let follows = if length <= DESCRIPTOR_MAX {
            bytes.seek(from)?;
            bytes.take(length as usize)?
        } else {
            Vec::new()
        };
        if !describes(&follows, record) {
            notes.add(|| format!("what follows the data of {} does not describe them", shown(&record.path)));
        }
    } else if length > 0 && before.is_none() {
        notes.add(|| format!("{length} bytes stand before the first entry"));
    } else if length > 0 {
        notes.add(|| format!("{length} bytes stand hidden after {}", before_name(before)));
    }
    Ok(())
}

/// True if `bytes` are a data descriptor of this record, in one of its four forms.
fn describes(bytes: &[u8], record: &Record) -> bool {
    let numbers = match bytes.len() {
        16 | 24 if bytes.starts_with(DESCRIPTOR_MARK) => &bytes[4..],
        12 | 20 => bytes,
        _ => return false,
    };
    let (packed, size) = if numbers.len() == 12 {
        (u64::from(u32_at(numbers, 4)), u64::from(u32_at(numbers, 8)))
    } else {
        (u64_at(numbers, 4), u64_at(numbers, 12))
    };
    u32_at(numbers, 0) == record.crc && packed == record.packed && size == record.size
}

fn before_name(before: Option<&Record>) -> String {
    before.map_or_else(|| String::from("none"), |record| shown(&record.path))
}
