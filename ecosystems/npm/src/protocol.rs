//! Request path → what is asked; refusal → what npm prints.
//!
//! A path is split first and each segment percent-decoded exactly once, so an encoded slash never makes a new segment;
//! the one place for it is the scope of a package, which npm sends as `@scope%2fname`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;
use weir_core::PackageName;
use weir_core::ecosystem::Names as _;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

use crate::hosting;
use crate::name::Npm;
use crate::packument::is_file;

/// The whole packument, `application/json`.
pub const FULL: &str = "full";
/// What an installer needs, `application/vnd.npm.install-v1+json`.
pub const ABBREVIATED: &str = "abbreviated";
/// One manifest; the form's detail is a version or a tag.
pub const VERSION: &str = "version";
/// Versions by tag.
pub const DIST_TAGS: &str = "dist-tags";

/// Longest path, in bytes.
pub const MAX_PATH: usize = 2048;

/// Longest query that is handed on, in bytes.
pub const MAX_QUERY: usize = 2048;

/// Longest version or tag, in bytes.
pub const MAX_DETAIL: usize = 256;

/// What a request asks for.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    if request.path.len() > MAX_PATH {
        return Err(not_found());
    }
    let segments = request.path.split('/').map(segment).collect::<Result<Vec<_>, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["-", rest @ ..] = segments.as_slice()
        && !matches!(rest, [] | ["-", ..])
    {
        return endpoint(request, rest);
    }
    let (package, rest) = package(&segments)?;
    if !matches!(request.method, Method::Get | Method::Head) {
        return hosting::route(request.method, package, rest).map(Ask::Write);
    }
    match rest {
        [] => Ok(Ask::Index { package, form: Form::whole(preferred(request.accept)) }),
        ["-", scope @ .., file] if is_own_scope(scope, file, &package) => {
            let file = file.rsplit('/').next().unwrap_or(file);
            if !is_file(file) {
                return Err(not_found());
            }
            Ok(Ask::Artifact { package, which: Which::File(file.to_owned()), part: Part::Whole })
        }
        [detail] if *detail != "-" && is_detail(detail) => {
            Ok(Ask::Index { package, form: Form { kind: VERSION, detail: Some((*detail).to_owned()) } })
        }
        _ => Err(not_found()),
    }
}

/// What lies under `-/`.
fn endpoint(request: &Request<'_>, path: &[&str]) -> Result<Ask, RouteError> {
    let reads = matches!(request.method, Method::Get | Method::Head);
    match path {
        ["npm", "v1", "security", "advisories", "bulk"] => match request.method {
            Method::Post => Ok(Ask::Audit),
            _ => Err(RouteError::MethodNotAllowed(String::from("audits are asked by POST"))),
        },
        ["npm", "v1", "security", "audits", ..] => Err(RouteError::NotFound(String::from(
            "Weir answers audits at /-/npm/v1/security/advisories/bulk, which npm 7 and later ask",
        ))),
        ["package", rest @ ..] if !reads => match package(rest)? {
            (package, ["dist-tags", tag]) => hosting::route_tag(request.method, package, tag).map(Ask::Write),
            _ => Err(read_only(request.method)),
        },
        _ if !reads => Err(read_only(request.method)),
        ["ping"] => Ok(Ask::Reply(Reply::json(200, &json!({})))),
        ["whoami"] => Ok(Ask::Whoami),
        ["v1", "search"] => Ok(Ask::Forward(with_query("-/v1/search", request.query)?)),
        ["npm", "v1", "keys"] => Ok(Ask::Forward(String::from("-/npm/v1/keys"))),
        ["npm", "v1", "attestations", release @ ..] => {
            let release = release.join("/");
            let (name, version) =
                release.rsplit_once('@').filter(|(_, version)| is_detail(version)).ok_or_else(not_found)?;
            let package = Npm.parse(name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
            Ok(Ask::Artifact { package, which: Which::Version(version.to_owned()), part: Part::Provenance })
        }
        ["package", rest @ ..] => match package(rest)? {
            (package, ["dist-tags"]) => Ok(Ask::Index { package, form: Form::whole(DIST_TAGS) }),
            _ => Err(not_found()),
        },
        _ => Err(not_found()),
    }
}

/// Decodes one segment.
fn segment(raw: &str) -> Result<String, RouteError> {
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| not_found())?;
    let whole = match text.strip_prefix('@') {
        // `@scope%2fname`, also as in `@scope%2fname@1.0.0`
        Some(scoped) => scoped.split('/').count() <= 2 && scoped.split('/').all(is_plain),
        None => !text.contains('/') && is_plain(&text),
    };
    if whole { Ok(text.into_owned()) } else { Err(not_found()) }
}

fn is_plain(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['\\', '%']) && !text.contains(char::is_control)
}

