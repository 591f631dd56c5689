//! Who published a release and what installing it runs, as manifests of all ages say it.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_core::facts::{Install, Origin};
use weir_core::registry::{Document, Release};
use weir_npm::ECOSYSTEM;

/// Longest command that is kept, in characters.
const MAX_COMMAND: usize = 300;
/// Longest account name that is kept, in bytes.
const MAX_ACCOUNT: usize = 256;
/// Most maintainers that are kept.
const MAX_OWNERS: usize = 1000;

/// Reads a packument of these manifests, versions 1.0.0, 2.0.0 and so on.
fn releases(manifests: &[Value]) -> Vec<Release> {
    let versions: serde_json::Map<String, Value> = manifests
        .iter()
        .enumerate()
        .map(|(index, manifest)| {
            let mut manifest = manifest.clone();
            manifest["dist"] = manifest.get("dist").cloned().unwrap_or_else(|| json!({}));
            manifest["dist"]["tarball"] = json!(format!("https://registry.example/x/-/x-{}.0.0.tgz", index + 1));
            (format!("{}.0.0", index + 1), manifest)
        })
        .collect();
    let body = json!({ "name": "x", "versions": versions }).to_string();
    let package = ECOSYSTEM.names.parse("x").unwrap();
    let url = "https://registry.example/x";
    let documents = [Document { url, content_type: "application/json", body: body.as_bytes() }];
    ECOSYSTEM.registry.parse(&package, &documents).unwrap().releases
}

fn origin(manifest: Value) -> Origin {
    releases(&[manifest]).remove(0).origin
}

/// The scripts of a manifest, in one line.
fn install(manifest: Value) -> String {
    match origin(manifest).install {
        Install::Unknown => String::from("unknown"),
        Install::Nothing => String::from("nothing"),
        Install::Runs(scripts) => {
            let scripts = scripts.iter().map(|script| format!("{}: {}", script.name, script.command));
            scripts.collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn scripts_of_developers_run_nothing_at_install() {
    assert_eq!(install(json!({})), "nothing");
    assert_eq!(
        install(json!({ "scripts": { "test": "mocha", "prepare": "husky install", "uninstall": "x" } })),
        "nothing"
    );
    assert_eq!(install(json!({ "scripts": { "postinstall": "" }, "hasInstallScript": false })), "nothing");
    for odd in [json!(null), json!([]), json!("postinstall"), json!({ "postinstall": ["x"] })] {
        assert_eq!(install(json!({ "scripts": odd })), "nothing");
    }
}

#[test]
fn install_scripts_are_told_in_the_order_in_which_they_run() {
    let scripts = json!({ "postinstall": "node c.js", "preinstall": "node a.js", "test": "x", "install": "node b.js" });
    assert_eq!(
        install(json!({ "scripts": scripts })),
        "preinstall: node a.js; install: node b.js; postinstall: node c.js"
    );
}

#[test]
fn a_native_build_and_a_bare_mark_count_too() {
    assert_eq!(install(json!({ "gypfile": true })), "install: node-gyp rebuild");
    assert_eq!(install(json!({ "gypfile": true, "scripts": { "install": "prebuild" } })), "install: prebuild");
    assert_eq!(install(json!({ "hasInstallScript": true })), "install script: ");
}

#[test]
fn a_script_whose_key_is_spelt_with_escapes_is_found() {
    let body = r#"{"name":"x","versions":{"1.0.0":{"scripts":{"post\u0069nst\u0061ll":"node x.js"},
        "dist":{"tarball":"https://registry.example/x/-/x-1.0.0.tgz"}}}}"#;
    let documents =
        [Document { url: "https://registry.example/x", content_type: "application/json", body: body.as_bytes() }];
    let package = ECOSYSTEM.names.parse("x").unwrap();
    let index = ECOSYSTEM.registry.parse(&package, &documents).unwrap();
    assert!(matches!(index.releases[0].origin.install, Install::Runs(_)));
}

#[test]
fn a_long_command_is_cut() {
    let command = |length: usize| {
        let manifest = json!({ "scripts": { "install": "é".repeat(length) } });
        install(manifest).chars().count() - "install: ".len()
    };
    assert_eq!(command(MAX_COMMAND), MAX_COMMAND);
    assert_eq!(command(MAX_COMMAND + 1), MAX_COMMAND);
}

#[test]
fn the_publisher_is_a_person_or_a_trusted_build() {
    let person = origin(json!({ "_npmUser": { "name": "ann", "email": "ann@example.org" } })).publisher.unwrap();
    assert_eq!((&*person.name, person.trusted), ("ann", false));
    let build = json!({ "_npmUser": { "name": "GitHub Actions", "trustedPublisher": { "id": "github" } } });
    let build = origin(build).publisher.unwrap();
    assert_eq!((&*build.name, build.trusted), ("GitHub Actions", true));
    for unknown in
        [json!({}), json!({ "_npmUser": "ann" }), json!({ "_npmUser": {} }), json!({ "_npmUser": { "name": " " } })]
    {
        assert_eq!(origin(unknown).publisher, None);
    }
    let name = |length: usize| origin(json!({ "_npmUser": { "name": "a".repeat(length) } })).publisher;
    assert!(name(MAX_ACCOUNT).is_some());
    assert!(name(MAX_ACCOUNT + 1).is_none());
}

#[test]
fn owners_are_names_in_every_shape_that_npm_has_had() {
    let owners =
        |maintainers: Value| origin(json!({ "maintainers": maintainers })).owners.map(|owners| owners.to_vec());
    let list = json!([{ "name": "ann", "email": "a@example.org" }, "bob <b@example.org>", 7, {}]);
    assert_eq!(owners(list), Some(vec!["ann".into(), "bob".into()]));
    assert_eq!(owners(json!([])), None);
    assert_eq!(owners(json!("ann")), None);
    let many = |count: usize| json!((0..count).map(|n| json!({ "name": format!("u{n}") })).collect::<Vec<_>>());
    assert_eq!(owners(many(MAX_OWNERS)).unwrap().len(), MAX_OWNERS);
    assert_eq!(owners(many(MAX_OWNERS + 1)).unwrap().len(), MAX_OWNERS);
}

#[test]
fn releases_that_say_the_same_share_it() {
    let manifest = json!({ "maintainers": [{ "name": "ann" }], "scripts": { "install": "x" } });
    let releases = releases(&[manifest.clone(), manifest.clone(), json!({}), manifest]);
    let owners: Vec<_> = releases.iter().filter_map(|release| release.origin.owners.clone()).collect();
    assert_eq!(owners.len(), 3);
    assert!(owners.iter().all(|other| Arc::ptr_eq(&owners[0], other)));
}

#[test]
fn attestations_count_even_where_their_address_cannot_be_read() {
    let attested = |dist: Value| releases(&[json!({ "dist": dist })]).remove(0).artifacts[0].attested;
    assert!(attested(json!({ "attestations": { "url": "https://registry.example/-/npm/v1/attestations/x@1.0.0" } })));
    assert!(attested(json!({ "attestations": { "url": 7 } })));
    assert!(!attested(json!({})));
    assert!(!attested(json!({ "attestations": null })));
}
