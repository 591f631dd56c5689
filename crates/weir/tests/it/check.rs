//! `weir admin check`: what is whole is called sound, and every kind of damage is named.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use weir_core::{Digest, Timestamp};
use weir_store::{DecisionRow, RequestRow, Store};

use crate::place::{Place, Server};

/// A place in which a wheel was served and another refused, its server stopped.
async fn used() -> Place {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    use_it(&place, &server);
    server.stop();
    place
}

fn use_it(place: &Place, server: &Server) {
    server.get(&place.wheel(server, "dev", "example", "1.1.0")).expect(200);
    server.get(&place.wheel(server, "dev", "example", "1.0.0")).expect(403);
}

#[track_caller]
fn checked(place: &Place, more: &[&str], code: i32) -> Value {
    let arguments = ["admin", "check", "--format", "json"].into_iter().chain(more.iter().copied());
    place.weir(arguments).expect(code).json()
}

/// The codes of the problems.
fn codes(report: &Value) -> Vec<&str> {
    report["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

async fn store(place: &Place) -> Store {
    Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap()
}

/// The file of the wheel's bytes.
async fn wheel(place: &Place) -> PathBuf {
    let rows = store(place).await.artifacts("pypi", "example").await.unwrap();
    let hex = rows[0].sha256.to_string();
    place.data.join("blobs/blob/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_used_is_sound_also_beside_a_server() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    use_it(&place, &server);
    assert_eq!(checked(&place, &["--deep"], 0)["sound"], true);
    server.stop();
    let report = checked(&place, &["--deep"], 0);
    let counts = &report["checked"];
    assert_eq!((counts["artifacts"].as_u64(), counts["decisions"].as_u64()), (Some(1), Some(3)), "{report}");
    assert!(counts["requests"].as_u64() >= Some(4) && counts["documents"].as_u64() >= Some(1), "{report}");
    assert_eq!((report["orphans"]["blobs"].as_u64(), report["spool"]["files"].as_u64()), (Some(0), Some(0)));
    place.weir(["admin", "check"]).expect(0).prints(&["1 artifacts, 3 decisions", "sound"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bytes_that_are_missing_short_or_others_are_named() {
    let place = used().await;
    let path = wheel(&place).await;
    let bytes = fs::read(&path).unwrap();

    let mut others = bytes.clone();
    others[100] ^= 1;
    fs::write(&path, &others).unwrap();
    assert_eq!(checked(&place, &[], 0)["sound"], true, "only --deep reads");
    assert_eq!(codes(&checked(&place, &["--deep"], 1)), ["blob-damaged"]);

    fs::write(&path, &bytes[1..]).unwrap();
    assert_eq!(codes(&checked(&place, &[], 1)), ["artifact-size"]);

    fs::remove_file(&path).unwrap();
    let report = checked(&place, &[], 1);
    assert_eq!(codes(&report), ["artifact-missing"]);
    assert!(report["problems"][0]["subject"].as_str().unwrap().contains("example-1.1.0"), "{report}");
    place.weir(["admin", "check"]).expect(1).prints(&["damaged", "artifact-missing", "1 problem"]);

    // The way out that is promised: it is fetched again.
    let server = place.serve();
    assert_eq!(server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200).body, bytes);
    server.stop();
    assert_eq!(checked(&place, &["--deep"], 0)["sound"], true);

    fs::remove_dir_all(place.data.join("blobs/blob/sha256")).unwrap();
    let report = checked(&place, &[], 1);
    assert!(codes(&report).contains(&"document-missing"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn orphans_and_leftovers_are_told_and_deleted_only_without_a_server() {
    let place = used().await;
    let orphan = Digest::of(b"nobody's").to_string();
    let folder = place.data.join("blobs/blob/sha256").join(&orphan[..2]).join(&orphan[2..4]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&orphan), b"nobody's").unwrap();
    fs::write(place.data.join("blobs/tmp/spool-left"), b"12345").unwrap();
    let report = checked(&place, &["--deep"], 0);
    assert_eq!((report["orphans"]["blobs"].as_u64(), report["orphans"]["bytes"].as_u64()), (Some(1), Some(8)));
    assert_eq!((report["spool"]["files"].as_u64(), report["spool"]["bytes"].as_u64()), (Some(1), Some(5)));

    let server = place.serve();
    place.weir(["admin", "check", "--delete-orphans"]).expect(2).tells(&["--delete-orphans", "another `weir serve`"]);
    server.stop();
    let report = checked(&place, &["--delete-orphans"], 0);
    assert_eq!(report["orphans"]["deleted"].as_u64(), Some(1));
    let report = checked(&place, &["--deep"], 0);
    assert_eq!((report["orphans"]["blobs"].as_u64(), report["spool"]["files"].as_u64()), (Some(0), Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_does_not_hold_together_is_named() {
    let place = used().await;
    let store = store(&place).await;
    let served = store.requests(0, 100).await.unwrap();
    let served = served.into_iter().map(|row| row.request).find(|row| row.artifact.is_some()).unwrap();
    let id = served.decision.clone().unwrap();
    let row = store.decision(&id).await.unwrap().unwrap();

    // Bytes without a decision, by one that is not there, and by one that refuses.
    let refused = store.decisions("", 10).await.unwrap().into_iter().find(|row| row.effective == "block").unwrap().id;
    let decisions = [None, Some(String::from("aaaaaaaaaaaaaaaa")), Some(refused)];
    let requests = decisions.map(|decision| RequestRow { decision, ..served.clone() });
    store.append_requests(&requests).await.unwrap();
    let report = checked(&place, &[], 1);
    assert_eq!(codes(&report), ["undecided"; 3]);
    let problems = report["problems"].to_string();
    for part in ["without a decision", "aaaaaaaaaaaaaaaa that it met is not on record", "which is to block"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }

    // A decision whose inputs are not those of its id, and one that says two things.
    let forged = DecisionRow { id: String::from("bbbbbbbbbbbbbbbb"), ..row.clone() };
    store.record_decision(&forged).await.unwrap();
    let report = checked(&place, &[], 1);
    let forged: Vec<_> =
        report["problems"].as_array().unwrap().iter().filter(|problem| problem["code"] == "decision").collect();
    assert_eq!(forged.len(), 1, "{report}");
    assert!(forged[0]["problem"].as_str().unwrap().contains(&id), "{report}");
    assert!(Timestamp::from_millis(0) < row.at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_advisory_index_that_cannot_be_read_is_named_and_made_anew_by_the_next_start() {
    let place = used().await;
    for entry in fs::read_dir(place.data.join("advisories")).unwrap() {
        fs::write(entry.unwrap().path(), b"nonsense").unwrap();
    }
    assert_eq!(codes(&checked(&place, &[], 1)), ["advisory-index"]);
    place.serve().stop();
    assert_eq!(checked(&place, &[], 0)["sound"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_directory_that_is_none_of_weirs_is_left_as_it_is() {
    let place = Place::new().await;
    place.weir(["admin", "check"]).expect(2).tells(&["no data directory of a Weir", "--data DIR"]);
    assert_eq!(
        fs::read_dir(&place.data).unwrap().filter(|it| it.as_ref().unwrap().file_name() != "weir.toml").count(),
        0
    );
}
