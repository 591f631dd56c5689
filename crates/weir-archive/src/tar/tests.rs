use std::io::Write as _;

use super::*;

/// A header with the fields that matter, its checksum right.
fn header(name: &str, flag: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    signed(block)
}

fn signed(mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(BLOCK), 0);
    out
}

fn entry(name: &str, flag: u8, body: &[u8]) -> Vec<u8> {
    [&header(name, flag, body.len() as u64)[..], &padded(body)].concat()
}

fn file(name: &str, body: &[u8]) -> Vec<u8> {
    entry(name, b'0', body)
}

fn link(name: &str, flag: u8, target: &str) -> Vec<u8> {
    let mut block = header(name, flag, 0);
    block[157..157 + target.len()].copy_from_slice(target.as_bytes());
    signed(block).to_vec()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (1..).map(|digits| rest + digits).find(|length| rest + length.to_string().len() == *length);
        body.push_str(&format!("{} {key}={value}\n", length.unwrap()));
    }
    entry("PaxHeader", b'x', body.as_bytes())
}

const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [&entries.concat()[..], &END].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Picked = Vec<(String, Vec<u8>)>;

fn read_within(limits: &Limits, bytes: &[u8]) -> (Result<Summary, ArchiveError>, Picked) {
    let mut picked = Vec::new();
    let mut visit = |path: &str, bytes: Vec<u8>| picked.push((path.to_owned(), bytes));
    let summary = visit_tar(bytes, limits, &|path| path.contains("wanted"), &mut visit);
    (summary, picked)
}

fn notes(entries: &[Vec<u8>]) -> Vec<String> {
    read_within(&Limits::DEFAULT, &archive(entries)).0.unwrap().ambiguities
}

fn gz_notes(bytes: &[u8]) -> Vec<String> {
    visit_tar_gz(bytes, &Limits::DEFAULT, &|_| false, &mut |_, _| {}).unwrap().ambiguities
}

#[test]
fn picked_files_are_read_and_others_passed_over() {
    let long = format!("{}/wanted", "d".repeat(200));
    let entries = [
        entry("pkg/", b'5', b""),
        file("./pkg/other", &[7; 1000]),
        file("pkg/wanted.txt", b"content"),
        pax(&[("path", &long), ("mtime", "1700000000.5")]),
        file("cut", b"by PAX"),
        entry("././@LongLink", b'L', format!("{long}-gnu\0").as_bytes()),
        file("cut", b"by GNU"),
        link("pkg/link", b'2', "wanted.txt"),
        link("pkg/hard", b'1', "pkg/other"),
    ];
    let (summary, picked) = read_within(&Limits::DEFAULT, &archive(&entries));
    let summary = summary.unwrap();
    assert_eq!((summary.entries, summary.links, &summary.ambiguities), (7, 2, &vec![]));
    assert_eq!(summary.unpacked_bytes, archive(&entries).len() as u64);
    let expected: Picked = vec![
        ("pkg/wanted.txt".into(), b"content".to_vec()),
        (long.clone(), b"by PAX".to_vec()),
        (format!("{long}-gnu"), b"by GNU".to_vec()),
    ];
    assert_eq!(picked, expected);
}

#[test]
fn the_prefix_of_a_posix_header_is_part_of_the_path() {
    let mut block = header("wanted", b'0', 0);
    block[345..352].copy_from_slice(b"pkg/sub");
    let (summary, picked) = read_within(&Limits::DEFAULT, &archive(&[signed(block).to_vec()]));
    assert!(summary.unwrap().ambiguities.is_empty());
    assert_eq!(picked[0].0, "pkg/sub/wanted");
}

#[test]
fn an_archive_without_an_end_mark_is_whole() {
    assert!(read_within(&Limits::DEFAULT, &file("a", b"1")).0.unwrap().ambiguities.is_empty());
    assert_eq!(read_within(&Limits::DEFAULT, b"").0.unwrap().entries, 0);
    let unpadded = [&header("a", b'0', 3)[..], b"123"].concat();
    assert!(read_within(&Limits::DEFAULT, &unpadded).0.is_ok());
}

#[test]
fn what_is_cut_off_or_damaged_is_refused() {
    let whole = archive(&[file("a", &[1; 600])]);
    for length in [100, 700, 1000] {
        assert!(matches!(read_within(&Limits::DEFAULT, &whole[..length]).0, Err(ArchiveError::Invalid(_))), "{length}");
    }
    let mut damaged = whole.clone();
    damaged[0] = b'b';
    let problem = read_within(&Limits::DEFAULT, &damaged).0.unwrap_err().to_string();
    assert_eq!(problem, "the header of `b` has a wrong checksum");
}

