//! The checksum database: a log of our own, told truly and falsely.

use std::collections::HashMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_core::registry::{Document, Expected, Proof, Sum};
use weir_core::{Digest, PackageName};
use weir_go::{ECOSYSTEM, SUM_GOLANG_ORG};

const NAME: &str = "sum.example";
const MODULE: &str = "example.com/M";
const VERSION: &str = "v1.0.0";

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    *Digest::of(&parts.concat()).as_bytes()
}

/// A log of so many records, of which one is that of [`MODULE`].
struct Log {
    key: Ed25519KeyPair,
    /// Hashes of the subtrees of each level.
    levels: Vec<Vec<Hash>>,
    place: usize,
}

fn record(sum: &str) -> String {
    format!("{MODULE} {VERSION} {sum}\n{MODULE} {VERSION}/go.mod h1:mod=\n")
}

impl Log {
    fn new(size: usize, place: usize, salt: &str) -> Self {
        let leaf = |number: usize| match number == place {
            true => sha256(&[&[0], record("h1:zip=").as_bytes()]),
            false => sha256(&[&[0], format!("record {number} {salt}").as_bytes()]),
        };
        let mut levels: Vec<Vec<Hash>> = vec![(0..size).map(leaf).collect()];
        while levels.last().unwrap().len() > 1 {
            let below = levels.last().unwrap();
            let above = below.chunks_exact(2).map(|pair| sha256(&[&[1], &pair[0], &pair[1]])).collect();
            levels.push(above);
        }
        Self { key: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(), levels, place }
    }

    fn key(&self) -> String {
        let key = [&[1], self.key.public_key().as_ref()].concat();
        let hash = sha256(&[NAME.as_bytes(), b"\n", &key]);
        format!("{NAME}+{:08x}+{}", u32::from_be_bytes(hash[..4].try_into().unwrap()), STANDARD.encode(key))
    }

    /// The hash of the tree over the first `size` records.
    fn root(&self, size: usize) -> Hash {
        let parts: Vec<Hash> = (0..usize::BITS as usize)
            .rev()
            .filter(|level| size >> level & 1 == 1)
            .map(|level| self.levels[level][(size >> level) - 1])
            .collect();
        let (last, rest) = parts.split_last().unwrap();
        rest.iter().rev().fold(*last, |right, left| sha256(&[&[1], left, &right]))
    }

    /// The signed note of the state of `size` records.
    fn note(&self, size: usize) -> String {
        let text = format!("go.sum database tree\n{size}\n{}\n", STANDARD.encode(self.root(size)));
        let key = [&[1], self.key.public_key().as_ref()].concat();
        let hash = sha256(&[NAME.as_bytes(), b"\n", &key]);
        let signature = [&hash[..4], self.key.sign(text.as_bytes()).as_ref()].concat();
        format!("{text}\n\u{2014} {NAME} {}\n", STANDARD.encode(signature))
    }

    fn lookup(&self, size: usize) -> String {
        format!("{}\n{}\n{}", self.place, record("h1:zip="), self.note(size))
    }

    fn tile(&self, path: &str) -> Vec<u8> {
        let (path, width) = path.split_once(".p/").map_or((path, 256), |(path, width)| (path, width.parse().unwrap()));
        let mut parts = path.trim_start_matches("tile/8/").split('/');
        let level: usize = parts.next().unwrap().parse().unwrap();
        let number: usize =
            parts.fold(0, |number, group| number * 1000 + group.trim_start_matches('x').parse::<usize>().unwrap());
        self.levels[level * 8][number * 256..number * 256 + width].concat()
    }

