//! Which versions are affected, and what people are told.

use std::fmt::Write as _;

use serde_json::{Value, json};
use weir_advisory::osv::Record;
use weir_advisory::{Builder, Index, cve, epss, kev};
use weir_core::facts::{Kind, Vulnerability};

use crate::ECOSYSTEMS;

/// An index of some records.
pub fn index(records: &[Value]) -> Index {
    with(records, |_| {})
}

fn with(records: &[Value], more: impl FnOnce(&mut Builder)) -> Index {
    let mut builder = Builder::new(ECOSYSTEMS);
    for record in records {
        builder.osv(&Record::parse(record.to_string().as_bytes()).unwrap());
    }
    more(&mut builder);
    Index::from_bytes(builder.build()).unwrap()
}

/// The vulnerabilities of a purl-like `pypi/name@version`.
pub fn found(index: &Index, what: &str) -> Vec<Vulnerability> {
    let (id, rest) = what.split_once('/').unwrap();
    let (name, version) = rest.rsplit_once('@').unwrap();
    let ecosystem = ECOSYSTEMS.by_id(id).unwrap();
    let name = ecosystem.names.parse(name).unwrap();
    let key = ecosystem.versions.sort_key(version).ok();
    let package = index.package(ecosystem, &name).unwrap();
    let once = package.matching(ecosystem, version, key.as_ref());
    let again = package.matching(ecosystem, version, key.as_ref());
    assert_eq!(once.len(), again.len(), "asking twice gives one answer");
    once.iter().map(|vulnerability| Vulnerability::clone(vulnerability)).collect()
}

/// Ids of the vulnerabilities of each version.
#[track_caller]
fn check(records: &[Value], expected: &[(&str, &[&str])]) {
    let index = index(records);
    for (what, ids) in expected {
        let found = found(&index, what);
        let shown: Vec<_> = found.iter().map(|vulnerability| vulnerability.id.as_str()).collect();
        assert_eq!(&shown, ids, "{what}");
    }
}

fn affected(ecosystem: &str, name: &str, ranges: Value, versions: Value) -> Value {
    json!({ "package": { "ecosystem": ecosystem, "name": name }, "ranges": ranges, "versions": versions })
}

fn record(id: &str, affected: Value) -> Value {
    json!({ "id": id, "modified": "2026-01-01T00:00:00Z", "affected": [affected] })
}

fn range(kind: &str, events: Value) -> Value {
    json!({ "type": kind, "events": events })
}

/// A record about versions of the PyPI package `a` from 0 to a bound.
fn below(id: &str, fixed: &str) -> Value {
    record(
        id,
        affected(
            "PyPI",
            "a",
            json!([range("ECOSYSTEM", json!([{ "introduced": "0" }, { "fixed": fixed }]))]),
            json!([]),
        ),
    )
}

fn set(mut record: Value, key: &str, value: Value) -> Value {
    record[key] = value;
    record
}

const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
const MEDIUM: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N";

fn scored(record: Value, vector: &str) -> Value {
    set(record, "severity", json!([{ "type": "CVSS_V3", "score": vector }]))
}

#[test]
fn a_git_range_before_another_does_not_hide_it() {
    let ranges = json!([
        range("GIT", json!([{ "introduced": "0" }, { "fixed": "4df1b6d478020ac51c84467f47e42083f53adbad" }])),
        range("SEMVER", json!([{ "introduced": "1.0.0" }, { "fixed": "1.2.0" }])),
        range("ECOSYSTEM", json!([{ "introduced": "2.0.0" }, { "last_affected": "2.1.0" }])),
    ]);
    check(
        &[record("X-1", affected("npm", "a", ranges, json!([])))],
        &[
            ("npm/a@0.9.0", &[]),
            ("npm/a@1.1.0", &["X-1"]),
            ("npm/a@1.2.0", &[]),
            ("npm/a@2.1.0", &["X-1"]),
            ("npm/a@2.1.1", &[]),
        ],
    );
}

#[test]
fn a_limit_ends_what_is_said() {
    let ranges = json!([range("ECOSYSTEM", json!([{ "introduced": "0" }, { "limit": "2.0" }]))]);
    check(
        &[record("X-1", affected("PyPI", "a", ranges, json!([])))],
        &[("pypi/a@1.9", &["X-1"]), ("pypi/a@2.0", &[]), ("pypi/a@3", &[])],
    );
}

#[test]
fn a_version_is_affected_by_list_or_by_range() {
    let ranges = json!([range("ECOSYSTEM", json!([{ "introduced": "1.0" }, { "fixed": "1.5" }]))]);
    check(
        &[record("X-1", affected("PyPI", "a", ranges, json!(["0.5", "3.0"])))],
        &[
            ("pypi/a@0.5.0", &["X-1"]),
            ("pypi/a@0.6", &[]),
            ("pypi/a@1.4", &["X-1"]),
            ("pypi/a@v3", &["X-1"]),
            ("pypi/a@3.0.1", &[]),
        ],
    );
}

