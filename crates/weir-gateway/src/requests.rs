//! How records of requests get into the store: off the hot path, many at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use weir_store::{RequestRow, Store, StoreError};

use crate::metrics::{Metrics, Write};

/// Records that may wait for the store before new ones are dropped and counted.
const WAITING: usize = 65_536;
/// Records written in one transaction.
const BATCH: usize = 1_000;
/// How long a record waits for company: what accounting may lose in a crash.
const LINGER: Duration = Duration::from_millis(200);

/// The way into the request records.
#[derive(Clone, Debug)]
pub struct RequestLog {
    sender: mpsc::Sender<Message>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum Message {
    Record(Box<RequestRow>),
    Flush(tokio::sync::oneshot::Sender<()>),
}

impl RequestLog {
    /// Starts the writer.
    pub fn start(store: Store, metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(store, receiver, Arc::clone(&metrics)));
        Self { sender, metrics }
    }

    /// Takes the record of a request that is over. Never waits; one that finds no place is counted in
    /// `weir_request_records_lost_total`.
    pub fn keep(&self, record: RequestRow) {
        if self.sender.try_send(Message::Record(Box::new(record))).is_err() {
            self.metrics.records_lost.inc();
        }
    }

    /// Waits until everything taken before is written.
    pub async fn flush(&self) {
        let (done, written) = tokio::sync::oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write(store: Store, mut receiver: mpsc::Receiver<Message>, metrics: Arc<Metrics>) {
    let mut rows = Vec::new();
    let mut flushes = Vec::new();
    while let Some(first) = receiver.recv().await {
        let mut next = Some(first);
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        loop {
            match next.take() {
                Some(Message::Record(row)) => rows.push(*row),
                Some(Message::Flush(done)) => {
                    flushes.push(done);
                    break;
                }
                None => break,
            }
            if rows.len() >= BATCH {
                break;
            }
            tokio::select! {
                message = receiver.recv() => next = message,
                () = &mut linger => break,
            }
        }
        let began = Instant::now();
        let written = if rows.is_empty() { Ok(()) } else { store.append_requests(&rows).await };
        if !rows.is_empty() {
            metrics.wrote(Write::Requests, began.elapsed());
        }
        if let Err(error) = written {
            let lost = one_by_one(&store, &rows).await;
            metrics.records_lost.inc_by(lost);
            tracing::error!(error = %error, records = rows.len(), lost, "request records could not be written at once");
        }
        rows.clear();
        for done in flushes.drain(..) {
            let _ = done.send(());
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
