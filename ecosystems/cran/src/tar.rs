//! What does one file in a source package say? Only the file that is looked for is held, and nothing is unpacked.
//!
//! Specification: POSIX.1-2017, "pax", "ustar Interchange Format". What else an archive holds, and whether there is a second
//! reading of it, is found out where it is looked into as a whole.

use std::io::{self, Read};

use crate::dcf::MAX_RECORD;

/// Most bytes of an unpacked archive that are read on the way to the file.
pub const MAX_BEFORE: u64 = 1 << 30;
/// Most entries that are passed over on the way to the file.
pub const MAX_ENTRIES: usize = 100_000;

const BLOCK: usize = 512;

/// The bytes of the file at `path` in a tar archive under gzip.
pub fn entry(packed: &mut dyn Read, path: &str) -> Result<Vec<u8>, String> {
    let mut tar = flate2::read::MultiGzDecoder::new(io::BufReader::new(packed)).take(MAX_BEFORE);
    let told = |error: io::Error| format!("it cannot be unpacked: {error}");
    for _ in 0..MAX_ENTRIES {
        let mut header = [0; BLOCK];
        if let Err(error) = tar.read_exact(&mut header) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => format!("it has no {path}"),
                _ => told(error),
            });
        }
        if header.iter().all(|byte| *byte == 0) {
            return Err(format!("it has no {path}"));
        }
        let size = size(header.get(124..136).unwrap_or_default()).ok_or("an entry's size is no number")?;
        let is_file = matches!(header.get(156), Some(b'0' | 0));
        if is_file && name(&header) == path.as_bytes() {
            if size > MAX_RECORD as u64 {
                return Err(format!("{path} has {size} bytes; the limit is {MAX_RECORD}"));
            }
            let mut bytes = Vec::new();
            tar.take(size).read_to_end(&mut bytes).map_err(told)?;
            return if bytes.len() as u64 == size { Ok(bytes) } else { Err(format!("it ends within {path}")) };
        }
        let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or("an entry is too large")?;
        let passed = io::copy(&mut (&mut tar).take(padded), &mut io::sink()).map_err(told)?;
        if passed < padded {
            return Err(format!("it has no {path} in its first {MAX_BEFORE} bytes, or ends early"));
        }
    }
    Err(format!("it has no {path} among its first {MAX_ENTRIES} entries"))
}

/// An entry's path without a leading `./`.
fn name(header: &[u8; BLOCK]) -> Vec<u8> {
    let text = |from: usize, to: usize| {
        let field = header.get(from..to).unwrap_or_default();
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    };
    let is_ustar = header.get(257..262) == Some(b"ustar");
    let prefix = if is_ustar { text(345, 500) } else { &[] };
    let path = match prefix {
        [] => text(0, 100).to_vec(),
        prefix => [prefix, b"/", text(0, 100)].concat(),
    };
    path.strip_prefix(b"./").map(<[u8]>::to_vec).unwrap_or(path)
}

/// Octal digits between blanks, or a big-endian number behind a set bit.
fn size(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        let number = rest
            .iter()
            .try_fold(u64::from(first & 0x7f), |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()));
        return number;
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c: char| c == '\0' || c == ' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(tar: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(tar).unwrap();
        gzip.finish().unwrap()
    }

    fn file(path: &str, size: &[u8; 12], bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; BLOCK];
        out[..path.len()].copy_from_slice(path.as_bytes());
        out[124..136].copy_from_slice(size);
        out[156] = b'0';
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    #[test]
    fn the_file_is_found_wherever_it_stands_and_however_its_size_is_written() {
        let octal = file("./a/DESCRIPTION", b"00000000003\0", b"yes");
        let binary = file("a/DESCRIPTION", b"\x80\0\0\0\0\0\0\0\0\0\0\x03", b"yes");
        let other = file("a/R/x.R", b"00000001000\0", &[b'#'; 512]);
        for parts in [vec![octal.clone()], vec![other.clone(), octal], vec![other, binary]] {
            assert_eq!(entry(&mut packed(&parts.concat()).as_slice(), "a/DESCRIPTION").unwrap(), b"yes");
        }
    }

    #[test]
    fn an_archive_without_it_says_so_and_reads_no_further_than_it_may() {
        let end = vec![0; 2 * BLOCK];
        for (tar, problem) in [
            (Vec::new(), "it has no a/DESCRIPTION"),
            (end, "it has no a/DESCRIPTION"),
            (file("a/DESCRIPTION", b"77777777777\0", b""), "the limit is"),
            (file("a/other", b"77777777777\0", b""), "ends early"),
            (file("a/DESCRIPTION", b"00000001000\0", b"short")[..600].to_vec(), "it ends within a/DESCRIPTION"),
            (file("a/DESCRIPTION", b"nonsense\0\0\0\0", b""), "no number"),
            (file("a/other", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b""), "no number"),
        ] {
            let told = entry(&mut packed(&tar).as_slice(), "a/DESCRIPTION").unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
        let told = entry(&mut b"this is no gzip file at all".as_slice(), "a/DESCRIPTION").unwrap_err();
        assert!(told.contains("cannot be unpacked"), "{told}");
    }
}
