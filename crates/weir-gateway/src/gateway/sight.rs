//! A package as a stage sees it now: from memory while nothing has changed, else made anew by one request for all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::FutureExt;
use weir_advisory::Index as Advisories;
use weir_core::registry::Index;
use weir_core::time::DAY;
use weir_core::{Ecosystem, PackageName, Timestamp};
use weir_policy::Policy;

use super::{Failure, Gateway, PackageKey, ViewKey};
use crate::departed;
use crate::documents::{DocumentError, Held};
use crate::homes::{Change, Contested, Homeless};
use crate::hosted::Hosting;
use crate::judged::Stages;
use crate::known::{self, Known, Stamp};
use crate::members::Member;
use crate::phases::{Phase, Phases};
use crate::served;
use crate::trouble::Part;
use crate::view::View;

/// Versions of a document that are gone back while none of them can be read.
const MAX_BACK: usize = 8;

/// Up to so far back a clock that jumps is not followed for first sights, in milliseconds: one that is set right again would
/// make them older than they are. By more than this, it was wrong before.
const MAX_CLOCK_BACK: i64 = 31 * DAY;

/// A package as a stage sees it now.
pub(crate) struct Sight {
    /// What the stage makes of it.
    pub(crate) view: Arc<View>,
    /// Why it may be out of date, if upstream did not confirm it in time.
    pub(super) stale: Option<String>,
}

