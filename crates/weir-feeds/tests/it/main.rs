//! Imports from files and syncs from a fake upstream, on a real store.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod importing;
mod syncing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_core::time::FixedClock;
use weir_core::{Clock, Ecosystems, Timestamp};
use weir_feeds::Feeds;
use weir_store::Store;

/// The ecosystems that have a registry.
const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM]);

/// A data directory with its store.
struct Home {
    directory: tempfile::TempDir,
    store: Store,
    clock: Arc<FixedClock>,
}

impl Home {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&directory.path().join("weir.db")).await.unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp::parse("2026-10-01T12:00:00Z").unwrap()));
        Self { directory, store, clock }
    }

    /// As another process would open it.
    async fn feeds(&self) -> Feeds {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Feeds::open(self.directory.path(), self.store.clone(), clock, ECOSYSTEMS).await.unwrap()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join("in").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn inputs(&self) -> PathBuf {
        self.directory.path().join("in")
    }

    fn advisories(&self) -> PathBuf {
        self.directory.path().join("advisories")
    }
}

/// Names of index files.
fn indexes(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".idx"))
        .collect();
    names.sort();
    names
}

/// A record about versions of a PyPI package below a bound.
fn record(id: &str, package: &str, fixed: &str, modified: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"{modified}","affected":[{{"package":{{"ecosystem":"PyPI","name":"{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

/// Ids of the vulnerabilities of a version of a PyPI package, by the index in use.
fn ids(feeds: &Feeds, package: &str, version: &str) -> Vec<String> {
    let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
    let name = pypi.names.parse(package).unwrap();
    let key = pypi.versions.sort_key(version).unwrap();
    let found = feeds.current().package(pypi, &name).unwrap().matching(pypi, version, Some(&key));
    found.iter().map(|vulnerability| vulnerability.id.clone()).collect()
}
