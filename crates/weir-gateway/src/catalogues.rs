//! What upstream lists now, where one document lists many packages.
//!
//! Such a document is too large to be held in memory or read for each request. When it comes it is cut into pieces by
//! package ([`Catalogue::cut`]), and its bytes are kept as a blob in compressed blocks, with a table that says where each
//! package's pieces are and when each was first seen. A package's pieces are its document from then on ([`Slice`]); a page
//! of the whole is written from the blocks, without what a stage refuses.
//!
//! Like other documents it is asked for once per [`Lifetimes`](crate::documents::Lifetimes), by one request at a time, and
//! what is kept is used while upstream is silent.

use std::io::{BufRead, BufReader};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use weir_blob::{Blobs, Spool};
use weir_core::catalogue::{Catalogue, CutError, Packing, Place, Source};
use weir_core::time::Day;
use weir_core::{Clock, Digest, Timestamp};
use weir_store::{ChangedFile, DocumentRow, NewDocument, Store};
use weir_upstream::{Download, Flights, Opened, Validators};

use crate::cache::Lru;
use crate::documents::{DocumentError, Documents, Held, UNKNOWN_STANDS};
use crate::members::{Member, MemberId};

mod alike;
pub(crate) mod blocks;
pub mod briefs;
pub mod cutting;
mod dated;
pub mod generations;
pub mod made_shards;
pub mod page;
pub(crate) mod sharded;
mod slice;
pub mod table;
pub(crate) mod writing;

use slice::Origin;
pub use slice::Slice;
use table::Table;

/// Bytes of memory for tables: those of about six of the largest catalogues that there are.
const TABLES: usize = 160 * 1024 * 1024;
/// What is added to a catalogue's path to name its table.
const TABLE: &str = "#table";

/// A catalogue as Weir holds it.
#[derive(Debug)]
pub struct Catalogued {
    /// The upstream that it is of.
    pub member: Arc<Member>,
    /// The part that it is the catalogue of.
    pub part: String,
    /// Digest of the table: the catalogue's identity.
    pub digest: Digest,
    /// When Weir first saw this version of it.
    pub seen_from: Timestamp,
    /// When upstream last confirmed it.
    pub checked_at: Timestamp,
    /// Set if it is served although upstream did not confirm it in time: why.
    pub stale: Option<String>,
    /// The day that it was the catalogue of, where that is what was asked for and not what is current.
    pub day: Option<Day>,
    pub(crate) table: Arc<Table>,
    validators: Validators,
    catalogues: Weak<Catalogues>,
}

type Key = (MemberId, String);
type Answer = Result<Arc<Catalogued>, DocumentError>;

#[derive(Clone)]
struct Kept {
    answer: Answer,
    from: Timestamp,
    until: Timestamp,
}

/// The catalogues of all upstreams.
pub struct Catalogues {
    documents: Arc<Documents>,
    store: Store,
    blobs: Arc<Blobs>,
    clock: Arc<dyn Clock>,
    held: Lru<Key, Kept>,
    flights: Flights<Key, Answer>,
    this: Weak<Self>,
}

impl Catalogued {
    /// A package's document in it; `None` if it lists no such package.
    pub fn slice(&self, key: &str) -> Option<Held> {
        let package = self.table.find(key)?;
        let listed = self.table.packages.get(package)?;
        let origin = Origin {
            catalogues: Weak::clone(&self.catalogues),
            member: Arc::clone(&self.member),
            part: self.part.as_str().into(),
            digest: listed.digest,
        };
        let slice = Slice::of(&self.table, package, self.seen_from.millis(), origin);
        Some(Held::slice(self, key, listed.digest, self.table.base.clone(), slice))
    }

    /// What its page is called: the part, with the day where it is of one.
    pub fn name(&self) -> String {
        match self.day {
            Some(day) => format!("{}@{day}", self.part),
            None => self.part.clone(),
        }
    }

    /// How many pieces it has.
    pub fn pieces(&self) -> usize {
        self.table.pieces.len()
    }
}

impl Catalogues {
    /// None in memory yet.
    pub fn new(documents: Arc<Documents>, store: Store, blobs: Arc<Blobs>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (held, flights) = (Lru::new(TABLES), Flights::new());
        Arc::new_cyclic(|this| Self { documents, store, blobs, clock, held, flights, this: Weak::clone(this) })
    }

