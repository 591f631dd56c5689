//! What would one rather know before an artifact of one's own is published?
//!
//! Nothing here says that an artifact is bad: each note is something that people regret later and cannot take back, for what
//! was published may have been fetched. Secrets are found by the shapes that their makers gave them, so that few are
//! missed and fewer texts are taken for one; a match is never repeated in full.

use std::cell::RefCell;
use std::io;

use weir_archive::{ArchiveError, Limits};
use weir_core::registry::{Container, Declared, Registry};

use crate::ReadSeek;

/// Entries of an artifact that are listed.
pub const MAX_LISTED: usize = 10_000;
/// Notes of one kind that are told one by one.
pub const MAX_NOTES: usize = 10;
/// Bytes of one entry that is looked through for secrets; of a larger one it is said that it was not.
pub const MAX_SCANNED_ENTRY: u64 = 16 << 20;
/// Bytes of all entries of an artifact that are looked through for secrets.
pub const MAX_SCANNED: u64 = 512 << 20;
/// An artifact above this is told to be large, in bytes.
pub const LARGE: u64 = 100 << 20;

/// The codes of notes, with what each says.
pub const CODES: [(&str, &str); 7] = [
    ("secret", "it holds what has the shape of a private key or of a token"),
    ("private-file", "it holds a file that is for one machine or person alone"),
    ("license", "it declares no licence"),
    ("source", "it tells no address of its source"),
    ("install-script", "installing it runs code of its own"),
    ("size", "it is large"),
    ("lookalike", "its name could be mistaken for a well-known one"),
];

/// Something that one would rather know.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// One of [`CODES`], or `not-scanned`.
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub text: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// What a look at an artifact gives.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Preflight {
    /// Paths inside, in the archive's order, at most [`MAX_LISTED`].
    pub paths: Vec<String>,
    /// Number of bytes.
    pub size: u64,
    /// What one would rather know.
    pub notes: Vec<Note>,
}

/// What the upload itself states beside the artifact.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stated {
    /// A licence.
    pub license: bool,
    /// The address of the source.
    pub source: bool,
}

/// Looks an artifact over. `declared` is what the inspection found that it declares.
pub fn preflight(
    registry: &dyn Registry,
    file: &str,
    bytes: &mut dyn ReadSeek,
    declared: &Declared,
    stated: Stated,
) -> io::Result<Preflight> {
    let mut out = Preflight { size: bytes.seek(io::SeekFrom::End(0))?, ..Preflight::default() };
    bytes.rewind()?;
    if let Some(inspection) = registry.inspection(file) {
        look_inside(inspection.container, bytes, &mut out)?;
    }
    let mut note = |code: &'static str, text: String| out.notes.push(Note { code, text });
    if !stated.license && declared.license.as_ref().is_none_or(|(text, _)| text.trim().is_empty()) {
        note("license", format!("{file} declares no licence"));
    }
    if !stated.source && !has_source(declared) {
        note("source", format!("{file} tells no address of its source (repository)"));
    }
    if let Some(scripts) = declared.said.get("scripts").and_then(|scripts| scripts.as_object()) {
        let names: Vec<&str> = scripts.keys().map(String::as_str).take(MAX_NOTES).collect();
        note("install-script", format!("installing {file} runs {}", names.join(", ")));
    }
    if out.size > LARGE {
        let size = out.size;
        out.notes.push(Note { code: "size", text: format!("{file} has {size} bytes") });
    }
    Ok(out)
}

fn look_inside(container: Container, bytes: &mut dyn ReadSeek, out: &mut Preflight) -> io::Result<()> {
    let limits = Limits { picked_bytes: MAX_SCANNED_ENTRY, picked_total_bytes: MAX_SCANNED, ..Limits::DEFAULT };
    let paths = RefCell::new(Vec::new());
    let pick = |path: &str| {
        let mut paths = paths.borrow_mut();
        if paths.len() < MAX_LISTED {
            paths.push(path.to_owned());
        }
        true
    };
    let mut secrets = Vec::new();
    let mut visit = |path: &str, bytes: Vec<u8>| {
        if secrets.len() <= MAX_NOTES
            && let Some((what, line)) = secret(&bytes)
        {
            secrets.push(Note { code: "secret", text: format!("`{}` line {line} holds {what}", shown(path)) });
        }
    };
    let outcome = match container {
        Container::Zip => weir_archive::visit_zip(bytes, &limits, &pick, &mut visit),
        Container::TarGz => weir_archive::visit_tar_gz(bytes, &limits, &pick, &mut visit),
        Container::TarBz2 => weir_archive::visit_tar_bz2(bytes, &limits, &pick, &mut visit),
        Container::Conda => weir_archive::visit_conda(bytes, &limits, &pick, &mut visit),
        Container::Plain => return Ok(()),
    };
    out.paths = paths.into_inner();
    out.notes.append(&mut secrets);
    match outcome {
        Ok(summary) => out.notes.extend(summary.partial.map(|problem| Note {
            code: "not-scanned",
            text: format!("not all of it was looked through for secrets: {problem}"),
        })),
        Err(ArchiveError::Io(error)) => return Err(error),
        Err(ArchiveError::Invalid(problem) | ArchiveError::Limit(problem)) => out.notes.push(Note {
            code: "not-scanned",
            text: format!("not all of it was looked through for secrets: {problem}"),
        }),
    }
    let private = out.paths.iter().filter(|path| is_private(path)).take(MAX_NOTES);
    let private: Vec<Note> = private
        .map(|path| Note { code: "private-file", text: format!("`{}` is for one machine or person", shown(path)) })
        .collect();
    out.notes.extend(private);
    Ok(())
}

