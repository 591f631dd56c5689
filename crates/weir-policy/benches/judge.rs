//! How long judging takes, with facts in memory: `cargo bench -p weir-policy`. Prints a table; the budget is 2 µs a release
//! (median over packages), and a package of 2,000 releases well within the 20 ms of its page.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that cannot be set up fails, and prints")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_core::facts::{
    ArtifactFacts, FeedState, Install, Kind, License, Naming, Origin, PackageFacts, Publisher, ReleaseFacts, Script,
    Vulnerability,
};
use weir_core::{Digest, Ecosystems, Severity, Timestamp};
use weir_policy::{Policy, judge};

const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM]);
const RELEASES: usize = 2000;
const ROUNDS: usize = 50;

const RULES: &str = r#"
[stage.prod]
vulnerability = { block-cvss = 7.0, block-known-exploited = true, warn-cvss = 4.0 }
malware = "block"
minimum-age = 7
license = { deny-category = ["network-copyleft"], unknown = "warn" }
denied = ["pkg:pypi/other@<4", "pkg:pypi/subject@<0.5"]
yanked = "warn"
deprecated = "warn"
unmaintained = "warn"
private-name = ["acme-*"]
name-confusion = "quarantine"
install-script = "quarantine"
provenance-lost = "quarantine"
publisher-changed = { days = 14 }
[[waiver]]
package = "pkg:pypi/subject@1.5"
rule = "vulnerability"
reason = "bench"
until = "2027-01-01"
"#;

fn main() {
    // `cargo bench -p weir-policy -- judge,` runs the rows whose names contain that.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let row = |name: &str, work: &mut dyn FnMut() -> usize| {
        if name.contains(&wanted) {
            row(name, median(work));
        }
    };
    let policy = Policy::parse(RULES, ECOSYSTEMS).unwrap();
    let stage = policy.stage("prod").unwrap();
    let now = Timestamp::parse("2026-10-01").unwrap();
    println!("{:<44} {:>12} {:>14}", "2,000 releases, 4 files each", "per release", "per package");
    for (name, affected) in [("nothing known", 0), ("30 vulnerabilities on a tenth", 10), ("30 on every release", 1)] {
        let facts = package(affected);
        row(&format!("judge, {name}"), &mut || judge(&policy, stage, &facts, now).releases.len());
        let judgement = judge(&policy, stage, &facts, now);
        row(&format!("decide each, {name}"), &mut || {
            (0..RELEASES).map(|release| judgement.decision(&policy, stage, &facts, release, None).id.len()).sum()
        });
    }
}

fn row(name: &str, time: Duration) {
    println!("{name:<44} {:>9.2} µs {:>11.2} ms", time.as_secs_f64() * 1e6 / RELEASES as f64, time.as_secs_f64() * 1e3);
}

fn median(mut work: impl FnMut() -> usize) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// A package of which every `affected`th release has 30 vulnerabilities, none where it is 0.
fn package(affected: usize) -> PackageFacts {
    let ecosystem = &weir_pypi::ECOSYSTEM;
    let vulnerabilities: Vec<_> = (0..30).map(vulnerability).collect();
    let date = Timestamp::parse("2020-01-01").unwrap();
    let script = Script { name: "postinstall".into(), command: "node build.js".into() };
    let origin = Origin {
        install: Install::Runs(Arc::from([script])),
        publisher: Some(Arc::new(Publisher { name: "ann".into(), trusted: false })),
        owners: Some(Arc::from([Box::from("ann"), Box::from("bob")])),
    };
    let releases = (0..RELEASES)
        .map(|index| {
            let version = format!("{}.{}.{}", index / 400, index / 20 % 20, index % 20);
            ReleaseFacts {
                key: ecosystem.versions.sort_key(&version).ok(),
                prerelease: false,
                published: Some(date),
                first_seen: date,
                yanked: None,
                deprecated: None,
                license: Some(License {
                    text: String::from("Apache-2.0 OR MIT"),
                    source: format!("METADATA {version}"),
                }),
                origin: origin.clone(),
                served: Vec::new(),
                naming: Naming::Own,
                vulnerabilities: match affected {
                    0 => Vec::new(),
                    every if index % every == 0 => vulnerabilities.clone(),
                    _ => Vec::new(),
                },
                artifacts: (0..4)
                    .map(|n| ArtifactFacts {
                        file: format!("subject-{version}-{n}.whl"),
                        published: Some(date),
                        first_published: None,
                        first_seen: date,
                        last_absent: None,
                        sha256: Some(Digest::of(version.as_bytes())),
                        attested: false,
                        findings: Vec::new(),
                    })
                    .collect(),
                version,
            }
        })
        .collect();
    PackageFacts {
        ecosystem,
        package: ecosystem.names.parse("subject").unwrap(),
        releases,
        status: None,
        hosted: false,
        advisories: FeedState { as_of: Timestamp::parse("2026-10-01"), ..FeedState::default() },
        lookalike: None,
        own: false,
    }
}

fn vulnerability(n: usize) -> Arc<Vulnerability> {
    Arc::new(Vulnerability {
        id: format!("PYSEC-2026-{n}"),
        aliases: vec![format!("CVE-2026-{n}"), format!("GHSA-{n}")],
        kind: Kind::Vulnerability,
        summary: String::from("A flaw"),
        severity: Some(Severity {
            score: n as f32 / 3.0,
            vector: String::from("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            source: format!("GHSA-{n}"),
        }),
        known_exploited: None,
        epss: Some(0.01),
        fixed: vec![String::from("9.9.9")],
        published: None,
        digest: Digest::of(format!("{n}").as_bytes()),
        via: None,
    })
}
