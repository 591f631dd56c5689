//! What was written: a TOML tree with the place of every key and value.

use std::ops::Range;

use toml_edit::{Item, TableLike};

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What is written there.
    pub value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A date or date-time, as written.
    Date(String),
    /// An array, or an array of tables.
    Array(Vec<Raw>),
    /// A table of any notation.
    Table(Table),
}

/// A table in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its entries; keys are unique.
    pub entries: Vec<Entry>,
}

/// One entry of a table.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Raw,
}

impl Table {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, (Range<usize>, String)> {
        let document = toml_edit::Document::parse(text)
            .map_err(|error| (error.span().unwrap_or(0..0), error.message().trim().replace('\n', ", ")))?;
        Ok(table(document.as_table(), &(0..0)))
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Raw> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// This table's entries over those of `parent`: a key replaces the parent's, and tables within merge key by key.
    pub fn over(&self, parent: &Self) -> Self {
        let mut entries = self.entries.clone();
        for inherited in &parent.entries {
            match entries.iter_mut().find(|entry| entry.key == inherited.key) {
                None => entries.push(inherited.clone()),
                Some(own) => {
                    if let (Value::Table(child), Value::Table(parent)) = (&own.value.value, &inherited.value.value) {
                        own.value.value = Value::Table(child.over(parent));
                    }
                }
            }
        }
        Self { entries }
    }
}

impl Raw {
    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Date(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

fn table(source: &dyn TableLike, fallback: &Range<usize>) -> Table {
    let mut entries = Vec::new();
    for (name, item) in source.iter() {
        let key_span = source.key(name).and_then(toml_edit::Key::span).unwrap_or_else(|| fallback.clone());
        if let Some(value) = raw(item, &key_span) {
            entries.push(Entry { key: name.to_owned(), key_span, value });
        }
    }
    Table { entries }
}

fn raw(item: &Item, fallback: &Range<usize>) -> Option<Raw> {
    let span = item.span().unwrap_or_else(|| fallback.clone());
    let value = match item {
        Item::None => return None,
        Item::Table(inner) => Value::Table(table(inner, fallback)),
        Item::ArrayOfTables(tables) => Value::Array(
            tables
                .iter()
                .map(|inner| {
                    let span = inner.span().unwrap_or_else(|| fallback.clone());
                    Raw { value: Value::Table(table(inner, &span)), span }
                })
                .collect(),
        ),
        Item::Value(inner) => value(inner, &span),
    };
    Some(Raw { span, value })
}

fn value(source: &toml_edit::Value, fallback: &Range<usize>) -> Value {
    match source {
        toml_edit::Value::String(text) => Value::Text(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Integer(*number.value()),
        toml_edit::Value::Float(number) => Value::Float(*number.value()),
        toml_edit::Value::Boolean(truth) => Value::Bool(*truth.value()),
        toml_edit::Value::Datetime(date) => Value::Date(date.value().to_string()),
        toml_edit::Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| {
                    let span = item.span().unwrap_or_else(|| fallback.clone());
                    Raw { value: value(item, &span), span }
                })
                .collect(),
        ),
        toml_edit::Value::InlineTable(inner) => Value::Table(table(inner, fallback)),
    }
}
