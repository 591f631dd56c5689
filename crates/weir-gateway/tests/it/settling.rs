//! A page that shows one version of each package: what takes the place of a refused one, and what that needs to be known.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use weir_advisory::Index;
use weir_blob::Blobs;
use weir_core::{Clock, Digest, Ecosystems, Timestamp};
use weir_cran::ECOSYSTEM;
use weir_gateway::members::Member;
use weir_gateway::{Gateway, Parts, Principal, Settings};
use weir_policy::Policy;
use weir_store::Store;
use weir_testing::cran::{archive, source_package};
use weir_testing::{FakeResponse, FakeUpstream, FixedClock};
use weir_upstream::{Upstream, UpstreamConfig};

pub const ALL: Ecosystems = Ecosystems(&[&ECOSYSTEM]);
const NOW: &str = "2026-11-01T12:00:00Z";
/// 2024-01-01.
pub const LONG_AGO: i64 = 1_704_067_200;
const DENY_TWO: &str = "[stage.dev]\ndenied = [\"pkg:cran/aa@>= 2.0\"]\n";

const CATALOGUE: &str = "\
Package: aa
Version: 2.0
License: GPL-3

Package: bb
Version: 1.0
Imports: aa (>= 1.0)
License: GPL-3

Package: cc
Version: 1.0
Imports: aa (>= 2.0)
License: GPL-3
";

pub struct Repository {
    pub upstream: FakeUpstream,
    pub gateway: Arc<Gateway>,
    pub clock: Arc<FixedClock>,
    pub directory: tempfile::TempDir,
}

impl Repository {
    /// With an archive of `aa`: its versions, and what each needs.
    pub async fn new(policy: &str, archived: &[(&str, &str)]) -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let upstream = FakeUpstream::start().await;
        upstream.put("/src/contrib/PACKAGES", FakeResponse::ok(CATALOGUE));
        let files: Vec<String> = archived.iter().map(|(version, _)| format!("aa_{version}.tar.gz")).collect();
        let listed: Vec<(&str, i64)> = files.iter().map(|file| (file.as_str(), LONG_AGO)).collect();
        upstream.put("/src/contrib/Meta/archive.rds", FakeResponse::ok(archive(&[("aa", &listed)])));
        for ((version, fields), file) in archived.iter().zip(&files) {
            let bytes = source_package("aa", version, fields);
            upstream.put(&format!("/src/contrib/Archive/aa/{file}"), FakeResponse::ok(bytes));
        }
        for (name, version) in [("aa", "2.0"), ("bb", "1.0"), ("cc", "1.0")] {
            let bytes = source_package(name, version, "");
            upstream.put(&format!("/src/contrib/{name}_{version}.tar.gz"), FakeResponse::ok(bytes));
        }
        let directory = tempfile::tempdir().unwrap();
        let gateway = Self::gateway(policy, &upstream, &clock, directory.path()).await;
        Self { upstream, gateway, clock, directory }
    }

    pub async fn gateway(
        policy: &str,
        upstream: &FakeUpstream,
        clock: &Arc<FixedClock>,
        directory: &std::path::Path,
    ) -> Arc<Gateway> {
        let mut config = UpstreamConfig { url: upstream.url(), ..UpstreamConfig::default() };
        config.limits.retries = 0;
        let member = Member::new(&ECOSYSTEM, "cran", Arc::new(Upstream::new(&config).unwrap()));
        Self::gateway_of(policy, [member], clock, directory).await
    }

    pub async fn gateway_of<const N: usize>(
        policy: &str,
        members: [Member; N],
        clock: &Arc<FixedClock>,
        directory: &std::path::Path,
    ) -> Arc<Gateway> {
        Gateway::new(Parts {
            ecosystems: ALL,
            members: members.into_iter().collect(),
            store: Store::sqlite(&directory.join("weir.sqlite")).await.unwrap(),
            blobs: Arc::new(Blobs::local(&directory.join("blobs")).unwrap()),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            policy: Arc::new(Policy::parse(policy, ALL).unwrap()),
            advisories: Arc::new(Index::empty()),
            settings: Settings::default(),
        })
    }

    pub async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.get_at("dev", path).await
    }

    /// The same with another stage in the address.
    pub async fn get_at(&self, stage: &str, path: &str) -> (u16, Vec<u8>) {
        let principal = Principal { name: String::from("anonymous"), stage: None, publish: Arc::default() };
        let request = Request::get(format!("/{stage}/cran/{path}")).body(Body::empty()).unwrap();
        let (head, body) = self.gateway.handle(request, &principal).await.into_parts();
        (head.status.as_u16(), body.collect().await.unwrap().to_bytes().to_vec())
    }

    pub async fn page(&self) -> String {
        let (status, body) = self.get("src/contrib/PACKAGES").await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{text}");
        text
    }

    /// `name version` of each record of the page.
    pub async fn shown(&self) -> Vec<String> {
        shown(&self.page().await)
    }

    pub async fn instead(&self, package: &str) -> Option<(Option<String>, String)> {
        let package = ECOSYSTEM.names.parse(package).unwrap();
        let explained = self.gateway.explain(&"dev".into(), &ECOSYSTEM, &package, None).await.unwrap();
        explained.instead.map(|instead| (instead.shown, instead.reason))
    }
}

