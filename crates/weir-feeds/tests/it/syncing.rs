use std::io::Write as _;

use weir_core::Timestamp;
use weir_feeds::{FeedsError, SyncConfig};
use weir_testing::{FakeResponse, FakeUpstream};

use crate::{ECOSYSTEMS, Home, ids, record};

const DAY_1: &str = "2026-09-01T00:00:00Z";
const DAY_2: &str = "2026-09-02T00:00:00Z";
const DAY_3: &str = "2026-09-03T00:00:00Z";
const KEV: &str = r#"{"catalogVersion":"2","vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-02-01"}]}"#;
const EPSS: &str = "#model_version:v1,score_date:2026-02-02\ncve,epss,percentile\nCVE-2026-0001,0.5,0.9\n";

fn config(fake: &FakeUpstream) -> SyncConfig {
    SyncConfig { osv: format!("{}/osv", fake.url()), kev: None, epss: None, ca_bundle: None }
}

fn zip(records: &[(&str, String)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (id, text) in records {
        writer.start_file(format!("{id}.json"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An export of two PyPI records and one for npm.
async fn export() -> FakeUpstream {
    let fake = FakeUpstream::start().await;
    let list = format!("{DAY_2},X-2\n{DAY_1},X-1\n");
    fake.put("/osv/PyPI/modified_id.csv", FakeResponse::from(list.as_str()).etag("\"one\""));
    let all = zip(&[("X-1", record("X-1", "a", "2", DAY_1)), ("X-2", record("X-2", "b", "2", DAY_2))]);
    fake.put("/osv/PyPI/all.zip", all);
    let npm = record("N-1", "c", "2.0.0", DAY_1).replace("PyPI", "npm");
    fake.put("/osv/npm/modified_id.csv", FakeResponse::from(format!("{DAY_1},N-1\n").as_str()).etag("\"npm\""));
    fake.put("/osv/npm/all.zip", zip(&[("N-1", npm)]));
    fake
}

#[tokio::test]
async fn the_first_sync_fetches_everything_and_the_next_only_asks() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert_eq!(report.errors(), 0, "{report}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1"]);
    let first = feeds.current().digest();

    home.clock.set(Timestamp::parse("2026-10-02").unwrap());
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert!(report.feeds.iter().all(|feed| feed.not_modified), "{report}");
    assert_eq!((fake.hits("/osv/PyPI/all.zip"), fake.hits("/osv/npm/all.zip")), (1, 1));
    let index = feeds.current();
    assert_eq!(index.feed(ECOSYSTEMS.by_id("pypi").unwrap()).as_of, Timestamp::parse("2026-10-02"));
    assert_ne!(index.digest(), first);
    assert_eq!(ids(&feeds, "a", "1"), ["X-1"]);
}

#[tokio::test]
async fn what_has_changed_is_fetched_singly_and_what_has_gone_is_noted() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    let list = format!("{DAY_3},X-3\n{DAY_3},X-2\n");
    fake.put("/osv/PyPI/modified_id.csv", FakeResponse::from(list.as_str()).etag("\"two\""));
    fake.put("/osv/PyPI/X-3.json", record("X-3", "a", "3", DAY_3).as_str());
    fake.put("/osv/PyPI/X-2.json", record("X-2", "b", "1", DAY_3).as_str());
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert_eq!(fake.hits("/osv/PyPI/all.zip"), 1);
    assert_eq!((report.feeds[0].stored.new, report.feeds[0].stored.changed), (1, 1));
    assert_eq!((report.feeds[0].gone.as_slice(), report.feeds[0].gone_count), (&[String::from("X-1")][..], 1));
    assert!(report.to_string().contains("1 are no longer listed there and stay: X-1"), "{report}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1", "X-3"], "what has gone stays");
    assert!(ids(&feeds, "b", "1.5").is_empty());
}

#[tokio::test]
async fn many_changes_are_fetched_as_one_archive() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    let records: Vec<_> = (0..weir_feeds::sync::ARCHIVE_FROM)
        .map(|number| (format!("Y-{number}"), record(&format!("Y-{number}"), "a", "2", DAY_3)))
        .collect();
    let list: String = records.iter().map(|(id, _)| format!("{DAY_3},{id}\n")).collect();
    fake.put("/osv/PyPI/modified_id.csv", list.as_str());
    let members: Vec<_> = records.iter().map(|(id, text)| (id.as_str(), text.clone())).collect();
    fake.put("/osv/PyPI/all.zip", zip(&members));
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert_eq!(fake.hits("/osv/PyPI/all.zip"), 2);
    assert_eq!(report.feeds[0].stored.new, 500);
    assert_eq!(report.feeds[0].gone_count, 2);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_and_asked_for_again() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    let list = format!("{DAY_3},X-4\n{DAY_3},X-3\n{DAY_2},X-2\n{DAY_1},X-1\n");
    fake.put("/osv/PyPI/modified_id.csv", FakeResponse::from(list.as_str()).etag("\"two\""));
    fake.put("/osv/PyPI/X-3.json", "rubbish");
    fake.put("/osv/PyPI/X-4.json", record("X-4", "a", "3", DAY_3).as_str());
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert!(report.feeds[0].problems[0].starts_with("X-3: "), "{report}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1", "X-4"]);
    fake.put("/osv/PyPI/X-3.json", record("X-3", "a", "3", DAY_3).as_str());
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert_eq!((report.feeds[0].stored.new, report.feeds[0].problems.len()), (1, 0));
    assert_eq!(fake.hits("/osv/PyPI/X-4.json"), 1, "what is here already is not fetched again");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1", "X-3", "X-4"]);
}

