//! `docs/reference/clients-maven.md`: written by a run, and compared with what the next one sees.

use std::fmt::Write as _;
use std::path::Path;

use weir_clients::glance::{self, mark, mark_down};

/// What a client left: on the screen, without what differs from run to run, and in its cache.
pub struct Seen {
    pub text: String,
    pub jars: Vec<String>,
}

impl Seen {
    /// The JARs of an artifact that are there afterwards.
    pub fn jar(&self, artifact: &str) -> Vec<&str> {
        self.jars.iter().map(String::as_str).filter(|jar| jar.starts_with(artifact)).collect()
    }
}

/// The page.
pub struct Page {
    glance: String,
    lines: String,
    rows: Vec<glance::Row>,
}

/// One client's row.
pub struct Row<'a> {
    page: &'a mut Page,
    cells: Vec<String>,
    /// Of the table of all clients.
    marks: Vec<String>,
    client: String,
}

const CASES: [&str; 5] = [
    "allowed",
    "range",
    "range in which all is refused",
    "pinned to a refused version",
    "upstream down, and Weir has nothing",
];

impl Page {
    /// With nothing seen yet.
    pub fn new() -> Self {
        let glance = format!(
            "\
# What people see in Maven and Gradle

What they show when Weir lets a library through, refuses it, or cannot reach upstream. The repository is Maven Central. For Maven
the library is a build extension or an imported POM of a project that has nothing else, and checksums that do not fit are errors
(`-C`); for Gradle it is the one dependency of a configuration. Written and compared by `cargo test -p weir-clients --test maven`,
as [clients.md](clients.md) is.

*says why*: rule, advisory and nearest allowed version are on the screen. A range never sees a refused version, so nothing is said
of it: `weir explain` does.

The stage has `vulnerability = {{ block-cvss = 10.0 }}`, which refuses log4j-core from 2.0 to 2.14.1.

| client | {} |
|---|{}
",
            CASES.join(" | "),
            "---|".repeat(CASES.len())
        );
        Self { glance, lines: String::from("\n## The line that tells most\n"), rows: Vec::new() }
    }

    /// The next row.
    pub fn row(&mut self, client: String) -> Row<'_> {
        Row { page: self, cells: Vec::new(), marks: Vec::new(), client }
    }

    /// The rows of the table of all clients.
    pub fn rows(&self) -> &[glance::Row] {
        &self.rows
    }

    /// Compares the page with what was seen; writes it where WEIR_UPDATE is set.
    pub fn check(&self) {
        let page = format!("{}{}", self.glance, self.lines);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients-maven.md");
        if std::env::var_os("WEIR_UPDATE").is_some() {
            return std::fs::write(path, &page).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            page, there,
            "docs/reference/clients-maven.md is not what they print; WEIR_UPDATE=1 writes it again"
        );
    }
}

impl Row<'_> {
    /// A case in which an artifact came.
    pub fn resolves(&mut self, seen: &Seen, artifact: &str) {
        let jars = seen.jar(artifact).join(", ");
        let jar = jars.trim_end_matches(".jar");
        self.cells.push(format!("resolves {jar}"));
        self.marks.push(mark(jar.strip_prefix(artifact).map(|version| &version[1..]), &seen.text, &[]));
    }

    /// A case in which none came, with the line that tells the reason and has `with` in it; all of `reason` is to be read.
    pub fn refused(&mut self, seen: &Seen, with: &str, reason: &[&str]) {
        self.fails("fails, says why", seen, with);
        self.marks.push(mark(None, &seen.text, reason));
    }

    /// The case in which upstream cannot be reached.
    pub fn down(&mut self, seen: &Seen) {
        self.fails("fails, says why", seen, "be reached");
        self.marks.push(mark_down(None, &seen.text));
    }

    /// A case in which none came, with the line that has `with` in it and tells no reason.
    pub fn missing(&mut self, seen: &Seen, with: &str) {
        self.fails("fails", seen, with);
    }

    fn fails(&mut self, cell: &str, seen: &Seen, with: &str) {
        let line = seen.text.lines().find(|line| line.contains(with));
        let case = CASES.get(self.cells.len()).copied().unwrap_or_default();
        let line = line.unwrap_or_else(|| panic!("{case}: nothing says `{with}`:\n{}", seen.text));
        self.cells.push(cell.to_owned());
        writeln!(self.page.lines, "\n{}, {case}:\n\n```\n{}\n```", self.client, plain(line)).unwrap();
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        writeln!(self.page.glance, "| {} | {} |", self.client, self.cells.join(" | ")).unwrap();
        let [allowed, range, pinned, down] = self.marks.as_slice() else { return };
        let none = || glance::NONE.to_owned();
        self.page.rows.push(glance::Row {
            ecosystem: String::from("maven"),
            client: self.client.clone(),
            details: String::from("clients-maven.md"),
            cells: [allowed.clone(), range.clone(), pinned.clone(), none(), none(), down.clone()],
        });
    }
}

/// A line without decision ids and what surrounds it.
fn plain(line: &str) -> String {
    let line = line.trim().trim_start_matches("[ERROR]").trim().trim_start_matches("> ");
    let line = line.split(" @ ").next().unwrap_or(line).trim_end_matches(['@', ' ']);
    match line.split_once("URL/d/") {
        Some((before, after)) => format!("{before}http://HOST/d/ID{}", after.get(16..).unwrap_or_default()),
        None => line.to_owned(),
    }
}