#[test]
fn a_version_that_cannot_be_read_is_affected_by_its_own_name_or_by_everything_only() {
    let everything = json!([range("ECOSYSTEM", json!([{ "introduced": "0" }]))]);
    check(
        &[
            record("MAL-1", affected("PyPI", "b", everything, json!([]))),
            record("X-1", affected("PyPI", "a", json!([]), json!(["2004d"]))),
            below("X-2", "99"),
        ],
        &[("pypi/a@2004d", &["X-1"]), ("pypi/a@2005z", &[]), ("pypi/b@2005z", &["MAL-1"]), ("pypi/b@7", &["MAL-1"])],
    );
}

#[test]
fn a_bound_that_cannot_be_read_is_told_and_does_not_count() {
    let ranges = json!([
        range("ECOSYSTEM", json!([{ "introduced": "0" }, { "fixed": "rubbish" }])),
        range("ECOSYSTEM", json!([{ "introduced": "5.0" }])),
    ]);
    let index = index(&[
        record("X-1", affected("PyPI", "a", ranges, json!(["1.0"]))),
        record("X-2", affected("PyPI", "a", json!([range("PARSEC", json!([{ "introduced": "0" }]))]), json!([]))),
        record("X-3", affected("PyPI", "a", json!([range("GIT", json!([{ "introduced": "0" }]))]), json!([]))),
        record("X-4", affected("PyPI", "a", json!([range("ECOSYSTEM", json!([{ "fixed": "1" }]))]), json!([]))),
    ]);
    assert_eq!(found(&index, "pypi/a@1").len(), 1, "the list of versions counts");
    assert_eq!(found(&index, "pypi/a@2").len(), 0);
    assert_eq!(found(&index, "pypi/a@6").len(), 1, "the other range counts");
    let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
    let package = index.package(pypi, &pypi.names.parse("a").unwrap()).unwrap();
    let told: Vec<_> =
        package.unreadable().iter().map(|unreadable| format!("{}: {}", unreadable.id, unreadable.reason)).collect();
    assert_eq!(
        told,
        [
            "X-1: the bound `rubbish` is no version",
            "X-2: a range has the unknown type `PARSEC`",
            "X-3: it names commits only, no versions",
            "X-4: a range does not say where it begins",
        ]
    );
}

#[test]
fn bounds_with_a_plain_meaning_are_read() {
    let last = |version: &str| {
        let events = json!([{ "introduced": "0" }, { "last_affected": version }]);
        json!([range("ECOSYSTEM", events)])
    };
    check(
        &[
            record("X-1", affected("PyPI", "a", last("2.6.0-NA"), json!([]))),
            record("X-2", affected("PyPI", "a", last("2.6.0-cu124x"), json!([]))),
        ],
        &[("pypi/a@2.6.0", &["X-1", "X-2"]), ("pypi/a@2.6.1", &[])],
    );
}

#[test]
fn names_are_compared_in_their_normal_form() {
    let everything = || json!([range("ECOSYSTEM", json!([{ "introduced": "0" }]))]);
    check(
        &[
            record("X-1", affected("PyPI", "Zope.Interface", everything(), json!([]))),
            record("X-2", affected("PyPI:https://example.org", "b", everything(), json!([]))),
        ],
        &[("pypi/zope_interface@1", &["X-1"]), ("pypi/b@1", &["X-2"])],
    );
}

#[test]
fn aliases_count_once_and_the_home_database_is_shown() {
    check(
        &[
            set(below("GHSA-1", "2"), "aliases", json!(["CVE-2026-0001"])),
            set(below("PYSEC-2026-1", "3"), "aliases", json!(["CVE-2026-0001"])),
            set(below("OTHER-1", "3"), "related", json!(["CVE-2026-0001"])),
            set(below("OTHER-2", "3"), "upstream", json!(["CVE-2026-0001"])),
        ],
        &[("pypi/a@1", &["OTHER-1", "OTHER-2", "PYSEC-2026-1"])],
    );
}

#[test]
fn an_id_of_another_package_s_record_is_not_shown() {
    let elsewhere = record(
        "PYSEC-2026-1",
        affected("PyPI", "b", json!([range("ECOSYSTEM", json!([{ "introduced": "0" }]))]), json!([])),
    );
    let index = index(&[
        set(elsewhere, "aliases", json!(["CVE-2026-0001"])),
        set(below("GHSA-1", "2"), "aliases", json!(["CVE-2026-0001"])),
    ]);
    let found = found(&index, "pypi/a@1");
    assert_eq!(found[0].id, "GHSA-1");
    assert_eq!(found[0].aliases, ["CVE-2026-0001", "PYSEC-2026-1"]);
}

