//! `minimum-age`: what is new waits, unless it is the fix.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use weir_core::Timestamp;
use weir_core::facts::{Kind, PackageFacts, ReleaseFacts};

use crate::born::{Born, Word};
use crate::judge::{Age, Draft, DraftRelease, strictest};
use crate::outcome::Outcome;
use crate::raw::{Raw, Value};
use crate::reader::Reader;
use crate::reason::{Reason, days, quote};
use crate::rules::{Check, Context, Key, Rule, names};

const CODE: &str = "minimum-age";
/// Largest `days`.
const MAX_DAYS: i64 = 3650;

/// The rule.
pub struct MinimumAge;

const KEYS: &[Key] = &[
    Key {
        name: "days",
        values: "0 to 3650",
        default: "required",
        explanation: "How long an artifact waits. A bare number instead of the table means the same.",
    },
    Key {
        name: "except-fixes",
        values: "boolean",
        default: "`true`",
        explanation: "Whether the release that fixes what we are exposed to need not wait.",
    },
    Key {
        name: "hosted",
        values: "boolean",
        default: "`false`",
        explanation: "Whether what is published to this Weir itself waits as well.",
    },
];

impl Rule for MinimumAge {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "New artifacts wait"
    }
    fn explanation(&self) -> &'static str {
        "Most malicious releases are found within days. Each artifact is held (`quarantine`) until it is old enough by its own \
         upload date, which comes from the same document as the decision: a new file on an old release waits by itself. What \
         Weir saw stands beside the date:\n\n\
         - Where upstream tells no date, Weir's first sight of the file counts (detail `date-unknown`).\n\
         - If upstream's page was confirmed without the file, and the date that is stated later lies more than a day before \
         that moment, it is not believed: first sight counts (`back-dated`). A package that Weir sees for the first time, \
         or did not look at since, is not doubted.\n\
         - If a date changes later, the stricter of the two counts, but none beyond first sight (`date-changed`).\n\
         - What is published to this Weir itself does not wait, unless `hosted` says so.\n\
         - A date that is still to come holds until it has come and the age has passed, at most 30 days and the age beyond \
         first sight (`date-ahead`).\n\n\
         With `except-fixes`, a fix does not wait. Let A be the newest release that is old enough and that all other rules \
         allow. If A is affected by an advisory that this stage warns on or blocks (or there is no A, and every release that \
         is old enough is affected by one), and no release that is old enough is free of it, then exactly one release is \
         exempt: the lowest final one above A in A's major line, else above A, that is free of all such advisories and not \
         yanked. A `MAL-` record never exempts, and without current advisory data nothing is exempt. The reason has the detail \
         `fix` and names the advisory and A."
    }
    fn example(&self) -> &'static str {
        "minimum-age = { days = 3, except-fixes = true }"
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let (days, except_fixes, hosted) = match &raw.value {
            Value::Table(table) => {
                reader.only(table, &names(KEYS), "`minimum-age`");
                let except_fixes = table.get("except-fixes").and_then(|raw| reader.boolean(raw)).unwrap_or(true);
                let hosted = table.get("hosted").and_then(|raw| reader.boolean(raw)).unwrap_or(false);
                let Some(days) = table.get("days") else {
                    let help = String::from("write minimum-age = { days = 3 }");
                    reader.mistake(&raw.span, "`minimum-age` has no `days`", Some(help));
                    return None;
                };
                (reader.days(days, 0, MAX_DAYS)?, except_fixes, hosted)
            }
            _ => (reader.days(raw, 0, MAX_DAYS)?, true, false),
        };
        (days > 0).then(|| Arc::new(Set { days, except_fixes, hosted }) as Arc<dyn Check>)
    }
}

