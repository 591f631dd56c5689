//! How are records fetched?
//!
//! From the layout of the official OSV exports: `{base}/{ECOSYSTEM}/modified_id.csv` lists every record with the time of
//! its last change, newest first; `{base}/{ECOSYSTEM}/{ID}.json` is a record; `{base}/{ECOSYSTEM}/all.zip` has all. The
//! first time everything is fetched, later what is newer than the newest that was seen, singly if that is little.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::JoinSet;
use weir_advisory::osv::Record;
use weir_advisory::{epss, kev};
use weir_core::{Digest, Timestamp};
use weir_store::{AdvisoryKind, AdvisoryRevision, FeedRow as Row, RevisionKind};
use weir_upstream::{Fetched, Limits, Upstream, UpstreamConfig, UpstreamError, Validators};

use crate::rebuild::never;
use crate::report::SyncedFeed;
use crate::store_batches::{Source, osv_revision};
use crate::{EPSS, Feeds, FeedsError, KEV, SyncReport};

/// What can be done where feeds cannot be reached.
pub const ADVICE: &str = "hint: `[feeds] osv-url`, `kev-url` and `epss-url` take the addresses of mirrors; \
                          `weir feeds import PATH` reads files that were fetched elsewhere; the data that is here stays in use";

/// So many changed records are fetched as one archive rather than singly.
pub const ARCHIVE_FROM: usize = 500;
/// Records that are fetched at once.
pub const AT_ONCE: usize = 8;
/// Most bytes of a list of records: some 5 million of them.
pub const MAX_LIST: u64 = 256 << 20;
/// Most bytes of an archive of all records of an ecosystem.
pub const MAX_ARCHIVE: u64 = 4 << 30;
/// Bytes of records that are fetched before they are stored.
const HELD: usize = 8 << 20;
/// Most ids and problems that a report lists.
const LISTED: usize = 20;

/// What stands unencoded in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where advisory data is fetched from.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// Base address of the OSV exports.
    pub osv: String,
    /// Address of CISA's catalogue; `None` to do without.
    pub kev: Option<String>,
    /// Address of the day's EPSS scores; `None` to do without.
    pub epss: Option<String>,
    /// A PEM file of certificates that are trusted beside the system's own.
    pub ca_bundle: Option<PathBuf>,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            osv: String::from("https://osv-vulnerabilities.storage.googleapis.com"),
            kev: Some(String::from(
                "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
            )),
            epss: Some(String::from("https://epss.empiricalsecurity.com/epss_scores-current.csv.gz")),
            ca_bundle: None,
        }
    }
}

/// Why a feed could not be synced. The others are not touched by it.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("`{0}` does not exist there")]
    Absent(String),
    #[error("`{url}` is not what was expected: {problem}")]
    Content { url: String, problem: String },
    #[error(transparent)]
    Feeds(#[from] FeedsError),
}

impl From<weir_store::StoreError> for Trouble {
    fn from(error: weir_store::StoreError) -> Self {
        Self::Feeds(error.into())
    }
}

impl Feeds {
    /// Fetches what is new: the OSV records of every ecosystem that this Weir knows, the KEV catalogue and the EPSS scores.
    /// A feed that cannot be fetched is in the report and in [`Feeds::status`]; if none can, that is the error.
    pub async fn sync(&self, config: &SyncConfig) -> Result<SyncReport, FeedsError> {
        let _writing = self.writing.lock().await;
        let osv = Upstream::new(&upstream(config, &config.osv))?;
        let mut report = SyncReport::default();
        let mut lists = Vec::new();
        for ecosystem in self.ecosystems.iter() {
            let mut feed = SyncedFeed { name: ecosystem.osv.to_owned(), ..SyncedFeed::default() };
            let result = self.sync_osv(&osv, ecosystem.osv, &mut feed, &mut lists).await;
            self.noted(result, feed, &mut report).await?;
        }
        for (name, url) in [(KEV, &config.kev), (EPSS, &config.epss)] {
            let Some(url) = url else { continue };
            let mut feed = SyncedFeed { name: name.to_owned(), ..SyncedFeed::default() };
            let result = self.sync_file(config, url, name, &mut feed).await;
            self.noted(result, feed, &mut report).await?;
        }
        if report.errors() == report.feeds.len() && !report.feeds.is_empty() {
            let problems =
                report.feeds.into_iter().map(|feed| format!("{}: {}", feed.name, feed.error.unwrap_or_default()));
            return Err(FeedsError::NothingSynced { problems: problems.collect() });
        }
        report.index = Some(if lists.is_empty() { self.refresh().await? } else { self.rebuild(&mut lists).await? });
        for list in lists {
            if let Some(feed) = report.feeds.iter_mut().find(|feed| feed.name == list.feed) {
                (feed.gone, feed.gone_count) = (list.gone, list.count);
            }
        }
        Ok(report)
    }

