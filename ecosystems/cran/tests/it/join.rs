//! A catalogue as a stage shows it, from `PACKAGES` and lists of files to `PACKAGES`.

use std::collections::HashMap;
use std::io;

use weir_core::Timestamp;
use weir_core::catalogue::{Cuts, Described, Fate, Piece, Place, Settled};
use weir_core::registry::{Document, Note, Page, ServedArtifact, ServedRelease};
use weir_cran::ECOSYSTEM;

const ADDRESS: &str = "http://cran.test/src/contrib/PACKAGES.gz";

/// Pieces by package, in the order in which packages were first met.
#[derive(Default)]
struct Taken {
    packages: Vec<(String, Vec<Vec<u8>>)>,
    names: Vec<String>,
}

impl Cuts for Taken {
    fn frame(&mut self, _bytes: &[u8]) -> io::Result<()> {
        unreachable!("a PACKAGES is all records")
    }

    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.names.push(format!("{} {}", piece.name, piece.stated));
        match self.packages.iter_mut().find(|(key, _)| key == piece.key) {
            Some((_, pieces)) => pieces.push(piece.bytes.to_vec()),
            None => self.packages.push((piece.key.to_owned(), vec![piece.bytes.to_vec()])),
        }
        Ok(())
    }
}

fn cut(packages: &str, archived: &[(&str, &str)]) -> Taken {
    let catalogue = ECOSYSTEM.registry.catalogue().unwrap();
    let mut taken = Taken::default();
    let cut = catalogue.cut(ADDRESS, &mut packages.as_bytes(), &mut taken).unwrap();
    assert_eq!(cut.base, "http://cran.test/src/contrib/");
    for (name, version) in archived {
        let text =
            format!("Weir-Record: archived\nPackage: {name}\nVersion: {version}\nModified: 2020-01-01T00:00:00Z\n");
        let bytes = text.as_bytes();
        taken.piece(Piece { key: name, name: &format!("{name}_{version}.tar.gz"), stated: "", bytes }).unwrap();
    }
    taken
}

/// Joins with everything refused that `refused` names, as `name version`, and with the descriptions that are given.
fn join(taken: &Taken, refused: &[&str], described: &HashMap<&str, Described>) -> (Settled, String) {
    let catalogue = ECOSYSTEM.registry.catalogue().unwrap();
    let mut joining = catalogue.joining().unwrap();
    // The gate gives packages in any order.
    for (key, pieces) in taken.packages.iter().rev() {
        let package = catalogue.package(&Place { part: String::from("src/contrib"), key: key.clone() }).unwrap();
        let body: Vec<u8> = pieces.iter().flat_map(|piece| [piece.as_slice(), b"\n"].concat()).collect();
        let documents = [Document { url: ADDRESS, content_type: "text/plain", body: &body }];
        let index = ECOSYSTEM.registry.parse(&package, &documents).unwrap();
        let published = Timestamp::from_millis(0);
        let releases: Vec<_> = index
            .releases
            .iter()
            .map(|release| {
                let is_refused = refused.contains(&format!("{key} {}", release.version).as_str());
                let refused = is_refused.then(|| Note { rule: "denied".into(), text: "denied: why not".into() });
                let artifacts = vec![ServedArtifact { refused: refused.clone(), published, metadata: None }];
                ServedRelease { refused, warned: None, published, artifacts }
            })
            .collect();
        let page = Page { package: &package, documents: &documents, index: &index, releases: &releases, base: "" };
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        joining.package(key, &page, &pieces);
    }
    let settled = joining.settle(&|key, version| {
        described.get(format!("{key} {version}").as_str()).cloned().unwrap_or(Described::Unknown)
    });
    let mut shown = Vec::new();
    for ((_, fates), (_, pieces)) in settled.fates.iter().zip(&taken.packages) {
        for (fate, piece) in fates.iter().zip(pieces) {
            let bytes = match fate {
                Fate::Shown => piece,
                Fate::Hidden => continue,
                Fate::Other(bytes) => bytes,
            };
            if !shown.is_empty() {
                shown.extend_from_slice(catalogue.separator());
            }
            shown.extend_from_slice(bytes);
        }
    }
    (settled, String::from_utf8(shown).unwrap())
}

