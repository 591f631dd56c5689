//! How does the index come from the store?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::json;
use weir_advisory::osv::Record;
use weir_advisory::{Builder, Index, cve, epss, kev};
use weir_core::time::DAY;
use weir_core::{Digest, Timestamp};
use weir_store::{AdvisoryKind, FeedRow as Row, RevisionKind};

use crate::report::{FeedRow, FeedStatus, IndexSummary};
use crate::sync::Listed;
use crate::{CVE, DUE, EPSS, Feeds, FeedsError, KEV, POINTER};

/// How often it is tried while other processes change the data.
const TRIES: usize = 5;

impl Feeds {
    /// Makes the index of all that is current in the store, and makes it current; shows every record to `lists`. The caller holds
    /// `writing`.
    pub(crate) async fn rebuild(&self, lists: &mut [Listed]) -> Result<IndexSummary, FeedsError> {
        for _ in 0..TRIES {
            // Read before the records: whoever sets it in between has seen other records.
            let before = self.store.setting(POINTER).await?;
            let bytes = self.build(lists).await?;
            if let Some(summary) = self.publish(bytes, before.as_deref()).await? {
                self.store.set_setting(DUE, "no").await?;
                return Ok(summary);
            }
        }
        Err(FeedsError::Contended)
    }

    /// Brings the times at which feeds were confirmed into the index, or makes it anew if the store has what it has not.
    pub(crate) async fn refresh(&self) -> Result<IndexSummary, FeedsError> {
        let due = self.store.setting(DUE).await?;
        let before = self.store.setting(POINTER).await?;
        self.reload().await.or_else(|error| match error {
            FeedsError::Index(_) | FeedsError::Pointer(_) => Ok(false),
            other => Err(other),
        })?;
        let current = self.current();
        if due.as_deref() != Some("no") || before != Some(current.digest().to_string()) {
            return self.rebuild(&mut []).await;
        }
        let bytes = current.confirmed(&self.confirmed().await?);
        match self.publish(bytes, before.as_deref()).await? {
            Some(summary) => Ok(summary),
            None => self.rebuild(&mut []).await,
        }
    }

