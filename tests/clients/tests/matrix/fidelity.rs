//! Through a stage that allows everything, what is locked and installed is what the public registry gives, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::Value;
use weir_core::Digest;

use crate::gate::{Gate, OPEN_AND_STRICT, Stage};
use crate::sandbox::Sandbox;
use crate::seen::Seen;
use crate::setting::Setting;

/// What npm writes where no other registry is set.
const NPM: &str = "https://registry.npmjs.org/";

/// Where a client asks.
#[derive(Clone, Copy)]
enum Asks<'a> {
    Registry,
    Weir(&'a Stage),
}

#[test]
fn a_large_python_environment_is_the_same_as_direct() {
    let requirements = "pandas\nscikit-learn\njupyterlab\n";
    same_as_direct(|setting, asks| {
        let sandbox = sandbox(setting, asks);
        if let Asks::Weir(stage) = asks {
            sandbox.set("PIP_INDEX_URL", stage.pypi());
            sandbox.set("UV_DEFAULT_INDEX", stage.pypi());
        } else {
            // uv brings trust roots of its own; those of this machine decide here.
            sandbox.set("UV_SYSTEM_CERTS", "true");
        }
        sandbox.write("requirements.in", requirements);
        let (uv, pip) = (sandbox.tools().python("uv"), sandbox.tools().python("pip"));
        let compile = ["pip", "compile", "--quiet", "--generate-hashes", "--no-header", "-o", "requirements.txt"];
        done(sandbox.run(&uv, &[&compile[..], &["requirements.in"]].concat()));
        let install = ["install", "--quiet", "--no-compile", "--target", "site", "--requirement", "requirements.in"];
        done(sandbox.run(&pip, &install));
        let locked = sandbox.read("requirements.txt");
        let packages = locked.lines().filter(|line| line.contains("==")).count();
        assert!(packages >= 80, "only {packages} packages are locked");
        (locked, sandbox.tree("site", |_, bytes| bytes))
    });
}

#[test]
fn a_web_project_is_the_same_as_direct() {
    same_as_direct(|setting, asks| {
        let sandbox = sandbox(setting, asks);
        let registry = match asks {
            Asks::Weir(stage) => stage.npm(),
            Asks::Registry => NPM.to_owned(),
        };
        sandbox.set("NPM_CONFIG_REGISTRY", &registry);
        sandbox.write("package.json", "{\"name\":\"sample\",\"version\":\"1.0.0\",\"private\":true}\n");
        let npm = sandbox.tools().node("npm/bin/npm-cli.js");
        done(sandbox.node(&npm, &["install", "--no-audit", "react", "webpack", "express"]));
        let lock = sandbox.read("package-lock.json").replace(&registry, NPM);
        let packages: Value = serde_json::from_str(&lock).unwrap();
        let packages = packages["packages"].as_object().unwrap();
        assert!(packages.len() >= 100, "only {} packages are locked", packages.len());
        let unverified = packages.iter().find(|(name, package)| !name.is_empty() && package["integrity"].is_null());
        assert!(unverified.is_none(), "{unverified:?} has no integrity");
        // npm keeps a copy of the lock file beside what it installs.
        let tree = sandbox.tree("node_modules", |name, bytes| match name {
            ".package-lock.json" => String::from_utf8(bytes).unwrap().replace(&registry, NPM).into_bytes(),
            _ => bytes,
        });
        (lock, tree)
    });
}

#[test]
fn a_tree_of_200_crates_is_the_same_as_direct() {
    same_as_direct(|setting, asks| {
        let sandbox = sandbox(setting, asks);
        if let Asks::Weir(stage) = asks {
            let config = "[source.crates-io]\nreplace-with = \"weir\"\n\n[source.weir]\nregistry = ";
            sandbox.write_home(".cargo/config.toml", &format!("{config}\"{}\"\n", stage.cargo()));
        }
        sandbox.write(
            "Cargo.toml",
            "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             axum = \"*\"\ninsta = \"*\"\ntracing-subscriber = \"*\"\nzip = \"*\"\nclap = { version = \"*\", features = [\"derive\"] }\nreqwest = \"*\"\n\
             serde = { version = \"*\", features = [\"derive\"] }\ntokio = { version = \"*\", features = [\"full\"] }\n\n\
             [workspace]\n",
        );
        sandbox.write("src/lib.rs", "");
        let cargo = sandbox.tools().cargo().to_owned();
        done(sandbox.run(&cargo, &["generate-lockfile", "--quiet"]));
        done(sandbox.run(&cargo, &["fetch", "--locked", "--quiet"]));
        let lock = sandbox.read("Cargo.lock");
        // The directory above the files is named after the source.
        let files = sandbox.tree("../.cargo/registry/cache", |_, bytes| bytes).into_iter();
        let files = files.map(|(name, digest)| (name.rsplit('/').next().unwrap_or_default().to_owned(), digest));
        let files: BTreeMap<_, _> = files.filter(|(name, _)| name.ends_with(".crate")).collect();
        assert!(files.len() >= 200, "only {} crates are fetched", files.len());
        for (name, digest) in &files {
            assert!(lock.contains(&digest.to_string()), "{name} has not the checksum of its lock file");
        }
        (lock, files)
    });
}

type Made = (String, BTreeMap<String, Digest>);

/// Makes it from the registry and through Weir. Something may be published between the two: then the registry is asked once
/// more.
fn same_as_direct(make: impl Fn(&Setting, Asks<'_>) -> Made) {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let mut direct = make(&setting, Asks::Registry);
    let through = make(&setting, Asks::Weir(&gate.stage("open")));
    if direct != through {
        direct = make(&setting, Asks::Registry);
    }
    let (lines, files) = (direct.0.lines().zip(through.0.lines()), differing(&direct.1, &through.1));
    let line = lines.into_iter().find(|(direct, through)| direct != through);
    assert!(direct.0 == through.0, "the lock files differ, first in {line:#?}");
    assert!(files.is_empty(), "{} files differ: {:?}", files.len(), &files[..files.len().min(10)]);
    eprintln!("the same: a lock file of {} lines, {} files", through.0.lines().count(), through.1.len());
}

fn differing<V: PartialEq + Debug>(a: &BTreeMap<String, V>, b: &BTreeMap<String, V>) -> Vec<String> {
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    names.filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}

fn sandbox(setting: &Setting, asks: Asks<'_>) -> Sandbox {
    match asks {
        Asks::Registry => Sandbox::direct(&setting.tools),
        Asks::Weir(_) => Sandbox::new(&setting.tools),
    }
}

fn done(seen: Seen) {
    assert!(seen.succeeded(), "{}", seen.transcript());
    eprintln!("{} ({:.1} s)", seen.command, seen.took.as_secs_f64());
}
