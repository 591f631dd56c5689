//! A running `weir serve` before upstreams that have one package each, with tokens that may publish.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use weir_testing::{FakeUpstream, skip};

use crate::clients::Kind;

/// What is one's own, whatever upstream has. Crates' names are in the configuration: cargo looks before it publishes.
const POLICY: &str = "[stage.dev]\nprivate-name = [\"npm:@acme/*\", \"pypi:acme-*\"]\n";

/// A Weir with a data directory of its own. It ends when this is dropped.
pub struct Gate {
    child: Child,
    url: String,
    root: TempDir,
    binary: PathBuf,
    /// Where the package managers are: `.ci/run tools` puts them there.
    pub tools: PathBuf,
    _fake: FakeUpstream,
    _runtime: tokio::runtime::Runtime,
}

impl Gate {
    /// Starts one; `None`, said loudly, where clients are not asked for or something is absent.
    pub fn start() -> Option<Self> {
        let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
        if !required.split(',').any(|word| word.trim() == "clients") {
            skip::skip("clients", "clients publish where WEIR_REQUIRE names `clients`: `.ci/run tools clients`");
            return None;
        }
        let tools = std::env::var_os("WEIR_CI_TOOLS");
        let tools = tools.map_or_else(|| std::env::temp_dir().join("weir-ci-tools"), PathBuf::from);
        if !tools.join("python/bin/twine").exists() || !tools.join("node/node_modules").exists() {
            skip::skip("clients", &format!("`{}` has no package managers; run `.ci/run tools`", tools.display()));
            return None;
        }
        let binary = binary()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let fake = runtime.block_on(FakeUpstream::start());
        fake.pypi().release("taken", "1.0.0").add();
        fake.npm().release("taken", "1.0.0").add();
        fake.cargo().release("taken", "1.0.0").add();
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("policy.toml"), POLICY).unwrap();
        let config = format!(
            "feeds.sync = false\nhosted.names = [\"cargo:acme-*\"]\nupstream.pypi.url = \"{}\"\nupstream.npm.url = \"{}\"\n\
             upstream.cargo.url = \"{}\"\n",
            fake.pypi().url(),
            fake.npm().url(),
            fake.cargo().url()
        );
        std::fs::write(root.path().join("weir.toml"), config).unwrap();
        let log = std::fs::File::create(root.path().join("log")).unwrap();
        let mut child = weir(&binary, root.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        let Some(url) = url else {
            let _ = child.wait();
            panic!("`weir serve` did not start:\n{}", std::fs::read_to_string(root.path().join("log")).unwrap());
        };
        Some(Self { child, url, root, binary, tools, _fake: fake, _runtime: runtime })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a token that may publish what matches.
    pub fn token(&self, name: &str, patterns: &[&str]) -> String {
        let mut command = weir(&self.binary, self.root.path());
        command.args(["admin", "token", "create", name]);
        command.args(patterns.iter().flat_map(|pattern| ["--publish", pattern]));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The text of an address, as nobody's client.
    pub fn get(&self, path: &str) -> String {
        let accept = "Accept: application/vnd.pypi.simple.v1+json, application/json, */*";
        let output = Command::new("curl").args(["-s", "-H", accept]).arg(format!("{}/{path}", self.url)).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// The versions that the stage shows.
    pub fn versions(&self, kind: Kind, name: &str) -> Vec<String> {
        let page = self.get(&format!("dev/{}", kind.page(name)));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            Kind::Pypi => {
                let page: Value = serde_json::from_str(&page).unwrap();
                page["versions"].as_array().into_iter().flatten().map(text).collect()
            }
            Kind::Npm => {
                let page: Value = serde_json::from_str(&page).unwrap();
                page["versions"].as_object().into_iter().flat_map(|versions| versions.keys().cloned()).collect()
            }
            Kind::Cargo => {
                page.lines().map(|line| text(&serde_json::from_str::<Value>(line).unwrap()["vers"])).collect()
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.root.path().join("log")).unwrap_or_default());
        }
    }
}

/// `weir` on a directory, free of this machine's settings for it.
fn weir(binary: &Path, root: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").arg("--data").arg(root.join("data"));
    command.arg("--policy").arg(root.join("policy.toml")).arg("--config").arg(root.join("weir.toml"));
    command
}

/// The program that is tested: what WEIR_BINARY names, else the newest that is built.
fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WEIR_BINARY") {
        return Some(std::fs::canonicalize(&named).unwrap());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("weir"));
    let newest =
        built.into_iter().filter(|file| file.exists()).max_by_key(|file| file.metadata().unwrap().modified().unwrap());
    if newest.is_none() {
        skip::skip("clients", "there is no built `weir`; run `cargo build --release`");
    }
    newest
}
