//! A process may end at any moment: what it was told is written is there, and nothing is half written.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use weir_store::{Location, Store};

use crate::Fixture;
use crate::documents::document;
use crate::fixture::at;

/// Names the database that a child process of a test writes to.
const CHILD: &str = "WEIR_STORE_TEST_CHILD";
/// Kills in one run.
const KILLS: u64 = 4;

/// Not a test: what a child process does. Records documents and says so after each, until it has done as many as asked or
/// is killed.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (count, location) = told.split_once(' ').unwrap();
    let count: u64 = count.parse().unwrap();
    let location = Location::parse(location);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&location).await.unwrap();
        for number in 0..count {
            let text = format!("{} {number}", std::process::id());
            store.record_document(&document(&text), at(number as i64)).await.unwrap();
            writeln!(std::io::stdout(), "\nwritten {}", document(&text).digest).unwrap();
        }
        store.close().await;
    });
}

/// A child process that records so many documents.
pub fn spawn(location: &Location, count: u64) -> Child {
    let place = match location {
        Location::Sqlite(path) => path.display().to_string(),
        Location::Postgres(url) => url.clone(),
    };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(CHILD, format!("{count} {place}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The digests that a child says are written, as they come.
pub fn written(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("written ").map(str::to_owned))
}

/// Every event follows from the one before it, and the document that is current is the one last told of.
pub async fn check(store: &Store) -> Vec<String> {
    let mut told = Vec::new();
    let (mut after, mut last) = (0, serde_json::Value::Null);
    loop {
        let events = store.events(after, 1000).await.unwrap();
        if events.is_empty() {
            break;
        }
        for event in events {
            assert_eq!(event.id, after + 1);
            after = event.id;
            let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            assert_eq!(body["from"], last, "event {after}");
            last = body["to"].clone();
            told.push(last.as_str().unwrap().to_owned());
        }
    }
    let model = document("");
    let current = store.current_document(&model.upstream, &model.path).await.unwrap();
    assert_eq!(current.map(|row| row.digest.to_string()), told.last().cloned());
    told
}

pub async fn what_was_acknowledged_survives_a_kill(f: Fixture) {
    let seed = std::env::var("WEIR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("WEIR_SEED={seed}");
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let random = (seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD129_0D3A_5B8C_F1E5);
        let mut child = spawn(&f.location, u64::MAX);
        let count = 1 + (random >> 60) as usize;
        let before = acknowledged.len();
        acknowledged.extend(written(&mut child).take(count));
        assert_eq!(acknowledged.len(), before + count, "the child ended by itself");
        std::thread::sleep(Duration::from_micros((random >> 40) & 0x1fff));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = f.again().await;
        let told = check(&store).await;
        let mut told = told.iter();
        assert!(acknowledged.iter().all(|digest| told.any(|told| told == digest)), "acknowledged writes are lost");
        store.close().await;
    }
}

pub async fn a_dropped_transaction_leaves_nothing(f: Fixture) {
    for number in 0..60_u32 {
        let text = number.to_string();
        let new = document(&text);
        let recording = f.store.record_document(&new, at(i64::from(number)));
        // Long enough to have begun, seldom long enough to be done.
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(number) * 40), recording).await;
    }
    let recorded = f.store.record_document(&document("last"), at(1_000)).await.unwrap();
    assert!(recorded.changed);
    let told = check(&f.store).await;
    println!("{} of 60 were in time", told.len() - 1);
}
