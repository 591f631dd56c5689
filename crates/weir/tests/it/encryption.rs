//! https by Weir itself: which certificate it shows, what it offers, and how the files are followed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use weir_testing::{Authority, Identity};

use crate::http::{self, Answer};
use crate::place::{PATIENCE, Place, SIMPLE_JSON, Server, until};

/// A place with certificate and key beside it, and the flags that name them.
struct Secured {
    place: Place,
    authority: Authority,
    certificate: PathBuf,
    key: PathBuf,
}

impl Secured {
    async fn new() -> Self {
        let (place, authority) = (Place::with_an_advisory().await, Authority::new());
        let identity = authority.certificate(&["127.0.0.1", "localhost"]);
        let certificate = place.file("certificate.pem", &identity.chain);
        let key = place.file("key.pem", &identity.key);
        Self { place, authority, certificate, key }
    }

    fn flags(&self) -> [&str; 4] {
        ["--tls-certificate", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }

    #[track_caller]
    fn serve(&self) -> Server {
        self.place.serve_with(self.flags())
    }

    /// Puts other files in place, as a renewal does.
    fn renew(&self, identity: &Identity) {
        for (path, text) in [(&self.certificate, &identity.chain), (&self.key, &identity.key)] {
            let beside = path.with_extension("new");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, path).unwrap();
        }
    }
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A connection to `server` that trusts `authority` and offers `protocols`.
fn connect(server: &Server, authority: &Authority, protocols: &[&str]) -> std::io::Result<Connection> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    let mut stream = TcpStream::connect(&server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(tls, stream))
}

