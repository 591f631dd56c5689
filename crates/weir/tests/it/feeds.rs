//! Advisory data: imports, syncs, and a server that takes over what others bring in.

use std::fs;
use std::time::Duration;

use serde_json::json;
use weir_testing::FakeResponse;

use crate::place::{CRITICAL_ONLY, PATIENCE, Place, osv, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_import_says_what_it_read_and_the_second_changes_nothing() {
    let place = Place::new().await;
    let records =
        [osv("PYSEC-2026-1", "PyPI", "example", "1.1.0"), osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "2.0.0")];
    let path = place.file("all.json", serde_json::to_string(&records).unwrap());
    let path = path.to_str().unwrap();
    place.weir(["feeds", "import", path]).expect(0).prints(&["read 2 advisories", "PyPI 1", "npm 1", "stored 2 new"]);
    let before = index(&place);
    let ran = place.weir(["feeds", "import", path]).expect(0);
    ran.prints(&["stored 0 new, 0 changed, 2 as before"]);
    let json = place.weir(["feeds", "import", path, "--format", "json"]).expect(0).json();
    assert_eq!(json["read"]["osv"], 2);
    assert_eq!(json["stored"]["unchanged"], 2);
    assert_eq!(json["index"]["vulnerabilities"], 2);
    assert!(!before.is_empty());
}

