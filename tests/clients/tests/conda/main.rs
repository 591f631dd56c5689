//! A real channel, made and indexed with the field's own tools, installed from through a real `weir serve` by a real client.
//!
//! The channels that everybody means are not asked: what they would answer differs by the hour. What the client shows is
//! written to `docs/reference/clients-conda.md`. Run by `.ci/run tools clients`, as the others are.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_clients::glance::{self, mark, mark_down};
use weir_testing::{FakeResponse, FakeUpstream, skip};

/// What the channel has: two releases, one under a licence that the stage refuses, and what both need.
const PACKAGES: &str = r#"
{"name":"demo","version":"1.0","build":"h0_0","subdir":"linux-64","license":"MIT","depends":["demo-data"],"format":"conda"}
{"name":"demo","version":"2.0","build":"h0_0","subdir":"linux-64","license":"AGPL-3.0-only","depends":["demo-data"],"format":"conda"}
{"name":"demo-data","version":"1.0","build":"0","subdir":"noarch","license":"MIT","depends":[],"format":"tar.bz2"}
{"name":"own","version":"1.0","build":"h0_0","subdir":"linux-64","license":"MIT","depends":["own-data"],"format":"conda"}
{"name":"own-data","version":"1.0","build":"0","subdir":"noarch","license":"MIT","depends":[],"format":"conda"}
{"name":"liar","version":"1.0","build":"0","subdir":"noarch","license":"MIT","depends":[],"format":"conda","inside":{"name":"other","version":"1.0","build":"0","build_number":0,"subdir":"noarch","license":"MIT","depends":[]}}
"#;

/// What is run.
const CLIENT: &str = "py-rattler 0.28.0";

/// A channel of one's own, which needs the other.
const OURS: &str = r#"
{"name":"ours-lib","version":"1.0","build":"0","subdir":"noarch","license":"MIT","depends":["demo"],"format":"conda"}
"#;

const POLICY: &str = "[stage.open]\n\n[stage.strict]\nlicense = { deny = [\"AGPL-3.0-only\"] }\n";

struct Setting {
    python: PathBuf,
    weir: PathBuf,
    channel: TempDir,
    ours: TempDir,
}

/// The programs; `None`, said loudly, where real clients are not asked for or something is absent.
fn setting() -> Option<Setting> {
    let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
    if !required.split(',').any(|word| word.trim() == "clients") {
        skip::skip("clients", "real clients are driven where WEIR_REQUIRE names `clients`: `.ci/run tools clients`");
        return None;
    }
    let tools =
        std::env::var_os("WEIR_CI_TOOLS").map_or_else(|| std::env::temp_dir().join("weir-ci-tools"), PathBuf::from);
    let python = tools.join("python/bin/python");
    let has_rattler = Command::new(&python).args(["-c", "import rattler, conda_package_streaming"]).output();
    if !has_rattler.is_ok_and(|output| output.status.success()) {
        skip::skip("clients", "there is no py-rattler; run `.ci/run tools`");
        return None;
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("weir"));
    let named = std::env::var_os("WEIR_BINARY").map(PathBuf::from);
    let weir = named.or_else(|| built.into_iter().find(|file| file.exists()));
    let Some(weir) = weir else {
        skip::skip("clients", "there is no built `weir`; run `cargo build --release`");
        return None;
    };
    let [channel, ours] = [PACKAGES, OURS].map(|packages| make(&python, packages));
    Some(Setting { python, weir, channel, ours })
}

/// Makes a channel.
fn make(python: &Path, packages: &str) -> TempDir {
    let channel = tempfile::tempdir().unwrap();
    let mut make = Command::new(python);
    make.arg(here("channel.py")).arg(channel.path()).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut make = make.spawn().unwrap();
    make.stdin.take().unwrap().write_all(packages.trim_start().as_bytes()).unwrap();
    assert!(make.wait().unwrap().success(), "the channel could not be made");
    channel
}

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conda").join(file)
}

/// Both channels as upstreams.
async fn upstream(setting: &Setting) -> FakeUpstream {
    let upstream = FakeUpstream::start().await;
    publish(&upstream, "conda-forge", setting.channel.path());
    publish(&upstream, "ours", setting.ours.path());
    upstream
}

fn publish(upstream: &FakeUpstream, name: &str, channel: &Path) {
    let mut directories = vec![channel.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let at = path.strip_prefix(channel).unwrap().display().to_string();
            upstream.put(&format!("/{name}/{at}"), FakeResponse::ok(std::fs::read(&path).unwrap()));
        }
    }
}

struct Weir {
    child: Child,
    url: String,
    root: TempDir,
    binary: PathBuf,
}

