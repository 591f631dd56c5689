//! Whether a host is worth a try.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Opens after some connect failures in a row: for a while every try is refused, then one is let through, and the
/// others wait for what it finds.
#[derive(Debug)]
pub(crate) struct Circuit {
    after: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    problem: String,
    /// Nobody tries before this moment.
    until: Option<Instant>,
}

/// The host is not to be tried now.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Open {
    pub(crate) problem: String,
    pub(crate) retry_in: Duration,
}

impl Circuit {
    pub(crate) fn new(after: u32, pause: Duration) -> Self {
        Self { after: after.max(1), pause, state: Mutex::default() }
    }

    /// Asks for a try. The one that is let through after a pause extends the pause for all others: if it is abandoned,
    /// the next one gets its turn when that has passed, so no try can be lost.
    pub(crate) fn enter(&self, now: Instant) -> Result<(), Open> {
        let mut state = self.lock();
        match state.until {
            Some(until) if until > now => Err(Open { problem: state.problem.clone(), retry_in: until - now }),
            Some(_) => {
                state.until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The host was reached.
    pub(crate) fn reached(&self) {
        let mut state = self.lock();
        if state.failures > 0 || state.until.is_some() {
            *state = State::default();
        }
    }

    /// The host was not reached.
    pub(crate) fn failed(&self, now: Instant, problem: &str) {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.problem = problem.to_owned();
        if state.failures >= self.after {
            state.until = Some(now + self.pause);
        }
    }

    /// The last problem, while the circuit is open.
    pub(crate) fn problem(&self) -> Option<String> {
        let state = self.lock();
        state.until.map(|_| state.problem.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn three_failures_in_a_row_open_the_circuit_and_one_trial_closes_it() {
        let circuit = Circuit::new(3, PAUSE);
        let start = Instant::now();
        for _ in 0..2 {
            assert_eq!(circuit.enter(start), Ok(()));
            circuit.failed(start, "refused");
        }
        circuit.reached();
        for _ in 0..3 {
            assert_eq!(circuit.enter(start), Ok(()));
            circuit.failed(start, "refused");
        }
        assert_eq!(circuit.enter(start), Err(Open { problem: String::from("refused"), retry_in: PAUSE }));

        let later = start + PAUSE;
        assert_eq!(circuit.enter(later), Ok(()), "one trial");
        assert!(circuit.enter(later).is_err(), "only one");
        circuit.failed(later, "refused again");
        assert_eq!(circuit.problem().as_deref(), Some("refused again"));

        let last = later + PAUSE;
        assert_eq!(circuit.enter(last), Ok(()));
        circuit.reached();
        assert_eq!(circuit.enter(last), Ok(()));
        assert_eq!(circuit.problem(), None);
    }

    #[test]
    fn an_abandoned_trial_gives_way_to_the_next() {
        let circuit = Circuit::new(1, PAUSE);
        let start = Instant::now();
        circuit.failed(start, "refused");
        assert_eq!(circuit.enter(start + PAUSE), Ok(()));
        assert!(circuit.enter(start + PAUSE).is_err());
        assert_eq!(circuit.enter(start + PAUSE + PAUSE), Ok(()));
    }
}