#[test]
fn a_withdrawn_record_neither_matches_nor_ties_nor_scores() {
    let withdrawn = set(
        scored(set(below("GHSA-1", "9"), "aliases", json!(["CVE-2026-0001", "CVE-2026-0002"])), CRITICAL),
        "withdrawn",
        json!("2026-02-01T00:00:00Z"),
    );
    let index = index(&[
        withdrawn,
        set(below("X-1", "2"), "aliases", json!(["CVE-2026-0001", "GHSA-1"])),
        set(below("X-2", "2"), "aliases", json!(["CVE-2026-0002", "GHSA-1"])),
    ]);
    let found = found(&index, "pypi/a@1");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|vulnerability| vulnerability.severity.is_none()));
    assert!(found.iter().all(|vulnerability| !vulnerability.aliases.contains(&String::from("GHSA-1"))));
    assert!(self::found(&index, "pypi/a@5").is_empty());
    assert_eq!(index.stats().withdrawn, 1);
}

#[test]
fn the_later_revision_of_a_record_counts_whatever_the_order() {
    let old = below("X-1", "2");
    let new = set(below("X-1", "1"), "modified", json!("2026-03-01T00:00:00Z"));
    for records in [[old.clone(), new.clone()], [new, old]] {
        check(&records, &[("pypi/a@1.5", &[]), ("pypi/a@0.5", &["X-1"])]);
    }
}

#[test]
fn the_score_is_the_matching_records_own_and_the_highest() {
    let index = index(&[
        scored(set(below("X-1", "2"), "aliases", json!(["X-2", "X-3"])), MEDIUM),
        scored(below("X-2", "2"), HIGH),
        scored(below("X-3", "1"), CRITICAL),
    ]);
    let severity = found(&index, "pypi/a@1.5").remove(0).severity.unwrap();
    assert_eq!((severity.score, severity.source.as_str()), (7.5, "X-2"), "X-3 does not match");
    let severity = found(&index, "pypi/a@0.5").remove(0).severity.unwrap();
    assert_eq!((severity.score, severity.source.as_str(), severity.vector.as_str()), (9.8, "X-3", CRITICAL));
}

#[test]
fn an_entry_s_own_severity_is_instead_of_the_record_s() {
    let mut record = scored(below("X-1", "2"), CRITICAL);
    record["affected"][0]["severity"] = json!([{ "type": "CVSS_V3", "score": MEDIUM }]);
    let severity = found(&index(&[record]), "pypi/a@1").remove(0).severity.unwrap();
    assert_eq!(severity.score, 5.3);
}

fn cve_record(id: &str, cna: Option<&str>, adp: Option<&str>) -> cve::Record {
    let metrics = |vector: Option<&str>| match vector {
        Some(vector) => json!([{ "cvssV3_1": { "vectorString": vector } }]),
        None => json!([]),
    };
    let text = json!({
        "cveMetadata": { "cveId": id, "state": "PUBLISHED" },
        "containers": {
            "cna": { "metrics": metrics(cna) },
            "adp": [{ "providerMetadata": { "shortName": "CISA-ADP" }, "metrics": metrics(adp) }],
        },
    });
    cve::Record::parse(text.to_string().as_bytes()).unwrap()
}

#[test]
fn a_record_without_a_score_takes_the_cluster_s_then_the_cna_s_then_an_adp_s() {
    let plain = || set(below("PYSEC-2026-1", "2"), "aliases", json!(["CVE-2026-0001"]));
    let bitnami = record(
        "BIT-a-2026-0001",
        affected("Bitnami", "a", json!([range("SEMVER", json!([{ "introduced": "0" }]))]), json!([])),
    );
    let bitnami = || set(scored(bitnami.clone(), HIGH), "aliases", json!(["CVE-2026-0001"]));
    let mut told = String::new();
    for (records, cna, adp) in [
        (vec![plain(), bitnami()], Some(MEDIUM), Some(CRITICAL)),
        (vec![plain()], Some(MEDIUM), Some(CRITICAL)),
        (vec![plain()], None, Some(CRITICAL)),
        (vec![plain()], None, None),
    ] {
        let index = with(&records, |builder| {
            builder.cve(&cve_record("CVE-2026-0001", cna, adp));
        });
        match found(&index, "pypi/a@1").remove(0).severity {
            Some(severity) => writeln!(told, "{} {}", severity.score, severity.source).unwrap(),
            None => writeln!(told, "unknown").unwrap(),
        }
    }
    assert_eq!(told, "7.5 BIT-a-2026-0001\n5.3 CVE-2026-0001 (CNA)\n9.8 CVE-2026-0001 (ADP CISA-ADP)\nunknown\n");
}

