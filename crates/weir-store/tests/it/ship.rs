//! What one Weir tells another, and what that one makes of it.

use weir_core::Timestamp;
use weir_store::{Location, NewDocument, SHIPPED_ROWS, Shipped, ShippedDocument, ShippedFile, Store, StoreError};

use crate::Fixture;
use crate::artifacts::artifact;
use crate::documents::document;
use crate::facts::fact;
use crate::fixture::{at, digest};
use crate::seen::release;

async fn shipped(store: &Store, since: Option<Timestamp>) -> Vec<Shipped> {
    let mut rows = Vec::new();
    let mut each = |row| {
        rows.push(row);
        Ok::<_, StoreError>(())
    };
    store.ship(since, &mut each).await.unwrap();
    rows
}

/// Something of everything.
async fn fill(store: &Store) {
    for (text, millis) in [("one", 10), ("two", 20)] {
        store.record_document(&document(text), at(millis)).await.unwrap();
    }
    let releases = [release("1.0", &[("f", "sha256:a"), ("g", "")])];
    store.first_seen("pypi", "example", &releases, &digest("two"), at(20)).await.unwrap();
    store.record_artifact(&artifact("f", "bytes"), at(30)).await.unwrap();
    store.record_facts(&[fact("k", "s", "1")], at(40)).await.unwrap();
}

async fn empty() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(directory.path().join("other.sqlite"))).await.unwrap();
    (directory, store)
}

fn interval(text: &str, from: i64, to: Option<i64>) -> Shipped {
    let NewDocument { upstream, path, digest, content_type, url, etag, last_modified, size } = document(text);
    let (seen_from, seen_to, checked_at) = (at(from), to.map(at), at(from));
    Shipped::Document(ShippedDocument {
        upstream,
        path,
        digest,
        content_type,
        url,
        etag,
        last_modified,
        size,
        seen_from,
        seen_to,
        checked_at,
    })
}

fn file(first_seen: i64, stated: &str, changed: Option<&str>) -> Shipped {
    Shipped::File(ShippedFile {
        ecosystem: String::from("pypi"),
        package: String::from("example"),
        file: String::from("f"),
        version: String::from("1.0"),
        first_seen: at(first_seen),
        stated: stated.to_owned(),
        document: digest("d"),
        published: Some(at(1)),
        last_absent: None,
        changed: changed.map(str::to_owned),
        changed_at: changed.map(|_| at(99)),
        changed_document: changed.map(|_| digest("e")),
    })
}

/// Executes every statement of it.
pub async fn tour(store: &Store) {
    fill(store).await;
    let rows = shipped(store, None).await;
    store.take_in(&rows, at(100)).await.unwrap();
    store.take_in(&[interval("three", 200, None), interval("three", 200, Some(300))], at(100)).await.unwrap();
    store.take_in(&[file(1, "sha256:a", Some("sha256:b"))], at(100)).await.unwrap();
}

pub async fn what_one_weir_tells_another_knows_afterwards(f: Fixture) {
    fill(&f.store).await;
    let rows = shipped(&f.store, None).await;
    assert_eq!(rows.len(), 7, "{rows:?}");
    let text: Vec<String> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    let read: Vec<Shipped> = text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, rows);

    let (_directory, other) = empty().await;
    assert_eq!(other.take_in(&rows, at(100)).await.unwrap(), 7);
    assert_eq!(shipped(&other, None).await.len(), rows.len());
    let (upstream, path) = (document("").upstream, document("").path);
    for t in [15, 25] {
        let (here, there) = (
            f.store.document_at(&upstream, &path, at(t)).await.unwrap().unwrap(),
            other.document_at(&upstream, &path, at(t)).await.unwrap().unwrap(),
        );
        assert_eq!((here.digest, here.seen_from, here.seen_to), (there.digest, there.seen_from, there.seen_to));
    }
    assert_eq!(other.artifacts("pypi", "example").await.unwrap(), f.store.artifacts("pypi", "example").await.unwrap());
    let releases = [release("1.0", &[("f", "sha256:a"), ("g", "")])];
    let seen = other.first_seen("pypi", "example", &releases, &digest("two"), at(500)).await.unwrap();
    assert_eq!(seen.releases, [(String::from("1.0"), at(20))]);
    assert_eq!(other.facts_current("pkg:pypi/example@1.0").await.unwrap().len(), 1);
    assert!(other.contradictions(&[]).await.unwrap().is_empty());
}