    /// Puts what happened to a feed into the report and into its row. What is wrong with the store ends everything.
    async fn noted(
        &self,
        result: Result<(), Trouble>,
        mut feed: SyncedFeed,
        report: &mut SyncReport,
    ) -> Result<(), FeedsError> {
        match result {
            Ok(()) => {}
            Err(Trouble::Feeds(error @ (FeedsError::Store(_) | FeedsError::Cancelled))) => return Err(error),
            Err(error) => {
                let message = error.to_string();
                tracing::info!(feed = feed.name, error = message, "a feed cannot be synced");
                let row = self.row(&feed.name).await?;
                self.store.set_feed(&Row { error: Some(message.clone()), ..row }).await?;
                feed.error = Some(message);
            }
        }
        report.feeds.push(feed);
        Ok(())
    }

    async fn row(&self, name: &str) -> Result<Row, FeedsError> {
        Ok(self.store.feed(name).await?.unwrap_or_else(|| never(name)))
    }

    async fn sync_osv(
        &self,
        osv: &Upstream,
        name: &str,
        feed: &mut SyncedFeed,
        lists: &mut Vec<Listed>,
    ) -> Result<(), Trouble> {
        let row = self.row(name).await?;
        let folder = utf8_percent_encode(name, SEGMENT).to_string();
        let source = format!("feed {}{folder}", osv.base());
        // Validators of another address would keep its changes out.
        let known = row.cursor.as_deref().and_then(|cursor| Cursor::read(cursor, osv.base()));
        let validators = Validators { etag: row.etag.clone().filter(|_| known.is_some()), last_modified: None };
        let path = format!("{folder}/modified_id.csv");
        let (url, etag, body) = match osv.document(&path, "text/csv, */*;q=0.5", &validators).await? {
            Fetched::NotModified => {
                feed.not_modified = true;
                self.confirm(name).await?;
                return Ok(());
            }
            Fetched::Absent { .. } => return Err(Trouble::Absent(format!("{}{path}", osv.base()))),
            Fetched::Document { url, etag, body, .. } => (url, etag, body),
        };
        let list = List::read(&body).map_err(|problem| Trouble::Content { url, problem })?;
        let changed: Vec<&(Timestamp, String)> = match known {
            Some(known) => list.rows.iter().take_while(|(modified, _)| *modified >= known).collect(),
            None => Vec::new(),
        };
        if known.is_none() || changed.len() >= ARCHIVE_FROM {
            self.fetch_archive(osv, &format!("{}{folder}/all.zip", osv.base()), &source, feed).await?;
        } else {
            self.fetch_singly(osv, &folder, &source, &changed, feed).await?;
        }
        let cursor = list.rows.first().map(|(modified, _)| Cursor::write(*modified, osv.base()));
        // A record that could not be fetched is asked for again: the cursor stays where it was.
        let (cursor, etag) = if feed.problems.is_empty() { (cursor, etag) } else { (row.cursor.clone(), None) };
        let row = Row { as_of: Some(self.clock.now()), cursor, etag, error: None, ..row };
        self.store.set_feed(&row).await?;
        let ids = list.rows.into_iter().map(|(_, id)| id).collect();
        lists.push(Listed { feed: name.to_owned(), source, ids, gone: Vec::new(), count: 0 });
        Ok(())
    }

