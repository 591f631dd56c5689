//! Artifacts in, what is in them out, with a registry made for the purpose.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Cursor, Read, Seek, SeekFrom, Write as _};

use weir_archive::Limits;
use weir_core::PackageName;
use weir_core::facts::Finding;
use weir_core::registry::{
    Ask, Container, Declared, Document, Entry, Expected, Form, Index, Inspection, InvalidDocument, Page, Problem,
    Registry, Rendered, Reply, Request, RouteError, Wanted,
};
use weir_inspect::{Inspected, ReadSeek, inspect, inspect_within};

/// Opens by extension, wants files called `wanted`, and declares how many there were.
struct Demo;

impl Registry for Demo {
    fn route(&self, _: &Request<'_>) -> Result<Ask, RouteError> {
        Err(RouteError::NotFound(String::new()))
    }

    fn documents(&self, _: &PackageName) -> Vec<Wanted> {
        Vec::new()
    }

    fn parse(&self, _: &PackageName, _: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        Ok(Index::default())
    }

    fn said(&self, _: &[Document<'_>], _: &Index, _: &str) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn render(&self, _: &Page<'_>, _: &Form) -> Result<Rendered, InvalidDocument> {
        Ok(Rendered { content_type: String::new(), body: Vec::new() })
    }

    fn problem(&self, problem: &Problem) -> Reply {
        Reply::text(problem.status, String::new())
    }

    fn inspection(&self, file: &str) -> Option<Inspection> {
        let container = match file.rsplit('.').next()? {
            "zip" => Container::Zip,
            "tgz" => Container::TarGz,
            "tbz" => Container::TarBz2,
            _ => return None,
        };
        Some(Inspection { container, wanted: |path| path.ends_with("wanted") })
    }

    fn declared(&self, file: &str, entries: &[Entry], expected: &Expected<'_>) -> Declared {
        let text = format!("{file} of {} {}", expected.package, expected.version);
        let findings = vec![Finding { code: String::from("version-mismatch"), text }];
        let said = entries.iter().map(|entry| (entry.path.clone(), entry.bytes.len().into()));
        Declared { said: said.collect(), findings, ..Declared::default() }
    }

    fn setup(&self, _: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn install_command(&self, _: &PackageName, _: &str) -> String {
        String::new()
    }
}

fn look(file: &str, bytes: &mut dyn ReadSeek) -> std::io::Result<Inspected> {
    let package = PackageName::from_normalized("demo");
    inspect(&Demo, file, bytes, &Expected { package: &package, version: "1.0.0" })
}

fn look_at(file: &str, bytes: &[u8]) -> Inspected {
    look(file, &mut Cursor::new(bytes)).unwrap()
}

fn codes(inspected: &Inspected) -> Vec<&str> {
    inspected.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn zip(paths: &[&str]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for path in paths {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"content").unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One empty file in a tar archive, compressed.
fn tgz(path: &str) -> Vec<u8> {
    let mut block = [0u8; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..135].copy_from_slice(b"00000000000");
    block[148..156].copy_from_slice(b"        ");
    block[156] = b'0';
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&block).unwrap();
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_artifact_declares_what_its_wanted_entries_say() {
    for (file, bytes) in [("a.zip", zip(&["d/wanted", "d/other"])), ("a.tgz", tgz("d/wanted"))] {
        let inspected = look_at(file, &bytes);
        assert_eq!(inspected.declared.said.keys().collect::<Vec<_>>(), ["d/wanted"]);
        assert_eq!(inspected.entries, if file == "a.zip" { 2 } else { 1 });
        assert_eq!(codes(&inspected), ["version-mismatch"]);
        assert_eq!(inspected.findings[0].text, format!("{file} of demo 1.0.0"));
        assert!(inspected.declared.findings.is_empty(), "each finding is told once");
    }
}

#[test]
fn the_bytes_are_read_from_their_start() {
    let mut bytes = Cursor::new(tgz("wanted"));
    bytes.seek(SeekFrom::End(0)).unwrap();
    assert_eq!(look("a.tgz", &mut bytes).unwrap().entries, 1);
}

#[test]
fn what_can_be_read_in_two_ways_is_a_finding_beside_the_others() {
    let prefixed = [b"rubbish", &zip(&["wanted"])[..]].concat();
    let inspected = look_at("a.zip", &prefixed);
    assert_eq!(codes(&inspected), ["ambiguous-archive", "version-mismatch"]);
    let expected = "in a.zip: 7 bytes stand before the archive or between its directory and its end";
    assert_eq!(inspected.findings[0].text, expected);
}

#[test]
fn what_cannot_be_read_is_a_finding_and_declares_nothing() {
    for file in ["a.zip", "a.tgz", "a.tbz"] {
        for bytes in [&b""[..], b"no archive"] {
            // A compressed stream of nothing at all is not an empty archive.
            let inspected = look_at(file, bytes);
            assert_eq!(codes(&inspected), ["unreadable-archive"], "{file} {bytes:?}");
            assert_eq!((inspected.entries, inspected.declared.said.len()), (0, 0));
        }
    }
    let packed = tgz("wanted");
    assert_eq!(codes(&look_at("a.tgz", &packed[..packed.len() / 2])), ["unreadable-archive"]);
}

#[test]
fn what_is_too_large_is_a_finding() {
    let limits = Limits { entries: 1, ..Limits::DEFAULT };
    let package = PackageName::from_normalized("demo");
    let expected = Expected { package: &package, version: "1.0.0" };
    let mut bytes = Cursor::new(zip(&["a", "b"]));
    let inspected = inspect_within(&limits, &Demo, "a.zip", &mut bytes, &expected).unwrap();
    assert_eq!(codes(&inspected), ["archive-limit"]);
    assert_eq!(inspected.findings[0].text, "in a.zip: it has more than 1 entries");
}

#[test]
fn a_file_that_nothing_is_known_of_is_not_opened() {
    let inspected = look_at("a.exe", b"MZ");
    assert!(inspected.findings.is_empty() && inspected.entries == 0);
}

#[test]
fn a_medium_that_fails_is_an_error_and_no_finding() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("disk on fire")),
                count => Ok(count),
            }
        }
    }
    impl Seek for Failing {
        fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(position)
        }
    }
    let packed = tgz("wanted");
    let mut failing = Failing(Cursor::new(packed[..packed.len() / 2].to_vec()));
    assert!(look("a.tgz", &mut failing).is_err());
}
