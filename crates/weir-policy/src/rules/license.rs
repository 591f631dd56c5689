//! `license`: under which terms.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use weir_core::facts::{self, ReleaseFacts};

use crate::outcome::Outcome;
use crate::raw::{Raw, Table};
use crate::reader::{Reader, clip, nearest};
use crate::reason::{Reason, quote};
use crate::rules::{Check, Context, Evaluate, Key, Rule, names as key_names};

mod category;
mod expression;
mod names;
mod spdx_ids;

use expression::{Expression, Term};

const CODE: &str = "license";

/// The rule.
pub struct License;

const KEYS: &[Key] = &[
    Key {
        name: "deny",
        values: "list of SPDX ids",
        default: "none",
        explanation: "Blocks these. An id without `WITH` means the licence with any exception too, unless `allow` names that.",
    },
    Key {
        name: "allow",
        values: "list of SPDX ids",
        default: "none",
        explanation: "Allows these and blocks everything else.",
    },
    Key {
        name: "deny-category",
        values: "list of `permissive`, `weak-copyleft`, `strong-copyleft`, `network-copyleft`, `source-available`, `none`",
        default: "none",
        explanation: "Blocks whole kinds of licences, save those that `allow` names.",
    },
    Key {
        name: "unknown",
        values: "outcome",
        default: "`\"block\"` with `allow`, else nothing",
        explanation: "What a licence comes to that Weir cannot read; also, if it is written, a release whose licence nobody has \
                      looked at yet.",
    },
    Key {
        name: "none",
        values: "outcome",
        default: "`\"block\"` with `allow` or where its category is denied, else nothing",
        explanation: "What a release comes to that declares no licence, or none that gives any right.",
    },
];

impl Rule for License {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Licences, by id and by category"
    }
    fn explanation(&self) -> &'static str {
        "Reads SPDX expressions: of several joined by `OR` one has to be acceptable, of several joined by `AND` all. Ids are \
         compared without case; old ids mean their successors, so `GPL-2.0` is `GPL-2.0-only` and `GPL-2.0+` is \
         `GPL-2.0-or-later`. Or-later means a choice among the versions that there are: with GPL-2.0 denied, \
         `GPL-2.0-or-later` is acceptable as GPL-3.0. `LicenseRef-` names can be denied and allowed like ids. PyPI's \
         classifiers, `MIT/Apache-2.0` and the common ways to write a name are understood; a name that does not say which \
         version or variant (`BSD`, `GPL`) has to be acceptable in all of them. A choice with an unknown licence is not \
         acceptable by that licence."
    }
    fn example(&self) -> &'static str {
        "license = { deny = [\"SSPL-1.0\"], deny-category = [\"network-copyleft\"], unknown = \"warn\" }"
    }
    fn keys(&self) -> &'static [Key] {
        KEYS
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let table = reader.table(raw, "a table such as { deny = [\"AGPL-3.0-only\"] }")?;
        reader.only(table, &key_names(KEYS), "`license`");
        let categories = table.get("deny-category").and_then(|raw| reader.array(raw, "a list of categories"));
        let deny_category = categories
            .unwrap_or_default()
            .iter()
            .filter_map(|item| reader.word(item, &category::CATEGORIES))
            .filter_map(|word| category::CATEGORIES.into_iter().find(|category| *category == word))
            .collect();
        Some(Arc::new(Set {
            deny: listed(table, "deny", reader).unwrap_or_default(),
            allow: listed(table, "allow", reader),
            deny_category,
            unknown: table.get("unknown").and_then(|raw| reader.outcome(raw)),
            none: table.get("none").and_then(|raw| reader.outcome(raw)),
        }))
    }
}

/// Reads a list of ids; `None` where the key is left out.
fn listed(table: &Table, key: &str, reader: &mut Reader<'_>) -> Option<Vec<Listed>> {
    let items = reader.array(table.get(key)?, "a list of SPDX ids")?;
    let mut listed = Vec::new();
    for item in items {
        let Some(text) = reader.text(item, "an SPDX id such as \"AGPL-3.0-only\"") else { continue };
        match Listed::read(text.trim()) {
            Ok(license) => listed.push(license),
            Err(help) => reader.mistake(&item.span, format!("`{}` is not an SPDX licence id", clip(text)), Some(help)),
        }
    }
    Some(listed)
}

