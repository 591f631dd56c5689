//! Which blobs must stay for a moment, and which are on their way out.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use weir_core::Digest;

/// Keeps apart who brings bytes in and who takes them away.
#[derive(Debug, Default)]
pub(super) struct Pins {
    state: Mutex<State>,
    /// Told when something has gone.
    gone: Notify,
}

#[derive(Debug, Default)]
struct State {
    pinned: HashMap<Digest, usize>,
    going: HashSet<Digest>,
}

/// As long as this is held, its blob is not evicted.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Pins>,
    digest: Digest,
}

/// Blobs that nobody pins until this is dropped.
#[derive(Debug)]
pub(super) struct Going {
    pins: Arc<Pins>,
    digests: Vec<Digest>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Pins a blob, whether or not it is there, once nobody is taking it away.
    pub(super) async fn pin(self: &Arc<Self>, digest: Digest) -> Pin {
        loop {
            let gone = self.gone.notified();
            tokio::pin!(gone);
            // From here on no notice is missed.
            gone.as_mut().enable();
            {
                let mut state = self.lock();
                if !state.going.contains(&digest) {
                    *state.pinned.entry(digest).or_default() += 1;
                    return Pin { pins: Arc::clone(self), digest };
                }
            }
            gone.await;
        }
    }

    /// Those of some blobs that may go: nobody has pinned them, and nobody will until [`Going`] is dropped.
    pub(super) fn take(self: &Arc<Self>, digests: impl IntoIterator<Item = Digest>) -> Going {
        let mut state = self.lock();
        let mut taken = Vec::new();
        for digest in digests {
            if !state.pinned.contains_key(&digest) && state.going.insert(digest) {
                taken.push(digest);
            }
        }
        Going { pins: Arc::clone(self), digests: taken }
    }
}

impl Going {
    /// True if this blob is among them.
    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.pins.lock();
        if let Some(count) = state.pinned.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                state.pinned.remove(&self.digest);
            }
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let mut state = self.pins.lock();
        for digest in &self.digests {
            state.going.remove(digest);
        }
        drop(state);
        self.pins.gone.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[tokio::test]
    async fn what_is_pinned_does_not_go_until_the_last_pin_is_dropped() {
        let pins = Arc::new(Pins::default());
        let (first, second) = (pins.pin(digest("a")).await, pins.pin(digest("a")).await);
        drop(first);
        assert!(!pins.take([digest("a")]).contains(&digest("a")));
        drop(second);
        assert!(pins.take([digest("a"), digest("b")]).contains(&digest("a")));
    }

    #[tokio::test]
    async fn what_goes_is_pinned_once_it_has_gone() {
        let pins = Arc::new(Pins::default());
        let going = pins.take([digest("a")]);
        assert!(!pins.take([digest("a")]).contains(&digest("a")), "it goes once");
        let waiting = tokio::spawn({
            let pins = Arc::clone(&pins);
            async move { pins.pin(digest("a")).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(going);
        let pin = waiting.await.unwrap();
        assert!(!pins.take([digest("a")]).contains(&digest("a")));
        drop(pin);
    }
}
