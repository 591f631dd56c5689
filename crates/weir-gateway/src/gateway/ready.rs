//! Answers that are given again: a request that was answered from memory is answered so the next time without being read,
//! routed and looked up anew.
//!
//! What is kept is no answer that could outlive its reasons. It is the way to one: which view, which page or bytes, and the
//! head. Each time it is asked whether the long way would come to the same view: the policy, the advisories, the documents,
//! the home and all else are still those, and the moment at which age alone changes something has not come. Where anything
//! differs, or is not in memory any more, the request goes the long way.

use std::sync::{Arc, Weak};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode, header};
use weir_core::Digest;
use weir_policy::Decision;
use weir_store::RequestRow;

use super::answer::client;
use super::{Call, Gateway, PackageKey, Principal, ViewKey};
use crate::account::{Account, Counted};
use crate::admission::Admitted;
use crate::documents::DocumentKey;
use crate::members::Member;
use crate::respond;
use crate::view::{Coding, PageBytes, View};

/// Most bytes of memory for ways to answers.
pub(super) const READY_BYTES: usize = 8 * 1024 * 1024;
/// What one weighs beside its key, in bytes, roughly.
const WEIGHT: usize = 4 * 1024;
/// Longest key, in bytes; a request that has a longer one goes the long way.
const MAX_KEY: usize = 1024;

/// The way to an answer.
pub(super) struct Ready {
    key: ViewKey,
    view: Weak<View>,
    package: PackageKey,
    member: Arc<Member>,
    documents: Vec<DocumentKey>,
    hosted: i64,
    what: What,
    head: HeaderMap,
    /// The record of a request that was answered so.
    record: RequestRow,
    counted: Arc<Counted>,
}

/// What is sent.
#[derive(Clone)]
pub(super) enum What {
    /// A page.
    Page(Weak<PageBytes>, Coding),
    /// Stored bytes, by a decision that is on record.
    Artifact(Arc<Decision>, Digest, u64),
}

/// All of a request that its answer depends on.
struct Key {
    bytes: [u8; MAX_KEY],
    len: usize,
}

impl Key {
    /// `None` for a request that is answered in another way each time, or may be.
    fn of<B>(request: &Request<B>, path: &str, principal: &Principal) -> Option<Self> {
        let headers = request.headers();
        let is_plain = request.method() == Method::GET
            && principal.publish.is_empty()
            && ![header::IF_NONE_MATCH, header::RANGE].iter().any(|name| headers.contains_key(name));
        if !is_plain {
            return None;
        }
        let mut key = Self { bytes: [0; MAX_KEY], len: 0 };
        let query = request.uri().query();
        let accept = headers.get(header::ACCEPT);
        let marks = [
            respond::coding(headers) as u8,
            u8::from(query.is_some()),
            u8::from(accept.is_some()),
            u8::from(headers.contains_key(header::AUTHORIZATION)),
            u8::from(principal.stage.is_some()),
        ];
        // No part of an address or a header has a NUL in it.
        key.push(&marks)?
            .push(path.as_bytes())?
            .push(b"\0")?
            .push(query.unwrap_or_default().as_bytes())?
            .push(b"\0")?;
        key.push(accept.map_or(b"".as_slice(), |accept| accept.as_bytes()))?.push(b"\0")?;
        key.push(principal.stage.as_deref().unwrap_or_default().as_bytes())?;
        Some(key)
    }

