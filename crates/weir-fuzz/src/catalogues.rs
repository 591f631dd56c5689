//! Documents that list many packages.

use std::io;

use weir_core::Ecosystem;
use weir_core::catalogue::{Cuts, Piece, Place};
use weir_core::registry::Document;

/// Where the documents are said to come from.
const URL: &str = "https://registry.example/part/index";

/// conda's index of a platform.
pub fn conda_repodata(bytes: &[u8]) {
    cut(&weir_conda::ECOSYSTEM, "conda-forge/noarch", bytes);
}

/// conda's list of shards.
pub fn conda_shards(bytes: &[u8]) {
    let shards = weir_conda::ECOSYSTEM.registry.catalogue().and_then(|catalogue| catalogue.shards());
    let document = Document { url: URL, content_type: "", body: bytes };
    let Some((shards, read)) = shards.and_then(|shards| Some((shards, shards.read(&document).ok()?))) else { return };
    let named: Vec<_> = read.iter().map(|shard| (shard.key.clone(), shard.digest)).collect();
    let _ = shards.write(&document, &named);
}

/// CRAN's `PACKAGES`.
pub fn cran_packages(bytes: &[u8]) {
    for (range, record) in weir_cran::records(bytes) {
        assert!(range.end <= bytes.len(), "a record ends at {} of {}", range.end, bytes.len());
        record.fields().for_each(drop);
    }
    cut(&weir_cran::ECOSYSTEM, "src/contrib", bytes);
}

/// CRAN's list of the archive, as R serialises it.
pub fn cran_archive(bytes: &[u8]) {
    if let Ok(files) = weir_cran::files(bytes) {
        assert!(files.len() <= bytes.len(), "{} files in {} bytes", files.len(), bytes.len());
    }
}

/// Cuts a catalogue, and reads what each package has of it as its own document.
fn cut(ecosystem: &Ecosystem, part: &str, bytes: &[u8]) {
    let Some(catalogue) = ecosystem.registry.catalogue() else { return };
    let mut pieces = Pieces(Vec::new());
    if catalogue.cut(URL, &mut &*bytes, &mut pieces).is_err() {
        return;
    }
    for (key, piece) in pieces.0 {
        let Some(package) = catalogue.package(&Place { part: part.to_owned(), key }) else { continue };
        let document = Document { url: URL, content_type: "", body: &[&piece[..], b"\n"].concat() };
        let _ = ecosystem.registry.parse(&package, &[document]);
    }
}

/// Keys and bytes.
struct Pieces(Vec<(String, Vec<u8>)>);

impl Cuts for Pieces {
    fn frame(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.0.push((piece.key.to_owned(), piece.bytes.to_vec()));
        Ok(())
    }
}
