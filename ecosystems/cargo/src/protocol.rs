//! What cargo asks for, and what it shows.
//!
//! Specification: cargo book, "Registries", "Index format" and "Web API". cargo looks names up in lower case, but sends
//! the index's spelling to `dl`.

use percent_encoding::percent_decode_str;
use weir_core::ecosystem::Names as _;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

use crate::hosting;
use crate::name::{Crates, index_path};
use crate::version::Version;

/// The one form of page that there is.
pub const INDEX: &str = "index";

/// Bytes of an error's body that cargo prints.
const SHOWN: usize = 512;

/// Reads a path after `/{stage}/cargo/`.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    let segments = segments(request.path)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["api", "v1", "crates", rest @ ..] = segments.as_slice()
        && let Some(ask) = hosting::route(request.method, rest)
    {
        return ask;
    }
    if !matches!(request.method, Method::Get | Method::Head) {
        return Err(RouteError::MethodNotAllowed(String::from(
            "crates are published, yanked and given owners under api/v1/crates/; all else is read",
        )));
    }
    match segments.as_slice() {
        ["config.json"] => Ok(Ask::Reply(config(request.base, request.token))),
        ["dl", name, version, "download"] => {
            let package = Crates.parse(name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
            Version::parse(version).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
            Ok(Ask::Artifact { package, which: Which::Version((*version).to_owned()), part: Part::Whole })
        }
        ["api", "v1", "crates"] => Err(RouteError::NotFound(String::from(
            "this registry does not search: use https://crates.io, or `cargo search --registry crates-io`",
        ))),
        // `me` alone: what begins with it is the index of memchr and its like, while no prefix is as long as `api`.
        ["api", ..] | ["me"] => {
            Err(RouteError::NotFound(String::from("this registry has an index and downloads alone")))
        }
        [.., name] => {
            let package = Crates.parse(name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
            let path = index_path(&package);
            if segments.join("/").to_ascii_lowercase() != path {
                return Err(RouteError::NotFound(format!("the index file of `{package}` is `{path}`")));
            }
            Ok(Ask::Index { package, form: Form::whole(INDEX) })
        }
        [] => Err(RouteError::NotFound(String::from("this is a sparse index for cargo; it begins at config.json"))),
    }
}

/// The path's segments, each decoded once. None may be empty or hold what could be part of another path.
fn segments(path: &str) -> Result<Vec<String>, RouteError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let bad = || RouteError::NotFound(String::from("no such path in a sparse index"));
    path.split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| bad())?;
            let fine = !decoded.is_empty()
                && decoded
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+'))
                && !matches!(&*decoded, "." | "..");
            if fine { Ok(decoded.into_owned()) } else { Err(bad()) }
        })
        .collect()
}

/// cargo asks without its token first. Only if `auth-required` is said here does it show the token with what comes after.
fn config(base: &str, token: bool) -> Reply {
    let mut config = serde_json::json!({ "dl": format!("{base}/dl"), "api": base });
    if token {
        config["auth-required"] = true.into();
    }
    Reply::json(200, &config)
}

/// An error as cargo prints it: the body as text, of which it shows the first 512 bytes. So the line comes first, then as
/// much of the detail as there is room for, and last the address, whole.
pub fn problem(problem: &Problem) -> Reply {
    let first = if problem.line.is_empty() { problem.title.as_str() } else { problem.line.as_str() };
    let address = problem.decision.as_ref().map(|(_, address)| address.as_str());
    let address = address.filter(|address| address.len() < SHOWN / 2 && !first.contains(address));
    let room = SHOWN - 1 - address.map_or(0, |address| address.len() + 1);
    let mut body = cut(first, room).to_owned();
    for line in problem.detail.lines().map(str::trim_end) {
        if line.is_empty() || line == first || Some(line) == address {
            continue;
        }
        if body.len() + 1 + line.len() > room {
            // A line that is cut is better than none, but not two words of it.
            let left = room.saturating_sub(body.len() + 1);
            if left >= SHOWN / 8 {
                body.push('\n');
                body.push_str(cut(line, left));
            }
            break;
        }
        body.push('\n');
        body.push_str(line);
    }
    if let Some(address) = address {
        body.push('\n');
        body.push_str(address);
    }
    body.push('\n');
    Reply::text(problem.status, body)
}

/// As much of a text as fits.
fn cut(text: &str, room: usize) -> &str {
    &text[..text.floor_char_boundary(room)]
}

/// What makes cargo ask Weir in the place of crates.io. Lock files stay as they are: they name the replaced source.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    [
        String::from("# in .cargo/config.toml"),
        String::from("[source.crates-io]"),
        String::from("replace-with = \"weir\""),
        String::from("[source.weir]"),
        format!("registry = \"sparse+{base}/\""),
    ]
    .into_iter()
    .map(|line| ("cargo", line))
    .collect()
}
