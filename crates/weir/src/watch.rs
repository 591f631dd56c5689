//! What a running Weir looks after: its policy file, its advisory data, what it need not keep.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_api::Conditions;
use weir_api::conditions::Feed;
use weir_core::Clock;
use weir_feeds::Feeds;
use weir_gateway::Gateway;
use weir_policy::Policy;
use weir_store::{RevisionKind, Store};

use crate::airgap::TAKEN;
use crate::cli::Place;
use crate::policy;
use crate::tls::Tls;
use crate::wiring::Opened;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often the policy is looked at: who has just changed it tries it at once.
const LOOK_AT_POLICY: Duration = Duration::from_millis(100);
/// How often catalogues are looked at of which each day is to be kept.
const LOOK_AT_DAY: Duration = Duration::from_secs(60 * 60);
/// How often what is past its time is given up.
const TIDY: Duration = Duration::from_secs(6 * 60 * 60);
/// How often what is kept is counted, for other replicas add to it and evict, too.
const COUNT: Duration = Duration::from_secs(60);
/// How long after the start, and after a change of the policy, it is told at the latest which waivers are without effect.
const SETTLE: Duration = Duration::from_secs(5);
/// How often it is looked at whether the certificate ends soon.
const EXPIRY: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps a policy and its waivers by digest, so that past decisions can be made again.
pub async fn remember_policy(opened: &Opened, policy: &Policy) -> anyhow::Result<()> {
    remember(&opened.store, &*opened.clock, policy).await
}

async fn remember(store: &Store, clock: &dyn Clock, policy: &Policy) -> anyhow::Result<()> {
    let now = clock.now();
    store.record_revision(RevisionKind::Policy, &policy.digest(), policy.text().as_bytes(), now).await?;
    let waivers = serde_json::to_vec(policy.waivers())?;
    store.record_revision(RevisionKind::Waivers, &policy.waivers_digest(), &waivers, now).await?;
    for waiver in policy::expired(policy, now) {
        tracing::warn!(line = waiver.line(), "{waiver}");
    }
    Ok(())
}

/// Starts everything that goes on beside requests.
pub fn start(
    opened: &Opened,
    place: &Place,
    gateway: &Arc<Gateway>,
    feeds: &Arc<Feeds>,
    conditions: &Arc<Conditions>,
    offline: bool,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let policy = PolicyWatch {
        path: opened.data.policy(place),
        gateway: Arc::clone(gateway),
        conditions: Arc::clone(conditions),
        store: opened.store.clone(),
        clock: Arc::clone(&opened.clock),
        seen: None,
    };
    let mut tasks = vec![
        tokio::spawn(policy.run(stop.clone())),
        tokio::spawn(advisories(Arc::clone(gateway), Arc::clone(feeds), Arc::clone(conditions), stop.clone())),
    ];
    if opened.config.feeds.sync && !offline {
        let config = opened.sync_config();
        let interval = Duration::from_secs(opened.config.feeds.interval_hours.saturating_mul(3600));
        let (feeds, stop) = (Arc::clone(feeds), stop.clone());
        tasks.push(tokio::spawn(async move {
            while !stop.is_cancelled() {
                match feeds.sync(&config).await {
                    Ok(report) => {
                        let report = report.to_string().replace('\n', "; ");
                        tracing::info!(report, "advisories are synced");
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "advisories cannot be synced; Weir goes on with those it has");
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(interval) => {}
                    () = stop.cancelled() => {}
                }
            }
        }));
    }
    tasks.push(tokio::spawn(bundles(Arc::clone(gateway), opened.store.clone(), stop.clone())));
    let clock = Arc::clone(&opened.clock);
    let days = opened.config.retention.documents_days;
    tasks.push(tokio::spawn(tidy(Arc::clone(gateway), clock, days, stop.clone())));
    tasks.push(tokio::spawn(days_kept(Arc::clone(gateway), stop.clone())));
    tasks.push(tokio::spawn(hosted(Arc::clone(gateway), stop.clone())));
    tasks.push(tokio::spawn(cache(Arc::clone(gateway), stop.clone())));
    tasks.push(tokio::spawn(waivers(Arc::clone(gateway), stop.clone())));
    tasks
}

