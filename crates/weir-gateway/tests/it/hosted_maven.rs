//! Maven packages of one's own, through the gate.

use weir_core::digest::Checksum;
use weir_testing::artifact;

use crate::gate::{Answer, TestGate};

const OURS: &str = "[stage.dev]\nprivate-name = [\"maven:com.acme:*\"]\nminimum-age = 3\n";
const DEMO: &str = "com/acme/demo";

fn pom(version: &str, more: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>demo</artifactId>\
         <version>{version}</version>{more}</project>"
    )
}

fn jar(version: &str) -> Vec<u8> {
    let properties = format!("groupId=com.acme\nartifactId=demo\nversion={version}\n");
    let path = String::from("META-INF/maven/com.acme/demo/pom.properties");
    artifact::zip(&[(path, properties.into_bytes()), (String::from("A.class"), artifact::noise(100))])
}

/// What a client puts at last: what it was told there is, and what it has just sent.
fn list(versions: &[&str]) -> String {
    let items: String = versions.iter().map(|version| format!("<version>{version}</version>")).collect();
    format!(
        "<metadata><groupId>com.acme</groupId><artifactId>demo</artifactId><versioning><versions>{items}</versions>\
         </versioning></metadata>"
    )
}

impl TestGate {
    async fn deploy(&self, path: &str, bytes: &[u8]) -> Answer {
        self.send("PUT", &format!("/dev/maven/{DEMO}/{path}"), "application/octet-stream", bytes).await
    }

    /// Puts a file of the release and its checksums as clients do.
    async fn deploy_file(&self, version: &str, ending: &str, bytes: &[u8]) {
        let path = format!("{version}/demo-{version}{ending}");
        let answer = self.deploy(&path, bytes).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        for kind in Checksum::ALL {
            let answer = self.deploy(&format!("{path}.{}", kind.word()), kind.of(bytes).as_bytes()).await;
            assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        }
    }

    async fn deploy_list(&self, versions: &[&str]) -> Answer {
        self.deploy("maven-metadata.xml", list(versions).as_bytes()).await
    }

    async fn deployed(&self, path: &str) -> Answer {
        self.get(&format!("/dev/maven/{DEMO}/{path}")).await
    }
}

