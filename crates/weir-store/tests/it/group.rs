//! Many who write at the same time: each is told of its own, and none is in another's way.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use weir_store::{RequestRow, StoreError};

use crate::Fixture;
use crate::fixture::at;
use crate::record::request;

const WRITERS: u64 = 150;

/// What no engine keeps: it fails in the middle of its transaction.
fn broken() -> RequestRow {
    RequestRow { package: String::from("a\0b"), ..request(1) }
}

pub async fn many_writers_are_each_told_and_all_is_there(f: Fixture) {
    let writes = (0..WRITERS).map(|number| {
        let store = f.store.clone();
        tokio::spawn(async move {
            let id = store.record_event("kind", &number.to_string(), "{}", at(1)).await.unwrap();
            // Whoever is told reads it, on whatever connection.
            let told = store.events(id - 1, 1).await.unwrap().remove(0);
            assert_eq!((told.id, told.subject), (id, number.to_string()));
            id
        })
    });
    let ids: BTreeSet<i64> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids, (1..=WRITERS as i64).collect());
}

pub async fn a_writer_that_fails_takes_no_other_with_it(f: Fixture) {
    let writes = (0..WRITERS).map(|number| {
        let store = f.store.clone();
        tokio::spawn(async move {
            let row = if number.is_multiple_of(3) { broken() } else { request(1) };
            let result = store.append_requests(&[row]).await;
            assert_eq!(result.is_err(), number.is_multiple_of(3), "{result:?}");
            assert!(matches!(result, Ok(()) | Err(StoreError::Nul { .. })), "{result:?}");
        })
    });
    join_all(writes).await.into_iter().for_each(Result::unwrap);
    assert_eq!(f.store.count_requests().await.unwrap(), WRITERS * 2 / 3);
}

pub async fn a_writer_that_goes_away_takes_no_other_with_it(f: Fixture) {
    let writes: Vec<_> = (0..WRITERS)
        .map(|number| {
            let store = f.store.clone();
            tokio::spawn(async move {
                let row = if number.is_multiple_of(7) { broken() } else { request(1) };
                store.append_requests(&[row, request(1)]).await.is_ok()
            })
        })
        .collect();
    for (number, write) in writes.iter().enumerate() {
        if number % 3 == 1 {
            write.abort();
        }
        tokio::task::yield_now().await;
    }
    let (mut done, mut gone) = (0, 0);
    for write in writes {
        match write.await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(_) => gone += 1,
        }
    }
    // What goes away before it is told may be written or not, but whole.
    let count = f.store.count_requests().await.unwrap();
    assert!(count.is_multiple_of(2) && count / 2 >= done && count / 2 <= done + gone, "{count} {done} {gone}");
    f.store.append_requests(&[request(1)]).await.unwrap();
    assert_eq!(f.store.count_requests().await.unwrap(), count + 1);
}

pub async fn one_that_is_large_waits_for_its_own_end_alone(f: Fixture) {
    let body = vec![b'x'; 4_000_000];
    let large = {
        let store = f.store.clone();
        tokio::spawn(async move {
            let digest = weir_core::Digest::of(&body);
            store.record_revision(weir_store::RevisionKind::Policy, &digest, &body, at(1)).await.unwrap();
        })
    };
    let small = (0..WRITERS).map(|number| {
        let store = f.store.clone();
        tokio::spawn(async move { store.record_event("kind", &number.to_string(), "{}", at(1)).await.unwrap() })
    });
    assert_eq!(join_all(small).await.len(), WRITERS as usize);
    large.await.unwrap();
    assert_eq!(f.store.events(0, 1000).await.unwrap().iter().filter(|event| event.kind == "kind").count(), 150);
}
