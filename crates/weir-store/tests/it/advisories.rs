//! Advisories and when their revisions were current.

use std::ops::ControlFlow;
use std::time::Instant;

use weir_core::Digest;
use weir_store::{AdvisoryKind, AdvisoryRevision, PutReport, Store};

use crate::Fixture;
use crate::fixture::{at, digest};

pub fn advisory(id: &str, modified: i64, body: &str) -> AdvisoryRevision {
    AdvisoryRevision {
        id: id.to_owned(),
        kind: AdvisoryKind::Osv,
        digest: digest(body),
        modified: at(modified),
        body: body.as_bytes().to_vec(),
    }
}

async fn ids(store: &Store, kind: AdvisoryKind) -> Vec<String> {
    let mut ids = Vec::new();
    let mut each = |id: &str, _: &str, _: &[u8]| {
        ids.push(id.to_owned());
        ControlFlow::Continue(())
    };
    store.each_advisory(kind, &mut each).await.unwrap();
    ids
}

fn report(new: u64, changed: u64, unchanged: u64, older: u64) -> PutReport {
    PutReport { new, changed, unchanged, older }
}

pub async fn a_record_is_new_then_unchanged_then_changed(f: Fixture) {
    let put = async |body: &str, millis| {
        f.store.put_advisories("osv", &[advisory("PYSEC-1", 1, body)], at(millis)).await.unwrap()
    };
    assert_eq!(put("{}", 10).await, report(1, 0, 0, 0));
    assert_eq!(put("{}", 20).await, report(0, 0, 1, 0));
    assert_eq!(put("{ }", 30).await, report(0, 1, 0, 0));
    let found = f.store.advisory("PYSEC-1").await.unwrap().remove(0);
    assert_eq!((found.body.as_slice(), found.seen_from, found.source.as_str()), (b"{ }".as_slice(), at(30), "osv"));
    assert_eq!(f.store.advisory("PYSEC-2").await.unwrap(), []);
    assert_eq!(f.store.put_advisories("osv", &[], at(40)).await.unwrap(), PutReport::default());
}

pub async fn an_advisory_is_known_as_of_a_day(f: Fixture) {
    for (body, millis) in [("1", 10), ("2", 20)] {
        f.store.put_advisories("osv", &[advisory("PYSEC-1", millis, body)], at(millis)).await.unwrap();
    }
    for (millis, expected) in [(9, None), (10, Some("1")), (19, Some("1")), (20, Some("2"))] {
        let found = f.store.advisory_at("PYSEC-1", at(millis)).await.unwrap().pop();
        assert_eq!(found.map(|row| row.body), expected.map(|body| body.as_bytes().to_vec()), "at {millis}");
    }
}

pub async fn an_older_record_of_another_feed_is_left_out(f: Fixture) {
    f.store.put_advisories("osv", &[advisory("PYSEC-1", 20, "new")], at(20)).await.unwrap();
    let put = f.store.put_advisories("import", &[advisory("PYSEC-1", 10, "old")], at(30)).await.unwrap();
    assert_eq!(put, report(0, 0, 0, 1));
    assert_eq!(f.store.advisory("PYSEC-1").await.unwrap()[0].body, b"new");
    let put = f.store.put_advisories("import", &[advisory("PYSEC-1", 30, "newer")], at(40)).await.unwrap();
    assert_eq!(put, report(0, 1, 0, 0));
    assert_eq!(f.store.advisory("PYSEC-1").await.unwrap()[0].source, "import");
}

pub async fn a_feed_may_take_its_own_record_back(f: Fixture) {
    f.store.put_advisories("osv", &[advisory("PYSEC-1", 20, "new")], at(20)).await.unwrap();
    f.store.put_advisories("osv", &[advisory("PYSEC-1", 10, "old")], at(30)).await.unwrap();
    assert_eq!(f.store.advisory("PYSEC-1").await.unwrap()[0].body, b"old");
}

pub async fn advisories_come_in_order_of_their_ids(f: Fixture) {
    let names = ["b", "B", "a-2", "a-10", "é", "_"];
    let revisions: Vec<_> = names.iter().map(|id| advisory(id, 1, id)).collect();
    f.store.put_advisories("osv", &revisions, at(10)).await.unwrap();
    // A closed revision does not come.
    f.store.put_advisories("osv", &[advisory("b", 2, "b2")], at(20)).await.unwrap();
    assert_eq!(ids(&f.store, AdvisoryKind::Osv).await, ["B", "_", "a-10", "a-2", "b", "é"]);
    assert_eq!(ids(&f.store, AdvisoryKind::Cve).await, [""; 0]);
}