async fn gate() -> TestGate {
    let gate = TestGate::new(OURS).await;
    gate.publisher(&["maven:com.acme:*"]);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_seen_once_all_of_it_is_there() {
    let gate = gate().await;
    let (one, jar) = (pom("1.0", "<licenses><license><name>MIT</name></license></licenses>"), jar("1.0"));
    gate.deploy_file("1.0", ".jar", &jar).await;
    gate.deploy_file("1.0", ".jar.asc", b"signature").await;
    gate.deploy_file("1.0", ".pom", one.as_bytes()).await;
    gate.deploy_file("1.0", ".module", b"{}").await;
    for path in ["1.0/demo-1.0.jar", "1.0/demo-1.0.pom", "1.0/demo-1.0.jar.asc", "1.0/demo-1.0.jar.sha1"] {
        assert_eq!(gate.deployed(path).await.status, 404, "{path}");
    }
    assert!(!gate.deployed("maven-metadata.xml").await.text().contains("<version>"));
    assert_eq!(gate.events("published").await.len(), 0);

    assert_eq!(gate.deploy_list(&["1.0"]).await.status, 201);
    assert_eq!(gate.deploy("maven-metadata.xml.sha1", b"whatever").await.status, 201, "Weir has its own");
    let metadata = gate.deployed("maven-metadata.xml").await;
    for text in ["<version>1.0</version>", "<release>1.0</release>", "<lastUpdated>20261101120000</lastUpdated>"] {
        assert!(metadata.text().contains(text), "{text}: {}", metadata.text());
    }
    let sha1 = gate.deployed("maven-metadata.xml.sha1").await.text();
    assert_eq!(sha1, Checksum::Sha1.of(&metadata.body));
    for (path, bytes) in [
        ("1.0/demo-1.0.jar", jar.as_slice()),
        ("1.0/demo-1.0.pom", one.as_bytes()),
        ("1.0/demo-1.0.module", b"{}"),
        ("1.0/demo-1.0.jar.asc", b"signature"),
    ] {
        let answer = gate.deployed(path).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, bytes), "{path}: {}", answer.text());
    }
    assert_eq!(gate.deployed("1.0/demo-1.0.jar.md5").await.text(), Checksum::Md5.of(&jar));
    assert_eq!(gate.deployed("1.0/demo-1.0-sources.jar").await.status, 404);
    assert_eq!(gate.deployed("2.0/demo-2.0.pom").await.status, 404);
    assert_eq!(gate.seen().len(), 0, "no upstream hears of it: {:?}", gate.seen());
    assert_eq!(gate.events("published").await.len(), 4);
    let gate = gate.offline().await;
    assert_eq!(gate.deployed("1.0/demo-1.0.jar").await.body, jar);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_may_be_sent_again_and_what_is_published_is_never_changed() {
    let gate = gate().await;
    let (one, first) = (pom("1.0", ""), jar("1.0"));
    let other = artifact::zip(&[(String::from("B.class"), Vec::new())]);
    gate.deploy_file("1.0", ".jar", &other).await;
    gate.deploy_file("1.0", ".jar", &first).await;
    gate.deploy_file("1.0", ".pom", one.as_bytes()).await;
    assert_eq!(gate.deploy_list(&["1.0"]).await.status, 201);
    assert_eq!(gate.deployed("1.0/demo-1.0.jar").await.body, first);

    // The same again is fine, so that what broke off at the end can be repeated.
    gate.deploy_file("1.0", ".jar", &first).await;
    assert_eq!(gate.deploy_list(&["1.0"]).await.status, 201);
    for (path, bytes) in [
        ("1.0/demo-1.0.jar", other.as_slice()),
        ("1.0/demo-1.0-sources.jar", &other),
        ("1.0/demo-1.0.jar.sha1", Checksum::Sha1.of(&other).as_bytes()),
    ] {
        let answer = gate.deploy(path, bytes).await;
        assert!(answer.status == 409 && answer.text().contains("never changed"), "{path}: {}", answer.text());
    }
    gate.deploy_file("1.1", ".jar", &jar("1.1")).await;
    gate.deploy_file("1.1", ".pom", pom("1.1", "").as_bytes()).await;
    assert_eq!(gate.deploy_list(&["1.0", "1.1"]).await.status, 201);
    let metadata = gate.deployed("maven-metadata.xml").await.text();
    assert!(metadata.contains("<version>1.0<") && metadata.contains("<latest>1.1<"), "{metadata}");
    assert_eq!((gate.events("published").await.len(), gate.deployed("1.0/demo-1.0.jar").await.body), (4, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_their_checksum_says_are_thrown_away() {
    let gate = gate().await;
    gate.deploy_file("1.0", ".pom", pom("1.0", "").as_bytes()).await;
    for kind in Checksum::ALL {
        assert_eq!(gate.deploy("1.0/demo-1.0.jar", &jar("1.0")).await.status, 201);
        let path = format!("1.0/demo-1.0.jar.{}", kind.word());
        let answer = gate.deploy(&path, kind.of(b"other").as_bytes()).await;
        assert!(answer.status == 400 && answer.text().contains("thrown away"), "{path}: {}", answer.text());
        let answer = gate.deploy_list(&["1.0"]).await;
        assert!(answer.status == 400 && answer.text().contains("not whole"), "{}", answer.text());
    }
    let answer = gate.deploy("1.0/demo-1.0.jar.sha1", b"nonsense").await;
    assert!(answer.status == 400 && answer.text().contains("no sha1"), "{}", answer.text());
    let answer = gate.deploy("1.0/demo-1.0-x.jar.sha1", Checksum::Sha1.of(b"x").as_bytes()).await;
    assert!(answer.status == 404 && answer.text().contains("send it first"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_its_address_says_is_refused() {
    let gate = gate().await;
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><project><name>&b;</name></project>";
    let escaping = artifact::zip(&[(String::from("../../A.class"), Vec::new())]);
    for (path, bytes, status, problem) in [
        ("1.0/demo-1.0.pom", pom("2.0", "").as_bytes(), 400, "version-mismatch"),
        ("1.0/demo-1.0.pom", pom("1.0", "").replace("com.acme", "com.evil").as_bytes(), 400, "name-mismatch"),
        ("1.0/demo-1.0.pom", bomb.as_bytes(), 400, "document type"),
        ("1.0/demo-1.0.pom", b"<project>", 400, "demo-1.0.pom"),
        ("1.0/demo-1.0.jar", &jar("2.0"), 400, "version-mismatch"),
        ("1.0/demo-1.0.jar", &jar("1.0")[..90], 400, "unreadable-archive"),
        ("1.0/demo-1.0.jar", &escaping, 400, ""),
        ("1.0/other-1.0.jar", &jar("1.0"), 400, "is no file of"),
        ("1.0/demo-2.0.jar", &jar("1.0"), 400, "is no file of"),
        ("1.0-SNAPSHOT/demo-1.0-20261101.120000-1.jar", &jar("1.0"), 403, "a version of its own"),
        ("1.0-SNAPSHOT/maven-metadata.xml", b"<metadata/>", 403, "a version of its own"),
        ("maven-metadata.xml", list(&["1.0"]).replace("demo", "other").as_bytes(), 400, "says `other`"),
        ("maven-metadata.xml", b"nothing", 400, "cannot be read"),
        ("../../../etc/passwd", b"x", 404, ""),
    ] {
        let answer = gate.deploy(path, bytes).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(problem), "{path}: {problem}: {}", answer.text());
        let expected = if status == 404 { "text/plain; charset=utf-8" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), expected, "{path}");
    }
    let answer = gate.send("DELETE", &format!("/dev/maven/{DEMO}/1.0/demo-1.0.jar"), "", b"").await;
    assert_eq!(answer.status, 405, "{}", answer.text());
    let answer = gate.send("PUT", "/dev/maven/com/other/demo/1.0/demo-1.0.jar", "", &jar("1.0")).await;
    assert!(answer.status == 403 && answer.text().contains("may not publish"), "{}", answer.text());
    // The list of a group's plugins is nobody's release.
    let plugins = "<metadata><plugins><plugin><prefix>x</prefix></plugin></plugins></metadata>";
    let answer = gate.send("PUT", "/dev/maven/com/acme/maven-metadata.xml", "", plugins.as_bytes()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!((gate.events("published").await.len(), gate.seen().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_not_whole_is_not_published() {
    let gate = gate().await;
    gate.deploy_file("1.0", ".jar", &jar("1.0")).await;
    let answer = gate.deploy_list(&["1.0"]).await;
    assert!(answer.status == 400 && answer.text().contains("there is no demo-1.0.pom"), "{}", answer.text());
    gate.deploy_file("1.1", ".pom", pom("1.1", "").as_bytes()).await;
    let answer = gate.deploy_list(&["1.1"]).await;
    assert!(answer.status == 400 && answer.text().contains("packaging is `jar`"), "{}", answer.text());
    gate.deploy_file("1.2", ".pom", pom("1.2", "<packaging>pom</packaging>").as_bytes()).await;
    assert_eq!(gate.deploy_list(&["1.2"]).await.status, 201);
    let metadata = gate.deployed("maven-metadata.xml").await.text();
    assert!(metadata.contains("<version>1.2<") && !metadata.contains("<version>1.1<"), "{metadata}");
}
