//! Who brings it: this process, on its data directory, or a running Weir.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt as _;
use weir_api::mirror::Ask;
use weir_gateway::Gateway;
use weir_gateway::gateway::Brought;

use crate::cli::Place;
use crate::data::Lock;
use crate::wiring::Opened;

/// Who asks where no token does.
const PRINCIPAL: &str = "mirror";
/// How long a connection may take, and how long a running Weir may be silent: it says every two seconds that it works.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);
/// Largest answer of a running Weir, in bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Who brings it.
pub enum Carrier {
    /// This process.
    Here(Box<Here>),
    /// A running Weir.
    There(There),
}

/// This process, as the one that uses the data directory.
pub struct Here {
    gateway: Arc<Gateway>,
    _lock: Lock,
}

/// A running Weir.
pub struct There {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Carrier {
    /// This process. A server that uses the same data directory would not notice what is brought.
    pub async fn here(place: &Place, stage: &str) -> anyhow::Result<Self> {
        let opened = Opened::open(place, true).await?;
        let lock = opened.data.lock().context(
            "nothing can be brought beside a running server; let that one do it: weir mirror … --server URL --token TOKEN",
        )?;
        let path = opened.data.policy(place);
        let policy = match path.exists() || place.policy.is_some() {
            true => crate::policy::read(&path)?,
            false => crate::policy::parse(&path, weir_policy::Policy::default_text())?,
        };
        if policy.stage(stage).is_none() {
            bail!("the policy has no stage `{stage}`");
        }
        let feeds = opened.feeds().await?;
        let server = &opened.config.server;
        let url = server.public_url.clone().unwrap_or_else(|| format!("http://{}", server.listen));
        let gateway = opened.gateway(Arc::new(policy), &feeds, opened.blobs()?, url, true)?;
        Ok(Self::Here(Box::new(Here { gateway, _lock: lock })))
    }

    /// A running Weir.
    pub fn there(server: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("weir-mirror/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()?;
        let url = format!("{}/api/v1/mirror", server.trim_end_matches('/'));
        Ok(Self::There(There { client, url, token: token.map(str::to_owned) }))
    }

    /// Brings one release.
    pub async fn bring(&self, ask: &Ask) -> anyhow::Result<Brought> {
        match self {
            Self::Here(here) => {
                let errand = ask.errand(&here.gateway, PRINCIPAL, None).map_err(anyhow::Error::msg)?;
                Ok(here.gateway.bring(&errand).await)
            }
            Self::There(there) => there.bring(ask).await,
        }
    }

    /// Writes what still waits.
    pub async fn end(&self) {
        if let Self::Here(here) = self {
            if let Err(error) = here.gateway.tend_cache().await {
                tracing::warn!(error = %error, "the cache cannot be tended");
            }
            here.gateway.flush().await;
        }
    }
}

impl There {
    async fn bring(&self, ask: &Ask) -> anyhow::Result<Brought> {
        let body = serde_json::to_vec(ask)?;
        let mut request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.with_context(|| format!("{} cannot be asked", self.url))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.with_context(|| format!("{} broke off its answer", self.url))?);
            if bytes.len() > MAX_ANSWER {
                bail!("{} answered with more than {MAX_ANSWER} bytes", self.url);
            }
        }
        if !status.is_success() {
            let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let text = problem.get("detail").and_then(serde_json::Value::as_str);
            let text = text.map_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned(), str::to_owned);
            bail!("{} answered {status}: {}", self.url, text.chars().take(300).collect::<String>());
        }
        serde_json::from_slice(&bytes).with_context(|| format!("the answer of {} cannot be read", self.url))
    }
}
