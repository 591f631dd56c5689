//! What is there to be read on this machine?

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value as Json;
use weir_core::client::{Machine, System};

/// Largest file of settings that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most bytes of what a client prints about its settings that are read.
const MAX_ANSWER: u64 = 1024 * 1024;
/// How long a client may take to tell its settings.
const PATIENCE: Duration = Duration::from_secs(20);

/// This machine, as the person sees it who runs Weir.
pub struct Here {
    home: PathBuf,
    project: PathBuf,
}

impl Here {
    /// The home and the current directory.
    pub fn find() -> anyhow::Result<Self> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let home = home.context("the home directory is not known; set HOME")?;
        let project = std::env::current_dir().context("the current directory cannot be used")?;
        Ok(Self { home, project })
    }

    /// True if a program of this name is on the PATH.
    pub fn has(&self, program: &str) -> bool {
        self.program(program).is_some()
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat"] } else { &[""] };
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
            .find(|file| is_program(file))
    }

    /// A path as people write it: `~/.npmrc`.
    pub fn shown(&self, file: &Path) -> String {
        match file.strip_prefix(&self.home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => file.strip_prefix(&self.project).unwrap_or(file).display().to_string(),
        }
    }

    /// Where programs keep what is a person's: `$XDG_DATA_HOME`, `~/.local/share`, and their likes.
    pub fn data_home(&self) -> PathBuf {
        match self.system() {
            System::Windows => {
                self.variable("LOCALAPPDATA").map_or_else(|| self.home.join("AppData").join("Local"), PathBuf::from)
            }
            System::MacOs => self.home.join("Library").join("Application Support"),
            System::Unix => {
                self.variable("XDG_DATA_HOME").map_or_else(|| self.home.join(".local").join("share"), PathBuf::from)
            }
        }
    }
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

impl Machine for Here {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn home(&self) -> &Path {
        &self.home
    }

    fn project(&self) -> &Path {
        &self.project
    }

    fn system(&self) -> System {
        if cfg!(windows) {
            System::Windows
        } else if cfg!(target_os = "macos") {
            System::MacOs
        } else {
            System::Unix
        }
    }

    fn read(&self, file: &Path) -> Option<String> {
        let opened = std::fs::File::open(file).ok().filter(|opened| opened.metadata().is_ok_and(|it| it.is_file()))?;
        let mut text = String::new();
        opened.take(MAX_FILE + 1).read_to_string(&mut text).ok()?;
        (text.len() as u64 <= MAX_FILE).then_some(text)
    }

    fn toml(&self, file: &Path) -> Option<Json> {
        toml::from_str(&self.read(file)?).ok()
    }

    fn elements(&self, file: &Path, path: &[&str]) -> Vec<String> {
        self.read(file).and_then(|text| weir_settings::xml_texts(&text, path)).unwrap_or_default()
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut child = Command::new(self.program(program)?)
            .args(arguments)
            .current_dir(&self.project)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let out = child.stdout.take()?;
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = out.take(MAX_ANSWER).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let began = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return None;
                }
            }
        };
        let text = reader.join().ok()?;
        status.success().then_some(text)
    }
}
