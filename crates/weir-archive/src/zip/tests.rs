use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::*;
use crate::TailHold;

/// One entry as a test wants it, each field free to lie.
#[derive(Clone)]
struct Piece {
    name: Vec<u8>,
    local_name: Vec<u8>,
    data: Vec<u8>,
    flags: u16,
    local_flags: u16,
    method: u16,
    local_method: u16,
    crc: u32,
    local_crc: u32,
    size: u32,
    local_size: u32,
    extra: Vec<u8>,
    attributes: u32,
    after: Vec<u8>,
}

fn piece(name: &str, data: &[u8]) -> Piece {
    let mut crc = Crc::new();
    crc.update(data);
    Piece {
        name: name.into(),
        local_name: name.into(),
        data: data.to_vec(),
        flags: 0,
        local_flags: 0,
        method: STORED,
        local_method: STORED,
        crc: crc.sum(),
        local_crc: crc.sum(),
        size: data.len() as u32,
        local_size: data.len() as u32,
        extra: Vec::new(),
        attributes: 0,
        after: Vec::new(),
    }
}

fn le(parts: &[(u64, usize)]) -> Vec<u8> {
    parts.iter().flat_map(|(value, width)| value.to_le_bytes()[..*width].to_vec()).collect()
}

/// Local headers with data, directory, end record.
fn parts(pieces: &[Piece]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for piece in pieces {
        let offset = body.len() as u64;
        let packed = piece.data.len() as u64;
        body.extend(b"PK\x03\x04");
        body.extend(le(&[
            (20, 2),
            (piece.local_flags.into(), 2),
            (piece.local_method.into(), 2),
            (0, 4),
            (piece.local_crc.into(), 4),
            (if piece.local_flags & 8 != 0 { 0 } else { packed }, 4),
            (piece.local_size.into(), 4),
            (piece.local_name.len() as u64, 2),
            (0, 2),
        ]));
        body.extend(&piece.local_name);
        body.extend(&piece.data);
        body.extend(&piece.after);
        directory.extend(b"PK\x01\x02");
        directory.extend(le(&[
            (0x0314, 2),
            (20, 2),
            (piece.flags.into(), 2),
            (piece.method.into(), 2),
            (0, 4),
            (piece.crc.into(), 4),
            (packed, 4),
            (piece.size.into(), 4),
            (piece.name.len() as u64, 2),
            (piece.extra.len() as u64, 2),
            (0, 2),
            (0, 2),
            (0, 2),
            (piece.attributes.into(), 4),
            (offset, 4),
        ]));
        directory.extend(&piece.name);
        directory.extend(&piece.extra);
    }
    let count = pieces.len() as u64;
    let end = [
        &b"PK\x05\x06"[..],
        &le(&[(0, 4), (count, 2), (count, 2), (directory.len() as u64, 4), (body.len() as u64, 4), (0, 2)]),
    ]
    .concat();
    (body, directory, end)
}

fn zip(pieces: &[Piece]) -> Vec<u8> {
    let (body, directory, end) = parts(pieces);
    [body, directory, end].concat()
}

type Picked = Vec<(String, Vec<u8>)>;

fn read_within(limits: &Limits, bytes: &[u8]) -> (Result<Summary, ArchiveError>, Picked) {
    let mut picked = Vec::new();
    let mut visit = |path: &str, bytes: Vec<u8>| picked.push((path.to_owned(), bytes));
    let summary = visit_zip(Cursor::new(bytes), limits, &|path| path.contains("wanted"), &mut visit);
    (summary, picked)
}

fn notes_of(bytes: &[u8]) -> Vec<String> {
    read_within(&Limits::DEFAULT, bytes).0.unwrap().ambiguities
}

fn notes(piece: Piece) -> Vec<String> {
    notes_of(&zip(&[piece, self::piece("last", b"")]))
}

fn deflated(name: &str, data: &[u8]) -> Piece {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    Piece { data: encoder.finish().unwrap(), method: DEFLATED, local_method: DEFLATED, ..piece(name, data) }
}