impl Gateway {
    /// A package as `stages` see it now. A private name is refused here, before upstream could be asked.
    pub async fn view(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Arc<View>, Failure> {
        self.sight(stages, ecosystem, package, &Phases::default()).await.map(|sight| sight.view)
    }

    pub(super) async fn sight(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        phases: &Phases,
    ) -> Result<Sight, Failure> {
        let policy = self.policy.load_full();
        let is_own = self.homes.members().is_own(ecosystem, package);
        for stage in stages.iter() {
            let rules = policy.stage(stage).ok_or_else(|| Failure::no_stage(stage))?;
            if let Some(decision) = weir_policy::private_name(rules, ecosystem, package).filter(|_| !is_own)
                && self.hosting(ecosystem, package).await? == Hosting::Elsewhere
            {
                phases.time(Phase::Store, self.record(&decision, ecosystem, package)).await?;
                return Err(Failure::Refused(Box::new(decision)));
            }
        }
        let advisories = self.advisories.load_full();
        let held = match phases.time(Phase::Upstream, self.held_at_home(ecosystem, package)).await {
            // Upstream has deleted it, and advisories tell why.
            Err(Homeless::Document(DocumentError::Absent { .. }))
                if departed::is_reported(ecosystem, package, &advisories) =>
            {
                Vec::new()
            }
            Err(Homeless::Contested(contested)) => {
                return Err(self.contested(&policy, stages, ecosystem, package, &contested, phases).await);
            }
            Err(Homeless::Document(error)) => return Err(error.into()),
            Ok(held) => held,
        };
        let stale = held.iter().find_map(|held| held.stale.clone());
        let package_key = (ecosystem.id, package.clone());
        // What was learnt is counted before it is read, so that nothing is taken for known that came later.
        let stamp = Stamp {
            documents: held.iter().map(|held| held.digest).collect(),
            advisories: advisories.digest(),
            names: self.well_known.load().digest(),
            learnt: self.learnt.of(&package_key),
        };
        let key = (stages.clone(), ecosystem.id, package.clone());
        if let Some(view) = self.views.get(&key)
            && view.holds(&stamp, &policy, self.clock.now())
        {
            return Ok(Sight { stale: stale.or_else(|| replaced(&view)), view });
        }
        let known = phases.time(Phase::Facts, self.known(package_key, ecosystem, held, stamp, advisories)).await?;
        let view = phases.time(Phase::Judge, self.judged(key, known, policy)).await?;
        Ok(Sight { stale: stale.or_else(|| replaced(&view)), view })
    }

    /// The same by what is kept, without asking anybody; `None` where that cannot be told of one package by itself, or where
    /// not all of it is kept.
    pub(super) async fn sight_of_kept(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<Arc<View>>, Failure> {
        let policy = self.policy.load_full();
        for stage in stages.iter() {
            let rules = policy.stage(stage).ok_or_else(|| Failure::no_stage(stage))?;
            if weir_policy::private_name(rules, ecosystem, package).is_some() {
                return Ok(None);
            }
        }
        if ecosystem.registry.catalogue().is_some() || self.hosting(ecosystem, package).await? != Hosting::Elsewhere {
            return Ok(None);
        }
        let Some(member) = self.homes.known(ecosystem, package).await? else { return Ok(None) };
        let mut held = Vec::new();
        for wanted in member.documents(package) {
            match self.documents.kept(&member, &wanted).await {
                Ok(kept) => held.push(kept),
                Err(_) => return Ok(None),
            }
        }
        let advisories = self.advisories.load_full();
        let key = (ecosystem.id, package.clone());
        let stamp = Stamp {
            documents: held.iter().map(|held| held.digest).collect(),
            advisories: advisories.digest(),
            names: self.well_known.load().digest(),
            learnt: self.learnt.of(&key),
        };
        let Ok(known) = self.known(key, ecosystem, held, stamp, advisories).await else { return Ok(None) };
        self.judged((stages.clone(), ecosystem.id, package.clone()), known, policy).await.map(Some)
    }

    /// The same for someone who asks for what `has` looks for. Where the kept pages do not know it, upstream is asked once
    /// more before it is called unknown: it may have been published since.
    pub(crate) async fn sight_of(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        has: impl Fn(&View) -> bool,
        phases: &Phases,
    ) -> Result<Sight, Failure> {
        let sight = self.sight(stages, ecosystem, package, phases).await?;
        if has(&sight.view) || !self.asks(&sight.view.known) {
            return Ok(sight);
        }
        if let Some(place) = ecosystem.registry.catalogue().and_then(|catalogue| catalogue.place(package)) {
            let (_, member) = self.member_for(ecosystem, package, &place.part)?;
            phases.time(Phase::Upstream, self.catalogues.confirm(&member, &place.part)).await;
        }
        if let Ok(member) = sight.view.known.member() {
            for wanted in member.documents(package).iter().filter(|wanted| !wanted.shared) {
                phases.time(Phase::Upstream, self.documents.confirm(member, wanted)).await;
            }
        }
        self.sight(stages, ecosystem, package, phases).await
    }

    /// The name of the upstream that a package is from, if its ecosystem has several.
    pub(super) fn told_upstream(&self, view: &View) -> Option<Arc<str>> {
        let member = &view.known.held.first()?.member;
        (self.homes.members().of(member.ecosystem).len() > 1).then(|| Arc::clone(&member.name))
    }

    /// The documents of a package, from the one upstream that it comes from.
    pub(super) async fn held_at_home(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Vec<Arc<Held>>, Homeless> {
        if let Some(own) = self.own(ecosystem, package).await? {
            return Ok(own);
        }
        // A part of a catalogue is one upstream's, and so are all of its packages.
        if let Some(place) = ecosystem.registry.catalogue().and_then(|catalogue| catalogue.place(package)) {
            let (_, member) = self.member_for(ecosystem, package, &place.part)?;
            let catalogued = self.catalogues.current(&member, &place.part, self.settings.online).await?;
            let held = catalogued.slice(&place.key).ok_or_else(|| DocumentError::Absent {
                upstream: catalogued.member.upstream.base().to_owned(),
                path: package.to_string(),
            })?;
            return Ok(vec![Arc::new(held)]);
        }
        let ask = |member: Arc<Member>| async move { self.held(&member, package).await.map(drop) }.boxed();
        let home = self.homes.of(ecosystem, package, ask).await?;
        match (self.held(&home.member, package).await, home.since) {
            (Err(DocumentError::Absent { .. }), Some(since)) => {
                let home = Arc::clone(&home.member.name);
                Err(Homeless::Contested(Contested { home, since, change: Change::Lost }))
            }
            (held, _) => Ok(held?),
        }
    }

    /// The refusal of a package that more than one upstream could answer for, on record.
    async fn contested(
        &self,
        policy: &Policy,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        contested: &Contested,
        phases: &Phases,
    ) -> Failure {
        let Some(rules) = stages.iter().find_map(|stage| policy.stage(stage)) else {
            return Failure::no_stage(stages.address());
        };
        let decision = weir_policy::contested(rules, ecosystem, package, contested.contest());
        match phases.time(Phase::Store, self.record(&decision, ecosystem, package)).await {
            Ok(_) => Failure::Refused(Box::new(decision)),
            Err(failure) => failure,
        }
    }

    pub(super) async fn held(
        &self,
        member: &Arc<Member>,
        package: &PackageName,
    ) -> Result<Vec<Arc<Held>>, DocumentError> {
        let mut held = Vec::new();
        for wanted in member.documents(package) {
            held.push(if self.settings.online {
                self.documents.current(member, &wanted).await?
            } else {
                match self.documents.kept(member, &wanted).await {
                    Err(DocumentError::Absent { path, .. }) => return Err(DocumentError::NotKept { path }),
                    kept => kept?,
                }
            });
        }
        Ok(held)
    }

    pub(super) async fn known(
        self: &Arc<Self>,
        key: PackageKey,
        ecosystem: &'static Ecosystem,
        held: Vec<Arc<Held>>,
        stamp: Stamp,
        advisories: Arc<Advisories>,
    ) -> Result<Arc<Known>, DocumentError> {
        if let Some(known) = self.known.get(&key)
            && known.stamp == stamp
        {
            return Ok(known);
        }
        let this = Arc::clone(self);
        let package = key.1.clone();
        let flight = (key, stamp.clone());
        let build = || async move { this.build(ecosystem, package, held, stamp, advisories).await };
        self.building.run(flight, build).await.map_err(DocumentError::storage)?
    }

    async fn build(
        self: Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: PackageName,
        held: Vec<Arc<Held>>,
        stamp: Stamp,
        advisories: Arc<Advisories>,
    ) -> Result<Arc<Known>, DocumentError> {
        let known = Arc::new(Arc::clone(&self).assemble(ecosystem, package, held, stamp, advisories).await?);
        self.known.insert((ecosystem.id, known.facts.package.clone()), Arc::clone(&known), known.weight());
        Ok(known)
    }

    /// Puts together what is known of a package by these documents.
    pub(super) async fn assemble(
        self: Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: PackageName,
        held: Vec<Arc<Held>>,
        stamp: Stamp,
        advisories: Arc<Advisories>,
    ) -> Result<Known, DocumentError> {
        let (held, index) = self.read(ecosystem, &package, held).await?;
        let listed = index.releases.len();
        let (mut index, told) = self.add_told(ecosystem, &package, &held, index).await?;
        self.add_files(ecosystem, &package, &held, &mut index).await?;
        let now = self.moment_of_sight();
        let document = held.first().map_or(stamp.advisories, |held| held.digest);
        let first_seen = match held.first().and_then(|held| held.slice.as_ref()) {
            // A catalogue's sights are kept with it.
            Some(slice) => slice.first_seen(&index),
            None => self.first_seen(ecosystem, &package, &index, listed, &document, now).await?,
        };
        let changed = first_seen.changes;
        let rows = self.store.artifacts(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?;
        let artifacts: HashMap<_, _> = rows.into_iter().map(|row| (row.file.clone(), row)).collect();
        let licenses = self.declared_licenses(ecosystem, &package).await?;
        let allowed = match served::matters(&index) {
            true => {
                self.store.allowed_releases(ecosystem.id, package.as_str()).await.map_err(DocumentError::storage)?
            }
            false => Vec::new(),
        };
        let is_own = self.homes.members().is_own(ecosystem, &package);
        let hosted = held.first().is_some_and(|held| held.is_hosted());
        // One's own name is what one wants it to be.
        let lookalike = if hosted { None } else { self.lookalike(ecosystem, &package, &index).await };
        let ecosystems = self.ecosystems;
        let known = tokio::task::spawn_blocking(move || {
            let mut index = index;
            let mut facts =
                known::facts(ecosystems, ecosystem, &package, &index, &first_seen, &artifacts, &licenses, &advisories);
            facts.lookalike = lookalike;
            facts.own = is_own;
            facts.hosted = hosted;
            served::add(&mut facts, &artifacts, &allowed);
            departed::add(&mut index, &mut facts, &advisories);
            let mut known = Known::new(held, index, facts, artifacts, stamp);
            known.told = told;
            known
        })
        .await
        .map_err(DocumentError::storage)?;
        if changed > 0 {
            // Those that this look has found: what is known already is no new event.
            self.metrics.integrity.inc_by(changed);
            tracing::error!(ecosystem = ecosystem.id, package = %known.facts.package, artifacts = changed,
                "upstream states other bytes under old coordinates");
        }
        Ok(known)
    }

    /// The moment for what is seen for the first time: no earlier than that of an earlier sight, within [`MAX_CLOCK_BACK`].
    fn moment_of_sight(&self) -> Timestamp {
        let now = self.clock.now();
        let latest = self.latest_sight.fetch_max(now.millis(), Ordering::Relaxed);
        if latest.saturating_sub(now.millis()) > MAX_CLOCK_BACK {
            self.latest_sight.store(now.millis(), Ordering::Relaxed);
            return now;
        }
        now.max(Timestamp::from_millis(latest))
    }

    /// Reads upstream's documents. One that cannot be read is trouble with upstream like any other: what was kept before
    /// it goes on being served, and says so.
    async fn read(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        mut held: Vec<Arc<Held>>,
    ) -> Result<(Vec<Arc<Held>>, Index), DocumentError> {
        if held.is_empty() {
            return Ok((held, Index::default()));
        }
        let mut first = None;
        for _ in 0..=MAX_BACK {
            let bodies = self.bodies(&held).await?;
            let (parsing, of) = (held.clone(), package.clone());
            let parsed = tokio::task::spawn_blocking(move || known::parse(ecosystem, &of, &parsing, &bodies))
                .await
                .map_err(DocumentError::storage)?;
            let invalid = match parsed {
                Ok(index) => return Ok((held, index)),
                Err(DocumentError::Invalid(invalid)) => invalid,
                Err(error) => return Err(error),
            };
            let broken = held.iter().position(|held| held.url == invalid.url).unwrap_or(0);
            let reason = first.get_or_insert_with(|| invalid.to_string()).clone();
            self.documents.trouble().note(held[broken].member.id(), Part::Index, reason.clone());
            match self.documents.before(&held[broken], &reason).await? {
                Some(earlier) => held[broken] = earlier,
                None => return Err(DocumentError::Unreadable(reason)),
            }
            tracing::warn!(ecosystem = ecosystem.id, package = %package, error = reason,
                "upstream's document cannot be read; serving the one before it");
        }
        Err(DocumentError::Unreadable(first.unwrap_or_default()))
    }

    async fn judged(
        self: &Arc<Self>,
        key: ViewKey,
        known: Arc<Known>,
        policy: Arc<Policy>,
    ) -> Result<Arc<View>, Failure> {
        let flight = (key, known.stamp.clone(), policy.digest());
        let asked = self.clock.now();
        let judged = async || {
            let (this, key) = (Arc::clone(self), flight.0.clone());
            let (facts, rules) = (Arc::clone(&known), Arc::clone(&policy));
            let judge = || async move { this.judge(key, facts, rules).await };
            let view = self.judging.run(flight.clone(), judge).await.map_err(Failure::internal)?;
            view.ok_or_else(|| Failure::no_stage(flight.0.0.address()))
        };
        let view = judged().await?;
        if view.judged_at() >= asked || view.holds(&flight.1, &policy, asked) {
            return Ok(view);
        }
        // That one had begun before this request came; the next one has not.
        judged().await
    }

    async fn judge(self: Arc<Self>, key: ViewKey, known: Arc<Known>, policy: Arc<Policy>) -> Option<Arc<View>> {
        let now = self.clock.now();
        let (stages, public_url) = (key.0.clone(), self.settings.public_url.clone());
        let judged = tokio::task::spawn_blocking(move || View::judge(known, policy, &stages, &public_url, now)).await;
        let view = Arc::new(judged.ok()??);
        self.views.insert(key, Arc::clone(&view), view.weight());
        Some(view)
    }

    pub(super) async fn bodies(&self, held: &[Arc<Held>]) -> Result<Vec<Bytes>, DocumentError> {
        let mut bodies = Vec::with_capacity(held.len());
        for held in held {
            bodies.push(self.documents.body(held).await?);
        }
        Ok(bodies)
    }
}

/// Why earlier documents than the current ones were read, if they were.
fn replaced(view: &View) -> Option<String> {
    let replaced =
        view.known.held.iter().zip(&view.known.stamp.documents).find(|(held, digest)| held.digest != **digest);
    replaced.and_then(|(held, _)| held.stale.clone())
}
