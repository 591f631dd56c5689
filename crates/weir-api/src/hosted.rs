//! `/api/v1/hosted/…`: what every ecosystem can do with packages of one's own, whatever its clients have words for.
//!
//! | Request | Answers |
//! |---|---|
//! | `GET prospect?purl=&file=&sha256=&joins=` | what would be said to this file? |
//! | `POST yank?purl=&reason=` | withdraws a release: installed where it is pinned, chosen by nobody |
//! | `POST restore?purl=` | takes that back |

use std::sync::Arc;

use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::json;
use weir_core::hosting::Identity;
use weir_core::{Digest, Ecosystem, PackageName, Purl};
use weir_gateway::gateway::Failure;
use weir_gateway::{Gateway, Principal};

use crate::app::{api_problem, parameter, with};

/// Answers a request; `path` is what follows `v1/hosted/`.
pub async fn answer(
    gateway: &Arc<Gateway>,
    method: &Method,
    path: &str,
    query: &str,
    principal: &Principal,
) -> Response {
    let asked = match release(gateway, query) {
        Ok(asked) => asked,
        Err(problem) => return api_problem(StatusCode::BAD_REQUEST, "bad purl", &problem),
    };
    let done = match (method, path) {
        (&Method::GET, "prospect") => prospect(gateway, &asked, query, principal).await,
        (&Method::POST, "yank") => {
            change(gateway, &asked, Some(parameter(query, "reason").unwrap_or_default()), principal).await
        }
        (&Method::POST, "restore") => change(gateway, &asked, None, principal).await,
        _ => return api_problem(StatusCode::NOT_FOUND, "not found", "the API has no such address or method"),
    };
    match done {
        Ok(body) => with(StatusCode::OK, "application/json", body.to_string()),
        Err(failure) => failed(&failure),
    }
}

type Release = (&'static Ecosystem, PackageName, String);

fn release(gateway: &Gateway, query: &str) -> Result<Release, String> {
    let text = parameter(query, "purl").ok_or("name a release: ?purl=pkg:pypi/acme-core@1.0")?;
    let purl = Purl::parse(&text).map_err(|error| error.to_string())?;
    let (ecosystem, package) = purl.package(gateway.ecosystems()).map_err(|error| error.to_string())?;
    let version = purl.version.ok_or_else(|| format!("`{text}` names no version"))?;
    Ok((ecosystem, package, version))
}

async fn prospect(
    gateway: &Arc<Gateway>,
    (ecosystem, package, version): &Release,
    query: &str,
    principal: &Principal,
) -> Result<serde_json::Value, Failure> {
    let sha256 = parameter(query, "sha256").map(|text| text.parse::<Digest>()).transpose();
    let sha256 = sha256.map_err(|_| Failure::BadRequest(String::from("`sha256` is not a SHA-256 digest")))?;
    let identity = Identity {
        package: package.clone(),
        version: version.clone(),
        file: parameter(query, "file").unwrap_or_default(),
        joins: parameter(query, "joins").as_deref() == Some("true"),
    };
    let prospect = gateway.prospect(ecosystem, &identity, sha256, principal).await?;
    let notes: Vec<_> = prospect.notes.iter().map(|note| json!({ "code": note.code, "text": note.text })).collect();
    Ok(json!({
        "refused": prospect.refused, "published": prospect.published, "notes": notes, "refuse": prospect.refuse,
    }))
}

async fn change(
    gateway: &Arc<Gateway>,
    (ecosystem, package, version): &Release,
    reason: Option<String>,
    principal: &Principal,
) -> Result<serde_json::Value, Failure> {
    gateway.withdraw(ecosystem, package, version, reason.clone(), principal).await?;
    Ok(json!({ "purl": Purl::new(ecosystem, package, Some(version)).to_string(), "yanked": reason }))
}

fn failed(failure: &Failure) -> Response {
    let status = match failure {
        Failure::NotWritten { status, .. } => StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST),
        Failure::Forbidden(_) => StatusCode::FORBIDDEN,
        Failure::NotFound(_) => StatusCode::NOT_FOUND,
        Failure::BadRequest(_) => StatusCode::BAD_REQUEST,
        _ => {
            tracing::error!(error = %failure, "a request about a hosted package failed");
            let detail = "Weir's log tells the cause";
            return api_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal error", detail);
        }
    };
    api_problem(status, "not done", &failure.to_string())
}
