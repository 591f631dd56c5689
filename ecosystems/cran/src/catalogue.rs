//! The catalogue of a tree: `src/contrib/PACKAGES`, with the lists of files beside it.

use std::io::{self, BufRead, BufReader, Read as _};

use weir_core::PackageName;
use weir_core::catalogue::{Catalogue, Cut, CutError, Cuts, Fate, Instead, Joining, Packing, Piece, Place, Source};
use weir_core::registry::{InvalidDocument, Page, Rendered, Reply, Wanted};

use crate::dcf::{MAX_RECORD, Record};
use crate::index::{Entry, Kind, WRITTEN, write_file};
use crate::name::{in_tree, split};
use crate::protocol::CONTRIB;
use crate::{archive, join, reasons};

/// Largest list of files after decompression, in bytes. The archive's on CRAN has about 20 million.
pub const MAX_LIST: u64 = 512 * 1024 * 1024;

/// The lists of files beside a catalogue, by the name that their path ends in.
const LISTS: [(&str, Kind); 2] = [("Meta/archive.rds", Kind::Archived), ("Meta/current.rds", Kind::Dated)];

/// Catalogues of a CRAN repository.
pub struct Trees;

impl Catalogue for Trees {
    fn place(&self, package: &PackageName) -> Option<Place> {
        let (tree, name) = split(package);
        Some(Place { part: part(tree), key: name.to_owned() })
    }

    fn package(&self, place: &Place) -> Option<PackageName> {
        in_tree(tree(&place.part)?, &place.key).ok()
    }

    fn sources(&self, part: &str) -> Vec<Source> {
        if tree(part).is_none() {
            return Vec::new();
        }
        vec![source(part, "PACKAGES.gz"), source(part, "PACKAGES")]
    }

    fn beside(&self, part: &str) -> Vec<Source> {
        LISTS.map(|(name, _)| source(part, name)).to_vec()
    }

    fn cut(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<Cut, CutError> {
        let mut found = false;
        let mut document = unpacked(document)?;
        while let Some(record) = next_record(&mut document)? {
            found |= cut_record(&record, cuts)?;
        }
        if !found {
            return Err(CutError::Invalid(InvalidDocument {
                url: address.to_owned(),
                expected: "the PACKAGES of a CRAN repository",
                problem: String::from("none of its records is of a package"),
            }));
        }
        let base = address.rsplit_once('/').map_or("", |(base, _)| base);
        Ok(Cut { base: format!("{base}/") })
    }

    fn cut_beside(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<(), CutError> {
        let kind = LISTS.iter().find(|(name, _)| address.ends_with(name)).map(|(_, kind)| *kind);
        let Some(kind) = kind else { return Ok(()) };
        let mut bytes = Vec::new();
        let read = unpacked(document).and_then(|it| it.take(MAX_LIST + 1).read_to_end(&mut bytes));
        let invalid = |problem: String| {
            CutError::Invalid(InvalidDocument {
                url: address.to_owned(),
                expected: "a list of files as R serialises it",
                problem,
            })
        };
        let length = read.map_err(|error| invalid(error.to_string()))?;
        if length as u64 > MAX_LIST {
            return Err(invalid(format!("it has more than {MAX_LIST} bytes")));
        }
        let mut written = Vec::new();
        for file in archive::files(&bytes).map_err(|error| invalid(error.to_string()))? {
            written.clear();
            write_file(kind, &file, &mut written)?;
            cuts.piece(Piece { key: file.name, name: file.file, stated: "", bytes: &written })?;
        }
        Ok(())
    }

    fn separator(&self) -> &'static [u8] {
        b"\n"
    }

    fn fates(&self, _page: &Page<'_>, pieces: &[&[u8]]) -> Vec<Fate> {
        // All packages are settled together: see [`join`].
        vec![Fate::Hidden; pieces.len()]
    }

    fn joining(&self) -> Option<Box<dyn Joining>> {
        Some(Box::<join::Catalogue>::default())
    }

    fn about(&self, page: &Page<'_>, instead: Option<&Instead>) -> Reply {
        let Rendered { content_type, body } = reasons::render(page, instead);
        Reply { status: 200, content_type, headers: Vec::new(), body }
    }

    fn kept_days(&self) -> u32 {
        90
    }

    fn content_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }
}

/// The part that a tree's catalogue is.
pub fn part(tree: &str) -> String {
    if tree.is_empty() { CONTRIB.to_owned() } else { format!("{tree}/{CONTRIB}") }
}

fn tree(part: &str) -> Option<&str> {
    let tree = part.strip_suffix(CONTRIB)?;
    if tree.is_empty() { Some(tree) } else { tree.strip_suffix('/').filter(|tree| crate::name::is_tree(tree)) }
}

/// A document of a part. Whether it is packed tell its first bytes: some servers call a file that is packed a content that
/// is coded, and then it comes unpacked.
fn source(part: &str, name: &str) -> Source {
    let wanted = Wanted { path: format!("{part}/{name}"), accept: "*/*", shared: false };
    Source { wanted, packing: Packing::Plain }
}

fn unpacked<'d>(document: &'d mut dyn BufRead) -> io::Result<Box<dyn BufRead + 'd>> {
    let begin = document.fill_buf()?;
    // R writes these where it is told to, and its own readers of a repository's lists (`gzcon`) read neither.
    for (magic, name) in [(b"\xfd7zXZ\0".as_slice(), "xz"), (b"BZh", "bzip2")] {
        if begin.starts_with(magic) {
            return Err(io::Error::other(format!(
                "it is packed with {name}; R reads it from a repository plain or packed with gzip: saveRDS(…, compress = \"gzip\")"
            )));
        }
    }
    match begin.starts_with(&[0x1f, 0x8b]) {
        true => Ok(Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(document)))),
        false => Ok(Box::new(document)),
    }
}

/// The next record with the line feed that ends its last line.
fn next_record(document: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut record = Vec::new();
    loop {
        let before = record.len();
        let room = (MAX_RECORD + 1).saturating_sub(before) as u64;
        if (&mut *document).take(room).read_until(b'\n', &mut record)? == 0 {
            return Ok((!record.is_empty()).then_some(record));
        }
        if record.len() > MAX_RECORD {
            return Err(io::Error::other(format!("a record has more than {MAX_RECORD} bytes")));
        }
        let line = record.get(before..).unwrap_or_default();
        match (line.iter().all(u8::is_ascii_whitespace), before) {
            (true, 0) => record.clear(),
            (true, _) => {
                record.truncate(before);
                return Ok(Some(record));
            }
            (false, _) => {}
        }
    }
}

/// Gives a record to its package; false if it is of none that can be told. Those are left out: what is not judged is not
/// offered.
fn cut_record(bytes: &[u8], cuts: &mut dyn Cuts) -> io::Result<bool> {
    let Some(record) = Record::first(bytes) else { return Ok(false) };
    if record.fields().next().is_some_and(|field| field.name == WRITTEN) {
        return Ok(false);
    }
    let Some(name) = record.get("Package").filter(|name| in_tree("", name).is_ok()) else { return Ok(false) };
    let Some(entry) = Entry::read(record, &name) else { return Ok(false) };
    let stated = record.get("MD5sum").map_or_else(String::new, |md5| format!("md5:{}", md5.to_ascii_lowercase()));
    let mut ended = bytes;
    let with_end;
    if !bytes.ends_with(b"\n") {
        with_end = [bytes, b"\n"].concat();
        ended = &with_end;
    }
    cuts.piece(Piece { key: &name, name: &entry.file(&name), stated: &stated, bytes: ended })?;
    Ok(true)
}
