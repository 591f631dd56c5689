use expect_test::expect;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Request, RouteError, Which};
use weir_pypi::ECOSYSTEM;

use crate::package;

fn ask(method: Method, path: &str, query: Option<&str>) -> Result<Ask, RouteError> {
    let accept = Some("application/vnd.pypi.simple.v1+json");
    ECOSYSTEM.registry.route(&Request { method, path, query, accept, base: "http://h/dev/pypi", token: false })
}

fn get(path: &str) -> Result<Ask, RouteError> {
    ask(Method::Get, path, None)
}

fn artifact(file: &str, part: Part) -> Result<Ask, RouteError> {
    Ok(Ask::Artifact { package: package("zope-interface"), which: Which::File(file.to_owned()), part })
}

#[test]
fn each_path_asks_for_one_thing() {
    let form = Form::whole("json");
    assert_eq!(get("simple/"), Ok(Ask::Names(form.clone())));
    assert_eq!(get("simple/zope-interface/"), Ok(Ask::Index { package: package("zope-interface"), form }));
    assert_eq!(
        get("files/zope-interface/zope.interface-5.0.tar.gz"),
        artifact("zope.interface-5.0.tar.gz", Part::Whole)
    );
    assert_eq!(
        get("files/zope-interface/zope_interface-5.0-py3-none-any.whl.metadata"),
        artifact("zope_interface-5.0-py3-none-any.whl", Part::Metadata)
    );
    assert_eq!(
        get("provenance/zope-interface/zope.interface-5.0.tar.gz"),
        artifact("zope.interface-5.0.tar.gz", Part::Provenance)
    );
}

#[test]
fn every_other_spelling_of_a_page_is_redirected_to_the_one() {
    for path in [
        "simple/zope-interface",
        "simple/Zope.Interface/",
        "simple/zope__interface/",
        "simple/zope%2Dinterface/",
        "simple/%7aope-interface",
    ] {
        assert_eq!(get(path), Ok(Ask::Redirect(String::from("simple/zope-interface/"))), "{path}");
    }
    assert_eq!(get("simple"), Ok(Ask::Redirect(String::from("simple/"))));
    let query = Some("x=1&format=application/vnd.pypi.simple.v1%2Bjson");
    let to = String::from("simple/x/?format=application/vnd.pypi.simple.v1%2Bjson");
    assert_eq!(ask(Method::Get, "simple/X", query), Ok(Ask::Redirect(to)));
}

#[test]
fn every_spelling_of_a_file_is_the_same_file() {
    for path in [
        "files/Zope.Interface/zope.interface-5.0.tar.gz",
        "files/zope_interface/zope.interface-5.0.tar.gz",
        "files/zope%2dinterface/zope%2Einterface-5.0.tar%2egz",
        "files/zope-interface/%7A%6Fpe.interface-5.0.tar.gz",
    ] {
        assert_eq!(get(path), artifact("zope.interface-5.0.tar.gz", Part::Whole), "{path}");
        assert_eq!(ask(Method::Head, path, Some("x=y")), artifact("zope.interface-5.0.tar.gz", Part::Whole));
    }
    assert_eq!(get("files/zope-interface/x-1%2Blocal.tar.gz"), artifact("x-1+local.tar.gz", Part::Whole));
    assert_eq!(get("files/zope-interface/x-1+local.tar.gz"), artifact("x-1+local.tar.gz", Part::Whole));
    assert_eq!(get("files/zope-interface/x.tar.gz%2Emetadata"), artifact("x.tar.gz", Part::Metadata));
}

