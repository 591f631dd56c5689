//! What a policy text may say, and what is told about one that does not.

use expect_test::{Expect, expect};
use weir_policy::{Mode, Outcome, Policy};

use crate::support::{ECOSYSTEMS, check, policy, stage};

fn wrong(text: &str, expect: Expect) {
    let errors = Policy::parse(text, ECOSYSTEMS).map(|_| ()).unwrap_err();
    expect.assert_eq(&errors.to_string());
}

#[test]
fn the_default_policy_is_valid_and_reads_as_documented() {
    let policy = Policy::parse(Policy::default_text(), ECOSYSTEMS).unwrap();
    let stages: Vec<_> = policy.stages().map(|stage| (stage.name.as_str(), stage.mode, stage.unassessed)).collect();
    assert_eq!(stages, [("dev", Mode::Enforce, Outcome::Warn), ("prod", Mode::Enforce, Outcome::Quarantine)]);
    let rules: Vec<_> = stage(&policy).rules().collect();
    assert_eq!(
        rules,
        [
            "integrity",
            "malware",
            "vulnerability",
            "name-confusion",
            "install-script",
            "provenance-lost",
            "minimum-age",
            "publisher-changed"
        ]
    );
    assert_eq!(policy.text(), Policy::default_text());
}

#[test]
fn every_commented_line_of_the_default_policy_is_valid_too() {
    let mut text = String::new();
    for line in Policy::default_text().lines() {
        let example = line.strip_prefix("# ").filter(|rest| {
            rest.starts_with("[[")
                || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ') && !key.is_empty())
        });
        text.push_str(example.unwrap_or(line));
        text.push('\n');
    }
    let policy = Policy::parse(&text, ECOSYSTEMS).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(policy.waivers().len(), 1);
    assert!(stage(&policy).rules().count() > 8);
}

#[test]
fn every_example_of_the_reference_is_valid_and_every_rule_is_on_the_page() {
    let page = weir_policy::rules_reference();
    for rule in weir_policy::RULES {
        assert!(page.contains(&format!("\n## {}\n", rule.code())), "{}", rule.code());
        if !rule.example().is_empty() {
            let policy = policy(rule.example());
            assert!(stage(&policy).rules().any(|code| code == rule.code()), "{}", rule.code());
        }
    }
}

#[test]
fn an_empty_policy_has_the_usual_stages_and_no_rules() {
    let policy = Policy::parse("# nothing\n", ECOSYSTEMS).unwrap();
    assert_eq!(policy.stages().map(|stage| stage.name.as_str()).collect::<Vec<_>>(), ["dev", "prod"]);
}