pub async fn advisories_come_until_told_to_stop(f: Fixture) {
    let revisions: Vec<_> = (0..600).map(|number| advisory(&format!("{number:03}"), 1, "{}")).collect();
    f.store.put_advisories("osv", &revisions, at(10)).await.unwrap();
    assert_eq!(ids(&f.store, AdvisoryKind::Osv).await.len(), 600, "over several pages");
    let mut count = 0;
    let mut each = |_: &str, source: &str, body: &[u8]| {
        assert_eq!((source, body), ("osv", b"{}".as_slice()));
        count += 1;
        if count == 300 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    f.store.each_advisory(AdvisoryKind::Osv, &mut each).await.unwrap();
    assert_eq!(count, 300);
}

pub async fn an_osv_and_a_cve_record_may_share_an_id(f: Fixture) {
    let cve = AdvisoryRevision { kind: AdvisoryKind::Cve, ..advisory("CVE-2020-1", 1, "cve") };
    let put = f.store.put_advisories("both", &[cve, advisory("CVE-2020-1", 1, "osv")], at(10)).await.unwrap();
    assert_eq!(put, report(2, 0, 0, 0));
    let found: Vec<_> =
        f.store.advisory("CVE-2020-1").await.unwrap().into_iter().map(|row| (row.kind, row.body)).collect();
    assert_eq!(found, [(AdvisoryKind::Cve, b"cve".to_vec()), (AdvisoryKind::Osv, b"osv".to_vec())]);
    let counts = f.store.advisory_counts().await.unwrap();
    assert_eq!(
        counts.iter().map(|count| (count.kind, count.count)).collect::<Vec<_>>(),
        [(AdvisoryKind::Cve, 1), (AdvisoryKind::Osv, 1)]
    );
}

pub async fn an_id_twice_in_one_feed_counts_once(f: Fixture) {
    let twice = [advisory("PYSEC-1", 1, "first"), advisory("PYSEC-1", 1, "last")];
    assert_eq!(f.store.put_advisories("osv", &twice, at(10)).await.unwrap(), report(1, 0, 0, 0));
    assert_eq!(f.store.advisory("PYSEC-1").await.unwrap()[0].body, b"last");
}

pub async fn ten_thousand_records_are_taken_in_quickly(f: Fixture) {
    let revisions: Vec<_> = (0..10_000)
        .map(|number| {
            let details = digest(&number.to_string()).to_string().repeat(20);
            let body = format!(r#"{{"id":"PYSEC-{number}","details":"{details}"}}"#).into_bytes();
            let id = format!("PYSEC-{number}");
            AdvisoryRevision { id, kind: AdvisoryKind::Osv, digest: Digest::of(&body), modified: at(1), body }
        })
        .collect();
    let started = Instant::now();
    assert_eq!(f.store.put_advisories("osv", &revisions, at(10)).await.unwrap(), report(10_000, 0, 0, 0));
    let new = started.elapsed();
    let started = Instant::now();
    assert_eq!(f.store.put_advisories("osv", &revisions, at(20)).await.unwrap(), report(0, 0, 10_000, 0));
    let again = started.elapsed();
    let started = Instant::now();
    assert_eq!(ids(&f.store, AdvisoryKind::Osv).await.len(), 10_000);
    println!("10,000 advisories: new {new:?}, unchanged {again:?}, read {:?}", started.elapsed());
    // Unoptimised and beside other tests; the budget of one second is for a release build.
    assert!(new.as_secs() < 30, "{new:?}");
}

pub async fn a_batch_tells_which_ids_it_changed(f: Fixture) {
    f.store.put_advisories("osv", &[advisory("b", 1, "1"), advisory("a", 1, "1")], at(10)).await.unwrap();
    f.store.put_advisories("osv", &[advisory("b", 2, "2"), advisory("c", 1, "1")], at(20)).await.unwrap();
    f.store.put_advisories("osv", &[advisory("b", 2, "2")], at(30)).await.unwrap();
    let events = f.store.events(0, 10).await.unwrap();
    let told: Vec<(&str, &str)> = events.iter().map(|event| (event.kind.as_str(), event.body.as_str())).collect();
    assert_eq!(
        told,
        [
            ("advisories-changed", r#"{"kind":"osv","source":"osv","new":["a","b"],"changed":[]}"#),
            ("advisories-changed", r#"{"kind":"osv","source":"osv","new":["c"],"changed":["b"]}"#),
        ]
    );
}
