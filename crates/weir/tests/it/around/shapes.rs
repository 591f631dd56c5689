//! How a request can lie on the wire: its line, its host, its body, and what comes before and after it.

/// What is sent over one connection, and the family that it belongs to.
pub struct Shape {
    pub family: &'static str,
    pub text: String,
}

impl Shape {
    /// With the request that ends it all.
    pub fn bytes(&self) -> Vec<u8> {
        format!("{}{LAST}", self.text).into_bytes()
    }
}

const LINES: &str = "request lines, HTTP/1.0, HTTP/0.9";
const HOSTS: &str = "Host";
const FRAMES: &str = "bodies, chunks, smuggling";
const PIPELINED: &str = "pipelined";
const PROTOCOLS: &str = "upgrades and other protocols";

/// Everything ends with this, so that the server closes the connection when it is through.
const LAST: &str = "GET /healthz HTTP/1.1\r\nHost: weir.example\r\nConnection: close\r\n\r\n";

/// A target that anybody may have, in a stage.
pub fn allowed(stage: &str) -> String {
    format!("/{stage}/cargo/dl/allowed/1.0.0/download")
}

/// All shapes of a request for a target, which is `/{stage}/…`. `other` is a stage with other rules.
pub fn shapes(target: &str, stage: &str, other: &str) -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |family: &'static str, text: String| all.push(Shape { family, text });
    let host = "Host: weir.example\r\n";
    let get = format!("GET {target} HTTP/1.1\r\n{host}\r\n");
    let rest = &target[stage.len() + 1..];

    for line in [
        format!("GET  {target} HTTP/1.1"),
        format!("GET\t{target}\tHTTP/1.1"),
        format!("GET {target} HTTP/1.1 "),
        format!("GET {target}  HTTP/1.1"),
        format!(" GET {target} HTTP/1.1"),
        format!("GET {target} HTTP/1.0"),
        format!("HEAD {target} HTTP/1.0"),
        format!("GET {target} HTTP/0.9"),
        format!("GET {target} HTTP/1.2"),
        format!("GET {target} HTTP/2.0"),
        format!("GET {target} http/1.1"),
        format!("GET {target} HTTP/1,1"),
        format!("GET {target} HTTP/01.1"),
        format!("GET {target}\u{a0}HTTP/1.1"),
        format!("GET {target} x HTTP/1.1"),
        format!("GET {target}"),
        format!("{target} HTTP/1.1"),
        format!("\u{feff}GET {target} HTTP/1.1"),
        format!("GET http://weir.example{target} HTTP/1.0"),
    ] {
        add(LINES, format!("{line}\r\n{host}\r\n"));
    }
    add(LINES, format!("GET {target} HTTP/1.0\r\n\r\n"));
    add(LINES, format!("GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    add(LINES, format!("GET {target}\r\n\r\n"));
    add(LINES, format!("\r\n\r\n{get}"));
    add(LINES, get.replace("\r\n", "\n"));
    add(LINES, get.replace("\r\n", "\r"));
    add(LINES, format!("GET {target} HTTP/1.1\r\n{host}X-Long: {}\r\n\r\n", "x".repeat(70_000)));
    add(LINES, format!("GET {target}?{} HTTP/1.1\r\n{host}\r\n", "x".repeat(70_000)));

    for hosts in [
        String::from("Host: evil.example\r\n"),
        String::new(),
        String::from("Host:\r\n"),
        String::from("Host: a\r\nHost: b\r\n"),
        format!("Host: weir.example/{other}\r\n"),
        format!("Host: weir.example/{other}{rest}?\r\n"),
        String::from("Host: weir.example:0\r\n"),
        String::from("Host: open:x@weir.example\r\n"),
        String::from("Host: ..\r\n"),
        String::from("Host: \u{e9}\r\n"),
        String::from("Host : weir.example\r\n"),
        String::from("Host: weir.example\r\n folded\r\n"),
        String::from("Host: pypi.org\r\n"),
        String::from("Host: weir.example\0\r\n"),
    ] {
        add(HOSTS, format!("GET {target} HTTP/1.1\r\n{hosts}\r\n"));
    }
    add(HOSTS, format!("GET http://other.example{target} HTTP/1.1\r\nHost: weir.example\r\n\r\n"));
    add(HOSTS, format!("GET http://weir.example{target} HTTP/1.1\r\nHost: weir.example/{other}{rest}\r\n\r\n"));

    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    for (headers, body) in [
        ("Content-Length: 5\r\n", String::from("hello")),
        ("Content-Length: 0, 0\r\n", String::new()),
        ("Content-Length: +0\r\n", String::new()),
        ("Content-Length: -1\r\n", String::new()),
        ("Content-Length: 0x0\r\n", String::new()),
        ("Content-Length: 99999999999999999999\r\n", String::new()),
        ("Content-Length: 0\r\nContent-Length: 5\r\n", String::from("hello")),
        ("Transfer-Encoding: chunked\r\n", chunk("hello")),
        ("Transfer-Encoding: chunked\r\n", String::from("5;a=b\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n", String::from("ffffffffffffffff0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n", String::from("-1\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n", String::from("5\nhello\n0\n\n")),
        ("Transfer-Encoding: xchunked\r\n", chunk("hello")),
        ("Transfer-Encoding: chunked, identity\r\n", chunk("hello")),
        ("Transfer-Encoding: identity\r\n", String::new()),
        ("Transfer-Encoding : chunked\r\n", chunk("hello")),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunk("hello")),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunk("hello")),
        ("Expect: 100-continue\r\nContent-Length: 5\r\n", String::from("hello")),
    ] {
        add(FRAMES, format!("GET {target} HTTP/1.1\r\n{host}{headers}\r\n{body}"));
    }
    // A request inside the body of another.
    for (headers, body) in [
        (format!("Content-Length: {}\r\n", get.len()), get.clone()),
        (String::from("Transfer-Encoding: chunked\r\n"), chunk(&get)),
        (String::from("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), chunk(&get)),
        (String::from("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), format!("0\r\n\r\n{get}")),
        (String::from("Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n"), get.clone()),
        (String::from("Content-Length: 0\r\n"), get.clone()),
    ] {
        add(
            FRAMES,
            format!("POST /{stage}/npm/-/npm/v1/security/advisories/bulk HTTP/1.1\r\n{host}{headers}\r\n{body}"),
        );
    }
    add(FRAMES, format!("GET /healthz HTTP/1.1\r\n{host}X: y\r\n\r\n{get}"));
    add(FRAMES, format!("GET /healthz HTTP/1.1\r\n{host}X: GET {target} HTTP/1.1\r\n\r\n"));

    let before = format!("GET {} HTTP/1.1\r\n{host}\r\n", allowed(stage));
    add(PIPELINED, format!("{before}{get}"));
    add(PIPELINED, format!("{get}{before}{get}"));
    add(PIPELINED, get.repeat(3));
    add(PIPELINED, format!("{}{get}", get.replace("GET", "HEAD")));
    add(PIPELINED, format!("{before}\r\n{get}"));
    add(PIPELINED, format!("{}{get}", before.replace("GET", "OPTIONS")));

    add(PROTOCOLS, format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{get}"));
    add(
        PROTOCOLS,
        format!(
            "GET {target} HTTP/1.1\r\n{host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
        ),
    );
    add(PROTOCOLS, format!("GET {target} HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    add(PROTOCOLS, format!("CONNECT {target} HTTP/1.1\r\n{host}\r\n"));
    add(PROTOCOLS, format!("CONNECT weir.example:80 HTTP/1.1\r\n{host}\r\n{get}"));
    add(PROTOCOLS, format!("{target}\r\n{get}"));
    all
}
