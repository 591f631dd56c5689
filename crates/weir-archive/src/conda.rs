//! conda's second file format (CEP 35): a zip whose members are tar archives under zstd.
//!
//! What describes a package is in `info-….tar.zst`, what is installed in `pkg-….tar.zst`. The first is read to its end, the
//! second only stands in the zip: it can be gigabytes, and nothing in it tells what the package is.

use std::io::{self, BufRead, BufReader, Read, Seek};

use crate::gzip::Source;
use crate::tar::walk;
use crate::{ArchiveError, Limits, Summary, visit_zip};

/// Largest window that a zstd frame may ask for, as a power of two: 128 MiB, what `zstd` itself takes without being told.
const WINDOW_LOG: u32 = 27;

/// Reads the description in a `.conda` file. Calls `visit` with path and bytes of each regular file in it that `pick` wants.
pub fn visit_conda<R: Read + Seek>(
    reader: R,
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
    let outer = visit_zip(reader, limits, &wanted, &mut |_, bytes| described.push(bytes))?;
    let installed = installed.get();
    let ([described], 1) = (described.as_slice(), installed) else {
        return Err(ArchiveError::Invalid(format!(
            "it has {} members `info-….tar.zst` and {installed} members `pkg-….tar.zst`, and should have one of each",
            described.len()
        )));
    };
    let mut summary = walk(Frame::new(described).map_err(ArchiveError::Io)?, limits, pick, visit)?;
    summary.ambiguities.splice(0..0, outer.ambiguities);
    summary.links += outer.links;
    Ok(summary)
}

/// One zstd frame.
struct Frame<'a> {
    decoder: Option<zstd::Decoder<'static, BufReader<&'a [u8]>>>,
    rest: bool,
    packed: u64,
}

impl<'a> Frame<'a> {
    fn new(bytes: &'a [u8]) -> io::Result<Self> {
        let mut decoder = zstd::Decoder::new(bytes)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self { decoder: Some(decoder), rest: false, packed: bytes.len() as u64 })
    }
}

impl Read for Frame<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        let count = decoder.read(buffer)?;
        if count == 0
            && !buffer.is_empty()
            && let Some(decoder) = self.decoder.take()
        {
            self.rest = !decoder.finish().fill_buf()?.is_empty();
        }
        Ok(count)
    }
}

impl Source for Frame<'_> {
    fn packed(&self) -> u64 {
        self.packed
    }

    fn medium_failed(&self) -> bool {
        // It is in memory.
        false
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
        let summary = visit_conda(io::Cursor::new(bytes), limits, &|path| path == "info/index.json", &mut visit);
        (summary, seen)
    }

    fn info() -> Vec<u8> {
        zstd::encode_all(&*tar(&[("info/index.json", b"{}"), ("info/other", b"x")]), 3).unwrap()
    }

    #[test]
    fn the_description_is_read_and_what_is_installed_is_not() {
        let bytes = conda(&[
            ("metadata.json", Vec::new()),
            ("pkg-a-1-0.tar.zst", b"no zstd".to_vec()),
            ("info-a-1-0.tar.zst", info()),
        ]);
        let (summary, seen) = read(&bytes, &Limits::DEFAULT);
        assert_eq!(seen, [(String::from("info/index.json"), b"{}".to_vec())]);
        assert_eq!(summary.unwrap().ambiguities, [""; 0]);
    }

    #[test]
    fn what_has_two_readings_is_told() {
        let mut twice = info();
        twice.extend_from_slice(&info());
        let bytes = conda(&[("pkg-a-1-0.tar.zst", Vec::new()), ("info-a-1-0.tar.zst", twice)]);
        let ambiguities = read(&bytes, &Limits::DEFAULT).0.unwrap().ambiguities;
        assert!(ambiguities[0].contains("after the zstd frame"), "{ambiguities:?}");
        for members in [
            vec![("pkg-a-1-0.tar.zst", Vec::new())],
            vec![("info-a-1-0.tar.zst", info())],
            vec![("pkg-a-1-0.tar.zst", Vec::new()), ("info-a-1-0.tar.zst", info()), ("info-b-1-0.tar.zst", info())],
            vec![("pkg-a-1-0.tar.zst", Vec::new()), ("x/info-a-1-0.tar.zst", info())],
        ] {
            assert!(matches!(read(&conda(&members), &Limits::DEFAULT).0, Err(ArchiveError::Invalid(_))));
        }
    }

    #[test]
    fn what_cannot_be_unpacked_or_unpacks_to_too_much_is_refused() {
        let broken = conda(&[("pkg-a-1-0.tar.zst", Vec::new()), ("info-a-1-0.tar.zst", b"no zstd".to_vec())]);
        assert!(matches!(read(&broken, &Limits::DEFAULT).0, Err(ArchiveError::Invalid(_))));
        let zeros = zstd::encode_all(&*tar(&[("info/zeros", &vec![0; 40 << 20])]), 3).unwrap();
        let bomb = conda(&[("pkg-a-1-0.tar.zst", Vec::new()), ("info-a-1-0.tar.zst", zeros)]);
        assert!(matches!(read(&bomb, &Limits::DEFAULT).0, Err(ArchiveError::Limit(_))));
    }
}
