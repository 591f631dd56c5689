//! A repository in Maven's layout: a list of versions, and files that stand beside one another.

use weir_testing::artifact::{shasum, zip};
use weir_testing::{FakeResponse, FakeUpstream};

use super::{Other, has};
use crate::around::packages::{CANARY, Of};
use crate::around::routes::Kind;

pub const OTHER: Other = Other { id: "maven", name, publish, routes, elsewhere, is_told_by, offers };

fn name(of: Of) -> &'static str {
    match of {
        Of::Refused => "re-fused",
        Of::Private => "billing",
    }
}

fn group(of: Of) -> &'static str {
    match of {
        Of::Refused => "org/example",
        Of::Private => "com/acme",
    }
}

fn publish(fake: &FakeUpstream) {
    for (group, name) in [("org/example", "re-fused"), ("com/acme", "billing"), ("org/example", "allowed")] {
        let put = |path: &str, body: Vec<u8>| {
            let path = format!("/maven/{group}/{name}/{path}");
            fake.put(&format!("{path}.sha1"), shasum(&body).into_bytes());
            fake.put(&path, FakeResponse::ok(body).last_modified("Wed, 01 Jan 2020 00:00:00 GMT"));
        };
        let dotted = group.replace('/', ".");
        let coordinates = format!("<groupId>{dotted}</groupId><artifactId>{name}</artifactId>");
        put(
            "maven-metadata.xml",
            format!(
                "<metadata>{coordinates}<versioning><latest>1.0</latest><release>1.0</release><versions>\
                 <version>1.0</version></versions></versioning></metadata>"
            )
            .into_bytes(),
        );
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion>{coordinates}<version>1.0</version><name>{CANARY}</name>\
             <licenses><license><name>MIT</name></license></licenses></project>"
        );
        let file = |ending: &str| format!("1.0/{name}-1.0{ending}");
        put(&file(".pom"), pom.into_bytes());
        put(&file(".jar"), zip(&[(format!("{name}.txt"), CANARY.as_bytes().to_vec())]));
        put(&file(".module"), format!("{{\"formatVersion\":\"1.1\",\"x\":\"{CANARY}\"}}").into_bytes());
        put(&file(".jar.asc"), format!("-----BEGIN PGP SIGNATURE-----\n{CANARY}\n").into_bytes());
    }
}

fn routes(of: Of) -> Vec<(Kind, String)> {
    let root = format!("maven/{}/{}", group(of), name(of));
    let file = |ending: &str| format!("{root}/1.0/{}-1.0{ending}", name(of));
    vec![
        (Kind::Page, format!("{root}/maven-metadata.xml")),
        (Kind::Manifest, file(".pom")),
        (Kind::Beside, file(".module")),
        (Kind::Artifact, file(".jar")),
        (Kind::Beside, file(".jar.sha1")),
        (Kind::Beside, file(".jar.asc")),
    ]
}

fn elsewhere(of: Of) -> Vec<String> {
    let (group, name) = (group(of), name(of));
    let root = format!("maven/{group}/{name}");
    vec![
        format!("{root}/"),
        format!("{root}/1.0/"),
        format!("{root}/1.0/maven-metadata.xml"),
        format!("{root}/maven-metadata-central.xml"),
        format!("{root}/1.0/{name}-1.0.0.jar"),
        format!("{root}/1.0.0/{name}-1.0.0.jar"),
        format!("{root}/1.0/{name}-1.0.jar.asc.sha1"),
        format!("{root}/1.0/{name}-1.0.jar.sha1.sha1"),
        format!("{root}/1.0/{name}-1.0.jar.lastUpdated"),
        format!("{root}/1.0/{name}-1.0-tests.jar"),
        format!("{root}/1.0-SNAPSHOT/{name}-1.0-SNAPSHOT.jar"),
        format!("{root}/LATEST/{name}-LATEST.jar"),
        format!("{root}/RELEASE/{name}-RELEASE.jar"),
        format!("maven/{}/{name}/1.0/{name}-1.0.jar", group.replace('/', ".")),
        format!("maven/{}:{name}:1.0", group.replace('/', ".")),
        format!("maven/org/example/allowed/1.0/{name}-1.0.jar"),
        format!("maven/{name}-1.0.jar"),
        format!("maven/.index/{group}/{name}"),
        format!("maven/solrsearch/select?q=a:{name}"),
    ]
}

/// A file of what is refused, or anything at all of what is private. The POM of what is refused has its date and its licence,
/// and the checksums of a file say whether there is such a file.
fn is_told_by(of: Of, path: &str) -> bool {
    let path = path.to_lowercase();
    match of {
        Of::Refused => path.contains("re-fused") && [".jar", ".module", ".asc"].iter().any(|end| path.ends_with(end)),
        Of::Private => path.starts_with("/maven/com/acme/"),
    }
}

fn offers(bytes: &[u8]) -> bool {
    has(bytes, b"<version>1.0</version>")
}
