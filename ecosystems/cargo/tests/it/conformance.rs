//! Version order against reference tables and against itself.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_cargo::{ECOSYSTEM, Version};

/// The rows of a table beside the project; `None`, loudly, where there are none.
fn table(path: &str) -> Option<Vec<serde_json::Value>> {
    let file = weir_testing::skip::shared(&format!("conformance/{path}"))?;
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn order(a: &str, b: &str) -> Option<Ordering> {
    ECOSYSTEM.versions.compare(a, b)
}

#[test]
fn the_order_is_that_of_the_semver_table() {
    let Some(rows) = table("versions/semver-versions.json") else { return };
    let (mut checked, mut refused) = (0, 0);
    for row in &rows {
        let [a, sign, b] = [0, 1, 2].map(|index| row[index].as_str().unwrap());
        let core = |text: &str| text.split(['-', '+']).next().unwrap().split('.').map(str::len).collect::<Vec<_>>();
        // cargo reads three numbers of 64 bits. Rows that go beyond are no versions to it, so they have no place in its
        // order and are not assessed.
        if [a, b].iter().any(|text| core(text).len() > 3 || core(text).iter().any(|length| *length > 20)) {
            assert_eq!(order(a, b), None, "{row}");
            refused += 1;
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
    assert!(checked >= 40 && refused <= 3, "{checked} rows checked, {refused} refused");
}

#[test]
fn the_order_is_that_of_node_semver() {
    let (Some(comparisons), Some(equal)) = (table("npm-semver/comparisons.json"), table("npm-semver/equality.json"))
    else {
        return;
    };
    for row in &comparisons {
        let [greater, less] = [0, 1].map(|index| row[index].as_str().unwrap());
        assert_eq!(order(greater, less), Some(Ordering::Greater), "{row}");
        assert_eq!(order(less, greater), Some(Ordering::Less), "{row}");
    }
    // `= 1.2.3` and `v 1.2.3` are npm's own leniency: nobody writes them of a crate.
    let plain = |text: &str| !text.contains('=') && !text.trim().contains(' ');
    let mut checked = 0;
    for row in &equal {
        let [a, b] = [0, 1].map(|index| row[index].as_str().unwrap());
        if plain(a) && plain(b) {
            assert_eq!(order(a, b), Some(Ordering::Equal), "{row}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked} rows checked");
}

#[test]
fn what_node_semver_can_read_cargo_can() {
    let Some(rows) = table("npm-semver/valid-versions.json") else { return };
    for row in &rows {
        assert!(Version::parse(row[0].as_str().unwrap()).is_ok(), "{row}");
    }
}

fn versions() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just(0u64), 0u64..3, 250u64..260, 65_530u64..65_540, Just(u64::MAX), any::<u64>()];
    let identifier =
        prop_oneof!["0|[1-9][0-9]{0,3}", "[1-9][0-9]{18,25}", "[a-c-]{1,3}", "[0-9]{0,2}[A-Za-z-][0-9A-Za-z-]{0,3}"];
    let list = proptest::collection::vec(identifier, 0..4);
    (proptest::array::uniform3(number), list, proptest::option::of("[0-9a-z]{1,3}")).prop_map(
        |([a, b, c], pre, build)| {
            let mut text = format!("{a}.{b}.{c}");
            if !pre.is_empty() {
                text.push_str(&format!("-{}", pre.join(".")));
            }
            if let Some(build) = build {
                text.push_str(&format!("+{build}"));
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn keys_order_as_the_specification_does(a in versions(), b in versions()) {
        let (x, y) = (Version::parse(&a).unwrap(), Version::parse(&b).unwrap());
        prop_assert_eq!(x.key().cmp(&y.key()), x.cmp(&y), "{} {}", a, b);
        prop_assert_eq!(order(&b, &a), Some(x.cmp(&y).reverse()));
    }

    #[test]
    fn the_order_is_transitive(mut three in proptest::array::uniform3(versions())) {
        three.sort_by(|a, b| order(a, b).unwrap());
        prop_assert_ne!(order(&three[0], &three[2]), Some(Ordering::Greater));
    }

    #[test]
    fn a_version_is_in_the_range_of_itself(version in versions()) {
        for range in [format!("={version}"), format!("^{version}"), format!("~{version}"), format!("<={version}")] {
            prop_assert_eq!(ECOSYSTEM.versions.range(&range).unwrap().contains(&version), Some(true), "{}", range);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", near in "[v<>=^~*x0-9.,+ -]{0,20}") {
        for text in [text, near] {
            let _ = ECOSYSTEM.versions.sort_key(&text);
            let _ = ECOSYSTEM.versions.range(&text).map(|range| range.contains("1.2.3"));
            let _ = ECOSYSTEM.versions.major_line(&text);
            let _ = ECOSYSTEM.names.parse(&text);
        }
    }
}
