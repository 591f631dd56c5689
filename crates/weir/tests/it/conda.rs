//! conda: what the binary says and does of channels.

use serde_json::{Value, json};
use weir_core::Digest;
use weir_testing::FakeResponse;
use weir_testing::conda::package_with;

use crate::place::{Place, osv};

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
