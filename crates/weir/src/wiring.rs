//! How the parts become a gate.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use weir_blob::{Blobs, S3Config};
use weir_core::Clock;
use weir_core::time::SystemClock;
use weir_feeds::{Feeds, SyncConfig};
use weir_gateway::gateway::MAX_UPLOAD;
use weir_gateway::line::Format;
use weir_gateway::{Gateway, HostedSettings, Parts, Settings};
use weir_policy::Policy;
use weir_store::{Location, Store};

use crate::cli::Place;
use crate::config::{self, Config};
use crate::data::Data;
use crate::ecosystems;

/// A data directory with everything in it opened.
pub struct Opened {
    pub data: Data,
    pub config: Config,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
}

impl Opened {
    /// Reads the configuration and opens the store. `quiet` commands log warnings only.
    pub async fn open(place: &Place, quiet: bool) -> anyhow::Result<Self> {
        let config = config::load(place)?.config;
        logging(&config, quiet)?;
        let data = Data::open(place)?;
        let location = location(&config, &data)?;
        let store = Store::open(&location).await.with_context(|| unopened(&location))?;
        Ok(Self { data, config, store, clock: Arc::new(SystemClock) })
    }

    /// Opens a data directory that is there, only to read it.
    pub async fn open_to_read(place: &Place) -> anyhow::Result<Self> {
        let config = config::load(place)?.config;
        logging(&config, true)?;
        let data = Data::open_to_read(place)?;
        let location = location(&config, &data)?;
        let store = Store::open_to_read(&location).await.with_context(|| unopened(&location))?;
        Ok(Self { data, config, store, clock: Arc::new(SystemClock) })
    }

    /// The advisory data.
    pub async fn feeds(&self) -> anyhow::Result<Feeds> {
        let feeds = Feeds::open(self.data.root(), self.store.clone(), Arc::clone(&self.clock), ecosystems::ALL).await;
        feeds.context("the advisory data cannot be opened")
    }

    /// Where advisories are synced from.
    pub fn sync_config(&self) -> SyncConfig {
        Self::sync_of(&self.config)
    }

    /// Where a configuration says that advisories are synced from.
    pub fn sync_of(config: &Config) -> SyncConfig {
        let feeds = &config.feeds;
        let mut sync = SyncConfig::default();
        if let Some(url) = &feeds.osv_url {
            sync.osv = url.clone();
        }
        let optional = |set: &Option<String>, default: Option<String>| match set.as_deref() {
            Some("") => None,
            Some(url) => Some(url.to_owned()),
            None => default,
        };
        sync.kev = optional(&feeds.kev_url, sync.kev);
        sync.epss = optional(&feeds.epss_url, sync.epss);
        sync.ca_bundle.clone_from(&feeds.ca_bundle);
        sync
    }

    /// Where bytes are kept.
    pub fn blobs(&self) -> anyhow::Result<Arc<Blobs>> {
        if let Some(blobs) = s3(&self.config, self.data.root())? {
            return Ok(Arc::new(blobs));
        }
        let blobs = Blobs::local(&self.data.blobs());
        Ok(Arc::new(blobs.context("the directory for blobs cannot be opened")?))
    }

    /// The same, only to read them.
    pub fn blobs_to_read(&self) -> anyhow::Result<Arc<Blobs>> {
        let blobs = s3(&self.config, self.data.root())?;
        Ok(Arc::new(blobs.unwrap_or_else(|| Blobs::local_to_read(&self.data.blobs()))))
    }

    /// Puts the gate together.
    pub fn gateway(
        &self,
        policy: Arc<Policy>,
        feeds: &Feeds,
        blobs: Arc<Blobs>,
        public_url: String,
        online: bool,
    ) -> anyhow::Result<Arc<Gateway>> {
        let mut members = Vec::new();
        for ecosystem in ecosystems::ALL.iter() {
            for configured in config::upstreams(&self.config, ecosystem)? {
                members.push(configured.member()?);
            }
        }
        let settings = Settings {
            public_url,
            online,
            memory: self.config.server.memory_mib.clamp(8, 65_536) * 1024 * 1024,
            lines: Some(if self.config.log.format == "json" { Format::Json } else { Format::Text }),
            cache_limit: self.config.cache.limit_mib.map(|mib| mib.saturating_mul(1024 * 1024)),
            hosted: HostedSettings {
                names: self.config.hosted.names.clone(),
                refuse: self.config.hosted.preflight.clone(),
                max_upload: self.config.hosted.max_upload_mib.map_or(MAX_UPLOAD, |mib| mib.saturating_mul(1 << 20)),
            },
            ..Settings::default()
        };
        let gateway = Gateway::new(Parts {
            ecosystems: ecosystems::ALL,
            members: members.into_iter().collect(),
            store: self.store.clone(),
            blobs,
            clock: Arc::clone(&self.clock),
            policy,
            advisories: feeds.current(),
            settings,
        });
        gateway.set_well_known(feeds.names());
        Ok(gateway)
    }
}

/// The bucket that holds blobs, if one does.
pub fn s3(config: &Config, root: &Path) -> anyhow::Result<Option<Blobs>> {
    let Some(s3) = &config.blobs.s3 else { return Ok(None) };
    let secret = s3.secret.as_deref().map(config::secret).transpose();
    let config = S3Config {
        endpoint: s3.endpoint.clone(),
        bucket: s3.bucket.clone(),
        prefix: s3.prefix.clone(),
        region: s3.region.clone(),
        key: s3.key.clone(),
        secret: secret.context("[blobs.s3] secret cannot be used")?.map(|secret| secret.expose().to_owned()),
        allow_http: s3.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
    };
    let blobs = Blobs::s3(&config, &root.join("spool"));
    Ok(Some(blobs.context("the S3 of [blobs.s3] cannot be opened")?))
}

/// Where the database is.
pub fn location(config: &Config, data: &Data) -> anyhow::Result<Location> {
    let Some(url) = &config.store.url else { return Ok(Location::Sqlite(data.database())) };
    let url = config::secret(url).context("[store] url cannot be used")?;
    match Location::parse(url.expose()) {
        Location::Sqlite(_) => {
            bail!("[store] url is not the address of a database; expected postgres://USER@HOST/DATABASE")
        }
        postgres @ Location::Postgres(_) => Ok(postgres),
    }
}

fn unopened(location: &Location) -> String {
    match location {
        Location::Sqlite(path) => format!("the database `{}` cannot be opened", path.display()),
        Location::Postgres(_) => String::from("the PostgreSQL of [store] url cannot be opened"),
    }
}

/// Starts logging to standard error.
fn logging(config: &Config, quiet: bool) -> anyhow::Result<()> {
    use std::io::IsTerminal;
    let level = if quiet { "warn" } else { config.log.level.as_str() };
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .with_context(|| format!("[log] level `{level}` cannot be read; expected error, warn, info, debug or trace"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.log.format == "json" {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
