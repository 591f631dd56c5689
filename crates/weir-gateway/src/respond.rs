//! How pages and bytes go out: codings, ranges, conditions.

use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use weir_core::registry::{Problem, Registry, Reply};

use crate::view::{Coding, PageBytes};

/// What allowed pages and artifacts say to caches: keep it for yourself, and ask each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// The header that carries a decision's id.
pub const DECISION: HeaderName = HeaderName::from_static("weir-decision");

/// The header that names the upstream that something is from, where an ecosystem has several.
pub const UPSTREAM: HeaderName = HeaderName::from_static("weir-upstream");
/// The header that tells why something may be out of date.
pub const STALE: HeaderName = HeaderName::from_static("weir-stale");
/// Longest reason in [`STALE`], in characters.
const MAX_STALE: usize = 200;

/// The best coding that `Accept-Encoding` takes: zstd, gzip, identity (RFC 9110 §12.5.3).
pub fn coding(headers: &HeaderMap) -> Coding {
    let mut best = Coding::Identity;
    for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for item in value.split(',') {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let refused = parts.any(|parameter| {
                parameter.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
            });
            match name {
                _ if refused => {}
                "zstd" => best = Coding::Zstd,
                "gzip" | "*" if best == Coding::Identity => best = Coding::Gzip,
                _ => {}
            }
        }
    }
    best
}

/// True if the client has the page already.
pub fn is_current(page: &PageBytes, headers: &HeaderMap) -> bool {
    matches_none(headers, &page.tag)
}

/// A page in `coding`, or 304.
pub fn page(page: &PageBytes, coding: Coding, headers: &HeaderMap) -> Response {
    let (mut response, coding) = if is_current(page, headers) {
        (status(StatusCode::NOT_MODIFIED, Body::empty()), coding)
    } else {
        let (coding, body) = page.coded(coding);
        let mut response = status(StatusCode::OK, Body::from(body));
        put_made(&mut response, header::CONTENT_TYPE, page.content_type.as_ref());
        if let Some(name) = coding.name() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        (response, coding)
    };
    put_made(&mut response, header::ETAG, page.etag(coding));
    response.headers_mut().insert(header::CACHE_CONTROL, REVALIDATE);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

/// True if the client has what `tag` marks already.
pub fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    matches_none(headers, tag)
}

/// The head of a page that is sent from a file; the caller adds what its body is.
pub fn whole(code: StatusCode, etag: &str, body: Body) -> Response {
    let mut response = status(code, body);
    put(&mut response, header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, REVALIDATE);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

/// True if `If-None-Match` names `tag` in any coding (RFC 9110 §13.1.2).
fn matches_none(headers: &HeaderMap, tag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|item| {
            let item = item.strip_prefix("W/").unwrap_or(item).trim_matches('"');
            item == "*" || item == tag || item.strip_prefix(tag).is_some_and(|rest| rest == "-gz" || rest == "-zst")
        })
    })
}

/// Which bytes of an artifact a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// All.
    Whole,
    /// Some.
    Part(Range<u64>),
    /// Bytes that are not there: 416.
    Nothing,
    /// What the client already has: 304.
    Unchanged,
}

/// Reads the conditions and the range of a request for `size` bytes tagged `tag` (RFC 9110 §13, §14). Several ranges are
/// answered with the whole, as the specification allows; a range means something only to GET.
pub fn asked(headers: &HeaderMap, head: bool, size: u64, tag: &str) -> Asked {
    if !tag.is_empty() && matches_none(headers, tag) {
        return Asked::Unchanged;
    }
    if head {
        return Asked::Whole;
    }
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Asked::Whole };
    if let Some(if_range) = headers.get(header::IF_RANGE).and_then(|value| value.to_str().ok())
        && if_range.trim().trim_matches('"') != tag
    {
        return Asked::Whole;
    }
    let Some(range) = range.trim().strip_prefix("bytes=") else { return Asked::Whole };
    let Some((first, last)) = range.split_once('-') else { return Asked::Whole };
    if range.contains(',') {
        return Asked::Whole;
    }
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.trim().is_empty() && suffix > 0 => size.saturating_sub(suffix)..size,
        (Err(_), Ok(0)) if first.trim().is_empty() => return Asked::Nothing,
        _ => return Asked::Whole,
    };
    if range.start >= size { Asked::Nothing } else { Asked::Part(range) }
}

