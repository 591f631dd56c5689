//! How fast may a file come that nobody waits for?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The limit of one transfer.
#[derive(Debug)]
pub struct Pace {
    /// Bytes a second; 0 without a limit.
    limit: AtomicU64,
    began: Instant,
}

impl Pace {
    /// A limit in bytes a second, from now on.
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit: AtomicU64::new(limit.unwrap_or_default()), began: Instant::now() }
    }

    /// Somebody else waits for the same: the limit of who is in the greater hurry holds.
    pub fn joined(&self, limit: Option<u64>) {
        match limit {
            None => self.limit.store(0, Ordering::Relaxed),
            Some(limit) => {
                let raise = |now: u64| (now != 0 && now < limit).then_some(limit);
                let _ = self.limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
            }
        }
    }

    /// When so many bytes may have come, counted from the beginning.
    fn due(&self, bytes: u64) -> Duration {
        match self.limit.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            limit => Duration::from_millis(bytes.saturating_mul(1_000) / limit),
        }
    }

    /// Waits until so many bytes may have come. A limit that is lifted meanwhile ends the wait within a tenth of a second.
    pub async fn wait(&self, bytes: u64) {
        const STEP: Duration = Duration::from_millis(100);
        loop {
            let left = self.due(bytes).saturating_sub(self.began.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(STEP)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_due_by_the_limit_of_who_is_in_the_greatest_hurry() {
        let pace = Pace::new(Some(1_000));
        assert_eq!(pace.due(2_500), Duration::from_millis(2_500));
        pace.joined(Some(500));
        assert_eq!(pace.due(1_000), Duration::from_secs(1));
        pace.joined(Some(2_000));
        assert_eq!(pace.due(1_000), Duration::from_millis(500));
        pace.joined(None);
        assert_eq!(pace.due(u64::MAX), Duration::ZERO);
        pace.joined(Some(1));
        assert_eq!(pace.due(1_000), Duration::ZERO, "a limit that is lifted stays lifted");
    }
}