    fn push(&mut self, part: &[u8]) -> Option<&mut Self> {
        let end = self.len.checked_add(part.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(part);
        self.len = end;
        Some(self)
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Gateway {
    /// The answer to a request of a package manager for `path`, if it is the same as it was and all of it is in memory;
    /// `account` is told of it then. `None` says nothing: the request is to be answered in the ordinary way.
    pub fn ready<B>(
        &self,
        request: &Request<B>,
        path: &str,
        principal: &Principal,
        account: &mut Account,
    ) -> Option<Response> {
        let key = Key::of(request, path, principal)?;
        let ready = self.ready.get(key.as_slice())?;
        if self.books.requests.is_crowded() {
            return None;
        }
        let view = self.still(&ready)?;
        let body = match &ready.what {
            What::Page(page, coding) => {
                let page = page.upgrade()?;
                let (coded, body) = page.coded(*coding);
                (coded == *coding).then(|| Body::from(body))?
            }
            What::Artifact(decision, digest, size) => {
                let admitted = Admitted::new(decision.permit()?, *digest, *size);
                Body::from(self.hot.get(admitted.digest(), admitted.size())?)
            }
        };
        drop(view);
        let at = account.record.at;
        account.record = RequestRow {
            at,
            principal: principal.name.clone(),
            client: client(request.headers()),
            ..ready.record.clone()
        };
        account.is_ready(ready.key.1, Arc::clone(&ready.counted));
        let mut response = Response::new(body);
        response.headers_mut().clone_from(&ready.head);
        Some(response)
    }

    /// The view that an answer is from, if the long way would come to it now.
    fn still(&self, ready: &Ready) -> Option<Arc<View>> {
        let view = self.views.get(&ready.key)?;
        let (now, stamp) = (self.clock.now(), &view.known.stamp);
        let is_same = std::ptr::eq(Arc::as_ptr(&view), ready.view.as_ptr())
            && self.advisories.load().digest() == stamp.advisories
            && self.well_known.load().digest() == stamp.names
            && self.learnt.of(&ready.package) == stamp.learnt
            && view.holds(stamp, &self.policy.load(), now)
            && self.hosted.last() == ready.hosted
            && self.homes.is_still(&ready.package, &ready.member, now);
        let are_current = || {
            let mut documents = ready.documents.iter().zip(&stamp.documents);
            documents.all(|(key, digest)| self.documents.is_still(key, digest, now))
        };
        (is_same && are_current()).then_some(view)
    }

    /// Notes that what a call was answered with may be sent again, if nothing about it is out of the ordinary.
    pub(super) fn may_repeat(&self, call: &mut Call<'_>, view: &Arc<View>, what: What) {
        let registry = call.ecosystem.registry;
        let package = &view.known.facts.package;
        let is_ordinary = self.settings.online
            && call.day.is_none()
            && call.stale.is_none()
            && !view.known.facts.hosted
            && registry.releases().is_none()
            && registry.catalogue().is_none_or(|catalogue| catalogue.place(package).is_none());
        if is_ordinary {
            call.repeats = Some((Arc::clone(view), what));
        }
    }

    /// Keeps the way to an answer that was just given.
    pub(super) fn keep_ready<B>(
        &self,
        request: &Request<B>,
        principal: &Principal,
        call: &Call<'_>,
        response: &Response,
    ) -> Option<()> {
        let (view, what) = call.repeats.clone()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let key = Key::of(request, request.uri().path(), principal)?;
        let package = view.known.facts.package.clone();
        let member = Arc::clone(view.known.member().ok()?);
        let wanted = member.documents(&package);
        if wanted.is_empty() || wanted.len() != view.known.stamp.documents.len() {
            return None;
        }
        let (stage, ecosystem) = (call.record.stage.clone(), call.ecosystem.id);
        let ready = Ready {
            key: (call.stages.clone(), ecosystem, package.clone()),
            view: Arc::downgrade(&view),
            package: (ecosystem, package),
            documents: wanted.into_iter().map(|wanted| (member.id(), wanted.path)).collect(),
            member,
            hosted: call.hosted,
            what,
            head: response.headers().clone(),
            record: call.record.clone(),
            counted: Arc::new(Counted::new(&self.metrics, stage, ecosystem)),
        };
        let weight = key.len + WEIGHT;
        self.ready.insert(Box::from(key.as_slice()), Arc::new(ready), weight);
        Some(())
    }
}
