//! A running Weir, asked by a command.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use weir_upstream::{Secret, Upstream, UpstreamConfig};

/// A running Weir.
pub struct Server {
    upstream: Upstream,
    url: String,
}

impl Server {
    /// The one at `url`, for somebody who has this token.
    pub fn at(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let config = UpstreamConfig { url: url.to_owned(), token: token.map(Secret::new), ..UpstreamConfig::default() };
        let upstream = Upstream::new(&config).context("--server cannot be used")?;
        Ok(Self { upstream, url: url.to_owned() })
    }

    /// What the API answers to a question. Any other status than 200 is an error with what it says.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        match self.send(Method::GET, path, parameters).await? {
            (200, body) => Ok(body),
            (status, body) => bail!("{} answered {status}: {}", self.url, detail(&body)),
        }
    }

    /// Sends a request to the API: status and body.
    pub async fn send(&self, method: Method, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<(u16, Value)> {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let path = format!("api/v1/{path}?{}", query.join("&"));
        let answer = self.upstream.forward(method, &path, Bytes::new(), None).await?;
        let text = || Value::String(String::from_utf8_lossy(&answer.body).trim().chars().take(300).collect());
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or_else(|_| text())))
    }
}

/// What an answer says that is no success.
pub fn detail(body: &Value) -> &str {
    body.get("detail").unwrap_or(body).as_str().unwrap_or("no reason")
}
