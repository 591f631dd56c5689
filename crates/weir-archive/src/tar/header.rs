//! One header block of a tar archive.

use super::extension::Extension;
use crate::ArchiveError;
use crate::notes::{Notes, shown};
use crate::path::Kind;

/// Everything in a tar archive comes in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// What stands in a header block.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) ty: Type,
    pub(super) hard_link: bool,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    /// An old GNU sparse file: its data are not the file's bytes.
    pub(super) sparse: bool,
    /// … and its map goes on in the next block.
    pub(super) sparse_continues: bool,
}

/// What a header is a header of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Entry(Kind),
    /// Something about the next entry, or about all that follow.
    Extension(Extension),
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK], notes: &mut Notes) -> Result<Self, ArchiveError> {
        let name = until_nul(&block[..100]);
        let text = || shown(&String::from_utf8_lossy(name));
        check_sum(block).map_err(|problem| ArchiveError::Invalid(format!("the header of {} {problem}", text())))?;
        let size = number(&block[124..136])
            .ok_or_else(|| ArchiveError::Invalid(format!("the header of {} has no readable size", text())))?;
        let flag = block[156];
        let ty = match flag {
            b'0' | 0 | b'7' => Type::Entry(Kind::File),
            b'1' | b'2' => Type::Entry(Kind::Link),
            b'5' => Type::Entry(Kind::Directory),
            b'3' | b'4' | b'6' => Type::Entry(Kind::Special),
            b'L' => Type::Extension(Extension::LongName),
            b'K' => Type::Extension(Extension::LongLink),
            b'x' => Type::Extension(Extension::Pax),
            b'g' => Type::Extension(Extension::PaxGlobal),
            b'S' => Type::Entry(Kind::File),
            _ => {
                notes.add(|| format!("{} has the unknown type `{}`", text(), flag.escape_ascii()));
                Type::Entry(Kind::Special)
            }
        };
        // In GNU's own format the place of the prefix holds times and sparse maps.
        let posix = &block[257..263] == b"ustar\0";
        let prefix = if posix { until_nul(&block[345..500]) } else { &[] };
        let path = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        let sparse = flag == b'S';
        if sparse {
            notes.add(|| format!("{} is stored as a sparse file, which some readers do not know", text()));
        }
        Ok(Self {
            ty,
            hard_link: flag == b'1',
            path,
            link: until_nul(&block[157..257]).to_vec(),
            size,
            sparse,
            sparse_continues: sparse && block[482] != 0,
        })
    }
}

/// The sum of all bytes with the field itself as spaces; old writers summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let stated = number(&block[148..156]).ok_or("has no readable checksum")?;
    let rest = || block[..148].iter().chain(&block[156..]);
    let unsigned = rest().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ');
    let signed = rest().map(|byte| i64::from(*byte as i8)).sum::<i64>() + 8 * i64::from(b' ');
    if stated == unsigned || i64::try_from(stated) == Ok(signed) { Ok(()) } else { Err("has a wrong checksum") }
}

/// Octal digits between spaces, ended by NUL; or, with the first bit set, a big-endian number (GNU).
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let (head, tail) = field.split_at(field.len() - 8);
        if head.first()? & 0x7f != 0 || head[1..].iter().any(|byte| *byte != 0) {
            return None;
        }
        return Some(u64::from_be_bytes(tail.try_into().ok()?));
    }
    let text = until_nul(field).trim_ascii();
    let mut value: u64 = 0;
    for byte in text {
        value = value.checked_mul(8)?.checked_add(u64::from(char::from(*byte).to_digit(8)?))?;
    }
    Some(value)
}

pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_notations() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"    17 \0    "), Some(15));
        assert_eq!(number(b"777777777777"), Some(0o777_777_777_777));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"0000000001 7"), None);
        assert_eq!(number(b"00000000019\0"), None);
    }
}
