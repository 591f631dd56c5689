//! What every spelling of a path asks for, and what clients are told.

use serde_json::{Value, json};
use weir_core::registry::{Ask, Form, Method, Part, Problem, Request, RouteError, Which};
use weir_npm::ECOSYSTEM;

const BASE: &str = "http://127.0.0.1:8484/dev/npm";

fn route_with(method: Method, path: &str, query: Option<&str>, accept: Option<&str>) -> Result<Ask, RouteError> {
    ECOSYSTEM.registry.route(&Request { method, path, query, accept, base: BASE, token: false })
}

fn get(path: &str) -> Result<Ask, RouteError> {
    route_with(Method::Get, path, None, None)
}

/// An ask in one line.
fn brief(ask: Result<Ask, RouteError>) -> String {
    match ask {
        Ok(Ask::Index { package, form: Form { kind, detail } }) => {
            format!("{kind} of {package}{}", detail.map(|detail| format!(" {detail}")).unwrap_or_default())
        }
        Ok(Ask::Artifact { package, which, part }) => {
            let which = match which {
                Which::File(file) => format!("file {file}"),
                Which::Version(version) => format!("version {version}"),
                Which::FileOf { version, file } => format!("file {file} of {version}"),
            };
            format!("{part:?} of {package} {which}")
        }
        Ok(Ask::Reply(reply)) => format!("{} {}", reply.status, String::from_utf8(reply.body).unwrap()),
        Ok(ask) => format!("{ask:?}"),
        Err(RouteError::NotFound(_)) => String::from("404"),
        Err(RouteError::MethodNotAllowed(_)) => String::from("405"),
        Err(RouteError::BadRequest(_)) => String::from("400"),
    }
}

#[test]
fn every_spelling_of_a_path_asks_for_one_thing() {
    for (path, expected) in [
        ("left-pad", "full of left-pad"),
        ("left%2Dpad", "full of left-pad"),
        ("jQuery", "full of jQuery"),
        ("-", "full of -"),
        ("@babel/core", "full of @babel/core"),
        ("@babel%2fcore", "full of @babel/core"),
        ("@babel%2Fcore", "full of @babel/core"),
        ("%40babel%2Fcore", "full of @babel/core"),
        ("%40babel/core", "full of @babel/core"),
        ("left-pad/1.3.0", "version of left-pad 1.3.0"),
        ("left-pad/latest", "version of left-pad latest"),
        ("left-pad/1.0.0+b", "version of left-pad 1.0.0+b"),
        ("left-pad/1.0.0%2Bb", "version of left-pad 1.0.0+b"),
        ("@babel/core/7.0.0", "version of @babel/core 7.0.0"),
        ("@babel%2fcore/next", "version of @babel/core next"),
        ("left-pad/-/left-pad-1.3.0.tgz", "Whole of left-pad file left-pad-1.3.0.tgz"),
        ("left-pad/-/left-pad-1.3.0%2Bb.tgz", "Whole of left-pad file left-pad-1.3.0+b.tgz"),
        ("@babel/core/-/core-7.0.0.tgz", "Whole of @babel/core file core-7.0.0.tgz"),
        ("@babel%2fcore/-/core-7.0.0.tgz", "Whole of @babel/core file core-7.0.0.tgz"),
        ("@babel/core/-/@babel/core-7.0.0.tgz", "Whole of @babel/core file core-7.0.0.tgz"),
        ("@babel%2Fcore/-/@babel%2Fcore-7.0.0.tgz", "Whole of @babel/core file core-7.0.0.tgz"),
        ("-/-/--0.0.1.tgz", "Whole of - file --0.0.1.tgz"),
        ("-/npm/v1/attestations/left-pad@1.3.0", "Provenance of left-pad version 1.3.0"),
        ("-/npm/v1/attestations/@babel%2fcore@7.0.0", "Provenance of @babel/core version 7.0.0"),
        ("-/npm/v1/attestations/@babel/core@7.0.0", "Provenance of @babel/core version 7.0.0"),
        ("-/package/left-pad/dist-tags", "dist-tags of left-pad"),
        ("-/package/@babel%2fcore/dist-tags", "dist-tags of @babel/core"),
        ("-/package/@babel/core/dist-tags", "dist-tags of @babel/core"),
        ("-/ping", "200 {}"),
        ("-/whoami", "Whoami"),
        ("-/npm/v1/keys", "Forward(\"-/npm/v1/keys\")"),
        ("-/v1/search", "Forward(\"-/v1/search\")"),
        ("-/npm/v1/security/advisories/bulk", "405"),
        ("-/npm/v1/security/audits/quick", "404"),
    ] {
        assert_eq!(brief(get(path)), expected, "{path}");
        assert_eq!(brief(route_with(Method::Head, path, None, None)), expected, "HEAD {path}");
    }
}