/// A licence as the policy names it.
#[derive(Debug)]
enum Listed {
    /// With the versions that it means.
    License { versions: Vec<&'static str>, exception: Option<String> },
    /// `LicenseRef-…`, in lower case.
    Reference(String),
}

impl Listed {
    fn read(text: &str) -> Result<Self, String> {
        let (id, exception) = match text.split_once(' ') {
            None => (text, None),
            Some((id, rest)) => match rest.trim().split_once(' ') {
                Some((with, exception)) if with.eq_ignore_ascii_case("with") => (id, Some(exception.trim())),
                _ => (text, None),
            },
        };
        if let Some(license) = spdx_ids::read(id) {
            if let Some(exception) = exception.filter(|it| spdx::exception_id(&spdx_ids::exception(it)).is_none()) {
                return Err(format!("`{}` is not an exception of the SPDX list", clip(exception)));
            }
            let versions = if license.or_later { spdx_ids::from_version(license.id) } else { vec![license.id] };
            return Ok(Self::License { versions, exception: exception.map(spdx_ids::exception).or(license.exception) });
        }
        match names::read(text) {
            Some(Term::License(license)) if license.or_later => {
                return Err(format!("did you mean `{}-or-later`?", license.id));
            }
            Some(Term::License(license)) => return Err(format!("did you mean `{}`?", spdx_ids::current(license.id))),
            Some(Term::OneOf(licenses)) => {
                let ids = licenses
                    .iter()
                    .map(|license| format!("`{}`", spdx_ids::current(license.id)))
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(format!("name each that you mean: {ids}"));
            }
            _ => {}
        }
        let folded = text.to_ascii_lowercase();
        if folded.len() > "licenseref-".len() && folded.starts_with("licenseref-") || folded.contains(":licenseref-") {
            return Ok(Self::Reference(folded));
        }
        match nearest(text, spdx_ids::all()) {
            Some(id) => Err(format!("did you mean `{id}`?")),
            None => Err(String::from("ids are those of https://spdx.org/licenses/; your own begin with `LicenseRef-`")),
        }
    }
}

#[derive(Debug)]
struct Set {
    deny: Vec<Listed>,
    allow: Option<Vec<Listed>>,
    deny_category: Vec<&'static str>,
    unknown: Option<Outcome>,
    none: Option<Outcome>,
}

/// What a licence, or an expression of several, comes to.
#[derive(Clone, Debug)]
struct Verdict {
    outcome: Outcome,
    /// What it is about: an id, or words.
    what: String,
    cause: Cause,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    Acceptable,
    Denied,
    Category(&'static str),
    NotAllowed,
    Nothing,
    Unknown,
}

impl Set {
    fn expression(&self, expression: &Expression) -> Verdict {
        let worse = |a: Verdict, b: Verdict| if b.outcome > a.outcome { b } else { a };
        let or = |a: Verdict, b: Verdict| match (a.cause == Cause::Unknown, b.cause == Cause::Unknown) {
            // What nobody can read is no alternative to rely on.
            (true, false) if !b.outcome.is_served() => worse(b, a),
            (true, false) => b,
            (false, true) if !a.outcome.is_served() => worse(a, b),
            (false, true) => a,
            _ => {
                if b.outcome < a.outcome {
                    b
                } else {
                    a
                }
            }
        };
        let nothing = || Verdict { outcome: self.unknown(), what: String::new(), cause: Cause::Unknown };
        expression.fold(|term| self.term(term), worse, or).unwrap_or_else(nothing)
    }

    fn term(&self, term: &Term) -> Verdict {
        match term {
            Term::License(license) => self.license(license),
            Term::OneOf(licenses) => licenses
                .iter()
                .map(|license| self.license(license))
                .max_by_key(|verdict| verdict.outcome)
                .unwrap_or_else(|| Verdict { outcome: self.unknown(), what: String::new(), cause: Cause::Unknown }),
            Term::Reference(name) => self.reference(name),
            Term::Nothing => Verdict { outcome: self.nothing(), what: String::new(), cause: Cause::Nothing },
            Term::Unknown(text) => Verdict { outcome: self.unknown(), what: text.clone(), cause: Cause::Unknown },
        }
    }

    fn license(&self, license: &spdx_ids::License) -> Verdict {
        let versions = if license.or_later { spdx_ids::from_version(license.id) } else { vec![license.id] };
        let exception = license.exception.as_deref();
        let verdicts = versions.into_iter().map(|id| self.version(id, exception));
        let best = verdicts.min_by_key(|verdict| verdict.outcome);
        best.unwrap_or_else(|| Verdict { outcome: self.unknown(), what: license.id.to_owned(), cause: Cause::Unknown })
    }

