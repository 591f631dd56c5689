//! Properties of the order, and the reference order that `testdata` keeps.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_core::ecosystem::{VersionRange as _, Versions as _};
use weir_npm::range::Range;
use weir_npm::version::{Npm, Version};

fn strict() -> impl Strategy<Value = String> {
    r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,1})\.(0|[1-9][0-9]{0,15})(-(0|[1-9]|[1-9][0-9]{1,20}|[a-b-]{1,3}|[0-9][a-]|A)(\.(0|[1-9]|a|a-|b)){0,2})?(\+[a-z0-9]{1,3})?"
        .prop_filter("below the largest number", |text| Version::parse(text).is_ok())
}

fn lenient() -> impl Strategy<Value = String> {
    r" ?[v=]{0,2}[0-9]{1,3}(\.[0-9]{1,3}){0,4}(-\*|[-.]?[a-c]{1,2}(\.[0-9a-]{1,2}){0,2})?"
}

fn range() -> impl Strategy<Value = String> {
    r"([~^]|[<>]=?|=)? ?v?[0-3](\.([0-3x*])){0,2}(-[0a])?( ([<>]=?)[0-3]\.[0-3]\.[0-3](-[0a])?)?( \|\| [0-3]\.x)?"
        .prop_filter("a range", |text| Range::parse(text).is_ok())
}

proptest! {
    #[test]
    fn key_order_is_precedence(a in strict(), b in strict()) {
        let by_parts = Version::parse(&a).unwrap().cmp(&Version::parse(&b).unwrap());
        prop_assert_eq!(Npm.compare(&a, &b), Some(by_parts));
    }

    #[test]
    fn the_lenient_order_is_total(a in lenient(), b in lenient(), c in lenient()) {
        let (ab, bc, ac) = (Npm.compare(&a, &b).unwrap(), Npm.compare(&b, &c).unwrap(), Npm.compare(&a, &c).unwrap());
        prop_assert_eq!(Npm.compare(&b, &a), Some(ab.reverse()));
        if ab == bc || bc == Ordering::Equal {
            prop_assert_eq!(ac, ab);
        }
    }

    #[test]
    fn what_loose_reads_lenient_reads_alike(a in lenient(), b in lenient()) {
        // The loose `1.2.34.5` is 1.2.3-4.5; here it has four parts.
        let parts = |text: &str| text.split(['-', 'a', 'b', 'c']).next().unwrap().matches('.').count();
        if let (Ok(x), Ok(y)) = (Version::parse_loose(&a), Version::parse_loose(&b)) && parts(&a) == 2 && parts(&b) == 2 {
            prop_assert_eq!(Npm.compare(&a, &b), Some(x.cmp(&y)));
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in r"[ v=<>~^|0-9x*.+a-]{0,24}|\PC{0,12}") {
        let _ = (Version::parse(&text), Version::parse_loose(&text), Npm.sort_key(&text), Npm.major_line(&text));
        for range in [Range::parse(&text), Range::parse_loose(&text)].into_iter().flatten() {
            let _ = (range.contains(&text), range.normal_form(true), range.normal_form(false));
        }
    }

    #[test]
    fn a_range_and_its_normal_form_hold_the_same(text in range(), version in strict()) {
        let range = Range::parse(&text).unwrap();
        let version = Version::parse(&version).unwrap();
        for prereleases in [false, true] {
            let form = Range::parse(&range.normal_form(prereleases)).unwrap();
            prop_assert_eq!(range.satisfies(&version, prereleases), form.satisfies(&version, prereleases));
        }
        prop_assert_eq!(range.contains(&version.to_string()), Some(range.satisfies(&version, true)));
    }

    #[test]
    fn what_a_resolver_takes_policy_takes(text in range(), version in strict()) {
        let (range, version) = (Range::parse(&text).unwrap(), Version::parse(&version).unwrap());
        if range.satisfies(&version, false) {
            prop_assert!(range.satisfies(&version, true));
        }
    }
}

#[test]
fn the_order_is_the_reference_order() {
    let table = include_str!("../../testdata/version-order.txt");
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let places: Vec<(usize, &str)> =
        lines.enumerate().flat_map(|(place, line)| line.split(" = ").map(move |version| (place, version))).collect();
    assert!(places.len() > 60);
    for (place, version) in &places {
        for (other_place, other) in &places {
            assert_eq!(Npm.compare(version, other), Some(place.cmp(other_place)), "{version} and {other}");
        }
    }
}