    /// Answers whatever a proof asks for, with `lie` in the place of some answers.
    fn prove(&self, size: usize, head: Option<&str>, lie: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Given, String> {
        let package = PackageName::from_normalized(MODULE);
        let expected = Expected { package: &package, version: VERSION };
        let mut answers: HashMap<String, Vec<u8>> = HashMap::new();
        for _ in 0..12 {
            let held: Vec<(&str, &[u8])> = answers.iter().map(|(path, it)| (path.as_str(), it.as_slice())).collect();
            let proof = ECOSYSTEM.registry.sums().unwrap().prove(&self.key(), &expected, head, &held);
            match proof.map_err(|contradiction| contradiction.0)? {
                Proof::Given { sums, head } => return Ok(Given { sums, head, tiles: answers.len() - 1 }),
                Proof::Wants(wanted) => {
                    for path in wanted.into_iter().map(|wanted| wanted.path) {
                        let own = path.strip_prefix("sumdb/sum.example/").unwrap();
                        let told = || match own.starts_with("lookup/") {
                            true => self.lookup(size).into_bytes(),
                            false => self.tile(own),
                        };
                        assert!(own.starts_with("tile/") || own == "lookup/example.com/!m@v1.0.0", "{own}");
                        let answer = lie(own).unwrap_or_else(told);
                        assert!(answers.insert(path, answer).is_none(), "asked twice");
                    }
                }
            }
        }
        panic!("the proof does not end");
    }
}

#[derive(Debug)]
struct Given {
    sums: Vec<Sum>,
    head: String,
    tiles: usize,
}

fn truly(_: &str) -> Option<Vec<u8>> {
    None
}

#[test]
fn a_record_is_proven_in_logs_of_every_shape() {
    for (size, place) in [
        (1, 0),
        (2, 1),
        (255, 254),
        (256, 0),
        (257, 256),
        (257, 3),
        (65_536, 65_535),
        (65_537, 17),
        (66_049, 66_000),
        (70_000, 300),
        (131_072, 70_000),
    ] {
        let given = Log::new(size, place, "").prove(size, None, &truly).unwrap();
        assert_eq!(given.sums[0], Sum { of: String::from("example.com/M v1.0.0"), sum: String::from("h1:zip=") });
        assert_eq!(given.sums[1].of, "example.com/M v1.0.0/go.mod");
        assert!(given.tiles <= 6, "{size} {place} {}", given.tiles);
    }
}

#[test]
fn every_later_state_grows_out_of_the_one_that_was_seen() {
    let log = Log::new(70_000, 300, "");
    let mut head = None;
    for size in [301, 512, 700, 65_536, 66_000, 70_000] {
        let given = log.prove(size, head.as_deref(), &truly).unwrap();
        assert!(given.head.contains(&format!("\n{size}\n")));
        head = Some(given.head);
    }
    // An answer from before is the beginning of what is known, and does not take it back.
    let given = log.prove(512, head.as_deref(), &truly).unwrap();
    assert_eq!(Some(given.head), head);
}

#[test]
fn two_histories_are_a_contradiction() {
    let head = Log::new(1_000, 300, "").prove(1_000, None, &truly).unwrap().head;
    for size in [400, 1_000, 2_000] {
        let other = Log::new(2_000, 300, "told to somebody else").prove(size, Some(&head), &truly).unwrap_err();
        assert!(other.contains("two histories") || other.contains("not of its tree"), "{size}: {other}");
    }
}

#[test]
fn no_answer_is_believed_that_is_not_proven() {
    let log = Log::new(70_000, 300, "");
    let lie = |wrong: &dyn Fn(&str) -> Option<Vec<u8>>| log.prove(70_000, None, wrong).unwrap_err();
    let flip = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        Some(bytes)
    };
    // Each tile in turn, and each way to answer wrongly.
    for tile in ["tile/8/0/001", "tile/8/1/001.p/17", "tile/8/0/273.p/112", "tile/8/1/000", "tile/8/2/000.p/1"] {
        let asked = std::cell::Cell::new(false);
        let wrong = |path: &str| {
            asked.set(asked.get() || path == tile);
            (path == tile).then(|| flip(log.tile(path), 5)).flatten()
        };
        assert!(lie(&wrong).contains("not of its tree"), "{tile}");
        assert!(asked.get(), "{tile}");
        assert!(lie(&|path| (path == tile).then(Vec::new)).contains("a tile of 0 bytes"), "{tile}");
    }
    let answer = |text: String| lie(&move |path| path.starts_with("lookup/").then(|| text.clone().into_bytes()));
    let truth = log.lookup(70_000);
    assert!(answer(truth.replace("h1:zip=", "h1:other=")).contains("does not prove"));
    assert!(answer(truth.replacen("300\n", "301\n", 1)).contains("does not prove"));
    assert!(answer(truth.replacen("300\n", "70000\n", 1)).contains("beyond the end"));
    assert!(answer(truth.replace("\n70000\n", "\n69999\n")).contains("its signature is not"));
    assert!(answer(truth.replace(NAME, "else.example")).contains("has not signed"));
    let unsigned = truth.rsplit_once('\u{2014}').unwrap().0.to_owned();
    assert!(answer(unsigned).contains("has not signed"));
    for text in ["", "300", "300\n", "x\ny\n\nz", "not found", "300\nrecord\n\n"] {
        assert!(answer(text.to_owned()).contains("cannot be read"), "{text:?}");
    }
    assert!(answer(format!("{truth}{}", "x".repeat(64 * 1024))).contains("longer than"));
}

