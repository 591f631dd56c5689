//! Packuments: the document that npm keeps for a package.
//!
//! [Its fields](https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md#getpackage) have changed over the years,
//! and old releases keep old shapes; nothing but `versions` is needed here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use weir_core::registry::{Document, InvalidDocument};
use weir_core::{PackageName, Timestamp};

use crate::json::{self, Field, Object};
use crate::name;

/// Most versions of one package. The largest today have some 15,000.
pub const MAX_VERSIONS: usize = 100_000;

/// A packument, borrowed from its text.
#[derive(Debug)]
pub struct Packument<'a> {
    /// All entries of the document in their order; that of `versions` has an empty value.
    pub fields: Vec<Field<'a>>,
    /// Each version once, in the document's order.
    pub versions: Vec<Manifest<'a>>,
    /// Dates by version, and `created` and `modified`.
    pub time: Object<'a>,
    /// Versions by tag.
    pub dist_tags: Object<'a>,
}

/// One entry of `versions`.
#[derive(Debug)]
pub struct Manifest<'a> {
    /// The key as written, with its quotation marks.
    pub key: &'a str,
    /// The key as meant.
    pub version: Cow<'a, str>,
    /// The name of its artifact; unique in the packument.
    pub file: String,
    /// What the manifest says.
    pub fields: Object<'a>,
}

impl<'a> Packument<'a> {
    /// Reads the packument of `package`. Entries of `versions` that are no objects, or whose artifact could not have a
    /// name, are passed over.
    pub fn read(package: &PackageName, documents: &[Document<'a>]) -> Result<Self, InvalidDocument> {
        let document = documents.first().ok_or_else(|| invalid("", "there is no document"))?;
        let text = std::str::from_utf8(document.body)
            .map_err(|error| invalid(document.url, format!("it is not UTF-8 after byte {}", error.valid_up_to())))?;
        let mut deserializer = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
        let (fields, versions) = deserializer
            .deserialize_map(Top)
            .and_then(|read| deserializer.end().map(|()| read))
            .map_err(|error| invalid(document.url, error.to_string()))?;
        let fields = Object(fields);
        let versions = with_files(package, last_of_each(versions));
        Ok(Self {
            time: fields.object("time").unwrap_or_default(),
            dist_tags: fields.object("dist-tags").unwrap_or_default(),
            fields: fields.0,
            versions,
        })
    }

    /// The raw value of the document's last entry called `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().rev().find(|field| field.name == name).map(|field| field.value)
    }

    /// The dates that can be read, by key.
    pub fn dates(&self) -> HashMap<&str, Timestamp> {
        let date = |field: &Field<'_>| json::text(field.value).and_then(|text| Timestamp::parse(&text));
        self.time.0.iter().filter_map(|field| Some((field.name.as_ref(), date(field)?))).collect()
    }
}

/// What makes a document unusable.
pub fn invalid(url: &str, problem: impl Into<String>) -> InvalidDocument {
    InvalidDocument { url: url.to_owned(), expected: "an npm packument", problem: problem.into() }
}

/// The name that npm gives the artifact of a release: `core-7.0.0.tgz` for `@babel/core`.
pub fn conventional_file(package: &PackageName, version: &str) -> String {
    format!("{}-{version}.tgz", name::split(package.as_str()).1)
}

/// Longest name of an artifact: a name, a version, and room.
const MAX_FILE: usize = 512;

/// True for what can stand as a file name in an address.
pub fn is_file(text: &str) -> bool {
    text.len() <= MAX_FILE
        && text.ends_with(".tgz")
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+~!".contains(&byte))
}

type Entry<'a> = (&'a str, Object<'a>);

fn last_of_each(entries: Vec<Entry<'_>>) -> Vec<(Entry<'_>, Cow<'_, str>)> {
    let mut seen = HashSet::with_capacity(entries.len());
    let mut last: Vec<_> = entries
        .into_iter()
        .rev()
        .map(|entry| (json::unquoted(entry.0), entry))
        .filter(|(version, _)| seen.insert(version.clone()))
        .map(|(version, entry)| (entry, version))
        .collect();
    last.reverse();
    last
}

/// Names the artifacts: as upstream's address does, so that addresses in lockfiles keep their path, unless that is not a
/// file name (some registries end their addresses with a digest) or is the name of another release's artifact.
fn with_files<'a>(package: &PackageName, entries: Vec<(Entry<'a>, Cow<'a, str>)>) -> Vec<Manifest<'a>> {
    let conventional: Vec<String> = entries.iter().map(|(_, version)| conventional_file(package, version)).collect();
    let reserved: HashSet<&str> = conventional.iter().map(String::as_str).collect();
    let mut taken: HashSet<String> = HashSet::with_capacity(entries.len());
    let mut manifests = Vec::with_capacity(entries.len());
    for (((key, fields), version), own) in entries.into_iter().zip(&conventional) {
        let stated = fields.object("dist").and_then(|dist| dist.text("tarball")).and_then(|url| last_segment(&url));
        let free = |file: &String| file == own || (!reserved.contains(file.as_str()) && !taken.contains(file));
        let file = stated.filter(|file| is_file(file)).filter(free).unwrap_or_else(|| own.clone());
        if is_file(&file) && taken.insert(file.clone()) {
            manifests.push(Manifest { key, version, file, fields });
        }
    }
    manifests
}

/// The last segment of an address, percent-decoded.
fn last_segment(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let segment = path.rsplit('/').next()?;
    Some(percent_encoding::percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}

/// Reads the document's entries, and `versions` apart.
struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = (Vec<Field<'de>>, Vec<Entry<'de>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<Field<'de>> = Vec::new();
        let mut versions = Vec::new();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let name = json::unquoted(key.get());
            if name == "versions" {
                versions = map.next_value_seed(Versions)?;
                fields.retain(|field| field.name != "versions");
                fields.push(Field { key: key.get(), name, value: "" });
            } else {
                fields.push(Field { key: key.get(), name, value: map.next_value::<&RawValue>()?.get() });
            }
        }
        Ok((fields, versions))
    }
}

/// Reads `versions`.
struct Versions;

impl<'de> DeserializeSeed<'de> for Versions {
    type Value = Vec<Entry<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Versions {
    type Value = Vec<Entry<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of versions")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let manifest = map.next_value_seed(AnyManifest)?;
            if entries.len() == MAX_VERSIONS {
                return Err(de::Error::custom(format!("it has more than {MAX_VERSIONS} versions")));
            }
            entries.extend(manifest.map(|manifest| (key.get(), manifest)));
        }
        Ok(entries)
    }
}

/// Reads a manifest, or whatever stands in its place as `None`.
struct AnyManifest;

impl<'de> DeserializeSeed<'de> for AnyManifest {
    type Value = Option<Object<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyManifest {
    type Value = Option<Object<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        de::Deserialize::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}
