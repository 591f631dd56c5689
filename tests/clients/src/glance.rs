//! The table *At a glance* of `docs/reference/clients.md`: every client of every ecosystem in the same cases.
//!
//! Each ecosystem is tried by a test of its own, with an upstream of its own, so each writes, or compares, its own rows and
//! leaves those of the others as they are. No cell is written by hand.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The cases that every client is in, in the order of the columns.
pub const CASES: [&str; 6] = [
    "allowed",
    "range around a refused version",
    "pinned to a refused version",
    "lock file with a refused version",
    "file of a refused version",
    "upstream down",
];

/// What stands where a client has no such thing: no lock file, no way to ask for the address of a file.
pub const NONE: &str = "–";

/// The order of the rows. An ecosystem that is not named comes last.
const ORDER: [&str; 7] = ["pypi", "npm", "cargo", "conda", "cran", "go", "maven"];

/// Before the table, on the page.
const TITLE: &str = "## At a glance";

/// What was seen of one client.
#[derive(Clone, Debug)]
pub struct Row {
    /// As its ecosystem calls itself in addresses.
    pub ecosystem: String,
    /// Name and version.
    pub client: String,
    /// Where all that it printed can be read: another page beside this one, or a part of this one.
    pub details: String,
    /// As [`mark`] makes them, in the order of [`CASES`].
    pub cells: [String; 6],
}

impl Row {
    fn line(&self) -> String {
        format!("| {} | [{}]({}) | {} |", self.ecosystem, self.client, self.details, self.cells.join(" | "))
    }
}

/// A cell: what is installed, or else whether everything that a person has to know is on the screen.
pub fn mark(installed: Option<&str>, shown: &str, reason: &[&str]) -> String {
    match installed {
        Some(version) => format!("installs {version}"),
        None if reason.iter().all(|word| shown.contains(word)) => String::from("says why"),
        None => String::from("refused"),
    }
}

/// The same for an upstream that takes no connection: the reason is that.
pub fn mark_down(installed: Option<&str>, shown: &str) -> String {
    mark(installed, shown, &["Connection refused"]).replace("refused", "fails")
}

/// Compares the rows of one ecosystem with those of the page; puts them there where WEIR_UPDATE is set.
pub fn check(rows: &[Row]) {
    let page = std::fs::read_to_string(path()).unwrap();
    let there = lines(&page);
    let table = table(&page, rows);
    if std::env::var_os("WEIR_UPDATE").is_some() {
        return std::fs::write(path(), page.replace(&there, &table)).unwrap();
    }
    assert_eq!(there, table, "docs/reference/clients.md is not what the clients do; WEIR_UPDATE=1 writes it again");
}

/// The page.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients.md")
}

/// The table of a page, with these rows in the place of those of the same ecosystems.
pub fn table(page: &str, rows: &[Row]) -> String {
    let ecosystem = |line: &str| line.split('|').nth(1).unwrap_or_default().trim().to_owned();
    let is_ours = |line: &str| rows.iter().any(|row| row.ecosystem == ecosystem(line));
    let there = lines(page);
    let mut all: Vec<String> = there.lines().skip(2).filter(|line| !is_ours(line)).map(str::to_owned).collect();
    all.extend(rows.iter().map(Row::line));
    // Stable, so that the clients of one ecosystem stay in their order.
    all.sort_by_key(|line| ORDER.iter().position(|name| *name == ecosystem(line)).unwrap_or(ORDER.len()));
    let mut table =
        format!("| ecosystem | client | {} |\n|---|---|{}\n", CASES.join(" | "), "---|".repeat(CASES.len()));
    for line in all {
        writeln!(table, "{line}").unwrap();
    }
    table
}

/// The lines of the table on a page.
fn lines(page: &str) -> String {
    let after = page.split_once(TITLE).map_or("", |(_, after)| after);
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ecosystem: &str, client: &str, cell: &str) -> Row {
        Row {
            ecosystem: ecosystem.to_owned(),
            client: client.to_owned(),
            details: String::from("#there"),
            cells: std::array::from_fn(|_| cell.to_owned()),
        }
    }

    #[test]
    fn the_rows_of_one_ecosystem_take_the_place_of_its_own_and_of_no_others() {
        let first = table("", &[row("go", "go 1", "a"), row("pypi", "pip 1", "a"), row("pypi", "uv 1", "a")]);
        let page = format!("text\n\n{TITLE}\n\n{first}\n| not | ours |\n");
        assert_eq!(lines(&page), first);
        let second = table(&page, &[row("pypi", "pip 2", "b"), row("nuget", "nuget 1", "b")]);
        let rows: Vec<_> = second.lines().skip(2).collect();
        assert_eq!(
            rows.iter().map(|line| line.split('|').nth(2).unwrap().trim()).collect::<Vec<_>>(),
            ["[pip 2](#there)", "[go 1](#there)", "[nuget 1](#there)"]
        );
        assert!(first.starts_with("| ecosystem | client | allowed |"), "{first}");
    }

    #[test]
    fn a_mark_tells_what_is_installed_or_whether_the_reason_is_there() {
        assert_eq!(mark(Some("1.0"), "", &["why"]), "installs 1.0");
        assert_eq!(mark(None, "this is why", &["why"]), "says why");
        assert_eq!(mark(None, "403", &["why"]), "refused");
        assert_eq!(mark_down(None, "502"), "fails");
        assert_eq!(mark_down(None, "502: Connection refused"), "says why");
        assert_eq!(mark_down(Some("1.0"), ""), "installs 1.0");
    }
}
