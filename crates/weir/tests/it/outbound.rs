//! What leaves Weir: through the proxy that the environment names, to upstreams with certificates of one's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use weir_testing::FakeUpstream;

use crate::place::Place;

/// A forward proxy on loopback: CONNECT for https, whole addresses for http. Remembers what it was asked.
struct Proxy {
    address: String,
    seen: Arc<Mutex<Vec<Asked>>>,
}

/// The first line of a request, and the credentials for the proxy that came with it.
type Asked = (String, Option<String>);

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || hand_on(stream, &kept));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

fn hand_on(client: TcpStream, seen: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let credentials = head.iter().find_map(|line| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"))
            .map(|(_, value)| value.to_owned())
    });
    seen.lock().unwrap().push((head[0].clone(), credentials));
    let mut words = head[0].split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut client = client;
    let mut upstream;
    if method == "CONNECT" {
        upstream = TcpStream::connect(target).ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        let (authority, path) = target.strip_prefix("http://")?.split_once('/')?;
        upstream = TcpStream::connect(authority).ok()?;
        let rest: String = head[1..]
            .iter()
            .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"))
            .map(|line| format!("{line}\r\n"))
            .collect();
        write!(upstream, "{method} /{path} HTTP/1.1\r\n{rest}Connection: close\r\n\r\n").ok()?;
    }
    let (mut from, mut to) = (upstream.try_clone().ok()?, client.try_clone().ok()?);
    let back = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = reader.read(&mut buffer) {
        if count == 0 || upstream.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = upstream.shutdown(std::net::Shutdown::Write);
    let _ = back.join();
    Some(())
}

const PAGE: &str = "/dev/pypi/simple/example/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_upstreams_and_feeds_are_asked_through_http_proxy() {
    let mut place = Place::with_an_advisory().await;
    let proxy = Proxy::start();
    place.environment("HTTP_PROXY", &format!("http://{}", proxy.address));
    let server = place.serve();
    server.get(PAGE).expect(200);
    let url = format!("GET {}example/ HTTP/1.1", place.fake.pypi().url());
    assert_eq!(proxy.seen(), [(url, None)]);
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    assert!(proxy.seen().iter().any(|(line, _)| line.contains("example-1.1.0")), "{:?}", proxy.seen());
    drop(server);
    place.configure(&format!(
        "feeds.osv-url = \"{}/osv\"\nfeeds.kev-url = \"\"\nfeeds.epss-url = \"\"",
        place.fake.url()
    ));
    place.weir(["feeds", "sync"]);
    assert!(proxy.seen().iter().any(|(line, _)| line.contains("/osv/")), "{:?}", proxy.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_upstream_with_an_authority_of_its_own_is_reached_by_connect() {
    let mut place = Place::with_an_advisory().await;
    let (fake, proxy) = (FakeUpstream::start_tls().await, Proxy::start());
    fake.pypi().release("example", "2.0.0").add();
    let bundle = place.file("ca.pem", fake.authority_pem());
    place.environment("WEIR_UPSTREAM__PYPI__URL", &fake.pypi().url());
    place.environment("HTTPS_PROXY", &format!("http://me:hunter2-secret@{}", proxy.address));
    place.environment("WEIR_LOG__LEVEL", "trace");
    // Nobody vouches for it yet.
    let server = place.serve();
    let refused = server.get(PAGE).expect(502);
    assert!(refused.text().contains("set `ca-bundle`"), "{}", refused.text());
    assert!(fake.requests().is_empty());
    drop(server);
    place.environment("WEIR_UPSTREAM__PYPI__CA_BUNDLE", bundle.to_str().unwrap());
    let server = place.serve();
    assert_eq!(server.simple("dev", "example")["files"].as_array().unwrap().len(), 1);
    server.get(&place.wheel(&server, "dev", "example", "2.0.0")).expect(200);
    let basic = base64::engine::general_purpose::STANDARD.encode("me:hunter2-secret");
    let expected = (format!("CONNECT {} HTTP/1.1", fake.authority()), Some(format!("Basic {basic}")));
    assert!(proxy.seen().iter().all(|seen| *seen == expected), "{:?}", proxy.seen());
    assert!(fake.requests().iter().all(|seen| seen.header("proxy-authorization").is_none()), "the proxy's alone");
    let ready = server.get("/readyz").text();
    server.stop_and(|err| {
        for (place, text) in [("log", err), ("readyz", &ready)] {
            assert!(!text.contains("hunter2") && !text.contains(&basic), "the proxy's password is in the {place}");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_proxy_names_is_asked_directly() {
    let mut place = Place::with_an_advisory().await;
    let proxy = Proxy::start();
    place.environment("HTTP_PROXY", &format!("http://{}", proxy.address));
    place.environment("NO_PROXY", "elsewhere.example, 127.0.0.1");
    let server = place.serve();
    server.get(PAGE).expect(200);
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    assert!(place.fake.hits("/simple/example/") > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_there_is_told_without_its_password() {
    let mut place = Place::with_an_advisory().await;
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.environment("HTTP_PROXY", &format!("http://me:hunter2-secret@{gone}"));
    place.environment("WEIR_LOG__LEVEL", "trace");
    let server = place.serve();
    let answer = server.get(PAGE).expect(502);
    assert!(answer.text().contains("cannot be reached") && !answer.text().contains("hunter2"), "{}", answer.text());
    assert!(place.fake.requests().is_empty());
    server.stop_and(|err| assert!(!err.contains("hunter2"), "the proxy's password is in the log"));
}
