//! What the gate holds, and how a request passes through it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use arc_swap::ArcSwap;
use http::HeaderMap;
use weir_advisory::Index as Advisories;
use weir_blob::Blobs;
use weir_core::digest::Checksum;
use weir_core::registry::{Part, RouteError, Which};
use weir_core::time::Day;
use weir_core::{Clock, Digest, Ecosystem, Ecosystems, PackageName, Timestamp};
use weir_names::Lists;
use weir_policy::{Decision, Policy};
use weir_store::{RequestRow, Store};
use weir_upstream::Flights;

use crate::account::{Account, Books};
use crate::cache::Lru;
use crate::catalogues::Catalogues;
use crate::catalogues::made_shards::{MadeShards, SHARDS_BYTES};
use crate::documents::{DocumentError, Documents, Held, Lifetimes};
use crate::homes::Homes;
use crate::hosted::HostedNames;
use crate::hot::Hot;
use crate::judged::Stages;
use crate::known::{Known, Stamp};
use crate::learnt::Learnt;
use crate::lines::Lines;
use crate::members::{MemberId, Members};
use crate::metrics::Metrics;
use crate::phases::Phases;
use crate::requests::RequestLog;
use crate::stock::{Means, Stock};
use crate::transfer::{TransferError, Transfers};
use crate::view::View;

mod about;
mod added;
mod answer;
mod artifact;
mod audit;
mod bring;
mod catalogue;
mod dated;
mod decisions;
mod files;
mod follow;
mod licenses;
mod lookalike;
mod meant;
mod own;
mod own_catalogue;
mod page;
mod publish;
mod ready;
mod relay;
mod releases;
mod settle;
mod shards;
mod sight;
mod sums;
mod survey;
mod upkeep;
mod waiting;

pub(crate) use artifact::only_looking_is_missing;
pub use bring::{Brought, BroughtFile, Errand, State};
pub use meant::MAX_FETCHED;
pub use publish::Prospect;
use releases::Asked;
pub use releases::{MAX_ASKED, MAX_UNLISTED};
pub use survey::{Surveyed, Unread};
pub use upkeep::{UnusedWaiver, Writable};

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address under which clients reach this Weir, without a trailing slash: part of every page.
    pub public_url: String,
    /// Ask upstreams. Without it, only what is kept is known.
    pub online: bool,
    /// How long upstream's answers are taken for current.
    pub lifetimes: Lifetimes,
    /// Artifacts above this many bytes are streamed on while they arrive; smaller ones are inspected first.
    pub stream_above: u64,
    /// Bytes of memory for pages, facts and small artifacts.
    pub memory: usize,
    /// How a line for each request is written to the log; without it, none is.
    pub lines: Option<crate::line::Format>,
    /// Bytes of artifacts that may be kept; `None`: any number.
    pub cache_limit: Option<u64>,
    /// What holds for packages of one's own.
    pub hosted: HostedSettings,
}

/// What can be set for packages that are hosted here.
#[derive(Clone, Debug)]
pub struct HostedSettings {
    /// Patterns of names that are one's own, `npm:@acme/*`: no upstream is asked whether it has them before they are
    /// published for the first time.
    pub names: Vec<String>,
    /// Codes of preflight findings for which nothing is published; others are warnings.
    pub refuse: Vec<String>,
    /// Most bytes of an upload.
    pub max_upload: u64,
}

/// Default for [`HostedSettings::max_upload`].
pub const MAX_UPLOAD: u64 = 1024 * 1024 * 1024;

impl Default for HostedSettings {
    fn default() -> Self {
        Self { names: Vec::new(), refuse: Vec::new(), max_upload: MAX_UPLOAD }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::from("http://127.0.0.1:8484"),
            online: true,
            lifetimes: Lifetimes::default(),
            stream_above: 8 * 1024 * 1024,
            memory: 96 * 1024 * 1024,
            lines: None,
            cache_limit: None,
            hosted: HostedSettings::default(),
        }
    }
}

