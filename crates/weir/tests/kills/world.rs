//! A data directory, what its upstream has, and the processes that use it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use weir_core::Timestamp;
use weir_store::{Location, Store};
use weir_testing::Fault;

use crate::clients::Told;
use crate::http;
use crate::place::{PATIENCE, Place, SIMPLE_JSON, osv, until};

/// Packages of small artifacts.
pub const PACKAGES: u64 = 60;
/// Releases of each, of which the last is allowed.
pub const RELEASES: u64 = 3;
/// The package of large artifacts.
pub const LARGE: &str = "large";
/// Its releases: the first is refused, the second comes with wrong bytes.
pub const LARGE_RELEASES: u64 = 6;
/// Room for two large artifacts: each further one has others evicted, which are then fetched again.
const CACHE_MIB: u64 = 20;
/// Above what is streamed on while it arrives.
const LARGE_BYTES: usize = 9 * 1024 * 1024;

/// Where the kills happen.
pub struct World {
    place: Place,
    pub told: Arc<Told>,
    directories: u64,
    policies: AtomicU64,
    imports: u64,
}

/// What a kill has left behind, none of it damage.
pub struct Left {
    /// Blobs that nothing names.
    pub orphans: u64,
    /// Files of transfers that were broken off.
    pub spool: u64,
    /// Evictions that were begun and not ended.
    pub evicting: u64,
}

/// A `weir serve` that starts, or runs.
pub struct Server {
    child: Child,
    pub began: Instant,
    pub address: Arc<Mutex<Option<String>>>,
    reader: JoinHandle<()>,
    log: std::path::PathBuf,
}

impl World {
    pub async fn new() -> Self {
        let place = Place::new().await;
        let pypi = place.fake.pypi();
        pypi.undated(true);
        for package in 0..PACKAGES {
            for release in 1..=RELEASES {
                pypi.release(&format!("package-{package}"), &format!("{release}.0.0")).add();
            }
        }
        for release in 1..=LARGE_RELEASES {
            pypi.release(LARGE, &format!("{release}.0.0")).size(LARGE_BYTES).add();
        }
        place.fake.change("/files/large-2.0.0-py3-none-any.whl", |file| file.fault = Some(Fault::WrongBytes));
        Self { place, told: Arc::default(), directories: 0, policies: AtomicU64::new(0), imports: 0 }
    }

    /// An empty data directory, and nothing told.
    pub fn begin_anew(&mut self) {
        self.directories += 1;
        self.told = Arc::default();
        self.imports = 0;
        self.place.data = self.place.directory.path().join(format!("data-{}", self.directories));
        fs::create_dir(&self.place.data).unwrap();
        self.place.configure(&format!("cache.limit-mib = {CACHE_MIB}"));
        self.rewrite_policy();
        let mut records: Vec<_> = (0..PACKAGES)
            .map(|number| osv(&format!("PYSEC-2026-{number}"), "PyPI", &format!("package-{number}"), "3.0.0"))
            .collect();
        records.push(osv("PYSEC-2026-9000", "PyPI", LARGE, "2.0.0"));
        self.place.import(&records);
    }

    /// Another policy that refuses the same, so that every decision and index state is made and recorded anew.
    pub fn rewrite_policy(&self) {
        let number = self.policies.fetch_add(1, Ordering::Relaxed);
        let text = format!(
            "# {number}\n[stage.dev]\nvulnerability = {{ block-cvss = 9.0, warn-cvss = {}.{} }}\n",
            4 + number % 4,
            number % 10
        );
        self.place.policy(&text);
    }

