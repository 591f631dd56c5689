//! What does a file, an archive or a directory hold?
//!
//! | Name ends in | Is read as |
//! |---|---|
//! | `.json` | one OSV record, an array of them, a CVE record or a KEV catalogue, told by its fields |
//! | `.jsonl`, `.ndjson` | one OSV or CVE record a line |
//! | `.csv` | EPSS scores |
//! | `.zip` | members that end in `.json` |
//!
//! The first three also with `.gz` or `.zst` after them. In a directory everything else is passed over and listed; named by
//! itself it is an error. A bad record costs only itself: it is reported with its place, and the rest is read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use weir_core::Digest;

use crate::json::{Element, Elements, minified};
use crate::osv::{MAX_RECORD, Record, Shape, Written};
use crate::{builder, cve, epss, kev};

mod bounded;

use bounded::Bounded;

/// Most bytes that one file may have once decompressed.
pub const MAX_FILE: u64 = 4 << 30;
/// Most bytes that a JSON document may have that is no array: a KEV catalogue is the largest of them.
pub const MAX_DOCUMENT: usize = kev::MAX_BYTES;
/// Most times that a compressed file may grow, once it is larger than [`FREE_GROWTH`].
pub const MAX_RATIO: u64 = 200;
/// Up to here a compressed file may grow as it likes.
pub const FREE_GROWTH: u64 = 64 << 20;
/// Most members of a zip file.
pub const MAX_MEMBERS: usize = 4_000_000;
/// Deepest directory that is entered.
pub const MAX_DEPTH: usize = 32;
/// Most problems, and most passed-over files, that are listed; the rest is counted.
pub const MAX_LISTED: usize = 100;

/// Something that was read.
#[derive(Debug)]
pub struct Item<'a> {
    /// What it is.
    pub what: What,
    /// Its bytes: JSON without insignificant white space, or the file of EPSS scores as it is. Their digest is the item's.
    pub raw: &'a [u8],
    /// Where it stands.
    pub place: &'a Place,
}

/// What was read.
#[derive(Debug)]
pub enum What {
    /// An OSV record.
    Osv(Box<Record>),
    /// A CVE record.
    Cve(Box<cve::Record>),
    /// A catalogue of known exploited vulnerabilities.
    Kev(Box<kev::Catalogue>),
    /// A day's EPSS scores.
    Epss(Box<epss::Scores>),
}

impl What {
    /// Digest of [`Item::raw`].
    pub fn digest(&self) -> Digest {
        match self {
            Self::Osv(record) => record.digest,
            Self::Cve(record) => record.digest,
            Self::Kev(catalogue) => catalogue.digest,
            Self::Epss(scores) => scores.digest,
        }
    }
}

/// Where something stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The member of a zip file.
    pub member: Option<String>,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The element of an array, from 1.
    pub element: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(member) = &self.member {
            write!(f, ": {member}")?;
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(element) = self.element {
            write!(f, ", element {element}")?;
        }
        Ok(())
    }
}

/// Something that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What was read, and what was not.
#[derive(Clone, Debug, Default)]
pub struct ReadReport {
    /// Files that were opened and held something.
    pub files: u64,
    /// OSV records.
    pub osv: u64,
    /// Of these, withdrawn.
    pub withdrawn: u64,
    /// Of these, those that tell of malicious code.
    pub malware: u64,
    /// OSV records by ecosystem without suffix; one with two counts in both, one without any under the empty name.
    pub ecosystems: BTreeMap<String, u64>,
    /// CVE records.
    pub cve: u64,
    /// KEV catalogues.
    pub kev: u64,
    /// Files of EPSS scores.
    pub epss: u64,
    /// Files in directories that are none of these, the first [`MAX_LISTED`].
    pub skipped: Vec<PathBuf>,
    /// How many there are.
    pub skipped_count: u64,
    /// What could not be read, the first [`MAX_LISTED`].
    pub errors: Vec<Problem>,
    /// How many there are.
    pub error_count: u64,
    /// The receiver asked to stop.
    pub stopped: bool,
}

impl ReadReport {
    /// Number of items that were handed on.
    pub fn items(&self) -> u64 {
        self.osv + self.cve + self.kev + self.epss
    }
}

