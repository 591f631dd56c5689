//! What upstream says now, and what if it does not answer.
//!
//! A document is asked for at most once per [`Lifetimes`] and by one request at a time; in between, and while upstream is
//! silent, the kept one is used. Every document that differs from the one before is kept by digest, compressed, with the
//! interval in which it was current, so that a past day can be served and judged again.

mod flat;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use weir_blob::Blobs;
use weir_core::hosting::BASE;
use weir_core::registry::{InvalidDocument, Wanted};
use weir_core::{Clock, Digest, Timestamp};
use weir_store::{NewDocument, Store};
use weir_upstream::{Fetched, Flights, Opened, UpstreamError, Validators};

use crate::cache::Lru;
use crate::catalogues::{Catalogued, Slice};
use crate::members::{Member, MemberId, Nobody};
use crate::metrics::{Metrics, Write};
use crate::trouble::{Part, Trouble};

/// Largest document after decompression, in bytes. Kept in step with the limit that `weir-upstream` reads by.
pub const MAX_DOCUMENT: usize = 64 * 1024 * 1024;

/// How long upstream's word that a package has no such file or release stands, in milliseconds. A request for what the kept
/// page does not know makes Weir ask again only after it.
pub const UNKNOWN_STANDS: i64 = 15 * 1000;

/// How long an answer of upstream is taken for current, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A package's own document.
    pub package: i64,
    /// A document that all packages share.
    pub shared: i64,
    /// That something is absent, and that upstream does not answer.
    pub negative: i64,
    /// How long a request waits for upstream to confirm what is kept, before that is served as it is.
    pub patience: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { package: 5 * 60 * 1000, shared: 60 * 60 * 1000, negative: 15 * 1000, patience: 3 * 1000 }
    }
}

/// A document as Weir holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The upstream that it is of.
    pub member: Arc<Member>,
    /// Digest of the bytes as kept (compressed): the document's identity.
    pub digest: Digest,
    /// Its path relative to the upstream base.
    pub path: String,
    /// When Weir first saw this version of it.
    pub seen_from: Timestamp,
    /// Where it came from, after redirects.
    pub url: String,
    /// Its media type as sent.
    pub content_type: String,
    /// When upstream last confirmed it.
    pub checked_at: Timestamp,
    /// Set if it is served although upstream did not confirm it in time: why.
    pub stale: Option<String>,
    /// Set if it is a package's part of a catalogue: where its bytes are.
    pub slice: Option<Arc<Slice>>,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Held {
    /// True for a document about a hosted package.
    pub fn is_hosted(&self) -> bool {
        self.url.starts_with(BASE)
    }
}