    /// Forgets what is in memory: what is kept may be newer.
    pub fn forget(&self) {
        self.held.clear();
    }

    /// The current catalogue of a part, asked for again if the kept one is older than its lifetime.
    pub async fn current(self: &Arc<Self>, member: &Arc<Member>, part: &str, online: bool) -> Answer {
        let key = (member.id(), part.to_owned());
        let now = self.clock.now();
        if let Some(kept) = self.held.get(&key)
            && (!online || kept.from <= now && now < kept.until)
        {
            return kept.answer;
        }
        if !online {
            let kept = self.kept(member, part).await?;
            let kept = kept.map(Arc::new).ok_or_else(|| DocumentError::NotKept { path: part.to_owned() })?;
            self.keep(&key, Ok(Arc::clone(&kept)), now, 0);
            return Ok(kept);
        }
        self.patiently(key, member, now, self.documents.lifetimes().package).await
    }

    /// Asks upstream again for a catalogue that does not know what someone asks for, unless it was asked a moment ago.
    pub async fn confirm(self: &Arc<Self>, member: &Arc<Member>, part: &str) {
        let key = (member.id(), part.to_owned());
        let now = self.clock.now();
        let kept = self.held.get(&key);
        if kept.is_none_or(|kept| kept.from > now || now >= kept.from.plus_millis(UNKNOWN_STANDS)) {
            drop(self.patiently(key, member, now, UNKNOWN_STANDS).await);
        }
    }

    async fn patiently(self: &Arc<Self>, key: Key, member: &Arc<Member>, now: Timestamp, within: i64) -> Answer {
        let lifetimes = self.documents.lifetimes();
        let renewed = || async {
            let (this, of, part) = (Arc::clone(self), Arc::clone(member), key.1.clone());
            let renew = || async move { this.renew(&of, part, within).await };
            self.flights.run(key.clone(), renew).await.map_err(DocumentError::storage)?
        };
        let patience = Duration::from_millis(u64::try_from(lifetimes.patience).unwrap_or_default());
        if let Ok(answer) = tokio::time::timeout(patience, renewed()).await {
            return answer;
        }
        // What is in memory is served meanwhile; the flight goes on and puts another in its place.
        if let Some(Kept { answer: Ok(held), .. }) = self.held.get(&key) {
            let reason = format!("upstream has not answered within {} ms", lifetimes.patience);
            let answer = Ok(Arc::new(held.again(held.checked_at, Some(reason))));
            self.keep(&key, answer.clone(), now, lifetimes.negative);
            return answer;
        }
        renewed().await
    }

    async fn renew(self: Arc<Self>, member: &Arc<Member>, part: String, within: i64) -> Answer {
        let now = self.clock.now();
        let lifetimes = self.documents.lifetimes();
        let key = (member.id(), part);
        let in_memory = self.held.get(&key).and_then(|kept| kept.answer.ok());
        let kept = match in_memory {
            Some(held) => Some(held),
            None => self.kept(member, &key.1).await?.map(Arc::new),
        };
        if let Some(held) = &kept
            && held.stale.is_none()
            && held.checked_at <= now
            && now < held.checked_at.plus_millis(lifetimes.package.min(within))
        {
            self.keep(&key, Ok(Arc::clone(held)), held.checked_at, lifetimes.package);
            return Ok(Arc::clone(held));
        }
        let (answer, good_for) = match (self.ask(member, &key.1, kept.as_deref(), now).await, kept) {
            (Ok(held), kept) => {
                let held = Arc::new(held);
                if kept.is_some_and(|kept| kept.digest != held.digest) {
                    self.tend_after(&held).await;
                }
                (Ok(held), lifetimes.package)
            }
            (Err(error @ DocumentError::Absent { .. }), _) => (Err(error), lifetimes.negative),
            (Err(error), Some(held)) => {
                tracing::warn!(ecosystem = member.ecosystem.id, part = key.1, error = %error, checked_at = %held.checked_at,
                    "upstream's catalogue cannot be renewed; serving what is kept");
                (Ok(Arc::new(held.again(held.checked_at, Some(error.to_string())))), lifetimes.negative)
            }
            (Err(error), None) => (Err(error), lifetimes.negative),
        };
        self.keep(&key, answer.clone(), now, good_for);
        answer
    }

