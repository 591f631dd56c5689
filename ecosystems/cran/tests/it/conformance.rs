//! Version order against reference tables and against itself.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_cran::{ECOSYSTEM, Version};

fn order(a: &str, b: &str) -> Option<Ordering> {
    ECOSYSTEM.versions.compare(a, b)
}

#[test]
fn the_order_is_that_of_the_tables() {
    for (table, least) in [("cran-versions.json", 15), ("cran-versions-generated.json", 30)] {
        let Some(file) = weir_testing::skip::shared(&format!("conformance/versions/{table}")) else { return };
        let rows: Vec<[String; 3]> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(rows.len() >= least, "{table} has {} rows", rows.len());
        for [a, sign, b] in &rows {
            let expected = match sign.as_str() {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                _ => Ordering::Greater,
            };
            assert_eq!(order(a, b), Some(expected), "{a} {sign} {b}");
        }
    }
}

proptest! {
    #[test]
    fn keys_have_the_order_of_versions(a in "[0-9]{1,3}([.-][0-9]{1,20}){0,4}", b in "[0-9]{1,3}([.-][0-9]{1,20}){0,4}") {
        if let (Ok(a), Ok(b)) = (Version::parse(&a), Version::parse(&b)) {
            prop_assert_eq!(a.key().cmp(&b.key()), a.cmp(&b));
        }
    }

    #[test]
    fn no_text_makes_versions_panic(text in "\\PC{0,40}") {
        let _ = (order(&text, "1.0"), ECOSYSTEM.versions.canonical(&text), ECOSYSTEM.versions.range(&text));
        let _ = ECOSYSTEM.names.parse(&text);
    }
}
