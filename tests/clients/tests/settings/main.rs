//! Real package managers with nothing but what `weir use` wrote, through a real `weir serve`, against the real
//! registries: each installs something small, and its requests are on record. Then every byte is as it was.
//!
//! Nothing here is run unless WEIR_REQUIRE names `clients`; the clients come from `.ci/run tools`. Those that are not
//! there, or whose ecosystem is not in this Weir, are left out, loudly.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_testing::skip;

/// A client, how it installs, and what of a path tells that it asked.
struct Try {
    client: &'static str,
    program: &'static str,
    /// Files of its project.
    files: &'static [(&'static str, &'static str)],
    command: &'static str,
    asked: &'static str,
    /// True if it shows its token without being asked for one.
    shows_token: bool,
}

const EMPTY: &str = "{\"name\":\"x\",\"version\":\"1.0.0\"}\n";

const TRIES: &[Try] = &[
    Try {
        client: "pip",
        program: "pip",
        files: &[],
        command: "pip download --no-deps --dest out six",
        asked: "/prod/pypi/files/six/",
        shows_token: true,
    },
    Try {
        client: "uv",
        program: "uv",
        files: &[],
        command: "uv pip install --target out six",
        asked: "/prod/pypi/files/six/",
        shows_token: true,
    },
    Try {
        client: "npm",
        program: "npm",
        files: &[("package.json", EMPTY)],
        command: "npm install --no-audit --no-fund ms",
        asked: "/prod/npm/ms/-/ms-",
        shows_token: true,
    },
    Try {
        client: "pnpm",
        program: "pnpm",
        files: &[("package.json", EMPTY)],
        command: "pnpm add ms",
        asked: "/prod/npm/ms/-/ms-",
        shows_token: true,
    },
    Try {
        client: "yarn",
        program: "yarn",
        files: &[("package.json", EMPTY), ("yarn.lock", "")],
        command: "yarn add ms",
        asked: "/prod/npm/ms/-/ms-",
        shows_token: true,
    },
    Try {
        client: "cargo",
        program: "cargo",
        files: &[
            (
                "Cargo.toml",
                "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nitoa = \"1\"\n",
            ),
            ("src/lib.rs", ""),
        ],
        command: "cargo fetch",
        asked: "/prod/cargo/",
        shows_token: false,
    },
    Try {
        client: "go",
        program: "go",
        files: &[("go.mod", "module x\n\ngo 1.21\n")],
        command: "go mod download golang.org/x/text@v0.14.0",
        asked: "/prod/go/golang.org/x/text/",
        shows_token: false,
    },
    Try {
        client: "maven",
        program: "mvn",
        files: &[],
        command: "mvn -q -B -Duser.home=$HOME dependency:get -Dartifact=junit:junit:4.13.2 -Dtransitive=false",
        asked: "/prod/maven/junit/junit/4.13.2/",
        shows_token: false,
    },
    Try {
        client: "gradle",
        program: "gradle",
        files: &[
            ("settings.gradle", ""),
            (
                "build.gradle",
                "apply plugin: 'java'\nrepositories { mavenCentral() }\nconfigurations { x }\ndependencies { x \
                 'org.hamcrest:hamcrest:2.2' }\ntask get { doLast { println configurations.x.files*.name } }\n",
            ),
        ],
        command: "gradle --no-daemon -q get",
        asked: "/prod/maven/org/hamcrest/hamcrest/2.2/",
        shows_token: false,
    },
];

#[test]
fn each_client_asks_weir_with_nothing_but_what_weir_use_wrote() {
    let Some(machine) = Machine::make() else { return };
    let help = machine.weir(&["use", "--help"]).1;
    let mut done = Vec::new();
    for one in TRIES {
        if !help.contains(&format!("--{}", one.client)) || !machine.has(one.program) {
            eprintln!("left out: {} is not on this machine or not in this Weir", one.client);
            continue;
        }
        let home = machine.home();
        fs::write(home.path().join(".npmrc"), "; mine\r\nfund=false\r\n@acme:registry=https://npm.acme.example/\r\n")
            .unwrap();
        let before = fs::read(home.path().join(".npmrc")).unwrap();
        let project = home.path().join("project");
        for (name, text) in one.files {
            fs::create_dir_all(project.join(name).parent().unwrap()).unwrap();
            fs::write(project.join(name), text).unwrap();
        }
        let run = |line: &str| machine.run(home.path(), line);
        let (code, text) = run(&format!(
            "weir use prod --server {} --token-from file:{} --{}",
            machine.url,
            machine.token.display(),
            one.client
        ));
        assert_eq!(code, 0, "{}: {text}", one.client);
        let (code, text) = run(one.command);
        assert_eq!(code, 0, "{}: {text}", one.command);
        let log = fs::read_to_string(machine.root.path().join("log")).unwrap();
        let principal = if one.shows_token { "principal=\"ci\"" } else { "" };
        let asked = |line: &&str| line.contains(one.asked) && line.contains("status=200") && line.contains(principal);
        assert!(log.lines().any(|line| asked(&line)), "{}: no request for {} by ci in\n{log}", one.client, one.asked);
        let (code, text) = run(&format!("weir doctor --{}", one.client));
        assert!(code == 0 && text.contains("asks Weir"), "{}: {text}", one.client);
        let (code, text) = run("weir use --undo --keep-changed");
        assert_eq!(code, 0, "{}: {text}", one.client);
        assert_eq!(fs::read(home.path().join(".npmrc")).unwrap(), before, "{}", one.client);
        done.push(one.client);
    }
    println!("installed through Weir with its settings alone: {}", done.join(", "));
    assert!(done.len() >= 6, "{done:?}");
}

