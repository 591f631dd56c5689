//! Packages that this Weir hosts itself.

use serde_json::json;
use weir_store::hosted::{Changed, HostedChange, NewHosted, Published};
use weir_store::waiting::{self, Waits};

use crate::Fixture;
use crate::artifacts::artifact;
use crate::fixture::{at, digest, kinds};

pub fn hosted(version: &str, file: &str, bytes: &str) -> NewHosted {
    NewHosted {
        fold: String::from("example"),
        publisher: String::from("ci"),
        metadata: String::from(r#"{"kept":1}"#),
        tags: vec![String::from("latest")],
        artifact: weir_store::NewArtifact { version: version.to_owned(), ..artifact(file, bytes) },
        digests: String::from("{}"),
        file_metadata: String::from("{}"),
        provenance: None,
        notes: json!([]),
    }
}

pub async fn what_is_published_is_visible_at_once_with_its_event(f: Fixture) {
    assert_eq!(f.store.hosted("pypi", "example").await.unwrap(), None);
    let Published::New(first) = f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap() else {
        panic!("it is new");
    };
    let Published::New(second) = f.store.publish(&hosted("1.1", "b.whl", "two"), at(20)).await.unwrap() else {
        panic!("it is new");
    };
    assert!(first < second);
    let found = f.store.hosted("pypi", "example").await.unwrap().unwrap();
    assert_eq!((found.revision, found.owners), (second, vec![String::from("ci")]));
    assert_eq!(found.tags, [(String::from("latest"), String::from("1.1"))]);
    let versions: Vec<_> = found.releases.iter().map(|it| (it.version.as_str(), it.files[0].file.as_str())).collect();
    assert_eq!(versions, [("1.0", "a.whl"), ("1.1", "b.whl")]);
    assert_eq!(kinds(&f.store).await, ["published", "published"]);
    let names = f.store.hosted_names(first, 10).await.unwrap();
    assert_eq!((names.len(), names[0].package.as_str(), names[0].revision), (1, "example", second));
    assert_eq!(f.store.hosted_names(second, 10).await.unwrap(), []);
    // Its bytes are an artifact like any other, and are held for good.
    assert_eq!(f.store.artifact("pypi", "example", "a.whl").await.unwrap().unwrap().sha256, digest("one"));
    assert!(f.store.is_held(&digest("one")).await.unwrap());
    assert_eq!(f.store.cached_bytes(1 << 40).await.unwrap(), (0, 0));
    assert_eq!(f.store.contradictions(&[]).await.unwrap(), [""; 0]);
}

pub async fn the_same_bytes_again_are_known_and_others_a_conflict(f: Fixture) {
    let Published::New(revision) = f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap() else {
        panic!("it is new");
    };
    let again = f.store.publish(&hosted("1.0", "a.whl", "one"), at(20)).await.unwrap();
    assert_eq!(again, Published::Known(revision));
    let other = f.store.publish(&hosted("1.0", "a.whl", "two"), at(20)).await.unwrap();
    assert_eq!(other, Published::Conflict(digest("one")));
    assert_eq!(kinds(&f.store).await, ["published"]);
}

pub async fn a_file_that_once_came_from_upstream_keeps_its_bytes(f: Fixture) {
    f.store.record_artifact(&artifact("a.whl", "theirs"), at(5)).await.unwrap();
    let answer = f.store.publish(&hosted("1.0", "a.whl", "ours"), at(10)).await.unwrap();
    assert_eq!(answer, Published::Conflict(digest("theirs")));
    assert_eq!(f.store.hosted("pypi", "example").await.unwrap(), None);
}

pub async fn a_name_that_differs_in_spelling_only_is_taken(f: Fixture) {
    f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap();
    let mut other = hosted("1.0", "b.whl", "two");
    other.artifact.package = String::from("exam_ple");
    assert_eq!(f.store.publish(&other, at(20)).await.unwrap(), Published::Taken(String::from("example")));
}

pub async fn a_release_is_yanked_and_restored(f: Fixture) {
    let change = async |change: &HostedChange| f.store.change_hosted("pypi", "example", change, "ci", at(30)).await;
    let yank = HostedChange::Yank(String::from("1.0"), Some(String::from("broken")));
    assert_eq!(change(&yank).await.unwrap(), Changed::Absent);
    f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap();
    assert!(matches!(change(&yank).await.unwrap(), Changed::Done(_)));
    let yanked = async || f.store.hosted("pypi", "example").await.unwrap().unwrap().releases[0].yanked.clone();
    assert_eq!(yanked().await.as_deref(), Some("broken"));
    change(&HostedChange::Yank(String::from("1.0"), None)).await.unwrap();
    assert_eq!(yanked().await, None);
    assert_eq!(change(&HostedChange::Yank(String::from("2.0"), None)).await.unwrap(), Changed::Absent);
    assert_eq!(kinds(&f.store).await, ["published", "yanked", "restored"]);
}

pub async fn tags_owners_and_deprecations_change(f: Fixture) {
    f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap();
    let text = |text: &str| text.to_owned();
    let change = async |change: HostedChange| {
        matches!(f.store.change_hosted("pypi", "example", &change, "ci", at(30)).await.unwrap(), Changed::Done(_))
    };
    assert!(change(HostedChange::Tag(text("next"), Some(text("1.0")))).await);
    assert!(!change(HostedChange::Tag(text("next"), Some(text("9.0")))).await);
    assert!(change(HostedChange::Tag(text("latest"), None)).await);
    assert!(!change(HostedChange::Tag(text("latest"), None)).await);
    assert!(change(HostedChange::AddOwners(vec![text("ann")])).await);
    assert!(change(HostedChange::RemoveOwners(vec![text("ci")])).await);
    assert!(!change(HostedChange::RemoveOwners(vec![text("nobody")])).await);
    assert!(change(HostedChange::Deprecate(vec![(text("1.0"), Some(text("old")))])).await);
    assert!(!change(HostedChange::Deprecate(vec![(text("7.0"), None)])).await);
    let found = f.store.hosted("pypi", "example").await.unwrap().unwrap();
    assert_eq!(found.tags, [(text("next"), text("1.0"))]);
    assert_eq!((found.owners, found.releases[0].deprecated.as_deref()), (vec![text("ann")], Some("old")));
}

pub async fn hosted_bytes_are_never_evicted(f: Fixture) {
    f.store.record_artifact(&artifact("a.whl", "one"), at(10)).await.unwrap();
    let held = f.store.cached_blobs(None, 10).await.unwrap();
    assert_eq!(held.len(), 1);
    f.store.publish(&hosted("1.0", "a.whl", "one"), at(10)).await.unwrap();
    assert_eq!(f.store.begin_eviction(&held, at(20)).await.unwrap(), []);
}

pub async fn what_waits_is_seen_by_nobody_until_its_release_is_whole(f: Fixture) {
    assert_eq!(f.store.wait(&hosted("1.0", "a.jar", "one"), at(10)).await.unwrap(), Waits::Waits);
    assert_eq!(f.store.wait(&hosted("1.0", "a.pom", "two"), at(11)).await.unwrap(), Waits::Waits);
    assert_eq!(f.store.wait(&hosted("2.0", "b.jar", "b"), at(12)).await.unwrap(), Waits::Waits);
    let found = f.store.hosted("pypi", "example").await.unwrap().unwrap();
    assert_eq!((found.releases, found.owners), (Vec::new(), vec![String::from("ci")]), "the name is taken already");
    assert_eq!(f.store.artifact("pypi", "example", "a.jar").await.unwrap(), None);
    assert_eq!(kinds(&f.store).await, [""; 0]);
    // Another may take its place as long as nobody has seen it.
    assert_eq!(f.store.wait(&hosted("1.0", "a.jar", "three"), at(13)).await.unwrap(), Waits::Waits);
    let waiting = f.store.waiting("pypi", "example").await.unwrap();
    let files: Vec<_> = waiting.iter().map(|file| (file.version.as_str(), file.file.as_str())).collect();
    assert_eq!(files, [("1.0", "a.jar"), ("1.0", "a.pom"), ("2.0", "b.jar")]);

    let release =
        async |version: &str| f.store.release("pypi", "example", &[String::from(version)], at(20)).await.unwrap();
    assert!(matches!(release("1.0").await, Some(Published::New(_))));
    assert_eq!(release("1.0").await, None, "nothing waits any more");
    let found = f.store.hosted("pypi", "example").await.unwrap().unwrap();
    let files: Vec<_> = found.releases[0].files.iter().map(|file| (file.file.as_str(), file.sha256)).collect();
    assert_eq!((found.releases.len(), files), (1, vec![("a.jar", digest("three")), ("a.pom", digest("two"))]));
    assert_eq!(f.store.waiting("pypi", "example").await.unwrap().len(), 1);
    assert_eq!(kinds(&f.store).await, ["published", "published"]);
    // What is published is never changed.
    assert_eq!(f.store.wait(&hosted("1.0", "a.jar", "three"), at(30)).await.unwrap(), Waits::Known);
    assert_eq!(f.store.wait(&hosted("1.0", "a.jar", "four"), at(30)).await.unwrap(), Waits::Published);
    assert_eq!(f.store.wait(&hosted("1.0", "more.jar", "five"), at(30)).await.unwrap(), Waits::Published);
    assert!(f.store.stop_waiting("pypi", "example", "b.jar").await.unwrap());
    assert!(!f.store.stop_waiting("pypi", "example", "b.jar").await.unwrap());
    assert_eq!(release("2.0").await, None);
    assert_eq!(f.store.contradictions(&[]).await.unwrap(), [""; 0]);
}

pub async fn what_has_waited_for_too_long_is_forgotten(f: Fixture) {
    f.store.wait(&hosted("1.0", "a.jar", "one"), at(10)).await.unwrap();
    for (wait, left) in [(waiting::MAX_WAIT, 2), (waiting::MAX_WAIT + 1, 1)] {
        f.store.wait(&hosted("2.0", "b.jar", "two"), at(10).plus_millis(wait)).await.unwrap();
        assert_eq!(f.store.waiting("pypi", "example").await.unwrap().len(), left);
    }
    // Its bytes are the cache's to give up.
    assert_eq!(f.store.cached_blobs(None, 10).await.unwrap().len(), 1);
}

pub async fn so_many_files_wait_and_no_more(f: Fixture) {
    for number in 0..waiting::MAX_WAITING {
        f.store.wait(&hosted("1.0", &format!("{number}.jar"), "one"), at(10)).await.unwrap();
    }
    assert_eq!(f.store.wait(&hosted("1.0", "more.jar", "one"), at(10)).await.unwrap(), Waits::Full);
    assert_eq!(f.store.wait(&hosted("1.0", "0.jar", "two"), at(10)).await.unwrap(), Waits::Waits);
}