/// An entry whose sizes follow its data, in one of the four forms of descriptor.
fn described(mark: bool, wide: bool) -> Piece {
    let plain = piece("streamed", b"12345");
    let width = if wide { 8 } else { 4 };
    let mut after = if mark { b"PK\x07\x08".to_vec() } else { Vec::new() };
    after.extend(le(&[(plain.crc.into(), 4), (5, width), (5, width)]));
    Piece { flags: 8, local_flags: 8, local_crc: 0, local_size: 0, after, ..plain }
}

#[test]
fn picked_files_are_read_and_others_passed_over() {
    let text = b"content ".repeat(1000);
    let bytes = zip(&[piece("dir/", b""), deflated("dir/wanted", &text), piece("x", b"1"), piece("wanted.txt", b"2")]);
    let (summary, picked) = read_within(&Limits::DEFAULT, &bytes);
    let summary = summary.unwrap();
    assert_eq!((summary.entries, summary.unpacked_bytes, &summary.ambiguities), (4, 8002, &vec![]));
    assert_eq!(picked, [("dir/wanted".into(), text), ("wanted.txt".into(), b"2".to_vec())]);
}

#[test]
fn sizes_may_follow_the_data_in_any_of_the_four_forms() {
    for (mark, wide) in [(true, true), (true, false), (false, true), (false, false)] {
        assert_eq!(notes(described(mark, wide)), Vec::<String>::new());
    }
}

#[test]
fn an_empty_archive_is_an_archive() {
    assert_eq!(read_within(&Limits::DEFAULT, &zip(&[])).0.unwrap(), Summary::default());
}

#[test]
fn a_header_that_contradicts_the_directory_is_noted() {
    let plain = || piece("a", b"12345");
    let cases = [
        (Piece { local_name: b"b".to_vec(), ..plain() }, "`a` is called `b` in its local header"),
        (Piece { local_crc: 1, ..plain() }, "`a` has another checksum in its local header than in the directory"),
        (Piece { local_size: 4, ..plain() }, "`a` has another size in its local header than in the directory"),
        (Piece { local_method: 8, ..plain() }, "`a` has another method in its local header than in the directory"),
        (Piece { local_flags: 1, ..plain() }, "`a` has another flags in its local header than in the directory"),
        (Piece { after: b"hidden".to_vec(), ..plain() }, "6 bytes stand hidden after `a`"),
        (
            Piece { after: vec![0; 16], ..described(true, false) },
            "what follows the data of `streamed` does not describe them",
        ),
    ];
    for (piece, expected) in cases {
        assert_eq!(notes(piece), [expected]);
    }
}

#[test]
fn an_odd_entry_is_noted() {
    let plain = || piece("a", b"");
    let zip64 = [le(&[(1, 2), (0, 2)]), le(&[(1, 2), (0, 2)])].concat();
    let other_name = [le(&[(0x7075, 2), (6, 2)]), vec![1, 0, 0, 0, 0, b'b']].concat();
    let cases = [
        (Piece { flags: 1, local_flags: 1, ..plain() }, "`a` is encrypted"),
        (Piece { method: 93, local_method: 93, ..plain() }, "`a` is packed by method 93, which not every reader knows"),
        (piece("d/", b"1"), "`d` is a directory and yet has 1 bytes"),
        (piece("/a", b""), "the path `/a` is absolute"),
        (piece("../a", b""), "the path `../a` has a component `..`"),
        (piece("a\0b", b""), "the path `a\\u{0}b` contains NUL, where some readers end it"),
        (piece("é", b""), "the character set of the path `é` is not stated"),
        (Piece { extra: zip64, ..plain() }, "`a` has two ZIP64 fields"),
        (Piece { extra: other_name, ..plain() }, "`a` has another name in its extra field"),
        (Piece { extra: vec![1, 0, 9, 0], ..plain() }, "the extra field of `a` is damaged"),
        (Piece { attributes: 0o120_777 << 16, ..piece("wanted", b"x") }, "`wanted` is not a plain file"),
        (piece("last", b""), "two entries have the path `last`"),
        (piece("last/x", b""), "`last/x` lies under `last`, which is not a directory"),
    ];
    for (piece, expected) in cases {
        assert_eq!(notes(piece), [expected]);
    }
    let utf8 = Piece { flags: 1 << 11, local_flags: 1 << 11, ..piece("é", b"") };
    assert_eq!(notes(utf8), Vec::<String>::new());
    let not_utf8 = Piece { name: vec![0xe9], local_name: vec![0xe9], ..plain() };
    assert_eq!(notes(not_utf8).len(), 2);
}

