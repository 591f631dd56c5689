use std::collections::BTreeMap;

use weir_core::facts::Slip;
use weir_core::{Ecosystems, Timestamp};
use weir_names::{Lists, MAX_NAMES, MOST_USED, Names, list};

const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM, &weir_cargo::ECOSYSTEM]);

fn names() -> Names {
    Names::new(["requests", "react", "@babel/core", "js-yaml", "lodash", "cross-env", "django", "chalk", "request"])
}

#[track_caller]
fn assert_like(name: &str, expected: Option<(&str, Slip)>) {
    let found = names().lookalike(name);
    assert_eq!(found.as_ref().map(|found| (&*found.name, found.slip)), expected, "{name}");
}

#[test]
fn a_stranger_is_found_beside_the_name_that_everybody_uses() {
    assert_like("reqeusts", Some(("requests", Slip::Edit)));
    assert_like("djanggo", Some(("django", Slip::Edit)));
    assert_like("l0dash", Some(("lodash", Slip::Glance)));
    assert_like("yaml-js", Some(("js-yaml", Slip::Order)));
    assert_like("babel-core", Some(("@babel/core", Slip::Scope)));
    assert_like("@cross/env", Some(("cross-env", Slip::Scope)));
    assert_like("python-django", Some(("django", Slip::Affix)));
    assert_like("lodash-js", Some(("lodash", Slip::Affix)));
}

#[test]
fn who_is_well_known_is_no_stranger_and_one_scope_is_one_owner() {
    assert_like("request", None);
    assert_like("@babel/cores", None);
    assert_like("something-else", None);
    // Differs in separators alone: registries refuse such names to strangers.
    assert_like("crossenv", None);
}

#[test]
fn names_beyond_the_most_used_are_known_and_compared_with_nothing() {
    let all: Vec<String> =
        (0..=MOST_USED).map(|n| format!("package-{}", "abcdefghij".repeat(2 + n % 7) + &"x".repeat(n / 7))).collect();
    let names = Names::new(all.iter().map(String::as_str));
    let slip = |name: &str| format!("{}q", name.replace("package", "packgae"));
    assert_eq!(names.len(), all.len());
    assert!(names.is_listed(&all[MOST_USED]));
    assert!(
        names.lookalike(&all[MOST_USED].replace("package", "packgae")).is_none_or(|it| *it.name != *all[MOST_USED])
    );
    assert!(names.lookalike(&slip(&all[0])).is_none());
    assert_eq!(&*names.lookalike(&all[0].replace("package", "packgae")).unwrap().name, all[0]);
    assert_eq!(&*names.lookalike(&all[MOST_USED - 1].replace("package", "packgae")).unwrap().name, all[MOST_USED - 1]);
}

#[test]
fn a_list_is_read_in_each_of_its_forms() {
    let pypi = &weir_pypi::ECOSYSTEM;
    let plain =
        list::parse(pypi, "pypi.txt", b"# most used first\nBoto3\nzope.interface\r\nboto3\n\nnot a name!\n").unwrap();
    assert_eq!((plain.names, plain.passed_over), (vec![String::from("boto3"), String::from("zope-interface")], 1));
    let json = br#"{"last_update": "2026-04-01 06:34:06", "query": {}, "rows": [{"download_count": 9, "project": "boto3"}, {"x": 1}]}"#;
    let json = list::parse(pypi, "x", json).unwrap();
    assert_eq!((json.names, json.passed_over), (vec![String::from("boto3")], 1));
    assert_eq!(json.date, Timestamp::parse("2026-04-01T06:34:06Z"));
    let csv = list::parse(pypi, "x", b"download_count,project\n9,\"boto3\"\n7,\"urllib3\"\n").unwrap();
    assert_eq!(csv.names, ["boto3", "urllib3"]);
    let npm = list::parse(&weir_npm::ECOSYSTEM, "x", b"@types/node\nsemver\n").unwrap();
    assert_eq!(npm.names, ["@types/node", "semver"]);
}

#[test]
fn what_is_no_list_says_what_it_should_be() {
    let pypi = &weir_pypi::ECOSYSTEM;
    for (body, problem) in [
        (&b""[..], "it has no names: expected one name a line, most used first"),
        (b"{\"rows\": 7}", "it has no list `rows`"),
        (b"\xff", "it is not UTF-8 after byte 0"),
    ] {
        assert_eq!(list::parse(pypi, "x", body).unwrap_err(), problem);
    }
    let big = vec![b' '; list::MAX_FILE + 1];
    assert!(list::parse(pypi, "x", &big).unwrap_err().contains("the limit is"));
    assert!(list::parse(pypi, "x", &big[1..]).unwrap_err().contains("no names"));
}

#[test]
fn a_list_ends_at_its_limit() {
    let lines = |count: usize| (0..count).map(|n| format!("p{n}\n")).collect::<String>();
    let read = |count| list::parse(&weir_pypi::ECOSYSTEM, "x", lines(count).as_bytes()).unwrap();
    assert_eq!((read(MAX_NAMES).names.len(), read(MAX_NAMES).passed_over), (MAX_NAMES, 0));
    assert_eq!((read(MAX_NAMES + 1).names.len(), read(MAX_NAMES + 1).passed_over), (MAX_NAMES, 1));
}

#[test]
fn a_files_name_says_which_registry_it_is_of() {
    let of = |file: &str| list::ecosystem(file, ECOSYSTEMS).map(|ecosystem| ecosystem.id);
    assert_eq!(of("npm.txt"), Some("npm"));
    assert_eq!(of("top-pypi-packages.min.json"), Some("pypi"));
    assert_eq!(of("pypi-2026-10.csv.zst"), Some("pypi"));
    assert_eq!(of("cargo.txt"), Some("cargo"));
    assert_eq!(of("npmrc.txt"), None);
    assert_eq!(of("README.md"), None);
}

#[test]
fn lists_survive_being_written() {
    let parse = |ecosystem, text: &str| list::parse(ecosystem, "a\nfile", text.as_bytes()).unwrap();
    let mut lists = BTreeMap::new();
    lists.insert(String::from("pypi"), parse(&weir_pypi::ECOSYSTEM, "boto3\nurllib3"));
    lists.insert(String::from("npm"), parse(&weir_npm::ECOSYSTEM, "@types/node\nsemver"));
    let text = list::write(&lists);
    let back = list::split(&text);
    assert_eq!(back["npm"].names, lists["npm"].names);
    assert_eq!(back["pypi"].source, "a file");
    let read = Lists::read(&text, ECOSYSTEMS);
    assert_eq!(read.of(&weir_npm::ECOSYSTEM).unwrap().len(), 2);
    assert!(read.of(&weir_cargo::ECOSYSTEM).is_none());
    assert!(Lists::default().digest().is_none() && read.digest().is_some());
}
