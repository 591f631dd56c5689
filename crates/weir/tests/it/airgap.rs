//! What one Weir has is carried to another, which no network reaches.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::place::{PATIENCE, Place, Ran, Server, osv, until};

/// A Weir with two releases of a package, one of them refused, whose pages and files were asked for.
async fn filled() -> Place {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    server.stop();
    place
}

/// The same place as another machine: another data directory, and nobody to ask.
pub fn away(place: &mut Place, name: &str) -> PathBuf {
    let here = std::mem::replace(&mut place.data, place.directory.path().join(name));
    fs::create_dir_all(&place.data).unwrap();
    place.configure("");
    here
}

pub fn key(place: &Place) -> String {
    place.weir(["export", "--key"]).expect(0).out.trim().to_owned()
}

pub fn export(place: &Place, name: &str, more: &[&str]) -> (PathBuf, Value) {
    let path = place.directory.path().join(name);
    let arguments = ["export", "--to", path.to_str().unwrap(), "--format", "json"];
    let report = place.weir(arguments.into_iter().chain(more.iter().copied())).expect(0).json();
    (path, report)
}

pub fn import(place: &Place, bundle: &Path, key: &str, more: &[&str]) -> Ran {
    let arguments = ["import", bundle.to_str().unwrap(), "--trust", key, "--format", "json"];
    place.weir(arguments.into_iter().chain(more.iter().copied()))
}

