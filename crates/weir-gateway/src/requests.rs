//! How records of requests get into the store: off the hot path, many at once.
//!
//! A record is put on a pile, which costs a lock and wakes nobody while the pile is small. One task takes the whole pile
//! every so often and writes it. Where traffic is faster than the store, requests wait at the door rather than that
//! records of them are lost; where the store stands still they wait only once, since serving counts for more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use weir_store::{RequestRow, Store, StoreError};

use crate::metrics::{Metrics, Write};

/// Most records that wait for the store; what comes on top is dropped and counted.
const MAX_WAITING: usize = 65_536;
/// Records that may wait before new requests do.
const CROWDED: usize = MAX_WAITING / 2;
/// Records that are written without waiting for more.
const ENOUGH: usize = 4_096;
/// Records written in one transaction: other writers wait for it.
const BATCH: usize = 4_096;
/// How long a record waits for company: what accounting may lose in a crash.
const LINGER: Duration = Duration::from_millis(200);
/// How long a request waits for the store to take records, if it takes any at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way into the request records.
#[derive(Debug)]
pub struct RequestLog {
    pile: Arc<Pile>,
    metrics: Arc<Metrics>,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Pile {
    waiting: Mutex<Waiting>,
    /// How many records wait or are being written, to be read without the lock.
    count: AtomicUsize,
    /// The store has taken nothing for a while.
    is_stuck: AtomicBool,
    wake: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: Vec<RequestRow>,
    flushes: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

impl RequestLog {
    /// Starts the writer.
    pub fn start(store: Store, metrics: Arc<Metrics>) -> Self {
        let pile = Arc::new(Pile::default());
        tokio::spawn(write(store, Arc::clone(&pile), Arc::clone(&metrics)));
        Self { pile, metrics }
    }

    /// Waits while so many records wait for the store that those of new requests might find no place.
    pub async fn room(&self) {
        let pile = &self.pile;
        if !pile.is_crowded() {
            return;
        }
        let room = async {
            loop {
                let freed = pile.room.notified();
                if !pile.is_crowded() {
                    return;
                }
                freed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, room).await.is_err() {
            pile.is_stuck.store(true, Ordering::Relaxed);
        }
    }

    /// True if a new request would have to wait.
    pub fn is_crowded(&self) -> bool {
        self.pile.is_crowded()
    }

    /// Takes the record of a request that is over. Never waits; one that finds no place is counted in
    /// `weir_request_records_lost_total`.
    pub fn keep(&self, record: RequestRow) {
        if self.pile.count.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.pile.count.fetch_sub(1, Ordering::Relaxed);
            self.metrics.records_lost.inc();
            return;
        }
        let mut waiting = self.pile.lock();
        waiting.rows.push(record);
        let rows = waiting.rows.len();
        drop(waiting);
        if rows == 1 || rows == ENOUGH {
            self.pile.wake.notify_one();
        }
    }

    /// Waits until everything taken before is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.pile.lock().flushes.push(done);
        self.pile.wake.notify_one();
        let _ = written.await;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        self.pile.lock().is_closed = true;
        self.pile.wake.notify_one();
    }
}

impl Pile {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_crowded(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= CROWDED && !self.is_stuck.load(Ordering::Relaxed)
    }

    /// Waits for records, and a little longer for more of them.
    async fn gathered(&self) {
        self.wake.notified().await;
        let is_pressing = {
            let waiting = self.lock();
            waiting.rows.len() >= ENOUGH || !waiting.flushes.is_empty() || waiting.is_closed
        };
        if !is_pressing {
            let _ = tokio::time::timeout(LINGER, self.wake.notified()).await;
        }
    }
}

async fn write(store: Store, pile: Arc<Pile>, metrics: Arc<Metrics>) {
    let mut rows = Vec::new();
    loop {
        pile.gathered().await;
        let (flushes, is_closed) = {
            let mut waiting = pile.lock();
            std::mem::swap(&mut rows, &mut waiting.rows);
            (std::mem::take(&mut waiting.flushes), waiting.is_closed)
        };
        for batch in rows.chunks(BATCH) {
            let began = Instant::now();
            let written = store.append_requests(batch).await;
            metrics.wrote(Write::Requests, began.elapsed());
            if let Err(error) = written {
                let lost = one_by_one(&store, batch).await;
                metrics.records_lost.inc_by(lost);
                let records = batch.len();
                tracing::error!(error = %error, records, lost, "request records could not be written at once");
            }
            pile.count.fetch_sub(batch.len(), Ordering::Relaxed);
            pile.is_stuck.store(false, Ordering::Relaxed);
            pile.room.notify_waiters();
        }
        rows.clear();
        // What a flood needed is given back.
        rows.shrink_to(BATCH);
        for done in flushes {
            let _ = done.send(());
        }
        if is_closed {
            return;
        }
    }
}

/// Writes records singly, so that one which the store refuses takes no other with it. Gives up at the first failure that
/// is not the record's own. Says how many are lost.
async fn one_by_one(store: &Store, rows: &[RequestRow]) -> u64 {
    let mut lost = 0;
    for (at, row) in rows.iter().enumerate() {
        match store.append_requests(std::slice::from_ref(row)).await {
            Ok(()) => {}
            Err(StoreError::Nul { .. } | StoreError::TooLong { .. }) => lost += 1,
            Err(_) => return lost + (rows.len() - at) as u64,
        }
    }
    lost
}
