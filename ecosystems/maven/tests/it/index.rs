//! What upstream says, and what Weir makes of it.

use weir_core::digest::{Checksum, hex};
use weir_core::registry::{Document, Form, Note, Page, Part, ReleaseDocument, ServedArtifact, ServedRelease};
use weir_core::registry::{Index, InvalidDocument, Release};
use weir_core::{PackageName, Timestamp};
use weir_maven::ECOSYSTEM;

const URL: &str = "https://repo.example/maven2/org/example/demo/maven-metadata.xml";

fn package() -> PackageName {
    ECOSYSTEM.names.parse("org.example:demo").unwrap()
}

fn list(versions: &[&str]) -> String {
    let versions: String = versions.iter().map(|version| format!("<version>{version}</version>")).collect();
    format!(
        "<metadata><versioning><latest>2.0</latest><versions>{versions}</versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>"
    )
}

fn document<'a>(url: &'a str, body: &'a str) -> Document<'a> {
    Document { url, content_type: "text/xml", body: body.as_bytes() }
}

fn parse(body: &str) -> Result<Index, InvalidDocument> {
    ECOSYSTEM.registry.parse(&package(), &[document(URL, body)])
}

fn served(index: &Index, refused: &[(&str, &str)]) -> Vec<ServedRelease> {
    let note = || Some(Note { rule: String::from("x"), text: String::from("x") });
    let is_refused = |release: &Release, file: &str| refused.contains(&(release.version.as_str(), file));
    let release = |release: &Release| ServedRelease {
        refused: is_refused(release, "").then(note).flatten(),
        warned: None,
        published: Timestamp::from_millis(0),
        artifacts: release
            .artifacts
            .iter()
            .map(|artifact| ServedArtifact {
                refused: is_refused(release, &artifact.file).then(note).flatten(),
                published: Timestamp::from_millis(0),
                metadata: None,
            })
            .collect(),
    };
    index.releases.iter().map(release).collect()
}

fn render(body: &str, index: &Index, refused: &[(&str, &str)], kind: &'static str) -> String {
    let (package, documents, releases) = (package(), [document(URL, body)], served(index, refused));
    let page = Page { package: &package, documents: &documents, index, releases: &releases, base: "http://x" };
    String::from_utf8(ECOSYSTEM.registry.render(&page, &Form::whole(kind)).unwrap().body).unwrap()
}

#[test]
fn every_version_has_its_pom_at_an_address_made_of_its_parts() {
    let index = parse(&list(&["1.0", "2.0", "../3", "4/5", "${v}"])).unwrap();
    assert_eq!(index.releases.len(), 2);
    let pom = &index.releases[0].artifacts[0];
    assert_eq!(pom.file, "demo-1.0.pom");
    assert_eq!(pom.url, "https://repo.example/maven2/org/example/demo/1.0/demo-1.0.pom");
    assert_eq!(index.releases[0].published, None);
    assert!(parse("<html></html>").is_err());
    assert!(ECOSYSTEM.registry.parse(&package(), &[]).is_err());
}

#[test]
fn the_page_lists_what_is_served_and_its_checksums_are_of_it() {
    let body = list(&["1.0", "1.5", "2.0"]);
    let mut index = parse(&body).unwrap();
    assert_eq!(render(&body, &index, &[], "xml"), body);
    let page = render(&body, &index, &[("2.0", "")], "xml");
    assert_eq!(page, body.replace("<version>2.0</version>", "").replace("<latest>2.0", "<latest>1.5"));
    assert_eq!(render(&body, &index, &[("2.0", "")], "sha1"), Checksum::Sha1.of(page.as_bytes()));
    // A release without its JAR is of no use, one without its sources is.
    for (file, is_left) in [("demo-2.0.jar", false), ("demo-2.0-sources.jar", true)] {
        let artifact = weir_core::registry::Artifact { file: file.to_owned(), ..Default::default() };
        index.releases[2].artifacts.push(artifact);
        assert_eq!(render(&body, &index, &[("2.0", file)], "xml").contains("<version>2.0"), is_left, "{file}");
    }
}

