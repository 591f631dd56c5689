//! What a token is, and how it is kept.
//!
//! A token is `weir_ID_SECRET`. The id finds its row; of the secret only the SHA-256 is stored. The secret has 256 random
//! bits, so a slow hash would protect nothing more.

use std::fmt;

use weir_core::{Digest, Timestamp};
use weir_store::{NewToken, Scope, Store, StoreError};

/// A token in clear. It can be shown once, when it is made, and cannot be printed by accident.
pub struct Token {
    id: String,
    secret: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "weir_{}_****", self.id)
    }
}

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Token {
    /// Makes a token and stores its hash. `publish` are patterns of the packages that it may publish.
    pub async fn create(
        store: &Store,
        name: &str,
        scope: Scope,
        stage: Option<&str>,
        publish: &[String],
        created: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<Self, TokenError> {
        let mut random = [0; 38];
        getrandom::fill(&mut random).map_err(TokenError::Random)?;
        let token = Self { id: weir_core::digest::hex(&random[..6]), secret: weir_core::digest::hex(&random[6..]) };
        let new = NewToken {
            id: token.id.clone(),
            hash: *Digest::of(token.secret.as_bytes()).as_bytes(),
            name: name.to_owned(),
            scope,
            stage: stage.map(str::to_owned),
            publish: publish.to_vec(),
            created,
            expires,
        };
        store.create_token(&new).await?;
        Ok(token)
    }

    /// Splits what a client sent; `None` if it is no token of Weir.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("weir_")?.split_once('_')?;
        let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hex(id, 12) && hex(secret, 64)).then(|| Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The id, which is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token in clear, to be shown once.
    pub fn reveal(&self) -> String {
        format!("weir_{}_{}", self.id, self.secret)
    }

    /// True if `hash` is that of this token's secret. Takes the same time whatever differs.
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        let own = Digest::of(self.secret.as_bytes());
        own.as_bytes().iter().zip(hash).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_its_secret() {
        let token = Token { id: "0".repeat(12), secret: "a".repeat(64) };
        let read = Token::parse(&token.reveal()).unwrap();
        assert!(read.matches(Digest::of("a".repeat(64).as_bytes()).as_bytes()));
        assert!(!read.matches(&[0; 32]));
        assert!(!format!("{read:?}").contains("aaa"));
        assert!(Token::parse("weir_x_y").is_none());
        assert!(Token::parse("ghp_0123456789").is_none());
    }
}