fn ask(server: &Server, authority: &Authority, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Answer> {
    let mut stream = connect(server, authority, &["h2", "http/1.1"])?;
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", server.address);
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all((request + "\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Ok(http::parse(&bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn https_is_spoken_with_a_certificate_from_files_and_pages_say_so() {
    let secured = Secured::new().await;
    let server = secured.serve();
    assert!(server.out().contains("listening on https://127.0.0.1:"), "{}", server.out());
    let base = format!("https://{}", server.address);
    let page = ask(&server, &secured.authority, "/dev/pypi/simple/example/", &[("Accept", SIMPLE_JSON)]).unwrap();
    let page = page.expect(200).json();
    let url = page["files"][0]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{base}/dev/pypi/files/")), "{url}");
    // The reason phrase is there: what pip prints of a refusal.
    let refused = ask(&server, &secured.authority, &url[base.len()..], &[]).unwrap().expect(403);
    assert!(refused.phrase.contains("PYSEC-2026-1") && refused.phrase.contains(&base), "{}", refused.phrase);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_are_offered_http_1_1_alone() {
    let secured = Secured::new().await;
    let server = secured.serve();
    for (offered, expected) in
        [(&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let connection = connect(&server, &secured.authority, offered).unwrap();
        assert_eq!(connection.conn.alpn_protocol(), expected, "{offered:?}");
    }
    let error = connect(&server, &secured.authority, &["h2"]).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    // Nobody else vouches for it.
    assert!(connect(&server, &Authority::new(), &[]).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn plain_http_on_an_https_port_is_told_what_to_do() {
    let secured = Secured::new().await;
    let server = secured.serve();
    let answer = server.get("/healthz").expect(400);
    assert!(
        answer.phrase.contains("use https://") && answer.text().contains("use https://") && !answer.cut,
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_handshake_that_does_not_come_holds_up_nobody() {
    let secured = Secured::new().await;
    let server = secured.serve();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let mut noisy = TcpStream::connect(&server.address).unwrap();
    noisy.write_all(&[0x16, 0x03, 0x01, 0x40, 0x00, 0xff, 0xff]).unwrap();
    ask(&server, &secured.authority, "/healthz", &[]).unwrap().expect(200);
    // What is no handshake ends at once, what is slow ends after a while.
    let mut rest = Vec::new();
    noisy.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = noisy.read_to_end(&mut rest);
    let mut last = silent.into_iter().next_back().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(last.read(&mut [0]).unwrap_or(0), 0, "a silent connection is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_renewed_certificate_is_in_use_without_a_restart() {
    let secured = Secured::new().await;
    let server = secured.serve();
    ask(&server, &secured.authority, "/healthz", &[]).unwrap().expect(200);
    let other = Authority::new();
    secured.renew(&other.certificate(&["127.0.0.1"]));
    until("the new certificate is shown", PATIENCE, || ask(&server, &other, "/healthz", &[]).is_ok());
    assert!(ask(&server, &secured.authority, "/healthz", &[]).is_err());
    server.logs("the certificate has changed and is in use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pair_that_does_not_fit_leaves_the_old_one_in_use_and_is_told() {
    let secured = Secured::new().await;
    let server = secured.serve();
    let ready = || ask(&server, &secured.authority, "/readyz", &[]).unwrap().expect(200).json();
    until("the certificate is looked at", PATIENCE, || ready()["certificate"] == "ok");
    fs::write(&secured.key, Authority::new().certificate(&["127.0.0.1"]).key).unwrap();
    server.logs("the last good certificate stays in use");
    until("/readyz tells", PATIENCE, || ready()["certificate"].as_str().unwrap().contains("is not that of the first"));
    fs::remove_file(&secured.certificate).unwrap();
    until("/readyz tells", PATIENCE, || ready()["certificate"].as_str().unwrap().contains("cannot be read"));
    secured.renew(&secured.authority.certificate(&["127.0.0.1"]));
    until("/readyz is content again", PATIENCE, || ready()["certificate"] == "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_certificate_that_has_ended_is_told_and_used() {
    let secured = Secured::new().await;
    secured.renew(&secured.authority.certificate_until(&["127.0.0.1"], (2021, 6, 15)));
    let server = secured.serve();
    server.logs("ended on 2021-06-15");
    assert!(ask(&server, &secured.authority, "/healthz", &[]).is_err(), "clients refuse it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn certificate_and_key_are_set_in_the_configuration_and_by_variables_too() {
    let mut secured = Secured::new().await;
    let (certificate, key) = (secured.certificate.display().to_string(), secured.key.display().to_string());
    secured.place.configure(&format!("[server.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\""));
    let server = secured.place.serve();
    ask(&server, &secured.authority, "/healthz", &[]).unwrap().expect(200);
    drop(server);
    secured.place.configure("");
    secured.place.environment("WEIR_SERVER__TLS__CERTIFICATE", &certificate);
    secured.place.weir(["serve"]).expect(2).tells(&["a certificate without a key", "--tls-key"]);
    secured.place.environment("WEIR_TLS_KEY", &key);
    let server = secured.place.serve();
    ask(&server, &secured.authority, "/healthz", &[]).unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_that_cannot_be_used_are_told_at_the_start() {
    let secured = Secured::new().await;
    let certificate = secured.certificate.to_str().unwrap();
    let weir =
        |arguments: &[&str]| secured.place.weir(["serve"].into_iter().chain(arguments.iter().copied())).expect(2);
    weir(&["--tls-key", certificate]).tells(&["a key without a certificate", "--tls-certificate"]);
    weir(&["--tls-certificate", certificate, "--tls-key", "nowhere.pem"])
        .tells(&["[server.tls]", "`nowhere.pem` cannot be read"]);
    weir(&["--tls-certificate", certificate, "--tls-key", certificate]).tells(&["has no private key"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn beyond_this_machine_https_needs_no_further_leave() {
    let secured = Secured::new().await;
    let server = secured.place.serve_with(secured.flags().into_iter().chain(["--listen", "0.0.0.0:0"]));
    ask(&server, &secured.authority, "/dev/pypi/simple/example/", &[]).unwrap().expect(401);
    assert!(!server.err().contains("plain HTTP"), "{}", server.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn plain_http_beyond_this_machine_is_refused_with_the_three_ways_out() {
    let place = Place::new().await;
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ran = place.weir(["serve", "--listen", address]).expect(2);
        ran.tells(&[
            "whoever is on the way",
            "--tls-certificate FILE",
            "--listen 127.0.0.1:",
            "--allow-plain-http",
            "network.md",
        ]);
    }
    place.configure("server.allow-plain-http = true");
    let text = fs::read_to_string(place.config_file()).unwrap().replace("127.0.0.1:0", "0.0.0.0:0");
    fs::write(place.config_file(), text).unwrap();
    let server = place.serve();
    server.logs("over plain HTTP");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn more_connections_than_there_are_places_wait_for_one() {
    let place = Place::new().await;
    place.configure("server.max-connections = 16");
    let server = place.serve();
    let held: Vec<_> = (0..16).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    server.logs("all places for connections are taken");
    let mut waiting = http::open(&server.address, "GET", "/healthz", &[]).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "it waits");
    drop(held);
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let _ = waiting.read_to_end(&mut bytes);
    http::parse(&bytes).expect(200);
}
