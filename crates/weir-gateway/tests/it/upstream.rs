//! What upstream says now, and what is done while it says nothing, or nonsense.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_core::Timestamp;
use weir_testing::{FakeResponse, FakeUpstream, Fault};

use crate::gate::{Answer, NOW, Plan, SIMPLE_JSON, TestGate};

const PAGE: &str = "/simple/example/";
const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
/// Later than the lifetime of a page.
const LATER: &str = "2026-11-01T12:10:00Z";
/// Later still, by more than a lifetime.
const MUCH_LATER: &str = "2026-11-01T12:20:00Z";

async fn gate() -> TestGate {
    let gate = TestGate::new("").await;
    gate.pypi.pypi().release("example", "1.0").published("2026-01-01").add();
    gate
}

async fn page(gate: &TestGate) -> Answer {
    gate.ask("GET", "/dev/pypi/simple/example/", &[("Accept", SIMPLE_JSON)]).await
}

fn at(moment: &str) -> Timestamp {
    Timestamp::parse(moment).unwrap()
}

async fn body_at(gate: &TestGate, moment: &str) -> Option<Vec<u8>> {
    let base = gate.pypi.pypi().url();
    let row = gate.store.document_at(&base, "example/", at(moment)).await.unwrap()?;
    let kept = gate.blobs.get(&row.digest).await.unwrap().unwrap();
    Some(zstd::bulk::decompress(&kept, row.size as usize).unwrap())
}

#[tokio::test]
async fn a_page_is_asked_for_once_in_its_lifetime_and_then_only_confirmed() {
    let gate = gate().await;
    let first = page(&gate).await;
    gate.at("2026-11-01T12:04:59Z");
    assert_eq!(page(&gate).await.body, first.body);
    assert_eq!(gate.pypi.hits(PAGE), 1);
    gate.at(LATER);
    assert_eq!(page(&gate).await.body, first.body);
    let asked = gate.pypi.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].header("if-none-match").is_some(), "{:?}", asked[1]);
    let row = gate.store.current_document(&gate.pypi.pypi().url(), "example/").await.unwrap().unwrap();
    assert_eq!((row.seen_from, row.checked_at, row.seen_to), (at(NOW), at(LATER), None));
    assert_eq!(gate.events("document-changed").await.len(), 1);
}

#[tokio::test]
async fn each_version_of_a_document_is_kept_by_digest_with_the_time_in_which_it_was_current() {
    let gate = gate().await;
    page(&gate).await;
    let first = body_at(&gate, NOW).await.unwrap();
    gate.at(LATER);
    gate.pypi.pypi().release("example", "1.1").add();
    page(&gate).await;
    gate.at(MUCH_LATER);
    gate.pypi.pypi().remove_package("example");
    assert_eq!(page(&gate).await.status, 404);
    let second = body_at(&gate, LATER).await.unwrap();
    assert_ne!(first, second);
    assert!(String::from_utf8_lossy(&second).contains("example-1.1"));
    assert_eq!(body_at(&gate, "2026-11-01T12:09:59.999Z").await.unwrap(), first);
    assert_eq!(body_at(&gate, "2026-11-01T12:19:59.999Z").await.unwrap(), second);
    assert_eq!(body_at(&gate, MUCH_LATER).await, None);
    assert_eq!(body_at(&gate, "2026-11-01T11:59:59Z").await, None);
    assert_eq!(gate.events("document-changed").await.len(), 3);
}

#[tokio::test]
async fn fifty_clients_of_one_cold_page_are_one_question_to_upstream() {
    let gate = Arc::new(gate().await);
    gate.pypi.change(PAGE, |page| page.fault = Some(Fault::Delay(Duration::from_millis(100))));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let gate = Arc::clone(&gate);
        clients.spawn(async move { page(&gate).await });
    }
    while let Some(answer) = clients.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(gate.pypi.hits(PAGE), 1);
}

