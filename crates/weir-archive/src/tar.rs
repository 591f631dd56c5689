//! tar: ustar (POSIX.1-1988), PAX (POSIX.1-2001), GNU long names; read strictly.

mod extension;
mod header;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{ErrorKind, Read};

use self::extension::Pending;
use self::header::{BLOCK, Header, Type};
use crate::gzip::{Medium, Members, Source};
use crate::notes::{Notes, shown};
use crate::path::{Kind, Paths, leads_out};
use crate::{ArchiveError, Limits, Summary};

/// How much is skipped at once: also how far a limit may be overrun before it is seen.
const SKIP: usize = 64 * 1024;

/// Files up to this many bytes are compared with others of the same path.
const COMPARED: u64 = 1 << 20;

/// Reads a gzip-compressed tar archive. Calls `visit` with path and bytes of each regular file that `pick` wants.
pub fn visit_tar_gz<R: Read>(
    reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    walk(Members::<R, flate2::bufread::GzDecoder<_>>::new(reader), limits, pick, visit)
}

/// Reads a bzip2-compressed tar archive, as [`visit_tar_gz`] does.
pub fn visit_tar_bz2<R: Read>(
    reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    walk(Members::<R, bzip2::bufread::BzDecoder<_>>::new(reader), limits, pick, visit)
}

/// Reads a tar archive that is not compressed, as [`visit_tar_gz`] does.
pub fn visit_tar<R: Read>(
    reader: R,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    walk(Medium::new(reader), limits, pick, visit)
}

pub(crate) fn walk<S: Source>(
    source: S,
    limits: &Limits,
    pick: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Vec<u8>),
) -> Result<Summary, ArchiveError> {
    let mut tar = Tar {
        blocks: Blocks { source, limits, unpacked: 0, scratch: vec![0; SKIP] },
        limits,
        notes: Notes::default(),
        paths: Paths::default(),
        entries: 0,
        links: 0,
        picked: 0,
        visited: HashSet::new(),
        // Under a key that the archive's maker cannot know, a hash stands for the bytes.
        hashing: RandomState::new(),
    };
    tar.entries(pick, visit)?;
    if let Some(oddity) = tar.blocks.oddity()? {
        tar.notes.add(|| oddity.to_owned());
    }
    tar.paths.finish(&mut tar.notes);
    Ok(Summary {
        entries: tar.entries,
        links: tar.links,
        unpacked_bytes: tar.blocks.unpacked,
        ambiguities: tar.notes.finish(),
        partial: None,
    })
}

struct Tar<'a, S> {
    blocks: Blocks<'a, S>,
    limits: &'a Limits,
    notes: Notes,
    paths: Paths,
    entries: u64,
    links: u64,
    picked: u64,
    visited: HashSet<(String, Option<u64>)>,
    hashing: RandomState,
}

impl<S: Source> Tar<'_, S> {
    fn entries(
        &mut self,
        pick: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(&str, Vec<u8>),
    ) -> Result<(), ArchiveError> {
        let mut pending = Pending::default();
        let mut block = [0; BLOCK];
        loop {
            let length = self.blocks.fill(&mut block)?;
            if length < BLOCK {
                // Some writers leave the end mark out; whatever is less than a block holds no entry.
                if block[..length].iter().any(|byte| *byte != 0) {
                    return Err(ArchiveError::Invalid(String::from("the archive ends within a header")));
                }
                break;
            }
            if block.iter().all(|byte| *byte == 0) {
                self.after_end()?;
                break;
            }
            let header = Header::parse(&block, &mut self.notes)?;
            match header.ty {
                Type::Extension(extension) => {
                    let size = header.size;
                    if size > self.limits.extension_bytes {
                        return Err(ArchiveError::Limit(format!(
                            "an extended header is {size} bytes long; at most {} are read",
                            self.limits.extension_bytes
                        )));
                    }
                    let body = self.blocks.take(size)?;
                    pending.add(extension, body, &mut self.notes)?;
                }
                Type::Entry(kind) => self.entry(&header, kind, std::mem::take(&mut pending), pick, visit)?,
            }
        }
        if !pending.is_empty() {
            self.notes.add(|| String::from("the last extended header belongs to no entry"));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &Header,
        kind: Kind,
        pending: Pending,
        pick: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(&str, Vec<u8>),
    ) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::Limit(format!("it has more than {} entries", self.limits.entries)));
        }
        let meant = pending.apply(header, &mut self.notes);
        // What V7 tar had for a directory, and what some still write.
        let kind = if kind == Kind::File && meant.path.ends_with(b"/") { Kind::Directory } else { kind };
        let path = self.paths.read(&meant.path, kind, self.limits, &mut self.notes)?;
        match kind {
            Kind::Special => self.notes.add(|| format!("{} is neither file, directory nor link", shown(&path))),
            Kind::Link => {
                self.links += 1;
                let target = String::from_utf8_lossy(&meant.link);
                if leads_out(&path, &target, header.hard_link) {
                    self.notes
                        .add(|| format!("the link {} leads out of the archive, to {}", shown(&path), shown(&target)));
                }
            }
            Kind::File | Kind::Directory => {}
        }
        let wanted = kind != Kind::Directory && pick(&path);
        if wanted && (kind != Kind::File || meant.sparse) {
            self.notes.add(|| format!("{} is not a plain file", shown(&path)));
        }
        let mut size = meant.size;
        if matches!(kind, Kind::Directory | Kind::Link) && size != 0 {
            // node and Rust skip the data, Python takes the next block for a header.
            self.notes.add(|| format!("{} is no file and yet has {size} bytes", shown(&path)));
            size = 0;
        }
        if header.sparse {
            self.blocks.skip_sparse_maps(header)?;
        }
        let compared = kind == Kind::File && !meant.sparse && size <= COMPARED;
        let mut hash = self.hashing.build_hasher();
        if wanted && kind == Kind::File && !meant.sparse {
            self.picked = self.picked.saturating_add(size);
            if size > self.limits.picked_bytes || self.picked > self.limits.picked_total_bytes {
                return Err(ArchiveError::Limit(format!(
                    "{} is {size} bytes long; at most {} are read of one file and {} of all",
                    shown(&path),
                    self.limits.picked_bytes,
                    self.limits.picked_total_bytes
                )));
            }
            let bytes = self.blocks.take(size)?;
            if compared {
                bytes.chunks(SKIP).for_each(|chunk| hash.write(chunk));
            }
            self.paths.pick(&path);
            if self.visited.insert((path.clone(), compared.then(|| hash.finish()))) {
                visit(&path, bytes);
            }
        } else {
            let mut watch = |chunk: &[u8]| {
                if compared {
                    hash.write(chunk)
                }
            };
            self.blocks.skip(size, &mut watch)?;
        }
        if compared {
            hash.write_u64(size);
            self.paths.content(&path, hash.finish());
        }
        Ok(())
    }

    /// After the first block of the end mark: everything up to the end should be padding.
    fn after_end(&mut self) -> Result<(), ArchiveError> {
        if !self.blocks.drain()? {
            self.notes.add(|| String::from("data follows the end of the archive, which some readers go on to read"));
        }
        Ok(())
    }
}

