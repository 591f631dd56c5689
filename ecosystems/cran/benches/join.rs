//! How long a catalogue of CRAN's size takes: `cargo bench -p weir-cran`. Prints a table. Of the 200 ms that a page may take,
//! this is the part that is CRAN's own: reading records, and settling which version of each package is shown.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that cannot be set up fails, and prints")]

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use weir_core::catalogue::{Cuts, Described, Piece, Place};
use weir_core::registry::{Document, Index, Note, Page, ServedArtifact, ServedRelease};
use weir_core::{PackageName, Timestamp};
use weir_cran::ECOSYSTEM;

const PACKAGES: usize = 22_000;
const ARCHIVED: usize = 6;
const ROUNDS: usize = 7;
const ADDRESS: &str = "http://cran.test/src/contrib/PACKAGES";

#[derive(Default)]
struct Taken(HashMap<String, Vec<Vec<u8>>>);

impl Cuts for Taken {
    fn frame(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.0.entry(piece.key.to_owned()).or_default().push(piece.bytes.to_vec());
        Ok(())
    }
}

struct Package {
    key: String,
    name: PackageName,
    body: Vec<u8>,
    pieces: Vec<Vec<u8>>,
}

fn main() {
    let catalogue = ECOSYSTEM.registry.catalogue().unwrap();
    let text = packages();
    println!("{PACKAGES} packages, {ARCHIVED} archived versions of each, {} KiB", text.len() / 1024);
    let cut = || {
        let mut taken = Taken::default();
        catalogue.cut(ADDRESS, &mut text.as_bytes(), &mut taken).unwrap();
        taken
    };
    row("cut PACKAGES", || drop(cut()));
    let mut taken = cut();
    for at in 0..PACKAGES {
        for version in 1..=ARCHIVED {
            let key = name(at);
            let record = format!(
                "Weir-Record: archived\nPackage: {key}\nVersion: {version}.0\nModified: 2024-01-01T00:00:00Z\nSize: 1\n"
            );
            taken.0.get_mut(&key).unwrap().push(record.into_bytes());
        }
    }
    let packages: Vec<Package> = taken
        .0
        .into_iter()
        .map(|(key, pieces)| {
            let place = Place { part: String::from("src/contrib"), key };
            let name = catalogue.package(&place).unwrap();
            let body = pieces.iter().flat_map(|piece| [piece.as_slice(), b"\n"].concat()).collect();
            Package { key: place.key, name, body, pieces }
        })
        .collect();
    row("read all records", || drop(packages.iter().map(index).collect::<Vec<_>>()));
    let indexes: Vec<Index> = packages.iter().map(index).collect();
    for refused in [0, 20, 300] {
        row(&format!("settle, {refused} refused"), || settle(&packages, &indexes, refused));
    }
}

fn document(package: &Package) -> [Document<'_>; 1] {
    [Document { url: ADDRESS, content_type: "", body: &package.body }]
}

fn index(package: &Package) -> Index {
    ECOSYSTEM.registry.parse(&package.name, &document(package)).unwrap()
}

fn settle(packages: &[Package], indexes: &[Index], refused: usize) {
    let published = Timestamp::from_millis(0);
    let mut joining = ECOSYSTEM.registry.catalogue().unwrap().joining().unwrap();
    let is_refused: Vec<String> = (0..refused).map(|at| name(at * 50)).collect();
    for (package, index) in packages.iter().zip(indexes) {
        let is_refused = is_refused.contains(&package.key);
        let served = index.releases.iter().map(|release| {
            let refused = (is_refused && release.version == "7.0")
                .then(|| Note { rule: String::from("denied"), text: String::from("denied by policy") });
            let artifacts = vec![ServedArtifact { refused: refused.clone(), published, metadata: None }];
            ServedRelease { refused, warned: None, published, artifacts }
        });
        let served: Vec<_> = served.collect();
        let pieces: Vec<&[u8]> = package.pieces.iter().map(Vec::as_slice).collect();
        let documents = document(package);
        let page = Page { package: &package.name, documents: &documents, index, releases: &served, base: "" };
        joining.package(&package.key, &page, &pieces);
    }
    // Only what takes a place is looked into.
    let settled = joining.settle(&|key, version| match is_refused.iter().any(|refused| refused == key) {
        true => Described::Is(format!("Package: {key}\nVersion: {version}\nImports: methods\n").into_bytes()),
        false => Described::Absent,
    });
    assert!(settled.wanted.is_empty() && settled.instead.len() >= refused);
}

fn name(at: usize) -> String {
    format!("package{at:05}")
}

fn packages() -> String {
    let mut state = 20_261_001_usize;
    let mut number = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    let record = |at: usize| {
        let needs: Vec<_> = (0..at.min(6)).map(|_| format!("{} (>= {}.0)", name(number(at)), 1 + number(5))).collect();
        let imports = if needs.is_empty() { String::new() } else { format!("Imports: {}\n", needs.join(", ")) };
        format!(
            "Package: {}\nVersion: 7.0\nDepends: R (>= 3.5.0), methods\n{imports}Suggests: testthat (>= 3.0.0)\n\
             License: MIT + file LICENSE\nMD5sum: 0cc175b9c0f1b6a831c399e269772661\nNeedsCompilation: no\n",
            name(at)
        )
    };
    (0..PACKAGES).map(record).collect::<Vec<_>>().join("\n")
}

fn row(name: &str, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    let (best, median) = (times[0].as_secs_f64() * 1000.0, times[ROUNDS / 2].as_secs_f64() * 1000.0);
    println!("{name:<28} best {best:>8.1} ms, median {median:>8.1} ms");
}