/// Takes notice of what other replicas have published.
async fn hosted(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        if let Err(error) = gateway.look_at_hosted().await {
            tracing::warn!(error = %error, "it cannot be told what other replicas have published");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

struct PolicyWatch {
    path: PathBuf,
    gateway: Arc<Gateway>,
    conditions: Arc<Conditions>,
    store: Store,
    clock: Arc<dyn Clock>,
    seen: Option<(Option<SystemTime>, u64)>,
}

impl PolicyWatch {
    async fn run(mut self, stop: CancellationToken) {
        self.seen = self.stamp();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_AT_POLICY) => {}
                () = stop.cancelled() => return,
            }
            let stamp = self.stamp();
            if stamp == self.seen {
                continue;
            }
            self.seen = stamp;
            self.reload().await;
        }
    }

    fn stamp(&self) -> Option<(Option<SystemTime>, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok(), metadata.len()))
    }

    async fn reload(&self) {
        match policy::read(&self.path) {
            Ok(new) => {
                let old = self.gateway.policy();
                self.conditions.set_policy_error(None);
                if new.digest() == old.digest() {
                    self.gateway.metrics().policy_read(true);
                    return;
                }
                // On record before it decides anything.
                if let Err(error) = remember(&self.store, &*self.clock, &new).await {
                    tracing::error!(error = %error, "the new policy cannot be recorded; the last one stays in force");
                    self.conditions.set_policy_error(Some(error.to_string()));
                    self.gateway.metrics().policy_read(false);
                    return;
                }
                tracing::info!(policy = %new.digest(), "the policy has changed and is in force");
                self.gateway.set_policy(Arc::new(new));
                self.gateway.metrics().policy_read(true);
            }
            Err(error) => {
                tracing::error!("the last good policy stays in force: {error:#}");
                self.conditions.set_policy_error(Some(format!("{error:#}")));
                self.gateway.metrics().policy_read(false);
            }
        }
    }
}