    async fn fetch_archive(
        &self,
        osv: &Upstream,
        url: &str,
        source: &str,
        feed: &mut SyncedFeed,
    ) -> Result<(), Trouble> {
        let failed = |source| FeedsError::Write { path: self.directory.clone(), source };
        let file = tempfile::Builder::new().suffix(".zip").tempfile_in(&self.directory).map_err(failed)?;
        let (mut out, path) = file.into_parts();
        let mut download = osv.open(url).await?;
        while let Some(chunk) = download.chunk().await? {
            // A few hundred megabytes at most, and not on the path of a request: the disk may hold this thread for a moment.
            out.write_all(&chunk).map_err(failed)?;
        }
        drop(out);
        let taken = self.take_in(&path, Source::Feed(source.to_owned())).await?;
        feed.stored = taken.stored;
        feed.problems = taken
            .read
            .errors
            .iter()
            .take(LISTED)
            .map(|problem| {
                let member = problem.place.member.as_deref().unwrap_or("all.zip");
                format!("{member}: {}", problem.message)
            })
            .collect();
        if taken.read.osv == 0 {
            let problem = feed.problems.first().cloned().unwrap_or_else(|| String::from("it has no records"));
            return Err(Trouble::Content { url: url.to_owned(), problem });
        }
        // Bad records in an archive are the publisher's: the next one will have them too, and nothing is lost by going on.
        for problem in feed.problems.drain(..) {
            tracing::warn!(feed = feed.name, problem, "a record cannot be read");
        }
        Ok(())
    }

    async fn fetch_singly(
        &self,
        osv: &Upstream,
        folder: &str,
        source: &str,
        changed: &[&(Timestamp, String)],
        feed: &mut SyncedFeed,
    ) -> Result<(), Trouble> {
        let mut wanted = Vec::new();
        for (modified, id) in changed {
            let here = self.store.advisory(id).await?;
            if !here.iter().any(|row| row.kind == AdvisoryKind::Osv && row.modified == *modified) {
                wanted.push(id.clone());
            }
        }
        let mut waiting = wanted.into_iter();
        let mut running = JoinSet::new();
        let (mut records, mut held) = (Vec::new(), 0);
        let folder: Arc<str> = folder.into();
        loop {
            while running.len() < AT_ONCE
                && let Some(id) = waiting.next()
            {
                running.spawn(fetch_one(osv.clone(), Arc::clone(&folder), id));
            }
            let Some(done) = running.join_next().await else { break };
            match done.map_err(|_| FeedsError::Cancelled)? {
                Ok(record) => {
                    held += record.as_ref().map_or(0, |record| record.body.len());
                    records.extend(record);
                    if held >= HELD {
                        held = 0;
                        self.put_records(source, std::mem::take(&mut records), &mut feed.stored).await?;
                    }
                }
                // A record that is broken or lost is one problem; an upstream that is gone is trouble.
                Err((_, Trouble::Upstream(error))) if error.is_temporary() => {
                    self.put_records(source, records, &mut feed.stored).await?;
                    return Err(error.into());
                }
                Err((id, error)) => {
                    if feed.problems.len() < LISTED {
                        feed.problems.push(format!("{id}: {error}"));
                    }
                }
            }
        }
        self.put_records(source, records, &mut feed.stored).await?;
        Ok(())
    }

    async fn sync_file(
        &self,
        config: &SyncConfig,
        url: &str,
        name: &str,
        feed: &mut SyncedFeed,
    ) -> Result<(), Trouble> {
        let row = self.row(name).await?;
        let (base, path) = url.rsplit_once('/').unwrap_or((url, ""));
        let upstream = Upstream::new(&upstream(config, base)).map_err(FeedsError::from)?;
        let same = row.cursor.as_deref() == Some(url);
        let validators = Validators { etag: row.etag.clone().filter(|_| same), last_modified: None };
        let (found, etag, body) = match upstream.document(path, "*/*", &validators).await? {
            Fetched::NotModified => {
                feed.not_modified = true;
                self.confirm(name).await?;
                return Ok(());
            }
            Fetched::Absent { .. } => return Err(Trouble::Absent(url.to_owned())),
            Fetched::Document { url, etag, body, .. } => (url, etag, body),
        };
        let content = |problem: String| Trouble::Content { url: found.clone(), problem };
        let catalogue = name == KEV;
        let checked = tokio::task::spawn_blocking(move || checked(&body, catalogue)).await;
        let (digest, body) = checked.map_err(|_| FeedsError::Cancelled)?.map_err(content)?;
        let kind = if catalogue { RevisionKind::Kev } else { RevisionKind::Epss };
        self.store.set_setting(crate::DUE, "yes").await?;
        let new = self.store.record_revision(kind, &digest, &body, self.clock.now()).await?;
        feed.stored.changed = u64::from(new);
        feed.stored.unchanged = u64::from(!new);
        let row = Row { as_of: Some(self.clock.now()), cursor: Some(url.to_owned()), etag, error: None, ..row };
        self.store.set_feed(&row).await?;
        Ok(())
    }
}

