//! A limit on what is kept: what goes, what stays, and that nobody is served less for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use weir_blob::{Blobs, S3Config};
use weir_core::Digest;
use weir_testing::s3::S3Server;

use crate::gate::{Answer, Plan, TestGate};

const SIZE: usize = 100_000;
/// Room for two artifacts of [`SIZE`], not for three.
const LIMIT: u64 = 250_000;

fn wheel(package: &str) -> String {
    format!("/dev/pypi/files/{package}/{package}-1.0-py3-none-any.whl")
}

fn file(package: &str) -> String {
    format!("/files/{package}-1.0-py3-none-any.whl")
}

async fn gate(packages: &[&str]) -> TestGate {
    with_packages(Plan::new("").cache_limit(LIMIT).start().await, packages)
}

fn with_packages(gate: TestGate, packages: &[&str]) -> TestGate {
    for package in packages {
        gate.pypi.pypi().release(package, "1.0").published("2026-01-01").size(SIZE).add();
    }
    gate
}

impl TestGate {
    /// Fetches a whole file at a moment of the day; its use is on record.
    async fn fetch(&self, path: &str, moment: &str) -> Answer {
        self.at(&format!("2026-11-01T{moment}:00Z"));
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.cut), (200, false), "{path}: {}", answer.text());
        let artifact = Some(Digest::of(&answer.body));
        let at = self.clock_now();
        self.records(|row| row.artifact == artifact && row.at == at).await;
        answer
    }

    fn clock_now(&self) -> weir_core::Timestamp {
        weir_core::Clock::now(&*self.clock)
    }

    async fn holds(&self, answer: &Answer) -> bool {
        self.blobs.size(&Digest::of(&answer.body)).await.unwrap().is_some()
    }
}

/// Bytes of all wheels that are kept.
async fn stored(gate: &TestGate) -> u64 {
    gate.store.cached_bytes(u64::MAX >> 1).await.unwrap().0
}

