//! A data directory, the fake upstreams it is configured for, and the processes that use it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_testing::FakeUpstream;

use crate::http::{self, Answer};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What asks PyPI's pages for JSON.
pub const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A CVSS 3.1 vector with the score 9.8.
pub const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

/// A policy with one rule, without a wait for new files.
pub const CRITICAL_ONLY: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n[stage.prod]\ninherits = \"dev\"\n";

/// A data directory and what surrounds it.
pub struct Place {
    pub fake: FakeUpstream,
    pub data: PathBuf,
    pub directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// With a fake upstream for each ecosystem, no feeds, and nothing else.
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        let place = Self { fake: FakeUpstream::start().await, data, directory, environment: Vec::new() };
        place.configure("");
        place
    }

    /// With a policy that blocks what is critical, an advisory, and the releases `example` 1.0.0 (affected) and 1.1.0.
    pub async fn with_an_advisory() -> Self {
        let place = Self::new().await;
        place.policy(CRITICAL_ONLY);
        place.fake.pypi().release("example", "1.0.0").add();
        place.fake.pypi().release("example", "1.1.0").add();
        place.import(&[osv("PYSEC-2026-1", "PyPI", "example", "1.1.0")]);
        place
    }

    /// Writes the configuration: these lines, and what every test needs.
    pub fn configure(&self, more: &str) {
        let fake = &self.fake;
        // Single keys of a table are set with dots, so that a test can add others to the same table.
        // Nobody else is asked.
        let others: String = ["conda", "cran", "go", "maven"]
            .iter()
            .map(|id| format!("upstream.{id}.url = \"{}/{id}/\"\n", fake.url().trim_end_matches('/')))
            .collect();
        let text = format!(
            "feeds.sync = false\nserver.listen = \"127.0.0.1:0\"\nupstream.pypi.url = \"{}\"\n\
             upstream.npm.url = \"{}\"\nupstream.cargo.url = \"{}\"\n{others}{more}\n",
            fake.pypi().url(),
            fake.npm().url(),
            fake.cargo().url()
        );
        fs::write(self.config_file(), text).unwrap();
    }

    pub fn config_file(&self) -> PathBuf {
        self.data.join("weir.toml")
    }

    /// Writes the policy as an editor does: another file in its place.
    pub fn policy(&self, text: &str) {
        let beside = self.data.join("policy.toml.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.data.join("policy.toml")).unwrap();
    }

    /// Sets a variable for the processes that are started from now on.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file beside the data directory.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Imports these OSV records.
    #[track_caller]
    pub fn import(&self, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let path = self.file("records.jsonl", lines);
        self.weir(["feeds", "import", path.to_str().unwrap()]).expect(0);
    }

    /// A command in this place, not yet run.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy().to_ascii_uppercase();
            // A person's own settings and proxies have no place in a test.
            if shown.starts_with("WEIR_") || shown.ends_with("_PROXY") || shown == "NO_COLOR" {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.directory.path()).arg("--data").arg(&self.data).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, which must come.
    #[track_caller]
    pub fn weir<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        let mut command = self.command();
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built weir");
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{command:?} does not end\n{}\n{}", out.all(), err.all());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Ran { code: status.code(), out: out.all(), err: err.all() }
    }

    /// Starts a server and waits until it listens.
    #[track_caller]
    pub fn serve(&self) -> Server {
        self.serve_with([])
    }

    #[track_caller]
    pub fn serve_with<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Server {
        let mut command = self.command();
        command.arg("serve").args(arguments);
        Server::start(command)
    }

    /// The path of the file of a release of the fake PyPI, in a stage, as a page names it.
    #[track_caller]
    pub fn wheel(&self, server: &Server, stage: &str, package: &str, version: &str) -> String {
        let page = server.simple(stage, package);
        let files = page["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["filename"].as_str().unwrap().contains(version));
        let url = file.unwrap_or_else(|| panic!("{version} is not on {page}"))["url"].as_str().unwrap();
        url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned())).unwrap()
    }
}