#[test]
fn picked_bytes_are_those_that_the_directory_states_or_none() {
    let text = b"content ".repeat(100);
    let honest = deflated("wanted", &text);
    let longer = Piece { size: 100, local_size: 100, ..honest.clone() };
    let other = Piece { crc: 1, local_crc: 1, ..honest.clone() };
    let mut trailing = honest.clone();
    trailing.data.extend(b"more");
    let mut damaged = honest.clone();
    damaged.data[0] = 0xff;
    for piece in [longer, other, trailing, damaged] {
        let (summary, picked) = read_within(&Limits::DEFAULT, &zip(&[piece]));
        let expected = ["`wanted` does not unpack to the bytes that the directory states"];
        assert_eq!((summary.unwrap().ambiguities, picked.len()), (expected.map(String::from).to_vec(), 0));
    }
}

#[test]
fn a_second_end_is_noted() {
    let (body, directory, end) = parts(&[piece("a", b"1")]);
    let whole = [&body[..], &directory, &end].concat();
    assert_eq!(notes_of(&[&whole[..], b"rubbish"].concat()), ["7 bytes follow its end record"]);
    let mut commented = whole.clone();
    let at = commented.len() - 2;
    commented[at] = 22;
    assert_eq!(notes_of(&commented), ["the comment of its end record is cut off"]);
    // In the comment an end record of an empty archive, which is what a search from the end finds first.
    commented.extend([&b"PK\x05\x06"[..], &le(&[(0, 8), (0, 4), (whole.len() as u64, 4), (0, 2)])].concat());
    let hidden = format!("{} bytes stand before the first entry", whole.len());
    assert_eq!(notes_of(&commented), ["it has two end records", hidden.as_str()]);
    let mut comment = whole.clone();
    comment[at] = 5;
    comment.extend(b"hello");
    assert_eq!(notes_of(&comment), Vec::<String>::new());
}

#[test]
fn bytes_before_the_archive_are_noted() {
    let (body, directory, end) = parts(&[piece("wanted", b"1")]);
    let prefixed = [b"#!/bin/sh\n", &body[..], &directory, &end].concat();
    let (summary, picked) = read_within(&Limits::DEFAULT, &prefixed);
    let expected = "10 bytes stand before the archive or between its directory and its end";
    assert_eq!((summary.unwrap().ambiguities, picked.len()), (vec![expected.into()], 1));
    // The same with offsets that know of it.
    let mut directory = directory;
    directory[42] = 10;
    let end = [&end[..16], &le(&[(10 + body.len() as u64, 4)]), &end[20..]].concat();
    let adjusted = [b"#!/bin/sh\n", &body[..], &directory, &end].concat();
    assert_eq!(notes_of(&adjusted), ["10 bytes stand before the first entry"]);
}

#[test]
fn overlapping_entries_are_noted() {
    let (body, directory, mut end) = parts(&[piece("a", &[7; 64])]);
    let twice = [&directory[..], &directory].concat();
    end[8] = 2;
    end[10] = 2;
    end[12] = twice.len() as u8;
    let found = notes_of(&[&body[..], &twice, &end].concat());
    assert_eq!(found, ["an entry overlaps the one before it, `a`", "two entries have the path `a`"]);
}

/// A ZIP64 end record and locator before the end record.
fn with_zip64(change: impl Fn(&mut Vec<u8>, &mut Vec<u8>, &mut Vec<u8>)) -> Vec<u8> {
    let (body, directory, mut end) = parts(&[piece("wanted", b"1")]);
    let at = (body.len() + directory.len()) as u64;
    let mut record = [
        &b"PK\x06\x06"[..],
        &le(&[(44, 8), (45, 2), (45, 2), (0, 4), (0, 4), (1, 8), (1, 8)]),
        &le(&[(directory.len() as u64, 8), (body.len() as u64, 8)]),
    ]
    .concat();
    let mut locator = [&b"PK\x06\x07"[..], &le(&[(0, 4), (at, 8), (1, 4)])].concat();
    change(&mut record, &mut locator, &mut end);
    [body, directory, record, locator, end].concat()
}

