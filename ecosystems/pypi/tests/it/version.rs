use proptest::prelude::*;
use serde_json::Value;
use weir_pypi::{ECOSYSTEM, Version};

fn order(a: &str, b: &str) -> Option<std::cmp::Ordering> {
    let order = ECOSYSTEM.versions.compare(a, b);
    if let (Ok(a_key), Ok(b_key)) = (ECOSYSTEM.versions.sort_key(a), ECOSYSTEM.versions.sort_key(b)) {
        assert_eq!(order, Some(a_key.cmp(&b_key)), "{a} and {b}: key and structure disagree");
    }
    order
}

/// A conformance table that lies beside the project; `None` with a message where it does not.
fn shared(path: &str) -> Option<Value> {
    let file = weir_testing::skip::shared(&format!("conformance/{path}"))?;
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn rows(table: &Value) -> Vec<Vec<&str>> {
    let rows = table.as_array().unwrap().iter();
    rows.map(|row| row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap_or_default()).collect()).collect()
}

#[test]
fn versions_come_in_the_order_of_packaging() {
    let lines = include_str!("../../testdata/version-order.txt").lines().filter(|line| !line.starts_with('#'));
    let classes = lines.map(|line| line.split(" = ").collect::<Vec<_>>()).collect::<Vec<_>>();
    assert!(classes.len() > 300);
    let versions = classes
        .iter()
        .enumerate()
        .flat_map(|(place, class)| class.iter().map(move |text| (place, *text, text.parse::<Version>().unwrap())));
    let versions =
        versions.map(|(place, text, version)| (place, text, version.sort_key(), version)).collect::<Vec<_>>();
    for (place, text, key, version) in &versions {
        for (other_place, other_text, other_key, other) in &versions {
            assert_eq!(key.cmp(other_key), place.cmp(other_place), "{text} and {other_text} by key");
            assert_eq!(version.cmp(other), place.cmp(other_place), "{text} and {other_text} by structure");
        }
    }
}

#[test]
fn every_spelling_has_the_normal_form_of_the_table() {
    let Some(table) = shared("pep440/normalise.json") else { return };
    for row in rows(&table) {
        let version = row[0].parse::<Version>().unwrap();
        assert_eq!(version.to_string(), row[1], "{:?}", row[0]);
    }
}

#[test]
fn what_the_table_calls_invalid_is_refused() {
    let Some(table) = shared("pep440/invalid.json") else { return };
    for text in table.as_array().unwrap() {
        let text = text.as_str().unwrap();
        assert!(ECOSYSTEM.versions.sort_key(text).is_err() && order(text, "1").is_none(), "{text:?}");
    }
}

#[test]
fn the_ordered_table_ascends() {
    let Some(table) = shared("pep440/ordered.json") else { return };
    let versions = table["versions"].as_array().unwrap();
    for pair in versions.windows(2) {
        let (a, b) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert_eq!(order(a, b), Some(std::cmp::Ordering::Less), "{a} and {b}");
    }
}

#[test]
fn specifiers_contain_what_the_table_says() {
    let Some(table) = shared("pep440/specifiers.json") else { return };
    for row in table.as_array().unwrap() {
        let (version, specifier) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let range = ECOSYSTEM.versions.range(specifier).unwrap();
        assert_eq!(range.contains(version), row[2].as_bool(), "{version} in {specifier}");
    }
}

#[test]
fn versions_from_before_pep_440_come_before_all_others() {
    for pair in ["0.5m4", "0.7.11p1", "0.7.11p2", "2004d", "2005d", "0.0.dev0", "0.1"].windows(2) {
        assert_eq!(order(pair[0], pair[1]), Some(std::cmp::Ordering::Less), "{pair:?}");
    }
    for text in ["1..0x", "x", "1+2+3", "1 x", "1+_x", "é", &"1x".repeat(129)] {
        assert_eq!(order(text, "1"), None, "{text}");
    }
    assert!(ECOSYSTEM.versions.sort_key("2004d").is_err(), "ranges say nothing of it");
}

#[test]
fn the_pypi_tables_of_osv_hold() {
    for table in ["versions/pypi-versions.json", "versions/pypi-versions-generated.json"] {
        let Some(table) = shared(table) else { return };
        for row in rows(&table) {
            let expected = match row[1] {
                "<" => std::cmp::Ordering::Less,
                ">" => std::cmp::Ordering::Greater,
                _ => std::cmp::Ordering::Equal,
            };
            assert_eq!(order(row[0], row[2]), Some(expected), "{row:?}");
        }
    }
}

