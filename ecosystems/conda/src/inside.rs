//! What does an uploaded `.conda` file say of itself, before anything is known about it?
//!
//! Only as much of the format (CEP 35) is read as that takes: the one stored member `info-….tar.zst`, and two files in it.
//! What is published is looked into by the strict readers afterwards like anything else, and whatever has a second reading
//! is refused there; so this one may be simple.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use serde_json::{Map, Value};
use weir_core::hosting::ReadSeek;

/// Most bytes of a description, packed and unpacked.
pub const MAX_DESCRIPTION: u64 = 16 * 1024 * 1024;
/// Most bytes of one file of it that is read.
pub const MAX_INSIDE: u64 = 4 * 1024 * 1024;
/// Most members of the zip file that are looked at.
const MAX_MEMBERS: usize = 64;
/// Bytes of a zip file's end mark.
const END: usize = 22;
/// How far from its end a zip file's end mark may be, in bytes.
const TAIL: u64 = 66_000;

/// What a package says of itself.
#[derive(Debug)]
pub struct Inside {
    /// `info/index.json`.
    pub index: Map<String, Value>,
    /// `info/about.json`, if there is one that can be read.
    pub about: Option<Map<String, Value>>,
}

/// Reads a `.conda` file; the error says what is wrong, without a full stop.
pub fn read<R: Read + Seek + ?Sized>(file: &mut R) -> Result<Inside, String> {
    let packed = description(file)?;
    let mut plain = Vec::new();
    let decoder =
        zstd::Decoder::new(packed.as_slice()).map_err(|error| format!("its description is no zstd: {error}"))?;
    decoder
        .take(MAX_DESCRIPTION + 1)
        .read_to_end(&mut plain)
        .map_err(|error| format!("its description cannot be unpacked: {error}"))?;
    if plain.len() as u64 > MAX_DESCRIPTION {
        return Err(format!("its description has more than {MAX_DESCRIPTION} bytes"));
    }
    let object = |path: &str| {
        let bytes = entry(&plain, path)?;
        serde_json::from_slice::<Map<String, Value>>(bytes).ok()
    };
    let index = object("info/index.json").ok_or("it has no info/index.json that can be read")?;
    Ok(Inside { index, about: object("info/about.json") })
}

/// A stretch of a file, as if it were a file by itself.
pub struct Window<'a> {
    inner: &'a mut dyn ReadSeek,
    range: Range<u64>,
    at: u64,
}

impl<'a> Window<'a> {
    /// The stretch `range` of `inner`.
    pub fn new(inner: &'a mut dyn ReadSeek, range: Range<u64>) -> Self {
        Self { inner, range, at: 0 }
    }

    fn length(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length().saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        self.inner.seek(SeekFrom::Start(self.range.start.saturating_add(self.at)))?;
        let count = self.inner.read(buffer.get_mut(..left).unwrap_or_default())?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// The bytes of `info-….tar.zst`.
fn description<R: Read + Seek + ?Sized>(file: &mut R) -> Result<Vec<u8>, String> {
    let medium = |error: std::io::Error| format!("it cannot be read: {error}");
    let none =
        || String::from("it is no .conda file: a zip with `info-….tar.zst` and `pkg-….tar.zst`, neither packed again");
    let length = file.seek(SeekFrom::End(0)).map_err(medium)?;
    let tail_at = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(tail_at)).map_err(medium)?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).map_err(medium)?;
    let end = memchr::memmem::rfind(&tail, b"PK\x05\x06").and_then(|at| tail.get(at..));
    let end = end.filter(|end| end.len() >= END).ok_or_else(none)?;
    let (size, at) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    if size > MAX_INSIDE || at.saturating_add(size) > length {
        return Err(none());
    }
    file.seek(SeekFrom::Start(at)).map_err(medium)?;
    let mut directory = Vec::new();
    file.take(size).read_to_end(&mut directory).map_err(medium)?;
    let mut rest = directory.as_slice();
    for _ in 0..MAX_MEMBERS {
        if !rest.starts_with(b"PK\x01\x02") {
            break;
        }
        let (name, extra, comment) = (u16_at(rest, 28), u16_at(rest, 30), u16_at(rest, 32));
        let path = rest.get(46..46 + name).and_then(|path| std::str::from_utf8(path).ok()).ok_or_else(none)?;
        if path.starts_with("info-") && path.ends_with(".tar.zst") && u16_at(rest, 10) == 0 {
            let (size, local) = (u64::from(u32_at(rest, 20)), u64::from(u32_at(rest, 42)));
            if size > MAX_DESCRIPTION || local.saturating_add(size) > length {
                return Err(format!("its description has more than {MAX_DESCRIPTION} bytes"));
            }
            file.seek(SeekFrom::Start(local)).map_err(medium)?;
            let mut header = [0; 30];
            file.read_exact(&mut header).map_err(medium)?;
            let skip = u16_at(&header, 26) + u16_at(&header, 28);
            file.seek(SeekFrom::Start(local + 30 + skip as u64)).map_err(medium)?;
            let mut packed = Vec::new();
            file.take(size).read_to_end(&mut packed).map_err(medium)?;
            return Ok(packed);
        }
        rest = rest.get(46 + name + extra + comment..).unwrap_or_default();
    }
    Err(none())
}

