//! What a waiver lets through, and what it does not.

use expect_test::{Expect, expect};
use weir_policy::{Policy, unused_waivers};

use crate::support::{ECOSYSTEMS, at, check, check_at, facts};

/// A stage with most rules, and one waiver of these keys.
fn with(waiver: &str) -> String {
    format!(
        "[stage.prod]\nvulnerability = {{ block-cvss = 7.0 }}\nmalware = \"block\"\nlicense = {{ deny = [\"MIT\"] }}\n\
         minimum-age = 7\n[stage.dev]\n[[waiver]]\nreason = \"reviewed\"\nuntil = \"2026-12-31\"\n{waiver}\n"
    )
}

fn wrong(waiver: &str, expect: Expect) {
    let errors = Policy::parse(&with(waiver), ECOSYSTEMS).map(|_| ()).unwrap_err();
    expect.assert_eq(&errors.0.iter().map(|error| format!("{}\n", error.message)).collect::<String>());
}

const YAML: &str = "pypi pyyaml\n5.3.1 2026-01-01 V-1(9.8,aka=CVE-1) license=MIT\n5.4 2026-01-01 V-1(9.8,aka=CVE-1)";

#[test]
fn a_waiver_lets_through_what_it_names_and_nothing_else() {
    check(
        &with("package = \"pkg:pypi/PyYAML@5.3.1\"\nadvisory = \"CVE-1\""),
        YAML,
        expect![[r#"
            5.3.1 block: license MIT (denied); vulnerability V-1 (CVSS 9.8) [waived until 2026-12-31]
            5.4 block: vulnerability V-1 (CVSS 9.8)
        "#]],
    );
    check(
        &with("package = \"pkg:pypi/pyyaml@<6\"\nrule = \"vulnerability\""),
        YAML,
        expect![[r#"
            5.3.1 block: license MIT (denied); vulnerability V-1 (CVSS 9.8) [waived until 2026-12-31] -> 5.4
            5.4 allow: vulnerability V-1 (CVSS 9.8) [waived until 2026-12-31]
        "#]],
    );
}

#[test]
fn a_waiver_holds_through_its_last_day_and_no_longer() {
    let rules = with("package = \"pkg:pypi/pyyaml\"\nadvisory = \"V-1\"");
    let facts = "pypi pyyaml\nfeed 2026-12-31\n5.4 2026-01-01 V-1(9.8)";
    check_at(
        "2026-12-31T23:59:59Z",
        &rules,
        facts,
        expect![["5.4 allow: vulnerability V-1 (CVSS 9.8) [waived until 2026-12-31]\n"]],
    );
    check_at("2027-01-01T00:00:00Z", &rules, facts, expect![["5.4 block: vulnerability V-1 (CVSS 9.8)\n"]]);
}

#[test]
fn the_end_of_a_waiver_is_a_moment_that_is_told() {
    let policy = Policy::parse(&with("package = \"pkg:pypi/pyyaml\"\nadvisory = \"V-1\""), ECOSYSTEMS).unwrap();
    let facts = facts("pypi pyyaml\nfeed 2026-12-30\n5.4 2026-01-01 V-1(9.8)");
    let stage = policy.stage("prod").unwrap();
    let judgement = weir_policy::judge(&policy, stage, &facts, at("2026-12-30"));
    assert_eq!(judgement.changes_at, Some(at("2027-01-01")));
}

#[test]
fn a_waiver_of_one_stage_does_not_hold_in_another() {
    check(
        &with("package = \"pkg:pypi/pyyaml\"\nadvisory = \"V-1\"\nstage = \"dev\""),
        "pypi pyyaml\n5.4 2026-01-01 V-1(9.8)",
        expect![["5.4 block: vulnerability V-1 (CVSS 9.8)\n"]],
    );
}

#[test]
fn malware_is_waived_only_by_calling_it_that() {
    let facts = "npm x\n1.0.0 2026-01-01 MAL-1(malware,aka=GHSA-1)";
    let package = "package = \"pkg:npm/x\"";
    check(&with(&format!("{package}\nadvisory = \"GHSA-1\"")), facts, expect![["1.0.0 block: malware MAL-1\n"]]);
    let waived = || expect![["1.0.0 allow: malware MAL-1 [waived until 2026-12-31]\n"]];
    check(&with(&format!("{package}\nadvisory = \"MAL-1\"")), facts, waived());
    check(&with(&format!("{package}\nrule = \"malware\"")), facts, waived());
}

#[test]
fn an_age_can_be_waived() {
    check(
        &with("package = \"pkg:npm/x@1.0.0\"\nrule = \"minimum-age\""),
        "npm x\n1.0.0 2026-10-01\n1.0.1 2026-10-01",
        expect![[r#"
            1.0.0 allow: minimum-age (held until 2026-10-08T00:00:00Z) [waived until 2026-12-31]
            1.0.1 quarantine: minimum-age (held until 2026-10-08T00:00:00Z) -> 1.0.0
        "#]],
    );
}

#[test]
fn a_blanket_waiver_and_a_waiver_of_integrity_are_mistakes() {
    wrong("package = \"pkg:npm/x\"", expect![["this waiver would let a package through every rule\n"]]);
    wrong("package = \"pkg:npm/x\"\nrule = \"integrity\"", expect![["the rule `integrity` cannot be waived\n"]]);
    wrong("package = \"pkg:npm/x\"\nrule = \"private-name\"", expect![["the rule `private-name` cannot be waived\n"]]);
    wrong("package = \"pkg:npm/x\"\nrule = \"licence\"", expect![["`licence` is not a rule\n"]]);
    wrong(
        "package = \"pkg:npm/x\"\nrule = \"license\"\nstage = \"prd\"",
        expect![["this waiver names an unknown stage `prd`\n"]],
    );
    wrong(
        "package = \"pkg:npm/x\"\nrule = \"license\"\njustification = \"trust me\"\nby = \"\"",
        expect![[r#"
            `trust me` is not one of `component_not_present`, `vulnerable_code_not_present`, `vulnerable_code_not_in_execute_path`, `vulnerable_code_cannot_be_controlled_by_adversary`, `inline_mitigations_already_exist`
            expected who granted it, found an empty string
        "#]],
    );
}

#[test]
fn a_waiver_that_matches_nothing_is_found() {
    let text = with("package = \"pkg:pypi/pyyaml\"\nadvisory = \"V-1\"")
        + "[[waiver]]\npackage = \"pkg:pypi/pyyaml\"\nadvisory = \"V-2\"\nreason = \"x\"\nuntil = 2026-12-31\n"
        + "[[waiver]]\npackage = \"pkg:pypi/pyyaml\"\nadvisory = \"V-1\"\nreason = \"x\"\nuntil = \"2020-01-01\"\n";
    let policy = Policy::parse(&text, ECOSYSTEMS).unwrap();
    assert_eq!(unused_waivers(&policy, [&facts(YAML)], at("2026-10-01")), [1, 2]);
}

#[test]
fn the_digest_of_waivers_changes_with_them_alone() {
    let digest = |text: &str| Policy::parse(text, ECOSYSTEMS).unwrap().waivers_digest();
    let one = with("package = \"pkg:npm/x\"\nrule = \"license\"");
    assert_eq!(digest(&one), digest(&format!("# a comment\n{one}")));
    assert_ne!(digest(&one), digest(&one.replace("2026-12-31", "2026-12-30")));
}