#[tokio::test]
async fn while_upstream_is_in_trouble_what_is_kept_is_served_and_says_so() {
    let gate = gate().await;
    let fresh = page(&gate).await;
    assert_eq!(gate.get(WHEEL).await.status, 200);
    assert_eq!(fresh.header("weir-stale"), "");
    for (moment, status) in
        [("2026-11-01T12:10:00Z", 503), ("2026-11-01T12:11:00Z", 429), ("2026-11-01T12:12:00Z", 403)]
    {
        gate.at(moment);
        gate.pypi.change(PAGE, |page| page.status = status);
        let answer = page(&gate).await;
        assert_eq!((answer.status, &answer.body), (200, &fresh.body));
        assert!(answer.header("weir-stale").contains(&status.to_string()), "{}", answer.header("weir-stale"));
        let wheel = gate.get(WHEEL).await;
        assert_eq!((wheel.status, wheel.header("weir-stale")), (200, answer.header("weir-stale")));
        assert_eq!(gate.gateway.trouble().len(), 1);
    }
    // Not asked again at once, but soon.
    let hits = gate.pypi.hits(PAGE);
    page(&gate).await;
    assert_eq!(gate.pypi.hits(PAGE), hits);
    gate.pypi.change(PAGE, |page| page.status = 200);
    gate.at("2026-11-01T12:12:20Z");
    let answer = page(&gate).await;
    assert_eq!((answer.status, answer.header("weir-stale")), (200, ""));
    assert_eq!(gate.gateway.trouble(), []);
}

#[tokio::test]
async fn what_is_kept_is_served_when_upstream_is_gone_also_after_a_restart() {
    let gate = gate().await;
    let fresh = page(&gate).await;
    let wheel = gate.get(WHEEL).await;
    gate.pypi.down().await;
    let gate = gate.restarted().await;
    gate.at(LATER);
    let answer = page(&gate).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("weir-stale").contains("cannot be reached"), "{}", answer.header("weir-stale"));
    assert_eq!(answer.json()["files"].as_array().unwrap().len(), fresh.json()["files"].as_array().unwrap().len());
    assert_eq!(gate.get(WHEEL).await.body, wheel.body);
}

