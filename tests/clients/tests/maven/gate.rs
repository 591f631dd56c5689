//! A running `weir serve` before Maven Central, and Maven as on a machine of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_testing::skip;

use crate::page::Seen;

/// A Maven that is installed.
pub struct Maven {
    program: PathBuf,
    /// `3.9.16`.
    pub version: String,
}

impl Maven {
    /// Those of this machine, the older first; none, said loudly, where clients are not asked for.
    pub fn all() -> Vec<Self> {
        let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
        if !required.split(',').any(|word| word.trim() == "clients") {
            skip::skip("clients", "Maven is driven where WEIR_REQUIRE names `clients`: `.ci/run tools clients`");
            return Vec::new();
        }
        let tools = std::env::var_os("WEIR_CI_TOOLS");
        let tools = tools.map_or_else(|| std::env::temp_dir().join("weir-ci-tools"), PathBuf::from);
        let programs = [skip::program("mvn"), Some(tools.join("maven/bin/mvn")).filter(|program| program.exists())];
        let mut all: Vec<Self> = programs.into_iter().flatten().map(Self::at).collect();
        all.sort_by(|a, b| a.version.cmp(&b.version));
        all.dedup_by(|a, b| a.version == b.version);
        all
    }

    fn at(program: PathBuf) -> Self {
        let output = Command::new(&program).args(["-B", "--version"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_once("Apache Maven ").and_then(|(_, rest)| rest.split_whitespace().next());
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let version = version.unwrap_or_default().chars().take_while(|c| digits(*c)).collect();
        Self { program, version }
    }
}

/// A Gradle that is installed.
pub struct Gradle {
    program: PathBuf,
    /// `4.4.1`.
    pub version: String,
}

impl Gradle {
    /// That of this machine.
    pub fn find() -> Option<Self> {
        let program = skip::program("gradle")?;
        let output = Command::new(&program).arg("--version").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().find_map(|line| line.strip_prefix("Gradle "));
        Some(Self { program, version: version.unwrap_or_default().trim().to_owned() })
    }
}

/// A Weir with a data directory of its own, with advisories imported. It ends when this is dropped.
pub struct Gate {
    child: Child,
    url: String,
    root: TempDir,
    binary: PathBuf,
}

impl Gate {
    /// Starts one before Central or another upstream; `None`, said loudly, where no `weir` is built or no advisories are.
    pub fn start(upstream: Option<&str>, policy: &str) -> Option<Self> {
        let binary = binary()?;
        let advisories = skip::shared("data/ghsa-samples")?;
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("policy.toml"), policy).unwrap();
        let upstream = upstream.map_or_else(String::new, |url| format!("[upstream.maven]\nurl = \"{url}\"\n"));
        std::fs::write(root.path().join("weir.toml"), format!("[feeds]\nsync = false\n{upstream}")).unwrap();
        let imported = weir(&binary, root.path()).args(["feeds", "import"]).arg(advisories).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
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
        Some(Self { child, url, root, binary })
    }

    /// Has Maven resolve POM and JAR of one library, and what these need.
    pub fn resolve(&self, maven: &Maven, stage: &str, name: &str, version: &str) -> Seen {
        let library = library(name, version);
        self.build(maven, stage, &format!("<build><extensions><extension>{library}</extension></extensions></build>"))
    }

    /// Has Maven take the versions of what it depends on from one POM.
    pub fn import(&self, maven: &Maven, stage: &str, name: &str, version: &str) -> Seen {
        let library = library(name, version);
        let import = format!("<dependency>{library}<type>pom</type><scope>import</scope></dependency>");
        let project = format!("<dependencyManagement><dependencies>{import}</dependencies></dependencyManagement>");
        self.build(maven, stage, &project)
    }

    /// Builds a project with nothing but a stage for a repository, an empty cache, and checksums that must fit.
    fn build(&self, maven: &Maven, stage: &str, project: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let project = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>demo</artifactId>\
             <version>1</version><packaging>pom</packaging>{project}</project>"
        );
        let settings = format!(
            "<settings><mirrors><mirror><id>weir</id><mirrorOf>*</mirrorOf><url>{}/{stage}/maven</url></mirror></mirrors>\
             </settings>",
            self.url
        );
        std::fs::write(home.path().join("pom.xml"), project).unwrap();
        std::fs::write(home.path().join("settings.xml"), settings).unwrap();
        let mut command = Command::new(&maven.program);
        command.args(["-B", "-ntp", "-C", "-s", "settings.xml", "validate"]);
        command.arg(format!("-Dmaven.repo.local={}", home.path().join("repository").display()));
        run(&mut command, home.path(), &self.url)
    }

