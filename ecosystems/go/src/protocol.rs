//! What the go command asks for, and what it shows.
//!
//! Specification: the Go modules reference, "Module proxy" and "Checksum database"; `go help goproxy`. What is shown of an
//! error: `cmd/go/internal/web`.

use percent_encoding::percent_decode_str;
use weir_core::PackageName;
use weir_core::ecosystem::Names as _;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Relay, Reply, Request, RouteError, Which};

use crate::hosting;
use crate::index::wanted;
use crate::name::{Paths, unescape};
use crate::version::Version;

/// The versions that there are, a line each.
pub const LIST: &str = "list";
/// What is known of one version, as JSON.
pub const INFO: &str = "info";
/// The `go.mod` file of one version.
pub const MOD: &str = "mod";
/// What is known of the latest version.
pub const LATEST: &str = "latest";

/// The media type of text.
const TEXT: &str = "text/plain; charset=utf-8";

/// Lines of an error that the go command shows.
const SHOWN_LINES: usize = 8;
/// Characters of a line, so that it shows none in part.
const SHOWN_WIDTH: usize = 78;
/// Longest branch, tag or revision that is asked about, in bytes.
pub const MAX_QUERY: usize = 200;

/// Reads a path after `/{stage}/go/`.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    let is_put = request.method == Method::Put;
    if !is_put && !matches!(request.method, Method::Get | Method::Head) {
        return Err(RouteError::MethodNotAllowed(String::from(
            "modules are fetched with GET and published with PUT; what is published stays",
        )));
    }
    let absent = || RouteError::NotFound(String::from("a module proxy has no such path"));
    let path = percent_decode_str(request.path).decode_utf8().map_err(|_| absent())?;
    if is_put {
        return published(&path);
    }
    if let Some(path) = path.strip_prefix("sumdb/") {
        return database(path).map(Ask::Relay).ok_or_else(absent);
    }
    if let Some(path) = path.strip_suffix("/@latest") {
        return Ok(Ask::Index { package: package(path)?, form: Form::whole(LATEST) });
    }
    let (path, file) = path.split_once("/@v/").ok_or_else(absent)?;
    let package = package(path)?;
    if file == "list" {
        return Ok(Ask::Index { package, form: Form::whole(LIST) });
    }
    let (version, kind) = file.rsplit_once('.').ok_or_else(absent)?;
    let version = unescape(version).filter(|version| is_query(version)).ok_or_else(absent)?;
    let is_release = is_release(&package, &version);
    match kind {
        "info" => Ok(Ask::Index { package, form: Form { kind: INFO, detail: Some(version) } }),
        "mod" if is_release => Ok(Ask::Index { package, form: Form { kind: MOD, detail: Some(version) } }),
        "zip" if is_release => {
            Ok(Ask::Artifact { package, which: Which::File(format!("{version}.zip")), part: Part::Whole })
        }
        "mod" | "zip" => {
            let problem = format!("`{version}` is no version of `{package}`; ask for its .info first");
            Err(RouteError::NotFound(problem))
        }
        _ => Err(absent()),
    }
}

/// What is put: a version's zip, and nothing else.
fn published(path: &str) -> Result<Ask, RouteError> {
    let no =
        || RouteError::MethodNotAllowed(String::from("a module is published by a PUT of {module}/@v/{version}.zip"));
    let (path, file) = path.split_once("/@v/").ok_or_else(no)?;
    let version = file.strip_suffix(".zip").and_then(unescape).ok_or_else(no)?;
    let package = package(path)?;
    if !is_release(&package, &version) {
        return Err(RouteError::BadRequest(format!(
            "`{version}` is no version that `{package}` can have: write v1.2.3, and for v2 and above end the path in /v2"
        )));
    }
    Ok(hosting::route(package, version))
}

