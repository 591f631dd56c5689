//! Artifacts whose bytes Weir holds.

use weir_store::{ArtifactRecorded, NewArtifact};

use crate::Fixture;
use crate::fixture::{at, digest, kinds};

pub fn artifact(file: &str, bytes: &str) -> NewArtifact {
    NewArtifact {
        ecosystem: String::from("pypi"),
        package: String::from("example"),
        version: String::from("1.0"),
        file: file.to_owned(),
        sha256: digest(bytes),
        size: bytes.len() as u64,
        license: Some(String::from("MIT")),
        license_source: Some(String::from("METADATA")),
        metadata: Some(digest("metadata")),
        findings: String::from("[]"),
        said: String::from(r#"{"dependencies": []}"#),
    }
}

pub async fn the_first_bytes_win(f: Fixture) {
    assert_eq!(f.store.artifact("pypi", "example", "a.whl").await.unwrap(), None);
    let ArtifactRecorded::New(row) = f.store.record_artifact(&artifact("a.whl", "one"), at(10)).await.unwrap() else {
        panic!("the first is new");
    };
    assert_eq!((row.sha256, row.size, row.stored_at), (digest("one"), 3, at(10)));
    assert_eq!(f.store.artifact("pypi", "example", "a.whl").await.unwrap().as_ref(), Some(&row));
    let again = f.store.record_artifact(&artifact("a.whl", "one"), at(20)).await.unwrap();
    assert_eq!(again, ArtifactRecorded::Known(row.clone()));
    let ArtifactRecorded::Changed(changed) = f.store.record_artifact(&artifact("a.whl", "two"), at(30)).await.unwrap()
    else {
        panic!("other bytes are a change");
    };
    assert_eq!((changed.sha256, changed.changed), (digest("one"), Some(digest("two"))));
    assert_eq!(f.store.artifact("pypi", "example", "a.whl").await.unwrap(), Some(changed));
}

pub async fn other_bytes_are_an_event_once(f: Fixture) {
    f.store.record_artifact(&artifact("a.whl", "one"), at(10)).await.unwrap();
    for millis in [20, 30] {
        f.store.record_artifact(&artifact("a.whl", "two"), at(millis)).await.unwrap();
    }
    assert_eq!(kinds(&f.store).await, ["changed-bytes"]);
    let event = f.store.events(0, 10).await.unwrap().remove(0);
    assert!(event.body.contains(&format!("sha256:{}", digest("two"))), "{}", event.body);
}

pub async fn artifacts_are_listed_by_file_name(f: Fixture) {
    assert_eq!(f.store.artifacts("pypi", "example").await.unwrap(), []);
    for file in ["b.whl", "B.whl", "a.whl"] {
        f.store.record_artifact(&artifact(file, file), at(10)).await.unwrap();
    }
    let files: Vec<String> =
        f.store.artifacts("pypi", "example").await.unwrap().into_iter().map(|row| row.file).collect();
    assert_eq!(files, ["B.whl", "a.whl", "b.whl"]);
    assert_eq!(f.store.artifacts("npm", "example").await.unwrap(), []);
}

pub async fn what_is_absent_stays_apart_from_what_is_empty(f: Fixture) {
    let mut bare = artifact("bare", "bare");
    (bare.license, bare.license_source, bare.metadata) = (None, None, None);
    let mut empty = artifact("empty", "empty");
    (empty.license, empty.license_source) = (Some(String::new()), Some(String::from("PKG-INFO")));
    f.store.record_artifact(&bare, at(1)).await.unwrap();
    f.store.record_artifact(&empty, at(1)).await.unwrap();
    let bare = f.store.artifact("pypi", "example", "bare").await.unwrap().unwrap();
    assert_eq!((bare.license, bare.license_source, bare.metadata, bare.changed), (None, None, None, None));
    let empty = f.store.artifact("pypi", "example", "empty").await.unwrap().unwrap();
    assert_eq!(empty.license.as_deref(), Some(""));
}
