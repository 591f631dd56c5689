//! Digests of bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 digest: the identity of bytes everywhere in Weir. Displays as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 80 bits as 16 lower-case base32 characters (RFC 4648 alphabet): the form of a decision's id.
    pub fn short(&self) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut out = String::with_capacity(16);
        for group in self.0[..10].chunks_exact(5) {
            let bits = group.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
            for shift in (0..8).rev() {
                out.push(char::from(ALPHABET[((bits >> (shift * 5)) & 31) as usize]));
            }
        }
        out
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a SHA-256 digest: expected 64 hexadecimal digits")]
pub struct InvalidDigest(String);

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        unhex(text)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| InvalidDigest(text.chars().take(80).collect()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A kind of checksum that is told in text beside a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Checksum {
    /// MD5, for clients that know nothing better: tells accidents, not attacks.
    Md5,
    /// SHA-1, of which the same holds.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Checksum {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The word for it, as in file names: `sha1`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// That of `bytes`, in lower-case hexadecimal digits.
    pub fn of(self, bytes: &[u8]) -> String {
        let mut sum = Summing::new(&[self]);
        sum.update(bytes);
        sum.finish().into_iter().map(|(_, text)| text).collect()
    }
}

/// Computes checksums of bytes as they pass.
#[derive(Clone, Default)]
pub struct Summing(Vec<Sum>);

#[derive(Clone)]
enum Sum {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Summing {
    /// Of these kinds.
    pub fn new(kinds: &[Checksum]) -> Self {
        let sum = |kind: &Checksum| match kind {
            Checksum::Md5 => Sum::Md5(md5::Md5::new()),
            Checksum::Sha1 => Sum::Sha1(sha1::Sha1::new()),
            Checksum::Sha256 => Sum::Sha256(sha2::Sha256::new()),
            Checksum::Sha512 => Sum::Sha512(sha2::Sha512::new()),
        };
        Self(kinds.iter().map(sum).collect())
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for sum in &mut self.0 {
            match sum {
                Sum::Md5(hasher) => hasher.update(bytes),
                Sum::Sha1(hasher) => hasher.update(bytes),
                Sum::Sha256(hasher) => hasher.update(bytes),
                Sum::Sha512(hasher) => hasher.update(bytes),
            }
        }
    }

    /// The checksums of all bytes taken, in lower-case hexadecimal digits.
    pub fn finish(self) -> Vec<(Checksum, String)> {
        let told = |sum: Sum| match sum {
            Sum::Md5(hasher) => (Checksum::Md5, hex(&hasher.finalize())),
            Sum::Sha1(hasher) => (Checksum::Sha1, hex(&hasher.finalize())),
            Sum::Sha256(hasher) => (Checksum::Sha256, hex(&hasher.finalize())),
            Sum::Sha512(hasher) => (Checksum::Sha512, hex(&hasher.finalize())),
        };
        self.0.into_iter().map(told).collect()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Bytes from hexadecimal digits of either case; `None` if the text is anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The digests that an upstream's index states for one artifact; those it does not state are `None`.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatedDigests {
    /// SHA-256: PyPI, cargo, conda.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Digest>,
    /// SHA-512, 64 bytes: npm's `integrity`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha512: Option<Vec<u8>>,
    /// SHA-1, 20 bytes: npm's `shasum`. Checked only where nothing stronger is stated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha1: Option<Vec<u8>>,
    /// MD5, 16 bytes: CRAN's `MD5sum`. It shows damage, not intent; checked only where nothing stronger is stated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub md5: Option<Vec<u8>>,
}

impl StatedDigests {
    /// True if the index states nothing that bytes could be checked against.
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none() && self.sha1.is_none() && self.md5.is_none()
    }

    /// The name of a digest that both state and in which they differ.
    pub fn contradicts(&self, other: &Self) -> Option<&'static str> {
        fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        let names = [
            ("SHA-256", differ(self.sha256.as_ref(), other.sha256.as_ref())),
            ("SHA-512", differ(self.sha512.as_ref(), other.sha512.as_ref())),
            ("SHA-1", differ(self.sha1.as_ref(), other.sha1.as_ref())),
            ("MD5", differ(self.md5.as_ref(), other.md5.as_ref())),
        ];
        names.into_iter().find_map(|(name, differs)| differs.then_some(name))
    }
}

/// Hashes bytes as they pass: SHA-256 always, the others where the index states them.
pub struct Hasher {
    sha256: sha2::Sha256,
    sha512: Option<sha2::Sha512>,
    sha1: Option<sha1::Sha1>,
    md5: Option<md5::Md5>,
    length: u64,
}

/// What [`Hasher`] found.
#[derive(Clone, Debug)]
pub struct Hashed {
    /// The identity of the bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub length: u64,
    sha512: Option<Vec<u8>>,
    sha1: Option<Vec<u8>>,
    md5: Option<Vec<u8>>,
}

impl Hasher {
    /// A hasher that computes what is needed to check `stated`.
    pub fn new(stated: &StatedDigests) -> Self {
        Self {
            sha256: sha2::Sha256::new(),
            sha512: stated.sha512.as_ref().map(|_| sha2::Sha512::new()),
            sha1: stated.sha1.as_ref().filter(|_| stated.sha512.is_none()).map(|_| sha1::Sha1::new()),
            md5: stated
                .md5
                .as_ref()
                .filter(|_| stated.sha256.is_none() && stated.sha512.is_none() && stated.sha1.is_none())
                .map(|_| md5::Md5::new()),
            length: 0,
        }
    }

    /// A hasher that computes all of them.
    pub fn all() -> Self {
        Self {
            sha256: sha2::Sha256::new(),
            sha512: Some(sha2::Sha512::new()),
            sha1: Some(sha1::Sha1::new()),
            md5: Some(md5::Md5::new()),
            length: 0,
        }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.length += bytes.len() as u64;
    }

    /// The digests of all bytes taken.
    pub fn finish(self) -> Hashed {
        Hashed {
            sha256: Digest(self.sha256.finalize().into()),
            length: self.length,
            sha512: self.sha512.map(|hasher| hasher.finalize().to_vec()),
            sha1: self.sha1.map(|hasher| hasher.finalize().to_vec()),
            md5: self.md5.map(|hasher| hasher.finalize().to_vec()),
        }
    }
}

impl Hashed {
    /// What was computed, as an index would state it.
    pub fn stated(&self) -> StatedDigests {
        StatedDigests {
            sha256: Some(self.sha256),
            sha512: self.sha512.clone(),
            sha1: self.sha1.clone(),
            md5: self.md5.clone(),
        }
    }

    /// `Err` with a sentence if the bytes are not those that the index states. Stating nothing passes.
    pub fn check(&self, stated: &StatedDigests) -> Result<(), String> {
        if let Some(sha256) = &stated.sha256
            && *sha256 != self.sha256
        {
            return Err(format!("the index states SHA-256 {sha256}, the bytes have {}", self.sha256));
        }
        if let (Some(stated), Some(found)) = (&stated.sha512, &self.sha512)
            && stated != found
        {
            return Err(format!("the index states SHA-512 {}, the bytes have {}", hex(stated), hex(found)));
        }
        if let (Some(stated), Some(found)) = (&stated.sha1, &self.sha1)
            && stated != found
        {
            return Err(format!("the index states SHA-1 {}, the bytes have {}", hex(stated), hex(found)));
        }
        if let (Some(stated), Some(found)) = (&stated.md5, &self.md5)
            && stated != found
        {
            return Err(format!("the index states MD5 {}, the bytes have {}", hex(stated), hex(found)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_as_it_is_written() {
        let digest = Digest::of(b"weir");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("weir".parse::<Digest>().is_err());
        assert_eq!(digest.short().len(), 16);
        assert_eq!(Digest::from_bytes([0; 32]).short(), "aaaaaaaaaaaaaaaa");
    }

    #[test]
    fn every_kind_of_checksum_is_that_of_its_standard() {
        for (kind, expected) in [
            (Checksum::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Checksum::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Checksum::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(kind.of(b"abc"), expected, "{}", kind.word());
        }
        assert_eq!(Checksum::Sha512.of(b"abc").len(), 128);
        let mut two = Summing::new(&[Checksum::Sha1, Checksum::Md5]);
        two.update(b"a");
        two.update(b"bc");
        assert_eq!(
            two.finish(),
            [(Checksum::Sha1, Checksum::Sha1.of(b"abc")), (Checksum::Md5, Checksum::Md5.of(b"abc"))]
        );
    }

    #[test]
    fn bytes_other_than_the_stated_ones_are_told() {
        let stated = StatedDigests { sha1: unhex("a9993e364706816aba3e25717850c26c9cd0d89d"), ..Default::default() };
        let mut hasher = Hasher::new(&stated);
        hasher.update(b"abc");
        assert_eq!(hasher.finish().check(&stated), Ok(()));
        let mut hasher = Hasher::new(&stated);
        hasher.update(b"abd");
        assert!(hasher.finish().check(&stated).unwrap_err().contains("SHA-1"));
    }

    #[test]
    fn md5_counts_only_where_nothing_stronger_is_stated() {
        let weak = StatedDigests { md5: unhex("900150983cd24fb0d6963f7d28e17f72"), ..Default::default() };
        let both = StatedDigests { sha256: Some(Digest::of(b"abd")), ..weak.clone() };
        let check = |stated: &StatedDigests, bytes: &[u8]| {
            let mut hasher = Hasher::new(stated);
            hasher.update(bytes);
            hasher.finish().check(stated)
        };
        assert_eq!(check(&weak, b"abc"), Ok(()));
        assert!(check(&weak, b"abd").unwrap_err().contains("MD5"));
        assert_eq!(check(&both, b"abd"), Ok(()));
        assert!(!weak.is_empty());
    }
}