#[test]
fn doctor_finds_what_is_planted_by_asking_the_clients_themselves() {
    let Some(machine) = Machine::make() else { return };
    let home = machine.home();
    let run = |line: &str| machine.run(home.path(), line);
    run(&format!("weir use prod --server {} --pip --npm --cargo", machine.url));
    assert_eq!(run("weir doctor --pip --npm --cargo").0, 0);
    run("pip config set global.extra-index-url https://pypi.org/simple/");
    fs::write(home.path().join("project/.npmrc"), "registry=https://registry.npmjs.org/\n").unwrap();
    let (code, text) = run("weir doctor --pip --npm --cargo");
    assert_eq!(code, 1, "{text}");
    for part in [
        "problem asks https://pypi.org/simple/ as well",
        "mend: pip config unset global.extra-index-url",
        "problem asks https://registry.npmjs.org/ (.npmrc:1)",
        "2 problems",
    ] {
        assert!(text.contains(part), "`{part}` is missing from\n{text}");
    }
    // What it says mends it.
    run("pip config unset global.extra-index-url");
    fs::remove_file(home.path().join("project/.npmrc")).unwrap();
    assert_eq!(run("weir doctor --pip --npm --cargo").0, 0);
}

/// A running Weir and the programs.
struct Machine {
    child: Child,
    url: String,
    root: TempDir,
    token: PathBuf,
    path: std::ffi::OsString,
    binary: PathBuf,
}

impl Machine {
    fn make() -> Option<Self> {
        let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
        if !required.split(',').any(|word| word.trim() == "clients") {
            skip::skip(
                "clients",
                "real clients are driven where WEIR_REQUIRE names `clients`: `.ci/run tools clients`",
            );
            return None;
        }
        let tools =
            std::env::var_os("WEIR_CI_TOOLS").map_or_else(|| std::env::temp_dir().join("weir-ci-tools"), PathBuf::from);
        let binary = binary()?;
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("policy.toml"), "[stage.dev]\n[stage.prod]\n").unwrap();
        fs::write(root.path().join("weir.toml"), "[feeds]\nsync = false\n").unwrap();
        let log = fs::File::create(root.path().join("log")).unwrap();
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
        let url = url.unwrap_or_else(|| panic!("{}", fs::read_to_string(root.path().join("log")).unwrap()));
        let made = weir(&binary, root.path()).args(["admin", "token", "create", "ci"]).output().unwrap();
        let token = root.path().join("token");
        fs::write(&token, made.stdout).unwrap();
        let cargo = std::env::var_os("CARGO").map(PathBuf::from);
        let folders = [
            binary.parent().map(Path::to_owned),
            Some(tools.join("python/bin")),
            Some(tools.join("node/node_modules/.bin")),
            cargo.and_then(|cargo| cargo.parent().map(Path::to_owned)),
        ];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = folders.into_iter().flatten().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        Some(Self { child, url, root, token, path, binary })
    }

    fn home(&self) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("project")).unwrap();
        home
    }

    fn has(&self, program: &str) -> bool {
        std::env::split_paths(&self.path).any(|folder| folder.join(program).is_file())
    }

    /// Runs a line in the project of a home, as in a terminal of a person who set nothing.
    fn run(&self, home: &Path, line: &str) -> (i32, String) {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(home.join("project"))
            .env_clear()
            .env("HOME", home)
            // Java takes the home from the system's list of users, not from HOME.
            .env("GRADLE_USER_HOME", home.join(".gradle"))
            .env("PATH", &self.path)
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("npm_config_update_notifier", "false")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().unwrap_or(-1), text)
    }

    fn weir(&self, arguments: &[&str]) -> (i32, String) {
        let output = weir(&self.binary, self.root.path()).args(arguments).output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn weir(binary: &Path, root: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.arg("--data").arg(root.join("data")).arg("--policy").arg(root.join("policy.toml"));
    command.arg("--config").arg(root.join("weir.toml"));
    command
}

/// The program that is tested: what WEIR_BINARY names, else the newest that is built.
fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WEIR_BINARY") {
        return Some(fs::canonicalize(named).unwrap());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("weir"));
    let newest =
        built.into_iter().filter(|file| file.exists()).max_by_key(|file| file.metadata().unwrap().modified().unwrap());
    let Some(newest) = newest else {
        skip::skip("clients", "there is no built `weir`; run `cargo build --release`");
        return None;
    };
    Some(fs::canonicalize(newest).unwrap())
}