#[test]
fn a_pom_tells_of_its_release() {
    let releases = ECOSYSTEM.registry.releases().unwrap();
    let wanted = releases.documents(&package(), "1.0");
    assert_eq!(wanted[0].path, "org/example/demo/1.0/demo-1.0.pom");
    assert!(releases.documents(&package(), "..").is_empty());
    let listed = parse(&list(&["1.0"])).unwrap().releases.remove(0);
    let pom = "<project><licenses><license><name>MIT</name></license></licenses></project>";
    let address = format!("https://repo.example/maven2/{}", wanted[0].path);
    let read = |pom: &str, sum: &str, last_modified| {
        let documents = [(address.as_str(), pom), (wanted[1].path.as_str(), sum)];
        let documents = documents.map(|(url, body)| ReleaseDocument { document: document(url, body), last_modified });
        releases.read(&package(), "1.0", Some(&listed), &documents)
    };
    let sum = Checksum::Sha1.of(pom.as_bytes());
    let told = |last_modified| read(pom, &sum, last_modified).unwrap();
    let day = Timestamp::parse("2020-01-01");
    let release = told(day);
    assert_eq!((release.published, release.license.as_deref()), (day, Some("MIT")));
    assert_eq!(release.artifacts[0].url, address);
    assert!(release.artifacts[0].digests.sha256.is_some());
    assert_eq!(told(None).published, None);
    // Bytes that are not those upstream vouches for are not read.
    assert!(read(pom, &Checksum::Sha1.of(b"other"), None).unwrap_err().problem.contains("SHA-1"));
    assert!(read(pom, "nothing", None).is_err());
    assert!(read("nonsense", &Checksum::Sha1.of(b"nonsense"), None).is_err());
}

#[test]
fn a_file_is_one_of_the_release_with_the_longest_fitting_version() {
    let files = ECOSYSTEM.registry.files().unwrap();
    let index = parse(&list(&["1.0", "1.0-jre", "2.0"])).unwrap();
    for (file, release) in [
        ("demo-1.0.jar", Some(0)),
        ("demo-1.0-sources.jar", Some(0)),
        ("demo-1.0-jre.jar", Some(1)),
        ("demo-1.0-jre-sources.jar", Some(1)),
        ("demo-1.0-jre8.jar", Some(0)),
        ("demo-3.0.jar", None),
        ("other-1.0.jar", None),
    ] {
        assert_eq!(files.release_of(&package(), &index, file), release, "{file}");
    }
}

#[test]
fn a_file_is_told_by_the_checksum_beside_it() {
    let files = ECOSYSTEM.registry.files().unwrap();
    let wanted = files.documents(&package(), "1.0", "demo-1.0.jar");
    assert_eq!(wanted[0].path, "org/example/demo/1.0/demo-1.0.jar.sha1");
    assert!(files.documents(&package(), "1.0", "../demo-1.0.jar").is_empty());
    let release =
        Release { version: String::from("1.0"), published: Timestamp::parse("2020-01-01"), ..Release::default() };
    let address = format!("https://repo.example/maven2/{}", wanted[0].path);
    let read = |body: &str, last_modified| {
        let document = ReleaseDocument { document: document(&address, body), last_modified };
        files.read(&package(), &release, "demo-1.0.jar", 0, &document)
    };
    let sum = Checksum::Sha1.of(b"x");
    for body in
        [sum.clone(), format!("{sum}  demo-1.0.jar\n"), format!("SHA1(demo-1.0.jar)= {sum}"), sum.to_uppercase()]
    {
        let artifact = read(&body, None).unwrap();
        assert_eq!(artifact.digests.sha1.as_deref().map(hex), Some(sum.clone()), "{body}");
        assert_eq!(artifact.url, "https://repo.example/maven2/org/example/demo/1.0/demo-1.0.jar");
        assert_eq!(artifact.published, release.published);
    }
    let later = Timestamp::parse("2021-01-01");
    assert_eq!(read(&sum, later).unwrap().published, later);
    for body in ["", "<html>", &sum[..38], &Checksum::Sha256.of(b"x")] {
        assert!(read(body, None).is_err(), "{body}");
    }
}

#[test]
fn nothing_beside_a_file_is_a_page() {
    // The parts that only Maven asks for, as the gate knows them.
    assert_ne!(Part::Checksum(Checksum::Sha1), Part::Checksum(Checksum::Md5));
    assert_eq!(ECOSYSTEM.registry.checksum_headers().len(), 2);
}
