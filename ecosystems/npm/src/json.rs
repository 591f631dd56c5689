//! JSON objects whose values stay as they are written.
//!
//! A packument has up to some ten megabytes of which a page changes a few addresses. So values are borrowed as raw text
//! and written back as such, and what Weir does not know survives verbatim.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// One entry of an object.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The key as written, with its quotation marks.
    pub key: &'a str,
    /// The key as meant.
    pub name: Cow<'a, str>,
    /// The value as written.
    pub value: &'a str,
}

impl<'a> Field<'a> {
    pub fn new(key: &'a RawValue, value: &'a RawValue) -> Self {
        Self { key: key.get(), name: unquoted(key.get()), value: value.get() }
    }
}

/// The entries of an object in their order. Where a key is repeated the last entry counts, as in JavaScript.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(pub Vec<Field<'a>>);

impl<'a> Object<'a> {
    /// Reads an object; `None` if the text is anything else.
    pub fn read(text: &'a str) -> Option<Self> {
        // Anything else need not be read to know that it is none.
        text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The raw value of the last entry called `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|field| field.name == name).map(|field| field.value)
    }

    /// The object that is called `name`.
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name).and_then(Self::read)
    }

    /// The text that is called `name`.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(32);
                while let Some(key) = map.next_key::<&RawValue>()? {
                    fields.push(Field::new(key, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The text that a raw value is, if it is one.
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// What a raw key means. One that JavaScript reads and Rust cannot (half a surrogate pair) stays as it is written: it has
/// a backslash and so is none that Weir knows.
pub fn unquoted(raw: &str) -> Cow<'_, str> {
    text(raw).unwrap_or(Cow::Borrowed(raw))
}

/// The value that raw text is; `None` if it is longer than `limit` or cannot be read.
pub fn value(raw: &str, limit: usize) -> Option<Value> {
    if raw.len() > limit { None } else { serde_json::from_str(raw).ok() }
}

/// Appends `text` as a JSON string.
pub fn push_text(out: &mut String, text: &str) {
    out.push_str(&Value::from(text).to_string());
}

/// Writes an object entry by entry.
pub struct Writer<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Writer<'o> {
    /// Begins an object.
    pub fn new(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Appends an entry as it was read.
    pub fn field(&mut self, field: &Field<'_>) {
        self.raw_key(field.key).push_str(field.value);
    }

    /// Appends a key, written with quotation marks; the caller appends its value.
    pub fn raw_key(&mut self, key: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push_str(key);
        self.out.push(':');
        self.out
    }

    /// Appends a key; the caller appends its value.
    pub fn key(&mut self, name: &str) -> &mut String {
        let mut key = String::with_capacity(name.len() + 2);
        push_text(&mut key, name);
        self.raw_key(&key)
    }

    /// Ends the object.
    pub fn end(self) {
        self.out.push('}');
    }
}
