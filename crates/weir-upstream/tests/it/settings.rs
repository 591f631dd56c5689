//! What is wrong with a setting is said before anyone is asked.

use weir_testing::FakeUpstream;
use weir_upstream::{Secret, Upstream, UpstreamConfig};

use crate::none;

fn problem(config: UpstreamConfig) -> String {
    Upstream::new(&config).unwrap_err().to_string()
}

fn at(url: &str) -> UpstreamConfig {
    UpstreamConfig { url: url.to_owned(), ..UpstreamConfig::default() }
}

#[test]
fn an_address_that_is_none_is_named() {
    for url in ["", "pypi.org/simple", "ftp://a.example/", "https://", "http://a.example/?x", "http://a.example/#x"] {
        let problem = problem(at(url));
        assert!(problem.contains(&format!("`url = \"{}", url.split(['?', '#']).next().unwrap())), "{problem}");
    }
    assert!(!problem(at("https://user:hunter2@a.example/?x")).contains("hunter2"));
}

#[test]
fn the_base_ends_in_a_slash_and_shows_no_password() {
    let upstream = Upstream::new(&at("http://user:hunter2@A.example:80/simple")).unwrap();
    assert_eq!(upstream.base(), "http://a.example/simple/");
    assert!(!format!("{upstream:?}").contains("hunter2"));
    assert!(!format!("{:?}", at("http://user:hunter2@a.example/")).contains("hunter2"));
}

#[test]
fn a_host_that_is_none_is_named() {
    for host in ["https://files.example", "files.example/x", "*.example", "", "a:b"] {
        let config = UpstreamConfig { hosts: vec![host.to_owned()], ..at("http://a.example/") };
        let problem = problem(config);
        assert!(problem.contains(&format!("`{host}` in `hosts` of the upstream `http://a.example/`")), "{problem}");
    }
}

#[test]
fn credentials_that_contradict_each_other_are_told() {
    let twice = UpstreamConfig { username: Some(String::from("u")), ..at("http://u:p@a.example/") };
    assert!(problem(twice).contains("keep one of them"));
    let both = UpstreamConfig { token: Some(Secret::new("t")), ..at("http://u:p@a.example/") };
    assert!(problem(both).contains("keep one of them"));
    let odd = UpstreamConfig { token: Some(Secret::new("hunter2\r\nX: y")), ..at("http://a.example/") };
    let problem = problem(odd);
    assert!(problem.contains("printable ASCII") && !problem.contains("hunter2"), "{problem}");
}

#[test]
fn a_bundle_that_has_no_certificates_is_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ca.pem");
    let bundle = || UpstreamConfig { ca_bundle: Some(path.clone()), ..at("http://a.example/") };
    assert!(problem(bundle()).contains(&format!("`ca-bundle = \"{}\"`", path.display())));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(problem(bundle()).contains("-----BEGIN CERTIFICATE-----"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(Upstream::new(&bundle()).is_err());
    std::fs::write(&path, vec![b' '; 4 * 1024 * 1024 + 1]).unwrap();
    assert!(problem(bundle()).contains("larger than"));
}

#[tokio::test]
async fn a_user_in_the_address_is_sent_as_credentials() {
    let fake = FakeUpstream::start().await;
    let url = format!("http://user:p%40ss%3A@{}/root/", fake.authority());
    let upstream = Upstream::new(&at(&url)).unwrap();
    upstream.document("x", "*/*", &none()).await.unwrap();
    assert_eq!(fake.requests()[0].header("authorization"), Some("Basic dXNlcjpwQHNzOg=="));
    assert_eq!(fake.requests()[0].path, "/root/x");
}
