//! Version order against reference tables and against itself.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_maven::{ECOSYSTEM, Version};

/// Rows that Maven 3.8.7, 3.9.16 and 4.0.0-rc-4 themselves decide the other way: the first three are from dates of
/// publication, the others from an older reading of `.a`.
const NOT_MAVENS: [(&str, &str); 5] = [
    ("1.2.54.sec10", "1.2.54_noneautotype"),
    ("1.0.0-RC16", "1.0.0.RC8-beta"),
    ("1.2.60.sec10", "1.2.60_noneautotype"),
    ("2-1", "2.0.a"),
    ("2.0.0.a", "2.0.a"),
];

/// The rows of a table beside the project; `None`, loudly, where there are none.
fn table(path: &str) -> Option<Vec<serde_json::Value>> {
    let file = weir_testing::skip::shared(&format!("conformance/{path}"))?;
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn order(a: &str, b: &str) -> Ordering {
    ECOSYSTEM.versions.compare(a, b).unwrap()
}

fn key_order(a: &str, b: &str) -> Ordering {
    ECOSYSTEM.versions.sort_key(a).unwrap().cmp(&ECOSYSTEM.versions.sort_key(b).unwrap())
}

/// Both orders give what the table says.
fn check(a: &str, expected: Ordering, b: &str) {
    if NOT_MAVENS.contains(&(a, b)) {
        assert_ne!(order(a, b), expected, "{a} {b}: take it off the list");
        return;
    }
    assert_eq!(order(a, b), expected, "{a} {b}");
    assert_eq!(order(b, a), expected.reverse(), "{b} {a}");
    assert_eq!(key_order(a, b), expected, "the keys of {a} {b}");
}

#[test]
fn the_order_is_that_of_the_tables() {
    for name in ["maven-versions.json", "maven-versions-generated.json"] {
        let Some(rows) = table(&format!("versions/{name}")) else { return };
        assert!(rows.len() > 50);
        for row in &rows {
            let [a, sign, b] = [0, 1, 2].map(|index| row[index].as_str().unwrap());
            let expected = match sign {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                _ => Ordering::Greater,
            };
            check(a, expected, b);
        }
    }
}

#[test]
fn the_order_is_that_of_univers() {
    let Some(rows) = table("versions/univers-maven_version_cmp.json") else { return };
    for row in &rows {
        let versions: Vec<&str> =
            row["input"]["versions"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        let [a, b] = versions[..] else { panic!("{row}") };
        match &row["expected_output"] {
            serde_json::Value::Bool(true) => check(a, Ordering::Equal, b),
            serde_json::Value::Bool(false) => assert_ne!(order(a, b), Ordering::Equal, "{row}"),
            sorted if order(a, b).is_eq() => {
                assert!(NOT_MAVENS.contains(&(a, b)) || NOT_MAVENS.contains(&(b, a)), "{sorted} {row}")
            }
            sorted if sorted[0] == a => check(a, Ordering::Less, b),
            _ => check(a, Ordering::Greater, b),
        }
    }
}

#[test]
fn mavens_order_goes_round_in_circles_and_the_keys_do_not() {
    for (a, b) in [("1.0.0-sp", "1-0-alpha"), ("1-0-alpha", "1"), ("1", "1.0.0-sp")] {
        assert_eq!(order(a, b), Ordering::Less, "{a} {b}");
    }
    assert!(!Version::parse("1-0-alpha").unwrap().is_ordinary());
    assert!(Version::parse("1.0.0-sp").unwrap().is_ordinary());
}

#[test]
fn purls_of_the_suite_are_read_and_written() {
    let Some(rows) = table("purl/types/maven-test.json") else { return };
    let mut checked = 0;
    for row in rows.iter().filter(|row| row["test_type"] == "parse" && row["expected_failure"] == false) {
        let expected = &row["expected_output"];
        let purl = weir_core::Purl::parse(row["input"].as_str().unwrap()).unwrap();
        let name = ECOSYSTEM.names.from_purl(purl.namespace.as_deref(), &purl.name).unwrap();
        let (namespace, artifact) = ECOSYSTEM.names.to_purl(&name);
        assert_eq!(namespace.as_deref(), expected["namespace"].as_str(), "{row}");
        assert_eq!(Some(artifact.as_str()), expected["name"].as_str(), "{row}");
        assert_eq!(purl.version.as_deref(), expected["version"].as_str(), "{row}");
        checked += 1;
    }
    assert!(checked >= 8, "{checked} rows checked");
}

fn ordinary() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just(String::from("0")), "[0-9]{1,3}", Just(String::from("00")), "[1-9][0-9]{9,20}"];
    let word = prop_oneof![
        Just("alpha"),
        Just("beta"),
        Just("m"),
        Just("rc"),
        Just("cr"),
        Just("SNAPSHOT"),
        Just("final"),
        Just("sp"),
        Just("jre"),
        Just("x")
    ];
    let tail =
        (prop_oneof![Just("-"), Just("."), Just("")], word, prop_oneof![Just(""), Just("-"), Just(".")], "[0-9]{0,2}")
            .prop_map(|(before, word, between, digits)| match digits.is_empty() {
                true => format!("{before}{word}"),
                false => format!("{before}{word}{between}{digits}"),
            });
    (
        proptest::collection::vec(number, 1..5),
        proptest::collection::vec(tail, 0..3),
        proptest::option::of("-[0-9]{1,2}"),
    )
        .prop_map(|(numbers, tails, build)| {
            format!("{}{}{}", numbers.join("."), tails.concat(), build.unwrap_or_default())
        })
}