#[test]
fn every_way_to_read_it_twice_is_noted() {
    let size = |entries: Vec<Vec<u8>>| notes(&entries);
    let cases: Vec<(Vec<String>, &str)> = vec![
        (
            size(vec![pax(&[("size", "512")]), [&header("a", b'0', 0)[..], &[0; 512]].concat()]),
            "`a` has 0 bytes by its header and 512 by its extended header",
        ),
        (notes(&[file("a", b"1"), file("a", b"2")]), "two entries have the path `a`"),
        (
            notes(&[link("l", b'2', "../../etc"), file("x", b"")]),
            "the link `l` leads out of the archive, to `../../etc`",
        ),
        (notes(&[link("l", b'2', "d"), file("l/x", b"")]), "`l/x` lies under `l`, which is not a directory"),
        (notes(&[link("wanted", b'2', "other")]), "`wanted` is not a plain file"),
        (notes(&[entry("dev", b'3', b"")]), "`dev` is neither file, directory nor link"),
        (notes(&[file("/abs", b"")]), "the path `/abs` is absolute"),
        (notes(&[pax(&[("path", "a"), ("path", "b")]), file("c", b"")]), "an extended header has `path` twice"),
        (notes(&[pax(&[]), pax(&[]), file("c", b"")]), "one entry has two extended headers of a kind"),
        (
            notes(&[pax(&[("path", "a")]), entry("L", b'L', b"b\0"), file("c", b"")]),
            "an entry has the path `a` by its PAX header and `b` by its GNU header",
        ),
        (notes(&[pax(&[("path", "a")])]), "the last extended header belongs to no entry"),
        (notes(&[entry("L", b'L', b"a\0b"), file("c", b"")]), "the long name `a` goes on after NUL"),
        (
            notes(&[entry("g", b'g', b"10 path=x\n"), file("c", b"")]),
            "a global header names path, link or size, which few readers apply",
        ),
        (
            notes(&[pax(&[("GNU.sparse.major", "1")]), file("c", b"")]),
            "`c` is stored as a sparse file, which some readers do not know",
        ),
        (notes(&[entry("c", b'S', b"")]), "`c` is stored as a sparse file, which some readers do not know"),
        (notes(&[header("d/", b'5', 9).to_vec()]), "`d` is no file and yet has 9 bytes"),
        (
            notes(&[END.to_vec(), file("hidden", b"")]),
            "data follows the end of the archive, which some readers go on to read",
        ),
        (
            notes(&[vec![0; BLOCK], file("hidden", b"")]),
            "data follows the end of the archive, which some readers go on to read",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, [expected]);
    }
}

#[test]
fn the_same_file_twice_has_one_reading() {
    let twice = [file("wanted", b"same"), file("wanted", b"same")];
    let (summary, picked) = read_within(&Limits::DEFAULT, &archive(&twice));
    assert!(summary.unwrap().ambiguities.is_empty());
    assert_eq!(picked.len(), 1);
}

#[test]
fn a_size_of_an_extended_header_does_not_move_the_next_header() {
    // One reader applies the size to the long name's header and so finds `hidden`; the other does not.
    let entries = [pax(&[("size", "0")]), entry("L", b'L', b"long\0"), file("short", &file("hidden", b""))];
    let (summary, _) = read_within(&Limits::DEFAULT, &archive(&entries));
    assert!(!summary.unwrap().ambiguities.is_empty());
}

#[test]
fn many_ambiguities_stay_a_short_list() {
    let entries: Vec<Vec<u8>> = (0..100).map(|index| file(&format!("/{index}"), b"")).collect();
    let found = notes(&entries);
    assert_eq!(
        (found.len(), found.last().map(String::as_str)),
        (crate::MAX_AMBIGUITIES + 1, Some("84 more like these"))
    );
}

#[test]
fn a_compressed_stream_is_one_member_and_nothing_after() {
    let tar = archive(&[file("a", b"1")]);
    let packed = gzip(&tar);
    assert!(gz_notes(&packed).is_empty());
    assert!(gz_notes(&[&packed[..], &[0; 100]].concat()).is_empty());
    assert_eq!(gz_notes(&[&packed[..], b"x"].concat()), ["bytes follow the compressed stream"]);
    let several = "it consists of several compressed streams, of which some readers read the first alone";
    assert_eq!(gz_notes(&[gzip(&tar[..512]), gzip(&tar[512..])].concat()), [several]);
    assert_eq!(gz_notes(&[&packed[..], &packed].concat()).last().map(String::as_str), Some(several));
    let cut = visit_tar_gz(&packed[..packed.len() - 4], &Limits::DEFAULT, &|_| false, &mut |_, _| {});
    assert!(matches!(cut, Err(ArchiveError::Invalid(_))));
    assert!(matches!(
        visit_tar_gz(&b"no gzip"[..], &Limits::DEFAULT, &|_| false, &mut |_, _| {}),
        Err(ArchiveError::Invalid(_))
    ));
}

