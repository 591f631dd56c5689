//! What R asks for, and what it shows.
//!
//! Specification: "R Installation and Administration", 6.6 "Setting up a package repository"; `?available.packages`,
//! `?download.packages`. R shows nothing of an answer but its status, so all errors are plain text for whoever looks.

use percent_encoding::percent_decode_str;
use weir_core::ecosystem::Names as _;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

use crate::archive::split_file;
use crate::catalogue::part;
use crate::hosting;
use crate::name::{RPackages, in_tree, is_tree};

/// The directory of a tree in which its source packages are.
pub const CONTRIB: &str = "src/contrib";
/// The form of page that lists a package's directory in the archive.
pub const LISTING: &str = "listing";
/// The directory of pages that tell in plain text what is shown of a package and what is refused: `weir/{package}`.
pub const REASONS_DIRECTORY: &str = "weir";

/// Most directories between `src/contrib` and a file: `4.5.0/Recommended`, `Archive/cli`.
const MAX_DEPTH: usize = 4;

/// What a path means, before it is known what is there.
#[derive(Clone, PartialEq, Debug)]
pub enum Path {
    /// The catalogue of a tree, as `PACKAGES` or `PACKAGES.gz`.
    Catalogue {
        /// The tree, empty for the repository's own.
        tree: String,
        /// Whether it is packed.
        gzip: bool,
    },
    /// Anything else.
    Ask(Ask),
}

/// Reads a path after `/{stage}/cran/`.
pub fn path(request: &Request<'_>) -> Result<Path, RouteError> {
    if !matches!(request.method, Method::Get | Method::Head) {
        let segments = segments(request.path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let other =
            || RouteError::MethodNotAllowed(String::from("a source package is PUT at src/contrib/, all else is read"));
        return hosting::route(request.method, &segments).unwrap_or_else(|| Err(other())).map(Path::Ask);
    }
    let nothing = |what: &str| Err(RouteError::NotFound(what.to_owned()));
    // A directory is asked for with a slash at its end; what is no directory is not.
    let directory = request.path.strip_suffix('/');
    let segments = segments(directory.unwrap_or(request.path))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if directory.is_some() {
        let [tree @ .., "src", "contrib", "Archive", name] = segments.as_slice() else {
            return nothing("no such directory in a CRAN repository");
        };
        let package = in_tree(&tree.join("/"), name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
        return Ok(Path::Ask(Ask::Index { package, form: Form::whole(LISTING) }));
    }
    if let [REASONS_DIRECTORY, name @ ..] = segments.as_slice() {
        let package = RPackages.parse(&name.join("/")).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
        return Ok(Path::Ask(Ask::About(package)));
    }
    let Some(at) = segments.windows(2).position(|pair| pair == ["src", "contrib"]) else {
        return match segments.contains(&"bin") {
            true => nothing("this repository has source packages alone: set options(pkgType = \"source\")"),
            false => nothing("this is a CRAN repository; it begins at src/contrib/PACKAGES"),
        };
    };
    let tree = segments.get(..at).unwrap_or_default().join("/");
    if !tree.is_empty() && !is_tree(&tree) {
        return nothing("no such tree in a CRAN repository");
    }
    match segments.get(at + 2..).unwrap_or_default() {
        ["PACKAGES"] => Ok(Path::Catalogue { tree, gzip: false }),
        ["PACKAGES.gz"] => Ok(Path::Catalogue { tree, gzip: true }),
        ["PACKAGES.rds"] => nothing("this repository has no PACKAGES.rds: R goes on to PACKAGES.gz by itself"),
        // What `remotes` looks a pinned version up in. It decides nothing: the file is decided when it is asked for.
        ["Meta", list @ ("archive.rds" | "current.rds")] => {
            Ok(Path::Ask(Ask::Forward(format!("{}/Meta/{list}", part(&tree)))))
        }
        [directories @ .., file] if directories.len() <= MAX_DEPTH => {
            let Some((name, _)) = split_file(file) else {
                return nothing("no such file in a CRAN repository: a source package is {name}_{version}.tar.gz");
            };
            if let ["Archive", rest @ ..] = directories
                && *rest != [name]
            {
                return nothing("the archive of a package has its name: Archive/{name}/{name}_{version}.tar.gz");
            }
            let package = in_tree(&tree, name).map_err(|invalid| RouteError::NotFound(invalid.to_string()))?;
            let which = Which::File((*file).to_owned());
            Ok(Path::Ask(Ask::Artifact { package, which, part: Part::Whole }))
        }
        _ => nothing("no such path in a CRAN repository"),
    }
}

/// The path's segments, each decoded once. None may be empty or hold what could be part of another path.
fn segments(path: &str) -> Result<Vec<String>, RouteError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let bad = || RouteError::NotFound(String::from("no such path in a CRAN repository"));
    path.split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| bad())?;
            let fine = decoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                && !decoded.bytes().all(|byte| byte == b'.');
            if fine { Ok(decoded.into_owned()) } else { Err(bad()) }
        })
        .collect()
}

/// An error in plain text: the line, the detail, the address.
pub fn problem(problem: &Problem) -> Reply {
    let mut body = if problem.line.is_empty() { problem.title.clone() } else { problem.line.clone() };
    for line in problem.detail.lines().map(str::trim_end).filter(|line| !line.is_empty() && *line != problem.line) {
        body.push('\n');
        body.push_str(line);
    }
    if let Some((_, address)) = problem.decision.as_ref().filter(|(_, address)| !body.contains(address.as_str())) {
        body.push('\n');
        body.push_str(address);
    }
    body.push('\n');
    Reply::text(problem.status, body)
}

/// What makes R ask Weir in the place of CRAN.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    vec![
        ("R", String::from("# in .Rprofile, or Rprofile.site")),
        ("R", format!("options(repos = c(CRAN = \"{base}\"), pkgType = \"source\")")),
    ]
}
