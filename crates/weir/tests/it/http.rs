//! A client that shows everything as it came over the socket.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The connection ended before the announced length.
    pub cut: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}\n{}", self.status, self.phrase, self.text());
        self
    }
}

/// Sends a request and reads until the connection ends; an error where there is no server, or none any more.
pub fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Answer> {
    let mut stream = open(address, method, path, headers)?;
    let mut bytes = Vec::new();
    // A connection that is cut may end in an error; what came before counts.
    let _ = stream.read_to_end(&mut bytes);
    if bytes.is_empty() {
        return Err(std::io::Error::other("the connection was closed without an answer"));
    }
    Ok(parse(&bytes))
}

/// Sends a request and leaves the answer to be read.
pub fn open(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

pub fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let _version = first.next();
    let status = first.next().and_then(|status| status.parse().ok()).unwrap_or(0);
    let phrase = first.next().unwrap_or_default().to_owned();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut cut = false;
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        (body, cut) = unchunked(&body);
    } else if let Some(length) = headers.get("content-length").and_then(|length| length.parse::<usize>().ok()) {
        cut = body.len() < length;
    }
    Answer { status, phrase, headers, body, cut }
}

fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut whole = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else { return (whole, true) };
        let size = usize::from_str_radix(String::from_utf8_lossy(&bytes[..end]).trim(), 16).unwrap();
        if size == 0 {
            return (whole, false);
        }
        let Some(chunk) = bytes.get(end + 2..end + 2 + size) else { return (whole, true) };
        whole.extend_from_slice(chunk);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
}
