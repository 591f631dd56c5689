//! One stage: how it answers, and by which rules.

use std::sync::Arc;

use weir_core::Digest;

use crate::outcome::{Mode, Outcome};
use crate::raw::{Table, Value};
use crate::reader::{Reader, clip, nearest_help};
use crate::rules::{self, Check};

/// Longest stage name, in characters.
pub const MAX_NAME: usize = 31;
/// Days after which advisory data is too old to say that something is clean, where `max-feed-age-days` is not set.
pub const DEFAULT_FEED_AGE_DAYS: i64 = 7;

/// Names that stages cannot have: they are, or may become, other things at the same place in an address.
pub const RESERVED: &[&str] = &[
    "api",
    "admin",
    "advisories",
    "applications",
    "artifacts",
    "assets",
    "audit",
    "compat",
    "components",
    "d",
    "decisions",
    "docs",
    "favicon",
    "feeds",
    "findings",
    "health",
    "healthz",
    "help",
    "incidents",
    "ledger",
    "licenses",
    "login",
    "logout",
    "metrics",
    "openapi",
    "packages",
    "policy",
    "promotions",
    "readyz",
    "releases",
    "remediations",
    "reports",
    "requests",
    "robots",
    "sboms",
    "search",
    "settings",
    "stages",
    "static",
    "status",
    "tokens",
    "upload",
    "users",
    "v1",
    "v2",
    "v3",
    "vulnerabilities",
    "waivers",
    "who",
];

/// The keys of a stage that are not rules.
const KEYS: [&str; 4] = ["inherits", "mode", "unassessed", "admission"];

/// A named view with its own rules.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name in addresses.
    pub name: String,
    /// Whether it does what it decides.
    pub mode: Mode,
    /// What a rule whose data is missing or too old comes to.
    pub unassessed: Outcome,
    /// The policy that it belongs to.
    pub(crate) policy: Digest,
    /// Its rules, in the order of [`rules::RULES`].
    pub(crate) checks: Vec<Arc<dyn Check>>,
    /// If a rule asks advisories: its code, and the days after which the data is too old.
    pub(crate) feed: Option<(&'static str, i64)>,
}

impl Stage {
    /// A stage without rules of its own.
    pub(crate) fn empty(name: &str, policy: Digest) -> Self {
        Self {
            name: name.to_owned(),
            mode: Mode::default(),
            unassessed: Outcome::Warn,
            policy,
            checks: rules::RULES.iter().filter_map(|rule| rule.always_on()).collect(),
            feed: None,
        }
    }

    /// The codes of its rules.
    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        self.checks.iter().map(|check| check.code())
    }

    /// Reads a stage from its own and its inherited keys.
    pub(crate) fn read(name: &str, table: &Table, policy: Digest, reader: &mut Reader<'_>) -> Self {
        let mut stage = Self::empty(name, policy);
        for entry in &table.entries {
            let raw = &entry.value;
            match entry.key.as_str() {
                "inherits" => {}
                "mode" => match reader.word(raw, &["observe", "enforce"]) {
                    Some("observe") => stage.mode = Mode::Observe,
                    _ => stage.mode = Mode::Enforce,
                },
                "unassessed" => stage.unassessed = reader.outcome(raw).unwrap_or(stage.unassessed),
                "admission" => {
                    if reader.word(raw, &["policy", "promotion"]) == Some("promotion") {
                        let help = String::from("this version admits by policy: leave `admission` out");
                        reader.mistake(&raw.span, "`promotion` is not supported by this version", Some(help));
                    }
                }
                "rule" => {
                    let help = String::from("use the declarative rules; rules in CEL come with a later version");
                    reader.mistake(
                        &entry.key_span,
                        "`[[stage.NAME.rule]]` is not supported by this version",
                        Some(help),
                    );
                }
                key => match rules::RULES.iter().find(|rule| rule.code() == key) {
                    Some(rule) if rule.always_on().is_some() => {
                        let help = String::from("leave it out: it holds in every stage and mode");
                        reader.mistake(&entry.key_span, format!("the rule `{key}` is always on"), Some(help));
                    }
                    // A child takes back what it inherits.
                    Some(_) if matches!(raw.value, Value::Bool(false)) => {}
                    Some(rule) => {
                        if let Some(check) = rule.read(raw, reader) {
                            stage.checks.push(check);
                        }
                    }
                    None => {
                        let known = KEYS.into_iter().chain(rules::RULES.iter().map(|rule| rule.code()));
                        let help = nearest_help(key, known);
                        reader.mistake(&entry.key_span, format!("unknown key `{}` in a stage", clip(key)), Some(help));
                    }
                },
            }
        }
        let place = |check: &Arc<dyn Check>| rules::RULES.iter().position(|rule| rule.code() == check.code());
        stage.checks.sort_by_key(place);
        // One cause, one reason: `vulnerability` speaks for all rules that ask advisories, where it is on.
        let feeds = stage.checks.iter().filter_map(|check| Some((check.code(), check.feed_age_days()?)));
        stage.feed = feeds.max_by_key(|(code, _)| (*code == "vulnerability", *code == "malware"));
        stage
    }
}

/// What is wrong with a stage name, if anything.
pub(crate) fn invalid_name(name: &str) -> Option<&'static str> {
    let mut characters = name.chars();
    if !characters.next().is_some_and(|c| c.is_ascii_lowercase())
        || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        || name.len() > MAX_NAME
    {
        return Some("stage names are at most 31 of `a` to `z`, `0` to `9` and `-`, and begin with a letter");
    }
    RESERVED.contains(&name).then_some("it is a reserved word: Weir's own addresses begin with it")
}
