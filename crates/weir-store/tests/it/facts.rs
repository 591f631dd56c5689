//! What is known, since when, from whom.

use weir_core::Timestamp;
use weir_store::{NewFact, Store};

use crate::Fixture;
use crate::fixture::at;

const SUBJECT: &str = "pkg:pypi/example@1.0";

pub fn fact(kind: &str, source: &str, value: &str) -> NewFact {
    NewFact { subject: SUBJECT.to_owned(), kind: kind.to_owned(), source: source.to_owned(), value: value.to_owned() }
}

async fn values_at(store: &Store, t: Timestamp) -> Vec<String> {
    store.facts_at(SUBJECT, t).await.unwrap().into_iter().map(|fact| fact.value).collect()
}

pub async fn a_fact_has_an_interval(f: Fixture) {
    assert_eq!(f.store.record_facts(&[fact("license", "registry", "\"MIT\"")], at(10)).await.unwrap(), 1);
    assert_eq!(f.store.record_facts(&[fact("license", "registry", "\"GPL\"")], at(20)).await.unwrap(), 1);
    assert_eq!(values_at(&f.store, at(9)).await, [""; 0]);
    assert_eq!(values_at(&f.store, at(19)).await, ["\"MIT\""]);
    assert_eq!(values_at(&f.store, at(20)).await, ["\"GPL\""]);
    let current = f.store.facts_current(SUBJECT).await.unwrap();
    assert_eq!((current.len(), current[0].seen_from, current[0].seen_to), (1, at(20), None));
    assert_eq!(f.store.facts_at(SUBJECT, at(15)).await.unwrap()[0].seen_to, Some(at(20)));
}

pub async fn the_same_fact_again_is_not_written(f: Fixture) {
    let facts = [fact("license", "registry", "\"MIT\""), fact("publisher", "registry", "{\"name\": \"a\"}")];
    assert_eq!(f.store.record_facts(&facts, at(10)).await.unwrap(), 2);
    assert_eq!(f.store.record_facts(&facts, at(20)).await.unwrap(), 0);
    let current = f.store.facts_current(SUBJECT).await.unwrap();
    assert!(current.iter().all(|fact| fact.seen_from == at(10)));
    assert_eq!(f.store.record_facts(&[], at(30)).await.unwrap(), 0);
}

pub async fn two_sources_may_disagree(f: Fixture) {
    f.store.record_facts(&[fact("license", "registry", "1"), fact("license", "artifact", "2")], at(10)).await.unwrap();
    let current = f.store.facts_current(SUBJECT).await.unwrap();
    let found: Vec<_> = current.iter().map(|fact| (fact.source.as_str(), fact.value.as_str())).collect();
    assert_eq!(found, [("artifact", "2"), ("registry", "1")]);
    assert_eq!(f.store.facts_current("pkg:pypi/example@1.00").await.unwrap(), []);
}

pub async fn a_fact_twice_in_one_batch_counts_once(f: Fixture) {
    let twice = [fact("license", "registry", "1"), fact("license", "registry", "2")];
    assert_eq!(f.store.record_facts(&twice, at(10)).await.unwrap(), 1);
    assert_eq!(values_at(&f.store, at(10)).await, ["2"]);
}

pub async fn many_facts_go_in_at_once(f: Fixture) {
    let many = |value: &str| -> Vec<NewFact> {
        (0..1_000)
            .map(|number| NewFact { subject: format!("pkg:npm/a@{number}"), ..fact("license", "registry", value) })
            .collect()
    };
    assert_eq!(f.store.record_facts(&many("1"), at(10)).await.unwrap(), 1_000);
    let mut some = many("1");
    some[500].value = String::from("2");
    assert_eq!(f.store.record_facts(&some, at(20)).await.unwrap(), 1);
    assert_eq!(f.store.facts_current("pkg:npm/a@500").await.unwrap()[0].seen_from, at(20));
    assert_eq!(f.store.facts_current("pkg:npm/a@999").await.unwrap()[0].seen_from, at(10));
}