    /// Starts a server and waits for nothing.
    pub fn start(&self) -> Server {
        let log = self.place.directory.path().join("serve.log");
        let mut command = self.place.command();
        command.arg("serve").stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let address = Arc::new(Mutex::new(None));
        let out = BufReader::new(child.stdout.take().unwrap());
        let told = Arc::clone(&address);
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on http://") {
                    *told.lock().unwrap() = Some(address.to_owned());
                }
            }
        });
        Server { child, began, address, reader, log }
    }

    /// Starts an import that makes the allowed release of one more package critical; its number comes along.
    pub fn import(&mut self) -> (Child, u64) {
        let number = self.imports % PACKAGES;
        self.imports += 1;
        let mut records: Vec<_> = (0..300)
            .map(|filler| osv(&format!("PYSEC-2027-{filler}"), "PyPI", &format!("other-{filler}"), "2.0"))
            .collect();
        records.push(osv(&format!("PYSEC-2028-{number}"), "PyPI", &format!("package-{number}"), "4.0.0"));
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let path = self.place.file("more.jsonl", lines);
        let mut command = self.place.command();
        command.args(["feeds", "import"]).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        (command.spawn().unwrap(), number)
    }

    /// Waits for the end of an import: if it ended well, what it brought holds from now on.
    pub fn ended(&self, (mut import, number): (Child, u64)) {
        if import.wait().unwrap().success() {
            self.told.lock().imported.insert(number);
        }
    }

    /// How often large artifacts were fetched from upstream.
    pub fn fetched(&self) -> usize {
        (1..=LARGE_RELEASES)
            .map(|release| self.place.fake.hits(&format!("/files/large-{release}.0.0-py3-none-any.whl")))
            .sum()
    }

    /// Everything that is left after a kill is whole, and what was told is on record.
    pub async fn check(&self, kill: &str) -> Left {
        let ran = self.place.weir(["admin", "check", "--deep", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{kill}: {}\n{}", ran.out, ran.err);
        let report = ran.json();
        let told: Vec<_> = self.told.lock().decisions.clone().into_iter().collect();
        let location = Location::Sqlite(self.place.data.join("weir.sqlite"));
        let store = Store::open_to_read(&location).await.unwrap();
        for (id, (what, served)) in told {
            let row = store.decision(&id).await.unwrap();
            let row = row.unwrap_or_else(|| panic!("{kill}: the decision {id} on {what} is lost"));
            assert_eq!(matches!(row.effective.as_str(), "allow" | "warn"), served, "{kill}: {id} on {what}: {row:?}");
        }
        let evicting = store.unfinished_evictions(Timestamp::from_millis(i64::MAX)).await.unwrap().len() as u64;
        store.close().await;
        Left {
            orphans: report["orphans"]["blobs"].as_u64().unwrap(),
            spool: report["spool"]["files"].as_u64().unwrap(),
            evicting,
        }
    }

    /// Asks for everything again that was told.
    pub fn ask_again(&self, server: &Server) {
        let address = server.address().unwrap();
        let told = self.told.lock();
        for (id, (what, served)) in &told.decisions {
            let answer = http::ask(&address, "GET", &format!("/d/{id}"), &[("Accept", "application/json")]).unwrap();
            assert_eq!(answer.status, 200, "the decision {id} on {what} is lost");
            let effective = answer.json()["effective"].as_str().unwrap().to_owned();
            assert_eq!(matches!(effective.as_str(), "allow" | "warn"), *served, "{id} on {what} is now {effective}");
        }
        let names = (0..PACKAGES).map(|number| format!("package-{number}")).chain([String::from(LARGE)]);
        for name in names {
            let path = format!("/dev/pypi/simple/{name}/");
            let page = http::ask(&address, "GET", &path, &[("Accept", SIMPLE_JSON)]).unwrap().expect(200).json();
            for file in page["files"].as_array().unwrap() {
                let file_name = file["filename"].as_str().unwrap();
                if let Some(date) = told.dates.get(file_name) {
                    assert_eq!(file["upload-time"].as_str(), Some(date.as_str()), "{file_name}");
                }
            }
        }
    }
}

impl Server {
    pub fn address(&self) -> Option<String> {
        self.address.lock().unwrap().clone()
    }

    /// Waits until it listens.
    pub fn listens(&self) -> Duration {
        until("weir serve listens", PATIENCE, || {
            self.address().is_some() || {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                assert!(!log.contains("error: "), "{log}");
                false
            }
        })
    }

    /// Ends it as a loss of power would, for what a process can lose.
    pub fn kill(mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("weir serve ended by itself with {status}\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap();
    }
}
