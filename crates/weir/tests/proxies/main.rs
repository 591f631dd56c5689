//! Weir behind real proxies, each with the configuration of `docs/guides/proxies/`: what they keep of an answer, and what
//! they let clients make up.
//!
//! ```text
//! cargo test -p weir --test proxies                              those that are installed
//! WEIR_REQUIRE=nginx,haproxy,envoy,httpd,caddy …                 all of them, or it fails
//! WEIR_UPDATE=1 …                                                writes docs/reference/proxies.md
//! ```
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod front;
#[path = "../it/http.rs"]
mod http;
#[expect(dead_code, reason = "shared with the tests of the binary, which use more of it")]
#[path = "../it/place.rs"]
mod place;

use std::io::Read;
use std::path::Path;

use front::{Front, KINDS, Kind, Packages};
use weir_testing::Fault;

use crate::http::Answer;

/// How something is found out. An `Err` says what came instead.
type Look = fn(&Packages, &Front) -> Told;
type Told = Result<(), String>;

/// What is looked at: what the page calls it, and how it is found out.
const FACTS: &[(&str, Look)] = &[
    ("HTTP/1.1 is what ALPN gives to a client that offers HTTP/2", alpn),
    ("the reason phrase of a refusal arrives", phrase),
    ("the body of a refusal and its `Weir-Decision` arrive", refusal),
    ("HEAD, `Range` and `If-None-Match` are answered as by Weir", conditions),
    ("a scoped npm name may be asked for with `%2f`", scope),
    ("a large file comes while it arrives from upstream", streaming),
    ("a file that Weir cuts off ends short of its length", cut),
    ("nobody reads without a token", anonymous),
    ("the log has the client's own address, whatever it says of itself", address),
];

/// What falls short with a proxy, and is so.
const SHORT: &[(&str, &str)] = &[("Caddy", "the reason phrase of a refusal arrives")];

fn alpn(_: &Packages, front: &Front) -> Told {
    let connection = front.connect(&["h2", "http/1.1"]);
    let chosen = connection.conn.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
    is(chosen.as_deref().unwrap_or("http/1.1") == "http/1.1", || format!("`{}`", chosen.unwrap_or_default()))
}

fn phrase(packages: &Packages, front: &Front) -> Told {
    let answer = front.ask("GET", &packages.refused, &packages.token, &[]).expect(403);
    is(answer.phrase.contains("PYSEC-2026-1") && answer.phrase.contains("/d/"), || format!("`{}`", answer.phrase))
}

fn refusal(packages: &Packages, front: &Front) -> Told {
    let answer = front.ask("GET", &packages.refused, &packages.token, &[]).expect(403);
    let id = answer.header("weir-decision");
    is(id.len() == 16 && answer.text().contains("blocked in stage dev"), || format!("`{id}` {}", answer.text()))
}

fn conditions(packages: &Packages, front: &Front) -> Told {
    let ask = |method: &str, headers: &[(&str, &str)]| front.ask(method, &packages.allowed, &packages.token, headers);
    let whole = ask("GET", &[]).expect(200);
    let tag = whole.header("etag").to_owned();
    let head = ask("HEAD", &[]);
    let part = ask("GET", &[("Range", "bytes=2-5")]);
    let same = ask("GET", &[("If-None-Match", &tag)]);
    let statuses = [head.status, part.status, same.status];
    is(statuses == [200, 206, 304], || format!("{statuses:?}"))?;
    is(part.body == whole.body[2..6] && head.body.is_empty(), || String::from("other bytes"))?;
    let length = whole.body.len().to_string();
    is(head.header("content-length") == length, || {
        format!("HEAD of {length} bytes: {}", head.header("content-length"))
    })?;
    is(tag.starts_with('"'), || format!("the tag `{tag}`"))
}

fn scope(packages: &Packages, front: &Front) -> Told {
    let answer = front.ask("GET", "/weir/dev/npm/@scope%2fexample", &packages.token, &[]);
    is(answer.status == 200, || format!("{} {}", answer.status, answer.phrase))
}

fn streaming(packages: &Packages, front: &Front) -> Told {
    packages.change(&packages.large, Some(Fault::Stall { after: 4 * 1024 * 1024 }));
    let mut stream = front.open("GET", &packages.large, &packages.token, &[]);
    let mut bytes = vec![0; 1024 * 1024];
    // Upstream sends no more until it is given up: what comes now comes while it arrives.
    let arrived = stream.read_exact(&mut bytes);
    packages.change(&packages.large, None);
    is(arrived.is_ok() && bytes.starts_with(b"HTTP/1.1 200"), || String::from("nothing before the end"))
}

