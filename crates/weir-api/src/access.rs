//! Who is asking, and may they?

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use http::{HeaderMap, header};
use weir_core::{Clock, Timestamp};
use weir_gateway::Principal;
use weir_store::{Scope, Store, StoreError, TokenRow};

use crate::proxy::Origin;
use crate::token::Token;

/// How long a token that was looked up is taken for valid without another look, in milliseconds: the longest that a
/// revoked token still works.
const TRUSTED_FOR: i64 = 2_000;
/// Tokens remembered at most.
const REMEMBERED: usize = 10_000;

/// Decides who a request is from.
pub struct Access {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Who reads from loopback without a token, where that is allowed.
    anonymous: Option<Arc<Caller>>,
    seen: Mutex<HashMap<String, (TokenRow, Timestamp)>>,
}

/// Someone who may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// As the gate knows them.
    pub principal: Principal,
    /// May change things.
    pub admin: bool,
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No credentials, and anonymous reading is off.
    #[error("a token is needed: send it as Bearer, or as the password of Basic")]
    Missing,
    /// No credentials, and it came through a proxy.
    #[error(
        "a token is needed, since this request came through a proxy: send it as Bearer, or as the password of Basic"
    )]
    Forwarded,
    /// Credentials that are none of Weir's, or that ended.
    #[error("this token is not valid: it is unknown, revoked or expired")]
    Invalid,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Denied {
    /// The word for it in metrics; `None` if it is no fault of the one who asks.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Forwarded => Some("missing"),
            Self::Invalid => Some("invalid"),
            Self::Store(_) => None,
        }
    }
}

impl Access {
    /// Access by the tokens in `store`. `anonymous` lets requests from loopback read without one.
    pub fn new(store: Store, clock: Arc<dyn Clock>, anonymous: bool) -> Self {
        let principal = Principal { name: String::from("anonymous"), stage: None, publish: Arc::default() };
        let anonymous = anonymous.then(|| Arc::new(Caller { principal, admin: false }));
        Self { store, clock, anonymous, seen: Mutex::default() }
    }

    /// Who the request with `headers` from `origin` is from, if that can be said without asking the store.
    pub fn at_once(&self, headers: &HeaderMap, origin: &Origin) -> Option<Result<Arc<Caller>, Denied>> {
        // An empty password is what clients send that were given a user name only: it is no attempt at a token.
        let Some(sent) = credentials(headers).filter(|sent| !sent.is_empty()) else {
            let is_local = origin.client.is_some_and(|client| client.is_loopback());
            // Behind a proxy everybody comes from loopback, so a forwarded request is never anonymous.
            return Some(match (&self.anonymous, origin.forwarded) {
                (Some(caller), false) if is_local => Ok(Arc::clone(caller)),
                (Some(_), true) => Err(Denied::Forwarded),
                _ => Err(Denied::Missing),
            });
        };
        let Some(token) = Token::parse(&sent) else { return Some(Err(Denied::Invalid)) };
        let row = self.remembered(token.id())?;
        Some(self.caller_by(&token, row))
    }

    /// Who the request with `headers` from `origin` is from.
    pub async fn caller(&self, headers: &HeaderMap, origin: &Origin) -> Result<Arc<Caller>, Denied> {
        if let Some(known) = self.at_once(headers, origin) {
            return known;
        }
        let token = credentials(headers).as_deref().and_then(Token::parse).ok_or(Denied::Invalid)?;
        let row = self.row(token.id()).await?.ok_or(Denied::Invalid)?;
        self.caller_by(&token, row)
    }

    fn caller_by(&self, token: &Token, row: TokenRow) -> Result<Arc<Caller>, Denied> {
        let now = self.clock.now();
        if !token.matches(&row.hash) || row.revoked.is_some() || row.expires.is_some_and(|expires| expires <= now) {
            return Err(Denied::Invalid);
        }
        let principal = Principal { name: row.name, stage: row.stage, publish: row.publish.into() };
        Ok(Arc::new(Caller { admin: row.scope == Scope::Admin, principal }))
    }

    /// The row of a token that was looked up a moment ago.
    fn remembered(&self, id: &str) -> Option<TokenRow> {
        let now = self.clock.now();
        self.seen().get(id).filter(|(_, until)| now < *until).map(|(row, _)| row.clone())
    }

    async fn row(&self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let now = self.clock.now();
        let row = self.store.token(id).await?;
        let mut seen = self.seen();
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        match &row {
            Some(row) => seen.insert(id.to_owned(), (row.clone(), now.plus_millis(TRUSTED_FOR))),
            None => seen.remove(id),
        };
        Ok(row)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<String, (TokenRow, Timestamp)>> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What a client sends as its token: Bearer, the password of Basic (or its user name, where a client has no other
/// place), or the bare token that cargo sends.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let Some((scheme, rest)) = value.split_once(' ') else { return Some(value.to_owned()) };
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':').unwrap_or(("", &decoded));
        let token = if password.is_empty() && user.starts_with("weir_") { user } else { password };
        return Some(token.to_owned());
    }
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_each_clients_own_place() {
        for (value, expected) in [
            ("Bearer weir_1_2", "weir_1_2"),
            ("bearer weir_1_2", "weir_1_2"),
            ("Basic X190b2tlbl9fOndlaXJfMV8y", "weir_1_2"),
            ("Basic d2Vpcl8xXzI6", "weir_1_2"),
            ("weir_1_2", "weir_1_2"),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(credentials(&headers).as_deref(), Some(expected), "{value}");
        }
    }
}