fn decisions(server: &Server) -> Vec<Value> {
    let explain = |version: &str| {
        let address = format!("/api/v1/explain?purl=pkg:pypi/example@{version}");
        let said = server.get(&address).expect(200).json();
        ["decision", "nearest_allowed"].map(|key| said[key].clone())
    };
    ["1.0.0", "1.1.0"].iter().flat_map(|version| explain(version)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_any_network_serves_and_refuses_what_the_other_one_does() {
    let mut place = filled().await;
    place.policy("[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n");
    let server = place.serve();
    let (before, bytes) =
        (decisions(&server), server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200).body);
    server.stop();
    let status = place.weir(["feeds", "status", "--format", "json"]).expect(0).json()["feeds"].clone();
    let (bundle, made) = export(&place, "bundle.tar.zst", &[]);
    assert_eq!((&made["missing"], &made["since"]), (&0.into(), &Value::Null), "{made}");
    let key = key(&place);

    let here = away(&mut place, "away");
    let report = import(&place, &bundle, &key, &["--adopt-policy"]).expect(0).json();
    assert_eq!((&report["blobs"], &report["policy"]), (&made["blobs"], &"put into force".into()), "{report}");
    assert_eq!(fs::read(place.data.join("policy.toml")).unwrap(), fs::read(here.join("policy.toml")).unwrap());
    let there = place.weir(["feeds", "status", "--format", "json"]).expect(0).json()["feeds"].clone();
    assert_eq!(there, status, "as current as where it comes from");
    place.weir(["admin", "check", "--deep"]).expect(0);

    let asked = place.fake.requests().len();
    let server = place.serve_with(["--offline"]);
    assert_eq!(decisions(&server), before);
    assert_eq!(server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200).body, bytes);
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    assert_eq!(place.fake.requests().len(), asked, "nobody was asked");
    server.stop();
    let again = import(&place, &bundle, &key, &[]).expect(0).json();
    assert_eq!(
        (&again["blobs"], &again["rows"], &again["policy"]),
        (&0.into(), &0.into(), &"the same".into()),
        "{again}"
    );
    assert!(!fs::read_dir(&place.data).unwrap().any(|it| it.unwrap().file_name().to_string_lossy().starts_with('.')));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bundle_brings_only_what_is_new_to_a_running_server() {
    let mut place = filled().await;
    let (first, made) = export(&place, "first.tar.zst", &[]);
    let key = key(&place);
    let here = away(&mut place, "away");
    import(&place, &first, &key, &["--adopt-policy"]).expect(0);
    let server = place.serve_with(["--offline"]);
    server.get("/dev/pypi/simple/later/").expect(404);

    let there = std::mem::replace(&mut place.data, here);
    place.fake.pypi().release("later", "1.0.0").size(20_000).add();
    place.import(&[osv("PYSEC-2026-9", "PyPI", "later", "0.9")]);
    let online = place.serve();
    let path = place.wheel(&online, "dev", "later", "1.0.0");
    let bytes = online.get(&path).expect(200).body;
    online.stop();
    let (second, more) = export(&place, "second.tar.zst", &["--since", "last"]);
    assert_ne!(more["since"], Value::Null, "{more}");
    assert!(more["rows"].as_u64() > Some(0) && more["bytes"].as_u64() > Some(0), "{made} {more}");
    place.data = there;
    import(&place, &second, &key, &[]).expect(0);
    until("the server has looked again", PATIENCE, || server.get("/dev/pypi/simple/later/").status == 200);
    assert_eq!(server.get(&place.wheel(&server, "dev", "later", "1.0.0")).expect(200).body, bytes);
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bundle_that_leaves_a_gap_is_refused() {
    let mut place = filled().await;
    let (late, _) = export(&place, "late.tar.zst", &["--since", "2999-01-01"]);
    let (all, _) = export(&place, "all.tar.zst", &[]);
    let key = key(&place);
    away(&mut place, "away");
    import(&place, &late, &key, &[]).expect(2).tells(&["nothing came from there before", "without --since"]);
    import(&place, &all, &key, &[]).expect(0);
    import(&place, &late, &key, &[])
        .expect(2)
        .tells(&["what is new from 2999-01-01", "import the bundle between them first"]);
    place
        .weir(["export", "--to", "x", "--since", "yesterday"])
        .expect(2)
        .tells(&["`yesterday` is no moment", "2026-10-01"]);
    place.weir(["export", "--to", "x", "--since", "last"]).expect(2).tells(&["nothing was exported yet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_of_a_bundle_counts_that_nobody_trusts_or_that_was_damaged() {
    let mut place = filled().await;
    let server = place.serve();
    for version in ["1.0", "2.0", "3.0", "4.0"] {
        place.fake.pypi().release("large", version).size(300_000).add();
    }
    for version in ["1.0", "2.0", "3.0", "4.0"] {
        server.get(&place.wheel(&server, "dev", "large", version)).expect(200);
    }
    server.stop();
    let (bundle, _) = export(&place, "bundle.tar.zst", &[]);
    let own = key(&place);
    away(&mut place, "away");
    let other = key(&place);
    import(&place, &bundle, &other, &[])
        .expect(2)
        .tells(&["signed by nobody who is trusted here", "weir export --key"]);
    place.weir(["import", bundle.to_str().unwrap()]).expect(2).tells(&["no key is trusted here", "[bundle] trust"]);
    import(&place, &bundle, "weir-bundle+1+2", &[]).expect(2).tells(&["--trust `weir-bundle+1+2` cannot be used"]);

    let bytes = fs::read(&bundle).unwrap();
    let cut = place.file("cut.tar.zst", &bytes[..bytes.len() - 100]);
    import(&place, &cut, &own, &[]).expect(2);
    let text = place.file("text.tar.zst", "hello");
    import(&place, &text, &own, &[]).expect(2).tells(&["text.tar.zst"]);
    let server = place.serve_with(["--offline"]);
    server.get("/dev/pypi/simple/example/").expect(404);
    server.stop();

    // The same, copied again, goes on where the other one was cut off.
    place.configure(&format!("bundle.trust = [\"{own}\"]"));
    let report = place.weir(["import", bundle.to_str().unwrap(), "--format", "json"]).expect(0).json();
    assert!(report["kept"].as_u64() > Some(0), "{report}");
    let server = place.serve_with(["--offline"]);
    server.get("/dev/pypi/simple/example/").expect(200);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_signing_key_is_made_once_and_for_nobody_elses_eyes() {
    let place = Place::new().await;
    let first = key(&place);
    assert_eq!(first, key(&place));
    assert!(first.starts_with("weir-bundle+"), "{first}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.data.join("bundle.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::write(place.data.join("bundle.key"), "not a key").unwrap();
    place.weir(["export", "--key"]).expect(2).tells(&["bundle.key` cannot be used", "not base64"]);
}
