//! Requests in, answers out.

use expect_test::expect;
use weir_core::digest::Checksum;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Request, RouteError, Which};
use weir_maven::ECOSYSTEM;

const BASE: &str = "http://127.0.0.1:8484/dev/maven";

fn route_by(method: Method, path: &str) -> Result<Ask, RouteError> {
    ECOSYSTEM.registry.route(&Request { method, path, query: Some("q=x"), accept: None, base: BASE, token: false })
}

fn route(path: &str) -> Result<Ask, RouteError> {
    route_by(Method::Get, path)
}

fn index(name: &str, kind: &'static str) -> Result<Ask, RouteError> {
    Ok(Ask::Index { package: ECOSYSTEM.names.parse(name).unwrap(), form: Form::whole(kind) })
}

fn file(name: &str, version: &str, file: &str, part: Part) -> Result<Ask, RouteError> {
    let which = Which::FileOf { version: version.to_owned(), file: file.to_owned() };
    Ok(Ask::Artifact { package: ECOSYSTEM.names.parse(name).unwrap(), which, part })
}

#[test]
fn a_list_of_versions_and_its_checksums_are_pages() {
    assert_eq!(
        route("org/apache/commons/commons-io/maven-metadata.xml"),
        index("org.apache.commons:commons-io", "xml")
    );
    assert_eq!(route("junit/junit/maven-metadata.xml.sha1"), index("junit:junit", "sha1"));
    assert_eq!(route("junit/junit/maven-metadata.xml.md5"), index("junit:junit", "md5"));
    assert_eq!(route_by(Method::Head, "junit/junit/maven-metadata.xml.sha512"), index("junit:junit", "sha512"));
    assert_eq!(route("junit/j%75nit/maven-metadata.xml"), index("junit:junit", "xml"));
    let snapshot = Form { kind: "snapshot.sha1", detail: Some("1.0-SNAPSHOT".into()) };
    let Ok(Ask::Index { form, .. }) = route("g/a/1.0-SNAPSHOT/maven-metadata.xml.sha1") else { panic!() };
    assert_eq!(form, snapshot);
}

#[test]
fn a_file_is_asked_for_by_release_and_name() {
    let core = "org.apache.logging.log4j:log4j-core";
    let path = "org/apache/logging/log4j/log4j-core/2.14.1/log4j-core-2.14.1";
    let of = |name: &str, part| file(core, "2.14.1", name, part);
    assert_eq!(route(&format!("{path}.jar")), of("log4j-core-2.14.1.jar", Part::Whole));
    assert_eq!(route(&format!("{path}.pom")), of("log4j-core-2.14.1.pom", Part::Whole));
    assert_eq!(route(&format!("{path}-sources.jar")), of("log4j-core-2.14.1-sources.jar", Part::Whole));
    assert_eq!(route(&format!("{path}.module")), of("log4j-core-2.14.1.module", Part::Whole));
    assert_eq!(route(&format!("{path}.jar.sha1")), of("log4j-core-2.14.1.jar", Part::Checksum(Checksum::Sha1)));
    assert_eq!(route(&format!("{path}.jar.sha256")), of("log4j-core-2.14.1.jar", Part::Checksum(Checksum::Sha256)));
    assert_eq!(route(&format!("{path}.pom.asc")), of("log4j-core-2.14.1.pom", Part::Beside("asc")));
    assert_eq!(route(&format!("{path}.jar.sigstore.json")), of("log4j-core-2.14.1.jar", Part::Beside("sigstore.json")));
    assert_eq!(route("g/a/1.0+b%2B1/a-1.0+b+1.jar"), file("g:a", "1.0+b+1", "a-1.0+b+1.jar", Part::Whole));
}

