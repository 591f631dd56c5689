//! Signed states of the log.
//!
//! Specification: C2SP `signed-note`; the note's text is `go.sum database tree`, the number of records, and the hash of the
//! tree over them (RFC 6962).

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_core::Digest;

/// First line of the note of a state.
const TITLE: &str = "go.sum database tree";
/// Ed25519, in keys and their hashes.
const ED25519_KEY: u8 = 1;
/// Signatures of a note that are looked at.
const MAX_SIGNATURES: usize = 16;

/// SHA-256.
pub type Hash = [u8; 32];

/// A key that verifies notes: `sum.golang.org+033de0ae+Ac4…`.
pub struct Key {
    /// The database's name, which is part of its addresses.
    pub name: String,
    hash: [u8; 4],
    public: Vec<u8>,
}

impl Key {
    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = |problem: &str| {
            format!("`{}` is no key of a checksum database: {problem}; expected name+hash+key", clip(text))
        };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(invalid("it has fewer than three parts"));
        };
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.bytes().all(fine) {
            return Err(invalid("its name is no host name"));
        }
        let key = STANDARD.decode(key).map_err(|_| invalid("the key is not base64"))?;
        let Some((&ED25519_KEY, public)) = key.split_first().filter(|(_, public)| public.len() == 32) else {
            return Err(invalid("it is not of Ed25519"));
        };
        let hashed = key_hash(name, &key);
        if u32::from_str_radix(hash, 16).ok() != Some(u32::from_be_bytes(hashed)) || hash.len() != 8 {
            return Err(invalid("the hash is not the key's"));
        }
        Ok(Self { name: name.to_owned(), hash: hashed, public: public.to_vec() })
    }

    /// The text of a note that this key has signed.
    fn verified<'a>(&self, note: &'a str) -> Result<&'a str, String> {
        let end = note.rfind("\n\n").ok_or("it has no signature")? + 1;
        let (text, signatures) = (&note[..end], &note[end + 1..]);
        for line in signatures.lines().take(MAX_SIGNATURES) {
            let Some((name, signature)) = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')) else {
                return Err(String::from("a signature cannot be read"));
            };
            let Ok(signature) = STANDARD.decode(signature) else {
                return Err(String::from("a signature is not base64"));
            };
            let Some(signature) = signature.strip_prefix(&self.hash).filter(|_| name == self.name) else { continue };
            let key = UnparsedPublicKey::new(&ED25519, &self.public);
            return match key.verify(text.as_bytes(), signature) {
                Ok(()) => Ok(text),
                Err(_) => Err(format!("its signature is not that of {}", self.name)),
            };
        }
        Err(format!("{} has not signed it", self.name))
    }
}

/// The first bytes of SHA-256 over name and key.
fn key_hash(name: &str, key: &[u8]) -> [u8; 4] {
    let mut bytes = format!("{name}\n").into_bytes();
    bytes.extend_from_slice(key);
    let [a, b, c, d, ..] = *Digest::of(&bytes).as_bytes();
    [a, b, c, d]
}

/// A state of the log: how many records it has, and the hash of the tree over them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub size: u64,
    pub hash: Hash,
}

impl Head {
    /// Reads a note, if `key` has signed it.
    pub fn signed(note: &str, key: &Key) -> Result<Self, String> {
        Self::parse(key.verified(note)?)
    }

    /// Reads what `Head` is written as.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let (Some(TITLE), Some(size), Some(hash)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(format!("it is no `{TITLE}`"));
        };
        let size = size.parse().map_err(|_| format!("`{}` is no number of records", clip(size)))?;
        let hash = STANDARD.decode(hash).ok().and_then(|hash| Hash::try_from(hash).ok());
        let hash = hash.ok_or_else(|| String::from("its hash is no SHA-256 in base64"))?;
        Ok(Self { size, hash })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\n{}\n{}", self.size, STANDARD.encode(self.hash))
    }
}

/// The hash of a record: a leaf of the tree.
pub fn record_hash(record: &[u8]) -> Hash {
    let mut bytes = Vec::with_capacity(record.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(record);
    *Digest::of(&bytes).as_bytes()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    *Digest::of(&bytes).as_bytes()
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}
