//! Several upstreams, as they are configured.

use weir_testing::FakeUpstream;

use crate::place::Place;

fn group(name: &str, url: &str, more: &str) -> String {
    format!("[[upstream.pypi.group]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bound_package_is_served_and_explained_with_the_upstream_that_it_is_from() {
    let (place, corp) = (Place::new().await, FakeUpstream::start().await);
    corp.pypi().release("acme-core", "1.0.0").add();
    place.fake.pypi().release("acme-core", "99.0.0").add();
    place.policy("[stage.dev]\nprivate-name = [\"acme-*\"]\n");
    place.configure(&group("corp", &corp.pypi().url(), "packages = [\"acme-*\"]"));
    let server = place.serve();
    let page = server.simple("dev", "acme-core");
    assert_eq!(page["versions"], serde_json::json!(["1.0.0"]));
    let wheel = server.get(&place.wheel(&server, "dev", "acme-core", "1.0.0")).expect(200);
    assert_eq!(wheel.header("weir-upstream"), "corp");
    let metrics = server.get("/metrics").expect(200).text();
    let asked = "weir_upstream_requests_total{ecosystem=\"pypi\",upstream=\"corp\",outcome=\"changed\"} 1";
    assert!(metrics.contains(asked), "{metrics}");
    server.stop();
    let ran = place.weir(["explain", "pkg:pypi/acme-core@1.0.0", "--format", "json"]).expect(0);
    assert_eq!(ran.json()["upstream"], "corp");
    place.weir(["explain", "pkg:pypi/acme-core@1.0.0"]).expect(0).prints(&["upstream   corp"]);
    assert!(place.fake.requests().is_empty(), "{:?}", place.fake.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wrong_group_is_told_with_its_name_and_the_way_out() {
    let place = Place::new().await;
    let url = "https://packages.example/simple/";
    for (more, told) in [
        (group("Corp", url, ""), vec!["name = \"Corp\" is no name", "lower case letters"]),
        (group("pypi", url, ""), vec!["is what [upstream.pypi] itself is called", "set `url` there"]),
        (group("corp", url, "") + &group("corp", url, ""), vec!["name = \"corp\" is there twice"]),
        (group("corp", url, "packages = [\"a b\"]"), vec!["`corp` packages: `a b` matches no possible name"]),
        (group("corp", "ftp://packages.example", ""), vec!["[[upstream.pypi.group]] `corp`", "ftp://packages.example"]),
        (
            group("corp", url, "").replace("pypi", "cran"),
            vec!["[[upstream.cran.group]] `corp` has no `packages`", "in one document", "packages = ["],
        ),
        (
            group("corp", url, "kind = \"flat\"").replace("pypi", "npm"),
            vec!["[[upstream.npm.group]] `corp` kind = \"flat\"", "npm has no such pages"],
        ),
        (group("corp", url, "kind = \"page\""), vec!["unknown variant `page`", "flat"]),
        (group("corp", url, "pakages = []"), vec!["unknown field `pakages`", "packages"]),
    ] {
        place.configure(&more);
        place.weir(["serve"]).expect(2).tells(&told);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_group_is_shown_by_the_names_of_its_upstreams_without_their_secrets() {
    let place = Place::new().await;
    let more = "token = \"hunter2-very-secret\"\npackages = [\"acme-*\"]";
    place.configure(&group("corp", "https://me:hunter2-very-secret@packages.example/simple/", more));
    let ran = place.weir(["config", "show"]).expect(0);
    let ran =
        ran.prints(&["upstream.pypi.group.corp.packages = [\"acme-*\"]", "upstream.pypi.group.corp.token = \"****\""]);
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
    place.configure(&group("corp", "https://packages.example/simple/", "token = \"env:WEIR_TEST_UNSET\""));
    place.weir(["config", "check"]).expect(1).prints(&["[[upstream.pypi.group]] `corp` token", "WEIR_TEST_UNSET"]);
}