async fn advisories(gateway: Arc<Gateway>, feeds: Arc<Feeds>, conditions: Arc<Conditions>, stop: CancellationToken) {
    let mut reported = 0_u32;
    loop {
        match feeds.reload_if_changed().await {
            Ok(_) => {
                // Compared rather than told: a sync of this very process has changed what is current, too.
                let names = feeds.names();
                if names.digest() != gateway.well_known().digest() {
                    tracing::info!("other lists of well-known names are in use");
                    gateway.set_well_known(names);
                }
                let index = feeds.current();
                if index.digest() != gateway.advisories().digest() {
                    tracing::info!(advisories = %index.digest(), "other advisory data is in use");
                    gateway.set_advisories(index);
                    reported = 0;
                }
            }
            Err(error) => tracing::error!(error = %error, "the advisory data cannot be looked at"),
        }
        // What /readyz says may be a minute old.
        if reported.is_multiple_of(120)
            && let Ok(status) = feeds.status().await
        {
            for row in &status.rows {
                if let Some(as_of) = row.as_of {
                    gateway.metrics().feed_confirmed(&row.name, as_of);
                }
            }
            let rows = status.rows.into_iter().map(|row| Feed {
                name: row.name,
                as_of: row.as_of.map(|as_of| as_of.to_string()),
                error: row.error,
            });
            conditions.set_feeds(rows.collect());
        }
        reported = reported.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Reads the certificate again when its files change, and tells when it ends.
pub async fn certificate(tls: Arc<Tls>, conditions: Arc<Conditions>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut seen = tls.stamp();
    let mut broken = None;
    let (mut looked, mut told) = (None::<Instant>, None::<Instant>);
    loop {
        let stamp = tls.stamp();
        if stamp != seen {
            seen = stamp;
            broken = match tls.reload() {
                Ok(()) => {
                    tracing::info!("the certificate has changed and is in use");
                    (looked, told) = (None, None);
                    None
                }
                Err(error) => {
                    tracing::error!("the last good certificate stays in use: {error:#}");
                    looked = None;
                    Some(format!("the files cannot be used, the last good certificate stays in use: {error:#}"))
                }
            };
        }
        if looked.is_none_or(|looked| looked.elapsed() >= EXPIRY) {
            looked = Some(Instant::now());
            let ending = tls.ending(clock.now());
            if let Some(ending) = &ending
                && told.is_none_or(|told| told.elapsed() >= DAY)
            {
                told = Some(Instant::now());
                tracing::warn!("{ending}");
            }
            let problems: Vec<String> = broken.iter().cloned().chain(ending).collect();
            conditions.set_certificate(Some(if problems.is_empty() {
                String::from("ok")
            } else {
                problems.join("; ")
            }));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Looks at everything anew when `weir import` has taken in a bundle beside this server.
async fn bundles(gateway: Arc<Gateway>, store: Store, stop: CancellationToken) {
    let mut seen = store.setting(TAKEN).await.ok().flatten();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
        match store.setting(TAKEN).await {
            Ok(now) if now != seen => {
                seen = now;
                tracing::info!("a bundle was taken in; everything is looked at anew");
                gateway.look_again();
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "it cannot be told whether a bundle was taken in"),
        }
    }
}

/// Looks at the catalogues of which each day is to be kept, at the start and then every [`LOOK_AT_DAY`].
async fn days_kept(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        if let Err(error) = gateway.keep_days().await {
            tracing::error!(error = %error, "a day's catalogues cannot be kept");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AT_DAY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Gives up upstream documents that are past their time, at the start and then every [`TIDY`].
async fn tidy(gateway: Arc<Gateway>, clock: Arc<dyn Clock>, documents_days: i64, stop: CancellationToken) {
    loop {
        match gateway.expire_documents(clock.now().plus_days(-documents_days)).await {
            Ok(0) => {}
            Ok(documents) => tracing::info!(documents, "past documents are given up"),
            Err(error) => tracing::error!(error = %error, "past documents cannot be given up"),
        }
        tokio::select! {
            () = tokio::time::sleep(TIDY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Keeps the artifacts under their limit, at the start, whenever one more goes past it, and every [`COUNT`].
async fn cache(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        if let Err(error) = gateway.tend_cache().await {
            tracing::error!(error = %error, "the cache cannot be kept under its limit");
        }
        tokio::select! {
            () = gateway.cache_filled() => {}
            () = tokio::time::sleep(COUNT) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Reports waivers that let nothing through: after the start, after each change of the policy, and daily.
async fn waivers(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut next = Instant::now() + SETTLE;
    let mut looked_at = gateway.policy().digest();
    loop {
        tokio::select! {
            () = tokio::time::sleep(SETTLE) => {}
            () = stop.cancelled() => return,
        }
        let digest = gateway.policy().digest();
        if Instant::now() < next && digest == looked_at {
            continue;
        }
        (next, looked_at) = (Instant::now() + DAY, digest);
        match gateway.unused_waivers().await {
            Ok((policy, unused)) => {
                let waivers = policy.waivers();
                for (waiver, unused) in unused.iter().filter_map(|unused| Some((waivers.get(unused.index)?, unused))) {
                    let (package, line) = (waiver.package.as_str(), waiver.line);
                    if unused.seen {
                        tracing::warn!(package, line, "waiver-unused: this waiver lets nothing through; remove it");
                    } else {
                        tracing::info!(package, line, "waiver-unused: nobody has asked for what this waiver is for");
                    }
                }
            }
            Err(error) => tracing::warn!(error = %error, "it cannot be told which waivers are used"),
        }
    }
}