#[test]
fn what_is_no_path_of_the_registry_is_not_found() {
    for path in [
        "",
        "/",
        "/simple/x/",
        "simple//",
        "simple//x/",
        "simple/x//",
        "simple/x/y",
        "simple/x/y/",
        "simple/./",
        "simple/../",
        "simple/%2e%2e/",
        "simple/x%2fy/",
        "simple/x%5cy/",
        "simple/x%00/",
        "simple/x%0d%0aSet-Cookie/",
        "simple/%2578/",
        "simple/x%/",
        "simple/%zz/",
        "simple/%ff/",
        "simple/-x/",
        "Simple/x/",
        "files/x",
        "files/x/",
        "files//x-1.tar.gz",
        "files/x//x-1.tar.gz",
        "files/x/y/x-1.tar.gz",
        "files/x/x-1.tar.gz/",
        "files/x/.",
        "files/x/..",
        "files/x/.x",
        "files/x/%2e%2e%2fx-1.tar.gz",
        "files/x/..%2fx-1.tar.gz",
        "files/x/x-1.tar.gz%00",
        "files/x/x%252d1.tar.gz",
        "files/x/x-1.tar.gz%3fy",
        "files/x/x 1.tar.gz",
        "files/x/.metadata",
        "files/-x/x-1.tar.gz",
        "provenance/x/",
        "provenance/x/..",
        "pypi/x/json",
        "simple/index.html/x",
    ] {
        assert!(matches!(get(path), Err(RouteError::NotFound(_))), "{path}: {:?}", get(path));
    }
    let long = format!("simple/{}/", "x".repeat(weir_pypi::protocol::MAX_PATH));
    assert!(matches!(get(&long), Err(RouteError::NotFound(_))));
}

#[test]
fn the_registry_is_only_read() {
    for method in [Method::Post, Method::Put, Method::Delete] {
        assert!(matches!(ask(method, "simple/x/", None), Err(RouteError::MethodNotAllowed(_))));
    }
}

#[test]
fn upstream_is_asked_for_json_under_the_configured_address() {
    let wanted = ECOSYSTEM.registry.documents(&package("Zope.Interface"));
    assert_eq!(wanted[0].path, "zope-interface/");
    assert!(wanted[0].accept.starts_with("application/vnd.pypi.simple.v1+json,"));
    for (configured, base) in [
        ("https://pypi.org/simple/", "https://pypi.org/simple/"),
        ("https://pypi.org/simple", "https://pypi.org/simple/"),
        ("https://pypi.org", "https://pypi.org/simple/"),
        ("https://pypi.org/", "https://pypi.org/simple/"),
        ("http://user:secret@mirror.example.org:8080", "http://user:secret@mirror.example.org:8080/simple/"),
        ("https://mirror.example.org/pypi/web/simple", "https://mirror.example.org/pypi/web/simple/"),
    ] {
        assert_eq!(ECOSYSTEM.registry.upstream_base(configured), base);
    }
}

#[test]
fn a_refusal_is_a_problem_that_uv_prints() {
    let reply = ECOSYSTEM.registry.problem(&Problem {
        status: 403,
        line: String::from("vulnerability CVE-2026-1; use 1.1; http://h/d/abc"),
        title: String::from("refused by policy"),
        detail: String::from("`example 1.0` has CVE-2026-1\nuse 1.1"),
        decision: Some((String::from("abc"), String::from("http://h/d/abc"))),
    });
    assert_eq!((reply.status, reply.content_type.as_str()), (403, "application/problem+json"));
    expect![[r#"{"type":"about:blank","title":"refused by policy","status":403,"detail":"`example 1.0` has CVE-2026-1\nuse 1.1","instance":"http://h/d/abc","decision":"abc"}"#]]
        .assert_eq(std::str::from_utf8(&reply.body).unwrap());
}

#[test]
fn the_list_of_names_comes_in_every_form() {
    let names = [package("a"), package("b-c")];
    let json = ECOSYSTEM.registry.names(&names, &Form::whole("json"));
    assert_eq!(json.content_type, "application/vnd.pypi.simple.v1+json");
    expect![[r#"{"meta":{"api-version":"1.0"},"projects":[{"name":"a"},{"name":"b-c"}]}"#]]
        .assert_eq(std::str::from_utf8(&json.body).unwrap());
    let html = ECOSYSTEM.registry.names(&names, &Form::whole("html-legacy"));
    assert_eq!(html.content_type, "text/html; charset=utf-8");
    assert!(std::str::from_utf8(&html.body).unwrap().contains("<a href=\"b-c/\">b-c</a><br>\n"));
}

#[test]
fn clients_are_told_how_to_ask_weir() {
    let lines = ECOSYSTEM.registry.setup("http://h/dev/pypi");
    assert_eq!(lines[0], ("pip", String::from("pip install --index-url http://h/dev/pypi/simple/ PACKAGE")));
    assert_eq!(ECOSYSTEM.registry.install_command(&package("Django"), "4.2.30"), "pip install 'django==4.2.30'");
}