/// `name version` of each record of a page.
pub fn shown(page: &str) -> Vec<String> {
    let mut shown: Vec<String> = page
        .split("\n\n")
        .map(|record| {
            let value = |name: &str| record.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            format!("{} {}", value("Package: "), value("Version: "))
        })
        .filter(|shown| shown != " ")
        .collect();
    shown.sort();
    shown
}

#[tokio::test]
async fn an_archived_version_takes_the_place_of_a_refused_one_and_is_served_wherever_it_is_asked_for() {
    let repository = Repository::new(DENY_TWO, &[("1.0", ""), ("1.5", "Imports: bb\n")]).await;
    assert_eq!(repository.shown().await, ["aa 1.5", "bb 1.0"]);
    let page = repository.page().await;
    assert!(page.contains("Imports: bb\nLicense: GPL-3\nWeirSubstituted: 2.0 refused: denied"), "{page}");
    let expected = Digest::of(&source_package("aa", "1.5", "Imports: bb\n"));
    for path in ["src/contrib/aa_1.5.tar.gz", "src/contrib/Archive/aa/aa_1.5.tar.gz"] {
        let (status, bytes) = repository.get(path).await;
        assert_eq!((status, Digest::of(&bytes)), (200, expected), "{path}");
    }
    let (status, text) = repository.get("src/contrib/aa_2.0.tar.gz").await;
    assert_eq!((status, text.starts_with(b"denied")), (403, true));
    // One look into the archive was enough, and only into the version that is shown.
    assert_eq!(repository.upstream.hits("/src/contrib/Archive/aa/aa_1.5.tar.gz"), 1);
    assert_eq!(repository.upstream.hits("/src/contrib/Archive/aa/aa_1.0.tar.gz"), 0);
    let (shown, reason) = repository.instead("cc").await.unwrap();
    assert!(shown.is_none() && reason.contains("needs aa >= 2.0, which is shown in 1.5; aa is refused"), "{reason}");
    assert_eq!(repository.instead("bb").await, None);
}

#[tokio::test]
async fn whoever_asks_about_a_package_is_told_what_is_shown_and_why() {
    let repository = Repository::new(DENY_TWO, &[("1.0", ""), ("1.5", "")]).await;
    let about = async |package: &str| {
        let (status, body) = repository.get(&format!("weir/{package}")).await;
        (status, String::from_utf8(body).unwrap())
    };
    let (status, text) = about("aa").await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.starts_with("aa 1.5 is the newest allowed version\naa 1.5 is shown in the place of 2.0: refused: denied")
    );
    assert!(text.contains("\naa 2.0 is refused: denied"), "{text}");
    let (_, text) = about("cc").await;
    assert!(text.contains("\ncc 1.0 is not shown, and no other version is: needs aa >= 2.0, which is shown in 1.5"));
    assert_eq!(about("bb").await.1, "bb 1.0 is the newest allowed version\n");
    assert_eq!(about("zz").await.0, 404);
}

