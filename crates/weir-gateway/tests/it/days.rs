//! Pages of a day: what upstream listed on it, judged by what is known now.

use std::sync::Arc;

use weir_core::{Clock as _, Timestamp};
use weir_policy::Policy;
use weir_testing::FakeResponse;
use weir_testing::cran::{archive, source_package};

use crate::settling::{ALL, Repository, shown};

const ANYTHING: &str = "[stage.dev]\n";
const LATER: &str =
    "Package: aa\nVersion: 3.0\nLicense: GPL-3\n\nPackage: bb\nVersion: 1.0\nImports: aa\nLicense: GPL-3\n";

impl Repository {
    /// Seen on November 1 with `aa` 2.0, changed and seen on November 3 with `aa` 3.0; now it is November 5.
    async fn of_two_days(policy: &str) -> Self {
        let repository = Self::new(policy, &[("1.5", "")]).await;
        repository.page().await;
        let day = |text: &str| Timestamp::parse(text).unwrap();
        repository.clock.set(day("2026-11-03T12:00:00Z"));
        repository.upstream.put("/src/contrib/PACKAGES", FakeResponse::ok(LATER));
        let listed: &[(&str, i64)] = &[("aa_1.5.tar.gz", 1_704_067_200), ("aa_2.0.tar.gz", 1_704_067_300)];
        repository.upstream.put("/src/contrib/Meta/archive.rds", FakeResponse::ok(archive(&[("aa", listed)])));
        let moved = source_package("aa", "2.0", "");
        repository.upstream.put("/src/contrib/Archive/aa/aa_2.0.tar.gz", FakeResponse::ok(moved));
        repository.page().await;
        repository.clock.set(day("2026-11-05T12:00:00Z"));
        repository
    }

    async fn on(&self, day: &str) -> (u16, String) {
        let (status, body) = self.get_at(&format!("dev@{day}"), "src/contrib/PACKAGES").await;
        (status, String::from_utf8(body).unwrap())
    }

    async fn shown_on(&self, day: &str) -> Vec<String> {
        let (status, page) = self.on(day).await;
        assert_eq!(status, 200, "{page}");
        shown(&page)
    }
}

#[tokio::test]
async fn a_day_shows_what_upstream_listed_on_it() {
    let repository = Repository::of_two_days(ANYTHING).await;
    assert_eq!(repository.shown_on("2026-11-01").await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
    assert_eq!(repository.shown_on("2026-11-03").await, ["aa 3.0", "bb 1.0"]);
    assert_eq!(repository.shown().await, ["aa 3.0", "bb 1.0"]);
    // What it lists is there under its address, from wherever upstream has it now.
    for file in ["src/contrib/aa_2.0.tar.gz", "src/contrib/bb_1.0.tar.gz"] {
        assert_eq!(repository.get_at("dev@2026-11-01", file).await.0, 200, "{file}");
    }
    // With what was learnt about them meanwhile, it is the same.
    assert_eq!(repository.shown_on("2026-11-01").await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
}

#[tokio::test]
async fn what_is_refused_today_is_refused_of_every_day() {
    let repository = Repository::of_two_days(ANYTHING).await;
    assert_eq!(repository.get("src/contrib/aa_2.0.tar.gz").await.0, 200);
    repository.shown_on("2026-11-01").await;
    let policy = "[stage.dev]\ndenied = [\"pkg:cran/aa@2.0\"]\n";
    repository.gateway.set_policy(Arc::new(Policy::parse(policy, ALL).unwrap()));
    assert_eq!(repository.shown_on("2026-11-01").await, ["aa 1.5", "bb 1.0"]);
    assert_eq!(repository.shown_on("2026-11-03").await, ["aa 3.0", "bb 1.0"]);
    assert_eq!(repository.get_at("dev@2026-11-01", "src/contrib/aa_2.0.tar.gz").await.0, 403);
}

#[tokio::test]
async fn a_day_that_nobody_saw_names_the_nearest() {
    let repository = Repository::of_two_days(ANYTHING).await;
    let expect = async |day: &str, expected: &str| {
        let (status, text) = repository.on(day).await;
        assert_eq!(status, 404, "{text}");
        assert!(text.contains(expected), "{text}");
    };
    let between = "`src/contrib` of 2026-11-02 is not kept here; the nearest that are: 2026-11-01, 2026-11-03";
    expect("2026-11-02", between).await;
    expect("2026-10-31", "is not kept here; the nearest that is: 2026-11-01").await;
    expect("2026-11-04", "is not kept here; the nearest that is: 2026-11-03").await;
    expect("2026-11-05", "has not ended (days are those of UTC); the nearest that is: 2026-11-03").await;
    expect("2027-01-01", "has not ended").await;
    expect("latest", "`latest` is no day; expected dev@2026-10-01").await;
    let other = repository.get_at("dev@2026-11-01", "bioc/src/contrib/PACKAGES").await;
    assert!(String::from_utf8_lossy(&other.1).contains("no day of it is kept yet"), "{other:?}");
}

#[tokio::test]
async fn a_day_on_which_upstream_said_that_nothing_changed_shows_the_same() {
    let repository = Repository::of_two_days(ANYTHING).await;
    assert_eq!(repository.on("2026-11-04").await.0, 404);
    repository.gateway.keep_days().await.unwrap();
    repository.clock.set(repository.clock.now().plus_days(1));
    // It was current from the 3rd, and still on the 5th, so on the 4th too.
    assert_eq!(repository.shown_on("2026-11-04").await, ["aa 3.0", "bb 1.0"]);
    assert_eq!(repository.shown_on("2026-11-05").await, ["aa 3.0", "bb 1.0"]);
}

#[tokio::test]
async fn a_restart_knows_the_days() {
    let mut repository = Repository::of_two_days(ANYTHING).await;
    repository.upstream.unavailable(true);
    let path = repository.directory.path().to_owned();
    repository.gateway = Repository::gateway(ANYTHING, &repository.upstream, &repository.clock, &path).await;
    assert_eq!(repository.shown_on("2026-11-01").await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
}
