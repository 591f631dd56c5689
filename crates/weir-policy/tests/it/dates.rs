//! Whose date counts: what is stated, what was stated first, what Weir saw itself.

use expect_test::expect;
use weir_policy::judge;

use crate::support::{at, check, check_at, facts, policy, stage};

const AGE: &str = "minimum-age = 3";

#[test]
fn a_date_from_before_a_page_that_lacked_the_file_is_not_believed() {
    check(
        AGE,
        "pypi x
         1 2020-01-01 seen=2026-10-01T10:00:00Z absent=2026-10-01T09:00:00Z",
        expect![["1 quarantine: minimum-age (held until 2026-10-04T10:00:00Z, back-dated)\n"]],
    );
}

#[test]
fn the_reason_of_a_back_dated_file_names_both_dates() {
    let (policy, facts) = (policy(AGE), facts("pypi x\n1 2020-01-01 seen=2026-10-01T10:00:00Z absent=2026-09-20"));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-02"));
    let reason = &judgement.releases[0].reasons[0];
    assert_eq!(reason.detail.as_deref(), Some("back-dated"));
    expect![["Its registry states 2020-01-01T00:00:00Z, but the registry's page of 2026-09-20T00:00:00Z did not have it yet, so its first sight on 2026-10-01T10:00:00Z counts; this stage asks for an age of 3 days, so it is held until 2026-10-04T10:00:00Z."]]
    .assert_eq(&reason.message);
}

#[test]
fn a_date_from_shortly_before_is_a_mirror_that_lags_behind() {
    // A day of slack, to the millisecond.
    check(
        "minimum-age = 1",
        "pypi x
         1 2026-09-28T09:00:00Z seen=2026-10-01T10:00:00Z absent=2026-09-29T09:00:00Z
         2 2026-09-28T08:59:59.999Z seen=2026-10-01T10:00:00Z absent=2026-09-29T09:00:00Z",
        expect![["1 allow\n2 quarantine: minimum-age (held until 2026-10-02T10:00:00Z, back-dated) -> 1\n"]],
    );
}

#[test]
fn a_first_sight_and_a_long_look_away_are_no_reason_for_doubt() {
    check(
        AGE,
        "pypi x
         1 2013-01-01 seen=2026-10-01T11:59:00Z
         2 2026-09-15 seen=2026-10-01T11:59:00Z absent=2026-08-01",
        expect![["1 allow\n2 allow\n"]],
    );
}

#[test]
fn a_back_dated_file_is_let_go_by_its_first_sight() {
    let text = "pypi x\n1 2020-01-01 seen=2026-10-01T10:00:00Z absent=2026-09-20";
    check_at("2026-10-04T10:00:00Z", AGE, text, expect![["1 allow\n"]]);
}

