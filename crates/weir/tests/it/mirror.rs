//! What a lock file names is brought in before anybody asks for it.

use crate::place::{Place, osv};

const POLICY: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n";

fn lock(place: &Place, text: &str) -> String {
    place.file("requirements.txt", text).display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lock_file_names_is_here_before_anybody_asks_and_a_second_run_asks_nobody() {
    let place = Place::new().await;
    for version in ["1.0.0", "1.1.0"] {
        place.fake.pypi().release("example", version).add();
    }
    place.fake.pypi().release("other", "2.0.0").add();
    place.policy(POLICY);
    place.import(&[osv("GHSA-test", "PyPI", "example", "1.1.0")]);
    let lock = lock(&place, "example==1.0.0\nother==2.0.0\nloose>=1\n");
    let ran = place.weir(["mirror", "dev", "--from", &lock, "--keep", "app", "--format", "json"]).expect(1);
    let report = ran.json();
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(["releases", "complete", "refused", "unlocked", "failed"].map(count), [2, 1, 1, 1, 0], "{report}");
    let problems = report["problems"].to_string();
    assert!(problems.contains("pkg:pypi/example@1.0.0") && problems.contains("GHSA-test"), "{problems}");
    place.weir(["mirror", "list"]).expect(0).prints(&["app", "until it is dropped"]);

    let asked = place.fake.requests().len();
    let again = place.weir(["mirror", "dev", "--from", &lock, "--format", "json"]).expect(1).json();
    assert_eq!((again["fetched"].as_u64(), again["here"].as_u64()), (Some(0), Some(1)), "{again}");
    let files = |from: usize| place.fake.requests()[from..].iter().filter(|it| it.path.contains("other")).count();
    assert_eq!(files(asked), 0, "{:?}", place.fake.requests());

    let server = place.serve_with(["--offline"]);
    server.get(&place.wheel(&server, "dev", "other", "2.0.0")).expect(200);
    server.stop();
    let requests = place.weir(["mirror", "drop", "app"]).expect(0);
    requests.prints(&["dropped"]);
    place.weir(["mirror", "drop", "app"]).expect(2).tells(&["nothing is kept as `app`"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_brings_it_and_a_list_of_names_means_the_newest_allowed() {
    let place = Place::new().await;
    for version in ["1.0.0", "1.1.0"] {
        place.fake.pypi().release("example", version).add();
    }
    place.policy(POLICY);
    place.import(&[osv("GHSA-test", "PyPI", "example", "1.1.0")]);
    let names = lock(&place, "example\nmissing-here\n");
    let server = place.serve();
    place.weir(["mirror", "dev", "--from", &names, "--top", "pypi"]).expect(2).tells(&["--server URL"]);
    let url = format!("http://{}", server.address);
    let ran = place.weir(["mirror", "dev", "--from", &names, "--top", "pypi", "--server", &url, "--format", "json"]);
    let report = ran.expect(2).json();
    assert_eq!((report["fetched"].as_u64(), report["failed"].as_u64()), (Some(1), Some(1)), "{report}");
    let metrics = server.get("/metrics").expect(200).text();
    assert!(metrics.contains("weir_mirrored_files_total{outcome=\"fetched\"} 1"), "{metrics}");
    // Naming what is to be kept is for administrators.
    let ran = place.weir(["mirror", "dev", "--from", &names, "--top", "pypi", "--server", &url, "--keep", "x"]);
    ran.expect(2).tells(&["only an administrator's token"]);
    server.stop();
}
