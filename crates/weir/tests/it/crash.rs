//! A crash at any instant: what a client was told is on record, what was first seen stays first seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_store::Store;

use crate::http;
use crate::place::{CRITICAL_ONLY, Place, SIMPLE_JSON, osv};

/// How often it is killed.
const ROUNDS: u64 = 10;
/// Packages that are asked for.
const PACKAGES: u64 = 40;
/// Releases of each.
const RELEASES: u64 = 3;

/// A small generator of numbers that are the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What clients saw before the crash.
#[derive(Default)]
struct Told {
    /// Ids of decisions, with what was refused.
    decisions: BTreeMap<String, String>,
    /// When files were first seen, as pages without upstream's own dates say.
    dates: BTreeMap<String, String>,
}

fn seed() -> u64 {
    let given = std::env::var("WEIR_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        since.subsec_nanos().into()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_no_decision_that_a_client_saw_and_no_first_sight() {
    let seed = seed();
    println!("seed {seed}; WEIR_TEST_SEED={seed} repeats it");
    let mut random = Random(seed);
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let pypi = place.fake.pypi();
    pypi.undated(true);
    let mut records = Vec::new();
    for package in 0..PACKAGES {
        let name = format!("package-{package}");
        for release in 1..=RELEASES {
            pypi.release(&name, &format!("{release}.0.0")).add();
        }
        records.push(osv(&format!("PYSEC-2026-{package}"), "PyPI", &name, "3.0.0"));
    }
    place.import(&records);
    let told = Arc::new(Mutex::new(Told::default()));
    let mut midway = 0;
    for round in 0..ROUNDS {
        let server = place.serve();
        check(&server.address, &told.lock().unwrap(), round);
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let (address, told, stop) = (server.address.clone(), Arc::clone(&told), Arc::clone(&stop));
                let random = Random(seed ^ (round << 8) ^ client);
                std::thread::spawn(move || ask_on(&address, &told, &stop, random))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + random.next(400)));
        let before = told.lock().unwrap().decisions.len();
        server.kill();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        midway += usize::from(before > 0);
    }
    assert!(midway > 0, "no round got as far as a refusal");
    let told = std::mem::take(&mut *told.lock().unwrap());
    println!("{} decisions and {} first sights were told in {ROUNDS} rounds", told.decisions.len(), told.dates.len());
    let server = place.serve();
    check(&server.address, &told, ROUNDS);
    server.stop();

    // And from inside: every decision is a row, and every blob is what its name says.
    let store = Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    for (id, what) in &told.decisions {
        let row = store.decision(id).await.unwrap().unwrap_or_else(|| panic!("decision {id} on {what} is lost"));
        assert_eq!(row.effective, "block");
    }
    sound(&place.data.join("blobs").join("blob"));
}

/// Asks for random pages and refused files until the server is gone, and keeps what it is told.
fn ask_on(address: &str, told: &Mutex<Told>, stop: &AtomicBool, mut random: Random) {
    while !stop.load(Ordering::Relaxed) {
        let name = format!("package-{}", random.next(PACKAGES));
        let path = format!("/dev/pypi/simple/{name}/");
        let Ok(page) = http::ask(address, "GET", &path, &[("Accept", SIMPLE_JSON)]) else { continue };
        if page.status != 200 || page.cut {
            continue;
        }
        let page = page.json();
        for file in page["files"].as_array().unwrap() {
            if let Some(date) = file["upload-time"].as_str() {
                let file = file["filename"].as_str().unwrap().to_owned();
                let mut told = told.lock().unwrap();
                let first = told.dates.entry(file.clone()).or_insert_with(|| date.to_owned());
                assert_eq!(first, date, "{file} was first seen at another time");
            }
        }
        let files = page["files"].as_array().unwrap();
        let url = files[random.next(files.len() as u64) as usize]["url"].as_str().unwrap();
        let path = url.split_once("://").map_or(url, |(_, rest)| &rest[rest.find('/').unwrap()..]);
        let Ok(answer) = http::ask(address, "GET", path, &[]) else { continue };
        if answer.status == 403 {
            let id = answer.header("weir-decision").to_owned();
            assert_eq!(id.len(), 16, "{answer:?}");
            told.lock().unwrap().decisions.insert(id, path.to_owned());
        }
    }
}

/// Everything that was told is still so.
#[track_caller]
fn check(address: &str, told: &Told, round: u64) {
    for (id, what) in &told.decisions {
        let answer = http::ask(address, "GET", &format!("/d/{id}"), &[]).unwrap();
        assert_eq!(answer.status, 200, "round {round}: the decision {id} on {what} is lost");
        assert!(answer.text().contains("PYSEC-2026-"), "{}", answer.text());
    }
    let packages: BTreeSet<&str> =
        told.dates.keys().filter_map(|file| file.split_once("-").map(|(name, _)| name)).collect();
    for package in packages {
        let path = format!("/dev/pypi/simple/{}/", package.replace('_', "-"));
        let page = http::ask(address, "GET", &path, &[("Accept", SIMPLE_JSON)]).unwrap().expect(200).json();
        for file in page["files"].as_array().unwrap() {
            let name = file["filename"].as_str().unwrap();
            if let Some(date) = told.dates.get(name) {
                assert_eq!(file["upload-time"].as_str(), Some(date.as_str()), "round {round}: {name}");
            }
        }
    }
}

/// Every file is the blob that its name says.
fn sound(directory: &std::path::Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sound(&path);
        } else {
            let digest = weir_core::Digest::of(&std::fs::read(&path).unwrap());
            assert_eq!(digest.to_string(), path.file_name().unwrap().to_string_lossy());
        }
    }
}