#[test]
fn of_two_dates_that_were_stated_the_stricter_counts() {
    check(
        AGE,
        "pypi x
         1 2020-01-01 first=2026-09-30 seen=2026-09-30
         2 2026-09-30 first=2020-01-01 seen=2026-09-29T12:00:00Z
         3 2026-09-30 first=2020-01-01 seen=2026-01-01
         4 2026-09-30T06:00:00Z first=2026-09-30 seen=2026-09-30T07:00:00Z",
        expect![[r#"
            1 quarantine: minimum-age (held until 2026-10-03T00:00:00Z) -> 3
            2 quarantine: minimum-age (held until 2026-10-02T12:00:00Z) -> 3
            3 allow
            4 quarantine: minimum-age (held until 2026-10-03T06:00:00Z) -> 3
        "#]],
    );
    let (policy, facts) = (policy(AGE), facts("pypi x\n1 2020-01-01 first=2026-09-30 seen=2026-09-30"));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-02"));
    let reason = &judgement.releases[0].reasons[0];
    assert_eq!(reason.detail.as_deref(), Some("date-changed"));
    assert!(reason.message.starts_with("Its registry first stated 2026-09-30T00:00:00Z and now states 2020-01-01"));
}

#[test]
fn a_date_that_is_still_to_come_holds_at_most_a_month_and_the_age_beyond_first_sight() {
    let text = "npm x\n1.0.0 9999-01-01 seen=2026-09-30\n1.1.0 2026-10-03 seen=2026-09-30";
    check(
        AGE,
        text,
        expect![[r#"
            1.0.0 quarantine: minimum-age (held until 2026-11-02T00:00:00Z, date-ahead)
            1.1.0 quarantine: minimum-age (held until 2026-10-06T00:00:00Z, date-ahead)
        "#]],
    );
    check_at("2026-11-02", AGE, text, expect![["1.0.0 allow\n1.1.0 allow\n"]]);
}

#[test]
fn a_clock_that_goes_back_lets_nothing_go() {
    let text = "npm x\n1.0.0 2026-09-01 seen=2026-09-01\n1.1.0 2026-09-30 seen=2026-09-30\n2.0.0 - seen=2026-09-30";
    let policy = policy(AGE);
    for moment in ["1970-01-01", "2020-01-01", "2026-09-30", "2026-10-02T23:59:59.999Z"] {
        let judgement = judge(&policy, stage(&policy), &facts(text), at(moment));
        for release in &judgement.releases[1..] {
            assert!(!release.outcome.is_served(), "{moment}");
        }
    }
}

const OUTBREAK: &str = "not-after = \"2026-09-20T12:00:00Z\"";

#[test]
fn nothing_that_was_published_after_the_moment_is_served() {
    check(
        OUTBREAK,
        "npm x
         1.0.0 2026-09-20T12:00:00Z
         1.1.0 2026-09-20T12:00:00.001Z
         2.0.0 2013-01-01 seen=2026-09-30
         3.0.0 2013-01-01 seen=2026-09-30 absent=2026-09-29
         4.0.0 - seen=2026-09-30
         5.0.0 - seen=2026-09-20",
        expect![[r#"
            1.0.0 allow
            1.1.0 quarantine: not-after 2026-09-20T12:00:00Z -> 2.0.0
            2.0.0 allow
            3.0.0 quarantine: not-after 2026-09-20T12:00:00Z -> 5.0.0
            4.0.0 quarantine: not-after 2026-09-20T12:00:00Z -> 5.0.0
            5.0.0 allow
        "#]],
    );
}

#[test]
fn a_fix_is_not_exempt_on_the_day_of_an_outbreak_unless_it_is_let_through() {
    let rules = "vulnerability = { warn-cvss = 4.0 }\nminimum-age = 7\nnot-after = { at = \"2026-09-20T12:00:00Z\"X }";
    let text = "npm x\n1.0.0 2026-01-01 V-1(5.0)\n1.0.1 2026-09-30";
    check(
        &rules.replace('X', ""),
        text,
        expect![[r#"
            1.0.0 warn: vulnerability V-1 (CVSS 5.0)
            1.0.1 quarantine: not-after 2026-09-20T12:00:00Z; minimum-age (fixes V-1 of 1.0.0) -> 1.0.0
        "#]],
    );
    for except in ["pkg:npm/x@1.0.1", "pkg:npm/x", "pkg:npm/*@>=1.0.1"] {
        check(
            &rules.replace('X', &format!(", except = [\"{except}\"]")),
            text,
            expect![[r#"
                1.0.0 warn: vulnerability V-1 (CVSS 5.0)
                1.0.1 allow: minimum-age (fixes V-1 of 1.0.0)
            "#]],
        );
    }
    check(
        &rules.replace('X', ", ecosystems = [\"pypi\"]"),
        text,
        expect![[r#"
        1.0.0 warn: vulnerability V-1 (CVSS 5.0)
        1.0.1 allow: minimum-age (fixes V-1 of 1.0.0)
    "#]],
    );
}

#[test]
fn a_moment_without_a_time_is_a_mistake() {
    for (value, problem) in [
        ("\"2026-09-20\"", "`2026-09-20` is not a moment"),
        ("\"today\"", "`today` is not a moment"),
        ("{ ecosystems = [\"npm\"] }", "`not-after` has no `at`"),
        ("{ at = \"2026-09-20T12:00:00Z\", ecosystems = [\"nmp\"] }", "`nmp` is not one of"),
        ("3", "expected a moment"),
    ] {
        let text = format!("[stage.dev]\nnot-after = {value}\n");
        let errors = weir_policy::Policy::parse(&text, crate::support::ECOSYSTEMS).unwrap_err().to_string();
        assert!(errors.contains(problem), "{errors}");
    }
    // A date and time of TOML's own means the same.
    policy("not-after = 2026-09-20T12:00:00Z");
}
