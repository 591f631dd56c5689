//! What Maven and Gradle ask for, and what they show.
//!
//! Specification: "Repository Layout - Final"; Maven Resolver, "Remote Repository Filtering" and "Expected Checksums"; RFC 9457.

use percent_encoding::percent_decode_str;
use weir_core::PackageName;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

use crate::hosting;
use crate::layout::{self, Tail};
use crate::name::join;
use crate::version::Version;

/// The document that lists versions.
pub const METADATA: &str = "maven-metadata.xml";
/// The form of page that is the document.
pub const PAGE: &str = "xml";
/// The form of page that is a snapshot's list of files; its detail is the version.
pub const SNAPSHOT: &str = "snapshot";

/// Reads a path after `/{stage}/maven/`.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    let is_put = request.method == Method::Put;
    if !is_put && !matches!(request.method, Method::Get | Method::Head) {
        return Err(RouteError::MethodNotAllowed(String::from(
            "files are fetched with GET and deployed with PUT; what is deployed stays",
        )));
    }
    let segments = segments(request.path)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((name, directories)) = segments.split_last() else {
        return Err(RouteError::NotFound(String::from("this is a Maven repository; point a mirror at it")));
    };
    let (base, checksum) = layout::checksum(name);
    if base == METADATA && is_put {
        // A snapshot's list goes the way of its files, which are refused.
        let (group, artifact) = match directories {
            [group @ .., artifact, version] if layout::is_snapshot(version) => {
                return hosting::route_file(package(group, artifact)?, version, name);
            }
            [group @ .., artifact] => (group, artifact),
            [] => return Err(nothing()),
        };
        return Ok(hosting::route_metadata(&package(group, artifact)?, checksum.is_some()));
    }
    if base == METADATA {
        return metadata(directories, checksum.map_or(PAGE, weir_core::digest::Checksum::word));
    }
    let [group @ .., artifact, version] = directories else { return Err(nothing()) };
    let package = package(group, artifact)?;
    let (file, tail) = layout::tail(name);
    if is_put {
        return hosting::route_file(package, version, name);
    }
    if !layout::is_file_of(&package, version, file) {
        return Err(RouteError::NotFound(format!(
            "`{package}` {version} has no such file: files are {artifact}-{version}[-classifier].extension"
        )));
    }
    let part = match tail {
        Tail::Whole => Part::Whole,
        Tail::Checksum(checksum) => Part::Checksum(checksum),
        Tail::Signature(ending) => Part::Beside(ending),
        Tail::SignatureChecksum(ending, _) => {
            return Err(RouteError::NotFound(format!("there are no checksums of `.{ending}` files here")));
        }
    };
    let which = Which::FileOf { version: (*version).to_owned(), file: file.to_owned() };
    Ok(Ask::Artifact { package, which, part })
}

/// The document of an artifact, or of a snapshot of it. A group's own lies where that of an artifact would: the group's last
/// part is then the artifact.
fn metadata(directories: &[&str], kind: &'static str) -> Result<Ask, RouteError> {
    if let [group @ .., artifact, version] = directories
        && layout::is_snapshot(version)
        && Version::parse(version).is_ok()
    {
        let form = Form { kind: snapshot(kind), detail: Some((*version).to_owned()) };
        return Ok(Ask::Index { package: package(group, artifact)?, form });
    }
    let [group @ .., artifact] = directories else { return Err(nothing()) };
    Ok(Ask::Index { package: package(group, artifact)?, form: Form::whole(kind) })
}

/// The same kind of form, of a snapshot.
fn snapshot(kind: &'static str) -> &'static str {
    match kind {
        "md5" => "snapshot.md5",
        "sha1" => "snapshot.sha1",
        "sha256" => "snapshot.sha256",
        "sha512" => "snapshot.sha512",
        _ => SNAPSHOT,
    }
}

fn package(group: &[&str], artifact: &str) -> Result<PackageName, RouteError> {
    if group.is_empty() || group.iter().any(|part| part.contains('.')) {
        // A dot within a directory would be another spelling of the same group.
        return Err(nothing());
    }
    join(&group.join("."), artifact).map_err(|invalid| RouteError::NotFound(invalid.to_string()))
}

fn nothing() -> RouteError {
    RouteError::NotFound(format!(
        "a Maven repository has group/artifact/{METADATA} and group/artifact/version/file, and nothing else is served"
    ))
}

/// The path's segments, each decoded once. None may be empty or hold what could be part of another path.
fn segments(path: &str) -> Result<Vec<String>, RouteError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| nothing())?;
            if layout::is_segment(&decoded) { Ok(decoded.into_owned()) } else { Err(nothing()) }
        })
        .collect()
}

/// An error as RFC 9457 has it. Maven's resolver prints title, status and detail of it, from 1.9.24 and 2.0.2 on, and only if
/// the media type is exactly this; older ones and Gradle print the reason phrase. That there is nothing is told in plain text:
/// those resolvers take problem details for a failure, and would not go on without what may be missing, as a deployment does.
pub fn problem(problem: &Problem) -> Reply {
    if problem.status == 404 {
        return Reply::text(404, problem.detail.clone());
    }
    let mut body = serde_json::json!({
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    });
    if let Some((id, address)) = &problem.decision {
        body["instance"] = address.as_str().into();
        body["decision"] = id.as_str().into();
    }
    Reply {
        status: problem.status,
        content_type: String::from("application/problem+json"),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

/// What makes Maven and Gradle ask Weir in the place of every other repository.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    let maven = [
        String::from("<!-- in ~/.m2/settings.xml, within <settings> -->"),
        String::from("<mirrors><mirror>"),
        String::from("  <id>weir</id>"),
        String::from("  <mirrorOf>*</mirrorOf>"),
        format!("  <url>{base}</url>"),
        String::from("</mirror></mirrors>"),
    ];
    let gradle = [
        String::from("// in settings.gradle.kts"),
        format!("pluginManagement {{ repositories {{ maven(\"{base}\") }} }}"),
        String::from("dependencyResolutionManagement {"),
        String::from("  repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS"),
        format!("  repositories {{ maven(\"{base}\") }}"),
        String::from("}"),
    ];
    let lines = |client: &'static str, lines: Vec<String>| lines.into_iter().map(move |line| (client, line));
    lines("maven", maven.to_vec()).chain(lines("gradle", gradle.to_vec())).collect()
}
