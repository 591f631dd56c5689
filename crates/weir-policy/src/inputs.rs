//! What a decision depends on, as one canonical text: what its id is the digest of.
//!
//! Written directly, in the byte order of its keys and without insignificant space (RFC 8785), because an index page may
//! name thousands of decisions. There are no floating-point numbers in it, so no two writers can differ. The moment enters
//! only as whether an age has passed, whether data was young enough, and which waivers held.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use weir_core::facts::{ArtifactFacts, Install, Naming, PackageFacts, ReleaseFacts};
use weir_core::{Digest, Timestamp};

use crate::born::Seen;
use crate::judge::Age;
use crate::reason::Reasons;
use crate::rules::integrity;

/// The inputs of a decision: a canonical JSON object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inputs(String);

impl Inputs {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The object.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Serialize for Inputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// What a decision is about, and by which text.
pub(crate) struct Subject<'a> {
    pub purl: &'a str,
    pub file: Option<&'a str>,
    pub stage: &'a str,
    pub policy: Digest,
    /// The rule that decides alone, where nothing is known.
    pub rule: Option<&'a str>,
}

/// What is known about it, and how time sees it.
pub(crate) struct Known<'a> {
    pub facts: &'a PackageFacts,
    pub release: &'a ReleaseFacts,
    /// The artifact, if the decision is about one.
    pub artifact: Option<&'a ArtifactFacts>,
    pub age: &'a Age,
    /// The ages of all artifacts, for a decision about the release.
    pub ages: Vec<&'a Age>,
    pub assessed: bool,
    pub reasons: &'a Reasons,
}

/// The inputs of a decision; without `known` those of one that is made before anything is known.
pub(crate) fn inputs(subject: &Subject<'_>, known: Option<&Known<'_>>) -> Inputs {
    let mut out = Writer(String::with_capacity(1024));
    match known {
        None => out.raw("{\"facts\":null"),
        Some(known) => {
            out.raw("{\"age\":");
            out.age(known.age);
            if known.artifact.is_none() {
                out.raw(",\"ages\":");
                out.list(&known.ages, |out, age| out.age(age));
            }
            out.raw(",\"assessed\":");
            out.raw(if known.assessed { "true" } else { "false" });
            let compared: Vec<_> = known.reasons.iter().filter(|reason| reason.compared).collect();
            if !compared.is_empty() {
                out.raw(",\"compared\":");
                out.list(&compared, |out, reason| {
                    out.raw("{\"facts\":");
                    out.value(&reason.facts);
                    out.raw(",\"rule\":");
                    out.text(&reason.rule);
                    out.raw("}");
                });
            }
            out.raw(",\"facts\":");
            out.facts(known);
        }
    }
    if let Some(file) = subject.file {
        out.raw(",\"file\":");
        out.text(file);
    }
    out.raw(",\"policy\":");
    out.digest(&subject.policy);
    out.raw(",\"purl\":");
    out.text(subject.purl);
    if let Some(rule) = subject.rule {
        out.raw(",\"rule\":");
        out.text(rule);
    }
    out.raw(",\"stage\":");
    out.text(subject.stage);
    if let Some(known) = known {
        out.raw(",\"waivers\":");
        let mut waivers: Vec<_> = known.reasons.iter().filter_map(|reason| reason.waived.as_ref()).collect();
        waivers.sort_by_key(|waiver| waiver.line);
        waivers.dedup();
        out.list(&waivers, |out, waiver| {
            out.strings(&[
                ("by", waiver.by.as_deref()),
                ("justification", waiver.justification.as_deref()),
                ("package", Some(&waiver.package)),
                ("reason", Some(&waiver.reason)),
                ("until", Some(&waiver.until)),
            ])
        });
    }
    out.raw("}");
    Inputs(out.0)
}

struct Writer(String);

