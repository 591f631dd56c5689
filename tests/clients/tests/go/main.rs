//! The go command through a real `weir serve`, against the public module proxy and its checksum database. What it shows is
//! written to `docs/reference/clients-go.md`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails by panicking")]

mod gate;

use std::fmt::Write as _;
use std::path::Path;

use gate::Gate;
use weir_clients::glance::{self, mark, mark_down};
use weir_testing::skip;

const POLICY: &str = r#"[stage.open]

[stage.strict]
private-name = ["example.com/ours/*"]
denied = [
  { package = "pkg:golang/golang.org/x/text@>=v0.15.0", reason = "it is too new for this test" },
  { package = "pkg:golang/github.com/google/uuid", reason = "it is not for this test" },
]
"#;

/// A module that requires one version, and no sums.
fn pinned(module: &str) -> String {
    format!("module example.com/m\n\ngo 1.21\n\nrequire {module}\n")
}

#[test]
fn the_go_command_gets_what_is_allowed_and_says_why_it_does_not_get_the_rest() {
    let Some(version) = gate::version() else { return skip::skip("clients", "there is no `go`") };
    let Some(gate) = Gate::start("", POLICY) else { return };
    let empty = "module example.com/m\n\ngo 1.21\n";
    let mut page = Page::new(&version);
    let cell = |seen: &str| mark(added(seen).as_deref(), seen, &["denied by policy", "nearest allowed v0.14.0"]);

    let seen = gate.go("strict", empty, &["get", "golang.org/x/text@v0.14.0"]);
    let mut cells = vec![cell(&seen)];
    page.row("allowed", &seen, "added golang.org/x/text v0.14.0");
    let seen = gate.go("strict", empty, &["get", "golang.org/x/text@latest"]);
    cells.push(cell(&seen));
    page.row("the newest is refused", &seen, "added golang.org/x/text v0.14.0");
    let seen = gate.go("strict", empty, &["get", "golang.org/x/text@v0.15.0"]);
    cells.push(cell(&seen));
    page.row("asks for a refused version", &seen, "denied by policy");
    let seen = gate.go("strict", empty, &["get", "github.com/google/uuid"]);
    page.row("asks for a module of which no version is allowed", &seen, "denied by policy");
    let seen = gate.go("strict", &pinned("golang.org/x/text v0.14.0"), &["mod", "download", "-json"]);
    page.row("pinned in go.mod, allowed", &seen, "\"Sum\": \"h1:ScX5w1eTa3QqT8oi6+ziP7dTV1S2+ALU0bI+0zXKWiQ=\"");
    let seen = gate.go("strict", &pinned("golang.org/x/text v0.15.0"), &["mod", "download"]);
    // `go.mod` is the lock file, and the go command takes no address of a file.
    cells.extend([cell(&seen), glance::NONE.to_owned()]);
    page.row("pinned in go.mod, refused", &seen, "denied by policy");
    let seen = gate.go("strict", empty, &["get", "example.com/ours/m@v1.0.0"]);
    page.row("private", &seen, "private-name");

    let Some(down) = Gate::start("[upstream.go]\nurl = \"http://127.0.0.1:9/\"\n", POLICY) else { return };
    let seen = down.go("open", empty, &["get", "golang.org/x/text@v0.14.0"]);
    cells.push(mark_down(added(&seen).as_deref(), &seen));
    page.row("upstream down, and Weir has nothing", &seen, "502");
    page.check();
    glance::check(&[glance::Row {
        ecosystem: String::from("go"),
        client: version,
        details: String::from("clients-go.md"),
        cells: cells.try_into().unwrap(),
    }]);
}

/// The version of the module that `go get` says it took.
fn added(seen: &str) -> Option<String> {
    seen.lines().find_map(|line| line.split_once("added golang.org/x/text ")).map(|(_, version)| version.to_owned())
}

/// `docs/reference/clients-go.md`: written by a run, and compared with what the next one sees.
struct Page(String);

impl Page {
    fn new(version: &str) -> Self {
        Self(format!(
            "\
# What people see in Go

What {version} shows when Weir lets a version through, refuses it, or cannot reach upstream. Modules and checksum database are the
public ones, and the go command verifies what Weir hands on: `GOSUMDB` is as it always is. `URL` is the address of Weir. Written and
compared by `cargo test -p weir-clients --test go`, as [clients.md](clients.md) is.

| case | the line that tells most |
|---|---|
"
        ))
    }

    /// A case, with the line that has `with` in it.
    fn row(&mut self, case: &str, seen: &str, with: &str) {
        let line = seen.lines().find(|line| line.contains(with));
        let line = line.unwrap_or_else(|| panic!("{case}: nothing says `{with}`:\n{seen}"));
        let line = line.trim().replace('|', "\\|").replace('`', "'");
        // Seconds differ from run to run.
        let line = line.split_once("; the next try").map_or(line.as_str(), |(line, _)| line).to_owned();
        let line = match line.split_once("/d/") {
            Some((before, after)) => format!("{before}/d/ID{}", after.get(16..).unwrap_or_default()),
            None => line,
        };
        writeln!(self.0, "| {case} | `{line}` |").unwrap();
    }

    /// Compares the page with what was seen; writes it where WEIR_UPDATE is set.
    fn check(&self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients-go.md");
        if std::env::var_os("WEIR_UPDATE").is_some() {
            return std::fs::write(path, &self.0).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(self.0, there, "docs/reference/clients-go.md is not what go prints; WEIR_UPDATE=1 writes it again");
    }
}
