//! What R's paths mean, and what R's users read.

use weir_core::catalogue::Packing;
use weir_core::registry::{Ask, Method, Problem, Request, RouteError, Which};
use weir_cran::ECOSYSTEM;

fn route(path: &str) -> Result<Ask, RouteError> {
    let request =
        Request { method: Method::Get, path, query: None, accept: None, base: "http://h/dev/cran", token: false };
    ECOSYSTEM.registry.route(&request)
}

#[test]
fn catalogues_and_files_are_found_in_every_tree() {
    for (path, of, gzip) in [
        ("src/contrib/PACKAGES", "src/contrib", Packing::Plain),
        ("src/contrib/PACKAGES.gz", "src/contrib", Packing::Gzip),
        ("bioc/src/contrib/PACKAGES.gz", "bioc/src/contrib", Packing::Gzip),
        ("data/annotation/src/contrib/PACKAGES", "data/annotation/src/contrib", Packing::Plain),
    ] {
        assert_eq!(route(path), Ok(Ask::Catalogue { part: of.into(), packing: gzip }));
        assert!(!ECOSYSTEM.registry.catalogue().unwrap().sources(of).is_empty());
    }
    for (path, package) in [
        ("src/contrib/cli_3.6.1.tar.gz", "cli"),
        ("src/contrib/Archive/cli/cli_3.6.1.tar.gz", "cli"),
        ("src/contrib/4.5.0/Recommended/cli_3.6.1.tar.gz", "cli"),
        ("src/contrib/cl%69_3.6.1.tar.gz", "cli"),
        ("bioc/src/contrib/cli_3.6.1.tar.gz", "bioc/cli"),
    ] {
        let Ok(Ask::Artifact { package: found, which, .. }) = route(path) else { unreachable!("{path}") };
        assert_eq!((found.as_str(), which), (package, Which::File("cli_3.6.1.tar.gz".into())), "{path}");
    }
    for (path, package) in [("src/contrib/Archive/cli/", "cli"), ("bioc/src/contrib/Archive/limma/", "bioc/limma")] {
        assert!(matches!(route(path), Ok(Ask::Index { package: it, .. }) if it.as_str() == package), "{path}");
    }
    for list in ["src/contrib/Meta/archive.rds", "bioc/src/contrib/Meta/current.rds"] {
        assert_eq!(route(list), Ok(Ask::Forward(list.to_owned())));
    }
    assert!(matches!(route("weir/bioc/limma"), Ok(Ask::About(package)) if package.as_str() == "bioc/limma"));
}

#[test]
fn what_is_no_path_of_a_repository_is_absent() {
    for path in [
        "",
        "src/contrib",
        "src/contrib/",
        "src/contrib/PACKAGES.rds",
        "src/contrib/PACKAGES.gz/x",
        "src//contrib/PACKAGES",
        "../src/contrib/PACKAGES",
        "%2e%2e/src/contrib/PACKAGES",
        "src/src/contrib/PACKAGES",
        "a/b/c/d/src/contrib/PACKAGES",
        "src/contrib/cli.tar.gz",
        "src/contrib/cli_x.tar.gz",
        "src/contrib/cli_1.0.zip",
        "src/contrib/cli_1.0.tar.gz/",
        "src/contrib/a%2fcli_1.0.tar.gz",
        "src/contrib/Archive/clo/cli_1.0.tar.gz",
        "src/contrib/Archive/cli_1.0.tar.gz",
        "src/contrib/Archive/cli",
        "src/contrib/Archive/",
        "src/contrib/Archive/cli_1.0.tar.gz/",
        "a/b/c/d/src/contrib/Archive/cli/",
        "weir/cli/",
        "src/contrib/Meta/other.rds",
        "src/contrib/Meta/x/archive.rds",
        "bin/windows/contrib/4.4/PACKAGES",
        "weir/",
        "weir/../x",
    ] {
        assert!(matches!(route(path), Err(RouteError::NotFound(_))), "{path}: {:?}", route(path));
    }
}

#[test]
fn a_refusal_is_plain_text_with_its_line_first() {
    let problem = Problem {
        status: 403,
        line: "denied: why not".into(),
        title: "blocked by policy".into(),
        detail: "cli 3.6.1 is blocked in stage dev\nwhy: http://h/d/abc\n".into(),
        decision: Some(("abc".into(), "http://h/d/abc".into())),
    };
    let reply = ECOSYSTEM.registry.problem(&problem);
    assert_eq!((reply.status, reply.content_type.as_str()), (403, "text/plain; charset=utf-8"));
    let body = String::from_utf8(reply.body).unwrap();
    assert_eq!(body, "denied: why not\ncli 3.6.1 is blocked in stage dev\nwhy: http://h/d/abc\n");
}
