//! Which catalogues that are not current any more are kept, and for how long?
//!
//! A large one and its table are seventy megabytes, and come anew dozens of times a day. A request that began while it was
//! current may still read it; after that nothing does but whoever asks for a day of those that are
//! [kept](crate::members::Member::keeps). What a package's pieces were cut from is looked up again where it has gone: see
//! [`Slice::read`](super::Slice::read).

use std::sync::Arc;

use weir_core::Timestamp;

use super::{Catalogued, Catalogues, TABLE};
use crate::documents::DocumentError;

/// How long a catalogue is kept after it was superseded, for requests that began before, in milliseconds.
pub const SUPERSEDED_STANDS: i64 = 60 * 60 * 1000;

impl Catalogues {
    /// Gives up what is past its time of all catalogues that somebody has asked for; says how many blobs these were.
    pub async fn tend(&self) -> Result<usize, DocumentError> {
        let mut given_up = 0;
        for kept in self.held.values() {
            if let Ok(current) = kept.answer
                && current.day.is_none()
            {
                given_up += self.give_up_before(&current).await?;
            }
        }
        Ok(given_up)
    }

    /// Gives up those before a catalogue that are past their time.
    pub(super) async fn give_up_before(&self, current: &Catalogued) -> Result<usize, DocumentError> {
        let (_, sources) = Self::sources(&current.member, &current.part)?;
        let base = current.member.upstream.base();
        let now = self.clock.now();
        let table = sources.first().map(|first| format!("{}{TABLE}", first.wanted.path));
        let paths = sources.iter().map(|source| source.wanted.path.clone()).chain(table);
        let mut given_up = 0;
        for path in paths {
            let past = self.store.past_documents(base, &path).await.map_err(DocumentError::storage)?;
            let is_over = |from: Timestamp, to: Timestamp| {
                to <= now.plus_millis(-SUPERSEDED_STANDS) && !current.member.keeps(from, to, now)
            };
            // If Weir stopped between the two rows of a catalogue, the table in use names bytes that are not current.
            let over = past.iter().filter(|row| row.digest != current.table.body);
            let over = over.filter(|row| row.seen_to.is_some_and(|to| is_over(row.seen_from, to)));
            let over: Vec<i64> = over.map(|row| row.id).collect();
            if !over.is_empty() {
                let unnamed = self.store.forget_documents(&over).await.map_err(DocumentError::storage)?;
                given_up += self.documents.give_up(unnamed).await?;
            }
        }
        Ok(given_up)
    }

    /// The same after a catalogue has come. That it fails holds nothing up: it is tried again with the next.
    pub(super) async fn tend_after(&self, current: &Arc<Catalogued>) {
        if let Err(error) = self.give_up_before(current).await {
            tracing::error!(part = current.part, error = %error, "superseded catalogues cannot be given up");
        }
    }
}
