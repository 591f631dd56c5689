//! The real advisories of `../shared/data`, all of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::Instant;

use weir_advisory::osv::{RangeKind, Record};
use weir_advisory::read::{ReadReport, What, read};
use weir_advisory::{Builder, Index};
use weir_core::facts::{Kind, Vulnerability};
use weir_core::{Ecosystem, Timestamp};

use crate::{ECOSYSTEMS, shared};

/// The index of all of it, built once for all tests.
fn all() -> Option<&'static (Index, ReadReport)> {
    static ALL: OnceLock<Option<(Index, ReadReport)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let folder = shared::folder("data")?;
        let start = Instant::now();
        let mut builder = Builder::new(ECOSYSTEMS);
        let report = read(&folder, &mut |item| {
            match item.what {
                What::Osv(record) => builder.osv(&record),
                What::Cve(record) => builder.cve(&record),
                What::Kev(catalogue) => builder.kev(&catalogue),
                What::Epss(scores) => builder.epss(&scores),
            };
            ControlFlow::Continue(())
        })
        .unwrap();
        for ecosystem in report.ecosystems.keys() {
            builder.feed(ecosystem, Timestamp::parse("2026-10-01").unwrap());
        }
        let read_in = start.elapsed();
        let start = Instant::now();
        let bytes = builder.build();
        println!("read in {read_in:.2?}, built in {:.2?}, {} bytes", start.elapsed(), bytes.len());
        let index = Index::from_bytes(bytes).unwrap();
        println!("{:#?}", index.stats());
        Some((index, report))
    })
    .as_ref()
}

fn matching(index: &Index, id: &str, package: &str, version: &str) -> Vec<std::sync::Arc<Vulnerability>> {
    let ecosystem = ECOSYSTEMS.by_id(id).unwrap();
    let name = ecosystem.names.parse(package).unwrap();
    let key = ecosystem.versions.sort_key(version).ok();
    index.package(ecosystem, &name).unwrap().matching(ecosystem, version, key.as_ref())
}

fn ids(found: &[std::sync::Arc<Vulnerability>]) -> Vec<&str> {
    found.iter().map(|vulnerability| vulnerability.id.as_str()).collect()
}

