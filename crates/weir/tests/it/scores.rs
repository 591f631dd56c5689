//! `docs/reference/versions.md`: how far `weir version compare` agrees with every table of version orders.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::versions::answers;

/// A table: what it is called, whose versions it has, and how its rows are read.
struct Table {
    file: &'static str,
    ecosystem: &'static str,
    rows: fn(&Value) -> Vec<Row>,
}

/// Two versions and how they stand: `<`, `=`, `>`, or `!` for any but equal.
type Row = (String, char, String);

const fn table(file: &'static str, ecosystem: &'static str, rows: fn(&Value) -> Vec<Row>) -> Table {
    Table { file, ecosystem, rows }
}

const TABLES: [Table; 29] = [
    table("versions/alpine-versions.json", "Alpine", signed),
    table("versions/alpine-versions-generated.json", "Alpine", signed),
    table("versions/cran-versions.json", "CRAN", signed),
    table("versions/cran-versions-generated.json", "CRAN", signed),
    table("versions/debian-versions.json", "Debian", signed),
    table("versions/debian-versions-generated.json", "Debian", signed),
    table("versions/univers-deb_version_python_pkg_test.json", "Debian", univers),
    table("versions/hackage-versions.json", "Hackage", signed),
    table("versions/maven-versions.json", "Maven", signed),
    table("versions/maven-versions-generated.json", "Maven", signed),
    table("versions/univers-maven_version_cmp.json", "Maven", univers),
    table("versions/nuget-versions.json", "NuGet", signed),
    table("versions/univers-nuget_version_cmp.json", "NuGet", univers),
    table("versions/packagist-versions.json", "Packagist", signed),
    table("versions/packagist-versions-generated.json", "Packagist", signed),
    table("versions/pub-versions.json", "Pub", signed),
    table("versions/pypi-versions.json", "PyPI", signed),
    table("versions/pypi-versions-generated.json", "PyPI", signed),
    table("pep440/ordered.json", "PyPI", ascending),
    table("versions/redhat-versions.json", "Red Hat", signed),
    table("versions/rubygems-versions.json", "RubyGems", signed),
    table("versions/rubygems-versions-generated.json", "RubyGems", signed),
    table("versions/semver-versions.json", "SemVer", signed),
    table("versions/semver-versions.json", "npm", signed),
    table("npm-semver/comparisons.json", "npm", later),
    table("versions/semver-versions.json", "Hex", signed),
    table("versions/univers-conan_version_cmp.json", "ConanCenter", univers),
    table("versions/univers-gentoo_version_cmp.json", "Gentoo", univers),
    table("versions/univers-openssl_version_cmp.json", "OpenSSL", univers),
];

/// Rows that do not come out as the table says, and what the reference tool itself answers.
const EXCEPTIONS: [(&str, &str, &str, &str); 4] = [
    ("Maven", "1.2.54.sec10", "1.2.54_noneautotype", "maven-artifact 3.8.7: `1.2.54.sec10 > 1.2.54_noneautotype`"),
    ("Maven", "1.0.0-RC16", "1.0.0.RC8-beta", "maven-artifact 3.8.7: `1.0.0-RC16 > 1.0.0.RC8-beta`"),
    ("Maven", "1.2.60.sec10", "1.2.60_noneautotype", "maven-artifact 3.8.7: `1.2.60.sec10 > 1.2.60_noneautotype`"),
    ("Maven", "2-1", "2.0.a", "maven-artifact 3.8.7: `2-1 > 2.0.a`"),
];

/// Most rows of a table that may be exceptions, in thousandths.
const MOST_EXCEPTIONS: usize = 5;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn signed(table: &Value) -> Vec<Row> {
    let rows = table.as_array().unwrap().iter();
    rows.map(|row| (text(&row[0]), text(&row[1]).chars().next().unwrap(), text(&row[2]))).collect()
}

fn later(table: &Value) -> Vec<Row> {
    table.as_array().unwrap().iter().map(|row| (text(&row[0]), '>', text(&row[1]))).collect()
}

fn ascending(table: &Value) -> Vec<Row> {
    let versions = table["versions"].as_array().unwrap();
    versions.windows(2).map(|pair| (text(&pair[0]), '<', text(&pair[1]))).collect()
}

