//! conda's second file format (CEP 35): a zip whose members are tar archives under zstd.
//!
//! What describes a package is in `info-….tar.zst`, what is installed in `pkg-….tar.zst`. The first is read to its end. The
//! second can be gigabytes: it is read as far as the limits go, and that it goes on is told.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crate::gzip::{Medium, Source};
use crate::notes::shown;
use crate::tar::walk;
use crate::zip::{Extent, extent};
use crate::{ArchiveError, Limits, MAX_AMBIGUITIES, Summary, visit_zip};

/// Largest window that a zstd frame may ask for, as a power of two: 128 MiB, what `zstd` itself takes without being told.
const WINDOW_LOG: u32 = 27;
/// Where descriptions are; nothing that is installed may lie there.
const DESCRIPTION: &str = "info/";

/// Reads a `.conda` file. Calls `visit` with path and bytes of each regular file that `pick` wants: first of those that
/// describe the package, then of those that are installed.
pub fn visit_conda<R: Read + Seek>(
    mut reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    let mut described: Vec<Vec<u8>> = Vec::new();
    let is_member =
        |path: &str, kind: &str| path.starts_with(kind) && path.ends_with(".tar.zst") && !path.contains('/');
    let installed = std::cell::Cell::new(0u32);
    let wanted = |path: &str| {
        if is_member(path, "pkg-") {
            installed.set(installed.get() + 1);
        }
        is_member(path, "info-")
    };
    let outer = visit_zip(&mut reader, limits, &wanted, &mut |_, bytes| described.push(bytes))?;
    let installed = installed.get();
    let ([described], 1) = (described.as_slice(), installed) else {
        return Err(ArchiveError::Invalid(format!(
            "it has {} members `info-….tar.zst` and {installed} members `pkg-….tar.zst`, and should have one of each",
            described.len()
        )));
    };
    let mut summary = walk(Frame::new(described.as_slice()).map_err(ArchiveError::Io)?, limits, pick, visit)?;
    summary.ambiguities.splice(0..0, outer.ambiguities);
    summary.links += outer.links;
    let payload = match extent(&mut reader, limits, &|path| is_member(path, "pkg-"))? {
        Some(payload) => payload,
        None => return Err(ArchiveError::Invalid(String::from("its member `pkg-….tar.zst` cannot be found again"))),
    };
    install(reader, payload, limits, pick, visit, &mut summary)?;
    Ok(summary)
}

/// Reads what is installed, as far as the limits go.
fn install<R: Read + Seek>(
    mut reader: R,
    payload: Extent,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
    summary: &mut Summary,
) -> Result<(), ArchiveError> {
    if !payload.is_stored {
        summary.partial = Some(String::from("what is installed is packed twice"));
        return Ok(());
    }
    reader.seek(SeekFrom::Start(payload.at)).map_err(ArchiveError::Io)?;
    let described = std::cell::RefCell::new(None);
    let outside = |path: &str| {
        if path.starts_with(DESCRIPTION) {
            described.borrow_mut().get_or_insert_with(|| shown(path));
            return false;
        }
        pick(path)
    };
    let frame = Frame::new(reader.take(payload.packed)).map_err(ArchiveError::Io)?;
    match walk(frame, limits, &outside, visit) {
        Ok(inner) => {
            summary.entries += inner.entries;
            summary.links += inner.links;
            summary.unpacked_bytes = summary.unpacked_bytes.saturating_add(inner.unpacked_bytes);
            summary.ambiguities.extend(inner.ambiguities);
        }
        Err(ArchiveError::Limit(problem)) => summary.partial = Some(problem),
        Err(error) => return Err(error),
    }
    if let Some(path) = described.into_inner() {
        summary.ambiguities.push(format!("{path} is installed in the place of the description"));
    }
    // One more may tell how many are not told.
    summary.ambiguities.truncate(MAX_AMBIGUITIES + 1);
    Ok(())
}

/// One zstd frame.
struct Frame<R: Read> {
    decoder: Option<zstd::Decoder<'static, BufReader<Medium<R>>>>,
    rest: bool,
    packed: u64,
}

impl<R: Read> Frame<R> {
    fn new(packed: R) -> io::Result<Self> {
        let mut decoder = zstd::Decoder::with_buffer(BufReader::new(Medium::new(packed)))?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self { decoder: Some(decoder), rest: false, packed: 0 })
    }
}

impl<R: Read> Read for Frame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        let count = decoder.read(buffer)?;
        self.packed = decoder.get_ref().get_ref().packed();
        if count == 0
            && !buffer.is_empty()
            && let Some(decoder) = self.decoder.take()
        {
            self.rest = !decoder.finish().fill_buf()?.is_empty();
        }
        Ok(count)
    }
}

impl<R: Read> Source for Frame<R> {
    fn packed(&self) -> u64 {
        self.packed
    }

    fn medium_failed(&self) -> bool {
        self.decoder.as_ref().is_some_and(|decoder| decoder.get_ref().get_ref().medium_failed())
    }

