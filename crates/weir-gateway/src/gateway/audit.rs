//! `npm audit` and its like: which advisories concern what is installed, answered from Weir's own data.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use weir_core::PackageName;
use weir_core::facts::{Kind, Vulnerability};
use weir_core::registry::AuditFinding;

use super::{Call, Failure, Gateway};
use crate::respond;

/// Largest question, in bytes, compressed and not.
const MAX_QUESTION: usize = 16 * 1024 * 1024;
/// How long a client may take to send its question.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(60);

impl Gateway {
    /// Answers without asking upstream: private names stay here, and the answer is the same offline.
    pub(super) async fn audit(self: &Arc<Self>, call: &Call<'_>, body: Body) -> Result<Response, Failure> {
        let body = tokio::time::timeout(QUESTION_TIMEOUT, axum::body::to_bytes(body, MAX_QUESTION))
            .await
            .map_err(|_| Failure::BadRequest(String::from("the question took too long to arrive")))?
            .map_err(|_| Failure::BadRequest(format!("the question is longer than {MAX_QUESTION} bytes")))?;
        let gzipped = call
            .headers
            .get(http::header::CONTENT_ENCODING)
            .and_then(|coding| coding.to_str().ok())
            .is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let body = if gzipped { unzip(&body)? } else { body.to_vec() };
        let question = call.ecosystem.registry.audit_question(&body)?;
        let advisories = self.advisories();
        if advisories.feed(call.ecosystem).as_of.is_none() {
            // An empty answer would read as clean.
            return Err(Failure::NotFound(format!(
                "Weir has no advisories for {}; the administrator runs `weir feeds sync` or `weir feeds import PATH`",
                call.ecosystem.title
            )));
        }
        let ecosystem = call.ecosystem;
        let found = tokio::task::spawn_blocking(move || {
            let mut found: Vec<(PackageName, Arc<Vulnerability>, Vec<String>)> = Vec::new();
            for (package, versions) in question {
                let Ok(matcher) = advisories.package(ecosystem, &package) else { continue };
                for version in versions {
                    let key = ecosystem.versions.sort_key(&version).ok();
                    for vulnerability in matcher.matching(ecosystem, &version, key.as_ref()) {
                        if matches!(vulnerability.kind, Kind::Informational(_)) {
                            continue;
                        }
                        match found.iter_mut().find(|(p, v, _)| *p == package && v.id == vulnerability.id) {
                            Some((_, _, versions)) => versions.push(version.clone()),
                            None => found.push((package.clone(), vulnerability, vec![version.clone()])),
                        }
                    }
                }
            }
            found
        })
        .await
        .map_err(Failure::internal)?;
        let findings: Vec<_> = found
            .iter()
            .map(|(package, vulnerability, versions)| AuditFinding { package, versions, vulnerability })
            .collect();
        Ok(respond::reply(ecosystem.registry.audit_answer(&findings)))
    }
}

fn unzip(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    let limit = MAX_QUESTION as u64 + 1;
    flate2::read::MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|error| Failure::BadRequest(format!("the question is not gzip: {error}")))?;
    if plain.len() > MAX_QUESTION {
        return Err(Failure::BadRequest(format!("the question is longer than {MAX_QUESTION} bytes")));
    }
    Ok(plain)
}
