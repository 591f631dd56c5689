//! Reading PEP 691 pages.
//!
//! Every key is kept as it was written, so that what later specifications add survives; the known ones are interpreted
//! beside that. A key that is there twice could be read in two ways and is therefore read in none.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use weir_core::Digest;
use weir_core::facts::ProjectStatus;

use super::{Extra, ListedFile, Listing, MAX_FILES, MAX_KEYS, Pairs, Rest};

/// Reads a document. An entry of `files` that cannot be read is counted, not fatal.
pub(super) fn read(body: &[u8]) -> Result<Listing<'_>, String> {
    let body = body.strip_prefix(&super::BOM).unwrap_or(body);
    let Page { pairs, files } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let meta: Option<Meta<'_>> = value(&pairs, "meta")?;
    let status: Option<Status<'_>> = value(&pairs, "project-status")?;
    let files = files.ok_or_else(|| String::from("it has no key `files`"))?;
    let mut listing = Listing {
        api_version: meta.and_then(|meta| meta.api_version).map(|Text(version)| minor(&version)).transpose()?,
        status: status.and_then(Status::into_core),
        files: Vec::with_capacity(files.len()),
        dropped: 0,
        rest: Rest::Json(pairs),
    };
    for object in files {
        match object.0.and_then(file) {
            Some(file) => listing.files.push(file),
            None => listing.dropped += 1,
        }
    }
    Ok(listing)
}

/// The minor number of an API version (PEP 629); a major version other than 1 has another form.
pub(super) fn minor(version: &str) -> Result<u32, String> {
    let (major, minor) = version.trim().split_once('.').unwrap_or((version.trim(), "0"));
    match (major, minor.parse()) {
        ("1", Ok(minor)) => Ok(minor),
        _ => Err(format!("its API version is `{}`; Weir reads 1.x", version.chars().take(20).collect::<String>())),
    }
}

/// Interprets the keys of a file; `None` if a known one has a value that it cannot have.
fn file(pairs: Pairs<'_>) -> Option<ListedFile<'_>> {
    let mut listed = ListedFile::default();
    // PEP 714 renamed the key; the new name counts where both are.
    let mut legacy_metadata = None;
    for (key, raw) in &pairs {
        match key.as_ref() {
            "filename" => listed.file = text(raw)??,
            "url" => listed.url = without_fragment(text(raw)??),
            "hashes" => listed.hashes = hashes(raw)?,
            "size" => listed.size = size(raw)?,
            "upload-time" => listed.upload_time = text(raw)?,
            "yanked" => listed.yanked = yanked(raw)?,
            "requires-python" => listed.requires_python = text(raw)?,
            "gpg-sig" => listed.gpg_sig = boolean(raw)?,
            "provenance" => listed.provenance = text(raw)?,
            "core-metadata" => listed.core_metadata = core_metadata(raw)?,
            "dist-info-metadata" | "data-dist-info-metadata" => legacy_metadata = core_metadata(raw)?,
            _ => {}
        }
    }
    if !pairs.iter().any(|(key, _)| key == "core-metadata") {
        listed.core_metadata = legacy_metadata;
    }
    listed.extra = Extra::Json(pairs);
    (!listed.file.is_empty() && !listed.url.is_empty()).then_some(listed)
}

fn without_fragment(url: Cow<'_, str>) -> Cow<'_, str> {
    match url.find('#') {
        None => url,
        Some(at) => Cow::Owned(url[..at].to_owned()),
    }
}

fn hashes(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let pairs = serde_json::from_str::<Object<'_>>(raw.get()).ok()?.0?;
    pairs.into_iter().map(|(algorithm, raw)| Some((algorithm, text(raw)??))).collect()
}

/// `false`, `null` and the empty text mean no; `true` and a reason mean yes (PEP 592, PEP 691).
fn yanked(raw: &RawValue) -> Option<Option<Cow<'_, str>>> {
    match raw.get() {
        "false" => Some(None),
        "true" => Some(Some(Cow::Borrowed(""))),
        _ => text(raw).map(|reason| reason.filter(|reason| !reason.is_empty())),
    }
}

/// A boolean, or the hashes of the metadata (PEP 658).
fn core_metadata(raw: &RawValue) -> Option<Option<Option<Digest>>> {
    match raw.get() {
        "false" | "null" => Some(None),
        "true" => Some(Some(None)),
        _ => match hashes(raw)?.iter().find(|(algorithm, _)| algorithm == "sha256") {
            Some((_, hex)) => Some(Some(Some(hex.parse().ok()?))),
            None => Some(Some(None)),
        },
    }
}

/// A text or `null`; the outer `None` is for anything else.
fn text(raw: &RawValue) -> Option<Option<Cow<'_, str>>> {
    // A raw value is sound JSON, so between quotes without a backslash stands the text itself.
    match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Some(Some(Cow::Borrowed(text))),
        Some(_) => serde_json::from_str(raw.get()).ok().map(|Text(text)| Some(text)),
        None => (raw.get() == "null").then_some(None),
    }
}