#[test]
fn a_record_of_another_version_says_nothing_of_this_one() {
    let log = Log::new(300, 7, "");
    let package = PackageName::from_normalized(MODULE);
    let expected = Expected { package: &package, version: "v1.0.1" };
    let sums = ECOSYSTEM.registry.sums().unwrap();
    let mut answers =
        vec![(String::from("sumdb/sum.example/lookup/example.com/!m@v1.0.1"), log.lookup(300).into_bytes())];
    loop {
        let held: Vec<(&str, &[u8])> = answers.iter().map(|(path, it)| (path.as_str(), it.as_slice())).collect();
        match sums.prove(&log.key(), &expected, None, &held).unwrap() {
            Proof::Wants(wanted) => answers.extend(wanted.into_iter().map(|wanted| {
                let tile = log.tile(wanted.path.strip_prefix("sumdb/sum.example/").unwrap());
                (wanted.path, tile)
            })),
            Proof::Given { sums, .. } => {
                assert_eq!(sums, []);
                return;
            }
        }
    }
}

#[test]
fn the_key_of_the_public_database_reads_and_others_do_not() {
    let sums = ECOSYSTEM.registry.sums().unwrap();
    assert_eq!(sums.check_key(SUM_GOLANG_ORG), Ok(()));
    for key in [
        "",
        "sum.golang.org",
        "sum.golang.org+033de0ae",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "../x+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+AAAA",
    ] {
        assert!(sums.check_key(key).is_err(), "{key}");
    }
}

#[test]
fn the_sum_of_a_zip_is_over_its_files_in_the_order_of_their_names() {
    // golang.org/x/mod/sumdb/dirhash: `h1:` is SHA-256 over lines as `sha256sum` prints them.
    let package = PackageName::from_normalized("example.com/m");
    let expected = Expected { package: &package, version: VERSION };
    let entries = ["b.go", "a.go"].map(|name| (format!("example.com/m@v1.0.0/{name}"), Digest::of(name.as_bytes())));
    let modfile = Document { url: "", content_type: "", body: b"module example.com/m\n" };
    let list = Document { url: "", content_type: "", body: b"" };
    let sums = ECOSYSTEM.registry.sums().unwrap().sums(&expected, &entries, &[list, list, modfile]);
    let lines = format!(
        "{}  example.com/m@v1.0.0/a.go\n{}  example.com/m@v1.0.0/b.go\n",
        Digest::of(b"a.go"),
        Digest::of(b"b.go")
    );
    assert_eq!(sums[0].sum, format!("h1:{}", STANDARD.encode(Digest::of(lines.as_bytes()).as_bytes())));
    assert_eq!(sums[1].of, "example.com/m v1.0.0/go.mod");
    let line = format!("{}  go.mod\n", Digest::of(b"module example.com/m\n"));
    assert_eq!(sums[1].sum, format!("h1:{}", STANDARD.encode(Digest::of(line.as_bytes()).as_bytes())));
}