#[test]
fn no_spelling_leads_elsewhere() {
    for path in [
        "",
        "/left-pad",
        "left-pad/",
        "left-pad//1.0.0",
        "left-pad/-/",
        "left-pad/-",
        "left-pad/./1.0.0",
        "left-pad/../x",
        "left-pad/%2e%2e",
        "%2e%2e/left-pad",
        "..%2fleft-pad",
        "left-pad%2f1.0.0",
        "left%252dpad",
        "@babel%252fcore",
        "@babel",
        "@babel%2f",
        "@%2fcore",
        "@babel%2fcore%2f7.0.0",
        "@babel%2f..%2fcore",
        "@babel%2f..",
        "left-pad/-/..%2fleft-pad-1.3.0.tgz",
        "left-pad/-/%2e%2e",
        "left-pad/-/x/left-pad-1.3.0.tgz",
        "left-pad/-/left-pad-1.3.0.zip",
        "left-pad/-/left-pad-1.3.0.tgz/x",
        "left-pad/-/left\\pad.tgz",
        "left-pad/-/left%5cpad.tgz",
        "left-pad/-/left%00pad.tgz",
        "left-pad/-/left%0apad.tgz",
        "left-pad/-/left-pad-1.3.0.tgz%3fx",
        "@babel/core/-/@other/core-7.0.0.tgz",
        "@babel/core/-/@other%2fcore-7.0.0.tgz",
        "left-pad/-/@babel%2fcore-7.0.0.tgz",
        "left-pad/%ff",
        "left-pad/1.0.0/x",
        "left-pad/@a%2fb",
        "node_modules",
        "_design",
        "-/all",
        "-/npm/v1/attestations/left-pad",
        "-/npm/v1/attestations/left-pad@",
        "-/npm/v1/attestations/../x@1.0.0",
        "-/npm/v1/attestations/a/b@1.0.0",
        "-/package/left-pad/access",
        "-/package/left-pad",
        "-/%70ing/",
    ] {
        assert_eq!(brief(get(path)), "404", "{path}");
    }
    assert_eq!(brief(get(&"a/".repeat(2000))), "404");
}

#[test]
fn the_form_follows_the_accept_header() {
    let install = "application/vnd.npm.install-v1+json";
    for (accept, kind) in [
        (None, "full"),
        (Some(""), "full"),
        (Some("*/*"), "full"),
        (Some("application/json"), "full"),
        (Some(install), "abbreviated"),
        (Some("application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"), "abbreviated"),
        (Some("application/json, application/vnd.npm.install-v1+json"), "abbreviated"),
        (Some("application/json, APPLICATION/vnd.npm.install-v1+json;Q=0.9"), "full"),
        (Some("application/vnd.npm.install-v1+json;q=0"), "full"),
        (Some("application/vnd.npm.install-v1+json;q=x, application/json;q=0.1"), "full"),
    ] {
        let ask = route_with(Method::Get, "left-pad", None, accept);
        assert_eq!(brief(ask), format!("{kind} of left-pad"), "{accept:?}");
    }
}

#[test]
fn what_is_no_change_of_a_package_is_not_taken() {
    let bulk = "-/npm/v1/security/advisories/bulk";
    assert_eq!(route_with(Method::Post, bulk, None, None), Ok(Ask::Audit));
    assert_eq!(brief(route_with(Method::Post, "-/npm/v1/security/audits/quick", None, None)), "404");
    assert_eq!(brief(route_with(Method::Post, "-/npm/v1/security/audits", None, None)), "404");
    for (method, path) in [
        (Method::Delete, "left-pad/-/left-pad-1.3.0.tgz/-rev/1"),
        (Method::Put, "-/user/org.couchdb.user:ann"),
        (Method::Post, "-/v1/login"),
        (Method::Put, "left-pad/-rev/1"),
        (Method::Post, "left-pad"),
    ] {
        assert_eq!(brief(route_with(method, path, None, None)), "405", "{path}");
    }
    let error = route_with(Method::Delete, "left-pad/-rev/1", None, None).unwrap_err().to_string();
    assert!(error.contains("npm deprecate"), "{error}");
    for (method, path, expected) in [
        (Method::Put, "@acme%2fx", "packument"),
        (Method::Put, "-/package/@acme%2fx/dist-tags/next", "tag"),
        (Method::Delete, "-/package/left-pad/dist-tags/next", "untag"),
    ] {
        let Ok(Ask::Write(write)) = route_with(method, path, None, None) else { panic!("{path} writes") };
        assert_eq!(write.what, expected);
    }
    assert_eq!(brief(route_with(Method::Put, "-/package/left-pad/dist-tags/1.0.0", None, None)), "400");
}