fn shown(path: &str) -> String {
    path.chars().take(200).flat_map(char::escape_debug).collect()
}

/// True if what an artifact declares has the address of its source.
fn has_source(declared: &Declared) -> bool {
    ["repository", "project-url", "home-page", "homepage"].iter().any(|key| {
        declared.said.get(*key).is_some_and(|value| match value {
            serde_json::Value::String(text) => !text.trim().is_empty(),
            serde_json::Value::Array(items) => !items.is_empty(),
            serde_json::Value::Object(fields) => !fields.is_empty(),
            _ => false,
        })
    })
}

/// Files that nobody means to publish.
fn is_private(path: &str) -> bool {
    let mut segments = path.split('/');
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let named = matches!(
        name.as_str(),
        ".env"
            | ".npmrc"
            | ".pypirc"
            | ".netrc"
            | ".htpasswd"
            | "id_rsa"
            | "id_ed25519"
            | "id_ecdsa"
            | "credentials.toml"
    );
    named || segments.any(|segment| matches!(segment, ".git" | ".ssh" | ".aws" | ".gnupg"))
}

/// How a secret looks: what it is, how it begins, which characters follow, and how many of them at least.
struct Shape {
    what: &'static str,
    prefix: &'static [u8],
    follows: fn(u8) -> bool,
    least: usize,
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const SHAPES: [Shape; 13] = [
    Shape { what: "an AWS access key", prefix: b"AKIA", follows: upper, least: 16 },
    Shape { what: "a GitHub token", prefix: b"ghp_", follows: word, least: 36 },
    Shape { what: "a GitHub token", prefix: b"gho_", follows: word, least: 36 },
    Shape { what: "a GitHub token", prefix: b"ghs_", follows: word, least: 36 },
    Shape { what: "a GitHub token", prefix: b"github_pat_", follows: word, least: 60 },
    Shape { what: "a GitLab token", prefix: b"glpat-", follows: dashed, least: 20 },
    Shape { what: "an npm token", prefix: b"npm_", follows: word, least: 36 },
    Shape { what: "a PyPI token", prefix: b"pypi-AgE", follows: dashed, least: 50 },
    Shape { what: "a Slack token", prefix: b"xoxb-", follows: dashed, least: 20 },
    Shape { what: "a Slack token", prefix: b"xoxp-", follows: dashed, least: 20 },
    Shape { what: "a Stripe key", prefix: b"sk_live_", follows: word, least: 20 },
    Shape { what: "a Google API key", prefix: b"AIza", follows: dashed, least: 35 },
    Shape { what: "a token of Weir", prefix: b"weir_", follows: word, least: 77 },
];

/// The first secret in some bytes: what it is, and in which line.
fn secret(bytes: &[u8]) -> Option<(&'static str, usize)> {
    let line = |at: usize| 1 + bytes.get(..at).map_or(0, |before| before.iter().filter(|byte| **byte == b'\n').count());
    if let Some(at) = private_key(bytes) {
        return Some(("a private key", line(at)));
    }
    // One pass: most bytes begin nothing.
    let mut at = 0;
    let mut before = b' ';
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.first().copied().unwrap_or_default();
        if matches!(first, b'A' | b'g' | b'n' | b'p' | b'x' | b's' | b'w') && !word(before) {
            for shape in &SHAPES {
                if let Some(body) = rest.strip_prefix(shape.prefix)
                    && body.iter().take_while(|byte| (shape.follows)(**byte)).count() >= shape.least
                {
                    return Some((shape.what, line(at)));
                }
            }
        }
        before = first;
        at += 1;
    }
    None
}

/// Where a PEM block of a private key begins that has something in it: its header alone is what programs look for.
fn private_key(bytes: &[u8]) -> Option<usize> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"PRIVATE KEY-----";
    /// Characters of a key that a header must be followed by.
    const LEAST: usize = 64;
    let mut from = 0;
    while let Some(found) = find(bytes.get(from..)?, BEGIN) {
        let at = from + found;
        let rest = bytes.get(at + BEGIN.len()..)?;
        let head = rest.get(..rest.len().min(48)).unwrap_or_default();
        if let Some(end) = find(head, END) {
            let body = rest.get(end + END.len()..).unwrap_or_default();
            let base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            let blank = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | b'\\' | b'"');
            let length = body.iter().filter(|byte| !blank(byte)).take_while(base64).take(LEAST).count();
            if length >= LEAST {
                return Some(at);
            }
        }
        from = at + BEGIN.len();
    }
    None
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(part) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_shapes() {
        let key = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END", "b3Bl".repeat(20));
        for (text, expected) in [
            (key.as_str(), Some(("a private key", 1))),
            ("x\ntoken = \"ghp_0123456789abcdefghijABCDEFGHIJ012345\"", Some(("a GitHub token", 2))),
            ("AKIAIOSFODNN7EXAMPLE", Some(("an AWS access key", 1))),
            // The header alone is in every program that reads keys.
            ("if text.contains(\"-----BEGIN RSA PRIVATE KEY-----\") { return }", None),
            ("ghp_short", None),
            ("xghp_0123456789abcdefghijABCDEFGHIJ012345", None),
            ("-----BEGIN PUBLIC KEY-----", None),
            ("", None),
        ] {
            assert_eq!(secret(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn files_that_are_nobodys_business_are_told() {
        for (path, private) in [
            ("package/.npmrc", true),
            ("x-1.0/.git/config", true),
            ("x/ID_RSA", true),
            ("package/index.js", false),
            ("x/git/config", false),
            ("x/.github/workflows/ci.yml", false),
        ] {
            assert_eq!(is_private(path), private, "{path}");
        }
    }
}
