//! `weir explain`: the same decision that the gate enforces, for people and for programs.

use serde_json::json;

use crate::place::{CRITICAL, CRITICAL_ONLY, Place, osv};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_release_is_told_with_rule_advisory_and_way_out() {
    let place = Place::with_an_advisory().await;
    let ran = place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1);
    let ran = ran.prints(&[
        "pkg:pypi/example@1.0.0 in stage dev: block\n",
        "  block      vulnerability: ",
        "PYSEC-2026-1",
        "  instead    pip install 'example==1.1.0'",
        "  decision   ",
    ]);
    assert!(!ran.out.contains('\u{1b}'), "no colours where nobody sees them: {:?}", ran.out);
    place.weir(["explain", "pkg:pypi/example@1.1.0"]).expect(0).prints(&["in stage dev: allow"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn programs_get_json_with_the_fixed_fields() {
    let place = Place::with_an_advisory().await;
    let json =
        place.weir(["explain", "pkg:pypi/example@1.0.0", "--stage", "prod", "--format", "json"]).expect(1).json();
    assert_eq!(json["purl"], "pkg:pypi/example@1.0.0");
    assert_eq!(json["stage"], "prod");
    assert_eq!(json["decision"], "block");
    assert_eq!(json["nearest_allowed"], "1.1.0");
    assert_eq!(json["reasons"][0]["rule"], "vulnerability");
    assert!(json["reasons"][0]["message"].as_str().unwrap().contains("PYSEC-2026-1"));
    assert!(json["reasons"][0]["facts"].is_object());
    assert_eq!(json["id"].as_str().unwrap().len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn explain_and_the_gate_say_the_same() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let page = server.ask("GET", "/dev/npm/example", &[]);
    assert_eq!(page.status, 404);
    let refused = server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    let decision = refused.header("weir-decision");
    let told = server.get(&format!("/d/{decision}")).expect(200).text();
    // The gate decides on a file, explain on the release: the same reasons.
    let explained = place.weir(["explain", "pkg:pypi/example@1.0.0", "--format", "json"]).expect(1).json();
    assert!(told.contains(explained["reasons"][0]["message"].as_str().unwrap()), "{told}");
    let id = explained["id"].as_str().unwrap();
    assert!(server.get(&format!("/d/{id}")).expect(200).text().contains("PYSEC-2026-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bare_name_of_several_ecosystems_lists_the_choices() {
    let place = Place::with_an_advisory().await;
    let ran = place.weir(["explain", "example"]).expect(2);
    ran.tells(&["which `example`?", "pkg:pypi/example", "pkg:npm/example", "pkg:cargo/example"]);
    let ran = place.weir(["explain", "example==1.0.0"]).expect(2);
    ran.tells(&["pkg:pypi/example@1.0.0"]);
    // A scope is npm's alone: then there is nothing to choose.
    place.fake.npm().release("@acme/tool", "1.0.0").add();
    place.weir(["explain", "@acme/tool@1.0.0"]).expect(0).prints(&["pkg:npm/%40acme/tool@1.0.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_told_exits_with_2() {
    let place = Place::with_an_advisory().await;
    place.weir(["explain", "pkg:pypi/absent@1.0.0"]).expect(2).tells(&["error:", "absent"]);
    place.weir(["explain", "pkg:pypi/example@9.9.9"]).expect(2).tells(&["9.9.9"]);
    place.weir(["explain", "pkg:gem/rails@1.0.0"]).expect(2).tells(&["gem"]);
    place.weir(["explain", "pkg:pypi/example@1.0.0", "--stage", "qa"]).expect(2).tells(&["qa"]);
    place.weir(["explain"]).expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_version_the_newest_final_release_is_explained() {
    let place = Place::with_an_advisory().await;
    place.fake.pypi().release("example", "2.0.0rc1").add();
    place.weir(["explain", "pkg:pypi/example"]).expect(0).prints(&["pkg:pypi/example@1.1.0 in stage dev"]);
}

fn scored(id: &str, vector: &str, fixed: &str) -> serde_json::Value {
    let mut record = osv(id, "PyPI", "example", fixed);
    record["severity"] = json!([{ "type": "CVSS_V3", "score": vector }]);
    record["summary"] = json!("a flaw");
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_below_the_limits_is_one_line_until_all_is_asked_for() {
    const LOW: &str = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    place.fake.pypi().release("example", "1.0.0").add();
    let mut records = vec![scored("PYSEC-2026-1", CRITICAL, "3.0.0")];
    records.extend((2..9).map(|number| scored(&format!("PYSEC-2026-{number}"), LOW, "3.0.0")));
    place.import(&records);
    let ran = place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1);
    let ran = ran.prints(&["PYSEC-2026-1", "7 more findings below this stage's limits; --all shows them"]);
    assert!(!ran.out.contains("PYSEC-2026-5"), "{}", ran.out);
    let all = place.weir(["explain", "pkg:pypi/example@1.0.0", "--all"]).expect(1);
    let all = all.prints(&["PYSEC-2026-5"]);
    assert!(!all.out.contains("--all shows them"), "{}", all.out);
    let json = place.weir(["explain", "pkg:pypi/example@1.0.0", "--format", "json"]).expect(1).json();
    assert_eq!(json["reasons"].as_array().unwrap().len(), 8, "programs get everything");
    for line in ran.out.lines().chain(all.out.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_running_server_is_asked_with_a_token() {
    let mut place = Place::with_an_advisory().await;
    let token = place.weir(["admin", "token", "create", "ci"]).expect(0).out.trim().to_owned();
    let bound = place.weir(["admin", "token", "create", "prod-ci", "--stage", "prod"]).expect(0).out.trim().to_owned();
    let server = place.serve_with(["--listen", "0.0.0.0:0", "--allow-plain-http"]);
    let url = format!("http://{}", server.address);
    let purl = "pkg:pypi/example@1.0.0";
    let ask = ["explain", purl, "--server", &url];
    place.weir(ask).expect(2).tells(&["401", "a token is needed"]);
    place.weir(ask.into_iter().chain(["--token", &token])).expect(1).prints(&["PYSEC-2026-1"]);
    // The stricter of the two stages answers.
    place.weir(ask.into_iter().chain(["--token", &bound])).expect(1).prints(&["PYSEC-2026-1"]);
    place.weir(ask.into_iter().chain(["--token", &bound, "--stage", "prod"])).expect(1);
    place.weir(ask.into_iter().chain(["--token", "weir_0_0"])).expect(2).tells(&["401"]);
    place.weir(["explain", "pkg:pypi/example@1.1.0", "--server", &url, "--token", &token]).expect(0);
    // The data directory is not touched: there is none.
    place.environment("WEIR_TOKEN", &token);
    place.environment("WEIR_SERVER", &url);
    let elsewhere = place.directory.path().join("nowhere");
    place.data = elsewhere.clone();
    place.weir(["explain", purl]).expect(1);
    assert!(!elsewhere.exists());
    let down = ["explain", purl, "--server", "http://127.0.0.1:9"];
    place.weir(down).expect(2).tells(&["127.0.0.1:9"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_in_the_environment_does_not_stop_explain_without_a_server() {
    let mut place = Place::with_an_advisory().await;
    place.environment("WEIR_TOKEN", "weir_for_another_place");
    place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_private_name_is_explained_and_nobody_is_asked() {
    let place = Place::new().await;
    place.policy("[stage.dev]\nprivate-name = [\"acme-*\"]\n");
    place.weir(["explain", "pkg:pypi/acme-billing@1.0.0"]).expect(1).prints(&["private-name"]);
    assert!(place.fake.requests().is_empty());
}
