//! An application around a gate with a fake PyPI and npm.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use weir_advisory::{Builder, Index};
use weir_api::token::Token;
use weir_api::{Access, App, Conditions};
use weir_blob::Blobs;
use weir_core::{Clock, Ecosystems, Timestamp};
use weir_gateway::{Gateway, Member, Parts, Settings};
use weir_policy::Policy;
use weir_store::{Scope, Store};
use weir_testing::{FakeUpstream, FixedClock};
use weir_upstream::{Upstream, UpstreamConfig};

pub const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM]);
pub const LOOPBACK: &str = "127.0.0.1";

/// The moment at which all tests begin.
pub const NOW: &str = "2026-11-01T12:00:00Z";

pub struct TestApp {
    pub app: Arc<App>,
    pub fake: FakeUpstream,
    pub store: Store,
    pub clock: Arc<FixedClock>,
    pub conditions: Arc<Conditions>,
    _directory: tempfile::TempDir,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl TestApp {
    /// With this policy, these OSV records, and anonymous reading on loopback.
    pub async fn new(policy: &str, records: &[serde_json::Value]) -> Self {
        Self::with(policy, records, true).await
    }

    pub async fn with(policy: &str, records: &[serde_json::Value], anonymous: bool) -> Self {
        let fake = FakeUpstream::start().await;
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let directory = tempfile::tempdir().unwrap();
        let mut members = Vec::new();
        for (id, url) in [("pypi", fake.pypi().url()), ("npm", fake.npm().url())] {
            let mut config = UpstreamConfig { url, ..UpstreamConfig::default() };
            config.limits.retries = 0;
            config.limits.down_for = Duration::from_millis(1);
            let ecosystem = ECOSYSTEMS.by_id(id).unwrap();
            members.push(Member::new(ecosystem, id, Arc::new(Upstream::new(&config).unwrap())));
        }
        let mut builder = Builder::new(ECOSYSTEMS);
        for record in records {
            builder.osv(&weir_advisory::osv::Record::parse(record.to_string().as_bytes()).unwrap());
        }
        for ecosystem in ECOSYSTEMS.iter() {
            builder.feed(ecosystem.osv, clock.now());
        }
        let store = Store::sqlite(&directory.path().join("weir.sqlite")).await.unwrap();
        let gateway = Gateway::new(Parts {
            ecosystems: ECOSYSTEMS,
            members: members.into_iter().collect(),
            store: store.clone(),
            blobs: Arc::new(Blobs::local(&directory.path().join("blobs")).unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            policy: Arc::new(Policy::parse(policy, ECOSYSTEMS).unwrap_or_else(|errors| panic!("{errors}"))),
            advisories: Arc::new(Index::from_bytes(builder.build()).unwrap()),
            settings: Settings { public_url: String::from("https://weir.example"), ..Settings::default() },
        });
        let conditions = Arc::new(Conditions::default());
        let access = Access::new(store.clone(), Arc::clone(&clock) as Arc<dyn Clock>, anonymous);
        let app = Arc::new(App::new(gateway, access, Arc::clone(&conditions)));
        Self { app, fake, store, clock, conditions, _directory: directory }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], LOOPBACK).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], peer: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (head, body) = self.app.answer(request, peer.parse::<IpAddr>().unwrap()).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// A new token as a `Bearer` header.
    pub async fn token(&self, name: &str, stage: Option<&str>, days: i64) -> String {
        let now = self.clock.now();
        let expires = Some(now.plus_days(days));
        let token = Token::create(&self.store, name, Scope::Read, stage, &[], now, expires).await.unwrap();
        format!("Bearer {}", token.reveal())
    }

    /// Asks for a file of the fake PyPI, as a page names it, and gives the id of the decision that refuses it.
    pub async fn refused(&self, package: &str) -> String {
        let page = self
            .ask(
                "GET",
                &format!("/dev/pypi/simple/{package}/"),
                &[("accept", "application/vnd.pypi.simple.v1+json")],
                LOOPBACK,
            )
            .await
            .expect(200)
            .json();
        let url = page["files"][0]["url"].as_str().unwrap().strip_prefix("https://weir.example").unwrap().to_owned();
        self.get(&url).await.expect(403).header("weir-decision").to_owned()
    }
}

/// An OSV record that calls all versions of a PyPI package critically vulnerable.
pub fn osv(id: &str, name: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id, "modified": "2026-10-01T00:00:00Z",
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
        "affected": [{ "package": { "ecosystem": "PyPI", "name": name },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }] }] }],
    })
}