const PACKAGES: &str = "Package: aa\nVersion: 2.0\nMD5sum: 0CC175B9C0F1B6A831C399E269772661\nX-New: kept\n\nPackage: bb\nVersion: 1.0\nImports: aa (>= 1.5), methods\n\nPackage: cc\nVersion: 1.0\nDepends: bb\nPath: 4.5.0/Recommended\n";

#[test]
fn a_catalogue_of_which_nothing_is_refused_is_upstreams_byte_for_byte() {
    let taken = cut(PACKAGES, &[("aa", "1.0")]);
    assert_eq!(taken.names[0], "aa_2.0.tar.gz md5:0cc175b9c0f1b6a831c399e269772661");
    let (settled, shown) = join(&taken, &["aa 1.0"], &HashMap::new());
    assert_eq!(shown, PACKAGES);
    assert!(settled.wanted.is_empty() && settled.instead.is_empty());
}

#[test]
fn a_refused_version_gives_way_to_one_of_the_archive_that_says_so() {
    let taken = cut(PACKAGES, &[("aa", "1.0"), ("aa", "1.6"), ("aa", "9.0")]);
    let (settled, _) = join(&taken, &["aa 2.0"], &HashMap::new());
    // 9.0 is newer than what upstream shows: upstream took it back.
    assert_eq!(settled.wanted, [(String::from("aa"), String::from("1.6"))]);
    let description =
        b"Package: aa\nTitle: Left\n  out\nVersion: 1.6\nImports: methods,\n    cc\nNeedsCompilation: no\n".to_vec();
    let (settled, shown) = join(&taken, &["aa 2.0"], &HashMap::from([("aa 1.6", Described::Is(description))]));
    assert!(settled.wanted.is_empty());
    expect_test::expect![[r"
        Package: aa
        Version: 1.6
        Imports: methods, cc
        NeedsCompilation: no
        WeirSubstituted: 2.0 refused: denied: why not

        Package: bb
        Version: 1.0
        Imports: aa (>= 1.5), methods

        Package: cc
        Version: 1.0
        Depends: bb
        Path: 4.5.0/Recommended
    "]]
    .assert_eq(&shown);
}

#[test]
fn what_cannot_be_satisfied_is_hidden_with_the_cause() {
    let taken = cut(PACKAGES, &[("aa", "1.6"), ("aa", "1.0")]);
    let described = HashMap::from([
        ("aa 1.6", Described::Absent),
        ("aa 1.0", Described::Is(b"Package: aa\nVersion: 1.0\n".to_vec())),
    ]);
    let (settled, shown) = join(&taken, &["aa 2.0"], &described);
    assert_eq!(shown, "Package: aa\nVersion: 1.0\nWeirSubstituted: 2.0 refused: denied: why not\n");
    let told: Vec<_> =
        settled.instead.iter().map(|it| (it.key.as_str(), it.shown.as_deref(), it.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            ("aa", Some("1.0"), "refused: denied: why not"),
            ("bb", None, "needs aa >= 1.5, which is shown in 1.0; aa is refused: denied: why not"),
            (
                "cc",
                None,
                "needs bb, which is hidden; that needs aa >= 1.5, which is shown in 1.0; aa is refused: denied: why not"
            ),
        ]
    );
}

#[test]
fn a_version_for_an_older_r_stays_beside_and_takes_the_place_of_a_newer_one() {
    let packages = "Package: aa\nVersion: 2.0\nDepends: R (>= 4.4)\n\nPackage: aa\nVersion: 1.0\nDepends: R (>= 4.0)\nPath: 4.0.0/Recommended\n";
    let taken = cut(packages, &[]);
    assert_eq!(join(&taken, &[], &HashMap::new()).1, packages);
    let (settled, shown) = join(&taken, &["aa 2.0"], &HashMap::new());
    assert_eq!(shown, packages.split_once("\n\n").unwrap().1);
    assert_eq!(settled.instead[0].shown.as_deref(), Some("1.0"));
}

#[test]
fn what_is_no_record_of_a_package_is_left_out() {
    let catalogue = ECOSYSTEM.registry.catalogue().unwrap();
    let odd = "Package: ../x\nVersion: 1\n\nPackage: aa\nVersion: x\n\nWeir-Record: archived\nPackage: aa\nVersion: 1.0\n\nPackage: aa\nVersion: 1.0\nPath: ../..\n\nPackage: bb\nVersion: 1.0";
    let taken = cut(odd, &[]);
    assert_eq!(taken.packages, [(String::from("bb"), vec![b"Package: bb\nVersion: 1.0\n".to_vec()])]);
    for nothing in ["", "<html>", "Package: \n"] {
        let error = catalogue.cut(ADDRESS, &mut nothing.as_bytes(), &mut Taken::default()).unwrap_err();
        assert!(error.to_string().contains("none of its records"), "{error}");
    }
    for (length, fits) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let head = "Package: bb\nVersion: 1.0\nX: ";
        let record = format!("{head}{}\n", "x".repeat(length - head.len() - 1));
        assert_eq!(catalogue.cut(ADDRESS, &mut record.as_bytes(), &mut Taken::default()).is_ok(), fits);
    }
}

#[test]
fn lists_of_files_become_records_of_their_packages() {
    let catalogue = ECOSYSTEM.registry.catalogue().unwrap();
    let mut taken = cut("Package: cli\nVersion: 3.6.2\nLicense: MIT + file LICENSE\n", &[]);
    for name in ["archive", "current"] {
        let packed = std::fs::File::open(format!("{}/testdata/{name}.rds", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut unpacked = io::BufReader::new(flate2::read::GzDecoder::new(packed));
        let address = format!("http://cran.test/src/contrib/Meta/{name}.rds");
        catalogue.cut_beside(&address, &mut unpacked, &mut taken).unwrap();
        let error = catalogue.cut_beside(&address, &mut b"garbage".as_slice(), &mut taken).unwrap_err();
        assert!(error.to_string().contains("as R serialises it"), "{error}");
        for (bytes, packing) in [(b"\xfd7zXZ\0...".as_slice(), "packed with xz"), (b"BZh91AY", "packed with bzip2")] {
            let error = catalogue.cut_beside(&address, &mut &*bytes, &mut taken).unwrap_err();
            assert!(error.to_string().contains(packing), "{error}");
        }
    }
    let (_, pieces) = taken.packages.iter().find(|(key, _)| key == "cli").unwrap();
    let body = pieces.concat();
    let body: Vec<u8> = String::from_utf8(body).unwrap().replace("Weir-", "\nWeir-").into_bytes();
    let package = ECOSYSTEM.names.parse("cli").unwrap();
    let document = Document { url: "http://cran.test/src/contrib/", content_type: "", body: &body };
    let index = ECOSYSTEM.registry.parse(&package, &[document]).unwrap();
    let told: Vec<_> = index
        .releases
        .iter()
        .map(|release| {
            format!("{} {} {}", release.version, release.published.unwrap().date(), release.artifacts[0].url)
        })
        .collect();
    assert_eq!(
        told,
        [
            "3.6.2 2023-03-23 http://cran.test/src/contrib/cli_3.6.2.tar.gz",
            "3.6.1 2023-03-23 http://cran.test/src/contrib/Archive/cli/cli_3.6.1.tar.gz",
            "3.5.0 2022-01-01 http://cran.test/src/contrib/Archive/cli/cli_3.5.0.tar.gz",
        ]
    );
    assert_eq!(index.releases[0].license.as_deref(), Some("MIT"));
}