    fn oddity(&mut self) -> io::Result<Option<&'static str>> {
        // What follows the tar archive's end within the frame was read by whoever reads the archive.
        let mut scratch = [0; 4096];
        while self.decoder.is_some() && self.read(&mut scratch)? > 0 {}
        Ok(self.rest.then_some("something follows after the zstd frame, which only some tools read"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, content) in files {
            let mut header = [0u8; 512];
            header[..path.len()].copy_from_slice(path.as_bytes());
            header[100..108].copy_from_slice(b"0000644\0");
            header[108..116].copy_from_slice(b"0000000\0");
            header[116..124].copy_from_slice(b"0000000\0");
            header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
            header[136..148].copy_from_slice(b"00000000000\0");
            header[148..156].copy_from_slice(b"        ");
            header[156] = b'0';
            header[257..265].copy_from_slice(b"ustar\x0000");
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            out.extend_from_slice(&header);
            out.extend_from_slice(content);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    fn conda(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (path, bytes) in members {
            let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            zip.start_file(*path, stored).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    type Seen = Vec<(String, Vec<u8>)>;

    fn read(bytes: &[u8], limits: &Limits) -> (Result<Summary, ArchiveError>, Seen) {
        let mut seen = Vec::new();
        let mut visit = |path: &str, bytes: Vec<u8>| seen.push((path.to_owned(), bytes));
        let pick = |path: &str| path == "info/index.json" || path.starts_with("bin/.");
        let summary = visit_conda(io::Cursor::new(bytes), limits, &pick, &mut visit);
        (summary, seen)
    }

    fn info() -> Vec<u8> {
        zstd::encode_all(&*tar(&[("info/index.json", b"{}"), ("info/other", b"x")]), 3).unwrap()
    }

    fn payload(files: &[(&str, &[u8])]) -> Vec<u8> {
        zstd::encode_all(&*tar(files), 3).unwrap()
    }

    #[test]
    fn the_description_is_read_and_then_what_is_installed() {
        let installed = payload(&[("lib/x", &[7; 5000]), ("bin/.a-post-link.sh", b"true")]);
        let bytes =
            conda(&[("metadata.json", Vec::new()), ("pkg-a-1-0.tar.zst", installed), ("info-a-1-0.tar.zst", info())]);
        let (summary, seen) = read(&bytes, &Limits::DEFAULT);
        assert_eq!(
            seen,
            [
                (String::from("info/index.json"), b"{}".to_vec()),
                (String::from("bin/.a-post-link.sh"), b"true".to_vec())
            ]
        );
        let summary = summary.unwrap();
        assert_eq!((summary.ambiguities, summary.partial, summary.entries), (Vec::new(), None, 4));
    }

    #[test]
    fn what_is_installed_is_read_as_far_as_the_limits_go() {
        let files = [("a", &[1u8; 4000][..]), ("bin/.a-post-link.sh", b"true")];
        let bytes = conda(&[("pkg-a-1-0.tar.zst", payload(&files)), ("info-a-1-0.tar.zst", info())]);
        let limits = |entries| Limits { entries, ..Limits::DEFAULT };
        assert_eq!(read(&bytes, &limits(2)).0.unwrap().partial, None);
        // One entry less, and the rest is not read, which is told and is no fault of the archive.
        let one = conda(&[
            ("pkg-a-1-0.tar.zst", payload(&files)),
            ("info-a-1-0.tar.zst", payload(&[("info/index.json", b"{}")])),
        ]);
        let limits = Limits { entries: 2, unpacked_bytes: 5000, ..Limits::DEFAULT };
        let (summary, seen) = read(&one, &limits);
        assert!(summary.unwrap().partial.unwrap().contains("5000"), "{seen:?}");
        assert_eq!(seen.len(), 1);
        let broken = conda(&[("pkg-a-1-0.tar.zst", b"no zstd".to_vec()), ("info-a-1-0.tar.zst", info())]);
        assert!(matches!(read(&broken, &Limits::DEFAULT).0, Err(ArchiveError::Invalid(_))));
    }

    #[test]
    fn what_has_two_readings_is_told() {
        let mut twice = info();
        twice.extend_from_slice(&info());
        let bytes = conda(&[("pkg-a-1-0.tar.zst", payload(&[])), ("info-a-1-0.tar.zst", twice)]);
        let ambiguities = read(&bytes, &Limits::DEFAULT).0.unwrap().ambiguities;
        assert!(ambiguities[0].contains("after the zstd frame"), "{ambiguities:?}");
        let second = payload(&[("info/index.json", b"other")]);
        let bytes = conda(&[("pkg-a-1-0.tar.zst", second), ("info-a-1-0.tar.zst", info())]);
        let (summary, seen) = read(&bytes, &Limits::DEFAULT);
        assert!(summary.unwrap().ambiguities[0].contains("in the place of the description"));
        assert_eq!(seen, [(String::from("info/index.json"), b"{}".to_vec())]);
        for members in [
            vec![("pkg-a-1-0.tar.zst", payload(&[]))],
            vec![("info-a-1-0.tar.zst", info())],
            vec![("pkg-a-1-0.tar.zst", payload(&[])), ("info-a-1-0.tar.zst", info()), ("info-b-1-0.tar.zst", info())],
            vec![("pkg-a-1-0.tar.zst", payload(&[])), ("x/info-a-1-0.tar.zst", info())],
        ] {
            assert!(matches!(read(&conda(&members), &Limits::DEFAULT).0, Err(ArchiveError::Invalid(_))));
        }
    }

    #[test]
    fn what_cannot_be_unpacked_or_unpacks_to_too_much_is_refused() {
        let broken = conda(&[("pkg-a-1-0.tar.zst", payload(&[])), ("info-a-1-0.tar.zst", b"no zstd".to_vec())]);
        assert!(matches!(read(&broken, &Limits::DEFAULT).0, Err(ArchiveError::Invalid(_))));
        let zeros = zstd::encode_all(&*tar(&[("info/zeros", &vec![0; 40 << 20])]), 3).unwrap();
        let bomb = conda(&[("pkg-a-1-0.tar.zst", payload(&[])), ("info-a-1-0.tar.zst", zeros)]);
        assert!(matches!(read(&bomb, &Limits::DEFAULT).0, Err(ArchiveError::Limit(_))));
    }
}
