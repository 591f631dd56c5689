//! How many bytes of artifacts are kept, and which go when there are too many.
//!
//! What was used longest ago goes first, but nothing that cannot be had again: not while its upstream is in trouble, and
//! not once upstream no longer lists it with the same bytes. Nor does what somebody [named](Store::keep): if that alone is more
//! than the limit, it is said loudly and stays. Only bytes go; everything that is known of an artifact stays.
//!
//! A transfer asks for [room](Stock::room) before its bytes become a blob, so that what is kept stays under the limit; what
//! is on its way comes on top. It then [pins](Stock::pin) the blob until those who wait for it have opened it. Who opens a
//! blob that was there a moment ago and is not any more fetches it again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use weir_blob::Blobs;
use weir_core::{Clock, Digest, Ecosystems, PackageName};
use weir_store::{BlobName, CachedBlob, Store};

use crate::documents::{DocumentError, Documents};
use crate::homes::Homes;
use crate::hot::Hot;
use crate::known;
use crate::metrics::Metrics;

mod pins;

pub use pins::Pin;
use pins::Pins;

/// Blobs that are looked at and evicted at once, at most.
const BATCH: u32 = 64;
/// Eviction goes on down to this share of the limit, in percent, so that not every transfer has to wait for it.
const LOW_WATER: u64 = 90;
/// How long nothing is tried where all that is left cannot be had again.
const RESPITE: Duration = Duration::from_secs(60);
/// How long an eviction may take before it is taken for one that a crash broke off, in milliseconds.
const UNFINISHED: i64 = 60 * 1000;

/// What bringing bytes in and taking them away works with.
#[derive(Clone)]
pub struct Means {
    /// The store.
    pub store: Store,
    /// The blobs.
    pub blobs: Arc<Blobs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The small artifacts in memory.
    pub hot: Arc<Hot>,
    /// What upstreams say.
    pub documents: Arc<Documents>,
    /// Whom it comes from.
    pub homes: Arc<Homes>,
    /// The ecosystems.
    pub ecosystems: Ecosystems,
}

/// The artifact bytes that are kept.
pub struct Stock {
    means: Means,
    /// Bytes that may be kept; `None`: any number.
    limit: Option<u64>,
    /// Without upstreams nothing can be had again, so nothing goes.
    online: bool,
    pins: Arc<Pins>,
    counts: Mutex<Counts>,
    /// Held by whoever evicts.
    turn: tokio::sync::Mutex<Turn>,
    wake: Notify,
}

/// Bytes of artifacts, but of those that are each larger than the limit.
#[derive(Debug, Default)]
struct Counts {
    stored: u64,
    /// Room that was made for what is not stored yet.
    reserved: u64,
    is_loaded: bool,
}

#[derive(Debug, Default)]
struct Turn {
    /// What is left cannot be had again; until then it is not looked at again.
    rests_until: Option<Instant>,
}

/// Room for an artifact that is about to be stored.
pub struct Room {
    stock: Arc<Stock>,
    size: u64,
    is_oversize: bool,
}

/// What was evicted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Evicted {
    /// How many artifacts.
    pub artifacts: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many artifacts could not go for the moment, because they were just being fetched or used.
    pub busy: u64,
    /// How many had to stay because they could not be had again.
    pub passed: u64,
    /// How many had to stay because somebody named them to be kept.
    pub named: u64,
}

/// Whether a blob may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Goes,
    /// It could not be had again now.
    Waits,
    /// It may never be had again.
    Stays,
}

/// How upstream lists a package's files at the moment, as far as Weir knows.
enum Listing {
    Trouble,
    /// By file name, with the SHA-256 where one is stated.
    Files(HashMap<String, Option<Digest>>),
}

type Listings = HashMap<(String, String), Listing>;

impl Room {
    /// The artifact is stored.
    pub fn filled(self) {
        if self.is_oversize {
            // It is evicted as soon as nobody waits for it.
            self.stock.wake.notify_one();
            return;
        }
        let mut counts = self.stock.counts();
        counts.stored += self.size;
        self.stock.publish(&counts);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut counts = self.stock.counts();
        counts.reserved = counts.reserved.saturating_sub(self.size);
    }
}

