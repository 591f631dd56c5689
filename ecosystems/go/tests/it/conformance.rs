//! Version order against a reference table and against itself.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_go::{ECOSYSTEM, Version, escape, unescape};

fn order(a: &str, b: &str) -> Option<Ordering> {
    ECOSYSTEM.versions.compare(a, b)
}

#[test]
fn the_order_is_that_of_the_semver_table() {
    let Some(file) = weir_testing::skip::shared("conformance/versions/semver-versions.json") else { return };
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut checked = 0;
    for row in &rows {
        let [a, sign, b] = [0, 1, 2].map(|index| row[index].as_str().unwrap());
        if [a, b].iter().any(|text| text.split(['-', '+']).next().unwrap().split('.').count() > 3) {
            assert_eq!(order(a, b), None, "no version of a module: {row}");
            continue;
        }
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            _ => Ordering::Greater,
        };
        assert_eq!(order(a, b), Some(expected), "{row}");
        checked += 1;
    }
    assert!(checked >= 40, "{checked} rows checked");
}

#[test]
fn all_advisories_name_modules_or_the_standard_library() {
    let Some(file) = weir_testing::skip::shared("data/go/Go.jsonl.zst") else { return };
    let Ok(lines) = std::process::Command::new("zstd").arg("-dc").arg(file).output() else { return };
    let mut names = 0;
    for line in String::from_utf8(lines.stdout).unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        for affected in record["affected"].as_array().unwrap() {
            let name = affected["package"]["name"].as_str().unwrap();
            names += 1;
            let parsed = ECOSYSTEM.names.parse(name);
            assert!(parsed.is_ok() || ["stdlib", "toolchain"].contains(&name), "{parsed:?}");
            for event in
                affected["ranges"].as_array().unwrap().iter().flat_map(|range| range["events"].as_array().unwrap())
            {
                for version in event.as_object().unwrap().values() {
                    let version = version.as_str().unwrap();
                    assert!(ECOSYSTEM.versions.sort_key(version).is_ok(), "{name} {version}");
                }
            }
        }
    }
    assert!(names > 3_000 || names == 0, "{names}");
}

fn versions() -> impl Strategy<Value = String> {
    "v(0|[1-9][0-9]{0,24})\\.(0|[1-9]{1,2})\\.[0-9](-([a-c]|0|[1-9]{1,2}|[a-c0-9-]{2,3}[a-c])(\\.([a-c]|0|[1-9]))?)?(\\+incompatible)?"
}

proptest! {
    #[test]
    fn keys_are_in_the_order_of_versions(a in versions(), b in versions(), c in versions()) {
        let read = |text: &str| Version::parse(text).unwrap();
        prop_assert_eq!(read(&a).key().cmp(&read(&b).key()), read(&a).cmp(&read(&b)), "{} {}", a, b);
        prop_assert_eq!(order(&a, &b), order(&b, &a).map(Ordering::reverse));
        if order(&a, &b) == Some(Ordering::Less) && order(&b, &c) == Some(Ordering::Less) {
            prop_assert_eq!(order(&a, &c), Some(Ordering::Less));
        }
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC*") {
        let _ = ECOSYSTEM.names.parse(&text);
        let _ = ECOSYSTEM.versions.sort_key(&text);
        let _ = ECOSYSTEM.versions.range(&text);
        let _ = weir_go::Modfile::parse(&text);
        if let Some(read) = unescape(&text) {
            prop_assert_eq!(escape(&read), text);
        }
    }
}
