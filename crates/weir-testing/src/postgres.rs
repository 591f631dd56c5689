//! A private PostgreSQL: one cluster for each test process, one database for each test.
//!
//! The cluster lives in a temporary folder and listens on a socket in it, so that nothing on the machine is touched and
//! any number of test processes run beside each other. A small shell holds it: when the test process is gone, for
//! whatever reason, the shell's input ends, and it stops the cluster and deletes the folder.
//!
//! PostgreSQL refuses to run as root; as root it is run under the account `postgres`, else `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The role that owns everything.
const ROLE: &str = "weir";
/// Part of the socket's name only: no port is opened.
const PORT: &str = "5432";
/// How long a cluster may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Runs the server (its command is the arguments after the first two), waits for its own input to end, stops the server
/// and cleans up. `$1` is the data folder, `$2` the temporary one.
const KEEPER: &str = r#"
data=$1; folder=$2; shift 2
"$@" >"$folder/log" 2>&1 </dev/null &
cat >/dev/null
server=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
[ -n "$server" ] && kill -QUIT "$server" 2>/dev/null
wait
rm -rf "$folder"
"#;

/// A running cluster.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    /// The keeper lives as long as this is open.
    _life: ChildStdin,
}

impl Postgres {
    /// The cluster of this process, started when it is first asked for. `None`, with a line on standard error, where
    /// PostgreSQL is not installed; if the environment variable `WEIR_REQUIRE` names `postgres`, that is a panic.
    pub fn shared() -> Option<&'static Postgres> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| programs().map(|programs| Self::start(&programs)));
        if shared.is_none() {
            let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|word| word.trim() == "postgres"),
                "WEIR_REQUIRE names `postgres`, but there is no `initdb` in PATH or /usr/lib/postgresql/*/bin"
            );
            // Not `eprintln!`, which the test harness keeps to itself.
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            let line = format!("skipped: {test}: no `initdb` in PATH or /usr/lib/postgresql/*/bin\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        shared.as_ref()
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("weir_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let deadline = Instant::now() + START;
        while let Err(problem) = self.create(&name) {
            assert!(Instant::now() < deadline, "no database: {problem}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        format!("postgres://{ROLE}@localhost:{PORT}/{name}?host={}", encoded(&self.folder))
    }

    fn create(&self, name: &str) -> Result<(), String> {
        let mut command = clean(Command::new(self.programs.join("createdb")));
        command.arg("--host").arg(&self.folder).args(["--port", PORT, "--username", ROLE, "--no-password", name]);
        let output = command.output().map_err(|error| format!("createdb: {error}"))?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn start(programs: &Path) -> Self {
        let account = account();
        // The path of a socket has at most 107 bytes, so the name is short.
        let folder = tempfile::Builder::new().prefix("weir-pg-").tempdir().expect("a temporary folder").keep();
        if let Some(account) = &account {
            std::os::unix::fs::chown(&folder, Some(account.user), Some(account.group))
                .expect("a folder for the account");
        }
        let data = folder.join("data");
        let program = |name: &str| {
            let mut command = clean(as_account(account.as_ref(), &programs.join(name)));
            // The account may not see the folder that the test runs in.
            command.current_dir("/");
            command
        };

        let mut initdb = program("initdb");
        initdb.arg("--pgdata").arg(&data).args(["--username", ROLE, "--auth", "trust"]);
        initdb.args(["--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"]);
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));

        let mut server = program("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-p", PORT, "-c", "listen_addresses="]);
        // Nothing here outlives the process, so nothing needs to reach the disk.
        for setting in ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=300"] {
            server.args(["-c", setting]);
        }
        let (keeper, life) = keep(&data, &folder, &server);
        drop(keeper);
        Self { folder, programs: programs.to_owned(), databases: AtomicU32::new(0), _life: life }
    }
}

/// Starts the keeper, in a group of its own so that an interrupt from the keyboard does not end it before its work.
fn keep(data: &Path, folder: &Path, server: &Command) -> (Child, ChildStdin) {
    let mut keeper = clean(Command::new("/bin/sh"));
    keeper.args(["-c", KEEPER, "weir-pg-keeper"]).arg(data).arg(folder);
    keeper.arg(server.get_program()).args(server.get_args()).current_dir("/");
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut keeper = keeper.spawn().expect("a shell");
    let life = keeper.stdin.take().expect("the shell's input");
    (keeper, life)
}

/// Without the settings that a person has for their own database.
fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
}

/// The folder of `initdb`: the first in PATH, else the newest version in Debian's place.
fn programs() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH").and_then(|path| {
        let programs: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join("initdb")).collect();
        programs.into_iter().find(|program| program.is_file())
    });
    if let Some(initdb) = in_path {
        // A link in PATH stands for the folder where the other programs are.
        return fs::canonicalize(initdb).ok()?.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            let folder = version.path().join("bin");
            folder.join("initdb").is_file().then_some((number, folder))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// An account that is not root.
struct Account {
    name: &'static str,
    user: u32,
    group: u32,
}

fn id(flag: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(flag).args(name).stderr(Stdio::null()).output().ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok()?.trim().parse().ok() } else { None }
}

/// The account to run PostgreSQL under, if this is root.
fn account() -> Option<Account> {
    if id("-u", None) != Some(0) {
        return None;
    }
    let found = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some(Account { name, user: id("-u", Some(name))?, group: id("-g", Some(name))? }));
    Some(found.expect("PostgreSQL refuses root, and there is no account `postgres` or `nobody`"))
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn as_account(account: Option<&Account>, program: &Path) -> Command {
    let Some(account) = account else { return Command::new(program) };
    let mut command;
    if in_path("setpriv") {
        command = Command::new("setpriv");
        command.arg(format!("--reuid={}", account.user)).arg(format!("--regid={}", account.group));
        command.args([OsStr::new("--clear-groups"), OsStr::new("--"), program.as_os_str()]);
    } else if in_path("runuser") {
        command = Command::new("runuser");
        command.args([OsStr::new("-u"), OsStr::new(account.name), OsStr::new("--"), program.as_os_str()]);
    } else {
        command = Command::new("su");
        command.args(["-s", "/bin/sh", account.name, "-c", r#"exec "$0" "$@""#, "--"]).arg(program);
    }
    command
}

/// For the query of an address.
fn encoded(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