#[test]
fn zip64_records_must_agree_with_the_others() {
    assert_eq!(notes_of(&with_zip64(|_, _, _| ())), Vec::<String>::new());
    assert_eq!(notes_of(&with_zip64(|_, _, end| end[8..20].fill(0xff))), Vec::<String>::new());
    let disagree = with_zip64(|record, _, _| record[32] = 2);
    assert!(notes_of(&disagree).contains(&String::from("its end record and its ZIP64 end record disagree")));
    let elsewhere = with_zip64(|_, locator, _| locator[8] = 0);
    assert_eq!(notes_of(&elsewhere), ["its ZIP64 locator points elsewhere than at the ZIP64 end record"]);
    let length = with_zip64(|record, _, _| record[4] = 45);
    assert_eq!(notes_of(&length), ["its ZIP64 end record has an unusual length"]);
    let none = with_zip64(|record, _, _| record[0] = 0);
    assert!(matches!(read_within(&Limits::DEFAULT, &none).0, Err(ArchiveError::Invalid(_))));
}

#[test]
fn a_count_that_is_wrong_is_noted() {
    let (body, directory, mut end) = parts(&[piece("a", b"1")]);
    end[8] = 2;
    end[10] = 2;
    assert_eq!(notes_of(&[body, directory, end].concat()), ["its end record counts 2 entries, its directory has 1"]);
}

#[test]
fn what_is_cut_off_or_no_zip_is_refused() {
    let whole = zip(&[piece("a", b"12345")]);
    for bytes in [&b""[..], b"PK", &whole[..whole.len() - 1], &whole[..40], &whole[30..]] {
        let outcome = read_within(&Limits::DEFAULT, bytes).0;
        assert!(matches!(outcome, Err(ArchiveError::Invalid(_))), "{outcome:?}");
    }
}

#[test]
fn limits_hold_where_they_are() {
    let tiny = Limits {
        entries: 2,
        picked_bytes: 100,
        picked_total_bytes: 150,
        path_bytes: 20,
        directory_bytes: 200,
        ..Limits::DEFAULT
    };
    let outcome = |pieces: &[Piece]| match read_within(&tiny, &zip(pieces)).0 {
        Ok(_) => "read",
        Err(ArchiveError::Limit(_)) => "limit",
        Err(_) => "other",
    };
    assert_eq!(outcome(&[piece("a", b""), piece("b", b"")]), "read");
    assert_eq!(outcome(&[piece("a", b""), piece("b", b""), piece("c", b"")]), "limit");
    assert_eq!(outcome(&[piece("wanted", &[1; 100])]), "read");
    assert_eq!(outcome(&[piece("wanted", &[1; 101])]), "limit");
    assert_eq!(outcome(&[piece("wanted", &[1; 75]), piece("wanted2", &[1; 75])]), "read");
    assert_eq!(outcome(&[piece("wanted", &[1; 75]), piece("wanted2", &[1; 76])]), "limit");
    assert_eq!(outcome(&[piece(&"a".repeat(20), b"")]), "read");
    assert_eq!(outcome(&[piece(&"a".repeat(21), b"")]), "limit");
    let extra = |length: u64| vec![Piece { extra: le(&[(9, 2), (length, 2), (0, 8), (0, 8)]), ..piece("a", b"") }; 2];
    assert_eq!(outcome(&extra(16)), "read");
    let wide = Piece { extra: [le(&[(9, 2), (160, 2)]), vec![0; 160]].concat(), ..piece("a", b"") };
    assert_eq!(outcome(&[wide]), "limit");
    let (body, directory, mut end) = parts(&[piece("a", b"")]);
    let (mut body, directory) = (body, [&directory[..], &directory].concat());
    body[28] = 150;
    body.splice(31..31, [0; 150]);
    end[8] = 2;
    end[10] = 2;
    end[12] = directory.len() as u8;
    end[16] = body.len() as u8;
    let shared = read_within(&tiny, &[body, directory, end].concat()).0;
    assert!(matches!(shared, Err(ArchiveError::Limit(problem)) if problem.contains("local headers")));
    // A bomb that is not picked is not unpacked.
    let bomb = Piece { size: u32::MAX - 1, local_size: u32::MAX - 1, ..piece("bomb", b"") };
    assert_eq!(outcome(std::slice::from_ref(&bomb)), "read");
    assert_eq!(outcome(&[Piece { name: b"wanted".to_vec(), local_name: b"wanted".to_vec(), ..bomb }]), "limit");
}

