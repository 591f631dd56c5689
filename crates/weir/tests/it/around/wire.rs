//! Raw sockets: what is sent is what is written here, byte for byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::http::{self, Answer};
use crate::place::PATIENCE;

/// A connection that is kept for many requests.
pub struct Line {
    address: String,
    stream: Option<TcpStream>,
}

impl Line {
    pub fn to(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None }
    }

    /// Sends a request, which must not ask for the connection to be closed, and reads its answer.
    pub fn ask(&mut self, request: &[u8]) -> Answer {
        if let Some(stream) = self.stream.take()
            && let Some(answer) = self.over(stream, request)
        {
            return answer;
        }
        // The server closes a connection after some answers, and may have done so meanwhile.
        self.over(connect(&self.address), request).unwrap_or_else(|| http::parse(b""))
    }

    fn over(&mut self, mut stream: TcpStream, request: &[u8]) -> Option<Answer> {
        stream.write_all(request).ok()?;
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            if let Some(end) = end_of_head(&bytes) {
                let bodiless = request.starts_with(b"HEAD") || matches!(status(&bytes), 204 | 304);
                let mut answer = http::parse(&bytes);
                let framed =
                    ["content-length", "transfer-encoding"].iter().any(|name| answer.headers.contains_key(*name));
                if bodiless || (framed && !answer.cut) {
                    if bodiless {
                        answer.body.truncate(0);
                        answer.cut = false;
                    }
                    if answer.header("connection") != "close" && (!bodiless || bytes.len() == end) {
                        self.stream = Some(stream);
                    }
                    return Some(answer);
                }
            }
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                _ if bytes.is_empty() => return None,
                _ => return Some(http::parse(&bytes)),
            }
        }
    }
}

/// Sends these bytes over a connection of their own and gives all answers until the server closes it.
pub fn converse(address: &str, request: &[u8]) -> Vec<Answer> {
    let mut stream = connect(address);
    // The server may have closed before it read all.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let waited = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!waited, "no end of the answers to\n{}", String::from_utf8_lossy(request));
    }
    let mut rest = bytes.as_slice();
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let length = length(rest);
        answers.push(http::parse(&rest[..length]));
        rest = &rest[length..];
    }
    answers
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Bytes of the first of several answers. One that announces a body after which the next answer begins at once has none: it
/// is for a HEAD.
fn length(bytes: &[u8]) -> usize {
    let Some(head) = end_of_head(bytes) else { return bytes.len() };
    let (first, after) = (http::parse(&bytes[..head]), &bytes[head..]);
    if matches!(first.status, 100..=199 | 204 | 304) || after.starts_with(b"HTTP/1.") {
        return head;
    }
    if let Some(length) = first.headers.get("content-length").and_then(|length| length.parse::<usize>().ok()) {
        return (head + length).min(bytes.len());
    }
    let chunked_end = after.windows(5).position(|window| window == b"0\r\n\r\n");
    let chunked = first.headers.contains_key("transfer-encoding");
    chunked_end.filter(|_| chunked).map_or(bytes.len(), |end| head + end + 5)
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn status(bytes: &[u8]) -> u16 {
    http::parse(bytes).status
}
