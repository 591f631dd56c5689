//! Where a zip file's central directory is: the end records.

use std::io::{Read, Seek};

use super::{Bytes, u16_at, u32_at, u64_at};
use crate::ArchiveError;
use crate::notes::Notes;

const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
/// An end record, the longest comment after it, and a ZIP64 locator before it.
const TAIL_BYTES: u64 = (END_BYTES + 0xffff + LOCATOR_BYTES) as u64;

/// What the end records say.
#[derive(Debug)]
pub(super) struct End {
    /// Where the central directory begins.
    pub(super) directory_at: u64,
    /// Where it ends.
    pub(super) directory_end: u64,
    pub(super) entries: u64,
    /// What has to be added to stated offsets: not 0 where something was put before a finished archive.
    pub(super) shift: u64,
}

impl End {
    pub(super) fn find<R: Read + Seek>(bytes: &mut Bytes<R>, notes: &mut Notes) -> Result<Self, ArchiveError> {
        let length = bytes.length()?;
        let tail_at = length.saturating_sub(TAIL_BYTES);
        bytes.seek(tail_at)?;
        let tail = bytes.take((length - tail_at) as usize)?;
        let at = position(&tail, notes)?;
        let record = &tail[at..];
        let end_at = tail_at + at as u64;
        let stated = Stated {
            entries: u64::from(u16_at(record, 10)),
            size: u64::from(u32_at(record, 12)),
            offset: u64::from(u32_at(record, 16)),
        };
        let disks = (u16_at(record, 4), u16_at(record, 6));
        if u16_at(record, 8) != u16_at(record, 10) || (disks != (0, 0) && disks != (0xffff, 0xffff)) {
            notes.add(|| String::from("its end record speaks of several disks"));
        }
        let locator =
            at.checked_sub(LOCATOR_BYTES).map(|start| &tail[start..at]).filter(|locator| locator.starts_with(LOCATOR));
        let (stated, records_at) = match locator {
            Some(locator) => end64(bytes, locator, end_at - LOCATOR_BYTES as u64, &stated, notes)?,
            None => (stated, end_at),
        };
        // Python and others count back from the end record; the rest trust the stated offset.
        let directory_at = records_at
            .checked_sub(stated.size)
            .filter(|directory_at| *directory_at >= stated.offset)
            .ok_or_else(|| invalid("its end record places the central directory beyond itself"))?;
        let shift = directory_at - stated.offset;
        if shift > 0 {
            notes.add(|| format!("{shift} bytes stand before the archive or between its directory and its end"));
        }
        Ok(Self { directory_at, directory_end: records_at, entries: stated.entries, shift })
    }
}

/// The three numbers that both kinds of end record state.
#[derive(Debug)]
struct Stated {
    entries: u64,
    size: u64,
    offset: u64,
}

/// Finds the end record in the file's tail. There should be one, and the file should end with it.
fn position(tail: &[u8], notes: &mut Notes) -> Result<usize, ArchiveError> {
    let candidates = || {
        (0..tail.len().saturating_sub(END_BYTES - 1)).rev().filter(|at| &tail[*at..*at + 4] == END).map(|at| {
            let end = at + END_BYTES + usize::from(u16_at(tail, at + 20));
            (at, end)
        })
    };
    let last = candidates().next().ok_or_else(|| invalid("it has no end record: it is not a zip file, or cut off"))?;
    let mut fitting = candidates().filter(|(_, end)| *end == tail.len());
    let Some(chosen) = fitting.next() else {
        notes.add(|| {
            if last.1 < tail.len() {
                format!("{} bytes follow its end record", tail.len() - last.1)
            } else {
                String::from("the comment of its end record is cut off")
            }
        });
        return Ok(last.0);
    };
    // A record within the comment of another, or after the fitting one: which it is depends on how one searches.
    if fitting.next().is_some() || last.0 != chosen.0 {
        notes.add(|| String::from("it has two end records"));
    }
    Ok(chosen.0)
}

/// Reads the ZIP64 end record. Where the directory ends is where this record begins.
fn end64<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    locator: &[u8],
    locator_at: u64,
    short: &Stated,
    notes: &mut Notes,
) -> Result<(Stated, u64), ArchiveError> {
    let expected = locator_at
        .checked_sub(END64_BYTES as u64)
        .ok_or_else(|| invalid("its ZIP64 locator stands where no record fits before it"))?;
    let stated_at = u64_at(locator, 8);
    let is_record = |record: &[u8]| record.starts_with(END64);
    bytes.seek(expected)?;
    let mut record = bytes.take(END64_BYTES)?;
    let mut at = expected;
    if !is_record(&record) {
        // Perhaps it is longer than usual; then only the locator knows where it is.
        let longest = locator_at.saturating_sub(END64_BYTES as u64);
        at = stated_at.min(longest);
        bytes.seek(at)?;
        record = bytes.take(END64_BYTES)?;
        if !is_record(&record) {
            return Err(invalid("its ZIP64 locator points at no ZIP64 end record"));
        }
    }
    if stated_at != at {
        notes.add(|| String::from("its ZIP64 locator points elsewhere than at the ZIP64 end record"));
    }
    if u64_at(&record, 4) != (END64_BYTES - 12) as u64 || at != expected {
        notes.add(|| String::from("its ZIP64 end record has an unusual length"));
    }
    if u32_at(locator, 4) != 0 || u32_at(locator, 16) > 1 || u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 {
        notes.add(|| String::from("its ZIP64 records speak of several disks"));
    }
    let long = Stated { entries: u64_at(&record, 32), size: u64_at(&record, 40), offset: u64_at(&record, 48) };
    let agrees = |short: u64, long: u64, mark: u64| short == mark || short == long;
    if u64_at(&record, 24) != long.entries
        || !agrees(short.entries, long.entries, 0xffff)
        || !agrees(short.size, long.size, 0xffff_ffff)
        || !agrees(short.offset, long.offset, 0xffff_ffff)
    {
        notes.add(|| String::from("its end record and its ZIP64 end record disagree"));
    }
    Ok((long, at))
}

fn invalid(text: &str) -> ArchiveError {
    ArchiveError::Invalid(text.to_owned())
}
