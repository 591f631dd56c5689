//! A CRAN repository made by R itself, served from memory.

use std::path::Path;
use std::process::Command;

use weir_testing::{FakeUpstream, skip};

/// Name, version, what it needs, and when it came in; the last version of a name is the current one.
const PACKAGES: [(&str, &str, &str, &str); 9] = [
    ("weira", "1.0.0", "", "2024-01-01"),
    ("weira", "1.1.0", "", "2024-06-01"),
    ("weira", "2.0.0", "", "now"),
    ("weirb", "1.0", "weira (>= 1.0.0)", "2024-02-01"),
    ("weirc", "1.0", "weira (>= 1.0.0)", "2024-02-01"),
    ("weirc", "2.0", "weira (>= 2.0.0)", "2025-02-01"),
    ("weird", "1.0", "weirc, utils", "2025-03-01"),
    ("weire", "0.9", "weira (== 2.0.0)", "2025-01-02"),
    ("weire", "1.0", "weira (== 2.0.0)", "2025-03-01"),
];

/// Writes the catalogue and the lists of files.
const LISTS: &str = r#"
tools::write_PACKAGES(".", type = "source")
files <- list.files(".", pattern = "tar.gz$")
saveRDS(file.info(files), "Meta/current.rds")
setwd("Archive")
names <- list.files(".")
saveRDS(lapply(setNames(names, names), function(name) file.info(file.path(name, list.files(name)))), "../Meta/archive.rds")
cat(as.character(getRversion()))
"#;

/// The repository.
pub struct Tree {
    pub fake: FakeUpstream,
    /// R's own.
    pub version: String,
    catalogue: String,
    runtime: tokio::runtime::Runtime,
}

impl Tree {
    /// Makes one; `None`, said loudly, where there is no R.
    pub fn make() -> Option<Self> {
        let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
        if !required.split(',').any(|word| word.trim() == "clients") {
            skip::skip("clients", "R is driven where WEIR_REQUIRE names `clients`: `.ci/run tools clients`");
            return None;
        }
        skip::program("Rscript")?;
        let root = tempfile::tempdir().unwrap();
        let contrib = root.path().join("src/contrib");
        for directory in ["Archive", "Meta"] {
            std::fs::create_dir_all(contrib.join(directory)).unwrap();
        }
        for (at, (name, version, needs, date)) in PACKAGES.iter().enumerate() {
            let is_current = PACKAGES.get(at + 1).is_none_or(|(next, ..)| next != name);
            let into = if is_current { contrib.clone() } else { contrib.join("Archive").join(name) };
            std::fs::create_dir_all(&into).unwrap();
            let file = build(name, version, needs, &into);
            run(Command::new("touch").args(["-d", date]).arg(file));
        }
        let version = run(Command::new("Rscript").args(["-e", LISTS]).current_dir(&contrib));
        let version = version.lines().last().unwrap().to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let fake = runtime.block_on(FakeUpstream::start());
        publish(&fake, root.path(), root.path());
        let catalogue = std::fs::read_to_string(contrib.join("PACKAGES")).unwrap();
        Some(Self { fake, version, catalogue, runtime })
    }

    /// Its address.
    pub fn url(&self) -> String {
        let _inside = self.runtime.enter();
        self.fake.url()
    }

    /// `PACKAGES` as upstream has it.
    pub fn catalogue(&self) -> String {
        self.catalogue.clone()
    }
}

/// Packs a package as its author would.
pub fn build(name: &str, version: &str, needs: &str, into: &Path) -> std::path::PathBuf {
    let work = tempfile::tempdir().unwrap();
    let package = work.path().join(name);
    std::fs::create_dir_all(package.join("R")).unwrap();
    let imports = if needs.is_empty() { String::new() } else { format!("Imports: {needs}\n") };
    let description = format!(
        "Package: {name}\nVersion: {version}\nTitle: A Package for Trying\nDescription: It tells its version.\n\
         Authors@R: person(\"A\", \"B\", email = \"a@example.org\", role = c(\"aut\", \"cre\"))\n\
         License: GPL (>= 2)\nEncoding: UTF-8\n{imports}"
    );
    std::fs::write(package.join("DESCRIPTION"), description).unwrap();
    std::fs::write(package.join("NAMESPACE"), "export(version)\n").unwrap();
    std::fs::write(package.join("R/version.R"), format!("version <- function() \"{version}\"\n")).unwrap();
    run(Command::new("R").args(["CMD", "build", "--no-build-vignettes", name]).current_dir(work.path()));
    let file = format!("{name}_{version}.tar.gz");
    std::fs::copy(work.path().join(&file), into.join(&file)).unwrap();
    into.join(file)
}

fn publish(fake: &FakeUpstream, root: &Path, directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            publish(fake, root, &path);
        } else if path.file_name().unwrap() != "PACKAGES.rds" {
            let at = path.strip_prefix(root).unwrap().display().to_string();
            fake.put(&format!("/{at}"), std::fs::read(&path).unwrap());
        }
    }
}

/// Runs a command and gives what it prints.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
