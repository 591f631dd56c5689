//! R packages of one's own, and of a repository of one's own, on the page of CRAN.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use weir_core::Timestamp;
use weir_cran::ECOSYSTEM;
use weir_gateway::Principal;
use weir_gateway::members::Member;
use weir_policy::Glob;
use weir_testing::cran::{archive, source_package};
use weir_testing::{FakeResponse, FakeUpstream};
use weir_upstream::{Upstream, UpstreamConfig};

use crate::settling::{LONG_AGO, Repository, shown};

/// Names that are one's own, and nothing older than a week but what is.
const OURS: &str = "[stage.dev]\nprivate-name = [\"acme.*\"]\n";

fn publisher() -> Principal {
    let publish = Arc::from([String::from("cran:acme.*"), String::from("cran:aa")]);
    Principal { name: String::from("ci"), stage: None, publish }
}

impl Repository {
    async fn write(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, String) {
        let principal = publisher();
        let request =
            Request::builder().method(method).uri(format!("/dev/cran/{path}")).body(Body::from(body)).unwrap();
        let (head, body) = self.gateway.handle(request, &principal).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        (head.status.as_u16(), String::from_utf8(body).unwrap())
    }

    /// Withdraws a version of `acme.core`, or restores it.
    async fn withdraw(&self, version: &str, reason: Option<String>) {
        let package = ECOSYSTEM.names.parse("acme.core").unwrap();
        self.gateway.withdraw(&ECOSYSTEM, &package, version, reason, &publisher()).await.unwrap();
    }

    async fn put(&self, name: &str, version: &str, fields: &str) -> (u16, String) {
        self.write("PUT", &format!("src/contrib/{name}_{version}.tar.gz"), source_package(name, version, fields)).await
    }
}

