//! What is in a file of names?
//!
//! Three forms are read: one name a line, most used first (lines that begin with `#` are passed over); the JSON of
//! top-pypi-packages, `{"last_update": …, "rows": [{"project": …}]}`; and CSV whose head has a column `project` or `name`.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use weir_core::{Digest, Ecosystem, Ecosystems, Timestamp};

use crate::index::{ByEcosystem, Names};

/// Most names of a list; what comes after is passed over.
pub const MAX_NAMES: usize = 100_000;
/// Longest file of names, in bytes, unpacked.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// A list as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List {
    /// The date that its source states, if it does.
    pub date: Option<Timestamp>,
    /// Where it comes from, in a word for people.
    pub source: String,
    /// The names in their ecosystem's normal form, most used first.
    pub names: Vec<String>,
    /// Lines that are no names.
    pub passed_over: u64,
}

/// The lists that are current, by ecosystem id.
#[derive(Debug, Default)]
pub struct Lists {
    names: ByEcosystem,
    digest: Option<Digest>,
}

impl Lists {
    /// The names of an ecosystem; `None` if no list of them was ever imported.
    pub fn of(&self, ecosystem: &Ecosystem) -> Option<&Names> {
        self.names.get(ecosystem.id)
    }

    /// The digest of the text that they were read from; `None` if there are none.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Reads the text that [`write()`] makes. Ecosystems that are not known here are passed over.
    pub fn read(text: &str, ecosystems: Ecosystems) -> Self {
        let names = split(text).into_iter().filter_map(|(id, list)| {
            let ecosystem = ecosystems.by_id(&id)?;
            Some((ecosystem.id, Names::new(list.names.iter().map(String::as_str))))
        });
        Self { names: names.collect(), digest: Some(Digest::of(text.as_bytes())) }
    }
}

/// The ecosystem that a file's name says its names are of: `npm.txt`, `top-pypi-packages.json`.
pub fn ecosystem(file: &str, ecosystems: Ecosystems) -> Option<&'static Ecosystem> {
    let stem = file.split('.').next().unwrap_or(file);
    ecosystems.iter().find(|ecosystem| stem.split(['-', '_']).any(|word| word == ecosystem.id))
}

/// Reads a file of names. The error says what it should be.
pub fn parse(ecosystem: &Ecosystem, source: &str, body: &[u8]) -> Result<List, String> {
    if body.len() > MAX_FILE {
        return Err(format!("it has {} bytes; the limit is {MAX_FILE}", body.len()));
    }
    let text =
        std::str::from_utf8(body).map_err(|error| format!("it is not UTF-8 after byte {}", error.valid_up_to()))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut list = List { date: None, source: source.to_owned(), names: Vec::new(), passed_over: 0 };
    let mut seen = HashSet::new();
    let mut take = |name: &str, list: &mut List| match ecosystem.names.parse(name) {
        Ok(name) if list.names.len() < MAX_NAMES => {
            if seen.insert(name.clone()) {
                list.names.push(name.as_str().to_owned());
            }
        }
        _ => list.passed_over += 1,
    };
    if text.starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let rows = value.get("rows").and_then(Value::as_array).ok_or("it has no list `rows`")?;
        list.date = value.get("last_update").and_then(Value::as_str).and_then(date);
        for row in rows {
            match row.get("project").or_else(|| row.get("name")).and_then(Value::as_str) {
                Some(name) => take(name, &mut list),
                None => list.passed_over += 1,
            }
        }
    } else {
        let mut lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
        let cells =
            |line: &str| line.split(',').map(|cell| cell.trim().trim_matches('"').to_owned()).collect::<Vec<_>>();
        let head = lines.peek().map(|line| cells(line)).unwrap_or_default();
        let column = head.iter().position(|cell| cell == "project" || cell == "name").filter(|_| head.len() > 1);
        if column.is_some() {
            lines.next();
        }
        for line in lines {
            match column {
                Some(column) => match cells(line).get(column) {
                    Some(name) => take(name, &mut list),
                    None => list.passed_over += 1,
                },
                None => take(line, &mut list),
            }
        }
    }
    if list.names.is_empty() {
        return Err(String::from("it has no names: expected one name a line, most used first"));
    }
    Ok(list)
}

/// `2026-04-01 06:34:06`, as top-pypi-packages writes it.
fn date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&format!("{}Z", text.trim().replacen(' ', "T", 1))).or_else(|| Timestamp::parse(text))
}

/// The text that all lists are kept as: a line `[id] date source` before the names of each.
pub fn write(lists: &BTreeMap<String, List>) -> String {
    let mut text = String::new();
    for (id, list) in lists {
        let date = list.date.map_or_else(|| String::from("-"), |date| date.to_string());
        let source: String = list.source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.push_str(&format!("[{id}] {date} {source}\n"));
        for name in &list.names {
            text.push_str(name);
            text.push('\n');
        }
    }
    text
}

/// Reads back what [`write()`] made.
pub fn split(text: &str) -> BTreeMap<String, List> {
    let mut lists: BTreeMap<String, List> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some((id, rest)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
            let (date, source) = rest.split_once(' ').unwrap_or((rest, ""));
            let list =
                List { date: Timestamp::parse(date), source: source.to_owned(), names: Vec::new(), passed_over: 0 };
            lists.insert(id.to_owned(), list);
            current = Some(id.to_owned());
        } else if let Some(list) = current.as_ref().and_then(|id| lists.get_mut(id)) {
            list.names.push(line.to_owned());
        }
    }
    lists
}
