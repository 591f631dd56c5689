//! Headers about other entries: PAX records and GNU long names.
//!
//! Archives that are read in two ways owe it mostly to these (one tool applies a size to the next header, another to the
//! next file), so whatever could be applied in two ways is noted.

use super::header::{Header, until_nul};
use crate::ArchiveError;
use crate::notes::{Notes, shown};

/// What kind of header it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extension {
    LongName,
    LongLink,
    Pax,
    PaxGlobal,
}

/// What has been said about the next entry.
#[derive(Debug, Default)]
pub(super) struct Pending {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

/// The PAX records that change how an archive is read.
#[derive(Debug, Default)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// An entry with everything applied that was said before it.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) sparse: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.pax.is_none()
    }

    pub(super) fn add(&mut self, extension: Extension, body: Vec<u8>, notes: &mut Notes) -> Result<(), ArchiveError> {
        let again = match extension {
            Extension::LongName => self.long_name.replace(long(body, notes)).is_some(),
            Extension::LongLink => self.long_link.replace(long(body, notes)).is_some(),
            Extension::Pax => self.pax.replace(Pax::parse(&body, notes)?).is_some(),
            Extension::PaxGlobal => {
                let pax = Pax::parse(&body, notes)?;
                if pax.path.is_some() || pax.link.is_some() || pax.size.is_some() || pax.sparse {
                    notes.add(|| String::from("a global header names path, link or size, which few readers apply"));
                }
                false
            }
        };
        if again {
            notes.add(|| String::from("one entry has two extended headers of a kind"));
        }
        Ok(())
    }

    pub(super) fn apply(self, header: &Header, notes: &mut Notes) -> Meant {
        let pax = self.pax.unwrap_or_default();
        let path = one("path", pax.path, self.long_name, &header.path, notes);
        let link = one("link target", pax.link, self.long_link, &header.link, notes);
        if let Some(size) = pax.size
            && size != header.size
        {
            notes.add(|| {
                format!(
                    "{} has {} bytes by its header and {size} by its extended header",
                    shown(&String::from_utf8_lossy(&path)),
                    header.size
                )
            });
        }
        if pax.sparse {
            notes.add(|| {
                format!(
                    "{} is stored as a sparse file, which some readers do not know",
                    shown(&String::from_utf8_lossy(&path))
                )
            });
        }
        Meant { path, link, size: pax.size.unwrap_or(header.size), sparse: pax.sparse || header.sparse }
    }
}

/// The one value that PAX record, long name and header agree on.
fn one(what: &str, pax: Option<Vec<u8>>, long: Option<Vec<u8>>, header: &[u8], notes: &mut Notes) -> Vec<u8> {
    if let (Some(pax), Some(long)) = (&pax, &long)
        && pax != long
    {
        notes.add(|| {
            format!(
                "an entry has the {what} {} by its PAX header and {} by its GNU header",
                shown(&String::from_utf8_lossy(pax)),
                shown(&String::from_utf8_lossy(long))
            )
        });
    }
    pax.or(long).unwrap_or_else(|| header.to_vec())
}

/// A GNU long name: ended by NUL, which should be the end.
fn long(body: Vec<u8>, notes: &mut Notes) -> Vec<u8> {
    let name = until_nul(&body);
    if body[name.len()..].iter().any(|byte| *byte != 0) {
        notes.add(|| format!("the long name {} goes on after NUL", shown(&String::from_utf8_lossy(name))));
    }
    name.to_vec()
}

impl Pax {
    /// Reads `LENGTH KEY=VALUE\n` one after another.
    fn parse(body: &[u8], notes: &mut Notes) -> Result<Self, ArchiveError> {
        let mut out = Self::default();
        let mut rest = body;
        while !rest.is_empty() {
            // bsdtar and others fill up with NUL.
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let (key, value, after) = record(rest)
                .ok_or_else(|| ArchiveError::Invalid(String::from("an extended header is not a list of records")))?;
            rest = after;
            let again = match key {
                b"path" => out.path.replace(value.to_vec()).is_some(),
                b"linkpath" => out.link.replace(value.to_vec()).is_some(),
                b"size" => {
                    let size = std::str::from_utf8(value)
                        .ok()
                        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                        .and_then(|text| text.parse().ok())
                        .ok_or_else(|| {
                            ArchiveError::Invalid(format!(
                                "an extended header has the size {}, which is no number",
                                shown(&String::from_utf8_lossy(value))
                            ))
                        })?;
                    out.size.replace(size).is_some()
                }
                b"hdrcharset" => {
                    notes.add(|| String::from("an extended header changes the character set of paths"));
                    false
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    out.sparse = true;
                    false
                }
                _ => false,
            };
            if again {
                notes.add(|| format!("an extended header has {} twice", shown(&String::from_utf8_lossy(key))));
            }
        }
        Ok(out)
    }
}

/// Splits one record off: key, value, what follows.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(&bytes[..space]).ok()?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: usize = digits.parse().ok()?;
    let record = bytes.get(space + 1..length)?;
    let (&b'\n', record) = record.split_last()? else { return None };
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> (Result<Pax, ArchiveError>, Vec<String>) {
        let mut notes = Notes::default();
        let pax = Pax::parse(body, &mut notes);
        (pax, notes.finish())
    }

    #[test]
    fn records_are_read_with_line_ends_inside_values() {
        let (pax, notes) = parse(b"14 path=a\nb\nc\n9 size=7\n20 mtime=1700000000\n");
        let pax = pax.unwrap();
        assert_eq!((pax.path.as_deref(), pax.size), (Some(&b"a\nb\nc"[..]), Some(7)));
        assert!(notes.is_empty());
    }

    #[test]
    fn a_record_that_stands_twice_is_noted() {
        assert_eq!(parse(b"9 size=7\n9 size=8\n").1, ["an extended header has `size` twice"]);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for body in [&b"path=a\n"[..], b"99 path=a\n", b"9 path=ab", b"+9 size=7\n", b"0 \n", b"9 size=x\n", b"3 \n"] {
            assert!(parse(body).0.is_err(), "{body:?}");
        }
    }
}