/// Splits off the package that a path begins with.
fn package<'s>(segments: &'s [&'s str]) -> Result<(PackageName, &'s [&'s str]), RouteError> {
    let (name, rest) = match segments {
        [scope, name, rest @ ..] if scope.starts_with('@') && !scope.contains('/') => (format!("{scope}/{name}"), rest),
        [name, rest @ ..] => ((*name).to_owned(), rest),
        [] => return Err(not_found()),
    };
    let package = Npm.parse(&name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
    Ok((package, rest))
}

/// True if what stands between `-` and the file name is nothing, or the package's own scope: some registries repeat it,
/// and lockfiles keep it.
fn is_own_scope(between: &[&str], file: &str, package: &PackageName) -> bool {
    let own = crate::name::split(package.as_str()).0;
    match (between, file.rsplit_once('/')) {
        ([], None) => true,
        ([scope], None) => own == Some(*scope),
        ([], Some((scope, _))) => own == Some(scope),
        _ => false,
    }
}

fn is_detail(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_DETAIL && !text.contains('/')
}

/// The abbreviated form if it is listed and the full one is not liked better.
fn preferred(accept: Option<&str>) -> &'static str {
    let (mut full, mut abbreviated) = (None, None);
    for part in accept.unwrap_or_default().split(',') {
        let mut parts = part.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
        });
        let quality = quality.unwrap_or(1.0);
        if kind.eq_ignore_ascii_case("application/vnd.npm.install-v1+json") {
            abbreviated = Some(quality);
        } else if kind.eq_ignore_ascii_case("application/json") {
            full = Some(quality);
        }
    }
    match (abbreviated, full) {
        (Some(abbreviated), full) if abbreviated > 0.0 && abbreviated >= full.unwrap_or(0.0) => ABBREVIATED,
        _ => FULL,
    }
}

fn with_query(path: &str, query: Option<&str>) -> Result<String, RouteError> {
    match query {
        None => Ok(path.to_owned()),
        Some(query) if query.len() > MAX_QUERY => {
            Err(RouteError::BadRequest(format!("the query is longer than {MAX_QUERY} bytes")))
        }
        Some(query) if query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') => {
            Ok(format!("{path}?{query}"))
        }
        Some(_) => Err(RouteError::BadRequest(String::from("the query has characters that must be percent-encoded"))),
    }
}

fn not_found() -> RouteError {
    RouteError::NotFound(String::from("there is nothing under this path in an npm registry"))
}

fn read_only(method: Method) -> RouteError {
    let what = match method {
        Method::Put => "nobody logs into it",
        Method::Delete => "nothing is deleted from it",
        _ => "only audits are posted to it",
    };
    RouteError::MethodNotAllowed(format!("this is no place to write to: {what}; ask Weir's administrator for a token"))
}

/// What stands unencoded in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as upstream wants it in an address: `@babel%2fcore`.
pub fn encoded(package: &PackageName) -> String {
    match crate::name::split(package.as_str()) {
        (Some(scope), base) => {
            let scope = scope.trim_start_matches('@');
            format!("@{}%2f{}", utf8_percent_encode(scope, SEGMENT), utf8_percent_encode(base, SEGMENT))
        }
        (None, base) => utf8_percent_encode(base, SEGMENT).to_string(),
    }
}

/// A version or file name in an address. `+` stays: it means itself in a path, and lockfiles have it so.
pub fn encoded_segment(text: &str) -> String {
    const PLAIN: &AsciiSet = &SEGMENT.remove(b'+').remove(b'!');
    utf8_percent_encode(text, PLAIN).to_string()
}

/// npm prints `error`; the rest is RFC 9457 for everyone else. A refusal also has the header that npm prints as a notice.
pub fn problem(problem: &Problem) -> Reply {
    let (decision, instance) = match &problem.decision {
        Some((id, address)) => (Some(id), Some(address)),
        None => (None, None),
    };
    let mut body = json!({
        "error": problem.line,
        "title": problem.title,
        "detail": problem.detail,
        "status": problem.status,
        "type": "about:blank",
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(instance.map(|address| (String::from("instance"), json!(address))));
        body.extend(decision.map(|id| (String::from("decision"), json!(id))));
    }
    let mut reply = Reply::json(problem.status, &body);
    if problem.status == 403 {
        let notice = problem.line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
        reply.headers.push(("npm-notice", notice));
    }
    reply
}

/// Lines that point clients at Weir.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("npm", format!("npm config set registry {base}/")),
        ("pnpm", format!("pnpm config set registry {base}/")),
        ("yarn", format!("yarn config set npmRegistryServer {base}/")),
        ("yarn classic", format!("yarn config set registry {base}/")),
    ];
    // Yarn speaks plain HTTP only to hosts that are named to it.
    if let Some(host) = base.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next()) {
        lines.insert(3, ("yarn", format!("yarn config set unsafeHttpWhitelist --json '[\"{host}\"]'")));
    }
    lines
}

/// `npm install left-pad@1.3.0`. What a shell could read otherwise is quoted: a version is upstream's text.
pub fn install_command(package: &PackageName, version: &str) -> String {
    let spec = format!("{package}@{version}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "@/._+-".contains(c);
    if spec.chars().all(plain) {
        format!("npm install {spec}")
    } else {
        let spec: String = spec.chars().filter(|c| !c.is_control()).collect();
        format!("npm install '{}'", spec.replace('\'', r"'\''"))
    }
}
