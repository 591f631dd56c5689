//! Decisions, requests and events.

use weir_store::{DecisionRow, IndexState, RequestRow};

use crate::Fixture;
use crate::fixture::{at, digest, kinds};

pub fn decision(id: &str) -> DecisionRow {
    DecisionRow {
        id: id.to_owned(),
        stage: String::from("prod"),
        ecosystem: String::from("pypi"),
        package: String::from("example"),
        version: String::from("1.0"),
        file: None,
        outcome: String::from("block"),
        effective: String::from("allow"),
        body: String::from(r#"{"reasons": []}"#),
        at: at(10),
    }
}

pub fn index_state(text: &str) -> IndexState {
    IndexState {
        digest: digest(text),
        stage: String::from("prod"),
        ecosystem: String::from("npm"),
        package: String::from("@acme/example"),
        document: digest("document"),
        policy: digest("policy"),
        advisories: digest("advisories"),
        waivers: digest("waivers"),
        hidden: digest("hidden"),
        at: at(10),
    }
}

pub fn request(number: u64) -> RequestRow {
    let full = number.is_multiple_of(2);
    RequestRow {
        at: at(number as i64),
        principal: String::from("anonymous"),
        client: String::from("pip"),
        stage: String::from("dev"),
        ecosystem: String::from("pypi"),
        package: String::from("example"),
        version: full.then(|| String::from("1.0")),
        file: full.then(|| String::from("example-1.0.tar.gz")),
        artifact: full.then(|| digest("bytes")),
        index_state: (!full).then(|| digest("index")),
        decision: full.then(|| String::from("aaaaaaaaaaaaaaaa")),
        outcome: String::from("served"),
        status: 200,
        bytes: number * 1_000_000_007,
        duration_ms: number,
    }
}

pub async fn a_decision_is_recorded_once(f: Fixture) {
    let mut new = decision("abcdefghijklmnop");
    assert_eq!(f.store.decision(&new.id).await.unwrap(), None);
    assert!(f.store.record_decision(&new).await.unwrap());
    assert!(!f.store.record_decision(&new).await.unwrap());
    assert_eq!(f.store.decision(&new.id).await.unwrap().as_ref(), Some(&new));
    assert_eq!(kinds(&f.store).await, ["decision"]);
    assert_eq!(f.store.events(0, 1).await.unwrap()[0].subject, new.id);
    new.id = String::from("ponmlkjihgfedcba");
    new.file = Some(String::from("example-1.0.whl"));
    assert!(f.store.record_decision(&new).await.unwrap());
    assert_eq!(f.store.decision(&new.id).await.unwrap(), Some(new));
}

pub async fn an_index_state_is_recorded_once(f: Fixture) {
    let new = index_state("one");
    assert_eq!(f.store.index_state(&new.digest).await.unwrap(), None);
    assert!(f.store.record_index_state(&new).await.unwrap());
    assert!(!f.store.record_index_state(&IndexState { at: at(20), ..new.clone() }).await.unwrap());
    assert_eq!(f.store.index_state(&new.digest).await.unwrap(), Some(new));
}

pub async fn requests_are_appended_in_order(f: Fixture) {
    f.store.append_requests(&[]).await.unwrap();
    assert_eq!(f.store.count_requests().await.unwrap(), 0);
    let first: Vec<RequestRow> = (0..100).map(request).collect();
    f.store.append_requests(&first).await.unwrap();
    f.store.append_requests(&[request(100)]).await.unwrap();
    assert_eq!(f.store.count_requests().await.unwrap(), 101);
    let page = f.store.requests(0, 60).await.unwrap();
    let rest = f.store.requests(page[59].id, 1000).await.unwrap();
    let all: Vec<RequestRow> = page.into_iter().chain(rest).map(|stored| stored.request).collect();
    assert_eq!(all, (0..101).map(request).collect::<Vec<_>>());
}

pub async fn requests_that_repeat_keep_their_places(f: Fixture) {
    // Three kinds of requests, interleaved: one as often as two statements take, one just often enough to be written as a
    // repetition, one just too seldom.
    let of = |kind: u64, moment: i64| RequestRow {
        at: at(moment),
        duration_ms: moment.unsigned_abs(),
        bytes: kind,
        version: (kind == 1).then(|| String::from("1.0")),
        artifact: (kind == 2).then(|| digest("bytes")),
        ..request(kind)
    };
    let kind = |place: i64| match place {
        0..16 if place % 2 == 0 => 2,
        1..15 if place % 2 == 1 => 3,
        _ => 1,
    };
    let all: Vec<RequestRow> = (0..1_000).map(|place| of(kind(place), place)).collect();
    assert_eq!(all.iter().filter(|request| request.bytes == 2).count(), 8);
    assert_eq!(all.iter().filter(|request| request.bytes == 3).count(), 7);
    f.store.append_requests(&all).await.unwrap();
    let rows = f.store.requests(0, 1_000).await.unwrap();
    assert!(rows.iter().map(|row| row.id).eq(1..=1_000));
    assert_eq!(rows.into_iter().map(|row| row.request).collect::<Vec<_>>(), all);
}

pub async fn events_come_in_pages(f: Fixture) {
    for number in 0..5 {
        let id = f.store.record_event("tested", &number.to_string(), "{}", at(number)).await.unwrap();
        assert_eq!(id, number + 1);
    }
    let page = f.store.events(1, 2).await.unwrap();
    assert_eq!(page.iter().map(|event| event.id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(f.store.events(5, 2).await.unwrap(), []);
    assert_eq!(f.store.events(0, 0).await.unwrap().len(), 1, "a page has at least one row");
}

pub async fn event_ids_have_no_gaps_under_concurrency(f: Fixture) {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = f.store.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    store.record_event("tested", &format!("{task}/{number}"), "{}", at(number)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let ids: Vec<i64> = f.store.events(0, 1000).await.unwrap().into_iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=80).collect::<Vec<_>>());
}

/// Readers go on after the last id that they saw: an event that commits later must have a higher id.
pub async fn an_event_reader_misses_nothing(f: Fixture) {
    const WRITERS: usize = 4;
    const EACH: usize = 15;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = f.store.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    let id = format!("{writer}-{number}");
                    assert!(store.record_decision(&decision(&id)).await.unwrap());
                }
            })
        })
        .collect();
    let (mut after, mut seen) = (0, Vec::new());
    while seen.len() < WRITERS * EACH {
        for event in f.store.events(after, 7).await.unwrap() {
            assert_eq!(event.id, after + 1, "an id was skipped");
            after = event.id;
            seen.push(event.subject);
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), WRITERS * EACH);
}