    /// The blocks of a catalogue as a file. It can be read also after the blob has gone.
    pub(crate) async fn file(&self, catalogued: &Catalogued) -> Result<std::fs::File, DocumentError> {
        use futures_util::TryStreamExt as _;
        let digest = catalogued.table.body;
        if let Some(path) = self.blobs.local_file(&digest) {
            return std::fs::File::open(path).map_err(DocumentError::storage);
        }
        let missing = || DocumentError::Storage(format!("the kept catalogue {digest} is missing"));
        let size = self.blobs.size(&digest).await.map_err(DocumentError::storage)?.ok_or_else(missing)?;
        let stream = self.blobs.stream(&digest, 0..size).await.map_err(DocumentError::storage)?;
        let mut stream = stream.ok_or_else(missing)?;
        let mut spool = self.blobs.spool().map_err(DocumentError::storage)?;
        while let Some(chunk) = stream.try_next().await.map_err(DocumentError::storage)? {
            spool.append(chunk).await.map_err(DocumentError::storage)?;
        }
        spool.reader().map_err(DocumentError::storage)
    }

    fn keep(&self, key: &Key, answer: Answer, from: Timestamp, good_for: i64) {
        let weight = 1024 + key.1.len() * 2 + answer.as_ref().map_or(0, |held| held.table.weight());
        self.held.insert(key.clone(), Kept { answer, from, until: from.plus_millis(good_for) }, weight);
    }

    fn sources(member: &Member, part: &str) -> Result<(&'static dyn Catalogue, Vec<Source>), DocumentError> {
        let absent = || DocumentError::Absent { upstream: member.upstream.base().to_owned(), path: part.to_owned() };
        let catalogue = member.ecosystem.registry.catalogue().ok_or_else(absent)?;
        let sources = catalogue.sources(part);
        if sources.is_empty() { Err(absent()) } else { Ok((catalogue, sources)) }
    }

    /// What is kept of a part, without asking upstream.
    async fn kept(&self, member: &Arc<Member>, part: &str) -> Result<Option<Catalogued>, DocumentError> {
        let (_, sources) = Self::sources(member, part)?;
        let Some(first) = sources.first() else { return Ok(None) };
        let path = format!("{}{TABLE}", first.wanted.path);
        let row = self.store.current_document(member.upstream.base(), &path).await.map_err(DocumentError::storage)?;
        match row {
            Some(row) => self.read(member, part, row, None).await,
            None => Ok(None),
        }
    }

    /// The catalogue whose table a row names: that of the moment `at`, or the current one.
    async fn read(
        &self,
        member: &Arc<Member>,
        part: &str,
        table_row: DocumentRow,
        at: Option<Timestamp>,
    ) -> Result<Option<Catalogued>, DocumentError> {
        let base = member.upstream.base();
        let Some(table) = self.table(&table_row).await? else { return Ok(None) };
        if self.blobs.size(&table.body).await.map_err(DocumentError::storage)?.is_none() {
            tracing::error!(part, digest = %table.body, "the bytes of a kept catalogue are lost");
            return Ok(None);
        }
        let body_row = match at {
            Some(at) => self.store.document_at(base, &table.source, at).await,
            None => self.store.current_document(base, &table.source).await,
        };
        // If Weir stopped between the two rows, the bytes are newer than the table: then upstream is asked for all of it.
        let same = body_row.map_err(DocumentError::storage)?.filter(|row| row.digest == table.body);
        let validators = same.as_ref().map_or_else(Validators::default, |row| Validators {
            etag: row.etag.clone(),
            last_modified: row.last_modified.clone(),
        });
        let checked_at = same.map_or(table_row.checked_at, |row| row.checked_at);
        Ok(Some(Catalogued {
            member: Arc::clone(member),
            part: part.to_owned(),
            digest: table_row.digest,
            seen_from: table_row.seen_from,
            checked_at,
            stale: None,
            day: None,
            table: Arc::new(table),
            validators,
            catalogues: Weak::clone(&self.this),
        }))
    }

