//! What each rule says.

use expect_test::expect;
use weir_policy::{Outcome, judge};

use crate::support::{at, check, check_at, facts, policy, stage};

const THRESHOLDS: &str = "vulnerability = { block-cvss = 9.0, quarantine-cvss = 7.0, warn-cvss = 4.0 }";

#[test]
fn a_vulnerability_comes_to_the_strictest_threshold_that_it_reaches() {
    check(
        THRESHOLDS,
        "pypi x
         1 2026-01-01 V-1(9.0)
         2 2026-01-01 V-2(8.9)
         3 2026-01-01 V-3(4.0)
         4 2026-01-01 V-4(3.9)
         5 2026-01-01",
        expect![[r#"
            1 block: vulnerability V-1 (CVSS 9.0) -> 3
            2 quarantine: vulnerability V-2 (CVSS 8.9) -> 3
            3 warn: vulnerability V-3 (CVSS 4.0)
            4 allow: vulnerability V-4 (CVSS 3.9)
            5 allow
        "#]],
    );
}

#[test]
fn a_threshold_with_a_decimal_is_reached_exactly() {
    for score in ["4.1", "7.3", "9.8", "5.6"] {
        let rules = format!("vulnerability = {{ block-cvss = {score} }}");
        let facts = facts(&format!("pypi x\n1 2026-01-01 V-1({score})"));
        let policy = policy(&rules);
        assert_eq!(
            judge(&policy, stage(&policy), &facts, at("2026-10-01")).releases[0].outcome,
            Outcome::Block,
            "{score}"
        );
    }
}

#[test]
fn several_vulnerabilities_are_told_worst_first() {
    check(
        "vulnerability = { block-cvss = 9.0, warn-cvss = 4.0, block-known-exploited = true }",
        "npm x
         1.0.0 2026-01-01 V-1(5.0) V-2(9.9) V-3(9.1) V-4(6.0,kev)",
        expect![[r#"
            1.0.0 block: vulnerability V-4 (CVSS 6.0, known exploited); vulnerability V-2 (CVSS 9.9); vulnerability V-3 (CVSS 9.1); vulnerability V-1 (CVSS 5.0)
        "#]],
    );
}

#[test]
fn what_is_exploited_or_likely_to_be_counts_whatever_its_score() {
    check(
        "vulnerability = { block-known-exploited = true, warn-epss = 0.1, block-epss = 0.5 }",
        "npm x
         1.0.0 2026-01-01 V-1(3.0,kev)
         2.0.0 2026-01-01 V-2(3.0,epss=0.5)
         3.0.0 2026-01-01 V-3(3.0,epss=0.1)
         4.0.0 2026-01-01 V-4(3.0,epss=0.09)",
        expect![[r#"
            1.0.0 block: vulnerability V-1 (CVSS 3.0, known exploited) -> 3.0.0
            2.0.0 block: vulnerability V-2 (CVSS 3.0) -> 3.0.0
            3.0.0 warn: vulnerability V-3 (CVSS 3.0)
            4.0.0 allow: vulnerability V-4 (CVSS 3.0)
        "#]],
    );
}

#[test]
fn a_vulnerability_without_a_score_has_its_own_setting() {
    let facts = "cargo x\n1.0.0 2026-01-01 RUSTSEC-1(?)";
    check(THRESHOLDS, facts, expect![["1.0.0 warn: vulnerability RUSTSEC-1 (no score)\n"]]);
    check(
        "vulnerability = { unknown-severity = \"quarantine\" }",
        facts,
        expect![["1.0.0 quarantine: vulnerability RUSTSEC-1 (no score)\n"]],
    );
}

#[test]
fn the_message_names_score_source_exploitation_and_fix() {
    let facts = facts("pypi x\n1 2026-01-01 PYSEC-1(9.8,kev,epss=0.54,fixed=2.0,fixed=3.1,aka=CVE-1)");
    let policy = policy(THRESHOLDS);
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    expect![[
        "PYSEC-1 (CVE-1) has CVSS 9.8 (critical; CVSS:3.1/AV:N from GHSA-1), is known to be exploited (KEV, 2026-05-01), has an EPSS of 54.0 %; fixed in 2.0, 3.1."
    ]]
    .assert_eq(&judgement.releases[0].reasons[0].message);
    expect![[r#"{"score":9.8,"level":"critical","vector":"CVSS:3.1/AV:N","source":"GHSA-1"}"#]]
        .assert_eq(&judgement.releases[0].reasons[0].facts["severity"].to_string());
}

#[test]
fn malware_is_refused_even_while_observing() {
    check(
        "mode = \"observe\"\nmalware = true\nvulnerability = { block-cvss = 1.0 }",
        "npm event-stream
         3.3.6 2026-01-01 MAL-1(malware)
         3.3.5 2026-01-01 V-1(9.0)",
        expect![[r#"
            3.3.6 block: malware MAL-1 -> 3.3.5
            3.3.5 block (enforced: warn): vulnerability V-1 (CVSS 9.0)
        "#]],
    );
}

#[test]
fn missing_or_old_advisory_data_is_one_reason_and_never_clean() {
    let rules = "unassessed = \"quarantine\"\nvulnerability = { block-cvss = 9.0 }\nmalware = \"block\"";
    check(
        rules,
        "pypi x\nfeed never\n1 2026-01-01",
        expect![["1 quarantine: vulnerability not assessed (no advisory data for PyPI)\n"]],
    );
    check(
        rules,
        "pypi x\nfeed 2026-09-20\n1 2026-01-01 V-1(9.9)",
        expect![["1 block: vulnerability V-1 (CVSS 9.9); vulnerability not assessed (advisory data of 2026-09-20)\n"]],
    );
    check(rules, "pypi x\nfeed 2026-09-25\n1 2026-01-01", expect![["1 allow\n"]]);
    check("", "pypi x\nfeed never\n1 2026-01-01", expect![["1 allow\n"]]);
}

#[test]
fn data_grows_old_at_a_moment_that_is_told() {
    let policy = policy("vulnerability = { block-cvss = 9.0, max-feed-age-days = 2 }");
    let facts = facts("pypi x\nfeed 2026-10-01\n1 2026-01-01");
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    assert_eq!(judgement.changes_at, Some(at("2026-10-03")));
    assert_eq!(judgement.releases[0].outcome, Outcome::Allow);
    assert_eq!(judge(&policy, stage(&policy), &facts, at("2026-10-03")).releases[0].outcome, Outcome::Warn);
}

#[test]
fn a_version_that_cannot_be_read_is_not_assessed_unless_something_names_it() {
    check(
        "vulnerability = { block-cvss = 9.0 }\nmalware = \"block\"",
        "pypi x
         not-a-version! 2026-01-01
         nor-this! 2026-01-01 MAL-1(malware)",
        expect![[r#"
            not-a-version! warn: vulnerability not assessed (unreadable version)
            nor-this! block: malware MAL-1
        "#]],
    );
}

#[test]
fn a_new_file_on_an_old_release_waits_by_itself() {
    check(
        "minimum-age = 7",
        "pypi x\n1 2020-01-01 file=x-1.tar.gz@2020-01-01 file=x-1.whl@2026-09-30",
        expect![[r#"
            1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z)
              x-1.tar.gz allow
              x-1.whl quarantine
        "#]],
    );
}

#[test]
fn an_age_passes_at_the_moment_that_is_told() {
    let (rules, facts) = ("minimum-age = { days = 3 }", "npm x\n1.0.0 2026-09-29T06:00:00Z");
    check_at(
        "2026-10-02T05:59:59Z",
        rules,
        facts,
        expect![["1.0.0 quarantine: minimum-age (held until 2026-10-02T06:00:00Z)\n"]],
    );
    check_at("2026-10-02T06:00:00Z", rules, facts, expect![["1.0.0 allow\n"]]);
}

#[test]
fn a_date_in_the_future_is_not_old_enough() {
    check(
        "minimum-age = 3",
        "npm x\n1.0.0 2030-01-01",
        expect![["1.0.0 quarantine: minimum-age (held until 2030-01-04T00:00:00Z, date-ahead)\n"]],
    );
}

#[test]
fn without_a_date_the_first_sight_counts_and_is_told() {
    let (policy, facts) = (policy("minimum-age = 3"), facts("pypi x\n1 -"));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    let reason = &judgement.releases[0].reasons[0];
    assert_eq!(reason.detail.as_deref(), Some("date-unknown"));
    expect![[
        "Its registry tells no date and it was first seen on 2026-09-30T00:00:00Z; this stage asks for an age of 3 days, so it is held until 2026-10-03T00:00:00Z."
    ]]
    .assert_eq(&reason.message);
}

#[test]
fn forty_young_wheels_are_one_reason() {
    let wheels: String = (10..50).map(|n| format!(" file=x-{n}.whl@2026-09-30T00:00:{n}Z")).collect();
    let (policy, facts) = (policy("minimum-age = 3"), facts(&format!("pypi x\n1 2026-09-30{wheels}")));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    assert_eq!(judgement.releases[0].reasons.len(), 1);
    assert_eq!(judgement.releases[0].reasons[0].line, "minimum-age (held until 2026-10-03T00:00:49Z)");
    assert_eq!(judgement.changes_at, Some(at("2026-10-03T00:00:10Z")));
}

#[test]
fn changed_bytes_quarantine_the_whole_release_and_a_wrong_digest_blocks_its_file() {
    check(
        "mode = \"observe\"",
        "pypi x
         1 2026-01-01 file=a@2026-01-01 finding=b:changed-bytes
         2 2026-01-01 file=a@2026-01-01 finding=b:digest-mismatch
         3 2026-01-01 file=a@2026-01-01 finding=b:ambiguous-archive",
        expect![[r#"
            1 quarantine: integrity changed-bytes (b) -> 2
              a quarantine
              b quarantine
            2 block: integrity digest-mismatch (b) -> 3
              a allow
              b block
            3 quarantine: integrity ambiguous-archive (b) -> 2
              a allow
              b quarantine
        "#]],
    );
}

#[test]
fn what_is_denied_is_named_by_version_range_or_glob() {
    let rules =
        r#"denied = ["pkg:pypi/django@<4.2.30", { package = "pkg:pypi/left_*", reason = "write it yourself" }]"#;
    check(
        rules,
        "pypi Django
         4.2.29 2026-01-01
         4.2.30 2026-01-01
         5.0rc1 2026-01-01",
        expect![[r#"
            4.2.29 block: denied by policy (pkg:pypi/django@<4.2.30) -> 4.2.30
            4.2.30 allow
            5.0rc1 allow
        "#]],
    );
    check(rules, "pypi left.pad\n1 2026-01-01", expect![["1 block: denied by policy (pkg:pypi/left_*)\n"]]);
    check(rules, "npm left-pad\n1.0.0 2026-01-01", expect![["1.0.0 allow\n"]]);
    check(
        "denied = [\"pkg:npm/event-stream@3.3.6\"]",
        "npm event-stream\n3.3.5 2026-01-01\n3.3.6 2026-01-01",
        expect![[r#"
            3.3.5 allow
            3.3.6 block: denied by policy (pkg:npm/event-stream@3.3.6) -> 3.3.5
        "#]],
    );
}

#[test]
fn an_exact_version_is_meant_in_every_spelling() {
    check(
        "denied = [\"pkg:pypi/x@1.0\"]",
        "pypi x\n1 2026-01-01\n1.0.0 2026-01-01\n1.0.post1 2026-01-01",
        expect![[r#"
            1 block: denied by policy (pkg:pypi/x@1.0) -> 1.0.post1
            1.0.0 block: denied by policy (pkg:pypi/x@1.0) -> 1.0.post1
            1.0.post1 allow
        "#]],
    );
}

#[test]
fn a_curated_stage_refuses_what_is_not_listed() {
    let rules = r#"allow-only = ["pkg:npm/@acme/*", "pkg:pypi/django@>=4.2,<5"]"#;
    check(rules, "npm @acme/x\n1.0.0 2026-01-01", expect![["1.0.0 allow\n"]]);
    check(rules, "npm left-pad\n1.0.0 2026-01-01", expect![["1.0.0 block: allow-only (not listed)\n"]]);
    check(rules, "cargo serde\n1.0.0 2026-01-01", expect![["1.0.0 block: allow-only (not listed)\n"]]);
    check(
        rules,
        "pypi django\n4.2 2026-01-01\n5.0 2026-01-01",
        expect![[r#"
            4.2 allow
            5.0 block: allow-only (version not listed) -> 4.2
        "#]],
    );
}

#[test]
fn what_is_hosted_here_has_a_private_name_and_does_not_wait() {
    let rules = "private-name = [\"acme-*\"]\nminimum-age = 3";
    let facts = |hosted: &str| format!("pypi acme-core\n{hosted}\n1.0 2026-10-01");
    check(rules, &facts("hosted yes"), expect![["1.0 allow\n"]]);
    let waits = "minimum-age = { days = 3, hosted = true }";
    check(waits, &facts("hosted yes"), expect![["1.0 quarantine: minimum-age (held until 2026-10-04T00:00:00Z)\n"]]);
}

#[test]
fn a_private_name_is_private_in_every_spelling() {
    let rules = r#"private-name = ["acme-*", "@acme/*", "cargo:inner"]"#;
    let (policy, blocked) = (policy(rules), "private-name");
    for (ecosystem, name, private) in [
        ("pypi", "Acme_Core", true),
        ("pypi", "acme.core", true),
        ("pypi", "acme", false),
        ("npm", "@acme/x", true),
        ("npm", "acme-x", true),
        ("npm", "@other/acme-x", false),
        ("cargo", "acme_core", true),
        ("cargo", "inner", true),
        ("pypi", "inner", false),
    ] {
        let ecosystem = crate::support::ECOSYSTEMS.by_id(ecosystem).unwrap();
        let name = ecosystem.names.parse(name).unwrap();
        let decision = weir_policy::private_name(stage(&policy), ecosystem, &name);
        assert_eq!(decision.is_some(), private, "{name}");
        if let Some(decision) = decision {
            assert_eq!((decision.effective, decision.reasons[0].rule.as_str()), (Outcome::Block, blocked));
            assert!(decision.permit().is_none());
        }
    }
}

#[test]
fn yanked_deprecated_and_archived_are_told_with_their_reasons() {
    check(
        "yanked = \"warn\"\ndeprecated = \"warn\"",
        "npm x
         1.0.0 2026-01-01 yanked=broken_on_Windows
         2.0.0 2026-01-01 deprecated=use_y
         3.0.0 2026-01-01 yanked=",
        expect![[r#"
            1.0.0 warn: yanked (broken on Windows)
            2.0.0 warn: deprecated (use y)
            3.0.0 warn: yanked
        "#]],
    );
    check(
        "deprecated = \"warn\"",
        "pypi x\nstatus archived\n1 2026-01-01",
        expect![["1 warn: deprecated (project archived)\n"]],
    );
    check(
        "yanked = \"quarantine\"",
        "pypi x\nstatus quarantined\n1 2026-01-01",
        expect![["1 quarantine: yanked (quarantined by its registry)\n"]],
    );
}

#[test]
fn a_health_notice_is_not_a_vulnerability() {
    let facts = "cargo x\n1.0.0 2026-01-01 RUSTSEC-1(unmaintained) RUSTSEC-2(unsound)";
    check("vulnerability = { unknown-severity = \"block\" }", facts, expect![["1.0.0 allow\n"]]);
    check(
        "unmaintained = \"warn\"",
        facts,
        expect![["1.0.0 warn: unmaintained RUSTSEC-1; unmaintained RUSTSEC-2 (unsound)\n"]],
    );
}

#[test]
fn the_nearest_allowed_version_is_above_in_the_same_line_then_above_then_below() {
    check(
        "vulnerability = { block-cvss = 9.0 }",
        "pypi django
         3.2 2026-01-01 V-1(9.8)
         4.1.13 2026-01-01
         4.2.24 2026-01-01 V-1(9.8)
         4.2.30rc1 2026-01-01
         4.2.29 2026-01-01 yanked=
         4.2.30 2026-01-01
         5.0 2026-01-01
         6.0 2026-01-01 V-1(9.8)",
        expect![[r#"
            3.2 block: vulnerability V-1 (CVSS 9.8) -> 4.1.13
            4.1.13 allow
            4.2.24 block: vulnerability V-1 (CVSS 9.8) -> 4.2.30
            4.2.30rc1 allow
            4.2.29 allow
            4.2.30 allow
            5.0 allow
            6.0 block: vulnerability V-1 (CVSS 9.8) -> 5.0
        "#]],
    );
}

#[test]
fn no_rules_allow_everything() {
    check("", "npm x\n1.0.0 2026-10-01 V-1(10.0) MAL-1(malware)", expect![["1.0.0 allow\n"]]);
}

#[test]
fn a_package_with_an_advisory_that_cannot_be_judged_is_not_assessed() {
    let mut facts = facts("pypi x\n1 2026-01-01");
    facts.advisories.unreadable =
        vec![weir_core::facts::UnreadableAdvisory { id: "X-1".into(), reason: "`n/a` is not a version".into() }];
    let strict = policy("vulnerability = { block-cvss = 9.0 }\nunassessed = \"quarantine\"");
    let judged = judge(&strict, stage(&strict), &facts, at("2026-10-02"));
    assert_eq!(judged.releases[0].outcome, Outcome::Quarantine);
    assert!(judged.releases[0].reasons[0].line.contains("X-1 cannot be judged"), "{:?}", judged.releases[0].reasons);
    let open = policy("deprecated = \"warn\"");
    assert_eq!(judge(&open, stage(&open), &facts, at("2026-10-02")).releases[0].outcome, Outcome::Allow);
}
