use weir_core::time::DAY;
use weir_core::{Digest, Timestamp};
use weir_feeds::{FeedsError, POINTER};
use weir_store::{AdvisoryKind, RevisionKind};

use crate::{ECOSYSTEMS, Home, ids, indexes, record};

const MODIFIED: &str = "2026-01-01T00:00:00Z";
const KEV: &str = r#"{"catalogVersion":"2","dateReleased":"2026-02-02T00:00:00Z","vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-02-01"}]}"#;
const EPSS: &str = "#model_version:v1,score_date:2026-02-02\ncve,epss,percentile\nCVE-2026-0001,0.5,0.9\n";

#[tokio::test]
async fn what_is_imported_is_stored_indexed_and_in_use() {
    let home = Home::new().await;
    let aliased =
        record("X-1", "a", "2", MODIFIED).replace("\"modified\"", "\"aliases\":[\"CVE-2026-0001\"],\"modified\"");
    home.put("a.jsonl", format!("{aliased}\n{}\n", record("X-2", "b", "3", MODIFIED)));
    home.put("kev.json", KEV);
    home.put("epss.csv", EPSS);
    home.put("README.md", "x");
    let feeds = home.feeds().await;
    assert!(ids(&feeds, "a", "1").is_empty());
    let report = feeds.import(&home.inputs()).await.unwrap();
    assert_eq!((report.read.osv, report.stored.new, report.errors()), (2, 2, 0));
    assert_eq!(ids(&feeds, "a", "1"), ["CVE-2026-0001"]);
    let text = report.to_string();
    assert!(
        text.starts_with(
            "read 2 advisories, 1 KEV catalogue, 1 file of EPSS scores; passed over 1 other files\n  PyPI 2\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("the index has 2 vulnerabilities of 2 packages"), "{text}");

    let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
    let index = feeds.current();
    assert_eq!(index.feed(pypi).as_of, Timestamp::parse("2026-10-01T12:00:00Z"));
    assert_eq!(index.feed(ECOSYSTEMS.by_id("npm").unwrap()).as_of, None);
    assert_eq!(home.store.setting(POINTER).await.unwrap(), Some(index.digest().to_string()));
    let revision = home.store.revision(RevisionKind::Advisories, &index.digest()).await.unwrap();
    assert!(revision.is_some(), "which data was in use when is on record");
    let found = index.package(pypi, &pypi.names.parse("a").unwrap()).unwrap().all().remove(0);
    assert_eq!((found.epss, found.known_exploited.map(Timestamp::date)), (Some(0.5), Some(String::from("2026-02-01"))));

    let status = feeds.status().await.unwrap();
    let rows: Vec<_> = status.rows.iter().map(|row| (row.name.as_str(), row.records, row.age)).collect();
    assert_eq!(rows, [("PyPI", 2, Some(0)), ("epss", 1, Some(0)), ("kev", 1, Some(0)), ("npm", 0, None)]);
}

#[tokio::test]
async fn the_same_import_again_changes_nothing() {
    let home = Home::new().await;
    let path =
        home.put("a.jsonl", format!("{}\n{}\n", record("X-1", "a", "2", MODIFIED), record("X-2", "b", "3", MODIFIED)));
    let feeds = home.feeds().await;
    let first = feeds.import(&path).await.unwrap();
    let events = home.store.events(0, 1000).await.unwrap().len();
    let second = feeds.import(&path).await.unwrap();
    assert_eq!((second.stored.new, second.stored.changed, second.stored.unchanged), (0, 0, 2));
    assert_eq!(second.index.unwrap().digest, first.index.unwrap().digest);
    assert_eq!(home.store.events(0, 1000).await.unwrap().len(), events);
    assert_eq!(indexes(&home.advisories()).len(), 1);
}

#[tokio::test]
async fn every_revision_is_kept_with_the_time_in_which_it_was_current() {
    let home = Home::new().await;
    let feeds = home.feeds().await;
    let before = Timestamp::parse("2026-10-01T12:00:00Z").unwrap();
    feeds.import(&home.put("a.json", record("X-1", "a", "2", MODIFIED))).await.unwrap();
    home.clock.set(before.plus_days(2));
    feeds.import(&home.put("a.json", record("X-1", "a", "1", "2026-03-01T00:00:00Z"))).await.unwrap();
    assert!(ids(&feeds, "a", "1.5").is_empty());
    let then = home.store.advisory_at("X-1", before.plus_days(1)).await.unwrap();
    assert_eq!(then[0].body, record("X-1", "a", "2", MODIFIED).into_bytes());
    assert_eq!(then[0].digest, Digest::of(&then[0].body));
}

#[tokio::test]
async fn an_older_file_takes_nothing_back() {
    let home = Home::new().await;
    let feeds = home.feeds().await;
    home.put("new/a.jsonl", record("X-1", "a", "2", "2026-03-01T00:00:00Z"));
    home.put("new/kev.json", KEV);
    home.put("new/epss.csv", EPSS);
    feeds.import(&home.inputs().join("new")).await.unwrap();
    home.put("old/a.jsonl", record("X-1", "a", "9", MODIFIED));
    home.put("old/kev.json", KEV.replace("2026-02-02", "2026-01-02").replace("0001", "0002"));
    home.put("old/epss.csv", EPSS.replace("2026-02-02", "2026-01-02").replace("0.5", "0.7"));
    let report = feeds.import(&home.inputs().join("old")).await.unwrap();
    assert_eq!(report.stored.older, 1);
    assert_eq!(report.older.len(), 2, "{:?}", report.older);
    assert!(ids(&feeds, "a", "5").is_empty());
    assert_eq!(feeds.current().stats().known_exploited, 1);
}

#[tokio::test]
async fn a_bad_file_is_told_and_the_others_are_in() {
    let home = Home::new().await;
    home.put("a.jsonl", format!("{}\nrubbish\n", record("X-1", "a", "2", MODIFIED)));
    let feeds = home.feeds().await;
    let report = feeds.import(&home.inputs()).await.unwrap();
    assert_eq!((report.errors(), report.stored.new), (1, 1));
    assert!(report.to_string().contains("a.jsonl:2: expected value"), "{report}");
    let error = feeds.import(&home.put("x.txt", "x")).await.unwrap_err().to_string();
    assert!(error.contains("x.txt` holds no advisories that Weir can read"), "{error}");
    let error = feeds.import(&home.inputs().join("absent")).await.unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1"]);
}

#[tokio::test]
async fn another_process_notices_that_the_index_has_changed() {
    let home = Home::new().await;
    let (server, command) = (home.feeds().await, home.feeds().await);
    assert!(!server.reload_if_changed().await.unwrap());
    command.import(&home.put("a.json", record("X-1", "a", "2", MODIFIED))).await.unwrap();
    assert!(ids(&server, "a", "1").is_empty());
    assert!(server.reload_if_changed().await.unwrap());
    assert_eq!(ids(&server, "a", "1"), ["X-1"]);
    assert!(!server.reload_if_changed().await.unwrap());
    assert!(!command.reload_if_changed().await.unwrap());
}

#[tokio::test]
async fn what_was_stored_before_a_failure_is_not_lost() {
    let home = Home::new().await;
    let feeds = home.feeds().await;
    feeds.import(&home.put("a.json", record("X-1", "a", "2", MODIFIED))).await.unwrap();
    // As good as a full disk: the new index cannot be written.
    let away = home.directory.path().join("away");
    std::fs::rename(home.advisories(), &away).unwrap();
    std::fs::write(home.advisories(), "x").unwrap();
    let path = home.put("b.json", record("X-2", "b", "2", MODIFIED));
    let error = feeds.import(&path).await.unwrap_err();
    assert!(matches!(error, FeedsError::Write { .. }), "{error}");
    assert!(error.to_string().contains("what was read is stored"), "{error}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1"], "the index in use stays in use");
    assert_eq!(home.store.advisory("X-2").await.unwrap().len(), 1);
    std::fs::remove_file(home.advisories()).unwrap();
    std::fs::rename(&away, home.advisories()).unwrap();
    let report = feeds.import(&path).await.unwrap();
    assert_eq!(report.stored.unchanged, 1);
    assert_eq!(ids(&feeds, "b", "1"), ["X-2"]);
}

#[tokio::test]
async fn a_lost_or_foreign_index_file_is_made_anew_from_the_store() {
    let home = Home::new().await;
    home.feeds().await.import(&home.put("a.json", record("X-1", "a", "2", MODIFIED))).await.unwrap();
    let path = home.advisories().join(indexes(&home.advisories()).remove(0));
    for broken in [None, Some("weir-adv of another version")] {
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = broken {
            std::fs::write(&path, bytes).unwrap();
        }
        assert_eq!(ids(&home.feeds().await, "a", "1"), ["X-1"]);
    }
    home.store.set_setting(POINTER, "../../etc/passwd").await.unwrap();
    assert_eq!(ids(&home.feeds().await, "a", "1"), ["X-1"]);
}

#[tokio::test]
async fn an_index_goes_a_day_after_it_was_current() {
    let home = Home::new().await;
    let feeds = home.feeds().await;
    let start = Timestamp::parse("2026-10-01T12:00:00Z").unwrap();
    let mut counts = Vec::new();
    for (number, hours) in [0, 10, 30, 70].into_iter().enumerate() {
        home.clock.set(start.plus_millis(hours * DAY / 24));
        feeds
            .import(&home.put(&format!("{number}.json"), record(&format!("X-{number}"), "a", "2", MODIFIED)))
            .await
            .unwrap();
        counts.push(indexes(&home.advisories()).len());
    }
    // The first was current until hour 10, so it is there at hour 30 and gone at hour 70, and so is the second.
    assert_eq!(counts, [1, 2, 3, 2]);
}

#[tokio::test]
async fn cve_records_are_a_feed_of_their_own() {
    let home = Home::new().await;
    let cve = r#"{"cveMetadata":{"cveId":"CVE-2026-0001","state":"PUBLISHED","dateUpdated":"2026-01-01T00:00:00Z"},"containers":{"cna":{"metrics":[{"cvssV3_1":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}}}"#;
    home.put("cve.json", cve);
    home.put(
        "a.json",
        record("X-1", "a", "2", MODIFIED).replace("\"modified\"", "\"aliases\":[\"CVE-2026-0001\"],\"modified\""),
    );
    let feeds = home.feeds().await;
    feeds.import(&home.inputs()).await.unwrap();
    let stored = home.store.advisory("CVE-2026-0001").await.unwrap();
    assert_eq!(stored[0].kind, AdvisoryKind::Cve);
    let pypi = ECOSYSTEMS.by_id("pypi").unwrap();
    let package = feeds.current().package(pypi, &pypi.names.parse("a").unwrap()).unwrap();
    assert_eq!(package.all()[0].severity.as_ref().unwrap().source, "CVE-2026-0001 (CNA)");
    assert!(feeds.status().await.unwrap().rows.iter().any(|row| row.name == "cve" && row.records == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_advisories_are_imported() {
    let Some(path) = weir_testing::skip::shared("data/crates.io") else { return };
    let home = Home::new().await;
    let feeds = home.feeds().await;
    let report = feeds.import(&path).await.unwrap();
    assert_eq!((report.stored.new, report.errors()), (1206, 0));
    let again = feeds.import(&path).await.unwrap();
    assert_eq!((again.stored.new, again.stored.changed), (0, 0));
}
