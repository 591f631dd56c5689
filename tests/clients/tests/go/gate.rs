//! A running `weir serve` before the public module proxy, and the go command as on a machine of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_testing::skip;

/// A Weir with a data directory of its own. It ends when this is dropped.
pub struct Gate {
    child: Child,
    url: String,
    root: TempDir,
}

impl Gate {
    /// Starts one; `None`, said loudly, where no `weir` is built.
    pub fn start(upstream: &str, policy: &str) -> Option<Self> {
        let binary = binary()?;
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("policy.toml"), policy).unwrap();
        let config = format!("[feeds]\nsync = false\n{upstream}");
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
        Some(Self { child, url, root })
    }

    /// Runs the go command in a module with this `go.mod`, with empty caches and nothing but a stage for a proxy.
    pub fn go(&self, stage: &str, modfile: &str, arguments: &[&str]) -> String {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("go.mod"), modfile).unwrap();
        let output = Command::new("go")
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("GOPROXY", format!("{}/{stage}/go", self.url))
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-modcacherw")
            .env("GOENV", "off")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        text.replace(&self.url, "URL").replace(&home.path().display().to_string(), "~")
    }
}

/// What the go command calls itself, if there is one.
pub fn version() -> Option<String> {
    let output = Command::new("go").arg("version").env("GOTOOLCHAIN", "local").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split_whitespace().nth(2)?.replace("go", "go "))
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
