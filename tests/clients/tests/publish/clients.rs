//! How each client publishes, and how what it published is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use weir_testing::artifact;

use crate::gate::Gate;
use crate::page::Seen;

/// An ecosystem, as these clients see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Pypi,
    Npm,
    Cargo,
}

/// Which program publishes.
#[derive(Clone, Copy, Debug)]
enum Tool {
    Twine,
    Uv,
    Poetry,
    Npm,
    Pnpm,
    Classic,
    Berry,
    Cargo,
}

/// A client, and what it says.
pub struct Client {
    pub id: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    tool: Tool,
    pub says_done: &'static str,
    pub says_exists: &'static str,
    pub says_taken: &'static str,
    pub says_forbidden: &'static str,
}

/// What Weir says, where a client prints it.
const EXISTS: &str = "already exists";
const TAKEN: &str = "is a package of";
const FORBIDDEN: &str = "may not publish";

pub const CLIENTS: &[Client] = &[
    client("twine", "twine", Kind::Pypi, Tool::Twine, "Uploading"),
    client("uv", "uv", Kind::Pypi, Tool::Uv, "Uploading"),
    client("poetry", "poetry", Kind::Pypi, Tool::Poetry, "Publishing"),
    Client { says_exists: "cannot publish over", ..client("npm", "npm", Kind::Npm, Tool::Npm, "+ @acme/") },
    Client { says_exists: "cannot publish over", ..client("pnpm", "pnpm", Kind::Npm, Tool::Pnpm, "+ @acme/") },
    client("classic", "yarn classic", Kind::Npm, Tool::Classic, "Published."),
    client("berry", "yarn berry", Kind::Npm, Tool::Berry, "Package archive published"),
    client("cargo", "cargo", Kind::Cargo, Tool::Cargo, "Published acme-"),
];

const fn client(id: &'static str, name: &'static str, kind: Kind, tool: Tool, says_done: &'static str) -> Client {
    Client { id, name, kind, tool, says_done, says_exists: EXISTS, says_taken: TAKEN, says_forbidden: FORBIDDEN }
}

impl Kind {
    /// The page of a package, under a stage.
    pub fn page(self, name: &str) -> String {
        match self {
            Self::Pypi => format!("pypi/simple/{name}/"),
            Self::Npm => format!("npm/{}", name.replace('/', "%2f")),
            Self::Cargo => format!("cargo/{}", crate_path(name)),
        }
    }
}

/// Where the index has a crate with a name of at least four letters.
pub fn crate_path(name: &str) -> String {
    let (first, second) = (name.get(..2).unwrap_or_default(), name.get(2..4).unwrap_or_default());
    format!("{first}/{second}/{name}")
}

impl Client {
    /// The package that it publishes: its own, so that clients do not meet.
    pub fn own(&self) -> String {
        match self.kind {
            Kind::Npm => format!("@acme/{}", self.id),
            _ => format!("acme-{}", self.id),
        }
    }