/// Containment in a `vers` range (a union of intervals and points), by Weir's order alone.
fn vers_contains(constraints: &str, version: &str) -> bool {
    let split = |text: &str| {
        let at = text.find(|c: char| !"<>=!".contains(c)).unwrap_or(text.len());
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let mut bounds = constraints.split('|').map(split).collect::<Vec<_>>();
    bounds.sort_by_key(|(_, version)| ECOSYSTEM.versions.sort_key(version).unwrap());
    let holds = |(operator, bound): &(String, String)| match operator.as_str() {
        "<" => order(version, bound).unwrap().is_lt(),
        "<=" => order(version, bound).unwrap().is_le(),
        ">" => order(version, bound).unwrap().is_gt(),
        ">=" => order(version, bound).unwrap().is_ge(),
        _ => order(version, bound).unwrap().is_eq(),
    };
    if let Some((operator, _)) = bounds.iter().find(|(_, bound)| order(version, bound).unwrap().is_eq()) {
        return !matches!(operator.as_str(), "!=" | "<" | ">");
    }
    let lines = bounds.iter().filter(|(operator, _)| operator.contains(['<', '>'])).collect::<Vec<_>>();
    let first = lines.first().is_some_and(|bound| bound.0.starts_with('<') && holds(bound));
    let last = lines.last().is_some_and(|bound| bound.0.starts_with('>') && holds(bound));
    let between = lines
        .windows(2)
        .any(|pair| pair[0].0.starts_with('>') && pair[1].0.starts_with('<') && holds(pair[0]) && holds(pair[1]));
    first || last || between
}

#[test]
fn vers_ranges_contain_what_univers_says() {
    let Some(table) = shared("versions/univers-pypi_range_containment.json") else { return };
    for case in table.as_array().unwrap() {
        let (vers, version) = (case["input"]["vers"].as_str().unwrap(), case["input"]["version"].as_str().unwrap());
        let constraints = vers.strip_prefix("vers:pypi/").unwrap();
        assert_eq!(Some(vers_contains(constraints, version)), case["expected_output"].as_bool(), "{version} in {vers}");
        // A single comparison means the same as a specifier.
        if !constraints.contains('|') && constraints.starts_with(['<', '>']) {
            let range = ECOSYSTEM.versions.range(constraints).unwrap();
            assert_eq!(range.contains(version), case["expected_output"].as_bool(), "{version} in {constraints}");
        }
    }
    let Some(table) = shared("versions/univers-pypi_range_from_native.json") else { return };
    for case in table.as_array().unwrap() {
        assert!(ECOSYSTEM.versions.range(case["input"]["native_range"].as_str().unwrap()).is_ok());
    }
}

#[test]
fn one_release_has_one_canonical_spelling() {
    for (text, canonical) in [
        ("1.0.0", "1"),
        (" V1.0-ALPHA ", "1a0"),
        ("0.0", "0"),
        ("1!0.0.post0", "1!0.post0"),
        ("1.0+Ubuntu_01", "1+ubuntu.1"),
        ("2004d", "2004d"),
    ] {
        assert_eq!(ECOSYSTEM.versions.canonical(text), canonical);
    }
}

#[test]
fn lines_of_compatible_upgrades_are_told() {
    for (text, line) in
        [("4.2.1", Some("4")), ("0.2.7", Some("0.2")), ("0", Some("0.0")), ("1!4.2", Some("1!4")), ("x", None)]
    {
        assert_eq!(ECOSYSTEM.versions.major_line(text).as_deref(), line);
    }
}

#[test]
fn prereleases_are_alphas_betas_candidates_and_development_releases() {
    for text in ["1a1", "1.0b2", "1rc1", "1.dev0", "1.post1.dev2"] {
        assert!(ECOSYSTEM.versions.is_prerelease(text), "{text}");
    }
    for text in ["1", "1.post1", "1+local", "no version"] {
        assert!(!ECOSYSTEM.versions.is_prerelease(text), "{text}");
    }
}

#[test]
fn a_version_is_read_up_to_its_limit() {
    let longest = "9".repeat(weir_pypi::version::MAX_LENGTH);
    assert!(ECOSYSTEM.versions.sort_key(&longest).is_ok());
    assert!(order(&longest, &"9".repeat(255)).unwrap().is_gt());
    assert!(ECOSYSTEM.versions.sort_key(&format!("{longest}9")).is_err());
}

#[test]
fn a_bad_range_says_what_is_wrong_with_which_part() {
    for (text, problem) in [
        (">=1,<=>2", "in `<=>2`, `>2` is not a PyPI version"),
        ("1.0", "expected one of `==`"),
        (">=1.*", "is not a PyPI version"),
        ("==1.0a1.*", "`.*` may follow only a release number"),
        (">=1+local", "only `==` and `!=` take a local label"),
        ("~=1", "at least two parts"),
        ("=== a b", "without white space"),
    ] {
        let message = ECOSYSTEM.versions.range(text).unwrap_err().to_string();
        assert!(message.contains(problem), "{message}");
    }
    assert!(ECOSYSTEM.versions.range(&" ".repeat(weir_pypi::specifier::MAX_LENGTH + 1)).is_err());
}

#[test]
fn what_cannot_be_read_is_neither_in_nor_out() {
    let contains = |range: &str, version: &str| ECOSYSTEM.versions.range(range).unwrap().contains(version);
    assert_eq!(contains(">=1", "2004d"), None);
    assert_eq!(contains("", "2004d"), None);
    assert_eq!(contains("===2004D", "2004d"), Some(true));
    assert_eq!(contains("===2004d,>=1", "2004d"), None);
    assert_eq!(contains("===other,>=1", "2004d"), Some(false));
    assert_eq!(contains("", "1.0a1"), Some(true));
}

prop_compose! {
    fn number()(text in prop_oneof!["[0-9]{1,3}", "0{0,2}[0-9]{18,24}", Just(String::from("0"))]) -> String { text }
}

prop_compose! {
    fn version()(
        epoch in proptest::option::weighted(0.2, number()),
        release in prop::collection::vec(number(), 1..5),
        pre in proptest::option::of(("[._-]?", "alpha|a|beta|b|preview|pre|c|rc|RC", "[._-]?", proptest::option::of(number()))),
        post in proptest::option::of(("[._-]?", "post|rev|r|POST", "[._-]?", proptest::option::of(number()))),
        dev in proptest::option::of(("[._-]?", "dev|Dev", "[._-]?", proptest::option::of(number()))),
        local in proptest::option::of("[a-zA-Z0-9]{1,4}([._-][a-zA-Z0-9]{1,4}){0,2}"),
    ) -> String {
        let part = |part: Option<(String, String, String, Option<String>)>| {
            part.map_or(String::new(), |(a, b, c, d)| format!("{a}{b}{c}{}", d.unwrap_or_default()))
        };
        let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}!"));
        let local = local.map_or(String::new(), |local| format!("+{local}"));
        format!("{epoch}{}{}{}{}{local}", release.join("."), part(pre), part(post), part(dev))
    }
}