/// A number of bytes or `null`; the outer `None` is for anything else.
fn size(raw: &RawValue) -> Option<Option<u64>> {
    if raw.get() == "null" { Some(None) } else { raw.get().parse().ok().map(Some) }
}

/// A boolean or `null`; the outer `None` is for anything else.
fn boolean(raw: &RawValue) -> Option<Option<bool>> {
    if raw.get() == "null" { Some(None) } else { raw.get().parse().ok().map(Some) }
}

/// The value of a key of the document, interpreted; `None` if it is absent or `null`.
fn value<'a, T: Deserialize<'a>>(pairs: &Pairs<'a>, key: &str) -> Result<Option<T>, String> {
    match pairs.iter().find(|(name, _)| name == key) {
        Some((_, raw)) => serde_json::from_str(raw.get()).map_err(|error| format!("in `{key}`, {error}")),
        None => Ok(None),
    }
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "api-version", borrow)]
    api_version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

impl Status<'_> {
    fn into_core(self) -> Option<ProjectStatus> {
        let Text(status) = self.status?;
        Some(ProjectStatus { status: status.into_owned(), reason: self.reason.map(|Text(reason)| reason.into_owned()) })
    }
}

/// A text, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// An object; `None` if a key is there twice, or if there are more than [`MAX_KEYS`].
struct Object<'a>(Option<Pairs<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Pairs::with_capacity(12);
                while let Some((Text(key), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    if pairs.len() == MAX_KEYS || pairs.iter().any(|(name, _)| *name == key) {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Ok(Object(None));
                    }
                    pairs.push((key, raw));
                }
                Ok(Object(Some(pairs)))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The entries of `files`.
struct Files<'a>(Vec<Object<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Files<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FilesVisitor;
        impl<'de> Visitor<'de> for FilesVisitor {
            type Value = Files<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of files")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = seq.next_element()? {
                    if files.len() == MAX_FILES {
                        return Err(A::Error::custom(format_args!("it lists more than {MAX_FILES} files")));
                    }
                    files.push(file);
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_seq(FilesVisitor)
    }
}

/// The document. `files` is read at once, so that nothing is scanned twice, and is `null` among the pairs.
struct Page<'a> {
    pairs: Pairs<'a>,
    files: Option<Vec<Object<'a>>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Page<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PageVisitor;
        impl<'de> Visitor<'de> for PageVisitor {
            type Value = Page<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `files`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut page = Page { pairs: Pairs::new(), files: None };
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    if page.pairs.len() == MAX_KEYS {
                        return Err(A::Error::custom(format_args!("it has more than {MAX_KEYS} keys")));
                    }
                    if page.pairs.iter().any(|(name, _)| *name == key) {
                        let key = key.chars().take(100).collect::<String>();
                        return Err(A::Error::custom(format_args!("the key `{key}` is there twice")));
                    }
                    let raw = if key == "files" {
                        let Files(files) = map.next_value()?;
                        page.files = Some(files);
                        RawValue::NULL
                    } else {
                        map.next_value::<&'de RawValue>()?
                    };
                    page.pairs.push((key, raw));
                }
                Ok(page)
            }
        }
        deserializer.deserialize_map(PageVisitor)
    }
}
