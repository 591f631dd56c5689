//! The reference tables: node-semver's fixtures, OSV's semver rows, univers' npm ranges.

use std::cmp::Ordering;

use serde_json::Value;
use weir_core::ecosystem::{VersionRange as _, Versions as _};
use weir_npm::range::{Operator, Range};
use weir_npm::version::{Npm, Version};

/// The rows of a table; `None`, loudly, where the tables are absent.
fn table(path: &str) -> Option<Vec<Value>> {
    let file = weir_testing::skip::shared(&format!("conformance/{path}"))?;
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

/// Applies `check` to every row and reports all that fail.
fn every_row(path: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let Some(rows) = table(path) else { return };
    assert!(!rows.is_empty());
    let failures: Vec<String> =
        rows.iter().filter_map(|row| check(row).err().map(|problem| format!("{row}: {problem}"))).collect();
    assert!(failures.is_empty(), "{} of {} rows of {path}:\n{}", failures.len(), rows.len(), failures.join("\n"));
}

fn expect(truth: bool, problem: &str) -> Result<(), String> {
    if truth { Ok(()) } else { Err(problem.to_owned()) }
}

fn text(row: &Value, index: usize) -> &str {
    row[index].as_str().unwrap()
}

/// The options of a row as JavaScript sees them: any truthy value alone, and any truthy `loose`, are loose.
fn options(value: &Value) -> (bool, bool) {
    let truthy = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(value) => !value.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    };
    match value {
        Value::Object(options) => {
            (options.get("loose").is_some_and(truthy), options.get("includePrerelease").is_some_and(truthy))
        }
        value => (truthy(value), false),
    }
}

fn range(text: &str, loose: bool) -> Result<Range, String> {
    if loose { Range::parse_loose(text) } else { Range::parse(text) }.map_err(|error| error.to_string())
}

fn version(text: &str, loose: bool) -> Result<Version, String> {
    if loose { Version::parse_loose(text) } else { Version::parse(text) }.map_err(|error| error.to_string())
}

#[test]
fn versions_that_are_in_a_range_are_in_it() {
    every_row("npm-semver/range-include.json", |row| {
        let (loose, prereleases) = options(&row[2]);
        let (range, version) = (range(text(row, 0), loose)?, version(text(row, 1), loose)?);
        expect(range.satisfies(&version, prereleases), &format!("not in {}", range.normal_form(prereleases)))?;
        // What a resolver takes, policy takes too.
        expect(range.contains(text(row, 1)) == Some(true), "the lenient reading has it outside")
    });
}

#[test]
fn versions_that_are_not_in_a_range_are_not_in_it() {
    every_row("npm-semver/range-exclude.json", |row| {
        let (loose, prereleases) = options(&row[2]);
        let Some(version) = row[1].as_str().and_then(|text| version(text, loose).ok()) else { return Ok(()) };
        let range = range(text(row, 0), loose)?;
        expect(!range.satisfies(&version, prereleases), &format!("in {}", range.normal_form(prereleases)))
    });
}

#[test]
fn ranges_are_expanded_to_the_reference_form() {
    every_row("npm-semver/range-parse.json", |row| {
        let (loose, prereleases) = options(&row[2]);
        match (row[1].as_str(), range(text(row, 0), loose)) {
            (Some(form), Ok(range)) => {
                expect(range.normal_form(prereleases) == form, &format!("is {}", range.normal_form(prereleases)))
            }
            (None, Err(_)) => Ok(()),
            (Some(_), Err(error)) => Err(error),
            (None, Ok(range)) => Err(format!("is {}", range.normal_form(prereleases))),
        }
    });
}

/// node-semver's `gtr` (`above`) and `ltr`: beyond every version that the range could mean.
fn is_beyond(version: &Version, range: &Range, above: bool, prereleases: bool) -> bool {
    if range.satisfies(version, prereleases) {
        return false;
    }
    let further = |a: &Version, b: &Version| if above { a > b } else { a < b };
    let (open, open_or_equal) =
        if above { (Operator::Greater, Operator::GreaterOrEqual) } else { (Operator::Less, Operator::LessOrEqual) };
    for comparators in range.alternatives(prereleases) {
        // An alternative without comparators stands for `>=0.0.0`.
        let mut bounds: Vec<(Operator, Version)> =
            comparators.iter().map(|comparator| (comparator.operator, comparator.version.clone())).collect();
        if bounds.is_empty() {
            bounds.push((Operator::GreaterOrEqual, Version::parse("0.0.0").unwrap()));
        }
        let (mut high, mut low) = (&bounds[0], &bounds[0]);
        for bound in &bounds {
            if further(&bound.1, &high.1) {
                high = bound;
            } else if further(&low.1, &bound.1) {
                low = bound;
            }
        }
        if high.0 == open || high.0 == open_or_equal {
            return false;
        }
        if (low.0 == Operator::Equal || low.0 == open) && !further(version, &low.1) {
            return false;
        }
        if low.0 == open_or_equal && further(&low.1, version) {
            return false;
        }
    }
    true
}

#[test]
fn versions_beyond_a_range_are_told_from_those_in_its_gaps() {
    for (path, above, expected) in [
        ("npm-semver/version-gt-range.json", true, true),
        ("npm-semver/version-not-gt-range.json", true, false),
        ("npm-semver/version-lt-range.json", false, true),
        ("npm-semver/version-not-lt-range.json", false, false),
    ] {
        every_row(path, |row| {
            let (loose, prereleases) = options(&row[2]);
            let (range, version) = (range(text(row, 0), loose)?, version(text(row, 1), loose)?);
            expect(is_beyond(&version, &range, above, prereleases) == expected, "the other way round")
        });
    }
}

