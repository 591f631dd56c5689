//! The policy file: read again on change, never loosened by a mistake.

use std::time::Duration;

use crate::place::{CRITICAL_ONLY, Place, until};

/// A change takes effect within this; the file is looked at twice a second.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_changed_policy_takes_effect_without_a_restart() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    server.get(&path).expect(403);
    place.policy("[stage.dev]\n[stage.qa]\n");
    let took = until("the new policy is in force", SOON, || server.get(&path).status == 200);
    println!("a changed policy was in force after {} ms", took.as_millis());
    server.logs("the policy has changed and is in force");
    // Stages come and go with it.
    server.get("/qa/pypi/simple/example/").expect(200);
    server.get("/prod/pypi/simple/example/").expect(404);
    place.policy(CRITICAL_ONLY);
    until("the old policy is in force again", SOON, || server.get(&path).status == 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_the_day_of_an_outbreak_one_line_of_the_policy_is_enough() {
    let place = Place::new().await;
    place.policy("[stage.dev]\n");
    place.fake.pypi().release("example", "1.0.0").published("2026-01-01").add();
    place.fake.pypi().release("example", "1.1.0").published("2026-03-01").add();
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.1.0");
    server.get(&path).expect(200);
    place.policy("[stage.dev]\nnot-after = \"2026-02-01T00:00:00Z\"\n");
    until("the newer release is refused", SOON, || server.get(&path).status == 403);
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    server.get(&path).expect(200);
    let ran = place.weir(["explain", "pkg:pypi/example@1.1.0"]).expect(1);
    ran.prints(&["not-after: Published on 2026-03-01T00:00:00Z", "published after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_policy_that_does_not_check_leaves_the_last_good_one_loudly() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    place.policy("[stage.dev]\nvulnerabilty = { block-cvss = 9.0 }\n");
    let complains = || server.get("/readyz").json()["policy"].as_str().unwrap().contains("vulnerabilty");
    until("/readyz says that the policy does not check", SOON, complains);
    let ready = server.get("/readyz").expect(200).json();
    assert_eq!(ready["ready"], true, "what it has works on: {ready}");
    assert!(ready["policy"].as_str().unwrap().contains("the last good policy is in force"), "{ready}");
    assert!(ready["policy"].as_str().unwrap().contains("policy.toml:2"), "{ready}");
    server.logs("the last good policy stays in force");
    server.get(&path).expect(403);
    // Taking the file away is a mistake, too.
    std::fs::remove_file(place.data.join("policy.toml")).unwrap();
    until("/readyz says that the policy is gone", SOON, || {
        server.get("/readyz").json()["policy"].as_str().unwrap().contains("cannot be read")
    });
    server.get(&path).expect(403);
    place.policy(CRITICAL_ONLY);
    until("/readyz is content again", SOON, || server.get("/readyz").json()["policy"] == "ok");
    server.get(&path).expect(403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_policy_with_an_unknown_key_stops_the_start_with_line_and_caret() {
    let place = Place::new().await;
    place.policy("[stage.dev]\nmalware = \"block\"\nlicence = { deny = [\"MIT\"] }\n");
    for command in [vec!["serve"], vec!["policy", "check"]] {
        let ran = place.weir(command).expect(2);
        ran.tells(&["policy.toml:3:1", "`licence`", "3 | licence = ", "^^^^^^^", "`license`"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_mistakes_of_a_policy_are_told_at_once() {
    let place = Place::new().await;
    let path = place.file("mine.toml", "[stage.dev]\nmalwere = \"block\"\nmode = \"enforced\"\n[[waiver]]\n");
    let ran = place.weir(["policy", "check", path.to_str().unwrap()]).expect(2);
    ran.tells(&["mine.toml", "`malwere`", "`enforced`", ":4:"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_named_policy_that_is_not_there_is_not_made() {
    let place = Place::new().await;
    place.weir(["serve", "--policy", "mine.toml"]).expect(2).tells(&["there is no policy `mine.toml`"]);
    assert!(!place.directory.path().join("mine.toml").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_default_policy_checks() {
    let place = Place::new().await;
    place.serve().stop();
    place.weir(["policy", "check"]).expect(0).prints(&["policy.toml: ok (stages dev, prod)"]);
    let rules = place.weir(["policy", "rules"]).expect(0);
    for rule in ["vulnerability", "malware", "minimum-age", "license", "denied", "allow-only", "private-name", "yanked"]
    {
        assert!(rules.out.contains(rule), "{rule}");
    }
}

const WAIVERS: &str = r#"
[stage.dev]
vulnerability = { block-cvss = 9.0 }

[[waiver]]
package = "pkg:pypi/example@1.0.0"
advisory = "PYSEC-2026-1"
reason = "the affected part is not used"
until = "2099-01-01"

[[waiver]]
package = "pkg:pypi/example@1.1.0"
advisory = "PYSEC-2026-9"
reason = "an advisory that nobody has ever written"
until = "2099-01-01"

[[waiver]]
package = "pkg:pypi/example@1.0.0"
rule = "license"
reason = "was needed for a week"
until = "2020-01-31"

[[waiver]]
package = "pkg:npm/nobody-wants-this"
rule = "license"
reason = "kept for later"
until = "2099-01-01"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_waiver_lets_through_and_is_named() {
    let place = Place::with_an_advisory().await;
    place.policy(WAIVERS);
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(200);
    server.stop();
    let ran = place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(0);
    ran.prints(&["PYSEC-2026-1", "waived until 2099-01-01: the affected part is not used"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn waivers_that_have_ended_or_have_no_effect_are_reported() {
    let place = Place::with_an_advisory().await;
    place.policy(WAIVERS);
    let check = place.weir(["policy", "check"]).expect(0);
    let check = check.prints(&["policy.toml:17", "ended with 2020-01-31", "was needed for a week"]);
    assert_eq!(check.out.matches("warning").count(), 1, "{}", check.out);
    let server = place.serve();
    server.logs("ended with 2020-01-31");
    server.get("/dev/pypi/simple/example/").expect(200);
    let reported = |line: &str| {
        let err = server.err();
        let found = err.lines().find(|log| log.contains("waiver-unused") && log.contains(line));
        found.map(str::to_owned)
    };
    until("unused waivers are reported", Duration::from_secs(20), || reported("line=23").is_some());
    assert!(reported("line=11").unwrap().contains("WARN"), "{}", server.err());
    assert!(reported("line=17").unwrap().contains("WARN"), "{}", server.err());
    assert!(reported("line=23").unwrap().contains("INFO"), "{}", server.err());
    assert_eq!(reported("line=5"), None, "it has an effect: {}", server.err());
    server.stop();
    // Policy and waivers are kept by their digests, apart.
    let store = weir_store::Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    let now = weir_core::Clock::now(&weir_core::time::SystemClock);
    let policy = store.revision_at(weir_store::RevisionKind::Policy, now).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&policy.body), WAIVERS);
    let waivers = store.revision_at(weir_store::RevisionKind::Waivers, now).await.unwrap().unwrap();
    let waivers: serde_json::Value = serde_json::from_slice(&waivers.body).unwrap();
    assert_eq!(waivers.as_array().unwrap().len(), 4);
    assert_eq!(waivers[0]["advisory"], "PYSEC-2026-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn observing_refuses_nothing_but_malware_and_says_what_it_would_do() {
    let place = Place::with_an_advisory().await;
    let malware = serde_json::json!({
        "id": "MAL-2026-1", "modified": "2026-10-01T00:00:00Z",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "example" }, "versions": ["1.1.0"] }],
    });
    place.import(&[malware]);
    place.policy("[stage.dev]\nmode = \"observe\"\nvulnerability = { block-cvss = 9.0 }\nmalware = \"block\"\n");
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(200);
    let refused = server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(403);
    assert!(refused.phrase.contains("MAL-2026-1"), "{}", refused.phrase);
    server.stop();
    let ran = place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(0);
    ran.prints(&["block (only observed)"]);
    place.weir(["explain", "pkg:pypi/example@1.1.0"]).expect(1);
}
