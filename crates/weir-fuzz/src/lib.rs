//! What reads hostile bytes, each as one function: for the fuzzer (`fuzz/fuzz_targets`), and for the test that replays its corpus
//! on every run (`fuzz/corpus`).
//!
//! A target panics if what it reads makes the reader panic, or breaks a promise that is written beside it. To add one: a function,
//! a line in [`TARGETS`], a file in `fuzz_targets`, and something to begin with in `corpus`.
//!
//! | Module | Reads |
//! |---|---|
//! | [`archives`] | what is inside files |
//! | [`catalogues`] | documents that list many packages |
//! | [`pages`] | documents of one package |
//! | [`records`] | advisories, policies, names, paths |

pub mod archives;
pub mod catalogues;
pub mod pages;
pub mod records;

use weir_core::Ecosystem;

/// A name, which is that of a directory of the corpus too, and what reads the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 23] = [
    ("pypi_html", pages::pypi_html),
    ("pypi_json", pages::pypi_json),
    ("pypi_flat", pages::pypi_flat),
    ("npm_packument", pages::npm_packument),
    ("cargo_index", pages::cargo_index),
    ("go_list", pages::go_list),
    ("go_modfile", pages::go_modfile),
    ("maven_metadata", pages::maven_metadata),
    ("maven_pom", pages::maven_pom),
    ("conda_repodata", catalogues::conda_repodata),
    ("conda_shards", catalogues::conda_shards),
    ("cran_packages", catalogues::cran_packages),
    ("cran_archive", catalogues::cran_archive),
    ("archive_zip", archives::zip),
    ("archive_tar_gz", archives::tar_gz),
    ("archive_tar_bz2", archives::tar_bz2),
    ("archive_conda", archives::conda),
    ("artifacts", archives::artifacts),
    ("osv_record", records::osv),
    ("policy", records::policy),
    ("purl", records::purl),
    ("versions", records::versions),
    ("routes", records::routes),
];

/// All ecosystems, as the binary has them.
pub const ECOSYSTEMS: weir_core::Ecosystems = weir_core::Ecosystems(&ALL);

const ALL: [&Ecosystem; 7] = [
    &weir_pypi::ECOSYSTEM,
    &weir_npm::ECOSYSTEM,
    &weir_cargo::ECOSYSTEM,
    &weir_conda::ECOSYSTEM,
    &weir_cran::ECOSYSTEM,
    &weir_go::ECOSYSTEM,
    &weir_maven::ECOSYSTEM,
];

/// Gives bytes to the target of this name; nothing happens if there is none.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some((_, read)) = TARGETS.iter().find(|(target, _)| *target == name) {
        read(bytes);
    }
}
