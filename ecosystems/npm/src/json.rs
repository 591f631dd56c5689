//! JSON objects whose values stay as they are written.
//!
//! A packument has up to some ten megabytes of which a page changes a few addresses. So values are borrowed as raw text
//! and written back as such, and what Weir does not know survives verbatim.

use std::borrow::Cow;

use serde_json::Value;

use crate::split::{Key, Misread, Splitter};

/// One entry of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    key: Key<'a>,
    /// The value as written.
    pub value: &'a str,
}

impl<'a> Field<'a> {
    /// An entry with its key and value as written.
    pub fn new(key: Key<'a>, value: &'a str) -> Self {
        Self { key, value }
    }

    /// The key as written, with its quotation marks.
    pub fn key(&self) -> &'a str {
        self.key.raw
    }

    /// The key as meant. One that JavaScript reads and Rust cannot (half a surrogate pair) stays as it is written: it has
    /// a backslash and so is none that Weir knows.
    pub fn name(&self) -> Cow<'a, str> {
        let inner = self.key.raw.get(1..self.key.raw.len() - 1).unwrap_or_default();
        if !self.key.escaped {
            return Cow::Borrowed(inner);
        }
        serde_json::from_str(self.key.raw).map_or(Cow::Borrowed(inner), Cow::Owned)
    }

    /// True if the key means `name`.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        if self.key.escaped {
            return self.name() == name;
        }
        self.key.raw.len() == name.len() + 2 && &self.key.raw.as_bytes()[1..=name.len()] == name.as_bytes()
    }
}

/// The entries of an object in their order. Where a key is repeated the last entry counts, as in JavaScript.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(pub Vec<Field<'a>>);

impl<'a> Object<'a> {
    /// Reads an object; `None` if the text is anything else.
    pub fn read(text: &'a str) -> Option<Self> {
        let mut splitter = Splitter::new(text);
        let object = Self::split(&mut splitter).ok()?;
        splitter.end().ok().map(|()| object)
    }

    /// Reads the object that comes next.
    pub fn split(splitter: &mut Splitter<'a>) -> Result<Self, Misread> {
        let mut fields = Vec::with_capacity(8);
        splitter.object(|splitter, key| {
            fields.push(Field::new(key, splitter.value()?));
            Ok(())
        })?;
        Ok(Self(fields))
    }

    /// The last entry called `name`.
    pub fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.0.iter().rev().find(|field| field.is(name))
    }

    /// The raw value of the last entry called `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.field(name).map(|field| field.value)
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

/// The text that a raw value is, if it is one.
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
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
        self.raw_key(field.key()).push_str(field.value);
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
