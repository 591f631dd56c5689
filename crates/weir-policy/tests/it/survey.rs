//! Shares of what a policy refuses, holds and warns on.

use expect_test::expect;
use weir_policy::{Survey, judge};

use crate::support::{at, facts, policy, stage};

/// What a survey says of these packages, as of October the first: a line an ecosystem, and the refused.
fn survey(rules: &str, newest: usize, packages: &[&str]) -> Survey {
    let policy = policy(rules);
    let mut survey = Survey::new(&policy, stage(&policy), newest);
    for text in packages {
        let facts = facts(text);
        survey.add(&facts, &judge(&policy, stage(&policy), &facts, at("2026-10-01")));
    }
    survey
}

#[test]
fn the_newest_is_the_highest_final_release_that_is_not_yanked() {
    let survey = survey(
        "denied = [\"pkg:npm/x@*\"]",
        2,
        &[
            "npm x\n1.9.0 2020-01-01\n1.10.0 2019-01-01\n2.0.0-rc.1 2026-01-01\n2.1.0 2026-01-01 yanked=oops\n1.8.0 2021-01-01",
        ],
    );
    assert_eq!(survey.refused.iter().map(|it| it.purl.as_str()).collect::<Vec<_>>(), ["pkg:npm/x@1.10.0"]);
    let npm = &survey.ecosystems["npm"];
    assert_eq!((npm.packages, npm.newest.blocked, npm.recent.blocked, npm.recent.releases), (1, 1, 2, 2));
}

#[test]
fn a_package_without_a_final_release_has_no_newest_one() {
    let survey = survey("", 10, &["npm x\n1.0.0-rc.1 2026-01-01\n", "npm y\n1.0.0 2026-01-01 yanked=oops"]);
    let npm = &survey.ecosystems["npm"];
    assert_eq!((npm.packages, npm.without_newest, npm.newest.releases, npm.recent.releases), (2, 2, 0, 0));
}

#[test]
fn what_waits_for_its_age_is_told_from_what_is_refused_for_a_cause() {
    let rules =
        "vulnerability = { block-cvss = 9.0, warn-cvss = 4.0 }\nminimum-age = { days = 3, except-fixes = false }";
    let survey = survey(
        rules,
        10,
        &[
            "npm young\n1.0.0 2026-09-30",
            "npm undated\n1.0.0 -",
            "npm bad\n1.0.0 2026-01-01 V-1(9.8) V-2(9.1)",
            "npm young-and-bad\n1.0.0 2026-09-30 V-1(9.8)",
            "npm warned\n1.0.0 2026-01-01 V-3(5.0)",
            "npm fine\n1.0.0 2026-01-01",
            "npm half\n1.0.0 2026-01-01 file=a.tgz@2026-01-01 file=b.tgz@2026-09-30",
        ],
    );
    let newest = &survey.ecosystems["npm"].newest;
    assert_eq!((newest.releases, newest.blocked, newest.held, newest.warned), (7, 2, 2, 1));
    assert_eq!((newest.held_for_age, newest.held_for_date, newest.undated, newest.refused_for_cause()), (1, 1, 1, 2));
    expect![[r#"
        [
          {
            "rule": "minimum-age",
            "blocked": 0,
            "held": 2,
            "warned": 0
          },
          {
            "rule": "minimum-age",
            "detail": "date-unknown",
            "blocked": 0,
            "held": 1,
            "warned": 0
          },
          {
            "rule": "vulnerability",
            "blocked": 2,
            "held": 0,
            "warned": 1
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&serde_json::to_value(newest).unwrap()["rules"]).unwrap());
    let lines: Vec<_> = survey.refused.iter().map(|it| format!("{}: {}", it.purl, it.reasons[0].line)).collect();
    expect![[r#"
        pkg:npm/young@1.0.0: minimum-age (held until 2026-10-03T00:00:00Z)
        pkg:npm/undated@1.0.0: minimum-age (held until 2026-10-03T00:00:00Z)
        pkg:npm/bad@1.0.0: vulnerability V-1 (CVSS 9.8)
        pkg:npm/young-and-bad@1.0.0: vulnerability V-1 (CVSS 9.8)"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_waived_counts_as_served() {
    let rules = "[stage.prod]\ndenied = [\"pkg:npm/x\"]\n[[waiver]]\npackage = \"pkg:npm/x@1.0.0\"\nrule = \"denied\"\n\
                 reason = \"we need it\"\nuntil = \"2026-12-31\"\n";
    let survey = survey(rules, 10, &["npm x\n1.0.0 2026-01-01\n0.9.0 2025-01-01"]);
    assert!(survey.refused.is_empty());
    assert_eq!((survey.ecosystems["npm"].newest.blocked, survey.ecosystems["npm"].recent.blocked), (0, 1));
}