#[test]
fn every_other_path_is_not_found() {
    for path in [
        "",
        "/",
        "archetype-catalog.xml",
        "junit/maven-metadata.xml",
        "maven-metadata.xml",
        "junit/junit/",
        "junit/junit",
        "junit//junit/maven-metadata.xml",
        "/junit/junit/maven-metadata.xml",
        "junit/junit/maven-metadata.xml/",
        "junit/../junit/maven-metadata.xml",
        "junit/%2e%2e/maven-metadata.xml",
        "junit/ju%2fnit/maven-metadata.xml",
        "junit/ju%00nit/maven-metadata.xml",
        "junit/ju%ffnit/maven-metadata.xml",
        "ju.nit/junit/maven-metadata.xml",
        "junit/junit/4.13/junit-4.13",
        "junit/junit/4.13/junit-4.14.jar",
        "junit/junit/4.13/other-4.13.jar",
        "junit/junit/4.13/maven-metadata.xml.jar",
        "junit/junit/4.13/junit-4.13.jar.asc.sha1",
        "junit/junit/4.13/.sha1",
        "junit/junit/4.13/junit-4.13.jar/",
        "org/x/junit/4.13/",
        "nexus-maven-repository-index.gz",
        ".meta/prefixes.txt",
    ] {
        assert!(matches!(route(path), Err(RouteError::NotFound(_))), "{path:?}: {:?}", route(path));
    }
    for method in [Method::Post, Method::Delete] {
        assert!(matches!(route_by(method, "junit/junit/maven-metadata.xml"), Err(RouteError::MethodNotAllowed(_))));
    }
}

#[test]
fn an_error_is_problem_details_of_exactly_that_type() {
    let problem = Problem {
        status: 403,
        line: String::from("vulnerability CVE-1; nearest allowed 2.17.1; http://x/d/abc"),
        title: String::from("refused by policy"),
        detail: String::from("one line\nand another"),
        decision: Some((String::from("abc"), String::from("http://x/d/abc"))),
    };
    let reply = ECOSYSTEM.registry.problem(&problem);
    assert_eq!((reply.status, reply.content_type.as_str()), (403, "application/problem+json"));
    expect![[r#"{"type":"about:blank","title":"refused by policy","status":403,"detail":"one line\nand another","instance":"http://x/d/abc","decision":"abc"}"#]]
        .assert_eq(&String::from_utf8(reply.body).unwrap());
}

#[test]
fn the_settings_put_weir_in_the_place_of_every_repository() {
    let lines = ECOSYSTEM.registry.setup(BASE);
    assert!(lines.iter().any(|(client, line)| *client == "maven" && line.contains("<mirrorOf>*</mirrorOf>")));
    assert!(lines.iter().any(|(client, line)| *client == "gradle" && line.contains(BASE)));
    let package = ECOSYSTEM.names.parse("junit:junit").unwrap();
    assert_eq!(ECOSYSTEM.registry.install_command(&package, "4.13"), "mvn dependency:get -Dartifact=junit:junit:4.13");
}

#[test]
fn a_put_writes_a_file_its_checksum_or_a_list() {
    let put = |path: &str| match route_by(Method::Put, path) {
        Ok(Ask::Write(write)) => Ok((write.what, write.package.map(|it| it.to_string()), write.detail.unwrap())),
        Ok(other) => panic!("{path}: {other:?}"),
        Err(error) => Err(error),
    };
    let junit = || Some(String::from("junit:junit"));
    assert_eq!(put("junit/junit/4.13/junit-4.13.jar"), Ok(("file", junit(), "4.13/junit-4.13.jar".into())));
    assert_eq!(put("junit/junit/4.13/junit-4.13.jar.asc"), Ok(("file", junit(), "4.13/junit-4.13.jar.asc".into())));
    assert_eq!(put("junit/junit/4.13/junit-4.13.jar.md5"), Ok(("checksum", junit(), "4.13/junit-4.13.jar.md5".into())));
    assert_eq!(put("junit/junit/maven-metadata.xml"), Ok(("metadata", None, "junit:junit".into())));
    assert_eq!(put("junit/junit/maven-metadata.xml.sha1"), Ok(("metadata-checksum", None, "junit:junit".into())));
    for path in [
        "",
        "maven-metadata.xml",
        "junit/maven-metadata.xml",
        "junit/junit-4.13.jar",
        "a//b/1/b-1.jar",
        "a/../b/1/b-1.jar",
    ] {
        assert!(put(path).is_err(), "{path}");
    }
}