/// The unpacked stream, in blocks of 512 bytes, within the limits.
struct Blocks<'a, S> {
    source: S,
    limits: &'a Limits,
    unpacked: u64,
    scratch: Vec<u8>,
}

impl<S: Source> Blocks<'_, S> {
    /// Fills `buffer`; less only at the end of the stream.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        fill(&mut self.source, self.limits, &mut self.unpacked, buffer)
    }

    /// The next `size` bytes, and the padding after them.
    fn take(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        let mut left = size;
        while left > 0 {
            let start = bytes.len();
            // Grown as it is filled: a declared size alone reserves nothing.
            bytes.resize(start + left.min(SKIP as u64) as usize, 0);
            let count = fill(&mut self.source, self.limits, &mut self.unpacked, &mut bytes[start..])?;
            if count < bytes.len() - start {
                return Err(ends_within());
            }
            left -= count as u64;
        }
        self.padding(size)?;
        Ok(bytes)
    }

    /// Passes over `size` bytes and the padding after them; `watch` sees them in parts of [`SKIP`].
    fn skip(&mut self, size: u64, watch: &mut dyn FnMut(&[u8])) -> Result<(), ArchiveError> {
        if size > self.limits.unpacked_bytes {
            return Err(too_large(self.limits));
        }
        let mut left = size;
        while left > 0 {
            let length = left.min(SKIP as u64) as usize;
            let part = &mut self.scratch[..length];
            if fill(&mut self.source, self.limits, &mut self.unpacked, part)? < length {
                return Err(ends_within());
            }
            watch(part);
            left -= length as u64;
        }
        self.padding(size)
    }

    fn padding(&mut self, size: u64) -> Result<(), ArchiveError> {
        let length = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let part = &mut self.scratch[..length as usize];
        // A stream that ends here has lost no data.
        fill(&mut self.source, self.limits, &mut self.unpacked, part)?;
        Ok(())
    }

    /// Old GNU sparse files may have further blocks with their map before the data.
    fn skip_sparse_maps(&mut self, header: &Header) -> Result<(), ArchiveError> {
        let mut more = header.sparse_continues;
        let mut block = [0; BLOCK];
        while more {
            if self.fill(&mut block)? < BLOCK {
                return Err(ends_within());
            }
            more = block[504] != 0;
        }
        Ok(())
    }

    /// Reads to the end; true if all of it is zero.
    fn drain(&mut self) -> Result<bool, ArchiveError> {
        let mut zeros = true;
        loop {
            let count = fill(&mut self.source, self.limits, &mut self.unpacked, &mut self.scratch)?;
            zeros &= self.scratch[..count].iter().all(|byte| *byte == 0);
            if count < self.scratch.len() {
                return Ok(zeros);
            }
        }
    }

    fn oddity(&mut self) -> Result<Option<&'static str>, ArchiveError> {
        self.source.oddity().map_err(ArchiveError::Io)
    }
}

fn fill<S: Source>(
    source: &mut S,
    limits: &Limits,
    unpacked: &mut u64,
    buffer: &mut [u8],
) -> Result<usize, ArchiveError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => {
                filled += count;
                *unpacked += count as u64;
                if *unpacked > limits.unpacked_bytes {
                    return Err(too_large(limits));
                }
                if *unpacked > limits.ratio_free_bytes && *unpacked / limits.ratio.max(1) > source.packed() {
                    return Err(ArchiveError::Limit(format!(
                        "it unpacks to more than {} times its size",
                        limits.ratio
                    )));
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if source.medium_failed() => return Err(ArchiveError::Io(error)),
            Err(error) => return Err(ArchiveError::Invalid(format!("the compressed stream is damaged: {error}"))),
        }
    }
    Ok(filled)
}

fn too_large(limits: &Limits) -> ArchiveError {
    ArchiveError::Limit(format!("it unpacks to more than {} bytes", limits.unpacked_bytes))
}

fn ends_within() -> ArchiveError {
    ArchiveError::Invalid(String::from("the archive ends within an entry"))
}

#[cfg(test)]
mod tests;
