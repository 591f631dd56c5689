//! What all tests share: the programs, and one data directory with the advisories imported.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};

use weir_testing::skip;

/// What is imported, of the data beside the project.
const ADVISORIES: [&str; 9] = [
    "pypi",
    "crates.io",
    "ghsa-samples",
    "malicious-ossf",
    "malicious-leitwacht",
    "npm-node-wg",
    "npm-retirejs",
    // Well-known names.
    "top-names/pypi.txt",
    "top-names/npm.txt",
];

/// Where the package managers are: `.ci/run tools` puts them there.
#[derive(Clone, Debug)]
pub struct Tools {
    root: PathBuf,
    cargo: PathBuf,
}

impl Tools {
    fn find() -> Option<Self> {
        let root =
            std::env::var_os("WEIR_CI_TOOLS").map_or_else(|| std::env::temp_dir().join("weir-ci-tools"), PathBuf::from);
        if !root.join("python/bin/uv").exists() || !root.join("node/node_modules").exists() {
            skip::skip("clients", &format!("`{}` has no package managers; run `.ci/run tools`", root.display()));
            return None;
        }
        // Of the toolchain that runs this test, not the switch in front of it, which would want settings of this machine.
        let cargo = std::env::var_os("CARGO").map(PathBuf::from).or_else(|| skip::program("cargo"))?;
        Some(Self { root, cargo })
    }

    /// A program that is written in Python.
    pub fn python(&self, name: &str) -> PathBuf {
        self.root.join("python/bin").join(name)
    }

    /// A file of a package that is written for Node.
    pub fn node(&self, file: &str) -> PathBuf {
        self.root.join("node/node_modules").join(file)
    }

    /// cargo.
    pub fn cargo(&self) -> &Path {
        &self.cargo
    }

    /// Where clients look for programs.
    pub fn path(&self) -> OsString {
        let mut places = vec![self.root.join("python/bin")];
        places.extend(self.cargo.parent().map(Path::to_owned));
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        std::env::join_paths(places).unwrap()
    }
}

/// What a test has at hand. Tests take turns, so that none measures another.
pub struct Setting {
    pub tools: Tools,
    pub weir: PathBuf,
    imported: PathBuf,
}

impl Setting {
    /// Waits for its turn; `None`, said loudly, where the clients are not asked for or something is absent.
    pub fn turn() -> Option<MutexGuard<'static, Self>> {
        static SETTING: OnceLock<Option<Mutex<Setting>>> = OnceLock::new();
        let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
        if !required.split(',').any(|word| word.trim() == "clients") {
            skip::skip(
                "clients",
                "real clients are driven where WEIR_REQUIRE names `clients`: `.ci/run tools clients`",
            );
            return None;
        }
        let setting = SETTING.get_or_init(|| Self::make().map(Mutex::new)).as_ref()?;
        Some(setting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn make() -> Option<Self> {
        let tools = Tools::find()?;
        let weir = binary()?;
        let imported = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-data");
        let _ = std::fs::remove_dir_all(&imported);
        for name in ADVISORIES {
            let from = skip::shared(&format!("data/{name}"))?;
            let output =
                Command::new(&weir).args(["feeds", "import"]).arg(from).arg("--data").arg(&imported).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Some(Self { tools, weir, imported })
    }

    /// A data directory of its own, with all advisories in it.
    pub fn advisories(&self, into: &Path) {
        copy(&self.imported, into);
    }
}

/// `weir`, free of this machine's settings for it.
pub fn command(weir: &Path) -> Command {
    let mut command = Command::new(weir);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
    command
}

/// The program that is tested: what WEIR_BINARY names, else the newest that is built.
fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WEIR_BINARY") {
        let named = std::fs::canonicalize(&named);
        return Some(named.expect("WEIR_BINARY names a file that is not there"));
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("weir"));
    let newest = built.into_iter().filter(|file| file.exists()).max_by_key(|file| {
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        modified.unwrap_or(std::time::UNIX_EPOCH)
    });
    if newest.is_none() {
        skip::skip("clients", "there is no built `weir`; run `cargo build --release`");
    }
    newest
}

fn copy(from: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = into.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