    /// The table that a row names; `None` if it is lost or cannot be read.
    async fn table(&self, row: &DocumentRow) -> Result<Option<Table>, DocumentError> {
        let Some(bytes) = self.blobs.get(&row.digest).await.map_err(DocumentError::storage)? else {
            tracing::error!(path = row.path, digest = %row.digest, "the table of a kept catalogue is lost");
            return Ok(None);
        };
        let table = tokio::task::spawn_blocking(move || Table::decode(&bytes)).await.map_err(DocumentError::storage)?;
        Ok(table.map_err(|problem| {
            tracing::error!(path = row.path, digest = %row.digest, problem, "the table of a kept catalogue cannot be read");
        }).ok())
    }

    async fn ask(
        &self,
        member: &Arc<Member>,
        part: &str,
        kept: Option<&Catalogued>,
        now: Timestamp,
    ) -> Result<Catalogued, DocumentError> {
        let (_, sources) = Self::sources(member, part)?;
        let upstream = &member.upstream;
        let nothing = Validators::default();
        for source in &sources {
            let path = &source.wanted.path;
            let kept = kept.filter(|kept| kept.table.source == *path);
            let validators = kept.map_or(&nothing, |kept| &kept.validators);
            let opened = upstream.open_document(path, source.wanted.accept, validators).await;
            self.documents.count_opened(member, &opened);
            match (opened.map_err(DocumentError::Upstream)?, kept) {
                (Opened::Absent { .. }, _) => {}
                (Opened::NotModified, Some(kept)) => {
                    let (etag, modified) = (kept.validators.etag.as_deref(), kept.validators.last_modified.as_deref());
                    if let Err(error) = self.store.touch_document(upstream.base(), path, etag, modified, now).await {
                        tracing::error!(error = %error, document = path, "a check could not be recorded");
                    }
                    return Ok(kept.again(now, None));
                }
                (Opened::NotModified, None) => {
                    let problem = format!("{}{path}: 304 although nothing was asked conditionally", upstream.base());
                    return Err(DocumentError::Storage(problem));
                }
                (Opened::Document(download), _) => return self.arrived(member, part, source, *download, now).await,
            }
        }
        Err(DocumentError::Absent { upstream: upstream.base().to_owned(), path: part.to_owned() })
    }

    /// Fetches the documents that are cut with a catalogue, as far as upstream has them: where each came from, what it is
    /// packed in, its bytes. That one cannot be had at the moment is not that there is none.
    async fn beside(
        &self,
        member: &Arc<Member>,
        sources: &[Source],
    ) -> Result<Vec<(String, Packing, Spool)>, DocumentError> {
        let mut beside = Vec::new();
        for Source { wanted, packing } in sources {
            let opened = member.upstream.open_document(&wanted.path, wanted.accept, &Validators::default()).await;
            self.documents.count_opened(member, &opened);
            let Opened::Document(mut download) = opened.map_err(DocumentError::Upstream)? else { continue };
            let mut spool = self.blobs.spool().map_err(DocumentError::storage)?;
            while let Some(chunk) = download.chunk().await.map_err(DocumentError::Upstream)? {
                spool.append(chunk).await.map_err(DocumentError::storage)?;
            }
            beside.push((download.url.clone(), *packing, spool));
        }
        Ok(beside)
    }

    /// Tells of files of which another digest is stated than at first, and gives what is to go on record of them.
    fn changed(&self, member: &Member, part: &str, changes: Vec<cutting::Change>) -> Vec<ChangedFile> {
        let ecosystem = member.ecosystem;
        let Some(catalogue) = ecosystem.registry.catalogue() else { return Vec::new() };
        let changed = |change: cutting::Change| {
            let place = Place { part: part.to_owned(), key: change.key.into() };
            let package = catalogue.package(&place)?;
            tracing::error!(ecosystem = ecosystem.id, package = %package, file = change.name,
                "upstream states other bytes under old coordinates");
            let version = ecosystem.registry.claimed_version(&package, &change.name).unwrap_or_default();
            let (ecosystem, package) = (ecosystem.id.to_owned(), package.as_str().to_owned());
            Some(ChangedFile { ecosystem, package, version, file: change.name, now: change.stated })
        };
        let changed: Vec<_> = changes.into_iter().filter_map(changed).collect();
        self.documents.count_changed(changed.len() as u64);
        changed
    }

