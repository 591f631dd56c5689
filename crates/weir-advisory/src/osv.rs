//! One OSV record.
//!
//! Schema 1.7.5, <https://ossf.github.io/osv-schema/>. Unknown fields are ignored, any id prefix is taken, a missing
//! `schema_version` is fine, and a malformed part that does not decide what is affected costs only that part.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use weir_core::{Digest, Timestamp};

pub use crate::json::minified;

/// Most bytes that a record may have.
pub const MAX_RECORD: usize = 16 << 20;
/// Most bytes that an id may have.
pub const MAX_ID: usize = 256;
/// Most aliases that are kept of one record.
pub const MAX_ALIASES: usize = 1024;
/// Most characters that are kept of a summary.
pub const MAX_SUMMARY: usize = 400;

/// Prefixes of databases whose every record tells of malicious code.
pub const MALWARE_PREFIXES: &[&str] = &["MAL-", "LWA-"];

/// True if an id alone says that the record tells of malicious code.
pub fn is_malware_id(id: &str) -> bool {
    MALWARE_PREFIXES.iter().any(|prefix| id.starts_with(prefix))
}

/// A record, as far as Weir uses it.
#[derive(Clone, Debug)]
pub struct Record {
    /// `PYSEC-2025-106`, any prefix.
    pub id: String,
    /// When it last changed; of two records with one id the later counts.
    pub modified: Option<Timestamp>,
    /// When it was first published.
    pub published: Option<Timestamp>,
    /// When it was withdrawn: such a record does not count.
    pub withdrawn: Option<Timestamp>,
    /// Ids of the same vulnerability in other databases.
    pub aliases: Vec<String>,
    /// Ids of what this record passes on (a distribution's record of a CVE); never merged.
    pub upstream: Vec<String>,
    /// Ids of similar vulnerabilities; never merged.
    pub related: Vec<String>,
    /// One line.
    pub summary: String,
    /// Vectors for all that is affected, unless that has its own.
    pub severity: Vec<Vector>,
    /// What is affected.
    pub affected: Vec<Affected>,
    /// It tells of malicious code.
    pub malware: bool,
    /// Digest of the record's JSON without insignificant white space.
    pub digest: Digest,
}

/// A severity as the record states it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Vector {
    /// `CVSS_V3`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The vector.
    #[serde(default)]
    pub score: String,
}

/// One entry of `affected`.
#[derive(Clone, Debug)]
pub struct Affected {
    /// Which package; `None` where the record speaks of a repository only.
    pub package: Option<Package>,
    /// Ranges of versions.
    pub ranges: Vec<Range>,
    /// Versions by name.
    pub versions: Vec<String>,
    /// Vectors of this entry, instead of the record's.
    pub severity: Vec<Vector>,
    /// RustSec's `informational`: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
}

/// A package as a record names it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Package {
    /// `PyPI`, `Debian:12`.
    pub ecosystem: String,
    /// In any spelling.
    pub name: String,
    /// Its package URL.
    #[serde(default, deserialize_with = "loose")]
    pub purl: Option<String>,
}

/// A range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// How its versions are ordered.
    pub kind: RangeKind,
    /// Its events, as written.
    pub events: Vec<Event>,
}

/// How a range's versions are ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RangeKind {
    /// `SEMVER`.
    Semver,
    /// `ECOSYSTEM`.
    Ecosystem,
    /// `GIT`: commits, which no version can be compared with.
    Git,
    /// A type that the schema does not have.
    Other(String),
}

/// A bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What begins or ends here.
    pub kind: EventKind,
    /// The version, or `0` or `*`.
    pub version: String,
}

/// What begins or ends at a bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventKind {
    /// Affected from here.
    Introduced,
    /// Not affected from here.
    Fixed,
    /// Not affected after here.
    LastAffected,
    /// The range speaks of versions below this only.
    Limit,
}

/// Bytes that are not an OSV record.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRecord {
    /// Too long.
    #[error("the record has {0} bytes, at most {MAX_RECORD} are read")]
    TooLong(usize),
    /// Not JSON, or a part that decides what is affected is malformed.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// No id.
    #[error("it has no `id`")]
    NoId,
    /// An id that cannot be one.
    #[error("`{0}` is not an id: at most {MAX_ID} bytes without spaces and control characters")]
    Id(String),
    /// A withdrawal that cannot be dated.
    #[error("{0}: `withdrawn` is `{1}`, expected an RFC 3339 time")]
    Withdrawn(String, String),
}

