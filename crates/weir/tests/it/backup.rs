//! A copy that is taken while a server runs, and a Weir that is started from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::Value;

use crate::http;
use crate::place::{PATIENCE, Place, Server, size_of, until};

fn backup(place: &Place, to: &Path, more: &[&str]) -> Value {
    let arguments = ["admin", "backup", to.to_str().unwrap(), "--format", "json"];
    place.weir(arguments.into_iter().chain(more.iter().copied())).expect(0).json()
}

/// What the gate says of both releases, as far as it is the same in every Weir with the same data.
fn decisions(server: &Server) -> Vec<Value> {
    let explain = |version: &str| {
        let address = format!("/api/v1/explain?purl=pkg:pypi/example@{version}");
        let said = server.get(&address).expect(200).json();
        ["id", "decision", "reasons", "nearest_allowed"].iter().map(|key| said[*key].clone()).collect::<Vec<_>>()
    };
    ["1.0.0", "1.1.0"].iter().flat_map(|version| explain(version)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_is_a_whole_weir() {
    let mut place = Place::with_an_advisory().await;
    for number in 0..40 {
        place.fake.pypi().release(&format!("p{number}"), "1.0.0").size(20_000).add();
    }
    let server = place.serve();
    let (good, bad) =
        (place.wheel(&server, "dev", "example", "1.1.0"), place.wheel(&server, "dev", "example", "1.0.0"));
    let bytes = server.get(&good).expect(200).body;
    let id = server.get(&bad).expect(403).header("weir-decision").to_owned();
    let told = server.ask("GET", &format!("/d/{id}"), &[("Accept", "application/json")]).expect(200).json();
    let before = decisions(&server);

    // Packages are asked for, fetched, judged and stored while the copy is taken.
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let load = {
        let (stop, done, address) = (Arc::clone(&stop), Arc::clone(&done), server.address.clone());
        std::thread::spawn(move || {
            for number in (0..40).cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let page = http::ask(&address, "GET", &format!("/dev/pypi/simple/p{number}/"), &[]).unwrap().text();
                let file = page.split("href=\"").nth(1).and_then(|rest| rest.split(['"', '#']).next());
                let file = file.and_then(|url| url.split_once("://")).map(|(_, rest)| &rest[rest.find('/').unwrap()..]);
                assert_eq!(http::ask(&address, "GET", file.unwrap(), &[]).unwrap().status, 200);
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    until("work is going on", PATIENCE, || done.load(Ordering::Relaxed) > 2);
    let copy = place.directory.path().join("copy");
    let first = backup(&place, &copy, &[]);
    assert_eq!((&first["complete"], &first["blobs"]["kept"]), (&true.into(), &0.into()), "{first}");
    let seen = done.load(Ordering::Relaxed);
    until("more work is done", PATIENCE, || done.load(Ordering::Relaxed) > seen + 5);
    let second = backup(&place, &copy, &[]);
    assert!(second["blobs"]["kept"].as_u64() >= first["blobs"]["copied"].as_u64(), "{first} {second}");
    stop.store(true, Ordering::Relaxed);
    load.join().unwrap();
    server.kill();

    place.data = copy;
    // What was given up by upstream in the meantime is only in the copy.
    place.weir(["admin", "check", "--deep"]).expect(0);
    let server = place.serve();
    assert_eq!(decisions(&server), before);
    let again = server.ask("GET", &format!("/d/{id}"), &[("Accept", "application/json")]).expect(200).json();
    assert_eq!(again["id"], told["id"]);
    assert_eq!(server.get(&good).expect(200).body, bytes);
    server.get(&bad).expect(403);
    assert!(!server.out().contains("admin token"), "tokens are in the copy");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_backup_copies_only_what_is_new_and_gives_up_what_nothing_names() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    let copy = place.directory.path().join("copy");
    let first = backup(&place, &copy, &[]);
    assert!(first["blobs"]["copied"].as_u64() > Some(1) && first["row_bytes"].as_u64() > Some(0), "{first}");
    assert_eq!(first["settings"], serde_json::json!(["policy.toml", "weir.toml"]));
    let stray = copy.join("blobs/blob/sha256/ab/cd");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join(format!("abcd{}", "0".repeat(60))), "nothing names this").unwrap();
    let second = backup(&place, &copy, &[]);
    assert_eq!((&second["blobs"]["copied"], &second["blobs"]["removed"]), (&0.into(), &1.into()), "{second}");
    assert_eq!(second["blobs"]["kept"], first["blobs"]["copied"]);
    // Nobody else reads what is in it.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

/// The file of some blob of a data directory.
fn any_blob(data: &Path) -> PathBuf {
    let mut paths = vec![data.join("blobs/blob/sha256")];
    while let Some(path) = paths.pop() {
        if path.is_file() {
            return path;
        }
        paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
    }
    panic!("{} has no blob", data.display());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn blobs_can_be_linked() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    server.stop();
    let copy = place.directory.path().join("copy");
    let report = backup(&place, &copy, &["--link"]);
    assert!(report["blobs"]["linked"].as_u64() > Some(1) && report["blobs"]["copied"] == 0, "{report}");
    let blob = any_blob(&copy);
    assert_eq!(fs::metadata(&blob).unwrap().nlink(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_backup_is_written_over_nothing_else() {
    let mut place = Place::with_an_advisory().await;
    let photos = place.directory.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("summer.jpg"), "a beach").unwrap();
    let refuse = |place: &Place, to: &Path, told: &str| {
        place.weir(["admin", "backup", to.to_str().unwrap()]).expect(2).tells(&[told]);
    };
    refuse(&place, &photos, "is no backup of a Weir; nothing was written");
    assert_eq!(fs::read_dir(&photos).unwrap().count(), 1);
    let data = place.data.clone();
    refuse(&place, &data, "is the data directory");
    refuse(&place, &data.join("backup"), "is the data directory, or inside it");
    assert!(!data.join("backup").exists());

    // A server that runs on a backup has it for itself, and what it has written makes it another Weir.
    let copy = place.directory.path().join("copy");
    backup(&place, &copy, &[]);
    place.data.clone_from(&copy);
    let server = place.serve();
    place.data.clone_from(&data);
    refuse(&place, &copy, "a backup is being written there, or a server runs on it");
    server.kill();
    assert!(size_of(&copy) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_backup_that_was_broken_off_is_no_data_directory_and_is_taken_up_again() {
    let mut place = Place::with_an_advisory().await;
    let copy = place.directory.path().join("copy");
    backup(&place, &copy, &[]);
    // As a first one leaves it that was killed before its end.
    fs::remove_file(copy.join("format")).unwrap();
    fs::rename(copy.join("weir.sqlite"), copy.join("weir.sqlite.new")).unwrap();
    fs::write(copy.join("backup.json"), "{ \"complete\": false }").unwrap();
    let data = std::mem::replace(&mut place.data, copy.clone());
    place.weir(["serve"]).expect(2).tells(&["holds files that are not Weir's"]);
    place.data = data;
    backup(&place, &copy, &[]);
    assert!(!copy.join("weir.sqlite.new").exists());
    place.data = copy;
    place.weir(["admin", "check", "--deep"]).expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn damaged_bytes_do_not_get_into_a_backup() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    server.stop();
    let blob = any_blob(&place.data);
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, vec![0; bytes.len()]).unwrap();
    let copy = place.directory.path().join("copy");
    place.weir(["admin", "backup", copy.to_str().unwrap()]).expect(2).tells(&["is damaged", "admin check --deep"]);
    // Bytes that are not there are told, and the rest is copied.
    fs::remove_file(&blob).unwrap();
    let ran = place.weir(["admin", "backup", copy.to_str().unwrap()]).expect(1);
    ran.prints(&["missing     1 blobs", blob.file_name().unwrap().to_str().unwrap()]);
}
