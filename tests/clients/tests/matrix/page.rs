//! `docs/reference/clients.md`: written by a run, and compared with what the next one sees.

use std::fmt::Write as _;

use weir_clients::glance;

use crate::clients::{CASES, Case, Empty, HARDER, Shows, Subject};

/// What was seen of one client.
pub struct Row {
    pub client: &'static str,
    pub version: String,
    pub subject: &'static Subject,
    /// What empties its own cache.
    pub empty: Option<Empty>,
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
`URL`, the address of a decision to `http://HOST/d/ID`, the address of an upstream to `UPSTREAM`. What the clients of conda, R, Go
and Maven print is on pages of their own, to which the first table leads.

This page is written by its tests, and a test fails when a client does something else:

```sh
.ci/run tools release                                                  # the clients, and weir
WEIR_REQUIRE=shared,clients,nginx WEIR_UPDATE=1 cargo test -p weir-clients   # writes this page again
```

Advisories are those of the data beside the project. The stage refuses what is critical, and what is malicious:

```toml
[stage.strict]
vulnerability = { block-cvss = 9.0 }
malware = \"block\"
```

## At a glance

*says why*: rule, advisory and nearest allowed version are on the screen. *refused*: the client stops, but has no place for a
reason; `weir explain` and the address of the decision have it. –: the client has no such thing. R pins a version by the address
of its file, and so do the lock files of conda's clients.

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

`cargo vendor` asks crates.io itself, whatever replaces it, unless it is given `--respect-source-config`.

## On harder days

Here upstream is a fake one with the releases in question, so that it can misbehave.

";

const HARDER_EXPLAINED: &str = "
- **cut in the tail**: an artifact of more than 8 MiB, with the digest of its index, that says at its end that it is another
  package. Weir has sent all but the tail when it sees that, and cuts the connection. The client ends without it.
- **tried again after that**: the same command again, with whatever the client has kept of the first.
- **refused since**: installed when the stage allowed it; then the policy changes, and the same version is pinned again, in an
  empty project with the client's own cache as it was left.
- **refused since, locked**: the same from the lock file of the day before. What a client finds in a cache of its own by name
  and digest it installs without asking for it, so no server can refuse it.
- **its cache emptied**: the same after the command below; or let the command that installs begin with an empty cache, as in CI.
- **https**: `weir serve --tls-certificate … --tls-key …` with a certificate of an authority that the client alone is told of,
  beyond loopback, with a token ([guides/clients.md](../guides/clients.md)): pip, uv and poetry send it as Basic, npm, pnpm and
  yarn as Bearer, cargo as it is.
- **https, refused**: a lock file with a refused version, in the same way.
- **the token's stage**: the lock file and all settings name a stage that allows it; the token is bound to one that refuses it.
- **nginx**: the same as https, but nginx speaks it, under a path of its own, and Weir is behind it.
";

/// Compares the page with what a run saw; writes it where WEIR_UPDATE is set.
pub fn check(rows: &[Row]) {
    let path = glance::path();
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let page = render(rows, &there);
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page).unwrap();
        return;
    }
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

fn render(rows: &[Row], there: &str) -> String {
    assert_eq!(CASES.map(Case::title), glance::CASES);
    let mut page = String::from(HEAD);
    page.push_str(&glance::table(there, &rows.iter().map(glanced).collect::<Vec<_>>()));
    page.push_str(CASES_EXPLAINED);
    harder(&mut page, rows);
    page.push_str(HARDER_EXPLAINED);
    page.push_str(
        "\nWhat empties a client's own cache, when a stage becomes stricter:\n\n| client | command |\n|---|---|\n",
    );
    for row in rows {
        let command = row
            .empty
            .map_or_else(|| String::from("not needed: it asks each time"), |empty| format!("`{}`", empty.command));
        writeln!(page, "| {} | {command} |", row.client).unwrap();
    }
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
                Shows::Kept => String::from(" — from its own cache"),
                _ => String::new(),
            };
            let shown = if line.is_empty() { String::from("prints nothing") } else { format!("`{line}`") };
            writeln!(page, "| {} | {note}{shown}{why} |", cell.case.title()).unwrap();
        }
    }
    page
}

/// Its row of the table that all ecosystems share.
fn glanced(row: &Row) -> glance::Row {
    let marks = marks(row, &CASES);
    let heading = format!("{} {}", row.client, row.version);
    let anchor: String = heading.chars().filter(|c| *c != '.').map(|c| if c == ' ' { '-' } else { c }).collect();
    glance::Row {
        ecosystem: row.subject.file.split('/').next().unwrap_or_default().to_owned(),
        client: heading,
        details: format!("#{anchor}"),
        cells: std::array::from_fn(|at| marks[at].clone()),
    }
}

fn harder(page: &mut String, rows: &[Row]) {
    let titles = HARDER.map(Case::title);
    writeln!(page, "| client | {} |", titles.join(" | ")).unwrap();
    writeln!(page, "|---|{}", "---|".repeat(titles.len())).unwrap();
    for row in rows {
        writeln!(page, "| {} {} | {} |", row.client, row.version, marks(row, &HARDER).join(" | ")).unwrap();
    }
}

fn marks(row: &Row, cases: &[Case]) -> Vec<String> {
    let cells = cases.iter().filter_map(|case| row.cells.iter().find(|cell| cell.case == *case));
    cells.map(mark).collect()
}

fn mark(cell: &Cell) -> String {
    match (&cell.installed, cell.shows, cell.case) {
        (Some(_), Shows::Kept, _) => String::from("its own cache"),
        (Some(version), ..) => format!("installs {version}"),
        (None, Shows::Nothing(_), Case::Down | Case::Cut) => String::from("fails"),
        (None, Shows::Nothing(_), _) => String::from("refused"),
        (None, ..) => String::from("says why"),
    }
}