#[test]
fn a_stream_of_very_many_members_is_refused() {
    let outcome = |members: usize| {
        let packed = gzip(b"").repeat(members);
        visit_tar_gz(&packed[..], &Limits::DEFAULT, &|_| false, &mut |_, _| {})
    };
    assert!(outcome(1000).is_ok());
    assert!(
        matches!(outcome(1001), Err(ArchiveError::Invalid(problem)) if problem.ends_with("more than 1000 streams"))
    );
}

#[test]
fn bzip2_is_read_alike() {
    let tar = archive(&[file("wanted", b"1")]);
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    let packed = encoder.finish().unwrap();
    let mut picked = 0;
    let summary = visit_tar_bz2(&packed[..], &Limits::DEFAULT, &|_| true, &mut |_, _| picked += 1).unwrap();
    assert_eq!((summary.entries, summary.ambiguities, picked), (1, vec![], 1));
    let twice = [&packed[..], &packed].concat();
    let summary = visit_tar_bz2(&twice[..], &Limits::DEFAULT, &|_| true, &mut |_, _| {}).unwrap();
    assert_eq!(summary.ambiguities.len(), 2);
}

#[test]
fn a_failing_medium_is_no_fault_of_the_archive() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    let packed = gzip(&archive(&[file("a", &[1; 100_000])]));
    let broken = (&packed[..packed.len() / 2]).chain(Failing);
    let outcome = visit_tar_gz(broken, &Limits::DEFAULT, &|_| false, &mut |_, _| {});
    assert!(matches!(outcome, Err(ArchiveError::Io(_))));
}

/// Each limit, at it and one past it.
#[test]
fn limits_hold_where_they_are() {
    let tiny = Limits {
        unpacked_bytes: 8192,
        ratio: 10,
        ratio_free_bytes: 4096,
        entries: 3,
        picked_bytes: 100,
        picked_total_bytes: 150,
        path_bytes: 20,
        directory_bytes: 50,
        extension_bytes: 40,
    };
    let outcome = |entries: &[Vec<u8>]| match read_within(&tiny, &archive(entries)).0 {
        Ok(_) => "read",
        Err(ArchiveError::Limit(_)) => "limit",
        Err(_) => "other",
    };
    let many = |count: usize| (0..count).map(|index| file(&index.to_string(), b"")).collect::<Vec<_>>();
    assert_eq!(outcome(&many(3)), "read");
    assert_eq!(outcome(&many(4)), "limit");
    assert_eq!(outcome(&[file("wanted", &[1; 100])]), "read");
    assert_eq!(outcome(&[file("wanted", &[1; 101])]), "limit");
    assert_eq!(outcome(&[file("wanted", &[1; 80]), file("wanted2", &[1; 70])]), "read");
    assert_eq!(outcome(&[file("wanted", &[1; 80]), file("wanted2", &[1; 71])]), "limit");
    assert_eq!(outcome(&[file(&"a".repeat(20), b"")]), "read");
    assert_eq!(outcome(&[file(&"a".repeat(21), b"")]), "limit");
    let three = |last: usize| [file(&"a".repeat(20), b""), file(&"b".repeat(20), b""), file(&"c".repeat(last), b"")];
    assert_eq!(outcome(&three(10)), "read");
    assert_eq!(outcome(&three(11)), "limit");
    assert_eq!(outcome(&[entry("L", b'L', &[b'a'; 40]), file("x", b"")]), "limit", "the path is too long");
    assert_eq!(outcome(&[entry("g", b'g', b"40 comment=1234567890123456789012345678\n"), file("x", b"")]), "read");
    assert_eq!(outcome(&[entry("g", b'g', &[b'a'; 41]), file("x", b"")]), "limit");
    assert_eq!(outcome(&[file("x", &[1; 8192 - 512 - 1024])]), "read");
    assert_eq!(outcome(&[file("x", &[1; 8192 - 512 - 1023])]), "limit");
    let gz = |size: usize| {
        let packed = gzip(&archive(&[file("x", &vec![0; size])]));
        visit_tar_gz(&packed[..], &tiny, &|_| false, &mut |_, _| {})
    };
    assert!(gz(2000).is_ok(), "what is small may be packed as well as it can");
    assert!(matches!(gz(5000), Err(ArchiveError::Limit(problem)) if problem.contains("10 times")));
    let huge = header("x", b'0', 1 << 32).to_vec();
    assert_eq!(outcome(&[huge]), "limit");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..3000), flag in 0u8..=255) {
        let limits = Limits::DEFAULT;
        let _ = visit_tar(&bytes[..], &limits, &|_| true, &mut |_, _| {});
        let _ = visit_tar_gz(&bytes[..], &limits, &|_| true, &mut |_, _| {});
        let _ = visit_tar_bz2(&bytes[..], &limits, &|_| true, &mut |_, _| {});
        let led = [entry("name", flag, &bytes), file("next", &bytes)].concat();
        let _ = visit_tar(&led[..], &limits, &|_| true, &mut |_, _| {});
    }
}
