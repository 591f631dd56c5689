//! What holds for all facts and policies.

use std::sync::Arc;

use proptest::prelude::*;
use weir_core::facts::{Finding, License, PackageFacts};
use weir_core::{Timestamp, time::DAY};
use weir_policy::{Policy, judge};

use crate::support::{ECOSYSTEMS, at, facts, policy, stage};

const RULES: &str = r#"
unassessed = "quarantine"
vulnerability = { block-cvss = 8.0, quarantine-cvss = 6.0, warn-cvss = 3.0, block-known-exploited = true, warn-epss = 0.3 }
malware = "block"
minimum-age = { days = 5 }
license = { deny-category = ["network-copyleft"], unknown = "warn", none = "quarantine" }
denied = ["pkg:pypi/x@<1.2"]
yanked = "warn"
deprecated = "warn"
unmaintained = "warn"
[[waiver]]
package = "pkg:pypi/x@<2"
advisory = "V-0"
reason = "x"
until = "2026-10-04"
"#;

/// Facts in the language of the tests, from small choices.
fn some_facts() -> impl Strategy<Value = PackageFacts> {
    let vulnerability =
        (0..6usize, prop::sample::select(vec!["9.8", "7.0", "4.0", "1.0", "?", "malware", "unmaintained", "5.0,kev"]))
            .prop_map(|(id, what)| format!(" V-{id}({what})"));
    let release = (
        prop_oneof!["[0-3]\\.[0-9]", "[0-3]\\.[0-9]rc1", "bad!"],
        prop_oneof![Just(String::from("-")), (1..31usize).prop_map(|day| format!("2026-09-{day:02}")).boxed()],
        prop::collection::vec(vulnerability, 0..3),
        prop_oneof![
            Just(""),
            Just(" yanked=x"),
            Just(" deprecated=x"),
            Just(" license=AGPL-3.0"),
            Just(" license=odd_OR_MIT")
        ],
        prop_oneof![Just(""), Just(" file=a@2026-09-02 file=b@2026-09-29"), Just(" finding=a:digest-mismatch")],
    )
        .prop_map(|(version, date, vulnerabilities, mark, file)| {
            format!("{version} {date}{}{mark}{file}\n", vulnerabilities.concat())
        });
    (prop_oneof![Just("never"), Just("2026-09-30"), Just("2026-09-01")], prop::collection::vec(release, 0..8))
        .prop_map(|(feed, releases)| facts(&format!("pypi x\nfeed {feed}\n{}", releases.concat())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn judging_never_panics_and_equal_inputs_give_equal_decisions(facts in some_facts(), days in 0..10i64) {
        let policy = policy(RULES);
        let moment = at("2026-10-01").plus_days(days);
        let (one, two) = (judge(&policy, stage(&policy), &facts, moment), judge(&policy, stage(&policy), &facts, moment));
        for release in 0..=facts.releases.len() {
            for artifact in [None, Some(0), Some(1)] {
                let one = one.decision(&policy, stage(&policy), &facts, release, artifact);
                let two = two.decision(&policy, stage(&policy), &facts, release, artifact);
                prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
                prop_assert_eq!(one.permit().is_some(), one.effective.is_served());
            }
        }
    }

    #[test]
    fn nothing_changes_before_the_moment_that_is_told(facts in some_facts(), days in 0..10i64) {
        let policy = policy(RULES);
        let moment = at("2026-10-01").plus_days(days);
        let now = judge(&policy, stage(&policy), &facts, moment);
        let last = now.changes_at.map_or(moment.plus_days(1000), |next| next.plus_millis(-1));
        prop_assert!(last >= moment);
        let then = judge(&policy, stage(&policy), &facts, last);
        for release in 0..facts.releases.len() {
            let ids = |judgement: &weir_policy::Judgement| judgement.decision(&policy, stage(&policy), &facts, release, None).id;
            prop_assert_eq!(ids(&now), ids(&then));
            prop_assert_eq!(now.releases[release].effective, then.releases[release].effective);
        }
    }

    #[test]
    fn one_more_reason_never_loosens(facts in some_facts(), place in 0..8usize, which in 0..6usize) {
        // Another release's fix may stop being needed, so the age rule is looked at by itself.
        let policy = policy(&RULES.replace("days = 5", "days = 5, except-fixes = false"));
        prop_assume!(place < facts.releases.len());
        let mut worse = facts.clone();
        let release = &mut worse.releases[place];
        match which {
            0 => release.yanked = Some(String::new()),
            1 => release.deprecated = Some(String::new()),
            2 => release.vulnerabilities.extend(crate::support::facts("pypi y\n1 - V-9(9.9)").releases[0].vulnerabilities.iter().map(Arc::clone)),
            3 => release.license = Some(License { text: String::from("AGPL-3.0"), source: String::new() }),
            4 => release.artifacts[0].findings.push(Finding { code: String::from("changed-bytes"), text: String::new() }),
            _ => worse.advisories.as_of = None,
        }
        let moment = at("2026-10-01");
        let before = judge(&policy, stage(&policy), &facts, moment);
        let after = judge(&policy, stage(&policy), &worse, moment);
        // A version that cannot be read is assessed once something names it: the reason is exchanged, not dropped.
        prop_assume!(which != 2 || facts.releases[place].key.is_some());
        for (before, after) in before.releases.iter().zip(&after.releases) {
            prop_assert!(after.outcome >= before.outcome);
            prop_assert!(after.effective >= before.effective);
        }
    }

    #[test]
    fn observing_refuses_no_more_than_enforcing(facts in some_facts()) {
        let (enforce, observe) = (policy(RULES), policy(&format!("mode = \"observe\"\n{RULES}")));
        let moment = at("2026-10-01");
        let (enforced, observed) = (judge(&enforce, stage(&enforce), &facts, moment), judge(&observe, stage(&observe), &facts, moment));
        for (enforced, observed) in enforced.releases.iter().zip(&observed.releases) {
            prop_assert_eq!(enforced.outcome, observed.outcome);
            prop_assert!(observed.effective <= enforced.effective);
            if !observed.effective.is_served() {
                prop_assert!(observed.reasons.iter().any(|reason| ["malware", "integrity"].contains(&reason.rule.as_str())));
            }
        }
    }

    #[test]
    fn any_text_is_a_policy_or_a_list_of_mistakes(text in "\\PC{0,200}", lines in prop::collection::vec(prop_oneof![
        "[a-z-]{1,12} = [0-9.]{1,5}", "\\[stage\\.[a-z]{1,5}\\]", "\\[\\[waiver\\]\\]", "package = \"pkg:(npm|pypi|cargo)/\\PC{0,20}\"",
        "denied = \\[\"pkg:(npm|pypi|cargo)/\\PC{0,20}\"\\]", "private-name = \\[\"\\PC{0,20}\"\\]", "license = \\{ deny = \\[\"\\PC{0,20}\"\\] \\}",
        "inherits = \"[a-z]{1,5}\"", "until = \"\\PC{0,12}\"",
    ], 0..12)) {
        for text in [text, lines.join("\n")] {
            if let Err(errors) = Policy::parse(&text, ECOSYSTEMS) {
                prop_assert!(!errors.0.is_empty());
                prop_assert!(errors.to_string().contains("policy.toml:"));
            }
        }
    }

    #[test]
    fn any_licence_text_is_judged(text in "\\PC{0,60}|[()A-Za-z /+-]{0,60}|(MIT|GPL-2.0|\\(|\\)|OR|AND|WITH| |\\+|,){0,20}") {
        let policy = policy("license = { deny = [\"GPL-2.0-only\"], deny-category = [\"none\"] }");
        let mut facts = facts("npm x\n1.0.0 2026-01-01");
        facts.releases[0].license = Some(License { text, source: String::new() });
        let _ = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    }

    #[test]
    fn any_moment_is_judged(millis in any::<i64>(), published in any::<i64>()) {
        let policy = policy(RULES);
        let mut facts = facts("pypi x\n1 -");
        facts.releases[0].artifacts[0].published = Some(Timestamp::from_millis(published));
        facts.advisories.as_of = Some(Timestamp::from_millis(published.saturating_sub(DAY)));
        let judgement = judge(&policy, stage(&policy), &facts, Timestamp::from_millis(millis));
        let _ = judgement.decision(&policy, stage(&policy), &facts, 0, None);
    }
}

/// Two stages of which neither is the stricter one.
const TWO: &str = r#"
[stage.dev]
vulnerability = { block-cvss = 9.0, warn-cvss = 3.0 }
minimum-age = { days = 5 }
yanked = "block"
[stage.prod]
mode = "observe"
unassessed = "quarantine"
vulnerability = { block-cvss = 4.0, unknown-severity = "block" }
malware = "block"
license = { unknown = "quarantine" }
[stage.strict]
vulnerability = { block-cvss = 4.0 }
license = { unknown = "quarantine", none = "block" }
[[waiver]]
package = "pkg:pypi/x@<2"
stages = ["dev"]
advisory = "V-0"
reason = "x"
until = "2026-10-04"
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn two_stages_together_serve_what_both_serve_and_nothing_else(facts in some_facts(), days in 0..10i64) {
        let policy = Policy::parse(TWO, ECOSYSTEMS).unwrap();
        let moment = at("2026-10-01").plus_days(days);
        let judged: Vec<_> = policy.stages().map(|stage| judge(&policy, stage, &facts, moment)).collect();
        for (one, other) in [(0, 1), (0, 2), (1, 2), (2, 0), (1, 1)] {
            let (one, other) = (&judged[one], &judged[other]);
            let together = one.together(other);
            prop_assert_eq!(together.changes_at, one.changes_at.into_iter().chain(other.changes_at).min());
            for release in 0..=facts.releases.len() {
                for artifact in [None, Some(0), Some(1), Some(9)] {
                    let expected = one.effective(release, artifact).max(other.effective(release, artifact));
                    prop_assert_eq!(together.effective(release, artifact), expected);
                }
                if let Some(nearest) = together.nearest_allowed(&facts, release) {
                    let artifacts = facts.releases[nearest].artifacts.len();
                    let is_served = (0..artifacts).map(Some).chain([None]).any(|artifact| {
                        one.effective(nearest, artifact).is_served() && other.effective(nearest, artifact).is_served()
                    });
                    prop_assert!(is_served, "{} is recommended", facts.releases[nearest].version);
                }
            }
        }
    }
}