#[tokio::test]
async fn the_archive_of_a_package_is_listed_without_what_is_refused() {
    let policy = "[stage.dev]\ndenied = [\"pkg:cran/aa@1.0\"]\n";
    let repository = Repository::new(policy, &[("1.0", ""), ("1.5", "")]).await;
    let (status, body) = repository.get("src/contrib/Archive/aa/").await;
    let html = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("<a href=\"aa_1.5.tar.gz\">aa_1.5.tar.gz</a> 2024-01-01 512\n"), "{html}");
    assert!(!html.contains("aa_1.0") && !html.contains("aa_2.0"), "{html}");
}

#[tokio::test]
async fn a_version_that_contradicts_its_name_takes_nobodys_place() {
    let repository = Repository::new(DENY_TWO, &[("1.0", ""), ("1.5", "")]).await;
    let other = source_package("bb", "1.5", "");
    repository.upstream.put("/src/contrib/Archive/aa/aa_1.5.tar.gz", FakeResponse::ok(other));
    assert_eq!(repository.shown().await, ["aa 1.0", "bb 1.0"]);
    assert_eq!(repository.get("src/contrib/aa_1.5.tar.gz").await.0, 403);
}

#[tokio::test]
async fn what_cannot_be_had_is_tried_again_later() {
    let repository = Repository::new(DENY_TWO, &[("1.5", "")]).await;
    let file = "/src/contrib/Archive/aa/aa_1.5.tar.gz";
    repository.upstream.put(file, FakeResponse::status(503));
    // Nothing allowed can be shown of aa, and nothing of what needs it.
    assert_eq!(repository.shown().await, [""; 0]);
    repository.upstream.put(file, FakeResponse::ok(source_package("aa", "1.5", "")));
    assert_eq!(repository.shown().await, [""; 0]);
    repository.clock.set(repository.clock.now().plus_days(1));
    assert_eq!(repository.shown().await, ["aa 1.5", "bb 1.0"]);
}

#[tokio::test]
async fn nothing_refused_is_upstreams_page_byte_for_byte() {
    let repository = Repository::new("[stage.dev]\n", &[("1.5", "")]).await;
    assert_eq!(repository.page().await, CATALOGUE);
    assert_eq!(repository.upstream.hits("/src/contrib/Archive/aa/aa_1.5.tar.gz"), 0);
}

#[tokio::test]
async fn a_restart_without_upstream_shows_the_same() {
    let mut repository = Repository::new(DENY_TWO, &[("1.5", "")]).await;
    let page = repository.page().await;
    repository.upstream.unavailable(true);
    repository.clock.set(repository.clock.now().plus_days(1));
    let path = repository.directory.path().to_owned();
    repository.gateway = Repository::gateway(DENY_TWO, &repository.upstream, &repository.clock, &path).await;
    assert_eq!(repository.page().await, page);
    assert_eq!(repository.get("src/contrib/aa_1.5.tar.gz").await.0, 200);
}

#[tokio::test]
async fn a_licence_that_nobody_has_looked_for_is_looked_for_before_a_version_is_shown() {
    let policy = "[stage.dev]\nlicense = { deny = [\"GPL-2.0-only\"], unknown = \"quarantine\" }\ndenied = [\"pkg:cran/aa@>= 2.0\"]\n";
    let repository = Repository::new(policy, &[("1.0", ""), ("1.5", "")]).await;
    assert_eq!(repository.shown().await, ["aa 1.5", "bb 1.0"]);
}
