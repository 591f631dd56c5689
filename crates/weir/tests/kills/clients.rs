//! Clients that ask for everything until the server is gone, and remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use weir_core::Digest;

use crate::http::{self, Answer};
use crate::phases::Flying;
use crate::place::SIMPLE_JSON;
use crate::random::Random;
use crate::world::{LARGE, LARGE_RELEASES, PACKAGES, RELEASES, Server, World};

/// How many ask at once. Every third one asks for large artifacts, too.
const CLIENTS: u64 = 6;

/// What clients were told in one data directory.
#[derive(Default)]
pub struct Facts {
    /// Ids of decisions, with what was asked for and whether it was let through.
    pub decisions: BTreeMap<String, (String, bool)>,
    /// When files were first seen, as pages without upstream's own dates say.
    pub dates: BTreeMap<String, String>,
    /// Packages whose third release an import that ended well has made critical.
    pub imported: BTreeSet<u64>,
    /// Artifacts that came whole.
    pub complete: u64,
}

/// The same, shared.
#[derive(Default)]
pub struct Told(Mutex<Facts>);

impl Told {
    pub fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Clients at work.
pub struct Clients {
    pub flying: Arc<Flying>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub fn start(world: &World, server: &Server, mut random: Random) -> Self {
        let (flying, stop) = (Arc::new(Flying::default()), Arc::new(AtomicBool::new(false)));
        let imported = Arc::new(world.told.lock().imported.clone());
        let threads = (0..CLIENTS).map(|number| {
            let mut client = Client {
                address: Arc::clone(&server.address),
                told: Arc::clone(&world.told),
                imported: Arc::clone(&imported),
                flying: Arc::clone(&flying),
                stop: Arc::clone(&stop),
                random: random.fork(),
                asks_for_large: number % 3 == 0,
            };
            std::thread::spawn(move || client.run())
        });
        Self { threads: threads.collect(), flying, stop }
    }

    /// Waits until all have given up; what one of them found wrong fails the test.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client was told something wrong");
        }
    }
}

struct Client {
    address: Arc<Mutex<Option<String>>>,
    told: Arc<Told>,
    /// What was imported before this server started.
    imported: Arc<BTreeSet<u64>>,
    flying: Arc<Flying>,
    stop: Arc<AtomicBool>,
    random: Random,
    asks_for_large: bool,
}

impl Client {
    fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let address = self.address.lock().unwrap().clone();
            match address {
                None => std::thread::sleep(Duration::from_millis(1)),
                Some(address) => self.ask(&address),
            }
        }
    }

    /// Asks for a page and one of its files.
    fn ask(&mut self, address: &str) {
        let is_large = self.asks_for_large && self.random.below(3) > 0;
        let number = self.random.below(PACKAGES);
        let name = if is_large { String::from(LARGE) } else { format!("package-{number}") };
        let path = format!("/dev/pypi/simple/{name}/");
        let asked = waiting(&self.flying.pages, || http::ask(address, "GET", &path, &[("Accept", SIMPLE_JSON)]));
        let Ok(page) = asked else { return };
        if page.status != 200 || page.cut {
            return;
        }
        let page = page.json();
        let files = page["files"].as_array().unwrap();
        assert_eq!(files.len() as u64, if is_large { LARGE_RELEASES } else { RELEASES });
        for file in files {
            let date = file["upload-time"].as_str().unwrap();
            let file = file["filename"].as_str().unwrap().to_owned();
            let mut told = self.told.lock();
            let first = told.dates.entry(file.clone()).or_insert_with(|| date.to_owned());
            assert_eq!(first, date, "{file} was first seen at another time");
        }
        // One of the large ones; all of the small ones, from any of them on.
        let first = self.random.below(files.len() as u64) as usize;
        let count = if is_large { 1 } else { files.len() };
        for file in files.iter().cycle().skip(first).take(count) {
            self.fetch(address, file, is_large, number);
        }
    }

    fn fetch(&self, address: &str, file: &Value, is_large: bool, number: u64) {
        let url = file["url"].as_str().unwrap();
        let path = url.split_once("://").map_or(url, |(_, rest)| &rest[rest.find('/').unwrap()..]);
        // The first two releases of every package are critical, of the large one the first; and what was imported.
        let refused = match is_large {
            true => path.contains("-1.0.0-"),
            false => !path.contains("-3.0.0-") || self.imported.contains(&number),
        };
        let flying = match (refused, is_large) {
            (true, _) => &self.flying.refusals,
            (false, true) => &self.flying.large,
            (false, false) => &self.flying.small,
        };
        let Ok(answer) = waiting(flying, || http::ask(address, "GET", path, &[])) else { return };
        self.judge(path, refused, &answer, file["hashes"]["sha256"].as_str().unwrap());
    }

    fn judge(&self, path: &str, refused: bool, answer: &Answer, sha256: &str) {
        let id = answer.header("weir-decision");
        match answer.status {
            200 => {
                assert!(!refused, "{path} is refused and was served");
                let mut told = self.told.lock();
                told.decisions.insert(id.to_owned(), (path.to_owned(), true));
                if !answer.cut {
                    assert_eq!(Digest::of(&answer.body).to_string(), sha256, "{path} came whole with other bytes");
                    // The second large release is sent with wrong bytes, so that nobody may get it whole.
                    assert!(!path.contains("large-2.0.0-"), "{path} came whole");
                    told.complete += 1;
                }
            }
            403 => {
                assert_eq!(id.len(), 16, "{answer:?}");
                self.told.lock().decisions.insert(id.to_owned(), (path.to_owned(), false));
            }
            // The wrong bytes were noticed before the head was sent.
            502 => assert!(path.contains("large-2.0.0-"), "{path}: {}", answer.text()),
            // Cut off in the head.
            0 => {}
            status => panic!("{path}: {status} {}", answer.text()),
        }
        assert!(answer.status == 0 || answer.status == 502 || id.len() == 16, "{answer:?}");
    }
}

/// Counts as in flight while it is asked for.
fn waiting<T>(flying: &AtomicUsize, ask: impl FnOnce() -> T) -> T {
    flying.fetch_add(1, Ordering::SeqCst);
    let answer = ask();
    flying.fetch_sub(1, Ordering::SeqCst);
    answer
}
