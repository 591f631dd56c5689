//! `docs/reference/no-way-around.md`: written by a run, and compared with what the next one sees.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::packages::Of;
use super::routes::{Kind, elsewhere, routes};
use super::table::{Row, Table};

/// Longest example, in characters.
const EXAMPLE: usize = 80;

const HEAD: &str = "\
<!-- Written by its test: WEIR_UPDATE=1 cargo test -p weir --test it around -->

# No way around

Every route of the gate, asked for what a stage refuses and for names that are private, in every spelling and every way that
we know of. The requests go to the built `weir serve` through raw sockets, with a fake upstream behind it that has all of it.

```sh
cargo test -p weir --test it around                 # asks all of this, and compares it with this page
WEIR_UPDATE=1 cargo test -p weir --test it around   # writes this page again
```

Everything is asked with GET while Weir holds nothing; and with GET, HEAD and Range after another stage, which allows
everything, has let all of it into the store, so that nothing but the decision stands between the bytes and the client. The
answers do not tell the one from the other.

- **served**: requests that are answered with an artifact, what belongs to one, or a manifest; of index pages, with one that
  offers a refused release, and for private names with any page at all; of indexes of all packages, with one that offers a
  release that is refused or private. It is 0, or the test fails.
- **told**: requests to an upstream that ask for a refused file, or that tell it a private name. It is 0, or the test fails.
- **control**: the same requests, asked with GET in the stage that allows everything: how many of them reach what they ask for.
  A spelling that reaches something there is one that the gate has to hold; the others are no way for anybody. None reaches
  another package, or the test fails.

An answer of 200 is an index without what is refused or private, or the page at `/`.
";

/// Compares the page with what a run saw; writes it where WEIR_UPDATE is set.
pub fn check(tables: &[Table]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/no-way-around.md");
    let page = render(tables);
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let other = |a: &str, b: &str, mark: char| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    assert!(
        page == there,
        "docs/reference/no-way-around.md is not what the gate answers; with WEIR_UPDATE=1 this test writes it again:\n{}{}",
        other(&page, &there, '+'),
        other(&there, &page, '-')
    );
}

fn render(tables: &[Table]) -> String {
    let mut page = String::from(HEAD);
    for table in tables {
        page.push_str(match table.of {
            Of::Refused => "\n## Refused releases\n\n",
            Of::Private => "\n## Private names\n\n",
        });
        counts(&mut page, table);
    }
    page.push_str(
        "\n## The families\n\nEach with one of its members, for the address of a wheel; `…` is that address.\n\n",
    );
    page.push_str("| family | for example |\n|---|---|\n");
    for (family, (row, _)) in tables.iter().rev().flat_map(|table| &table.rows).collect::<BTreeMap<_, _>>() {
        writeln!(page, "| {family} | {} |", shown(&row.example)).unwrap();
    }
    page.push_str(
        "\n## The routes\n\nAfter `/{stage}/`, here of what is refused; those of private names are alike.\n\n",
    );
    page.push_str("| kind | routes |\n|---|---|\n");
    for kind in Kind::ALL {
        let routes: Vec<_> = routes(Of::Refused).into_iter().chain(elsewhere(Of::Refused)).collect();
        let paths = routes.iter().filter(|route| route.kind == kind).map(|route| format!("`{}`", route.path));
        writeln!(page, "| {} | {} |", kind.title(), paths.collect::<Vec<_>>().join(" ")).unwrap();
    }
    page
}

fn counts(page: &mut String, table: &Table) {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.title()).collect();
    writeln!(page, "| family | {} | served | told | answered | control |", kinds.join(" | ")).unwrap();
    writeln!(page, "|---|{}---:|---:|---|---:|", "---:|".repeat(kinds.len())).unwrap();
    let (mut all, mut reached, mut controls) = (Row::default(), 0, 0);
    for (family, (row, control)) in &table.rows {
        let control_asked: usize = control.asked.values().sum();
        line(page, family, row, control.served, control_asked);
        for (kind, count) in &row.asked {
            *all.asked.entry(*kind).or_default() += count;
        }
        for (status, count) in &row.answered {
            *all.answered.entry(*status).or_default() += count;
        }
        all.served += row.served;
        all.told += row.told;
        reached += control.served;
        controls += control_asked;
    }
    line(page, "**all**", &all, reached, controls);
}

fn line(page: &mut String, family: &str, row: &Row, reached: usize, controls: usize) {
    let count = |kind: &Kind| row.asked.get(kind).map_or_else(|| String::from("–"), usize::to_string);
    let asked: Vec<_> = Kind::ALL.iter().map(count).collect();
    let answered: Vec<_> = row.answered.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    let (served, told, answered) = (row.served, row.told, answered.join(", "));
    writeln!(page, "| {family} | {} | {served} | {told} | {answered} | {reached} of {controls} |", asked.join(" | "))
        .unwrap();
}

/// An example on one line of a table, with what cannot be seen written out.
fn shown(example: &str) -> String {
    let first = example.trim_end_matches(['\r', '\n']);
    let mut text = String::new();
    for c in first.chars() {
        match c {
            '|' => text.push_str("\\|"),
            '`' => text.push('\''),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{200b}') => {
                write!(text, "{}", c.escape_default()).unwrap()
            }
            c => text.push(c),
        }
    }
    if text.chars().count() > EXAMPLE {
        text = text.chars().take(EXAMPLE).collect::<String>() + "…";
    }
    format!("`{text}`")
}
