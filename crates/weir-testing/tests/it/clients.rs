//! Real package managers install what is made here, without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use weir_testing::FakeUpstream;
use weir_testing::skip::program;

/// Runs a client on a thread that may block, away from proxies and from the settings of whoever runs the test.
async fn run(mut command: Command, home: &Path) -> String {
    command.current_dir(home).env("HOME", home).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_a_wheel_and_builds_an_sdist() {
    let Some(python) = program("python3") else { return };
    if !Command::new(&python).args(["-m", "pip", "--version"]).output().is_ok_and(|output| output.status.success()) {
        return weir_testing::skip::skip("clients", "this Python has no pip");
    }
    let (fake, home) = (FakeUpstream::start().await, tempfile::tempdir().unwrap());
    let pypi = fake.pypi();
    pypi.release("left-pad", "1.0.0").license("MIT").add();
    pypi.release("from-source", "2.0").only_sdist().requires("left-pad>=1").add();
    for html_only in [false, true] {
        pypi.html_only(html_only);
        let target = home.path().join(format!("target-{html_only}"));
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "--isolated",
            "install",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--index-url",
        ]);
        pip.arg(pypi.url()).arg("--target").arg(&target).arg("from-source");
        run(pip, home.path()).await;
        let module = |name: &str| fs::read_to_string(target.join(name).join("__init__.py")).unwrap();
        assert_eq!(module("left_pad"), "__version__ = \"1.0.0\"\n");
        assert_eq!(module("from_source"), "__version__ = \"2.0\"\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_a_tarball() {
    let Some(npm) = program("npm") else { return };
    let (fake, home) = (FakeUpstream::start().await, tempfile::tempdir().unwrap());
    let registry = fake.npm();
    registry.release("left-pad", "1.0.0").license("MIT").add();
    registry.release("@acme/tool", "2.1.0").dependency("left-pad", "^1.0.0").add();
    fs::write(home.path().join("package.json"), "{}").unwrap();
    let mut command = Command::new(npm);
    command.args(["install", "--no-audit", "--no-fund", "--no-update-notifier", "@acme/tool@^2.0.0"]);
    command.arg(format!("--registry={}", registry.url()));
    run(command, home.path()).await;
    let module = fs::read_to_string(home.path().join("node_modules/left-pad/index.js")).unwrap();
    assert_eq!(module, "module.exports = \"1.0.0\";\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_fetches_and_checks_a_crate() {
    let Some(cargo) = program("cargo") else { return };
    let (fake, home) = (FakeUpstream::start().await, tempfile::tempdir().unwrap());
    let registry = fake.cargo();
    registry.release("left-pad", "1.0.0").license("MIT").feature("std", &[]).add();
    registry.release("tool", "2.1.0").dependency("left-pad", "^1.0").add();
    let at = |path: &str| home.path().join(path);
    fs::create_dir_all(at("src")).unwrap();
    fs::write(at("src/lib.rs"), "pub use tool::VERSION;\n").unwrap();
    let manifest =
        "[package]\nname = \"project\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\ntool = \"2\"\n";
    fs::write(at("Cargo.toml"), format!("{manifest}\n[workspace]\n")).unwrap();
    let mut command = Command::new(cargo);
    // Where cargo comes from rustup, the toolchain is found through this, which follows HOME by default.
    let toolchains = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let default = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup"));
    if let Some(toolchains) = toolchains.or_else(default) {
        command.env("RUSTUP_HOME", toolchains);
    }
    command.env("CARGO_HOME", at("cargo")).env("CARGO_TARGET_DIR", at("target")).env_remove("RUSTC_WRAPPER");
    command.args(["check", "--quiet", "--config", "source.crates-io.replace-with='fake'", "--config"]);
    command.arg(format!("source.fake.registry='sparse+{}'", registry.url()));
    run(command, home.path()).await;
    let lock = fs::read_to_string(at("Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"left-pad\"\nversion = \"1.0.0\""), "{lock}");
}
