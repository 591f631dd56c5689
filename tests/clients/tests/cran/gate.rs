//! A running `weir serve` before a repository, and R as on a machine of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_testing::skip;

use crate::page::Seen;

/// A Weir with a data directory of its own. It ends when this is dropped.
pub struct Gate {
    child: Child,
    url: String,
    root: TempDir,
    binary: PathBuf,
}

impl Gate {
    /// Starts one; `None`, said loudly, where no `weir` is built.
    pub fn start(upstream: &str, policy: &str) -> Option<Self> {
        Self::start_at(upstream, policy, None)
    }

    /// The same with a clock that is off by so much, as `faketime` writes it: `-2d`.
    pub fn start_at(upstream: &str, policy: &str, clock: Option<&str>) -> Option<Self> {
        let binary = binary()?;
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("policy.toml"), policy).unwrap();
        let config = format!("[feeds]\nsync = false\n[upstream.cran]\nurl = \"{upstream}\"\n");
        std::fs::write(root.path().join("weir.toml"), config).unwrap();
        let (child, url) = serve(&binary, root.path(), clock);
        Some(Self { child, url, root, binary })
    }

    /// Ends it and starts it again with the right clock.
    pub fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        (self.child, self.url) = serve(&self.binary, self.root.path(), None);
    }

    /// Runs R with an empty library and nothing but a stage for a repository, then says what is installed.
    pub fn r(&self, stage: &str, code: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let library = home.path().join("library");
        std::fs::create_dir(&library).unwrap();
        let output = Command::new("Rscript")
            .args(["--vanilla", "-e", &format!("options(repos = c(CRAN = \"{}/{stage}/cran\"), pkgType = \"source\"); {code}", self.url)])
            .args(["-e", "cat(sprintf(\"installed %s %s\\n\", (i <- installed.packages(.libPaths()[1]))[, 1], i[, 3]), sep = \"\")"])
            .current_dir(home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("LANG", "C.UTF-8")
            .env("R_LIBS_USER", &library)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Seen { text: text.replace(&self.url, "URL").replace(&home.path().display().to_string(), "~") }
    }

    /// Runs R as a person has it for whom `weir use` wrote the profile, then takes that back.
    pub fn used(&self, stage: &str, code: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let library = home.path().join("library");
        std::fs::create_dir(&library).unwrap();
        let profile = home.path().join(".Rprofile");
        std::fs::write(&profile, "options(digits = 3)\r\n").unwrap();
        let run = |program: &Path, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .current_dir(home.path())
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", home.path())
                .env("LANG", "C.UTF-8")
                .env("R_LIBS_USER", &library)
                .output()
                .unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        let mut text = run(&self.binary, &["use", stage, "--server", &self.url, "--r"]);
        text += &run(Path::new("Rscript"), &["-e", code]);
        text += &run(&self.binary, &["doctor", "--r"]);
        text += &run(&self.binary, &["use", "--undo"]);
        assert_eq!(std::fs::read_to_string(profile).unwrap(), "options(digits = 3)\r\n", "{text}");
        Seen { text: text.replace(&self.url, "URL").replace(&home.path().display().to_string(), "~") }
    }

    /// The status and text of an address, as nobody's client.
    pub fn get(&self, path: &str) -> (u16, String) {
        let output =
            Command::new("curl").args(["-s", "-w", "\n%{http_code}"]).arg(format!("{}/{path}", self.url)).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let (text, code) = text.rsplit_once('\n').unwrap();
        (code.parse().unwrap(), text.to_owned())
    }

    /// Puts a file where curl is told to, with a token that may publish what `pattern` means: the status and text.
    pub fn put(&self, pattern: &str, file: &Path, path: &str) -> (u16, String) {
        let made = weir(&self.binary, self.root.path())
            .args(["admin", "token", "create", "ci", "--publish", pattern])
            .output();
        let token = String::from_utf8(made.unwrap().stdout).unwrap();
        let output = Command::new("curl")
            .args(["-s", "-w", "\n%{http_code}", "-u", &format!("weir:{}", token.trim()), "-T"])
            .arg(file)
            .arg(format!("{}/{path}", self.url))
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let (text, code) = text.rsplit_once('\n').unwrap();
        (code.parse().unwrap(), text.to_owned())
    }

    /// What `weir explain` says, on one line.
    pub fn explain(&self, purl: &str, stage: &str) -> String {
        let output = weir(&self.binary, self.root.path())
            .args(["explain", purl, "--stage", stage, "--server", &self.url])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
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

/// Starts `weir serve` and says where it listens.
fn serve(binary: &Path, root: &Path, clock: Option<&str>) -> (Child, String) {
    let log = std::fs::File::create(root.join("log")).unwrap();
    let mut command = weir(binary, root);
    if let Some(clock) = clock {
        // What `faketime` sets, without it as a parent that would have to be ended too.
        let set = Command::new("faketime").args(["-f", clock, "env"]).output().unwrap();
        let set = String::from_utf8(set.stdout).unwrap();
        let shown = set.lines().filter_map(|line| line.split_once('='));
        command.envs(shown.filter(|(name, _)| ["LD_PRELOAD", "FAKETIME"].contains(name)));
    }
    let command = command.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
    std::thread::spawn(move || lines.for_each(drop));
    let Some(url) = url else {
        let _ = child.wait();
        panic!("`weir serve` did not start:\n{}", std::fs::read_to_string(root.join("log")).unwrap());
    };
    (child, url)
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