#[test]
fn the_greater_version_is_greater() {
    every_row("npm-semver/comparisons.json", |row| {
        let (loose, _) = options(&row[2]);
        let (greater, lesser) = (text(row, 0), text(row, 1));
        expect(version(greater, loose)? > version(lesser, loose)?, "not so")?;
        expect(Npm.compare(greater, lesser) == Some(Ordering::Greater), "the keys say otherwise")
    });
}

#[test]
fn equal_versions_are_equal() {
    every_row("npm-semver/equality.json", |row| {
        let (loose, _) = options(&row[2]);
        let (a, b) = (text(row, 0), text(row, 1));
        expect(version(a, loose)? == version(b, loose)?, "not so")?;
        expect(Npm.compare(a, b) == Some(Ordering::Equal), "the keys say otherwise")
    });
}

#[test]
fn valid_versions_have_their_parts() {
    every_row("npm-semver/valid-versions.json", |row| {
        let read = version(text(row, 0), false)?;
        let identifiers: Vec<Value> = read
            .prerelease
            .iter()
            .map(|identifier| match identifier.as_str().parse::<u64>() {
                Ok(number) if identifier.is_numeric() => Value::from(number),
                _ => Value::from(identifier.as_str()),
            })
            .collect();
        let parts = serde_json::json!([text(row, 0), read.major, read.minor, read.patch, identifiers, read.build]);
        expect(parts == *row, &parts.to_string())?;
        expect(Npm.sort_key(text(row, 0)).is_ok(), "it has no key")
    });
}

#[test]
fn invalid_versions_are_refused() {
    every_row("npm-semver/invalid-versions.json", |row| {
        let (loose, _) = options(&row[2]);
        match row[0].as_str() {
            Some(text) => expect(version(text, loose).is_err(), "it was read"),
            None => Ok(()),
        }
    });
}

#[test]
fn semver_rows_of_osv_hold() {
    every_row("versions/semver-versions.json", |row| {
        let expected = match text(row, 1) {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            _ => Ordering::Greater,
        };
        let found = Npm.compare(text(row, 0), text(row, 2));
        expect(found == Some(expected), &format!("{found:?}"))
    });
}

/// A `vers:` range (univers): constraints sorted by version, where neighbours of opposite direction enclose an interval.
fn vers_contains(vers: &str, version: &str) -> Option<bool> {
    let (_, constraints) = vers.split_once('/')?;
    if constraints == "*" {
        return Some(true);
    }
    let mut bounds: Vec<(&str, &str)> = Vec::new();
    for constraint in constraints.split('|') {
        let at = constraint.find(|c: char| !"<>=!".contains(c))?;
        let (operator, bound) = constraint.split_at(at);
        match (operator, Npm.compare(version, bound)?) {
            ("" | "=" | "<=" | ">=", Ordering::Equal) => return Some(true),
            ("" | "=", _) => {}
            _ => bounds.push((operator, bound)),
        }
    }
    bounds.sort_by(|a, b| Npm.compare(a.1, b.1).unwrap());
    let above = |bound: &str| Npm.compare(version, bound) == Some(Ordering::Greater);
    let below = |bound: &str| Npm.compare(version, bound) == Some(Ordering::Less);
    let first = bounds.first().is_some_and(|(operator, bound)| operator.starts_with('<') && below(bound));
    let last = bounds.last().is_some_and(|(operator, bound)| operator.starts_with('>') && above(bound));
    let between = bounds
        .windows(2)
        .any(|pair| pair[0].0.starts_with('>') && pair[1].0.starts_with('<') && above(pair[0].1) && below(pair[1].1));
    Some(first || last || between)
}

/// Where univers reads a range other than npm does: it takes `<= 1.0` for `<=1.0.0` and `>= 2.2.x` for `2.2.x`, and
/// intersections for unions.
const UNIVERS_DISAGREES: &[&str] = &["<= 1.0", ">= 2.2.x", ">=5.0.3 >=4.2.1", "1.1.2 1.2.2", "<=2.1 >=1.1"];

#[test]
fn ranges_of_advisories_hold_the_same_versions_as_univers_says() {
    let probed = std::cell::Cell::new(0);
    every_row("versions/univers-npm_range_from_native.json", |row| {
        let (native, vers) = (row["input"]["native_range"].as_str().unwrap(), row["expected_output"].as_str().unwrap());
        let range = range(native, false)?;
        // Overlapping alternatives are no valid `vers`; univers writes them down all the same.
        if native.contains("||") || UNIVERS_DISAGREES.contains(&native) {
            return Ok(());
        }
        let bounds = vers.split(['/', '|']).map(|part| part.trim_start_matches(['<', '>', '=', '!']));
        for bound in bounds.filter_map(|bound| Version::parse(bound).ok()) {
            for (part, by) in [(0, 0), (0, 1), (1, 1), (2, 1), (0, -1), (1, -1), (2, -1)] {
                let mut numbers = [bound.major, bound.minor, bound.patch];
                numbers[part] = numbers[part].saturating_add_signed(by);
                let probe = format!("{}.{}.{}", numbers[0], numbers[1], numbers[2]);
                let expected = vers_contains(vers, &probe);
                probed.set(probed.get() + 1);
                if range.contains(&probe) != expected {
                    return Err(format!("`{probe}` is {:?}, {vers} says {expected:?}", range.contains(&probe)));
                }
            }
        }
        Ok(())
    });
    every_row("versions/univers-npm_range_containment.json", |row| {
        let (vers, version) = (row["input"]["vers"].as_str().unwrap(), row["input"]["version"].as_str().unwrap());
        let native = vers.split_once('/').unwrap().1.replace('|', " ");
        let expected = row["expected_output"].as_bool();
        expect(range(&native, false)?.contains(version) == expected, "not so")
    });
    assert!(probed.get() == 0 || probed.get() > 1000);
}