#[test]
fn a_search_is_handed_on_with_its_query() {
    let search = |query: &str| route_with(Method::Get, "-/v1/search", Some(query), None);
    assert_eq!(search("text=pad&size=20"), Ok(Ask::Forward(String::from("-/v1/search?text=pad&size=20"))));
    assert_eq!(brief(search("text=a b")), "400");
    assert_eq!(brief(search("text=a#b")), "400");
    assert_eq!(brief(search("text=a\r\nX: y")), "400");
    assert!(search(&"x".repeat(2048)).is_ok());
    assert_eq!(brief(search(&"x".repeat(2049))), "400");
}

#[test]
fn upstream_is_asked_for_the_full_packument_under_one_path() {
    for (name, path) in [("left-pad", "left-pad"), ("@babel/core", "@babel%2fcore"), ("a~(b)!", "a~%28b%29%21")] {
        let wanted = ECOSYSTEM.registry.documents(&ECOSYSTEM.names.parse(name).unwrap());
        assert_eq!(wanted.len(), 1);
        assert_eq!((wanted[0].path.as_str(), wanted[0].accept, wanted[0].shared), (path, "application/json", false));
    }
    assert_eq!(ECOSYSTEM.registry.upstream_base("https://registry.npmjs.org"), "https://registry.npmjs.org/");
}

#[test]
fn a_refusal_is_what_npm_prints() {
    let problem = Problem {
        status: 403,
        line: String::from("vulnerability GHSA-1; nearest allowed 1.2.6; see http://w/d/a"),
        title: String::from("refused by policy"),
        detail: String::from("two\nlines"),
        decision: Some((String::from("abcdefghijklmnop"), String::from("http://w/d/abcdefghijklmnop"))),
    };
    let reply = ECOSYSTEM.registry.problem(&problem);
    assert_eq!((reply.status, reply.content_type.as_str()), (403, "application/json"));
    assert_eq!(reply.headers, [("npm-notice", problem.line.clone())]);
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        r#"{"error":"vulnerability GHSA-1; nearest allowed 1.2.6; see http://w/d/a","title":"refused by policy","detail":"two\nlines","status":403,"type":"about:blank","instance":"http://w/d/abcdefghijklmnop","decision":"abcdefghijklmnop"}"#
    );
    let absent = ECOSYSTEM.registry.problem(&Problem { status: 404, decision: None, ..problem });
    assert_eq!(absent.headers, []);
    let body: Value = serde_json::from_slice(&absent.body).unwrap();
    assert_eq!(body["status"], 404);
    assert_eq!(body["decision"], Value::Null);
}

#[test]
fn people_get_lines_that_they_can_paste() {
    let lines = ECOSYSTEM.registry.setup(BASE);
    assert_eq!(lines[0], ("npm", String::from("npm config set registry http://127.0.0.1:8484/dev/npm/")));
    assert!(lines.contains(&("yarn", String::from("yarn config set unsafeHttpWhitelist --json '[\"127.0.0.1\"]'"))));
    assert_eq!(ECOSYSTEM.registry.setup("https://weir.test/dev/npm").len(), 4);
    let command =
        |name: &str, version: &str| ECOSYSTEM.registry.install_command(&ECOSYSTEM.names.parse(name).unwrap(), version);
    assert_eq!(command("@babel/core", "7.0.0-rc.1"), "npm install @babel/core@7.0.0-rc.1");
    assert_eq!(command("x", "1'; rm -rf ~\n"), r"npm install 'x@1'\''; rm -rf ~'");
}

#[test]
fn who_is_asking_is_answered_as_npm_reads_it() {
    let body: Value = serde_json::from_slice(&ECOSYSTEM.registry.whoami("ann").body).unwrap();
    assert_eq!(body, json!({"username": "ann"}));
}

#[test]
fn provenance_is_a_part_of_an_artifact() {
    let ask = get("-/npm/v1/attestations/left-pad@1.3.0").unwrap();
    assert!(matches!(ask, Ask::Artifact { part: Part::Provenance, .. }));
}
