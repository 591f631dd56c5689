//! One helper that knows the API, and a small language for facts.

use std::sync::Arc;

use expect_test::Expect;
use weir_core::facts::{
    ArtifactFacts, FeedState, Finding, Install, Kind, License, Lookalike, Naming, Origin, PackageFacts, ProjectStatus,
    Publisher, ReleaseFacts, Script, Slip, Vulnerability,
};
use weir_core::{Digest, Ecosystems, Severity, Timestamp};
use weir_policy::{Judgement, Policy, Stage, judge};

pub const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM, &weir_cargo::ECOSYSTEM]);

/// The moment of every test that does not name another.
pub const NOW: &str = "2026-10-01T12:00:00Z";

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Reads facts: a line `ecosystem name`, then one release a line: version, date or `-`, and any of
/// `ID(9.8)`, `ID(?)`, `ID(9.8,kev,epss=0.5,fixed=2.0,aka=CVE-1)`, `ID(malware)`, `ID(unmaintained)`, `yanked=WHY`,
/// `deprecated=WHY`, `license=TEXT`, `file=NAME@DATE`, `finding=FILE:CODE`, `runs=NAME:COMMAND` (`runs=nothing`),
/// `by=ACCOUNT` (`by=ACCOUNT!` is a trusted publisher), `owners=A,B`, `attested=all` (`attested=FILE`), `served=STAGE`, and
/// of all its files `seen=DATE` (first), `absent=DATE` (last), `first=DATE` (stated at first sight); `_` in words is a
/// space. Further first lines:
/// `feed DATE|never`, `status WORD`, `like NAME`, `hosted yes`.
pub fn facts(text: &str) -> PackageFacts {
    let mut lines = text.trim().lines().map(str::trim);
    let (ecosystem, name) = lines.next().unwrap().split_once(' ').unwrap();
    let ecosystem = ECOSYSTEMS.by_id(ecosystem).unwrap();
    let mut facts = PackageFacts {
        ecosystem,
        package: ecosystem.names.parse(name).unwrap(),
        releases: Vec::new(),
        status: None,
        hosted: false,
        advisories: FeedState { as_of: Some(at("2026-10-01")), ..FeedState::default() },
        lookalike: None,
        own: false,
    };
    let mut known: Vec<Arc<Vulnerability>> = Vec::new();
    for line in lines {
        let mut words = line.split_whitespace().map(|word| word.replace('_', " "));
        let (first, second) = (words.next().unwrap(), words.next().unwrap());
        match first.as_str() {
            "feed" => facts.advisories.as_of = Timestamp::parse(&second),
            "hosted" => facts.hosted = second == "yes",
            "like" => facts.lookalike = Some(Lookalike { name: second.into(), rank: 7, slip: Slip::Edit }),
            "status" => facts.status = Some(ProjectStatus { status: second, reason: None }),
            _ => facts.releases.push(release(&facts, &first, &second, words, &mut known)),
        }
    }
    facts
}

fn release(
    facts: &PackageFacts,
    version: &str,
    date: &str,
    words: impl Iterator<Item = String>,
    known: &mut Vec<Arc<Vulnerability>>,
) -> ReleaseFacts {
    let published = Timestamp::parse(date);
    let mut release = ReleaseFacts {
        version: version.to_owned(),
        key: facts.ecosystem.versions.sort_key(version).ok(),
        prerelease: facts.ecosystem.versions.is_prerelease(version),
        published,
        first_seen: published.unwrap_or_else(|| at("2026-09-30")),
        yanked: None,
        deprecated: None,
        license: None,
        origin: Origin::default(),
        served: Vec::new(),
        naming: Naming::Own,
        vulnerabilities: Vec::new(),
        artifacts: Vec::new(),
    };
    let mut attested: Vec<String> = Vec::new();
    let (mut seen, mut absent, mut first) = (None, None, None);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((&word, ""));
        match key {
            "yanked" => release.yanked = Some(value.to_owned()),
            "seen" => seen = Some(at(value)),
            "absent" => absent = Some(at(value)),
            "first" => first = Some(at(value)),
            "deprecated" => release.deprecated = Some(value.to_owned()),
            "license" => {
                release.license = Some(License { text: value.to_owned(), source: String::from("METADATA") });
            }
            "file" => {
                let (file, date) = value.split_once('@').unwrap();
                release.artifacts.push(artifact(file, Timestamp::parse(date)));
            }
            "runs" if value == "nothing" => release.origin.install = Install::Nothing,
            "runs" => {
                let (name, command) = value.split_once(':').unwrap_or((value, ""));
                let script = Script { name: name.into(), command: command.into() };
                let before = match &release.origin.install {
                    Install::Runs(scripts) => scripts.to_vec(),
                    Install::Unknown | Install::Nothing => Vec::new(),
                };
                release.origin.install = Install::Runs(before.into_iter().chain([script]).collect());
            }
            "by" => {
                let trusted = value.ends_with('!');
                let name = value.trim_end_matches('!').into();
                release.origin.publisher = Some(Arc::new(Publisher { name, trusted }));
            }
            "owners" => release.origin.owners = Some(value.split(',').map(Into::into).collect()),
            "served" => release.served.push(value.into()),
            "attested" => attested.push(value.to_owned()),
            "finding" => {
                let (file, code) = value.split_once(':').unwrap();
                let place = release.artifacts.iter().position(|artifact| artifact.file == file).unwrap_or_else(|| {
                    release.artifacts.push(artifact(file, published));
                    release.artifacts.len() - 1
                });
                let finding = Finding { code: code.to_owned(), text: String::from("it is not what it should be") };
                release.artifacts[place].findings.push(finding);
            }
            _ => release.vulnerabilities.push(vulnerability(&word, known)),
        }
    }
    if release.artifacts.is_empty() {
        release.artifacts.push(artifact(&format!("{}-{version}.tar.gz", facts.package), published));
    }
    for artifact in &mut release.artifacts {
        artifact.attested = attested.iter().any(|which| *which == "all" || *which == artifact.file);
        artifact.first_seen = seen.unwrap_or(artifact.first_seen);
        (artifact.last_absent, artifact.first_published) = (absent, first);
    }
    release
}

