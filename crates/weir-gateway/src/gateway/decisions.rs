//! Which decisions are on record, and which can still be told by their id.

use std::sync::Arc;

use weir_core::{Ecosystem, PackageName};
use weir_policy::Decision;
use weir_store::DecisionRow;

use super::{Failure, Gateway, ViewKey};
use crate::view::View;

/// Weight of an entry of the memory of recorded decisions, in bytes.
const RECORDED_WEIGHT: usize = 128;
/// Weight of an entry of the memory of named decisions, in bytes.
const NAMED_WEIGHT: usize = 160;

impl Gateway {
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
        self.store.record_decision(&row).await.map_err(Failure::internal)?;
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
        let (stage, ecosystem, package) = &*key;
        let Some(ecosystem) = self.ecosystems.by_id(ecosystem) else { return Ok(None) };
        let view = match self.view(stage, ecosystem, package).await {
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

    /// Remembers which decisions the pages of a view name.
    pub(super) fn remember_named(&self, key: ViewKey, view: &View) {
        let key = Arc::new(key);
        for named in view.named() {
            let place = (Arc::clone(&key), named.release, named.artifact);
            self.named.insert(named.id.clone(), place, NAMED_WEIGHT);
        }
    }
}
