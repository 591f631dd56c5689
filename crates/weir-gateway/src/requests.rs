//! Who asked for what, and what came of it: one record a request, written off the hot path.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use weir_store::{RequestRow, Store};

use crate::metrics::Metrics;

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
        tokio::spawn(write(store, receiver));
        Self { sender, metrics }
    }

    /// Takes a record. Never waits; a record that finds no place is counted in `weir_request_records_lost`.
    pub fn take(&self, row: RequestRow) {
        if self.sender.try_send(Message::Record(Box::new(row))).is_err() {
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

async fn write(store: Store, mut receiver: mpsc::Receiver<Message>) {
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
        if !rows.is_empty()
            && let Err(error) = store.append_requests(&rows).await
        {
            tracing::error!(error = %error, records = rows.len(), "request records could not be written");
        }
        rows.clear();
        for done in flushes.drain(..) {
            let _ = done.send(());
        }
    }
}
