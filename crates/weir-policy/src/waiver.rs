//! The one kind of exception: who lets what through, why, and until when.

use serde::Serialize;
use weir_core::facts::{Kind, PackageFacts, ReleaseFacts};
use weir_core::{Digest, Ecosystem, Timestamp};

use crate::pattern::Pattern;
use crate::raw::{Raw, Value};
use crate::reader::{Reader, clip};
use crate::reason::{Reason, WaiverRef};
use crate::rules;
use crate::stage::Stage;

/// The five justifications of OpenVEX 0.2.0, in its words.
pub const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

const KEYS: [&str; 9] = ["package", "advisory", "rule", "stage", "stages", "justification", "reason", "by", "until"];

/// An exception to rules.
#[derive(Clone, Debug, Serialize)]
pub struct Waiver {
    /// Which packages and versions, as written.
    pub package: String,
    /// Any id of the vulnerability that is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
    /// The rule that is waived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The stages in which it holds; all where empty.
    pub stages: Vec<String>,
    /// One of [`JUSTIFICATIONS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Why, in someone's own words.
    pub reason: String,
    /// Who granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The first moment at which it no longer holds. A bare date holds through its whole day, in UTC.
    pub until: Timestamp,
    /// The end as written.
    pub until_text: String,
    /// The line of the policy that it begins at.
    pub line: usize,
    #[serde(skip)]
    pattern: Pattern,
}

impl Waiver {
    pub(crate) fn read(raw: &Raw, reader: &mut Reader<'_>) -> Option<Self> {
        let table = reader.table(raw, "a table: [[waiver]]")?;
        reader.only(table, &KEYS, "a waiver");
        let required = |key: &str, help: &str, reader: &mut Reader<'_>| {
            let value = table.get(key);
            if value.is_none() {
                reader.mistake(&raw.span, format!("this waiver has no `{key}`"), Some(help.to_owned()));
            }
            value.cloned()
        };
        let package = required("package", "name what it is for: package = \"pkg:pypi/pyyaml@5.3.1\"", reader);
        let reason = required("reason", "a waiver carries its reason in a sentence", reader);
        let until = required("until", "a waiver carries its end: until = \"2027-01-31\"", reader);
        let pattern = package.and_then(|package| reader.pattern(&package));
        let reason = reason.and_then(|reason| reader.text(&reason, "a sentence that says why").map(str::to_owned));
        let until = until.and_then(|until| reader.end(&until));
        let advisory =
            table.get("advisory").map(|raw| reader.text(raw, "an advisory's id").map(|id| id.trim().to_owned()));
        let rule = table.get("rule").map(|raw| Self::rule(raw, reader));
        if advisory.is_none() && rule.is_none() {
            let help = "name what is accepted: advisory = \"CVE-2020-14343\" or rule = \"license\"";
            reader.mistake(&raw.span, "this waiver would let a package through every rule", Some(help.to_owned()));
        }
        let stages = table.get("stages").or_else(|| table.get("stage")).map(|raw| Self::stages(raw, reader));
        let justification = table.get("justification").map(|raw| reader.word(raw, &JUSTIFICATIONS).map(str::to_owned));
        let by = table.get("by").map(|raw| reader.text(raw, "who granted it").map(str::to_owned));
        let (until, until_text) = until?;
        let pattern = pattern?;
        if advisory.is_none() && rule.is_none() {
            return None;
        }
        Some(Self {
            package: pattern.text().to_owned(),
            // What is written wrongly has been reported, and a policy with a mistake is not made.
            advisory: advisory.flatten(),
            rule: rule.flatten(),
            stages: stages.unwrap_or_default(),
            justification: justification.flatten(),
            reason: reason?,
            by: by.flatten(),
            until,
            until_text,
            line: reader.line(raw.span.start),
            pattern,
        })
    }

    fn rule(raw: &Raw, reader: &mut Reader<'_>) -> Option<String> {
        let code = reader.text(raw, "a rule's code")?;
        let codes = rules::RULES.iter().map(|rule| rule.code());
        match rules::RULES.iter().find(|rule| rule.code() == code) {
            Some(rule) => match rule.never_waived() {
                None => Some(code.to_owned()),
                Some(why) => {
                    reader.mistake(&raw.span, format!("the rule `{code}` cannot be waived"), Some(why.to_owned()));
                    None
                }
            },
            None => {
                let help = crate::reader::nearest_help(code, codes);
                reader.mistake(&raw.span, format!("`{}` is not a rule", clip(code)), Some(help));
                None
            }
        }
    }

    fn stages(raw: &Raw, reader: &mut Reader<'_>) -> Vec<String> {
        match &raw.value {
            Value::Array(items) if items.is_empty() => {
                let help = String::from("leave it out to mean every stage");
                reader.mistake(&raw.span, "this waiver holds in no stage", Some(help));
                Vec::new()
            }
            Value::Array(items) => {
                items.iter().filter_map(|item| reader.text(item, "a stage's name").map(str::to_owned)).collect()
            }
            _ => reader.text(raw, "a stage's name, or a list of names").map(str::to_owned).into_iter().collect(),
        }
    }

    /// True if it still holds at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        at < self.until
    }

    /// True if it is written for this stage.
    pub fn covers_stage(&self, stage: &str) -> bool {
        self.stages.is_empty() || self.stages.iter().any(|name| name == stage)
    }

    /// True if it is written for some version of this package.
    pub fn covers_package(&self, facts: &PackageFacts) -> bool {
        self.pattern.covers_package(facts.ecosystem, &facts.ecosystem.names.fold(&facts.package))
    }

    /// The same of a folded name.
    pub(crate) fn names(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.pattern.covers_package(ecosystem, folded)
    }

    /// True if it is written for this release, in this stage. Its end is not looked at: [`Waiver::holds`].
    pub fn covers(&self, stage: &Stage, facts: &PackageFacts, release: &ReleaseFacts) -> bool {
        self.covers_stage(&stage.name)
            && self.covers_package(facts)
            && self.pattern.covers_version(&release.version) == Some(true)
    }

    pub(crate) fn covers_version(&self, version: &str) -> bool {
        // A version that cannot be read is not covered: what lets something through must be sure of what it is.
        self.pattern.covers_version(version) == Some(true)
    }

    /// True if it lets this reason through, in a release that it covers.
    pub fn waives(&self, reason: &Reason) -> bool {
        if reason.outcome == crate::Outcome::Allow || rules::never_waived(&reason.rule) {
            return false;
        }
        if self.rule.as_ref().is_some_and(|rule| *rule != reason.rule) {
            return false;
        }
        let Some(accepted) = &self.advisory else { return self.rule.is_some() };
        let Some(advisory) = &reason.advisory else { return false };
        let names = std::iter::once(&advisory.id).chain(&advisory.aliases).any(|id| id.eq_ignore_ascii_case(accepted));
        // An attack is accepted only by someone who calls it one; a CVE alias in its cluster is not enough.
        let calls_it_malware = self.rule.is_some() || accepted.to_ascii_uppercase().starts_with("MAL-");
        names && (advisory.kind != Kind::Malware || calls_it_malware)
    }

    pub(crate) fn reference(&self) -> WaiverRef {
        WaiverRef {
            reason: self.reason.clone(),
            until: self.until_text.clone(),
            by: self.by.clone(),
            justification: self.justification.clone(),
            package: self.package.clone(),
            line: self.line,
        }
    }
}