/// What a gate is made of.
pub struct Parts {
    /// The ecosystems it serves.
    pub ecosystems: Ecosystems,
    /// Their upstreams.
    pub members: Members,
    /// The store.
    pub store: Store,
    /// The blobs.
    pub blobs: Arc<Blobs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The policy at first.
    pub policy: Arc<Policy>,
    /// The advisory data at first.
    pub advisories: Arc<Advisories>,
    /// What can be set.
    pub settings: Settings,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// A token's name, or `anonymous`.
    pub name: String,
    /// The stage that a token is bound to, if it is: nothing is served that this stage refuses, whatever the address.
    pub stage: Option<String>,
    /// Patterns of the packages that a token may publish.
    pub publish: Arc<[String]>,
}

/// Why a request is not served. Turned into the client's dialect in one place.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Refused by a decision.
    #[error("refused by decision {}", .0.id)]
    Refused(Box<Decision>),
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be read.
    #[error("{0}")]
    BadRequest(String),
    /// The method means nothing there.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// The policy has no such stage.
    #[error("the policy has no stage `{0}`")]
    NoStage(String),
    /// A token is bound to another stage.
    #[error("{0}")]
    Forbidden(String),
    /// A change of a hosted package that is not made.
    #[error("{message}")]
    NotWritten {
        /// HTTP status, 4xx.
        status: u16,
        /// What is wrong, and the way out.
        message: String,
    },
    /// Upstream's document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Upstream's artifact.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Weir itself.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    fn no_stage(stage: &str) -> Self {
        Self::NoStage(truncated(stage))
    }

    /// Wraps a failure of the store or of the blobs.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound(text) => Self::NotFound(text),
            RouteError::MethodNotAllowed(text) => Self::MethodNotAllowed(text),
            RouteError::BadRequest(text) => Self::BadRequest(text),
        }
    }
}