    /// What its token may publish. `taken` is upstream's all the same.
    pub fn patterns(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::Pypi => vec!["pypi:acme-*", "pypi:taken"],
            Kind::Npm => vec!["npm:@acme/*", "npm:taken"],
            Kind::Cargo => vec!["cargo:acme-*", "cargo:taken"],
        }
    }

    pub fn version(&self, gate: &Gate) -> String {
        let project = Project::new(gate);
        let seen = match self.tool {
            Tool::Twine => project.python("twine", &["--version"], &[]),
            Tool::Uv => project.python("uv", &["--version"], &[]),
            Tool::Poetry => project.python("poetry", &["--version"], &[]),
            Tool::Npm => project.node("npm/bin/npm-cli.js", &["--version"]),
            Tool::Pnpm => project.node("pnpm/bin/pnpm.cjs", &["--version"]),
            Tool::Classic => project.node("yarn/bin/yarn.js", &["--version"]),
            Tool::Berry => project.node("@yarnpkg/cli-dist/bin/yarn.js", &["--version"]),
            Tool::Cargo => project.run(Path::new(env!("CARGO")), &["--version"], &[]),
        };
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let words = seen.text.split_whitespace().map(|word| word.trim_matches(['(', ')']));
        words.clone().find(is_number).unwrap_or_default().to_owned()
    }

    /// Publishes a release.
    pub fn publish(&self, project: &Project, name: &str, version: &str, summary: &str, token: &str, url: &str) -> Seen {
        match self.kind {
            Kind::Pypi => {
                let noise = artifact::noise(200_000);
                let wheel = artifact::wheel_with(
                    name,
                    version,
                    &[("Summary", summary), ("License", "MIT")],
                    &[("data.bin", &noise)],
                );
                let file = artifact::wheel_file(name, version);
                project.write(&format!("dist/{file}"), &wheel);
                let dist = format!("dist/{file}");
                let legacy = format!("{url}/dev/pypi/legacy/");
                match self.tool {
                    Tool::Twine => {
                        let options = ["--non-interactive", "--disable-progress-bar", "-u", "__token__", "-p", token];
                        let upload = ["upload", "--verbose", "--repository-url", &legacy];
                        project.python("twine", &[&upload[..], &options, &[&dist]].concat(), &[])
                    }
                    Tool::Uv => {
                        let upload = ["publish", "--publish-url", &legacy, "--token", token];
                        let options = ["--trusted-publishing", "never", &dist];
                        project.python("uv", &[&upload[..], &options].concat(), &[("UV_HTTP_RETRIES", "0")])
                    }
                    _ => {
                        let manifest = format!(
                            "[project]\nname = \"{name}\"\nversion = \"{version}\"\ndescription = \"{summary}\"\n\
                             requires-python = \">=3.8\"\n[build-system]\nrequires = [\"poetry-core\"]\n\
                             build-backend = \"poetry.core.masonry.api\"\n"
                        );
                        project.write("pyproject.toml", manifest.as_bytes());
                        let env =
                            [("POETRY_REPOSITORIES_WEIR_URL", legacy.as_str()), ("POETRY_PYPI_TOKEN_WEIR", token)];
                        project.python("poetry", &["publish", "--no-interaction", "--repository", "weir"], &env)
                    }
                }
            }
            Kind::Npm => {
                let manifest = serde_json::json!({
                    "name": name, "version": version, "description": summary, "license": "MIT", "repository": { "type": "git", "url": "git+https://git.acme.example/x.git" },
                });
                project.write("package.json", manifest.to_string().as_bytes());
                project.write("data.bin", &artifact::noise(200_000));
                project.npmrc(url, token);
                match self.tool {
                    Tool::Npm => {
                        project.node("npm/bin/npm-cli.js", &["publish", "--fetch-retries=0", "--access=public"])
                    }
                    Tool::Pnpm => project.node("pnpm/bin/pnpm.cjs", &["publish", "--no-git-checks"]),
                    Tool::Classic => {
                        project.write(".yarnrc", format!("registry \"{url}/dev/npm/\"\n").as_bytes());
                        project.node("yarn/bin/yarn.js", &["publish", "--non-interactive", "--new-version", version])
                    }
                    _ => {
                        let settings = format!(
                            "npmRegistryServer: \"{url}/dev/npm/\"\nnpmAuthToken: \"{token}\"\nnpmAlwaysAuth: true\n\
                             unsafeHttpWhitelist: [\"127.0.0.1\"]\nenableTelemetry: false\nhttpRetry: 0\n"
                        );
                        project.write(".yarnrc.yml", settings.as_bytes());
                        project.write("yarn.lock", b"");
                        let yarn = "@yarnpkg/cli-dist/bin/yarn.js";
                        let prepared = project.node(yarn, &["install"]);
                        assert_eq!(prepared.code, 0, "{}", prepared.text);
                        project.node(yarn, &["npm", "publish"])
                    }
                }
            }
            Kind::Cargo => {
                let manifest = format!(
                    "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\ndescription = \"{summary}\"\n\
                     license = \"MIT\"\nrepository = \"https://git.acme.example/x\"\n"
                );
                project.write("Cargo.toml", manifest.as_bytes());
                project.write("src/lib.rs", b"");
                project.write("data.bin", &artifact::noise(200_000));
                project.cargo(url, token, &["publish", "--registry", "weir", "--no-verify", "--allow-dirty"])
            }
        }
    }

    /// Installs a release from the stage, as somebody without a token.
    pub fn install(&self, project: &Project, name: &str, version: &str, url: &str) -> Seen {
        match self.kind {
            Kind::Pypi => {
                let index = format!("{url}/dev/pypi/simple/");
                let wanted = format!("{name}=={version}");
                project.python("pip", &["install", "--target", "out", "--index-url", &index, &wanted], &[])
            }
            Kind::Npm => {
                project.write("package.json", b"{\"name\":\"x\",\"version\":\"1.0.0\"}");
                project.npm(url, "", &["install", "--no-audit", &format!("{name}@{version}")])
            }
            Kind::Cargo => {
                let manifest = format!(
                    "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n\
                     {name} = {{ version = \"={version}\", registry = \"weir\" }}\n"
                );
                project.write("Cargo.toml", manifest.as_bytes());
                project.write("src/lib.rs", b"");
                project.cargo(url, "", &["fetch"])
            }
        }
    }
}