impl Writer {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn text(&mut self, text: &str) {
        self.0.push('"');
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
            self.0.push_str(text);
        } else {
            let quoted = Value::from(text).to_string();
            self.0.push_str(&quoted[1..quoted.len() - 1]);
        }
        self.0.push('"');
    }

    fn digest(&mut self, digest: &Digest) {
        self.0.push('"');
        self.0.push_str(&weir_core::digest::hex(digest.as_bytes()));
        self.0.push('"');
    }

    fn moment(&mut self, moment: Option<Timestamp>) {
        match moment {
            Some(moment) => self.text(&moment.to_string()),
            None => self.raw("null"),
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            write(self, item);
        }
        self.0.push(']');
    }

    /// An object of texts; the keys are given in byte order.
    fn strings(&mut self, entries: &[(&str, Option<&str>)]) {
        for (index, (key, value)) in entries.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.text(key);
            self.0.push(':');
            self.optional(*value);
        }
        self.0.push('}');
    }

    /// Any value, the keys of objects in byte order.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Array(items) => self.list(items, Self::value),
            Value::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| key.as_bytes());
                self.raw("{");
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    self.raw(if index == 0 { "" } else { "," });
                    self.text(key);
                    self.raw(":");
                    self.value(value);
                }
                self.raw("}");
            }
            Value::String(text) => self.text(text),
            other => self.raw(&other.to_string()),
        }
    }

    fn age(&mut self, age: &Age) {
        match age {
            Age::Unasked => self.raw("null"),
            Age::Passed => self.raw("\"passed\""),
            Age::Held(until) => {
                self.raw("{\"until\":");
                self.moment(Some(*until));
                self.raw("}");
            }
            Age::Exempt(reason) => {
                let of = |key: &str| reason.facts.get(key).and_then(Value::as_str);
                self.raw("{\"exempt\":");
                self.strings(&[("advisory", of("advisory")), ("newest_old_enough", of("newest_old_enough"))]);
                self.raw("}");
            }
        }
    }

    fn facts(&mut self, known: &Known<'_>) {
        let release = known.release;
        self.raw("{\"artifacts\":");
        match known.artifact {
            Some(artifact) => self.list(&[artifact], |out, artifact| out.artifact(artifact, release)),
            None => self.list(&release.artifacts, |out, artifact| out.artifact(artifact, release)),
        }
        // Changed bytes of one file concern every file of the release.
        let changed = release.artifacts.iter().flat_map(|it| &it.findings).any(integrity::concerns_release);
        self.raw(if changed { ",\"changed_bytes\":true" } else { ",\"changed_bytes\":false" });
        self.raw(",\"deprecated\":");
        self.optional(release.deprecated.as_deref());
        self.raw(",\"first_seen\":");
        // First seen counts only where upstream tells no date.
        self.moment(if release.published.is_none() { Some(release.first_seen) } else { None });
        if known.facts.hosted {
            self.raw(",\"hosted\":true");
        }
        self.raw(",\"install\":");
        match &release.origin.install {
            Install::Unknown => self.raw("null"),
            Install::Nothing => self.raw("[]"),
            Install::Runs(scripts) => self.list(scripts, |out, script| {
                out.strings(&[("command", Some(&script.command)), ("name", Some(&script.name))]);
            }),
        }
        if let Naming::Also(mapped) = &release.naming {
            self.raw(if mapped.known_as.whole { ",\"known_as\":{\"purls\":" } else { ",\"known_as\":{\"part\":" });
            self.list(&mapped.known_as.purls, |out, purl| out.text(purl));
            self.raw("}");
        }
        self.raw(",\"license\":");
        match &release.license {
            Some(license) => self.strings(&[("source", Some(&license.source)), ("text", Some(&license.text))]),
            None => self.raw("null"),
        }
        if known.facts.own {
            self.raw(",\"own\":true");
        }
        self.raw(",\"published\":");
        self.moment(release.published);
        self.raw(",\"publisher\":");
        match &release.origin.publisher {
            Some(publisher) => {
                self.raw("{\"name\":");
                self.text(&publisher.name);
                self.raw(if publisher.trusted { ",\"trusted\":true}" } else { ",\"trusted\":false}" });
            }
            None => self.raw("null"),
        }
        self.raw(",\"status\":");
        match &known.facts.status {
            Some(status) => self.strings(&[("reason", status.reason.as_deref()), ("status", Some(&status.status))]),
            None => self.raw("null"),
        }
        let mut digests: Vec<Digest> = release.vulnerabilities.iter().map(|it| it.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        self.raw(",\"vulnerabilities\":");
        self.list(&digests, Self::digest);
        self.raw(",\"yanked\":");
        self.optional(release.yanked.as_deref());
        self.raw("}");
    }

    fn artifact(&mut self, artifact: &ArtifactFacts, release: &ReleaseFacts) {
        let seen = Seen::of(artifact, release);
        self.raw(if artifact.attested { "{\"attested\":true" } else { "{\"attested\":false" });
        self.raw(",\"file\":");
        self.text(&artifact.file);
        self.raw(",\"findings\":");
        self.list(&artifact.findings, |out, finding| {
            out.strings(&[("code", Some(&finding.code)), ("text", Some(&finding.text))]);
        });
        if seen.first_published.is_some() {
            self.raw(",\"first_published\":");
            self.moment(seen.first_published);
        }
        self.raw(",\"first_seen\":");
        self.moment(seen.first_seen);
        if seen.last_absent.is_some() {
            self.raw(",\"last_absent\":");
            self.moment(seen.last_absent);
        }
        self.raw(",\"published\":");
        self.moment(artifact.published);
        self.raw(",\"sha256\":");
        match &artifact.sha256 {
            Some(sha256) => self.digest(sha256),
            None => self.raw("null"),
        }
        self.raw("}");
    }
}