fn cut(packages: &Packages, front: &Front) -> Told {
    packages.change(&packages.wrong, Some(Fault::WrongBytes));
    let answer = front.ask("GET", &packages.wrong, &packages.token, &[]);
    is(answer.status == 200 && answer.cut || answer.status == 502, || {
        format!("{} with {} of {} bytes", answer.status, answer.body.len(), answer.header("content-length"))
    })
}

fn anonymous(packages: &Packages, front: &Front) -> Told {
    let statuses = [
        front.ask("GET", &packages.allowed, "", &[]).status,
        front.ask("GET", &packages.allowed, "", &[("X-Forwarded-For", "127.0.0.1")]).status,
        front.ask("GET", &packages.allowed, "", &[("Forwarded", "for=127.0.0.1")]).status,
    ];
    is(statuses == [401; 3], || format!("{statuses:?}"))
}

fn address(packages: &Packages, front: &Front) -> Told {
    let made_up = [("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1")];
    let answer = front.ask("GET", &packages.allowed, &packages.token, &made_up).expect(200);
    let peer = packages.peer(answer.header("x-request-id"));
    is(peer == front::CLIENT, || format!("`{peer}`"))
}

fn is(so: bool, otherwise: impl FnOnce() -> String) -> Told {
    if so { Ok(()) } else { Err(otherwise()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_keep_what_clients_need_of_an_answer() {
    let mut columns = Vec::new();
    for kind in KINDS {
        let Some(program) = kind.program() else { continue };
        let (packages, front) = Packages::behind(kind, &program).await;
        let told: Vec<Told> = FACTS.iter().map(|(_, fact)| fact(&packages, &front)).collect();
        for ((what, _), told) in FACTS.iter().zip(&told) {
            let short = SHORT.contains(&(kind.name, *what));
            assert_eq!(told.is_err(), short, "{} {}: {what}: {told:?}\n{}", kind.name, front.version, front.log());
        }
        columns.push((kind, front.version.clone(), told));
    }
    if columns.len() == KINDS.len() && std::env::var_os("WEIR_UPDATE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/proxies.md");
        std::fs::write(path, page(&columns)).unwrap();
    }
}

fn page(columns: &[(&Kind, String, Vec<Told>)]) -> String {
    let mut page = String::from(
        "<!-- Generated: WEIR_UPDATE=1 cargo test -p weir --test proxies -->\n\n# Proxies\n\n\
         What real proxies keep of Weir's answers over https, each with the configuration that stands in\n\
         [guides/proxies](../guides/proxies), looked at by a client that speaks HTTP/1.1.\n\n| |",
    );
    for (kind, version, _) in columns {
        page.push_str(&format!(" [{}](../guides/proxies/{}) {version} |", kind.name, kind.file));
    }
    page.push_str(&format!("\n|---|{}\n", "---|".repeat(columns.len())));
    for (at, (what, _)) in FACTS.iter().enumerate() {
        page.push_str(&format!("| {what} |"));
        for (.., told) in columns {
            match &told[at] {
                Ok(()) => page.push_str(" yes |"),
                Err(instead) => page.push_str(&format!(" no: {instead} |")),
            }
        }
        page.push('\n');
    }
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_may_take_the_path_away() {
    let kind = &KINDS[0];
    let Some(program) = kind.program() else { return };
    let edit = |text: String| {
        text.replace("location / {", "location /weir/ {").replace("proxy_pass http://weir;", "proxy_pass http://weir/;")
    };
    let (packages, front) = Packages::behind_edited(kind, &program, edit).await;
    for fact in [phrase, conditions, anonymous, address] {
        fact(&packages, &front).unwrap();
    }
    // It decodes what it takes a path from; Weir knows the name in both spellings.
    let answer: Answer = front.ask("GET", "/weir/dev/npm/@scope%2fexample", &packages.token, &[]);
    assert_eq!(answer.status, 200, "{}", answer.phrase);
    assert_eq!(front.ask("GET", "/dev/npm/example", &packages.token, &[]).status, 404, "nothing beside the path");
}