fn artifact(file: &str, published: Option<Timestamp>) -> ArtifactFacts {
    ArtifactFacts {
        file: file.to_owned(),
        published,
        first_published: None,
        first_seen: published.unwrap_or_else(|| at("2026-09-30")),
        last_absent: None,
        sha256: Some(Digest::of(file.as_bytes())),
        attested: false,
        findings: Vec::new(),
    }
}

/// The same words are the same record, as the advisory index hands it out.
fn vulnerability(word: &str, known: &mut Vec<Arc<Vulnerability>>) -> Arc<Vulnerability> {
    let digest = Digest::of(word.as_bytes());
    if let Some(vulnerability) = known.iter().find(|known| known.digest == digest) {
        return Arc::clone(vulnerability);
    }
    let (id, rest) = word.trim_end_matches(')').split_once('(').unwrap_or((word, "?"));
    let mut vulnerability = Vulnerability {
        id: id.to_owned(),
        aliases: Vec::new(),
        kind: Kind::Vulnerability,
        summary: String::new(),
        severity: None,
        known_exploited: None,
        epss: None,
        fixed: Vec::new(),
        published: None,
        digest,
        via: None,
    };
    for part in rest.split(',') {
        match part.split_once('=').unwrap_or((part, "")) {
            ("?", _) => {}
            ("malware", _) => vulnerability.kind = Kind::Malware,
            ("unmaintained" | "unsound", _) => vulnerability.kind = Kind::Informational(part.to_owned()),
            ("kev", _) => vulnerability.known_exploited = Some(at("2026-05-01")),
            ("epss", number) => vulnerability.epss = Some(number.parse().unwrap()),
            ("fixed", version) => vulnerability.fixed.push(version.to_owned()),
            ("aka", alias) => vulnerability.aliases.push(alias.to_owned()),
            (score, _) => {
                vulnerability.severity = Some(Severity {
                    score: score.parse().unwrap(),
                    vector: String::from("CVSS:3.1/AV:N"),
                    source: String::from("GHSA-1"),
                });
            }
        }
    }
    let vulnerability = Arc::new(vulnerability);
    known.push(Arc::clone(&vulnerability));
    vulnerability
}

/// A policy with one stage, `prod`, of these rules.
pub fn policy(rules: &str) -> Policy {
    let text = if rules.contains("[stage.") { rules.to_owned() } else { format!("[stage.prod]\n{rules}") };
    Policy::parse(&text, ECOSYSTEMS).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn stage(policy: &Policy) -> &Stage {
    policy.stage("prod").unwrap()
}

/// What the rules make of each release, in one line each: version, outcome, lines of what is not plainly allowed.
pub fn check(rules: &str, text: &str, expect: Expect) {
    check_at(NOW, rules, text, expect);
}

pub fn check_at(moment: &str, rules: &str, text: &str, expect: Expect) {
    let (policy, facts) = (policy(rules), facts(text));
    let judgement = judge(&policy, stage(&policy), &facts, at(moment));
    expect.assert_eq(&show(&facts, &judgement));
}

pub fn show(facts: &PackageFacts, judgement: &Judgement) -> String {
    let mut out = String::new();
    for (index, (release, judged)) in facts.releases.iter().zip(&judgement.releases).enumerate() {
        out.push_str(&format!("{} {}", release.version, judged.outcome));
        if judged.effective != judged.outcome {
            out.push_str(&format!(" (enforced: {})", judged.effective));
        }
        let lines: Vec<String> = judged
            .reasons
            .iter()
            .map(|reason| match &reason.waived {
                Some(waiver) => format!("{} [waived until {}]", reason.line, waiver.until),
                None => reason.line.clone(),
            })
            .collect();
        if !lines.is_empty() {
            out.push_str(&format!(": {}", lines.join("; ")));
        }
        if let Some(nearest) = judgement.nearest_allowed(facts, index) {
            out.push_str(&format!(" -> {}", facts.releases[nearest].version));
        }
        out.push('\n');
        if release.artifacts.len() > 1 {
            for (artifact, judged) in release.artifacts.iter().zip(&judged.artifacts) {
                out.push_str(&format!("  {} {}\n", artifact.file, judged.effective));
            }
        }
    }
    out
}