impl Record {
    /// Reads a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        if bytes.len() > MAX_RECORD {
            return Err(InvalidRecord::TooLong(bytes.len()));
        }
        let written: Written<'_> = serde_json::from_slice(bytes)?;
        written.record(Digest::of(&minified(bytes)))
    }
}

/// A record as written. Other documents are told from records by the fields that only they have.
#[derive(Deserialize)]
pub(crate) struct Written<'a> {
    id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    modified: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "loose")]
    upstream: Vec<String>,
    #[serde(default, deserialize_with = "loose")]
    related: Vec<String>,
    #[serde(default, deserialize_with = "loose")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    severity: Vec<Vector>,
    #[serde(default)]
    affected: Option<Vec<WrittenAffected>>,
    #[serde(default, deserialize_with = "loose")]
    database_specific: RecordSpecific,
    #[serde(default, rename = "cveMetadata", borrow)]
    cve: Option<&'a RawValue>,
    #[serde(default, rename = "catalogVersion", borrow)]
    catalogue: Option<&'a RawValue>,
    #[serde(default, borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

/// What a JSON object is, told by its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Osv,
    Cve,
    Kev,
    Other,
}

impl Written<'_> {
    pub(crate) fn shape(&self) -> Shape {
        if self.cve.is_some() {
            Shape::Cve
        } else if self.catalogue.is_some() && self.vulnerabilities.is_some() {
            Shape::Kev
        } else if self.id.is_some() && (self.affected.is_some() || self.modified.is_some()) {
            Shape::Osv
        } else {
            Shape::Other
        }
    }

    pub(crate) fn record(self, digest: Digest) -> Result<Record, InvalidRecord> {
        let id = self.id.ok_or(InvalidRecord::NoId)?;
        if !is_id(&id) {
            return Err(InvalidRecord::Id(id.chars().filter(|c| !c.is_control()).take(80).collect()));
        }
        let withdrawn = match self.withdrawn.filter(|text| !text.is_empty()) {
            Some(text) => match Timestamp::parse(&text) {
                Some(moment) => Some(moment),
                None => return Err(InvalidRecord::Withdrawn(id, text.chars().take(80).collect())),
            },
            None => None,
        };
        let affected: Vec<Affected> =
            self.affected.unwrap_or_default().into_iter().map(WrittenAffected::affected).collect();
        Ok(Record {
            malware: is_malware_id(&id) || self.database_specific.origins.is_some(),
            modified: self.modified.as_deref().and_then(Timestamp::parse),
            published: self.published.as_deref().and_then(Timestamp::parse),
            withdrawn,
            aliases: ids(self.aliases),
            upstream: ids(self.upstream),
            related: ids(self.related),
            summary: one_line(&self.summary.unwrap_or_default()),
            severity: self.severity,
            affected,
            digest,
            id,
        })
    }
}

#[derive(Deserialize)]
struct WrittenAffected {
    package: Option<Package>,
    ranges: Option<Vec<WrittenRange>>,
    versions: Option<Vec<String>>,
    #[serde(default, deserialize_with = "loose")]
    severity: Vec<Vector>,
    #[serde(default, deserialize_with = "loose")]
    database_specific: AffectedSpecific,
}

impl WrittenAffected {
    fn affected(self) -> Affected {
        Affected {
            package: self.package,
            ranges: self.ranges.unwrap_or_default().into_iter().map(WrittenRange::range).collect(),
            versions: self.versions.unwrap_or_default(),
            severity: self.severity,
            informational: self
                .database_specific
                .informational
                .filter(|text| !text.is_empty())
                .map(|text| one_line(&text)),
        }
    }
}

#[derive(Deserialize)]
struct WrittenRange {
    #[serde(rename = "type", default)]
    kind: String,
    events: Option<Vec<WrittenEvent>>,
}

impl WrittenRange {
    fn range(self) -> Range {
        let kind = match self.kind.as_str() {
            "SEMVER" => RangeKind::Semver,
            "ECOSYSTEM" => RangeKind::Ecosystem,
            "GIT" => RangeKind::Git,
            _ => RangeKind::Other(self.kind.chars().filter(|c| !c.is_control()).take(40).collect()),
        };
        let mut events = Vec::new();
        // The schema allows one key an event; older records put a pair into one object, which can only mean both.
        for event in self.events.unwrap_or_default() {
            let WrittenEvent { introduced, fixed, last_affected, limit } = event;
            for (kind, version) in [
                (EventKind::Introduced, introduced),
                (EventKind::Fixed, fixed),
                (EventKind::LastAffected, last_affected),
                (EventKind::Limit, limit),
            ] {
                events.extend(version.map(|version| Event { kind, version }));
            }
        }
        Range { kind, events }
    }
}

