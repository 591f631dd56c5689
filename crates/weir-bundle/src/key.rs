//! Who made a bundle, and is that one believed?

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_core::Digest;

/// What a public key's text begins with.
const PREFIX: &str = "weir-bundle";
/// Bytes of an Ed25519 public key.
const PUBLIC_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A text that is not a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(String);

/// The key that bundles are signed with. It cannot be printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    document: Vec<u8>,
}

/// The key that a signature is checked with, as `weir-bundle+ID+BASE64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl SigningKey {
    /// Makes a new key.
    pub fn generate() -> Result<Self, InvalidKey> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| InvalidKey(String::from("no key can be made: the system gives no random numbers")))?;
        Self::from_pkcs8(document.as_ref())
    }

    /// Reads a key from the text that [`SigningKey::to_text`] made (base64 of PKCS#8, RFC 5958).
    pub fn from_text(text: &str) -> Result<Self, InvalidKey> {
        let bytes = STANDARD
            .decode(text.trim())
            .map_err(|_| InvalidKey(String::from("the signing key is not base64 of a PKCS#8 document")))?;
        Self::from_pkcs8(&bytes)
    }

    fn from_pkcs8(document: &[u8]) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_pkcs8(document)
            .map_err(|_| InvalidKey(String::from("the signing key is not an Ed25519 key in PKCS#8")))?;
        Ok(Self { pair, document: document.to_vec() })
    }

    /// The key as a text, to be kept where nobody else can read it.
    pub fn to_text(&self) -> String {
        STANDARD.encode(&self.document)
    }

    /// What its signatures are checked with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl PublicKey {
    /// Eight characters by which people tell keys apart.
    pub fn id(&self) -> String {
        Digest::of(&self.0).to_string().chars().take(8).collect()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}+{}+{}", self.id(), STANDARD.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let expected = || InvalidKey(format!("a key is written {PREFIX}+ID+BASE64, as `weir export --key` prints it"));
        let mut parts = text.trim().splitn(3, '+');
        let (Some(PREFIX), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(expected());
        };
        let bytes = STANDARD.decode(encoded).map_err(|_| expected())?;
        let key = Self(bytes.try_into().map_err(|_| expected())?);
        if key.id() != id {
            return Err(InvalidKey(format!(
                "the key says that its id is {id}, and it is {}: a character is wrong",
                key.id()
            )));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_text_and_a_wrong_character_is_seen() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_text(&key.to_text()).unwrap();
        assert_eq!(again.public(), key.public());
        let text = key.public().to_string();
        assert_eq!(text.parse::<PublicKey>().unwrap(), key.public());
        let at = text.len() - 10;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        let wrong = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(wrong.parse::<PublicKey>().unwrap_err().to_string().contains("a character is wrong"));
        for text in ["", "weir-bundle", "weir-bundle+aa", "weir-bundle+aa+!!", "weir-bundle+aa+AAAA", "other+aa+AAAA"] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
        assert!(!format!("{key:?}").contains(&key.to_text()));
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signature = key.sign(b"message");
        assert_eq!(signature.len(), SIGNATURE_BYTES);
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"messages", &signature));
        assert!(!other.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"message", &signature[1..]));
    }
}