/// A command that has run.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// What it says on standard error has all of these.
    #[track_caller]
    pub fn tells(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing from\n{}", self.err);
        }
        self
    }

    #[track_caller]
    pub fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "`{part}` is missing from\n{}", self.out);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// A running server. Killed, by its own process id, when it is dropped.
pub struct Server {
    child: Child,
    pub address: String,
    /// From the start of the process until it said that it listens.
    pub listening_after: Duration,
    out: Collected,
    err: Collected,
}

impl Server {
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        let mut server = Self { child, address: String::new(), listening_after: Duration::ZERO, out, err };
        loop {
            let address = |line: &str| {
                let address = line.strip_prefix("listening on ")?;
                let address = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"))?;
                Some(address.to_owned())
            };
            let line = server.out().lines().find_map(address);
            if let Some(address) = line {
                server.address = address.replace("0.0.0.0", "127.0.0.1");
                server.listening_after = began.elapsed();
                return server;
            }
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("weir serve ended with {status}\n{}\n{}", server.out(), server.err());
            }
            assert!(began.elapsed() < PATIENCE, "weir serve does not listen\n{}\n{}", server.out(), server.err());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        self.out.so_far()
    }

    /// What it has logged so far.
    pub fn err(&self) -> String {
        self.err.so_far()
    }

    /// Waits until it has logged this: what it writes takes a moment to get here.
    #[track_caller]
    pub fn logs(&self, what: &str) {
        until(&format!("`{what}` in\n{}", self.err()), PATIENCE, || self.err().contains(what));
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        http::ask(&self.address, method, path, headers).unwrap_or_else(|error| panic!("{error}\n{}", self.err()))
    }

    /// A PyPI page in JSON.
    #[track_caller]
    pub fn simple(&self, stage: &str, package: &str) -> Value {
        self.ask("GET", &format!("/{stage}/pypi/simple/{package}/"), &[("Accept", SIMPLE_JSON)]).expect(200).json()
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        let killed = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.id())).status().unwrap();
        assert!(killed.success());
    }

    /// Ends it as a loss of power would, for what a process can lose.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "weir serve does not end\n{}", self.err());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it and waits for its end, which must be a good one.
    #[track_caller]
    pub fn stop(mut self) {
        self.terminate();
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{}", self.err());
    }
}

impl Server {
    /// Stops it and looks at all that it has logged.
    #[track_caller]
    pub fn stop_and(mut self, look: impl FnOnce(&str)) {
        self.terminate();
        assert_eq!(self.end().code(), Some(0), "{}", self.err());
        look(&std::mem::take(&mut self.err).all());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process writes.
#[derive(Default)]
struct Collected {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn so_far(&self) -> String {
        text(&self.text).clone()
    }

    /// All of it, once the process has ended: the reader may be a moment behind.
    fn all(mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }
}

fn text(shared: &Mutex<String>) -> MutexGuard<'_, String> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn collect(stream: impl std::io::Read + Send + 'static) -> Collected {
    let shared = Arc::new(Mutex::new(String::new()));
    let writer = Arc::clone(&shared);
    let reader = std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            text(&writer).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    Collected { text: shared, reader: Some(reader) }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, within: Duration, mut so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

/// An OSV record: `name` of `ecosystem` is critically affected from the first version until `fixed`.
pub fn osv(id: &str, ecosystem: &str, name: &str, fixed: &str) -> Value {
    let kind = if ecosystem == "PyPI" { "ECOSYSTEM" } else { "SEMVER" };
    json!({
        "id": id, "modified": "2026-10-01T00:00:00Z", "published": "2026-10-01T00:00:00Z",
        "severity": [{ "type": "CVSS_V3", "score": CRITICAL }],
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name },
            "ranges": [{ "type": kind, "events": [{ "introduced": "0" }, { "fixed": fixed }] }] }],
    })
}

/// Bytes of all files below a directory.
pub fn size_of(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
