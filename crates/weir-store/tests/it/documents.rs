//! Upstream documents and the intervals in which they were current.

use weir_store::{NewDocument, Store};

use crate::Fixture;
use crate::fixture::{at, digest, kinds};

const UPSTREAM: &str = "https://pypi.example/";
const PATH: &str = "simple/example/";

pub fn document(text: &str) -> NewDocument {
    NewDocument {
        upstream: UPSTREAM.to_owned(),
        path: PATH.to_owned(),
        digest: digest(text),
        content_type: String::from("application/vnd.pypi.simple.v1+json"),
        url: String::from("https://pypi.example/simple/example/"),
        etag: Some(format!("\"{text}\"")),
        last_modified: None,
        size: text.len() as u64,
    }
}

async fn current(store: &Store) -> Option<weir_store::DocumentRow> {
    store.current_document(UPSTREAM, PATH).await.unwrap()
}

pub async fn a_first_document_is_current(f: Fixture) {
    assert_eq!(current(&f.store).await, None);
    let recorded = f.store.record_document(&document("one"), at(10)).await.unwrap();
    assert!(recorded.changed);
    let row = current(&f.store).await.unwrap();
    assert_eq!(row, recorded.row);
    assert_eq!((row.digest, row.size, row.seen_from, row.seen_to), (digest("one"), 3, at(10), None));
    assert_eq!((row.etag.as_deref(), row.last_modified), (Some("\"one\""), None));
    assert_eq!(f.store.current_document(UPSTREAM, "simple/other/").await.unwrap(), None);
    assert_eq!(f.store.current_document("https://other.example/", PATH).await.unwrap(), None);
}

pub async fn the_same_bytes_again_renew_the_check(f: Fixture) {
    let first = f.store.record_document(&document("one"), at(10)).await.unwrap();
    let mut again = document("one");
    again.etag = None;
    again.last_modified = Some(String::from("Thu, 01 Oct 2026 12:00:00 GMT"));
    let second = f.store.record_document(&again, at(20)).await.unwrap();
    assert!(!second.changed);
    assert_eq!((second.row.id, second.row.seen_from, second.row.checked_at), (first.row.id, at(10), at(20)));
    assert_eq!((second.row.etag, second.row.last_modified), (None, again.last_modified));
    assert_eq!(kinds(&f.store).await, ["document-changed"]);
}

pub async fn other_bytes_close_an_interval_and_open_one(f: Fixture) {
    f.store.record_document(&document("one"), at(10)).await.unwrap();
    let recorded = f.store.record_document(&document("two"), at(20)).await.unwrap();
    assert!(recorded.changed);
    assert_eq!(current(&f.store).await.unwrap().digest, digest("two"));
    let before = f.store.document_at(UPSTREAM, PATH, at(19)).await.unwrap().unwrap();
    assert_eq!((before.digest, before.seen_to), (digest("one"), Some(at(20))));
    assert!(f.store.record_document(&document("one"), at(30)).await.unwrap().changed, "what came back is a change");
}

pub async fn a_not_modified_keeps_validators_that_are_not_sent(f: Fixture) {
    assert!(!f.store.touch_document(UPSTREAM, PATH, None, None, at(5)).await.unwrap());
    f.store.record_document(&document("one"), at(10)).await.unwrap();
    assert!(f.store.touch_document(UPSTREAM, PATH, None, Some("then"), at(20)).await.unwrap());
    let row = current(&f.store).await.unwrap();
    assert_eq!((row.etag.as_deref(), row.last_modified.as_deref()), (Some("\"one\""), Some("then")));
    assert_eq!((row.seen_from, row.checked_at), (at(10), at(20)));
}

pub async fn many_current_documents_are_found_at_once(f: Fixture) {
    let paths: Vec<String> = (0..700).map(|number| format!("many/{number}")).collect();
    for path in [&paths[3], &paths[699]] {
        f.store.record_document(&NewDocument { path: path.clone(), ..document(path) }, at(1)).await.unwrap();
    }
    f.store.close_document(UPSTREAM, &paths[3], at(2)).await.unwrap();
    let found = f.store.current_documents(UPSTREAM, &paths).await.unwrap();
    let found: Vec<&str> = found.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(found, [paths[699].as_str()]);
    assert!(f.store.current_documents("https://elsewhere.example/", &paths).await.unwrap().is_empty());
    assert!(f.store.current_documents(UPSTREAM, &[]).await.unwrap().is_empty());
}