/// A file of a checksum database, which the go command verifies by itself.
fn database(path: &str) -> Option<Relay> {
    let (name, file) = path.split_once('/')?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if name.is_empty() || name.len() > MAX_QUERY || name.starts_with('.') || !name.bytes().all(fine) {
        return None;
    }
    let relay =
        |lasting, content_type, about| Relay { wanted: wanted(format!("sumdb/{path}")), lasting, content_type, about };
    match file.split_once('/') {
        None if matches!(file, "supported" | "latest") => Some(relay(false, TEXT, None)),
        Some(("lookup", module)) => {
            let (path, version) = module.split_once('@')?;
            let (package, version) = (package(path).ok()?, unescape(version)?);
            is_release(&package, &version).then(|| relay(true, TEXT, Some(package)))
        }
        Some(("tile", tile)) if is_tile(tile) => Some(relay(true, "application/octet-stream", None)),
        _ => None,
    }
}

/// True for `{height}/{level or data}/x001/x234/067` and `….p/{width}`.
fn is_tile(tile: &str) -> bool {
    let number =
        |text: &str, digits| (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (tile, part) = tile.split_once(".p/").map_or((tile, None), |(tile, part)| (tile, Some(part)));
    let mut parts = tile.split('/');
    let (height, level) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let groups: Vec<&str> = parts.collect();
    let Some((last, groups)) = groups.split_last() else { return false };
    let is_group = |text: &str| text.len() == 3 && number(text, 3);
    number(height, 2)
        && (level == "data" || number(level, 2))
        && groups.len() <= 6
        && groups.iter().all(|group| group.strip_prefix('x').is_some_and(is_group))
        && is_group(last)
        && part.is_none_or(|part| number(part, 3))
}

fn package(escaped: &str) -> Result<PackageName, RouteError> {
    let absent =
        || RouteError::NotFound(String::from("this is no module path as addresses have it: `A` is `!a` there"));
    let path = unescape(escaped).ok_or_else(absent)?;
    Paths.parse(&path).map_err(|invalid| RouteError::NotFound(invalid.to_string()))
}

/// True if `version` is canonical and one that a module of this path can have.
pub fn is_release(package: &PackageName, version: &str) -> bool {
    Version::parse(version).is_ok_and(|version| version.fits(package.as_str()))
}

/// True if `text` may stand for a version: one, or a branch, tag or revision. They become parts of addresses.
fn is_query(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'~');
    (1..=MAX_QUERY).contains(&text.len()) && text.bytes().all(fine) && !text.starts_with('.')
}

/// An error as the go command prints it: text of at most 8 short lines, up to the first empty one, and nothing at all if a
/// character is not graphic. The address that explains a refusal is the last line, whole.
pub fn problem(problem: &Problem) -> Reply {
    let first = if problem.line.is_empty() { problem.title.as_str() } else { problem.line.as_str() };
    let address = problem.decision.as_ref().map(|(_, address)| address.as_str());
    // Two addresses of one decision would take the room of its reasons.
    let first = address.and_then(|address| first.strip_suffix(&format!("; see {address}"))).unwrap_or(first);
    let mut lines = Vec::new();
    wrap(first, &mut lines);
    for line in problem.detail.lines().filter(|line| *line != first) {
        if address.is_none_or(|address| !line.ends_with(address)) {
            wrap(line, &mut lines);
        }
    }
    lines.truncate(SHOWN_LINES - usize::from(address.is_some()));
    lines.extend(address.map(ascii));
    Reply::text(problem.status, format!("{}\n", lines.join("\n")))
}

/// Breaks a text between words into lines.
fn wrap(text: &str, lines: &mut Vec<String>) {
    let mut line = String::new();
    for word in ascii(text).split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.len() + 1 + word.len() > SHOWN_WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word[..word.len().min(SHOWN_WIDTH)]);
    }
    if !line.is_empty() {
        lines.push(line);
    }
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// What makes the go command ask Weir alone. Without `,direct` after it, nothing is fetched past it.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    vec![("go", format!("go env -w GOPROXY={base}"))]
}
