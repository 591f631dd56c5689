//! A decision as it is told, recorded and enforced.

use expect_test::expect;
use weir_policy::{Decision, Outcome, Policy, judge};

use crate::support::{at, facts, policy, stage};

fn decide(policy: &Policy, text: &str, moment: &str, release: usize, artifact: Option<usize>) -> Decision {
    let facts = facts(text);
    judge(policy, stage(policy), &facts, at(moment)).decision(policy, stage(policy), &facts, release, artifact)
}

const DJANGO: &str = "pypi django\n4.2.24 2026-01-01 PYSEC-1(9.8,fixed=4.2.30)\n4.2.30 2026-01-01";

#[test]
fn a_decision_tells_all_that_explain_shows() {
    let policy = policy("vulnerability = { block-cvss = 9.0 }");
    let decision = decide(&policy, DJANGO, "2026-10-01", 0, Some(0));
    expect![[r#"
        {
          "id": "hy4l5y6mzpmcjn2j",
          "purl": "pkg:pypi/django@4.2.24",
          "file": "django-4.2.24.tar.gz",
          "stage": "prod",
          "decision": "block",
          "effective": "block",
          "mode": "enforce",
          "reasons": [
            {
              "rule": "vulnerability",
              "outcome": "block",
              "message": "PYSEC-1 has CVSS 9.8 (critical; CVSS:3.1/AV:N from GHSA-1); fixed in 4.2.30.",
              "line": "vulnerability PYSEC-1 (CVSS 9.8)",
              "facts": {
                "id": "PYSEC-1",
                "aliases": [],
                "summary": "",
                "severity": {
                  "score": 9.8,
                  "level": "critical",
                  "vector": "CVSS:3.1/AV:N",
                  "source": "GHSA-1"
                },
                "known_exploited": null,
                "epss": null,
                "fixed": [
                  "4.2.30"
                ],
                "published": null,
                "digest": "4656e6278937b15a1ccb468e88d09b75cfcd3f713c946db0653770ac846d5cab"
              }
            }
          ],
          "nearest_allowed": "4.2.30",
          "policy": "a863553a1ffcdad48feedbd5de2565ca1f76f0467aa734b1c829148b4aebd099",
          "inputs": {"age":null,"assessed":true,"facts":{"artifacts":[{"attested":false,"file":"django-4.2.24.tar.gz","findings":[],"first_seen":null,"published":"2026-01-01T00:00:00Z","sha256":"30d56ed7d0ec209aacfd893c357482d6d418244ab832a809f314137cf144607c"}],"changed_bytes":false,"deprecated":null,"first_seen":null,"install":null,"license":null,"published":"2026-01-01T00:00:00Z","publisher":null,"status":null,"vulnerabilities":["4656e6278937b15a1ccb468e88d09b75cfcd3f713c946db0653770ac846d5cab"],"yanked":null},"file":"django-4.2.24.tar.gz","policy":"a863553a1ffcdad48feedbd5de2565ca1f76f0467aa734b1c829148b4aebd099","purl":"pkg:pypi/django@4.2.24","stage":"prod","waivers":[]}
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&decision).unwrap());
}

#[test]
fn inputs_are_canonical_json() {
    let policy = policy("minimum-age = 7\nvulnerability = { block-cvss = 9.0 }\nyanked = \"warn\"");
    let text =
        "pypi x\nstatus archived\n1 2026-01-01 V-1(9.8) yanked=é\"\\\u{1} license=MIT file=a@2026-09-30 finding=b:odd";
    let decision = decide(&policy, text, "2026-10-01", 0, None);
    fn sorted(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
            serde_json::Value::Object(object) => {
                let mut entries: Vec<_> = object.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                let entries = entries.into_iter().map(|(key, value)| format!("\"{key}\":{}", sorted(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            scalar => scalar.to_string(),
        }
    }
    assert_eq!(sorted(&decision.inputs.to_value()), decision.inputs.as_str());
}

#[test]
fn only_what_is_served_has_a_permit() {
    let policy = policy("vulnerability = { block-cvss = 9.0 }");
    let mut refused = decide(&policy, DJANGO, "2026-10-01", 0, Some(0));
    assert!(refused.permit().is_none());
    refused.effective = Outcome::Allow;
    assert!(refused.permit().is_none(), "what is shown opens nothing");
    let served = decide(&policy, DJANGO, "2026-10-01", 1, Some(0));
    let permit = served.permit().unwrap();
    assert_eq!((permit.decision_id(), permit.file()), (served.id.as_str(), Some("django-4.2.30.tar.gz")));
}

#[test]
fn an_id_follows_its_inputs_and_not_the_clock() {
    let first = policy("vulnerability = { block-cvss = 9.0 }\nminimum-age = 7");
    let id = |policy: &Policy, text: &str, moment: &str, artifact| decide(policy, text, moment, 0, artifact).id;
    let base = id(&first, DJANGO, "2026-10-01", None);
    assert_eq!(base.len(), 16);
    assert_eq!(base, id(&first, DJANGO, "2026-10-02", None));
    assert_ne!(base, id(&first, DJANGO, "2026-10-01", Some(0)));
    assert_ne!(base, id(&policy("vulnerability = { block-cvss = 9.1 }"), DJANGO, "2026-10-01", None));
    assert_ne!(base, id(&first, &DJANGO.replace("9.8", "9.7"), "2026-10-01", None));
    assert_ne!(base, id(&first, &DJANGO.replace("4.2.24 ", "4.2.23 "), "2026-10-01", None));
    // Another release's facts are not this one's.
    assert_eq!(base, id(&first, &format!("{DJANGO}\n4.2.31 2026-01-01"), "2026-10-01", None));
}

#[test]
fn an_id_changes_when_an_age_passes_or_data_grows_old() {
    let policy = policy("vulnerability = { block-cvss = 9.0 }\nminimum-age = 7");
    let id = |moment: &str| decide(&policy, "pypi x\n1 2026-09-28", moment, 0, Some(0)).id;
    assert_eq!(id("2026-10-01"), id("2026-10-04"));
    assert_ne!(id("2026-10-04"), id("2026-10-05"));
    assert_eq!(id("2026-10-05"), id("2026-10-07"));
    assert_ne!(id("2026-10-07"), id("2026-10-08"));
}

#[test]
fn what_the_facts_do_not_have_is_refused() {
    let policy = policy("mode = \"observe\"");
    for (release, artifact) in [(9, None), (0, Some(9))] {
        let decision = decide(&policy, DJANGO, "2026-10-01", release, artifact);
        assert!(decision.permit().is_none());
        assert_eq!(decision.reasons[0].detail.as_deref(), Some("not-in-index"));
    }
}

#[test]
fn lines_are_short_printable_ascii_whatever_strangers_write() {
    let policy = policy("yanked = \"warn\"\ndeprecated = \"warn\"\nlicense = { unknown = \"warn\" }");
    let long = "é\u{202e}\u{7}x".repeat(300);
    let decision = decide(
        &policy,
        &format!("npm x\n1.0.0 2026-01-01 yanked={long} deprecated={long} license={long}"),
        "2026-10-01",
        0,
        None,
    );
    assert_eq!(decision.reasons.len(), 3);
    for reason in &decision.reasons {
        assert!(reason.line.len() <= weir_policy::MAX_LINE, "{}", reason.line);
        assert!(reason.line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", reason.line);
        assert!(!reason.message.chars().any(char::is_control));
    }
}