#[tokio::test]
async fn a_package_is_put_and_on_the_page_with_what_its_description_says() {
    let repository = Repository::new(OURS, &[("1.5", "")]).await;
    assert_eq!(repository.shown().await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
    let (status, text) =
        repository.put("acme.core", "1.0", "Imports: aa (>= 1.0),\n  methods\nURL: https://acme.example\n").await;
    assert_eq!((status, text.as_str()), (201, "acme.core 1.0 is published\n"));
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.0", "bb 1.0", "cc 1.0"]);
    let page = repository.page().await;
    let record = "\n\nPackage: acme.core\nVersion: 1.0\nImports: aa (>= 1.0), methods\nLicense: GPL-3\n";
    assert!(page.contains(record), "{page}");
    let (status, bytes) = repository.get("src/contrib/acme.core_1.0.tar.gz").await;
    let sent = source_package("acme.core", "1.0", "Imports: aa (>= 1.0),\n  methods\nURL: https://acme.example\n");
    assert!(status == 200 && bytes == sent);
    assert!(repository.upstream.requests().iter().all(|request| !request.path.contains("acme")));

    // The next one takes its place; the one before is in the archive, and takes the place back when it has to.
    assert_eq!(repository.put("acme.core", "1.1", "").await.0, 201);
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.1", "bb 1.0", "cc 1.0"]);
    assert_eq!(repository.get("src/contrib/Archive/acme.core/acme.core_1.0.tar.gz").await.0, 200);
    repository.withdraw("1.1", Some(String::from("it deletes files"))).await;
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.0", "bb 1.0", "cc 1.0"]);
    repository.withdraw("1.1", None).await;
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.1", "bb 1.0", "cc 1.0"]);
}

#[tokio::test]
async fn what_is_hosted_gives_way_with_what_it_needs() {
    let policy = format!("{OURS}denied = [\"pkg:cran/aa@>= 2.0\"]\n");
    let repository = Repository::new(&policy, &[("1.5", "")]).await;
    assert_eq!(repository.put("acme.core", "1.0", "Imports: aa\n").await.0, 201);
    assert_eq!(repository.put("acme.core", "1.1", "Imports: aa (>= 2.0)\n").await.0, 201);
    assert_eq!(repository.shown().await, ["aa 1.5", "acme.core 1.0", "bb 1.0"]);
    assert!(repository.page().await.contains("WeirSubstituted: 1.1 needs aa >= 2.0, which is shown in 1.5"));
}

#[tokio::test]
async fn what_is_no_sound_source_package_is_not_published() {
    let repository = Repository::new(OURS, &[]).await;
    let sound = source_package("acme.core", "1.0", "");
    let built = source_package("acme.core", "1.0", "Built: R 4.5.0; ; 2026-01-01; unix\n");
    for (path, body, status, problem) in [
        ("src/contrib/acme.core_1.1.tar.gz", sound.clone(), 400, "its DESCRIPTION says `Version: 1.0`"),
        ("src/contrib/acme.other_1.0.tar.gz", sound.clone(), 400, "it has no acme.other/DESCRIPTION"),
        ("src/contrib/acme.core_1.0.tar.gz", sound[..40].to_vec(), 400, "is not what R CMD build makes"),
        ("src/contrib/acme.core_1.0.tar.gz", b"this is no archive at all".to_vec(), 400, "it cannot be unpacked"),
        ("src/contrib/acme.core_1.0.tar.gz", built, 400, "is a built package"),
        ("src/contrib/acme.core.tar.gz", sound.clone(), 404, "{name}_{version}.tar.gz"),
        ("src/contrib/PACKAGES", sound.clone(), 404, "{name}_{version}.tar.gz"),
        ("bin/acme.core_1.0.tar.gz", sound.clone(), 405, "is PUT at src/contrib/"),
        ("src/contrib/other_1.0.tar.gz", source_package("other", "1.0", ""), 403, "may not publish `other`"),
        // Its name is upstream's.
        ("src/contrib/aa_9.0.tar.gz", source_package("aa", "9.0", ""), 403, "is a package of CRAN"),
    ] {
        let (got, text) = repository.write("PUT", path, body).await;
        assert!(got == status && text.contains(problem), "{path}: {got} {text}");
    }
    assert_eq!(repository.shown().await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
    assert_eq!(repository.put("acme.core", "1.0", "").await.0, 201);
    assert_eq!(repository.put("acme.core", "1.0", "Imports: aa\n").await.0, 409);
}

/// A repository of one's own beside CRAN: names under `acme.` are from there.
async fn with_own() -> (Repository, FakeUpstream) {
    let own = FakeUpstream::start().await;
    let catalogue =
        "Package: acme.core\nVersion: 1.0\nImports: aa\nLicense: GPL-3\n\nPackage: aa\nVersion: 99.0\nLicense: GPL-3\n";
    own.put("/src/contrib/PACKAGES", FakeResponse::ok(catalogue));
    own.put("/src/contrib/acme.core_1.0.tar.gz", FakeResponse::ok(source_package("acme.core", "1.0", "Imports: aa\n")));
    own.put(
        "/src/contrib/Meta/archive.rds",
        FakeResponse::ok(archive(&[("acme.core", &[("acme.core_0.9.tar.gz", LONG_AGO)])])),
    );
    own.put(
        "/src/contrib/Archive/acme.core/acme.core_0.9.tar.gz",
        FakeResponse::ok(source_package("acme.core", "0.9", "")),
    );
    let member = |name: &str, url: String| {
        let mut config = UpstreamConfig { url, ..UpstreamConfig::default() };
        config.limits.retries = 0;
        Member::new(&ECOSYSTEM, name, Arc::new(Upstream::new(&config).unwrap()))
    };
    let mut repository = Repository::new(OURS, &[("1.5", "")]).await;
    let taken = "Package: acme.core\nVersion: 66.6\nLicense: GPL-3\n\n";
    let listed = String::from_utf8(repository.get("src/contrib/PACKAGES").await.1).unwrap();
    repository.upstream.put("/src/contrib/PACKAGES", FakeResponse::ok(format!("{taken}{listed}")));
    let bound = member("own", own.url()).with_packages(vec![Glob::fold("acme.*", &ECOSYSTEM).unwrap()]).only_bound();
    let members = [bound, member("cran", repository.upstream.url())];
    repository.clock.set(Timestamp::parse("2026-11-02T12:00:00Z").unwrap());
    let directory = repository.directory.path().to_owned();
    repository.gateway = Repository::gateway_of(OURS, members, &repository.clock, &directory).await;
    (repository, own)
}

#[tokio::test]
async fn a_name_is_of_the_repository_that_it_is_bound_to_and_of_no_other() {
    let (repository, own) = with_own().await;
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.0", "bb 1.0", "cc 1.0"]);
    assert_eq!(repository.get("src/contrib/acme.core_1.0.tar.gz").await.0, 200);
    assert_eq!(repository.get("src/contrib/acme.core_66.6.tar.gz").await.0, 404);
    assert_eq!(repository.get("src/contrib/aa_2.0.tar.gz").await.0, 200);
    assert_eq!(repository.get("src/contrib/aa_99.0.tar.gz").await.0, 404);
    assert_eq!(repository.upstream.hits("/src/contrib/acme.core_66.6.tar.gz"), 0);
    // With what was learnt about it, the same; and when one's own no longer has it, nobody has.
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 1.0", "bb 1.0", "cc 1.0"]);
    own.put("/src/contrib/PACKAGES", FakeResponse::ok("Package: aa\nVersion: 99.0\nLicense: GPL-3\n"));
    own.put("/src/contrib/Meta/archive.rds", FakeResponse::status(404));
    repository.clock.set(Timestamp::parse("2026-11-03T12:00:00Z").unwrap());
    assert_eq!(repository.shown().await, ["aa 2.0", "bb 1.0", "cc 1.0"]);
    assert_eq!(repository.get("src/contrib/acme.core_1.0.tar.gz").await.0, 404);
    // The day before is as it was.
    let (status, page) = repository.get_at("dev@2026-11-02", "src/contrib/PACKAGES").await;
    assert_eq!(status, 200);
    assert_eq!(shown(&String::from_utf8(page).unwrap()), ["aa 2.0", "acme.core 1.0", "bb 1.0", "cc 1.0"]);
}

#[tokio::test]
async fn a_repository_of_ones_own_that_is_refused_gives_way_within_itself() {
    let (repository, _own) = with_own().await;
    let policy = "[stage.dev]\nprivate-name = [\"acme.*\"]\ndenied = [\"pkg:cran/acme.core@1.0\"]\n";
    repository.gateway.set_policy(Arc::new(weir_policy::Policy::parse(policy, crate::settling::ALL).unwrap()));
    assert_eq!(repository.shown().await, ["aa 2.0", "acme.core 0.9", "bb 1.0", "cc 1.0"]);
}

#[tokio::test]
async fn without_ones_own_repository_there_is_no_page() {
    let (repository, own) = with_own().await;
    own.unavailable(true);
    let (status, body) = repository.get("src/contrib/PACKAGES").await;
    assert_eq!(status, 502, "{}", String::from_utf8_lossy(&body));
}
