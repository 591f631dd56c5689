//! The reference page of rules, written from the rules themselves.

use crate::rules::RULES;

/// `docs/reference/rules.md`.
pub fn rules_reference() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("| Rule | What it is |\n|---|---|\n");
    for rule in RULES {
        page.push_str(&format!("| [`{0}`](#{0}) | {1} |\n", rule.code(), rule.title()));
    }
    for rule in RULES {
        page.push_str(&format!("\n## {}\n\n{}.\n\n{}\n", rule.code(), rule.title(), rule.explanation()));
        if !rule.example().is_empty() {
            page.push_str(&format!("\n```toml\n{}\n```\n", rule.example()));
        }
        if !rule.keys().is_empty() {
            page.push_str("\n| Key | Values | Default | What it does |\n|---|---|---|---|\n");
        }
        for key in rule.keys() {
            let name = if key.name.is_empty() { String::from("(the value)") } else { format!("`{}`", key.name) };
            page.push_str(&format!("| {name} | {} | {} | {} |\n", key.values, key.default, key.explanation));
        }
        if let Some(why) = rule.never_waived() {
            page.push_str(&format!("\nNo waiver lets anything through this rule: {why}.\n"));
        }
    }
    page
}

const INTRODUCTION: &str = "\
<!-- Generated from the rules themselves. Change crates/weir-policy/src/rules/ instead. -->

# Rules

A rule is a key of a stage in `policy.toml`. A rule that a stage neither has nor inherits is off; `false` takes back an \
inherited one. An outcome is one of `allow`, `warn`, `quarantine` (held for review) and `block`; the strictest of all \
reasons decides. In a stage with `mode = \"observe\"` nothing is refused but malware, damaged bytes and private names.

A rule whose data is missing or too old says *not assessed*, never *clean*; the stage's `unassessed` says what that comes \
to (`warn` where it is left out).

";
