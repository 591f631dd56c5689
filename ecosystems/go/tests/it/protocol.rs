//! Paths, and what the go command shows of an error.

use expect_test::expect;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Request, RouteError, Which};
use weir_go::ECOSYSTEM;

fn route(path: &str) -> Result<Ask, RouteError> {
    let request =
        Request { method: Method::Get, path, query: None, accept: None, base: "http://h/dev/go", token: false };
    ECOSYSTEM.registry.route(&request)
}

fn index(path: &str) -> (String, Form) {
    match route(path) {
        Ok(Ask::Index { package, form }) => (package.as_str().to_owned(), form),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_path_asks_for_a_list_or_a_file_of_a_version() {
    assert_eq!(index("golang.org/x/mod/@v/list"), (String::from("golang.org/x/mod"), Form::whole("list")));
    assert_eq!(index("golang.org/x/mod/@latest"), (String::from("golang.org/x/mod"), Form::whole("latest")));
    let (package, form) = index("github.com/!burnt!sushi/toml/@v/v1.2.0.info");
    assert_eq!(package, "github.com/BurntSushi/toml");
    assert_eq!((form.kind, form.detail.as_deref()), ("info", Some("v1.2.0")));
    assert_eq!(index("example.com/m/@v/v2.0.0+incompatible.mod").1.detail.as_deref(), Some("v2.0.0+incompatible"));
    assert_eq!(index("example.com/m/@v/v2.0.0%2Bincompatible.mod").1.detail.as_deref(), Some("v2.0.0+incompatible"));
    assert_eq!(index("example.com/m/@v/v1.0.0-!r!c1.info").1.detail.as_deref(), Some("v1.0.0-RC1"));
    let Ok(Ask::Artifact { package, which, part }) = route("example.com/m/v2/@v/v2.1.0.zip") else { panic!() };
    assert_eq!((package.as_str(), part), ("example.com/m/v2", Part::Whole));
    assert_eq!(which, Which::File(String::from("v2.1.0.zip")));
}

#[test]
fn a_branch_or_revision_is_asked_for_by_info_alone() {
    for query in ["master", "release-1.2", "daa7c04131f5", "v1", "v1.2"] {
        assert_eq!(index(&format!("example.com/m/@v/{query}.info")).1.detail.as_deref(), Some(query));
        for kind in ["mod", "zip"] {
            let refused = route(&format!("example.com/m/@v/{query}.{kind}"));
            assert!(matches!(refused, Err(RouteError::NotFound(_))), "{refused:?}");
        }
    }
}

#[test]
fn nothing_else_is_there() {
    for path in [
        "",
        "list",
        "@v/list",
        "/@v/list",
        "golang.org/x/mod",
        "golang.org/x/mod/@v/",
        "golang.org/x/mod/@v/v1.0.0",
        "golang.org/x/mod/@v/v1.0.0.exe",
        "golang.org/x/mod/@v/v1.0.0.ziphash",
        "golang.org/x/mod/@v/../list",
        "golang.org/x/mod/@v/a/b.info",
        "golang.org/x/mod/@v/.info",
        "golang.org/x/mod/@v/%2e%2e%2flist.info",
        "golang.org/x/mod/@v/v1.0.0\0.zip",
        "golang.org/x/mod/@v/V1.0.0.zip",
        "golang.org/x/mod/@v/v2.0.0.zip",
        "golang.org/x/../mod/@v/list",
        "golang.org//x/@v/list",
        "golang.org/x/mod%2f@v/list/x",
        "github.com/BurntSushi/toml/@v/list",
        "github.com/!!burnt/@v/list",
        "fmt/@v/list",
        "golang.org/x/mod/@v/%ff.info",
        "sumdb/sum.golang.org/nothing",
    ] {
        let refused = route(path);
        assert!(matches!(refused, Err(RouteError::NotFound(_))), "{path}: {refused:?}");
    }
    let request =
        Request { method: Method::Put, path: "a.b/@v/list", query: None, accept: None, base: "", token: false };
    assert!(matches!(ECOSYSTEM.registry.route(&request), Err(RouteError::MethodNotAllowed(_))));
}

#[test]
fn a_refusal_is_at_most_eight_lines_and_ends_with_its_address() {
    let address = "http://127.0.0.1:8484/d/abcdefghij234567";
    let problem = Problem {
        status: 403,
        line: format!(
            "vulnerability GO-2024-0001 (critical 9.8) in golang.org/x/demo; nearest allowed v1.2.4; see {address}"
        ),
        title: String::from("blocked by policy"),
        detail: format!(
            "golang.org/x/demo v1.2.3 is blocked in stage dev\nrule vulnerability: {}\n\nrule \u{202e}license\nallowed: go get golang.org/x/demo@v1.2.4\nwhy: {address}\n",
            "It lets a stranger read what it should not. ".repeat(9)
        ),
        decision: Some((String::from("abcdefghij234567"), address.to_owned())),
    };
    let reply = ECOSYSTEM.registry.problem(&problem);
    assert_eq!((reply.status, reply.content_type.as_str()), (403, "text/plain; charset=utf-8"));
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.lines().count() <= 8 && text.lines().all(|line| !line.is_empty() && line.len() <= 80), "{text}");
    assert!(text.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()));
    expect![[r#"
        vulnerability GO-2024-0001 (critical 9.8) in golang.org/x/demo; nearest
        allowed v1.2.4
        golang.org/x/demo v1.2.3 is blocked in stage dev
        rule vulnerability: It lets a stranger read what it should not. It lets a
        stranger read what it should not. It lets a stranger read what it should not.
        It lets a stranger read what it should not. It lets a stranger read what it
        should not. It lets a stranger read what it should not. It lets a stranger
        http://127.0.0.1:8484/d/abcdefghij234567
    "#]]
    .assert_eq(&text);
}