/// The head of a response with an artifact's bytes; the caller gives the body.
pub fn artifact(
    asked: &Asked,
    size: u64,
    tag: Option<&str>,
    content_type: &str,
    decision: &str,
    body: Body,
) -> Response {
    let mut response = match asked {
        Asked::Whole => {
            let mut response = status(StatusCode::OK, body);
            put(&mut response, header::CONTENT_LENGTH, &size.to_string());
            response
        }
        Asked::Part(range) => {
            let mut response = status(StatusCode::PARTIAL_CONTENT, body);
            put(&mut response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
            let value = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
            put(&mut response, header::CONTENT_RANGE, &value);
            response
        }
        Asked::Nothing => {
            let mut response = status(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
            put(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            response
        }
        Asked::Unchanged => status(StatusCode::NOT_MODIFIED, Body::empty()),
    };
    if matches!(asked, Asked::Whole | Asked::Part(_)) {
        put(&mut response, header::CONTENT_TYPE, content_type);
    }
    if let Some(tag) = tag {
        put(&mut response, header::ETAG, &format!("\"{tag}\""));
    }
    put(&mut response, DECISION, decision);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Says that what is served may be out of date, and why. RFC 9111 §5.5 dropped `Warning`; the header is Weir's own.
pub fn stale(response: &mut Response, reason: Option<&str>) {
    let Some(reason) = reason else { return };
    let value: String = reason.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_STALE).collect();
    put(response, STALE, value.trim());
}

/// Says which of several upstreams it is from.
pub fn upstream(response: &mut Response, name: Option<&str>) {
    if let Some(name) = name {
        put(response, UPSTREAM, name);
    }
}

/// A registry's ready reply.
pub fn reply(reply: Reply) -> Response {
    let code = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status(code, Body::from(reply.body));
    put(&mut response, header::CONTENT_TYPE, &reply.content_type);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error or refusal in the client's dialect, with the line as the HTTP/1.1 reason phrase, which most clients print.
pub fn problem(registry: &dyn Registry, problem: &Problem) -> Response {
    told(registry.problem(problem), problem)
}

/// The same where the client's dialect is another for this request.
pub fn told(dialect: Reply, problem: &Problem) -> Response {
    let mut response = reply(dialect);
    if let Some((id, _)) = &problem.decision {
        put(&mut response, DECISION, id);
    }
    if let Ok(phrase) = hyper::ext::ReasonPhrase::try_from(problem.line.clone().into_bytes()) {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// A redirect to `location`.
pub fn redirect(location: &str) -> Response {
    let mut response = status(StatusCode::PERMANENT_REDIRECT, Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    put(&mut response, header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(code: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
}

fn put_made(response: &mut Response, name: HeaderName, value: Option<&HeaderValue>) {
    if let Some(value) = value {
        response.headers_mut().insert(name, value.clone());
    }
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_best_accepted_coding_is_taken() {
        for (value, expected) in [
            ("gzip, deflate", Coding::Gzip),
            ("gzip, zstd", Coding::Zstd),
            ("zstd;q=0, gzip;q=0.5", Coding::Gzip),
            ("identity", Coding::Identity),
            ("gzip;q=0", Coding::Identity),
        ] {
            assert_eq!(coding(&with(header::ACCEPT_ENCODING, value)), expected, "{value}");
        }
    }

    #[test]
    fn a_range_is_read_as_the_specification_says() {
        for (value, expected) in [
            ("bytes=0-9", Asked::Part(0..10)),
            ("bytes=90-", Asked::Part(90..100)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=9-1", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=1-2", Asked::Whole),
        ] {
            assert_eq!(asked(&with(header::RANGE, value), false, 100, "t"), expected, "{value}");
        }
    }

    #[test]
    fn a_tag_matches_in_every_coding() {
        for value in ["\"abc\"", "W/\"abc-gz\"", "\"x\", \"abc-zst\"", "*"] {
            assert!(matches_none(&with(header::IF_NONE_MATCH, value), "abc"), "{value}");
        }
        assert!(!matches_none(&with(header::IF_NONE_MATCH, "\"abcd\""), "abc"));
    }
}