#[test]
fn all_mistakes_are_told_at_once_with_line_column_caret_and_help() {
    wrong(
        r#"[stage.prod]
inherits = "devv"
vulnerability = { blok-cvss = 9.0, warn-cvss = 11 }
minimum-age = "7 days"
licence = { deny = ["MIT"] }

[stage.dev]
mode = "enforced"

[[waiver]]
package = "pkg:pypi/pyyaml"
until = "soon"
"#,
        expect![[r#"
            policy.toml:2:12: there is no stage `devv` to inherit from
              |
            2 | inherits = "devv"
              |            ^^^^^^
              = help: did you mean `dev`?

            policy.toml:3:19: unknown key `blok-cvss` in `vulnerability`
              |
            3 | vulnerability = { blok-cvss = 9.0, warn-cvss = 11 }
              |                   ^^^^^^^^^
              = help: did you mean `block-cvss`?

            policy.toml:3:48: `11` is not a number from 0 to 10
              |
            3 | vulnerability = { blok-cvss = 9.0, warn-cvss = 11 }
              |                                                ^^

            policy.toml:4:15: expected a whole number of days from 0 to 3650, found a string
              |
            4 | minimum-age = "7 days"
              |               ^^^^^^^^

            policy.toml:5:1: unknown key `licence` in a stage
              |
            5 | licence = { deny = ["MIT"] }
              | ^^^^^^^
              = help: did you mean `license`?

            policy.toml:8:8: `enforced` is not one of `observe`, `enforce`
              |
            8 | mode = "enforced"
              |        ^^^^^^^^^^
              = help: did you mean `enforce`?

            policy.toml:10:1: this waiver has no `reason`
               |
            10 | [[waiver]]
               | ^^^^^^^^^^
               = help: a waiver carries its reason in a sentence

            policy.toml:10:1: this waiver would let a package through every rule
               |
            10 | [[waiver]]
               | ^^^^^^^^^^
               = help: name what is accepted: advisory = "CVE-2020-14343" or rule = "license"

            policy.toml:12:9: `soon` is not a date
               |
            12 | until = "soon"
               |         ^^^^^^
               = help: write the last day on which it holds: "2027-01-31"
        "#]],
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    wrong(
        "[stage.dev]\nmalware = block\n",
        expect![[r#"
            policy.toml:2:11: this is not TOML: string values must be quoted, expected literal string
              |
            2 | malware = block
              |           ^^^^^
        "#]],
    );
}

#[test]
fn names_of_stages_cannot_be_confused_with_addresses() {
    wrong(
        "[stage.api]\n[stage.Prod]\n",
        expect![[r#"
            policy.toml:1:8: `api` cannot be the name of a stage
              |
            1 | [stage.api]
              |        ^^^
              = help: it is a reserved word: Weir's own addresses begin with it

            policy.toml:2:8: `Prod` cannot be the name of a stage
              |
            2 | [stage.Prod]
              |        ^^^^
              = help: stage names are at most 31 of `a` to `z`, `0` to `9` and `-`, and begin with a letter
        "#]],
    );
}

#[test]
fn stages_do_not_inherit_in_a_circle() {
    wrong(
        "[stage.a]\ninherits = \"b\"\n[stage.b]\ninherits = \"b\"\n",
        expect![[r#"
            policy.toml:4:12: stages inherit in a circle: `a` from `b` from `b`
              |
            4 | inherits = "b"
              |            ^^^

            policy.toml:4:12: stages inherit in a circle: `b` from `b`
              |
            4 | inherits = "b"
              |            ^^^
        "#]],
    );
}

#[test]
fn what_comes_later_is_named_as_such() {
    wrong(
        "[stage.prod]\nadmission = \"promotion\"\nintegrity = \"allow\"\n[[stage.prod.rule]]\ncode = \"x\"\n",
        expect![[r#"
            policy.toml:2:13: `promotion` is not supported by this version
              |
            2 | admission = "promotion"
              |             ^^^^^^^^^^^
              = help: this version admits by policy: leave `admission` out

            policy.toml:3:1: the rule `integrity` is always on
              |
            3 | integrity = "allow"
              | ^^^^^^^^^
              = help: leave it out: it holds in every stage and mode

            policy.toml:4:14: `[[stage.NAME.rule]]` is not supported by this version
              |
            4 | [[stage.prod.rule]]
              |              ^^^^
              = help: use the declarative rules; rules in CEL come with a later version
        "#]],
    );
}

#[test]
fn patterns_licences_and_names_are_checked_at_load() {
    wrong(
        r#"[stage.prod]
denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
private-name = ["acme-*", "pipy:x", "a b"]
"#,
        expect![[r#"
            policy.toml:2:11: `left-pad` is not a package pattern: it does not begin with `pkg:`
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |           ^^^^^^^^^^
              = help: write `pkg:pypi/django@<4.2.30`, `pkg:npm/@acme/*` or `pkg:cargo/smallvec@1.6.0`

            policy.toml:2:23: `pkg:pipy/x` is not a package pattern: its type `pipy` is unknown
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |                       ^^^^^^^^^^^^
              = help: known types: pypi, npm, cargo

            policy.toml:2:37: `pkg:pypi/x@<<1` is not a package pattern: `<<1`: in `<<1`, `<1` is not a PyPI version: expected a number such as 1.2.3, see PEP 440
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |                                     ^^^^^^^^^^^^^^^^
              = help: write a version, or a range as PyPI itself writes it

            policy.toml:2:55: this entry has no `package`
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |                                                       ^^^^^^^^^^^^^^^^

            policy.toml:2:73: `pkg:npm/` is not a package pattern: it is empty
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |                                                                         ^^^^^^^^^^
              = help: write `pkg:pypi/django@<4.2.30`, `pkg:npm/@acme/*` or `pkg:cargo/smallvec@1.6.0`

            policy.toml:2:85: expected a package URL such as "pkg:pypi/django@<4.2.30", found an integer
              |
            2 | denied = ["left-pad", "pkg:pipy/x", "pkg:pypi/x@<<1", { reason = "x" }, "pkg:npm/", 3]
              |                                                                                     ^

            policy.toml:3:21: `GPLv3` is not an SPDX licence id
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                     ^^^^^^^
              = help: did you mean `GPL-3.0-only`?

            policy.toml:3:30: `Apache-2` is not an SPDX licence id
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                              ^^^^^^^^^^
              = help: did you mean `Apache-2.0`?

            policy.toml:3:42: `MTI` is not an SPDX licence id
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                                          ^^^^^
              = help: did you mean `MIT`?

            policy.toml:3:49: `GPL` is not an SPDX licence id
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                                                 ^^^^^
              = help: name each that you mean: `GPL-1.0-only`, `GPL-2.0-only`, `GPL-3.0-only`

            policy.toml:3:56: `MIT WITH nothing` is not an SPDX licence id
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                                                        ^^^^^^^^^^^^^^^^^^
              = help: `nothing` is not an exception of the SPDX list

            policy.toml:3:94: `copyleft` is not one of `permissive`, `weak-copyleft`, `strong-copyleft`, `network-copyleft`, `source-available`, `none`
              |
            3 | license = { deny = ["GPLv3", "Apache-2", "MTI", "GPL", "MIT WITH nothing"], deny-category = ["copyleft"] }
              |                                                                                              ^^^^^^^^^^
              = help: known here: `permissive`, `weak-copyleft`, `strong-copyleft`, `network-copyleft`, `source-available`, `none`

            policy.toml:4:27: `pipy` is not an ecosystem
              |
            4 | private-name = ["acme-*", "pipy:x", "a b"]
              |                           ^^^^^^^^
              = help: known here: pypi, npm, cargo

            policy.toml:4:37: `a b` matches no possible name: it has the character ` `; names use letters, digits, `-` and `_`
              |
            4 | private-name = ["acme-*", "pipy:x", "a b"]
              |                                     ^^^^^
        "#]],
    );
}

#[test]
fn a_child_replaces_keys_and_merges_tables() {
    let rules = r#"
[stage.dev]
mode = "observe"
vulnerability = { block-cvss = 9.0, block-known-exploited = true }
yanked = "warn"
[stage.prod]
inherits = "dev"
mode = "enforce"
vulnerability = { block-cvss = 7.0 }
yanked = false
"#;
    check(
        rules,
        "npm x
         1.0.0 2026-01-01 V-1(7.0)
         2.0.0 2026-01-01 V-2(1.0,kev)
         3.0.0 2026-01-01 yanked=",
        expect![[r#"
            1.0.0 block: vulnerability V-1 (CVSS 7.0)
            2.0.0 block: vulnerability V-2 (CVSS 1.0, known exploited)
            3.0.0 allow
        "#]],
    );
}

#[test]
fn tables_may_be_written_in_every_notation_of_toml() {
    let rules = "[stage.prod.vulnerability]\nblock-cvss = 9\n[stage.prod.minimum-age]\ndays = 3\n";
    let policy = Policy::parse(rules, ECOSYSTEMS).unwrap();
    assert_eq!(stage(&policy).rules().collect::<Vec<_>>(), ["integrity", "vulnerability", "minimum-age"]);
    let policy = Policy::parse("stage.prod.minimum-age.days = 3\n", ECOSYSTEMS).unwrap();
    assert_eq!(stage(&policy).rules().collect::<Vec<_>>(), ["integrity", "minimum-age"]);
}

#[test]
fn a_text_that_is_too_long_or_too_deep_is_refused() {
    assert!(Policy::parse(&"#".repeat(weir_policy::MAX_TEXT + 1), ECOSYSTEMS).is_err());
    assert!(Policy::parse(&"#".repeat(weir_policy::MAX_TEXT), ECOSYSTEMS).is_ok());
    assert!(Policy::parse(&format!("x = {}", "[".repeat(100_000)), ECOSYSTEMS).is_err());
    let stages = |count: usize| (0..count).map(|n| format!("[stage.s{n}]\n")).collect::<String>();
    assert!(Policy::parse(&stages(weir_policy::MAX_STAGES), ECOSYSTEMS).is_ok());
    assert!(Policy::parse(&stages(weir_policy::MAX_STAGES + 1), ECOSYSTEMS).is_err());
}