#[test]
fn known_exploitation_and_probability_come_by_any_cve_of_the_cluster() {
    let records = [set(below("PYSEC-2026-1", "2"), "aliases", json!(["CVE-2026-0001", "CVE-2026-0002"]))];
    let plain = found(&index(&records), "pypi/a@1").remove(0);
    assert_eq!((plain.known_exploited, plain.epss), (None, None));
    let index = with(&records, |builder| {
        let catalogue = json!({ "catalogVersion": "1", "vulnerabilities": [
            { "cveID": "CVE-2026-0002", "dateAdded": "2026-02-03" }, { "cveID": "CVE-2026-0009", "dateAdded": "2026-01-01" },
        ] });
        builder.kev(&kev::Catalogue::parse(catalogue.to_string().as_bytes()).unwrap());
        let scores = b"cve,epss,percentile\nCVE-2026-0001,0.25,0.9\nCVE-2026-0002,0.5,0.9\n";
        builder.epss(&epss::Scores::parse(scores).unwrap());
    });
    let told = found(&index, "pypi/a@1").remove(0);
    assert_eq!(told.known_exploited.unwrap().date(), "2026-02-03");
    assert_eq!(told.epss, Some(0.5));
    assert_ne!(told.digest, plain.digest, "what is known has changed");
}

#[test]
fn malicious_code_and_health_notices_are_no_vulnerabilities() {
    let informational = |id: &str| {
        let mut record = below(id, "2");
        record["affected"][0]["database_specific"] = json!({ "informational": "unmaintained" });
        record
    };
    let kind = |records: &[Value]| found(&index(records), "pypi/a@1").remove(0).kind;
    let unmaintained = Kind::Informational(String::from("unmaintained"));
    assert_eq!(kind(&[below("X-1", "2")]), Kind::Vulnerability);
    assert_eq!(kind(&[below("MAL-2026-1", "2")]), Kind::Malware);
    assert_eq!(kind(&[set(below("GHSA-1", "2"), "aliases", json!(["MAL-2026-1"]))]), Kind::Malware);
    assert_eq!(kind(&[informational("RUSTSEC-1")]), unmaintained);
    let ghsa = || set(below("GHSA-1", "2"), "aliases", json!(["RUSTSEC-1"]));
    assert_eq!(kind(&[informational("RUSTSEC-1"), ghsa()]), unmaintained, "GHSA states no severity");
    assert_eq!(kind(&[informational("RUSTSEC-1"), scored(ghsa(), HIGH)]), Kind::Vulnerability);
}

#[test]
fn fixed_versions_are_listed_once_in_the_order_of_versions() {
    let ranges = json!([
        range(
            "ECOSYSTEM",
            json!([{ "introduced": "0" }, { "fixed": "1.10" }, { "introduced": "2" }, { "fixed": "2.1" }])
        ),
        range(
            "ECOSYSTEM",
            json!([{ "introduced": "0" }, { "fixed": "1.9" }, { "introduced": "2" }, { "fixed": "2.1.0" }])
        ),
    ]);
    let index = index(&[record("X-1", affected("PyPI", "a", ranges, json!([])))]);
    assert_eq!(found(&index, "pypi/a@1").remove(0).fixed, ["1.9", "1.10", "2.1"]);
}

#[test]
fn records_of_one_cluster_that_differ_about_versions_are_told_apart() {
    let index = index(&[set(below("GHSA-1", "2"), "aliases", json!(["PYSEC-2026-1"])), below("PYSEC-2026-1", "4")]);
    let both = found(&index, "pypi/a@1").remove(0);
    let one = found(&index, "pypi/a@3").remove(0);
    assert_eq!((both.id.as_str(), one.id.as_str()), ("PYSEC-2026-1", "PYSEC-2026-1"));
    assert_ne!(both.digest, one.digest);
}

#[test]
fn another_build_of_a_version_has_its_advisories_and_its_own() {
    let to_last = json!([{ "introduced": "0" }, { "last_affected": "2.6.0" }]);
    let to_fixed = json!([{ "introduced": "0" }, { "fixed": "2.7.0" }]);
    check(
        &[
            record("A-1", affected("PyPI", "torch", json!([range("ECOSYSTEM", to_last)]), json!([]))),
            record("A-2", affected("PyPI", "torch", json!([range("ECOSYSTEM", to_fixed)]), json!([]))),
            record("A-3", affected("PyPI", "torch", json!([]), json!(["2.6.0"]))),
            record("A-4", affected("PyPI", "torch", json!([]), json!(["2.7.0+evil"]))),
        ],
        &[
            ("pypi/torch@2.6.0", &["A-1", "A-2", "A-3"]),
            ("pypi/torch@2.6.0+cu126", &["A-1", "A-2", "A-3"]),
            ("pypi/torch@2.7.0+cu126", &[]),
            ("pypi/torch@2.7.0+evil", &["A-4"]),
            ("pypi/torch@2.7.0", &[]),
        ],
    );
}