#[tokio::test]
async fn what_is_not_kept_fails_at_once_and_names_the_upstream() {
    let gate = gate().await;
    page(&gate).await;
    gate.pypi.down().await;
    let started = Instant::now();
    let answer = gate.get("/dev/pypi/simple/unknown/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.phrase.contains(&gate.pypi.authority()), "{}", answer.phrase);
    let answer = gate.get(WHEEL).await;
    assert_eq!(answer.status, 502);
    assert!(answer.phrase.contains(&gate.pypi.authority()), "{}", answer.phrase);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_upstream_that_hangs_holds_up_nobody_who_can_be_served() {
    let plan = Plan::new("").settings(|settings| settings.lifetimes.patience = 200);
    let gate = plan.start().await;
    gate.pypi.pypi().release("example", "1.0").add();
    let fresh = page(&gate).await;
    gate.pypi.change(PAGE, |page| page.fault = Some(Fault::Delay(Duration::from_secs(60))));
    gate.at(LATER);
    let started = Instant::now();
    for _ in 0..3 {
        let answer = page(&gate).await;
        assert_eq!((answer.status, &answer.body), (200, &fresh.body));
        assert!(answer.header("weir-stale").contains("200 ms"), "{}", answer.header("weir-stale"));
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_document_that_cannot_be_read_does_not_take_the_place_of_one_that_can() {
    let gate = gate().await;
    let fresh = page(&gate).await;
    let broken = [
        ("{", SIMPLE_JSON),
        ("{\"meta\":{\"api-version\":\"1.0\"},\"files\":7}", SIMPLE_JSON),
        ("<html><body>Please log in</body></html>", "application/vnd.pypi.simple.v2+json"),
        ("\u{0}\u{1}", "application/octet-stream"),
    ];
    for (minute, (body, content_type)) in broken.iter().enumerate() {
        gate.at(&format!("2026-11-01T13:{}0:00Z", minute));
        gate.pypi.put_accepting(PAGE, SIMPLE_JSON, FakeResponse::ok(*body).content_type(content_type));
        let answer = page(&gate).await;
        assert_eq!((answer.status, &answer.body), (200, &fresh.body), "{body}: {}", answer.phrase);
        assert!(!answer.header("weir-stale").is_empty());
        assert_eq!(gate.get(WHEEL).await.status, 200);
    }
    gate.at("2026-11-01T15:00:00Z");
    gate.pypi.pypi().release("example", "1.1").add();
    let answer = page(&gate).await;
    assert_eq!((answer.status, answer.header("weir-stale")), (200, ""));
    assert_eq!(answer.json()["files"].as_array().unwrap().len(), 2);

    gate.pypi.put("/simple/broken/", FakeResponse::ok("{").content_type(SIMPLE_JSON));
    let answer = gate.get("/dev/pypi/simple/broken/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.phrase.contains("/simple/broken/"), "{}", answer.phrase);
}

#[tokio::test]
async fn a_document_past_the_limit_is_not_taken() {
    let plan = Plan::new("").upstream(|_, config| config.limits.document_bytes = 10_000);
    let gate = plan.start().await;
    gate.pypi.pypi().release("example", "1.0").add();
    page(&gate).await;
    gate.at(LATER);
    gate.pypi.change(PAGE, |page| {
        page.etag = None;
        page.fault = Some(Fault::Endless);
    });
    let answer = page(&gate).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("weir-stale").contains("10000 bytes"), "{}", answer.header("weir-stale"));
}

#[tokio::test]
async fn a_package_that_upstream_deleted_is_gone_within_the_lifetime_with_its_kept_files() {
    let gate = gate().await;
    assert_eq!(gate.get(WHEEL).await.status, 200);
    gate.pypi.pypi().remove_package("example");
    gate.at(LATER);
    for path in ["/dev/pypi/simple/example/", WHEEL] {
        let answer = gate.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    // And back again, after a moment.
    gate.pypi.pypi().release("example", "1.0").add();
    gate.at("2026-11-01T12:10:16Z");
    assert_eq!(gate.get(WHEEL).await.status, 200);
    assert_eq!(gate.pypi.hits("/files/example-1.0-py3-none-any.whl"), 1);
}

#[tokio::test]
async fn a_release_that_upstream_deleted_is_gone_and_the_others_stay() {
    let gate = gate().await;
    gate.pypi.pypi().release("example", "1.1").add();
    assert_eq!(gate.get(WHEEL).await.status, 200);
    gate.pypi.pypi().remove("example", "1.0");
    gate.at(LATER);
    assert_eq!(gate.get(WHEEL).await.status, 404);
    assert_eq!(page(&gate).await.json()["files"].as_array().unwrap().len(), 1);
    let npm = gate.npm.npm();
    npm.release("example", "1.0.0").add();
    npm.release("example", "1.1.0").add();
    assert_eq!(gate.get("/dev/npm/example/-/example-1.0.0.tgz").await.status, 200);
    npm.remove("example", "1.0.0");
    gate.at(MUCH_LATER);
    assert_eq!(gate.get("/dev/npm/example/-/example-1.0.0.tgz").await.status, 404);
    assert_eq!(gate.get("/dev/npm/example/1.0.0").await.status, 404);
}

#[tokio::test]
async fn a_file_that_upstream_lists_and_does_not_have_is_not_found() {
    let gate = gate().await;
    gate.pypi.remove("/files/example-1.0-py3-none-any.whl");
    gate.pypi.remove("/files/example-1.0-py3-none-any.whl.metadata");
    for path in [WHEEL.to_owned(), format!("{WHEEL}.metadata")] {
        let answer = gate.get(&path).await;
        assert_eq!(answer.status, 404, "{path} {}", answer.phrase);
        assert!(answer.phrase.contains(&gate.pypi.authority()), "{}", answer.phrase);
    }
}

#[tokio::test]
async fn other_bytes_under_old_coordinates_quarantine_the_whole_release_and_are_an_event() {
    let gate = TestGate::new("[stage.dev]\nmode = \"observe\"\n").await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").with_sdist().add();
    pypi.release("example", "1.1").add();
    page(&gate).await;
    assert_eq!(gate.get(WHEEL).await.status, 200);
    pypi.replace(
        "example-1.0-py3-none-any.whl",
        weir_testing::artifact::wheel("example", "1.0", &[("Summary", "evil")]),
    );
    gate.at(LATER);
    let json = page(&gate).await.json();
    let marks: Vec<_> = json["files"].as_array().unwrap().iter().map(|file| file["yanked"].is_string()).collect();
    assert_eq!(marks, [true, true, false], "{json}");
    for file in ["example-1.0-py3-none-any.whl", "example-1.0.tar.gz"] {
        let answer = gate.get(&format!("/dev/pypi/files/example/{file}")).await;
        assert_eq!(answer.status, 403, "{file}");
        assert!(answer.phrase.contains("integrity changed-bytes"), "{}", answer.phrase);
    }
    assert_eq!(gate.get(&WHEEL.replace("1.0", "1.1")).await.status, 200);
    let events = gate.events("changed-bytes").await;
    assert_eq!(events.len(), 1, "{events:?}");
    // That they change back makes nothing good.
    pypi.release("example", "1.0").with_sdist().add();
    gate.at(MUCH_LATER);
    assert_eq!(gate.get(WHEEL).await.status, 403);

    let npm = gate.npm.npm();
    npm.release("example", "1.0.0").add();
    assert_eq!(gate.get("/dev/npm/example/-/example-1.0.0.tgz").await.status, 200);
    let other = weir_testing::artifact::npm_tarball("example", "1.0.0", &serde_json::json!({ "evil": true }));
    npm.replace("example", "1.0.0", other);
    gate.at("2026-11-01T12:30:00Z");
    assert_eq!(gate.get("/dev/npm/example/-/example-1.0.0.tgz").await.status, 403);
    let cargo = gate.cargo.cargo();
    cargo.release("example", "1.0.0").add();
    assert_eq!(gate.get("/dev/cargo/dl/example/1.0.0/download").await.status, 200);
    cargo.replace("example", "1.0.0", weir_testing::artifact::crate_file("example", "1.0.0", Some("MIT")));
    gate.at("2026-11-01T12:40:00Z");
    assert_eq!(gate.get("/dev/cargo/dl/example/1.0.0/download").await.status, 403);
    assert_eq!(gate.events("changed-bytes").await.len(), 3);
}

#[tokio::test]
async fn a_mirror_that_speaks_only_html_serves_json_with_dates_from_the_first_sight() {
    let gate = TestGate::new("[stage.dev]\n[stage.slow]\nminimum-age = 3\n").await;
    let pypi = gate.pypi.pypi();
    pypi.html_only(true).release("example", "1.0").requires_python(">=3.9").with_sdist().add();
    let json = page(&gate).await.json();
    let file = &json["files"][0];
    assert_eq!(file["upload-time"], NOW);
    assert_eq!(file["requires-python"], ">=3.9");
    assert!(file["hashes"]["sha256"].is_string() && file["core-metadata"]["sha256"].is_string(), "{file}");
    let answer = gate.get(&gate.path(file["url"].as_str().unwrap())).await;
    assert_eq!(answer.status, 200);
    let metadata = gate.get(&format!("{WHEEL}.metadata")).await;
    assert!(metadata.text().starts_with("Metadata-Version"), "{}", metadata.text());
    let html = gate.ask("GET", "/dev/pypi/simple/example/", &[("Accept", "text/html")]).await;
    assert!(html.header("content-type").starts_with("text/html"));
    assert_eq!(html.text().matches("<a ").count(), 2);

    let slow = WHEEL.replace("/dev/", "/slow/");
    assert_eq!(gate.get(&slow).await.status, 403);
    gate.at("2026-11-04T11:59:59Z");
    assert_eq!(gate.get(&slow).await.status, 403);
    gate.at("2026-11-04T12:00:00Z");
    assert_eq!(gate.get(&slow).await.status, 200);
    assert_eq!(page(&gate).await.json()["files"][0]["upload-time"], NOW);
}

#[tokio::test]
async fn a_wheel_without_metadata_at_upstream_gets_it_from_its_own_inspection() {
    let gate = TestGate::new("").await;
    gate.pypi.pypi().release("example", "1.0").without_metadata().requires("other>=1").add();
    assert!(page(&gate).await.json()["files"][0].get("core-metadata").is_none_or(|it| it == false));
    assert_eq!(gate.get(&format!("{WHEEL}.metadata")).await.status, 404);
    let wheel = gate.get(WHEEL).await;
    let metadata = gate.get(&format!("{WHEEL}.metadata")).await;
    assert_eq!(metadata.status, 200);
    assert!(metadata.text().contains("Requires-Dist: other>=1"), "{}", metadata.text());
    let file = page(&gate).await.json()["files"][0].clone();
    assert_eq!(file["core-metadata"]["sha256"], weir_core::Digest::of(&metadata.body).to_string());
    assert_eq!(file["hashes"]["sha256"], weir_core::Digest::of(&wheel.body).to_string());
    assert_eq!(gate.pypi.requests().iter().filter(|seen| seen.path.ends_with(".metadata")).count(), 0);
}

#[tokio::test]
async fn metadata_is_fetched_once_checked_and_fetched_again_when_its_digest_changes() {
    let gate = Arc::new(gate().await);
    let path = format!("{WHEEL}.metadata");
    let mut clients = tokio::task::JoinSet::new();
    page(&gate).await;
    for _ in 0..20 {
        let (gate, path) = (Arc::clone(&gate), path.clone());
        clients.spawn(async move { gate.get(&path).await });
    }
    while let Some(answer) = clients.join_next().await {
        assert!(answer.unwrap().text().starts_with("Metadata-Version"));
    }
    let upstream = "/files/example-1.0-py3-none-any.whl.metadata";
    assert_eq!(gate.pypi.hits(upstream), 1);
    // Upstream makes it anew; page and document agree.
    gate.pypi.pypi().release("example", "1.0").header("Summary", "new").add();
    gate.pypi.pypi().replace("example-1.0-py3-none-any.whl", weir_testing::artifact::wheel("example", "1.0", &[]));
    gate.at(LATER);
    assert!(gate.get(&path).await.text().contains("Summary: new"));
    // Upstream's document is not what its page promises.
    gate.pypi.pypi().release("example", "2.0").add();
    gate.pypi.change("/files/example-2.0-py3-none-any.whl.metadata", |file| file.fault = Some(Fault::WrongBytes));
    gate.at(MUCH_LATER);
    let answer = gate.get(&path.replace("1.0", "2.0")).await;
    assert_eq!(answer.status, 502);
    assert!(answer.phrase.contains("not the document that its index promises"), "{}", answer.phrase);
}

#[tokio::test]
async fn addresses_on_hosts_that_are_not_listed_are_refused_and_the_setting_is_named() {
    let other = FakeUpstream::start().await;
    let gate = TestGate::new("").await;
    gate.pypi.pypi().files_at(&other).release("example", "1.0").add();
    for path in [WHEEL.to_owned(), format!("{WHEEL}.metadata")] {
        let answer = gate.get(&path).await;
        assert_eq!(answer.status, 502);
        let body = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(body.contains("`hosts`") && body.contains(&other.authority()), "{body}");
    }
    assert!(other.requests().is_empty());
    let authority = other.authority();
    let plan = Plan::new("").upstream(move |_, config| config.hosts.push(authority.clone()));
    let listed = plan.start().await;
    listed.pypi.pypi().files_at(&other).release("example", "1.0").add();
    assert_eq!(listed.get(WHEEL).await.status, 200);
}

#[tokio::test]
async fn redirects_lead_only_to_listed_hosts() {
    let other = FakeUpstream::start().await;
    let gate = gate().await;
    other.put("/x.whl", "PK");
    other.put("/simple/moved/", "<html></html>");
    let file = "/files/example-1.0-py3-none-any.whl";
    for target in [
        format!("{}/x.whl", other.url()),
        String::from("http://169.254.169.254/latest/"),
        String::from("file:///etc/passwd"),
    ] {
        gate.pypi.put(file, FakeResponse::redirect(&target));
        let answer = gate.get(WHEEL).await;
        assert_eq!(answer.status, 502, "{target}");
    }
    gate.pypi.put("/simple/moved/", FakeResponse::redirect(&format!("{}/simple/moved/", other.url())));
    let answer = gate.get("/dev/pypi/simple/moved/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.json()["detail"].as_str().unwrap().contains("`hosts`"), "{}", answer.text());
    assert!(other.requests().is_empty());
    let wheel = weir_testing::artifact::wheel("example", "1.0", &[]);
    gate.pypi.put("/elsewhere/x.whl", wheel.clone());
    gate.pypi.put(file, FakeResponse::redirect("/elsewhere/x.whl"));
    assert_eq!(gate.get(WHEEL).await.body, wheel);
}

#[tokio::test]
async fn cargos_shared_document_is_asked_for_once_an_hour() {
    let gate = TestGate::new("").await;
    for name in ["one-crate", "two-crate", "three-crate"] {
        gate.cargo.cargo().release(name, "1.0.0").add();
        assert_eq!(gate.get(&format!("/dev{}", gate.cargo.cargo().page(name))).await.status, 200);
    }
    assert_eq!(gate.cargo.hits("/cargo/config.json"), 1);
    gate.at("2026-11-01T13:00:01Z");
    assert_eq!(gate.get("/dev/cargo/on/e-/one-crate").await.status, 200);
    assert_eq!(gate.cargo.hits("/cargo/config.json"), 2);
}

#[tokio::test]
async fn a_clock_that_goes_back_neither_stops_nor_freezes_anything() {
    let gate = gate().await;
    page(&gate).await;
    gate.at("2026-10-01T12:00:00Z");
    gate.pypi.pypi().release("example", "1.1").add();
    let answer = page(&gate).await;
    assert_eq!(answer.json()["files"].as_array().unwrap().len(), 2);
    assert_eq!(gate.get(WHEEL).await.status, 200);
    gate.at("2026-10-01T12:06:00Z");
    assert_eq!(page(&gate).await.status, 200);
}

#[tokio::test]
async fn offline_what_is_kept_is_served_and_nobody_is_asked() {
    let gate = gate().await;
    page(&gate).await;
    assert_eq!(gate.get(WHEEL).await.status, 200);
    gate.pypi.pypi().release("other", "1.0").add();
    let gate = gate.offline().await;
    gate.forget();
    gate.at("2026-12-01T12:00:00Z");
    assert_eq!(page(&gate).await.status, 200);
    assert_eq!(gate.get(WHEEL).await.status, 200);
    assert_eq!(gate.get("/dev/pypi/simple/other/").await.status, 404);
    assert_eq!(gate.get("/dev/npm/-/v1/search?text=x").await.status, 404);
    assert!(gate.seen().is_empty(), "{:?}", gate.seen());
}

fn integrity_events(gate: &TestGate) -> String {
    let metrics = gate.gateway.metrics().render();
    let line = metrics.lines().find_map(|line| line.strip_prefix("weir_integrity_events_total "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn wrong_bytes_are_not_fetched_again_until_a_while_has_passed_or_others_are_promised() {
    let gate = gate().await;
    let file = "/files/example-1.0-py3-none-any.whl";
    gate.pypi.change(file, |file| file.fault = Some(Fault::WrongBytes));
    for _ in 0..5 {
        let answer = gate.get(WHEEL).await;
        assert_eq!(answer.status, 502);
        assert!(answer.phrase.contains("not what its index promises"), "{}", answer.phrase);
    }
    assert_eq!((gate.pypi.hits(file), integrity_events(&gate).as_str()), (1, "1"));
    assert_eq!(gate.events("digest-mismatch").await.len(), 1);
    assert!(gate.get(WHEEL).await.json()["detail"].as_str().unwrap().contains("tried again from 2026-11-01T12:10"));
    let (_, trouble) = gate.gateway.trouble().pop().unwrap();
    assert!(trouble.contains("not what its index promises"), "{trouble}");

    gate.at("2026-11-01T12:09:59Z");
    assert_eq!(gate.get(WHEEL).await.status, 502);
    assert_eq!(gate.pypi.hits(file), 1);
    gate.at("2026-11-01T12:10:00Z");
    assert_eq!(gate.get(WHEEL).await.status, 502);
    assert_eq!(gate.pypi.hits(file), 2, "after ten minutes it is tried again");
    // A clock that goes back does not make it last.
    gate.at(NOW);
    assert_eq!(gate.get(WHEEL).await.status, 502);
    assert_eq!(gate.pypi.hits(file), 3);

    // Mended at upstream, with another digest on its page: taken up with the page, not after ten minutes.
    gate.at("2026-11-01T12:06:00Z");
    let mended = weir_testing::artifact::wheel("example", "1.1", &[("Summary", "mended")]);
    gate.pypi.pypi().release("example", "1.1").add();
    page(&gate).await;
    gate.pypi.change("/files/example-1.1-py3-none-any.whl", |file| file.fault = Some(Fault::WrongBytes));
    let other = WHEEL.replace("1.0", "1.1");
    assert_eq!(gate.get(&other).await.status, 502);
    gate.pypi.pypi().replace("example-1.1-py3-none-any.whl", mended);
    gate.at("2026-11-01T12:12:00Z");
    let answer = gate.get(&other).await;
    assert_eq!((answer.status, answer.phrase.contains("changed-bytes")), (403, true), "{}", answer.phrase);
}

#[tokio::test]
async fn a_change_under_old_coordinates_is_counted_once() {
    let gate = gate().await;
    page(&gate).await;
    gate.pypi
        .pypi()
        .replace("example-1.0-py3-none-any.whl", weir_testing::artifact::wheel("example", "1.0", &[("A", "b")]));
    gate.at(LATER);
    page(&gate).await;
    assert_eq!(integrity_events(&gate), "1");
    gate.pypi.pypi().release("example", "1.1").add();
    gate.at(MUCH_LATER);
    assert_eq!(page(&gate).await.json()["files"].as_array().unwrap().len(), 2);
    assert_eq!(integrity_events(&gate), "1", "the facts were put together again, and nothing else changed");
}

#[tokio::test]
async fn a_document_whose_bytes_are_lost_is_fetched_again() {
    let gate = gate().await;
    let fresh = page(&gate).await;
    let row = gate.store.current_document(&gate.pypi.pypi().url(), "example/").await.unwrap().unwrap();
    gate.blobs.delete(&row.digest).await.unwrap();
    let gate = gate.restarted().await;
    let answer = page(&gate).await;
    assert_eq!((answer.status, answer.json()["files"].as_array().unwrap().len()), (200, 1), "{}", answer.text());
    assert_eq!(gate.pypi.hits(PAGE), 2);
    assert_eq!(fresh.status, 200);
    assert!(gate.blobs.size(&row.digest).await.unwrap().is_some());
}
