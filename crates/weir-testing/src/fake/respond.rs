//! How a [`FakeResponse`] becomes bytes: conditional requests, ranges, codings, faults.

use std::io;
use std::io::Write as _;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

use super::{FakeResponse, Fault, Seen};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How much is sent at once.
const CHUNK: usize = 16 * 1024;

pub(super) fn render(response: &FakeResponse, seen: &Seen) -> Response<Body> {
    let mut builder = Response::builder();
    if let Some(etag) = &response.etag {
        builder = builder.header("ETag", etag);
    }
    if let Some(date) = &response.last_modified {
        builder = builder.header("Last-Modified", date);
    }
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    if response.status == 200 && is_current(response, seen) {
        return builder.status(304).body(whole(Bytes::new())).unwrap();
    }
    if let Some(content_type) = &response.content_type {
        builder = builder.header("Content-Type", content_type);
    }

    let mut status = response.status;
    let mut body = response.body.clone();
    if response.gzip && seen.header("accept-encoding").is_some_and(|codings| codings.contains("gzip")) {
        builder = builder.header("Content-Encoding", "gzip");
        body = gzip(&body);
    } else if status == 200 {
        builder = builder.header("Accept-Ranges", "bytes");
        match seen.header("range").map(|range| asked_range(range, body.len())) {
            Some(Some(range)) => {
                status = 206;
                let of = format!("bytes {}-{}/{}", range.start, range.end - 1, body.len());
                builder = builder.header("Content-Range", of);
                body = body.slice(range);
            }
            Some(None) => {
                let of = format!("bytes */{}", body.len());
                return builder.status(416).header("Content-Range", of).body(whole(Bytes::new())).unwrap();
            }
            None => {}
        }
    }
    if response.fault == Some(Fault::WrongBytes) {
        body = wrong(&body);
    }

    let length = match response.fault {
        Some(Fault::ClaimLength(claimed)) => Some(claimed),
        Some(Fault::Endless) => None,
        _ => (!response.chunked).then_some(body.len() as u64),
    };
    if let Some(length) = length {
        builder = builder.header("Content-Length", length);
    }
    let body = if seen.method == "HEAD" { whole(Bytes::new()) } else { sent(response.fault.as_ref(), body) };
    builder.status(StatusCode::from_u16(status).unwrap()).body(body).unwrap()
}

fn is_current(response: &FakeResponse, seen: &Seen) -> bool {
    // RFC 9110 §13.1.3: If-Modified-Since counts only without If-None-Match.
    match seen.header("if-none-match") {
        Some(tags) => response.etag.as_deref().is_some_and(|etag| tags.split(',').any(|tag| tag.trim() == etag)),
        None => {
            response.last_modified.is_some() && seen.header("if-modified-since") == response.last_modified.as_deref()
        }
    }
}

/// `bytes=1-2`, `bytes=1-`, `bytes=-2`; `None` if it cannot be satisfied.
fn asked_range(range: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(first), Some(last)) => first..last.saturating_add(1).min(length),
        (Some(first), None) => first..length,
        (None, Some(count)) => length.saturating_sub(count)..length,
        (None, None) => return None,
    };
    (range.start < range.end).then_some(range)
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut gz = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap().into()
}

fn wrong(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(middle) = bytes.len().checked_sub(1).map(|last| last / 2) {
        bytes[middle] ^= 1;
    }
    bytes.into()
}

fn sent(fault: Option<&Fault>, body: Bytes) -> Body {
    let chunks = chunks(&body, CHUNK);
    match fault {
        Some(Fault::Stall { after }) => {
            let start = self::chunks(&body.slice(..(*after).min(body.len())), CHUNK);
            streamed(start.chain(stream::pending()).boxed())
        }
        Some(Fault::Cut { after }) => {
            let start = self::chunks(&body.slice(..(*after).min(body.len())), CHUNK);
            streamed(start.chain(broken()).boxed())
        }
        // What is left out is missed when the connection is closed; what is too much is not sent.
        Some(Fault::ClaimLength(claimed)) if *claimed > body.len() as u64 => streamed(chunks.chain(broken()).boxed()),
        Some(Fault::Endless) => {
            let body = if body.is_empty() { Bytes::from_static(&[0]) } else { body };
            let body = Bytes::from(body.repeat(CHUNK.div_ceil(body.len())));
            streamed(stream::repeat_with(move || Ok(body.clone())).boxed())
        }
        Some(Fault::Drip(pause)) => {
            let pause = *pause;
            let slow = self::chunks(&body, 1).then(move |byte| async move {
                tokio::time::sleep(pause).await;
                byte
            });
            streamed(slow.boxed())
        }
        _ => streamed(chunks.boxed()),
    }
}

fn chunks(body: &Bytes, size: usize) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + use<> {
    let body = body.clone();
    stream::iter((0..body.len()).step_by(size)).map(move |at| Ok(body.slice(at..(at + size).min(body.len()))))
}

/// The end of a connection, once what was sent before has arrived.
fn broken() -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::other("cut, as the test wants"))
    })
}

fn whole(body: Bytes) -> Body {
    streamed(stream::iter((!body.is_empty()).then_some(Ok(body))).boxed())
}

fn streamed(chunks: BoxStream<'static, io::Result<Bytes>>) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}
