//! What the go command asks for, and what it shows.
//!
//! Specification: the Go modules reference, "Module proxy" and "Checksum database"; `go help goproxy`. What is shown of an
//! error: `cmd/go/internal/web`.

use percent_encoding::percent_decode_str;
use weir_core::PackageName;
use weir_core::ecosystem::Names as _;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

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

/// Lines of an error that the go command shows.
const SHOWN_LINES: usize = 8;
/// Characters of a line, so that it shows none in part.
const SHOWN_WIDTH: usize = 78;
/// Longest branch, tag or revision that is asked about, in bytes.
pub const MAX_QUERY: usize = 200;

/// Reads a path after `/{stage}/go/`.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return Err(RouteError::MethodNotAllowed(String::from("a module proxy is read only")));
    }
    let absent = || RouteError::NotFound(String::from("a module proxy has no such path"));
    let path = percent_decode_str(request.path).decode_utf8().map_err(|_| absent())?;
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