/// An archive as an independent implementation writes it: paths with contents, packed or stored, streamed or not.
fn written(files: &[(String, Vec<u8>, bool)], large: bool) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content, packed) in files {
        let method = if *packed { ::zip::CompressionMethod::Deflated } else { ::zip::CompressionMethod::Stored };
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method).large_file(large);
        writer.start_file(path.as_str(), options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn files() -> impl Strategy<Value = Vec<(String, Vec<u8>, bool)>> {
    let content = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        // Contents that look like parts of an archive.
        proptest::collection::vec(prop_oneof![Just(b"PK\x01\x02"), Just(b"PK\x05\x06"), Just(b"PK\x03\x04")], 0..30)
            .prop_map(|marks| marks.into_iter().flatten().copied().collect()),
        (0usize..200_000).prop_map(|length| vec![7; length]),
        Just(written(&[(String::from("inner"), vec![1; 100], false), (String::from("b"), vec![], true)], false)),
    ];
    proptest::collection::vec((content, any::<bool>()), 0..12).prop_map(|contents| {
        let named = contents.into_iter().enumerate();
        named.map(|(index, (content, packed))| (format!("dir/wanted-{index}"), content, packed)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_another_implementation_writes_is_read_whole(files in files(), large: bool) {
        let bytes = written(&files, large);
        let (summary, picked) = read_within(&Limits::DEFAULT, &bytes);
        let summary = summary.unwrap();
        prop_assert_eq!(summary.ambiguities, Vec::<String>::new());
        prop_assert_eq!(summary.entries, files.len() as u64);
        prop_assert_eq!(picked, files.into_iter().map(|(path, content, _)| (path, content)).collect::<Vec<_>>());
    }

    #[test]
    fn the_held_part_of_a_stream_contains_the_whole_directory(
        mut files in files(),
        chunks in proptest::collection::vec(1usize..5000, 1..50),
        padding in 0usize..3,
    ) {
        // Enough entries after the others that the directory alone is longer than any tail.
        files.extend((0..padding * 1500).map(|index| (format!("filler/{index}/{}", "x".repeat(60)), vec![], false)));
        let bytes = written(&files, false);
        let directory = ::zip::ZipArchive::new(Cursor::new(&bytes[..])).unwrap().central_directory_start();
        let mut whole = TailHold::zip(bytes.len() as u64);
        whole.feed(&bytes);
        prop_assert!(whole.releasable() <= directory);
        let mut parted = TailHold::zip(bytes.len() as u64);
        let mut rest = &bytes[..];
        let mut before = 0;
        for length in chunks.iter().cycle() {
            if rest.is_empty() { break }
            let (chunk, after) = rest.split_at((*length).min(rest.len()));
            parted.feed(chunk);
            rest = after;
            prop_assert!(before <= parted.releasable() && parted.releasable() <= directory);
            before = parted.releasable();
        }
        prop_assert_eq!(parted.releasable(), whole.releasable());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_within(&Limits::DEFAULT, &bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in any::<proptest::sample::Index>(), byte: u8, zip64: bool) {
        let mut bytes = if zip64 {
            with_zip64(|_, _, end| end[8..20].fill(0xff))
        } else {
            zip(&[deflated("wanted", &[7; 99]), described(true, true), piece("é/", b"")])
        };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_within(&Limits::DEFAULT, &bytes);
    }
}
