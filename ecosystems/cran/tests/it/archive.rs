//! What R's own serialisation tells of a repository's files. The documents in `testdata` were written by R.

use std::io::Read as _;

use proptest::prelude::*;
use weir_cran::files;

fn document(name: &str) -> Vec<u8> {
    let packed = std::fs::read(format!("{}/testdata/{name}.rds", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn told(bytes: &[u8]) -> Vec<String> {
    let told = files(bytes)
        .unwrap()
        .into_iter()
        .map(|file| format!("{} {} {} {}", file.name, file.version, file.modified.unwrap().date(), file.size.unwrap()));
    told.collect()
}

#[test]
fn an_archive_tells_of_each_file_its_date_and_size() {
    let expected = ["R6 2.4.0 2023-03-23 19", "cli 3.5.0 2022-01-01 21", "cli 3.6.1 2023-03-23 21"];
    for version in ["archive", "archive-v3"] {
        let mut told = told(&document(version));
        told.sort();
        assert_eq!(told, expected, "{version}");
    }
    assert_eq!(told(&document("current")), ["cli 3.6.2 2023-03-23 21"]);
}

#[test]
fn what_is_more_than_plain_data_is_refused() {
    for (name, problem) in [("closure", "type 3"), ("env", "type 253"), ("compact", "no table")] {
        let error = files(&document(name)).unwrap_err().to_string();
        assert!(error.contains(problem), "{name}: {error}");
    }
    for bytes in [b"".as_slice(), b"X\n", b"A\n262657\n", b"PACKAGES"] {
        assert!(files(bytes).is_err());
    }
}

#[test]
fn no_document_is_read_beyond_its_end_or_with_a_tail() {
    let whole = document("archive");
    for end in 0..whole.len() {
        assert!(files(&whole[..end]).is_err(), "{end}");
    }
    assert!(files(&[whole.as_slice(), b"\0"].concat()).unwrap_err().problem.contains("more bytes follow"));
}

#[test]
fn nesting_ends_somewhere() {
    // A list in a list in a list, as deep as it is long.
    let nested = |levels: usize| {
        let mut bytes = b"X\n\0\0\0\x02\0\x04\x02\x02\0\x02\x03\0".to_vec();
        for _ in 0..levels {
            bytes.extend([0, 0, 0, 19, 0, 0, 0, 1]);
        }
        bytes.extend([0, 0, 0, 254]);
        files(&bytes).unwrap_err().problem
    };
    assert!(nested(weir_cran::MAX_DEPTH).contains("no table"), "{}", nested(weir_cran::MAX_DEPTH));
    assert!(nested(weir_cran::MAX_DEPTH + 1).contains("nested deeper"));
    assert!(nested(1_000_000).contains("nested deeper"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_damage_makes_it_panic(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let mut document = document("archive");
        let at = at.index(document.len());
        for (place, byte) in document[at..].iter_mut().zip(bytes) {
            *place = byte;
        }
        let _ = files(&document);
    }
}