fn univers(table: &Value) -> Vec<Row> {
    let rows = table.as_array().unwrap().iter();
    rows.map(|row| {
        let versions = &row["input"]["versions"];
        let (a, b) = (text(&versions[0]), text(&versions[1]));
        let sign = match (&row["expected_output"], a == b) {
            (Value::Bool(true), _) | (_, true) => '=',
            (Value::Bool(false), _) => '!',
            // NuGet's are written in lower case there.
            (sorted, _) if text(&sorted[0]).eq_ignore_ascii_case(&a) => '<',
            _ => '>',
        };
        (a, sign, b)
    })
    .collect()
}

/// The line of the page on `table`, and its rows that came out otherwise.
fn score(table: &Table, folder: &Path) -> (String, Vec<(String, String)>) {
    let read = serde_json::from_slice(&std::fs::read(folder.join(table.file)).unwrap()).unwrap();
    let rows = (table.rows)(&read);
    assert!(rows.len() > 5, "{} has {} rows", table.file, rows.len());
    let input: String = rows.iter().fold(String::new(), |mut input, (a, _, b)| {
        let _ = writeln!(input, "{a}\t{b}");
        input
    });
    let got = answers(table.ecosystem, &input);
    assert_eq!(got.chars().count(), rows.len(), "{}: one answer a line", table.file);
    // Two that univers sorts may be equal to the tool: what is asked there is that neither is out of place.
    let sorted = table.file.contains("univers");
    let right = |expected: char, got: char| match expected {
        '!' => got == '<' || got == '>',
        _ => got == expected || sorted && got == '=',
    };
    let wrong: Vec<_> =
        rows.iter().zip(got.chars()).filter(|((_, expected, _), got)| !right(*expected, *got)).collect();
    let line = format!("| {} | `{}` | {} | {} |\n", table.ecosystem, table.file, rows.len(), rows.len() - wrong.len());
    assert!(wrong.len() * 1000 <= rows.len() * MOST_EXCEPTIONS, "{line}{wrong:#?}");
    (line, wrong.into_iter().map(|((a, _, b), _)| (a.clone(), b.clone())).collect())
}

#[test]
fn every_table_of_version_orders_holds_but_for_what_the_page_says() {
    let Some(folder) = weir_testing::skip::shared("conformance") else { return };
    let mut page = String::from(
        "<!-- Written by its test: WEIR_UPDATE=1 cargo test -p weir --test it scores -->\n\n# Version orders\n\n\
         How `weir version compare --ecosystem NAME` answers the rows of reference tables: those of osv-scalibr, univers,\n\
         node-semver and packaging. A row has two versions and how they stand.\n\n\
         | Ecosystem | Table | Rows | As the table says |\n|---|---|--:|--:|\n",
    );
    let mut unknown = Vec::new();
    for table in &TABLES {
        let (line, wrong) = score(table, &folder);
        page.push_str(&line);
        for (a, b) in &wrong {
            let known = EXCEPTIONS.iter().any(|(name, c, d, _)| *name == table.ecosystem && c == a && d == b);
            if !known {
                unknown.push(format!("{}: {a} and {b}", table.file));
            }
        }
    }
    assert!(unknown.is_empty(), "not as the tables say: {unknown:#?}");
    page.push_str("\n## Exceptions\n\nWhere the reference tool itself answers otherwise than the table:\n\n");
    for (_, _, _, told) in &EXCEPTIONS {
        page.push_str(&format!("- {told}\n"));
    }
    page.push_str(
        "\n## Without a key\n\nMost orders are kept as bytes. Where an ecosystem compares versions in a circle, which Conan does with \
         `9`, `10` and\n`15x`, Packagist with `#` and Maven with some mixtures of letters and numbers, such versions are compared one \
         with another.\n\nAndroid, FreeBSD and OSS-Fuzz have no order that is written down, or none that could be checked here: \
         advisories for them\ncount by the versions they list.\n",
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/versions.md");
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == page,
        "docs/reference/versions.md is not what the tables give; with WEIR_UPDATE=1 this test writes it"
    );
}
