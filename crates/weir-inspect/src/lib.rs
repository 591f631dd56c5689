#![doc = include_str!("../README.md")]

pub mod preflight;

mod identify;

use std::io::{self, Read, Seek};

use weir_archive::{ArchiveError, Limits, Summary};
use weir_core::Digest;
use weir_core::digest::{Hasher, StatedDigests};
use weir_core::facts::Finding;
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection, Registry};

pub use identify::{Unidentified, identify};

/// Bytes that can be read at any place: a stored file, a buffer.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// What is inside an artifact.
#[derive(Clone, Default, Debug)]
pub struct Inspected {
    /// What it says of itself; its findings have been moved to [`Inspected::findings`].
    pub declared: Declared,
    /// What is wrong with it: its container's ambiguities, then its own contradictions.
    pub findings: Vec<Finding>,
    /// How many entries it has; 0 where it was not opened.
    pub entries: u64,
    /// Path and SHA-256 of every entry in its order, where the ecosystem has a checksum database.
    pub digests: Vec<(String, Digest)>,
}

/// Looks into an artifact, within [`Limits::DEFAULT`].
///
/// An archive that cannot be read is a finding about it, not an error: `Err` is only the medium's own failure, and then
/// nothing is known about the artifact.
pub fn inspect(
    registry: &dyn Registry,
    file: &str,
    bytes: &mut dyn ReadSeek,
    expected: &Expected<'_>,
) -> io::Result<Inspected> {
    inspect_within(&Limits::DEFAULT, registry, file, bytes, expected)
}

/// Looks into an artifact within other limits.
pub fn inspect_within(
    limits: &Limits,
    registry: &dyn Registry,
    file: &str,
    bytes: &mut dyn ReadSeek,
    expected: &Expected<'_>,
) -> io::Result<Inspected> {
    let Some(inspection) = registry.inspection(file) else {
        return Ok(Inspected::default());
    };
    let mut entries = Vec::new();
    let outcome = picked(limits, &inspection, bytes, &mut entries);
    let finding = |code: &str, text: String| Finding { code: code.to_owned(), text: format!("in {file}: {text}") };
    let is_whole;
    let (count, mut findings): (u64, Vec<Finding>) = match outcome {
        Ok(summary) => {
            is_whole = summary.partial.is_none();
            let findings = summary.ambiguities.into_iter().map(|text| finding(AMBIGUOUS_ARCHIVE, text)).collect();
            (summary.entries, findings)
        }
        // Of an archive that broke off half-way, what it declared up to there is not what it declares.
        Err(ArchiveError::Invalid(problem)) => return Ok(broken(finding(UNREADABLE_ARCHIVE, problem))),
        Err(ArchiveError::Limit(problem)) => return Ok(broken(finding(ARCHIVE_LIMIT, problem))),
        Err(ArchiveError::Io(error)) => return Err(error),
    };
    let mut digests = Vec::new();
    if inspection.container == Container::Zip && registry.sums().is_some() {
        bytes.rewind()?;
        match digested(bytes, limits, &mut digests) {
            Ok(summary) => {
                findings.extend(summary.ambiguities.into_iter().map(|text| finding(AMBIGUOUS_ARCHIVE, text)))
            }
            Err(ArchiveError::Invalid(problem)) => return Ok(broken(finding(UNREADABLE_ARCHIVE, problem))),
            Err(ArchiveError::Limit(problem)) => return Ok(broken(finding(ARCHIVE_LIMIT, problem))),
            Err(ArchiveError::Io(error)) => return Err(error),
        }
        let mut paths = digests.iter().map(|(path, _)| path.as_str());
        findings.extend(registry.layout(file, &mut paths, expected));
        findings.sort();
        findings.dedup();
    }
    let mut declared = registry.declared(file, &entries, expected);
    // Of what was not read to its end nobody can say that nothing in it runs.
    declared.scripts = declared.scripts.filter(|scripts| is_whole || !scripts.is_empty());
    findings.append(&mut declared.findings);
    Ok(Inspected { declared, findings, entries: count, digests })
}

/// The entries that an inspection wants.
fn picked(
    limits: &Limits,
    inspection: &Inspection,
    bytes: &mut dyn ReadSeek,
    entries: &mut Vec<Entry>,
) -> Result<Summary, ArchiveError> {
    bytes.rewind().map_err(ArchiveError::Io)?;
    let mut visit = |path: &str, bytes: Vec<u8>| entries.push(Entry { path: path.to_owned(), bytes });
    let pick = |path: &str| (inspection.wanted)(path);
    match inspection.container {
        Container::Zip => weir_archive::visit_zip(bytes, limits, &pick, &mut visit),
        Container::TarGz => weir_archive::visit_tar_gz(bytes, limits, &pick, &mut visit),
        Container::Conda => weir_archive::visit_conda(bytes, limits, &pick, &mut visit),
        Container::TarBz2 => weir_archive::visit_tar_bz2(bytes, limits, &pick, &mut visit),
        Container::Plain => plain(bytes, limits, &mut visit),
    }
}

/// The SHA-256 of every entry.
fn digested(
    bytes: &mut dyn ReadSeek,
    limits: &Limits,
    digests: &mut Vec<(String, Digest)>,
) -> Result<Summary, ArchiveError> {
    let mut hasher = Hasher::new(&StatedDigests::default());
    weir_archive::stream_zip(bytes, limits, &mut |path, part| {
        if !part.is_empty() {
            hasher.update(part);
            return;
        }
        let ended = std::mem::replace(&mut hasher, Hasher::new(&StatedDigests::default()));
        digests.push((path.to_owned(), ended.finish().sha256));
    })
}

/// Code of a finding: two readers may read the archive differently.
pub const AMBIGUOUS_ARCHIVE: &str = "ambiguous-archive";
/// Code of a finding: the bytes are not the archive that the file's name promises.
pub const UNREADABLE_ARCHIVE: &str = "unreadable-archive";
/// Code of a finding: the archive is larger than Weir reads.
pub const ARCHIVE_LIMIT: &str = "archive-limit";

/// A file that is packed in nothing.
fn plain(
    bytes: &mut dyn ReadSeek,
    limits: &Limits,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<weir_archive::Summary, ArchiveError> {
    let mut all = Vec::new();
    bytes.take(limits.picked_bytes.saturating_add(1)).read_to_end(&mut all).map_err(ArchiveError::Io)?;
    if all.len() as u64 > limits.picked_bytes {
        return Err(ArchiveError::Limit(format!("it is larger than {} bytes", limits.picked_bytes)));
    }
    visit("", all);
    Ok(weir_archive::Summary { entries: 1, ..weir_archive::Summary::default() })
}

fn broken(finding: Finding) -> Inspected {
    Inspected { findings: vec![finding], ..Inspected::default() }
}
