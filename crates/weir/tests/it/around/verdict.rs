//! Was something served that should not have been?

use serde_json::Value;

use super::packages::{CANARY, Of, PUBLIC_URL};
use super::routes::Kind;
use crate::http::Answer;

/// What an answer to a request for something refused or private gives away; `None` if nothing.
pub fn given_away(of: Of, kind: Kind, answer: &Answer) -> Option<String> {
    let text = answer.text();
    let start: String = text.chars().take(80).collect();
    if answer.status >= 500 {
        return Some(format!("{} {}", answer.status, answer.phrase));
    }
    if matches!(answer.status, 301 | 302 | 307 | 308) && !answer.header("location").starts_with(PUBLIC_URL) {
        return Some(format!("it leads to {}", answer.header("location")));
    }
    if !is_success(answer) {
        let leaks = text.contains(CANARY) || answer.body.starts_with(b"PK") || answer.body.starts_with(b"\x1f\x8b");
        return leaks.then(|| format!("the bytes come with {}", answer.status));
    }
    if of == Of::Private || kind != Kind::Page {
        return Some(format!("{} with {} bytes: {start}", answer.status, answer.body.len()));
    }
    offers(answer).then(|| format!("a page that offers it: {start}"))
}

/// True if a client takes it for what it asked for.
pub const fn is_success(answer: &Answer) -> bool {
    matches!(answer.status, 200..=299 | 304)
}

/// True if a page offers a release.
pub fn offers(answer: &Answer) -> bool {
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
