//! How is a bundle read, by somebody who trusts nothing?

use std::io::{self, Read};

use weir_core::Digest;
use weir_core::digest::{Hasher, StatedDigests};

use crate::key::SIGNATURE_BYTES;
use crate::{Entry, MANIFEST, MAX_MANIFEST, Manifest, PublicKey, SIGNATURE};

/// Bytes of a tar block (POSIX.1-1988): every entry is padded to a multiple of it.
const BLOCK: usize = 512;

/// A bundle that could not be read. Whatever was told before it, nothing of a bundle is to count until all of it was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("this is not a bundle of Weir: {0}")]
    NotABundle(String),
    /// It was made by somebody who is not believed.
    #[error(
        "the bundle is signed by nobody who is trusted here: add the key that `weir export --key` prints where it was made, \
         with --trust or as [bundle] trust in weir.toml"
    )]
    Untrusted,
    /// The manifest breaks its own rules.
    #[error("the manifest cannot be used: {0}")]
    Manifest(String),
    /// What follows is not what the manifest says.
    #[error("the bundle is damaged at `{path}`: {problem}; copy it again")]
    Damaged {
        /// The entry.
        path: String,
        /// What differs.
        problem: String,
    },
    /// It cannot be read, or what is in it cannot be taken.
    #[error("`{path}` cannot be taken from the bundle")]
    Entry {
        /// The entry.
        path: String,
        /// What happened.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("the bundle cannot be read: it is damaged or cut off")]
    Input(#[source] io::Error),
}

/// Who takes what is in a bundle.
pub trait Take {
    /// The bytes of an entry. They are not checked yet: keep them apart.
    fn bytes(&mut self, entry: &Entry, from: &mut dyn Read) -> io::Result<()>;

    /// These bytes were what the manifest says.
    fn whole(&mut self, entry: &Entry) -> io::Result<()>;
}

/// A bundle whose signature is good.
pub struct Bundle<R: Read> {
    /// At the first entry after the two that come first.
    rest: zstd::stream::read::Decoder<'static, io::BufReader<R>>,
    manifest: Manifest,
    signer: PublicKey,
}

impl<R: Read> Bundle<R> {
    /// Reads the manifest and checks that one of `trusted` has signed it.
    pub fn open(input: R, trusted: &[PublicKey]) -> Result<Self, ReadError> {
        let decoder = zstd::stream::read::Decoder::new(input).map_err(ReadError::Input)?;
        let mut archive = tar::Archive::new(decoder);
        let (manifest, signer) = {
            // Raw: an extended header would be read into memory before anybody was asked whom to believe.
            let mut entries = archive.entries().map_err(|error| ReadError::NotABundle(error.to_string()))?.raw(true);
            let text = head(&mut entries, MANIFEST, MAX_MANIFEST)?;
            let signature = head(&mut entries, SIGNATURE, SIGNATURE_BYTES as u64)?;
            if signature.len() != SIGNATURE_BYTES {
                return Err(ReadError::Untrusted);
            }
            let signer = trusted.iter().find(|key| key.verifies(&text, &signature)).ok_or(ReadError::Untrusted)?;
            (Manifest::parse(&text).map_err(ReadError::Manifest)?, *signer)
        };
        let mut rest = archive.into_inner();
        let mut padding = [0; BLOCK - SIGNATURE_BYTES];
        rest.read_exact(&mut padding).map_err(ReadError::Input)?;
        Ok(Self { rest, manifest, signer })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who has signed it.
    pub fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// Gives every entry to `take`, each checked against the manifest.
    pub fn read(self, take: &mut dyn Take) -> Result<Manifest, ReadError> {
        let Self { rest, manifest, .. } = self;
        let mut archive = tar::Archive::new(rest);
        let mut found = archive.entries().map_err(ReadError::Input)?.raw(true);
        for entry in &manifest.entries {
            let damaged = |problem: String| ReadError::Damaged { path: entry.path.clone(), problem };
            let mut body = match found.next() {
                None => return Err(damaged(String::from("the bundle ends before it"))),
                Some(body) => body.map_err(ReadError::Input)?,
            };
            let path = body.path_bytes();
            if path != entry.path.as_bytes() || !body.header().entry_type().is_file() {
                return Err(damaged(format!("`{}` is in its place", shown(&path))));
            }
            if body.size() != entry.size {
                return Err(damaged(format!("it has {} bytes, the manifest says {}", body.size(), entry.size)));
            }
            let mut hashing = Hashing { body: &mut body, hasher: Hasher::new(&StatedDigests::default()) };
            let failed = |source| ReadError::Entry { path: entry.path.clone(), source };
            take.bytes(entry, &mut hashing).map_err(failed)?;
            io::copy(&mut hashing, &mut io::sink()).map_err(failed)?;
            let hashed = hashing.hasher.finish();
            if (hashed.sha256, hashed.length) != (entry.sha256, entry.size) {
                return Err(damaged(told(&hashed.sha256, hashed.length, entry)));
            }
            take.whole(entry).map_err(failed)?;
        }
        match found.next() {
            None => Ok(manifest),
            Some(_) => Err(ReadError::Damaged {
                path: String::from("the end"),
                problem: String::from("something follows that the manifest does not list"),
            }),
        }
    }
}

fn told(sha256: &Digest, length: u64, entry: &Entry) -> String {
    match length == entry.size {
        true => format!("its bytes have the SHA-256 {sha256}, the manifest says {}", entry.sha256),
        false => format!("{length} of {} bytes are there", entry.size),
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().take(120).collect()
}

/// One of the entries that come first.
fn head<R: Read>(entries: &mut tar::Entries<'_, R>, path: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
    let wrong = |problem: String| ReadError::NotABundle(problem);
    let mut entry = entries
        .next()
        .ok_or_else(|| wrong(format!("it ends before `{path}`")))?
        .map_err(|error| wrong(error.to_string()))?;
    if &*entry.path_bytes() != path.as_bytes() || !entry.header().entry_type().is_file() {
        return Err(wrong(format!("it has `{}` where `{path}` is expected", shown(&entry.path_bytes()))));
    }
    if entry.size() > limit {
        return Err(wrong(format!("`{path}` has {} bytes; at most {limit} are read", entry.size())));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(ReadError::Input)?;
    if bytes.len() as u64 != entry.size() {
        return Err(wrong(format!("it ends within `{path}`")));
    }
    Ok(bytes)
}

/// A reader that hashes what passes.
struct Hashing<'a> {
    body: &'a mut dyn Read,
    hasher: Hasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
