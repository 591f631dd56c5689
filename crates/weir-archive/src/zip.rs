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
        if let Some(content) = unpack(&mut bytes, record, data_at, &mut notes)? {
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
    })
}

/// The bytes of one entry; `None`, with a note, where they are not what the directory says.
fn unpack<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    record: &Record,
    data_at: u64,
    notes: &mut Notes,
) -> Result<Option<Vec<u8>>, ArchiveError> {
    bytes.seek(data_at)?;
    let mut content = Vec::new();
    let mut packed = Watched { inner: (&mut bytes.reader).take(record.packed), failed: false };
    // One byte more than there should be shows that there is more.
    let room = record.size.saturating_add(1);
    let outcome = match record.method {
        STORED => (&mut packed).take(room).read_to_end(&mut content).map(|_| record.packed == record.size),
        DEFLATED => {
            let mut inflater = flate2::read::DeflateDecoder::new(&mut packed);
            match (&mut inflater).take(room).read_to_end(&mut content) {
                Ok(_) => Ok(inflater.total_in() == record.packed),
                Err(error) => Err(error),
            }
        }
        // Noted by the directory already.
        _ => return Ok(None),
    };
    let whole = match outcome {
        Ok(whole) => whole,
        Err(error) if packed.failed => return Err(ArchiveError::Io(error)),
        Err(_) => false,
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if whole && content.len() as u64 == record.size && crc.sum() == record.crc {
        return Ok(Some(content));
    }
    notes.add(|| format!("{} does not unpack to the bytes that the directory states", shown(&record.path)));
    Ok(None)
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
