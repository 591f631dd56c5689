//! Which thread serves a connection?
//!
//! Each core has a lane: a thread that serves its connections from the first byte to the last, with an event loop of its
//! own. A request whose answer is in memory then meets no other thread; on a shared scheduler waking one for every other
//! request cost a third of the time. What many wait for (fetching, making pages) runs on the runtime around the lanes, so
//! that nothing long stands in a lane.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

/// How long work that nobody waits for any more may hold up the end of a lane.
const END: Duration = Duration::from_secs(1);

/// All lanes. Dropped, they end, with what still runs in them.
pub struct Lanes {
    lanes: Vec<Lane>,
    stop: CancellationToken,
}

struct Lane {
    runtime: Handle,
    /// Connections that are open.
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A connection in a lane.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lanes {
    /// A lane for each core.
    pub fn open() -> anyhow::Result<Self> {
        let mut lanes = Self { lanes: Vec::new(), stop: CancellationToken::new() };
        for number in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            let runtime = Builder::new_current_thread().enable_all().build().context("a lane cannot be opened")?;
            lanes.start(number, runtime)?;
        }
        Ok(lanes)
    }

    fn start(&mut self, number: usize, runtime: Runtime) -> anyhow::Result<()> {
        let (handle, stop) = (runtime.handle().clone(), self.stop.clone());
        let run = move || {
            runtime.block_on(stop.cancelled());
            runtime.shutdown_timeout(END);
        };
        let thread = std::thread::Builder::new().name(format!("weir-lane-{number}")).spawn(run);
        let thread = Some(thread.context("a lane cannot be opened")?);
        self.lanes.push(Lane { runtime: handle, open: Arc::default(), thread });
        Ok(())
    }

    /// Runs the work of a connection in the lane that has fewest.
    pub fn run(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let Some(lane) = self.lanes.iter().min_by_key(|lane| lane.open.load(Ordering::Relaxed)) else { return };
        lane.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&lane.open));
        lane.runtime.spawn(async move {
            connection.await;
            drop(open);
        });
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.stop.cancel();
        for lane in &mut self.lanes {
            // A lane that panicked has nothing left to end.
            let _ = lane.thread.take().map(JoinHandle::join);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn connections_are_shared_out_and_each_stays_in_one_lane() {
        let lanes = Lanes::open().unwrap();
        let (tell, told) = mpsc::channel();
        let end = CancellationToken::new();
        for _ in 0..2 * lanes.lanes.len() {
            let (tell, end) = (tell.clone(), end.clone());
            lanes.run(async move {
                let before = std::thread::current().id();
                tell.send(before).unwrap();
                end.cancelled().await;
                assert_eq!(std::thread::current().id(), before);
                tell.send(before).unwrap();
            });
        }
        let threads: Vec<_> = told.iter().take(2 * lanes.lanes.len()).collect();
        for thread in &threads {
            assert_eq!(threads.iter().filter(|other| *other == thread).count(), 2);
        }
        end.cancel();
        assert_eq!(told.iter().take(2 * lanes.lanes.len()).count(), 2 * lanes.lanes.len());
    }
}