#[tokio::test]
async fn what_was_used_longest_ago_makes_room_and_is_fetched_again_when_asked_for() {
    let gate = gate(&["a", "b", "c"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    let b = gate.fetch(&wheel("b"), "13:10").await;
    gate.fetch(&wheel("a"), "13:20").await;
    let c = gate.fetch(&wheel("c"), "13:30").await;
    assert_eq!((gate.holds(&a).await, gate.holds(&b).await, gate.holds(&c).await), (true, false, true));
    assert!(stored(&gate).await <= LIMIT);
    let known = gate.store.artifact("pypi", "b", "b-1.0-py3-none-any.whl").await.unwrap().unwrap();
    assert_eq!(known.sha256, Digest::of(&b.body), "what is known of it stays");

    let again = gate.fetch(&wheel("b"), "13:40").await;
    assert!(again.body == b.body);
    assert_eq!(gate.pypi.hits(&file("b")), 2);
    assert_eq!(gate.events("changed-bytes").await.len(), 0);
    let metrics = gate.gateway.metrics().render();
    assert!(metrics.contains("weir_artifacts_evicted_total 2\n"), "{metrics}");
    assert!(metrics.contains("weir_artifacts_limit_bytes 250000\n"), "{metrics}");
    assert!(metrics.contains(&format!("weir_artifacts_stored_bytes {}\n", stored(&gate).await)), "{metrics}");
}

#[tokio::test]
async fn the_last_use_survives_a_restart() {
    let gate = gate(&["a", "b", "c"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    let b = gate.fetch(&wheel("b"), "13:10").await;
    gate.fetch(&wheel("a"), "13:20").await;
    let gate = gate.restarted().await;
    gate.fetch(&wheel("c"), "13:30").await;
    assert_eq!((gate.holds(&a).await, gate.holds(&b).await), (true, false));
}

#[tokio::test]
async fn other_bytes_under_the_old_name_are_a_security_event_also_after_an_eviction() {
    let gate = Plan::new("").cache_limit(LIMIT).start().await;
    for package in ["a", "b", "c"] {
        gate.pypi.pypi().release(package, "1.0").published("2026-01-01").size(SIZE).without_digests().add();
    }
    let a = gate.fetch(&wheel("a"), "13:00").await;
    for (package, moment) in [("b", "13:10"), ("c", "13:20")] {
        gate.fetch(&wheel(package), moment).await;
    }
    assert!(!gate.holds(&a).await);
    let other = weir_testing::artifact::wheel_with("a", "1.0", &[], &[("a/other.py", b"other" as &[u8])]);
    gate.pypi.pypi().replace("a-1.0-py3-none-any.whl", other);
    let answer = gate.get(&wheel("a")).await;
    assert_eq!(answer.status, 403, "{}", answer.phrase);
    assert!(answer.phrase.contains("integrity"), "{}", answer.phrase);
    assert_eq!(gate.events("changed-bytes").await.len(), 1);
}

#[tokio::test]
async fn what_upstream_cannot_give_again_stays() {
    let gate = gate(&["deleted", "other", "a", "b"]).await;
    let deleted = gate.fetch(&wheel("deleted"), "13:00").await;
    gate.pypi.pypi().remove("deleted", "1.0");
    // Its page is looked at again, and no longer lists it.
    gate.at("2026-11-01T14:00:00Z");
    assert!(gate.simple("dev", "deleted").await["files"].as_array().unwrap().is_empty());
    let other = gate.fetch(&wheel("other"), "14:10").await;
    gate.fetch(&wheel("a"), "14:20").await;
    assert_eq!((gate.holds(&deleted).await, gate.holds(&other).await), (true, false));
}

#[tokio::test]
async fn while_an_upstream_is_in_trouble_its_artifacts_stay() {
    let gate = gate(&["a"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    for name in ["x", "y"] {
        let noise = weir_core::digest::hex(&weir_testing::artifact::noise(SIZE / 2));
        let tarball = weir_testing::artifact::npm_tarball(name, "1.0.0", &serde_json::json!({ "noise": noise }));
        gate.npm.npm().release(name, "1.0.0").published("2026-01-01").bytes(tarball).add();
    }
    let x = gate.fetch("/dev/npm/x/-/x-1.0.0.tgz", "13:10").await;
    gate.pypi.unavailable(true);
    gate.at("2026-11-01T14:00:00Z");
    assert_eq!(gate.simple("dev", "a").await["files"].as_array().unwrap().len(), 1);
    gate.fetch("/dev/npm/y/-/y-1.0.0.tgz", "14:10").await;
    let held = (gate.holds(&a).await, gate.holds(&x).await);
    assert_eq!(held, (true, false), "x was used later and goes first: {:?}", gate.gateway.trouble());
    let again = gate.fetch(&wheel("a"), "14:20").await;
    assert!(again.body == a.body);
}

#[tokio::test]
async fn an_artifact_larger_than_the_limit_is_served_and_takes_no_other_with_it() {
    let gate = gate(&["a"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    gate.pypi.pypi().release("big", "1.0").published("2026-01-01").size(3 * SIZE).add();
    let big = gate.fetch(&wheel("big"), "13:10").await;
    assert!(big.body.len() > LIMIT as usize);
    let tail = gate.ask("GET", &wheel("big"), &[("Range", "bytes=-10")]).await;
    assert_eq!((tail.status, tail.body.as_slice()), (206, &big.body[big.body.len() - 10..]));
    // Those who waited for it have it, or will soon have let go of it.
    for _ in 0..500 {
        gate.gateway.tend_cache().await.unwrap();
        if !gate.holds(&big).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((gate.holds(&a).await, gate.holds(&big).await), (true, false));
    assert!(gate.fetch(&wheel("big"), "13:20").await.body == big.body);
}

#[tokio::test]
async fn bytes_that_are_gone_when_they_are_opened_are_fetched_again() {
    let gate = gate(&["a"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    for headers in [&[][..], &[("Range", "bytes=0-9")]] {
        // As another replica does between this one's look and its own.
        gate.blobs.delete(&Digest::of(&a.body)).await.unwrap();
        let again = gate.ask("GET", &wheel("a"), headers).await;
        assert!(matches!(again.status, 200 | 206), "{}", again.text());
        assert!(a.body.starts_with(&again.body));
    }
    gate.blobs.delete(&Digest::of(&a.body)).await.unwrap();
    let head = gate.ask("HEAD", &wheel("a"), &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, a.body.len().to_string().as_str()));
}

#[tokio::test]
async fn an_eviction_that_a_crash_broke_off_is_ended_by_the_next_round() {
    let gate = gate(&["a"]).await;
    let a = gate.fetch(&wheel("a"), "13:00").await;
    let blobs = gate.store.cached_blobs(None, 10).await.unwrap();
    gate.store.begin_eviction(&blobs, gate.clock_now()).await.unwrap();
    let gate = gate.restarted().await;
    gate.at("2026-11-01T13:10:00Z");
    gate.gateway.tend_cache().await.unwrap();
    assert!(!gate.holds(&a).await);
    assert_eq!(stored(&gate).await, 0);
    assert!(gate.fetch(&wheel("a"), "13:20").await.body == a.body);
}

#[tokio::test]
async fn offline_nothing_goes() {
    let gate = Plan::new("").start().await;
    let gate = with_packages(gate, &["a", "b", "c"]);
    for package in ["a", "b", "c"] {
        gate.fetch(&wheel(package), "13:00").await;
    }
    let mut gate = gate;
    gate.limit(Some(LIMIT));
    let gate = gate.offline().await;
    assert_eq!(gate.gateway.tend_cache().await.unwrap().artifacts, 0);
    assert_eq!(gate.get(&wheel("a")).await.status, 200);
}

async fn many_clients_under_a_small_limit(blobs: Option<Arc<Blobs>>) {
    const PACKAGES: usize = 24;
    const CLIENTS: usize = 12;
    const ROUNDS: usize = 20;
    let mut plan = Plan::new("").cache_limit(LIMIT).stream_above(60_000);
    if let Some(blobs) = blobs {
        plan = plan.blobs(blobs);
    }
    let gate = Arc::new(plan.start().await);
    let mut bytes = BTreeMap::new();
    for number in 0..PACKAGES {
        let name = format!("p{number}");
        let size = 10_000 + number * 4_000;
        gate.pypi.pypi().release(&name, "1.0").published("2026-01-01").size(size).add();
        bytes.insert(number, gate.get(&wheel(&name)).await.body);
    }
    let largest = bytes.values().map(Vec::len).max().unwrap() as u64;
    assert!(bytes.values().map(Vec::len).sum::<usize>() as u64 > 3 * LIMIT);
    let bytes = Arc::new(bytes);
    let (done, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let watch = tokio::spawn({
        let (gate, done, peak) = (Arc::clone(&gate), Arc::clone(&done), Arc::clone(&peak));
        async move {
            while !done.load(Ordering::SeqCst) {
                gate.gateway.tend_cache().await.unwrap();
                let held = gate.blobs.list().filter_map(async |blob| blob.ok().map(|(_, size)| size));
                // Documents and metadata are among the blobs, and are small here.
                let held = held.fold(0, async |sum, size| sum + size).await;
                peak.fetch_max(held, Ordering::SeqCst);
            }
        }
    });
    let clients = (0..CLIENTS).map(|client| {
        let (gate, bytes) = (Arc::clone(&gate), Arc::clone(&bytes));
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let number = (client * 7 + round * 5 + round * round * client) % PACKAGES;
                let answer = gate.get(&wheel(&format!("p{number}"))).await;
                assert_eq!((answer.status, answer.cut), (200, false), "p{number}: {}", answer.phrase);
                assert!(answer.body == bytes[&number], "p{number} has other bytes");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    watch.await.unwrap();
    for _ in 0..500 {
        gate.gateway.tend_cache().await.unwrap();
        if stored(&gate).await <= LIMIT {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(stored(&gate).await <= LIMIT);
    let (peak, others) = (peak.load(Ordering::SeqCst), 100_000);
    assert!(peak <= LIMIT + CLIENTS as u64 * largest + others, "{peak}");
    let evicted = gate.gateway.metrics().evicted.get();
    assert!(evicted > PACKAGES as u64, "only {evicted} evictions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_clients_get_the_right_bytes_under_a_small_limit() {
    many_clients_under_a_small_limit(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_clients_get_the_right_bytes_under_a_small_limit_from_s3() {
    let (server, spool) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let config = S3Config {
        endpoint: Some(server.url()),
        bucket: server.bucket().to_owned(),
        key: Some(server.key().to_owned()),
        secret: Some(server.secret().to_owned()),
        allow_http: true,
        ..S3Config::default()
    };
    many_clients_under_a_small_limit(Some(Arc::new(Blobs::s3(&config, spool.path()).unwrap()))).await;
}
