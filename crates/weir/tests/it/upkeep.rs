//! What a running Weir gives up.

use std::path::PathBuf;

use weir_core::time::{DAY, SystemClock};
use weir_core::{Clock, Digest};
use weir_store::{NewDocument, Store};

use crate::place::{CRITICAL_ONLY, PATIENCE, Place, until};

fn blob(place: &Place, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    place.data.join("blobs/blob/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_bytes_of_past_documents_go_when_their_time_is_over() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let pypi = place.fake.pypi();
    pypi.release("lasting", "1.0.0").add();
    let server = place.serve();
    server.simple("dev", "lasting");
    server.stop();

    // Two documents that stopped being current forty days ago: one with bytes of its own, one that had the same bytes as
    // a page that is current.
    let store = Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    let lasting = store.current_document(&pypi.url(), "lasting/").await.unwrap().unwrap().digest;
    let past = Digest::of(b"a page of long ago");
    std::fs::create_dir_all(blob(&place, &past).parent().unwrap()).unwrap();
    std::fs::write(blob(&place, &past), b"a page of long ago").unwrap();
    let now = SystemClock.now();
    for (path, digest) in [("past/", past), ("twin/", lasting)] {
        let new = NewDocument {
            upstream: pypi.url(),
            path: path.to_owned(),
            digest,
            content_type: String::from("text/html"),
            url: format!("{}{path}", pypi.url()),
            etag: None,
            last_modified: None,
            size: 18,
        };
        store.record_document(&new, now.plus_millis(-60 * DAY)).await.unwrap();
        assert!(store.close_document(&pypi.url(), path, now.plus_millis(-40 * DAY)).await.unwrap());
    }
    store.close().await;

    // By default they stay for a year.
    place.serve().stop();
    assert!(blob(&place, &past).exists());
    place.configure("retention.documents-days = 30");
    let server = place.serve();
    until("the past document is gone", PATIENCE, || !blob(&place, &past).exists());
    until("it is told", PATIENCE, || server.err().contains("past documents are given up"));
    assert!(blob(&place, &lasting).exists(), "what is current stays");
    server.simple("dev", "lasting");
    server.stop();
    let store = Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    assert!(!store.is_document(&past).await.unwrap());
    assert!(store.document_at(&pypi.url(), "twin/", now.plus_millis(-50 * DAY)).await.unwrap().is_none());
}
