//! A running `weir serve`, and the addresses that it gives to clients.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::seen::Seen;
use crate::setting::{self, Setting};

/// Stages that allow everything, and that refuse what is critical or malicious.
pub const OPEN_AND_STRICT: &str = r#"[stage.open]

[stage.strict]
vulnerability = { block-cvss = 9.0 }
malware = "block"
"#;
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

/// The address of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage(String);

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
        let root = tempfile::tempdir().unwrap();
        if advisories {
            setting.advisories(&root.path().join("data"));
        }
        std::fs::write(root.path().join("policy.toml"), policy).unwrap();
        std::fs::write(root.path().join("weir.toml"), format!("{CONFIG}{config}")).unwrap();
        let log = std::fs::File::create(root.path().join("log")).unwrap();
        let mut command = command(&setting.weir, root.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(log).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
        // What else it prints is read on, so that it never waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        let Some(url) = url else {
            let _ = child.wait();
            panic!("`weir serve` did not start:\n{}", std::fs::read_to_string(root.path().join("log")).unwrap());
        };
        Self { child, url, root, binary: setting.weir.clone() }
    }

    /// The address of a stage.
    pub fn stage(&self, name: &str) -> Stage {
        Stage(format!("{}/{name}", self.url))
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
    /// Without the ecosystem: what differs between the lock files of two stages.
    pub fn base(&self) -> &str {
        &self.0
    }

    /// The index of PyPI.
    pub fn pypi(&self) -> String {
        format!("{}/pypi/simple/", self.0)
    }

    /// The npm registry.
    pub fn npm(&self) -> String {
        format!("{}/npm/", self.0)
    }

    /// The index of crates.io.
    pub fn cargo(&self) -> String {
        format!("sparse+{}/cargo/", self.0)
    }

    /// The address of a file, of which the path after the stage is given.
    pub fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.0)
    }
}

/// `weir` on a directory.
fn command(binary: &Path, root: &Path) -> Command {
    let mut command = setting::command(binary);
    command.arg("--data").arg(root.join("data")).arg("--policy").arg(root.join("policy.toml"));
    command.arg("--config").arg(root.join("weir.toml"));
    command
}