/// A file of a tar archive.
fn entry<'t>(tar: &'t [u8], path: &str) -> Option<&'t [u8]> {
    let mut rest = tar;
    loop {
        let header = rest.get(..512)?;
        let text = |from: usize, to: usize| {
            let field = header.get(from..to).unwrap_or_default();
            field.split(|byte| *byte == 0).next().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
        };
        let (name, size) = (text(0, 100), u64::from_str_radix(text(124, 136).trim(), 8).ok()?);
        if name.is_empty() {
            return None;
        }
        let size = usize::try_from(size).ok()?;
        let content = rest.get(512..512usize.checked_add(size)?)?;
        if name.trim_start_matches("./") == path && matches!(header.get(156), Some(b'0' | 0)) {
            return (size as u64 <= MAX_INSIDE).then_some(content);
        }
        rest = rest.get(512 + size.checked_next_multiple_of(512)?..)?;
    }
}

/// A little-endian number in a header; 0 past its end.
fn u16_at(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes).into()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;

    fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, text) in files {
            let mut header = [0u8; 512];
            header[..path.len()].copy_from_slice(path.as_bytes());
            header[124..136].copy_from_slice(format!("{:011o}\0", text.len()).as_bytes());
            header[156] = b'0';
            out.extend_from_slice(&header);
            out.extend_from_slice(text.as_bytes());
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    /// A `.conda` file with these files in its description.
    pub(crate) fn conda(files: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        let info = zstd::encode_all(tar(files).as_slice(), 3).unwrap();
        let members =
            [("pkg-a-1-0.tar.zst", zstd::encode_all(tar(&[]).as_slice(), 3).unwrap()), ("info-a-1-0.tar.zst", info)];
        for (path, bytes) in &members {
            let at = u32::try_from(out.len()).unwrap();
            let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            let name = u16::try_from(path.len()).unwrap().to_le_bytes();
            out.write_all(b"PK\x03\x04").unwrap();
            out.write_all(&[0; 22]).unwrap();
            out.write_all(&name).unwrap();
            out.write_all(&[0; 2]).unwrap();
            out.write_all(path.as_bytes()).unwrap();
            out.write_all(bytes).unwrap();
            directory.write_all(b"PK\x01\x02").unwrap();
            directory.write_all(&[0; 16]).unwrap();
            directory.write_all(&size).unwrap();
            directory.write_all(&size).unwrap();
            directory.write_all(&name).unwrap();
            directory.write_all(&[0; 12]).unwrap();
            directory.write_all(&at.to_le_bytes()).unwrap();
            directory.write_all(path.as_bytes()).unwrap();
        }
        let (at, size) = (u32::try_from(out.len()).unwrap(), u32::try_from(directory.len()).unwrap());
        out.extend_from_slice(&directory);
        out.write_all(b"PK\x05\x06").unwrap();
        out.write_all(&[0; 8]).unwrap();
        out.write_all(&size.to_le_bytes()).unwrap();
        out.write_all(&at.to_le_bytes()).unwrap();
        out.write_all(&[0; 2]).unwrap();
        out
    }

    #[test]
    fn a_package_says_what_it_is() {
        let bytes = conda(&[("info/index.json", r#"{"name":"a"}"#), ("info/about.json", r#"{"home":"x"}"#)]);
        let inside = read(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(inside.index["name"], "a");
        assert_eq!(inside.about.unwrap()["home"], "x");
        assert!(read(&mut Cursor::new(conda(&[("info/index.json", "{}")]))).unwrap().about.is_none());
    }

    #[test]
    fn what_is_no_package_is_refused_however_it_is_broken() {
        for bytes in
            [Vec::new(), b"PK\x05\x06".to_vec(), conda(&[("info/other", "{}")]), conda(&[("info/index.json", "[]")])]
        {
            assert!(read(&mut Cursor::new(bytes)).is_err());
        }
        let whole = conda(&[("info/index.json", r#"{"name":"a"}"#)]);
        for length in 0..whole.len() {
            assert!(read(&mut Cursor::new(&whole[..length])).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            // Whatever it says then, it says without a panic.
            drop(read(&mut Cursor::new(bytes)));
        }
    }
}