#[derive(Debug)]
struct Set {
    days: i64,
    except_fixes: bool,
    hosted: bool,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }

    fn last(&self, context: Context<'_>, draft: &mut Draft) {
        let facts = context.facts;
        if facts.hosted && !self.hosted {
            // Who wrote it is known, and so is who published it: nobody waits for strangers to look at it.
            return;
        }
        let mut young = false;
        for (index, release) in facts.releases.iter().enumerate() {
            let mut latest = None;
            let mut age = |born: Born, draft: &mut Draft| {
                let until = born.at.plus_days(self.days);
                if let Word::Ahead { stated, .. } = born.word {
                    draft.changes_at(stated);
                }
                if context.at >= until {
                    return Age::Passed;
                }
                young = true;
                latest = latest.max(Some(until));
                draft.changes_at(until);
                Age::Held(until)
            };
            let ages: Vec<Age> =
                release.artifacts.iter().map(|artifact| age(Born::of(artifact, release, context.at), draft)).collect();
            let alone = ages.is_empty().then(|| age(Born::of_release(release), draft));
            let Some(judged) = draft.releases.get_mut(index) else { continue };
            judged.age = alone.unwrap_or(latest.map_or(Age::Passed, Age::Held));
            for (artifact, age) in judged.artifacts.iter_mut().zip(ages) {
                artifact.age = age;
            }
        }
        if !young {
            return;
        }
        if let Some((index, reason)) = self.fix(facts, draft)
            && let Some(judged) = draft.releases.get_mut(index)
        {
            let reason = Arc::new(reason);
            judged.reasons.push(Arc::clone(&reason));
            judged.age = Age::Exempt(Arc::clone(&reason));
            for artifact in &mut judged.artifacts {
                if matches!(artifact.age, Age::Held(_)) {
                    artifact.age = Age::Exempt(Arc::clone(&reason));
                }
            }
        }
        self.hold(context, draft);
    }
}

impl Set {
    /// Says of all that is held that it is.
    fn hold(&self, context: Context<'_>, draft: &mut Draft) {
        let mut said: HashMap<Born, Arc<Reason>> = HashMap::new();
        let mut say = |born: Born, until: Timestamp| {
            Arc::clone(said.entry(born).or_insert_with(|| Arc::new(self.held(born, until))))
        };
        for (release, judged) in context.facts.releases.iter().zip(&mut draft.releases) {
            if let (true, Age::Held(until)) = (release.artifacts.is_empty(), &judged.age) {
                judged.reasons.push(say(Born::of_release(release), *until));
            }
            for (artifact, judged) in release.artifacts.iter().zip(&mut judged.artifacts) {
                if let Age::Held(until) = &judged.age {
                    judged.reasons.push(say(Born::of(artifact, release, context.at), *until));
                }
            }
        }
    }

    fn held(&self, born: Born, until: Timestamp) -> Reason {
        let asked = days(self.days);
        let message =
            format!("{}; this stage asks for an age of {asked}, so it is held until {until}.", born.sentence());
        let mut facts = born.facts();
        if let Some(facts) = facts.as_object_mut() {
            facts.insert(String::from("days"), json!(self.days));
            facts.insert(String::from("held_until"), json!(until));
        }
        let line = match born.detail() {
            Some(detail @ ("back-dated" | "date-ahead")) => format!("{CODE} (held until {until}, {detail})"),
            _ => format!("{CODE} (held until {until})"),
        };
        let reason = Reason::new(CODE, Outcome::Quarantine, message, &line, facts).until(until);
        match born.detail() {
            Some(detail) => reason.detail(detail),
            None => reason,
        }
    }

