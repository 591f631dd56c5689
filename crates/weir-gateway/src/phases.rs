//! What does a request spend its time on?
//!
//! Time is taken where a request waits, not where work is done: several requests that wait for one piece of shared work
//! (a document being fetched, a page being made) each count the whole of their own wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A stretch of a request's way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Who asks.
    Access,
    /// Upstream.
    Upstream,
    /// Weir's own storage.
    Store,
    /// Facts.
    Facts,
    /// The policy.
    Judge,
    /// The page.
    Render,
    /// The inside of an artifact.
    Inspect,
    /// The body.
    Body,
}

impl Phase {
    /// All of them, in the order in which a request passes them.
    pub const ALL: [Self; 8] =
        [Self::Access, Self::Upstream, Self::Store, Self::Facts, Self::Judge, Self::Render, Self::Inspect, Self::Body];

    /// Its word in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Upstream => "upstream",
            Self::Store => "store",
            Self::Facts => "facts",
            Self::Judge => "judge",
            Self::Render => "render",
            Self::Inspect => "inspect",
            Self::Body => "body",
        }
    }

    /// Its key in the log: the word, and the unit.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Access => "access_us",
            Self::Upstream => "upstream_us",
            Self::Store => "store_us",
            Self::Facts => "facts_us",
            Self::Judge => "judge_us",
            Self::Render => "render_us",
            Self::Inspect => "inspect_us",
            Self::Body => "body_us",
        }
    }

    /// What is counted to it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Access => "finding out who asks",
            Self::Upstream => "waiting for upstream: its documents, and an artifact until the head of the answer",
            Self::Store => "rows and blobs read and written for this request, decisions put on record among them",
            Self::Facts => "putting together what is known of a package: reading documents, matching advisories",
            Self::Judge => "judging a package by the policy of the stage",
            Self::Render => "making and compressing a page",
            Self::Inspect => "looking into an artifact that has just arrived",
            Self::Body => "from the head of the answer to the end of its body, as fast as the client takes it",
        }
    }
}

/// What a request has spent so far, by phase. Shared by reference: taking time needs no exclusive access.
#[derive(Debug, Default)]
pub struct Phases([AtomicU64; Phase::ALL.len()]);

impl Phases {
    /// Awaits `work` and counts what it took to `phase`.
    pub async fn time<F: Future>(&self, phase: Phase, work: F) -> F::Output {
        let began = Instant::now();
        let output = work.await;
        self.add(phase, began.elapsed());
        output
    }

    /// Counts a time to `phase`.
    pub fn add(&self, phase: Phase, spent: Duration) {
        if let Some(sum) = self.0.get(phase as usize) {
            sum.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// The phases that took a microsecond or more, with what they took: the others were ready in memory.
    pub fn passed(&self) -> impl Iterator<Item = (Phase, Duration)> {
        let spent = self.0.iter().map(|nanos| Duration::from_nanos(nanos.load(Ordering::Relaxed)));
        Phase::ALL.into_iter().zip(spent).filter(|(_, spent)| spent.as_micros() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_phase_counts_its_own_waits() {
        let phases = Phases::default();
        for millis in [2, 3] {
            phases.add(Phase::Store, Duration::from_millis(millis));
        }
        phases.add(Phase::Access, Duration::from_nanos(999));
        phases.time(Phase::Judge, async { std::thread::sleep(Duration::from_micros(2)) }).await;
        phases.add(Phase::Body, Duration::from_millis(7));
        let passed: Vec<_> = phases.passed().filter(|(phase, _)| *phase != Phase::Judge).collect();
        assert_eq!(passed, [(Phase::Store, Duration::from_millis(5)), (Phase::Body, Duration::from_millis(7))]);
        assert!(phases.passed().any(|(phase, _)| phase == Phase::Judge));
    }

    #[test]
    fn a_phase_has_its_place_and_its_words() {
        for (at, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, at);
            assert_eq!(phase.key(), format!("{}_us", phase.word()));
        }
    }
}
