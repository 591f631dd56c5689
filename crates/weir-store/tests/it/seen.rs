//! When releases and files were first seen, and with which digest.

use std::time::Instant;

use weir_store::{FirstSeen, NewDocument, SeenArtifact, SeenRelease, Store};

use crate::Fixture;
use crate::documents::document;
use crate::fixture::{at, digest, kinds};

pub fn release(version: &str, artifacts: &[(&str, &str)]) -> SeenRelease {
    let artifacts = artifacts
        .iter()
        .map(|(file, stated)| SeenArtifact { file: (*file).to_owned(), stated: (*stated).to_owned(), published: None })
        .collect();
    SeenRelease { version: version.to_owned(), artifacts }
}

async fn see(store: &Store, releases: &[SeenRelease], millis: i64) -> FirstSeen {
    store.first_seen("pypi", "example", releases, &digest("document"), at(millis)).await.unwrap()
}

pub async fn what_is_new_is_first_seen_now(f: Fixture) {
    let seen = see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa"), ("a.tar.gz", "")])], 10).await;
    assert_eq!(seen.releases, [(String::from("1.0"), at(10))]);
    let artifacts: Vec<_> = seen
        .artifacts
        .iter()
        .map(|seen| (seen.version.as_str(), seen.file.as_str(), seen.first_seen, seen.stated.as_str(), &seen.changed))
        .collect();
    assert_eq!(artifacts, [("1.0", "a.whl", at(10), "sha256:aa", &None), ("1.0", "a.tar.gz", at(10), "", &None)]);
    assert_eq!(see(&f.store, &[], 20).await, FirstSeen::default());
}

pub async fn every_version_that_was_ever_seen_is_named(f: Fixture) {
    see(&f.store, &[release("1.0", &[]), release("0.9", &[("a", "")])], 10).await;
    see(&f.store, &[release("2.0", &[])], 20).await;
    assert_eq!(f.store.seen_versions("pypi", "example").await.unwrap(), ["0.9", "1.0", "2.0"]);
    assert!(f.store.seen_versions("npm", "example").await.unwrap().is_empty());
}

pub async fn every_file_that_was_ever_seen_is_named(f: Fixture) {
    see(&f.store, &[release("1.0", &[("b", ""), ("a", "")])], 10).await;
    see(&f.store, &[release("2.0", &[("c", "")])], 20).await;
    assert_eq!(f.store.seen_files("pypi", "example").await.unwrap(), ["a", "b", "c"]);
    assert!(f.store.seen_files("npm", "example").await.unwrap().is_empty());
}

pub async fn what_was_seen_keeps_its_moment(f: Fixture) {
    see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa")])], 10).await;
    let seen =
        see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa"), ("b.whl", "sha256:bb")]), release("2.0", &[])], 20)
            .await;
    assert_eq!(seen.releases, [(String::from("1.0"), at(10)), (String::from("2.0"), at(20))]);
    let moments: Vec<_> = seen.artifacts.iter().map(|seen| seen.first_seen).collect();
    assert_eq!(moments, [at(10), at(20)]);
    let other = f.store.first_seen("npm", "example", &[release("1.0", &[])], &digest("d"), at(30)).await.unwrap();
    assert_eq!(other.releases[0].1, at(30), "another ecosystem is another package");
}

pub async fn nothing_new_writes_nothing(f: Fixture) {
    let releases = [release("1.0", &[("a.whl", "sha256:aa")])];
    let first = see(&f.store, &releases, 10).await;
    assert_eq!(see(&f.store, &releases, 20).await, first);
    assert_eq!(f.store.events(0, 10).await.unwrap(), []);
}

