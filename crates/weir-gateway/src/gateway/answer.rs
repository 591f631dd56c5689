//! Requests of package managers: who asks what of which stage, and how each failure is told.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request};
use weir_core::PackageName;
use weir_core::registry::{Ask, Method};

use super::dated::{self, Addressed};
use super::{Call, Failure, Gateway, Principal, truncated};
use crate::account::Account;
use crate::documents::DocumentError;
use crate::judged::Stages;
use crate::members::Nobody;
use crate::phases::Phase;
use crate::transfer::TransferError;
use crate::{refusal, respond};

impl Gateway {
    /// Answers a request of a package manager, `/{stage}/{ecosystem}/…`, and keeps its account.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>, principal: &Principal) -> Response {
        let mut account = self.account(&request, String::new(), None);
        principal.name.clone_into(&mut account.record.principal);
        let response = match self.ready(&request, request.uri().path(), principal, &mut account) {
            Some(response) => response,
            None => self.answer(request, principal, &mut account).await,
        };
        account.follow(response).map(Body::new)
    }

    /// Answers a request of a package manager, and tells `account` about it.
    pub async fn answer(
        self: &Arc<Self>,
        request: Request<Body>,
        principal: &Principal,
        account: &mut Account,
    ) -> Response {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        let path = request.uri().path().trim_start_matches('/');
        let mut parts = path.splitn(3, '/');
        let (address, ecosystem, rest) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let addressed = Addressed::read(address);
        let stage = addressed.stage;
        let policy = self.policy.load();
        let Some(ecosystem) = self.ecosystems.by_id(ecosystem) else {
            return plain(404, "there is nothing here; package addresses are /{stage}/{ecosystem}/…\n");
        };
        let is_stage = policy.stage(stage).is_some();
        let stages = Stages::new(stage, principal.stage.as_deref());
        let missing = stages.missing(&policy).map(str::to_owned);
        self.books.requests.room().await;
        account.is_kept = true;
        account.about(ecosystem.id);
        account.record.client = client(request.headers());
        if is_stage {
            // What is no stage is the client's text: it makes no row longer and no metric more.
            stage.clone_into(&mut account.record.stage);
        }
        let day = addressed.day(ecosystem);
        let mut call = Call {
            ecosystem,
            stages,
            day: day.as_ref().ok().copied().flatten(),
            base: format!("{}/{address}/{}", self.settings.public_url, ecosystem.id),
            headers: request.headers(),
            head: *request.method() == http::Method::HEAD,
            stale: None,
            upstream: None,
            hosted: self.hosted.last(),
            repeats: None,
            record: &mut account.record,
            phases: &account.phases,
        };
        let result = match missing {
            _ if !is_stage => Err(Failure::no_stage(stage)),
            Some(bound) => {
                let bound = truncated(&bound);
                let message =
                    format!("this token is bound to stage `{bound}`, which the policy does not have any more");
                Err(Failure::Forbidden(message))
            }
            None => match day {
                Err(failure) => Err(failure),
                Ok(_) => {
                    let passed = self.pass(&mut call, request.method(), rest, request.uri().query(), body, principal);
                    Box::pin(passed).await
                }
            },
        };
        let (response, outcome) = match result {
            Ok(mut response) => {
                respond::stale(&mut response, call.stale.as_deref());
                respond::upstream(&mut response, call.upstream.as_deref());
                self.keep_ready(&request, principal, &call, &response);
                (response, None)
            }
            Err(failure) => {
                let (response, outcome) = self.fail(&mut call, &failure);
                (response, Some(outcome))
            }
        };
        account.stale = call.stale;
        if let Some(outcome) = outcome {
            account.set_outcome(outcome);
        }
        response
    }

    async fn pass(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        method: &http::Method,
        path: &str,
        query: Option<&str>,
        body: Body,
        principal: &Principal,
    ) -> Result<Response, Failure> {
        let method = match method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => return Err(Failure::MethodNotAllowed(format!("{} means nothing here", truncated(other)))),
        };
        let accept = call.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let token = call.headers.contains_key(http::header::AUTHORIZATION);
        let request = weir_core::registry::Request { method, path, query, accept, base: &call.base, token };
        let ask = call.ecosystem.registry.route(&request)?;
        if let Some(day) = call.day {
            dated::check(day, &ask)?;
        }
        match ask {
            Ask::Index { package, form } => {
                self.is_published(call.ecosystem, &package, principal).await?;
                self.page(call, &package, &form).await
            }
            Ask::About(package) => self.about(call, &package).await,
            Ask::Artifact { package, which, part } => self.artifact(call, &package, &which, part).await,
            Ask::Reply(reply) => Ok(respond::reply(reply)),
            Ask::Redirect(to) => Ok(respond::redirect(&format!("{}/{to}", call.base))),
            Ask::Names(form) => call.phases.time(Phase::Store, self.names(call.ecosystem, &form)).await,
            Ask::Whoami => Ok(respond::reply(call.ecosystem.registry.whoami(&principal.name))),
            Ask::Audit => call.phases.time(Phase::Judge, self.audit(call, body)).await,
            Ask::Catalogue { part, packing } => self.catalogue(call, &part, packing).await,
            Ask::Shards { part } => self.shards(call, &part).await,
            Ask::Shard { part, digest } => self.shard(call, &part, digest).await,
            Ask::LeftOut { parts, form } => self.left_out(call, &parts, &form).await,
            Ask::Write(write) => self.write(call, &write, body, principal).await,
            Ask::Owners(package) => self.owners(call, &package, principal).await,
            Ask::Forward(path) => self.forward(call, &path).await,
            Ask::Relay(relay) => self.relay(call, &relay).await,
        }
    }

    fn fail(&self, call: &mut Call<'_>, failure: &Failure) -> (Response, &'static str) {
        if let Failure::NotWritten { status, message } = failure {
            let problem = refusal::trouble(*status, "nothing was published", message);
            let reply = call.ecosystem.registry.hosting().map(|hosting| hosting.problem(&problem));
            let reply = reply.unwrap_or_else(|| call.ecosystem.registry.problem(&problem));
            return (respond::told(reply, &problem), failure.outcome());
        }
        let registry = call.ecosystem.registry;
        let (status, title) = match failure {
            Failure::Refused(decision) => {
                let package = PackageName::from_normalized(&call.record.package);
                let nearest = decision.nearest_allowed.as_deref();
                let install = nearest.map(|version| registry.install_command(&package, version));
                let problem =
                    refusal::problem(decision, call.stages.address(), &self.settings.public_url, install.as_deref());
                call.record.decision = Some(decision.id.clone());
                return (respond::problem(registry, &problem), failure.outcome());
            }
            Failure::NotFound(_)
            | Failure::NoStage(_)
            | Failure::Document(
                DocumentError::Absent { .. }
                | DocumentError::NotKept { .. }
                | DocumentError::NotThatDay(_)
                | DocumentError::Nobody(Nobody::Unknown { .. }),
            ) => (404, "not found"),
            Failure::Transfer(TransferError::Upstream(error)) if error.is_absent() => (404, "not found"),
            Failure::NotWritten { status, .. } => (*status, "nothing was published"),
            Failure::BadRequest(_) => (400, "bad request"),
            Failure::MethodNotAllowed(_) => (405, "method not allowed"),
            Failure::Forbidden(_) => (403, "not allowed for this token"),
            Failure::Document(DocumentError::Storage(_))
            | Failure::Internal(_)
            | Failure::Transfer(TransferError::Storage(_)) => (500, "internal error"),
            Failure::Transfer(TransferError::Mismatch { .. }) => (502, "wrong bytes from upstream"),
            Failure::Document(_) | Failure::Transfer(_) => (502, "upstream trouble"),
        };
        let message = if status == 500 {
            tracing::error!(error = %failure, stage = %call.stages, ecosystem = call.ecosystem.id, "internal error");
            String::from("internal error in Weir; its log tells the cause")
        } else {
            failure.to_string()
        };
        (respond::problem(registry, &refusal::trouble(status, title, &message)), failure.outcome())
    }
}

impl Failure {
    /// The word for it in request records and metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_) | Self::Forbidden(_) | Self::NotWritten { .. } => "refused",
            Self::NotFound(_)
            | Self::NoStage(_)
            | Self::Document(
                DocumentError::Absent { .. }
                | DocumentError::NotKept { .. }
                | DocumentError::NotThatDay(_)
                | DocumentError::Nobody(Nobody::Unknown { .. }),
            ) => "absent",
            Self::Transfer(TransferError::Upstream(error)) if error.is_absent() => "absent",
            Self::BadRequest(_)
            | Self::MethodNotAllowed(_)
            | Self::Internal(_)
            | Self::Document(DocumentError::Storage(_))
            | Self::Transfer(TransferError::Storage(_)) => "error",
            Self::Document(_) | Self::Transfer(_) => "upstream-error",
        }
    }
}

/// The client's family from its `User-Agent`: the first product's name, in lower case.
pub(super) fn client(headers: &HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent
        .split(['/', ' ', '('])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(32)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn plain(status: u16, text: &str) -> Response {
    respond::reply(weir_core::registry::Reply::text(status, text.to_owned()))
}
