//! zip (PKWARE APPNOTE 6.3.10): the central directory is what is read; everything else has to agree with it.

mod directory;
mod end;
mod local;

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;

use self::directory::Record;
use self::end::End;
use crate::notes::{Notes, shown};
use crate::path::Paths;
use crate::{ArchiveError, Limits, Summary};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// How much is read at once where headers are looked at one by one.
const BUFFER: usize = 4096;
/// How much of an entry is given on at once.
const PART: usize = 16 * 1024;

/// Reads a zip file. Calls `visit` with path and bytes of each regular file that `pick` wants; nothing else is unpacked.
pub fn visit_zip<R: Read + Seek>(
    reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    let mut bytes = Bytes { reader: BufReader::with_capacity(BUFFER, reader) };
    let mut notes = Notes::default();
    let mut paths = Paths::default();
    let end = End::find(&mut bytes, &mut notes)?;
    let records = directory::read(&mut bytes, &end, limits, &mut paths, &mut notes)?;
    let extents = local::read(&mut bytes, &end, &records, limits, &mut notes)?;
    let mut picked = 0u64;
    for (record, data_at) in records.iter().zip(extents) {
        if record.directory || !pick(&record.path) {
            continue;
        }
        if record.encrypted() || record.link {
            notes.add(|| format!("{} is not a plain file", shown(&record.path)));
            continue;
        }
        // What is packed counts too: a stream can be long and unpack to nothing, and entries can share it.
        let size = record.size.max(record.packed);
        picked = picked.saturating_add(size);
        if size > limits.picked_bytes || picked > limits.picked_total_bytes {
            return Err(ArchiveError::Limit(format!(
                "{} is {size} bytes long; at most {} are read of one file and {} of all",
                shown(&record.path),
                limits.picked_bytes,
                limits.picked_total_bytes
            )));
        }
        let mut content = Vec::new();
        if unpack(&mut bytes, record, data_at, &mut notes, &mut |some| content.extend_from_slice(some))? {
            paths.pick(&record.path);
            visit(&record.path, content);
        }
    }
    paths.finish(&mut notes);
    Ok(Summary {
        entries: records.len() as u64,
        links: records.iter().filter(|record| record.link).count() as u64,
        unpacked_bytes: records.iter().fold(0, |sum, record| sum.saturating_add(record.size)),
        ambiguities: notes.finish(),
        partial: None,
    })
}

/// Where the bytes of an entry lie.
pub(crate) struct Extent {
    pub(crate) at: u64,
    pub(crate) packed: u64,
    /// They are the entry's own, not packed.
    pub(crate) is_stored: bool,
}

/// Where the first entry lies that `pick` wants. What is ambiguous about the file is told by [`visit_zip`].
pub(crate) fn extent<R: Read + Seek>(
    reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
) -> Result<Option<Extent>, ArchiveError> {
    let mut bytes = Bytes { reader: BufReader::with_capacity(BUFFER, reader) };
    let mut notes = Notes::default();
    let end = End::find(&mut bytes, &mut notes)?;
    let records = directory::read(&mut bytes, &end, limits, &mut Paths::default(), &mut notes)?;
    let extents = local::read(&mut bytes, &end, &records, limits, &mut notes)?;
    let found = records.iter().zip(extents).find(|(record, _)| !record.directory && pick(&record.path));
    Ok(found.map(|(record, at)| Extent {
        at,
        packed: record.packed,
        is_stored: record.method == STORED && !record.encrypted() && !record.link,
    }))
}

/// Reads every entry of a zip file, a part at a time, in the order of the directory: `part` is given the path and the bytes,
/// and then no bytes at the end of the entry. What does not unpack to what the directory states is an ambiguity.
pub fn stream_zip<R: Read + Seek>(
    reader: R,
    limits: &Limits,
    part: &mut dyn FnMut(&str, &[u8]),
) -> Result<Summary, ArchiveError> {
    let mut bytes = Bytes { reader: BufReader::with_capacity(BUFFER, reader) };
    let mut notes = Notes::default();
    let mut paths = Paths::default();
    let end = End::find(&mut bytes, &mut notes)?;
    let records = directory::read(&mut bytes, &end, limits, &mut paths, &mut notes)?;
    let extents = local::read(&mut bytes, &end, &records, limits, &mut notes)?;
    let unpacked_bytes = records.iter().fold(0u64, |sum, record| sum.saturating_add(record.size.max(record.packed)));
    if unpacked_bytes > limits.unpacked_bytes {
        return Err(ArchiveError::Limit(format!(
            "it unpacks to {unpacked_bytes} bytes; at most {} are read",
            limits.unpacked_bytes
        )));
    }
    for (record, data_at) in records.iter().zip(extents) {
        if !record.directory {
            unpack(&mut bytes, record, data_at, &mut notes, &mut |some| part(&record.path, some))?;
        }
        part(&record.path, &[]);
    }
    let links = records.iter().filter(|record| record.link).count() as u64;
    Ok(Summary { entries: records.len() as u64, links, unpacked_bytes, ambiguities: notes.finish(), partial: None })
}

/// Unpacks one entry; false, with a note, if it is not what the directory says.
fn unpack<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    record: &Record,
    data_at: u64,
    notes: &mut Notes,
    part: &mut dyn FnMut(&[u8]),
) -> Result<bool, ArchiveError> {
    bytes.seek(data_at)?;
    let mut packed = Watched { inner: (&mut bytes.reader).take(record.packed), failed: false };
    // One byte more than there should be shows that there is more.
    let room = record.size.saturating_add(1);
    let mut crc = Crc::new();
    let mut give = |some: &[u8]| {
        crc.update(some);
        part(some);
    };
    let outcome = match record.method {
        STORED => copy((&mut packed).take(room), &mut give).map(|length| (length, record.packed == record.size)),
        DEFLATED => {
            let mut inflater = flate2::read::DeflateDecoder::new(&mut packed);
            let copied = copy((&mut inflater).take(room), &mut give);
            copied.map(|length| (length, inflater.total_in() == record.packed))
        }
        // Noted by the directory already.
        _ => return Ok(false),
    };
    let whole = match outcome {
        Ok((length, whole)) => whole && length == record.size,
        Err(error) if packed.failed => return Err(ArchiveError::Io(error)),
        Err(_) => false,
    };
    if whole && crc.sum() == record.crc {
        return Ok(true);
    }
    notes.add(|| format!("{} does not unpack to the bytes that the directory states", shown(&record.path)));
    Ok(false)
}

/// Reads to the end, a part at a time, and says how much there was.
fn copy(mut from: impl Read, part: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let mut buffer = [0; PART];
    let mut length = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(some) => {
                length += some as u64;
                part(&buffer[..some]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells a failing medium from a damaged stream.
struct Watched<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| self.failed |= error.kind() != io::ErrorKind::Interrupted)
    }
}

/// The file, with positions and errors as the readers here need them.
struct Bytes<R> {
    reader: BufReader<R>,
}

impl<R: Read + Seek> Bytes<R> {
    fn length(&mut self) -> Result<u64, ArchiveError> {
        self.reader.seek(SeekFrom::End(0)).map_err(ArchiveError::Io)
    }

    fn seek(&mut self, position: u64) -> Result<(), ArchiveError> {
        self.reader.seek(SeekFrom::Start(position)).map(|_| ()).map_err(ArchiveError::Io)
    }

    /// Fills `buffer`; the file's end before that makes the archive invalid.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.reader.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::Invalid(String::from("the file ends within a header")),
            _ => ArchiveError::Io(error),
        })
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// A little-endian number at a place of a header; 0 past its end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