proptest! {
    #[test]
    fn key_and_structure_give_one_order(a in version(), b in version()) {
        order(&a, &b);
    }

    #[test]
    fn the_order_is_transitive(a in version(), b in version(), c in version()) {
        let mut versions = [&a, &b, &c].map(|text| text.parse::<Version>().unwrap());
        versions.sort();
        prop_assert!(versions[0] <= versions[2]);
    }

    #[test]
    fn a_normal_form_reads_back_as_itself(text in version()) {
        let version = text.parse::<Version>().unwrap();
        let normal = version.to_string();
        let again = normal.parse::<Version>().unwrap();
        prop_assert_eq!(again.to_string(), normal);
        prop_assert_eq!(again.sort_key(), version.sort_key());
        prop_assert_eq!(version.canonical().parse::<Version>().unwrap().sort_key(), version.sort_key());
    }

    #[test]
    fn equal_keys_and_equal_canonical_forms_are_the_same_thing(a in version(), b in version()) {
        let same_key = ECOSYSTEM.versions.sort_key(&a).unwrap() == ECOSYSTEM.versions.sort_key(&b).unwrap();
        prop_assert_eq!(same_key, ECOSYSTEM.versions.canonical(&a) == ECOSYSTEM.versions.canonical(&b));
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(text in "\\PC{0,40}") {
        let _ = ECOSYSTEM.versions.sort_key(&text);
        let _ = ECOSYSTEM.versions.canonical(&text);
        if let Ok(range) = ECOSYSTEM.versions.range(&text) {
            let _ = range.contains(&text);
        }
    }
}

#[test]
fn a_local_version_is_another_build_of_its_public_one_and_sorts_right_after_it() {
    for (version, public) in
        [("2.7.0+cu126", Some("2.7.0")), ("1!2.0rc1+u.1", Some("1!2.0rc1")), ("2.7.0", None), ("x", None)]
    {
        assert_eq!(ECOSYSTEM.versions.public(version).as_deref(), public, "{version}");
    }
    for (a, b) in [("2.7.0", "2.7.0+cpu"), ("2.7.0+cpu", "2.7.0+cu126"), ("2.7.0+cu126", "2.7.0.post1")] {
        assert_eq!(order(a, b), Some(std::cmp::Ordering::Less), "{a} {b}");
    }
}
