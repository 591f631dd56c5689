//! What a policy makes of everything that is kept: `weir policy survey`.

use weir_core::Clock;
use weir_core::time::SystemClock;

use crate::place::{Place, osv};

/// A place through which pages of three packages of PyPI and one of npm have gone, with the upstreams silent since.
async fn place() -> Place {
    let place = Place::new().await;
    place.policy("[stage.dev]\n[stage.strict]\nvulnerability = { block-cvss = 9.0 }\nminimum-age = 3\n");
    place.import(&[osv("PYSEC-2026-1", "PyPI", "bad", "9"), osv("GHSA-aaaa-bbbb-cccc", "npm", "another", "9")]);
    let yesterday = SystemClock.now().plus_days(-1).to_string();
    place.fake.pypi().release("bad", "1.0").add();
    place.fake.pypi().release("bad", "1.1").add();
    place.fake.pypi().release("fine", "1.0").add();
    place.fake.pypi().release("young", "1.0").add();
    place.fake.pypi().release("young", "1.1").published(&yesterday).add();
    place.fake.npm().release("fine", "1.0.0").add();
    let server = place.serve();
    for package in ["bad", "fine", "young"] {
        server.simple("dev", package);
    }
    server.get("/dev/npm/fine").expect(200);
    server.stop();
    place.fake.unavailable(true);
    place.fake.forget();
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_survey_tells_shares_by_rule_and_each_newest_release_that_is_refused() {
    let place = place().await;
    let ran = place.weir(["policy", "survey", "--stage", "strict", "--newest", "5"]).expect(0);
    let ran = ran.prints(&[
        "Stage strict and the 4 packages kept here",
        "5 newest releases of each package",
        "PyPI vulnerability",
        "block pkg:pypi/bad@1.1",
        "vulnerability PYSEC-2026-1 (CVSS 9.8)",
        "no version of it is allowed",
        "held  pkg:pypi/young@1.1",
        "instead: 1.0",
    ]);
    let row = |title: &str| {
        let lines = ran.out.lines().filter(|line| line.trim_start().starts_with(title));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).next().unwrap()
    };
    assert_eq!(row("PyPI"), "PyPI 3 1 (33.3 %) 0 1 (33.3 %) 0 0");
    assert_eq!(row("npm"), "npm 1 0 0 0 0 0");
    assert!(place.fake.requests().is_empty(), "{:?}", place.fake.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_survey_is_of_any_policy_and_records_nothing() {
    let place = place().await;
    let mine = place.file("mine.toml", "[stage.dev]\ndenied = [\"pkg:pypi/*\"]\n");
    let survey = ["policy", "survey", "--format", "json", "--policy", mine.to_str().unwrap()];
    let told = place.weir(survey).expect(0).json();
    assert_eq!(told["stage"], "dev");
    assert_eq!(told["newest"], 10);
    assert_eq!(told["ecosystems"]["pypi"]["newest"]["blocked"], 3);
    assert_eq!(told["ecosystems"]["pypi"]["recent"]["blocked"], 5);
    assert_eq!(told["ecosystems"]["npm"]["newest"]["blocked"], 0);
    assert_eq!(told["ecosystems"]["pypi"]["newest"]["rules"][0]["rule"], "denied");
    assert_eq!(told["refused"].as_array().unwrap().len(), 3);
    assert_eq!(told["refused"][0]["purl"], "pkg:pypi/bad@1.1");
    assert_eq!(told["unread"], 0);
    place.weir(["policy", "survey", "--stage", "nowhere"]).expect(2).tells(&["the policy has no stage `nowhere`"]);
    place.weir(["policy", "survey", "--newest", "0"]).expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_survey_of_nothing_says_so() {
    let place = Place::new().await;
    place.weir(["policy", "survey"]).expect(0).prints(&["no page of any package is kept here yet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_that_cannot_be_read_is_not_judged_and_the_survey_says_so() {
    let place = place().await;
    for entry in std::fs::read_dir(place.data.join("blobs")).unwrap().flatten() {
        if entry.path().is_dir() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let ran = place.weir(["policy", "survey"]).expect(2);
    ran.tells(&["pkg:pypi/bad could not be judged: the kept document"]);
}
