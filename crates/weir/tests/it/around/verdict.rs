//! Was something served that should not have been?

use std::io::Read as _;

use serde_json::Value;

use super::others;
use super::packages::{CANARY, Of, PUBLIC_URL};
use super::routes::{Kind, Route};
use crate::http::Answer;

/// What an answer to a request for something refused or private gives away; `None` if nothing.
pub fn given_away(of: Of, route: &Route, answer: &Answer) -> Option<String> {
    let kind = route.kind;
    let text = answer.text();
    let start: String = text.chars().take(80).collect();
    if answer.status >= 500 {
        return Some(format!("{} {}", answer.status, answer.phrase));
    }
    if matches!(answer.status, 301 | 302 | 307 | 308) && !answer.header("location").starts_with(PUBLIC_URL) {
        return Some(format!("it leads to {}", answer.header("location")));
    }
    if !is_success(answer) {
        let leaks = text.contains(CANARY)
            || answer.body.starts_with(b"PK")
            || [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"].iter().any(|magic| answer.body.starts_with(magic));
        return leaks.then(|| format!("the bytes come with {}", answer.status));
    }
    if !kind.is_index() || (of == Of::Private && kind == Kind::Page) {
        return Some(format!("{} with {} bytes: {start}", answer.status, answer.body.len()));
    }
    offers(route, answer).then(|| format!("a page that offers it: {start}"))
}

/// True if a client takes it for what it asked for.
pub const fn is_success(answer: &Answer) -> bool {
    matches!(answer.status, 200..=299 | 304)
}

/// True if a page offers a release.
pub fn offers(route: &Route, answer: &Answer) -> bool {
    if let Some(other) = others::of_path(&route.path) {
        return (other.offers)(&unpacked(&answer.body));
    }
    let text = answer.text();
    if answer.header("content-type").contains("html") {
        return text.matches("<a ").count() != text.matches("data-yanked").count();
    }
    if let Ok(json) = serde_json::from_slice::<Value>(&answer.body) {
        let versions = json["versions"].as_object().is_some_and(|versions| !versions.is_empty());
        let files = json["files"].as_array().is_some_and(|files| files.iter().any(|file| !file["yanked"].is_string()));
        let tags = json.as_object().is_some_and(|json| json.get("latest").is_some_and(Value::is_string));
        let line = json["yanked"] == Value::Bool(false);
        return versions || files || tags || line;
    }
    text.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["yanked"] == Value::Bool(false)))
}

/// The bytes as they were before they were packed, by their first ones.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let read = match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).ok(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::Decoder::new(bytes).and_then(|mut frame| frame.read_to_end(&mut out)).ok()
        }
        _ => None,
    };
    // Of a part of something packed, what can be read.
    if read.is_none() && out.is_empty() { bytes.to_vec() } else { out }
}
