//! Who asked for what, and what came of it: one record a request, written off the hot path.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;
use weir_core::Digest;
use weir_store::{RequestRow, Store, StoreError};

use crate::metrics::{Metrics, RequestLabels};

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

    /// Takes the record of a request that is over: for the log, the metrics and the store. Never waits; a record that finds
    /// no place is counted in `weir_request_records_lost`.
    pub fn finish(&self, record: RequestRow) {
        self.metrics.sent.inc_by(record.bytes);
        let labels = RequestLabels {
            stage: record.stage.clone(),
            ecosystem: record.ecosystem.clone(),
            outcome: record.outcome.clone(),
        };
        self.metrics.requests.get_or_create(&labels).inc();
        tracing::info!(
            stage = record.stage,
            ecosystem = record.ecosystem,
            package = record.package,
            file = record.file.as_deref(),
            principal = record.principal,
            client = record.client,
            decision = record.decision.as_deref(),
            outcome = record.outcome,
            status = record.status,
            size_bytes = record.bytes,
            duration_ms = record.duration_ms,
            "request"
        );
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
        if !rows.is_empty()
            && let Err(error) = store.append_requests(&rows).await
        {
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

/// The account of a request whose body is still on its way. Its record is written when the body ends, and tells what was
/// really sent: a client that went away, a connection that was cut.
#[derive(Debug)]
pub struct Account {
    log: RequestLog,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    record: Option<RequestRow>,
    sent: u64,
    is_whole: bool,
    failed: Option<&'static str>,
    decision: Option<String>,
    artifact: Option<Digest>,
    is_over: bool,
}

impl Account {
    /// An account of a body that has not begun.
    pub fn new(log: RequestLog) -> Arc<Self> {
        Arc::new(Self { log, state: Mutex::default() })
    }

    /// Takes the record as it stands when the response's head is made.
    pub fn open(&self, record: RequestRow) {
        let mut state = self.lock();
        state.record = Some(record);
        if state.is_over {
            self.close(&mut state);
        }
    }

    /// Notes what let the whole of the bytes out, where that was decided while they were on their way.
    pub fn admitted(&self, decision: &str, artifact: Digest) {
        let mut state = self.lock();
        state.decision = Some(decision.to_owned());
        state.artifact = Some(artifact);
    }

    /// Notes why the connection is cut: `outcome` as in the record, and the decision if it was one.
    pub fn failed(&self, outcome: &'static str, decision: Option<&str>) {
        let mut state = self.lock();
        state.failed = Some(outcome);
        if let Some(decision) = decision {
            state.decision = Some(decision.to_owned());
        }
    }

    fn close(&self, state: &mut State) {
        let Some(mut record) = state.record.take() else { return };
        record.bytes = state.sent;
        if let Some(outcome) = state.failed {
            outcome.clone_into(&mut record.outcome);
        } else if !state.is_whole {
            record.outcome = String::from("aborted");
        }
        record.decision = state.decision.take().or(record.decision);
        record.artifact = state.artifact.or(record.artifact);
        self.log.finish(record);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A body that keeps an account of what was sent.
pub struct Accounted<S> {
    stream: S,
    account: Arc<Account>,
    expected: u64,
}

impl<S> Accounted<S> {
    /// `stream`, of which `expected` bytes are the whole.
    pub fn new(stream: S, account: &Arc<Account>, expected: u64) -> Self {
        Self { stream, account: Arc::clone(account), expected }
    }
}

impl<S: Stream<Item = Result<Bytes, std::io::Error>> + Unpin> Stream for Accounted<S> {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.stream).poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => {
                let mut state = self.account.lock();
                state.sent += chunk.len() as u64;
                state.is_whole = state.sent >= self.expected;
            }
            Poll::Ready(Some(Err(_))) => {
                let mut state = self.account.lock();
                state.failed = state.failed.or(Some("error"));
            }
            _ => {}
        }
        polled
    }
}

impl<S> Drop for Accounted<S> {
    fn drop(&mut self) {
        let mut state = self.account.lock();
        state.is_over = true;
        self.account.close(&mut state);
    }
}