    /// The one young release that need not wait, and why.
    fn fix(&self, facts: &PackageFacts, draft: &Draft) -> Option<(usize, Reason)> {
        // With missing or old data nobody can say that a release is free of anything.
        if !self.except_fixes || !draft.assessed {
            return None;
        }
        // A version that cannot be read has no place in the order, and is not known to be free of anything.
        // What is withdrawn and has no files is listed only to say why it is refused: nobody is exposed to it.
        let is_there = |release: &ReleaseFacts| !(release.artifacts.is_empty() && release.yanked.is_some());
        let readable = || {
            let releases = facts.releases.iter().zip(&draft.releases).enumerate();
            releases.filter(|(_, (release, _))| release.key.is_some() && is_there(release))
        };
        let old: Vec<_> = readable().filter(|(_, (_, judged))| is_old_enough(judged)).collect();
        let newest = old
            .iter()
            .filter(|(_, (_, judged))| is_otherwise_allowed(judged))
            .max_by(|(_, (a, _)), (_, (b, _))| a.key.cmp(&b.key));
        let (_, (_, exposed)) = newest.or_else(|| old.first())?;
        let advisory = advisories(exposed).find(|reason| {
            old.iter().all(|(_, (release, _))| {
                release.vulnerabilities.iter().any(|other| Some(&other.id) == reason.advisory.as_ref().map(|it| &it.id))
            })
        })?;
        let above: Option<&ReleaseFacts> = newest.map(|(_, (release, _))| *release);
        let mut fixes: Vec<_> = readable()
            .filter(|(_, (release, judged))| {
                !release.prerelease
                    && release.yanked.is_none()
                    && above.is_none_or(|above| release.key > above.key)
                    && advisories(judged).next().is_none()
                    && !release.vulnerabilities.iter().any(|it| it.kind == Kind::Malware)
            })
            .collect();
        fixes.sort_by(|(_, (a, _)), (_, (b, _))| a.key.cmp(&b.key));
        let line = |release: &ReleaseFacts| facts.ecosystem.versions.major_line(&release.version);
        let own_line = above.and_then(line);
        let (index, _) = fixes
            .iter()
            .find(|(_, (release, _))| own_line.is_some() && line(release) == own_line)
            .or_else(|| fixes.first())?;
        Some((*index, exempt(advisory, above)))
    }
}

/// Some artifact of it is old enough, or the whole where it has none.
fn is_old_enough(judged: &DraftRelease) -> bool {
    match judged.artifacts.is_empty() {
        true => matches!(judged.age, Age::Passed),
        false => judged.artifacts.iter().any(|artifact| matches!(artifact.age, Age::Passed)),
    }
}

/// All other rules allow it, and an artifact of it that is old enough.
fn is_otherwise_allowed(judged: &DraftRelease) -> bool {
    let allowed = |reasons: &[Arc<Reason>]| strictest(reasons).is_served();
    allowed(&judged.reasons)
        && (judged.artifacts.is_empty()
            || judged
                .artifacts
                .iter()
                .any(|artifact| matches!(artifact.age, Age::Passed) && allowed(&artifact.reasons)))
}

/// What the stage warns on or blocks, of what affects a release; never malware.
fn advisories(judged: &DraftRelease) -> impl Iterator<Item = &Arc<Reason>> {
    judged.reasons.iter().filter(|reason| {
        reason.counted() > Outcome::Allow
            && reason.advisory.as_ref().is_some_and(|advisory| advisory.kind == Kind::Vulnerability)
    })
}

fn exempt(advisory: &Reason, newest: Option<&ReleaseFacts>) -> Reason {
    let id = advisory.advisory.as_ref().map(|advisory| quote(&advisory.id)).unwrap_or_default();
    let message = match newest {
        Some(newest) => format!(
            "It need not wait: it is free of {id}, which affects {}, the newest allowed release that is old enough.",
            quote(&newest.version)
        ),
        None => format!("It need not wait: it is free of {id}, which affects every release that is old enough."),
    };
    let newest = newest.map(|newest| newest.version.as_str());
    let facts = json!({ "advisory": id, "newest_old_enough": newest });
    let line = match newest {
        Some(newest) => format!("{CODE} (fixes {id} of {})", quote(newest)),
        None => format!("{CODE} (fixes {id})"),
    };
    Reason::new(CODE, Outcome::Allow, message, &line, facts).detail("fix")
}