proptest! {
    #[test]
    fn keys_order_ordinary_versions_as_maven_does(a in ordinary(), b in ordinary()) {
        let (x, y) = (Version::parse(&a).unwrap(), Version::parse(&b).unwrap());
        prop_assert_eq!(x.cmp_maven(&y), y.cmp_maven(&x).reverse(), "{} {}", a, b);
        if x.is_ordinary() && y.is_ordinary() {
            prop_assert_eq!(x.key().cmp(&y.key()), x.cmp_maven(&y), "{} {}", a, b);
        }
    }

    #[test]
    fn a_version_is_in_the_range_of_itself(version in ordinary()) {
        for range in [format!("[{version}]"), format!("[{version},)"), format!("(,{version}]"), version.clone()] {
            prop_assert_eq!(ECOSYSTEM.versions.range(&range).unwrap().contains(&version), Some(true), "{}", range);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", near in "[a-z0-9.,()\\[\\]-]{0,20}") {
        for text in [text, near] {
            let _ = ECOSYSTEM.versions.sort_key(&text);
            let _ = ECOSYSTEM.versions.compare(&text, "1.0");
            let _ = ECOSYSTEM.versions.range(&text).map(|range| range.contains("1.2.3"));
            let _ = ECOSYSTEM.versions.major_line(&text);
            let _ = ECOSYSTEM.versions.is_prerelease(&text);
            let _ = ECOSYSTEM.names.parse(&text);
        }
    }
}

#[test]
fn what_comes_before_a_release_is_told() {
    for (version, early) in [
        ("1.0-alpha-1", true),
        ("1.0b2", true),
        ("4.0.0-rc-4", true),
        ("6.0.0.M1", true),
        ("1.0-SNAPSHOT", true),
        ("1.0-pre3", true),
        ("1.0", false),
        ("1.0.Final", false),
        ("33.0.0-jre", false),
        ("9.4.51.v20230217", false),
        ("2.0.0.RELEASE", false),
        ("a b", false),
    ] {
        assert_eq!(ECOSYSTEM.versions.is_prerelease(version), early, "{version}");
    }
    for (version, line) in [
        ("4.13.2", Some("4")),
        ("0.9", Some("0")),
        ("v2", Some("2")),
        ("20231013", Some("20231013")),
        ("Hoxton.SR12", None),
    ] {
        assert_eq!(ECOSYSTEM.versions.major_line(version).as_deref(), line, "{version}");
    }
}
