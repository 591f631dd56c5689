//! What a checker reads.

use weir_store::{Location, Store};

use crate::Fixture;
use crate::artifacts::artifact;
use crate::fixture::at;
use crate::record::decision;

pub async fn pages_go_on_where_the_last_one_ended(f: Fixture) {
    for file in ["a", "b", "c"] {
        f.store.record_artifact(&artifact(file, file), at(1)).await.unwrap();
    }
    let first = f.store.named_artifacts((0, ""), 2).await.unwrap();
    let last = first.last().unwrap();
    let rest = f.store.named_artifacts((last.package_id, &last.file), 2).await.unwrap();
    let files: Vec<_> = first.iter().chain(&rest).map(|row| row.file.as_str()).collect();
    assert_eq!(files, ["a", "b", "c"]);
    for id in ["a", "b"] {
        f.store.record_decision(&decision(id)).await.unwrap();
    }
    let ids = f.store.decisions("a", 10).await.unwrap();
    assert_eq!(ids.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

pub async fn an_artifact_that_was_never_seen_in_an_index_is_a_contradiction(f: Fixture) {
    f.store.record_artifact(&artifact("f", "one"), at(1)).await.unwrap();
    let found = f.store.contradictions(&[]).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("first seen"), "{found:?}");
    let ecosystem = artifact("f", "one").ecosystem.to_owned();
    assert_eq!(f.store.contradictions(&[&ecosystem]).await.unwrap(), [""; 0], "its catalogue knows");
}

#[tokio::test]
async fn a_file_is_opened_to_read_without_being_made_or_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.sqlite");
    let location = Location::Sqlite(path.clone());
    Store::open_to_read(&location).await.unwrap_err();
    assert!(!path.exists());
    let store = Store::open(&location).await.unwrap();
    store.set_setting("a", "1").await.unwrap();
    // Beside one that writes, and after it.
    for _ in 0..2 {
        let reader = Store::open_to_read(&location).await.unwrap();
        assert_eq!(reader.setting("a").await.unwrap().as_deref(), Some("1"));
        reader.set_setting("a", "2").await.unwrap_err();
        reader.close().await;
        store.close().await;
    }
}