impl Stock {
    /// What is kept, up to `limit` bytes.
    pub fn new(means: Means, limit: Option<u64>, online: bool) -> Arc<Self> {
        means.metrics.stock_limit.set(limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX)));
        Arc::new(Self {
            means,
            limit,
            online,
            pins: Arc::default(),
            counts: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Keeps a blob from being evicted, whether or not it is there yet.
    pub async fn pin(&self, digest: Digest) -> Pin {
        self.pins.pin(digest).await
    }

    /// Makes room for `size` bytes, as far as anything may go. Where nothing may, they are stored all the same: serving
    /// counts for more than the limit. So it is with an artifact that is larger than the limit, for which nothing goes.
    pub async fn room(self: &Arc<Self>, size: u64) -> Room {
        let is_oversize = self.limit.is_some_and(|limit| size > limit);
        let room = Room { stock: Arc::clone(self), size: if is_oversize { 0 } else { size }, is_oversize };
        if is_oversize || self.reserve_if_it_fits(size) {
            return room;
        }
        let mut turn = self.turn.lock().await;
        // Whoever had the turn before may have made enough.
        if !self.reserve_if_it_fits(size) {
            if let Err(error) = self.make_room(&mut turn, size).await {
                tracing::error!(error = %error, "no room can be made for an artifact; it is stored all the same");
            }
            self.counts().reserved += size;
            // The rest, down to the low-water mark, is done without anyone waiting for it.
            self.wake.notify_one();
        }
        room
    }

    /// Ends when there is something to [tend](Stock::tend).
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Evicts down to the low-water mark if there is more than that, and what an eviction that was broken off has left.
    pub async fn tend(&self) -> Result<Evicted, DocumentError> {
        let mut turn = self.turn.lock().await;
        self.load().await?;
        let mut evicted = Evicted::default();
        let Some(limit) = self.limit.filter(|_| self.online) else { return Ok(evicted) };
        self.finish().await?;
        let mark = limit / 100 * LOW_WATER;
        let oversize = self.means.store.cached_blobs_above(limit, BATCH).await.map_err(DocumentError::storage)?;
        evicted.add(self.evict(&oversize, u64::MAX).await?);
        evicted.add(self.evict_down_to(&mut turn, mark).await?);
        if evicted.artifacts > 0 {
            tracing::info!(artifacts = evicted.artifacts, size_bytes = evicted.bytes, "artifacts are evicted");
        }
        Ok(evicted)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn publish(&self, counts: &Counts) {
        self.means.metrics.stock.set(i64::try_from(counts.stored).unwrap_or(i64::MAX));
    }

    fn reserve_if_it_fits(&self, size: u64) -> bool {
        let mut counts = self.counts();
        let fits = match self.limit.filter(|_| self.online) {
            Some(limit) => counts.is_loaded && counts.stored + counts.reserved + size <= limit,
            None => true,
        };
        if fits {
            counts.reserved += size;
        }
        fits
    }

    /// Counts what is stored. What was counted before is only as good as this process's part in it.
    async fn load(&self) -> Result<(), DocumentError> {
        let limit = self.limit.unwrap_or(u64::MAX);
        let (stored, _) = self.means.store.cached_bytes(limit).await.map_err(DocumentError::storage)?;
        let mut counts = self.counts();
        counts.stored = stored;
        counts.is_loaded = true;
        self.publish(&counts);
        Ok(())
    }

    async fn make_room(&self, turn: &mut Turn, size: u64) -> Result<(), DocumentError> {
        let Some(limit) = self.limit else { return Ok(()) };
        self.load().await?;
        self.evict_down_to(turn, limit.saturating_sub(size)).await.map(drop)
    }

    /// Evicts what was used longest ago until no more than `mark` bytes are stored and reserved.
    async fn evict_down_to(&self, turn: &mut Turn, mark: u64) -> Result<Evicted, DocumentError> {
        if turn.rests_until.is_some_and(|until| Instant::now() < until) {
            return Ok(Evicted::default());
        }
        let mut last: Option<CachedBlob> = None;
        let mut round = Evicted::default();
        loop {
            let excess = {
                let counts = self.counts();
                (counts.stored + counts.reserved).saturating_sub(mark)
            };
            if excess == 0 {
                turn.rests_until = None;
                self.means.metrics.stock_named.set(0);
                return Ok(round);
            }
            let oldest = self.means.store.cached_blobs(last.as_ref(), BATCH).await.map_err(DocumentError::storage)?;
            last = oldest.last().copied();
            if last.is_none() {
                break;
            }
            round.add(self.evict(&oldest, excess).await?);
        }
        // What is left is on its way in, or in use, and goes the next time.
        if round.busy > 0 || round.passed + round.named == 0 || self.counts().stored <= mark {
            return Ok(round);
        }
        turn.rests_until = Some(Instant::now() + RESPITE);
        let above = self.counts().stored.saturating_sub(self.limit.unwrap_or(u64::MAX));
        if round.named > 0 && above > 0 {
            self.means.metrics.stock_named.set(i64::try_from(above).unwrap_or(i64::MAX));
            tracing::error!(
                above_bytes = above,
                artifacts = round.named,
                "more artifacts are named to be kept than [cache] limit-mib allows: none of them goes; raise the limit, or \
                 see `weir mirror list` and drop a set"
            );
            return Ok(round);
        }
        tracing::warn!(
            stored_bytes = self.counts().stored,
            "more artifacts are kept than [cache] limit-mib allows: the others cannot be had again at the moment"
        );
        Ok(round)
    }

    /// Evicts those of some blobs that may go, until they were `excess` bytes.
    async fn evict(&self, blobs: &[CachedBlob], excess: u64) -> Result<Evicted, DocumentError> {
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        let (mut freed, mut waiting) = (0, 0);
        let digests: Vec<Digest> = blobs.iter().map(|blob| blob.sha256).collect();
        let kept = self.means.store.kept_of(&digests, self.means.clock.now()).await.map_err(DocumentError::storage)?;
        let kept: HashSet<Digest> = kept.into_iter().collect();
        let mut named = 0;
        let names = self.means.store.names_of_blobs(blobs).await.map_err(DocumentError::storage)?;
        let mut listings = Listings::new();
        for blob in blobs {
            if freed >= excess {
                break;
            }
            if kept.contains(&blob.sha256) {
                named += 1;
                staying.push(*blob);
                continue;
            }
            match self.fate(blob, &names, &mut listings).await {
                Fate::Goes => {
                    freed += blob.size;
                    going.push(*blob);
                }
                Fate::Stays => staying.push(*blob),
                Fate::Waits => waiting += 1,
            }
        }
        // Put last in the queue, so that the next round need not pass them again.
        self.means.store.touch_blobs(&staying, self.means.clock.now()).await.map_err(DocumentError::storage)?;
        let chosen = going.len();
        let taken = self.pins.take(going.iter().map(|blob| blob.sha256));
        going.retain(|blob| taken.contains(&blob.sha256));
        // The store is told first: after a crash it knows which bytes were to go.
        let marked = self.means.store.begin_eviction(&going, self.means.clock.now()).await;
        let marked = marked.map_err(DocumentError::storage)?;
        self.remove(marked.iter().map(|blob| blob.sha256).collect()).await?;
        drop(taken);
        let limit = self.limit.unwrap_or(u64::MAX);
        let evicted = Evicted {
            artifacts: marked.len() as u64,
            bytes: marked.iter().map(|blob| blob.size).sum(),
            busy: (chosen - marked.len()) as u64,
            passed: waiting + staying.len() as u64 - named,
            named,
        };
        let counted: u64 = marked.iter().map(|blob| blob.size).filter(|size| *size <= limit).sum();
        let mut counts = self.counts();
        counts.stored = counts.stored.saturating_sub(counted);
        self.publish(&counts);
        self.means.metrics.evicted.inc_by(evicted.artifacts);
        self.means.metrics.evicted_bytes.inc_by(evicted.bytes);
        Ok(evicted)
    }

    /// Removes bytes that are marked.
    async fn remove(&self, marked: Vec<Digest>) -> Result<(), DocumentError> {
        if marked.is_empty() {
            return Ok(());
        }
        self.means.hot.forget(&marked);
        self.means.blobs.delete_all(&marked).await.map_err(DocumentError::storage)?;
        self.means.store.end_eviction(&marked).await.map_err(DocumentError::storage)
    }

    /// Ends evictions that were broken off between the mark and the end.
    async fn finish(&self) -> Result<(), DocumentError> {
        let before = self.means.clock.now().plus_millis(-UNFINISHED);
        let left = || async { self.means.store.unfinished_evictions(before).await.map_err(DocumentError::storage) };
        let found = left().await?;
        if found.is_empty() {
            return Ok(());
        }
        let taken = self.pins.take(found);
        // Looked at again now that nobody can bring them back: what came back before is no longer marked.
        let left: Vec<Digest> = left().await?.into_iter().filter(|digest| taken.contains(digest)).collect();
        tracing::info!(artifacts = left.len(), "an eviction that was broken off is ended");
        self.remove(left).await
    }

    async fn fate(&self, blob: &CachedBlob, names: &[BlobName], listings: &mut Listings) -> Fate {
        let mut fate = Fate::Goes;
        for name in names.iter().filter(|name| name.sha256 == blob.sha256) {
            let key = (name.ecosystem.clone(), name.package.clone());
            if !listings.contains_key(&key) {
                let listing = self.listing(&key.0, &key.1).await;
                listings.insert(key.clone(), listing);
            }
            match listings.get(&key) {
                Some(Listing::Files(files)) => match files.get(&name.file) {
                    Some(stated) if stated.is_none_or(|stated| stated == blob.sha256) => {}
                    _ => return Fate::Stays,
                },
                Some(Listing::Trouble) | None => fate = Fate::Waits,
            }
        }
        fate
    }

    /// What upstream lists, by the documents that are kept.
    async fn listing(&self, ecosystem: &str, package: &str) -> Listing {
        let documents = &self.means.documents;
        let Some(ecosystem) = self.means.ecosystems.by_id(ecosystem) else { return Listing::Trouble };
        let package = PackageName::from_normalized(package);
        let Ok(Some(member)) = self.means.homes.known(ecosystem, &package).await else { return Listing::Trouble };
        if documents.is_in_trouble(&member) {
            return Listing::Trouble;
        }
        let (mut held, mut bodies) = (Vec::new(), Vec::new());
        for wanted in member.documents(&package) {
            match documents.kept(&member, &wanted).await {
                Ok(kept) => held.push(kept),
                // Upstream has deleted it, as far as anyone knows.
                Err(DocumentError::Absent { .. }) => return Listing::Files(HashMap::new()),
                Err(_) => return Listing::Trouble,
            }
        }
        for held in &held {
            match documents.peek(held).await {
                Ok(body) => bodies.push(body),
                Err(_) => return Listing::Trouble,
            }
        }
        let parsed = tokio::task::spawn_blocking(move || known::parse(ecosystem, &package, &held, &bodies)).await;
        let Ok(Ok(index)) = parsed else { return Listing::Trouble };
        let artifacts = index.releases.into_iter().flat_map(|release| release.artifacts);
        Listing::Files(artifacts.map(|artifact| (artifact.file, artifact.digests.sha256)).collect())
    }
}

impl Evicted {
    fn add(&mut self, more: Self) {
        self.artifacts += more.artifacts;
        self.bytes += more.bytes;
        self.busy += more.busy;
        self.passed += more.passed;
        self.named += more.named;
    }
}
