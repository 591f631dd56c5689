//! What a stage would make of every package that Weir keeps a page of. No upstream is asked, and nothing is recorded.

use std::sync::Arc;

use serde::Serialize;
use weir_core::{Ecosystem, PackageName, Purl, Timestamp};
use weir_policy::{Policy, Survey};

use super::{Failure, Gateway};
use crate::documents::DocumentError;
use crate::known::{Known, Stamp};

/// Names that are read from the store at once.
const NAMES_AT_ONCE: u32 = 1_000;
/// Most packages that are named because their kept page cannot be read; all are counted.
const MAX_UNREAD: usize = 100;

/// A survey of everything that is kept.
#[derive(Clone, Debug, Serialize)]
pub struct Surveyed {
    /// What the stage makes of it.
    #[serde(flatten)]
    pub survey: Survey,
    /// The moment as of which everything was judged.
    pub at: Timestamp,
    /// Packages whose page is no longer kept: upstream has deleted them, or is another one now.
    pub gone: usize,
    /// How many packages could not be read.
    pub unread: usize,
    /// Which and why, at most [`MAX_UNREAD`].
    pub unread_packages: Vec<Unread>,
}

/// A package that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Unread {
    /// The package.
    pub purl: String,
    /// Why.
    pub reason: String,
}

impl Gateway {
    /// What `stage` makes of the `newest` newest releases of every package whose page is kept, from what is kept alone. Only
    /// for a gate that works offline.
    pub async fn survey(self: &Arc<Self>, stage: &str, newest: usize) -> Result<Surveyed, Failure> {
        let policy = self.policy.load_full();
        let rules = policy.stage(stage).ok_or_else(|| Failure::no_stage(stage))?;
        let survey = Survey::new(&policy, rules, newest);
        let mut surveyed = Surveyed { survey, at: self.clock.now(), gone: 0, unread: 0, unread_packages: Vec::new() };
        for ecosystem in self.ecosystems.iter() {
            let mut after = String::new();
            loop {
                let names = self.store.package_names(ecosystem.id, &after, NAMES_AT_ONCE).await;
                let names = names.map_err(Failure::internal)?;
                let Some(last) = names.last() else { break };
                after.clone_from(last);
                for name in names {
                    let package = PackageName::from_normalized(&name);
                    surveyed = self.count(surveyed, &policy, ecosystem, &package).await?;
                }
            }
        }
        Ok(surveyed)
    }

    /// Counts one package.
    async fn count(
        self: &Arc<Self>,
        mut surveyed: Surveyed,
        policy: &Arc<Policy>,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Surveyed, Failure> {
        let known = match self.kept(ecosystem, package).await {
            Ok(known) => known,
            Err(DocumentError::NotKept { .. } | DocumentError::Absent { .. }) => {
                surveyed.gone += 1;
                return Ok(surveyed);
            }
            Err(error) => {
                surveyed.unread += 1;
                if surveyed.unread_packages.len() < MAX_UNREAD {
                    let purl = Purl::new(ecosystem, package, None).to_string();
                    surveyed.unread_packages.push(Unread { purl, reason: error.to_string() });
                }
                return Ok(surveyed);
            }
        };
        let policy = Arc::clone(policy);
        let judged = tokio::task::spawn_blocking(move || {
            if let Some(rules) = policy.stage(&surveyed.survey.stage) {
                let judgement = weir_policy::judge(&policy, rules, &known.facts, surveyed.at);
                surveyed.survey.add(&known.facts, &judgement);
            }
            surveyed
        });
        judged.await.map_err(Failure::internal)
    }

    /// What is known of a package from what is kept.
    async fn kept(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Arc<Known>, DocumentError> {
        let held = self.held_at_home(ecosystem, package).await?;
        let advisories = self.advisories.load_full();
        let key = (ecosystem.id, package.clone());
        let stamp = Stamp {
            documents: held.iter().map(|held| held.digest).collect(),
            advisories: advisories.digest(),
            names: self.well_known.load().digest(),
            learnt: self.learnt.of(&key),
        };
        self.known(key, ecosystem, held, stamp, advisories).await
    }
}