/// An input that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, or not readable.
    #[error("cannot read `{path}`: {source}")]
    Open {
        /// The input.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is nothing that Weir reads.
    #[error(
        "`{path}` holds no advisories that Weir can read; expected OSV or CVE records (.json, .jsonl, .zip), a KEV catalogue (.json) or EPSS scores (.csv), the first and last also as .gz or .zst"
    )]
    NotRecognised {
        /// The input.
        path: PathBuf,
    },
}

/// Reads a file, or a directory with all below it, in the order of names, and hands each item to `each`, which may ask to
/// stop. Symbolic links below `path` and names that begin with a dot are passed over.
pub fn read(path: &Path, each: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>) -> Result<ReadReport, ReadError> {
    let open = |source| ReadError::Open { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(open)?;
    let mut walk = Walk { each, report: ReadReport::default(), named: !metadata.is_dir() };
    if metadata.is_dir() {
        // Whoever names a directory that cannot be listed wants to know; below it, it is one problem among others.
        std::fs::read_dir(path).map_err(open)?;
        walk.directory(path, 0);
        if walk.report.items() + walk.report.error_count == 0 {
            return Err(ReadError::NotRecognised { path: path.to_owned() });
        }
    } else {
        File::open(path).map_err(open)?;
        walk.file(path);
        if walk.report.skipped_count > 0 {
            return Err(ReadError::NotRecognised { path: path.to_owned() });
        }
    }
    Ok(walk.report)
}

struct Walk<'a> {
    each: &'a mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
    report: ReadReport,
    /// The file was named by itself.
    named: bool,
}

/// How a file is read, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Json,
    Lines,
    Csv,
    Zip,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    Plain,
    Gzip,
    Zstd,
}