    /// Makes a token that may publish some packages.
    pub fn publisher(&self, pattern: &str) -> String {
        let create = ["admin", "token", "create", "ci", "--publish", pattern];
        let output = weir(&self.binary, self.root.path()).args(create).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let token = text.split_whitespace().find(|word| word.starts_with("weir_"));
        token.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
    }

    /// Has Maven deploy a JAR with a POM of its own, as a build would at its end.
    pub fn deploy(&self, maven: &Maven, stage: &str, name: &str, version: &str, token: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let url = &self.url;
        let plugins = library("org.apache.maven.plugins:maven-deploy-plugin", "3.1.4");
        let project = format!(
            "<project><modelVersion>4.0.0</modelVersion>{}<packaging>jar</packaging><build><plugins><plugin>{plugins}</plugin>\
             </plugins></build></project>",
            library(name, version)
        );
        let settings = format!(
            "<settings><mirrors><mirror><id>central</id><mirrorOf>*</mirrorOf><url>{url}/open/maven</url></mirror></mirrors>\
             <servers><server><id>weir</id><username>ci</username><password>{token}</password></server></servers></settings>"
        );
        std::fs::write(home.path().join("pom.xml"), project).unwrap();
        std::fs::write(home.path().join("settings.xml"), settings).unwrap();
        std::fs::write(home.path().join("own.jar"), empty_zip()).unwrap();
        let mut command = Command::new(&maven.program);
        command.args(["-B", "-ntp", "-s", "settings.xml"]);
        command.arg("org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file");
        command.args(["-DrepositoryId=weir", "-DpomFile=pom.xml", "-Dfile=own.jar"]);
        command.arg(format!("-Durl={url}/{stage}/maven"));
        command.arg(format!("-Dmaven.repo.local={}", self.root.path().join("repository").display()));
        run(&mut command, home.path(), url)
    }

    /// Has Gradle resolve one library, with nothing but a stage for a repository and an empty cache.
    pub fn gradle(&self, gradle: &Gradle, stage: &str, name: &str, version: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let url = &self.url;
        let build = format!(
            "repositories {{ maven {{ url '{url}/{stage}/maven' }} }}\nconfigurations {{ demo }}\n\
             dependencies {{ demo '{name}:{version}' }}\ntask demo {{ doLast {{ println configurations.demo.files }} }}\n"
        );
        std::fs::write(home.path().join("build.gradle"), build).unwrap();
        std::fs::write(home.path().join("settings.gradle"), "rootProject.name = 'demo'\n").unwrap();
        let mut command = Command::new(&gradle.program);
        command.args(["--no-daemon", "-q", "demo"]).env("GRADLE_USER_HOME", home.path().join("gradle"));
        run(&mut command, home.path(), url)
    }

    /// The status and text of an address, as nobody's client.
    pub fn get(&self, path: &str) -> (u16, String) {
        let output =
            Command::new("curl").args(["-s", "-w", "\n%{http_code}"]).arg(format!("{}/{path}", self.url)).output();
        let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
        let (text, code) = text.rsplit_once('\n').unwrap();
        (code.parse().unwrap(), text.to_owned())
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

/// Runs a client in a home of its own, and says what it prints and which JARs it has then.
fn run(command: &mut Command, home: &Path, url: &str) -> Seen {
    let own: Vec<(OsString, OsString)> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command.current_dir(home).env_clear().envs(own).env("HOME", home).env("LANG", "C.UTF-8");
    for name in ["PATH", "JAVA_HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let mut jars = Vec::new();
    files(home, &mut jars);
    jars.retain(|file| file.ends_with(".jar"));
    jars.sort_unstable();
    jars.dedup();
    Seen { text: text.replace(url, "URL").replace(&home.display().to_string(), "~"), jars }
}

/// A JAR with nothing in it.
fn empty_zip() -> Vec<u8> {
    [&b"PK\x05\x06"[..], &[0; 18]].concat()
}

fn library(name: &str, version: &str) -> String {
    let (group, artifact) = name.split_once(':').unwrap();
    format!("<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>")
}

/// The names of all files within a directory.
fn files(directory: &Path, into: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), into),
            false => into.push(entry.file_name().to_string_lossy().into_owned()),
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