    /// One version of one licence, with its exception.
    fn version(&self, id: &'static str, exception: Option<&str>) -> Verdict {
        let means = |list: &[Listed], exception: Option<&str>| {
            list.iter().any(|listed| match listed {
                Listed::License { versions, exception: with } => versions.contains(&id) && with.as_deref() == exception,
                Listed::Reference(_) => false,
            })
        };
        let name = spdx_ids::current(id);
        let what = exception.map_or_else(|| name.to_owned(), |exception| format!("{name} WITH {}", quote(exception)));
        let verdict = |outcome, cause| Verdict { outcome, what: what.clone(), cause };
        let allow = self.allow.as_deref();
        // What names the exception is the closer word, so it is heard before what names the licence alone.
        if exception.is_some() && means(&self.deny, exception) {
            return verdict(Outcome::Block, Cause::Denied);
        }
        if exception.is_some() && allow.is_some_and(|allow| means(allow, exception)) {
            return verdict(Outcome::Allow, Cause::Acceptable);
        }
        if means(&self.deny, None) {
            return verdict(Outcome::Block, Cause::Denied);
        }
        // An exception only adds permissions.
        if allow.is_some_and(|allow| means(allow, None)) {
            return verdict(Outcome::Allow, Cause::Acceptable);
        }
        match category::category(id, exception) {
            Some(category) if self.deny_category.contains(&category) => {
                return verdict(Outcome::Block, Cause::Category(category));
            }
            None if !self.deny_category.is_empty() && allow.is_none() => {
                return verdict(self.unknown(), Cause::Unknown);
            }
            _ => {}
        }
        match allow {
            Some(_) => verdict(Outcome::Block, Cause::NotAllowed),
            None => verdict(Outcome::Allow, Cause::Acceptable),
        }
    }

    fn reference(&self, name: &str) -> Verdict {
        let folded = name.to_ascii_lowercase();
        let means = |list: &[Listed]| {
            list.iter().any(|listed| matches!(listed, Listed::Reference(reference) if *reference == folded))
        };
        let (outcome, cause) = if means(&self.deny) {
            (Outcome::Block, Cause::Denied)
        } else if self.allow.as_deref().is_some_and(means) {
            (Outcome::Allow, Cause::Acceptable)
        } else {
            (self.unknown(), Cause::Unknown)
        };
        Verdict { outcome, what: quote(name), cause }
    }

    fn unknown(&self) -> Outcome {
        self.unknown.unwrap_or(if self.allow.is_some() { Outcome::Block } else { Outcome::Allow })
    }

    fn nothing(&self) -> Outcome {
        let refused = self.allow.is_some() || self.deny_category.contains(&"none");
        self.none.unwrap_or(if refused { Outcome::Block } else { Outcome::Allow })
    }

    fn reason(license: &facts::License, verdict: &Verdict) -> Reason {
        let (text, source) = (quote(&license.text), quote(&license.source));
        let what = &verdict.what;
        let declared = if text == *what { String::new() } else { format!(" of `{text}`") };
        let (message, short, detail) = match verdict.cause {
            Cause::Denied => {
                (format!("The policy denies the licence `{what}`{declared} ({source})."), "denied", "denied")
            }
            Cause::Category(category) => {
                let message =
                    format!("The licence `{what}`{declared} ({source}) is {category}, which the policy denies.");
                (message, category, "category")
            }
            Cause::NotAllowed => {
                let message =
                    format!("The licence `{what}`{declared} ({source}) is not among those that the policy allows.");
                (message, "not allowed", "not-allowed")
            }
            Cause::Nothing if text.is_empty() => {
                (format!("It declares no licence ({source})."), "none declared", "none")
            }
            Cause::Nothing => {
                (format!("The licence `{text}` ({source}) gives no rights to anyone else."), "no rights", "none")
            }
            Cause::Unknown | Cause::Acceptable => {
                let message = format!("The licence `{what}`{declared} ({source}) is not one that Weir knows.");
                (message, "unknown", "unknown")
            }
        };
        let line = if what.is_empty() { format!("{CODE} ({short})") } else { format!("{CODE} {what} ({short})") };
        let category = match verdict.cause {
            Cause::Category(category) => Some(category),
            _ => None,
        };
        let facts = json!({ "license": license.text, "source": license.source, "about": what, "category": category });
        Reason::new(CODE, verdict.outcome, message, &line, facts).detail(detail)
    }

    fn not_looked(&self) -> Option<Reason> {
        let outcome = self.unknown.filter(|outcome| *outcome > Outcome::Allow)?;
        let message = String::from("Its licence is not known yet: no file of it has been looked into.");
        let line = format!("{CODE} (not known yet)");
        Some(Reason::new(CODE, outcome, message, &line, json!({ "license": null })).detail("not-looked"))
    }
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn prepare<'a>(&'a self, _context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        Some(Box::new(At { set: self, not_looked: self.not_looked().map(Arc::new), read: HashMap::new() }))
    }
}

struct At<'a> {
    set: &'a Set,
    not_looked: Option<Arc<Reason>>,
    /// By text, `None` for what is acceptable: the releases of a package mostly have one licence.
    read: HashMap<&'a str, Option<Verdict>>,
}

impl<'a> Evaluate<'a> for At<'a> {
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let Some(license) = &release.license else {
            if let Some(reason) = &self.not_looked {
                say(Arc::clone(reason));
            }
            return;
        };
        let set = self.set;
        let verdict = self.read.entry(&license.text).or_insert_with(|| {
            let verdict = set.expression(&Expression::read(&license.text));
            (verdict.outcome > Outcome::Allow).then_some(verdict)
        });
        if let Some(verdict) = verdict {
            say(Arc::new(Set::reason(license, verdict)));
        }
    }
}
