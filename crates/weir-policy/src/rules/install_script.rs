//! `install-script`: what begins to run code when it is installed.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_core::Timestamp;
use weir_core::facts::{Install, PackageFacts, ReleaseFacts, Script};

use crate::history::{DEFAULT_DAYS, MAX_DAYS, born, by_version, is_history};
use crate::outcome::Outcome;
use crate::raw::{Raw, Value as RawValue};
use crate::reader::Reader;
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule, names};

const CODE: &str = "install-script";

/// The rule.
pub struct InstallScript;

const KEYS: &[Key] = &[
    Key {
        name: "new",
        values: "outcome",
        default: "`\"quarantine\"`",
        explanation: "What it comes to if the release runs code at install and the one it is compared with does not. An outcome \
                      instead of the table means the same.",
    },
    Key {
        name: "changed",
        values: "outcome",
        default: "`\"allow\"`",
        explanation: "What it comes to if both run code, and other commands.",
    },
    Key {
        name: "new-package",
        values: "outcome",
        default: "`\"allow\"`",
        explanation: "What it comes to if it runs code and there is nothing to compare it with.",
    },
    Key {
        name: "days",
        values: "0 to 3650",
        default: "`90`",
        explanation: "Days after which a release counts as known where this stage has served nothing that it could be \
                      compared with.",
    },
];

impl Rule for InstallScript {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Releases that begin to run code at install"
    }
    fn explanation(&self) -> &'static str {
        "A script that runs when a package is installed runs on the developer's machine before anyone has looked at it. Most \
         packages have none, and those that need one mostly had it from the start; a package that gains one is news.\n\n\
         A release is compared with the last release before it, of the same major line, that this stage has served; what this \
         stage has served itself is known. Where there is none, it is compared with the highest version before it that has \
         been public for `days`, and after `days` it is known itself, so a package that has always had its script is never \
         held. What a malware report names is never compared with. Names are those of npm: `preinstall`, `install`, \
         `postinstall`, and the build of a `binding.gyp`. The indexes of PyPI and crates.io do not say what runs at install: \
         nothing is known there, and nothing is said."
    }
    fn example(&self) -> &'static str {
        "install-script = { new = \"quarantine\" }"
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut set =
            Set { new: Outcome::Quarantine, changed: Outcome::Allow, new_package: Outcome::Allow, days: DEFAULT_DAYS };
        let RawValue::Table(table) = &raw.value else {
            set.new = reader.outcome(raw)?;
            return Some(Arc::new(set));
        };
        reader.only(table, &names(KEYS), "`install-script`");
        let outcome = |key: &str, default, reader: &mut Reader<'_>| {
            table.get(key).and_then(|raw| reader.outcome(raw)).unwrap_or(default)
        };
        set.new = outcome("new", set.new, reader);
        set.changed = outcome("changed", set.changed, reader);
        set.new_package = outcome("new-package", set.new_package, reader);
        set.days = table.get("days").and_then(|raw| reader.days(raw, 0, MAX_DAYS)).unwrap_or(set.days);
        Some(Arc::new(set))
    }
}

#[derive(Debug)]
struct Set {
    new: Outcome,
    changed: Outcome,
    new_package: Outcome,
    days: i64,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }

    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let releases = &context.facts.releases;
        if !releases.iter().any(|release| scripts(release).is_some()) {
            return None;
        }
        let mut found = Found { next: 0, reasons: vec![None; releases.len()], changes_at: None };
        self.compare(context, &mut found);
        Some(Box::new(found))
    }
}

/// What is said of each release, in their order.
struct Found {
    next: usize,
    reasons: Vec<Option<Arc<Reason>>>,
    changes_at: Option<Timestamp>,
}

impl<'a> Evaluate<'a> for Found {
    fn release(&mut self, _release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        if let Some(reason) = self.reasons.get_mut(self.next).and_then(Option::take) {
            say(reason);
        }
        self.next += 1;
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }
}

/// What a release is compared with.
#[derive(Clone, Copy)]
struct Before<'a> {
    release: &'a ReleaseFacts,
    /// This stage has served it.
    served: bool,
}

impl Set {
    fn compare(&self, context: Context<'_>, found: &mut Found) {
        let facts = context.facts;
        let order = by_version(facts);
        let served = Served::of(context, &order);
        let mut settled: Option<&ReleaseFacts> = None;
        for (place, index) in order.iter().copied().enumerate() {
            let Some(release) = facts.releases.get(index) else { continue };
            if let Some(scripts) = scripts(release)
                && !is_served(release, context)
            {
                let until = born(release).plus_days(self.days);
                let before = served.before(facts, place, release).map(|release| Before { release, served: true });
                let known = before.is_none() && context.at >= until;
                let before = before.or(settled.map(|release| Before { release, served: false }));
                let reason = if known { None } else { self.reason(release, scripts, before, until) };
                if let (Some(reason), Some(place)) = (reason, found.reasons.get_mut(index)) {
                    *place = Some(Arc::new(reason));
                }
            }
            let until = born(release).plus_days(self.days);
            if context.at < until {
                // Once it is known, others are compared with it.
                found.changes_at = Some(found.changes_at.map_or(until, |earliest| earliest.min(until)));
            } else if is_known(release) {
                settled = Some(release);
            }
        }
    }

