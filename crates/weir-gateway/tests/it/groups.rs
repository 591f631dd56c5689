//! Several upstreams for one ecosystem: a package comes from one of them, and no other hears of it.

use weir_testing::FakeUpstream;

use crate::gate::{CRITICAL, Plan, TestGate, osv};

const OPEN: &str = "[stage.dev]\n";
const PRIVATE: &str = "[stage.dev]\nprivate-name = [\"acme-*\"]\n";
/// When pages are asked for again.
const LATER: &str = "2026-11-01T12:10:00Z";

/// A gate with the upstream `corp`, which names are bound to or not, before the public one.
async fn gate(policy: &str, packages: &[&str]) -> (TestGate, FakeUpstream) {
    let corp = FakeUpstream::start().await;
    let gate = Plan::new(policy).member("pypi", "corp", corp.pypi().url(), packages).start().await;
    (gate, corp)
}

fn page(package: &str) -> String {
    format!("/dev/pypi/simple/{package}/")
}

async fn versions(gate: &TestGate, package: &str) -> Vec<String> {
    let page = gate.simple("dev", package).await;
    page["versions"].as_array().unwrap().iter().map(|version| version.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_bound_name_comes_from_its_upstream_alone_and_others_never_hear_it() {
    let (gate, corp) = gate(OPEN, &["acme-*"]).await;
    corp.pypi().release("acme-core", "1.0.0").add();
    gate.pypi.pypi().release("acme-core", "99.0.0").add();
    gate.pypi.pypi().release("example", "2.0.0").add();
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.0"]);
    let file = "/dev/pypi/files/acme-core/acme_core-1.0.0-py3-none-any.whl";
    assert_eq!(gate.get(file).await.status, 200);
    assert_eq!(gate.get("/dev/pypi/files/acme-core/acme_core-99.0.0-py3-none-any.whl").await.status, 404);
    // Also what its upstream does not have.
    assert_eq!(gate.get(&page("acme-other")).await.status, 404);
    assert_eq!(gate.pypi.requests().len(), 0, "{:?}", gate.pypi.requests());
    corp.forget();
    assert_eq!(versions(&gate, "example").await, ["2.0.0"]);
    assert_eq!(corp.requests().len(), 0, "it is asked for what is bound to it alone: {:?}", corp.requests());
}

#[tokio::test]
async fn while_its_upstream_is_in_trouble_a_bound_name_is_asked_of_nobody_else() {
    let (gate, corp) = gate(OPEN, &["acme-*"]).await;
    gate.pypi.pypi().release("acme-core", "99.0.0").add();
    corp.unavailable(true);
    let answer = gate.get(&page("acme-core")).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    corp.down().await;
    assert_eq!(gate.get(&page("acme-core")).await.status, 502);
    assert_eq!(gate.pypi.requests().len(), 0, "{:?}", gate.pypi.requests());
    let (trouble, _) = gate.gateway.trouble().pop().unwrap();
    assert_eq!((trouble.ecosystem, &*trouble.name), ("pypi", "corp"));
}

#[tokio::test]
async fn the_first_upstream_that_has_a_package_is_where_all_of_it_comes_from() {
    let (gate, corp) = gate(OPEN, &[]).await;
    corp.pypi().release("example", "1.0.0").add();
    gate.pypi.pypi().release("example", "2.0.0").add();
    gate.pypi.pypi().release("public", "3.0.0").add();
    assert_eq!(versions(&gate, "example").await, ["1.0.0"], "versions of two upstreams are never merged");
    assert_eq!(versions(&gate, "public").await, ["3.0.0"]);
    assert_eq!(gate.get(&page("absent")).await.status, 404);
}

#[tokio::test]
async fn an_upstream_in_trouble_ends_the_search_where_a_later_one_could_have_a_strangers() {
    let (gate, corp) = gate(OPEN, &[]).await;
    gate.pypi.pypi().release("example", "99.0.0").add();
    corp.unavailable(true);
    assert_eq!(gate.get(&page("example")).await.status, 502);
    assert_eq!(gate.pypi.requests().len(), 0);
    corp.unavailable(false);
    gate.at(LATER);
    assert_eq!(versions(&gate, "example").await, ["99.0.0"], "now it is known that the first has none");
}

#[tokio::test]
async fn a_name_that_is_deleted_at_home_is_not_taken_from_a_stranger() {
    let (gate, corp) = gate(OPEN, &[]).await;
    corp.pypi().release("acme-core", "1.0.0").add();
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.0"]);
    corp.pypi().remove_package("acme-core");
    gate.pypi.pypi().release("acme-core", "99.0.0").add();
    for moment in [LATER, "2027-12-01T12:00:00Z"] {
        gate.at(moment);
        let answer = gate.get(&page("acme-core")).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.phrase.contains("one-upstream lost (corp has it no more"), "{}", answer.phrase);
        assert!(answer.text().contains("packages = [\\\"acme-core\\\"]"), "{}", answer.text());
        assert_eq!(gate.decision(&answer).await["reasons"][0]["facts"]["upstream"], "corp");
    }
    assert_eq!(gate.pypi.requests().len(), 0, "nor is the name told: {:?}", gate.pypi.requests());
    // Nor after a restart, by which everything that was in memory is gone.
    let gate = gate.restarted().await;
    assert_eq!(gate.get(&page("acme-core")).await.status, 403);
    // Nor if its home is taken out of the configuration.
    let gate = gate.changed(|plan| plan.alone()).await;
    let answer = gate.get(&page("acme-core")).await;
    assert!(answer.phrase.contains("one-upstream removed (corp is gone"), "{} {}", answer.status, answer.phrase);
    assert_eq!(gate.pypi.requests().len(), 0, "{:?}", gate.pypi.requests());
}

#[tokio::test]
async fn an_upstream_that_is_not_configured_any_more_leaves_its_names_to_nobody() {
    let (gate, corp) = gate(OPEN, &[]).await;
    corp.pypi().release("acme-core", "1.0.0").add();
    gate.pypi.pypi().release("acme-core", "99.0.0").add();
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.0"]);
    let other = FakeUpstream::start().await;
    let url = other.pypi().url();
    let gate = gate.changed(|plan| plan.alone().member("pypi", "other", url.clone(), &[])).await;
    let answer = gate.get(&page("acme-core")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.phrase.contains("one-upstream removed (corp is gone"), "{}", answer.phrase);
    assert_eq!((gate.pypi.requests().len(), other.requests().len()), (0, 0));
    // Bound to another, it comes from there: somebody has settled it, and that is on record.
    other.pypi().release("acme-core", "1.0.1").add();
    let gate = gate.changed(|plan| plan.alone().member("pypi", "other", url, &["acme-core"])).await;
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.1"]);
    let events = gate.events("upstream-changed").await;
    let body: serde_json::Value = serde_json::from_str(&events[0].body).unwrap();
    assert_eq!((&body["from"], &body["to"], &body["how"]), (&"corp".into(), &"other".into(), &"bound".into()));
    assert_eq!((events.len(), events[0].subject.as_str()), (1, "pkg:pypi/acme-core"));
}

#[tokio::test]
async fn a_name_that_appears_at_an_earlier_upstream_is_held_until_somebody_settles_it() {
    let (gate, corp) = gate(OPEN, &[]).await;
    gate.pypi.pypi().release("acme-core", "99.0.0").add();
    assert_eq!(versions(&gate, "acme-core").await, ["99.0.0"]);
    corp.pypi().release("acme-core", "1.0.0").add();
    gate.at(LATER);
    let answer = gate.get(&page("acme-core")).await;
    assert!(answer.phrase.contains("one-upstream rival (pypi or corp"), "{} {}", answer.status, answer.phrase);
    assert_eq!(gate.get("/dev/pypi/files/acme-core/acme_core-99.0.0-py3-none-any.whl").await.status, 403);
    gate.at("2026-11-01T12:20:00Z");
    assert_eq!(gate.get(&page("acme-core")).await.status, 403);
    assert_eq!(gate.events("upstream-changed").await.len(), 1, "it is told once");
    let url = corp.pypi().url();
    let gate = gate.changed(|plan| plan.alone().member("pypi", "corp", url, &["acme-*"])).await;
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.0"]);
}

#[tokio::test]
async fn an_earlier_upstream_in_trouble_stops_nothing_that_has_a_home() {
    let (gate, corp) = gate(OPEN, &[]).await;
    gate.pypi.pypi().release("example", "1.0.0").add();
    assert_eq!(versions(&gate, "example").await, ["1.0.0"]);
    corp.down().await;
    gate.at(LATER);
    gate.pypi.pypi().release("example", "1.1.0").add();
    assert_eq!(versions(&gate, "example").await, ["1.0.0", "1.1.0"]);
}

#[tokio::test]
async fn what_was_kept_while_there_was_one_upstream_has_its_home_there() {
    let gate = Plan::new(OPEN).start().await;
    gate.pypi.pypi().release("example", "1.0.0").add();
    assert_eq!(versions(&gate, "example").await, ["1.0.0"]);
    gate.pypi.pypi().remove_package("example");
    gate.at(LATER);
    assert_eq!(gate.get(&page("example")).await.status, 404, "with one upstream, what it says is all there is");
    let later = FakeUpstream::start().await;
    let url = later.pypi().url();
    let gate = gate.changed(|plan| plan.member("pypi", "mirror", url, &[])).await;
    let answer = gate.get(&page("example")).await;
    assert!(answer.phrase.contains("one-upstream lost (pypi has it no more"), "{} {}", answer.status, answer.phrase);
}

#[tokio::test]
async fn a_private_name_is_asked_of_the_upstream_that_it_is_bound_to_and_of_no_other() {
    let (gate, corp) = gate(PRIVATE, &["acme-*"]).await;
    corp.pypi().release("acme-core", "1.0.0").add();
    assert_eq!(versions(&gate, "acme-core").await, ["1.0.0"]);
    assert_eq!(gate.get("/dev/pypi/files/acme-core/acme_core-1.0.0-py3-none-any.whl").await.status, 200);
    assert_eq!(gate.pypi.requests().len(), 0);
    // Where nothing is bound, a private upstream is an upstream like any other.
    let url = corp.pypi().url();
    let gate = gate.changed(|plan| plan.alone().member("pypi", "corp", url, &[])).await;
    corp.forget();
    let answer = gate.get(&page("acme-core")).await;
    assert!(answer.phrase.contains("private-name"), "{} {}", answer.status, answer.phrase);
    assert_eq!((gate.pypi.requests().len(), corp.requests().len()), (0, 0));
}

#[tokio::test]
async fn builds_for_one_kind_of_machine_come_from_their_index_and_have_the_advisories_of_their_version() {
    let torch = FakeUpstream::start().await;
    let records = [osv("PYSEC-2026-1", "PyPI", "torch", "2.7.0", Some(CRITICAL))];
    let policy = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n";
    let plan = Plan::new(policy).records(&records);
    let gate = plan.member("pypi", "torch", torch.pypi().url(), &["torch", "nvidia-*"]).start().await;
    torch.pypi().html_only(true).undated(true);
    torch.pypi().release("torch", "2.6.0+cu126").add();
    torch.pypi().release("torch", "2.7.0+cu126").add();
    gate.pypi.pypi().release("torch", "2.8.0").add();
    assert_eq!(versions(&gate, "torch").await, ["2.6.0+cu126", "2.7.0+cu126"]);
    let page = gate.simple("dev", "torch").await;
    for (file, status) in page["files"].as_array().unwrap().iter().zip([403, 200]) {
        let path = gate.path(file["url"].as_str().unwrap());
        assert!(path.contains("%2Bcu126") || path.contains("+cu126"), "{path}");
        for path in [path.replace("%2B", "+"), path.replace('+', "%2B")] {
            assert_eq!(gate.get(&path).await.status, status, "{path}");
        }
    }
    assert_eq!(gate.pypi.requests().len(), 0, "{:?}", gate.pypi.requests());
}

#[tokio::test]
async fn offline_a_package_has_the_home_that_it_had() {
    let (gate, corp) = gate(OPEN, &[]).await;
    corp.pypi().release("example", "1.0.0").add();
    gate.pypi.pypi().release("public", "3.0.0").add();
    assert_eq!(versions(&gate, "example").await, ["1.0.0"]);
    assert_eq!(versions(&gate, "public").await, ["3.0.0"]);
    let gate = gate.offline().await;
    assert_eq!(versions(&gate, "example").await, ["1.0.0"]);
    assert_eq!(versions(&gate, "public").await, ["3.0.0"]);
    assert_eq!(gate.get(&page("other")).await.status, 404);
}
