//! `POST /api/v1/mirror`: bring a release in ahead of those who will ask for it.
//!
//! The body is an [`Ask`]; the answer is one JSON object, what became of it. As that can take as long as the files are large,
//! line breaks are sent before it while there is nothing else to send.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use weir_core::digest::StatedDigests;
use weir_core::{Purl, Timestamp};
use weir_gateway::gateway::{Brought, Errand};
use weir_gateway::{Gateway, Stages};

use crate::access::Caller;
use crate::app::api_problem;

/// Largest body of a request, in bytes: a release with the digests of a thousand files.
pub const MAX_ASK: usize = 1024 * 1024;
/// How often something is sent while files are on their way.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The release as a package URL; without a version, the newest that is allowed.
    pub purl: String,
    /// The stage that decides.
    pub stage: String,
    /// Only files with one of these digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<StatedDigests>,
    /// Only files for these platforms, and those for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Bytes a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<u64>,
    /// The set that is to name what was brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// When the set ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// Ask upstream for its index although what is wanted is here.
    #[serde(default)]
    pub refresh: bool,
}

impl Ask {
    /// The errand that this is for a gate, on behalf of somebody.
    pub fn errand(&self, gateway: &Gateway, principal: &str, bound: Option<&str>) -> Result<Errand, String> {
        if gateway.policy().stage(&self.stage).is_none() {
            return Err(format!("there is no stage `{}`", self.stage.chars().take(40).collect::<String>()));
        }
        let purl = Purl::parse(&self.purl).map_err(|error| error.to_string())?;
        let (ecosystem, package) = purl.package(gateway.ecosystems()).map_err(|error| error.to_string())?;
        Ok(Errand {
            stages: Stages::new(&self.stage, bound),
            principal: principal.to_owned(),
            ecosystem,
            package,
            version: purl.version,
            digests: self.digests.clone(),
            platforms: self.platforms.clone(),
            pace: self.pace,
            keep: self.keep.clone().map(|name| (name, self.keep_until)),
            refresh: self.refresh,
        })
    }
}

/// Answers a request.
pub async fn answer(gateway: &Arc<Gateway>, body: Body, caller: &Caller) -> Response {
    let bytes = match axum::body::to_bytes(body, MAX_ASK).await {
        Ok(bytes) => bytes,
        Err(error) => return api_problem(StatusCode::BAD_REQUEST, "unreadable body", &error.to_string()),
    };
    let ask: Ask = match serde_json::from_slice(&bytes) {
        Ok(ask) => ask,
        Err(error) => return api_problem(StatusCode::BAD_REQUEST, "unreadable body", &error.to_string()),
    };
    if ask.keep.is_some() && !caller.admin {
        let detail = "only an administrator's token names what is to be kept";
        return api_problem(StatusCode::FORBIDDEN, "not allowed for this token", detail);
    }
    let errand = match ask.errand(gateway, &caller.principal.name, caller.principal.stage.as_deref()) {
        Ok(errand) => errand,
        Err(error) => return api_problem(StatusCode::BAD_REQUEST, "cannot be brought", &error),
    };
    let gateway = Arc::clone(gateway);
    // It goes on when whoever asked goes away: the next one to ask finds it here.
    let task = tokio::spawn(async move { gateway.bring(&errand).await });
    let stream = futures_util::stream::unfold(Some(task), async |waiting| {
        let mut task = waiting?;
        match tokio::time::timeout(HEARTBEAT, &mut task).await {
            Err(_) => Some((Ok(Bytes::from_static(b"\n")), Some(task))),
            Ok(Ok(brought)) => Some((Ok(told(&brought)), None)),
            Ok(Err(error)) => Some((Err(std::io::Error::other(error)), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn told(brought: &Brought) -> Bytes {
    Bytes::from(serde_json::to_string(brought).unwrap_or_default() + "\n")
}