/// Why there is no document.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentError {
    /// Upstream says that there is none.
    #[error("{upstream} has no {path}")]
    Absent {
        /// The upstream's base address.
        upstream: String,
        /// The document's path there.
        path: String,
    },
    /// Nothing is kept, and Weir works offline.
    #[error("`{path}` is not kept here, and Weir works offline")]
    NotKept {
        /// The document's path at its upstream.
        path: String,
    },
    /// Upstream does not answer and nothing is kept.
    #[error("{0}")]
    Upstream(UpstreamError),
    /// Upstream's answer cannot be read.
    #[error(transparent)]
    Invalid(#[from] InvalidDocument),
    /// Upstream's answer cannot be read, and nothing older is kept that can.
    #[error("{0}")]
    Unreadable(String),
    /// Weir's own storage failed.
    #[error("{0}")]
    Storage(String),
    /// What was listed on a day is not kept.
    #[error("{0}")]
    NotThatDay(String),
    /// No upstream answers for it.
    #[error(transparent)]
    Nobody(#[from] Nobody),
}

impl DocumentError {
    /// Wraps a failure of the store or of the blobs.
    pub fn storage(error: impl std::fmt::Display) -> Self {
        Self::Storage(error.to_string())
    }
}

/// A document that just came.
struct Arrived {
    url: String,
    content_type: String,
    etag: Option<String>,
    last_modified: Option<String>,
    body: Bytes,
}

/// The upstream of a document, and its path there.
pub type DocumentKey = (MemberId, String);
type Answer = Result<Arc<Held>, DocumentError>;

/// An answer and the time in which it is taken for current.
#[derive(Clone)]
struct Kept {
    answer: Answer,
    from: Timestamp,
    until: Timestamp,
}

/// The documents of all upstreams.
pub struct Documents {
    store: Store,
    blobs: Arc<Blobs>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    lifetimes: Lifetimes,
    held: Lru<DocumentKey, Kept>,
    bodies: Lru<Digest, Bytes>,
    flights: Flights<DocumentKey, Answer>,
    /// Read by whoever stores bytes and their row, written by whoever gives bytes up.
    storing: tokio::sync::RwLock<()>,
    trouble: Arc<Trouble>,
}

impl Documents {
    /// No documents in memory yet. `memory` is the budget for decoded bodies, in bytes.
    pub fn new(
        store: Store,
        blobs: Arc<Blobs>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        lifetimes: Lifetimes,
        memory: usize,
    ) -> Self {
        Self {
            store,
            blobs,
            clock,
            metrics,
            lifetimes,
            held: Lru::new(16 * 1024 * 1024),
            bodies: Lru::new(memory),
            flights: Flights::new(),
            storing: tokio::sync::RwLock::default(),
            trouble: Arc::default(),
        }
    }

    /// Which upstreams did not do their work when last asked.
    pub const fn trouble(&self) -> &Arc<Trouble> {
        &self.trouble
    }

    /// True if an upstream did not answer when last asked.
    pub fn is_in_trouble(&self, member: &Member) -> bool {
        self.trouble.has(&member.id()) || member.upstream.trouble().is_some()
    }

    /// The current document, asked for again if the kept one is older than its lifetime. Where upstream is slow, what is
    /// kept is served meanwhile, and says so.
    pub async fn current(self: &Arc<Self>, member: &Arc<Member>, wanted: &Wanted) -> Answer {
        let key = (member.id(), wanted.path.clone());
        let now = self.clock.now();
        // A clock that went back makes nothing current for longer.
        if let Some(kept) = self.held.get(&key)
            && kept.from <= now
            && now < kept.until
        {
            return kept.answer;
        }
        let lifetime = if wanted.shared { self.lifetimes.shared } else { self.lifetimes.package };
        self.patiently(member, wanted, now, lifetime).await
    }

    /// True if a document is in memory with this digest, confirmed, and still taken for current.
    pub(crate) fn is_still(&self, key: &DocumentKey, digest: &Digest, now: Timestamp) -> bool {
        self.held.get(key).is_some_and(|kept| {
            let is_same = |held: &Arc<Held>| held.digest == *digest && held.stale.is_none();
            kept.from <= now && now < kept.until && kept.answer.as_ref().is_ok_and(is_same)
        })
    }

    /// Asks upstream again for a document that does not know what someone asks for, once for all who wait, unless upstream
    /// was asked within [`UNKNOWN_STANDS`], whatever came of it. What is current afterwards, [`Documents::current`] tells.
    pub async fn confirm(self: &Arc<Self>, member: &Arc<Member>, wanted: &Wanted) {
        let now = self.clock.now();
        let key = (member.id(), wanted.path.clone());
        // A flight that is joined may have begun for someone to whom an older confirmation was good enough; the next has not.
        for _ in 0..2 {
            let kept = self.held.get(&key);
            if kept.is_some_and(|kept| kept.from <= now && now < kept.from.plus_millis(UNKNOWN_STANDS)) {
                return;
            }
            // Trouble is remembered like any other answer.
            drop(self.patiently(member, wanted, now, UNKNOWN_STANDS).await);
        }
    }

    /// A document that upstream has confirmed within `lifetime`, or what is kept if that takes too long.
    async fn patiently(
        self: &Arc<Self>,
        member: &Arc<Member>,
        wanted: &Wanted,
        now: Timestamp,
        lifetime: i64,
    ) -> Answer {
        let patience = std::time::Duration::from_millis(u64::try_from(self.lifetimes.patience).unwrap_or_default());
        match tokio::time::timeout(patience, self.renewed(member, wanted, lifetime)).await {
            Ok(answer) => answer,
            Err(_) => match self.kept(member, wanted).await {
                Ok(held) => {
                    let reason = format!("upstream has not answered within {} ms", self.lifetimes.patience);
                    self.metrics.stale.inc();
                    let answer = Ok(Arc::new(Held { stale: Some(reason), ..(*held).clone() }));
                    self.keep(member, wanted, answer.clone(), now, self.lifetimes.negative);
                    answer
                }
                Err(_) => self.renewed(member, wanted, lifetime).await,
            },
        }
    }

    /// What [`Documents::renew`] gives, run once for all who wait for it.
    async fn renewed(self: &Arc<Self>, member: &Arc<Member>, wanted: &Wanted, lifetime: i64) -> Answer {
        let key = (member.id(), wanted.path.clone());
        let (this, of, wanted) = (Arc::clone(self), Arc::clone(member), wanted.clone());
        let renewed = self.flights.run(key, || async move { this.renew(&of, &wanted, lifetime).await }).await;
        renewed.map_err(DocumentError::storage)?
    }

    /// A document that never changes under its path: what is kept is it, and only where nothing is, upstream is asked.
    pub async fn lasting(self: &Arc<Self>, member: &Arc<Member>, wanted: &Wanted) -> Answer {
        let now = self.clock.now();
        match self.held.get(&(member.id(), wanted.path.clone())) {
            Some(Kept { answer: Ok(held), .. }) => return Ok(held),
            Some(Kept { answer, from, until }) if from <= now && now < until => return answer,
            _ => {}
        }
        let kept = match self.kept(member, wanted).await {
            Ok(held) => self.with_bytes(Some(held)).await?,
            Err(DocumentError::Absent { .. }) => None,
            Err(error) => return Err(error),
        };
        match kept {
            Some(held) => {
                self.keep(member, wanted, Ok(Arc::clone(&held)), now, self.lifetimes.shared);
                Ok(held)
            }
            None => self.renewed(member, wanted, self.lifetimes.package).await,
        }
    }

    /// The documents that are kept at some paths of an upstream, by path.
    pub async fn kept_at(
        &self,
        member: &Arc<Member>,
        paths: &[String],
    ) -> Result<HashMap<String, Arc<Held>>, DocumentError> {
        let rows = self.store.current_documents(member.upstream.base(), paths).await;
        let rows = rows.map_err(DocumentError::storage)?;
        Ok(rows.into_iter().map(|row| (row.path.clone(), Arc::new(Held::new(member, row)))).collect())
    }

    /// Gives up a document that cannot be read, so that upstream is asked for it again; for a while, this is the answer.
    pub async fn discard(
        &self,
        member: &Arc<Member>,
        wanted: &Wanted,
        invalid: &InvalidDocument,
    ) -> Result<(), DocumentError> {
        let now = self.clock.now();
        let closed = self.store.close_document(member.upstream.base(), &wanted.path, now).await;
        closed.map_err(DocumentError::storage)?;
        self.keep(member, wanted, Err(invalid.clone().into()), now, self.lifetimes.negative);
        Ok(())
    }

    /// The version of a document that was current before `held`, to be served because that cannot be read.
    pub async fn before(&self, held: &Held, reason: &str) -> Result<Option<Arc<Held>>, DocumentError> {
        let upstream = &held.member.upstream;
        let before = held.seen_from.plus_millis(-1);
        let row = self.store.document_at(upstream.base(), &held.path, before).await.map_err(DocumentError::storage)?;
        Ok(row.map(|row| {
            self.metrics.stale.inc();
            Arc::new(Held { stale: Some(reason.to_owned()), ..Held::new(&held.member, row) })
        }))
    }

    /// The kept document without asking upstream, for working offline.
    pub async fn kept(&self, member: &Arc<Member>, wanted: &Wanted) -> Answer {
        let upstream = &member.upstream;
        let row = self.store.current_document(upstream.base(), &wanted.path).await.map_err(DocumentError::storage)?;
        row.map(|row| Arc::new(Held::new(member, row)))
            .ok_or_else(|| DocumentError::Absent { upstream: upstream.base().to_owned(), path: wanted.path.clone() })
    }

    async fn renew(self: Arc<Self>, member: &Arc<Member>, wanted: &Wanted, within: i64) -> Answer {
        let now = self.clock.now();
        let kept = match self.kept(member, wanted).await {
            Ok(held) => Some(held),
            Err(DocumentError::Absent { .. }) => None,
            Err(error) => return Err(error),
        };
        let lifetime = if wanted.shared { self.lifetimes.shared } else { self.lifetimes.package };
        let kept = self.with_bytes(kept).await?;
        if let Some(held) = &kept
            && now < held.checked_at.plus_millis(lifetime.min(within))
            && held.checked_at <= now
        {
            self.keep(member, wanted, Ok(Arc::clone(held)), held.checked_at, lifetime);
            return Ok(Arc::clone(held));
        }
        let (answer, good_for) = match member.page_of(wanted) {
            None => self.ask(member, wanted, kept, now, lifetime).await,
            Some(page) => self.cut(member, page, wanted, kept, lifetime.min(within)).await,
        };
        self.keep(member, wanted, answer.clone(), now, good_for);
        answer
    }

    /// The kept document, if its bytes are there. Where they are lost, upstream is asked for all of it, as if nothing were
    /// kept: a 304 would bring nothing back.
    async fn with_bytes(&self, kept: Option<Arc<Held>>) -> Result<Option<Arc<Held>>, DocumentError> {
        let Some(held) = kept else { return Ok(None) };
        if self.bodies.get(&held.digest).is_some()
            || self.blobs.size(&held.digest).await.map_err(DocumentError::storage)?.is_some()
        {
            return Ok(Some(held));
        }
        tracing::error!(document = held.path, digest = %held.digest, "the bytes of a kept document are lost");
        Ok(None)
    }

    async fn ask(
        &self,
        member: &Arc<Member>,
        wanted: &Wanted,
        kept: Option<Arc<Held>>,
        now: Timestamp,
        lifetime: i64,
    ) -> (Answer, i64) {
        let upstream = &member.upstream;
        let validators = kept.as_ref().map_or_else(Validators::default, |held| Validators {
            etag: held.etag.clone(),
            last_modified: held.last_modified.clone(),
        });
        let fetched = upstream.document(&wanted.path, wanted.accept, &validators).await;
        self.count(member, &fetched);
        match (fetched, kept) {
            (Ok(Fetched::NotModified), Some(held)) => {
                let (etag, last_modified) = (held.etag.as_deref(), held.last_modified.as_deref());
                let began = Instant::now();
                let touched = self.store.touch_document(upstream.base(), &wanted.path, etag, last_modified, now).await;
                self.metrics.wrote(Write::Document, began.elapsed());
                if let Err(error) = touched {
                    // What upstream confirmed is current, whether or not that can be written down.
                    tracing::error!(error = %error, document = wanted.path, "a check could not be recorded");
                }
                (Ok(Arc::new(Held { checked_at: now, stale: None, ..(*held).clone() })), lifetime)
            }
            (Ok(Fetched::NotModified), None) => {
                let error = DocumentError::Storage(format!(
                    "{} answered 304 for {} although nothing was asked conditionally",
                    upstream.base(),
                    wanted.path
                ));
                (Err(error), self.lifetimes.negative)
            }
            (Ok(Fetched::Document { url, content_type, etag, last_modified, body }), kept) => {
                let document = Arrived { url, content_type, etag, last_modified, body };
                match (self.store_document(member, &wanted.path, document, now).await, kept) {
                    (Ok(held), _) => (Ok(held), lifetime),
                    // A full disk is no reason to stop serving what is there.
                    (Err(error), Some(held)) => {
                        tracing::error!(error = %error, document = wanted.path, "a document could not be stored");
                        self.metrics.stale.inc();
                        let stale = Some(String::from("a newer document of upstream could not be stored"));
                        (Ok(Arc::new(Held { stale, ..(*held).clone() })), self.lifetimes.negative)
                    }
                    (Err(error), None) => (Err(error), self.lifetimes.negative),
                }
            }
            (Ok(Fetched::Absent { .. }), kept) => {
                if kept.is_some()
                    && let Err(error) = self.store.close_document(upstream.base(), &wanted.path, now).await
                {
                    return (Err(DocumentError::storage(error)), self.lifetimes.negative);
                }
                let error = DocumentError::Absent { upstream: upstream.base().to_owned(), path: wanted.path.clone() };
                (Err(error), self.lifetimes.negative)
            }
            (Err(error), Some(held)) => {
                tracing::warn!(ecosystem = member.ecosystem.id, upstream = %member.name, document = wanted.path, error = %error,
                    checked_at = %held.checked_at, "upstream does not answer; serving what is kept");
                self.metrics.stale.inc();
                (Ok(Arc::new(Held { stale: Some(error.to_string()), ..(*held).clone() })), self.lifetimes.negative)
            }
            (Err(error), None) => (Err(DocumentError::Upstream(error)), self.lifetimes.negative),
        }
    }

    /// Forgets documents that stopped being current before `before`, and deletes the bytes that nothing names any more; says
    /// how many documents' bytes these were.
    pub async fn expire(&self, before: Timestamp) -> Result<usize, DocumentError> {
        let unnamed = self.store.expire_documents(before).await.map_err(DocumentError::storage)?;
        self.give_up(unnamed).await
    }

    /// Deletes bytes that no row named a moment ago, as far as none does now; says how many these were.
    pub(crate) async fn give_up(&self, unnamed: Vec<Digest>) -> Result<usize, DocumentError> {
        let mut deleted = 0;
        for digest in unnamed {
            // Nobody stores the same bytes again between the look and the deletion.
            let _alone = self.storing.write().await;
            if !self.store.is_document(&digest).await.map_err(DocumentError::storage)? {
                self.blobs.delete(&digest).await.map_err(DocumentError::storage)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Keeps a document about a hosted package, as if it had come from an upstream.
    pub async fn host(
        &self,
        member: &Arc<Member>,
        path: &str,
        content_type: &str,
        body: Bytes,
        changed: Option<Timestamp>,
    ) -> Result<Arc<Held>, DocumentError> {
        let url = if path.starts_with(BASE) { path.to_owned() } else { format!("{}{path}", member.upstream.base()) };
        let content_type = content_type.to_owned();
        let last_modified = changed.map(Timestamp::http_date);
        let document = Arrived { url, content_type, etag: None, last_modified, body };
        self.store_document(member, path, document, self.clock.now()).await
    }

    async fn store_document(&self, member: &Arc<Member>, path: &str, document: Arrived, now: Timestamp) -> Answer {
        let body = document.body.clone();
        let compressed = tokio::task::spawn_blocking(move || zstd::bulk::compress(&body, 3))
            .await
            .map_err(DocumentError::storage)?
            .map_err(DocumentError::storage)?;
        // From when the bytes are found to be there until a row names them, they are not to be given up.
        let _storing = self.storing.read().await;
        let digest = self.blobs.put(Bytes::from(compressed)).await.map_err(DocumentError::storage)?;
        let new = NewDocument {
            upstream: member.upstream.base().to_owned(),
            path: path.to_owned(),
            digest,
            content_type: document.content_type,
            url: document.url,
            etag: document.etag,
            last_modified: document.last_modified,
            size: document.body.len() as u64,
        };
        let began = Instant::now();
        let recorded = self.store.record_document(&new, now).await.map_err(DocumentError::storage)?;
        self.metrics.wrote(Write::Document, began.elapsed());
        self.bodies.insert(digest, document.body.clone(), document.body.len());
        Ok(Arc::new(Held::new(member, recorded.row)))
    }

    fn keep(&self, member: &Arc<Member>, wanted: &Wanted, answer: Answer, from: Timestamp, good_for: i64) {
        let kept = Kept { answer, from, until: from.plus_millis(good_for) };
        self.held.insert((member.id(), wanted.path.clone()), kept, 1024 + wanted.path.len() * 3);
    }

    fn count(&self, member: &Member, fetched: &Result<Fetched, UpstreamError>) {
        let outcome = match fetched {
            Ok(Fetched::Document { .. }) => "changed",
            Ok(Fetched::NotModified) => "unchanged",
            Ok(Fetched::Absent { .. }) => "absent",
            Err(_) => "error",
        };
        self.asked(member, outcome, fetched.as_ref().err());
    }

    /// Counts the answer to a request for a document that is too large for memory.
    pub(crate) fn count_opened(&self, member: &Member, opened: &Result<Opened, UpstreamError>) {
        let outcome = match opened {
            Ok(Opened::Document(_)) => "changed",
            Ok(Opened::NotModified) => "unchanged",
            Ok(Opened::Absent { .. }) => "absent",
            Err(_) => "error",
        };
        self.asked(member, outcome, opened.as_ref().err());
    }

    fn asked(&self, member: &Member, outcome: &'static str, error: Option<&UpstreamError>) {
        self.metrics.upstream_asked(member.id(), outcome, self.clock.now());
        match error {
            Some(error) => self.trouble.note(member.id(), Part::Index, error.to_string()),
            None => self.trouble.over(member.id(), Part::Index),
        }
    }

    /// The bytes of a held document.
    pub async fn body(&self, held: &Held) -> Result<Bytes, DocumentError> {
        let body = self.peek(held).await?;
        self.bodies.insert(held.digest, body.clone(), body.len());
        Ok(body)
    }

    /// The bytes of a held document, for one look: they take no place in memory from those that are used.
    pub async fn peek(&self, held: &Held) -> Result<Bytes, DocumentError> {
        if let Some(body) = self.bodies.get(&held.digest) {
            return Ok(body);
        }
        if let Some(slice) = &held.slice {
            return slice.read(&self.blobs).await;
        }
        let compressed = self
            .blobs
            .get(&held.digest)
            .await
            .map_err(DocumentError::storage)?
            .ok_or_else(|| DocumentError::Storage(format!("the kept document {} is missing", held.digest)))?;
        tokio::task::spawn_blocking(move || zstd::bulk::decompress(&compressed, MAX_DOCUMENT))
            .await
            .map_err(DocumentError::storage)?
            .map(Bytes::from)
            .map_err(DocumentError::storage)
    }

    /// A document that never changes under its address, verified where a digest is stated. At most `limit` bytes.
    pub async fn immutable(
        self: &Arc<Self>,
        member: &Arc<Member>,
        url: &str,
        stated: Option<Digest>,
        limit: u64,
        online: bool,
    ) -> Result<Bytes, DocumentError> {
        let upstream = &member.upstream;
        if let Some(row) = self.store.current_document(upstream.base(), url).await.map_err(DocumentError::storage)? {
            let body = self.body(&Held::new(member, row)).await?;
            // Some registries make such documents anew, and state the new digest.
            if stated.is_none_or(|stated| Digest::of(&body) == stated) {
                return Ok(body);
            }
        }
        if !online {
            return Err(DocumentError::Absent { upstream: upstream.base().to_owned(), path: url.to_owned() });
        }
        let (this, of, address) = (Arc::clone(self), Arc::clone(member), url.to_owned());
        let fetch = || async move { this.fetch(&of, &address, stated, limit).await };
        let held = self.flights.run((member.id(), url.to_owned()), fetch).await.map_err(DocumentError::storage)??;
        self.body(&held).await
    }

    async fn fetch(&self, member: &Arc<Member>, url: &str, stated: Option<Digest>, limit: u64) -> Answer {
        let upstream = &member.upstream;
        let failed = |error: UpstreamError| match error.is_absent() {
            true => DocumentError::Absent { upstream: upstream.base().to_owned(), path: url.to_owned() },
            false => DocumentError::Upstream(error),
        };
        let download = upstream.open(url).await.map_err(failed)?;
        let body = download.bytes(limit).await.map_err(failed)?;
        if let Some(stated) = stated
            && Digest::of(&body) != stated
        {
            return Err(DocumentError::Invalid(InvalidDocument {
                url: url.to_owned(),
                expected: "the document that its index promises",
                problem: format!("the index states SHA-256 {stated}, the bytes have {}", Digest::of(&body)),
            }));
        }
        let fetched =
            Arrived { url: url.to_owned(), content_type: String::new(), etag: None, last_modified: None, body };
        self.store_document(member, url, fetched, self.clock.now()).await
    }

    /// Forgets that something was absent or unreachable, so that the next request asks again.
    pub fn forget(&self) {
        self.held.clear();
    }

    /// How long upstream's answers are taken for current.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Counts files of which upstream states another digest than at first.
    pub(crate) fn count_changed(&self, files: u64) {
        self.metrics.integrity.inc_by(files);
    }

    /// While this is held, bytes that are found to be there are not given up before a row names them.
    pub(crate) async fn storing(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.storing.read().await
    }

    /// Bytes of decoded documents in memory.
    pub fn weight(&self) -> usize {
        self.bodies.weight()
    }
}

impl Held {
    /// When upstream says that it was last changed, where it says so.
    pub fn last_modified(&self) -> Option<Timestamp> {
        self.last_modified.as_deref().and_then(Timestamp::parse_http)
    }

    /// A package's part of a catalogue.
    pub(crate) fn slice(of: &Catalogued, key: &str, digest: Digest, url: String, slice: Slice) -> Self {
        Self {
            member: Arc::clone(&of.member),
            digest,
            path: format!("{}#{key}", of.part),
            seen_from: of.seen_from,
            url,
            content_type: String::new(),
            checked_at: of.checked_at,
            stale: of.stale.clone(),
            slice: Some(Arc::new(slice)),
            etag: None,
            last_modified: None,
        }
    }

    fn new(member: &Arc<Member>, row: weir_store::DocumentRow) -> Self {
        Self {
            member: Arc::clone(member),
            digest: row.digest,
            path: row.path,
            seen_from: row.seen_from,
            url: row.url,
            content_type: row.content_type,
            checked_at: row.checked_at,
            stale: None,
            slice: None,
            etag: row.etag,
            last_modified: row.last_modified,
        }
    }
}
