//! Behind a proxy: whom Weir believes, and addresses with a path before them.

use crate::place::{Place, SIMPLE_JSON, Server};

fn token(place: &Place) -> String {
    format!("Bearer {}", place.weir(["admin", "token", "create", "alice"]).expect(0).out.trim())
}

/// What the log says of the client of the last request.
fn client(server: Server) -> String {
    let mut client = String::new();
    server.stop_and(|err| {
        let line = err.lines().rfind(|line| line.contains(" peer=")).unwrap_or_default();
        let (_, rest) = line.split_once(" peer=\"").unwrap_or_default();
        client = rest.split('"').next().unwrap_or_default().to_owned();
    });
    client
}

const PAGE: &str = "/dev/pypi/simple/example/";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_log_has_the_client_that_a_believed_proxy_names() {
    for (trusted, forwarded, expected) in [
        ("[\"127.0.0.0/8\"]", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("[\"127.0.0.0/8\", \"203.0.113.0/24\"]", "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("[\"10.0.0.0/8\"]", "203.0.113.9", "127.0.0.1"),
        ("[]", "203.0.113.9", "127.0.0.1"),
    ] {
        let place = Place::with_an_advisory().await;
        place.configure(&format!("server.trusted-proxies = {trusted}"));
        let token = token(&place);
        let server = place.serve();
        // A proxy that is believed speaks for others, and so for nobody without a token.
        server.ask("GET", PAGE, &[("X-Forwarded-For", forwarded)]).expect(401);
        server.ask("GET", PAGE, &[("X-Forwarded-For", "127.0.0.1")]).expect(401);
        server.ask("GET", PAGE, &[("X-Forwarded-For", forwarded), ("Authorization", &token)]).expect(200);
        assert_eq!(client(server), expected, "{trusted} {forwarded}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_range_that_is_none_is_told() {
    let place = Place::new().await;
    place.configure("server.trusted-proxies = [\"10.1.2.3/8\"]");
    place.weir(["serve"]).expect(2).tells(&["[server] trusted-proxies", "`10.1.2.3/8`", "did you mean `10.0.0.0/8`"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn addresses_have_the_path_of_the_public_address_whether_the_proxy_takes_it_away_or_not() {
    let place = Place::with_an_advisory().await;
    place.fake.npm().release("example", "1.0.0").add();
    place.fake.cargo().release("example", "1.0.0").add();
    let server = place.serve_with(["--public-url", "https://packages.example/weir/"]);
    let base = "https://packages.example/weir";
    assert!(server.out().contains(&format!("weir use dev --server {base}\n")), "{}", server.out());
    for prefix in ["", "/weir"] {
        let get = |path: &str, accept: &str| server.ask("GET", &format!("{prefix}{path}"), &[("Accept", accept)]);
        let page = get(PAGE, SIMPLE_JSON).expect(200).json();
        let url = page["files"][0]["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("{base}/dev/pypi/files/example/")), "{url}");
        let tarball = get("/dev/npm/example", "application/json").expect(200).json();
        let tarball = tarball["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap().to_owned();
        assert!(tarball.starts_with(&format!("{base}/dev/npm/example/-/")), "{tarball}");
        get(tarball.strip_prefix(base).unwrap(), "*/*").expect(200);
        let config = get("/dev/cargo/config.json", "*/*").expect(200).json();
        assert!(config["dl"].as_str().unwrap().starts_with(&format!("{base}/dev/cargo/")), "{config}");
        let moved = get("/dev/pypi/simple/Example/", "text/html").expect(301);
        assert_eq!(moved.header("location"), format!("{base}/dev/pypi/simple/example/"));
        let refused = get(url.strip_prefix(base).unwrap(), "*/*").expect(403);
        assert!(refused.phrase.contains(&format!("see {base}/d/")), "{}", refused.phrase);
        let id = refused.header("weir-decision").to_owned();
        let why = get(&format!("/d/{id}"), "text/html").expect(200).text();
        assert!(why.contains("href=\"/weir/static/weir.css\""), "{why}");
        get("/static/weir.css", "*/*").expect(200);
        get("/healthz", "*/*").expect(200);
        get("/", "*/*").expect(200);
    }
    // Once, and as a whole: nothing else is under it.
    server.get("/weir/weir/dev/pypi/simple/example/").expect(404);
    server.get("/weirdev/pypi/simple/example/").expect(404);
    server.get("/WEIR/dev/pypi/simple/example/").expect(404);
    server.get("/weir").expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_client_calls_this_weir_is_on_nobodys_page() {
    let place = Place::with_an_advisory().await;
    place.configure("server.trusted-proxies = [\"127.0.0.1\"]");
    let token = token(&place);
    let server = place.serve_with(["--public-url", "https://packages.example"]);
    let named = [
        ("Authorization", token.as_str()),
        ("Accept", SIMPLE_JSON),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Prefix", "/evil"),
        ("Forwarded", "host=evil.example"),
    ];
    for headers in [&named[..], &named[..2]] {
        let page = server.ask("GET", PAGE, headers).expect(200);
        assert!(!page.text().contains("evil"), "{}", page.text());
        assert!(page.text().contains("https://packages.example/dev/pypi/files/"), "{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_public_path_that_is_an_address_of_weirs_own_is_told() {
    let place = Place::new().await;
    for (bad, told) in [
        ("https://a.example/dev", "begins with `dev`"),
        ("https://a.example/api/weir", "begins with `api`"),
        ("https://me:pw@a.example", "expected https://HOST"),
    ] {
        let ran = place.weir(["serve", "--public-url", bad]).expect(2).tells(&["--public-url", told]);
        assert!(!ran.err.contains("pw@"), "{}", ran.err);
    }
}
