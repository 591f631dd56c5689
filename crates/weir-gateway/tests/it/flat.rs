//! An upstream that is one page with files of many packages.

use weir_testing::{FakeUpstream, artifact};

use crate::gate::{Plan, TestGate};

const PAGE: &str = "/wheels/stable.html";

/// A gate with the upstream `wheels`, which is one page, before the public one.
async fn gate(policy: &str, packages: &[&str]) -> (TestGate, FakeUpstream) {
    let wheels = FakeUpstream::start().await;
    publish(&wheels, &[("demo", "1.0"), ("demo", "2.0+cu126"), ("other", "3.0")]);
    let base = format!("{}/wheels/", wheels.url());
    let gate = Plan::new(policy).flat("pypi", "wheels", base, "stable.html", packages).start().await;
    (gate, wheels)
}

fn publish(fake: &FakeUpstream, releases: &[(&str, &str)]) {
    let mut page = String::new();
    for (name, version) in releases {
        let file = artifact::wheel_file(name, version);
        fake.put(&format!("/wheels/{}", file.replace('+', "%2B")), artifact::wheel(name, version, &[]));
        page += &format!("<a href=\"{}\">{file}</a>\n", file.replace('+', "%2B"));
    }
    fake.put(PAGE, page.into_bytes());
}

async fn status(gate: &TestGate, package: &str) -> u16 {
    gate.get(&format!("/dev/pypi/simple/{package}/")).await.status
}

async fn versions(gate: &TestGate, package: &str) -> Vec<String> {
    let page = gate.simple("dev", package).await;
    page["versions"].as_array().unwrap().iter().map(|version| version.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_package_of_the_page_has_a_page_and_files_of_its_own() {
    let (gate, wheels) = gate("[stage.dev]\n", &[]).await;
    assert_eq!(versions(&gate, "demo").await, ["1.0", "2.0+cu126"]);
    assert_eq!(versions(&gate, "other").await, ["3.0"]);
    let file = gate.get("/dev/pypi/files/demo/demo-2.0+cu126-py3-none-any.whl").await;
    assert_eq!((file.status, file.header("weir-upstream")), (200, "wheels"));
    assert_eq!(gate.get("/dev/pypi/files/demo/other-3.0-py3-none-any.whl").await.status, 404);
    assert_eq!(wheels.hits(PAGE), 1, "one page serves them all");
}

#[tokio::test]
async fn what_the_page_lacks_is_looked_for_at_the_next_upstream_and_versions_are_not_merged() {
    let (gate, _wheels) = gate("[stage.dev]\n", &[]).await;
    gate.pypi.pypi().release("demo", "99.0").add();
    gate.pypi.pypi().release("public", "1.0").add();
    assert_eq!(versions(&gate, "demo").await, ["1.0", "2.0+cu126"]);
    assert_eq!(versions(&gate, "public").await, ["1.0"]);
    assert_eq!(status(&gate, "absent").await, 404);
}

#[tokio::test]
async fn what_disappears_from_the_page_is_taken_from_nowhere_else() {
    let (gate, wheels) = gate("[stage.dev]\n", &[]).await;
    assert_eq!(status(&gate, "demo").await, 200);
    gate.pypi.pypi().release("demo", "99.0").add();
    publish(&wheels, &[("other", "3.0")]);
    gate.at("2026-11-01T12:10:00Z");
    let answer = gate.get("/dev/pypi/simple/demo/").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("one-upstream"), "{}", answer.text());
}

#[tokio::test]
async fn a_page_that_is_gone_or_is_none_deletes_nothing_and_loosens_nothing() {
    let (gate, wheels) = gate("[stage.dev]\n", &["demo", "new"]).await;
    assert_eq!(status(&gate, "demo").await, 200);
    gate.pypi.pypi().release("new", "99.0").add();
    for (at, body) in [("2026-11-01T12:10:00Z", Some("<html>log in</html>")), ("2026-11-01T12:20:00Z", None)] {
        match body {
            Some(body) => wheels.put(PAGE, body),
            None => wheels.remove(PAGE),
        }
        gate.at(at);
        assert_eq!(versions(&gate, "demo").await, ["1.0", "2.0+cu126"]);
        assert_eq!(status(&gate, "new").await, 502);
    }
    assert!(gate.pypi.requests().is_empty(), "{:?}", gate.pypi.requests());
}

#[tokio::test]
async fn without_dates_a_file_is_as_old_as_its_first_sight() {
    let (gate, wheels) = gate("[stage.dev]\nminimum-age = { days = 7 }\n", &[]).await;
    let file = "/dev/pypi/files/demo/demo-1.0-py3-none-any.whl";
    assert_eq!(gate.get(file).await.status, 403);
    gate.at("2026-11-09T12:00:00Z");
    assert_eq!(gate.get(file).await.status, 200);
    // A link that is added is young; the others keep their age.
    publish(&wheels, &[("demo", "1.0"), ("demo", "3.0")]);
    gate.at("2026-11-09T13:00:00Z");
    assert_eq!(gate.get("/dev/pypi/files/demo/demo-3.0-py3-none-any.whl").await.status, 403);
    assert_eq!(gate.get(file).await.status, 200);
}
