//! A client runs as on a machine of its own: a fresh home, fresh caches, and no setting of this machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use weir_core::Digest;

use crate::clients::Empty;
use crate::seen::Seen;
use crate::setting::Tools;

/// Longest time that one command may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// What a client needs to reach a public registry from this machine. Through Weir it needs none of it.
const OUTWARD: [&str; 14] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "ALL_PROXY",
];

/// A home with one project in it.
pub struct Sandbox {
    root: TempDir,
    env: RefCell<BTreeMap<OsString, OsString>>,
    tools: Tools,
}

impl Sandbox {
    /// For a client that knows Weir alone.
    pub fn new(tools: &Tools) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("project")).unwrap();
        std::fs::create_dir_all(root.path().join("tmp")).unwrap();
        let home = root.path().as_os_str().to_owned();
        let sandbox = Self { env: RefCell::default(), tools: tools.clone(), root };
        sandbox.set("HOME", &home);
        sandbox.set("TMPDIR", sandbox.root.path().join("tmp").as_os_str().to_owned());
        sandbox.set("PATH", sandbox.tools.path());
        for (name, value) in [
            ("LANG", "C.UTF-8"),
            ("NO_COLOR", "1"),
            // Files that belong to the machine, and questions back to the makers of the clients.
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_NO_INPUT", "1"),
            ("UV_NO_PROGRESS", "1"),
            ("UV_HTTP_RETRIES", "0"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
            ("NPM_CONFIG_GLOBALCONFIG", "/dev/null"),
            ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
            ("NPM_CONFIG_FUND", "false"),
            ("NPM_CONFIG_IGNORE_SCRIPTS", "true"),
            ("YARN_ENABLE_TELEMETRY", "0"),
        ] {
            sandbox.set(name, value);
        }
        sandbox
    }

    /// For a client that asks the public registries themselves.
    pub fn direct(tools: &Tools) -> Self {
        let sandbox = Self::new(tools);
        for name in OUTWARD {
            if let Some(value) = std::env::var_os(name) {
                sandbox.set(name, value);
            }
        }
        sandbox
    }

    /// Sets a variable.
    pub fn set(&self, name: &str, value: impl Into<OsString>) {
        self.env.borrow_mut().insert(name.into(), value.into());
    }

    /// Puts an empty directory in the project's place. Whatever the client keeps for itself stays.
    pub fn fresh_project(&self) {
        std::fs::remove_dir_all(self.project()).unwrap();
        std::fs::create_dir_all(self.project()).unwrap();
    }

    /// Writes a file of the home that only its owner may read.
    pub fn write_secret(&self, file: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write_home(file, text);
        std::fs::set_permissions(self.home().join(file), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The programs.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.root.path()
    }

    /// The directory in which clients run.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// Writes a file of the project.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.project().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file of the home.
    pub fn write_home(&self, file: &str, text: &str) {
        self.write(&format!("../{file}"), text);
    }

    /// A file of the project; empty if it is not there.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.project().join(file)).unwrap_or_default()
    }

    /// Takes files of another project over, with one address for another.
    pub fn take(&self, from: &Sandbox, files: &[&str], addresses: (&str, &str)) {
        for file in files {
            self.write(file, &from.read(file).replace(addresses.0, addresses.1));
        }
    }

    /// Runs a program in the project.
    pub fn run<S: AsRef<str>>(&self, program: &Path, arguments: &[S]) -> Seen {
        let mut command = Command::new(program);
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        command
            .args(&arguments)
            .current_dir(self.project())
            .env_clear()
            .envs(self.env.borrow().iter())
            .stdin(Stdio::null());
        // One pipe for both, as on a screen.
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let began = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{}`: {error}", program.display()));
        drop(command);
        let screen = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = reader.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                break -1;
            }
            thread::sleep(Duration::from_millis(10));
        };
        let took = began.elapsed();
        let text = screen.join().unwrap();
        let program = program.file_stem().unwrap_or_default().to_string_lossy();
        let command = format!("{program} {}", arguments.join(" "));
        Seen { command, code, text, took, home: self.home().display().to_string() }
    }

    /// Runs what empties a client's own cache, as a person types it in a project.
    pub fn empty(&self, empty: Empty) -> Seen {
        self.write("package.json", "{}\n");
        self.write("yarn.lock", "");
        let script = empty.script.map_or_else(String::new, |(name, script)| {
            format!("{name}() {{ node '{}' \"$@\"; }}\n", self.tools.node(script).display())
        });
        let seen = self.run(Path::new("sh"), &["-c", &format!("{script}{}", empty.command)]);
        Seen { command: empty.command.to_owned(), ..seen }
    }

    /// Runs a program that is written for Node.
    pub fn node<S: AsRef<str>>(&self, script: &Path, arguments: &[S]) -> Seen {
        let mut all = vec![script.display().to_string()];
        all.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
        self.run(Path::new("node"), &all)
    }

    /// The version of a package that is installed for Python, told by its metadata directory.
    pub fn python_version_of(&self, package: &str) -> Option<String> {
        let mut places = vec![self.project().join("site")];
        places.extend(children(&self.project().join(".venv/lib")).into_iter().map(|lib| lib.join("site-packages")));
        places.iter().flat_map(|place| children(place)).find_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".dist-info")?.to_owned();
            let (found, version) = name.split_once('-')?;
            found.eq_ignore_ascii_case(package).then(|| version.to_owned())
        })
    }

    /// The version of a package that is installed for Node.
    pub fn node_version_of(&self, package: &str) -> Option<String> {
        let manifest = self.read(&format!("node_modules/{package}/package.json"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).ok()?;
        manifest["version"].as_str().map(str::to_owned)
    }

    /// Every file under a directory of the project, with the digest of its bytes after `change`.
    pub fn tree(&self, directory: &str, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> BTreeMap<String, Digest> {
        let root = self.project().join(directory);
        let mut tree = BTreeMap::new();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            for path in children(&directory) {
                let kind = path.symlink_metadata().unwrap().file_type();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                if kind.is_dir() {
                    open.push(path);
                } else if kind.is_symlink() {
                    let target = std::fs::read_link(&path).unwrap();
                    tree.insert(name, Digest::of(target.as_os_str().as_encoded_bytes()));
                } else {
                    let bytes = change(&name, std::fs::read(&path).unwrap());
                    tree.insert(name, Digest::of(&bytes));
                }
            }
        }
        tree
    }
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
