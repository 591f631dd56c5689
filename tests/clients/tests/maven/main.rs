//! Maven and Gradle through a real `weir serve`, against Maven Central. What they show is written to `docs/reference/clients-maven.md`.
//!
//! A project whose one build extension is the library in question makes Maven resolve POM and JAR and run nothing else, so
//! that little has to be fetched. Of an extension Maven 3.9 does not print why it cannot be had; of an imported POM it does, as
//! of a dependency.
//!
//! | Module | Answers |
//! |---|---|
//! | [`gate`] | how is Weir run before Central, and Maven as on a machine of its own? |
//! | [`page`] | what is written of what Maven shows? |
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails by panicking")]

mod gate;
mod page;

use gate::{Gate, Gradle, Maven};
use page::Page;
use weir_clients::glance;

/// What the stage refuses: Log4Shell, by the advisories beside the project. Old plugins of Maven itself would fall to less.
const POLICY: &str = "[stage.open]\n\n[stage.strict]\nvulnerability = { block-cvss = 10.0 }\n";

const GSON: &str = "com.google.code.gson:gson";
const CORE: &str = "org.apache.logging.log4j:log4j-core";
const API: &str = "org.apache.logging.log4j:log4j-api";
const WHY: &str = "GHSA-jfh8-c2jp-5v3q";
const NEAREST: &str = "2.15.0";

#[test]
fn maven_resolves_what_is_allowed_and_is_told_why_not() {
    let mavens = Maven::all();
    if mavens.is_empty() {
        return;
    }
    let Some(gate) = Gate::start(None, POLICY) else { return };
    let mut page = Page::new();
    for maven in &mavens {
        let mut row = page.row(format!("Maven {}", maven.version));

        let seen = gate.resolve(maven, "strict", GSON, "2.10.1");
        assert_eq!(seen.jar("gson"), ["gson-2.10.1.jar"], "{}", seen.text);
        row.resolves(&seen, "gson");

        let seen = gate.resolve(maven, "strict", API, "[2.13,2.15.0)");
        assert_eq!(seen.jar("log4j-api"), ["log4j-api-2.14.1.jar"], "{}", seen.text);
        row.resolves(&seen, "log4j-api");

        let seen = gate.resolve(maven, "strict", CORE, "[2.14,2.15.0)");
        assert!(seen.jar("log4j-core").is_empty(), "nothing in the range is allowed: {}", seen.text);
        row.missing(&seen, "No versions available");

        let seen = gate.import(maven, "strict", CORE, "2.14.1");
        row.refused(&seen, WHY, &[WHY, NEAREST]);

        // One for each, so that each is the first to find upstream gone, and hears the same.
        let Some(nowhere) = Gate::start(Some("http://127.0.0.1:1/"), POLICY) else { return };
        let seen = nowhere.import(maven, "strict", GSON, "2.10.1");
        row.down(&seen);
    }
    let Some(gradle) = Gradle::find() else { return };
    let mut row = page.row(format!("Gradle {}", gradle.version));
    let resolve = |gate: &Gate, name: &str, version: &str| gate.gradle(&gradle, "strict", name, version);
    for (name, version, jar) in [(GSON, "2.10.1", "gson-2.10.1.jar"), (API, "[2.13,2.15.0)", "log4j-api-2.14.1.jar")] {
        let artifact = name.split_once(':').unwrap().1;
        let seen = resolve(&gate, name, version);
        assert_eq!(seen.jar(artifact), [jar], "{}", seen.text);
        row.resolves(&seen, artifact);
    }
    row.missing(&resolve(&gate, CORE, "[2.14,2.15.0)"), "Could not find any version that matches");
    row.refused(&resolve(&gate, CORE, "2.14.1"), WHY, &[WHY, NEAREST]);
    let Some(nowhere) = Gate::start(Some("http://127.0.0.1:1/"), POLICY) else { return };
    row.down(&resolve(&nowhere, GSON, "2.10.1"));
    drop(row);
    page.check();
    glance::check(page.rows());
}

#[test]
fn a_file_and_all_that_stands_beside_it_go_by_one_decision() {
    if Maven::all().is_empty() {
        return;
    }
    let Some(gate) = Gate::start(None, POLICY) else { return };
    let path = |stage: &str, ending: &str| {
        format!("{stage}/maven/org/apache/logging/log4j/log4j-core/2.14.1/log4j-core-2.14.1{ending}")
    };
    for ending in [".pom", ".jar", ".pom.sha1", ".jar.md5", ".jar.asc", "-sources.jar"] {
        assert_eq!(gate.get(&path("strict", ending)).0, 403, "{ending}");
    }
    assert_eq!(gate.get(&path("open", ".jar.sha1")).1, "9141212b8507ab50a45525b545b39d224614528b");
    assert!(gate.get(&path("open", ".jar.asc")).1.starts_with("-----BEGIN PGP SIGNATURE-----"));
    assert_eq!(gate.get(&path("open", "-nothing.jar")).0, 404);
    let list =
        |stage: &str| gate.get(&format!("{stage}/maven/org/apache/logging/log4j/log4j-core/maven-metadata.xml")).1;
    assert!(
        list("open").contains("<version>2.14.1</version>") && !list("strict").contains("<version>2.14.1</version>")
    );
}

#[test]
fn what_maven_deploys_is_resolved_by_maven_and_gradle() {
    let mavens = Maven::all();
    if mavens.is_empty() {
        return;
    }
    let policy = "[stage.open]\nprivate-name = [\"maven:com.acme:*\"]\n";
    let Some(gate) = Gate::start(None, policy) else { return };
    let token = gate.publisher("maven:com.acme:*");
    for (number, maven) in mavens.iter().enumerate() {
        let version = format!("1.{number}");
        let seen = gate.deploy(maven, "open", "com.acme:own", &version, &token);
        assert!(seen.text.contains("BUILD SUCCESS"), "{}", seen.text);
        let seen = gate.resolve(maven, "open", "com.acme:own", "[1,)");
        assert_eq!(seen.jar("own"), [format!("own-{version}.jar")], "{}", seen.text);
        let seen = gate.deploy(maven, "open", "com.acme:own", "1-SNAPSHOT", &token);
        assert!(seen.text.contains("BUILD FAILURE"), "{}", seen.text);
        assert!(maven.version.starts_with("3.8") || seen.text.contains("a version of its own"), "{}", seen.text);
        let seen = gate.deploy(maven, "open", "com.other:own", &version, &token);
        assert!(seen.text.contains("may not publish"), "{}", seen.text);
    }
    let Some(gradle) = Gradle::find() else { return };
    // Gradle as Debian packs it cannot publish over HTTP.
    let seen = gate.gradle(&gradle, "open", "com.acme:own", "[1,)");
    assert_eq!(seen.jar("own"), [format!("own-1.{}.jar", mavens.len() - 1)], "{}", seen.text);
}