impl Drop for Weir {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Weir {
    fn start(setting: &Setting, upstream: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let ours = upstream.replace("/conda-forge/", "/ours/");
        let config = format!(
            "[feeds]\nsync = false\n\n[upstream.conda]\nurl = \"{upstream}\"\n\n\
             [[upstream.conda.group]]\nname = \"ours\"\nurl = \"{ours}\"\n"
        );
        std::fs::write(root.path().join("weir.toml"), config).unwrap();
        std::fs::write(root.path().join("policy.toml"), POLICY).unwrap();
        let mut command = Command::new(&setting.weir);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        places(&mut command, root.path());
        let log = std::fs::File::create(root.path().join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(root.path().join("log")).unwrap()));
        Self { child, url, root, binary: setting.weir.clone() }
    }

    fn channel(&self, stage: &str) -> String {
        format!("{}/{stage}/conda/conda-forge", self.url)
    }

    /// A token that may publish what matches.
    fn token(&self, pattern: &str) -> String {
        let mut command = Command::new(&self.binary);
        command.args(["admin", "token", "create", "ci", "--publish", pattern]);
        places(&mut command, self.root.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    }

    fn explain(&self, stage: &str, purl: &str) -> String {
        let mut command = Command::new(&self.binary);
        command.args(["explain", purl, "--stage", stage, "--offline"]);
        places(&mut command, self.root.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }
}

fn places(command: &mut Command, root: &Path) {
    command.arg("--data").arg(root.join("data")).arg("--config").arg(root.join("weir.toml"));
    command.arg("--policy").arg(root.join("policy.toml"));
}

/// What a client showed, and whether it ended well.
struct Shown {
    ok: bool,
    text: String,
    prefix: TempDir,
}

impl Shown {
    /// The version of `demo` that is installed.
    fn demo(&self) -> Option<String> {
        self.text.lines().find_map(|line| line.strip_prefix("demo ")).map(str::to_owned)
    }
}

fn install(setting: &Setting, channel: &str, what: &[&str]) -> Shown {
    let prefix = tempfile::tempdir().unwrap();
    let mut command = Command::new(&setting.python);
    command.arg(here("install.py")).arg(channel).arg(prefix.path()).args(what).env("HOME", prefix.path());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Shown { ok: output.status.success(), text, prefix }
}

#[tokio::test(flavor = "multi_thread")]
async fn rattler_installs_what_is_allowed_and_says_why_not() {
    let Some(setting) = setting() else { return };
    let upstream = upstream(&setting).await;
    let weir = Weir::start(&setting, &format!("{}/conda-forge/", upstream.url()));

    let allowed = install(&setting, &weir.channel("open"), &["demo"]);
    assert!(allowed.ok, "{}", allowed.text);
    assert_eq!(allowed.text.trim(), "demo 2.0\ndemo-data 1.0");
    let installed = std::fs::read_to_string(allowed.prefix.path().join("share/demo.txt")).unwrap();
    assert_eq!(installed, "demo 2.0\n");

    let range = install(&setting, &weir.channel("strict"), &["demo"]);
    assert_eq!((range.ok, range.text.trim()), (true, "demo 1.0\ndemo-data 1.0"), "{}", range.text);

    let pinned = install(&setting, &weir.channel("strict"), &["demo==2.0"]);
    assert!(!pinned.ok && pinned.text.contains("demo"), "{}", pinned.text);

    // Past the index, by the address of the file, as a lock file has it.
    let file = format!("{}/linux-64/demo-2.0-h0_0.conda", weir.channel("strict"));
    let locked = install(&setting, &weir.channel("strict"), &["--file", &file]);
    assert!(!locked.ok && locked.text.contains("license"), "{}", locked.text);

    // What is inside contradicts the index: only the bytes tell, and then nothing of it leaves.
    let liar = install(&setting, &weir.channel("open"), &["liar"]);
    assert!(!liar.ok && liar.text.contains("integrity"), "{}", liar.text);

    // A channel of one's own beside it, each asked for by its name; `defaults` is not there until somebody adds it.
    let ours = weir.channel("strict").replace("conda-forge", "ours");
    let both = install(&setting, &format!("{ours},{}", weir.channel("strict")), &["ours-lib"]);
    assert_eq!((both.ok, both.text.trim()), (true, "demo 1.0\ndemo-data 1.0\nours-lib 1.0"), "{}", both.text);
    let defaults = install(&setting, &weir.channel("strict").replace("conda-forge", "defaults"), &["demo"]);
    assert!(!defaults.ok, "{}", defaults.text);

    let explained = weir.explain("strict", "pkg:conda/demo@2.0?channel=conda-forge&subdir=linux-64");
    assert!(explained.contains("AGPL-3.0-only") && explained.contains("block"), "{explained}");

    upstream.down().await;
    let kept = install(&setting, &weir.channel("open"), &["demo"]);
    assert!(kept.ok, "{}", kept.text);
    drop(weir);
    let nothing_kept = Weir::start(&setting, "http://127.0.0.1:1/");
    let down = install(&setting, &nothing_kept.channel("open"), &["demo"]);
    assert!(!down.ok, "{}", down.text);

    page(&[
        ("allowed", &allowed),
        ("range around a refused version", &range),
        ("pinned to a refused version", &pinned),
        ("file of a refused version", &locked),
        ("a file that contradicts its index", &liar),
        ("conda-forge beside a channel of one's own", &both),
        ("`defaults`, which nobody added", &defaults),
        ("upstream down, kept", &kept),
        ("upstream down, nothing kept", &down),
    ]);
    let reason = ["license AGPL-3.0-only", "nearest allowed 1.0"];
    let cell = |shown: &Shown| mark(shown.demo().as_deref(), &shown.text, &reason);
    glance::check(&[glance::Row {
        ecosystem: String::from("conda"),
        client: String::from(CLIENT),
        details: String::from("clients-conda.md"),
        cells: [
            cell(&allowed),
            cell(&range),
            cell(&pinned),
            cell(&locked),
            cell(&locked),
            mark_down(down.demo().as_deref(), &down.text),
        ],
    }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rattler_build_publishes_what_rattler_installs() {
    let Some(setting) = setting() else { return };
    let has_rattler_build = Command::new(&setting.python).args(["-c", "import rattler_build"]).output();
    if !has_rattler_build.is_ok_and(|output| output.status.success()) {
        skip::skip("clients", "there is no py-rattler-build; run `.ci/run tools`");
        return;
    }
    // Nobody is behind the address: what is hosted is asked of no upstream.
    let weir = Weir::start(&setting, "http://127.0.0.1:1/");
    let token = weir.token("conda:*");
    let base = format!("{}/open/conda", weir.url);
    let publish = |how: &str, file: &str, token: &str| {
        let mut command = Command::new(&setting.python);
        command.arg(here("publish.py")).args([how, &base, token]).arg(setting.channel.path().join(file));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.success(), text)
    };
    let own = "linux-64/own-1.0-h0_0.conda";
    let (ok, text) = publish("prefix", own, "weir_0_0");
    assert!(!ok, "{text}");
    let (ok, text) = publish("prefix", own, &token);
    assert!(ok, "{text}");
    let (ok, text) = publish("artifactory", "noarch/own-data-1.0-0.conda", &token);
    assert!(ok, "{text}");
    let installed = install(&setting, &format!("{base}/hosted"), &["own"]);
    assert!(installed.ok, "{}", installed.text);
    assert_eq!(installed.text.trim(), "own 1.0\nown-data 1.0");
    // What contradicts itself is not published under either name.
    let (ok, text) = publish("artifactory", "noarch/liar-1.0-0.conda", &token);
    assert!(!ok, "{text}");
}

/// Compares the page about what was shown with what was shown, or writes it.
fn page(cases: &[(&str, &Shown)]) {
    let mut page = String::from(
        "# What people see in conda's clients\n\n\
         What py-rattler 0.28.0, the library under pixi, prints when it installs through Weir from a channel that was made and\n\
         indexed with conda's own tools. Written by its test, which fails when the client prints something else; see\n\
         [clients.md](clients.md) for the others, and how this is run.\n\n\
         Ports are shortened to `PORT`, ids of decisions to `ID`, directories to `DIRECTORY`, digests to `DIGEST`.\n",
    );
    for (case, shown) in cases {
        let how = if shown.ok { "installs" } else { "fails" };
        page.push_str(&format!("\n## {case}: {how}\n\n```text\n{}\n```\n", shortened(&shown.text)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients-conda.md");
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::write(path, page).unwrap();
        return;
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "write it again with WEIR_UPDATE=1");
}

/// The last lines of a text, without what differs from run to run.
fn shortened(text: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("File \"")).collect();
    let from = lines.len().saturating_sub(LINES);
    let from = lines.iter().rposition(|line| line.contains("Error")).map_or(from, |at| at.max(from));
    let mut out = String::new();
    for word in lines[from..].join("\n").split_inclusive([' ', '\n', ')', '(', ',']) {
        out.push_str(&redacted(word));
    }
    // How long is waited, and which of two parallel requests failed first, differs.
    out.split("; the next try").next().unwrap_or_default().trim_end().to_owned()
}

fn redacted(word: &str) -> String {
    let mut word = word.to_owned();
    for (before, kind) in [("127.0.0.1:", "PORT"), ("/d/", "ID"), (std::env::temp_dir().to_str().unwrap(), "DIRECTORY")]
    {
        if let Some(at) = word.find(before) {
            let from = at + before.len();
            let is_end =
                |c: char| if kind == "DIRECTORY" { " \n)(,'\"`".contains(c) } else { !c.is_ascii_alphanumeric() };
            let to = word[from..].find(is_end).map_or(word.len(), |end| from + end);
            let from = if kind == "DIRECTORY" { at } else { from };
            word.replace_range(from..to, kind);
        }
    }
    word
}