/// What a feed lists, to note which of its records it no longer does. They stay: what was known is not forgotten because a
/// list is shorter, and a publisher who takes a record back says so in it (`withdrawn`).
pub(crate) struct Listed {
    feed: String,
    source: String,
    ids: HashSet<String>,
    gone: Vec<String>,
    count: u64,
}

impl Listed {
    /// Before all records are seen again.
    pub(crate) fn begin(&mut self) {
        self.gone.clear();
        self.count = 0;
    }

    /// Sees a record that the store has.
    pub(crate) fn see(&mut self, id: &str, source: &str) {
        if source == self.source && !self.ids.contains(id) {
            self.count += 1;
            if self.gone.len() < LISTED {
                self.gone.push(id.to_owned());
            }
        }
    }
}

/// Where a sync goes on: the time of the newest record that was seen, and where.
struct Cursor;

impl Cursor {
    fn write(modified: Timestamp, base: &str) -> String {
        format!("{modified} {base}")
    }

    fn read(text: &str, base: &str) -> Option<Timestamp> {
        let (modified, of) = text.split_once(' ')?;
        if of == base { Timestamp::parse(modified) } else { None }
    }
}

/// The contents of `modified_id.csv`, newest first.
struct List {
    rows: Vec<(Timestamp, String)>,
}

impl List {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
        let mut rows = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row = line.split_once(',').and_then(|(modified, id)| {
                // The list of all ecosystems has the folder before the id.
                let id = id.trim().rsplit('/').next().unwrap_or_default();
                (!id.is_empty()).then_some(())?;
                Some((Timestamp::parse(modified)?, id.to_owned()))
            });
            let shown = || line.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
            rows.push(row.ok_or_else(|| format!("line {}: `{}` is not `TIME,ID`", number + 1, shown()))?);
        }
        if rows.is_empty() {
            return Err(String::from("it lists no records"));
        }
        // It should be so already; what goes on from the first row must not depend on that.
        rows.sort_by(|a, b| b.cmp(a));
        Ok(Self { rows })
    }
}

fn upstream(config: &SyncConfig, url: &str) -> UpstreamConfig {
    let limits = Limits { document_bytes: MAX_LIST, artifact_bytes: MAX_ARCHIVE, ..Limits::default() };
    UpstreamConfig { url: url.to_owned(), ca_bundle: config.ca_bundle.clone(), limits, ..UpstreamConfig::default() }
}

/// Fetches a record; `None` if it has gone since the list was made.
async fn fetch_one(osv: Upstream, folder: Arc<str>, id: String) -> Result<Option<AdvisoryRevision>, (String, Trouble)> {
    let path = format!("{folder}/{}.json", utf8_percent_encode(&id, SEGMENT));
    match osv.document(&path, "application/json", &Validators::default()).await {
        Err(error) => Err((id, error.into())),
        Ok(Fetched::Absent { .. } | Fetched::NotModified) => Ok(None),
        Ok(Fetched::Document { url, body, .. }) => match Record::parse(&body) {
            Ok(record) if record.id == id => {
                let body = weir_advisory::osv::minified(&body);
                debug_assert_eq!(Digest::of(&body), record.digest);
                Ok(Some(osv_revision(&record, body.into_owned())))
            }
            Ok(record) => {
                let problem = format!("it is the record `{}`", record.id);
                Err((id, Trouble::Content { url, problem }))
            }
            Err(error) => Err((id, Trouble::Content { url, problem: error.to_string() })),
        },
    }
}

/// A KEV catalogue, or EPSS scores, as they are stored: with their digest, and only if there is something in them.
fn checked(bytes: &[u8], catalogue: bool) -> Result<(Digest, Vec<u8>), String> {
    let body = gunzipped(bytes).map_err(|error| error.to_string())?;
    if catalogue {
        let catalogue = kev::Catalogue::parse(&body).map_err(|error| error.to_string())?;
        let body = weir_advisory::osv::minified(&body).into_owned();
        if catalogue.added.is_empty() { Err(String::from("it has no entries")) } else { Ok((catalogue.digest, body)) }
    } else {
        let scores = epss::Scores::parse(&body).map_err(|error| error.to_string())?;
        if scores.scores.is_empty() { Err(String::from("it has no scores")) } else { Ok((scores.digest, body)) }
    }
}

/// The bytes of a file that may be compressed.
fn gunzipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).take(MAX_LIST + 1).read_to_end(&mut out)?;
    if out.len() as u64 > MAX_LIST {
        return Err(std::io::Error::other(format!("it has more than {MAX_LIST} bytes when it is decompressed")));
    }
    Ok(out)
}
