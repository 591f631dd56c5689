//! What a running gate looks after: documents past their time, waivers without an effect.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_core::facts::{FeedState, PackageFacts};
use weir_core::{Ecosystem, PackageName, Timestamp};
use weir_policy::Policy;

use super::{Failure, Gateway};
use crate::judged::Stages;
use crate::stock::Evicted;

/// Names that are read from the store at once.
const NAMES_AT_ONCE: u32 = 1_000;
/// Most packages that are judged to find out which waivers have an effect.
const MAX_JUDGED: usize = 10_000;

/// A waiver that lets nothing through at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnusedWaiver {
    /// Its place in the policy.
    pub index: usize,
    /// A package that it is written for has been asked for. If none has, it may yet have an effect.
    pub seen: bool,
}

/// How long it is taken for true whether Weir can write, in milliseconds: whoever asks more often costs nothing.
const PROBE: i64 = 5_000;

/// Whether Weir can write, and if not, why.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writable {
    /// Why the store takes no rows.
    pub store: Option<String>,
    /// Why no bytes can be stored.
    pub blobs: Option<String>,
}

impl Gateway {
    /// Tries to write: a row, and some bytes. Says what was found up to five seconds ago.
    pub async fn writable(&self) -> Writable {
        let now = self.clock.now();
        let mut probed = self.probed.lock().await;
        if let Some((at, writable)) = &*probed
            && *at <= now
            && now < at.plus_millis(PROBE)
        {
            return writable.clone();
        }
        let store = self.store.set_setting("probed", &now.to_string()).await;
        let blobs = self.blobs.check().await;
        let writable = Writable {
            store: store.err().map(|error| error.to_string()),
            blobs: blobs.err().map(|error| error.to_string()),
        };
        *probed = Some((now, writable.clone()));
        writable
    }

    /// Forgets upstream documents that stopped being current before `before`, and deletes the bytes that nothing names any
    /// more; says how many documents' bytes these were. Of catalogues those go as soon as nothing needs them.
    pub async fn expire_documents(&self, before: Timestamp) -> Result<usize, Failure> {
        self.tend_shards().await?;
        Ok(self.catalogues.tend().await? + self.documents.expire(before).await?)
    }

    /// Evicts artifact bytes until there are well under [`Settings::cache_limit`](super::Settings) of them, and ends what an
    /// eviction that was broken off has left.
    pub async fn tend_cache(&self) -> Result<Evicted, Failure> {
        Ok(self.stock.tend().await?)
    }

    /// By how many bytes what is named to be kept is more than the limit; `None` if it is not.
    pub fn kept_above_limit(&self) -> Option<u64> {
        u64::try_from(self.metrics.stock_named.get()).ok().filter(|above| *above > 0)
    }

    /// Ends when so much was stored that [`Gateway::tend_cache`] has something to do.
    pub async fn cache_filled(&self) {
        self.stock.woken().await;
    }

    /// The waivers of the policy in force that let nothing through in any package that was ever asked for. A waiver is left
    /// out where that cannot be told at the moment.
    pub async fn unused_waivers(self: &Arc<Self>) -> Result<(Arc<Policy>, Vec<UnusedWaiver>), Failure> {
        let policy = self.policy();
        let mut unused: BTreeSet<usize> = (0..policy.waivers().len()).collect();
        let (mut seen, mut unsure) = (BTreeSet::new(), BTreeSet::new());
        let mut judged = 0;
        for ecosystem in self.ecosystems.iter() {
            let mut after = String::new();
            while !unused.is_empty() {
                let page = self.store.package_names(ecosystem.id, &after, NAMES_AT_ONCE).await;
                let page = page.map_err(Failure::internal)?;
                let Some(last) = page.last() else { break };
                after.clone_from(last);
                for name in page {
                    let covering = covering(&policy, ecosystem, PackageName::from_normalized(&name));
                    if covering.is_empty() {
                        continue;
                    }
                    seen.extend(covering.iter().copied());
                    judged += 1;
                    let package = PackageName::from_normalized(&name);
                    match self.effect(&policy, ecosystem, &package).await {
                        Some(without) if judged <= MAX_JUDGED => unused.retain(|index| without.contains(index)),
                        _ => unsure.extend(covering),
                    }
                }
            }
        }
        let unused = unused.into_iter().filter(|index| !unsure.contains(index));
        let unused = unused.map(|index| UnusedWaiver { index, seen: seen.contains(&index) }).collect();
        Ok((policy, unused))
    }

    /// The waivers that let nothing through in a package; `None` if it cannot be judged now.
    async fn effect(
        self: &Arc<Self>,
        policy: &Policy,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Option<BTreeSet<usize>> {
        // Facts are the same in every stage; a stage in which the name is private has none.
        for stage in policy.stages() {
            if let Ok(view) = self.view(&Stages::from(stage.name.as_str()), ecosystem, package).await {
                let unused = weir_policy::unused_waivers(policy, [&view.known.facts], self.clock.now());
                return Some(unused.into_iter().collect());
            }
        }
        None
    }
}

/// The waivers that are written for some version of a package.
fn covering(policy: &Policy, ecosystem: &'static Ecosystem, package: PackageName) -> Vec<usize> {
    let facts = PackageFacts {
        ecosystem,
        package,
        releases: Vec::new(),
        status: None,
        hosted: false,
        advisories: FeedState::default(),
        lookalike: None,
        own: false,
    };
    let covers = policy.waivers().iter().enumerate().filter(|(_, waiver)| waiver.covers_package(&facts));
    covers.map(|(index, _)| index).collect()
}
