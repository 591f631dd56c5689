//! Rules that compare a release with what came before it. The attacks are shapes of real ones, with names that are nobody's,
//! and each stands beside a benign twin.

use expect_test::expect;
use weir_policy::judge;

use crate::support::{at, check, check_at, facts, policy, show, stage};

const SCRIPT: &str = "install-script = \"quarantine\"";
const PROVENANCE: &str = "provenance-lost = \"quarantine\"";
const PUBLISHER: &str = "publisher-changed = { days = 14 }";
const ALL: &str =
    "install-script = \"quarantine\"\nprovenance-lost = \"quarantine\"\npublisher-changed = { days = 14 }";

#[test]
fn a_package_that_is_taken_over_gains_a_script_and_a_publisher() {
    check(
        ALL,
        "npm parser
         1.0.0 2024-01-01 runs=nothing by=ann owners=ann,bob
         1.0.1 2025-01-01 runs=nothing by=bob owners=ann,bob
         1.0.2 2026-09-30 runs=postinstall:node_steal.js by=mallory owners=mallory",
        expect![[r#"
            1.0.0 allow
            1.0.1 allow
            1.0.2 quarantine: install-script (new in 1.0.2: postinstall); publisher-changed (by mallory, held until 2026-10-14T00:00:00Z) -> 1.0.1
        "#]],
    );
}

#[test]
fn its_benign_twin_goes_on_as_it_was() {
    check(
        ALL,
        "npm parser
         1.0.0 2024-01-01 runs=nothing by=ann owners=ann,bob
         1.0.1 2025-01-01 runs=nothing by=ann owners=ann,bob
         1.0.2 2026-09-30 runs=nothing by=bob owners=ann,bob",
        expect![[r#"
            1.0.0 allow
            1.0.1 allow
            1.0.2 allow
        "#]],
    );
}

#[test]
fn a_package_that_always_had_its_script_is_never_held() {
    check(
        SCRIPT,
        "npm native
         1.0.0 2024-01-01 runs=install:node-gyp_rebuild
         1.1.0 2026-09-01 runs=install:node-gyp_rebuild
         1.1.1 2026-09-30 runs=install:node-gyp_rebuild runs=postinstall:node_check.js
         2.0.0-beta.1 2026-09-30 runs=install:prebuild-install",
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.1.1 allow
            2.0.0-beta.1 allow
        "#]],
    );
}

#[test]
fn an_attackers_second_release_is_measured_like_the_first() {
    check(
        SCRIPT,
        "npm parser
         1.0.0 2024-01-01 runs=nothing
         1.0.1 2026-09-29 runs=preinstall:x
         1.0.2 2026-09-30 runs=preinstall:x
         2.0.0 2026-09-30 runs=preinstall:x",
        expect![[r#"
            1.0.0 allow
            1.0.1 quarantine: install-script (new in 1.0.1: preinstall) -> 1.0.0
            1.0.2 quarantine: install-script (new in 1.0.2: preinstall) -> 1.0.0
            2.0.0 quarantine: install-script (new in 2.0.0: preinstall) -> 1.0.0
        "#]],
    );
}

#[test]
fn a_script_that_is_long_known_is_known_unless_this_stage_has_served_the_package_without() {
    const OLD: &str = "npm parser
         1.0.0 2023-01-01 runs=nothing
         1.1.0 2024-01-01 runs=postinstall:x
         1.2.0 2026-09-30 runs=postinstall:x";
    check(
        SCRIPT,
        OLD,
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.2.0 allow
        "#]],
    );
    check(
        SCRIPT,
        &OLD.replace("1.0.0 2023-01-01 runs=nothing", "1.0.0 2023-01-01 runs=nothing served=prod"),
        expect![[r#"
            1.0.0 allow
            1.1.0 quarantine: install-script (new in 1.1.0: postinstall) -> 1.0.0
            1.2.0 quarantine: install-script (new in 1.2.0: postinstall) -> 1.0.0
        "#]],
    );
}

#[test]
fn what_this_stage_has_served_itself_is_known_to_it_and_what_others_served_is_not() {
    check(
        SCRIPT,
        "npm parser
         1.0.0 2023-01-01 runs=nothing served=prod
         1.1.0 2026-09-29 runs=postinstall:x served=prod
         1.1.1 2026-09-30 runs=postinstall:x",
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.1.1 allow
        "#]],
    );
    check(
        SCRIPT,
        "npm parser
         1.0.0 2023-01-01 runs=nothing served=prod
         1.1.0 2026-09-29 runs=postinstall:x served=dev",
        expect![[r#"
            1.0.0 allow
            1.1.0 quarantine: install-script (new in 1.1.0: postinstall) -> 1.0.0
        "#]],
    );
}

#[test]
fn what_was_served_of_another_major_line_is_no_measure() {
    check(
        SCRIPT,
        "npm native
         1.0.0 2020-01-01 runs=nothing served=prod
         2.0.0 2022-01-01 runs=install:x
         2.1.0 2026-09-30 runs=install:x",
        expect![[r#"
            1.0.0 allow
            2.0.0 allow
            2.1.0 allow
        "#]],
    );
}

#[test]
fn unknown_history_is_unknown() {
    check(
        ALL,
        "pypi parser
         1.0 2024-01-01
         1.1 2026-09-30",
        expect![[r#"
            1.0 allow
            1.1 allow
        "#]],
    );
    check(
        ALL,
        "npm new
         1.0.0 2026-09-30 runs=postinstall:x by=ann owners=ann",
        expect![[r#"
            1.0.0 allow
        "#]],
    );
}

#[test]
fn a_new_package_with_a_script_comes_to_what_the_policy_says_of_it() {
    check(
        "install-script = { new-package = \"warn\" }",
        "npm new
         1.0.0 2026-09-30 runs=postinstall:x",
        expect![[r#"
            1.0.0 warn: install-script (new package: postinstall)
        "#]],
    );
}

#[test]
fn another_command_is_told_where_the_policy_asks_for_it() {
    check(
        "install-script = { changed = \"warn\" }",
        "npm native
         1.0.0 2024-01-01 runs=install:build
         1.0.1 2026-09-29 runs=install:build
         1.0.2 2026-09-30 runs=install:curl",
        expect![[r#"
            1.0.0 allow
            1.0.1 allow
            1.0.2 warn: install-script (changed in 1.0.2: install)
        "#]],
    );
}

#[test]
fn what_is_reported_as_malicious_is_no_measure() {
    check(
        SCRIPT,
        "npm parser
         1.0.0 2024-01-01 runs=nothing
         1.0.1 2025-01-01 runs=postinstall:x MAL-1(malware)
         1.0.2 2026-09-30 runs=postinstall:x",
        expect![[r#"
            1.0.0 allow
            1.0.1 allow
            1.0.2 quarantine: install-script (new in 1.0.2: postinstall) -> 1.0.1
        "#]],
    );
}

#[test]
fn a_release_that_is_no_longer_attested_is_held_until_it_is_a_habit() {
    const LOST: &str = "pypi model
         1.0 2026-01-01 attested=all
         1.1 2026-03-01 attested=all
         1.2 2026-05-01 attested=all
         1.3 2026-09-20
         1.4 2026-09-28";
    check(
        PROVENANCE,
        LOST,
        expect![[r#"
            1.0 allow
            1.1 allow
            1.2 allow
            1.3 quarantine: provenance-lost (1.2 was attested, 1.3 is not) -> 1.2
            1.4 quarantine: provenance-lost (1.2 was attested, 1.4 is not) -> 1.2
        "#]],
    );
    check_at(
        "2026-12-19T00:00:00Z",
        PROVENANCE,
        LOST,
        expect![[r#"
            1.0 allow
            1.1 allow
            1.2 allow
            1.3 allow
            1.4 allow
        "#]],
    );
}

#[test]
fn two_attested_releases_are_no_habit() {
    check(
        PROVENANCE,
        "npm model
         1.0.0 2026-01-01
         1.1.0 2026-03-01 attested=all
         1.2.0 2026-05-01 attested=all
         1.3.0 2026-09-20",
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.2.0 allow
            1.3.0 allow
        "#]],
    );
}

#[test]
fn a_backport_to_a_line_that_was_never_attested_does_not_trip() {
    check(
        PROVENANCE,
        "pypi framework
         4.0 2023-01-01
         4.1 2023-06-01
         4.2 2026-09-20
         5.0 2025-01-01 attested=all
         5.1 2025-06-01 attested=all
         5.2 2026-01-01 attested=all
         5.3 2026-09-20 attested=all
         6.0a1 2026-09-20",
        expect![[r#"
            4.0 allow
            4.1 allow
            4.2 allow
            5.0 allow
            5.1 allow
            5.2 allow
            5.3 allow
            6.0a1 allow
        "#]],
    );
}

#[test]
fn canaries_from_a_build_say_nothing_about_releases_by_hand() {
    check(
        PROVENANCE,
        "npm ui
         1.0.0 2025-01-01
         2.0.0-canary.1 2026-08-01 attested=all
         2.0.0-canary.2 2026-08-02 attested=all
         2.0.0-canary.3 2026-08-03 attested=all
         2.0.0 2026-09-20",
        expect![[r#"
            1.0.0 allow
            2.0.0-canary.1 allow
            2.0.0-canary.2 allow
            2.0.0-canary.3 allow
            2.0.0 allow
        "#]],
    );
}

#[test]
fn of_a_release_that_is_attested_in_part_the_other_files_are_held() {
    check(
        PROVENANCE,
        "pypi model
         1.0 2026-01-01 attested=all
         1.1 2026-03-01 attested=all
         1.2 2026-05-01 attested=all
         1.3 2026-09-20 file=a.whl@2026-09-20 file=b.whl@2026-09-30 attested=a.whl",
        expect![[r#"
            1.0 allow
            1.1 allow
            1.2 allow
            1.3 quarantine: provenance-lost (b.whl is not attested) -> 1.2
              a.whl allow
              b.whl quarantine
        "#]],
    );
}

#[test]
fn a_trusted_publisher_that_is_one_no_longer_is_told_apart_from_one_that_is_new() {
    check(
        ALL,
        "npm http
         1.0.0 2026-01-01 runs=nothing by=robot! owners=ann
         1.1.0 2026-03-01 runs=nothing by=robot! owners=ann
         1.2.0 2026-05-01 runs=nothing by=robot! owners=ann
         1.3.0 2026-09-20 runs=nothing by=ann owners=ann",
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.2.0 allow
            1.3.0 quarantine: provenance-lost (1.2.0 was by a trusted publisher, 1.3.0 is not) -> 1.2.0
        "#]],
    );
    check(
        ALL,
        "npm http
         1.0.0 2026-01-01 runs=nothing by=ann owners=ann
         1.1.0 2026-03-01 runs=nothing by=ann owners=ann
         1.2.0 2026-09-20 runs=nothing by=robot! owners=ann",
        expect![[r#"
            1.0.0 allow
            1.1.0 allow
            1.2.0 allow
        "#]],
    );
}

#[test]
fn a_new_maintainer_waits_once() {
    const HANDED_ON: &str = "npm lib
         1.0.0 2025-01-01 by=ann owners=ann
         1.1.0 2026-09-20 by=bob owners=ann,bob
         1.1.1 2026-09-28 by=bob owners=ann,bob";
    check(
        PUBLISHER,
        HANDED_ON,
        expect![[r#"
            1.0.0 allow
            1.1.0 quarantine: publisher-changed (by bob, held until 2026-10-04T00:00:00Z) -> 1.0.0
            1.1.1 quarantine: publisher-changed (by bob, held until 2026-10-12T00:00:00Z) -> 1.0.0
        "#]],
    );
    let (policy, facts) = (policy(PUBLISHER), facts(HANDED_ON));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    assert_eq!(judgement.changes_at, Some(at("2026-10-04")));
    let after = judge(&policy, stage(&policy), &facts, at("2026-10-04"));
    assert_eq!(show(&facts, &after), "1.0.0 allow\n1.1.0 allow\n1.1.1 allow\n");
}

#[test]
fn a_fix_does_not_wait_for_its_publisher() {
    check(
        "publisher-changed = { days = 30 }\nminimum-age = 7\nvulnerability = { block-cvss = 7.0 }",
        "npm lib
         1.0.0 2025-01-01 by=ann owners=ann V-1(9.0)
         1.0.1 2026-09-30 by=bob owners=ann,bob",
        expect![[r#"
            1.0.0 block: vulnerability V-1 (CVSS 9.0) -> 1.0.1
            1.0.1 allow: minimum-age (fixes V-1)
        "#]],
    );
}

#[test]
fn a_decision_changes_with_what_it_was_compared_with() {
    let decide = |text: &str| {
        let (policy, facts) = (policy(ALL), facts(text));
        let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
        let last = facts.releases.len() - 1;
        judgement.decision(&policy, stage(&policy), &facts, last, None)
    };
    const TEXT: &str = "npm lib
        1.0.0 2025-01-01 runs=nothing by=ann owners=ann
        1.0.1 2025-02-01 runs=nothing by=ann owners=ann
        1.0.2 2026-09-30 runs=postinstall:x by=ann owners=ann";
    let one = decide(TEXT);
    assert_eq!(one.id, decide(TEXT).id);
    let other = decide(&TEXT.replace("1.0.1 2025-02-01 runs=nothing", "1.0.1 2025-02-01 served=prod runs=nothing"));
    assert_ne!(one.id, other.id);
    assert!(
        other.inputs.as_str().contains(
            r#""compared":[{"facts":{"last_served":"1.0.1","scripts":{"postinstall":"x"}},"rule":"install-script"}]"#
        ),
        "{}",
        other.inputs.as_str()
    );
    assert_ne!(one.id, decide(&TEXT.replace("postinstall:x", "postinstall:y")).id);
    let benign = TEXT.replace("postinstall:x", "nothing");
    assert_ne!(
        decide(&benign).id,
        decide(&benign.replace(
            "runs=nothing by=ann owners=ann\n        1.0.2 2026-09-30 runs=nothing by=ann",
            "runs=nothing by=ann owners=ann\n        1.0.2 2026-09-30 runs=nothing by=bob"
        ))
        .id
    );
}

#[test]
fn wrong_values_are_told_with_their_line() {
    for (rules, message) in [
        ("install-script = { days = 4000 }", "`4000` is not a number of days from 0 to 3650"),
        ("install-script = { nwe = \"warn\" }", "unknown key `nwe` in `install-script`"),
        ("provenance-lost = { baseline = 0 }", "`0` is not a number from 1 to 100"),
        ("publisher-changed = { days = 0 }", "`0` is not a number of days from 1 to 3650"),
    ] {
        let text = format!("[stage.prod]\n{rules}");
        let errors = weir_policy::Policy::parse(&text, crate::support::ECOSYSTEMS).unwrap_err().to_string();
        assert!(errors.contains(message), "{errors}");
    }
}

#[test]
fn a_young_package_with_a_well_known_name_misspelt_is_held_and_an_old_one_is_not() {
    const RULE: &str = "name-confusion = \"quarantine\"";
    check(
        RULE,
        "pypi reqeusts
         like requests
         1.0 2026-09-01
         1.1 2026-09-20",
        expect![[r#"
            1.0 quarantine: name-confusion (did you mean requests?)
            1.1 quarantine: name-confusion (did you mean requests?)
        "#]],
    );
    check(
        RULE,
        "pypi unicorn
         like uvicorn
         1.0 2025-09-01
         1.1 2026-09-20",
        expect![[r#"
            1.0 allow
            1.1 allow
        "#]],
    );
    let (policy, facts) = (policy(RULE), facts("pypi reqeusts\nlike requests\n1.0 2026-09-01"));
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    assert_eq!(judgement.changes_at, Some(at("2027-09-01")));
    assert!(
        judgement
            .decision(&policy, stage(&policy), &facts, 0, None)
            .inputs
            .as_str()
            .contains(r#""lookalike":"requests""#)
    );
}