fn index(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.data.join("advisories")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bad_advisory_file_is_named_with_its_line_and_the_rest_is_imported() {
    let place = Place::new().await;
    let folder = place.directory.path().join("advisories");
    fs::create_dir(&folder).unwrap();
    let good = osv("PYSEC-2026-1", "PyPI", "example", "1.1.0");
    let other = osv("PYSEC-2026-2", "PyPI", "another", "1.1.0");
    fs::write(folder.join("lines.jsonl"), format!("{good}\n{{\"id\": \n{other}\n")).unwrap();
    fs::write(folder.join("broken.json"), "{\"id\": \"PYSEC-2026-3\", \"affected\": 7}").unwrap();
    let ran = place.weir(["feeds", "import", folder.to_str().unwrap()]).expect(2);
    let ran = ran.prints(&["read 2 advisories", "2 could not be read", "lines.jsonl:2: ", "broken.json"]);
    assert!(ran.out.contains("stored 2 new"), "{}", ran.out);
    place.policy(CRITICAL_ONLY);
    place.fake.pypi().release("another", "1.0.0").add();
    place.weir(["explain", "pkg:pypi/another@1.0.0"]).expect(1).prints(&["PYSEC-2026-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_missing_path_is_told() {
    let place = Place::new().await;
    place.weir(["feeds", "import", "no/such/place"]).expect(2).tells(&["no/such/place"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn status_tells_which_data_there_is_and_how_old_in_words() {
    let place = Place::new().await;
    place.weir(["feeds", "status"]).expect(0).prints(&["no advisory data yet", "weir feeds sync", "weir feeds import"]);
    place.import(&[osv("PYSEC-2026-1", "PyPI", "example", "1.1.0")]);
    place.weir(["feeds", "status"]).expect(0).prints(&["PyPI", "1 records", "confirmed just now"]);
    let json = place.weir(["feeds", "status", "--format", "json"]).expect(0).json();
    let feeds = json["feeds"].as_array().unwrap();
    let known: Vec<_> = feeds.iter().filter(|feed| feed["records"] != 0).collect();
    assert_eq!(known.len(), 1, "{json}");
    assert_eq!((&known[0]["name"], &known[0]["records"]), (&"PyPI".into(), &1.into()));
    assert!(known[0]["as_of"].as_str().unwrap().starts_with("20"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_running_server_takes_over_imported_data_within_two_seconds() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    place.fake.pypi().release("example", "1.0.0").add();
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    server.get(&path).expect(200);
    place.import(&[osv("PYSEC-2026-1", "PyPI", "example", "1.1.0")]);
    let took = until("the import decides", Duration::from_secs(2), || server.get(&path).status == 403);
    println!("imported data was in use after {} ms", took.as_millis());
    assert!(server.get(&path).phrase.contains("PYSEC-2026-1"));
    let told =
        || server.get("/readyz").json()["feeds"].as_array().is_some_and(|it| it.iter().any(|it| it["name"] == "PyPI"));
    until("/readyz tells of the data", PATIENCE, told);
}

/// Puts an OSV export with one record for PyPI on the fake upstream, and empty ones for the others.
fn export(place: &Place, id: &str, modified: &str, fixed: &str) {
    let fake = &place.fake;
    for (ecosystem, id, name, kind) in [
        ("PyPI", id, "example", "PyPI"),
        ("npm", "GHSA-n", "left", "npm"),
        ("crates.io", "RUSTSEC-1", "core", "crates.io"),
    ] {
        let mut record = osv(id, kind, name, fixed);
        record["modified"] = json!(modified);
        let archive = weir_testing::artifact::zip(&[(format!("{id}.json"), record.to_string().into_bytes())]);
        fake.put(&format!("/osv/{ecosystem}/modified_id.csv"), format!("{modified},{id}\n").as_str());
        fake.put(&format!("/osv/{ecosystem}/{id}.json"), record.to_string().as_str());
        fake.put(&format!("/osv/{ecosystem}/all.zip"), FakeResponse::ok(archive));
    }
}

fn with_feeds(place: &Place) {
    let url = place.fake.url();
    place.configure(&format!("feeds.osv-url = \"{url}/osv\"\nfeeds.kev-url = \"\"\nfeeds.epss-url = \"\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sync_fetches_everything_once_and_then_what_is_new() {
    let place = Place::new().await;
    with_feeds(&place);
    place.policy(CRITICAL_ONLY);
    export(&place, "PYSEC-2026-1", "2026-10-01T00:00:00Z", "1.1.0");
    place.weir(["feeds", "sync"]).expect(0).prints(&["PyPI: stored 1 new"]);
    place.fake.pypi().release("example", "1.0.0").add();
    place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1);
    export(&place, "PYSEC-2026-2", "2026-10-02T00:00:00Z", "1.2.0");
    place.fake.forget();
    place.weir(["feeds", "sync"]).expect(0).prints(&["PyPI: stored 1 new"]);
    assert_eq!(place.fake.hits("/osv/PyPI/all.zip"), 0, "only what is new is fetched");
    place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1).prints(&["PYSEC-2026-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sync_that_reaches_nobody_names_the_addresses_and_the_way_out() {
    let place = Place::new().await;
    with_feeds(&place);
    place.fake.down().await;
    let ran = place.weir(["feeds", "sync"]).expect(2);
    ran.tells(&[place.fake.authority().as_str(), "osv-url", "weir feeds import PATH"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_syncs_by_itself_and_starts_at_once_without_a_network() {
    let place = Place::new().await;
    with_feeds(&place);
    place.policy(CRITICAL_ONLY);
    let config = fs::read_to_string(place.config_file()).unwrap().replace("feeds.sync = false", "feeds.sync = true");
    fs::write(place.config_file(), config).unwrap();
    place.fake.pypi().release("example", "1.0.0").add();
    place.fake.unavailable(true);
    let server = place.serve();
    server.get("/healthz").expect(200);
    until("the trouble is told", PATIENCE, || server.err().contains("Weir goes on with those it has"));
    server.stop();
    place.fake.unavailable(false);
    export(&place, "PYSEC-2026-1", "2026-10-01T00:00:00Z", "1.1.0");
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    std::thread::sleep(Duration::from_secs(5));
    eprintln!("DBG {}", server.err());
    until("synced data decides", PATIENCE, || server.get(&path).status == 403);
    server.logs("advisories are synced");
    server.stop();
    place.fake.forget();
    let server = place.serve_with(["--offline"]);
    std::thread::sleep(Duration::from_millis(300));
    assert!(place.fake.requests().is_empty(), "offline no feed is asked");
    assert!(server.out().contains("records, the oldest feed confirmed"), "{}", server.out());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_list_of_well_known_names_is_imported_and_holds_what_could_be_mistaken_for_them() {
    let place = Place::new().await;
    place.policy("[stage.dev]\nname-confusion = \"quarantine\"\n");
    place.fake.pypi().release("reqeusts", "1.0").published("2026-10-01").add();
    place.weir(["feeds", "status"]).expect(0).prints(&["well-known names of pypi: none"]);
    place.weir(["explain", "pkg:pypi/reqeusts@1.0"]).expect(0);

    let json = r#"{"last_update": "2026-04-01 06:34:06", "rows": [{"download_count": 9, "project": "requests"}]}"#;
    let path = place.file("top-pypi-packages.json", json);
    let ran = place.weir(["feeds", "import", path.to_str().unwrap()]).expect(0);
    ran.prints(&["read 1 well-known names of pypi from top-pypi-packages.json, of 2026-04-01"]);
    place.weir(["feeds", "status"]).expect(0).prints(&["well-known names of pypi: 1 from top-pypi-packages.json"]);
    place
        .weir(["explain", "pkg:pypi/reqeusts@1.0"])
        .expect(1)
        .prints(&["name-confusion", "Is requests what was meant?"]);

    // Another list of another registry leaves this one as it is; a broken one too.
    let npm = place.file("npm.txt", String::from("lodash\nsemver\n"));
    place.weir(["feeds", "import", npm.to_str().unwrap()]).expect(0);
    let broken = place.file("pypi.txt", String::new());
    place.weir(["feeds", "import", broken.to_str().unwrap()]).expect(2).prints(&["pypi.txt: it has no names"]);
    let folder = place.directory.path().join("lists");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("cargo.txt"), "serde\nsyn\ntokio\n").unwrap();
    fs::write(folder.join("npm-by-dependents.txt"), "chalk\n").unwrap();
    let ran = place.weir(["feeds", "import", folder.to_str().unwrap()]).expect(0);
    assert_eq!(ran.out.trim(), "read 3 well-known names of cargo from cargo.txt");
    let status = place.weir(["feeds", "status", "--format", "json"]).expect(0).json();
    assert_eq!(status["names"][0]["names"], 1);
    assert_eq!(status["names"][1]["names"], 2);
}