    fn reason(
        &self,
        release: &ReleaseFacts,
        scripts: &Arc<[Script]>,
        before: Option<Before<'_>>,
        until: Timestamp,
    ) -> Option<Reason> {
        let (detail, outcome) = match before.map(|before| &before.release.origin.install) {
            None => ("new-package", self.new_package),
            Some(Install::Runs(others)) if others == scripts => return None,
            Some(Install::Runs(_)) => ("changed", self.changed),
            Some(_) => ("new", self.new),
        };
        if outcome == Outcome::Allow {
            return None;
        }
        let version = quote(&release.version);
        let names: Vec<&str> = scripts.iter().map(|script| &*script.name).collect();
        let names = names.join(", ");
        let runs = format!("Installing it runs code ({})", commands(scripts));
        let compared = before.map(|before| {
            let served = if before.served { "last release that this stage served" } else { "known release before it" };
            (quote(&before.release.version), served)
        });
        let (message, line) = match (detail, compared) {
            ("changed", Some((other, which))) => (
                format!("{runs}; {other}, the {which}, runs something else."),
                format!("{CODE} (changed in {version}: {names})"),
            ),
            (_, Some((other, which))) => {
                (format!("{runs}; {other}, the {which}, runs nothing."), format!("{CODE} (new in {version}: {names})"))
            }
            (_, None) => (
                format!("{runs}, and nothing before it is known that it could be compared with."),
                format!("{CODE} (new package: {names})"),
            ),
        };
        let scripts: Map<String, Value> =
            scripts.iter().map(|script| (script.name.to_string(), Value::from(&*script.command))).collect();
        let mut facts = json!({ "scripts": scripts });
        match before {
            Some(Before { release, served: true }) => facts["last_served"] = json!(release.version),
            Some(Before { release, served: false }) => facts["compared_with"] = json!(release.version),
            None => {}
        }
        if !before.is_some_and(|before| before.served) {
            facts["held_until"] = json!(until);
        }
        Some(Reason::new(CODE, outcome, message, &line, facts).detail(detail).compared())
    }
}

/// The releases that this stage has served and of which is known what they run, by their places in the order of versions.
struct Served(Vec<usize>, Vec<usize>);

impl Served {
    fn of(context: Context<'_>, order: &[usize]) -> Self {
        let is = |index: &usize| {
            context.facts.releases.get(*index).is_some_and(|release| is_served(release, context) && is_known(release))
        };
        let (places, indices) =
            order.iter().enumerate().filter(|(_, index)| is(index)).map(|(place, index)| (place, *index)).unzip();
        Self(places, indices)
    }

    /// The last one before `place` in the release's own major line. If a later one of that line runs code and was served,
    /// that counts: people have it already.
    fn before<'a>(&self, facts: &'a PackageFacts, place: usize, release: &ReleaseFacts) -> Option<&'a ReleaseFacts> {
        if self.0.is_empty() {
            return None;
        }
        let line = |version: &str| facts.ecosystem.versions.major_line(version);
        let own = line(&release.version)?;
        let in_line =
            |index: &usize| facts.releases.get(*index).filter(|other| line(&other.version).as_ref() == Some(&own));
        let at = self.0.partition_point(|served| *served < place);
        let (below, above) = self.1.split_at(at);
        let later = above.iter().filter_map(in_line).find(|other| scripts(other).is_some());
        let last = below.iter().rev().find_map(in_line);
        last.map(|last| later.unwrap_or(last))
    }
}

fn scripts(release: &ReleaseFacts) -> Option<&Arc<[Script]>> {
    match &release.origin.install {
        Install::Runs(scripts) => Some(scripts),
        Install::Unknown | Install::Nothing => None,
    }
}

fn is_served(release: &ReleaseFacts, context: Context<'_>) -> bool {
    release.served.iter().any(|stage| **stage == *context.stage.name)
}

fn is_known(release: &ReleaseFacts) -> bool {
    release.origin.install != Install::Unknown && is_history(release)
}

/// The scripts with what they run, as a message has them: strangers' text, so short and on one line.
fn commands(scripts: &[Script]) -> String {
    /// Characters of a command.
    const SHOWN: usize = 80;
    let mut texts = Vec::new();
    for script in scripts {
        let command = quote(&script.command);
        let mut shown: String = command.chars().take(SHOWN).collect();
        if shown.len() < command.len() {
            shown.push('…');
        }
        texts.push(if shown.is_empty() { quote(&script.name) } else { format!("{}: {shown}", quote(&script.name)) });
    }
    texts.join("; ")
}
