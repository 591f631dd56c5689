//! Orders against reference tables and against themselves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_versions::{MAX_VERSION, ORDERS, Order, UNORDERED, base, by_name, by_osv, by_purl_type};

fn named(name: &str) -> &'static Order {
    by_name(name).unwrap_or_else(|| panic!("no order {name}"))
}

fn sign(order: Option<Ordering>) -> &'static str {
    match order {
        Some(Ordering::Less) => "<",
        Some(Ordering::Equal) => "=",
        Some(Ordering::Greater) => ">",
        None => "?",
    }
}

#[test]
fn the_orders_are_those_of_the_tables() {
    let mut wrong = Vec::new();
    for (order, table, least) in [
        ("Alpine", "alpine-versions.json", 490),
        ("Alpine", "alpine-versions-generated.json", 1900),
        ("Debian", "debian-versions.json", 20),
        ("Debian", "debian-versions-generated.json", 1900),
        ("Hackage", "hackage-versions.json", 9),
        ("NuGet", "nuget-versions.json", 20),
        ("Packagist", "packagist-versions.json", 60),
        ("Packagist", "packagist-versions-generated.json", 2000),
        ("Pub", "pub-versions.json", 70),
        ("Red Hat", "redhat-versions.json", 110),
        ("RubyGems", "rubygems-versions.json", 15),
        ("RubyGems", "rubygems-versions-generated.json", 1900),
        ("SemVer", "semver-versions.json", 50),
    ] {
        let Some(file) = weir_testing::skip::shared(&format!("conformance/versions/{table}")) else { return };
        let rows: Vec<[String; 3]> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(rows.len() >= least, "{table} has {} rows", rows.len());
        for [a, expected, b] in &rows {
            let got = sign(named(order).compare(a, b));
            if got != expected {
                wrong.push(format!("{table}: {a} {expected} {b}, not {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// A case of univers: two versions, and whether they are equal or which of them comes first.
fn is_as_univers_says(order: &Order, row: &serde_json::Value) -> bool {
    // NuGet's are written in lower case there.
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_ascii_lowercase();
    let versions = &row["input"]["versions"];
    let (a, b) = (versions[0].as_str().unwrap(), versions[1].as_str().unwrap());
    let Some(got) = order.compare(a, b) else { return false };
    if row["test_type"] == "equality" {
        return row["expected_output"] == got.is_eq();
    }
    let first = if got.is_gt() { b } else { a };
    first.to_ascii_lowercase() == text(&row["expected_output"][0])
}

#[test]
fn the_orders_are_those_of_univers() {
    for (order, table, least) in [
        ("Conan", "univers-conan_version_cmp.json", 31),
        ("Debian", "univers-deb_version_python_pkg_test.json", 10),
        ("Gentoo", "univers-gentoo_version_cmp.json", 31),
        ("NuGet", "univers-nuget_version_cmp.json", 26),
        ("OpenSSL", "univers-openssl_version_cmp.json", 32),
    ] {
        let Some(file) = weir_testing::skip::shared(&format!("conformance/versions/{table}")) else { return };
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(rows.len() >= least, "{table} has {} rows", rows.len());
        let wrong: Vec<_> = rows.iter().filter(|row| !is_as_univers_says(named(order), row)).collect();
        assert!(wrong.is_empty(), "{table}: {wrong:#?}");
    }
}

#[test]
fn every_ecosystem_of_osv_has_an_order_or_is_said_to_have_none() {
    let Some(file) = weir_testing::skip::shared("conformance/schemas/osv-schema.json") else { return };
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let names = schema["$defs"]["ecosystemName"]["enum"].as_array().unwrap();
    assert!(names.len() >= 40);
    let folders = ["PyPI", "npm", "crates.io", "CRAN", "Go", "Maven"];
    for name in names {
        let name = name.as_str().unwrap();
        let wraps = base(&format!("{name}:Debian:12")) == "Debian";
        let known = by_osv(name).is_some() || UNORDERED.contains(&name) || folders.contains(&name) || wraps;
        assert!(known, "{name} has no order");
    }
}

#[test]
fn an_order_is_found_by_whatever_it_is_called() {
    for (name, id) in [
        ("debian", "debian"),
        ("Debian:12", "debian"),
        ("ubuntu:22.04:LTS", "debian"),
        ("deb", "debian"),
        ("Root:Alpine:3.18", "alpine"),
        ("apk", "alpine"),
        ("Rocky Linux:9", "rpm"),
        ("gem", "rubygems"),
        ("composer", "packagist"),
        ("SemVer", "semver"),
        ("GHC", "hackage"),
    ] {
        assert_eq!(by_name(name).map(|order| order.id), Some(id), "{name}");
    }
    assert_eq!(by_osv("Root:Debian:12").map(|order| order.id), Some("debian"));
    assert_eq!(by_purl_type("gem").map(|order| order.id), Some("rubygems"));
    assert!(by_name("Android").is_none() && by_osv("ubuntu").is_none());
}

#[test]
fn versions_stand_as_each_tool_documents() {
    for (order, chain) in [
        ("debian", "1.0~~ 1.0~~a 1.0~ 1.0 1.0-1 1.0a 1.0+b 1.0.1 1:0.1"),
        ("opam", "1.0~beta 1.0 1.0.1 1.0.10 v1"),
        ("rpm", "1.0~rc1 1.0 1.0^git1 1.0a 1.0.1 2 1:0"),
        ("alpine", "1.1_alpha1 1.1_rc 1.1 1.1-r1 1.1_p1 1.1a 1.1.0 1.1.02 1.1.1"),
        ("rubygems", "1.a 1.0.0.b 1 1.0.0.1 1.1.a 1.1 1.10"),
        ("nuget", "1-alpha 1.0.0-beta.2 1.0.0-BETA.10 1 1.0.0.1"),
        ("packagist", "1.0-dev 1.0-alpha1 1.0b2 1.0RC1 1.0 1.0.0 1.0pl1"),
        ("pub", "1.0.0-a 1.0.0 1.0.0+1 1.0.0+a 1.0.1"),
        ("hex", "1.0.0-a 1.0.0-a.1 1.0.0-a.b 1.0.0 1.0.1"),
        ("hackage", "0 0.1 0.1.0 1"),
        ("conan", "1.0-a 1.0 1.0+b 1.0.1 1.9 1.10 1.a"),
        ("gentoo", "1_alpha1 1_rc 1 1-r1 1_p1 1b 1.0 1.01 1.1"),
        ("openssl", "1.0.2-beta1 1.0.2 1.0.2a 1.0.2z 1.0.2za 1.1.0 3.0.0"),
    ] {
        let chain: Vec<&str> = chain.split(' ').collect();
        for (at, a) in chain.iter().enumerate() {
            for (then, b) in chain.iter().enumerate() {
                assert_eq!(named(order).compare(a, b), Some(at.cmp(&then)), "{order}: {a} {b}");
            }
        }
    }
}

#[test]
fn what_is_no_version_has_no_key() {
    for (order, texts) in [
        ("debian", &["a:1", ":1", "0:", "-1", "1/2", "1é"][..]),
        ("rpm", &["1 2"]),
        ("alpine", &["x", ".1", "-r1"]),
        ("rubygems", &["a", "1..2", "1.", "1_2"]),
        ("nuget", &["1.2.3.4.5", "v1", "1.x", "1-!"]),
        ("semver", &["", "x", "1.", "1..2", "1.0.0-é", "v"]),
        ("hackage", &["1.0-1", "1.", "v1"]),
        ("packagist", &["1 2", "é", "1.#"]),
        ("gentoo", &["1_x", "1-r", "a", "1.0b1"]),
        ("openssl", &["x", "1.0.2 a", "1..2", "1.2.3.4.5"]),
        // Conan compares such ones in a circle: 9 < 10 < 15x < 9.
        ("conan", &["1.15x", "1 2"]),
    ] {
        for text in texts {
            assert!(named(order).sort_key(text).is_err(), "{order}: {text:?}");
        }
    }
    let error = named("hackage").sort_key("1.0-1").unwrap_err();
    assert_eq!(error.to_string(), "`1.0-1` is not a Hackage version: expected numbers between dots");
    assert_eq!(sign(named("conan").compare("1.15x", "1.9")), "<");
}

#[test]
fn a_version_has_at_most_255_bytes() {
    for order in &ORDERS {
        let longest = "1".repeat(MAX_VERSION);
        assert!(order.sort_key(&longest).is_ok(), "{order:?}");
        assert!(order.sort_key(&format!("{longest}1")).is_err(), "{order:?}");
        assert_eq!(order.compare(&longest, &format!("{longest}1")), None, "{order:?}");
    }
}

/// Texts made of what versions are made of.
fn version() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            "[0-9]{1,3}",
            "[.~^+_:-]",
            Just(String::from("0")),
            Just(String::from(".0")),
            "(alpha|beta|rc|pre|dev|p|a|b|-r|x|#|git)",
        ],
        1..9,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn keys_have_the_order_of_compare(a in version(), b in version()) {
        for order in &ORDERS {
            if let (Ok(key_a), Ok(key_b)) = (order.sort_key(&a), order.sort_key(&b)) {
                prop_assert_eq!(Some(key_a.cmp(&key_b)), order.compare(&a, &b), "{:?} {} {}", order, a, b);
            }
        }
    }

    #[test]
    fn no_text_makes_an_order_panic(a in "\\PC{0,40}", b in version()) {
        for order in &ORDERS {
            let (there, back) = (order.compare(&a, &b), order.compare(&b, &a));
            prop_assert_eq!(there, back.map(Ordering::reverse), "{:?} {} {}", order, a, b);
            prop_assert_eq!(order.compare(&b, &b), order.compare(&b, &b).map(|_| Ordering::Equal));
        }
    }
}