pub async fn another_digest_is_flagged_for_good(f: Fixture) {
    see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa")])], 10).await;
    let changed = [release("1.0", &[("a.whl", "sha256:bb")])];
    for millis in [20, 30] {
        let seen = see(&f.store, &changed, millis).await;
        let artifact = &seen.artifacts[0];
        assert_eq!((artifact.stated.as_str(), artifact.changed.as_deref()), ("sha256:aa", Some("sha256:bb")));
        assert_eq!(artifact.first_seen, at(10));
    }
    let back = see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa")])], 40).await;
    assert_eq!(back.artifacts[0].changed.as_deref(), Some("sha256:bb"), "it stays flagged when upstream goes back");
    assert_eq!(kinds(&f.store).await, ["changed-bytes"]);
    let event = f.store.events(0, 10).await.unwrap().remove(0);
    assert_eq!((event.subject.as_str(), event.at), ("pypi/example/a.whl", at(20)));
    assert!(event.body.contains(r#""first":"sha256:aa","now":"sha256:bb""#), "{}", event.body);
    see(&f.store, &[release("1.0", &[("a.whl", "sha256:cc")])], 50).await;
    assert_eq!(kinds(&f.store).await.len(), 2, "a third digest is another change");
}

pub async fn a_digest_by_another_algorithm_is_no_change(f: Fixture) {
    see(&f.store, &[release("1.0", &[("a.tgz", "sha1:aa")])], 10).await;
    let seen = see(&f.store, &[release("1.0", &[("a.tgz", "sha512:bb")])], 20).await;
    assert_eq!((seen.artifacts[0].stated.as_str(), seen.artifacts[0].changed.as_ref()), ("sha512:bb", None));
    let weaker = see(&f.store, &[release("1.0", &[("a.tgz", "sha1:cc")])], 30).await;
    assert_eq!(weaker.artifacts[0].stated, "sha1:aa", "the first by this algorithm");
    assert_eq!(weaker.artifacts[0].changed.as_deref(), Some("sha1:cc"), "going back to a weaker one hides nothing");
}

pub async fn a_digest_that_was_missing_is_learned(f: Fixture) {
    see(&f.store, &[release("1.0", &[("a.whl", "")])], 10).await;
    let learned = see(&f.store, &[release("1.0", &[("a.whl", "sha256:aa")])], 20).await;
    assert_eq!((learned.artifacts[0].stated.as_str(), &learned.artifacts[0].changed), ("sha256:aa", &None));
    let silent = see(&f.store, &[release("1.0", &[("a.whl", "")])], 30).await;
    assert_eq!((silent.artifacts[0].stated.as_str(), &silent.artifacts[0].changed), ("sha256:aa", &None));
    let changed = see(&f.store, &[release("1.0", &[("a.whl", "sha256:bb")])], 40).await;
    assert_eq!(changed.artifacts[0].changed.as_deref(), Some("sha256:bb"));
}

pub async fn the_answer_is_in_the_order_of_the_question(f: Fixture) {
    let releases: Vec<SeenRelease> = ["9", "10", "1", "b", "A"]
        .iter()
        .map(|version| release(version, &[(&format!("z-{version}"), ""), (&format!("a-{version}"), "")]))
        .collect();
    for millis in [10, 20] {
        let seen = see(&f.store, &releases, millis).await;
        let versions: Vec<&str> = seen.releases.iter().map(|(version, _)| version.as_str()).collect();
        assert_eq!(versions, ["9", "10", "1", "b", "A"]);
        assert_eq!(seen.artifacts[0].file, "z-9");
        assert_eq!(seen.artifacts[9].file, "a-A");
    }
}

pub async fn a_file_listed_twice_is_seen_once(f: Fixture) {
    let twice = [release("1.0", &[("a", "sha256:aa")]), release("1.0", &[]), release("2.0", &[("a", "sha256:aa")])];
    for millis in [10, 20] {
        let seen = see(&f.store, &twice, millis).await;
        assert_eq!(seen.releases.len(), 3);
        assert_eq!((seen.artifacts[1].version.as_str(), seen.artifacts[1].first_seen), ("2.0", at(10)));
    }
    let disagreeing = [release("1.0", &[("b", "sha256:aa")]), release("2.0", &[("b", "sha256:bb")])];
    see(&f.store, &disagreeing, 30).await;
    let seen = see(&f.store, &disagreeing, 40).await;
    assert!(seen.artifacts[0].changed.is_some(), "a document that contradicts itself is flagged");
}

/// 2,000 releases and 5,000 files.
fn big() -> Vec<SeenRelease> {
    (0..2_000)
        .map(|number| {
            let files = 2 + usize::from(number % 2 == 0);
            let artifacts = (0..files)
                .map(|file| SeenArtifact {
                    file: format!("example-1.{number}.0-cp3{file}-manylinux_2_17_x86_64.whl"),
                    stated: format!("sha256:{}", digest(&format!("{number} {file}"))),
                    published: Some(at(number)),
                })
                .collect();
            SeenRelease { version: format!("1.{number}.0"), artifacts }
        })
        .collect()
}

pub async fn a_big_document_is_taken_in_quickly(f: Fixture) {
    let mut releases = big();
    let started = Instant::now();
    let first = see(&f.store, &releases, 10).await;
    let new = started.elapsed();
    let started = Instant::now();
    assert_eq!(see(&f.store, &releases, 20).await, first);
    let again = started.elapsed();
    releases.insert(0, release("2.0.0", &[("example-2.0.0.whl", "sha256:aa")]));
    let started = Instant::now();
    let more = see(&f.store, &releases, 30).await;
    let one_more = started.elapsed();
    assert_eq!((more.releases[0].1, more.releases[1].1, more.artifacts.len()), (at(30), at(10), 5_001));
    println!("5,000 files: all new {new:?}, nothing new {again:?}, one new {one_more:?}");
    // Unoptimised and beside other tests; the budget of 50 ms is for a release build.
    assert!(new.as_secs() < 10 && again.as_secs() < 5, "{new:?}, {again:?}");
}

/// Sees version after version of the page, each confirmed at its own moment, and tells when the last file was last absent.
async fn last_absent(f: &Fixture, pages: &[(&str, &[&str], &[i64])]) -> Option<weir_core::Timestamp> {
    let mut last = None;
    for (text, files, moments) in pages {
        for moment in *moments {
            f.store.record_document(&document(text), at(*moment)).await.unwrap();
        }
        let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
        let now = at(*moments.last().unwrap());
        let seen = f.store.first_seen("pypi", "example", &[release("1.0", &files)], &digest(text), now).await.unwrap();
        last = seen.artifacts.last().unwrap().last_absent;
    }
    last
}

pub async fn a_new_file_was_absent_when_the_page_before_was_last_confirmed(f: Fixture) {
    let absent = last_absent(&f, &[("one", &["a"], &[10, 20, 30]), ("two", &["a", "b"], &[40])]).await;
    assert_eq!(absent, Some(at(30)));
    // It stays so, whatever pages come.
    let absent = last_absent(&f, &[("three", &["a", "b"], &[50]), ("two", &["a", "b"], &[60])]).await;
    assert_eq!(absent, Some(at(30)));
}

pub async fn nothing_is_known_to_have_been_absent_before_the_first_sight_of_a_package(f: Fixture) {
    assert_eq!(last_absent(&f, &[("one", &["a"], &[10, 20])]).await, None);
}

pub async fn a_page_that_nobody_compared_tells_no_absence(f: Fixture) {
    last_absent(&f, &[("one", &["a"], &[10, 20])]).await;
    // This page came and was never read; it may have had the file already.
    f.store.record_document(&document("two"), at(30)).await.unwrap();
    assert_eq!(last_absent(&f, &[("three", &["a", "b"], &[40])]).await, Some(at(20)));
}

pub async fn the_same_page_read_better_tells_no_absence(f: Fixture) {
    // A later Weir may find files in a page that an earlier one could not read.
    assert_eq!(last_absent(&f, &[("one", &["a"], &[10]), ("one", &["a", "b"], &[20])]).await, None);
}

pub async fn another_upstream_tells_no_absence(f: Fixture) {
    last_absent(&f, &[("one", &["a"], &[10, 20])]).await;
    let elsewhere = NewDocument { upstream: String::from("https://mirror.example/"), ..document("two") };
    f.store.record_document(&elsewhere, at(30)).await.unwrap();
    let files = [release("1.0", &[("a", ""), ("b", "")])];
    let seen = f.store.first_seen("pypi", "example", &files, &digest("two"), at(30)).await.unwrap();
    assert_eq!(seen.artifacts[1].last_absent, None);
}

pub async fn the_date_that_was_stated_first_is_kept(f: Fixture) {
    let dated = |day: Option<i64>| {
        let artifact = SeenArtifact { file: String::from("a"), stated: String::new(), published: day.map(at) };
        [SeenRelease { version: String::from("1.0"), artifacts: vec![artifact] }]
    };
    for now in [Some(7), Some(5), None] {
        assert_eq!(see(&f.store, &dated(now), 10).await.artifacts[0].published, Some(at(7)));
    }
}

pub async fn two_at_once_agree_on_the_moment(f: Fixture) {
    let other = f.again().await;
    let releases: Vec<SeenRelease> =
        (0..200).map(|number| release(&format!("{number}"), &[(&format!("f-{number}"), "sha256:aa")])).collect();
    let (one, two) = tokio::join!(see(&f.store, &releases, 10), see(&other, &releases, 20));
    assert_eq!(one, two, "the first wins for both");
    let both = see(&f.store, &releases, 30).await;
    assert_eq!(both, one);
    other.close().await;
}

pub async fn names_come_in_pages(f: Fixture) {
    for name in ["b", "a-b", "a", "Z", "é", "a_b"] {
        f.store.first_seen("pypi", name, &[release("1", &[])], &digest("d"), at(1)).await.unwrap();
    }
    f.store.first_seen("npm", "c", &[release("1", &[])], &digest("d"), at(1)).await.unwrap();
    assert_eq!(f.store.package_names("pypi", "", 4).await.unwrap(), ["Z", "a", "a-b", "a_b"]);
    assert_eq!(f.store.package_names("pypi", "a_b", 4).await.unwrap(), ["b", "é"]);
    assert_eq!(f.store.package_names("cargo", "", 4).await.unwrap(), [""; 0]);
}
