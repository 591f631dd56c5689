//! Requests in, answers out.

use expect_test::expect;
use weir_cargo::ECOSYSTEM;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Request, RouteError, Which};

const BASE: &str = "http://127.0.0.1:8484/dev/cargo";

fn route_by(method: Method, path: &str) -> Result<Ask, RouteError> {
    ECOSYSTEM.registry.route(&Request { method, path, query: Some("q=x"), accept: None, base: BASE, token: false })
}

fn route(path: &str) -> Result<Ask, RouteError> {
    route_by(Method::Get, path)
}

fn index(name: &str) -> Result<Ask, RouteError> {
    Ok(Ask::Index { package: ECOSYSTEM.names.parse(name).unwrap(), form: Form::whole("index") })
}

fn artifact(name: &str, version: &str) -> Result<Ask, RouteError> {
    let package = ECOSYSTEM.names.parse(name).unwrap();
    Ok(Ask::Artifact { package, which: Which::Version(version.to_owned()), part: Part::Whole })
}

#[test]
fn every_spelling_of_an_index_path_asks_for_the_same_package() {
    for (path, name) in [
        ("1/a", "a"),
        ("2/ab", "ab"),
        ("3/a/abc", "abc"),
        ("se/rd/serde", "serde"),
        ("se/rd/serde_json", "serde_json"),
        ("SE/rd/Serde", "serde"),
        ("se/rd/ser%64e", "serde"),
        ("%73e/rd/serde", "serde"),
        ("dl/op/dlopen", "dlopen"),
        ("2/dl", "dl"),
        ("me/mc/memchr", "memchr"),
        ("2/me", "me"),
        ("3/a/api", "api"),
        ("ap/i-/api-v1", "api-v1"),
    ] {
        assert_eq!(route(path), index(name), "{path}");
        assert_eq!(route_by(Method::Head, path), index(name), "{path}");
    }
}

#[test]
fn cargo_is_told_to_show_its_token_again_where_it_has_shown_one() {
    let config = |token| {
        let request =
            Request { method: Method::Get, path: "config.json", query: None, accept: None, base: BASE, token };
        let Ok(Ask::Reply(reply)) = ECOSYSTEM.registry.route(&request) else { panic!("config.json is an answer") };
        serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap()
    };
    assert_eq!(config(false).get("auth-required"), None);
    assert_eq!(config(true)["auth-required"], true);
    assert_eq!(config(true)["dl"], config(false)["dl"]);
}

#[test]
fn a_download_is_asked_for_by_name_and_version() {
    assert_eq!(route("dl/serde/1.0.0/download"), artifact("serde", "1.0.0"));
    assert_eq!(route("dl/Serde/1.0.0/download"), artifact("serde", "1.0.0"));
    assert_eq!(route("dl/libz-sys/1.0.0+b.1/download"), artifact("libz-sys", "1.0.0+b.1"));
    assert_eq!(route("dl/libz-sys/1.0.0%2Bb.1/download"), artifact("libz-sys", "1.0.0+b.1"));
}

#[test]
fn every_other_path_is_not_found() {
    for path in [
        "",
        "/",
        "config.json/",
        "/config.json",
        "se//rd/serde",
        "se/rd/",
        "se/rd",
        "se/rd/serdE/",
        "ab/cd/serde",
        "1/serde",
        "se/rd/../serde",
        "se/rd/%2e%2e",
        "se/rd/ser%252fde",
        "se%2frd%2fserde",
        "se/rd/ser\\de",
        "se/rd/serde%00",
        "se/rd/s%e9rde",
        "se/rd/%c3%a9",
        "dl/serde/1.0/download",
        "dl/serde/1.0.0",
        "dl/serde/1.0.0/download/x",
        "dl/serde/v1.0.0/download",
        "dl//1.0.0/download",
        "dl/serde/../download",
        "dl/ser%2fde/1.0.0/download",
        "api/v1/crates",
        "api/v1/crates/serde",
        "api/v1/crates/serde/1.0.0/download",
        "me",
        "index.html",
        "3/b/abc",
        "12/34/1234",
    ] {
        assert!(matches!(route(path), Err(RouteError::NotFound(_))), "{path}: {:?}", route(path));
    }
}

