//! A fix does not wait: who is exempt from the age rule, and who is not.

use expect_test::expect;
use weir_policy::judge;

use crate::support::{at, check, facts, policy, stage};

/// Warns from 4, blocks from 9, seven days.
const RULES: &str = "vulnerability = { block-cvss = 9.0, warn-cvss = 4.0 }\nmalware = \"block\"\nminimum-age = 7";

#[test]
fn exactly_one_release_is_exempt_the_lowest_final_one_in_the_line_of_what_is_used() {
    check(
        RULES,
        "npm x
         1.0.0 2026-01-01 V-1(5.0)
         1.0.1-rc.1 2026-09-29
         1.0.1 2026-09-30
         1.0.2 2026-09-30
         2.0.0 2026-09-30",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1-rc.1 quarantine: minimum-age (held until 2026-10-06T00:00:00Z) -> 1.0.1
            1.0.1 allow: minimum-age (fixes V-1 of 1.0.0)
            1.0.2 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.1
            2.0.0 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.1
        "#]],
    );
}

#[test]
fn the_reason_names_the_advisory_and_what_it_replaces() {
    let (policy, facts) = (policy(RULES), facts("npm x\n1.0.0 2026-01-01 V-1(5.0)\n1.0.1 2026-09-30"));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    let reason = &judgement.releases[1].reasons[0];
    assert_eq!(reason.detail.as_deref(), Some("fix"));
    expect!["It need not wait: it is free of V-1, which affects 1.0.0, the newest allowed release that is old enough."]
        .assert_eq(&reason.message);
}

#[test]
fn where_the_line_has_no_fix_the_lowest_one_above_is_exempt() {
    check(
        RULES,
        "npm x
         1.0.0 2026-01-01 V-1(5.0)
         1.0.1 2026-09-30 V-1(5.0)
         3.0.0 2026-09-30
         2.0.0 2026-09-30",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z); vulnerability V-1 (CVSS 5.0) -> 2.0.0
            3.0.0 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 2.0.0
            2.0.0 allow: minimum-age (fixes V-1 of 1.0.0)
        "#]],
    );
}

#[test]
fn nothing_is_exempt_while_an_old_release_is_free_of_the_advisory() {
    check(
        RULES,
        "npm x
         0.9.0 2026-01-01
         1.0.0 2026-01-01 V-1(5.0)
         1.0.1 2026-09-30",
        expect![[r#"
            0.9.0 allow
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.0
        "#]],
    );
}

#[test]
fn nothing_is_exempt_for_an_advisory_that_the_stage_does_not_mind() {
    check(
        RULES,
        "npm x\n1.0.0 2026-01-01 V-1(3.0)\n1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 allow: vulnerability V-1 (CVSS 3.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.0
        "#]],
    );
}

#[test]
fn a_fix_that_has_another_advisory_of_that_kind_is_not_the_one() {
    check(
        RULES,
        "npm x
         1.0.0 2026-01-01 V-1(5.0)
         1.0.1 2026-09-30 V-2(5.0)
         1.0.2 2026-09-30 MAL-1(malware)
         1.0.3 2026-09-30 V-3(3.0)",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z); vulnerability V-2 (CVSS 5.0) -> 1.0.3
            1.0.2 block: malware MAL-1; minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.3
            1.0.3 allow: vulnerability V-3 (CVSS 3.0); minimum-age (fixes V-1 of 1.0.0)
        "#]],
    );
}

#[test]
fn where_every_old_release_is_blocked_the_lowest_fix_is_exempt() {
    check(
        RULES,
        "npm x
         1.0.0 2026-01-01 V-1(9.8)
         2.0.0 2026-01-01 V-1(9.8)
         2.0.1 2026-09-30
         1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 block: vulnerability V-1 (CVSS 9.8) -> 1.0.1
            2.0.0 block: vulnerability V-1 (CVSS 9.8) -> 1.0.1
            2.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.1
            1.0.1 allow: minimum-age (fixes V-1)
        "#]],
    );
}

#[test]
fn a_malware_record_never_exempts() {
    check(
        RULES,
        "npm x\n1.0.0 2026-01-01 MAL-1(malware)\n1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 block: malware MAL-1
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z)
        "#]],
    );
}

#[test]
fn a_package_that_has_nothing_old_has_nothing_to_fix() {
    check(
        RULES,
        "npm x\n1.0.0 2026-09-29 V-1(5.0)\n1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 quarantine: minimum-age (held until 2026-10-06T00:00:00Z); vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z)
        "#]],
    );
}

#[test]
fn nothing_is_exempt_without_current_advisory_data() {
    check(
        RULES,
        "npm x\nfeed 2026-01-01\n1.0.0 2026-01-01 V-1(5.0)\n1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0); vulnerability not assessed (advisory data of 2026-01-01)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z); vulnerability not assessed (advisory data of 2026-01-01) -> 1.0.0
        "#]],
    );
}

#[test]
fn the_exemption_can_be_switched_off() {
    check(
        "vulnerability = { warn-cvss = 4.0 }\nminimum-age = { days = 7, except-fixes = false }",
        "npm x\n1.0.0 2026-01-01 V-1(5.0)\n1.0.1 2026-09-30",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.0
        "#]],
    );
}

#[test]
fn an_exempt_release_still_meets_every_other_rule() {
    check(
        &format!("{RULES}\ndenied = [\"pkg:npm/x@1.0.1\"]"),
        "npm x\n1.0.0 2026-01-01 V-1(5.0)\n1.0.1 2026-09-30\n1.0.2 2026-09-30",
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 block: denied by policy (pkg:npm/x@1.0.1); minimum-age (fixes V-1 of 1.0.0) -> 1.0.0
            1.0.2 quarantine: minimum-age (held until 2026-10-07T00:00:00Z) -> 1.0.0
        "#]],
    );
}
