//! An empty store for a test.

use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;
use weir_core::{Digest, Timestamp};
use weir_store::{Location, Store};
use weir_testing::postgres::Postgres;

/// Nothing here takes so long; what does is a deadlock.
const PATIENCE: Duration = Duration::from_secs(120);

/// An empty database and a store on it.
pub struct Fixture {
    pub store: Store,
    pub location: Location,
    _folder: Option<TempDir>,
}

impl Fixture {
    /// Another handle on the same database, as another process would have it.
    pub async fn again(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }
}

/// A place for a database; `None` where the engine is not installed.
pub type Place = Option<(Location, Option<TempDir>)>;

pub fn sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Some((Location::Sqlite(folder.path().join("weir.db")), Some(folder)))
}

pub fn postgres() -> Place {
    Some((Location::Postgres(Postgres::shared()?.database()), None))
}

/// Runs a test on a new store, as the server would: on several threads.
pub fn run<F: Future<Output = ()>>(place: Place, test: impl FnOnce(Fixture) -> F) {
    let Some((location, folder)) = place else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&location).await.unwrap();
        let handle = store.clone();
        let test = test(Fixture { store, location, _folder: folder });
        let test = std::panic::AssertUnwindSafe(test).catch_unwind();
        let result = tokio::time::timeout(PATIENCE, test).await.expect("the test does not end");
        handle.close().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A moment.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A digest.
pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// The kinds of all events, oldest first.
pub async fn kinds(store: &Store) -> Vec<String> {
    store.events(0, 1000).await.unwrap().into_iter().map(|event| event.kind).collect()
}
