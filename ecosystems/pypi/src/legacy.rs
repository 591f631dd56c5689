//! Versions from before PEP 440, such as `0.7.11p1` and `2004d`.
//!
//! Specification: `LegacyVersion` of setuptools and of packaging before 22, which PyPI and OSV order them by. pip does not
//! install such releases any more, but advisories name them. All of them come before every version of PEP 440.

use weir_core::ecosystem::SortKey;

/// The key of such a version. `None` for what never was one: it begins with a digit or `-`, and has letters, digits and
/// `.`, `-`, `_`, `:`, `+`.
pub(crate) fn sort_key(version: &str) -> Option<SortKey> {
    let version = version.trim().to_ascii_lowercase();
    if !is_plausible(&version) {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for part in runs(&version).chain(["final"]) {
        let part = match part {
            "pre" | "preview" | "rc" => "c",
            "-" => "final-",
            "dev" => "@",
            part => part,
        };
        if part.starts_with(|first: char| first.is_ascii_digit()) {
            parts.push(format!("{part:0>8}"));
            continue;
        }
        let word = format!("*{part}");
        // A `-` before what announces says nothing, nor do zeros at the end of numbers.
        while word.as_str() < "*final" && parts.last().is_some_and(|last| last == "*final-") {
            parts.pop();
        }
        while parts.last().is_some_and(|last| last == "00000000") {
            parts.pop();
        }
        parts.push(word);
    }
    // No key of PEP 440 begins with 0.
    let mut key = vec![0];
    for part in parts {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    Some(SortKey::from_bytes(key))
}

fn is_plausible(version: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:+".contains(&byte);
    let plus = version.split_once('+');
    version.len() <= crate::version::MAX_LENGTH
        && version.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && version.bytes().all(is_known)
        && !version.contains("..")
        && plus.is_none_or(|(_, local)| !local.contains('+') && local.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Runs of digits, of letters, and each `-` and other sign by itself; dots are left out.
fn runs(version: &str) -> impl Iterator<Item = &str> {
    let mut rest = version;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('.');
        let first = rest.bytes().next()?;
        let like = |byte: u8| {
            first.is_ascii_digit() && byte.is_ascii_digit() || first.is_ascii_alphabetic() && byte.is_ascii_alphabetic()
        };
        let end = rest.bytes().position(|byte| !like(byte)).unwrap_or(rest.len()).max(1);
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}
