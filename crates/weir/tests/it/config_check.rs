//! What is wrong with a configuration is told before a server is started with it, all in one run.

use std::fs;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_good_configuration_is_told_and_nothing_is_changed() {
    let place = Place::with_an_advisory().await;
    place.serve().stop();
    // What SQLite keeps beside its file while it is open comes and goes.
    let files = || -> Vec<String> {
        let entries = fs::read_dir(&place.data).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with("weir.sqlite-")).collect()
    };
    let before = files();
    let ran = place.weir(["config", "check", "--online"]).expect(0);
    ran.prints(&["configuration, address, data directory, store, blobs, upstream pypi (answers)", "policy"]);
    assert_eq!(before, files());
    // A running server is not disturbed.
    let server = place.serve();
    place.weir(["config", "check"]).expect(0);
    server.get("/healthz").expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn before_the_first_start_only_what_is_not_there_yet_is_told() {
    let mut place = Place::new().await;
    place.data = place.directory.path().join("not-yet");
    place.environment("WEIR_FEEDS__SYNC", "false");
    let ran = place.weir(["config", "check"]).expect(0);
    ran.prints(&["warning", "`weir serve` makes it", "0 errors"]);
    assert!(!place.data.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn several_problems_are_told_in_one_run_each_with_its_place_and_the_way_out() {
    let mut place = Place::with_an_advisory().await;
    place.configure(
        "server.public-url = \"packages.example.org\"\nserver.memory-mib = 4\nlog.level = \"a=b=c\"\n\
         server.tls.certificate = \"no-such.pem\"\nserver.tls.key = \"no-such-key.pem\"\n\
         upstream.npm.password = \"env:WEIR_TEST_UNSET\"",
    );
    place.policy("[stage.dev]\nvulnerabilty = \"block\"\n");
    place.environment("WEIR_LISTEN", "0.0.0.0");
    let ran = place.weir(["config", "check", "--format", "json"]).expect(1);
    let report = ran.json();
    assert_eq!(report["ok"], false);
    let problems = report["problems"].as_array().unwrap();
    let told = |level: &str, key: &str, part: &str| {
        let found = problems.iter().any(|problem| {
            problem["level"] == level && problem["key"] == key && problem["problem"].as_str().unwrap().contains(part)
        });
        assert!(found, "{level} {key} {part} is missing from\n{report:#}");
    };
    told("error", "[server] listen", "expected ADDRESS:PORT");
    told("error", "[server] public-url", "expected https://HOST");
    told("warning", "[server] memory-mib", "expected 8 to 65536");
    told("error", "[log] level", "expected error, warn");
    told("error", "[server.tls]", "no-such.pem");
    told("error", "[upstream.npm]", "WEIR_TEST_UNSET");
    told("error", "--policy", "vulnerabilty");
    assert!(report["checked"].as_array().unwrap().contains(&"store".into()), "{report:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn plain_http_beyond_this_machine_is_told() {
    let mut place = Place::with_an_advisory().await;
    place.environment("WEIR_LISTEN", "0.0.0.0:8484");
    place.weir(["config", "check"]).expect(1).prints(&["[server] listen", "plain HTTP", "[server.tls]"]);
    place.configure("server.allow-plain-http = true");
    place.weir(["config", "check"]).expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_reached_is_told() {
    let place = Place::with_an_advisory().await;
    place.configure("store.url = \"postgres://weir:secret-word@127.0.0.1:9/weir\"");
    let ran = place.weir(["config", "check"]).expect(1).prints(&["[store] url", "127.0.0.1:9"]);
    assert!(!ran.out.contains("secret-word"), "{}", ran.out);
    fs::write(
        place.config_file(),
        "feeds.sync = false\n[upstream.pypi]\nurl = \"http://127.0.0.1:9/simple/\"\n[upstream.npm]\nurl = \"http://127.0.0.1:9/\"\n\
         [upstream.cargo]\nurl = \"http://127.0.0.1:9/\"\n",
    )
    .unwrap();
    place.weir(["config", "check"]).expect(0);
    place.weir(["config", "check", "--online"]).expect(1).prints(&["[upstream.pypi]", "[upstream.npm]", "127.0.0.1:9"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_that_cannot_be_read_leaves_the_rest_to_be_checked() {
    let place = Place::with_an_advisory().await;
    fs::write(place.config_file(), "[server]\nlisten = 1\n").unwrap();
    place.policy("[stage.dev]\nno-such-rule = true\n");
    place.weir(["config", "check"]).expect(1).prints(&["weir.toml:2", "no-such-rule", "2 errors"]);
}
