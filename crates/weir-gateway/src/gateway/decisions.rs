//! Which decisions are on record, and which can still be told by their id.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;
use weir_core::{Ecosystem, PackageName};
use weir_policy::Decision;
use weir_store::DecisionRow;

use super::{Failure, Gateway, ViewKey};
use crate::metrics::Write;
use crate::view::{Coding, PageBytes, View};

/// Weight of an entry of the memory of recorded decisions, in bytes.
const RECORDED_WEIGHT: usize = 128;
/// Weight of an entry of the memory of named decisions, in bytes.
const NAMED_WEIGHT: usize = 160;

/// Decisions that are put on record because a page names them, at most; a page that names more is not recorded.
const MAX_TOLD: usize = 32;
/// Length of a decision's id.
const ID: usize = 16;

/// The ids of the decisions whose addresses stand in a page; more than [`MAX_TOLD`] are not all found.
fn told(page: &[u8]) -> HashSet<&[u8]> {
    const MARK: &[u8] = b"/d/";
    let mut told = HashSet::new();
    for (at, _) in page.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK) {
        let id = page.get(at + MARK.len()..at + MARK.len() + ID).unwrap_or_default();
        if id.len() == ID && id.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')) {
            told.insert(id);
        }
        if told.len() > MAX_TOLD {
            break;
        }
    }
    told
}

impl Gateway {
    /// True if this process knows that a decision is on record.
    pub(super) fn is_recorded(&self, decision: &Decision) -> bool {
        self.recorded.get(&decision.id).is_some()
    }

    /// Makes sure that a decision which someone asked for is on record, before it takes effect.
    pub async fn record(
        &self,
        decision: &Decision,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<(), Failure> {
        if self.recorded.get(&decision.id).is_some() {
            return Ok(());
        }
        let version = weir_core::Purl::parse(&decision.purl).ok().and_then(|purl| purl.version).unwrap_or_default();
        let row = DecisionRow {
            id: decision.id.clone(),
            stage: decision.stage.clone(),
            ecosystem: ecosystem.id.to_owned(),
            package: package.as_str().to_owned(),
            version,
            file: decision.file.clone(),
            outcome: decision.decision.word().to_owned(),
            effective: decision.effective.word().to_owned(),
            body: serde_json::to_string(decision).map_err(Failure::internal)?,
            at: self.clock.now(),
        };
        let began = Instant::now();
        self.store.record_decision(&row).await.map_err(Failure::internal)?;
        self.metrics.wrote(Write::Decision, began.elapsed());
        self.recorded.insert(decision.id.clone(), (), RECORDED_WEIGHT);
        Ok(())
    }

    /// The decision with this id: one that is on record, or one that a page named and that still holds, which is on record
    /// from then on.
    pub async fn decision(self: &Arc<Self>, id: &str) -> Result<Option<DecisionRow>, Failure> {
        if let Some(row) = self.store.decision(id).await.map_err(Failure::internal)? {
            return Ok(Some(row));
        }
        let Some((key, release, artifact)) = self.named.get(id) else { return Ok(None) };
        let (stages, ecosystem, package) = &*key;
        let Some(ecosystem) = self.ecosystems.by_id(ecosystem) else { return Ok(None) };
        let view = match self.view(stages, ecosystem, package).await {
            Ok(view) => view,
            // It has become private, or is gone, since the page was made.
            Err(Failure::Refused(_) | Failure::NoStage(_) | Failure::Document(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        match view.decision(release, artifact).filter(|decision| decision.id == id) {
            Some(decision) => {
                self.record(&decision, ecosystem, package).await?;
                self.store.decision(id).await.map_err(Failure::internal)
            }
            None => Ok(None),
        }
    }

    /// Puts on record what a page itself tells a person, as npm's page does: its client prints the address and asks for no
    /// file that could be refused. A page that names more is one whose files are asked for, and recorded then.
    pub(super) async fn record_told(&self, view: &View, page: &PageBytes) {
        let (_, body) = page.coded(Coding::Identity);
        let told = told(&body);
        if told.len() > MAX_TOLD {
            return;
        }
        let facts = &view.known.facts;
        for named in view.named().iter().filter(|named| told.contains(named.id.as_bytes())) {
            let Some(decision) = view.decision(named.release, named.artifact).filter(|it| it.id == named.id) else {
                continue;
            };
            if let Err(error) = self.record(&decision, facts.ecosystem, &facts.package).await {
                tracing::error!(error = %error, decision = named.id, "a decision that a page names is not on record");
            }
        }
    }

    /// Remembers which decisions the pages of a view name.
    pub(super) fn remember_named(&self, key: ViewKey, view: &View) {
        let key = Arc::new(key);
        for named in view.named() {
            let place = (Arc::clone(&key), named.release, named.artifact);
            self.named.insert(named.id.clone(), place, NAMED_WEIGHT);
        }
    }
}
