//! What somebody named to be kept.

use weir_store::KeptSet;

use crate::Fixture;
use crate::artifacts::artifact;
use crate::fixture::{at, digest};

pub async fn what_a_set_names_is_not_evicted_until_it_ends_or_is_dropped(f: Fixture) {
    for file in ["a", "b", "c", "d"] {
        let row = weir_store::NewArtifact { size: 1, metadata: None, ..artifact(file, file) };
        f.store.record_artifact(&row, at(1)).await.unwrap();
    }
    f.store.keep("for good", &[digest("a"), digest("not here")], None, at(2)).await.unwrap();
    f.store.keep("a while", &[digest("b")], Some(at(10)), at(2)).await.unwrap();
    f.store.keep("a while", &[digest("c"), digest("c")], Some(at(20)), at(3)).await.unwrap();
    let all = [digest("a"), digest("b"), digest("c"), digest("d")];
    let named = async |millis| {
        let mut named = f.store.kept_of(&all, at(millis)).await.unwrap();
        named.sort_by_key(|digest| all.iter().position(|it| it == digest));
        named
    };
    assert_eq!(named(19).await, all[..3]);
    assert_eq!(named(20).await, all[..1], "a set that has ended names nothing");
    let sets = f.store.kept_sets().await.unwrap();
    let expected = [
        KeptSet { name: String::from("a while"), created: at(2), ends: Some(at(20)), artifacts: 2, bytes: 2 },
        KeptSet { name: String::from("for good"), created: at(2), ends: None, artifacts: 2, bytes: 1 },
    ];
    assert_eq!(sets, expected);
    let held = f.store.cached_blobs(None, 10).await.unwrap();
    let evicted = f.store.begin_eviction(&held, at(5)).await.unwrap();
    assert_eq!(evicted.iter().map(|blob| blob.sha256).collect::<Vec<_>>(), [digest("d")]);
    assert!(f.store.drop_kept("a while").await.unwrap());
    assert!(!f.store.drop_kept("a while").await.unwrap());
    assert_eq!(named(5).await, all[..1]);
    assert_eq!(f.store.begin_eviction(&held, at(5)).await.unwrap().len(), 2);
}