pub async fn a_deleted_document_is_not_current_but_was(f: Fixture) {
    assert!(!f.store.close_document(UPSTREAM, PATH, at(5)).await.unwrap());
    f.store.record_document(&document("one"), at(10)).await.unwrap();
    assert!(f.store.close_document(UPSTREAM, PATH, at(20)).await.unwrap());
    assert!(!f.store.close_document(UPSTREAM, PATH, at(21)).await.unwrap());
    assert_eq!(current(&f.store).await, None);
    assert!(f.store.document_at(UPSTREAM, PATH, at(15)).await.unwrap().is_some());
    assert!(f.store.document_at(UPSTREAM, PATH, at(20)).await.unwrap().is_none());
    assert_eq!(kinds(&f.store).await, ["document-changed", "document-changed"]);
}

pub async fn a_day_in_the_past_has_its_own_document(f: Fixture) {
    for (text, millis) in [("one", 10), ("two", 20), ("three", 30)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    for (millis, expected) in
        [(9, None), (10, Some("one")), (19, Some("one")), (20, Some("two")), (30, Some("three")), (99, Some("three"))]
    {
        let found = f.store.document_at(UPSTREAM, PATH, at(millis)).await.unwrap();
        assert_eq!(found.map(|row| row.digest), expected.map(digest), "at {millis}");
    }
}

pub async fn the_versions_before_and_after_a_moment_are_found(f: Fixture) {
    for (text, millis) in [("one", 10), ("two", 20)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    f.store.close_document(UPSTREAM, PATH, at(30)).await.unwrap();
    f.store.record_document(&document("three"), at(40)).await.unwrap();
    for (millis, before, after) in [
        (10, None, Some("two")),
        (11, Some("one"), Some("two")),
        (35, Some("two"), Some("three")),
        (40, Some("two"), None),
    ] {
        let row = f.store.document_before(UPSTREAM, PATH, at(millis)).await.unwrap();
        assert_eq!(row.map(|row| row.digest), before.map(digest), "before {millis}");
        let row = f.store.document_after(UPSTREAM, PATH, at(millis)).await.unwrap();
        assert_eq!(row.map(|row| row.digest), after.map(digest), "after {millis}");
    }
}

pub async fn paths_are_found_by_their_ending(f: Fixture) {
    for path in ["b/list#table", "a/list#table", "a/list"] {
        f.store.record_document(&NewDocument { path: path.to_owned(), ..document(path) }, at(1)).await.unwrap();
    }
    assert_eq!(f.store.document_paths(UPSTREAM, "#table").await.unwrap(), ["a/list#table", "b/list#table"]);
    f.store.close_document(UPSTREAM, "b/list#table", at(2)).await.unwrap();
    assert_eq!(f.store.document_paths(UPSTREAM, "#table").await.unwrap(), ["a/list#table"]);
    assert!(f.store.document_paths("https://elsewhere.example/", "#table").await.unwrap().is_empty());
}

pub async fn a_clock_set_back_never_makes_an_interval_negative(f: Fixture) {
    f.store.record_document(&document("one"), at(100)).await.unwrap();
    let recorded = f.store.record_document(&document("two"), at(50)).await.unwrap();
    assert_eq!(recorded.row.seen_from, at(100));
    assert_eq!(f.store.document_at(UPSTREAM, PATH, at(100)).await.unwrap().unwrap().digest, digest("two"));
    f.store.close_document(UPSTREAM, PATH, at(60)).await.unwrap();
    assert_eq!(f.store.document_at(UPSTREAM, PATH, at(100)).await.unwrap(), None);
}

pub async fn retention_forgets_only_closed_intervals(f: Fixture) {
    for (text, millis) in [("one", 10), ("two", 20), ("three", 30)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    assert_eq!(f.store.expire_documents(at(20)).await.unwrap(), [], "`one` ended at 20, not before");
    assert_eq!(f.store.expire_documents(at(21)).await.unwrap(), [digest("one")]);
    assert!(f.store.document_at(UPSTREAM, PATH, at(15)).await.unwrap().is_none());
    assert_eq!(f.store.expire_documents(at(1_000)).await.unwrap(), [digest("two")]);
    assert_eq!(current(&f.store).await.unwrap().digest, digest("three"));
    assert!(f.store.is_document(&digest("three")).await.unwrap());
    assert!(!f.store.is_document(&digest("two")).await.unwrap());
}

pub async fn retention_keeps_digests_that_came_back(f: Fixture) {
    for (text, millis) in [("one", 10), ("two", 20), ("one", 30)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    assert_eq!(f.store.expire_documents(at(1_000)).await.unwrap(), [digest("two")]);
}

pub async fn past_versions_are_listed_and_forgotten_one_by_one(f: Fixture) {
    for (text, millis) in [("one", 10), ("two", 20), ("one", 30), ("three", 40)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    let past = f.store.past_documents(UPSTREAM, PATH).await.unwrap();
    let spans: Vec<_> = past.iter().map(|row| (row.digest, row.seen_from, row.seen_to)).collect();
    let span = |text, from, to| (digest(text), at(from), Some(at(to)));
    assert_eq!(spans, [span("one", 10, 20), span("two", 20, 30), span("one", 30, 40)]);
    assert_eq!(f.store.forget_documents(&[past[0].id, past[1].id]).await.unwrap(), [digest("two")], "`one` came back");
    let newest = current(&f.store).await.unwrap();
    assert_eq!(f.store.forget_documents(&[past[2].id, newest.id]).await.unwrap(), [digest("one")]);
    assert_eq!(current(&f.store).await.unwrap().digest, digest("three"), "what is current stays");
    assert_eq!(f.store.past_documents(UPSTREAM, PATH).await.unwrap(), []);
}

pub async fn files_that_a_new_catalogue_states_otherwise_are_events_with_it(f: Fixture) {
    let changed = weir_store::ChangedFile {
        ecosystem: String::from("conda"),
        package: String::from("conda-forge/linux-64/tool"),
        version: String::from("1.0"),
        file: String::from("tool-1.0-0.conda"),
        now: String::from("sha256:ab"),
    };
    for millis in [10, 20] {
        // The second time it is the same document: nothing of it is new.
        f.store.record_catalogue(&document("one"), std::slice::from_ref(&changed), at(millis)).await.unwrap();
    }
    let events = f.store.events(0, 10).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.kind.as_str(), event.subject.as_str())).collect();
    let subject = format!("{UPSTREAM} {PATH}");
    let file = "conda/conda-forge/linux-64/tool/tool-1.0-0.conda";
    assert_eq!(told, [("changed-bytes", file), ("document-changed", subject.as_str())]);
    let body: serde_json::Value = serde_json::from_str(&events[0].body).unwrap();
    assert_eq!((&body["now"], &body["first"]), (&"sha256:ab".into(), &serde_json::Value::Null));
}

pub async fn a_change_is_an_event_in_the_same_transaction(f: Fixture) {
    f.store.record_document(&document("one"), at(10)).await.unwrap();
    f.store.record_document(&document("two"), at(20)).await.unwrap();
    f.store.close_document(UPSTREAM, PATH, at(30)).await.unwrap();
    let events = f.store.events(0, 10).await.unwrap();
    let told: Vec<serde_json::Value> = events.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect();
    assert_eq!(told[0]["from"], serde_json::Value::Null);
    assert_eq!(told[1]["from"], digest("one").to_string());
    assert_eq!(told[1]["to"], digest("two").to_string());
    assert_eq!(told[2]["to"], serde_json::Value::Null);
    assert_eq!(events[1].subject, format!("{UPSTREAM} {PATH}"));
    assert_eq!((events[0].at, events[2].at), (at(10), at(30)));
}

pub async fn the_newest_version_of_a_document_is_found_after_its_end(f: Fixture) {
    assert_eq!(f.store.newest_document(UPSTREAM, PATH).await.unwrap(), None);
    for (text, millis) in [("one", 10), ("two", 20)] {
        f.store.record_document(&document(text), at(millis)).await.unwrap();
    }
    f.store.close_document(UPSTREAM, PATH, at(30)).await.unwrap();
    let newest = f.store.newest_document(UPSTREAM, PATH).await.unwrap().unwrap();
    assert_eq!((newest.digest, newest.seen_to), (digest("two"), Some(at(30))));
    assert_eq!(f.store.newest_document("https://other.example/", PATH).await.unwrap(), None);
}
