//! Large artifacts while they arrive: everything but the tail, and that only once it is decided.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use weir_blob::chunk;
use weir_core::registry::{Part, Which};
use weir_core::{Ecosystem, PackageName};

use super::{Failure, Gateway, find};
use crate::account::Late;
use crate::admission::{Admitted, Leading};
use crate::judged::Stages;
use crate::transfer::{Landed, Transfer, TransferError};

/// Follows a transfer through its spool file.
pub(super) struct Follower {
    pub(super) gateway: Arc<Gateway>,
    pub(super) stages: Stages,
    pub(super) ecosystem: &'static Ecosystem,
    pub(super) package: PackageName,
    pub(super) file: String,
    pub(super) transfer: Transfer,
    pub(super) spool: Arc<std::fs::File>,
    pub(super) sent: u64,
    pub(super) total: u64,
    /// What lets out the bytes before the verdict.
    pub(super) leading: Leading,
    /// What lets out the rest, once there is a verdict.
    pub(super) admitted: Option<Admitted>,
    /// Where the account of the request finds what becomes known now.
    pub(super) late: Arc<Late>,
}

impl Follower {
    pub(super) fn stream(self) -> BoxStream<'static, Result<Bytes, std::io::Error>> {
        let chunks = stream::try_unfold(self, |mut follower| async move {
            match follower.next().await {
                Ok(chunk) => Ok(chunk.map(|chunk| (chunk, follower))),
                Err(failure) => Err(follower.cut(&failure)),
            }
        });
        chunks.boxed()
    }

    /// The connection is cut before Content-Length: no client ends up with a complete file.
    fn cut(&self, failure: &Failure) -> std::io::Error {
        let decision = match failure {
            Failure::Refused(decision) => Some(decision.id.as_str()),
            _ => None,
        };
        tracing::warn!(stage = %self.stages, ecosystem = self.ecosystem.id, file = self.file, error = %failure,
            allowed_before = self.leading.decision(), "an artifact is cut off");
        self.late.failed(failure.outcome(), decision);
        std::io::Error::other(failure.to_string())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.sent >= self.total {
            return Ok(None);
        }
        let allowed = self.allowed().await?;
        let chunk = chunk::read(&self.spool, self.sent, allowed - self.sent).await.map_err(Failure::internal)?;
        self.sent += chunk.len() as u64;
        Ok(Some(chunk))
    }

    /// How many leading bytes may be sent now; waits until it is more than were sent.
    async fn allowed(&mut self) -> Result<u64, Failure> {
        if let Some(admitted) = &self.admitted {
            return Ok(admitted.size());
        }
        let sent = self.sent;
        let mut progress = self.transfer.progress.clone();
        let progress = progress
            .wait_for(|progress| progress.end.is_some() || progress.releasable > sent)
            .await
            .map_err(|_| Failure::Internal(String::from("the transfer was abandoned")))?
            .clone();
        match progress.end {
            None => Ok(progress.releasable),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(landed)) => {
                if landed.size != self.total {
                    let problem = format!("{} bytes were announced, {} arrived", self.total, landed.size);
                    return Err(TransferError::Mismatch { file: self.file.clone(), problem }.into());
                }
                let admitted = self.admit(landed).await?;
                self.late.admitted(admitted.decision(), *admitted.digest());
                let size = admitted.size();
                self.admitted = Some(admitted);
                Ok(size)
            }
        }
    }

    async fn admit(&self, landed: Landed) -> Result<Admitted, Failure> {
        let view = self.gateway.view(&self.stages, self.ecosystem, &self.package).await?;
        let (release, artifact) = find(&view.known, &Which::File(self.file.clone()), Part::Whole)?;
        let decision =
            view.decision(release, Some(artifact)).ok_or_else(|| Failure::no_stage(self.stages.address()))?;
        self.gateway.record(&decision, self.ecosystem, &self.package).await?;
        match decision.permit() {
            Some(permit) => Ok(Admitted::new(permit, landed.digest, landed.size)),
            None => Err(Failure::Refused(Box::new(decision))),
        }
    }
}
