//! Promises about particular packages, each as a person would try it.

use crate::gate::{EMPTY, Gate, OPEN_AND_STRICT, Stage};
use crate::sandbox::Sandbox;
use crate::seen::Seen;
use crate::setting::Setting;
use weir_testing::FakeUpstream;

/// A package of which every version is reported as malicious. The registry has it no more; here it is a harmless fake.
const MALICIOUS: &str = "nrmalize-usl";
const MALICIOUS_ID: &str = "MAL-2022-4958";

#[test]
fn npm_takes_a_minimist_that_is_not_affected() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let sandbox = project(&setting);
    let seen = npm(&sandbox, &gate.stage("strict"), &["install", "minimist@~1.2.0"]);
    let version = sandbox.node_version_of("minimist").unwrap_or_default();
    let patch: u32 = version.strip_prefix("1.2.").and_then(|patch| patch.parse().ok()).unwrap_or_default();
    assert!(seen.succeeded() && patch >= 6, "minimist {version}\n{}", seen.transcript());
}

#[test]
fn npm_audit_tells_what_weir_knows() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let (clean, affected) = (project(&setting), project(&setting));
    let open = gate.stage("open");
    for (sandbox, wanted) in [(&clean, "minimist@1.2.8"), (&affected, "minimist@1.2.0")] {
        assert!(npm(sandbox, &open, &["install", "--no-audit", wanted]).succeeded());
    }
    let seen = npm(&clean, &open, &["audit"]);
    assert!(seen.succeeded() && seen.says(&["found 0 vulnerabilities"]), "{}", seen.transcript());
    let seen = npm(&affected, &open, &["audit"]);
    assert!(!seen.succeeded() && seen.says(&["GHSA-xvch-5gv4-984h", "critical"]), "{}", seen.transcript());
}

/// The registry deleted this release long ago; advisories still name it, and so does the refusal.
#[test]
fn the_event_stream_that_was_taken_over_is_refused() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let sandbox = project(&setting);
    let seen = npm(&sandbox, &gate.stage("strict"), &["install", "--ignore-scripts", "event-stream@3.3.6"]);
    eprintln!("{}", seen.transcript());
    let reason = ["vulnerability", "GHSA-mh6f-8j2x-4483", "nearest allowed 4.0."];
    assert!(!seen.succeeded() && seen.says(&reason), "{}", seen.transcript());
    assert_eq!(sandbox.node_version_of("event-stream"), None);
}

#[test]
fn what_is_malicious_is_refused_and_nothing_of_it_is_fetched() {
    let Some(setting) = Setting::turn() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let fake = runtime.block_on(FakeUpstream::start());
    let npm_fake = fake.npm();
    npm_fake.release(MALICIOUS, "1.0.0").add();
    npm_fake.release("event-stream", "3.3.5").add();
    npm_fake.release("event-stream", "3.3.6").add();
    npm_fake.release("event-stream", "4.0.1").add();
    let config = format!("[upstream.npm]\nurl = \"{}\"\n", npm_fake.url());

    let gate = Gate::with(&setting, OPEN_AND_STRICT, &config, true);
    let strict = gate.stage("strict");
    let cases = [
        (MALICIOUS, "1.0.0", "malware", MALICIOUS_ID),
        ("event-stream", "3.3.6", "vulnerability", "GHSA-mh6f-8j2x-4483"),
    ];
    for (package, version, rule, id) in cases {
        let purl = format!("pkg:npm/{package}@{version}");
        let explained = gate.explain(&purl, "strict");
        eprintln!("{}", explained.transcript());
        assert!(explained.code == 1 && explained.says(&[rule, id]), "{}", explained.transcript());
        let wanted = format!("{package}@{version}");
        let locked = project(&setting);
        let made = npm(&locked, &gate.stage("open"), &["install", "--package-lock-only", &wanted]);
        assert!(made.succeeded(), "{}", made.transcript());
        let sandbox = project(&setting);
        sandbox.take(&locked, &["package.json", "package-lock.json"], (gate.stage("open").base(), strict.base()));
        let other = project(&setting);
        for (sandbox, seen) in
            [(&other, npm(&other, &strict, &["install", &wanted])), (&sandbox, npm(&sandbox, &strict, &["ci"]))]
        {
            eprintln!("{}", seen.transcript());
            assert!(!seen.succeeded() && seen.says(&[rule, id]), "{}", seen.transcript());
            assert_eq!(sandbox.node_version_of(package), None);
        }
        assert_eq!(fake.hits(&npm_fake.tarball(package, version)), 0, "the tarball was fetched");
    }
    drop(gate);

    let gate = Gate::with(&setting, EMPTY, &config, true);
    for (package, version, ..) in cases {
        let sandbox = project(&setting);
        let seen = npm(&sandbox, &gate.stage("prod"), &["install", &format!("{package}@{version}")]);
        assert!(seen.succeeded(), "{}", seen.transcript());
        assert_eq!(sandbox.node_version_of(package).as_deref(), Some(version));
    }
}

fn project(setting: &Setting) -> Sandbox {
    let sandbox = Sandbox::new(&setting.tools);
    sandbox.write("package.json", "{\"name\":\"sample\",\"version\":\"1.0.0\",\"private\":true}\n");
    sandbox
}

fn npm(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    let registry = format!("--registry={}", stage.npm());
    let options = [registry.as_str(), "--fetch-retries=0"];
    sandbox.node(&sandbox.tools().node("npm/bin/npm-cli.js"), &[arguments, &options].concat())
}
