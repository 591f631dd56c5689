//! `docs/reference/clients.md`: written by a run, and compared with what the next one sees.

use std::fmt::Write as _;
use std::path::Path;

use crate::clients::{CASES, Case, Shows, Subject};

/// What was seen of one client.
pub struct Row {
    pub client: &'static str,
    pub version: String,
    pub subject: &'static Subject,
    pub cells: Vec<Cell>,
}

/// What was seen in one case.
pub struct Cell {
    pub case: Case,
    pub shows: Shows,
    pub installed: Option<String>,
    pub line: String,
    /// Seconds in which it was over, where that matters.
    pub within: Option<u64>,
}

const HEAD: &str = "\
# What people see in their client

What each package manager prints when Weir lets a release through, refuses it, or cannot reach upstream. Every line below is
printed by the real client, installing through `weir serve` from the public registries; the address of a stage is shortened to
`URL`, the address of a decision to `http://HOST/d/ID`, the address of an upstream to `UPSTREAM`.

This page is written by its test, and the test fails when a client prints something else:

```sh
.ci/run tools release                                                  # the clients, and weir
WEIR_REQUIRE=shared,clients WEIR_UPDATE=1 cargo test -p weir-clients   # writes this page again
```

Advisories are those of the data beside the project. The stage refuses what is critical, and what is malicious:

```toml
[stage.strict]
vulnerability = { block-cvss = 9.0 }
malware = \"block\"
```

## At a glance

*says why*: rule, advisory and nearest allowed version are on the screen. *refused*: the client stops, but has no place for a
reason; `weir explain` and the address of the decision have it.

";

const CASES_EXPLAINED: &str = "
## The cases

- **allowed**: exactly a version that policy allows.
- **range around a refused version**: the newest version in the range is refused; the client takes the newest that is not.
- **pinned to a refused version**: exactly a version that policy refuses.
- **lock file with a refused version**: locked, with hashes where the client has them, in a stage that allows it; installed in
  one that refuses it, with empty caches.
- **file of a refused version**: past the index, by the address of the file; for cargo, which takes none, by a lock file that
  is written by hand.
- **upstream down**: upstream takes no connection and Weir has nothing kept. The client is told not to try again; poetry and
  yarn classic try again all the same.

`cargo vendor` asks crates.io itself, whatever replaces it, unless it is given `--respect-source-config`. What a client has in a
cache of its own it installs without asking: empty it, or move it, when a stage becomes stricter.
";

/// Compares the page with what a run saw; writes it where WEIR_UPDATE is set.
pub fn check(rows: &[Row]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients.md");
    let page = render(rows);
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs: Vec<_> = page
        .lines()
        .filter(|line| !there.lines().any(|old| old == *line))
        .map(|line| format!("+ {line}"))
        .chain(there.lines().filter(|old| !page.lines().any(|line| line == *old)).map(|old| format!("- {old}")))
        .collect();
    assert!(
        page == there,
        "docs/reference/clients.md is not what the clients print; with WEIR_UPDATE=1 this test writes it again:\n{}",
        differs.join("\n")
    );
}

fn render(rows: &[Row]) -> String {
    let mut page = String::from(HEAD);
    let titles: Vec<_> = CASES.iter().map(|case| case.title()).collect();
    writeln!(page, "| client | {} |", titles.join(" | ")).unwrap();
    writeln!(page, "|---|{}", "---|".repeat(titles.len())).unwrap();
    for row in rows {
        let marks: Vec<_> = row.cells.iter().map(mark).collect();
        writeln!(page, "| {} {} | {} |", row.client, row.version, marks.join(" | ")).unwrap();
    }
    page.push_str(CASES_EXPLAINED);
    for row in rows {
        let Subject { package, allowed, refused, advisory, nearest, .. } = row.subject;
        writeln!(page, "\n## {} {}\n", row.client, row.version).unwrap();
        writeln!(
            page,
            "`{package}`: {allowed} is allowed; {refused} is refused by `vulnerability` for {advisory}, and the nearest that \
             is allowed is {nearest}.\n"
        )
        .unwrap();
        writeln!(page, "| case | the line that tells most |\n|---|---|").unwrap();
        for cell in &row.cells {
            let mut note = String::new();
            if let Some(version) = &cell.installed {
                write!(note, "installs {version}: ").unwrap();
            }
            if let Some(seconds) = cell.within {
                write!(note, "over in less than {seconds} s: ").unwrap();
            }
            let line = cell.line.replace('|', "\\|").replace('`', "'");
            let why = match cell.shows {
                Shows::Nothing(why) => format!(" — no reason: {why}"),
                _ => String::new(),
            };
            writeln!(page, "| {} | {note}`{line}`{why} |", cell.case.title()).unwrap();
        }
    }
    page
}

fn mark(cell: &Cell) -> String {
    match (&cell.installed, cell.shows, cell.case) {
        (Some(version), ..) => format!("installs {version}"),
        (None, Shows::Nothing(_), Case::Down) => String::from("fails"),
        (None, Shows::Nothing(_), _) => String::from("refused"),
        (None, ..) => String::from("says why"),
    }
}
