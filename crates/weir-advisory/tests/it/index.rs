//! The index as a file.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use weir_advisory::osv::Record;
use weir_advisory::{Builder, Index};
use weir_core::Timestamp;

use crate::ECOSYSTEMS;
use crate::matching::found;

fn records(count: usize) -> Vec<Record> {
    (0..count)
        .map(|number| {
            let text = json!({
                "id": format!("X-{number}"),
                "modified": "2026-01-01T00:00:00Z",
                "summary": format!("summary {number}"),
                "aliases": [format!("CVE-2026-{:04}", number / 2)],
                "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
                "affected": [{
                    "package": { "ecosystem": "PyPI", "name": format!("package-{}", number % 7) },
                    "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": format!("1.{number}") }] }],
                    "versions": ["0.1", "0.2", format!("1.{}", number / 3)],
                }],
            });
            Record::parse(text.to_string().as_bytes()).unwrap()
        })
        .collect()
}

fn build<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<u8> {
    let mut builder = Builder::new(ECOSYSTEMS);
    for record in records {
        builder.osv(record);
    }
    builder.feed("PyPI", Timestamp::parse("2026-10-01").unwrap());
    builder.build()
}

#[test]
fn the_same_records_in_any_order_give_the_same_bytes() {
    let records = records(40);
    let bytes = build(records.iter());
    assert!(bytes == build(records.iter().rev()));
    assert!(bytes == build(records.iter().chain(&records)));
    assert!(bytes != build(records.iter().skip(1)));
}

#[test]
fn a_written_index_is_opened_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.idx");
    std::fs::write(&path, build(records(40).iter())).unwrap();
    let index = Index::open(&path).unwrap();
    assert!(index.is_whole());
    assert_eq!(found(&index, "pypi/Package_3@1.2").len(), 6);
    assert_eq!(found(&index, "pypi/unknown@1.2").len(), 0);
    let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
    assert_eq!(index.names(pypi).count(), 7);
    assert_eq!(index.names(ECOSYSTEMS.by_id("npm").unwrap()).count(), 0);
    assert_eq!(index.stats().records, 40);
}

#[test]
fn what_is_no_index_is_refused_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.idx");
    assert!(Index::open(&path).unwrap_err().to_string().contains("x.idx"));
    let bytes = build(records(4).iter());
    let mut other = bytes.clone();
    other[8] = 99;
    for bytes in [&b""[..], b"weir-adv", &bytes[..100], &bytes[..bytes.len() - 1], &other] {
        std::fs::write(&path, bytes).unwrap();
        let error = Index::open(&path).unwrap_err().to_string();
        assert!(error.contains("x.idx"), "{error}");
    }
}

#[test]
fn feeds_are_confirmed_without_touching_the_advisories() {
    let index = Index::from_bytes(build(records(4).iter())).unwrap();
    let (pypi, npm) = (ECOSYSTEMS.by_id("pypi").unwrap(), ECOSYSTEMS.by_id("npm").unwrap());
    assert_eq!(index.feed(pypi).as_of, Timestamp::parse("2026-10-01"));
    assert_eq!(index.feed(npm).as_of, None, "never imported, so not assessed");
    let later = Timestamp::parse("2026-10-02").unwrap();
    let feeds = BTreeMap::from([(String::from("PyPI"), later), (String::from("npm"), later)]);
    let confirmed = Index::from_bytes(index.confirmed(&feeds)).unwrap();
    assert!(confirmed.is_whole());
    assert_eq!((confirmed.feed(pypi).as_of, confirmed.feed(npm).as_of), (Some(later), Some(later)));
    assert_eq!(confirmed.content(), index.content());
    assert_ne!(confirmed.digest(), index.digest(), "a page that said `not assessed` is another page now");
    assert_eq!(found(&confirmed, "pypi/package-3@1.2").len(), found(&index, "pypi/package-3@1.2").len());
}

#[test]
fn an_empty_index_knows_nothing_and_says_so() {
    let index = Index::empty();
    assert_eq!(found(&index, "pypi/a@1").len(), 0);
    assert_eq!(index.feed(ECOSYSTEMS.by_id("pypi").unwrap()).as_of, None);
    assert!(index.is_whole());
}

proptest! {
    #[test]
    fn damaged_bytes_are_an_error_or_another_answer_and_never_a_panic(
        at in 0usize..4096,
        bit in 0u8..8,
        cut in 0usize..4096,
    ) {
        let mut bytes = build(records(12).iter());
        let length = bytes.len();
        bytes[at % length] ^= 1 << bit;
        if cut % 3 == 0 {
            bytes.truncate(length - cut % length);
        }
        let Ok(index) = Index::from_bytes(bytes) else { return Ok(()) };
        let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
        let _ = index.names(pypi).count();
        for number in 0..7 {
            let name = pypi.names.parse(&format!("package-{number}")).unwrap();
            if let Ok(package) = index.package(pypi, &name) {
                let key = pypi.versions.sort_key("1.2").ok();
                let _ = package.matching(pypi, "1.2", key.as_ref());
                let _ = package.all();
            }
        }
    }
}
