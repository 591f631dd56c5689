//! What did upstream list on a day?
//!
//! Every catalogue that Weir has seen is kept with the interval in which it was current. The one of a day is the last that
//! was current on it and that upstream has confirmed on it or later: what nobody looked at on that day is not known of it. A
//! day that has not ended has none yet, so that what is shown of a day never changes for any reason but policy.

use std::sync::Arc;

use weir_core::Timestamp;
use weir_core::time::Day;
use weir_store::DocumentRow;

use super::{Answer, Catalogued, Catalogues, TABLE};
use crate::documents::DocumentError;
use crate::members::Member;

impl Catalogues {
    /// The catalogue of a part as it was at the end of a day, without asking upstream.
    pub async fn of_day(self: &Arc<Self>, member: &Arc<Member>, part: &str, day: Day) -> Answer {
        let key = (member.id(), format!("{part}@{day}"));
        let now = self.clock.now();
        if let Some(kept) = self.held.get(&key)
            && kept.from <= now
            && now < kept.until
        {
            return kept.answer;
        }
        let answer = self.read_day(member, part, day, now).await;
        let lifetimes = self.documents.lifetimes();
        let good_for = if answer.is_ok() { lifetimes.package } else { lifetimes.negative };
        self.keep(&key, answer.clone(), now, good_for);
        answer
    }

    async fn read_day(&self, member: &Arc<Member>, part: &str, day: Day, now: Timestamp) -> Answer {
        let (_, sources) = Self::sources(member, part)?;
        let path = sources.first().map(|first| format!("{}{TABLE}", first.wanted.path)).unwrap_or_default();
        if now < day.end() {
            let nearest = self.days_around(member, &path, day.before()).await?;
            return Err(not_kept(part, day, "has not ended (days are those of UTC)", &nearest));
        }
        let last = day.end().plus_millis(-1);
        let row = self.store.document_at(member.upstream.base(), &path, last).await.map_err(DocumentError::storage)?;
        if let Some(row) = row
            && let Some(catalogued) = self.read(member, part, row, Some(last)).await?
            && catalogued.checked_at >= day.begin()
        {
            return Ok(Arc::new(Catalogued { day: Some(day), ..catalogued }));
        }
        let nearest = self.days_around(member, &path, day).await?;
        Err(not_kept(part, day, "is not kept here", &nearest))
    }

    /// The last day up to `day` of which a catalogue is kept, and the first after it.
    async fn days_around(&self, member: &Member, path: &str, day: Day) -> Result<Vec<Day>, DocumentError> {
        let base = member.upstream.base();
        let before = self.store.document_before(base, path, day.end()).await.map_err(DocumentError::storage)?;
        let after = self.store.document_after(base, path, day.end().plus_millis(-1)).await;
        let after = after.map_err(DocumentError::storage)?;
        let ended = |at: &Day| *at <= Day::of(self.clock.now()).before();
        let mut days = Vec::new();
        if let Some(row) = before {
            let confirmed = self.confirmed(base, &row).await?;
            days.extend(Some(Day::of(confirmed).min(day)).filter(ended));
        }
        days.extend(after.map(|row| Day::of(row.seen_from)).filter(ended));
        Ok(days)
    }

    /// When upstream last said that a catalogue was current. That is noted beside its bytes, as long as they are current.
    async fn confirmed(&self, base: &str, table: &DocumentRow) -> Result<Timestamp, DocumentError> {
        let source = self.table(table).await?.map(|table| (table.source, table.body));
        let Some((source, body)) = source else { return Ok(table.checked_at) };
        let at = table.seen_to.map_or(table.checked_at, |until| until.plus_millis(-1)).max(table.seen_from);
        let row = self.store.document_at(base, &source, at).await.map_err(DocumentError::storage)?;
        let row = row.filter(|row| row.digest == body);
        Ok(row.map_or(table.checked_at, |row| row.checked_at.max(table.checked_at)))
    }

    /// Asks upstream for the catalogues of which days are to be kept, so that no day passes unseen.
    pub async fn keep_days(self: &Arc<Self>, member: &Arc<Member>) -> Result<(), DocumentError> {
        let Some(catalogue) = member.ecosystem.registry.catalogue().filter(|_| member.kept_days > 0) else {
            return Ok(());
        };
        let paths = self.store.document_paths(member.upstream.base(), TABLE).await.map_err(DocumentError::storage)?;
        for path in paths.iter().filter_map(|path| path.strip_suffix(TABLE)) {
            let Some((part, _)) = path.rsplit_once('/') else { continue };
            let is_part = catalogue.sources(part).first().is_some_and(|first| first.wanted.path == path);
            if is_part && let Err(error) = self.current(member, part, true).await {
                tracing::warn!(ecosystem = member.ecosystem.id, part, error = %error, "a day's catalogue cannot be had");
            }
        }
        Ok(())
    }
}

fn not_kept(part: &str, day: Day, why: &str, nearest: &[Day]) -> DocumentError {
    let nearest: Vec<String> = nearest.iter().map(Day::to_string).collect();
    let nearest = match nearest.as_slice() {
        [] => String::from("no day of it is kept yet"),
        nearest => {
            format!("the nearest that {}: {}", if nearest.len() == 1 { "is" } else { "are" }, nearest.join(", "))
        }
    };
    DocumentError::NotThatDay(format!("`{part}` of {day} {why}; {nearest}"))
}