    /// Spools, cuts and stores what has come.
    async fn arrived(
        &self,
        member: &Arc<Member>,
        part: &str,
        source: &Source,
        mut download: Download,
        now: Timestamp,
    ) -> Result<Catalogued, DocumentError> {
        let mut spool = self.blobs.spool().map_err(DocumentError::storage)?;
        while let Some(chunk) = download.chunk().await.map_err(DocumentError::Upstream)? {
            spool.append(chunk).await.map_err(DocumentError::storage)?;
        }
        let (catalogue, sources) = Self::sources(member, part)?;
        let beside = self.beside(member, &catalogue.beside(part)).await?;
        let before = self.kept(member, part).await?;
        let (packing, path, address) = (source.packing, source.wanted.path.clone(), download.url.clone());
        let mut blocks = self.blobs.spool().map_err(DocumentError::storage)?;
        let cut = move || {
            let before = before.as_ref().map(|it| cutting::Before { table: &it.table, confirmed: it.checked_at });
            let mut document = unpacked(&spool, packing)?;
            let mut beside: Vec<cutting::Beside> = beside
                .into_iter()
                .map(|(address, packing, spool)| Ok((address, unpacked(&spool, packing)?)))
                .collect::<Result<_, DocumentError>>()?;
            let documents: (&mut dyn BufRead, _) = (&mut document, beside.as_mut_slice());
            let cut = cutting::cut(catalogue, (&path, &address), documents, &mut blocks, before.as_ref(), now);
            let cut = cut.map_err(|error| match error {
                CutError::Invalid(invalid) => DocumentError::Invalid(invalid),
                CutError::Io(error) => DocumentError::Unreadable(format!("{address} cannot be cut: {error}")),
            })?;
            let bytes = cut.table.encode().map_err(DocumentError::storage)?;
            Ok::<_, DocumentError>((cut, blocks, bytes))
        };
        let (cutting::Made { table, length, changes }, blocks, bytes) =
            tokio::task::spawn_blocking(cut).await.map_err(DocumentError::storage)??;
        let _storing = self.documents.storing().await;
        self.blobs.adopt(blocks, &table.body, length).await.map_err(DocumentError::storage)?;
        let size = bytes.len() as u64;
        let digest = self.blobs.put(Bytes::from(bytes)).await.map_err(DocumentError::storage)?;
        let validators = Validators { etag: download.etag, last_modified: download.last_modified };
        let new = |path: String, digest, size, validators: Validators| NewDocument {
            upstream: member.upstream.base().to_owned(),
            path,
            digest,
            content_type: download.content_type.clone(),
            url: download.url.clone(),
            etag: validators.etag,
            last_modified: validators.last_modified,
            size,
        };
        let body = new(table.source.clone(), table.body, length, validators.clone());
        self.store.record_document(&body, now).await.map_err(DocumentError::storage)?;
        let first = sources.first().map_or(&source.wanted.path, |first| &first.wanted.path);
        let beside = new(format!("{first}{TABLE}"), digest, size, Validators::default());
        let changes = self.changed(member, part, changes);
        let recorded = self.store.record_catalogue(&beside, &changes, now).await.map_err(DocumentError::storage)?;
        let row: DocumentRow = recorded.row;
        Ok(Catalogued {
            member: Arc::clone(member),
            part: part.to_owned(),
            digest,
            seen_from: row.seen_from,
            checked_at: now,
            stale: None,
            day: None,
            table: Arc::new(table),
            validators,
            catalogues: Weak::clone(&self.this),
        })
    }
}

impl Catalogued {
    fn again(&self, checked_at: Timestamp, stale: Option<String>) -> Self {
        Self {
            member: Arc::clone(&self.member),
            part: self.part.clone(),
            digest: self.digest,
            seen_from: self.seen_from,
            checked_at,
            stale,
            day: self.day,
            table: Arc::clone(&self.table),
            validators: self.validators.clone(),
            catalogues: Weak::clone(&self.catalogues),
        }
    }
}

/// A spool's bytes, unpacked while they are read. How much comes out is bounded by who cuts it.
fn unpacked(spool: &Spool, packing: Packing) -> Result<Box<dyn BufRead + Send>, DocumentError> {
    let file = BufReader::with_capacity(128 * 1024, spool.reader().map_err(DocumentError::storage)?);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(BufReader::with_capacity(128 * 1024, flate2::bufread::MultiGzDecoder::new(file))),
        Packing::Zstd => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(DocumentError::storage)?;
            Box::new(BufReader::with_capacity(128 * 1024, decoder))
        }
    })
}
