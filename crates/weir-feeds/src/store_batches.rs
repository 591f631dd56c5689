//! How do records get from a reader, which waits for disks, to the store, which waits for locks?
//!
//! The reader runs on a thread of its own and fills batches; a short queue holds it back when the store is slower. So the
//! memory that is used does not depend on the size of the input.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use weir_advisory::read::{Item, Place, ReadReport, What, read};
use weir_advisory::{epss, kev};
use weir_core::{Digest, Timestamp};
use weir_store::{AdvisoryKind, AdvisoryRevision, PutReport, RevisionKind};

use crate::{DUE, Feeds, FeedsError};

/// Most records of a batch: as many as the store writes in one transaction.
const BATCH_RECORDS: usize = 500;
/// Most bytes of a batch, unless one record has more.
const BATCH_BYTES: usize = 8 << 20;
/// Most batches that wait.
const QUEUE: usize = 2;
/// Longest source, in bytes.
const MAX_SOURCE: usize = 900;

/// Where records are said to come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// From the files that they stand in.
    Files,
    /// From a feed.
    Feed(String),
}

/// What was taken in.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) read: ReadReport,
    pub(crate) stored: PutReport,
    pub(crate) older: Vec<String>,
}

enum Message {
    Records(BTreeMap<String, Vec<AdvisoryRevision>>),
    Kev { digest: Digest, released: Option<Timestamp>, raw: Vec<u8> },
    Epss { digest: Digest, date: Option<Timestamp>, raw: Vec<u8> },
}

impl Feeds {
    /// Reads a file or directory into the store.
    pub(crate) async fn take_in(&self, path: &Path, source: Source) -> Result<Taken, FeedsError> {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let path: PathBuf = path.to_owned();
        let reader = tokio::task::spawn_blocking(move || {
            let mut batch = Batch { sender, source, records: BTreeMap::new(), count: 0, bytes: 0 };
            let report = read(&path, &mut |item| batch.take(item))?;
            // Nobody takes it if the store has failed, which is told there.
            let _ = batch.flush();
            Ok::<_, FeedsError>(report)
        });
        let mut taken = Taken::default();
        let mut due = false;
        while let Some(message) = receiver.recv().await {
            // Said before anything is stored: if this stops half way, the next one knows that the index lags behind.
            if !due {
                self.store.set_setting(DUE, "yes").await?;
                due = true;
            }
            self.put(message, &mut taken).await?;
        }
        taken.read = reader.await.map_err(|_| FeedsError::Cancelled)??;
        Ok(taken)
    }

    /// Puts records that were fetched one by one.
    pub(crate) async fn put_records(
        &self,
        source: &str,
        records: Vec<AdvisoryRevision>,
        stored: &mut PutReport,
    ) -> Result<(), FeedsError> {
        if records.is_empty() {
            return Ok(());
        }
        self.store.set_setting(DUE, "yes").await?;
        add(stored, self.store.put_advisories(source, &records, self.clock.now()).await?);
        Ok(())
    }

    async fn put(&self, message: Message, taken: &mut Taken) -> Result<(), FeedsError> {
        match message {
            Message::Records(batch) => {
                for (source, records) in batch {
                    add(&mut taken.stored, self.store.put_advisories(&source, &records, self.clock.now()).await?);
                }
            }
            Message::Kev { digest, released, raw } => {
                let current = self.store.revision_at(RevisionKind::Kev, self.clock.now()).await?;
                let newer = current
                    .and_then(|current| kev::Catalogue::parse(&current.body).ok())
                    .is_some_and(|current| current.released > released);
                if newer {
                    taken.older.push(String::from("left out a KEV catalogue that is older than the one here"));
                } else {
                    self.store.record_revision(RevisionKind::Kev, &digest, &raw, self.clock.now()).await?;
                }
            }
            Message::Epss { digest, date, raw } => {
                let current = self.store.revision_at(RevisionKind::Epss, self.clock.now()).await?;
                let newer = current
                    .and_then(|current| epss::Scores::parse(&current.body).ok())
                    .is_some_and(|current| current.date > date);
                if newer {
                    taken.older.push(String::from("left out EPSS scores that are older than those here"));
                } else {
                    self.store.record_revision(RevisionKind::Epss, &digest, &raw, self.clock.now()).await?;
                }
            }
        }
        Ok(())
    }
}

fn add(sum: &mut PutReport, put: PutReport) {
    sum.new += put.new;
    sum.changed += put.changed;
    sum.unchanged += put.unchanged;
    sum.older += put.older;
}

/// Records on their way to the store.
struct Batch {
    sender: mpsc::Sender<Message>,
    source: Source,
    records: BTreeMap<String, Vec<AdvisoryRevision>>,
    count: usize,
    bytes: usize,
}

impl Batch {
    fn take(&mut self, item: Item<'_>) -> ControlFlow<()> {
        let raw = item.raw.to_vec();
        let revision = match item.what {
            What::Osv(record) => osv_revision(&record, raw),
            What::Cve(record) => AdvisoryRevision {
                id: record.id,
                kind: AdvisoryKind::Cve,
                digest: record.digest,
                modified: record.modified.unwrap_or(Timestamp::from_millis(0)),
                body: raw,
            },
            What::Kev(catalogue) => {
                return self.send(Message::Kev { digest: catalogue.digest, released: catalogue.released, raw });
            }
            What::Epss(scores) => {
                return self.send(Message::Epss { digest: scores.digest, date: scores.date, raw });
            }
        };
        self.count += 1;
        self.bytes += revision.body.len();
        let source = match &self.source {
            Source::Files => source_of(item.place),
            Source::Feed(name) => name.clone(),
        };
        self.records.entry(source).or_default().push(revision);
        if self.count >= BATCH_RECORDS || self.bytes >= BATCH_BYTES { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        let records = std::mem::take(&mut self.records);
        (self.count, self.bytes) = (0, 0);
        if records.is_empty() { ControlFlow::Continue(()) } else { self.send(Message::Records(records)) }
    }

    /// The receiver goes away when the store fails: then there is no point in reading on.
    fn send(&self, message: Message) -> ControlFlow<()> {
        match self.sender.blocking_send(message) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// A record as the store keeps it.
pub(crate) fn osv_revision(record: &weir_advisory::osv::Record, body: Vec<u8>) -> AdvisoryRevision {
    AdvisoryRevision {
        id: record.id.clone(),
        kind: AdvisoryKind::Osv,
        digest: record.digest,
        modified: record.modified.or(record.published).unwrap_or(Timestamp::from_millis(0)),
        body,
    }
}

/// A file of many records is a source by itself; files of one record are as one with those beside them.
fn source_of(place: &Place) -> String {
    let single = place.member.is_none() && place.line.is_none() && place.element.is_none();
    let path = if single { place.file.parent().unwrap_or(&place.file) } else { &place.file };
    let text = format!("file {}", path.display());
    // The end of a long path tells more than its beginning.
    let mut start = text.len().saturating_sub(MAX_SOURCE);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default().to_owned()
}