pub async fn the_same_again_changes_nothing(f: Fixture) {
    fill(&f.store).await;
    let rows = shipped(&f.store, None).await;
    assert_eq!(f.store.take_in(&rows, at(100)).await.unwrap(), 0);
    assert_eq!(shipped(&f.store, None).await, rows);
}

pub async fn only_what_is_new_is_told(f: Fixture) {
    fill(&f.store).await;
    // The first interval ended when the second began.
    assert_eq!(shipped(&f.store, Some(at(20))).await.len(), 7);
    assert_eq!(shipped(&f.store, Some(at(21))).await.len(), 2);
    assert_eq!(shipped(&f.store, Some(at(41))).await, []);
    f.store.touch_document(&document("").upstream, &document("").path, None, None, at(50)).await.unwrap();
    assert_eq!(shipped(&f.store, Some(at(41))).await.len(), 1, "that it is still current is news");
    let many: Vec<_> = (0..SHIPPED_ROWS + 1).map(|number| fact(&format!("k{number}"), "s", "1")).collect();
    f.store.record_facts(&many, at(60)).await.unwrap();
    assert_eq!(shipped(&f.store, Some(at(60))).await.len(), SHIPPED_ROWS + 1);
}

pub async fn the_earlier_first_sight_counts(f: Fixture) {
    let (stated, seen) = (["sha256:late", "sha256:early", "sha256:later"], [50, 20, 70]);
    for (stated, seen) in stated.into_iter().zip(seen) {
        f.store.take_in(&[file(seen, stated, None)], at(100)).await.unwrap();
    }
    let rows = shipped(&f.store, None).await;
    assert_eq!(rows, [file(20, "sha256:early", None)]);
}

pub async fn intervals_are_put_in_order(f: Fixture) {
    let (upstream, path) = (document("").upstream, document("").path);
    f.store.record_document(&document("here"), at(100)).await.unwrap();
    // What came from elsewhere began earlier, and ends where what is current here begins.
    f.store.take_in(&[interval("earlier", 50, None)], at(200)).await.unwrap();
    let row = f.store.document_at(&upstream, &path, at(60)).await.unwrap().unwrap();
    assert_eq!((row.digest, row.seen_to), (digest("earlier"), Some(at(100))));
    // What began later is current from then on.
    f.store.take_in(&[interval("later", 150, None)], at(200)).await.unwrap();
    let row = f.store.current_document(&upstream, &path).await.unwrap().unwrap();
    assert_eq!((row.digest, row.seen_from), (digest("later"), at(150)));
    assert_eq!(f.store.document_at(&upstream, &path, at(120)).await.unwrap().unwrap().seen_to, Some(at(150)));
    // Upstream has given it up meanwhile.
    f.store.take_in(&[interval("later", 150, Some(180))], at(200)).await.unwrap();
    assert_eq!(f.store.current_document(&upstream, &path).await.unwrap(), None);
    assert!(f.store.contradictions(&[]).await.unwrap().is_empty());
}

pub async fn other_bytes_that_were_seen_elsewhere_are_remembered(f: Fixture) {
    f.store.take_in(&[file(10, "sha256:a", None)], at(100)).await.unwrap();
    assert_eq!(f.store.take_in(&[file(50, "sha256:a", Some("sha256:b"))], at(100)).await.unwrap(), 1);
    assert_eq!(shipped(&f.store, None).await, [file(10, "sha256:a", Some("sha256:b"))]);
}

pub async fn what_is_too_long_is_refused_and_nothing_of_it_is_kept(f: Fixture) {
    let Shipped::File(mut long) = file(10, "sha256:a", None) else { unreachable!("it is a file") };
    long.file = "f".repeat(600);
    let error = f.store.take_in(&[file(10, "sha256:a", None), Shipped::File(long)], at(100)).await.unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    assert_eq!(shipped(&f.store, None).await, []);
}
