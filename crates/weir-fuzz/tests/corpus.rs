//! Everything that the fuzzer begins with, and ever stumbled over, is read again on every run.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of a prefix that is tried on its own: every one of a file that is this short.
const PREFIXES: usize = 2048;

/// Accidents for each target, unless WEIR_MUTATIONS says more.
const MUTATIONS: usize = 500;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_target_reads_all_of_its_corpus_and_every_beginning_of_it() {
    for (name, read) in weir_fuzz::TARGETS {
        let directory = fuzz().join("corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{name} has nothing to begin with");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            read(&bytes);
            (0..bytes.len().min(PREFIXES)).for_each(|end| read(&bytes[..end]));
        }
    }
}

#[test]
fn every_target_reads_what_little_accidents_make_of_its_corpus() {
    let each: usize = std::env::var("WEIR_MUTATIONS").map_or(MUTATIONS, |text| text.parse().unwrap());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, read) in weir_fuzz::TARGETS {
        let mut files: Vec<_> =
            std::fs::read_dir(fuzz().join("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        for number in 0..each {
            let mut bytes = seeds[number % seeds.len()].clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &seeds, &mut random);
            }
            let read = std::panic::catch_unwind(|| read(&bytes));
            assert!(read.is_ok(), "{name} panics on {}", bytes.escape_ascii());
        }
    }
}

/// One accident: bytes are changed, lost, doubled, or come from elsewhere.
fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(16)).min(bytes.len());
    match random.below(7) {
        0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(8)),
        1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = INTERESTING[random.below(INTERESTING.len())]),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        5 => bytes.insert(at, INTERESTING[random.below(INTERESTING.len())]),
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let to = (from + random.below(64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

/// Bytes at which readers turn.
const INTERESTING: &[u8] = b"\0\x01\x7f\x80\xff\n\r \t\"'<>&;=:/\\{}[](),.-_+*%#@!0129aZ\xc2\xe2\xdf";

/// The same numbers every time.
struct Random(u64);

impl Random {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_there_are_no_others() {
    let targets: BTreeSet<String> = weir_fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), targets);
    assert_eq!(names(&fuzz().join("corpus")), targets);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in targets {
        let program = format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"");
        assert!(manifest.contains(&program), "fuzz/Cargo.toml has no [[bin]] of {target}");
    }
}