fn form(path: &Path) -> Option<(Form, Coding)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, coding) = if let Some(name) = name.strip_suffix(".gz") {
        (name.to_owned(), Coding::Gzip)
    } else if let Some(name) = name.strip_suffix(".zst") {
        (name.to_owned(), Coding::Zstd)
    } else {
        (name, Coding::Plain)
    };
    let form = match name.rsplit_once('.')?.1 {
        "json" => Form::Json,
        "jsonl" | "ndjson" => Form::Lines,
        "csv" => Form::Csv,
        "zip" if coding == Coding::Plain => Form::Zip,
        _ => return None,
    };
    Some((form, coding))
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, depth: usize) {
        let place = Place { file: path.to_owned(), ..Place::default() };
        if depth > MAX_DEPTH {
            return self.problem(&place, format!("directories are entered {MAX_DEPTH} deep"));
        }
        let mut entries = match std::fs::read_dir(path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>()) {
            Ok(entries) => entries,
            Err(error) => return self.problem(&place, error.to_string()),
        };
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            if self.report.stopped {
                return;
            }
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !hidden => self.directory(&path, depth + 1),
                Ok(kind) if kind.is_file() && !hidden => self.file(&path),
                Ok(_) => self.skip(&path),
                Err(error) => self.problem(&Place { file: path, ..Place::default() }, error.to_string()),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let Some((form, coding)) = form(path) else { return self.skip(path) };
        let mut place = Place { file: path.to_owned(), ..Place::default() };
        let before = self.report.items() + self.report.error_count + self.report.skipped_count;
        if let Err(error) = self.contents(path, form, coding, &mut place) {
            self.problem(&place, error.to_string());
        }
        let after = self.report.items() + self.report.error_count + self.report.skipped_count;
        self.report.files += u64::from(after > before);
    }

    fn contents(&mut self, path: &Path, form: Form, coding: Coding, place: &mut Place) -> io::Result<()> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if form == Form::Zip {
            return self.zip(file, length, place);
        }
        let buffered = BufReader::with_capacity(1 << 16, file);
        let reader: Box<dyn Read> = match coding {
            Coding::Plain => Box::new(buffered),
            Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        };
        let ratio = (coding != Coding::Plain).then_some(length);
        let mut reader = BufReader::with_capacity(1 << 16, Bounded::new(reader, ratio));
        if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
        }
        match form {
            Form::Json => self.json(reader, place),
            Form::Csv => self.csv(reader, place),
            Form::Lines | Form::Zip => self.lines(reader, place),
        }
    }

    fn csv(&mut self, mut reader: impl BufRead, place: &Place) -> io::Result<()> {
        if !epss::is_epss(reader.fill_buf()?) && !self.named {
            self.skip(&place.file);
            return Ok(());
        }
        let bytes = match epss::Scores::gather(reader) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problem(place, error.to_string());
                return Ok(());
            }
        };
        match epss::Scores::parse(&bytes) {
            Ok(scores) => {
                self.report.epss += 1;
                for (line, found) in &scores.unreadable {
                    let place = Place { line: Some(*line), ..place.clone() };
                    self.problem(&place, format!("`{found}` is not a CVE id with a probability"));
                }
                self.hand_on(What::Epss(Box::new(scores)), &bytes, place);
            }
            Err(error) => self.problem(place, error.to_string()),
        }
        Ok(())
    }

    fn json(&mut self, mut reader: impl BufRead, place: &mut Place) -> io::Result<()> {
        // White space before the bracket is rare; more of it than a buffer holds is nobody's array.
        let first = reader.fill_buf()?.iter().copied().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(b'[') {
            return self.array(reader, place);
        }
        let mut bytes = Vec::new();
        reader.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_DOCUMENT {
            self.problem(place, format!("the document is longer than {MAX_DOCUMENT} bytes"));
        } else if !self.object(&bytes, place) {
            self.skip(&place.file);
        }
        Ok(())
    }

    fn array(&mut self, reader: impl BufRead, place: &mut Place) -> io::Result<()> {
        let mut elements = Elements::new(reader, MAX_RECORD);
        let mut number = 0;
        while let Some(element) = elements.next()? {
            number += 1;
            place.element = Some(number);
            match element {
                Element::Bytes(bytes) => {
                    if !self.object(&bytes, place) {
                        if number == 1 {
                            place.element = None;
                            self.skip(&place.file);
                            return Ok(());
                        }
                        self.problem(place, String::from("it is neither an OSV nor a CVE record"));
                    }
                }
                Element::TooLong => self.problem(place, format!("it is longer than {MAX_RECORD} bytes")),
                Element::Broken(problem) => self.problem(place, problem.to_owned()),
            }
            if self.report.stopped {
                break;
            }
        }
        place.element = None;
        Ok(())
    }

    fn lines(&mut self, mut reader: impl BufRead, place: &mut Place) -> io::Result<()> {
        let mut line = Vec::new();
        let mut number = 0;
        let mut seen = false;
        loop {
            line.clear();
            (&mut reader).take(MAX_RECORD as u64 + 1).read_until(b'\n', &mut line)?;
            if line.is_empty() || self.report.stopped {
                break;
            }
            number += 1;
            place.line = Some(number);
            if line.len() > MAX_RECORD && line.last() != Some(&b'\n') {
                self.problem(place, format!("the line is longer than {MAX_RECORD} bytes"));
                while line.last() != Some(&b'\n') {
                    line.clear();
                    if (&mut reader).take(1 << 20).read_until(b'\n', &mut line)? == 0 {
                        break;
                    }
                }
                continue;
            }
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if !self.object(text, place) {
                if !seen {
                    place.line = None;
                    self.skip(&place.file);
                    return Ok(());
                }
                self.problem(place, String::from("it is neither an OSV nor a CVE record"));
            }
            seen = true;
        }
        place.line = None;
        Ok(())
    }

    fn zip(&mut self, file: File, length: u64, place: &mut Place) -> io::Result<()> {
        let mut archive = zip::ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(io::Error::other)?;
        if archive.len() > MAX_MEMBERS {
            return Err(io::Error::other(format!("it has more than {MAX_MEMBERS} members")));
        }
        let mut total = 0_u64;
        let mut bytes = Vec::new();
        for number in 0..archive.len() {
            if self.report.stopped {
                break;
            }
            place.member = None;
            let member = match archive.by_index(number) {
                Ok(member) => member,
                Err(error) => {
                    place.member = Some(format!("member {}", number + 1));
                    self.problem(place, error.to_string());
                    continue;
                }
            };
            let name: String = member.name().map(|name| crate::osv::one_line(&name)).unwrap_or_default();
            if member.is_dir() || !name.to_ascii_lowercase().ends_with(".json") {
                continue;
            }
            place.member = Some(name);
            bytes.clear();
            let read = member.take(MAX_RECORD as u64 + 1).read_to_end(&mut bytes);
            total += bytes.len() as u64;
            if total > MAX_FILE || (total > FREE_GROWTH && total / MAX_RATIO > length) {
                return Err(io::Error::other(bounded::TOO_LARGE));
            }
            match read {
                Err(error) => self.problem(place, error.to_string()),
                Ok(_) if bytes.len() > MAX_RECORD => {
                    self.problem(place, format!("it is longer than {MAX_RECORD} bytes"));
                }
                Ok(_) => {
                    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                    if !self.object(text, place) {
                        self.problem(place, String::from("it is neither an OSV nor a CVE record"));
                    }
                }
            }
        }
        place.member = None;
        Ok(())
    }

    /// Reads a JSON object; false if it is nothing of ours.
    fn object(&mut self, bytes: &[u8], place: &Place) -> bool {
        let written: Written<'_> = match serde_json::from_slice(bytes) {
            Ok(written) => written,
            Err(error) => {
                // Other people's files may well have an `id` that is a number: those are not ours. Broken ones may be.
                if error.is_data() && !self.named && !looks_like_osv(bytes) {
                    return false;
                }
                self.problem(place, located(&error, place));
                return true;
            }
        };
        let shape = written.shape();
        if shape == Shape::Other {
            return false;
        }
        if shape != Shape::Kev && bytes.len() > MAX_RECORD {
            self.problem(place, format!("the record is longer than {MAX_RECORD} bytes"));
            return true;
        }
        let raw = minified(bytes);
        let parsed = match shape {
            Shape::Osv => {
                written.record(Digest::of(&raw)).map(|record| What::Osv(Box::new(record))).map_err(|e| e.to_string())
            }
            Shape::Cve => cve::Record::parse(&raw).map(|record| What::Cve(Box::new(record))).map_err(|e| e.to_string()),
            Shape::Kev | Shape::Other => {
                kev::Catalogue::parse(&raw).map(|catalogue| What::Kev(Box::new(catalogue))).map_err(|e| e.to_string())
            }
        };
        match parsed {
            Ok(what) => {
                self.count(&what);
                self.hand_on(what, &raw, place);
            }
            Err(message) => self.problem(place, message),
        }
        true
    }

    fn count(&mut self, what: &What) {
        let report = &mut self.report;
        match what {
            What::Osv(record) => {
                report.osv += 1;
                report.withdrawn += u64::from(record.withdrawn.is_some());
                report.malware += u64::from(record.malware);
                let mut ecosystems: Vec<&str> = record
                    .affected
                    .iter()
                    .map(|affected| affected.package.as_ref().map_or("", |package| builder::base(&package.ecosystem)))
                    .collect();
                ecosystems.sort_unstable();
                ecosystems.dedup();
                for ecosystem in ecosystems {
                    *report.ecosystems.entry(ecosystem.to_owned()).or_default() += 1;
                }
            }
            What::Cve(_) => report.cve += 1,
            What::Kev(_) => report.kev += 1,
            What::Epss(_) => report.epss += 1,
        }
    }

    fn hand_on(&mut self, what: What, raw: &[u8], place: &Place) {
        if (self.each)(Item { what, raw, place }).is_break() {
            self.report.stopped = true;
        }
    }

    fn problem(&mut self, place: &Place, message: String) {
        self.report.error_count += 1;
        if self.report.errors.len() < MAX_LISTED {
            self.report.errors.push(Problem { place: place.clone(), message });
        }
    }

    fn skip(&mut self, path: &Path) {
        self.report.skipped_count += 1;
        if self.report.skipped.len() < MAX_LISTED {
            self.report.skipped.push(path.to_owned());
        }
    }
}

/// True if an object that did not parse has the one field that only OSV records have, so that its errors are ours to tell.
fn looks_like_osv(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"\"affected\":" || window == b"\"affected\" ")
}

/// serde's message; its line counts only where the document is a file of its own.
fn located(error: &serde_json::Error, place: &Place) -> String {
    let text = error.to_string();
    match place.line.or(place.element) {
        Some(_) => match text.rsplit_once(" at line ") {
            Some((message, _)) => format!("{message} at column {}", error.column()),
            None => text,
        },
        None => text,
    }
}