#[test]
fn crates_are_written_under_their_own_paths_alone() {
    for method in [Method::Put, Method::Post, Method::Delete] {
        for path in ["api/v1/crates/x/1.0.0", "config.json", "se/rd/serde"] {
            assert!(matches!(route_by(method, path), Err(RouteError::MethodNotAllowed(_))));
        }
    }
    for (method, path, expected) in [
        (Method::Put, "api/v1/crates/new", "publish"),
        (Method::Delete, "api/v1/crates/acme_core/1.0.0/yank", "yank"),
        (Method::Put, "api/v1/crates/acme_core/1.0.0/unyank", "unyank"),
        (Method::Put, "api/v1/crates/acme_core/owners", "add-owners"),
        (Method::Delete, "api/v1/crates/acme_core/owners", "remove-owners"),
    ] {
        let Ok(Ask::Write(write)) = route_by(method, path) else { panic!("{path} writes") };
        assert_eq!(write.what, expected);
    }
    assert!(matches!(route("api/v1/crates/acme_core/owners"), Ok(Ask::Owners(_))));
    assert!(matches!(route_by(Method::Put, "api/v1/crates/a/b%2fc/unyank"), Err(RouteError::NotFound(_))));
}

#[test]
fn the_configuration_names_weir_alone() {
    let Ok(Ask::Reply(reply)) = route("config.json") else { panic!("no reply") };
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/json"));
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body, serde_json::json!({ "dl": format!("{BASE}/dl"), "api": BASE }));
}

fn refusal() -> Problem {
    Problem {
        status: 403,
        line: String::from("vulnerability RUSTSEC-2021-0003; nearest allowed: 1.6.1; http://127.0.0.1:8484/d/abcdefgh"),
        title: String::from("refused by policy"),
        detail: String::from("smallvec 1.6.0 is refused in stage prod\nrule vulnerability: RUSTSEC-2021-0003 (9.8)\n"),
        decision: Some((String::from("abcdefgh"), String::from("http://127.0.0.1:8484/d/abcdefgh"))),
    }
}

fn body(problem: &Problem) -> String {
    let reply = ECOSYSTEM.registry.problem(problem);
    assert_eq!((reply.status, reply.content_type.as_str()), (problem.status, "text/plain; charset=utf-8"));
    assert!(reply.body.len() <= 512, "{}", reply.body.len());
    String::from_utf8(reply.body).unwrap()
}

#[test]
fn a_refusal_is_text_with_the_most_important_first() {
    expect![[r#"
        vulnerability RUSTSEC-2021-0003; nearest allowed: 1.6.1; http://127.0.0.1:8484/d/abcdefgh
        smallvec 1.6.0 is refused in stage prod
        rule vulnerability: RUSTSEC-2021-0003 (9.8)
    "#]]
    .assert_eq(&body(&refusal()));
}

#[test]
fn a_long_refusal_is_cut_within_what_cargo_prints_and_keeps_its_address() {
    let mut problem = refusal();
    problem.line = String::from("vulnerability RUSTSEC-2021-0003");
    problem.detail = format!("{}\n{}\nnot shown", "é".repeat(100), "word ".repeat(100));
    let text = body(&problem);
    assert!(text.starts_with("vulnerability RUSTSEC-2021-0003\né"));
    assert!(text.ends_with("\nhttp://127.0.0.1:8484/d/abcdefgh\n"));
    assert!(text.len() > 480 && !text.contains("not shown"));
    problem.line = "é".repeat(2000);
    assert!(body(&problem).ends_with("abcdefgh\n"));
    problem.decision = Some((String::new(), "http://x/".repeat(200)));
    assert!(body(&problem).len() > 500);
}

#[test]
fn a_problem_that_is_no_refusal_has_its_title_and_detail() {
    let problem = Problem {
        status: 404,
        line: String::new(),
        title: String::from("not found"),
        detail: String::from("crates.io has no crate `x`"),
        decision: None,
    };
    assert_eq!(body(&problem), "not found\ncrates.io has no crate `x`\n");
}

#[test]
fn the_setting_replaces_crates_io() {
    let lines: Vec<String> = ECOSYSTEM.registry.setup(BASE).into_iter().map(|(_, line)| line).collect();
    expect![[r#"
        # in .cargo/config.toml
        [source.crates-io]
        replace-with = "weir"
        [source.weir]
        registry = "sparse+http://127.0.0.1:8484/dev/cargo/"
    "#]]
    .assert_eq(&format!("{}\n", lines.join("\n")));
    let package = ECOSYSTEM.names.parse("smallvec").unwrap();
    assert_eq!(ECOSYSTEM.registry.install_command(&package, "1.6.1+b"), "cargo add smallvec@1.6.1");
}

proptest::proptest! {
    #[test]
    fn no_path_makes_it_panic_or_leave_the_index(path in "[a-z0-9%./\\\\-]{0,30}", any in "\\PC{0,30}") {
        for path in [path, any] {
            if let Ok(Ask::Index { package, .. } | Ask::Artifact { package, .. }) = route(&path) {
                proptest::prop_assert!(ECOSYSTEM.names.parse(package.as_str()).is_ok());
            }
        }
    }
}
