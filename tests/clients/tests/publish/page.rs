//! `docs/reference/clients-publish.md`: written by a run, and compared with what the next one sees.

use std::fmt::Write as _;
use std::path::Path;

/// What a client left on the screen, without what differs from run to run.
pub struct Seen {
    pub code: i32,
    pub text: String,
}

/// The page.
pub struct Page {
    glance: String,
    lines: String,
}

/// One client's row.
pub struct Row<'a> {
    page: &'a mut Page,
    cells: Vec<String>,
    client: String,
}

const CASES: [&str; 5] =
    ["publishes", "a version that exists", "a name that upstream has", "without the right", "broken off"];

impl Page {
    /// With nothing seen yet.
    pub fn new() -> Self {
        let glance = format!(
            "\
# What people see when they publish

What the clients print that publish packages of one's own through `weir serve`, and what they print where they may not. What each
publishes is then installed from the stage by a client of the same ecosystem. The upstreams have one package, `taken`. Written and
compared by `cargo test -p weir-clients --test publish`, as [clients.md](clients.md) is; how to set the clients up is in
[guides/publishing.md](../guides/publishing.md).

*says why*: the reason is on the screen, in the line below; npm, pnpm and cargo look for an existing version by themselves. *fails*:
the connection ended within the upload, and nothing of it is visible; cargo publishes to the address that the index names, so nothing
could be put in between.

| client | {} |
|---|{}
",
            CASES.join(" | "),
            "---|".repeat(CASES.len())
        );
        Self { glance, lines: String::from("\n## The lines\n") }
    }

    /// Begins a client's row.
    pub fn row(&mut self, client: &str, version: &str) -> Row<'_> {
        let client = format!("{client} {version}");
        writeln!(self.lines, "\n### {client}\n\n| case | the line that tells most |\n|---|---|").unwrap();
        Row { page: self, cells: Vec::new(), client }
    }

    /// Compares the page with what was seen; writes it where WEIR_UPDATE is set.
    pub fn check(&self) {
        let text = format!("{}{}", self.glance, self.lines);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients-publish.md");
        if std::env::var_os("WEIR_UPDATE").is_some() {
            return std::fs::write(path, text).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            text, there,
            "docs/reference/clients-publish.md is not what clients print; WEIR_UPDATE=1 writes it again"
        );
    }
}

impl Row<'_> {
    /// A case, with the line that has `with` in it. A reason is what Weir says; a client that hides it says something else.
    pub fn cell(&mut self, case: &str, seen: &Seen, with: &str) {
        let line = seen.text.lines().find(|line| line.contains(with));
        let line = line.unwrap_or_else(|| panic!("{} {case}: nothing says `{with}`:\n{}", self.client, seen.text));
        let why = ["already exists", "cannot publish over", "is a package of", "may not publish"]
            .iter()
            .any(|why| line.contains(why));
        self.cells.push(match (seen.code, why) {
            (0, _) => String::from("yes"),
            (_, true) => String::from("says why"),
            (_, false) => String::from("refused"),
        });
        writeln!(self.page.lines, "| {case} | `{}` |", plain(line)).unwrap();
    }

    /// A case of which only the end counts.
    pub fn fails(&mut self) {
        self.cells.push(String::from("fails"));
    }

    /// A case that cannot be made.
    pub fn untried(&mut self) {
        self.cells.push(String::from("–"));
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            writeln!(self.page.glance, "| {} | {} |", self.client, self.cells.join(" | ")).unwrap();
        }
    }
}

/// A line without what would end a cell, and not longer than can be read.
fn plain(line: &str) -> String {
    let line = line.trim().replace('|', "\\|").replace('`', "'");
    match line.char_indices().nth(260) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