/// A home with one project in it, in which clients run as on a machine of their own.
pub struct Project {
    root: TempDir,
    tools: PathBuf,
}

impl Project {
    pub fn new(gate: &Gate) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("project/dist")).unwrap();
        Self { root, tools: gate.tools.clone() }
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.root.path().join("project").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn npmrc(&self, url: &str, token: &str) {
        let host = url.strip_prefix("http:").unwrap();
        let token = match token {
            "" => String::new(),
            token => format!("{host}/dev/npm/:_authToken={token}\n"),
        };
        self.write(".npmrc", format!("registry={url}/dev/npm/\n{token}").as_bytes());
    }

    /// Runs npm for somebody with this token.
    pub fn npm(&self, url: &str, token: &str, arguments: &[&str]) -> Seen {
        self.npmrc(url, token);
        self.node("npm/bin/npm-cli.js", &[arguments, &["--fetch-retries=0"]].concat())
    }

    /// Runs cargo for somebody with this token.
    pub fn cargo(&self, url: &str, token: &str, arguments: &[&str]) -> Seen {
        let config = format!(
            "[registries.weir]\nindex = \"sparse+{url}/dev/cargo/\"\ncredential-provider = \"cargo:token\"\n\
             [net]\nretry = 0\n[source.crates-io]\nreplace-with = \"weir\"\n\
             [source.weir]\nregistry = \"sparse+{url}/dev/cargo/\"\n"
        );
        self.write(".cargo/config.toml", config.as_bytes());
        let token = [("CARGO_REGISTRIES_WEIR_TOKEN", token)];
        let env = if token[0].1.is_empty() { &[][..] } else { &token[..] };
        self.run(Path::new(env!("CARGO")), arguments, env)
    }

    fn python(&self, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Seen {
        self.run(&self.tools.join("python/bin").join(program), arguments, env)
    }

    fn node(&self, file: &str, arguments: &[&str]) -> Seen {
        let script = self.tools.join("node/node_modules").join(file);
        let script = script.to_str().unwrap();
        self.run(Path::new("node"), &[&[script][..], arguments].concat(), &[])
    }

    fn run(&self, program: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Seen {
        let home = self.root.path();
        let mut places = vec![self.tools.join("python/bin")];
        places.extend(Path::new(env!("CARGO")).parent().map(Path::to_owned));
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let output = Command::new(program)
            .args(arguments)
            .current_dir(home.join("project"))
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", std::env::join_paths(places).unwrap())
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("CARGO_HOME", home.join("cargo"))
            .env("YARN_CACHE_FOLDER", home.join("cache"))
            .envs([
                ("LANG", "C.UTF-8"),
                ("NO_COLOR", "1"),
                ("COLUMNS", "400"),
                ("PIP_CONFIG_FILE", "/dev/null"),
                ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
                ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
                ("UV_NO_PROGRESS", "1"),
                ("UV_PYTHON_DOWNLOADS", "never"),
                ("NPM_CONFIG_GLOBALCONFIG", "/dev/null"),
                ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
                ("NPM_CONFIG_FUND", "false"),
                ("YARN_ENABLE_TELEMETRY", "0"),
            ])
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let text = hostless(&text.replace(&home.display().to_string(), "~"));
        Seen { code: output.status.code().unwrap_or(-1), text }
    }
}

/// Addresses of these tests without what differs from run to run.
fn hostless(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("http://HOST");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}