/// The digest of a set of waivers: changes when any of them does, not when the text around them does.
pub(crate) fn digest(waivers: &[Waiver]) -> Digest {
    let mut text = String::new();
    for waiver in waivers {
        let parts = [
            waiver.package.as_str(),
            waiver.advisory.as_deref().unwrap_or_default(),
            waiver.rule.as_deref().unwrap_or_default(),
            &waiver.stages.join(","),
            waiver.justification.as_deref().unwrap_or_default(),
            &waiver.reason,
            waiver.by.as_deref().unwrap_or_default(),
            &waiver.until.to_string(),
        ];
        for part in parts {
            text.push_str(&format!("{}:{part}", part.len()));
        }
        text.push('\n');
    }
    Digest::of(text.as_bytes())
}

/// The waivers, by index, that let nothing through in any of these packages in any stage as of `at`: expired, or matching
/// nothing. `packages` is everything that the caller knows of.
pub fn unused_waivers<'f>(
    policy: &crate::Policy,
    packages: impl IntoIterator<Item = &'f PackageFacts>,
    at: Timestamp,
) -> Vec<usize> {
    let mut used = vec![false; policy.waivers().len()];
    for facts in packages {
        if !policy.waivers().iter().any(|waiver| waiver.covers_package(facts)) {
            continue;
        }
        for stage in policy.stages() {
            let judgement = crate::judge(policy, stage, facts, at);
            for release in &judgement.releases {
                let artifacts = release.artifacts.iter().flat_map(|artifact| &artifact.reasons);
                for waived in release.reasons.iter().chain(artifacts).filter_map(|reason| reason.waived.as_ref()) {
                    if let Some(index) = policy.waivers().iter().position(|waiver| waiver.line == waived.line) {
                        used[index] = true;
                    }
                }
            }
        }
    }
    (0..used.len()).filter(|index| !used[*index]).collect()
}