#[derive(Deserialize)]
struct WrittenEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

#[derive(Default, Deserialize)]
struct RecordSpecific {
    #[serde(rename = "malicious-packages-origins")]
    origins: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct AffectedSpecific {
    informational: Option<String>,
}

/// A field that counts as absent if it has not the expected form: it does not decide what is affected.
fn loose<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str::<Option<T>>(raw.get()).ok().flatten().unwrap_or_default())
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn ids(mut texts: Vec<String>) -> Vec<String> {
    texts.retain(|text| is_id(text));
    texts.truncate(MAX_ALIASES);
    texts
}

/// Text from outside as one printable line.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_SUMMARY));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_SUMMARY * 4 {
            break;
        }
    }
    match line.char_indices().nth(MAX_SUMMARY) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_with_what_decides_and_without_the_rest() {
        let record = Record::parse(
            br#"{"id":"X-1","unknown":{"deep":[1,[2,[3]]]},"modified":"2026-01-02T03:04:05Z","aliases":["CVE-2026-1",""],
            "summary":"a\nb \u0007c","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N"}],
            "affected":[{"package":{"ecosystem":"PyPI","name":"Foo","purl":7},"ranges":[
              {"type":"GIT","repo":"r","events":[{"introduced":"0"}]},
              {"type":"ECOSYSTEM","events":[{"introduced":"0","fixed":"1.0"},{"introduced":"2"}]}],
              "versions":null,"database_specific":{"informational":"unmaintained"}}]}"#,
        )
        .unwrap();
        assert_eq!(record.id, "X-1");
        assert_eq!(record.aliases, ["CVE-2026-1"]);
        assert_eq!(record.summary, "a b c");
        assert!(!record.malware);
        let affected = &record.affected[0];
        assert_eq!(affected.informational.as_deref(), Some("unmaintained"));
        assert_eq!(affected.ranges[0].kind, RangeKind::Git);
        assert_eq!(affected.ranges[1].events.len(), 3);
        assert_eq!(affected.package.as_ref().unwrap().purl, None);
    }

    #[test]
    fn a_malformed_part_that_decides_nothing_costs_only_itself() {
        let record = Record::parse(
            br#"{"id":"X-1","aliases":"CVE-1","severity":{"a":1},"database_specific":[1],"summary":3,"published":[],"affected":[]}"#,
        )
        .unwrap();
        assert!(record.aliases.is_empty() && record.severity.is_empty() && record.summary.is_empty());
    }

    #[test]
    fn a_malformed_part_that_decides_is_an_error() {
        for text in [
            "[]",
            "{}",
            "{\"id\":1}",
            "{\"id\":\"a b\"}",
            "{\"id\":\"\"}",
            "{\"id\":\"X\",\"affected\":{}}",
            "{\"id\":\"X\",\"affected\":[{\"versions\":[1]}]}",
            "{\"id\":\"X\",\"affected\":[{\"package\":{\"name\":\"x\"}}]}",
            "{\"id\":\"X\",\"withdrawn\":\"never\"}",
            "{\"id\":\"X\"",
        ] {
            assert!(Record::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn malicious_code_is_told_by_prefix_or_mark() {
        for (text, malware) in [
            ("{\"id\":\"MAL-2026-1\"}", true),
            ("{\"id\":\"LWA-2026-1\"}", true),
            ("{\"id\":\"X-1\",\"database_specific\":{\"malicious-packages-origins\":[]}}", true),
            ("{\"id\":\"GHSA-1\",\"database_specific\":{\"severity\":\"HIGH\"}}", false),
        ] {
            assert_eq!(Record::parse(text.as_bytes()).unwrap().malware, malware, "{text}");
        }
    }

    #[test]
    fn the_digest_does_not_depend_on_layout() {
        let digest = |text: &str| Record::parse(text.as_bytes()).unwrap().digest;
        assert_eq!(digest("{\"id\":\"X\",\"affected\":[]}"), digest("{ \"id\" : \"X\",\n  \"affected\": [ ] }\n"));
        assert_ne!(digest("{\"id\":\"X\"}"), digest("{\"id\":\"Y\"}"));
    }
}
