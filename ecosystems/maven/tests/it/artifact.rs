//! What POMs and JARs declare.

use weir_core::registry::{Container, Declared, Entry, Expected};
use weir_maven::ECOSYSTEM;

fn declared(file: &str, entries: &[(&str, &str)]) -> Declared {
    let package = ECOSYSTEM.names.parse("org.example:demo").unwrap();
    let inspection = ECOSYSTEM.registry.inspection(file).unwrap();
    let entries: Vec<Entry> = entries
        .iter()
        .filter(|(path, _)| (inspection.wanted)(path))
        .map(|(path, text)| Entry { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect();
    ECOSYSTEM.registry.declared(file, &entries, &Expected { package: &package, version: "1.0" })
}

fn codes(declared: &Declared) -> Vec<&str> {
    declared.findings.iter().map(|finding| finding.code.as_str()).collect()
}

const PROPERTIES: &str = "META-INF/maven/org.example/demo/pom.properties";

#[test]
fn a_pom_is_one_entry_and_a_jar_is_a_zip() {
    let container = |file: &str| ECOSYSTEM.registry.inspection(file).map(|inspection| inspection.container);
    assert_eq!(container("demo-1.0.pom"), Some(Container::Plain));
    assert_eq!(container("demo-1.0-sources.jar"), Some(Container::Zip));
    assert_eq!(container("demo-1.0.module"), None);
}

#[test]
fn a_pom_that_is_of_another_release_contradicts_itself() {
    let pom = |inner: &str| declared("demo-1.0.pom", &[("", &format!("<project>{inner}</project>"))]);
    let own = "<groupId>org.example</groupId><artifactId>demo</artifactId><version>1.0</version>";
    assert!(codes(&pom(own)).is_empty());
    assert_eq!(pom(own).license, Some((String::new(), String::from("demo-1.0.pom"))));
    assert_eq!(codes(&pom(&own.replace("org.example", "com.example"))), ["name-mismatch"]);
    assert_eq!(codes(&pom(&own.replace("1.0", "1.1"))), ["version-mismatch"]);
    // What a property stands for is not known here.
    assert!(codes(&pom(&own.replace("1.0", "${revision}"))).is_empty());
    assert_eq!(codes(&declared("demo-1.0.pom", &[("", "nonsense")])), ["unreadable-manifest"]);
    assert_eq!(codes(&declared("demo-1.0.pom", &[])), ["unreadable-manifest"]);
}

#[test]
fn a_jar_that_says_another_name_or_version_contradicts_itself() {
    let jar = |properties: &str| declared("demo-1.0.jar", &[(PROPERTIES, properties)]);
    assert!(codes(&jar("# made by Maven\ngroupId=org.example\nartifactId = demo\r\nversion=1.0\n")).is_empty());
    assert_eq!(codes(&jar("groupId=org.example\nartifactId=demo\nversion=1.1\n")), ["version-mismatch"]);
    assert_eq!(codes(&jar("groupId=org.example\nartifactId=other\nversion=1.0\n")), ["name-mismatch"]);
}

#[test]
fn what_was_packed_into_a_jar_is_told_and_is_no_contradiction() {
    let found = declared(
        "demo-1.0.jar",
        &[
            (PROPERTIES, "version=1.0\n"),
            ("META-INF/maven/com.other/lib/pom.properties", "version=2.3\n"),
            ("META-INF/maven/com.other/lib/sub/pom.properties", "version=9\n"),
            ("META-INF/LICENSE.txt", "text"),
            ("org/example/Demo.class", "x"),
        ],
    );
    assert!(codes(&found).is_empty());
    assert_eq!(found.said["packed-with"], serde_json::json!(["com.other:lib:2.3"]));
    assert_eq!(found.said["license-files"], serde_json::json!(["META-INF/LICENSE.txt"]));
}

#[test]
fn a_licence_is_that_of_the_pom_inside_else_of_the_bundle() {
    let manifest = "Manifest-Version: 1.0\r\nBundle-License: https://x.exam\r\n ple/l\r\nMain-Class: a.B\r\n\r\nName: x\r\nMain-Class: c.D\r\n";
    let found = declared("demo-1.0.jar", &[("META-INF/MANIFEST.MF", manifest)]);
    assert_eq!(found.license, Some(("https://x.example/l".into(), "META-INF/MANIFEST.MF in demo-1.0.jar".into())));
    assert_eq!(found.said["manifest"]["Main-Class"], "a.B");
    let pom = "<project><licenses><license><name>MIT</name></license></licenses></project>";
    let both = [("META-INF/maven/org.example/demo/pom.xml", pom), ("META-INF/MANIFEST.MF", manifest)];
    assert_eq!(declared("demo-1.0.jar", &both).license.unwrap().0, "MIT");
}
