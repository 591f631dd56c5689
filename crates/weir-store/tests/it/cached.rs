//! Which artifact bytes are held, and when they were last used.

use weir_core::Digest;
use weir_store::{CachedBlob, NewArtifact, RequestRow};

use crate::Fixture;
use crate::artifacts::artifact;
use crate::documents::document;
use crate::fixture::{at, digest};
use crate::record::request;

const SECOND: i64 = 1_000;

fn sized(file: &str, size: u64) -> NewArtifact {
    NewArtifact { size, metadata: None, ..artifact(file, file) }
}

fn used(bytes: &str, second: i64) -> RequestRow {
    RequestRow { at: at(second * SECOND), artifact: Some(digest(bytes)), ..request(1) }
}

async fn oldest(f: &Fixture) -> Vec<Digest> {
    f.store.cached_blobs(None, 100).await.unwrap().into_iter().map(|blob| blob.sha256).collect()
}

pub async fn what_is_held_is_counted_up_to_a_size_and_above(f: Fixture) {
    assert_eq!(f.store.cached_bytes(10).await.unwrap(), (0, 0));
    for (file, size) in [("a", 1), ("b", 10), ("c", 11), ("a again", 1)] {
        f.store.record_artifact(&sized(file, size), at(1)).await.unwrap();
    }
    // The same bytes under another name are held once.
    let again = NewArtifact { file: String::from("other"), ..sized("a", 1) };
    f.store.record_artifact(&again, at(2)).await.unwrap();
    assert_eq!(f.store.cached_bytes(10).await.unwrap(), (12, 11));
    let above = f.store.cached_blobs_above(10, 100).await.unwrap();
    assert_eq!(above.iter().map(|blob| (blob.sha256, blob.size)).collect::<Vec<_>>(), [(digest("c"), 11)]);
    let names = f.store.names_of_blobs(&f.store.cached_blobs(None, 100).await.unwrap()).await.unwrap();
    let of_a: Vec<&str> =
        names.iter().filter(|name| name.sha256 == digest("a")).map(|name| name.file.as_str()).collect();
    assert_eq!(of_a, ["a", "other"]);
}

pub async fn requests_tell_what_was_used_last(f: Fixture) {
    for (file, second) in [("a", 1), ("b", 2), ("c", 3)] {
        f.store.record_artifact(&sized(file, 1), at(second * SECOND)).await.unwrap();
    }
    assert_eq!(oldest(&f).await, [digest("a"), digest("b"), digest("c")]);
    f.store.append_requests(&[used("a", 9), used("b", 8), used("a", 5), request(1)]).await.unwrap();
    assert_eq!(oldest(&f).await, [digest("c"), digest("b"), digest("a")]);
    // A clock that went back makes nothing older.
    f.store.append_requests(&[used("a", 1)]).await.unwrap();
    f.store.record_artifact(&sized("a", 1), at(1)).await.unwrap();
    assert_eq!(oldest(&f).await, [digest("c"), digest("b"), digest("a")]);
    let first = f.store.cached_blobs(None, 1).await.unwrap().remove(0);
    let rest = f.store.cached_blobs(Some(&first), 100).await.unwrap();
    assert_eq!(rest.iter().map(|blob| blob.sha256).collect::<Vec<_>>(), [digest("b"), digest("a")]);
    f.store.touch_blobs(&[first], at(99 * SECOND)).await.unwrap();
    assert_eq!(oldest(&f).await, [digest("b"), digest("a"), digest("c")]);
}

pub async fn an_eviction_takes_bytes_and_leaves_the_artifact(f: Fixture) {
    f.store.record_artifact(&sized("a", 3), at(1)).await.unwrap();
    let row = f.store.artifact("pypi", "example", "a").await.unwrap();
    let blobs = f.store.cached_blobs(None, 100).await.unwrap();
    assert!(f.store.is_held(&digest("a")).await.unwrap());
    assert_eq!(f.store.begin_eviction(&blobs, at(5)).await.unwrap(), blobs);
    assert!(!f.store.is_held(&digest("a")).await.unwrap());
    assert_eq!(f.store.begin_eviction(&blobs, at(5)).await.unwrap(), [], "it is being evicted already");
    assert_eq!(oldest(&f).await, []);
    // A process that stopped here has left the bytes behind, and the next one finds them.
    assert_eq!(f.store.unfinished_evictions(at(4)).await.unwrap(), []);
    assert_eq!(f.store.unfinished_evictions(at(5)).await.unwrap(), [digest("a")]);
    assert_eq!(f.store.cached_bytes(10).await.unwrap(), (3, 0), "the bytes count until they are gone");
    f.store.end_eviction(&[digest("a")]).await.unwrap();
    assert_eq!(f.store.cached_bytes(10).await.unwrap(), (0, 0));
    assert_eq!(f.store.artifact("pypi", "example", "a").await.unwrap(), row);
}

pub async fn what_was_used_since_or_has_another_use_is_not_evicted(f: Fixture) {
    for file in ["used", "metadata", "document"] {
        f.store.record_artifact(&sized(file, 1), at(SECOND)).await.unwrap();
    }
    f.store.record_artifact(&artifact("whose metadata it is", "wheel"), at(SECOND)).await.unwrap();
    let new = document("document");
    f.store.record_document(&new, at(SECOND)).await.unwrap();
    let blobs = f.store.cached_blobs(None, 100).await.unwrap();
    f.store.append_requests(&[used("used", 2)]).await.unwrap();
    let evicted = f.store.begin_eviction(&blobs, at(5)).await.unwrap();
    assert_eq!(evicted.iter().map(|blob| blob.sha256).collect::<Vec<_>>(), [digest("wheel")]);
}

pub async fn bytes_that_come_back_while_they_are_evicted_stay(f: Fixture) {
    f.store.record_artifact(&sized("a", 3), at(1)).await.unwrap();
    let blobs: Vec<CachedBlob> = f.store.cached_blobs(None, 100).await.unwrap();
    f.store.begin_eviction(&blobs, at(5)).await.unwrap();
    f.store.record_artifact(&sized("a", 3), at(6)).await.unwrap();
    f.store.end_eviction(&[digest("a")]).await.unwrap();
    assert_eq!(oldest(&f).await, [digest("a")]);
    assert_eq!(f.store.unfinished_evictions(at(99)).await.unwrap(), []);
}
