//! Whether a host is worth a try.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Authority;
use crate::error::UpstreamError;

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
    /// The host has asked, with this status, to be left alone until then. That it answers others ends nothing.
    asked: Option<(Instant, u16)>,
}

/// The host is not to be tried now.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Open {
    problem: String,
    retry_in: Duration,
    /// The host itself asked for it, with this status.
    asked: Option<u16>,
}

impl Open {
    /// What whoever wanted to try is told.
    pub(crate) fn into_error(self, authority: &Authority) -> UpstreamError {
        let Self { problem, retry_in, asked } = self;
        let authority = authority.to_string();
        match asked {
            Some(status) => UpstreamError::Waits { authority, status, retry_in },
            None => UpstreamError::Down { authority, problem, retry_in },
        }
    }
}

impl Circuit {
    pub(crate) fn new(after: u32, pause: Duration) -> Self {
        Self { after: after.max(1), pause, state: Mutex::default() }
    }

    /// Asks for a try. The one that is let through after a pause extends the pause for all others: if it is abandoned,
    /// the next one gets its turn when that has passed, so no try can be lost.
    pub(crate) fn enter(&self, now: Instant) -> Result<(), Open> {
        let mut state = self.lock();
        if let Some((until, status)) = state.asked.filter(|(until, _)| *until > now) {
            return Err(Open { problem: String::new(), retry_in: until - now, asked: Some(status) });
        }
        match state.until {
            Some(until) if until > now => {
                Err(Open { problem: state.problem.clone(), retry_in: until - now, asked: None })
            }
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
            *state = State { asked: state.asked, ..State::default() };
        }
    }

    /// The host answered, with this status, that it wants no request until then.
    pub(crate) fn asked_to_wait(&self, until: Instant, status: u16) {
        self.lock().asked = Some((until, status));
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
    pub(crate) fn problem(&self, now: Instant) -> Option<String> {
        let state = self.lock();
        let asked = state.asked.filter(|(until, _)| *until > now);
        let asked = asked.map(|(_, status)| format!("it answered {status} and asks for no requests for now"));
        asked.or_else(|| state.until.map(|_| state.problem.clone()))
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
        let open = Open { problem: String::from("refused"), retry_in: PAUSE, asked: None };
        assert_eq!(circuit.enter(start), Err(open));

        let later = start + PAUSE;
        assert_eq!(circuit.enter(later), Ok(()), "one trial");
        assert!(circuit.enter(later).is_err(), "only one");
        circuit.failed(later, "refused again");
        assert_eq!(circuit.problem(later).as_deref(), Some("refused again"));

        let last = later + PAUSE;
        assert_eq!(circuit.enter(last), Ok(()));
        circuit.reached();
        assert_eq!(circuit.enter(last), Ok(()));
        assert_eq!(circuit.problem(last), None);
    }

    #[test]
    fn a_host_that_asks_for_a_pause_gets_it_whatever_else_it_answers() {
        let circuit = Circuit::new(3, PAUSE);
        let start = Instant::now();
        circuit.asked_to_wait(start + PAUSE, 429);
        circuit.reached();
        let open = circuit.enter(start).unwrap_err();
        assert_eq!((open.asked, open.retry_in), (Some(429), PAUSE));
        assert_eq!(circuit.enter(start + PAUSE), Ok(()));
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
