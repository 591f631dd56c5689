//! What upstreams of the four ecosystems with catalogues, archives and directories can send, and should not: it is refused, in
//! the client's own form and with a reason, and nothing of it is there afterwards.

use std::io::{Read as _, Write as _};

use serde_json::json;
use weir_testing::artifact::{self, shasum, zip};
use weir_testing::conda::{self, Subdir};
use weir_testing::{FakeResponse, cran};

use crate::http;
use crate::place::{Place, Server};

const OPEN: &str = "[stage.dev]\n";

/// A place whose modules are not of the public checksum database.
async fn place() -> Place {
    let place = Place::new().await;
    place.policy(OPEN);
    place.configure("upstream.go.checksum-key = \"off\"");
    place
}

/// Asks twice: what is refused leaves nothing that would be served the second time.
#[track_caller]
fn refused(server: &Server, path: &str, status: u16, reason: &str) {
    for _ in 0..2 {
        let answer = server.get(path).expect(status);
        let told = format!("{} {}", answer.phrase, answer.text());
        assert!(told.contains(reason), "{path}: `{reason}` is missing from {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_corrupt_index_of_a_channel_is_trouble_and_never_an_empty_channel() {
    let place = place().await;
    let mut channel = Subdir::default();
    channel.add("demo", "1.0", "linux-64", &json!({}));
    let indexes = channel.indexes("linux-64");
    let packed = &indexes.iter().find(|(file, _)| file == "repodata.json.zst").unwrap().1;
    let plain = &indexes.iter().find(|(file, _)| file == "repodata.json").unwrap().1;
    let two = [&packed[..], &packed[..]].concat();
    let cases: [(&str, &str, &[u8]); 6] = [
        ("linux-64", "repodata.json.zst", &packed[..packed.len() / 2]),
        ("osx-64", "repodata.json.zst", b"garbage"),
        ("win-64", "repodata.json", &plain[..plain.len() / 2]),
        ("linux-32", "repodata.json", b"[]"),
        ("osx-arm64", "repodata.json", b"<html>log in</html>"),
        ("win-32", "repodata.json.zst", &two),
    ];
    for (subdir, file, bytes) in cases {
        place.fake.put(&format!("/conda/{subdir}/{file}"), bytes.to_vec());
    }
    let server = place.serve();
    for (subdir, ..) in cases {
        for form in ["repodata.json", "repodata.json.zst"] {
            let answer = server.get(&format!("/dev/conda/conda-forge/{subdir}/{form}")).expect(502);
            assert_eq!(answer.header("content-type"), "application/problem+json", "{subdir}/{form}");
            let told = answer.json();
            assert!(told["detail"].as_str().is_some_and(|detail| detail.contains(subdir)), "{subdir}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn corrupt_shards_take_nothing_from_the_index_as_a_whole() {
    let place = place().await;
    let mut channel = Subdir::default();
    let (file, bytes) = channel.add("demo", "1.0", "noarch", &json!({}));
    for (name, bytes) in channel.indexes("noarch") {
        let is_shards = name.contains("shards");
        place.fake.put(&format!("/conda/noarch/{name}"), if is_shards { b"garbage".to_vec() } else { bytes });
    }
    place.fake.put(&format!("/conda/noarch/{file}"), bytes);
    let server = place.serve();
    let index = server.get("/dev/conda/conda-forge/noarch/repodata.json").expect(200).json();
    assert!(index["packages.conda"][&file].is_object(), "{index}");
    let list = server.get("/dev/conda/conda-forge/noarch/repodata_shards.msgpack.zst");
    assert!(matches!(list.status, 404 | 502), "{} {}", list.status, list.text());
    server.get(&format!("/dev/conda/conda-forge/noarch/{file}")).expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_conda_package_that_is_not_what_its_index_says_is_refused() {
    let place = place().await;
    let mut channel = Subdir::default();
    let (_, other) = channel.add("other", "1.0", "noarch", &json!({}));
    let (changed, _) = channel.add("changed", "1.0", "noarch", &json!({}));
    // Both with the digest of the index.
    let half = &conda::package("half", "1.0", "noarch", &json!({}));
    let half = half[..half.len() / 2].to_vec();
    let digest = |bytes: &[u8]| weir_core::Digest::of(bytes).to_string();
    let (liar_file, _) = channel.add("liar", "1.0", "noarch", &json!({}));
    let (half_file, _) = channel.add("half", "1.0", "noarch", &json!({}));
    for (name, bytes) in channel.indexes("noarch") {
        if name == "repodata.json" {
            let mut index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            for (file, bytes) in [(&liar_file, &other), (&half_file, &half)] {
                index["packages.conda"][file]["sha256"] = json!(digest(bytes));
                index["packages.conda"][file]["size"] = json!(bytes.len());
            }
            place.fake.put("/conda/noarch/repodata.json", index.to_string().into_bytes());
        }
    }
    place.fake.put(&format!("/conda/noarch/{liar_file}"), other.clone());
    place.fake.put(&format!("/conda/noarch/{half_file}"), half);
    place.fake.put(&format!("/conda/noarch/{changed}"), other);
    let server = place.serve();
    let path = |file: &str| format!("/dev/conda/conda-forge/noarch/{file}");
    refused(&server, &path(&liar_file), 403, "name-mismatch");
    refused(&server, &path(&half_file), 403, "unreadable-archive");
    refused(&server, &path(&changed), 502, "SHA-256");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn garbage_beside_a_cran_list_takes_nothing_from_it_and_a_package_that_lies_is_refused() {
    let place = place().await;
    let list = "Package: demo\nVersion: 1.0\nLicense: GPL-3\n\nPackage: liar\nVersion: 1.0\nLicense: GPL-3\n\n\
                Package: half\nVersion: 1.0\nLicense: GPL-3\n\nPackage: changed\nVersion: 1.0\nLicense: GPL-3\n\
                MD5sum: 00000000000000000000000000000000\n\n";
    place.fake.put("/cran/src/contrib/PACKAGES", list);
    for garbage in ["archive", "current"] {
        place.fake.put(&format!("/cran/src/contrib/Meta/{garbage}.rds"), b"\x1f\x8b\x08\x00garbage".to_vec());
    }
    let demo = cran::source_package("demo", "1.0", "");
    for (file, bytes) in [
        ("demo_1.0", demo.clone()),
        ("liar_1.0", demo.clone()),
        ("half_1.0", demo[..demo.len() / 2].to_vec()),
        ("changed_1.0", cran::source_package("changed", "1.0", "")),
    ] {
        place.fake.put(&format!("/cran/src/contrib/{file}.tar.gz"), bytes);
    }
    let server = place.serve();
    assert_eq!(server.get("/dev/cran/src/contrib/PACKAGES").expect(200).text().trim_end(), list.trim_end());
    server.get("/dev/cran/src/contrib/demo_1.0.tar.gz").expect(200);
    refused(&server, "/dev/cran/src/contrib/liar_1.0.tar.gz", 403, "integrity");
    refused(&server, "/dev/cran/src/contrib/half_1.0.tar.gz", 403, "integrity");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_module_that_is_another_one_is_refused() {
    let place = place().await;
    let put = |path: &str, body: Vec<u8>| place.fake.put(&format!("/go/example.com/demo/{path}"), body);
    put("@v/list", b"v1.0.0\nv1.1.0\n".to_vec());
    for version in ["v1.0.0", "v1.1.0"] {
        let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-01T00:00:00Z\"}}");
        put(&format!("@v/{version}.info"), info.into_bytes());
        put(&format!("@v/{version}.mod"), b"module example.com/demo\n".to_vec());
    }
    let other = zip(&[(String::from("example.com/other@v1.0.0/go.mod"), b"module example.com/other\n".to_vec())]);
    put("@v/v1.1.0.zip", other[..other.len() / 2].to_vec());
    put("@v/v1.0.0.zip", other);
    let server = place.serve();
    refused(&server, "/dev/go/example.com/demo/@v/v1.0.0.zip", 403, "integrity");
    refused(&server, "/dev/go/example.com/demo/@v/v1.1.0.zip", 403, "unreadable-archive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_maven_file_with_another_checksum_or_other_coordinates_is_refused() {
    let place = place().await;
    let put = |path: &str, body: &[u8], sha1: &str| {
        place.fake.put(&format!("/maven/org/example/{path}.sha1"), sha1.as_bytes().to_vec());
        let dated = FakeResponse::ok(body.to_vec()).last_modified("Wed, 01 Jan 2020 00:00:00 GMT");
        place.fake.put(&format!("/maven/org/example/{path}"), dated);
    };
    for (name, inside) in [("demo", "demo"), ("liar", "other")] {
        let list = format!(
            "<metadata><groupId>org.example</groupId><artifactId>{name}</artifactId><versioning><versions>\
             <version>1.0</version></versions></versioning></metadata>"
        );
        put(&format!("{name}/maven-metadata.xml"), list.as_bytes(), &shasum(list.as_bytes()));
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>{inside}</artifactId>\
             <version>1.0</version></project>"
        );
        put(&format!("{name}/1.0/{name}-1.0.pom"), pom.as_bytes(), &shasum(pom.as_bytes()));
        let jar = zip(&[(String::from("x"), b"x".to_vec())]);
        put(&format!("{name}/1.0/{name}-1.0.jar"), &jar, &"0".repeat(40));
    }
    let server = place.serve();
    server.get("/dev/maven/org/example/demo/1.0/demo-1.0.pom").expect(200);
    refused(&server, "/dev/maven/org/example/demo/1.0/demo-1.0.jar", 502, "SHA-1");
    refused(&server, "/dev/maven/org/example/liar/1.0/liar-1.0.pom", 403, "integrity");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_an_upload_that_ends_half_way_nothing_is_there() {
    let place = Place::new().await;
    place.policy("[stage.dev]\nprivate-name = [\"acme-*\"]\n");
    let made = place.weir(["admin", "token", "create", "ci", "--publish", "pypi:acme-*"]).expect(0);
    let server = place.serve();
    let wheel = artifact::wheel("acme-core", "1.0", &[]);
    let file = artifact::wheel_file("acme-core", "1.0");
    let body = [
        b"--b\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n".to_vec(),
        b"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nacme-core\r\n".to_vec(),
        b"--b\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1.0\r\n".to_vec(),
        format!("--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\r\n").into_bytes(),
        wheel,
        b"\r\n--b--\r\n".to_vec(),
    ]
    .concat();
    let bearer = format!("Bearer {}", made.out.trim());
    for sent in [0, body.len() / 2, body.len() - 1] {
        let length = body.len().to_string();
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "multipart/form-data; boundary=b"),
            ("Content-Length", length.as_str()),
        ];
        let mut stream = http::open(&server.address, "POST", "/dev/pypi/legacy/", &headers).unwrap();
        stream.write_all(&body[..sent]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!http::parse(&answer).status.to_string().starts_with('2'), "{}", String::from_utf8_lossy(&answer));
    }
    let page = server.get("/dev/pypi/simple/acme-core/");
    assert!(!page.text().contains("acme_core-1.0"), "{} {}", page.status, page.text());
    let left = std::fs::read_dir(place.data.join("blobs/tmp")).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0, "nothing of it is left");
}
