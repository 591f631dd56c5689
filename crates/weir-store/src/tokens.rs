//! Tokens: who may.

use weir_core::Timestamp;

use crate::columns::{Columns, FromColumns};
use crate::db::values;
use crate::error::StoreError;
use crate::rows::{NewToken, Scope, TokenRow};
use crate::{Store, limits, sql};

impl Store {
    /// Keeps a token. A second one with the same id is [`StoreError::Exists`].
    pub async fn create_token(&self, new: &NewToken) -> Result<(), StoreError> {
        const OPERATION: &str = "create_token";
        limits::at_most(OPERATION, "id", limits::WORD, &new.id)?;
        limits::at_most(OPERATION, "name", limits::NAME, &new.name)?;
        limits::at_most(OPERATION, "stage", limits::WORD, new.stage.as_deref().unwrap_or_default())?;
        let publish = (!new.publish.is_empty()).then(|| serde_json::json!(new.publish).to_string());
        limits::at_most(OPERATION, "publish", limits::TEXT, publish.as_deref().unwrap_or_default())?;
        let row = values![
            &new.id,
            &new.hash,
            &new.name,
            scope_word(new.scope),
            &new.stage,
            &publish,
            new.created,
            new.expires
        ];
        let mut session = self.db.write(OPERATION, None, true).await?;
        session.run(sql::tokens::ADD, row).await?;
        session.commit().await
    }

    /// The token with this id, whether or not it is still good.
    pub async fn token(&self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let mut session = self.db.read("token").await?;
        session.one(sql::tokens::GET, values![id]).await
    }

    /// All tokens, oldest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let mut session = self.db.read("tokens").await?;
        session.all(sql::tokens::LIST, &[]).await
    }

    /// Ends a token for good. False if there is none, or if it is revoked already.
    pub async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut session = self.db.write("revoke_token", None, true).await?;
        let revoked = session.run(sql::tokens::REVOKE, values![id, at]).await? > 0;
        session.commit().await?;
        Ok(revoked)
    }

    /// True if a token was ever made, even if it is revoked.
    pub async fn any_tokens(&self) -> Result<bool, StoreError> {
        let mut session = self.db.read("any_tokens").await?;
        let count: Option<u64> = session.one(sql::tokens::COUNT, &[]).await?;
        Ok(count.unwrap_or_default() > 0)
    }
}

fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Admin => "admin",
        Scope::Read => "read",
    }
}

impl FromColumns for TokenRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text()?,
            hash: columns.hash()?,
            name: columns.text()?,
            scope: match columns.text()?.as_str() {
                "admin" => Scope::Admin,
                "read" => Scope::Read,
                other => return Err(columns.wrong(format!("`{other}` is no scope"))),
            },
            stage: columns.optional_text()?,
            publish: match columns.optional_text()? {
                None => Vec::new(),
                Some(list) => serde_json::from_str(&list).map_err(|error| columns.wrong(error.to_string()))?,
            },
            created: columns.time()?,
            expires: columns.optional_time()?,
            revoked: columns.optional_time()?,
        })
    }
}
