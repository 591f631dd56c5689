//! A running `weir serve`, and the addresses that it gives to clients.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;
use weir_testing::Identity;

use crate::seen::Seen;
use crate::setting::{self, Setting};

/// Stages that allow everything, and that refuse what is critical or malicious.
pub const OPEN_AND_STRICT: &str = r#"[stage.open]

[stage.strict]
vulnerability = { block-cvss = 9.0 }
malware = "block"
"#;
/// How long a server may take to see its new policy, on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// A policy file of no bytes: the stages are `dev` and `prod`, and both allow everything.
pub const EMPTY: &str = "";

/// No feed is asked: the data that is imported decides, and the results stay the same.
const CONFIG: &str = "[feeds]\nsync = false\n";

/// A Weir with a data directory of its own. It ends when this is dropped.
pub struct Gate {
    child: Child,
    url: String,
    root: TempDir,
    binary: PathBuf,
}

/// The address of a stage, and what a client needs to be let in there.
#[derive(Clone, Debug)]
pub struct Stage {
    base: String,
    pub access: Option<Access>,
}

/// What a client is given off loopback.
#[derive(Clone, Debug)]
pub struct Access {
    /// A token.
    pub token: String,
    /// The certificate of the authority that vouches for the server.
    pub authority: PathBuf,
}

impl Gate {
    /// Starts one with all advisories.
    pub fn start(setting: &Setting, policy: &str) -> Self {
        Self::with(setting, policy, "", true)
    }

    /// Starts one whose upstreams take no connection, and that has nothing kept.
    pub fn without_upstreams(setting: &Setting) -> Self {
        let config = "[upstream.pypi]\nurl = \"http://127.0.0.1:1/simple/\"\n\
                      [upstream.npm]\nurl = \"http://127.0.0.1:1/\"\n\
                      [upstream.cargo]\nurl = \"http://127.0.0.1:1/\"\n";
        Self::with(setting, OPEN_AND_STRICT, config, false)
    }

    /// Starts one with more configuration.
    pub fn with(setting: &Setting, policy: &str, config: &str, advisories: bool) -> Self {
        let root = prepared(setting, policy, config, advisories);
        let mut command = command(&setting.weir, root.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Self::run(setting, command, root)
    }

    /// Starts one that speaks https, beyond this machine: everybody needs a token.
    pub fn encrypted(setting: &Setting, policy: &str, config: &str, identity: &Identity) -> Self {
        let root = prepared(setting, policy, config, true);
        let (certificate, key) = (root.path().join("certificate.pem"), root.path().join("key.pem"));
        std::fs::write(&certificate, &identity.chain).unwrap();
        std::fs::write(&key, &identity.key).unwrap();
        let mut command = command(&setting.weir, root.path());
        command.args(["serve", "--listen", "0.0.0.0:0", "--tls-certificate"]).arg(certificate);
        command.arg("--tls-key").arg(key);
        Self::run(setting, command, root)
    }

    /// Starts one that clients reach under another address.
    pub fn behind(setting: &Setting, policy: &str, config: &str, public_url: &str) -> Self {
        let root = prepared(setting, policy, config, true);
        let mut command = command(&setting.weir, root.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--public-url", public_url]);
        Self::run(setting, command, root)
    }

    fn run(setting: &Setting, mut command: Command, root: TempDir) -> Self {
        let log = std::fs::File::create(root.path().join("log")).unwrap();
        command.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
        // What else it prints is read on, so that it never waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        let Some(url) = url else {
            let _ = child.wait();
            panic!("`weir serve` did not start:\n{}", std::fs::read_to_string(root.path().join("log")).unwrap());
        };
        // It has a certificate for this name, and listens on all addresses of this machine.
        let url = url.replace("https://0.0.0.0:", "https://localhost:");
        Self { child, url, root, binary: setting.weir.clone() }
    }

    /// The address of a stage.
    pub fn stage(&self, name: &str) -> Stage {
        Stage { base: format!("{}/{name}", self.url), access: None }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a token, bound to a stage if one is named.
    pub fn token(&self, stage: Option<&str>) -> String {
        let mut command = command(&self.binary, self.root.path());
        command.args(["admin", "token", "create", stage.unwrap_or("any")]);
        command.args(stage.map(|stage| ["--stage", stage]).into_iter().flatten());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Puts another policy into force, and waits until this release is refused by it.
    pub fn tighten(&self, policy: &str, purl: &str, stage: &str) {
        let beside = self.root.path().join("policy.toml.new");
        std::fs::write(&beside, policy).unwrap();
        std::fs::rename(beside, self.root.path().join("policy.toml")).unwrap();
        let began = std::time::Instant::now();
        while self.explain(purl, stage).code != 1 {
            assert!(began.elapsed() < PATIENCE, "{purl} is not refused:\n{}", self.explain(purl, stage).transcript());
            thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// What `weir explain` says.
    pub fn explain(&self, purl: &str, stage: &str) -> Seen {
        let mut command = command(&self.binary, self.root.path());
        command.args(["explain", purl, "--stage", stage, "--server", &self.url]);
        let began = std::time::Instant::now();
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Seen {
            command: format!("weir explain {purl} --stage {stage}"),
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&text).into_owned(),
            took: began.elapsed(),
            home: self.root.path().display().to_string(),
        }
    }
}

impl Gate {
    /// What `weir policy survey` says of all that was installed through it, by another policy.
    pub fn survey(&self, policy: &Path, stage: &str, newest: usize) -> serde_json::Value {
        let mut command = setting::command(&self.binary);
        command.arg("--data").arg(self.root.path().join("data")).arg("--policy").arg(policy);
        command.arg("--config").arg(self.root.path().join("weir.toml"));
        command.args(["policy", "survey", "--format", "json", "--stage", stage, "--newest", &newest.to_string()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking()
            && let Ok(log) = std::fs::read_to_string(self.root.path().join("log"))
        {
            let lines: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("the end of the gate's log:");
            lines.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

impl Stage {
    /// The stage behind another server, such as a proxy.
    pub fn at(url: &str, name: &str) -> Self {
        Self { base: format!("{url}/{name}"), access: None }
    }

    /// The same for someone who has this.
    pub fn with(mut self, access: &Access) -> Self {
        self.access = Some(access.clone());
        self
    }

    /// `//HOST:PORT/…`, as `.npmrc` names a registry.
    pub fn npmrc(&self) -> String {
        let registry = self.npm();
        registry.split_once(':').map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// Without the ecosystem: what differs between the lock files of two stages.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The index of PyPI.
    pub fn pypi(&self) -> String {
        format!("{}/pypi/simple/", self.base)
    }

    /// The npm registry.
    pub fn npm(&self) -> String {
        format!("{}/npm/", self.base)
    }

    /// The index of crates.io.
    pub fn cargo(&self) -> String {
        format!("sparse+{}/cargo/", self.base)
    }

    /// The address of a file, of which the path after the stage is given.
    pub fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }
}

/// A directory with advisories, policy and configuration.
fn prepared(setting: &Setting, policy: &str, config: &str, advisories: bool) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    if advisories {
        setting.advisories(&root.path().join("data"));
    }
    std::fs::write(root.path().join("policy.toml"), policy).unwrap();
    std::fs::write(root.path().join("weir.toml"), format!("{CONFIG}{config}")).unwrap();
    root
}

/// `weir` on a directory.
fn command(binary: &Path, root: &Path) -> Command {
    let mut command = setting::command(binary);
    command.arg("--data").arg(root.join("data")).arg("--policy").arg(root.join("policy.toml"));
    command.arg("--config").arg(root.join("weir.toml"));
    command
}