#[test]
fn all_of_it_is_read_and_what_is_not_ours_is_passed_over() {
    let Some((index, report)) = all() else { return };
    for problem in &report.errors {
        println!("{problem}");
    }
    println!(
        "skipped {}: {:?}",
        report.skipped_count,
        report.skipped.iter().map(|path| path.file_name().unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(report.osv, 69_239);
    assert_eq!(report.kev, 1);
    assert_eq!(report.epss, 1);
    assert!(!report.stopped);
    // A file of EPSS scores with another header, and a broken JSON file: both are samples of what is wrong.
    let places: Vec<_> =
        report.errors.iter().map(|problem| problem.place.file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(places, ["invalid-header.csv", "clients__ossfuzz__testdata__invalid.json"]);
    assert!(index.is_whole());
    // One converted record names `flatmap-stream@`.
    assert_eq!(index.stats().impossible_names, 1);
}

#[test]
fn django_4_2_24_is_critical_and_4_2_30_is_not() {
    let Some((index, _)) = all() else { return };
    let critical = |version: &str| {
        let mut found = matching(index, "pypi", "Django", version);
        found.retain(|vulnerability| vulnerability.severity.as_ref().is_some_and(|severity| severity.score >= 9.0));
        found
    };
    let found = critical("4.2.24");
    assert!(ids(&found).contains(&"PYSEC-2025-106"), "{:?}", ids(&found));
    for vulnerability in &found {
        println!(
            "{} {:?} {:?} fixed {:?}",
            vulnerability.id, vulnerability.aliases, vulnerability.severity, vulnerability.fixed
        );
    }
    assert_eq!(ids(&critical("4.2.30")), [""; 0]);
    assert_eq!(ids(&critical("4.1.13")), [""; 0]);
}

#[test]
fn well_known_releases_are_found() {
    let Some((index, _)) = all() else { return };
    assert_eq!(ids(&matching(index, "npm", "minimist", "1.2.0")), ["GHSA-xvch-5gv4-984h"]);
    assert_eq!(ids(&matching(index, "npm", "minimist", "1.2.6")), [""; 0]);
    assert!(!matching(index, "npm", "event-stream", "3.3.6").is_empty());
    assert!(ids(&matching(index, "cargo", "smallvec", "1.6.0")).contains(&"RUSTSEC-2021-0003"));
    let malware = matching(index, "npm", "cxp-jquery", "1.0.0");
    assert_eq!((ids(&malware)[0], &malware[0].kind), ("MAL-2021-1", &Kind::Malware));
    // Every version of it is an attack, so one that cannot be read is too.
    assert_eq!(ids(&matching(index, "npm", "cxp-jquery", "not a version")), ["MAL-2021-1"]);
}

#[test]
fn a_score_of_another_member_names_its_source() {
    let Some((index, _)) = all() else { return };
    let mut borrowed = 0;
    let ecosystem = ECOSYSTEMS.by_id("pypi").unwrap();
    for name in index.names(ecosystem).take(2000) {
        let package = index.package(ecosystem, &name).unwrap();
        for vulnerability in package.all() {
            if let Some(severity) = &vulnerability.severity {
                borrowed += usize::from(severity.source.starts_with("BIT-"));
                assert!(
                    severity.source == vulnerability.id || vulnerability.aliases.contains(&severity.source),
                    "{vulnerability:?}"
                );
            }
        }
    }
    println!("{borrowed} scores are Bitnami's");
    assert!(borrowed > 0);
}

#[test]
fn every_enumerated_version_is_inside_its_range() {
    let Some(folder) = shared::folder("data") else { return };
    for (file, id) in [
        ("pypi", "pypi"),
        ("malicious-ossf", "pypi"),
        ("ghsa-samples", "pypi"),
        ("malicious-ossf", "npm"),
        ("ghsa-samples", "npm"),
        ("crates.io", "cargo"),
        ("ghsa-samples", "cargo"),
    ] {
        let ecosystem = ECOSYSTEMS.by_id(id).unwrap();
        let path = folder.join(file).join(format!("{}.jsonl.zst", ecosystem.osv));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut examples = Vec::new();
        read(&path, &mut |item| {
            if let What::Osv(record) = item.what {
                compare(ecosystem, &record, &mut counts, &mut examples);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        println!("{file}/{id}: {counts:?}");
        for example in examples.iter().take(5) {
            println!("    {example}");
        }
        let count = |word| counts.get(word).copied().unwrap_or_default();
        assert!(count("outside") * 50 <= count("inside") + 1, "more than 2 % differ");
    }
}

/// Judges each enumerated version of a record by its ranges alone.
fn compare(
    ecosystem: &'static Ecosystem,
    record: &Record,
    counts: &mut BTreeMap<&'static str, u64>,
    examples: &mut Vec<String>,
) {
    for affected in &record.affected {
        let Some(package) = affected.package.as_ref().filter(|package| package.ecosystem == ecosystem.osv) else {
            continue;
        };
        if affected.versions.is_empty() || affected.ranges.iter().all(|range| range.kind == RangeKind::Git) {
            continue;
        }
        let Ok(name) = ecosystem.names.parse(&package.name) else { continue };
        let mut alone = record.clone();
        alone.withdrawn = None;
        alone.affected = vec![weir_advisory::osv::Affected { versions: Vec::new(), ..affected.clone() }];
        let mut builder = Builder::new(ECOSYSTEMS);
        builder.osv(&alone);
        let index = Index::from_bytes(builder.build()).unwrap();
        let found = index.package(ecosystem, &name).unwrap();
        for version in &affected.versions {
            let word = match ecosystem.versions.sort_key(version) {
                Err(_) => "unreadable",
                Ok(_) if !found.unreadable().is_empty() => "unreadable range",
                Ok(key) if found.matching(ecosystem, version, Some(&key)).is_empty() => {
                    examples.push(format!("{} {}@{version}: {:?}", record.id, package.name, affected.ranges));
                    "outside"
                }
                Ok(_) => "inside",
            };
            *counts.entry(word).or_default() += 1;
        }
    }
}

#[test]
fn two_thousand_versions_are_judged_in_milliseconds() {
    let Some((index, _)) = all() else { return };
    let ecosystem = ECOSYSTEMS.by_id("pypi").unwrap();
    let mut largest = ("", 0);
    for name in ["tensorflow", "django", "ansible", "plone", "apache-airflow", "tensorflow-gpu", "mlflow"] {
        let name_ = ecosystem.names.parse(name).unwrap();
        let count = index.package(ecosystem, &name_).unwrap().len();
        if count > largest.1 {
            largest = (name, count);
        }
    }
    let name = ecosystem.names.parse(largest.0).unwrap();
    let versions: Vec<String> =
        (0..2000).map(|number| format!("{}.{}.{}", number / 400, number / 20 % 20, number % 20)).collect();
    let keys: Vec<_> = versions.iter().map(|version| ecosystem.versions.sort_key(version).unwrap()).collect();
    let start = Instant::now();
    let package = index.package(ecosystem, &name).unwrap();
    let opened = start.elapsed();
    let start = Instant::now();
    let mut found = 0;
    for (version, key) in versions.iter().zip(&keys) {
        found += package.matching(ecosystem, version, Some(key)).len();
    }
    println!(
        "{}: {} vulnerabilities decoded in {opened:.2?}; 2000 versions judged in {:.2?}, {found} matches",
        largest.0,
        largest.1,
        start.elapsed()
    );
    assert!(found > 0);
}

#[test]
fn what_cannot_be_judged_is_told() {
    let Some((index, _)) = all() else { return };
    for ecosystem in ECOSYSTEMS.iter() {
        let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut packages = 0;
        for name in index.names(ecosystem) {
            packages += 1;
            for unreadable in index.package(ecosystem, &name).unwrap().unreadable() {
                reasons.entry(unreadable.reason.clone()).or_default().push(format!("{name} {}", unreadable.id));
            }
        }
        println!("{}: {packages} packages, unreadable: {reasons:#?}", ecosystem.id);
        assert!(reasons.values().map(Vec::len).sum::<usize>() * 100 < packages);
    }
}