    /// Which data there is.
    pub async fn status(&self) -> Result<FeedStatus, FeedsError> {
        let now = self.clock.now();
        let mut rows = self.store.feeds().await?;
        if !rows.is_empty() {
            // What was never brought in is a gap that must show beside what was.
            for ecosystem in self.ecosystems.iter() {
                if !rows.iter().any(|row| row.name == ecosystem.osv) {
                    rows.push(never(ecosystem.osv));
                }
            }
            rows.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let rows = rows.into_iter().map(|row| FeedRow {
            age: row.as_of.map(|as_of| now.millis().saturating_sub(as_of.millis()).max(0)),
            name: row.name,
            records: row.records,
            as_of: row.as_of,
            error: row.error,
        });
        Ok(FeedStatus { rows: rows.collect(), names: self.names_status().await? })
    }

    async fn build(&self, lists: &mut [Listed]) -> Result<Vec<u8>, FeedsError> {
        lists.iter_mut().for_each(Listed::begin);
        let mut builder = Builder::new(self.ecosystems);
        let mut unreadable = 0_u64;
        self.store
            .each_advisory(AdvisoryKind::Osv, &mut |id, source, body| {
                lists.iter_mut().for_each(|list| list.see(id, source));
                match Record::parse(body) {
                    Ok(record) => {
                        builder.osv(&record);
                    }
                    Err(error) => {
                        unreadable += 1;
                        tracing::error!(advisory = id, error = %error, "a stored advisory cannot be read");
                    }
                }
                ControlFlow::Continue(())
            })
            .await?;
        self.store
            .each_advisory(AdvisoryKind::Cve, &mut |id, _, body| {
                match cve::Record::parse(body) {
                    Ok(record) => {
                        builder.cve(&record);
                    }
                    Err(error) => {
                        unreadable += 1;
                        tracing::error!(advisory = id, error = %error, "a stored CVE record cannot be read");
                    }
                }
                ControlFlow::Continue(())
            })
            .await?;
        // One millisecond on: what was recorded at this very moment is current too.
        let now = self.clock.now().plus_millis(1);
        let kev = self.store.revision_at(RevisionKind::Kev, now).await?;
        let epss = self.store.revision_at(RevisionKind::Epss, now).await?;
        for (name, as_of) in self.confirmed().await? {
            builder.feed(&name, as_of);
        }
        if unreadable > 0 {
            tracing::error!(count = unreadable, "stored advisories are missing from the index");
        }
        let work = move || {
            if let Some(catalogue) = kev.and_then(|revision| kev::Catalogue::parse(&revision.body).ok()) {
                builder.kev(&catalogue);
            }
            if let Some(scores) = epss.and_then(|revision| epss::Scores::parse(&revision.body).ok()) {
                builder.epss(&scores);
            }
            builder.build()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| FeedsError::Cancelled)
    }

    /// When each OSV ecosystem was last confirmed.
    async fn confirmed(&self) -> Result<BTreeMap<String, Timestamp>, FeedsError> {
        let rows = self.store.feeds().await?;
        let osv = rows.into_iter().filter(|row| ![CVE, KEV, EPSS].contains(&row.name.as_str()));
        Ok(osv.filter_map(|row| Some((row.name, row.as_of?))).collect())
    }

    /// Writes an index and makes it current, if the current one is still `before`.
    async fn publish(&self, bytes: Vec<u8>, before: Option<&str>) -> Result<Option<IndexSummary>, FeedsError> {
        let directory = self.directory.clone();
        let index = tokio::task::spawn_blocking(move || write(&directory, bytes))
            .await
            .map_err(|_| FeedsError::Cancelled)??;
        let digest = index.digest().to_string();
        let stats = index.stats();
        let summary = IndexSummary {
            digest: index.digest(),
            vulnerabilities: stats.clusters,
            packages: stats.packages,
            size_bytes: index.size() as u64,
        };
        if before != Some(digest.as_str()) {
            let now = self.clock.now();
            let feeds: BTreeMap<&str, Timestamp> = index.feeds().collect();
            let body = json!({ "index": digest, "content": index.content(), "feeds": feeds, "stats": stats });
            // On record before it decides anything.
            self.store
                .record_revision(RevisionKind::Advisories, &index.digest(), body.to_string().as_bytes(), now)
                .await?;
            if !self.store.set_setting_if(POINTER, before, &digest).await? {
                return Ok(None);
            }
            if let Some(before) = before.and_then(|before| self.file(before).ok()) {
                touch(&before, now);
            }
        }
        self.count(&index).await?;
        self.use_index(index, Some(digest.clone()));
        self.tidy(&digest);
        Ok(Some(summary))
    }

    /// Brings the number of records in the rows of the feeds up to date.
    async fn count(&self, index: &Index) -> Result<(), FeedsError> {
        let stats = index.stats();
        for row in self.store.feeds().await? {
            let records = match row.name.as_str() {
                CVE => stats.cves,
                KEV => stats.known_exploited,
                EPSS => stats.epss,
                name => stats.ecosystems.get(name).copied().unwrap_or_default(),
            };
            if records != row.records {
                self.store.set_feed(&Row { records, ..row }).await?;
            }
        }
        Ok(())
    }

    /// Removes index files that have not been current for a day: by then no process has an answer of theirs to give.
    fn tidy(&self, current: &str) {
        let now = self.clock.now().millis();
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let ours =
                path.extension().is_some_and(|extension| ["idx", "tmp", "zip"].iter().any(|ours| extension == *ours));
            let modified = entry.metadata().ok().and_then(|metadata| metadata.modified().ok());
            let age = modified
                .and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok())
                .map_or(0, |since| now.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
            if ours && stem != current && age > DAY && std::fs::remove_file(&path).is_err() {
                tracing::warn!(file = %path.display(), "an old advisory index cannot be removed");
            }
        }
    }
}

/// The row of a feed that there is nothing of yet.
pub(crate) fn never(name: &str) -> Row {
    Row { name: name.to_owned(), as_of: None, cursor: None, etag: None, records: 0, error: None }
}

/// Writes the file under its digest: first under another name, synced, then renamed, and the directory synced.
fn write(directory: &Path, bytes: Vec<u8>) -> Result<Index, FeedsError> {
    let header = Index::from_bytes(bytes).map_err(|_| FeedsError::Corrupt { path: directory.to_owned() })?;
    let path = directory.join(format!("{}.idx", header.digest()));
    let failed = |source| FeedsError::Write { path: path.clone(), source };
    if let Ok(index) = Index::open(&path)
        && index.digest() == header.digest()
        && index.is_whole()
    {
        return Ok(index);
    }
    let mut file = tempfile::Builder::new().suffix(".tmp").tempfile_in(directory).map_err(failed)?;
    file.write_all(header.bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    let digest: Digest = header.digest();
    drop(header);
    let index = Index::open(&path)?;
    if index.digest() != digest || !index.is_whole() {
        return Err(FeedsError::Corrupt { path });
    }
    Ok(index)
}

/// Marks when a file stopped being current.
fn touch(path: &Path, now: Timestamp) {
    let moment = u64::try_from(now.millis()).ok().map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
    if let (Some(moment), Ok(file)) = (moment, File::options().write(true).open(path)) {
        // If it cannot be marked it may go a day too early, and whoever has it mapped keeps it.
        let _ = file.set_modified(moment);
    }
}
