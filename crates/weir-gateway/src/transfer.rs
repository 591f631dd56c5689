//! How an artifact's bytes come in, whether they are the right ones, and what is inside.
//!
//! One transfer per artifact runs at a time, whoever asks for it and however many. It writes to a spool file; readers
//! follow the file up to the point that may be released before the verdict (DESIGN: hold the tail) and wait there until
//! the bytes are verified, inspected and stored. A transfer goes on when its readers go away.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use weir_archive::TailHold;
use weir_blob::{Blobs, Spool};
use weir_core::digest::{Hasher, StatedDigests};
use weir_core::registry::{Artifact, Container, Expected};
use weir_core::{Clock, Digest, Ecosystem, PackageName, Purl, Timestamp};
use weir_store::{ArtifactRecorded, NewArtifact, NewFact, Store};
use weir_upstream::UpstreamError;

use crate::cache::Lru;
use crate::documents::Documents;
use crate::learnt::Learnt;
use crate::looked;
use crate::members::Member;
use crate::metrics::{Metrics, Write};
use crate::pace::Pace;
use crate::phases::{Phase, Phases};
use crate::stock::{Means, Pin, Stock};
use crate::sums::{self, Unproven};
use crate::trouble::{Part, Trouble};

/// What is fetched: enough to do it without the view it was asked through.
#[derive(Clone, Debug)]
pub struct Order {
    /// The upstream that it is from.
    pub member: Arc<Member>,
    /// Its package.
    pub package: PackageName,
    /// Its release's version as the index spells it.
    pub version: String,
    /// The index record.
    pub artifact: Artifact,
    /// What the registry says of the release, kept at first sight.
    pub said: serde_json::Value,
    /// The documents that tell of the release, the package's own first.
    pub documents: Vec<Bytes>,
    /// Bytes a second, at most; whoever joins without a limit lifts it.
    pub pace: Option<u64>,
}

impl Order {
    fn ecosystem(&self) -> &'static Ecosystem {
        self.member.ecosystem
    }
}

/// How far a transfer is.
#[derive(Clone, Default, Debug)]
pub struct Progress {
    /// Upstream has answered.
    pub started: bool,
    /// The artifact's length, once known.
    pub total: Option<u64>,
    /// Leading bytes that readers may have before the verdict.
    pub releasable: u64,
    /// What looking into it took.
    pub inspecting: Duration,
    /// What storing it took.
    pub storing: Duration,
    /// The end.
    pub end: Option<Result<Landed, TransferError>>,
}

/// Bytes that arrived whole, were the promised ones, and are stored.
#[derive(Clone, Debug)]
pub struct Landed {
    /// Their identity.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Keeps them where they are as long as someone waits to open them.
    _pin: Arc<Pin>,
}

/// Why an artifact did not arrive.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransferError {
    /// Upstream failed.
    #[error("{0}")]
    Upstream(UpstreamError),
    /// The bytes are not those that the index promises. A security event; nothing is stored.
    #[error("`{file}` from upstream is not what its index promises: {problem}; nothing was stored")]
    Mismatch {
        /// The file.
        file: String,
        /// Both digests.
        problem: String,
    },
    /// Nobody could vouch for the bytes, because who could does not answer. Nothing is stored.
    #[error("the checksum database does not answer, so nothing can be checked: {0}")]
    Unverified(String),
    /// Weir's own storage failed.
    #[error("{0}")]
    Storage(String),
}

/// A running or just ended transfer.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// How far it is.
    pub progress: watch::Receiver<Progress>,
    /// The spool file, to be opened while the transfer runs.
    pub path: PathBuf,
    pace: Arc<Pace>,
}

impl Transfer {
    /// [`Transfer::end`] for a request, with what it waited for counted by phase.
    pub async fn landed(&self, phases: &Phases) -> Result<Landed, TransferError> {
        let began = Instant::now();
        let end = self.end().await;
        let waited = began.elapsed();
        let (inspecting, storing) = {
            let progress = self.progress.borrow();
            (progress.inspecting.min(waited), progress.storing)
        };
        // Who joined late has waited for less than all of it.
        let storing = storing.min(waited - inspecting);
        phases.add(Phase::Inspect, inspecting);
        phases.add(Phase::Store, storing);
        phases.add(Phase::Upstream, waited - inspecting - storing);
        end
    }