type PackageKey = (&'static str, PackageName);
type ViewKey = (Stages, &'static str, PackageName);
/// What a decision is about: the view, the release's place in it, and the artifact's.
type Place = (Arc<ViewKey>, usize, Option<usize>);

/// Bytes of memory for the ids of decisions that are on record.
const RECORDED_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of memory for the ids of decisions that pages name.
const NAMED_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of memory for what hosted packages' documents are named by.
const OWN_BYTES: usize = 4 * 1024 * 1024;

/// The gate.
pub struct Gateway {
    ecosystems: Ecosystems,
    store: Store,
    blobs: Arc<Blobs>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    policy: ArcSwap<Policy>,
    advisories: ArcSwap<Advisories>,
    well_known: ArcSwap<Lists>,
    homes: Arc<Homes>,
    hosted: HostedNames,
    uploads: tokio::sync::Semaphore,
    own: Lru<PackageKey, (i64, Vec<Arc<Held>>)>,
    documents: Arc<Documents>,
    catalogues: Arc<Catalogues>,
    /// Pages of whole catalogues. Their weight is bytes on disk.
    wholes: Lru<catalogue::Key, Arc<catalogue::Whole>>,
    sharded: Lru<catalogue::Key, Arc<shards::Kept>>,
    /// Shards that were made here: where they are. Their weight is bytes on disk.
    made_shards: MadeShards,
    making: Flights<(catalogue::Key, catalogue::Made), Result<Arc<catalogue::Whole>, Arc<Failure>>>,
    transfers: Arc<Transfers>,
    stock: Arc<Stock>,
    known: Lru<PackageKey, Arc<Known>>,
    views: Lru<ViewKey, Arc<View>>,
    hot: Arc<Hot>,
    building: Flights<(PackageKey, Stamp), Result<Arc<Known>, DocumentError>>,
    judging: Flights<(ViewKey, Stamp, Digest), Option<Arc<View>>>,
    reading: Flights<(PackageKey, String), ()>,
    /// Files that no document lists and upstream has, until they are remembered as seen.
    found: Lru<PackageKey, Arc<BTreeSet<String>>>,
    sums: Lru<(Digest, Checksum), Arc<str>>,
    learnt: Arc<Learnt>,
    asked: Asked,
    ready: Lru<Box<[u8]>, Arc<ready::Ready>>,
    /// The latest moment at which this process looked at a page, in milliseconds.
    latest_sight: AtomicI64,
    recorded: Lru<String, ()>,
    named: Lru<String, Place>,
    probed: tokio::sync::Mutex<Option<(Timestamp, Writable)>>,
    books: Arc<Books>,
    metrics: Arc<Metrics>,
}

/// One request on its way, with what its record will tell.
struct Call<'a> {
    ecosystem: &'static Ecosystem,
    stages: Stages,
    /// The day that the address names, if it names one.
    day: Option<Day>,
    base: String,
    headers: &'a HeaderMap,
    head: bool,
    /// Why what is served may be out of date, if upstream did not confirm it in time.
    stale: Option<String>,
    /// The upstream that it is from, where there are several.
    upstream: Option<Arc<str>>,
    /// The revision of what is hosted here that the request met.
    hosted: i64,
    /// What the same request may be answered with again.
    repeats: Option<(Arc<View>, ready::What)>,
    record: &'a mut RequestRow,
    phases: &'a Phases,
}

impl Gateway {
    /// Puts a gate together. Must be called inside a Tokio runtime.
    pub fn new(parts: Parts) -> Arc<Self> {
        let metrics = Arc::new(Metrics::default());
        metrics.started(parts.clock.now());
        let settings = parts.settings;
        let learnt = Arc::new(Learnt::default());
        let documents = Arc::new(Documents::new(
            parts.store.clone(),
            Arc::clone(&parts.blobs),
            Arc::clone(&parts.clock),
            Arc::clone(&metrics),
            settings.lifetimes,
            settings.memory / 4,
        ));
        let homes = Arc::new(Homes::new(
            parts.members,
            parts.store.clone(),
            Arc::clone(&parts.clock),
            settings.lifetimes,
            settings.online,
        ));
        let catalogues = Catalogues::new(
            Arc::clone(&documents),
            parts.store.clone(),
            Arc::clone(&parts.blobs),
            Arc::clone(&parts.clock),
        );
        let made_shards = MadeShards::new(parts.blobs.beside("shards"), SHARDS_BYTES);
        let hot = Arc::new(Hot::new(settings.memory / 8));
        let means = Means {
            store: parts.store.clone(),
            blobs: Arc::clone(&parts.blobs),
            clock: Arc::clone(&parts.clock),
            metrics: Arc::clone(&metrics),
            hot: Arc::clone(&hot),
            documents: Arc::clone(&documents),
            homes: Arc::clone(&homes),
            ecosystems: parts.ecosystems,
        };
        let stock = Stock::new(means.clone(), settings.cache_limit, settings.online);
        let transfers = Arc::new(Transfers::new(&means, Arc::clone(&learnt), Arc::clone(&stock)));
        Arc::new(Self {
            ecosystems: parts.ecosystems,
            books: Arc::new(Books {
                requests: RequestLog::start(parts.store.clone(), Arc::clone(&metrics)),
                metrics: Arc::clone(&metrics),
                clock: Arc::clone(&parts.clock),
                lines: settings.lines.map(Lines::start),
            }),
            store: parts.store,
            blobs: parts.blobs,
            clock: parts.clock,
            policy: ArcSwap::new(parts.policy),
            advisories: ArcSwap::new(parts.advisories),
            well_known: ArcSwap::default(),
            homes,
            hosted: HostedNames::default(),
            uploads: tokio::sync::Semaphore::new(publish::AT_ONCE),
            own: Lru::new(OWN_BYTES),
            documents,
            catalogues,
            wholes: Lru::new(catalogue::PAGES_BYTES),
            sharded: Lru::new(settings.memory / 4),
            made_shards,
            making: Flights::new(),
            transfers,
            stock,
            known: Lru::new(settings.memory / 4),
            views: Lru::new(settings.memory / 8 * 3),
            hot,
            building: Flights::new(),
            judging: Flights::new(),
            reading: Flights::new(),
            found: Lru::new(files::FOUND_BYTES),
            sums: Lru::new(sums::SUMS_BYTES),
            learnt,
            asked: Asked::default(),
            ready: Lru::new(ready::READY_BYTES),
            latest_sight: AtomicI64::new(i64::MIN),
            recorded: Lru::new(RECORDED_BYTES),
            named: Lru::new(NAMED_BYTES),
            probed: tokio::sync::Mutex::default(),
            metrics,
            settings,
        })
    }

    /// What was set.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ecosystems that are served.
    pub const fn ecosystems(&self) -> Ecosystems {
        self.ecosystems
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        let cached = self.documents.weight() + self.views.weight() + self.hot.weight();
        self.metrics.cache.set(i64::try_from(cached).unwrap_or(i64::MAX));
        &self.metrics
    }

    /// Opens the account of a request that came from `peer`; it is closed when it is dropped.
    pub fn account<B>(&self, request: &http::Request<B>, id: String, peer: Option<std::net::IpAddr>) -> Account {
        Account::open(&self.books, request, id, peer)
    }

    /// Which upstreams did not answer when last asked.
    pub fn trouble(&self) -> Vec<(MemberId, String)> {
        self.documents.trouble().list()
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy into force: every later request is judged by it.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
    }

    /// The advisory data in use.
    pub fn advisories(&self) -> Arc<Advisories> {
        self.advisories.load_full()
    }

    /// The lists of well-known names in use.
    pub fn well_known(&self) -> Arc<Lists> {
        self.well_known.load_full()
    }

    /// Uses other lists of well-known names from now on. At first there are none.
    pub fn set_well_known(&self, names: Arc<Lists>) {
        self.well_known.store(names);
    }

    /// Uses other advisory data from now on.
    pub fn set_advisories(&self, advisories: Arc<Advisories>) {
        self.advisories.store(advisories);
    }

    /// Forgets what was made of documents and rows: another process has brought in others.
    pub fn look_again(&self) {
        self.documents.forget();
        self.catalogues.forget();
        self.learnt.add_all();
        self.known.clear();
        self.views.clear();
    }

    /// Writes the request records and the log's lines that still wait.
    pub async fn flush(&self) {
        self.books.requests.flush().await;
        if let Some(lines) = &self.books.lines {
            lines.flush();
        }
    }
}

fn truncated(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// How a request names an artifact, found in the index.
fn find(known: &Known, which: &Which, part: Part) -> Result<(usize, usize), Failure> {
    let package = &known.facts.package;
    let found = match which {
        Which::File(file) => known.file(file).ok_or_else(|| {
            Failure::NotFound(format!("upstream's index of `{package}` has no file `{}`", truncated(file)))
        }),
        Which::FileOf { version, file } => known
            .file(file)
            .filter(|(release, _)| known.index.releases[*release].version == *version)
            .ok_or_else(|| {
                let (version, file) = (truncated(version), truncated(file));
                Failure::NotFound(format!("upstream has no file `{file}` of `{package}` {version}"))
            }),
        Which::Version(version) => known
            .release(version)
            .filter(|release| !known.index.releases[*release].artifacts.is_empty())
            .map(|release| (release, 0))
            .ok_or_else(|| {
                let what = if part == Part::Whole { "release" } else { "attested release" };
                Failure::NotFound(format!("upstream's index of `{package}` has no {what} {}", truncated(version)))
            }),
    };
    found.and_then(|place| match known.is_untold(place.0) {
        true => Err(Failure::NotFound(format!(
            "upstream lists this release of `{package}`, and has not the documents that tell of it"
        ))),
        false => Ok(place),
    })
}
