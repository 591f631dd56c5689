//! Many callers, one piece of work.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument as _;

/// Single flight: callers that ask for one key at the same time share one run of a future and its outcome.
///
/// The work is a task of its own, on the runtime in which the flights were made. It goes on when a caller goes away, so that
/// a fetch that was begun is finished and kept; it must bound itself.
pub struct Flights<K, V> {
    running: Arc<Running<K, V>>,
    runtime: Option<Handle>,
}

type Running<K, V> = Mutex<HashMap<K, watch::Receiver<Option<V>>>>;

/// The shared work ended without an outcome: it panicked, or the process is shutting down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the work that several requests were waiting for was broken off; ask again")]
pub struct FlightBroken;

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// No flights yet.
    pub fn new() -> Self {
        Self { running: Arc::default(), runtime: Handle::try_current().ok() }
    }

    /// The outcome for `key`: of the run that is under way, else of `work`, which is called at most once.
    pub async fn run<F, W>(&self, key: K, work: F) -> Result<V, FlightBroken>
    where
        F: FnOnce() -> W,
        W: Future<Output = V> + Send + 'static,
    {
        let mut outcome = self.join(key, work);
        match outcome.wait_for(Option::is_some).await {
            Ok(value) => value.clone().ok_or(FlightBroken),
            Err(_) => Err(FlightBroken),
        }
    }

    /// Starts `work` for `key` without waiting for it, unless a run is under way: a background refresh.
    pub fn start<F, W>(&self, key: K, work: F)
    where
        F: FnOnce() -> W,
        W: Future<Output = V> + Send + 'static,
    {
        drop(self.join(key, work));
    }

    /// How many runs are under way.
    pub fn len(&self) -> usize {
        lock(&self.running).len()
    }

    /// True if no run is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn join<F, W>(&self, key: K, work: F) -> watch::Receiver<Option<V>>
    where
        F: FnOnce() -> W,
        W: Future<Output = V> + Send + 'static,
    {
        let mut running = lock(&self.running);
        if let Some(outcome) = running.get(&key) {
            return outcome.clone();
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(key.clone(), receiver.clone());
        drop(running);
        // Made before the work is, so that the key is given back even if making it panics.
        let landing = Landing { running: Arc::clone(&self.running), key };
        let work = work();
        let work = async move {
            let value = work.await;
            // The key goes first: who comes after the outcome is known starts anew.
            drop(landing);
            let _ = sender.send(Some(value));
        };
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(work.in_current_span())),
            None => drop(tokio::spawn(work.in_current_span())),
        }
        receiver
    }
}

impl<K, V> Default for Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("running", &lock(&self.running).len()).finish()
    }
}

/// Gives the key back, also when the work panics.
struct Landing<K: Eq + Hash, V> {
    running: Arc<Running<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock<K, V>(running: &Running<K, V>) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
    running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn callers_of_one_key_share_one_run() {
        let flights = Arc::new(Flights::<&str, u32>::new());
        let runs = Arc::new(AtomicU32::new(0));
        let gate = Arc::new(Notify::new());
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (flights, runs, gate) = (Arc::clone(&flights), Arc::clone(&runs), Arc::clone(&gate));
                tokio::spawn(async move {
                    let work = || async move {
                        gate.notified().await;
                        runs.fetch_add(1, Ordering::SeqCst) + 1
                    };
                    flights.run("key", work).await
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(flights.run("other", || async { 7 }).await, Ok(7));
        assert_eq!(flights.len(), 1);
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(1));
        }
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn the_work_goes_on_when_its_caller_goes_away() {
        let flights = Flights::<u8, u8>::new();
        let done = Arc::new(Notify::new());
        let signal = Arc::clone(&done);
        let work = || async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            signal.notify_one();
            1
        };
        let gone = tokio::time::timeout(Duration::from_millis(1), flights.run(1, work)).await;
        assert!(gone.is_err());
        tokio::time::timeout(Duration::from_secs(5), done.notified()).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_is_told_and_can_be_asked_for_again() {
        let flights = Flights::<u8, u8>::new();
        assert_eq!(flights.run(1, || async { panic!("as planned") }).await, Err(FlightBroken));
        assert_eq!(flights.run(1, || async { 2 }).await, Ok(2));
    }
}
