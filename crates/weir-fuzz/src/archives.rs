//! What is inside files.

use std::io::Cursor;

use weir_archive::Limits;
use weir_core::Ecosystem;
use weir_core::registry::Expected;

/// Small, so that no input takes long.
const LIMITS: Limits = Limits {
    unpacked_bytes: 4 << 20,
    ratio: 200,
    ratio_free_bytes: 1 << 20,
    entries: 1000,
    picked_bytes: 64 << 10,
    picked_total_bytes: 256 << 10,
    path_bytes: 4096,
    directory_bytes: 256 << 10,
    extension_bytes: 64 << 10,
};

/// File names of which each ecosystem looks into the file, and the packages that they would be of.
const FILES: [(&Ecosystem, &str, &str); 9] = [
    (&weir_pypi::ECOSYSTEM, "demo", "demo-1.0-py3-none-any.whl"),
    (&weir_pypi::ECOSYSTEM, "demo", "demo-1.0.tar.gz"),
    (&weir_npm::ECOSYSTEM, "demo", "demo-1.0.0.tgz"),
    (&weir_cargo::ECOSYSTEM, "demo", "demo-1.0.0.crate"),
    (&weir_conda::ECOSYSTEM, "conda-forge/noarch/demo", "demo-1.0-0.conda"),
    (&weir_conda::ECOSYSTEM, "conda-forge/noarch/demo", "demo-1.0-0.tar.bz2"),
    (&weir_cran::ECOSYSTEM, "demo", "demo_1.0.tar.gz"),
    (&weir_go::ECOSYSTEM, "example.com/demo", "v1.0.0.zip"),
    (&weir_maven::ECOSYSTEM, "org.example:demo", "demo-1.0.jar"),
];

/// A zip archive.
pub fn zip(bytes: &[u8]) {
    let mut picked = Picked::default();
    let _ =
        weir_archive::visit_zip(Cursor::new(bytes), &LIMITS, &|_| true, &mut |path, bytes| picked.add(path, &bytes));
}

/// A tar archive in gzip.
pub fn tar_gz(bytes: &[u8]) {
    let mut picked = Picked::default();
    let _ = weir_archive::visit_tar_gz(bytes, &LIMITS, &|_| true, &mut |path, bytes| picked.add(path, &bytes));
}

/// A tar archive in bzip2.
pub fn tar_bz2(bytes: &[u8]) {
    let mut picked = Picked::default();
    let _ = weir_archive::visit_tar_bz2(bytes, &LIMITS, &|_| true, &mut |path, bytes| picked.add(path, &bytes));
}

/// A conda package of the second format.
pub fn conda(bytes: &[u8]) {
    let mut picked = Picked::default();
    let _ =
        weir_archive::visit_conda(Cursor::new(bytes), &LIMITS, &|_| true, &mut |path, bytes| picked.add(path, &bytes));
}

/// The bytes as an artifact of each kind.
pub fn artifacts(bytes: &[u8]) {
    for (ecosystem, package, file) in FILES {
        let Ok(package) = ecosystem.names.parse(package) else { continue };
        let expected = Expected { package: &package, version: "1.0.0" };
        let _ = weir_inspect::inspect_within(&LIMITS, ecosystem.registry, file, &mut Cursor::new(bytes), &expected);
    }
}

/// What came out of an archive so far: never more than was allowed.
#[derive(Default)]
struct Picked {
    bytes: u64,
    entries: u64,
}

impl Picked {
    fn add(&mut self, path: &str, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.entries += 1;
        assert!(path.len() <= 4096, "a path of {} bytes", path.len());
        assert!(bytes.len() as u64 <= LIMITS.picked_bytes, "{path} has {} bytes", bytes.len());
        assert!(self.bytes <= LIMITS.picked_total_bytes, "{} bytes were picked", self.bytes);
    }
}
