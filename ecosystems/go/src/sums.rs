//! The checksum database: what it says of a module, and that it says the same to everyone.
//!
//! Specification: the Go modules reference, "Checksum database"; the design is golang.org/design/25530-sumdb. Sums are those
//! of `golang.org/x/mod/sumdb/dirhash`.

mod note;
mod tiles;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_core::Digest;
use weir_core::registry::{Contradiction, Document, Expected, Proof, Sum, Sums, Wanted};

use self::note::{Head, Key};
use self::tiles::Tiles;
use crate::index::wanted;
use crate::name::escape;

/// The key of Go's own database.
pub const SUM_GOLANG_ORG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
/// Longest answer to a lookup that is read, in bytes.
pub const MAX_LOOKUP: usize = 64 * 1024;

/// A checksum database as a module proxy hands it on, under `sumdb/{name}/`.
pub struct Database;

impl Sums for Database {
    fn key(&self) -> &'static str {
        SUM_GOLANG_ORG
    }

    fn check_key(&self, key: &str) -> Result<(), String> {
        Key::parse(key).map(drop)
    }

    fn sums(&self, expected: &Expected<'_>, entries: &[(String, Digest)], documents: &[Document<'_>]) -> Vec<Sum> {
        let release = format!("{} {}", expected.package, expected.version);
        let mut sums = vec![Sum { of: release.clone(), sum: hash1(entries) }];
        // The list, `.info`, and then `.mod`.
        if let Some(modfile) = documents.get(2) {
            let entry = (String::from("go.mod"), Digest::of(modfile.body));
            sums.push(Sum { of: format!("{release}/go.mod"), sum: hash1(&[entry]) });
        }
        sums
    }

    fn prove(
        &self,
        key: &str,
        expected: &Expected<'_>,
        head: Option<&str>,
        documents: &[(&str, &[u8])],
    ) -> Result<Proof, Contradiction> {
        let key = Key::parse(key).map_err(Contradiction)?;
        let module = format!("{}@{}", escape(expected.package.as_str()), escape(expected.version));
        let lookup = file(&key, &format!("lookup/{module}"));
        let Some((_, answer)) = documents.iter().find(|(path, _)| *path == lookup.path) else {
            return Ok(Proof::Wants(vec![lookup]));
        };
        let record = Record::parse(answer, &key)?;
        let before = head.map(Head::parse).transpose().map_err(Contradiction)?;
        // Of two states of one log the smaller is the beginning of the larger, whichever came first.
        let (newest, others) = match before {
            Some(before) if before.size > record.head.size => (before, vec![record.head.clone()]),
            Some(before) => (record.head.clone(), vec![before]),
            None => (record.head.clone(), Vec::new()),
        };
        let mut tiles = Tiles::new(&newest, |tile| {
            let path = file(&key, tile).path;
            documents.iter().find(|(held, _)| *held == path).map(|(_, bytes)| *bytes)
        });
        let proven = tiles.holds(record.id, note::record_hash(record.text.as_bytes()))
            && others.iter().all(|other| tiles.begins_with(other));
        let missing = tiles.finish().map_err(|problem| Contradiction(format!("{} {problem}", key.name)))?;
        if !missing.is_empty() {
            return Ok(Proof::Wants(missing.iter().map(|tile| file(&key, tile)).collect()));
        }
        if !proven {
            return Err(Contradiction(format!("{} does not prove what it says of `{module}`", key.name)));
        }
        Ok(Proof::Given { sums: record.sums(expected), head: newest.to_string() })
    }
}

fn file(key: &Key, path: &str) -> Wanted {
    wanted(format!("sumdb/{}/{path}", key.name))
}

/// The answer to a lookup: a record of the log, its number, and a signed state of the log that has it.
struct Record<'a> {
    id: u64,
    /// Lines of `go.sum`, each ended.
    text: &'a str,
    head: Head,
}

impl<'a> Record<'a> {
    fn parse(answer: &'a [u8], key: &Key) -> Result<Self, Contradiction> {
        let invalid = |problem: &str| Contradiction(format!("the answer of {} cannot be read: {problem}", key.name));
        if answer.len() > MAX_LOOKUP {
            return Err(invalid("it is longer than 64 KiB"));
        }
        let answer = std::str::from_utf8(answer).map_err(|_| invalid("it is not UTF-8"))?;
        let (id, rest) = answer.split_once('\n').ok_or_else(|| invalid("it has one line"))?;
        let id = id.parse().map_err(|_| invalid("it does not begin with a number"))?;
        let end = rest.find("\n\n").ok_or_else(|| invalid("its record does not end"))? + 1;
        let (text, note) = (rest.get(..end), rest.get(end + 1..));
        let (Some(text), Some(note)) = (text, note) else { return Err(invalid("its record does not end")) };
        let head = Head::signed(note, key).map_err(|problem| invalid(&problem))?;
        if id >= head.size {
            return Err(invalid("its record is beyond the end of the log"));
        }
        Ok(Self { id, text, head })
    }

    /// What it says of one version: of its zip and of its go.mod.
    fn sums(&self, expected: &Expected<'_>) -> Vec<Sum> {
        let sums = self.text.lines().filter_map(|line| {
            let (of, sum) = line.rsplit_once(' ')?;
            let version = of.strip_prefix(expected.package.as_str())?.strip_prefix(' ')?;
            let is_release = version.strip_suffix("/go.mod").unwrap_or(version) == expected.version;
            is_release.then(|| Sum { of: of.to_owned(), sum: sum.to_owned() })
        });
        sums.collect()
    }
}

/// The sum `h1:`: SHA-256 of a line for each file, in the order of their names.
fn hash1(entries: &[(String, Digest)]) -> String {
    let mut entries: Vec<&(String, Digest)> = entries.iter().collect();
    entries.sort();
    let lines: String = entries.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
    format!("h1:{}", STANDARD.encode(Digest::of(lines.as_bytes()).as_bytes()))
}