    /// Waits for the end.
    pub async fn end(&self) -> Result<Landed, TransferError> {
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.end.is_some()).await;
        match ended.map(|progress| progress.end.clone()) {
            Ok(Some(end)) => end,
            _ => Err(TransferError::Storage(String::from("the transfer was abandoned; try again"))),
        }
    }

    /// Waits until upstream has answered or failed, and gives the length if it is known.
    pub async fn total(&self) -> Result<Option<u64>, TransferError> {
        let mut progress = self.progress.clone();
        let started = progress.wait_for(|progress| progress.started || progress.end.is_some()).await;
        match started.map(|progress| progress.clone()) {
            Ok(Progress { end: Some(Err(error)), .. }) => Err(error),
            Ok(progress) => Ok(progress.total),
            Err(_) => Err(TransferError::Storage(String::from("the transfer was abandoned; try again"))),
        }
    }
}

/// How long an artifact whose bytes were not those that its index promises is not fetched again, in milliseconds, unless
/// the index promises others by then. Whoever asks meanwhile is told the same.
const MISMATCH_MEMORY: i64 = 10 * 60 * 1000;
/// Most bytes of memory for such artifacts.
const MISMATCH_BYTES: usize = 1024 * 1024;

type Key = (&'static str, PackageName, String);

/// Bytes that came and were not those that were promised.
#[derive(Clone)]
struct Mismatched {
    promised: StatedDigests,
    problem: String,
    from: Timestamp,
}
type Running = Mutex<HashMap<Key, Transfer>>;

/// The transfers that run, and what they need.
pub struct Transfers {
    store: Store,
    blobs: Arc<Blobs>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    learnt: Arc<Learnt>,
    stock: Arc<Stock>,
    running: Arc<Running>,
    mismatched: Lru<Key, Mismatched>,
    trouble: Arc<Trouble>,
    /// Where transfers run: not with the requests, which hashing would hold up.
    runtime: Handle,
    documents: Arc<Documents>,
}

/// Takes a transfer off the list of those that run, also when its task panics.
struct Landing {
    running: Arc<Running>,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock(running: &Running) -> std::sync::MutexGuard<'_, HashMap<Key, Transfer>> {
    running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Transfers {
    /// No transfers yet.
    pub fn new(means: &Means, learnt: Arc<Learnt>, stock: Arc<Stock>) -> Self {
        Self {
            store: means.store.clone(),
            blobs: Arc::clone(&means.blobs),
            clock: Arc::clone(&means.clock),
            metrics: Arc::clone(&means.metrics),
            learnt,
            stock,
            running: Arc::default(),
            mismatched: Lru::new(MISMATCH_BYTES),
            trouble: Arc::clone(means.documents.trouble()),
            runtime: Handle::current(),
            documents: Arc::clone(&means.documents),
        }
    }

    /// Joins the transfer of an artifact, or starts it.
    pub fn join(self: &Arc<Self>, order: Order) -> Result<Transfer, TransferError> {
        let key = (order.ecosystem().id, order.package.clone(), order.artifact.file.clone());
        let mut running = lock(&self.running);
        if let Some(transfer) = running.get(&key) {
            transfer.pace.joined(order.pace);
            return Ok(transfer.clone());
        }
        if let Some(error) = self.remembered(&key, &order.artifact.digests) {
            return Err(error);
        }
        let spool = self.blobs.spool().map_err(|error| TransferError::Storage(error.to_string()))?;
        let (sender, progress) = watch::channel(Progress::default());
        let pace = Arc::new(Pace::new(order.pace));
        let transfer = Transfer { progress, path: spool.path().to_owned(), pace: Arc::clone(&pace) };
        running.insert(key.clone(), transfer.clone());
        drop(running);
        let landing = Landing { running: Arc::clone(&self.running), key };
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let end = this.run(&order, spool, &sender, &pace).await;
            this.note(&order.member, &end);
            if let Err(error) = &end {
                tracing::warn!(ecosystem = order.ecosystem().id, upstream = %order.member.name, package = %order.package, file = order.artifact.file,
                    error = %error, "an artifact did not arrive");
            }
            // What was learnt is on record: who comes after this starts from there.
            drop(landing);
            sender.send_modify(|progress| progress.end = Some(end));
        });
        Ok(transfer)
    }

    /// The mismatch that was found a while ago, if the index still promises the same.
    fn remembered(&self, key: &Key, promised: &StatedDigests) -> Option<TransferError> {
        let before = self.mismatched.get(key)?;
        let (now, until) = (self.clock.now(), before.from.plus_millis(MISMATCH_MEMORY));
        // A clock that went back makes nothing hold for longer.
        if before.promised != *promised || now < before.from || now >= until {
            return None;
        }
        let problem = format!("{} (found at {}; it is tried again from {until} on)", before.problem, before.from);
        Some(TransferError::Mismatch { file: key.2.clone(), problem })
    }

    /// Tells whether the upstream's files can be had.
    fn note(&self, member: &Member, end: &Result<Landed, TransferError>) {
        match end {
            Ok(_) => self.trouble.over(member.id(), Part::Artifacts),
            Err(TransferError::Upstream(error)) if error.is_absent() => {}
            Err(TransferError::Storage(_)) => {}
            Err(error) => self.trouble.note(member.id(), Part::Artifacts, error.to_string()),
        }
    }

    async fn run(
        &self,
        order: &Order,
        mut spool: Spool,
        sender: &watch::Sender<Progress>,
        pace: &Pace,
    ) -> Result<Landed, TransferError> {
        let storage = |error: &dyn std::fmt::Display| TransferError::Storage(error.to_string());
        let (upstream, artifact) = (&order.member.upstream, &order.artifact);
        if let Some(landed) = self.landed(order).await? {
            return Ok(landed);
        }
        self.metrics.artifact_asked(order.member.id());
        let mut download = upstream.open(&artifact.url).await.map_err(TransferError::Upstream)?;
        let total = download.length.or(artifact.size);
        sender.send_modify(|progress| {
            progress.started = true;
            progress.total = total;
        });
        let zip = order.ecosystem().registry.inspection(&artifact.file).is_some_and(|i| i.container == Container::Zip);
        let mut hold = total.map(|total| if zip { TailHold::zip(total) } else { TailHold::plain(total) });
        let mut hasher = Hasher::new(&artifact.digests);
        let mut arrived: u64 = 0;
        while let Some(chunk) = download.chunk().await.map_err(TransferError::Upstream)? {
            hasher.update(&chunk);
            arrived += chunk.len() as u64;
            if download.length.is_none() && artifact.size.is_some_and(|size| arrived > size) {
                // Without a length there would be no other end to it.
                let size = artifact.size.unwrap_or_default();
                return self.mismatch(order, format!("the index states {size} bytes, and more came")).await;
            }
            spool.write(&chunk).map_err(|error| storage(&error))?;
            if let Some(hold) = &mut hold {
                hold.feed(&chunk);
                let releasable = hold.releasable();
                sender.send_modify(|progress| progress.releasable = releasable);
            }
            pace.wait(arrived).await;
        }
        let hashed = hasher.finish();
        if let Err(problem) = hashed.check(&artifact.digests) {
            return self.mismatch(order, problem).await;
        }
        let began = Instant::now();
        // The disk has work while the bytes are looked into.
        let path = spool.path().to_owned();
        let (inspected, prepared) =
            tokio::join!(self.inspect(order, path), self.blobs.prepare(&mut spool, &hashed.sha256));
        let inspected = inspected?;
        prepared.map_err(|error| storage(&error))?;
        match sums::check(&self.documents, &self.store, order, &inspected.digests).await {
            Ok(()) => {}
            Err(Unproven::Contradiction(problem)) => return self.mismatch(order, problem).await,
            Err(Unproven::Trouble(error)) => return Err(error),
        }
        sender.send_modify(|progress| progress.inspecting = began.elapsed());
        let began = Instant::now();
        let pin = Arc::new(self.stock.pin(hashed.sha256).await);
        let room = self.stock.room(hashed.length).await;
        // The blob is durable before the row that names it: if Weir stops in between, the bytes are there without a
        // decision and are taken up again by the next request.
        let mut said = inspected.declared.said.clone();
        looked::keep(&inspected.declared, &mut said);
        let said = serde_json::Value::Object(said).to_string();
        // What the index offers beside the artifact is kept as a document when it is asked for.
        let metadata = inspected.declared.metadata.filter(|_| artifact.metadata.is_none());
        let declared = async {
            match metadata {
                Some(bytes) => self.blobs.put(bytes.into()).await.map(Some),
                None => Ok(None),
            }
        };
        let (metadata, ()) = tokio::try_join!(declared, self.blobs.adopt(spool, &hashed.sha256, hashed.length))
            .map_err(|error| storage(&error))?;
        let mut findings = inspected.findings;
        findings.extend(inspected.declared.findings);
        findings.sort();
        findings.dedup();
        let (license, license_source) = match inspected.declared.license {
            Some((text, place)) => (Some(text), Some(place)),
            None => (None, None),
        };
        let now = self.clock.now();
        let row = NewArtifact {
            ecosystem: order.ecosystem().id.to_owned(),
            package: order.package.as_str().to_owned(),
            version: order.version.clone(),
            file: artifact.file.clone(),
            sha256: hashed.sha256,
            size: hashed.length,
            license,
            license_source,
            metadata,
            findings: serde_json::to_string(&findings).map_err(|error| storage(&error))?,
            said: said.clone(),
        };
        let facts = [
            fact(order, "registry", order.said.to_string(), upstream.base()),
            fact(order, "artifact", said, &artifact.file),
        ];
        let writing = Instant::now();
        // Side by side, they become durable together.
        let (recorded, _) =
            tokio::try_join!(self.store.record_artifact(&row, now), self.store.record_facts(&facts, now))
                .map_err(|error| storage(&error))?;
        self.metrics.wrote(Write::Artifact, writing.elapsed());
        if matches!(recorded, ArtifactRecorded::Changed(_)) {
            self.metrics.integrity.inc();
        }
        room.filled();
        self.learnt.add(order.ecosystem().id, &order.package);
        sender.send_modify(|progress| progress.storing = began.elapsed());
        Ok(Landed { digest: hashed.sha256, size: hashed.length, _pin: pin })
    }

    /// What was stored by a transfer that ended just before this one began.
    async fn landed(&self, order: &Order) -> Result<Option<Landed>, TransferError> {
        let storage = |error: &dyn std::fmt::Display| TransferError::Storage(error.to_string());
        let (ecosystem, package) = (order.ecosystem().id, order.package.as_str());
        let row =
            self.store.artifact(ecosystem, package, &order.artifact.file).await.map_err(|error| storage(&error))?;
        let Some(row) = row else { return Ok(None) };
        let pin = Arc::new(self.stock.pin(row.sha256).await);
        let size = self.blobs.size(&row.sha256).await.map_err(|error| storage(&error))?;
        Ok((size == Some(row.size)).then_some(Landed { digest: row.sha256, size: row.size, _pin: pin }))
    }

    /// Tells of bytes that are not the promised ones.
    async fn mismatch(&self, order: &Order, problem: String) -> Result<Landed, TransferError> {
        self.metrics.integrity.inc();
        let artifact = &order.artifact;
        let key = (order.ecosystem().id, order.package.clone(), artifact.file.clone());
        let weight = 512 + problem.len() + artifact.file.len() * 2;
        let promised = artifact.digests.clone();
        self.mismatched.insert(key, Mismatched { promised, problem: problem.clone(), from: self.clock.now() }, weight);
        let body = serde_json::json!({ "url": artifact.url, "problem": problem }).to_string();
        let subject = format!("{}#{}", subject(order), artifact.file);
        self.store
            .record_event("digest-mismatch", &subject, &body, self.clock.now())
            .await
            .map_err(|error| TransferError::Storage(error.to_string()))?;
        Err(TransferError::Mismatch { file: artifact.file.clone(), problem })
    }

    async fn inspect(&self, order: &Order, path: PathBuf) -> Result<weir_inspect::Inspected, TransferError> {
        let (ecosystem, package, version) = (order.ecosystem(), order.package.clone(), order.version.clone());
        let file = order.artifact.file.clone();
        let inspected = tokio::task::spawn_blocking(move || {
            let mut bytes = std::fs::File::open(&path)?;
            let expected = Expected { package: &package, version: &version };
            weir_inspect::inspect(ecosystem.registry, &file, &mut bytes, &expected)
        })
        .await;
        match inspected {
            Ok(Ok(inspected)) => Ok(inspected),
            Ok(Err(error)) => Err(TransferError::Storage(format!("the spooled artifact cannot be read: {error}"))),
            Err(error) => Err(TransferError::Storage(format!("the inspection was interrupted: {error}"))),
        }
    }
}

fn subject(order: &Order) -> String {
    Purl::new(order.ecosystem(), &order.package, Some(&order.version)).to_string()
}

fn fact(order: &Order, kind: &str, value: String, source: &str) -> NewFact {
    NewFact { subject: subject(order), kind: kind.to_owned(), value, source: source.to_owned() }
}