#[tokio::test]
async fn one_feed_in_trouble_does_not_hold_up_the_others() {
    let home = Home::new().await;
    let fake = export().await;
    fake.put("/kev/k.json", KEV);
    fake.put("/epss.csv.gz", {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(EPSS.as_bytes()).unwrap();
        encoder.finish().unwrap()
    });
    fake.remove("/osv/npm/modified_id.csv");
    let feeds = home.feeds().await;
    let config = SyncConfig {
        kev: Some(format!("{}/kev/k.json", fake.url())),
        epss: Some(format!("{}/epss.csv.gz", fake.url())),
        ..config(&fake)
    };
    let report = feeds.sync(&config).await.unwrap();
    assert_eq!(report.errors(), 1, "{report}");
    assert!(
        report.to_string().contains(&format!("npm: `{}/osv/npm/modified_id.csv` does not exist there", fake.url())),
        "{report}"
    );
    assert!(report.to_string().contains("osv-url"), "{report}");
    assert_eq!(ids(&feeds, "a", "1"), ["X-1"]);
    let stats = feeds.current().stats().clone();
    assert_eq!((stats.known_exploited, stats.epss), (1, 1));
    let status = feeds.status().await.unwrap();
    let npm = status.rows.iter().find(|row| row.name == "npm").unwrap();
    assert!(npm.as_of.is_none() && npm.error.is_some(), "never synced is not clean");
    fake.put("/kev/k.json", "{}");
    let report = feeds.sync(&config).await.unwrap();
    assert!(report.feeds.iter().any(|feed| feed.name == "kev" && feed.error.is_some()));
    assert_eq!(feeds.current().stats().known_exploited, 1, "a broken catalogue does not replace a good one");
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_named_and_nothing_is_lost() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    let before = feeds.current().digest();
    let config = config(&fake);
    fake.down().await;
    let error = feeds.sync(&config).await.unwrap_err();
    assert!(matches!(error, FeedsError::NothingSynced { .. }));
    let text = error.to_string();
    assert!(text.contains(&fake.authority()) && text.contains("weir feeds import PATH"), "{text}");
    assert_eq!(feeds.current().digest(), before);
    assert_eq!(ids(&home.feeds().await, "a", "1"), ["X-1"]);
}

#[tokio::test]
async fn another_address_is_synced_from_the_beginning() {
    let home = Home::new().await;
    let (fake, other) = (export().await, export().await);
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    feeds.sync(&config(&other)).await.unwrap();
    assert_eq!(other.hits("/osv/PyPI/all.zip"), 1);
}

#[tokio::test]
async fn an_import_does_not_disturb_where_the_next_sync_goes_on() {
    let home = Home::new().await;
    let fake = export().await;
    let feeds = home.feeds().await;
    feeds.sync(&config(&fake)).await.unwrap();
    feeds.import(&home.put("a.json", record("I-1", "a", "2", DAY_3))).await.unwrap();
    let report = feeds.sync(&config(&fake)).await.unwrap();
    assert!(report.feeds.iter().all(|feed| feed.not_modified), "{report}");
    assert_eq!(ids(&feeds, "a", "1"), ["I-1", "X-1"]);
}
